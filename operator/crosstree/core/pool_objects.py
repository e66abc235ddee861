"""Which AcceleratorPool objects an AICluster lacks, has wrong, or has too many of. Pure.

Only pools that the AICluster owns are mended or removed; one made by hand under the name of a discovered pool
is the admin's, and stays as it is.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from crosstree.core.cluster import Cluster, PoolObject
from crosstree.core.inventory import PoolRow


@dataclass(frozen=True, slots=True)
class Make:
    """There is no object for this pool."""

    row: PoolRow


@dataclass(frozen=True, slots=True)
class Mend:
    """The object exists, and a field that the AICluster owns reads otherwise."""

    row: PoolRow


@dataclass(frozen=True, slots=True)
class Remove:
    """No node is left in this pool."""

    pool: PoolObject


Upkeep = Make | Mend | Remove


def upkeep(
    cluster: Cluster, rows: Iterable[PoolRow], pools: Mapping[str, PoolObject], unreadable: Iterable[str]
) -> tuple[Upkeep, ...]:
    """Return what has to be done for the pool objects of a cluster to match what was discovered.

    Args:
        cluster: Whose pools; nothing is done unless it discovers them itself.
        rows: Discovered pools.
        pools: Every pool object that can be read, by name.
        unreadable: Names of pool objects that exist and can't be read: put right once found, never made twice.

    Returns:
        What to make and mend in the order of `rows`, then what to remove in order of name.
    """
    if not cluster.auto_pools:
        return ()
    rows = tuple(rows)
    broken = set(unreadable)
    steps: list[Upkeep] = []
    for row in rows:
        found = pools.get(row.name)
        if found is None:
            steps.append(Mend(row) if row.name in broken else Make(row))
        elif found.owned and not found.deleting and not _matches(found, cluster, row):
            steps.append(Mend(row))
    wanted = {row.name for row in rows}
    steps += [
        Remove(pool)
        for name, pool in sorted(pools.items())
        if pool.owned and pool.cluster == cluster.name and name not in wanted and not pool.deleting
    ]
    return tuple(steps)


def _matches(pool: PoolObject, cluster: Cluster, row: PoolRow) -> bool:
    return (pool.cluster, pool.model, pool.resource) == (cluster.name, row.model, row.resource)
