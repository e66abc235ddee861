"""Which nodes a pod may use by label, field and taint: the rules of kube-scheduler, as pure functions.

Evaluated when labels or taints change, never inside a cycle; a cycle sees one boolean per node.
Source: Kubernetes API reference, NodeSelectorRequirement, Toleration; kube-scheduler NodeAffinity and
TaintToleration filters.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from crosstree.core.arrays import Bool
from crosstree.core.cluster import Selector
from crosstree.core.workload import NodeConstraint, Requirement, Taint, Toleration

NODE_NAME_FIELD = "metadata.name"

_BLOCKING = frozenset({"NoSchedule", "NoExecute"})

NODE_STATE_TAINTS = frozenset(
    {
        "node.kubernetes.io/not-ready",
        "node.kubernetes.io/unreachable",
        "node.kubernetes.io/unschedulable",
    }
)
"""Taints that only repeat what the node's state already says: judged there, not here, so that a node that
blinks does not rebuild every mask."""


def mask(
    constraint: NodeConstraint,
    names: Sequence[str],
    labels: Sequence[Mapping[str, str]],
    taints: Sequence[Sequence[Taint]],
) -> Bool:
    """Evaluate a constraint on every node.

    Args:
        constraint: What the pod demands and tolerates.
        names: Node names, n of them.
        labels: Labels of each node, in the same order.
        taints: Taints of each node, in the same order.

    Returns:
        Bool (n,): True where the node is admitted.
    """
    admitted = (
        selected(constraint.selector, constraint.terms, name, own)
        and tolerated(constraint.tolerations, spots)
        for name, own, spots in zip(names, labels, taints, strict=True)
    )
    return np.fromiter(admitted, np.bool_, count=len(names))


def selected(
    selector: Sequence[tuple[str, str]],
    terms: Sequence[Sequence[Requirement]],
    name: str,
    labels: Mapping[str, str],
) -> bool:
    """Say whether one node satisfies a nodeSelector and required node affinity."""
    if any(labels.get(key) != value for key, value in selector):
        return False
    return not terms or any(all(satisfied(one, name, labels) for one in term) for term in terms if term)


def selects(selector: Selector, name: str, labels: Mapping[str, str]) -> bool:
    """Say whether a label selector matches one node."""
    return all(labels.get(key) == value for key, value in selector.labels) and all(
        satisfied(one, name, labels) for one in selector.expressions
    )


def satisfied(requirement: Requirement, name: str, labels: Mapping[str, str]) -> bool:
    """Evaluate one requirement on one node; an operator nobody knows is never satisfied."""
    found = name if requirement.key == NODE_NAME_FIELD else labels.get(requirement.key)
    match requirement.operator:
        case "In":
            return found in requirement.values
        case "NotIn":
            return found not in requirement.values
        case "Exists":
            return found is not None
        case "DoesNotExist":
            return found is None
        case "Gt" | "Lt":
            return _compares(found, requirement)
        case _:
            return False


def _compares(found: str | None, requirement: Requirement) -> bool:
    try:
        have, bound = int(found or ""), int(requirement.values[0])
    except (ValueError, IndexError):
        return False
    return have > bound if requirement.operator == "Gt" else have < bound


def tolerated(tolerations: Sequence[Toleration], taints: Sequence[Taint]) -> bool:
    """Say whether every taint that keeps pods away is tolerated."""
    return all(
        taint.effect not in _BLOCKING
        or taint.key in NODE_STATE_TAINTS
        or any(_tolerates(toleration, taint) for toleration in tolerations)
        for taint in taints
    )


def _tolerates(toleration: Toleration, taint: Taint) -> bool:
    if toleration.effect and toleration.effect != taint.effect:
        return False
    if toleration.key and toleration.key != taint.key:
        return False
    if not toleration.key and toleration.operator != "Exists":
        return False
    return toleration.operator == "Exists" or toleration.value == taint.value
