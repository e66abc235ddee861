"""Decisions as values. Adapters apply them; the simulator applies them; tests compare them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class WaitReason(Enum):
    """Why a job does not run now. A closed list: alerts and dashboards may rely on it."""

    SUSPENDED = "Suspended"
    """The job is suspended (`spec.suspend: true`). Set it to false."""
    QUEUE_NOT_FOUND = "QueueNotFound"
    """There is no JobQueue of that name, or it serves another AICluster. Name one of those listed."""
    QUEUE_NOT_ALLOWED = "QueueNotAllowed"
    """Its JobQueue takes no jobs of this namespace, of so high a priority, or that run so long. Name one that does."""
    CLUSTER_NOT_FOUND = "ClusterNotFound"
    """There is no AICluster of that name, or none is named and there are several or none."""
    CLUSTER_NOT_READY = "ClusterNotReady"
    """The AICluster has no usable pools yet. Its own conditions say what is missing."""
    PRIORITY_CLASS_NOT_FOUND = "PriorityClassNotFound"
    """There is no PriorityClass of that name. Create it, or name one of those listed."""
    INVALID_SPEC = "InvalidSpec"
    """The job says something impossible that the API server could not see. The sentence names the field."""
    MODEL_UNAVAILABLE = "ModelUnavailable"
    """No open pool has nodes with an accelerator the job asks for. Name a model that is there."""
    LEVEL_UNKNOWN = "LevelUnknown"
    """The fabric has no level of that name. Name one of those listed, or declare it in the AICluster."""
    ILLEGAL_SIZE = "IllegalSize"
    """The chip does not take that many devices per pod. The sentence lists the counts it takes."""
    SHAPE_IMPOSSIBLE = "ShapeImpossible"
    """The gang would not fit if the pool were empty and all of its nodes well. Ask for less."""
    NODES_UNHEALTHY = "NodesUnhealthy"
    """The gang would fit if nodes that are cordoned, NotReady, faulty or avoided could be used. Mend them."""
    NO_DOMAIN_LARGE_ENOUGH = "NoDomainLargeEnough"
    """No single domain of the required level has enough free now. Wait, or allow a wider level."""
    FRAGMENTED = "Fragmented"
    """Enough devices are free, but scattered: not enough on one node, in one group's domain, or in whole slices."""
    NOT_ENOUGH_FREE = "NotEnoughFree"
    """Fewer devices are free than the gang needs. It starts when enough others have ended."""
    QUOTA_EXHAUSTED = "QuotaExhausted"
    """A limit of its JobQueue, or of one above it, is reached. It starts when jobs under that limit have ended."""
    BUDGET_EXHAUSTED = "BudgetExhausted"
    """A budget of its JobQueue, or of one above it, has too little left. It starts when the next period begins."""
    RESERVED_FOR_OTHER = "ReservedForOther"
    """It would fit now, but would still hold nodes when a job before it is due to start on them, or when what another
    queue has booked of that model is to be there."""
    WAITING_FOR_MODEL = "WaitingForModel"
    """It could start now on a model that it likes less; waiting for a faster one is expected to finish sooner."""
    WAITING_FOR_PREEMPTION = "WaitingForPreemption"
    """Other jobs are being stopped for it. It starts as soon as they are gone."""
    PODS_REFUSED = "PodsRefused"
    """The API server refused the pods (quota, admission). Its words are in the sentence; tried again later."""
    RECOVERING = "Recovering"
    """The pods of an attempt that is over are still ending; the gang is placed again once they are gone."""

    # Members are one of a kind; Enum itself would ask for the hash of the name. For look-up only: the order of a set of
    # them differs from process to process.
    __hash__ = object.__hash__

    @property
    def patient(self) -> bool:
        """True where it only waits for others to end. Which of these it is goes back and forth as they do."""
        return self in _PATIENT

    @property
    def barred(self) -> bool:
        """True where no free accelerators would cure it: the job, or an admin, has to change something.

        Such a job stands in no line: it has no position there, takes none from others, and is not counted as waiting.
        """
        return self in _BARRED


_PATIENT = frozenset(
    {
        WaitReason.NOT_ENOUGH_FREE,
        WaitReason.FRAGMENTED,
        WaitReason.NO_DOMAIN_LARGE_ENOUGH,
        WaitReason.NODES_UNHEALTHY,
        WaitReason.QUOTA_EXHAUSTED,
        WaitReason.BUDGET_EXHAUSTED,
        WaitReason.RESERVED_FOR_OTHER,
        WaitReason.WAITING_FOR_MODEL,
    }
)

_BARRED = frozenset(
    {
        WaitReason.QUEUE_NOT_FOUND,
        WaitReason.QUEUE_NOT_ALLOWED,
        WaitReason.CLUSTER_NOT_FOUND,
        WaitReason.CLUSTER_NOT_READY,
        WaitReason.PRIORITY_CLASS_NOT_FOUND,
        WaitReason.INVALID_SPEC,
        WaitReason.MODEL_UNAVAILABLE,
        WaitReason.LEVEL_UNKNOWN,
        WaitReason.ILLEGAL_SIZE,
        WaitReason.SHAPE_IMPOSSIBLE,
    }
)


class Rung(Enum):
    """How far up the recovery ladder a job had to go, lowest first. The values stand in `status.recovery.rung`."""

    WORKER = "Worker"
    """One worker alone is made again on its node; the others never stop."""
    STOPPING = "Stopping"
    """The whole gang is being stopped; its nodes are held for it meanwhile."""
    WAITING = "Waiting"
    """Its pods are gone and there is no place for it; it is the first in line of its priority."""
    SAME_NODES = "SameNodes"
    """It starts again exactly where it was."""
    REPLACED = "Replaced"
    """It keeps the nodes that are well; only the lost workers go to other nodes, inside the same domains."""
    MOVED = "Moved"
    """It starts again whole at another place."""


@dataclass(frozen=True, slots=True)
class NodeShare:
    """`count` consecutive workers, from index `first`, on one node."""

    name: str
    first: int
    count: int


@dataclass(frozen=True, slots=True)
class Span:
    """How many domains of a level the gang uses, against the fewest any placement could have used."""

    level: str
    domains: int
    lower_bound: int


@dataclass(frozen=True, slots=True)
class Promise:
    """A place that is being cleared for a waiting gang: the plan that its status keeps until it starts.

    Attributes:
        pool: Where.
        nodes: Places of its workers there, as in `Place`.
        victims: Uids of the jobs that have to stop or shrink first, in order.
        smaller: Of those victims that shrink, uid and number of workers they go on with.
        jobs: Their names, one each, empty for a job of another namespace than the gang's.
        until: When the plan is void if it has not come true, whole seconds since the epoch.
        since: When it was made, whole seconds since the epoch: a victim that began later is another matter.
        begun: Its victims have been told. Until then it is words: one of them that is gone ended by itself.
    """

    pool: str
    nodes: tuple[NodeShare, ...]
    victims: tuple[str, ...]
    until: float
    since: float = 0.0
    smaller: tuple[tuple[str, int], ...] = ()
    jobs: tuple[str, ...] = ()
    begun: bool = False


@dataclass(frozen=True, slots=True)
class Place:
    """Start this gang here. `nodes` covers indices 0..workers-1 in fabric order without gaps.

    `rung` tells how a gang that recovers came by the place; None for any other.
    """

    key: str
    uid: str
    pool: str
    model: str
    resource: str
    nodes: tuple[NodeShare, ...]
    spans: tuple[Span, ...]
    rung: Rung | None = None

    @property
    def workers(self) -> int:
        """Workers it has room for."""
        return sum(share.count for share in self.nodes)


@dataclass(frozen=True, slots=True)
class Forecast:
    """When a waiting gang is expected to start.

    Attributes:
        start: Seconds since the epoch.
        confidence: 0 to 1: how far the durations it rests on can be trusted.
    """

    start: float
    confidence: float


@dataclass(frozen=True, slots=True)
class Wait:
    """Don't start this gang now, and why: one sentence with counts and the way out.

    Attributes:
        key: `namespace/name` of the TrainingJob.
        uid: Its uid.
        reason: From the closed list.
        message: The sentence.
        position: Place in the line of its queue, 1 for the next; 0 where it stands in none.
        forecast: When it is expected to start; None if that can't be told.
        promise: The place being cleared for it; None if there is none. Victims are only evicted once this is stored.
        had: The promise it had when this was decided: a status that has got another one meanwhile keeps that.
    """

    key: str
    uid: str
    reason: WaitReason
    message: str
    position: int = 0
    forecast: Forecast | None = None
    promise: Promise | None = None
    had: Promise | None = None


@dataclass(frozen=True, slots=True)
class Evict:
    """Stop this running gang whole: another one gets its place, which is promised in that one's status already."""

    key: str
    uid: str
    beneficiary: str
    """`namespace/name` of the TrainingJob that gets the place."""
    message: str
    reclaimed: bool = False
    """The place was borrowed, and goes to a queue that it is guaranteed to; else it goes to a higher priority."""


@dataclass(frozen=True, slots=True)
class Resize:
    """Let this running elastic gang start again with another number of workers, from its last checkpoint."""

    key: str
    uid: str
    workers: int
    beneficiary: str
    """Whom a smaller size makes room for; empty where the gang grows."""
    message: str


Decision = Place | Wait | Evict | Resize


@dataclass(frozen=True, slots=True)
class Plan:
    """What one cycle decided for one cluster, in the order it was decided.

    `due` is when time alone may change the answer, seconds since the epoch; None if only a change of the cluster can.
    """

    cluster: str
    generation: int
    decisions: tuple[Decision, ...] = ()
    due: float | None = None
