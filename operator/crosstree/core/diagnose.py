"""Why a candidate pool can't hold a gang now: counted facts, no words.

Each question is the same packing asked of another number of slots: of an empty pool, of a pool whose broken
nodes are whole, of the pool without the one demand in the way.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from crosstree.core import fit, spares
from crosstree.core.arrays import Bool, Int64
from crosstree.core.candidates import Candidate
from crosstree.core.capacity import Trial
from crosstree.core.placement.need import Limit, Need, Shortfall
from crosstree.core.placement.pack import shortfall
from crosstree.core.plan import WaitReason
from crosstree.core.shapes import EMPTY_GRAIN
from crosstree.core.sizes import smallest
from crosstree.core.snapshot import NodeState, Pool, Snapshot
from crosstree.core.workload import Gang


@dataclass(frozen=True, slots=True)
class NodeCounts:
    """What became of the nodes a question was about; every node is counted once."""

    total: int
    free: int
    used: int
    cordoned: int
    not_ready: int
    unhealthy: int
    excluded: int
    """Kept out by the job's own nodeSelector, affinity or missing tolerations."""
    avoided: int
    """Kept out because they failed this job a short while ago."""
    reporting: int = 0
    """Kept out because they report trouble, though running work may stay there."""
    signals: tuple[str, ...] = ()
    """What unhealthy and reporting nodes report, sorted."""
    spare: int = 0
    """Free, and kept for gangs that recover."""
    small: int = 0
    """Could not hold one worker even if they were empty."""


@dataclass(frozen=True, slots=True)
class Lack:
    """A resource of which no node that a gang may use has enough for one worker, even empty.

    `asked` and `most`, what a worker asks for and the largest of these nodes has, are in the units of `base.quantity`.
    """

    resource: str
    asked: int
    most: int


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """Why one pool does not hold the gang.

    Attributes:
        pool: Name of the pool.
        model: Its accelerator.
        reason: From the closed list.
        have: Workers that could be placed under the limit that stopped it; for SHAPE_IMPOSSIBLE, if the
            pool were empty and whole.
        level: Name of the level that was the limit; empty when the whole pool was.
        domain: Best domain of that level; empty likewise.
        nodes: Counts over that domain, or over the pool.
        missing: Resources that no node of the cluster offers.
        together: Workers that the best domain of the required level would hold, empty and whole, where all of the pool
            holds too few; 0 elsewhere.
        lacks: What one worker asks more of than any node has that the gang may use.
    """

    pool: str
    model: str
    reason: WaitReason
    have: int
    level: str
    domain: str
    nodes: NodeCounts
    missing: tuple[str, ...] = ()
    together: int = 0
    lacks: tuple[Lack, ...] = ()


def diagnose(gang: Gang, candidate: Candidate, trial: Trial) -> Diagnosis:
    """Find the dominant reason; the gang is known not to fit on the trial as it stands."""
    pool, need = candidate.pool, candidate.need
    snapshot = trial.snapshot
    request = fit.request_of(gang, pool, snapshot.resources)
    admitted = fit.admitted(replace(gang, banned=()), pool, snapshot)
    whole = fit.slots(
        request,
        pool,
        pool.nodes,
        snapshot.allocatable,
        snapshot.allocatable,
        np.full_like(snapshot.grain, EMPTY_GRAIN),
    )
    open_ = np.where(admitted, whole, 0)
    empty = shortfall(pool.fabric, open_, need)
    if empty is not None:
        found = _facts(gang, pool, need, empty, trial, WaitReason.SHAPE_IMPOSSIBLE, whole)
        return replace(
            found,
            missing=request.missing,
            together=_together(pool, open_, need, empty),
            lacks=() if open_.any() else _lacks(request, pool, snapshot, admitted),
        )
    # A gang that fits after all is short of nothing.
    short = shortfall(pool.fabric, trial.usable_slots(gang, pool), need) or Shortfall(
        Limit.TOTAL, need.workers
    )
    free = trial.slots(gang, pool)
    open_to_it = admitted & (spares.open_to(gang, snapshot) | ~trial.spares(pool))
    if shortfall(pool.fabric, np.where(open_to_it, free, 0), need) is None:
        return _facts(gang, pool, need, short, trial, WaitReason.NODES_UNHEALTHY, whole)
    return _facts(gang, pool, need, short, trial, _reason(gang, pool, short, trial), whole)


def _lacks(request: fit.Request, pool: Pool, snapshot: Snapshot, admitted: Bool) -> tuple[Lack, ...]:
    """Return each resource of which one worker asks for more than the largest of the admitted nodes offers."""
    nodes = pool.nodes[admitted]
    if not len(nodes):
        return ()  # who may use no node is short of something else
    most = snapshot.allocatable[nodes].max(axis=0)
    asked = ((request.device_column, request.devices), *request.others)
    return tuple(
        Lack(snapshot.resources[column], amount, int(most[column]))
        for column, amount in asked
        if amount > most[column]
    )


def _together(pool: Pool, slots: Int64, need: Need, short: Shortfall) -> int:
    """Return how many workers one domain of the required level holds, of a gang that is too large for the pool."""
    if need.required is None or short.limit not in (Limit.TOTAL, Limit.GROUPS) or not short.have:
        return 0
    inside = shortfall(pool.fabric, slots, replace(need, workers=short.have))
    return short.have if inside is None else inside.have


def _reason(gang: Gang, pool: Pool, short: Shortfall, trial: Trial) -> WaitReason:
    match short.limit:
        case Limit.DOMAIN:
            return WaitReason.NO_DOMAIN_LARGE_ENOUGH
        case Limit.GROUPS | Limit.ATOMIC:
            return WaitReason.FRAGMENTED
        case Limit.TOTAL:
            usable = fit.usable(pool, trial.snapshot) & fit.admitted(gang, pool, trial.snapshot)
            usable &= spares.open_to(gang, trial.snapshot) | ~trial.spares(pool)
            devices = np.maximum(trial.free[pool.nodes, pool.column], 0)[usable].sum()
            scattered = gang.devices > 0 and devices >= smallest(gang) * gang.devices
            return WaitReason.FRAGMENTED if scattered else WaitReason.NOT_ENOUGH_FREE


def _facts(
    gang: Gang, pool: Pool, need: Need, short: Shortfall, trial: Trial, reason: WaitReason, whole: Int64
) -> Diagnosis:
    everywhere = np.ones(len(pool.nodes), np.bool_)
    if short.limit is Limit.DOMAIN and short.best is not None and need.required is not None:
        level = pool.fabric.levels[need.required]
        inside = np.asarray(level.domain == short.best)
        counts = _counts(gang, pool, trial, inside, whole)
        name = level.names[short.best]
        return Diagnosis(pool.name, pool.profile.id, reason, short.have, level.name, name, counts)
    counts = _counts(gang, pool, trial, everywhere, whole)
    return Diagnosis(pool.name, pool.profile.id, reason, short.have, "", "", counts)


def _counts(gang: Gang, pool: Pool, trial: Trial, inside: Bool, whole: Int64) -> NodeCounts:
    """Sort nodes by the first thing that keeps them out, state first: what an admin can mend comes first.

    `whole` is how many workers each node would hold if it were empty, int64 (n,).
    """
    snapshot = trial.snapshot
    state = snapshot.state[pool.nodes]
    matching = fit.admitted(replace(gang, banned=()), pool, snapshot)
    open_now = fit.admitted(gang, pool, snapshot)
    healthy = inside & (state == NodeState.USABLE)
    holding = trial.slots(gang, pool) > 0
    spare = healthy & open_now & holding & (trial.spares(pool) & (not spares.open_to(gang, snapshot)))
    usable = healthy & open_now & ~spare

    ill = inside & np.isin(state, (NodeState.UNHEALTHY, NodeState.AVOIDED))

    def count(which: Bool) -> int:
        return int(np.count_nonzero(which))

    return NodeCounts(
        total=count(inside),
        free=count(usable & holding),
        used=count(usable & ~holding & (whole > 0)),
        cordoned=count(inside & (state == NodeState.CORDONED)),
        not_ready=count(inside & (state == NodeState.NOT_READY)),
        unhealthy=count(inside & (state == NodeState.UNHEALTHY)),
        excluded=count(healthy & ~matching),
        avoided=count(healthy & matching & ~open_now),
        reporting=count(inside & (state == NodeState.AVOIDED)),
        signals=_signals(snapshot, pool, ill),
        spare=count(spare),
        small=count(usable & ~holding & (whole == 0)),
    )


def _signals(snapshot: Snapshot, pool: Pool, which: Bool) -> tuple[str, ...]:
    """Return what these nodes of a pool report as their worst, each once."""
    if snapshot.signal is None:
        return ()
    return tuple(
        sorted(snapshot.signals[int(one)] for one in np.unique(snapshot.signal[pool.nodes[which]]) if one)
    )
