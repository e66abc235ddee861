"""What has failed in a cycle need not be tried again in it: capacity only shrinks while a cycle lasts."""

from __future__ import annotations

from crosstree.core.expect import trusted
from crosstree.core.workload import Gang

Shape = int
"""Number of what decides where a gang fits: gangs of one shape fit in the same places."""

_EVERY_QUEUE = ""


class Shapes:
    """Numbers the shapes that gangs have during one cycle: numbers are cheap to look up, what they stand for is not."""

    def __init__(self) -> None:
        self._numbers: dict[tuple[object, ...], Shape] = {}
        self._known: dict[int, Shape] = {}
        """By identity."""
        self._kept: list[Gang] = []
        """Those whose shape is known, so that no other gets their identity."""

    def of(self, gang: Gang) -> Shape:
        """Return the shape of a gang. O(1) for one that was asked about before."""
        known = self._known.get(id(gang))
        if known is None:
            known = self._numbers.setdefault(shape_of(gang), len(self._numbers))
            self._known[id(gang)] = known
            self._kept.append(gang)
        return known


class Tried:
    """Shapes of gangs that failed, each with the shortest stay that did.

    Who stays longer meets the same reservations and more, so a gang fails as well as soon as it would stay as long as
    one of its shape that failed. Where reservations had nothing to do with it, every one does.
    """

    def __init__(self, shapes: Shapes | None = None) -> None:
        self._shapes = shapes or Shapes()
        self._shortest: dict[tuple[Shape, str], float] = {}

    def failed(self, gang: Gang) -> bool:
        """Say whether a gang like this one has failed."""
        if not self._shortest:
            return False
        shape, stays = self._shapes.of(gang), trusted(gang.expected)
        for queue in (_EVERY_QUEUE, gang.queue):
            shortest = self._shortest.get((shape, queue))
            if shortest is not None and stays >= shortest:
                return True
        return False

    def note(self, gang: Gang, *, limited: bool, reserved: bool) -> None:
        """Remember a failure.

        Args:
            gang: Who failed.
            limited: A quota kept it from some models: others of its queue alone fail as well.
            reserved: Reservations may be the reason.
        """
        key = (self._shapes.of(gang), gang.queue if limited else _EVERY_QUEUE)
        stays = trusted(gang.expected) if reserved else 0.0
        self._shortest[key] = min(stays, self._shortest.get(key, stays))


def shape_of(gang: Gang) -> tuple[object, ...]:
    """Strip a gang of what does not matter to where it fits: who it is, whose turn it is, how long it stays.

    But for the bound of an elastic gang: it decides how much longer it stays at a smaller size.
    """
    return (
        gang.workers, gang.devices, gang.models, gang.vendor, gang.requests, gang.required, gang.preferred,
        gang.groups, gang.constraint, gang.avoid, gang.banned, gang.recovering, gang.before, gang.sizes,
        gang.priority < 0, gang.expected.at_most if gang.sizes and gang.expected is not None else None,
    )  # fmt: skip
