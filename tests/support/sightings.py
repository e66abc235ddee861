"""What the observer sees: changes of pods, nodes and jobs, in the order of the API server, reduced to what counts.

Uses nothing of the operator but the names of its labels.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from crosstree.base.names import LABEL_ATTEMPT, LABEL_INDEX, LABEL_JOB

Json = Mapping[str, Any]
OVER = ("Succeeded", "Failed")


@dataclass(frozen=True)
class Pod:
    """A pod, whoever made it; `owner` is the uid of its TrainingJob, "" for a foreign one."""

    uid: str
    key: str
    owner: str
    attempt: int
    index: int
    pinned: str
    node: str
    requests: tuple[tuple[str, int], ...]
    phase: str
    deleting: bool

    @property
    def alive(self) -> bool:
        """Whether it holds its devices."""
        return self.phase not in OVER

    def asks(self, resource: str) -> int:
        """Return how many of these devices it asks for."""
        return dict(self.requests).get(resource, 0)


@dataclass(frozen=True)
class Node:
    """A node. `usable` for new work: Ready, not cordoned, no taint that keeps work away."""

    uid: str
    key: str
    ready: bool
    usable: bool
    labels: tuple[tuple[str, str], ...]
    offers: tuple[tuple[str, int], ...]


@dataclass(frozen=True)
class Job:
    """A TrainingJob. `places` is the node of each index, empty while nothing is placed.

    `alone` says that one worker may be made again in the attempt of the others.
    """

    uid: str
    key: str
    workers: int
    devices: int
    required: str
    suspended: bool
    deleting: bool
    attempt: int
    resource: str
    places: tuple[str, ...]
    charged: int
    restarts: int
    phase: str
    waiting: str
    conditions: tuple[tuple[str, str], ...]
    alone: bool = False

    @property
    def over(self) -> bool:
        """Whether it has ended, well or badly."""
        return ("Finished", "True") in self.conditions


Thing = Pod | Node | Job


@dataclass(frozen=True)
class Sighting:
    """One change. `gone` means deleted; `thing` is how it was last.

    Attributes:
        version: Place in the order of all changes of the cluster.
        at: When it arrived here, monotonic seconds.
        gap: Whether it was learned from a list, the watch having been broken: what was in between is unknown.
    """

    version: int
    at: float
    thing: Thing
    gone: bool = False
    gap: bool = False


def pod(raw: Json) -> Pod:
    """Read a pod."""
    meta, spec = raw["metadata"], raw["spec"]
    labels = meta.get("labels") or {}
    owners = [one["uid"] for one in meta.get("ownerReferences") or () if one["kind"] == "TrainingJob"]
    ours = bool(owners) and LABEL_JOB in labels and LABEL_INDEX in labels and LABEL_ATTEMPT in labels
    total: dict[str, int] = {}
    for container in spec["containers"]:
        for resource, amount in ((container.get("resources") or {}).get("requests") or {}).items():
            if "/" in resource:
                total[resource] = total.get(resource, 0) + int(amount)
    return Pod(
        uid=meta["uid"],
        key=f"{meta['namespace']}/{meta['name']}",
        owner=owners[0] if ours else "",
        attempt=int(labels[LABEL_ATTEMPT]) if ours else 0,
        index=int(labels[LABEL_INDEX]) if ours else 0,
        pinned=_pinned(spec),
        node=spec.get("nodeName", ""),
        requests=tuple(sorted(total.items())),
        phase=(raw.get("status") or {}).get("phase", ""),
        deleting="deletionTimestamp" in meta,
    )


def node(raw: Json) -> Node:
    """Read a node."""
    meta, spec, status = raw["metadata"], raw.get("spec") or {}, raw.get("status") or {}
    ready = any(one["type"] == "Ready" and one["status"] == "True" for one in status.get("conditions") or ())
    barred = any(taint["effect"] in ("NoSchedule", "NoExecute") for taint in spec.get("taints") or ())
    offers = {name: int(text) for name, text in (status.get("allocatable") or {}).items() if "/" in name}
    return Node(
        uid=meta["uid"],
        key=meta["name"],
        ready=ready,
        usable=ready and not spec.get("unschedulable") and not barred,
        labels=tuple(sorted((meta.get("labels") or {}).items())),
        offers=tuple(sorted(offers.items())),
    )


def job(raw: Json) -> Job:
    """Read a TrainingJob; a status that somebody spoiled by hand counts as far as it can be read."""
    meta, spec, status = raw["metadata"], raw["spec"], _map(raw.get("status"))
    placement = _map(status.get("placement"))
    places: dict[int, str] = {}
    for share in placement.get("nodes") or ():
        for index in range(share["first"], share["first"] + share["count"]):
            places[index] = share["name"]
    return Job(
        uid=meta["uid"],
        key=f"{meta['namespace']}/{meta['name']}",
        workers=_size(spec["workers"], placement),
        devices=spec["accelerators"]["perWorker"],
        required=_map(spec.get("topology")).get("required", ""),
        suspended=bool(spec.get("suspend")),
        deleting="deletionTimestamp" in meta,
        attempt=status.get("attempt") or 0,
        resource=placement.get("resource", ""),
        places=tuple(node for _, node in sorted(places.items())),
        charged=status.get("restartsCharged") or 0,
        restarts=len(status.get("restarts") or ()),
        phase=status.get("phase", ""),
        waiting=_map(status.get("waiting")).get("reason", ""),
        conditions=tuple(sorted((one["type"], one["status"]) for one in status.get("conditions") or ())),
        alone=_map(spec.get("restart")).get("scope") == "Worker",
    )


def _map(value: Any) -> Json:
    return value if isinstance(value, dict) else {}


def _pinned(spec: Json) -> str:
    """Return the node that a pod's affinity names, "" if it names none."""
    required = _map(_map(_map(spec.get("affinity")).get("nodeAffinity"))).get(
        "requiredDuringSchedulingIgnoredDuringExecution"
    )
    for term in _map(required).get("nodeSelectorTerms") or ():
        for field in term.get("matchFields") or ():
            if field["key"] == "metadata.name":
                return str(field["values"][0])
    return str(spec.get("nodeName", ""))


def _size(asked: Any, placement: Mapping[str, Any]) -> int:
    """Return how many workers a job should have: for a range the size it was placed at, -1 if that is not legal."""
    if isinstance(asked, int):
        return asked
    size = placement.get("workers", asked["max"])
    legal = asked["min"] <= size <= asked["max"] and (size - asked["min"]) % asked.get("step", 1) == 0
    return int(size) if legal else -1
