"""What the status of one of our pods means, as a `PodFact`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import msgspec

from crosstree.adapters import wire
from crosstree.base.clock import from_rfc3339
from crosstree.base.errors import SpecError
from crosstree.base.names import TRAINER_CONTAINER
from crosstree.core.pods import Exit, PodFact, PodPhase

T = TypeVar("T")

STARTING = frozenset({"ContainerCreating", "PodInitializing"})
"""Waiting reasons of a container that is on its way."""

REFUSED_BY_KUBELET = frozenset(
    {
        "UnexpectedAdmissionError",
        "NodeAffinity",
        "NodeShutdown",
        "Terminated",
        "NodeLost",
        "Evicted",
        "Preempting",
    }
    | {"TopologyAffinityError"}
)
"""`status.reason` of a failed pod whose program is not to blame; `OutOf…` too. Source: pkg/kubelet/lifecycle."""

MESSAGE = 512
"""Characters kept of a message; a kubelet's can be pages long."""

_conditions = msgspec.json.Decoder(list[wire.Condition] | None)
_containers = msgspec.json.Decoder(list[wire.ContainerStatus] | None)
_owners = msgspec.json.Decoder(list[wire.Owner] | None)


def of(pod: wire.Pod) -> PodFact:
    """Read one pod. Never fails on odd content: what can't be read counts as not said."""
    meta, status = pod.metadata, pod.status
    labels = meta.labels or wire.PodLabels()
    conditions = {one.type: one for one in _decode(_conditions, status.conditions)}
    containers = _decode(_containers, status.container_statuses)
    devices = _devices(containers)
    phase = PodPhase(status.phase) if status.phase in _PHASES else PodPhase.UNKNOWN
    created = _time(meta.creation_timestamp)
    stuck, since = _stuck(
        phase, status, conditions, [*_decode(_containers, status.init_container_statuses), *containers]
    )
    return PodFact(
        name=meta.name,
        uid=meta.uid,
        job_uid=controller(meta.owner_references),
        index=_number(labels.index, -1),
        attempt=_number(labels.attempt, 0),
        phase=phase,
        node=pod.spec.node_name,
        ready=_is(conditions, "Ready"),
        terminating=meta.deletion_timestamp is not None,
        disrupted=_is(conditions, "DisruptionTarget")
        or (phase is PodPhase.FAILED and _refused(status.reason)),
        exit=_exit(containers),
        stuck=stuck,
        stuck_since=(since or created) if stuck else 0.0,
        # Believed when it says Unhealthy, never when it says Healthy: see `_devices`.
        unhealthy_device=any(device.health == "Unhealthy" for device in devices),
        devices=_names(meta.annotations, devices),
        created=created,
        due=_time(meta.deletion_timestamp),
        grace=float(meta.deletion_grace_period_seconds),
        checkpointed=meta.annotations.checkpointed if meta.annotations else "",
    )


def _devices(containers: Sequence[wire.ContainerStatus]) -> list[wire.DeviceHealth]:
    """List the allocated devices with the health the kubelet last heard of.

    The kubelet writes it when the plugin says that a device changed, within milliseconds, and allocatable with its
    next node status, seconds later: where the two differ on a live plugin, this one is newer, both ways. Once the
    plugin is dead nobody corrects it: allocatable falls to 0 and this goes on saying Healthy. So Unhealthy counts,
    and has the grace period to be taken back; Healthy proves nothing, and missing devices are told by allocatable.
    Source: kubelet, pkg/kubelet/cm/devicemanager.
    """
    return [
        device
        for container in containers
        for allocated in container.allocated_resources_status or ()
        for device in allocated.resources or ()
    ]


def _names(annotations: wire.PodAnnotations | None, devices: Sequence[wire.DeviceHealth]) -> frozenset[str]:
    """Name the devices a pod holds. A plugin that renumbers them for the kubelet tells the real ones itself."""
    real = annotations.ascend_real if annotations else ""
    told = real.split(",") if real else [device.resource_id for device in devices]
    return frozenset(name.strip() for name in told if name.strip())


_PHASES = frozenset(phase.value for phase in PodPhase)


def _stuck(
    phase: PodPhase,
    status: wire.PodStatus,
    conditions: dict[str, wire.Condition],
    containers: Sequence[wire.ContainerStatus],
) -> tuple[str, float]:
    """Say what keeps a pod from starting, and since when; a kubelet that refused it says so in the status."""
    if phase is PodPhase.FAILED and _refused(status.reason):
        return _said(status.reason, status.message), 0.0
    if phase not in (PodPhase.PENDING, PodPhase.RUNNING):
        return "", 0.0
    scheduled = conditions.get("PodScheduled")
    since = _time(scheduled.last_transition_time if scheduled else None)
    if scheduled is not None and scheduled.status == "False":
        return _said(scheduled.reason or "Unschedulable", scheduled.message), since
    for container in containers:
        waiting = container.state.waiting if container.state else None
        if waiting is not None and waiting.reason and waiting.reason not in STARTING:
            return _said(waiting.reason, waiting.message), since
    return "", 0.0


def _exit(containers: Sequence[wire.ContainerStatus]) -> Exit | None:
    ended = [(one.name, one.state.terminated) for one in containers if one.state and one.state.terminated]
    chosen = next((end for name, end in ended if name == TRAINER_CONTAINER), None)
    chosen = chosen or next((end for _, end in ended if end.exit_code), None)
    if chosen is None and len(containers) == 1 and ended:
        chosen = ended[0][1]
    if chosen is None:
        return None
    message = (chosen.message or "")[:MESSAGE]
    return Exit(chosen.exit_code, chosen.reason or "", message, _time(chosen.finished_at))


def _refused(reason: str) -> bool:
    return reason in REFUSED_BY_KUBELET or reason.startswith("OutOf")


def controller(owner_references: msgspec.Raw) -> str:
    """Return the uid of the controller named by raw `ownerReferences`, else of the first owner, else nothing."""
    owners = _decode(_owners, owner_references)
    return next((one.uid for one in owners if one.controller), owners[0].uid if owners else "")


def _is(conditions: dict[str, wire.Condition], kind: str) -> bool:
    found = conditions.get(kind)
    return found is not None and found.status == "True"


def _said(reason: str, message: str | None) -> str:
    return f"{reason}: {message[:MESSAGE]}" if message else reason


def _number(text: str, fallback: int) -> int:
    return int(text) if text.isascii() and text.isdigit() else fallback


def _time(text: str | None) -> float:
    try:
        return from_rfc3339(text) if text else 0.0
    except SpecError:
        return 0.0


def _decode(decoder: msgspec.json.Decoder[list[T] | None], raw: msgspec.Raw) -> list[T]:
    if not len(raw):
        return []
    try:
        return decoder.decode(raw) or []
    except msgspec.ValidationError:
        return []
