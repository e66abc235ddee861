"""The tree that JobQueues make by naming their parents, and what is wrong with it.

A queue whose parent is missing is a root. So is every member of a cycle, for no link of a cycle is better than the
others. Nothing that hangs below such a root has a guarantee: nobody knows of what it would be a part. Limits hold.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from functools import cached_property
from typing import TypeVar

from crosstree.core.cluster import Queue
from crosstree.core.queues import QueueSpec

Link = TypeVar("Link", bound=Queue | QueueSpec)
"""A queue that names its parent."""


class Flaw(Enum):
    """Why a queue is not where its spec puts it."""

    PARENT_NOT_FOUND = "ParentNotFound"
    """There is no queue of the name it gives, or that one serves another AICluster."""
    PARENT_CYCLE = "ParentCycle"
    """It is its own ancestor."""


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong above a queue.

    Attributes:
        flaw: The kind.
        at: The queue that names the wrong parent: itself, or one above it.
        path: For a cycle, its members from `at` back to `at`; else `at` and the parent it names.
    """

    flaw: Flaw
    at: str
    path: tuple[str, ...]


@dataclass(frozen=True)
class QueueTree:
    """Queues with sound links only.

    Attributes:
        specs: By name, in order of name.
        parents: The queue above each; empty for a root.
        faults: What is wrong above a queue; those where nothing is are not in it.
    """

    specs: Mapping[str, QueueSpec]
    parents: Mapping[str, str]
    faults: Mapping[str, Fault]

    @cached_property
    def families(self) -> Mapping[str, tuple[QueueSpec, ...]]:
        """The queues of each tree, by its root."""
        found: dict[str, list[QueueSpec]] = {}
        for name, spec in self.specs.items():
            found.setdefault(self.chain(name)[-1], []).append(spec)
        return {root: tuple(specs) for root, specs in found.items()}

    def chain(self, name: str) -> tuple[str, ...]:
        """Return a queue and those above it, the root last. A queue nobody knows stands alone."""
        chain = [name]
        while above := self.parents.get(chain[-1]):
            chain.append(above)
        return tuple(chain)

    def below(self, name: str) -> frozenset[str]:
        """Return a queue and all below it. O(number of queues times depth)."""
        return frozenset(one for one in self.specs if name in self.chain(one)) | {name}


def tree_of(queues: Iterable[QueueSpec]) -> QueueTree:
    """Put queues under their parents. O(number of queues)."""
    specs = {spec.name: spec for spec in sorted(queues, key=lambda spec: spec.name)}
    faults: dict[str, Fault] = {}
    sound: set[str] = set()
    for name in specs:
        path: dict[str, None] = {}
        here = name
        while here and here in specs and here not in sound and here not in faults and here not in path:
            path[here] = None
            here = specs[here].parent
        steps = tuple(path)
        if here in path:
            members = steps[steps.index(here) :]
            for turn, member in enumerate(members):
                around = (*members[turn:], *members[:turn], member)
                faults[member] = Fault(Flaw.PARENT_CYCLE, member, around)
        elif here and here not in specs:
            faults[steps[-1]] = Fault(Flaw.PARENT_NOT_FOUND, steps[-1], (steps[-1], here))
        for one in reversed(steps):
            if one not in faults:
                above = faults.get(specs[one].parent)
                if above is None:
                    sound.add(one)
                else:
                    faults[one] = above
    parents = {
        name: "" if name in faults and faults[name].at == name else spec.parent
        for name, spec in specs.items()
    }
    return QueueTree(specs, parents, dict(sorted(faults.items())))


def serves(queue: Queue, queues: Mapping[str, Queue]) -> str:
    """Return the AICluster a queue serves: the one it names, else that of the queues above it; empty for every one."""
    return next((one.cluster for one in upwards(queue, queues) if one.cluster), "")


def upwards(queue: Link, queues: Mapping[str, Link]) -> Iterator[Link]:
    """Yield a queue and those that are above it by their specs, each once, right or wrong."""
    seen: set[str] = set()
    here: Link | None = queue
    while here is not None and here.name not in seen:
        yield here
        seen.add(here.name)
        here = queues.get(here.parent)


def serving(queues: Mapping[str, Queue], cluster: str) -> tuple[QueueSpec, ...]:
    """Return the queues in which jobs of an AICluster may wait, by name: what its snapshot is made with."""
    return tuple(
        queues[name].spec for name in sorted(queues) if serves(queues[name], queues) in ("", cluster)
    )
