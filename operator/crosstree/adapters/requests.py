"""What a pod asks of its node, as kube-scheduler counts it.

Source: KEP-753 (sidecars), KEP-2837 (pod-level resources), `k8s.io/component-helpers/resource`.
"""

from __future__ import annotations

from functools import lru_cache

from crosstree.adapters.wire import PodSpec, Quantities, Requests
from crosstree.base import quantity
from crosstree.core.shapes import Request

PODS = "pods"
"""Every pod takes one of these; a node may hold only so many."""

REMEMBERED = 20_000
"""Distinct pod specs whose request is remembered: texts are parsed once, not once per pod."""

_cached_parse = lru_cache(maxsize=REMEMBERED)(quantity.parse)

_Text = tuple[tuple[str, str | int | float], ...]


def amounts(quantities: Quantities | None) -> dict[str, int]:
    """Parse quantities; SpecError if one is none."""
    return {name: _parse(text, name) for name, text in quantities.items()} if quantities else {}


def of_pod(spec: PodSpec) -> Request:
    """Return the request of a pod, sorted by resource, one of `pods` included.

    Raises:
        SpecError: an amount is not a quantity; the API server lets none pass.
    """
    return _of_texts(
        tuple([_texts(one.resources) for one in spec.containers or ()]),
        tuple(
            [(_texts(one.resources), one.restart_policy == "Always") for one in spec.init_containers or ()]
        ),
        tuple(spec.overhead.items()) if spec.overhead else (),
        _texts(spec.resources),
    )


def _texts(resources: Requests | None) -> _Text:
    return tuple(resources.requests.items()) if resources is not None and resources.requests else ()


@lru_cache(maxsize=REMEMBERED)
def _of_texts(
    main: tuple[_Text, ...], init: tuple[tuple[_Text, bool], ...], overhead: _Text, whole: _Text
) -> Request:
    total = _sum(main)
    sidecars: dict[str, int] = {}
    peak: dict[str, int] = {}
    for texts, sidecar in init:
        wanted = _add(_sum((texts,)), sidecars)
        peak = {name: max(peak.get(name, 0), wanted.get(name, 0)) for name in peak | wanted}
        if sidecar:
            sidecars = wanted
    total = _add(total, sidecars)
    total = {name: max(total.get(name, 0), peak.get(name, 0)) for name in total | peak}
    total |= _sum((whole,))  # pod-level requests replace the sum of the containers
    total = _add(total, _sum((overhead,)))
    total[PODS] = total.get(PODS, 0) + 1
    return tuple(sorted((name, amount) for name, amount in total.items() if amount))


def _sum(parts: tuple[_Text, ...]) -> dict[str, int]:
    total: dict[str, int] = {}
    for texts in parts:
        for name, text in texts:
            total[name] = total.get(name, 0) + _parse(text, name)
    return total


def _add(left: dict[str, int], right: dict[str, int]) -> dict[str, int]:
    return {name: left.get(name, 0) + right.get(name, 0) for name in left | right}


def _parse(text: str | int | float, resource: str) -> int:
    return _cached_parse(text, resource)
