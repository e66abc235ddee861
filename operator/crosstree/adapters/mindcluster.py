"""What MindCluster writes into its ConfigMaps per node, read as signals.

Ascend Device Plugin reports chips and the switch of a node in `mindx-dl-deviceinfo-<node>`, NodeD the machine around
them in `mindx-dl-nodeinfo-<node>`: JSON in text, some of it JSON in text once more. What a fault level means is the
catalog's. Source: Ascend/mind-cluster docs/en/scheduling/api/{ascend_device_plugin,noded}.md.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeVar

import msgspec

from crosstree.base.errors import SpecError
from crosstree.core.health import Signal

DEVICES = "mindx-dl-deviceinfo-"
MACHINE = "mindx-dl-nodeinfo-"

CARD = "CardUnhealthy"
CARD_NETWORK = "CardNetworkUnhealthy"
SWITCH = "SwitchUnhealthy"
NODED = "NodeDUnhealthy"
BY_HAND = "ManuallySeparateNPU"
WELL = ("", "Healthy")

MOST = 128
"""Entries read of one list; a node has 64 chips at most."""

T = TypeVar("T")


class Reports(msgspec.Struct, gc=False):
    """`data` of a ConfigMap, as far as it is read."""

    devices: str = msgspec.field(default="", name="DeviceInfoCfg")
    switch: str = msgspec.field(default="", name="SwitchInfoCfg")
    by_hand: str = msgspec.field(default="", name="ManuallySeparateNPU")
    machine: str = msgspec.field(default="", name="NodeInfo")


class _Moment(msgspec.Struct, gc=False):
    fault_time: int = 0
    fault_level: str = ""


class _Fault(msgspec.Struct, gc=False):
    fault_type: str = ""
    npu_name: str = ""
    fault_handling: str = ""
    fault_level: str = ""
    fault_code: str = ""
    fault_time_and_level_map: dict[str, _Moment] | None = None


class _DeviceInfo(msgspec.Struct, gc=False):
    device_list: dict[str, str] = msgspec.field(default_factory=dict, name="DeviceList")


class _DeviceReport(msgspec.Struct, gc=False):
    info: _DeviceInfo = msgspec.field(default_factory=_DeviceInfo, name="DeviceInfo")


class _SwitchReport(msgspec.Struct, gc=False):
    level: str = msgspec.field(default="", name="FaultLevel")
    status: str = msgspec.field(default="", name="NodeStatus")


class _Part(msgspec.Struct, gc=False):
    kind: str = msgspec.field(default="", name="DeviceType")
    codes: list[str] | None = msgspec.field(default=None, name="FaultCode")


class _MachineInfo(msgspec.Struct, gc=False):
    parts: list[_Part] | None = msgspec.field(default=None, name="FaultDevList")
    status: str = msgspec.field(default="", name="NodeStatus")


class _MachineReport(msgspec.Struct, gc=False):
    info: _MachineInfo = msgspec.field(default_factory=_MachineInfo, name="NodeInfo")


def node_of(name: str) -> str:
    """Return the node that a ConfigMap of this name reports on; empty if it is none of theirs."""
    for prefix in (DEVICES, MACHINE):
        if name.startswith(prefix):
            return name.removeprefix(prefix)
    return ""


def signals(name: str, reports: Reports) -> tuple[Signal, ...]:
    """Read all that one ConfigMap says is wrong.

    Of one device several faults may be described, each with its level: all are told. Where it is only listed, or
    was taken out, that says nothing new of a device whose fault is described.

    Raises:
        SpecError: some of it is not as documented; nothing of it is taken.
    """
    described, listed = _of_devices(name, reports)
    found: dict[tuple[str, tuple[str, ...], str], Signal] = {}
    for signal in (*described, *_of_switch(name, reports), *_of_machine(name, reports)):
        found.setdefault((signal.name, signal.devices, signal.reason), signal)
    known = {(signal.name, signal.devices) for signal in found.values()}
    once = {(signal.name, signal.devices): signal for signal in reversed(listed)}
    return (*found.values(), *(once[key] for key in reversed(once) if key not in known))


def _of_devices(name: str, reports: Reports) -> tuple[list[Signal], list[Signal]]:
    """Return the faults that are described, and devices that are only listed."""
    described: list[Signal] = []
    only: list[Signal] = []
    if not reports.devices:
        return described, only
    listed = _decode(reports.devices, _DeviceReport, f"{name}: DeviceInfoCfg").info.device_list
    for key in sorted(listed):
        resource, _, part = key.rpartition("-")
        if part == "Fault" and listed[key]:
            faults = _decode(listed[key], list[_Fault], f"{name}: DeviceInfoCfg {key}")[:MOST]
            described.extend(_of_fault(fault, resource) for fault in faults)
    for key in sorted(listed):
        resource, _, part = key.rpartition("-")
        kind = {"Unhealthy": CARD, "NetworkUnhealthy": CARD_NETWORK}.get(part)
        if kind is not None:
            told = f"listed in {key}"
            only.extend(
                Signal(kind, "True", "", 0.0, told, resource, (device,)) for device in _names(listed[key])
            )
    for device in _names(reports.by_hand):
        resource = next((key for key in sorted(listed) if "-" not in key.rpartition("/")[2]), "")
        only.append(
            Signal(CARD, "True", BY_HAND, 0.0, "taken out for failing too often", resource, (device,))
        )
    return described, only


def _of_fault(fault: _Fault, resource: str) -> Signal:
    level = fault.fault_handling or fault.fault_level
    moments = list((fault.fault_time_and_level_map or {}).values())
    began = [one.fault_time for one in moments if one.fault_level == level] or [
        one.fault_time for one in moments
    ]
    return Signal(
        fault.fault_type or CARD,
        "True",
        level,
        min(began, default=0) / 1000.0,
        f"{level or fault.fault_type} fault codes {fault.fault_code}",
        resource if fault.npu_name else "",
        _names(fault.npu_name),
    )


def _of_switch(name: str, reports: Reports) -> Iterator[Signal]:
    if not reports.switch:
        return
    report = _decode(reports.switch, _SwitchReport, f"{name}: SwitchInfoCfg")
    if report.status not in WELL:
        yield Signal(SWITCH, "True", report.level, 0.0, f"NodeStatus {report.status} {report.level}".rstrip())


def _of_machine(name: str, reports: Reports) -> Iterator[Signal]:
    if not reports.machine:
        return
    info = _decode(reports.machine, _MachineReport, f"{name}: NodeInfo").info
    if info.status in WELL:
        return
    parts = ", ".join(f"{one.kind} {' '.join(one.codes or ())}".rstrip() for one in (info.parts or ())[:MOST])
    yield Signal(NODED, "True", info.status, 0.0, f"NodeStatus {info.status}{f': {parts}' if parts else ''}")


def _names(text: str) -> tuple[str, ...]:
    return tuple(name for part in text.split(",")[:MOST] if (name := part.strip()))


def _decode(text: str, form: type[T], where: str) -> T:
    try:
        return msgspec.json.decode(text, type=form)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise SpecError(
            f"ConfigMap {where} can't be read: {error}. What it said before stands; see whether its writer and"
            " Crosstree's catalog speak of the same version."
        ) from error
