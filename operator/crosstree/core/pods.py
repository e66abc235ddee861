"""Facts about our own pods and the nodes under them: what the life of a job is decided on."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from crosstree.core.health import Action, Fault
from crosstree.core.snapshot import NodeState
from crosstree.core.verdict import drained, leaving

OUT_OF_SERVICE = "node.kubernetes.io/out-of-service"
"""Taint by which an admin says that a node is down and nothing runs on it. Kubernetes itself acts on it, too."""

OUT_OF_SERVICE_TAINT = f"{OUT_OF_SERVICE}=nodeshutdown:NoExecute"
"""The same as `kubectl taint node NAME` takes it; without an effect it refuses."""


class PodPhase(Enum):
    """`status.phase` of a pod."""

    PENDING = "Pending"
    RUNNING = "Running"
    SUCCEEDED = "Succeeded"
    FAILED = "Failed"
    UNKNOWN = "Unknown"


@dataclass(frozen=True, slots=True)
class Exit:
    """How the trainer container (else the first that failed) ended."""

    code: int
    reason: str = ""
    message: str = ""
    finished_at: float = 0.0


@dataclass(frozen=True, slots=True)
class PodFact:
    """One of our pods as the API server shows it now.

    Attributes:
        node: Node it is bound to; empty while unbound.
        disrupted: It carries condition DisruptionTarget=True, or the kubelet refused it at admission: its end
            is not the program's fault.
        exit: How it ended, once a container has ended.
        stuck: Why it can't start, as the kubelet or kube-scheduler says (`ImagePullBackOff: …`,
            `Unschedulable: …`); empty if nothing is wrong.
        stuck_since: When that began, seconds since the epoch; 0 if nothing is wrong.
        unhealthy_device: Its status reports an allocated device as Unhealthy.
        devices: Devices it holds, by the name their plugin gives them; empty where nobody says.
        checkpointed: Its annotation `crosstree.dev/checkpointed-at` as it stands; empty if it has none.
        due: When it should be gone at the latest, its own grace included, seconds since the epoch; 0 unless it is
            terminating.
        grace: Seconds that whoever deleted it gave it; 0 unless it is terminating.
    """

    name: str
    uid: str
    job_uid: str
    index: int
    attempt: int
    phase: PodPhase
    node: str = ""
    ready: bool = False
    terminating: bool = False
    disrupted: bool = False
    exit: Exit | None = None
    stuck: str = ""
    stuck_since: float = 0.0
    unhealthy_device: bool = False
    devices: frozenset[str] = frozenset()
    created: float = 0.0
    due: float = 0.0
    grace: float = 0.0
    checkpointed: str = ""


@dataclass(frozen=True, slots=True)
class NodeHealth:
    """State of a node that a placement uses.

    `since` is when the state began, seconds since the epoch. `exists` is False once the Node object is gone.
    `overcommitted` is how many accelerators our pods there hold beyond what is allocatable: devices lost. `crowded` is
    how many it lacks once every place promised on it is taken. `grace`
    is how many seconds its trouble must last before work leaves it; None where its job's cluster says. `faults`
    are what producers report of it, the worst first.
    `out_of_service` is True where an admin says that the machine is down: taint `OUT_OF_SERVICE`.
    `unreachable_timeout` is how many seconds it may be silent before what was told to go there is removed by force;
    None where its job's cluster says. `silent` is True while its kubelet does not report at all.
    """

    name: str
    exists: bool
    state: NodeState
    since: float
    overcommitted: int = 0
    crowded: int = 0
    grace: float | None = None
    faults: tuple[Fault, ...] = ()
    out_of_service: bool = False
    unreachable_timeout: float | None = None
    silent: bool = False

    @property
    def leaving(self) -> Fault | None:
        """The fault for which work leaves the node, if there is one."""
        return leaving(self.faults)

    @property
    def drained(self) -> frozenset[str]:
        """Devices that work has to give up."""
        return frozenset().union(*drained(self.faults).values())

    @property
    def restarting(self) -> tuple[Fault, ...]:
        """Faults that a fresh process cures."""
        return tuple(one for one in self.faults if one.action is Action.RESTART_POD and not one.settling)
