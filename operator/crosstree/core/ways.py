"""What would let a waiting gang start now: small changes of the request, each tried with the production core.

A way is only named if `run_cycle` places the changed gang on this very snapshot: no guess, no promise about
tomorrow.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from crosstree.core.calendar import following
from crosstree.core.candidates import wanted
from crosstree.core.cycle import run_cycle
from crosstree.core.expect import DECLARED_CONFIDENCE, or_assumed
from crosstree.core.plan import Place
from crosstree.core.policy import Policy
from crosstree.core.room import for_gang
from crosstree.core.sizes import fixed_at, smallest
from crosstree.core.snapshot import Pool, Snapshot
from crosstree.core.workload import NARROWEST, Expectation, Gang, Source


@dataclass(frozen=True, slots=True)
class Way:
    """A change under which the gang starts now. `change` is what to write; `place` where it would run."""

    change: str
    place: Place


def pools_of(snapshot: Snapshot, gang: Gang) -> tuple[Pool, ...]:
    """Return the pools whose accelerator the gang accepts, in the gang's order of preference, then by name."""
    fitting = [pool for pool in snapshot.pools if wanted(gang, pool)]
    if gang.models:
        fitting.sort(key=lambda pool: (gang.models.index(pool.profile.id), pool.name))
    return tuple(fitting)


def alone(snapshot: Snapshot, gang: Gang, policy: Policy, now: float) -> Place | None:
    """Decide on one gang as if it waited alone; None if it could not start."""
    for decision in run_cycle(replace(snapshot, gangs=(gang,)), policy, now).decisions:
        if isinstance(decision, Place):
            return decision
    return None


def ways_out(snapshot: Snapshot, gang: Gang, policy: Policy, now: float) -> tuple[Way, ...]:
    """List the small changes that would start the gang now, the least first. Costs one cycle per change."""
    found: list[Way] = []
    for change, changed in (*_in_time(snapshot, gang, now), *_changes(snapshot, gang)):
        place = alone(snapshot, changed, policy, now)
        if place is not None:
            found.append(Way(change, place))
    return tuple(found)


def _in_time(snapshot: Snapshot, gang: Gang, now: float) -> Iterator[tuple[str, Gang]]:
    """Offer to be gone, to the minute, before the next booking of a model it takes comes into force."""
    models = {pool.profile.id for pool in pools_of(snapshot, gang)}
    openings = (
        following(one, now) for queue in snapshot.queues for one in queue.calendar if one.model in models
    )
    minutes = int(min((one.start for one in openings if one is not None), default=now) - now) // 60
    known = or_assumed(gang.expected)
    declared = 100 * minutes // known.percent_of_declared  # what would be corrected to that
    if 0 < 60 * minutes < known.seconds and declared:
        expected = Expectation(60.0 * minutes, Source.DECLARED, DECLARED_CONFIDENCE, known.at_most)
        yield f"with spec.expectedDuration: {declared}m", replace(gang, expected=expected)


def _changes(snapshot: Snapshot, gang: Gang) -> Iterator[tuple[str, Gang]]:
    pools = pools_of(snapshot, gang)
    if gang.required:
        yield from _wider(gang, pools)
    if gang.groups is not None:
        field = "parallelism" if gang.groups.level == NARROWEST else "topology.groups"
        yield f"without {field}", replace(gang, groups=None)
    if gang.models or gang.vendor:
        yield "on any accelerator (no accelerators.models, no vendor)", replace(gang, models=(), vendor="")
    if gang.banned:
        yield f"on the {len(gang.banned)} nodes that failed it more than once", replace(gang, banned=())
    if fewer := _fewer(snapshot, gang, pools):
        field = "workers.min" if gang.sizes else "workers"
        yield f"with {field}: {fewer}", fixed_at(gang, fewer)


def _wider(gang: Gang, pools: tuple[Pool, ...]) -> Iterator[tuple[str, Gang]]:
    """Offer each level above the required one, nearest first, then none."""
    offered: list[str] = []
    for pool in pools:
        names = pool.fabric.level_names
        if gang.required in names:
            offered += [name for name in reversed(names[: names.index(gang.required)]) if name not in offered]
    for level in offered:
        yield f"with topology.required: {level}", replace(gang, required=level)
    yield "without topology.required", replace(gang, required="", preferred=gang.preferred or gang.required)


def _fewer(snapshot: Snapshot, gang: Gang, pools: tuple[Pool, ...]) -> int:
    """Return the most workers that one domain of the required level, or one whole pool, holds now; 0 for none."""
    most = 0
    for pool in pools:
        rooms = for_gang(snapshot, pool, gang)
        if gang.required:
            most = max([most, *(room.largest for room in rooms if room.level == gang.required)])
        elif rooms:
            most = max(most, rooms[0].together)
    size = gang.groups.size if gang.groups else 1
    most -= most % size
    return most if 0 < most < smallest(gang) else 0
