"""A snapshot as a file: everything one cycle looked at, so that anybody can run that cycle again.

`record` gives plain values for JSON, `recall` the equal Recording in any process of any machine: run_cycle on it
gives an equal Plan. Reading and writing files is the command line's; leaving names out is `anonymous`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace

import numpy as np

from crosstree.base.errors import SpecError
from crosstree.core import eligibility, values
from crosstree.core.arrays import Bool, Int64
from crosstree.core.cluster import Admission
from crosstree.core.durations import Lesson
from crosstree.core.hours import hours_fault
from crosstree.core.policy import Policy
from crosstree.core.snapshot import Pool, Snapshot
from crosstree.core.values import Json
from crosstree.core.workload import NodeConstraint, Taint

KIND = "crosstree-snapshot"
VERSION = 1
"""Grows when a file of before could be read wrongly. A field that is added with a default needs no new version."""


@dataclass(frozen=True, slots=True, eq=False)
class Recording:
    """The arguments of one cycle, and what a job that is not in it yet needs to be judged.

    Attributes:
        snapshot: The cluster.
        policy: Settings of the operator.
        now: When it was taken, seconds since the epoch.
        by: Version of Crosstree that took it.
        labels: Labels of each node, by row; empty where they were left out.
        taints: Taints of each node, by row; empty like `labels`.
        priorities: Value of each PriorityClass.
        lessons: What each queue has learned of durations, by name; those that have learned nothing are not in it.
        admissions: Which jobs each queue takes, by name; one that is not in it takes any.
        namespaces: Labels of each namespace, by name; empty where no queue goes by them.
    """

    snapshot: Snapshot
    policy: Policy = field(default_factory=Policy)
    now: float = 0.0
    by: str = ""
    labels: tuple[Mapping[str, str], ...] = ()
    taints: tuple[tuple[Taint, ...], ...] = ()
    priorities: Mapping[str, int] = field(default_factory=dict)
    lessons: Mapping[str, tuple[Lesson, ...]] = field(default_factory=dict)
    admissions: Mapping[str, Admission] = field(default_factory=dict)
    namespaces: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    def admits(self, constraint: NodeConstraint) -> Bool | None:
        """Say which nodes a constraint admits, Bool (N,); None if that can't be told, for labels were left out."""
        known = self.snapshot.masks.get(constraint)
        if known is not None:
            return known
        if not self.labels:
            free = not constraint.selector and not constraint.terms
            return np.ones(len(self.snapshot.names), np.bool_) if free else None
        return eligibility.mask(constraint, self.snapshot.names, self.labels, self.taints)


def complete(recording: Recording) -> Recording:
    """Add which nodes admit the gangs that run: any of them may have to wait again, in what comes after.

    Where that can't be told, for labels were left out, they are taken to admit the gang.
    """
    snapshot = recording.snapshot
    wanted = {one.gang.demands(pool.resource): None for one in snapshot.running for pool in snapshot.pools}
    everywhere = np.ones(len(snapshot.names), np.bool_)
    masks = {}
    for one in wanted:
        known = recording.admits(one)
        masks[one] = everywhere if known is None else known
    return replace(recording, snapshot=replace(snapshot, masks={**snapshot.masks, **masks}))


def record(recording: Recording) -> dict[str, Json]:
    """Write a recording as plain values. O(nodes + gangs)."""
    written: dict[str, Json] = {
        "kind": KIND,
        "version": VERSION,
        "by": recording.by,
        "at": values.plain(recording.now, float),
        "policy": values.plain(recording.policy, Policy),
        "snapshot": _snapshot(recording.snapshot),
        "priorities": dict(sorted(recording.priorities.items())),
    }
    if recording.lessons:
        written["lessons"] = {
            name: values.plain(each, _LESSONS) for name, each in sorted(recording.lessons.items())
        }
    if recording.admissions:
        written["admissions"] = {
            name: values.plain(each, Admission) for name, each in sorted(recording.admissions.items())
        }
    if recording.namespaces:
        written["namespaces"] = {
            name: dict(sorted(each.items())) for name, each in sorted(recording.namespaces.items())
        }
    if recording.labels:
        written["labels"] = _labels(recording.labels)
        written["taints"] = _distinct([values.plain(each, _TAINTS) for each in recording.taints])
    return written


def recall(given: Json) -> Recording:
    """Read a recording.

    Raises:
        SpecError: it is none, is of a version that this Crosstree does not know, or is damaged; the text says where.
    """
    if not isinstance(given, dict) or given.get("kind") != KIND:
        raise SpecError("this is not a snapshot of Crosstree; `crosstree snapshot -o FILE` writes one.")
    if given.get("version") != VERSION:
        raise SpecError(
            f"the snapshot is of version {given.get('version')!r}, written by Crosstree {given.get('by') or '?'}; "
            f"this one reads version {VERSION}. Use the Crosstree that wrote it, or a newer one."
        )
    try:
        return _recall(given)
    except SpecError as error:
        raise SpecError(f"the snapshot is damaged: {error}") from error
    except KeyError as error:
        raise SpecError(f"the snapshot is damaged: field {error} is missing.") from error
    except (TypeError, ValueError, IndexError, AttributeError, OverflowError) as error:
        raise SpecError(f"the snapshot is damaged: {type(error).__name__}: {error}.") from error


def _recall(given: Json) -> Recording:
    snapshot = _read_snapshot(given["snapshot"])
    labels: tuple[Mapping[str, str], ...] = ()
    taints: tuple[tuple[Taint, ...], ...] = ()
    if "labels" in given:
        labels = _read_labels(given["labels"], len(snapshot.names))
        taints = tuple(values.value(each, _TAINTS, "taints") for each in _each(given["taints"]))
        _expect("labels", len(labels), len(snapshot.names))
        _expect("taints", len(taints), len(snapshot.names))
    return Recording(
        snapshot,
        values.value(given.get("policy", {}), Policy, "policy"),
        values.value(given["at"], float, "at"),
        values.value(given.get("by", ""), str, "by"),
        labels,
        taints,
        {str(name): int(number) for name, number in given.get("priorities", {}).items()},
        {
            name: values.value(each, _LESSONS, f"lessons.{name}")
            for name, each in given.get("lessons", {}).items()
        },
        {
            name: values.value(each, Admission, f"admissions.{name}")
            for name, each in given.get("admissions", {}).items()
        },
        {
            name: {key: values.value(label, str, f"namespaces.{name}.{key}") for key, label in each.items()}
            for name, each in given.get("namespaces", {}).items()
        },
    )


_TAINTS = tuple[Taint, ...]
_LESSONS = tuple[Lesson, ...]


# the snapshot ---------------------------------------------------------------------------------------------


def _snapshot(snapshot: Snapshot) -> Json:
    """Write a snapshot; the fabric's node level carries no names, for they are those of its nodes."""
    written = values.plain(snapshot, Snapshot)
    for pool, own in zip(snapshot.pools, written["pools"], strict=True):
        own["fabric"] = [
            {
                "name": level.name,
                "label": level.label,
                "sizes": values.plain(_sizes(level.starts, len(pool.nodes)), Int64),
                "names": None if level.names == _names(snapshot, pool) else list(level.names),
                "labelled": values.plain(level.labelled, Bool),
            }
            for level in pool.fabric.levels
        ]
    return written


def _read_snapshot(given: Json) -> Snapshot:
    names = given["names"]
    pools = []
    for pool in given["pools"]:
        nodes = values.value(pool["nodes"], Int64, "snapshot.pools.nodes")
        if len(nodes) and (nodes.min() < 0 or nodes.max() >= len(names)):
            raise SpecError("snapshot.pools.nodes names rows that there are not.")
        levels = [_read_level(level, [names[row] for row in nodes.tolist()]) for level in pool["fabric"]]
        if not levels or levels[-1]["starts"] != list(range(len(nodes))):
            raise SpecError(f"snapshot.pools: the fabric of {pool['name']} has no level of nodes.")
        pools.append({**pool, "fabric": {"levels": levels}})
    snapshot: Snapshot = values.value({**given, "pools": pools}, Snapshot, "snapshot")
    _check(snapshot)
    return snapshot


def _read_level(level: Json, nodes: Sequence[str]) -> Json:
    sizes = values.value(level["sizes"], Int64, "snapshot.pools.fabric.sizes")
    own = list(nodes) if level["names"] is None else level["names"]
    _expect("snapshot.pools.fabric.sizes", int(sizes.sum()), len(nodes))
    _expect("snapshot.pools.fabric.names", len(own), len(sizes))
    starts = np.cumsum(sizes) - sizes
    return {
        "name": level["name"],
        "label": level["label"],
        "domain": np.repeat(np.arange(len(sizes)), sizes).tolist(),
        "starts": starts.tolist(),
        "names": own,
        "labelled": level["labelled"],
    }


def _sizes(starts: Int64, nodes: int) -> Int64:
    return np.diff(np.append(starts, nodes)).astype(np.int64)


def _names(snapshot: Snapshot, pool: Pool) -> tuple[str, ...]:
    return tuple(snapshot.names[row] for row in pool.nodes.tolist())


def _check(snapshot: Snapshot) -> None:
    """Make sure that all arrays speak of the same nodes, so that a damaged file never becomes a strange plan."""
    nodes, table = len(snapshot.names), (len(snapshot.names), len(snapshot.resources))
    for each in fields(snapshot):
        own = getattr(snapshot, each.name)
        if isinstance(own, np.ndarray):
            _expect(f"snapshot.{each.name}", own.shape, table if own.ndim == 2 else (nodes,))
    for mask in snapshot.masks.values():
        _expect("snapshot.masks", mask.shape, (nodes,))
    for one in snapshot.running:
        if len(one.rows) != len(one.counts) or (
            len(one.rows) and not 0 <= one.rows.min() <= one.rows.max() < nodes
        ):
            raise SpecError(f"snapshot.running: {one.gang.key} holds nodes that there are not.")
    for queue in snapshot.queues:
        if found := hours_fault(queue):
            raise SpecError(f"snapshot.queues: {found}")
    for pool in snapshot.pools:
        if not 0 <= pool.column < len(snapshot.resources):
            raise SpecError(f"snapshot.pools: {pool.name} counts a resource that there is not.")
    if (
        snapshot.signal is not None
        and len(snapshot.signal)
        and snapshot.signal.max() >= len(snapshot.signals)
    ):
        raise SpecError("snapshot.signal names signals that there are not.")


def _expect(where: str, found: object, wanted: object) -> None:
    if found != wanted:
        raise SpecError(f"{where} has {found} entries, not {wanted}.")


# labels and taints ----------------------------------------------------------------------------------------


def _labels(labels: Sequence[Mapping[str, str]]) -> Json:
    """Write labels by key: what each node has for it, or nothing."""
    keys = sorted({key for own in labels for key in own})
    return {key: _distinct([own.get(key) for own in labels]) for key in keys}


def _read_labels(given: Json, nodes: int) -> tuple[Mapping[str, str], ...]:
    found: list[dict[str, str]] = [{} for _ in range(nodes)]
    for key, column in given.items():
        for own, each in zip(found, _each(column), strict=True):
            if each is not None:
                own[key] = values.value(each, str, f"labels.{key}")
    return tuple(found)


def _distinct(column: Sequence[Json]) -> Json:
    """Write each different value once, and which of them every row has."""
    seen: dict[str, int] = {}
    at = [seen.setdefault(repr(each), len(seen)) for each in column]
    first = dict(zip(reversed(at), reversed(column), strict=True))
    return {
        "values": [first[index] for index in range(len(seen))],
        "at": values.plain(np.array(at, np.int64), Int64),
    }


def _each(given: Json) -> list[Json]:
    at = values.value(given["at"], Int64, "labels")
    return [given["values"][index] for index in at.tolist()]
