"""What bookings keep others from, in a single cycle."""

from __future__ import annotations

from dataclasses import replace
from random import Random
from typing import Any

import pytest

from crosstree.base.clock import LAST
from crosstree.core.agenda import Agenda, Booked, ModelBookings
from crosstree.core.calendar import Booking, following, in_force, window
from crosstree.core.cycle import run_cycle
from crosstree.core.manners import Backfill, Manners, Preemption
from crosstree.core.moment import Moment
from crosstree.core.plan import Place, Wait
from crosstree.core.policy import Policy
from crosstree.core.queues import ANY_MODEL, QueueSpec, Quota
from crosstree.core.snapshot import NodeState
from crosstree.core.ways import ways_out
from crosstree.core.workload import Expectation, Footprint, Gang, Source
from tests.support.builders.core import H100, a_gang, a_pool, a_snapshot
from tests.support.builders.running import running, with_running

NOW, HOUR = 1_000_000.0, 3_600.0


def a_queue(name: str, accelerators: int, parent: str = "", **when: float) -> QueueSpec:
    """A queue that has booked accelerators from an hour on, for an hour."""
    times = {"start": NOW + HOUR, "duration": HOUR, **when}
    return QueueSpec(name, parent, calendar=(Booking("b", H100, accelerators, **times),))


def asks(name: str, workers: int, queue: str = "default", seconds: float | None = 9 * HOUR) -> Gang:
    expected = Expectation(seconds, Source.DECLARED, 0.9) if seconds is not None else None
    return replace(a_gang(workers, name=name), queue=queue, expected=expected)


def starts(queues: list[QueueSpec], *gangs: Gang, **changes: object) -> set[str]:
    """Who starts at once on eight nodes of eight."""
    snapshot = replace(a_snapshot(a_pool(leaves=2, nodes=4), gangs=gangs), queues=tuple(queues), **changes)
    plan = run_cycle(snapshot, Policy(), NOW)
    return {one.uid.removeprefix("uid-") for one in plan.decisions if isinstance(one, Place)}


def test_whoever_would_stay_takes_no_more_than_is_left_beside_a_booking():
    assert starts([a_queue("q", 40)], asks("a", 2), asks("b", 2), asks("c", 1)) == {"a", "c"}


def test_whoever_ends_with_the_second_in_which_the_window_opens_is_gone_by_then():
    assert starts([a_queue("q", 64)], asks("a", 4, seconds=HOUR), asks("b", 4, seconds=HOUR + 1)) == {"a"}


def test_a_job_that_says_nothing_is_taken_to_run_a_day():
    assert starts([a_queue("q", 64)], asks("a", 1, seconds=None)) == set()
    assert starts([a_queue("q", 64, start=NOW + 25 * HOUR)], asks("a", 1, seconds=None)) == {"a"}


def test_who_goes_on_after_a_failure_is_kept_from_nothing_it_had():
    had = Footprint("pool-h100", (("n000", 1), ("n001", 1)))
    broken = replace(asks("a", 2), recovering=True)
    assert starts([a_queue("q", 64)], broken) == {"a"}
    assert starts([a_queue("q", 64)], replace(broken, before=had)) == {"a"}
    assert starts([a_queue("q", 64)], replace(asks("a", 2), before=had)) == {"a"}, "it changed its size"
    assert starts([a_queue("q", 64)], replace(asks("a", 3), before=had)) == set(), "one more than it had"


def test_bookings_of_several_queues_add_up_and_those_of_one_tree_do_not():
    apart = [a_queue("p", 24), a_queue("q", 24)]
    below = [a_queue("p", 24), a_queue("q", 24, "p")]
    assert starts(apart, asks("a", 3)) == set()
    assert starts(below, asks("a", 5)) == {"a"}


def test_a_queue_below_starts_into_what_the_one_above_it_has_booked():
    queues = [a_queue("p", 64), QueueSpec("team", "p"), QueueSpec("other")]
    assert starts(queues, asks("a", 4, "team"), asks("b", 4, "other")) == {"a"}


def test_what_the_queue_itself_holds_is_not_kept_free_once_more():
    assert starts([a_queue("q", 32)], asks("own", 4, "q"), asks("a", 4)) == {"own", "a"}


def test_a_booking_of_a_model_that_is_not_there_keeps_nobody_away():
    queue = QueueSpec("q", calendar=(Booking("b", "amd-mi300x", 64, NOW + 1, HOUR),))
    assert starts([queue], asks("a", 8)) == {"a"}


@pytest.mark.parametrize(
    "queues",
    [
        [a_queue("q", 64, "dept"), QueueSpec("dept", quotas=(Quota(H100, limit=8),))],
        [replace(a_queue("q", 64), quotas=(Quota(ANY_MODEL, limit=8),))],
        [replace(a_queue("q", 64), quotas=(Quota(ANY_MODEL, limit=16),), rates=((H100, 2.0),))],
    ],
)
def test_nothing_is_kept_free_that_limits_keep_a_queue_from_taking(queues: list[QueueSpec]):
    assert starts(queues, asks("a", 7)) == {"a"}
    assert starts(queues, asks("a", 8)) == set()


def test_nodes_that_take_no_new_work_are_not_counted_as_left():
    state = a_snapshot(a_pool(leaves=2, nodes=4)).state.copy()
    state[0] = NodeState.CORDONED
    assert starts([a_queue("q", 48)], asks("a", 2), state=state) == set()
    assert starts([a_queue("q", 48)], asks("a", 1), state=state) == {"a"}


def test_a_cycle_is_due_when_a_window_opens_and_when_it_closes():
    view = replace(a_snapshot(a_pool(leaves=2, nodes=4)), queues=(a_queue("q", 8),))
    assert [run_cycle(view, Policy(), at).due for at in (NOW, NOW + HOUR, NOW + 2 * HOUR)] == [
        NOW + HOUR,
        NOW + 2 * HOUR,
        None,
    ]


def test_the_sentence_stays_while_the_clock_goes_on():
    view = replace(
        a_snapshot(a_pool(leaves=2, nodes=4), gangs=[asks("a", 8)]),
        queues=(a_queue("q", 8, every=24 * HOUR),),
    )
    said = [run_cycle(view, Policy(), NOW + second).decisions[0] for second in (0, 60, 600)]
    assert {one.message for one in said if isinstance(one, Wait)} == {said[0].message}


def test_being_gone_in_time_is_a_way_out_for_who_would_still_be_there():
    booked = replace(a_snapshot(a_pool(leaves=2, nodes=4)), queues=(a_queue("q", 64),))
    assert [way.change for way in ways_out(booked, asks("a", 1, seconds=None), Policy(), NOW + 30)] == [
        "with spec.expectedDuration: 59m"
    ]
    open_to_all = replace(booked, queues=())
    assert [way.change for way in ways_out(open_to_all, asks("a", 9), Policy(), NOW)] == ["with workers: 8"]


def test_who_declares_half_of_what_it_takes_is_offered_half_of_what_is_left():
    booked = replace(a_snapshot(a_pool(leaves=2, nodes=4)), queues=(a_queue("q", 64),))
    expected = Expectation(2 * HOUR, Source.DECLARED, 0.9, percent_of_declared=200)
    gang = replace(asks("a", 1), expected=expected)
    assert [way.change for way in ways_out(booked, gang, Policy(), NOW + 30)] == [
        "with spec.expectedDuration: 29m"
    ]


def test_who_only_shrinks_for_a_gang_gives_what_it_does_not_keep():
    base = a_snapshot(a_pool(leaves=2, nodes=2))
    elastic = replace(asks("e", 2, seconds=None), sizes=(2, 1))
    first = replace(asks("f", 1, seconds=None), priority=50)
    there = [
        running(elastic, ["n000", "n002"], base, ends=NOW + 30 * HOUR),
        running(first, ["n003"], base, ends=NOW + 30 * HOUR),
    ]
    waits = replace(a_gang(2, name="h", required="leaf"), priority=10, expected=asks("", 1).expected)
    booked = {8: False, 0: True}
    for accelerators, promised in booked.items():
        queues = (a_queue("q", accelerators),) if accelerators else ()
        view = replace(with_running(base, *there), queues=(*queues, QueueSpec("default")), gangs=(waits,))
        (told,) = [one for one in run_cycle(view, Policy(), NOW).decisions if isinstance(one, Wait)]
        smaller = told.promise.smaller if told.promise is not None else None
        assert smaller == ((("uid-e", 1),) if promised else None)


def test_small_bookings_every_hour_hide_no_large_one_at_the_end_of_the_day():
    small = tuple(Booking(f"s{at}", H100, 1, NOW + 60 + at, 60.0, every=HOUR) for at in range(12))
    queues = [QueueSpec("small", calendar=small), a_queue("large", 64, start=NOW + 20 * HOUR)]
    assert starts(queues, asks("a", 4, seconds=None)) == set()
    assert starts(queues, asks("a", 4, seconds=20 * HOUR)) == {"a"}


def test_who_holds_what_he_has_booked_hides_no_booking_of_another_as_large():
    queues = [
        a_queue("day", 32),
        a_queue("night", 40, start=NOW + 3 * HOUR),
        QueueSpec("tiny", calendar=tuple(Booking(f"t{at}", H100, 1, NOW + at, 1.0) for at in range(1, 200))),
    ]
    assert starts(queues, asks("own", 4, "day", seconds=2 * HOUR), asks("a", 4)) == {"own"}


def test_a_booking_of_more_than_can_be_added_up_hides_none_that_can():
    queues = [a_queue("huge", 1 << 62, start=NOW + 60.0, duration=60.0), a_queue("q", 64)]
    assert starts(queues, asks("a", 4, "huge")) == set()


def many(queues: int, each: int) -> tuple[QueueSpec, ...]:
    """Queues that have booked something every day at times of their own."""
    return tuple(
        QueueSpec(
            f"q{queue:03}",
            calendar=tuple(
                Booking(
                    f"b{at}", H100, 1, NOW + 60 + (queue * 37 + at * 911) % 86_400, 1_800.0, every=86_400.0
                )
                for at in range(each)
            ),
        )
        for queue in range(queues)
    )


def test_a_line_before_a_full_cluster_has_windows_listed_a_few_times_whatever_its_length(
    monkeypatch: pytest.MonkeyPatch,
):
    listed: list[float] = []
    moments: list[float] = []
    since, init = ModelBookings.since, Moment.__init__

    def counted(diary: ModelBookings, base: float) -> Agenda:
        listed.append(base)
        return since(diary, base)

    def made(moment: Moment, at: float, *rest: Any) -> None:
        moments.append(at)
        init(moment, at, *rest)

    monkeypatch.setattr(ModelBookings, "since", counted)
    monkeypatch.setattr(Moment, "__init__", made)
    base = a_snapshot(a_pool(leaves=4, nodes=10))
    full = [
        running(asks(f"v{at}", 1), [f"n{at:03}"], base, ends=NOW + 1_800.0 * (1 + at)) for at in range(40)
    ]
    line = [asks(f"g{at}", 1 + at % 4, seconds=HOUR * (1 + at % 9)) for at in range(32)]
    view = replace(with_running(base, *full), queues=(*many(20, 4), QueueSpec("default")), gangs=tuple(line))
    run_cycle(view, Policy(), NOW)
    assert 1 <= len(listed) <= 16
    assert len(moments) == len(set(moments)) <= 256


@pytest.mark.parametrize("seed", range(20))
def test_arrays_of_bookings_say_what_the_calendar_says_of_each(seed: int):
    draw = Random(seed)
    booked = []
    for at in range(12):
        lasts = draw.choice([1.0, 1_800.0, HOUR, 90_000.0])
        every = draw.choice([None, lasts, lasts + 1.0, 7 * 86_400.0])
        start = NOW + draw.choice([-1, 1]) * draw.randrange(300_000)
        until = draw.choice([None, start + draw.randrange(1, 900_000)])
        booked.append(
            Booked(f"q{at % 5}", Booking(f"b{at}", H100, 1 + at, start, lasts, every, until), 1 + at)
        )
    diary = ModelBookings(booked)
    for at in [NOW, *(NOW + draw.randrange(900_000) for _ in range(50))]:
        for own in (set(), {"q0"}, {"q1", "q3"}, {"q0", "q1", "q2", "q3", "q4", "other"}):
            others = [one for one in booked if one.queue not in own and in_force(one.booking, at)]
            opened = [(one, window(one.booking, at)) for one in others]
            oldest = min(opened, key=lambda each: each[1].start, default=None)
            assert diary.longest(at, own) == oldest
        nexts = {following(one.booking, at) for one in booked} - {None}
        assert {one.start for one in nexts if one} <= set(diary.since(at).times.tolist())


@pytest.mark.parametrize(
    "when",
    [
        {"start": LAST, "duration": 3.6e9},
        {"start": NOW + 1, "duration": 1.0, "every": 1.0},
        {"start": NOW + 1, "duration": 3.6e9, "every": 3.6e9},
        {"start": NOW - 3.6e9, "duration": 1.0, "every": 3.6e9, "until": LAST},
        {"start": NOW + 1, "duration": 1.0, "until": NOW},
    ],
)
@pytest.mark.parametrize("accelerators", [1, 64, 1 << 62])
@pytest.mark.parametrize("preemption", [*Preemption])
def test_no_numbers_of_a_booking_end_a_cycle(
    when: dict[str, float], accelerators: int, preemption: Preemption
):
    queue = a_queue("q", accelerators, **when)
    gangs = [asks("a", 4), asks("b", 8, "q"), asks("c", 2, seconds=3.6e9), asks("d", 1, seconds=None)]
    for backfill in Backfill:
        view = replace(
            a_snapshot(a_pool(leaves=2, nodes=4), gangs=gangs),
            queues=(queue,),
            manners=Manners(backfill, preemption),
        )
        assert len(run_cycle(view, Policy(), NOW).decisions) == len(gangs)


def test_an_elastic_gang_is_gone_at_its_bound_whatever_size_it_gets():
    queues = [a_queue("q", 64, start=NOW + 3 * HOUR)]
    bounded = Expectation(2 * HOUR, Source.BOUND, 0.9, 2 * HOUR)
    gang = replace(asks("a", 16), sizes=(16, 8, 4), expected=bounded)
    assert starts(queues, gang) == {"a"}
    assert starts(queues, replace(gang, expected=replace(bounded, at_most=None))) == set(), (
        "four hours at half its size"
    )


def test_who_has_another_bound_is_not_taken_to_fail_like_another():
    queues = [a_queue("q", 64, start=NOW + 3 * HOUR)]
    first = replace(asks("a", 16, seconds=2 * HOUR), sizes=(16, 8))
    second = replace(asks("b", 16, seconds=2 * HOUR), sizes=(16, 8))
    assert second.expected is not None
    second = replace(second, expected=replace(second.expected, at_most=2 * HOUR))
    assert starts(queues, first, second) == {"b"}
