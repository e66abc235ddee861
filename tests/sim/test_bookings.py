"""Bookings in replays of traces: the same calendar, the same code, and time that jumps."""

from __future__ import annotations

import numpy as np
import pytest

from crosstree.core.calendar import Booking
from crosstree.core.manners import Manners, Preemption
from crosstree.core.queues import QueueSpec
from crosstree.sim.inventory import Inventory
from crosstree.sim.replay import Outcome, Replay, Scenario
from crosstree.sim.traces.jobs import Entry, columns

HOUR = 3_600.0


def played(nodes: Inventory, *entries: Entry, booking: Booking, **more: object) -> Outcome:
    queues = (QueueSpec("show", calendar=(booking,)),)
    return Replay(Scenario(nodes, columns(entries, {}), queues=queues, window=0.0, **more)).run()  # type: ignore[arg-type]


def test_a_replay_keeps_what_is_booked_and_fills_the_time_before(small: Inventory) -> None:
    """Three of four nodes from the second hour on, for an hour: one is left to who stays longer."""
    booking = Booking("b", "v100", 24, 2 * HOUR, HOUR)
    outcome = played(
        small,
        Entry("long", 0, 9 * HOUR, 1, 8),
        Entry("wide", 1, 3 * HOUR, 3, 8),
        Entry("short", 2, HOUR, 3, 8),
        Entry("show", 2 * HOUR - 60, HOUR, 3, 8, queue="show"),
        booking=booking,
    )
    began = dict(zip(("long", "wide", "short", "show"), outcome.books.began.tolist(), strict=True))
    assert began == {"long": 0.0, "short": 2.0, "show": 2 * HOUR - 60, "wide": 3 * HOUR - 60}
    assert outcome.books.preempted.sum() == 0


@pytest.mark.parametrize("preemption", [*Preemption])
def test_a_replay_ends_with_a_job_for_which_no_time_between_bookings_is_long_enough(
    small: Inventory, preemption: Preemption
) -> None:
    booking = Booking("b", "v100", 8, HOUR, HOUR, 2 * HOUR)
    outcome = played(
        small, Entry("never", 0, 50 * HOUR, 4, 8), booking=booking, manners=Manners(preemption=preemption)
    )
    assert np.isnan(outcome.books.began).all() and outcome.progress.waiting == 1
    assert outcome.progress.steps < 1_000
