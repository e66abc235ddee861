"""Which pools a gang could ever use, in its order of preference, and why not the others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from crosstree.core import intranode
from crosstree.core.arrays import Int64
from crosstree.core.placement.need import Need
from crosstree.core.plan import WaitReason
from crosstree.core.sizes import smallest
from crosstree.core.snapshot import Pool
from crosstree.core.workload import NARROWEST, Gang


@dataclass(frozen=True, slots=True, eq=False)
class Candidate:
    """A pool the gang may use, and its demands, at its smallest size, as depths of that pool's fabric."""

    pool: Pool
    need: Need


@dataclass(frozen=True, slots=True)
class Rejection:
    """A pool the gang asked for and can't use whatever is free, in words for its author."""

    pool: str
    reason: WaitReason
    message: str


def candidates(
    gang: Gang, pools: Sequence[Pool], free: Int64, allocatable: Int64
) -> tuple[list[Candidate], list[Rejection]]:
    """Sort the pools of a cluster into those that could hold the gang and those that never will.

    Args:
        gang: Who asks.
        pools: Of one cluster, in order of name.
        free: Int64 (N, R); orders pools for a gang that takes any model: the fullest first, so that big
            pools stay whole.
        allocatable: Int64 (N, R); tells legal counts per node.

    Returns:
        Candidates in order of preference; rejections in order of pool name. Pools of other models are in
        neither.
    """
    accepted, rejected = offers(gang, pools, allocatable)
    return in_preference(gang, accepted, free), rejected


def offers(gang: Gang, pools: Sequence[Pool], allocatable: Int64) -> tuple[list[Candidate], list[Rejection]]:
    """Sort the pools as `candidates` does; the candidates in order of pool name."""
    accepted: list[Candidate] = []
    rejected: list[Rejection] = []
    for pool in pools:
        if not wanted(gang, pool):
            continue
        judged = judge(gang, pool, allocatable)
        if isinstance(judged, Rejection):
            rejected.append(judged)
        else:
            accepted.append(Candidate(pool, judged))
    if accepted and gang.preferred and all(one.need.preferred is None for one in accepted):
        # A preference that no pool can even read is a slip of the pen; ignoring it would hide that.
        rejected = [_unknown(one.pool, "topology.preferred", gang.preferred) for one in accepted]
        accepted = []
    return accepted, rejected


def in_preference(gang: Gang, accepted: Sequence[Candidate], free: Int64) -> list[Candidate]:
    """Put candidates in order of preference; arguments as in `candidates`."""
    if len(accepted) < 2:
        return list(accepted)
    rank = {model: position for position, model in enumerate(gang.models)}
    return sorted(
        accepted,
        key=lambda one: (
            rank.get(one.pool.profile.id, 0),
            int(free[one.pool.nodes, one.pool.column].sum()),
            one.pool.name,
        ),
    )


def wanted(gang: Gang, pool: Pool) -> bool:
    """Say whether the pool's model is one the gang asks for."""
    if gang.models:
        return pool.profile.id in gang.models
    return not gang.vendor or pool.profile.vendor == gang.vendor


def judge(gang: Gang, pool: Pool, allocatable: Int64) -> Need | Rejection:
    """Translate the gang's demands into this pool's terms, or say why that is impossible."""
    model = pool.profile.id

    def no(reason: WaitReason, message: str) -> Rejection:
        return Rejection(pool.name, reason, message)

    if not pool.schedulable:
        return no(
            WaitReason.MODEL_UNAVAILABLE, f"AcceleratorPool {pool.name} is closed (spec.schedulable: false)."
        )
    if not len(pool.nodes):
        return no(WaitReason.MODEL_UNAVAILABLE, f"AcceleratorPool {pool.name} has no nodes.")
    if not pool.profile.gang and (gang.workers > 1 or gang.devices > 1):
        return no(
            WaitReason.ILLEGAL_SIZE,
            f"{model} devices can't talk to each other; ask for 1 worker of 1, or for another model.",
        )
    largest = int(allocatable[pool.nodes, pool.column].max(initial=0))
    legal = intranode.legal_counts(pool.profile.intra, largest)
    if gang.devices and gang.devices not in legal:
        return no(
            WaitReason.ILLEGAL_SIZE,
            f"accelerators.perWorker is {gang.devices}, but {model} takes {_listed(legal)} per pod.",
        )
    return _in_depths(gang, pool)


def _in_depths(gang: Gang, pool: Pool) -> Need | Rejection:
    fabric = pool.fabric
    required = fabric.depth(gang.required) if gang.required else None
    grouped = _grouped(gang, pool)
    for field, level, depth in (
        ("topology.required", gang.required, required),
        ("topology.groups.required", gang.groups.level if gang.groups else "", grouped),
    ):
        if level and depth is None:
            return _unknown(pool, field, level)
    return Need(
        workers=smallest(gang),
        required=required,
        preferred=fabric.depth(gang.preferred) if gang.preferred else None,
        group_size=gang.groups.size if gang.groups and grouped is not None else 1,
        group_depth=grouped,
        atomic=_atomic_depth(pool),
    )


def _grouped(gang: Gang, pool: Pool) -> int | None:
    """Return the depth of the level that holds a group; None without groups, or where no such level is."""
    if gang.groups is None:
        return None
    if gang.groups.level != NARROWEST:
        return pool.fabric.depth(gang.groups.level)
    above_node = len(pool.fabric.levels) - 2
    return above_node if above_node >= 0 else None


def _unknown(pool: Pool, field: str, level: str) -> Rejection:
    return Rejection(
        pool.name,
        WaitReason.LEVEL_UNKNOWN,
        f"{field} is {level!r}, but pool {pool.name} has levels {', '.join(pool.fabric.level_names)}. "
        "Name one of these, or declare it in spec.fabric of the AICluster.",
    )


def _atomic_depth(pool: Pool) -> int | None:
    """Return the depth of the level whose label names whole slices, if the pool has such a level."""
    if not pool.profile.slice_label:
        return None
    for depth, level in enumerate(pool.fabric.levels):
        if level.label == pool.profile.slice_label:
            return depth
    return None


def _listed(counts: Sequence[int]) -> str:
    """Write legal counts as a person would: `1, 2, 4 or 8`, `1 to 8`, or `none`."""
    if not counts:
        return "no count"
    if len(counts) > 2 and counts == tuple(range(counts[0], counts[-1] + 1)):
        return f"{counts[0]} to {counts[-1]}"
    head = ", ".join(map(str, counts[:-1]))
    return f"{head} or {counts[-1]}" if head else str(counts[0])
