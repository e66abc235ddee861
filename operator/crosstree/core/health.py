"""Trouble of nodes and devices: what a producer reports, what is done about it, and who decides.

Pure, like all of the core: a node's conditions, a policy and the time go in, a verdict comes out.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum

MESSAGE = 200
"""Characters kept of what a producer says; some of them tell whole stories."""


_WORD = re.compile(r"[A-Za-z0-9_.-]{1,64}")
"""A reason; what is none may be any text."""


class Action(Enum):
    """What is done about a signal, the mildest first. The values are those of the API."""

    IGNORE = "Ignore"
    """Nothing, and nobody is told."""
    AVOID = "Avoid"
    """The node takes no new work; what runs there stays."""
    RESTART_POD = "RestartPod"
    """A gang that runs there starts again once, there or elsewhere: a fresh process is the cure."""
    DRAIN_DEVICE = "DrainDevice"
    """The devices that are named are no longer used; the rest of the node is."""
    DRAIN_NODE = "DrainNode"
    """The node takes no new work, and gangs that run there leave it."""

    @property
    def severity(self) -> int:
        """0 for the mildest."""
        return _SEVERITY[self]


_SEVERITY = {action: rank for rank, action in enumerate(Action)}


@dataclass(frozen=True, slots=True)
class Signal:
    """What a producer says of a node now: a node condition, or an entry of a report.

    Attributes:
        name: Condition type, or kind of the entry.
        status: `True`, `False` or `Unknown`; an entry of a report that has gone is `False`.
        reason: In one word, as the producer says it.
        since: When the status last changed, seconds since the epoch; 0 where nobody says.
        message: For people.
        resource: Extended resource of `devices`.
        devices: Devices it speaks of, by the name their plugin gives them; none means the whole node.
        standing: Nobody says since when, and it was there when it was first looked for: `since` is then.
    """

    name: str
    status: str
    reason: str = ""
    since: float = 0.0
    message: str = ""
    resource: str = ""
    devices: tuple[str, ...] = ()
    standing: bool = False


@dataclass(frozen=True, slots=True)
class Fault:
    """A signal that something is done about.

    Attributes:
        signal: Name of the signal.
        action: What is done.
        since: When it began; of a settling one, when it went away; 0 where nobody says and it matters.
        message: What the producer says, bounded. It may name processes of any tenant: not for their jobs.
        grace: Seconds from `since` after which running work is touched.
        settling: It has gone, but not for long enough: no new work yet, and running work stays.
        resource: Extended resource of `devices`.
        devices: Devices it concerns; none means the whole node.
        reason: In one word, as the producer says it.
    """

    signal: str
    action: Action
    since: float
    message: str = ""
    grace: float = 0.0
    settling: bool = False
    resource: str = ""
    devices: tuple[str, ...] = ()
    reason: str = ""

    @property
    def due(self) -> float:
        """When running work is touched, seconds since the epoch."""
        return self.since + self.grace

    @property
    def named(self) -> str:
        """The signal and its reason, as part of a sentence that any tenant may read."""
        return f"{self.signal}: {self.reason}" if _WORD.fullmatch(self.reason) else self.signal


@dataclass(frozen=True, slots=True)
class HealthRule:
    """What is done when a node condition has a status.

    Attributes:
        condition: Condition type, or name of another signal.
        status: `True` or `False`: the status that means trouble.
        action: What is done.
        reason: Only a condition with exactly this reason; empty for any.
        grace: Seconds the signal must last before running work is touched; None for the policy's own.
    """

    condition: str
    status: str
    action: Action
    reason: str = ""
    grace: float | None = None


@dataclass(frozen=True, slots=True)
class HealthPolicy:
    """How signals of nodes are taken. All times in seconds.

    Attributes:
        grace: How long trouble must last before running work is touched. New work keeps away at once.
        settle: How long a signal must be gone before its node gets new work again.
        unreachable_timeout: How long a node must be silent before pods on it are removed by force.
        rules: The first that fits a signal decides; the catalog is asked where none does.
    """

    grace: float = 30.0
    settle: float = 30.0
    unreachable_timeout: float = 300.0
    rules: tuple[HealthRule, ...] = ()


@dataclass(frozen=True, slots=True)
class HealthOverrides:
    """What an AcceleratorPool wants otherwise than its AICluster; None leaves a time as it is."""

    grace: float | None = None
    settle: float | None = None
    unreachable_timeout: float | None = None
    rules: tuple[HealthRule, ...] = ()

    def over(self, base: HealthPolicy) -> HealthPolicy:
        """Return the policy for the nodes of the pool: its rules are asked before the cluster's."""
        return HealthPolicy(
            grace=base.grace if self.grace is None else self.grace,
            settle=base.settle if self.settle is None else self.settle,
            unreachable_timeout=(
                base.unreachable_timeout if self.unreachable_timeout is None else self.unreachable_timeout
            ),
            rules=(*self.rules, *base.rules),
        )


AS_ITS_CLUSTER = HealthOverrides()
"""A pool that wants nothing otherwise."""
