"""What is charged to budgets is what was held, whatever happens to whoever charges."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from hypothesis import given, settings
from hypothesis import strategies as st

from crosstree.core.budgets import HOUR, IN_FLIGHT, Charged, Stint, charge, period_at, settle
from crosstree.core.queues import ANY_MODEL, Budget, QueueSpec
from tests.scenarios.stage import H100, NOW, Stage

T0 = 1_700_000_000.0
MODELS = ("h100", "mi300")
RATES = {"mi300": 0.5}
EXAMPLES = settings(max_examples=200)


@dataclass(frozen=True)
class Step:
    """Time passes, gangs come and go, and the operator looks, is killed, or loses what it wrote."""

    seconds: int
    what: str
    devices: int
    model: str


STEPS = st.lists(
    st.builds(
        Step,
        st.integers(0, 900),
        st.sampled_from(("start", "end", "look", "look", "lost", "delete")),
        st.integers(1, 64),
        st.sampled_from(MODELS),
    ),
    max_size=40,
)
BUDGETS = st.builds(
    Budget,
    st.sampled_from((*MODELS, ANY_MODEL)),
    st.just(1e6),
    st.integers(-2000, 2000).map(lambda one: T0 + one),
    st.none() | st.sampled_from((60.0, 700.0, 3600.0)),
)


def area(stints: list[Stint], budget: Budget, begin: float, end: float) -> float:
    """Accelerator-seconds, second by second and so by another way than the code's: whole seconds are exact."""
    total = 0.0
    for one in stints:
        if budget.model in (ANY_MODEL, one.model):
            rate = RATES.get(one.model, 1.0) if budget.model == ANY_MODEL else 1.0
            held = range(int(max(one.began, begin)), int(min(one.ended, end)))
            total += rate * one.devices * len(held)
    return total


@EXAMPLES
@given(steps=STEPS, budget=BUDGETS)
def test_the_sum_charged_is_the_area_under_what_was_held_through_restarts_and_periods(
    steps: list[Step], budget: Budget
) -> None:
    now = T0
    truth: list[Stint] = []
    told: list[Stint] = []
    stored: tuple[Charged, ...] = ()
    for step in steps:
        now += step.seconds
        running = [one for one in told if math.isinf(one.ended)]
        match step.what:
            case "start":
                truth.append(Stint("q", step.model, step.devices, now))
                told.append(truth[-1])
            case "end" | "delete" if running:
                ended = replace(running[0], ended=now)
                truth[truth.index(running[0])] = ended
                told[told.index(running[0])] = ended
            case "look" | "lost":
                found = settle("q", (budget,), stored, told, RATES, now)
                # A kill before the answer: what was stored stays, and the next one begins from it.
                if step.what == "look":
                    stored = found.charged
                    paid = min((one.until for one in stored), default=-math.inf)
                    # Who is charged for may be deleted; who is not, is remembered by its status.
                    told = [one for one in told if one.ended > paid]
        for row in stored:
            period = period_at(budget, row.until)
            assert period is not None and row.since == period.start
            expected = area(truth, budget, row.since, row.until)
            assert math.isclose(row.used, expected, abs_tol=1e-3), step
    # And what a cycle takes to be used now is the same, however much of it is stored.
    known = stored[0] if stored else None
    fresh = charge(budget, "q", known, told, RATES, now)
    if fresh is not None:
        assert math.isclose(fresh.used, area(truth, budget, fresh.since, fresh.until), abs_tol=1e-3)


@EXAMPLES
@given(steps=STEPS, budget=BUDGETS)
def test_looking_again_when_asked_to_leaves_nothing_uncharged(steps: list[Step], budget: Budget) -> None:
    """Who looks only when `again` says so has charged every ended run in time, and never writes without reason."""
    now = T0
    told: list[Stint] = []
    stored: tuple[Charged, ...] = ()
    for step in steps:
        until = now + step.seconds
        for _ in range(100):
            found = settle("q", (budget,), stored, told, RATES, now)
            stored = found.charged
            assert found.again > now
            if found.again > until:
                break
            now = found.again
        now = until
        if step.what == "start":
            told.append(Stint("q", step.model, step.devices, now))
        elif told and math.isinf(told[-1].ended):
            told[-1] = replace(told[-1], ended=now)
    now += 2 * IN_FLIGHT + 2
    done = settle("q", (budget,), stored, told, RATES, now)
    for row in done.charged:
        mine = [one for one in told if budget.model in (ANY_MODEL, one.model)]
        assert all(one.ended <= row.until for one in mine if one.ended <= now - IN_FLIGHT - 1)
        again = settle("q", (budget,), done.charged, told, RATES, now)
        assert again.charged == done.charged


@dataclass(frozen=True)
class Asked:
    """A job that somebody submits."""

    queue: str
    workers: int
    hours: int
    wait: int
    elastic: bool


ASKED = st.lists(
    st.builds(
        Asked,
        st.sampled_from(("group", "team-a", "team-b", "else")),
        st.integers(1, 4),
        st.integers(1, 6),
        st.integers(0, 3),
        st.booleans(),
    ),
    max_size=12,
)


@settings(max_examples=40, deadline=None)
@given(asked=ASKED, whole=st.integers(0, 300), part=st.integers(0, 300), restarts=st.sets(st.integers(0, 11)))
def test_who_says_how_long_his_jobs_run_never_uses_more_than_there_is(
    asked: list[Asked], whole: int, part: int, restarts: set[int]
) -> None:
    """Of the group, of each team below it, and of nobody else; whoever asks later and however often all begins anew."""
    hours = {"group": whole, "team-a": part}
    tree = (
        QueueSpec("group", budgets=(Budget(ANY_MODEL, whole * HOUR, NOW),)),
        QueueSpec("team-a", "group", budgets=(Budget(H100, part * HOUR, NOW),)),
        QueueSpec("team-b", "group"),
    )
    stage = Stage(leaves=2, nodes=4, queues=tree)
    for number, one in enumerate(asked):
        sizes = tuple(range(one.workers, 0, -1)) if one.elastic and one.workers > 1 else ()
        stage.submit(f"j{number}", workers=one.workers, runs=one.hours * HOUR, queue=one.queue, sizes=sizes)
        if number in restarts:
            stage.restart_operator()
        stage.after(one.wait * HOUR)
    stage.after(400 * HOUR)
    used = dict.fromkeys(hours, 0.0)
    for number, one in enumerate(asked):
        ran = f"j{number}" in stage.finished
        assert ran or stage.started(f"j{number}") is None, "whoever starts is let come to its end"
        for name in ("group", *((one.queue,) if one.queue == "team-a" else ())) if ran else ():
            if one.queue != "else":
                used[name] += 8 * one.workers * one.hours
    assert all(used[name] <= hours[name] for name in hours), (used, hours)
    assert all(f"j{number}" in stage.finished for number, one in enumerate(asked) if one.queue == "else")
