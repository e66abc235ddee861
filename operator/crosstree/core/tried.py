"""What has failed in a cycle need not be tried again in it: capacity only shrinks while a cycle lasts."""

from __future__ import annotations

from typing import NamedTuple

from crosstree.core.alike import Shape, asking
from crosstree.core.fence import Bar
from crosstree.core.plan import Forecast
from crosstree.core.quota import Answers, Excess
from crosstree.core.workload import Gang


class Vain(NamedTuple):
    """What came of a turn.

    Attributes:
        answers: Of the accounts as they stood: it holds for as long as nothing else is booked there.
        excess, forecast, ahead, barred, opens: As in `Refused`.
    """

    answers: Answers
    excess: Excess | None
    forecast: Forecast | None
    ahead: int
    barred: Bar | None
    opens: str


class Tried:
    """Shapes of gangs that failed, each with the shortest stay that did.

    Who stays longer meets the same reservations and more, so a gang fails as well as soon as it would stay as long as
    one of its shape that failed. Where reservations had nothing to do with it, every one does.
    """

    def __init__(self) -> None:
        self._everywhere: dict[Shape, float] = {}
        self._in_queue: dict[tuple[Shape, str], float] = {}

    def failed(self, gang: Gang) -> bool:
        """Say whether a gang like this one has failed."""
        if not self._everywhere and not self._in_queue:
            return False
        kind = asking(gang)
        shortest = self._everywhere.get(kind.shape)
        if shortest is not None and kind.stays >= shortest:
            return True
        shortest = self._in_queue.get((kind.shape, gang.queue))
        return shortest is not None and kind.stays >= shortest

    def note(self, gang: Gang, *, limited: bool, reserved: bool) -> None:
        """Remember a failure.

        Args:
            gang: Who failed.
            limited: A quota kept it from some models: others of its queue alone fail as well.
            reserved: Reservations may be the reason.
        """
        kind = asking(gang)
        stays = kind.stays if reserved else 0.0
        if limited:
            key = (kind.shape, gang.queue)
            self._in_queue[key] = min(stays, self._in_queue.get(key, stays))
        else:
            self._everywhere[kind.shape] = min(stays, self._everywhere.get(kind.shape, stays))
