"""A recording without its names: a snapshot is a bug report, and who shares one need not share who works on what.

Replaced are the names of the cluster, pools, nodes, fabric domains, namespaces, jobs, queues, bookings, uids and
PriorityClasses, and the keys and values in selectors, affinities and tolerations; labels and taints of nodes, what
queues have learned of durations, and from which namespaces they take jobs, are left out. Kept are numbers, times,
models, resources, levels of the fabric and the labels they are read from: nothing could be decided again without.

Names are replaced in their order, so that ties by name end as before: the plan is the same but for the names.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from crosstree.core.budgets import Tab
from crosstree.core.cluster import Selector
from crosstree.core.plan import NodeShare, Promise
from crosstree.core.queues import QueueSpec
from crosstree.core.record import Recording
from crosstree.core.running import Running
from crosstree.core.snapshot import Pool, Snapshot
from crosstree.core.topology import Fabric, Level
from crosstree.core.workload import Footprint, Gang, NodeConstraint, Requirement, Toleration

Names = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Mask:
    """What every name becomes, by kind of name."""

    nodes: Names
    keys: Names
    uids: Names
    queues: Names
    pools: Names
    words: Names
    kept: frozenset[str]
    """Words of constraints that stay: names of resources, which are taints, too."""


def anonymous(recording: Recording) -> Recording:
    """Return the recording with names replaced by numbers. O(nodes + gangs)."""
    snapshot = recording.snapshot
    mask = _mask(snapshot)
    hidden = replace(
        snapshot,
        cluster="cluster",
        names=tuple(mask.nodes[name] for name in snapshot.names),
        pools=tuple(_pool(pool, snapshot, mask) for pool in snapshot.pools),
        gangs=tuple(_gang(gang, mask) for gang in snapshot.gangs),
        masks={_constraint(one, mask): rows for one, rows in snapshot.masks.items()},
        running=tuple(_running(one, mask) for one in snapshot.running),
        queues=tuple(_queue(one, mask) for one in snapshot.queues),
        tab=_tab(snapshot.tab, mask),
    )
    classes = _numbered("priority", recording.priorities)
    return replace(
        recording,
        snapshot=hidden,
        labels=(),
        taints=(),
        priorities={classes[name]: number for name, number in recording.priorities.items()},
        lessons={},  # they tell jobs apart by what their names have in common
        admissions={
            mask.queues[name]: replace(one, namespaces=Selector())
            for name, one in recording.admissions.items()
            if name in mask.queues
        },
        namespaces={},
    )


def _mask(snapshot: Snapshot) -> Mask:
    gangs = [*snapshot.gangs, *(one.gang for one in snapshot.running)]
    promised = [gang.promise for gang in gangs if gang.promise is not None]
    nodes = {
        *snapshot.names,
        *(name for gang in gangs for name in (*gang.avoid, *gang.banned)),
        *(name for gang in gangs if gang.before is not None for name, _ in gang.before.counts),
        *(share.name for promise in promised for share in promise.nodes),
    }
    pools = {
        *(pool.name for pool in snapshot.pools),
        *(one.pool for one in snapshot.running),
        *(gang.before.pool for gang in gangs if gang.before is not None),
        *(promise.pool for promise in promised),
    }
    queues = {
        *(gang.queue for gang in gangs),
        *(queue.name for queue in snapshot.queues),
        *(queue.parent for queue in snapshot.queues if queue.parent),
        *(one.queue for one in snapshot.tab.charged),
        *(one.queue for one in snapshot.tab.stints),
    }
    uids = {
        *(gang.uid for gang in gangs),
        *(uid for promise in promised for uid in promise.victims),
        *(uid for promise in promised for uid, _ in promise.smaller),
    }
    constraints = [*(gang.constraint for gang in gangs), *snapshot.masks]
    return Mask(
        nodes=_numbered("node", nodes),
        keys=_jobs({gang.key for gang in gangs}),
        uids=_numbered("uid", uids),
        queues=_numbered("queue", queues),
        pools=_numbered("pool", pools),
        words=_numbered("word", {word for one in constraints for word in _words_of(one)}),
        kept=frozenset(snapshot.resources),
    )


def _numbered(kind: str, names: Iterable[str]) -> dict[str, str]:
    """Number names in their order, with as many digits as keep that order."""
    ordered = sorted(set(names))
    digits = len(str(len(ordered)))
    return {name: f"{kind}-{number:0{digits}}" for number, name in enumerate(ordered, 1)}


def _jobs(keys: Iterable[str]) -> dict[str, str]:
    """Number jobs over all namespaces, and namespaces in the order that keys have among each other."""
    ordered = sorted(set(keys))
    jobs = _numbered("job", ordered)
    spaces = _numbered("namespace", {key.rpartition("/")[0] + "/" for key in ordered})
    return {key: f"{spaces[key.rpartition('/')[0] + '/']}/{jobs[key]}" for key in ordered}


def _words_of(constraint: NodeConstraint) -> set[str]:
    requirements = [one for term in constraint.terms for one in term]
    return {
        *(word for pair in constraint.selector for word in pair),
        *(word for one in requirements for word in (one.key, *one.values)),
        *(word for one in constraint.tolerations for word in (one.key, one.value)),
    }


def _word(word: str, mask: Mask) -> str:
    """Hide a key or value of a constraint; nothing, and names of resources, stay what they are."""
    return word if not word or word in mask.kept else mask.words[word]


def _constraint(one: NodeConstraint, mask: Mask) -> NodeConstraint:
    return NodeConstraint(
        selector=tuple(sorted((_word(key, mask), _word(each, mask)) for key, each in one.selector)),
        terms=tuple(
            tuple(
                Requirement(
                    _word(each.key, mask), each.operator, tuple(_word(word, mask) for word in each.values)
                )
                for each in term
            )
            for term in one.terms
        ),
        tolerations=tuple(
            sorted(
                Toleration(_word(each.key, mask), each.operator, _word(each.value, mask), each.effect)
                for each in one.tolerations
            )
        ),
    )


def _gang(gang: Gang, mask: Mask) -> Gang:
    before, promise = gang.before, gang.promise
    return replace(
        gang,
        key=mask.keys[gang.key],
        uid=mask.uids[gang.uid],
        queue=mask.queues[gang.queue],
        constraint=_constraint(gang.constraint, mask),
        avoid=tuple(mask.nodes[name] for name in gang.avoid),
        banned=tuple(mask.nodes[name] for name in gang.banned),
        before=before
        and Footprint(mask.pools[before.pool], tuple((mask.nodes[name], n) for name, n in before.counts)),
        promise=promise and _promise(promise, gang.key.rpartition("/")[0], mask),
    )


def _job(key: str, mask: Mask) -> str:
    """Hide the name of a job, without its namespace; one that is gone is any."""
    return mask.keys.get(key, "/job-0").rpartition("/")[2]


def _promise(promise: Promise, space: str, mask: Mask) -> Promise:
    """Hide the names in a plan made for a gang of a namespace."""
    return replace(
        promise,
        pool=mask.pools[promise.pool],
        nodes=tuple(NodeShare(mask.nodes[one.name], one.first, one.count) for one in promise.nodes),
        victims=tuple(mask.uids[uid] for uid in promise.victims),
        smaller=tuple((mask.uids[uid], workers) for uid, workers in promise.smaller),
        jobs=tuple(name and _job(f"{space}/{name}", mask) for name in promise.jobs),
    )


def _running(one: Running, mask: Mask) -> Running:
    return replace(one, gang=_gang(one.gang, mask), pool=mask.pools[one.pool])


def _queue(queue: QueueSpec, mask: Mask) -> QueueSpec:
    bookings = _numbered("booking", (one.name for one in queue.calendar))
    return replace(
        queue,
        name=mask.queues[queue.name],
        parent=mask.queues[queue.parent] if queue.parent else "",
        calendar=tuple(replace(one, name=bookings[one.name]) for one in queue.calendar),
    )


def _tab(tab: Tab, mask: Mask) -> Tab:
    return Tab(
        tuple(replace(one, queue=mask.queues[one.queue]) for one in tab.charged),
        tuple(replace(one, queue=mask.queues[one.queue]) for one in tab.stints),
    )


def _pool(pool: Pool, snapshot: Snapshot, mask: Mask) -> Pool:
    """Hide the names of a pool and its domains, which are numbered as they stand in the fabric."""
    *wider, nodes = pool.fabric.levels
    levels = tuple(_level(level) for level in wider)
    own = replace(nodes, names=tuple(mask.nodes[snapshot.names[row]] for row in pool.nodes.tolist()))
    return replace(pool, name=mask.pools[pool.name], fabric=Fabric((*levels, own)))


def _level(level: Level) -> Level:
    digits = len(str(level.size))
    return replace(level, names=tuple(f"{level.name}-{at:0{digits}}" for at in range(1, level.size + 1)))
