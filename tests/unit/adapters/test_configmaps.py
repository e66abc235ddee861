"""ConfigMaps of MindCluster: documented ones are read, broken ones are one warning and change nothing."""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from typing import Any

import msgspec
import pytest

from crosstree.adapters import mindcluster, wire
from crosstree.adapters.configmaps import ConfigMapSink
from crosstree.base.errors import SpecError
from crosstree.core.health import Signal

NPU = "huawei.com/Ascend910"
DEVICE_CM = "mindx-dl-deviceinfo-n1"
MACHINE_CM = "mindx-dl-nodeinfo-n1"


def a_fault(card: str = "Ascend910-4", level: str = "SeparateNPU", **changes: Any) -> dict[str, Any]:
    return {
        "fault_type": "CardUnhealthy",
        "npu_name": card,
        "large_model_fault_level": level,
        "fault_level": level,
        "fault_handling": level,
        "fault_code": "A8028801,80E18402",
        "fault_time_and_level_map": {
            "A8028801": {"fault_time": 1744167455784, "fault_level": level},
            "80E18402": {"fault_time": 1744160000000, "fault_level": "NotHandleFault"},
        },
    } | changes


def device_info(*faults: dict[str, Any], unhealthy: str = "", network: str = "") -> str:
    listed = {
        NPU: "Ascend910-0,Ascend910-1",
        f"{NPU}-Fault": json.dumps(faults),
        f"{NPU}-NetworkUnhealthy": network,
        f"{NPU}-Recovering": "",
        f"{NPU}-Unhealthy": unhealthy,
    }
    info = {"DeviceList": listed, "UpdateTime": 1744182144}
    return json.dumps({"DeviceInfo": info, "SuperPodID": -2, "ServerIndex": -2, "CheckCode": "a5"})


def read(name: str = DEVICE_CM, **data: str) -> tuple[Signal, ...]:
    return mindcluster.signals(name, msgspec.convert(data, mindcluster.Reports))


def test_a_broken_chip_is_a_signal_with_its_level_its_time_and_its_name() -> None:
    (signal,) = read(DeviceInfoCfg=device_info(a_fault(), unhealthy="Ascend910-4"))
    assert (signal.name, signal.status, signal.reason) == ("CardUnhealthy", "True", "SeparateNPU")
    assert (signal.resource, signal.devices, signal.since) == (NPU, ("Ascend910-4",), 1744167455.784)
    assert signal.message == "SeparateNPU fault codes A8028801,80E18402"


def test_of_two_faults_of_one_chip_neither_hides_the_other() -> None:
    mild, grave = a_fault(level="NotHandleFault"), a_fault(level="SeparateNPU")
    found = read(DeviceInfoCfg=device_info(mild, grave, unhealthy="Ascend910-4"))
    assert [(one.reason, one.devices) for one in found] == [
        ("NotHandleFault", ("Ascend910-4",)),
        ("SeparateNPU", ("Ascend910-4",)),
    ]


def test_a_chip_that_is_only_listed_counts_too() -> None:
    found = read(DeviceInfoCfg=device_info(unhealthy="Ascend910-4", network="Ascend910-0, Ascend910-1"))
    assert [(one.name, one.reason, one.devices) for one in found] == [
        ("CardNetworkUnhealthy", "", ("Ascend910-0",)),
        ("CardNetworkUnhealthy", "", ("Ascend910-1",)),
        ("CardUnhealthy", "", ("Ascend910-4",)),
    ]


def test_a_fault_of_the_node_names_no_device() -> None:
    whole = a_fault("", "", fault_type="NodeUnhealthy", fault_time_and_level_map=None)
    (signal,) = read(DeviceInfoCfg=device_info(whole))
    assert (signal.name, signal.devices, signal.resource, signal.since) == ("NodeUnhealthy", (), "", 0.0)


def test_a_chip_taken_out_by_hand_belongs_to_the_resource_of_its_node() -> None:
    (signal,) = read(DeviceInfoCfg=device_info(), ManuallySeparateNPU="Ascend910-7")
    assert (signal.reason, signal.resource, signal.devices) == ("ManuallySeparateNPU", NPU, ("Ascend910-7",))


def test_the_switch_of_a_node_is_a_signal_of_the_node() -> None:
    told = {"FaultCode": [{"EventType": 1}], "FaultLevel": "SubHealthFault", "NodeStatus": "SubHealthy"}
    (signal,) = read(SwitchInfoCfg=json.dumps(told))
    assert (signal.name, signal.reason, signal.message) == (
        "SwitchUnhealthy",
        "SubHealthFault",
        "NodeStatus SubHealthy SubHealthFault",
    )
    assert read(SwitchInfoCfg=json.dumps(told | {"NodeStatus": "Healthy", "FaultLevel": "NotHandle"})) == ()


def test_the_machine_around_the_chips_is_a_signal_of_the_node() -> None:
    parts = [{"DeviceType": "CPU", "DeviceId": 1, "FaultCode": ["00000001"], "FaultLevel": "SeparateFault"}]
    told = {"NodeInfo": {"FaultDevList": parts, "NodeStatus": "UnHealthy"}, "CheckCode": "b7"}
    (signal,) = read(MACHINE_CM, NodeInfo=json.dumps(told))
    assert (signal.name, signal.reason) == ("NodeDUnhealthy", "UnHealthy")
    assert signal.message == "NodeStatus UnHealthy: CPU 00000001"


BROKEN = [
    {"DeviceInfoCfg": "{"},
    {"DeviceInfoCfg": '{"DeviceInfo": {"DeviceList": ["Ascend910-0"]}}'},
    {"DeviceInfoCfg": json.dumps({"DeviceInfo": {"DeviceList": {f"{NPU}-Fault": "[{]"}}})},
    {"DeviceInfoCfg": json.dumps({"DeviceInfo": {"DeviceList": {f"{NPU}-Fault": '[{"npu_name": 4}]'}}})},
    {"SwitchInfoCfg": "Healthy"},
    {"NodeInfo": "[" * 100_000},
]


@pytest.mark.parametrize("data", BROKEN)
def test_what_is_not_as_documented_is_refused_with_a_sentence(data: dict[str, str]) -> None:
    with pytest.raises(SpecError, match=r"ConfigMap mindx-dl-deviceinfo-n1: \w+.* can't be read: "):
        read(**data)


class Heard:
    def __init__(self) -> None:
        self.told: list[tuple[str, str, int]] = []
        self.firsts: list[bool] = []
        self.sink = ConfigMapSink(self.hear)

    def hear(self, node: str, source: str, signals: Sequence[Signal], *, first: bool = False) -> None:
        self.told.append((node, source, len(signals)))
        self.firsts.append(first)

    def put(self, name: str = DEVICE_CM, **data: str) -> None:
        raw = {"metadata": {"name": name, "resourceVersion": "1"}, "data": {**data, "Description": "x"}}
        self.sink.put(msgspec.json.decode(json.dumps(raw).encode(), type=wire.ConfigMap))


def test_a_report_that_cannot_be_read_is_one_warning_and_what_it_said_stands(caplog) -> None:
    heard = Heard()
    heard.put(DeviceInfoCfg=device_info(a_fault()))
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            heard.put(DeviceInfoCfg="{")
    assert len(caplog.records) == 1
    assert heard.told == [("n1", DEVICE_CM, 1)]


def test_a_report_that_is_deleted_or_no_longer_listed_has_nothing_to_say() -> None:
    heard = Heard()
    heard.put(DeviceInfoCfg=device_info(a_fault()))
    heard.put("mindx-dl-deviceinfo-n2", DeviceInfoCfg=device_info(a_fault()))
    heard.sink.begin_list()
    heard.put("mindx-dl-deviceinfo-n2", DeviceInfoCfg=device_info(a_fault()))
    heard.sink.end_list()
    assert heard.told[-1] == ("n1", DEVICE_CM, 0)


def test_other_configmaps_are_none_of_our_business() -> None:
    heard = Heard()
    heard.put("kube-root-ca.crt", DeviceInfoCfg="{")
    assert heard.told == []


def test_only_what_the_first_list_held_may_be_older_than_our_first_look() -> None:
    heard = Heard()
    heard.sink.begin_list()
    heard.put(DeviceInfoCfg=device_info(a_fault()))
    heard.put("mindx-dl-deviceinfo-n2", DeviceInfoCfg="{")
    heard.sink.end_list()
    heard.put(DeviceInfoCfg=device_info())
    heard.put("mindx-dl-deviceinfo-n2", DeviceInfoCfg=device_info(a_fault()))
    heard.put("mindx-dl-deviceinfo-n3", DeviceInfoCfg=device_info(a_fault()))
    assert heard.firsts == [True, False, True, False]
