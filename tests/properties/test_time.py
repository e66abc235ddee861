"""What holds of reservations whatever comes: nobody is delayed by who came later, and the large do not starve."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from crosstree.core.cycle import run_cycle
from crosstree.core.desk import open_desk
from crosstree.core.manners import Backfill, Manners, Preemption
from crosstree.core.patience import AT_LEAST
from crosstree.core.plan import Place
from crosstree.core.policy import Policy
from crosstree.core.refused import Refused
from crosstree.core.start import start
from tests.support.builders.core import a_gang, a_pool, a_snapshot
from tests.support.virtual_time import History, Work, declared, live

EXAMPLES = settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
NODES = 8
BIG = "default/a-big"
EASY = Manners(backfill=Backfill.EASY, preemption=Preemption.NEVER)
CONSERVATIVE = Manners(backfill=Backfill.CONSERVATIVE, preemption=Preemption.NEVER)
RESERVING = st.sampled_from([EASY, CONSERVATIVE])


@st.composite
def small_works(draw: st.DrawFn, factor: float = 1.0) -> list[Work]:
    """Draw jobs of up to half the cluster; each runs up to `factor` times as long as declared, or as short."""
    works = []
    for index in range(draw(st.integers(4, 14))):
        gang = a_gang(draw(st.integers(1, 4)), draw(st.sampled_from((2, 4, 8, 8))), name=f"w{index}")
        runs = float(draw(st.integers(1, 40)) * 25)
        told = runs if factor == 1.0 else max(runs * draw(st.floats(1 / factor, factor)), 1.0)
        required = draw(st.sampled_from(("", "", "leaf")))
        works.append(
            Work(
                replace(gang, required=required, expected=declared(told)),
                runs,
                float(draw(st.integers(0, 60)) * 20),
            )
        )
    return works


def with_the_big_one(works: list[Work], at: float) -> list[Work]:
    """Add a gang over the whole cluster that goes before all that wait: who stays behind can only backfill."""
    big = replace(a_gang(NODES, 8, name="a-big"), priority=10, expected=declared(300.0))
    return [*works, Work(big, 300.0, at)]


def run(works: list[Work], manners: Manners) -> History:
    return live(a_snapshot(a_pool(leaves=2, nodes=NODES // 2)), works, manners)


@EXAMPLES
@given(small_works(), st.integers(0, 60), RESERVING)
def test_the_largest_gang_starts_no_later_than_it_was_told_first(
    works: list[Work], at: int, manners: Manners
) -> None:
    history = run(with_the_big_one(works, at * 20.0), manners)
    assert history.starts[BIG] <= max(history.first(BIG) if BIG in history.told else 0.0, at * 20.0)
    assert len(history.starts) == len(works) + 1


@EXAMPLES
@given(small_works(factor=8.0), st.integers(0, 60), RESERVING)
def test_with_wrong_durations_the_largest_gang_starts_within_the_bound(
    works: list[Work], at: int, manners: Manners
) -> None:
    history = run(with_the_big_one(works, at * 20.0), manners)
    assert len(history.starts) == len(works) + 1
    if BIG in history.told:
        told_at, first = history.told[BIG][0][0], history.told[BIG][0][1].start
        longest = max(work.runs for work in works)
        assert history.starts[BIG] <= first + (first - told_at) + AT_LEAST + longest


@EXAMPLES
@given(small_works())
def test_without_newcomers_everybody_starts_when_it_was_told_first(works: list[Work]) -> None:
    history = run([replace(work, at=0.0) for work in works], CONSERVATIVE)
    assert len(history.starts) == len(works)
    assert {key: told[0][1].start for key, told in history.told.items()} == {
        key: history.starts[key] for key in history.told
    }


@EXAMPLES
@given(small_works(), small_works(), st.integers(0, 40))
def test_who_comes_later_delays_nobody_who_has_a_reservation(
    early: list[Work], late: list[Work], after: int
) -> None:
    manners = CONSERVATIVE
    early = [replace(work, at=0.0) for work in early]
    alone = run(early, manners)
    behind = [
        replace(
            work,
            at=1.0 + after * 10.0 + index,
            gang=replace(work.gang, key=f"default/z{index}", uid=f"z{index}"),
        )
        for index, work in enumerate(late)
    ]
    together = run([*early, *behind], manners)
    for key, told in together.told.items():
        if key in alone.starts and told[0][0] == 0.0:
            assert together.starts[key] <= told[0][1].start


@EXAMPLES
@given(small_works(factor=4.0), RESERVING)
def test_reservations_of_one_cycle_and_what_runs_fit_side_by_side(
    works: list[Work], manners: Manners
) -> None:
    snapshot = a_snapshot(a_pool(leaves=2, nodes=NODES // 2), gangs=[work.gang for work in works])
    desk = open_desk(replace(snapshot, manners=manners), Policy(), 0.0)
    places = []
    for work in works:
        answer = start(work.gang, 1, desk)
        if not isinstance(answer, Refused):
            places += [(work.gang, one) for one in answer if isinstance(one, Place)]
    spans = [
        (0.0, gang.expected.seconds if gang.expected else 0.0, share.name, share.count * gang.devices)
        for gang, place in places
        for share in place.nodes
    ]
    for one in desk.horizon.reservations:
        spans += [
            (one.forecast.start, one.ends, snapshot.names[int(row)], int(count) * one.gang.devices)
            for row, count in zip(one.rows, one.counts, strict=True)
        ]
    for instant in {begin for begin, _, _, _ in spans}:
        used: dict[str, int] = {}
        for begin, end, node, devices in spans:
            if begin <= instant < end:
                used[node] = used.get(node, 0) + devices
        assert all(devices <= 8 for devices in used.values())


@EXAMPLES
@given(small_works(factor=4.0), RESERVING)
def test_the_same_snapshot_gives_the_same_plan_in_any_order(works: list[Work], manners: Manners) -> None:
    gangs = [replace(work.gang, created=work.at) for work in works]
    snapshot = replace(
        a_snapshot(a_pool(leaves=2, nodes=NODES // 2), used={"n000": 8, "n005": 4}), manners=manners
    )
    plans = [
        run_cycle(replace(snapshot, gangs=tuple(order)), Policy(), 5000.0) for order in (gangs, gangs[::-1])
    ]
    assert plans[0] == plans[1]
    assert np.array_equal(
        snapshot.free, a_snapshot(a_pool(leaves=2, nodes=4), used={"n000": 8, "n005": 4}).free
    )
