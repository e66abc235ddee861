"""Bookings: when each is in force, and what is guaranteed to a queue then."""

from __future__ import annotations

import pytest

from crosstree.base.clock import LAST
from crosstree.core.booked import booked_by, effective, next_turn, promised
from crosstree.core.calendar import Booking, State, Window, following, in_force, standing, turn, window
from crosstree.core.queues import ANY_MODEL, QueueSpec, Quota

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
    assert booked_by(queue, START) == {H100: 48}


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
    assert promised(queues, H100, START) == (72, 88)
    assert promised(queues, H100, START - 1) == (0, 16)
