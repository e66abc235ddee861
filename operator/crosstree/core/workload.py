"""A gang: what a TrainingJob asks the scheduler for, reduced to what a decision needs."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum
from functools import lru_cache

from crosstree.core.plan import Promise

NARROWEST = ""
"""Level of a group that only has to stay as close as several nodes can be: the narrowest above the node, which is
the accelerator domain where a fabric has one."""


@dataclass(frozen=True, slots=True)
class Groups:
    """Every `size` consecutive workers stay inside one domain of `level`; it may be `NARROWEST`."""

    size: int
    level: str


@dataclass(frozen=True, slots=True, order=True)
class Toleration:
    """A pod's toleration; empty key tolerates every key, empty effect every effect."""

    key: str = ""
    operator: str = "Equal"
    value: str = ""
    effect: str = ""


@dataclass(frozen=True, slots=True, order=True)
class Taint:
    """A node's taint."""

    key: str
    value: str
    effect: str


@dataclass(frozen=True, slots=True, order=True)
class Requirement:
    """One `matchExpressions` or `matchFields` entry: In, NotIn, Exists, DoesNotExist, Gt, Lt.

    `key` is a node label, or `metadata.name` for the one field Kubernetes knows.
    """

    key: str
    operator: str
    values: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, order=True)
class NodeConstraint:
    """Which nodes a worker may use: nodeSelector, required node affinity, tolerations.

    `terms` is an OR of ANDs, as in `requiredDuringSchedulingIgnoredDuringExecution`; no terms means no
    such demand.
    """

    selector: tuple[tuple[str, str], ...] = ()
    terms: tuple[tuple[Requirement, ...], ...] = ()
    tolerations: tuple[Toleration, ...] = ()


@dataclass(frozen=True, slots=True)
class Footprint:
    """Where a gang ran: the pool, and how many of its workers each node had."""

    pool: str
    counts: tuple[tuple[str, int], ...]


class Source(Enum):
    """Where an expected duration comes from."""

    DECLARED = "Declared"
    """`spec.expectedDuration`, corrected where jobs like it agree on how far off theirs were."""
    LEARNED = "Learned"
    """From earlier jobs of the same queue, name pattern and size."""
    BOUND = "Bound"
    """Nothing is known but `spec.maxRunTime` of a queue, at which it is ended."""
    ASSUMED = "Assumed"
    """Nothing is known: a default."""


@dataclass(frozen=True, slots=True)
class Expectation:
    """How long a gang is expected to run once it has started.

    Attributes:
        seconds: Of the whole run, whatever has been done of it.
        source: Where that is from.
        confidence: 0 to 1.
        at_most: Seconds after which it is ended, at whatever size it runs; None where nothing ends it.
        percent_of_declared: How much of what is declared was taken for `seconds`, 100 for its author's very word; or of
            what would be declared, where nothing is.
        declared: What `seconds` would be by its author's very word; None where it is.
    """

    seconds: float
    source: Source
    confidence: float
    at_most: float | None = None
    percent_of_declared: int = 100
    declared: float | None = None


@dataclass(frozen=True, slots=True)
class Told:
    """What a waiting gang was told first of when it will start.

    Attributes:
        at: When it was told, seconds since the epoch.
        start: What: the start expected then.
    """

    at: float
    start: float


class _Kept:
    """Room for what is worked out once of a gang, which never changes; no part of what it is: see `alike`."""

    __slots__ = ("known",)
    known: object


@dataclass(frozen=True, slots=True)
class Gang(_Kept):
    """Workers that start together or not at all. All workers of a gang are alike.

    Attributes:
        key: `namespace/name` of the TrainingJob.
        uid: Its uid; a job deleted and made again is another gang.
        workers: Number of pods.
        devices: Accelerators per pod; may be 0 for CPU-only work.
        models: Profile ids in order of preference; empty means any.
        vendor: Only this vendor's accelerators; empty means any.
        requests: Other resources per pod, in the units of `base.quantity`, sorted by name.
        required: Level the whole gang must fit in; empty means none.
        preferred: Level to use as few domains of as possible; empty means none.
        groups: Consecutive workers that stay together, or None.
        constraint: Which nodes a worker may use.
        priority: Value of its PriorityClass; higher goes first.
        created: Seconds since the epoch; older goes first among equals.
        queue: Name of its JobQueue.
        avoid: Nodes that failed this gang lately: used only where there is no other place.
        banned: Those of them that failed it more than once: not used.
        recovering: It ran and was broken by a failure: it goes before others of its priority, and may use spares.
        before: Where it ran then, if it recovers: a place as near to that as can be is tried first.
        sizes: Legal numbers of workers, the largest first, for an elastic gang; empty means exactly `workers`, which
            is the largest of them otherwise.
        expected: How long it will run once started, for all the work that is left; None if nothing is known.
        promise: The place being cleared for it, as stored in its status.
        told: What it was told first in this wait; None if nothing yet.
    """

    key: str
    uid: str
    workers: int
    devices: int
    models: tuple[str, ...] = ()
    vendor: str = ""
    requests: tuple[tuple[str, int], ...] = ()
    required: str = ""
    preferred: str = ""
    groups: Groups | None = None
    constraint: NodeConstraint = NodeConstraint()
    priority: int = 0
    created: float = 0.0
    queue: str = "default"
    avoid: tuple[str, ...] = ()
    banned: tuple[str, ...] = ()
    recovering: bool = False
    before: Footprint | None = None
    sizes: tuple[int, ...] = ()
    expected: Expectation | None = None
    promise: Promise | None = None
    told: Told | None = None

    @property
    def namespace(self) -> str:
        """Namespace of the TrainingJob."""
        return self.key.partition("/")[0]

    def demands(self, resource: str) -> NodeConstraint:
        """Return what its pods demand of nodes in a pool of an accelerator resource.

        A pod that asks for a resource tolerates the taint of that name, which keeps all others away: `manifests/`
        writes it, and a cluster may add it (admission plugin ExtendedResourceToleration).
        """
        return _tolerating(self.constraint, resource) if self.devices and resource else self.constraint


@lru_cache(maxsize=4096)
def _tolerating(constraint: NodeConstraint, resource: str) -> NodeConstraint:
    own = Toleration(resource, "Exists", "", "NoSchedule")
    return replace(constraint, tolerations=tuple(sorted({*constraint.tolerations, own})))
