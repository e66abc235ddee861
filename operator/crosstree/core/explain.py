"""Why a gang waits, in one sentence with counts and the way out.

The text is the same in status, events, command line and simulator. It is bounded in length and does not
change while nothing it speaks of changes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from difflib import get_close_matches
from enum import Enum

import numpy as np

from crosstree.base.quantity import told
from crosstree.base.words import listed
from crosstree.core.candidates import Candidate, Rejection, candidates, judge, wanted
from crosstree.core.capacity import Trial
from crosstree.core.diagnose import Diagnosis, Lack, NodeCounts, diagnose
from crosstree.core.placement.need import Need
from crosstree.core.placement.pack import shortfall
from crosstree.core.plan import Wait, WaitReason
from crosstree.core.policy import Policy
from crosstree.core.seat import counts_of
from crosstree.core.sizes import smallest
from crosstree.core.snapshot import Pool, Snapshot
from crosstree.core.workload import Footprint, Gang

SHOWN = 6
"""Names listed in a message before it says how many more there are."""


class Effort(Enum):
    """How much an explanation may cost."""

    COUNTS = "counts"
    """What is missing and where."""
    FULL = "full"
    """Also which change of the request would start it now."""


def verdict(gang: Gang, trial: Trial, policy: Policy, effort: Effort) -> Wait:
    """Explain why the gang does not fit on the trial as it stands.

    The first model it prefers that is not hopeless speaks for it; the others are summed up.
    """
    gang = replace(gang, avoid=())  # in the end it was tried on those nodes, too
    accepted, rejected = candidates(gang, trial.snapshot.pools, trial.free, trial.snapshot.allocatable)
    if not accepted:
        reason, text = _nowhere(gang, trial.snapshot, rejected)
        return Wait(gang.key, gang.uid, reason, bounded(text, policy))
    found = [(diagnose(gang, one, trial), one) for one in accepted]
    hopeful = [pair for pair in found if pair[0].reason is not WaitReason.SHAPE_IMPOSSIBLE] or found
    chosen, candidate = hopeful[0]
    parts = [what(gang, chosen), where(chosen)]
    if gang.before is not None:
        parts.append(tried(gang, gang.before, accepted, trial))
    if effort is Effort.FULL:
        parts.append(way_out(gang, chosen, candidate, trial))
    parts.append(others([one for one, _ in found if one is not chosen]))
    return Wait(gang.key, gang.uid, chosen.reason, bounded(" ".join(part for part in parts if part), policy))


def what(gang: Gang, found: Diagnosis) -> str:
    """Say what is asked for and what is missing."""
    asked = f"{size_of(gang)} of {gang.devices} {found.model}"
    place = f"one {found.level}" if found.level else f"pool {found.pool}"
    held = f"the best {found.level} ({found.domain})" if found.level else "it"
    match found.reason:
        case WaitReason.SHAPE_IMPOSSIBLE if found.missing:
            return f"{asked} also ask for {listed(found.missing, SHOWN)}, which no node offers."
        case WaitReason.SHAPE_IMPOSSIBLE if found.lacks:
            largest = "the largest node it may use" if found.nodes.excluded else "the largest node"
            lacks = "; ".join(_lack(one, largest) for one in found.lacks)
            return f"{asked} need {place}; even empty and whole {held} holds none: {lacks}."
        case WaitReason.SHAPE_IMPOSSIBLE:
            return f"{asked} need {place}; even empty and whole {held} holds only {found.have}."
        case WaitReason.FRAGMENTED:
            return (
                f"{asked} need {place}; enough accelerators are free, but scattered so that only {found.have} of "
                f"{smallest(gang)} workers fit."
            )
        case WaitReason.NODES_UNHEALTHY:
            return (
                f"{asked} would fit if every node of pool {found.pool} could be used; {found.have} fit now."
            )
        case _:
            return f"{asked} need {place}; {held} has room for {found.have} now."


def _lack(one: Lack, largest: str) -> str:
    """Say what a worker asks more of than any node has; the resource by the name that the cluster gives it."""
    asked, most = told(one.asked, one.resource), told(one.most, one.resource)
    if asked == most:  # too little is missing to be seen in rounded numbers
        more = told(one.asked - one.most, one.resource)
        return f"a worker asks for {more} more {one.resource} than {largest} has"
    return f"a worker asks for {asked} {one.resource}, {largest} has {most}"


def where(found: Diagnosis) -> str:
    """Count the nodes the diagnosis is about, by what keeps them out."""
    counts: NodeCounts = found.nodes
    named = f" ({listed(counts.signals, SHOWN)})" if counts.signals else ""
    small = "too small for a worker"
    if found.missing:
        small = "without it" if len(found.missing) == 1 else "without them"
    report = "reports" if counts.reporting == 1 else "report"
    parts = [
        f"{number} {name}"
        for number, name in (
            (counts.free, "free"),
            (counts.used, "used"),
            (counts.small, small),
            (counts.cordoned, "cordoned"),
            (counts.not_ready, "not ready"),
            (counts.unhealthy, "unhealthy" if counts.reporting else f"unhealthy{named}"),
            (counts.reporting, f"{report} trouble{named}"),
            (counts.excluded, "excluded by node selector, affinity or taints"),
            (counts.avoided, "that failed this job more than once"),
            (counts.spare, "kept as spares for jobs that recover"),
        )
        if number
    ]
    return f"Of {counts.total} nodes there: {', '.join(parts) or 'none'}."


def others(found: Sequence[Diagnosis]) -> str:
    """Sum up the models that were tried besides; one whose nodes it may not use at all is not short of anything."""
    kept_off = [one.model for one in found if one.nodes.total and one.nodes.excluded == one.nodes.total]
    short = [one.model for one in found if one.model not in kept_off]
    parts = ((short, "Also short"), (kept_off, "All nodes excluded by node selector, affinity or taints"))
    return " ".join(f"{text}: {listed(models, SHOWN)}." for models, text in parts if models)


def tried(gang: Gang, before: Footprint, accepted: Sequence[Candidate], trial: Trial) -> str:
    """Say how much of the place that a recovering gang had could be used, which was tried before anything else."""
    usable = 0
    for one in accepted:
        if one.pool.name == before.pool:
            had = counts_of(one.pool.fabric, before)
            usable = int(np.count_nonzero((had > 0) & (trial.usable_slots(gang, one.pool) >= had)))
    return f"It recovers: {usable} of the {len(before.counts)} nodes it had can be used, and the rest has no room near."


def way_out(gang: Gang, found: Diagnosis, candidate: Candidate, trial: Trial) -> str:
    """Name the smallest change of the request that would start it now, or what it waits for."""
    if found.nodes.total and found.nodes.excluded == found.nodes.total:
        return "Loosen its node selector and affinity, or tolerate the taints of those nodes."
    slots = trial.open_slots(gang, candidate.pool)
    for text, need in _relaxed(candidate):
        if shortfall(candidate.pool.fabric, slots, need) is None:
            return f"{text} would start it now."
    for pool in trial.snapshot.pools:
        if _would_start(gang, pool, trial):
            return f"Adding {pool.profile.id} to accelerators.models would start it now."
    match found.reason:
        case WaitReason.SHAPE_IMPOSSIBLE:
            return _smaller(found, candidate)
        case WaitReason.NODES_UNHEALTHY:
            return "It starts when those nodes are back."
        case _ if found.have and candidate.need.group_size == 1 and candidate.need.atomic is None:
            return f"{_workers(found.have)} would start now; else it starts when running work ends."
        case _:
            return "It starts when running work ends."


def _smaller(found: Diagnosis, candidate: Candidate) -> str:
    """Say what a shape that fits nowhere would have to give up."""
    required = candidate.need.required
    if found.missing:
        return "Drop that request, or install what offers it."
    if not found.have:
        return "Ask for less per worker, or for another model."
    if found.level:
        return f"Ask for at most {_workers(found.have)}, or allow a wider level."
    if required is None or found.together == found.have:
        return f"Ask for at most {_workers(found.have)}, or for another model."
    if found.together:
        level = candidate.pool.fabric.levels[required].name
        return (
            f"Ask for at most {_workers(found.together)}, all that the largest {level} holds, or for at most "
            f"{found.have} without topology.required, or for another model."
        )
    return "Ask for fewer workers, or for another model."


def _relaxed(candidate: Candidate) -> Iterator[tuple[str, Need]]:
    """List weaker demands, the least weakened first."""
    need = candidate.need
    levels = candidate.pool.fabric.levels
    if need.required is not None:
        for depth in range(need.required - 1, -1, -1):
            yield f"Allowing level {levels[depth].name}", replace(need, required=depth)
        yield "Dropping topology.required", replace(need, required=None)
    if need.group_depth is not None:
        for depth in range(need.group_depth - 1, -1, -1):
            yield f"Keeping groups in one {levels[depth].name}", replace(need, group_depth=depth)
        yield "Dropping topology.groups", replace(need, group_size=1, group_depth=None)


def _would_start(gang: Gang, pool: Pool, trial: Trial) -> bool:
    """Say whether a pool the gang did not ask for holds it now."""
    if wanted(gang, pool) or not gang.models:
        return False
    need = judge(gang, pool, trial.snapshot.allocatable)
    if not isinstance(need, Need):
        return False
    return trial.holds(gang, pool, need)


def _nowhere(gang: Gang, snapshot: Snapshot, rejected: Sequence[Rejection]) -> tuple[WaitReason, str]:
    """Explain a gang that no pool could ever take."""
    if rejected:
        return rejected[0].reason, rejected[0].message
    there = sorted({pool.profile.id for pool in snapshot.pools})
    models = listed(_nearest(gang.models, there), SHOWN)
    asked = listed(gang.models, SHOWN) or (
        f"accelerator of vendor {gang.vendor}" if gang.vendor else "accelerator"
    )
    if not snapshot.pools:
        return (
            WaitReason.CLUSTER_NOT_READY,
            f"AICluster {snapshot.cluster} has no accelerator pool yet: no node it selects offers a known one.",
        )
    return (
        WaitReason.MODEL_UNAVAILABLE,
        f"AICluster {snapshot.cluster} has no {asked}. Models here: {models}.",
    )


def _nearest(asked: Sequence[str], there: Sequence[str]) -> list[str]:
    """Return the names there are, those first that are spelled like one that was asked for."""
    near = [name for model in asked for name in get_close_matches(model, there, n=SHOWN)]
    return list(dict.fromkeys((*near, *there)))


def size_of(gang: Gang) -> str:
    """Say how many workers a gang needs at least to start."""
    return f"At least {_workers(smallest(gang))}" if gang.sizes else _workers(gang.workers)


def _workers(count: int) -> str:
    return f"{count} worker" if count == 1 else f"{count} workers"


def bounded(text: str, policy: Policy) -> str:
    """Cut a sentence to what a status holds."""
    return text if len(text) <= policy.max_message else text[: policy.max_message - 1].rstrip() + "…"
