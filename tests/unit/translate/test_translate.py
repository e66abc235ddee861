"""From raw objects to the domain."""

from __future__ import annotations

import timeit
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crosstree import translate
from crosstree.base.clock import LAST, from_rfc3339
from crosstree.base.errors import SpecError
from crosstree.core.accelerator import IntraNode, Rule
from crosstree.core.budgets import Charged
from crosstree.core.calendar import Booking
from crosstree.core.cluster import Binding, DeclaredProfile, Preset, Selector
from crosstree.core.health import Action, HealthPolicy, HealthRule
from crosstree.core.job import Held, Placement, Progress, Restart
from crosstree.core.manners import Backfill, Manners, Preemption
from crosstree.core.plan import NodeShare, Span
from crosstree.core.queues import Budget, QueueSpec, Quota
from crosstree.core.topology import LevelSpec
from crosstree.core.workload import Expectation, Groups, NodeConstraint, Requirement, Source, Toleration
from crosstree.translate.stored import progress
from tests.support.bad_objects import good_objects, merged

GOOD = {good["kind"]: good for good in good_objects()}
GIB = 2**30


def a_job(spec: dict[str, Any] | None = None, **top: Any) -> dict[str, Any]:
    return merged(GOOD["TrainingJob"], {"spec": spec or {}, **top})


def a_pod(**spec: Any) -> dict[str, Any]:
    return a_job({"template": {"spec": spec}})


def requests(**spec: Any) -> dict[str, int]:
    return dict(translate.job(a_pod(**spec)).gang.requests)


def a_container(name: str = "trainer", **resources: Any) -> dict[str, Any]:
    return {"name": name, "image": "example.com/train", "resources": resources}


def test_a_job_keeps_what_was_asked_for() -> None:
    job = translate.job(
        a_job({"cluster": "east", "queue": "team-a", "ttlAfterFinished": "1h30m", "suspend": True})
    )
    gang = job.gang
    assert (job.key, job.cluster, job.queue, job.framework) == ("default/train", "east", "team-a", "pytorch")
    assert (job.suspend, job.ttl_after_finished, job.max_restarts) == (True, 5400.0, 3)
    assert (gang.workers, gang.devices, gang.models) == (16, 8, ("nvidia-h100-sxm",))
    assert (gang.required, gang.preferred, gang.groups) == ("spine", "leaf", Groups(4, "leaf"))


def test_a_job_that_leaves_things_out_gets_what_the_api_server_would_fill_in() -> None:
    job = translate.job(a_job({"topology": None}))
    assert (job.queue, job.suspend, job.cluster, job.ttl_after_finished) == ("default", False, "", None)
    assert (job.gang.required, job.gang.preferred, job.gang.groups) == ("", "", None)


def test_a_job_that_names_no_framework_is_custom() -> None:
    raw = a_job()
    del raw["spec"]["framework"]
    assert translate.job(raw).framework == "custom"


def test_a_declared_duration_is_what_the_gang_is_expected_to_run() -> None:
    expected = translate.job(a_job({"expectedDuration": "1h30m"})).gang.expected
    assert expected == Expectation(5400.0, Source.DECLARED, 0.9)
    assert translate.job(a_job()).gang.expected is None


def test_a_cluster_says_who_starts_when() -> None:
    scheduling = {"backfill": {"mode": "EASY"}, "preemption": {"mode": "Never", "minRuntime": "1h"}}
    told = translate.cluster(merged(GOOD["AICluster"], {"spec": {"scheduling": scheduling}}))
    assert told.manners == Manners(Backfill.EASY, Preemption.NEVER, 3600.0)
    assert translate.cluster(GOOD["AICluster"]).manners == Manners()


def test_identity_and_times_come_from_the_metadata() -> None:
    metadata = {
        "uid": "u1",
        "generation": 4,
        "resourceVersion": "77",
        "creationTimestamp": "1970-01-01T00:01:00Z",
        "deletionTimestamp": "1970-01-01T00:02:00Z",
    }
    job = translate.job(a_job(metadata=metadata))
    assert (job.uid, job.generation, job.resource_version, job.created, job.deleting) == (
        "u1",
        4,
        "77",
        60.0,
        True,
    )
    assert (job.gang.uid, job.gang.created) == ("u1", 60.0)


def test_the_template_is_handed_on_untouched() -> None:
    raw = a_job()
    assert translate.job(raw).template is raw["spec"]["template"]


def test_a_worker_without_requests_still_needs_room_for_a_pod() -> None:
    assert requests(containers=[a_container()]) == {"pods": 1}


def test_containers_add_up_and_limits_stand_in_for_requests() -> None:
    containers = [
        a_container(requests={"cpu": "500m"}, limits={"cpu": 4, "memory": "1Gi"}),
        a_container("log", limits={"cpu": "1.5", "rdma/ib": 1}),
    ]
    assert requests(containers=containers) == {"cpu": 2000, "memory": GIB, "pods": 1, "rdma/ib": 1}


def test_an_init_container_counts_only_where_it_needs_more_than_the_others() -> None:
    init = [a_container("fetch", requests={"cpu": 8, "memory": "1Gi"})]
    containers = [a_container(requests={"cpu": 2, "memory": "4Gi"})]
    assert requests(initContainers=init, containers=containers) == {"cpu": 8000, "memory": 4 * GIB, "pods": 1}


def test_a_sidecar_counts_beside_everything_started_after_it() -> None:
    init = [
        a_container("early", requests={"cpu": 5}),
        a_container("proxy", requests={"cpu": 1}) | {"restartPolicy": "Always"},
        a_container("late", requests={"cpu": 5}),
    ]
    assert requests(initContainers=init, containers=[a_container(requests={"cpu": 2})])["cpu"] == 6000
    assert requests(initContainers=init, containers=[a_container(requests={"cpu": 9})])["cpu"] == 10000


def test_pod_level_resources_replace_the_sum_and_overhead_comes_on_top() -> None:
    needs = requests(
        containers=[a_container(requests={"cpu": 2, "memory": "1Gi"})],
        resources={"requests": {"cpu": 3}},
        overhead={"cpu": "250m"},
    )
    assert needs == {"cpu": 3250, "memory": GIB, "pods": 1}


def test_accelerators_written_into_the_trainer_are_not_counted_twice() -> None:
    assert requests(containers=[a_container(limits={"nvidia.com/gpu": 8})]) == {"pods": 1}


@pytest.mark.parametrize(
    "containers",
    [
        [a_container(limits={"nvidia.com/gpu": 4})],
        [a_container(), a_container("other", limits={"nvidia.com/gpu": 8})],
    ],
)
def test_accelerators_that_disagree_with_the_job_are_refused_with_the_way_out(containers: list[Any]) -> None:
    with pytest.raises(SpecError, match=r"spec\.accelerators\.perWorker is 8.* Remove it: Crosstree adds"):
        translate.job(a_pod(containers=containers))


def test_more_than_any_node_has_is_refused_and_not_added_up() -> None:
    with pytest.raises(SpecError, match="more than any node can have"):
        translate.job(a_pod(containers=[a_container(requests={"memory": "1Ei"})]))


def test_demands_on_nodes_are_sorted_so_that_equal_ones_share_a_mask() -> None:
    def constraint(*, swap: bool) -> NodeConstraint:
        demands = [
            {"key": "zone", "operator": "In", "values": ["b", "a"]},
            {"key": "size", "operator": "Gt", "values": ["4"]},
        ]
        tolerations = [
            {"key": "gpu", "operator": "Exists"},
            {"key": "team", "value": "a", "effect": "NoSchedule"},
        ]
        selector = {"pool": "x", "disk": "ssd"}
        if swap:
            demands.reverse()
            tolerations.reverse()
            selector = dict(reversed(selector.items()))
        terms = [
            {"matchExpressions": demands},
            {"matchFields": [{"key": "metadata.name", "operator": "In", "values": ["n1"]}]},
        ]
        affinity = {
            "nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": terms}}
        }
        raw = a_pod(nodeSelector=selector, affinity=affinity, tolerations=tolerations)
        return translate.job(raw).gang.constraint

    assert constraint(swap=False) == constraint(swap=True)
    assert constraint(swap=False) == NodeConstraint(
        selector=(("disk", "ssd"), ("pool", "x")),
        terms=(
            (Requirement("metadata.name", "In", ("n1",)),),
            (Requirement("size", "Gt", ("4",)), Requirement("zone", "In", ("a", "b"))),
        ),
        tolerations=(Toleration("gpu", "Exists"), Toleration("team", "Equal", "a", "NoSchedule")),
    )


STORED = {
    "attempt": 2,
    "restartsCharged": 1,
    "startedAt": "1970-01-01T00:00:10Z",
    "conditions": [{"type": "Placed", "status": "True"}],
    "placement": {
        "pool": "p",
        "model": "m",
        "resource": "nvidia.com/gpu",
        "workers": 3,
        "nodes": [{"name": "n1", "first": 0, "count": 2}, {"name": "n2", "first": 2, "count": 1}],
        "spans": [{"level": "leaf", "domains": 1, "lowerBound": 1}],
    },
    "restarts": [{"at": "1970-01-01T00:00:05Z", "reason": "NodeLost", "node": "n9", "charged": False}],
}


def test_what_was_stored_is_read_back() -> None:
    assert translate.job(a_job(status=STORED)).progress == Progress(
        attempt=2,
        placement=Placement(
            pool="p",
            model="m",
            resource="nvidia.com/gpu",
            nodes=(NodeShare("n1", 0, 2), NodeShare("n2", 2, 1)),
            spans=(Span("leaf", 1, 1),),
        ),
        restarts=(Restart(at=5.0, reason="NodeLost", node="n9", charged=False),),
        restarts_charged=1,
        started_at=10.0,
        conditions=({"type": "Placed", "status": "True"},),
        observed=STORED,
    )


@pytest.mark.parametrize(
    "nodes",
    [
        [],
        [{"name": "n1", "first": 0, "count": 2}],
        [{"name": "n1", "first": 1, "count": 3}],
        [{"name": "", "first": 0, "count": 3}],
        [{"name": "n1", "first": 0, "count": 2}, {"name": "n2", "first": 1, "count": 1}],
    ],
)
def test_a_placement_with_gaps_counts_as_none(nodes: list[Any]) -> None:
    status = merged(STORED, {"placement": {"nodes": nodes}})
    assert translate.job(a_job(status=status)).progress.placement is None


scalars = st.none() | st.booleans() | st.integers() | st.text(max_size=6)
json = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from([*STORED, *STORED["placement"], "at", "name"]), inner, max_size=4)
    ),
)


@given(status=json)
def test_no_status_keeps_a_job_from_being_read(status: Any) -> None:
    raw = a_job()
    raw["status"] = status
    assert translate.job(raw).gang.workers == 16


def test_a_cluster_keeps_its_fabric_its_manners_and_its_own_accelerators() -> None:
    cluster = translate.cluster(GOOD["AICluster"])
    assert cluster.levels == (LevelSpec("spine", "example.com/spine"), LevelSpec("leaf", "example.com/leaf"))
    assert (cluster.domain_label, cluster.binding, cluster.grace) == (
        "nvidia.com/gpu.clique",
        Binding.DIRECT,
        60.0,
    )
    assert cluster.declared == (
        DeclaredProfile(
            model="acme-npu-2",
            vendor="acme",
            resource="acme.example/npu",
            intra=IntraNode(Rule.GROUPS, size=4, legal=(1, 2, 4, 8)),
        ),
    )


def test_a_cluster_keeps_how_it_takes_signals() -> None:
    cluster = translate.cluster(GOOD["AICluster"])
    assert cluster.health == HealthPolicy(
        grace=60.0,
        settle=30.0,
        unreachable_timeout=300.0,
        rules=(
            HealthRule("GpuMemWatch", "True", Action.IGNORE, reason="GpuMemPageRetirement"),
            HealthRule("GpuMemWatch", "True", Action.DRAIN_NODE, grace=10.0),
            HealthRule("example.com/fan", "False", Action.AVOID),
        ),
    )


def test_a_pool_asks_its_own_rules_first_and_keeps_the_times_it_does_not_name() -> None:
    cluster, pool = translate.cluster(GOOD["AICluster"]), translate.pool(GOOD["AcceleratorPool"])
    policy = pool.health.over(cluster.health)
    assert (policy.grace, policy.settle, policy.unreachable_timeout) == (60.0, 300.0, 300.0)
    assert policy.rules == (HealthRule("GpuThermalWatch", "True", Action.IGNORE), *cluster.health.rules)


def test_an_empty_cluster_is_every_node_with_a_known_accelerator() -> None:
    cluster = translate.cluster({"metadata": {"name": "east"}, "spec": {}})
    assert cluster.selector.empty
    assert (cluster.auto_pools, cluster.preset, cluster.binding, cluster.grace) == (
        True,
        Preset.AUTO,
        Binding.SCHEDULER,
        30.0,
    )


@pytest.mark.parametrize("preset", Preset)
def test_every_preset_can_be_asked_for(preset: Preset) -> None:
    raw = {"metadata": {"name": "east"}, "spec": {"fabric": {"preset": preset.value}}}
    assert translate.cluster(raw).preset is preset


def test_a_pool_knows_whether_its_cluster_made_it() -> None:
    raw = GOOD["AcceleratorPool"]
    owner = {
        "apiVersion": "crosstree.dev/v1alpha1",
        "kind": "AICluster",
        "name": "east",
        "uid": "u",
        "controller": True,
    }
    mine = translate.pool(merged(raw, {"metadata": {"ownerReferences": [owner]}}))
    assert (mine.owned, translate.pool(raw).owned) == (True, False)
    assert (mine.cluster, mine.model, mine.resource) == ("east", "nvidia-h100-sxm", "nvidia.com/gpu")
    assert mine.selector == Selector(labels=(("pool", "h100"),))


def test_a_queue_of_no_cluster_serves_all() -> None:
    assert translate.queue({"metadata": {"name": "default"}}).cluster == ""
    assert translate.queue(GOOD["JobQueue"]).cluster == "east"


def test_a_queue_has_its_place_in_the_tree_and_its_quotas_in_order() -> None:
    queue = translate.queue(GOOD["JobQueue"])
    assert queue.spec == QueueSpec(
        "team-a",
        "research",
        2.0,
        (Quota("*", 64), Quota("nvidia-h100-sxm", 64, 256)),
        (("huawei-ascend-910b", 0.6),),
        calendar=(
            Booking("monday", "nvidia-h100-sxm", 64, 1_795_424_400.0, 28_800.0, 604_800.0),
            Booking("once", "amd-mi300x", 8, 1_795_420_800.0, 5_400.0, 5_400.0, LAST),
        ),
        budgets=(Budget("*", 1800.0), Budget("nvidia-h100-sxm", 18_000_000.0, 1_767_225_600.0, 2_592_000.0)),
        max_run_time=86_400.0,
    )
    assert queue.max_run_time == 86_400.0
    assert (queue.namespaces, queue.priority, queue.max_priority) == (Selector((("team", "a"),)), 0, 1000)
    assert translate.queue({"metadata": {"name": "default"}}).spec == QueueSpec("default")


def test_the_first_period_of_a_budget_begins_when_its_queue_was_made() -> None:
    raw = merged(GOOD["JobQueue"], {"metadata": {"creationTimestamp": "2026-03-01T00:00:00Z"}})
    assert translate.queue(raw).budgets[0].start == from_rfc3339("2026-03-01T00:00:00Z")


def test_what_a_queue_was_charged_is_read_back_and_what_makes_no_sense_is_not_there() -> None:
    row = {
        "model": "*",
        "usedSeconds": 5,
        "periodStart": "2026-03-01T00:00:00Z",
        "until": "2026-03-02T00:00:00Z",
    }
    bad = [{**row, "usedSeconds": -1}, {**row, "usedSeconds": True}, {**row, "until": "soon"}, {}, 7]
    raw = {"metadata": {"name": "q"}, "status": {"budgets": [*bad, row]}}
    start = from_rfc3339("2026-03-01T00:00:00Z")
    assert translate.queue(raw).charged == (Charged("q", "*", 5.0, start, start + 86_400),)


def test_places_that_were_given_back_are_read_as_far_as_they_make_sense() -> None:
    run = {
        "queue": "q",
        "model": "h100",
        "workers": 2,
        "since": "2026-03-01T00:00:00Z",
        "until": "2026-03-01T00:01:00Z",
    }
    start = from_rfc3339("2026-03-01T00:00:00Z")
    found = progress({"runs": [run, {**run, "since": "then"}, None, {"workers": 3}]}).runs
    assert found == (Held("q", "h100", 2, start, start + 60),)


def test_reading_a_job_costs_well_under_a_millisecond() -> None:
    # A bound that only a change of kind can break; the measured time is about a tenth of it.
    raw = a_job(status=STORED)
    translate.job(raw)
    assert min(timeit.repeat(lambda: translate.job(raw), number=20, repeat=5)) / 20 < 0.003
