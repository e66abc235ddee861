"""Bookings under random histories: what is booked is there when its window opens, whoever came before."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from crosstree.core.calendar import Booking, following, in_force, window
from crosstree.core.expect import at_size, or_assumed
from crosstree.core.manners import Backfill, Preemption
from crosstree.core.queues import QueueSpec
from crosstree.core.running import Running
from tests.scenarios.stage import H100, HOUR, MINUTE, NOW, Stage

NODES = 6
ALL = 8 * NODES
OWNERS = ("demo", "show")


@st.composite
def calendars(draw: st.DrawFn, most: int) -> tuple[QueueSpec, ...]:
    """One or two queues that have booked no more together than that many nodes."""
    first = draw(st.integers(1, most))
    counts = [first, *([draw(st.integers(1, most - first))] if first < most and draw(st.booleans()) else [])]
    queues = []
    for name, count in zip(OWNERS, counts, strict=False):
        duration = draw(st.sampled_from([HOUR, 3 * HOUR]))
        every = draw(st.sampled_from([None, 4 * HOUR, 24 * HOUR]))
        start = NOW + draw(st.integers(1, 10)) * 30 * MINUTE
        queues.append(QueueSpec(name, calendar=(Booking("b", H100, 8 * count, start, duration, every),)))
    return tuple(queues)


jobs = st.fixed_dictionaries(
    {
        "workers": st.integers(1, NODES),
        "devices": st.sampled_from([8, 8, 4, 2]),
        "runs": st.integers(1, 60).map(lambda tens: tens * 10 * MINUTE),
        "says": st.sampled_from([1.0, 1.0, 2.0, 0.4, None]),
        "queue": st.sampled_from(["default", "default", "team", *OWNERS]),
        "priority": st.sampled_from([0, 0, 5]),
        "elastic": st.booleans(),
    }
)
History = list[tuple[int, dict[str, object]]]
histories = st.lists(st.tuples(st.integers(0, 60), jobs), min_size=1, max_size=25)


def overruns(one: Running, now: float) -> bool:
    """Say whether a gang runs for longer than was expected of it when it started."""
    return now >= one.began + or_assumed(at_size(one.gang.expected, one.gang.workers, one.workers)).seconds


def check(stage: Stage, at: float) -> None:
    """Look at the cluster at the end of the second before a window opens."""
    queues = stage.snapshot.queues
    counts = {queue.name: one.accelerators for queue in queues for one in queue.calendar if in_force(one, at)}
    held = dict.fromkeys(("default", "team", *OWNERS), 0)
    for one in stage.snapshot.running:
        if one.ends > at and not one.leaving and not overruns(one, stage.clock.now()):
            held[one.gang.queue] += one.devices
    opening = {
        queue.name
        for queue in queues
        for one in queue.calendar
        if queue.name in counts and (found := window(one, at)) and found.start == at
    }
    for owner, count in counts.items():
        if owner not in opening:
            continue  # what was lent while its window is open, it gets back
        # What others hold beyond what they have booked themselves has to fit in beside all that is booked.
        beyond = sum(max(held[name] - counts.get(name, 0), 0) for name in held if name != owner)
        others = sum(counts[name] for name in counts if name != owner)
        assert beyond <= ALL - count - others, f"{owner} has booked {count} of {ALL}; held: {held}"


def live(stage: Stage, history: History) -> None:
    """Let a history happen and look at every beginning of a window."""
    bookings = [one for queue in stage.snapshot.queues for one in queue.calendar]

    def pass_by(seconds: float) -> None:
        until = stage.clock.now() + seconds
        while True:
            coming = [found.start for one in bookings if (found := following(one, stage.clock.now()))]
            at = min(coming, default=until + 1)
            if at > until:
                break
            stage.after(at - 0.5 - stage.clock.now())
            check(stage, at)
            stage.after(0.5)
        stage.after(until - stage.clock.now())

    for number, (minutes, job) in enumerate(history):
        pass_by(minutes * MINUTE)
        asks = dict(job)
        if asks.pop("elastic") and asks["workers"] > 1:
            asks["sizes"] = (asks["workers"], 1)
        stage.submit(f"j{number}", **asks)
    pass_by(12 * HOUR)


@settings(max_examples=25, deadline=None)
@given(calendars(NODES), histories, st.sampled_from([*Backfill]), st.sampled_from([*Preemption]))
def test_what_is_booked_is_free_or_its_owners_or_overrun_when_a_window_opens(
    queues: tuple[QueueSpec, ...],
    history: History,
    backfill: Backfill,
    preemption: Preemption,
) -> None:
    live(Stage(leaves=2, nodes=NODES // 2, queues=queues, backfill=backfill, preemption=preemption), history)
