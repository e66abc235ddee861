"""What the golden files can't show: every worker's body, and what is refused."""

from __future__ import annotations

import copy
import json
from dataclasses import replace

import pytest

from crosstree.base.errors import SpecError
from crosstree.core.cluster import Binding
from crosstree.core.job import Placement
from crosstree.core.plan import NodeShare
from crosstree.manifests.pods import GangPods
from tests.support.builders.jobs import GPU, MODEL, a_job

PLACEMENT = Placement("pool", MODEL, GPU, (NodeShare("a", 0, 2), NodeShare("b", 2, 1)))


def test_workers_differ_only_in_name_index_node_and_rank() -> None:
    gang = GangPods(a_job(3), PLACEMENT, attempt=1, binding=Binding.DIRECT)
    first, last = (json.loads(gang.body(index)) for index in (0, 2))
    assert last["metadata"]["name"] == last["spec"]["hostname"] == "train-worker-2"
    assert last["spec"]["nodeName"] == "b"
    assert {name: value for name, value in env(last).items() if env(first)[name] != value} == {
        "CROSSTREE_INDEX": "2",
        "PET_NODE_RANK": "2",
    }


def test_the_jobs_template_stays_as_it_was() -> None:
    job = a_job(3)
    before = copy.deepcopy(job.template)
    GangPods(job, PLACEMENT, attempt=1, binding=Binding.SCHEDULER).body(0)
    assert job.template == before


@pytest.mark.parametrize(("asked", "given"), [(0, 1), (1, 1), (360, 360), (None, None)])
def test_a_worker_is_never_gone_before_its_node_has_confirmed_it(
    asked: int | None, given: int | None
) -> None:
    spec: dict = {"containers": [{"name": "trainer"}]}
    if asked is not None:
        spec["terminationGracePeriodSeconds"] = asked
    gang = GangPods(a_job(3, template={"spec": spec}), PLACEMENT, attempt=1, binding=Binding.DIRECT)
    assert json.loads(gang.body(0))["spec"].get("terminationGracePeriodSeconds") == given


@pytest.mark.parametrize("spec", [{"volumes": 7}, {"containers": [{"name": "a", "volumeMounts": 7}]}])
def test_volumes_that_are_no_list_are_left_to_the_api_server_to_refuse(spec: dict[str, object]) -> None:
    job = a_job(3)
    job = replace(job, template={"spec": {**job.template["spec"], **spec}})
    assert "7" in GangPods(job, PLACEMENT, attempt=1, binding=Binding.DIRECT).body(0).decode()


def test_no_worker_is_made_that_the_placement_does_not_hold() -> None:
    with pytest.raises(KeyError):
        GangPods(a_job(3), PLACEMENT, attempt=1, binding=Binding.DIRECT).body(3)


def test_several_containers_without_a_trainer_are_refused() -> None:
    template = {"spec": {"containers": [{"name": "a"}, {"name": "b"}]}}
    with pytest.raises(SpecError, match="containers are a, b; name the one that trains 'trainer'"):
        GangPods(a_job(3, template=template), PLACEMENT, attempt=1, binding=Binding.DIRECT)


def test_an_unknown_framework_is_refused_with_the_known_ones() -> None:
    with pytest.raises(SpecError, match="name one of custom, pytorch"):
        GangPods(a_job(3, framework="torch"), PLACEMENT, attempt=1, binding=Binding.DIRECT)


def env(pod: dict) -> dict[str, str]:
    return {entry["name"]: entry["value"] for entry in pod["spec"]["containers"][0]["env"]}
