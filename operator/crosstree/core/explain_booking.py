"""Bookings in words: whose accelerators a gang would take, from when on, and what would let it start now."""

from __future__ import annotations

from crosstree.base.moments import moment
from crosstree.core.alike import Shape, shape_of
from crosstree.core.desk import Desk
from crosstree.core.expect import or_assumed, trusted
from crosstree.core.explain import size_of
from crosstree.core.fence import Bar
from crosstree.core.plan import Wait, WaitReason
from crosstree.core.refused import Refused
from crosstree.core.workload import Gang, Source


class BookingWords:
    """Tells about bookings as the cluster stands at the end of a cycle."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._fits: dict[tuple[Shape, str, int, float], bool] = {}

    def kept_away(self, one: Refused) -> Wait | None:
        """Explain a gang that would fit now if nothing were booked; None if it would not."""
        if one.barred is None or not self._would_fit(one, one.barred):
            return None
        gang, bar, now = one.gang, one.barred, self._desk.now
        asked = f"{size_of(gang)} of {gang.devices} {bar.booking.model} would fit now"
        owner = f"JobQueue {bar.queue} has booked {bar.booking.accelerators} of that model"
        if bar.window.start <= now:
            text = (
                f"{asked}, but {owner} until {moment(bar.window.end, now)} ({bar.booking.name}), and nobody is stopped "
                "for it here. It starts when enough is left beside that booking."
            )
        else:
            begin = moment(bar.window.start, now)
            text = (
                f"{asked}, but {owner} from {begin} on ({bar.booking.name}), and {_stays(gang)}. "
                f"A job that ends by {begin} may start now: declare spec.expectedDuration{_of_which(gang)}."
            )
        return Wait(gang.key, gang.uid, WaitReason.RESERVED_FOR_OTHER, text)

    def _would_fit(self, one: Refused, bar: Bar) -> bool:
        gang = one.gang
        key = (shape_of(gang), bar.booking.model, one.ahead, trusted(gang.expected))
        if key not in self._fits:
            trial, model = self._desk.trial, bar.booking.model
            here = [each for each in trial.candidates(gang) if each.pool.profile.id == model]
            with self._desk.horizon.as_of(one.ahead):
                fits = any(self._desk.trial.holds(gang, each.pool, each.need) for each in here)
            self._fits[key] = fits and self._desk.affords(gang, model)
        return self._fits[key]


def _stays(gang: Gang) -> str:
    if gang.expected is None or gang.expected.source is Source.ASSUMED:
        return "nothing is known of how long this job runs, which is taken for a day"
    return "this job would still run then"


def _of_which(gang: Gang) -> str:
    """Say by how much it would not be taken at its word, so that it declares what helps."""
    percent = or_assumed(gang.expected).percent_of_declared
    return "" if percent == 100 else f", of which jobs like it run {percent} %"
