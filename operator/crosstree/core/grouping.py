"""Which nodes make a pool: the ones an AcceleratorPool declares, then one pool per accelerator that is left."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from crosstree.base.names import pool_name
from crosstree.core import eligibility
from crosstree.core.accelerator import Profile
from crosstree.core.arrays import Int32
from crosstree.core.cluster import PoolObject
from crosstree.core.oddities import SHOWN, Oddity, OddityKind

Device = tuple[int, str, Profile]
"""Row of a node, a resource it has, and what that resource is there."""


@dataclass(frozen=True, slots=True)
class Group:
    """Rows that will be one pool, in order of name."""

    name: str
    profile: Profile
    resource: str
    rows: tuple[int, ...]
    schedulable: bool

    @property
    def row_array(self) -> Int32:
        """The rows as int32 (n,)."""
        return np.array(self.rows, dtype=np.int32)


def declared_groups(
    objects: Sequence[PoolObject],
    names: Sequence[str],
    labels: Sequence[Mapping[str, str]],
    devices: Sequence[Device],
    *,
    explicit: bool,
) -> tuple[list[Group], list[Device], list[Oddity]]:
    """Take the nodes that pool objects declare, oldest object first.

    An object that its AICluster made declares nothing while pools are found automatically: it only mirrors what
    was found. In explicit mode every object counts.

    Returns:
        The groups, the devices that are left, and what was odd.
    """
    left = {(row, resource): (row, resource, profile) for row, resource, profile in devices}
    groups: list[Group] = []
    oddities: list[Oddity] = []
    for pool in sorted(objects, key=lambda pool: (pool.created, pool.name)):
        if pool.owned and not explicit:
            continue
        wanted = [one for one in devices if _matches(pool, one, names, labels)]
        taken = [one for one in wanted if one[:2] in left]
        lost = [one for one in wanted if one[:2] not in left]
        resource = pool.resource or (taken[0][1] if taken else "")
        taken = [one for one in taken if one[1] == resource]
        if lost:
            rows = sorted({row for row, _, _ in lost})
            first = tuple(names[row] for row in rows[:SHOWN])
            oddities.append(Oddity(OddityKind.POOL_OVERLAP, pool.name, len(rows), first, pool.name))
        if not taken:
            oddities.append(Oddity(OddityKind.POOL_EMPTY, pool.name, 0, (), pool.name))
            continue
        for one in taken:
            del left[one[:2]]
        groups.append(
            Group(pool.name, taken[0][2], resource, tuple(row for row, _, _ in taken), pool.schedulable)
        )
    return groups, list(left.values()), oddities


def found_groups(cluster: str, objects: Sequence[PoolObject], devices: Sequence[Device]) -> list[Group]:
    """Make one group per accelerator and resource; its object, if there is one yet, says whether it is open."""
    found: dict[tuple[str, str], list[Device]] = {}
    for one in devices:
        found.setdefault((one[2].id, one[1]), []).append(one)
    models = [model for model, _ in found]
    closed = {pool.name for pool in objects if not pool.schedulable}
    groups = []
    for (model, resource), members in found.items():
        name = pool_name(cluster, model, resource if models.count(model) > 1 else None)
        rows = tuple(row for row, _, _ in members)
        groups.append(Group(name, members[0][2], resource, rows, name not in closed))
    return groups


def _matches(
    pool: PoolObject, device: Device, names: Sequence[str], labels: Sequence[Mapping[str, str]]
) -> bool:
    row, resource, profile = device
    return (
        profile.id == pool.model
        and pool.resource in ("", resource)
        and eligibility.selects(pool.selector, names[row], labels[row])
    )
