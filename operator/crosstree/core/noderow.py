"""One node as the table takes it over: amounts, labels, taints, state, and the trouble it reports."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from crosstree.core.health import Fault
from crosstree.core.shapes import Request
from crosstree.core.snapshot import NodeState
from crosstree.core.verdict import withheld
from crosstree.core.workload import Taint


@dataclass(frozen=True, slots=True)
class NodeRow:
    """What is known of one node.

    `allocatable` and `capacity` are in the units of `base.quantity`; `since` is when `state` began, seconds
    since the epoch, 0 where nobody says. `faults` are what `state` was judged by, the worst first. `silent` is True
    while its kubelet does not report at all; one that reports NotReady is not silent.
    """

    name: str
    labels: Mapping[str, str]
    taints: tuple[Taint, ...] = ()
    allocatable: Request = ()
    capacity: Request = ()
    state: NodeState = NodeState.USABLE
    since: float = 0.0
    faults: tuple[Fault, ...] = ()
    silent: bool = False

    @property
    def offered(self) -> Request:
        """What new work may have: allocatable, less the devices that a fault names.

        Their plugin may have taken the same devices out already, so the two are not added: what counts is the
        fewer of what it offers and what is left of the capacity.
        """
        return (
            less(self.allocatable, self.capacity, withheld(self.faults)) if self.faults else self.allocatable
        )


def less(allocatable: Request, capacity: Request, devices: Mapping[str, frozenset[str]]) -> Request:
    """Return what is allocatable once these devices of each resource are left out."""
    if not devices:
        return allocatable
    present = dict(capacity)
    left = dict(allocatable)
    for name, out in devices.items():
        if name in left:
            left[name] = min(left[name], max(present.get(name, left[name]) - len(out), 0))
    return tuple((name, amount) for name, amount in left.items() if amount)
