"""What a pod template asks of a node: requests as kube-scheduler counts them, and demands on the node itself."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from crosstree.api.v1alpha1.podtemplate import Container, PodSpec, Resources
from crosstree.api.v1alpha1.trainingjob import TrainingJobSpec
from crosstree.base import quantity
from crosstree.base.errors import SpecError
from crosstree.base.names import TRAINER_CONTAINER
from crosstree.catalog.load import Catalog, load
from crosstree.core.workload import NodeConstraint, Requirement, Toleration

_LARGEST = 1 << 53
"""More of anything than any node has; sums over a whole fleet still fit 64 bits."""


def requests(spec: TrainingJobSpec) -> tuple[tuple[str, int], ...]:
    """Sum up what one worker asks for besides its accelerators, as kube-scheduler does.

    Containers add up, with the sidecars among the init containers; an ordinary init container counts where
    it alone, beside the sidecars started before it, needs more than all of them. Then the overhead.
    Source: k8s.io/component-helpers/resource, PodRequests.
    """
    pod = spec.template.spec
    names = [container.name for container in pod.containers]
    trainer = TRAINER_CONTAINER if TRAINER_CONTAINER in names else names[0]
    total: dict[str, int] = {}
    for container in pod.containers:
        _add(total, _container_requests(container, spec, trains=container.name == trainer))
    sidecars: dict[str, int] = {}
    peak: dict[str, int] = {}
    for init in pod.init_containers:
        needs = _container_requests(init, spec, trains=False)
        if init.restart_policy == "Always":
            _add(sidecars, needs)
            needs = {}
        for resource in {*needs, *sidecars}:
            beside = needs.get(resource, 0) + sidecars.get(resource, 0)
            peak[resource] = max(peak.get(resource, 0), beside)
    _add(total, sidecars)
    for resource, amount in peak.items():
        total[resource] = max(total.get(resource, 0), amount)
    if pod.resources is not None:
        total |= _amounts(pod.resources)
    _add(total, {resource: _amount(resource, given) for resource, given in pod.overhead.items()})
    total["pods"] = 1
    return tuple(sorted((resource, amount) for resource, amount in total.items() if amount))


def _container_requests(container: Container, spec: TrainingJobSpec, *, trains: bool) -> dict[str, int]:
    """Return a container's requests without accelerators, which are Crosstree's to add.

    People who come from plain pods write them down all the same: in the trainer the right number is welcome.
    """
    amounts = _amounts(container.resources)
    wanted = spec.accelerators.per_worker
    for resource in [name for name in amounts if "/" in name and _catalog().is_accelerator(name)]:
        if not trains or amounts[resource] != wanted:
            whose = f"container {container.name} asks for {amounts[resource]} {resource}"
            raise SpecError(
                f"spec.template.spec: {whose}, but spec.accelerators.perWorker is {wanted}, and only the trainer"
                " gets accelerators. Remove it: Crosstree adds those of the model it chooses."
            )
        del amounts[resource]
    return amounts


@cache
def _catalog() -> Catalog:
    """Return the built-in catalog; read when the first job names an extended resource."""
    return load()


def _amounts(wire: Resources) -> dict[str, int]:
    """Requests by resource; a limit without a request is the request."""
    return {
        resource: _amount(resource, given) for resource, given in {**wire.limits, **wire.requests}.items()
    }


def _amount(resource: str, given: int | str) -> int:
    amount = quantity.parse(given, resource)
    if amount > _LARGEST:
        raise SpecError(f"spec.template.spec asks for {given} of {resource}, more than any node can have.")
    return amount


def _add(total: dict[str, int], amounts: Mapping[str, int]) -> None:
    for resource, amount in amounts.items():
        total[resource] = total.get(resource, 0) + amount


def constraint(pod: PodSpec) -> NodeConstraint:
    """Reduce a pod to its demands on nodes, sorted: equal demands share one mask, however they were written."""
    affinity = pod.affinity.node_affinity if pod.affinity else None
    required = affinity.required_during_scheduling_ignored_during_execution if affinity else None
    terms = required.node_selector_terms if required else []
    return NodeConstraint(
        selector=tuple(sorted(pod.node_selector.items())),
        terms=tuple(
            sorted(
                tuple(
                    sorted(
                        Requirement(demand.key, demand.operator, tuple(sorted(demand.values)))
                        for demand in (*term.match_expressions, *term.match_fields)
                    )
                )
                for term in terms
            )
        ),
        tolerations=tuple(
            sorted({Toleration(t.key, t.operator, t.value, t.effect) for t in pod.tolerations})
        ),
    )
