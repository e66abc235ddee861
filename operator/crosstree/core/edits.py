"""A snapshot as it would be if something were otherwise: other nodes, other quotas, another job in line.

Every edit gives a new snapshot that is as complete as the one it was made from, so that the same cycle decides on it.
Nothing of the cluster is touched, and nothing is decided here.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np

from crosstree.base.errors import SpecError
from crosstree.base.words import listed
from crosstree.core.arrays import Bool, Int32
from crosstree.core.holdings import release
from crosstree.core.queues import ANY_MODEL, QueueSpec, Quota
from crosstree.core.running import Running
from crosstree.core.shapes import EMPTY_GRAIN
from crosstree.core.snapshot import NodeState, Pool, Snapshot
from crosstree.core.topology import LevelSpec, build
from crosstree.core.workload import Footprint, Gang, NodeConstraint

SHOWN = 8
"""Names listed in an error before it says how many more there are."""

COPY = "+"
"""Marks the names of nodes and domains that are not there yet."""


@dataclass(frozen=True, slots=True)
class Grant:
    """A change of one quota.

    Attributes:
        queue: Whose.
        model: Of the quota; empty for the one over all models, else the only one the queue has.
        more: Accelerators to add to guarantee and limit; 0 for none.
        guaranteed: What the guarantee becomes; None if it stays.
        limit: What the limit becomes; None if it stays, -1 for no limit.
    """

    queue: str
    model: str = ""
    more: int = 0
    guaranteed: int | None = None
    limit: int | None = None


def with_gang(snapshot: Snapshot, gang: Gang, admits: Iterable[tuple[NodeConstraint, Bool]]) -> Snapshot:
    """Put a gang into the line, instead of a waiting one of its name.

    Args:
        snapshot: The cluster.
        gang: Who asks.
        admits: Nodes that each of its demands admits, Bool (N,).

    Raises:
        SpecError: a job of its name runs.
    """
    if any(one.gang.key == gang.key for one in snapshot.running):
        raise SpecError(f"{gang.key} runs already; give the job of the file another name.")
    others = tuple(one for one in snapshot.gangs if one.key != gang.key)
    return replace(snapshot, gangs=(*others, gang), masks={**snapshot.masks, **dict(admits)})


def drained(snapshot: Snapshot, nodes: Sequence[str]) -> Snapshot:
    """Cordon nodes and take off them what runs there: those gangs wait again, whole, as after a failure.

    Raises:
        SpecError: there is no such node.
    """
    rows = {name: row for row, name in enumerate(snapshot.names)}
    if unknown := [name for name in nodes if name not in rows]:
        raise SpecError(f"AICluster {snapshot.cluster} has no node {listed(unknown, SHOWN)}.")
    closed = np.array(sorted(rows[name] for name in nodes), np.int32)
    state = snapshot.state.copy()
    state[closed] = np.where(state[closed] == NodeState.USABLE, NodeState.CORDONED, state[closed])
    hit = [one for one in snapshot.running if np.isin(one.rows, closed).any()]
    emptied = release(replace(snapshot, state=state), hit)
    return replace(
        emptied, gangs=(*emptied.gangs, *(_stopped(one, snapshot) for one in hit if not one.leaving))
    )


def _stopped(one: Running, snapshot: Snapshot) -> Gang:
    """Return a gang that lost its place, as it stands in line."""
    counts = tuple(
        (snapshot.names[row], count)
        for row, count in zip(one.rows.tolist(), one.counts.tolist(), strict=True)
    )
    return replace(one.gang, recovering=True, before=Footprint(one.pool, counts), promise=None)


# quotas ---------------------------------------------------------------------------------------------------


def granted(snapshot: Snapshot, grant: Grant) -> Snapshot:
    """Change a quota.

    Raises:
        SpecError: there is no such queue, nobody knows the model, or the queue has several quotas and none is named.
    """
    queue = queue_of(snapshot, grant.queue)
    model = grant.model or _only(queue)
    known = {ANY_MODEL, *(quota.model for quota in queue.quotas), *(one.profile.id for one in snapshot.pools)}
    if model not in known:
        raise SpecError(
            f"queue {queue.name} has no quota for {model!r}, and no pool of AICluster {snapshot.cluster} is of that "
            f"model; models: {listed(sorted(known - {ANY_MODEL}), SHOWN) or 'none'}."
        )
    before = next((quota for quota in queue.quotas if quota.model == model), Quota(model))
    guaranteed = before.guaranteed + grant.more if grant.guaranteed is None else grant.guaranteed
    limit = before.limit + grant.more if before.limit is not None else None
    if grant.limit is not None:
        limit = grant.limit if grant.limit >= 0 else None
    after = replace(before, guaranteed=max(guaranteed, 0), limit=None if limit is None else max(limit, 0))
    others = [quota for quota in queue.quotas if quota.model != model]
    changed = replace(queue, quotas=tuple(sorted((*others, after), key=lambda quota: quota.model)))
    return replace(snapshot, queues=tuple(changed if one is queue else one for one in snapshot.queues))


def queue_of(snapshot: Snapshot, name: str) -> QueueSpec:
    """Return a queue of the cluster.

    Raises:
        SpecError: there is none of that name.
    """
    found = next((one for one in snapshot.queues if one.name == name), None)
    if found is None:
        names = listed([one.name for one in snapshot.queues], SHOWN) or "none"
        raise SpecError(f"there is no queue {name!r} in AICluster {snapshot.cluster}; queues: {names}.")
    return found


def _only(queue: QueueSpec) -> str:
    models = [quota.model for quota in queue.quotas]
    if ANY_MODEL in models or not models:
        return ANY_MODEL
    if len(models) > 1:
        raise SpecError(
            f"queue {queue.name} has quotas for {listed(models, SHOWN)}; name one: {queue.name}:{models[0]}=+8."
        )
    return models[0]


# nodes ----------------------------------------------------------------------------------------------------


def with_rack_like(snapshot: Snapshot, domain: str) -> Snapshot:
    """Add a domain like one that there is: as many nodes, of the same kind, empty and well, beside it.

    Raises:
        SpecError: no domain of the fabric is called so.
    """
    for pool in snapshot.pools:
        for depth, level in enumerate(pool.fabric.levels[:-1]):
            if domain in level.names:
                members = np.flatnonzero(level.domain == level.names.index(domain)).tolist()
                return _with_copies(snapshot, pool, members, depth)
    names = sorted(
        {name for pool in snapshot.pools for level in pool.fabric.levels[:-1] for name in level.names}
    )
    raise SpecError(
        f"the fabric of AICluster {snapshot.cluster} has no domain {domain!r}; "
        f"domains: {listed(names, SHOWN) or 'none'}."
    )


def with_nodes(snapshot: Snapshot, count: int, model: str) -> Snapshot:
    """Add nodes of a model as one more domain of the narrowest level, beside a whole one of the first such pool.

    They are like the node of that pool with most accelerators: one that lacks some is no model of what is bought.

    Raises:
        SpecError: the cluster has no nodes of that model to copy, or less than one is asked for.
    """
    pool = next((one for one in snapshot.pools if one.profile.id == model and len(one.nodes)), None)
    if pool is None or count < 1:
        models = sorted({one.profile.id for one in snapshot.pools})
        raise SpecError(
            f"can't add {count} nodes like those of {model!r}; models: {listed(models, SHOWN) or 'none'}."
        )
    return _with_copies(snapshot, pool, [_fullest(snapshot, pool)] * count, len(pool.fabric.levels) - 2)


def _fullest(snapshot: Snapshot, pool: Pool) -> int:
    """Return the position in a pool of the node with most allocatable accelerators, the last by name of equal ones."""
    devices = snapshot.allocatable[pool.nodes, pool.column].tolist()
    rows = pool.nodes.tolist()
    return max(range(len(rows)), key=lambda at: (devices[at], snapshot.names[rows[at]]))


def _with_copies(snapshot: Snapshot, pool: Pool, members: Sequence[int], depth: int) -> Snapshot:
    """Copy nodes of a pool, given by position in it, into new domains from a depth of the fabric on."""
    old = len(snapshot.names)
    models = pool.nodes[list(members)]
    names = _fresh([snapshot.names[row] for row in models.tolist()], set(snapshot.names))
    arrays: dict[str, Any] = {}
    for field in fields(snapshot):
        own = getattr(snapshot, field.name)
        if isinstance(own, np.ndarray):
            arrays[field.name] = np.concatenate((own, own[models]))
    arrays["free"][old:] = _as_new(snapshot, pool, models)
    arrays["state"][old:] = NodeState.USABLE
    arrays["grain"][old:] = EMPTY_GRAIN
    for quiet in ("signal", "suspect"):
        if quiet in arrays:
            arrays[quiet][old:] = 0
    return replace(
        snapshot,
        names=(*snapshot.names, *names),
        pools=tuple(
            _grown(one, snapshot, members, depth, names) if one is pool else one for one in snapshot.pools
        ),
        masks={one: np.concatenate((mask, mask[models])) for one, mask in snapshot.masks.items()},
        **arrays,
    )


def _as_new(snapshot: Snapshot, pool: Pool, models: Int32) -> np.ndarray[Any, np.dtype[np.int64]]:
    """Return what new nodes have free: every accelerator, and of the rest what the emptiest node of the pool has.

    The daemons that run on every node will run on the new ones.
    """
    free = np.minimum(snapshot.allocatable[models], snapshot.free[pool.nodes].max(axis=0))
    for each in snapshot.pools:
        free[:, each.column] = snapshot.allocatable[models, each.column]
    return np.asarray(free, np.int64)


def _grown(pool: Pool, snapshot: Snapshot, members: Sequence[int], depth: int, names: Sequence[str]) -> Pool:
    """Build the pool's fabric anew with the copies in it; they are the snapshot's last rows."""
    *levels, _ = pool.fabric.levels
    was = [snapshot.names[row] for row in pool.nodes.tolist()]
    values = []
    for at, level in enumerate(levels):
        own = [level.names[domain] if level.labelled[domain] else "" for domain in level.domain.tolist()]
        taken = set(own)
        copies = {value: _fresh([value], taken)[0] for value in dict.fromkeys(own) if value}
        values.append([*own, *((copies.get(own[i], "") if at >= depth else own[i]) for i in members)])
    order, fabric = build([*was, *names], [LevelSpec(level.name, level.label) for level in levels], values)
    rows = np.concatenate((pool.nodes, np.arange(len(names), dtype=np.int32) + len(snapshot.names)))
    return replace(pool, nodes=rows[order].astype(np.int32), fabric=fabric)


def _fresh(names: Iterable[str], taken: set[str]) -> list[str]:
    """Make up names beside those there are."""
    found = []
    for name in names:
        number = 1
        while f"{name}{COPY}{number}" in taken:
            number += 1
        found.append(f"{name}{COPY}{number}")
        taken.add(found[-1])
    return found
