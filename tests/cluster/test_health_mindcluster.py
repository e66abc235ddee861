"""Ascend nodes whose agents report broken chips in ConfigMaps: devices leave one by one, and so do gangs."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.objects import a_job
from tests.support.operated import SOON, Operated, operated
from tests.support.waiting import eventually

NPU = "huawei.com/Ascend910"
MODEL = "huawei-ascend-910b"
POOL = f"east-{MODEL}"
NODES = 2


@pytest.fixture(scope="module")
def module_world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Operated]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CROSSTREE_MINDCLUSTER_NAMESPACES", "kube-system,mindx-dl")
        ascend = {"profile": "ascend-910b-8", "count": NODES}
        with operated(tmp_path_factory.mktemp("mindcluster"), ascend) as world:
            yield world


@pytest.fixture
def world(module_world: Operated, request: pytest.FixtureRequest) -> Iterator[Operated]:
    with module_world.apart(request.node.name) as world:
        yield world
        world.kubectl("-n", "kube-system", "delete", "configmaps", "-l", "mx-consumer-cim=true")
        eventually(lambda: pool(world).get("faultyNodes"), until=lambda count: count == 0, within=SOON)


def pool(world: Operated) -> dict[str, Any]:
    found: dict[str, Any] = world.kubectl.get("acceleratorpool", POOL).get("status", {})
    return found


def report(world: Operated, node: str, *faults: dict[str, str]) -> None:
    """Write the ConfigMap of a node as Ascend Device Plugin does."""
    unhealthy = ",".join(one["npu_name"] for one in faults if one["fault_type"] == "CardUnhealthy")
    listed = {f"{NPU}-Fault": json.dumps(faults), f"{NPU}-Unhealthy": unhealthy}
    write(world, node, json.dumps({"DeviceInfo": {"DeviceList": listed, "UpdateTime": 1}, "CheckCode": "0"}))


def write(world: Operated, node: str, info: str) -> None:
    meta = {"name": f"mindx-dl-deviceinfo-{node}", "labels": {"mx-consumer-cim": "true"}}
    body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta, "data": {"DeviceInfoCfg": info}}
    world.kubectl.apply(body, namespace="kube-system")


def a_fault(card: int, level: str, kind: str = "CardUnhealthy") -> dict[str, str]:
    return {
        "fault_type": kind,
        "npu_name": f"Ascend910-{card}",
        "fault_handling": level,
        "fault_code": "80E1",
    }


def one_card(name: str, card: int) -> dict[str, Any]:
    """A job of one worker that got this card, as the device plugin says in an annotation of the pod."""
    held = {"huawei.com/AscendReal": f"Ascend910-{card}"}
    job: dict[str, Any] = a_job(name, workers=1, per_worker=1, model=MODEL, pods=held)
    return job


def test_a_broken_card_moves_the_gang_that_holds_it_and_no_other(world: Operated) -> None:
    world.apply(one_card("hit", 4))
    world.runs("hit")
    (node,) = world.nodes_of("hit")
    world.apply(one_card("spared", 5))
    world.runs("spared")
    assert world.nodes_of("spared") == [node]
    report(world, node, a_fault(4, "SeparateNPU"))
    status = world.runs("hit", attempt=2)
    (restart,) = status["restarts"]
    assert (restart["reason"], restart["node"], restart["charged"]) == ("DeviceLost", node, False)
    assert (
        "Ascend910-4 of worker 0" in restart["message"] and "CardUnhealthy: SeparateNPU" in restart["message"]
    )
    assert world.status("spared")["attempt"] == 1
    seen = eventually(lambda: pool(world), until=lambda seen: seen.get("unhealthy") == 1, within=SOON)
    assert (seen["total"], seen["healthy"]) == (NODES * 8, NODES * 8 - 1)
    assert [(one["node"], one["signal"], one["action"]) for one in seen["faults"]] == [
        (node, "CardUnhealthy", "DrainDevice")
    ]


def test_a_card_in_doubt_takes_no_new_work_and_keeps_what_it_has(world: Operated) -> None:
    world.apply(a_job("big", workers=NODES, model=MODEL))
    world.runs("big")
    node = world.nodes_of("big")[0]
    report(world, node, a_fault(4, "PreSeparateNPU", "CardNetworkUnhealthy"))
    eventually(lambda: pool(world).get("faultyNodes"), until=lambda count: count == 1, within=SOON)
    assert (world.status("big")["attempt"], world.status("big")["phase"]) == (1, "Running")
    assert pool(world)["faults"][0]["message"] == "Ascend910-4: PreSeparateNPU fault codes 80E1"


def test_a_report_that_cannot_be_read_harms_nobody(world: Operated) -> None:
    nodes = [node["metadata"]["name"] for node in world.kubectl.list("nodes")]
    report(world, nodes[0], a_fault(4, "SeparateNPU"))
    eventually(lambda: pool(world).get("faultyNodes"), until=lambda count: count == 1, within=SOON)
    write(world, nodes[0], '{"DeviceInfo": [')
    report(world, nodes[1], a_fault(2, "SeparateNPU"))
    eventually(lambda: pool(world).get("faultyNodes"), until=lambda count: count == 2, within=SOON)
    world.apply(a_job(workers=2, per_worker=4, model=MODEL))
    world.runs()
