"""How many workers of a gang each node of a pool could take right now.

The only place that combines free amounts, intra-node rules, node state and eligibility into a number.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from crosstree.base.errors import ShapeError
from crosstree.core import intranode
from crosstree.core.arrays import Bool, Int8, Int32, Int64
from crosstree.core.snapshot import NodeState, Pool, Snapshot
from crosstree.core.workload import Gang


@dataclass(frozen=True, slots=True)
class Request:
    """What one worker takes on a node of a pool, by column of the snapshot.

    `columns` and `amounts` list the resources other than the accelerator; an amount is never zero. `missing`
    names resources that no node offers at all: nothing fits.
    """

    device_column: int
    devices: int
    columns: tuple[int, ...]
    amounts: tuple[int, ...]
    missing: tuple[str, ...] = ()

    @property
    def others(self) -> tuple[tuple[int, int], ...]:
        """Column and amount of every resource but the accelerator."""
        return tuple(zip(self.columns, self.amounts, strict=True))


def request_of(gang: Gang, pool: Pool, resources: tuple[str, ...]) -> Request:
    """Translate a gang's request into columns of a snapshot with these `resources`."""
    return _request(gang.requests, gang.devices, pool.resource, pool.column, resources)


def vector_of(gang: Gang, pool: Pool, resources: tuple[str, ...]) -> Int64:
    """Return what one worker takes, by column of a snapshot with these `resources`: int64 (R,), not to write on."""
    return _vector(request_of(gang, pool, resources), len(resources))


@lru_cache(maxsize=4096)  # few vectors, many gangs
def _vector(request: Request, columns: int) -> Int64:
    found = np.zeros(columns, np.int64)
    for at, amount in (*request.others, (request.device_column, request.devices)):
        found[at] += amount
    found.setflags(write=False)
    return found


@lru_cache(maxsize=4096)  # asked for dozens of times a gang and cycle, of a few shapes
def _request(
    requests: tuple[tuple[str, int], ...],
    devices: int,
    resource: str,
    column: int,
    resources: tuple[str, ...],
) -> Request:
    index = {name: column for column, name in enumerate(resources)}
    wanted = [(name, amount) for name, amount in requests if amount > 0 and name != resource]
    return Request(
        device_column=column,
        devices=devices,
        columns=tuple(index[name] for name, _ in wanted if name in index),
        amounts=tuple(amount for name, amount in wanted if name in index),
        missing=tuple(name for name, _ in wanted if name not in index),
    )


def slots(request: Request, pool: Pool, rows: Int32, allocatable: Int64, free: Int64, grain: Int8) -> Int64:
    """Count identical workers that each of `rows` holds, looking at amounts and wiring only.

    Args:
        request: What one worker takes.
        pool: Gives the intra-node rule.
        rows: Nodes to look at, int32 (m,).
        allocatable: Int64 (N, R).
        free: Int64 (N, R); negative where overcommitted.
        grain: Int8 (N,).

    Returns:
        int64 (m,), never negative. A resource the worker does not ask for never limits it.

    O(m·R') for the R' resources asked for.
    """
    total = allocatable[rows, request.device_column]
    return slots_of(request, pool, total, lambda column: free[rows, column], grain[rows])


def slots_of(request: Request, pool: Pool, total: Int64, free: Callable[[int], Int64], grain: Int8) -> Int64:
    """Count identical workers that each of m nodes holds, as `slots` does.

    Args:
        request: What one worker takes.
        pool: Gives the intra-node rule.
        total: Accelerators of each node, int64 (m,).
        free: Gives what each node has free of a column, int64 (m,).
        grain: Int8 (m,).
    """
    if request.missing:
        return np.zeros(len(total), np.int64)
    result: Int64 | None = None
    if request.devices:
        result = intranode.slots(
            pool.profile.intra, total, free(request.device_column), grain, request.devices
        )
    for column, amount in zip(request.columns, request.amounts, strict=True):
        fits = np.maximum(free(column), 0) // amount
        result = fits if result is None else np.minimum(result, fits)
    if result is None:
        return np.zeros(len(total), np.int64)
    return result


def admitted(gang: Gang, pool: Pool, snapshot: Snapshot) -> Bool:
    """Say which nodes of the pool the gang may use by constraint alone, in pool order: Bool (n,).

    Raises:
        ShapeError: the snapshot has masks, but none for this gang: whoever added the gang forgot it.
    """
    mask = snapshot.masks.get(gang.demands(pool.resource))
    if mask is None and snapshot.masks:
        raise ShapeError(
            f"gang {gang.key}: the snapshot of {snapshot.cluster} has no mask for its constraint in pool {pool.name}. "
            "Add one for every gang that is to be placed."
        )
    allowed = np.ones(len(pool.nodes), np.bool_) if mask is None else mask[pool.nodes].copy()
    if gang.avoid or gang.banned:
        avoided = {*gang.avoid, *gang.banned}
        allowed &= np.fromiter(
            (snapshot.names[row] not in avoided for row in pool.nodes), np.bool_, count=len(pool.nodes)
        )
    return allowed


def usable(pool: Pool, snapshot: Snapshot) -> Bool:
    """Say which nodes of the pool take new pods, in pool order: Bool (n,)."""
    return np.asarray(snapshot.state[pool.nodes] == NodeState.USABLE)
