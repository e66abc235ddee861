"""What gangs have in common: those of one shape fit in the same places, those that ask alike have turns alike.

Both are worked out once of a gang and kept with it, for as long as there is a gang that has them. They are compared by
identity: a cycle asks for them many times, of thousands of gangs, most of which are as they were in the cycle before.
Not for several threads at once: they might each make one of their own.
"""

from __future__ import annotations

from weakref import WeakValueDictionary

from crosstree.core.expect import trusted
from crosstree.core.sizes import smallest_devices
from crosstree.core.workload import Gang


class Shape:
    """What decides where a gang fits: gangs of one shape fit in the same places."""

    __slots__ = ("__weakref__",)


class Asking:
    """All that a gang asks for, whoever it is, whenever it came, and whatever it has been promised or told.

    Attributes:
        shape: Where it fits.
        least: Accelerators that it asks for at its smallest size.
        stays: Seconds after which it is relied on to be gone.
    """

    __slots__ = ("__weakref__", "least", "shape", "stays")

    def __init__(self, shape: Shape, least: int, stays: float) -> None:
        self.shape = shape
        self.least = least
        self.stays = stays


_SHAPES: WeakValueDictionary[tuple[object, ...], Shape] = WeakValueDictionary()
_ASKINGS: WeakValueDictionary[tuple[object, ...], Asking] = WeakValueDictionary()


def asking(gang: Gang) -> Asking:
    """Return what a gang asks for: the same object for all that ask for the same. O(1) for one asked about before."""
    try:
        known = gang.known
    except AttributeError:
        known = _asking(gang)
        object.__setattr__(gang, "known", known)
    assert isinstance(known, Asking)
    return known


def shape_of(gang: Gang) -> Shape:
    """Return the shape of a gang. O(1) for one that was asked about before."""
    return asking(gang).shape


def shaping(gang: Gang) -> tuple[object, ...]:
    """Strip a gang of what does not matter to where it fits: who it is, whose turn it is, how long it stays.

    But for the bound of an elastic gang: it decides how much longer it stays at a smaller size.
    """
    return (
        gang.workers, gang.devices, gang.models, gang.vendor, gang.requests, gang.required, gang.preferred,
        gang.groups, gang.constraint, gang.avoid, gang.banned, gang.recovering, gang.before, gang.sizes,
        gang.priority < 0, gang.expected.at_most if gang.sizes and gang.expected is not None else None,
    )  # fmt: skip


def _asking(gang: Gang) -> Asking:
    shape = _SHAPES.setdefault(shaping(gang), Shape())
    made = Asking(shape, smallest_devices(gang), trusted(gang.expected))
    return _ASKINGS.setdefault((shape, gang.queue, gang.priority, gang.expected), made)
