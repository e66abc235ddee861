"""What benches report, and what they submit."""

from __future__ import annotations

import json

import pytest

from crosstree.cli.burst_objects import Case, Shape, pod_groups, shape_of, training_jobs
from crosstree.cli.measure import quantile
from crosstree.cli.write_count import from_audit, from_metrics
from tests.unit.cli.support import run

GANGS = Shape(gangs=3, workers=4, per_worker=8, level="leaf")
METRICS = """
apiserver_request_total{code="201",resource="pods",subresource="",verb="POST"} 960
apiserver_request_total{code="201",resource="pods",subresource="binding",verb="POST"} 960
apiserver_request_total{code="200",resource="pods",subresource="",verb="LIST"} 5000
apiserver_request_total{code="200",resource="leases",subresource="",verb="PUT"} 700
apiserver_request_total{code="200",resource="pods",subresource="status",verb="PATCH"} 1.2e+03
"""


def test_bench_placement_writes_one_json_object_per_line(capsys: pytest.CaptureFixture[str]) -> None:
    answer = run(capsys, "bench", "placement", "--nodes", "64", "--gang", "4", "--repeats", "4", "-o", "json")
    assert answer.code == 0
    records = [json.loads(line) for line in answer.out.splitlines()]
    assert {record["id"] for record in records} == {"S1", "S2", "S5", "S13"}
    assert all(set(record) == {"id", "metric", "value", "unit", "conditions"} for record in records)


def test_an_empty_fleet_gives_every_gang_the_fewest_domains(capsys: pytest.CaptureFixture[str]) -> None:
    answer = run(
        capsys,
        "bench",
        "placement",
        "--nodes",
        "512",
        "--fill",
        "0",
        "--repeats",
        "1",
        "--only",
        "S5",
        "-o",
        "json",
    )
    records = [json.loads(line) for line in answer.out.splitlines()]
    assert {record["value"] for record in records if record["metric"] == "domains_over_lower_bound"} == {1.0}


def test_an_unknown_bench_is_wrong_usage(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(capsys, "bench", "placement", "--only", "S99").code == 2


def test_quantiles_are_samples() -> None:
    samples = [float(n) for n in range(1, 101)]
    assert (quantile(samples, 0.5), quantile(samples, 0.99), quantile(samples, 1.0)) == (50.0, 99.0, 100.0)
    assert quantile([], 0.5) == 0.0


def test_writes_are_counted_without_reads_and_leases() -> None:
    found = from_metrics(METRICS)
    assert found == {"POST pods": 960, "POST pods/binding": 960, "PATCH pods/status": 1200}


def test_writes_of_an_audit_log_name_who_wrote() -> None:
    line = {
        "verb": "create",
        "userAgent": "kube-scheduler/v1.37",
        "objectRef": {"resource": "pods", "subresource": "binding"},
    }
    assert from_audit("\n".join([json.dumps(line)] * 3)) == {"kube-scheduler create pods/binding": 3}


def test_both_sides_submit_the_same_gangs() -> None:
    ours = training_jobs(GANGS, namespace="n", cluster="c", resource="nvidia.com/gpu")
    theirs = [
        json.loads(p.body)
        for p in pod_groups(GANGS, namespace="n", level_label="l/leaf", resource="nvidia.com/gpu")
    ]
    assert [json.loads(post.body)["spec"]["workers"] for post in ours] == [4, 4, 4]
    assert [
        one["spec"]["schedulingPolicy"]["gang"]["minCount"] for one in theirs if one["kind"] == "PodGroup"
    ] == [4, 4, 4]
    assert sum(one["kind"] == "Pod" for one in theirs) == GANGS.pods
    assert theirs[0]["spec"]["schedulingConstraints"] == {"topology": [{"key": "l/leaf"}]}


def test_pods_of_the_peer_belong_to_their_group() -> None:
    posts = [
        json.loads(p.body)
        for p in pod_groups(GANGS, namespace="n", level_label="l", resource="nvidia.com/gpu")
    ]
    groups = {one["spec"]["schedulingGroup"]["podGroupName"] for one in posts if one["kind"] == "Pod"}
    assert groups == {"g0", "g1", "g2"}


def test_a_gang_wider_than_a_leaf_prefers_instead_of_demanding() -> None:
    shape = shape_of(Case.SINGLE_GANG, GANGS)
    spec = json.loads(training_jobs(shape, namespace="n", cluster="c", resource="nvidia.com/gpu")[0].body)[
        "spec"
    ]
    assert spec["topology"] == {"preferred": "leaf"}
    assert spec["workers"] == 512


def test_single_jobs_need_no_group_and_no_topology() -> None:
    shape = shape_of(Case.SINGLES, GANGS)
    posts = [
        json.loads(p.body)
        for p in pod_groups(shape, namespace="n", level_label="l", resource="nvidia.com/gpu")
    ]
    assert len(posts) == 200
    assert all(one["kind"] == "Pod" and "schedulingGroup" not in one["spec"] for one in posts)
