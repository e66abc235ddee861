"""What there is to look at after a test on real nodes has failed, as one text: nobody can ask the nodes later."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from tests.support.kubectl import Json, Kubectl, KubectlError
from tests.support.real_world import NAMESPACE, World

ANSWERS = 10.0
"""Seconds that one question may take: a node that is cut off gives no logs."""
LINES = 60
"""Last lines shown of a log."""
WIDTH = 400
"""Characters shown of a line of a log."""
NOISE = ("reconciler_common.go", "operation_generator.go")
"""What stands in lines of a kubelet that hide the others: volumes that came and went, a dozen for each pod."""
EVENTS = 120
"""Last events shown."""


def aftermath(world: World) -> str:
    """Return jobs, pods, nodes, events and the ends of all logs. Never fails: what can't be had says why."""
    kubectl = replace(world.kubectl, timeout=ANSWERS)
    parts: dict[str, Callable[[], Iterable[str]]] = {
        "machine": lambda: _machine(world),
        "nodes": lambda: map(_node, kubectl.list("nodes")),
        "jobs": lambda: map(_job, kubectl.list("trainingjobs")),
        "pods": lambda: map(_pod, kubectl.list("pods")),
        "what happened to workers": lambda: map(str, world.record.everything()),
        "events": lambda: map(_event, _latest(kubectl.list("events"))),
        "what workers said and left": lambda: _left(world),
        "operators": lambda: _operators(world, kubectl),
        "nodes' own logs": lambda: _logs(world),
    }
    return "\n".join(
        line for title, look in parts.items() for line in (f"== {title}", *_as_far_as_it_goes(look))
    )


def _as_far_as_it_goes(look: Callable[[], Iterable[str]]) -> Iterator[str]:
    try:
        yield from look()
    except Exception as error:  # the other parts are worth more than the reason why this one is missing
        yield f"(no more: {type(error).__name__}: {error})"


def _machine(world: World) -> Iterator[str]:
    yield f"{datetime.now(UTC):%H:%M:%S} UTC, load {' '.join(f'{one:.1f}' for one in os.getloadavg())}"
    for name, child in sorted(world.local.components().items()):
        if child.exit is not None:
            yield f"{name} does not run: it ended with {child.exit}"


def _node(node: Json) -> str:
    ready = next((one for one in node["status"]["conditions"] if one["type"] == "Ready"), {})
    taints = [f"{one['key']}:{one['effect']}" for one in node["spec"].get("taints", ())]
    offers = {name: amount for name, amount in node["status"].get("allocatable", {}).items() if "/" in name}
    return (
        f"{node['metadata']['name']}: Ready {ready.get('status')} since {ready.get('lastTransitionTime')} "
        f"({ready.get('reason')}), boot {node['status'].get('nodeInfo', {}).get('bootID', '')[:8]}, "
        f"taints {taints}, offers {offers}"
    )


def _job(job: Json) -> str:
    return f"{job['metadata']['name']}: {json.dumps(job.get('status', {}), indent=1)}"


def _pod(pod: Json) -> str:
    meta, status = pod["metadata"], pod["status"]
    states = [
        {"restarts": one["restartCount"], "now": one["state"], "before": one.get("lastState")}
        for one in status.get("containerStatuses", ())
    ]
    return (
        f"{meta['namespace']}/{meta['name']} {meta['uid']} on {pod['spec'].get('nodeName')}: "
        f"attempt {meta.get('labels', {}).get('crosstree.dev/attempt')}, {status.get('phase')} "
        f"{status.get('reason', '')} {status.get('message', '')}, IP {status.get('podIP')}, "
        f"made {meta['creationTimestamp']}, to go {meta.get('deletionTimestamp')}, {json.dumps(states)}"
    )


def _latest(events: list[Json]) -> list[Json]:
    return sorted(events, key=_when)[-EVENTS:]


def _when(event: Json) -> str:
    series = event.get("series") or {}
    times = (series.get("lastObservedTime"), event.get("lastTimestamp"), event.get("eventTime"))
    return str(next((at for at in times if at), event["metadata"]["creationTimestamp"]))


def _event(event: Json) -> str:
    of = event["involvedObject"]
    many = (event.get("series") or {}).get("count") or event.get("count") or 1
    text = " ".join(str(event.get("message")).split())
    return f"{_when(event)} {of.get('kind')} {of.get('name')} {event.get('reason')} x{many}: {text}"


def _left(world: World) -> Iterator[str]:
    for folder in world.folders.values():
        for file in sorted(one for one in folder.rglob("*") if one.is_file()):
            at = datetime.fromtimestamp(file.stat().st_mtime, UTC)
            yield f"-- {file.relative_to(world.shared)}, {file.stat().st_size} bytes, last written {at:%H:%M:%S}"
            if file.suffix in (".json", ".log"):
                yield from _end(file)


def _operators(world: World, kubectl: Kubectl) -> Iterator[str]:
    yield f"leader: {world.leader()}"
    for pod in kubectl.list("pods", NAMESPACE, "app.kubernetes.io/name=crosstree"):
        name = pod["metadata"]["name"]
        for which in ("--previous=true", "--previous=false"):
            yield f"-- {name} {which}"
            try:
                yield kubectl("logs", name, which, "--namespace", NAMESPACE, f"--tail={LINES}").rstrip()
            except (KubectlError, subprocess.TimeoutExpired) as error:
                yield f"(none: {error})"


def _logs(world: World) -> Iterator[str]:
    for node in world.local.real_nodes:
        for file in sorted((world.local.state / "logs").glob(f"{node}*.log")):
            yield f"-- {file.name}"
            yield from _end(file)


def _end(file: Path) -> list[str]:
    lines = file.read_text(errors="replace").rstrip().splitlines()
    return [line[:WIDTH] for line in lines if not any(noise in line for noise in NOISE)][-LINES:]
