"""How figures are read from what was seen, and held against their bars."""

from __future__ import annotations

import json
from signal import Signals

import pytest

from bench.bars import BARS, Bar, Side, judged, rows, taken
from bench.breaks import Break
from bench.handover import HandOver
from bench.handover import records as handovers
from bench.recorded import Size
from bench.recovery import Plan, Recovery, only_simulated, records, recovery
from bench.standing import about, during, others, split
from bench.start import Start
from bench.start import records as start_records
from bench.timeline import Gang, Job, JobStatus, Sighting
from crosstree.base.errors import SpecError
from crosstree.cli.measure import Record
from crosstree.cli.write_count import Writes

PLAN = Plan(workers=2, per_worker=8, repeats=1, bindings=("Direct",), breaks=(Break.WORKER_KILLED,))


def seen(**pods: Sighting) -> Gang:
    return Gang(pods={pod.uid: pod for pod in pods.values()}, recovering_at=10.2, placed_at=11.5)


def a_gang_that_recovered() -> Gang:
    return seen(
        a=Sighting("a", 0, 1, "n0", 1.0, 2.0, 3.0, leaving=10.3, gone=11.0),
        b=Sighting("b", 1, 1, "n1", 1.0, 2.0, 3.0, leaving=10.4, gone=11.4),
        c=Sighting("c", 0, 2, "n0", 11.6, 12.0, 13.0),
        d=Sighting("d", 1, 2, "n2", 11.6, 12.5, 13.5),
    )


def test_a_recovery_is_timed_from_the_blow() -> None:
    found = recovery(a_gang_that_recovered(), {"a", "b"}, struck=10.0)
    assert found == pytest.approx(found)
    assert [round(value, 3) for value in (found.decided, found.stopping, found.stopped)] == [0.2, 0.3, 1.4]
    assert [round(value, 3) for value in (found.placed, found.bound, found.ready)] == [1.5, 2.5, 3.5]
    assert found.kept == 0


def test_a_pod_removed_by_force_counts_from_when_it_was_gone() -> None:
    gang = a_gang_that_recovered()
    gang.pods["a"].leaving = None
    gang.pods["b"].leaving = None
    assert recovery(gang, {"a", "b"}, struck=10.0).stopping == pytest.approx(1.0)


def test_pods_that_live_on_are_counted_and_a_decision_may_be_a_placement() -> None:
    gang = a_gang_that_recovered()
    gang.recovering_at = None
    gang.pods["b"].gone = gang.pods["b"].leaving = None
    found = recovery(gang, {"a", "b"}, struck=10.0)
    assert (found.kept, round(found.decided, 3), round(found.stopped, 3)) == (1, 1.5, 1.0)


def test_the_median_and_the_worst_of_recoveries_are_reported() -> None:
    times = [Recovery(n, n, n + 1, n + 1, n + 2, n + 3, 0) for n in (0.1, 0.3, 0.2)]
    found = {one.metric: one.value for one in records(PLAN, "Direct", Break.NODE_DELETED, times)}
    assert (found["decided_p50"], found["decided_max"], found["bound_max"]) == (0.2, 0.3, 2.3)


def test_a_gang_is_whole_when_every_worker_has_one_ready_pod() -> None:
    gang = a_gang_that_recovered()
    assert not gang.whole(2)
    gang.pods["c"].is_ready = gang.pods["d"].is_ready = True
    assert gang.whole(2)
    assert not gang.whole(3)


class Nodes:
    """An API server that has nodes with these annotations."""

    def __init__(self, *annotations: dict[str, str]) -> None:
        self._items = [{"metadata": {"name": f"n{i}", "annotations": a}} for i, a in enumerate(annotations)]

    def get(self, path: str) -> dict[str, object]:
        assert path == "/api/v1/nodes"
        return {"items": self._items}


def test_a_real_node_is_never_broken() -> None:
    simulated = {"kwok.x-k8s.io/node": "fake"}
    only_simulated(Nodes(simulated, simulated))  # type: ignore[arg-type]
    with pytest.raises(SpecError, match="node n1 is not simulated"):
        only_simulated(Nodes(simulated, {}))  # type: ignore[arg-type]


def test_moments_of_the_status_are_kept_once() -> None:
    gang = Gang()
    gang.job(Job(status=JobStatus("Running", 1, b"{}")), 1.0)  # type: ignore[arg-type]
    gang.forget()
    gang.job(Job(status=JobStatus("Recovering", 1, b"{}")), 2.0)  # type: ignore[arg-type]
    gang.job(Job(status=JobStatus("Recovering", 1, b"")), 3.0)  # type: ignore[arg-type]
    gang.job(Job(status=JobStatus("Starting", 2, b"{}")), 4.0)  # type: ignore[arg-type]
    assert (gang.recovering_at, gang.placed_at, gang.attempt) == (2.0, 4.0, 2)


def line(at: str, agent: str, resource: str, namespace: str = "n") -> str:
    named = {"resource": resource, "namespace": namespace}
    return json.dumps(
        {"verb": "create", "userAgent": agent, "objectRef": named, "requestReceivedTimestamp": at}
    )


LOG = "\n".join(
    [
        line("1970-01-01T00:00:10.500000Z", "crosstree/1", "pods"),
        line("1970-01-01T00:00:20.000000Z", "crosstree/1", "events"),
        line("1970-01-01T00:00:20.500000Z", "kwok/1", "pods"),
        line("1970-01-01T00:00:21.000000Z", "crosstree/1", "pods", "elsewhere"),
        line("1970-01-01T00:00:30.000000Z", "crosstree/1", "leases"),
    ]
)


def test_writes_count_by_when_they_were_received_and_leases_do_not() -> None:
    ours, theirs = split(during(LOG, 15, 40))
    assert ours == {"crosstree create events": 1, "crosstree create pods": 1}
    assert theirs == {"kwok create pods": 1}


def test_writes_about_a_namespace_leave_out_all_others() -> None:
    assert about(LOG, 5, "elsewhere") == Writes({"crosstree create pods": 1})
    assert about(LOG, 25, "n") == Writes()


def test_pods_of_others_are_bound_round_the_nodes_and_hold_no_accelerators() -> None:
    bodies = [json.loads(post.body) for post in others(5, ["a", "b"], "n")]
    assert [body["spec"]["nodeName"] for body in bodies] == ["a", "b", "a", "b", "a"]
    assert "nvidia.com/gpu" not in bodies[0]["spec"]["containers"][0]["resources"]["requests"]


def test_a_start_is_told_in_seconds_and_mebibytes() -> None:
    found = start_records(Size(), 0, Start(1.0, 2.0, 3 * 2**20, 4.0, 0, Writes({"POST pods": 9})))
    assert {one.metric: one.value for one in found} == {
        "ready": 1.0,
        "first_decision": 2.0,
        "rss_peak": 3.0,
        "processor_time": 4.0,
        "writes_for_running_gangs": 0,
    }


def test_the_worst_of_several_figures_is_held_against_a_bar() -> None:
    bars = (
        Bar("S1", "time", Side.AT_MOST, 5.0, "t", {"nodes": 9}),
        Bar("S2", "rate", Side.AT_LEAST, 5.0, "r"),
        Bar("S3", "gone", Side.AT_MOST, 5.0, "g"),
    )
    figures = [
        Record("S1", "time", 4.0, "s", {"nodes": 9}),
        Record("S1", "time", 9.0, "s", {"nodes": 10}),
        Record("S2", "rate", 7.0, "1/s"),
        Record("S2", "rate", 4.0, "1/s"),
    ]
    found = judged(figures, bars)
    assert [(one.worst, one.of, one.word) for one in found] == [
        (4.0, 1, "pass"),
        (4.0, 2, "MISS"),
        (None, 0, "not measured"),
    ]
    assert rows(found)[0] == ("S1", "t", "4 s", "≤ 5", "pass", "1 figure")


def test_figures_are_read_from_what_benches_write_and_nothing_else_is() -> None:
    good = json.dumps({"id": "S1", "metric": "m", "value": 1.0, "unit": "s", "conditions": {}})
    assert taken(f"{good}\nhello\n[]\n{{}}\n") == [Record("S1", "m", 1.0, "s", {})]


def test_every_bar_has_a_name_of_its_own() -> None:
    assert len({(bar.id, bar.title) for bar in BARS}) == len(BARS)


def test_the_worst_hand_over_of_each_signal_has_a_bar_of_its_own() -> None:
    killed = handovers(Signals.SIGKILL, [HandOver(9.0, 9.5), HandOver(11.0, 12.25)])
    stopped = handovers(Signals.SIGTERM, [HandOver(0.2, 2.5)])
    found = [one for one in judged([*killed, *stopped]) if one.bar.id == "HA"]
    assert [(one.worst, one.word) for one in found] == [(12.25, "pass"), (2.5, "MISS")]
    assert killed[0].conditions["leaseTaken"] == 11.0
