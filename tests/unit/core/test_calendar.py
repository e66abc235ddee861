"""Bookings: when each is in force, and what is guaranteed to a queue then."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crosstree.base.clock import LAST
from crosstree.core.booked import booked_by, claims, effective, next_turn, outstanding
from crosstree.core.calendar import Booking, State, Window, following, in_force, standing, turn, window
from crosstree.core.diary import Diary
from crosstree.core.fairshare import guarantees_of, rates_of
from crosstree.core.queues import ANY_MODEL, QueueSpec, Quota
from crosstree.core.queuetree import tree_of

H100, MI300X = "nvidia-h100-sxm", "amd-mi300x"
START, HOUR, DAY = 1_000_000.0, 3_600.0, 86_400.0


def a_booking(
    accelerators: int = 64, *, name: str = "b", model: str = H100, start: float = START, **more
) -> Booking:
    return Booking(name, model, accelerators, start, **{"duration": 8 * HOUR, **more})


ONCE = a_booking()
DAILY = a_booking(every=DAY)
THRICE = a_booking(every=DAY, until=START + 3 * DAY)


@pytest.mark.parametrize(
    ("at", "found"),
    [(START - 1, False), (START, True), (START + 8 * HOUR - 1, True), (START + 8 * HOUR, False)],
)
def test_a_window_begins_with_its_first_second_and_is_over_at_its_end(at: float, found: bool):
    assert in_force(ONCE, at) is found
    assert in_force(DAILY, at + 5 * DAY) is found


def test_the_window_that_is_open_is_told_else_the_next():
    assert window(DAILY, START - 9 * DAY) == Window(START, START + 8 * HOUR)
    assert window(DAILY, START + 2 * DAY) == Window(START + 2 * DAY, START + 2 * DAY + 8 * HOUR)
    assert window(DAILY, START + 8 * HOUR) == Window(START + DAY, START + DAY + 8 * HOUR)
    assert window(ONCE, START + 8 * HOUR) is None


def test_a_window_that_begins_before_the_last_day_is_kept_to_its_end():
    last = Window(START + 2 * DAY, START + 2 * DAY + 8 * HOUR)
    assert window(THRICE, last.end - 1) == last
    assert window(THRICE, last.end) is None
    assert in_force(a_booking(until=START + 1), START + 7 * HOUR)


def test_windows_that_follow_each_other_without_a_gap_are_open_without_one():
    always = a_booking(duration=DAY, every=DAY)
    assert all(in_force(always, START + number * DAY / 3) for number in range(30))
    assert turn(always, START + DAY) == START + 2 * DAY
    assert following(always, START) == Window(START + DAY, START + 2 * DAY)


def test_what_comes_next_is_always_later_than_now():
    seen, at = [], START - 1
    while (found := turn(THRICE, at)) is not None:
        assert found > at
        seen.append(found)
        at = found
    assert seen == [START + day * DAY + hours * HOUR for day in range(3) for hours in (0, 8)]


def test_a_booking_stands_as_upcoming_open_or_ended_with_the_times_that_belong_to_it():
    assert standing(THRICE, START - 1) == (State.UPCOMING, Window(START, START + 8 * HOUR))
    assert standing(THRICE, START) == (State.OPEN, Window(START, START + 8 * HOUR))
    last = Window(START + 2 * DAY, START + 2 * DAY + 8 * HOUR)
    assert standing(THRICE, START + 99 * DAY) == (State.ENDED, last)
    assert standing(ONCE, START + DAY) == (State.ENDED, Window(START, START + 8 * HOUR))


@pytest.mark.parametrize(
    "one",
    [
        a_booking(start=LAST),
        a_booking(start=LAST, every=1e9, duration=1e9),
        a_booking(duration=3.6e9, every=3.6e9),
        a_booking(every=1.0, duration=1.0, until=LAST),
        a_booking(until=0.0),
        a_booking(start=-6e10, every=1.0, duration=1.0),
    ],
)
@pytest.mark.parametrize("now", [0.0, START + 0.5, LAST - 1, LAST, LAST + 3.6e9, 1e15])
def test_no_numbers_of_a_booking_are_too_large_to_answer_for(one: Booking, now: float):
    state, told = standing(one, now)
    assert (state is State.OPEN) is in_force(one, now)
    assert told.end > told.start
    assert (following(one, now) or Window(now + 1, 0)).start > now


def test_a_booking_raises_a_guarantee_and_never_lowers_one():
    queue = QueueSpec(
        "q", quotas=(Quota(H100, 16, 128), Quota(MI300X, 8)), calendar=(ONCE, a_booking(4, name="c"))
    )
    (raised,) = effective((queue,), START)
    assert raised.quotas == (Quota(MI300X, 8), Quota(H100, 64, 128))
    assert effective((queue,), START - 1) == (queue,)
    large = QueueSpec("q", quotas=(Quota(H100, 100),), calendar=(ONCE,))
    assert effective((large,), START)[0].quotas == large.quotas


def test_a_booking_gives_no_more_than_the_limit_of_its_queue_allows():
    queue = QueueSpec("q", quotas=(Quota(H100, 0, 48),), calendar=(ONCE,))
    assert booked_by(queue, START, {}) == {H100: 48}


@pytest.mark.parametrize(
    ("queues", "most"),
    [
        ((QueueSpec("q", quotas=(Quota(ANY_MODEL, 0, 8),)),), 8),
        ((QueueSpec("q", quotas=(Quota(ANY_MODEL, 0, 8),), rates=((H100, 2.0),)),), 4),
        ((QueueSpec("q", "dept"), QueueSpec("dept", quotas=(Quota(H100, 0, 16),))), 16),
        ((QueueSpec("q", "dept"), QueueSpec("dept", quotas=(Quota(MI300X, 0, 16),))), 64),
        (
            (
                QueueSpec("q", "team", quotas=(Quota(H100, 0, 48),)),
                QueueSpec("team", "dept", quotas=(Quota(ANY_MODEL, 0, 10),)),
                QueueSpec("dept", rates=((H100, 0.25),)),
            ),
            40,
        ),
        ((QueueSpec("q", "q", quotas=(Quota(H100, 0, 24),)),), 24),
    ],
)
def test_a_booking_gives_no_more_than_any_limit_above_its_queue_allows(
    queues: tuple[QueueSpec, ...], most: int
):
    first, *others = queues
    booked = (replace(first, calendar=(ONCE,)), *others)
    assert booked_by(booked[0], START, {one.name: one for one in booked}) == {H100: most}
    assert {quota.model: quota.guaranteed for quota in effective(booked, START)[0].quotas}[H100] == most


def test_queues_without_bookings_in_force_are_the_same_object():
    queues = (QueueSpec("a"), QueueSpec("q", calendar=(ONCE,)))
    assert effective(queues, START - 1) is queues
    assert next_turn(queues, START - 1) == START
    assert next_turn(queues[:1], START) is None


def test_what_is_promised_counts_the_bookings_of_a_tree_once():
    queues = (
        QueueSpec("dept", calendar=(a_booking(64),)),
        QueueSpec("team", "dept", calendar=(a_booking(48),)),
        QueueSpec("other", calendar=(a_booking(8),), quotas=(Quota(ANY_MODEL, 100),)),
        QueueSpec("sure", quotas=(Quota(H100, 16),)),
        QueueSpec("lost", "nobody", calendar=(a_booking(500),)),
    )
    diary = Diary(queues)
    assert diary.promised(H100, START) == diary.promised(H100, START) == (72, 88)
    assert diary.promised(H100, START - 1) == (0, 16)
    assert diary.promised(MI300X, START) == (0, 0)


TIMES = st.integers(0, 48).map(lambda half: START + half * HOUR / 2)


@st.composite
def some_bookings(draw: st.DrawFn) -> tuple[Booking, ...]:
    found = []
    for number in range(draw(st.integers(0, 3))):
        duration = draw(st.sampled_from([0.1, 1800.0, 3 * HOUR]))
        every = draw(st.sampled_from([None, duration, duration + 0.1, duration + 5 * HOUR]))
        until = draw(st.none() | TIMES)
        model = draw(st.sampled_from([H100, MI300X]))
        start = draw(TIMES | st.just(LAST))
        found.append(Booking(f"b{number}", model, draw(st.integers(1, 64)), start, duration, every, until))
    return tuple(found)


@st.composite
def some_queues(draw: st.DrawFn) -> tuple[QueueSpec, ...]:
    names = ("a", "b", "c", "d", "e")
    amounts = st.integers(0, 40)
    return tuple(
        QueueSpec(
            name,
            draw(st.sampled_from(["", *names, "nobody"])),
            quotas=tuple(
                Quota(model, draw(amounts), draw(st.none() | amounts))
                for model in draw(st.sets(st.sampled_from([ANY_MODEL, H100, MI300X])))
            ),
            rates=((H100, draw(st.sampled_from([0.5, 1.0, 3.0]))),) if draw(st.booleans()) else (),
            calendar=draw(some_bookings()),
        )
        for name in names
    )


@settings(max_examples=60, deadline=None)
@given(some_queues(), TIMES | st.floats(0.0, 3.0e11))
def test_a_diary_says_what_the_tree_made_anew_says(queues: tuple[QueueSpec, ...], at: float):
    diary, raised = Diary(queues), effective(queues, at)
    assert diary.effective(at) == raised
    assert diary.turn({"a", "c"}, at) == next_turn((one for one in queues if one.name in "ac"), at)
    tree = tree_of(raised)
    guarantees = guarantees_of(tree, rates_of(tree))
    for model in (H100, MI300X):
        booked = outstanding(claims(tree_of(queues), model, at), {}, ())
        all_of = sum(guarantees[name].models.get(model, 0) for name in tree.specs if not tree.parents[name])
        assert diary.promised(model, at) == (booked, all_of)


def test_queues_without_bookings_in_force_are_the_same_object_in_a_diary():
    queues = (QueueSpec("a"), QueueSpec("q", calendar=(ONCE,)))
    assert Diary(queues).effective(START - 1) is queues
    assert Diary(()).effective(START) == ()
    assert Diary(()).promised(H100, START) == (0, 0)
