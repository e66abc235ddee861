"""Plans and the line: whose free nodes are whose, and when a plan that is stored is acted on."""

from __future__ import annotations

from dataclasses import replace

import pytest

from crosstree.core.cycle import run_cycle
from crosstree.core.plan import Decision, Evict, Place, Promise, Wait
from crosstree.core.policy import Policy
from crosstree.core.queues import QueueSpec, Quota
from crosstree.core.snapshot import Snapshot, SpareRule
from crosstree.core.workload import Gang
from tests.support.builders.core import H100, a_gang, a_pool, a_snapshot
from tests.support.builders.running import NOW, running, with_running

LATER = NOW + 10


def decided(snapshot: Snapshot, *gangs: Gang, now: float = LATER) -> tuple[Decision, ...]:
    return run_cycle(replace(snapshot, gangs=gangs), Policy(), now).decisions


def stored(gangs: tuple[Gang, ...], decisions: tuple[Decision, ...]) -> tuple[Gang, ...]:
    """Return those gangs that go on waiting, with the plans they have now in their status."""
    waits = {one.key: one for one in decisions if isinstance(one, Wait)}
    return tuple(replace(gang, promise=waits[gang.key].promise) for gang in gangs if gang.key in waits)


def planned(snapshot: Snapshot, *gangs: Gang) -> tuple[Gang, ...]:
    return stored(gangs, decided(snapshot, *gangs, now=NOW))


def begun(gang: Gang) -> Promise:
    assert gang.promise is not None
    return replace(gang.promise, begun=True)


def promise_of(name: str, decisions: tuple[Decision, ...]) -> Promise | None:
    (answer,) = (one for one in decisions if isinstance(one, Wait) and one.key == f"default/{name}")
    return answer.promise


def stopped(decisions: tuple[Decision, ...]) -> list[str]:
    return [one.uid.removeprefix("uid-") for one in decisions if isinstance(one, Evict)]


def started(decisions: tuple[Decision, ...]) -> list[str]:
    return [one.uid.removeprefix("uid-") for one in decisions if isinstance(one, Place)]


def leaving(snapshot: Snapshot, *names: str) -> Snapshot:
    uids = {f"uid-{name}" for name in names}
    changed = (
        replace(one, leaving=True, ends=NOW + 40) if one.gang.uid in uids else one for one in snapshot.running
    )
    return replace(snapshot, running=tuple(changed))


@pytest.fixture
def empty() -> Snapshot:
    """Two leaves of four nodes."""
    return a_snapshot(a_pool(leaves=2, nodes=4))


@pytest.fixture
def kept_for_big(empty: Snapshot) -> Snapshot:
    """Two nodes of the first leaf are free, and `big` will have all four when `soon` ends; `low` is in the second."""
    soon = running(a_gang(2, name="soon", priority=1000), ["n002", "n003"], empty, ends=NOW + 3600)
    low = running(a_gang(2, name="low"), ["n004", "n005"], empty)
    top = running(a_gang(2, name="top", priority=1000), ["n006", "n007"], empty)
    return with_running(empty, soon, low, top)


BIG = a_gang(4, name="big", priority=200, required="leaf")
SMALL = a_gang(2, name="small", priority=100, required="leaf")


def test_a_plan_is_acted_on_though_nodes_are_free_that_another_has_reserved(kept_for_big: Snapshot) -> None:
    big, small = planned(kept_for_big, BIG, SMALL)
    answer = decided(kept_for_big, big, small)
    assert stopped(answer) == ["low"]
    assert promise_of("small", answer) == begun(small)
    assert promise_of("big", answer) is None


def test_who_is_made_room_for_does_not_take_what_another_has_reserved(kept_for_big: Snapshot) -> None:
    big, small = planned(kept_for_big, BIG, SMALL)
    answer = decided(leaving(kept_for_big, "low"), big, small)
    assert not started(answer)
    assert promise_of("small", answer) == begun(small)


def test_who_is_made_room_for_takes_what_is_free_elsewhere_from_those_behind_it(
    kept_for_big: Snapshot,
) -> None:
    big, small = planned(kept_for_big, BIG, SMALL)
    behind = replace(big, priority=50)
    assert started(decided(leaving(kept_for_big, "low"), behind, small)) == ["small"]


def test_nobody_is_stopped_for_a_plan_on_nodes_that_a_gang_before_it_has_taken_meanwhile(
    empty: Snapshot,
) -> None:
    low = running(a_gang(2, name="low"), ["n000", "n001"], empty)
    rest = running(a_gang(4, name="rest", priority=1000), ["n004", "n005", "n006", "n007"], empty)
    full = with_running(empty, low, rest)
    (gang,) = planned(full, a_gang(4, name="gang", priority=100))
    urgent = a_gang(2, name="urgent", priority=5000)
    answer = decided(full, gang, urgent)
    assert started(answer) == ["urgent"]
    assert not stopped(answer)
    assert promise_of("gang", answer) is None


def test_nobody_is_stopped_for_a_plan_on_nodes_that_a_gang_before_it_has_reserved_meanwhile(
    kept_for_big: Snapshot,
) -> None:
    (small,) = planned(without(kept_for_big, "top"), replace(SMALL, workers=4))
    answer = decided(without(kept_for_big, "top"), replace(BIG, priority=5000), small)
    assert not stopped(answer)


def without(snapshot: Snapshot, *names: str) -> Snapshot:
    kept = [one for one in snapshot.running if one.gang.uid.removeprefix("uid-") not in names]
    return with_running(
        a_snapshot(a_pool(leaves=2, nodes=4)), *kept, queues=snapshot.queues, manners=snapshot.manners
    )


@pytest.fixture
def crowded(empty: Snapshot) -> Snapshot:
    """A queue that may hold 48 accelerators holds 48: `going` is on its way out, `low` is not."""
    going = running(
        a_gang(2, name="going", queue="small"), ["n000", "n001"], empty, leaving=True, ends=NOW + 500
    )
    low = running(a_gang(4, name="low", queue="small"), ["n002", "n003", "n004", "n005"], empty)
    queues = (QueueSpec("small", quotas=(Quota(H100, limit=48),)),)
    return with_running(empty, going, low, queues=queues)


def test_a_plan_that_counts_on_the_quota_of_who_is_leaving_for_others_is_acted_on_and_kept(
    crowded: Snapshot,
) -> None:
    (gang,) = planned(crowded, a_gang(5, name="gang", queue="small", priority=100))
    answer = decided(crowded, gang)
    assert stopped(answer) == ["low"]
    kept = decided(leaving(crowded, "low"), gang)
    assert promise_of("gang", kept) == begun(gang), "nobody is stopped in vain"
    (place,) = decided(without(crowded, "low", "going"), gang)
    assert isinstance(place, Place)


def test_a_plan_that_counts_on_what_the_victims_of_another_leave_waits_until_they_are_told() -> None:
    """`first` takes two nodes of `wide`; what that leaves over, and one of `low`, is promised to `second`."""
    empty = a_snapshot(a_pool(leaves=2, nodes=4))
    wide = running(a_gang(4, name="wide", priority=10), ["n000", "n001", "n002", "n003"], empty)
    low = running(a_gang(1, name="low"), ["n004"], empty)
    top = running(a_gang(3, name="top", priority=1000), ["n005", "n006", "n007"], empty)
    full = with_running(empty, wide, low, top)
    gangs = (a_gang(2, name="first", priority=200, required="leaf"), a_gang(3, name="second", priority=100))
    first, second = planned(full, *gangs)
    assert first.promise is not None and first.promise.victims == ("uid-wide",)
    assert second.promise is not None and second.promise.victims == ("uid-low",)

    assert stopped(decided(full, first, second)) == ["wide", "low"], (
        "both at once, the first in the line first"
    )

    new = replace(first, promise=None)
    answer = decided(full, new, second)
    assert not stopped(answer), "nobody has told wide to go"
    assert promise_of("second", answer) == second.promise, "it stays as it is stored"


def test_who_was_to_go_for_a_gang_that_starts_elsewhere_goes_for_nobody(empty: Snapshot) -> None:
    half = running(a_gang(2, name="half"), ["n000", "n001"], empty)
    rest = running(a_gang(2, name="rest"), ["n002", "n003"], empty)
    top = running(a_gang(4, name="top", priority=1000), ["n004", "n005", "n006", "n007"], empty)
    (gang,) = planned(
        with_running(empty, half, rest, top), a_gang(4, name="gang", priority=100, required="leaf")
    )
    assert gang.promise is not None and gang.promise.victims == ("uid-half", "uid-rest")
    answer = decided(
        leaving(with_running(empty, half, rest), "half"),
        gang,
        a_gang(4, name="next", priority=50, required="leaf"),
    )
    assert started(answer) == ["gang"] and not stopped(answer)
    promise = promise_of("next", answer)
    assert promise is not None and promise.victims == ("uid-rest",)


def test_a_spare_that_a_plan_names_stays_one_until_somebody_is_stopped_for_it(empty: Snapshot) -> None:
    """Else the line before its gang would find other nodes than in the cycle that made the plan, and void it."""
    low = running(a_gang(3, name="low"), ["n000", "n001", "n002"], empty)
    top = running(a_gang(4, name="top", priority=1000), ["n004", "n005", "n006", "n007"], empty)
    full = with_running(empty, low, top, spares=SpareRule(1, "leaf"))
    (gang,) = planned(full, a_gang(4, name="gang", priority=100, required="leaf", recovering=True))
    assert gang.promise is not None and "n003" in {share.name for share in gang.promise.nodes}
    answer = decided(full, gang, a_gang(1, name="urgent", priority=5000))
    assert not started(answer)
