"""`spec.health` of AICluster and AcceleratorPool: how signals of nodes and devices are taken."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Field

from crosstree.api.v1alpha1.common import ATOMIC, Duration, Wire
from crosstree.api.v1alpha1.rules import Rule, matches
from crosstree.base import duration
from crosstree.base.errors import SpecError

GENTLE = ("Ignore", "Avoid")
"""Actions that never touch running work."""

ConditionType = Annotated[
    str,
    Field(max_length=316),
    matches(
        r"^([a-z0-9]([-a-z0-9.]*[a-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$",
        "'{value}' is not the type of a node condition; write it as kubectl describe node shows it, for example"
        " GpuMemWatch.",
    ),
]


class HealthRule(Wire):
    """What is done when a node condition has a status."""

    condition: ConditionType
    """Type of the node condition, for example GpuMemWatch."""
    status: Literal["True", "False"]
    """Status that means trouble. Producers disagree: look at a healthy node."""
    reason: Annotated[str, Field(max_length=1024)] = ""
    """Only a condition with exactly this reason; left out, any."""
    action: Literal["Ignore", "Avoid", "RestartPod", "DrainDevice", "DrainNode"]
    """Ignore: nothing. Avoid: no new work there. RestartPod: gangs there start again once. DrainDevice: the devices
    that are named are no longer used. DrainNode: no new work, and gangs there leave."""
    grace_period: Duration | None = None
    """How long this signal must last before running work is touched, instead of `health.gracePeriod`."""

    RULES = (
        Rule(
            holds="self.condition != 'Ready'",
            says="spec.health.rules has condition Ready, by which the kubelet itself says whether it answers: a node"
            " that does not is always left after gracePeriod. Remove the rule.",
            breaks=lambda rule: {} if rule.condition == "Ready" else None,
            path="condition",
        ),
        Rule(
            holds=f"!(self.action in {list(GENTLE)}) || !has(self.gracePeriod)",
            says="spec.health.rules has gracePeriod for condition {condition} with action {action}, which never"
            " touches running work; remove gracePeriod, or use RestartPod, DrainDevice or DrainNode.",
            shows={"condition": "self.condition", "action": "self.action"},
            breaks=lambda rule: (
                {"condition": rule.condition, "action": rule.action}
                if rule.action in GENTLE and rule.grace_period is not None
                else None
            ),
            path="gracePeriod",
        ),
    )


def _repeated(health: PoolHealth) -> Mapping[str, object] | None:
    """Find the first signal that a second rule speaks of."""
    seen: set[tuple[str, str, str]] = set()
    for rule in health.rules:
        signal = rule.condition, rule.status, rule.reason
        if signal in seen:
            return {"condition": rule.condition, "status": rule.status}
        seen.add(signal)
    return None


def _impatient(health: PoolHealth) -> Mapping[str, object] | None:
    """Compare the two times, unless one of them is unreadable or comes from elsewhere."""
    grace, timeout = health.grace_period, health.unreachable_timeout
    try:
        short = grace and timeout and duration.parse(timeout) < duration.parse(grace)
    except SpecError:
        return None
    return {"timeout": timeout, "grace": grace} if short else None


_SAME = (
    "r.condition == s.condition && r.status == s.status && (has(r.reason) ? r.reason : '')"
    " == (has(s.reason) ? s.reason : '')"
)
_ONCE = f"self.rules.exists_one(s, {_SAME})"
_RULES = (
    Rule(
        holds=f"!has(self.rules) || self.rules.all(r, {_ONCE})",
        says="spec.health.rules has two rules for condition {condition} with status {status} and the same reason;"
        " keep one of them.",
        shows={
            "condition": f"self.rules.filter(r, !{_ONCE})[0].condition",
            "status": f"self.rules.filter(r, !{_ONCE})[0].status",
        },
        breaks=_repeated,
        path="rules",
    ),
    Rule(
        holds="!has(self.gracePeriod) || !has(self.unreachableTimeout)"
        " || duration(self.unreachableTimeout) >= duration(self.gracePeriod)",
        says="spec.health.unreachableTimeout is {timeout}, shorter than gracePeriod {grace}: pods would be removed by"
        " force before their gang leaves the node. Make it longer.",
        shows={"timeout": "self.unreachableTimeout", "grace": "self.gracePeriod"},
        breaks=_impatient,
        path="unreachableTimeout",
    ),
)


class PoolHealth(Wire):
    """What the nodes of one pool want otherwise than their AICluster."""

    grace_period: Duration | None = None
    """How long a node or device may be unwell before a running job is taken off it. New pods avoid it at once."""
    settle_period: Duration | None = None
    """How long a signal must be gone before the node gets new work again."""
    unreachable_timeout: Duration | None = None
    """How long a node must be silent before pods on it are removed by force, so that their gang can go on."""
    rules: Annotated[list[HealthRule], Field(max_length=64, json_schema_extra=ATOMIC)] = []
    """What is done about a condition, before the rules of the AICluster and those of the catalog are asked."""

    RULES = _RULES


class Health(PoolHealth):
    """How signals of nodes and devices are taken."""

    grace_period: Duration = "30s"
    """How long a node or device may be unwell before a running job is taken off it. New pods avoid it at once."""
    settle_period: Duration = "30s"
    """How long a signal must be gone before the node gets new work again."""
    unreachable_timeout: Duration = "5m"
    """How long a node must be silent before pods on it are removed by force, so that their gang can go on. Longer
    than any outage from which the node may come back with its pods still at work."""
    rules: Annotated[list[HealthRule], Field(max_length=64, json_schema_extra=ATOMIC)] = []
    """What is done about a condition, before the catalog is asked. A rule with a reason goes before one without."""
