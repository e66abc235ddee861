"""What bookings keep others from: whoever would still be there when a booking comes into force may take what it leaves.

Asked at every beginning of a window that a stay would reach into (`moment` counts). A window that is open keeps nobody
from starting, for its queue gets back what is lent; where nobody is ever stopped for another it can't, and then an open
window is a fence as well.

Bookings are in the queues of the snapshot, so whoever has a snapshot has the fence: a replay, a question, a simulation.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import floor, inf, log2

from crosstree.base.clock import LAST
from crosstree.core.agenda import Agenda, Booked, ModelBookings
from crosstree.core.booked import allowed, bookings, claims_of, next_turn
from crosstree.core.calendar import Booking, Window, following
from crosstree.core.capacity import Taken
from crosstree.core.expect import at_size, or_assumed
from crosstree.core.horizon import Horizon
from crosstree.core.manners import Preemption
from crosstree.core.moment import Ask, Moment, Stay, as_stay, free_room, summed, usable_nodes
from crosstree.core.queues import QueueSpec
from crosstree.core.queuetree import tree_of
from crosstree.core.running import Running
from crosstree.core.snapshot import Snapshot
from crosstree.core.workload import Gang

MOST = 64
"""Instants looked at for one answer, those at which most is held and booked."""

FORESEEN = 16
"""The same for a forecast: it may be too early, and whoever starts is asked again."""

SOON = 14_400.0
"""Seconds from now in which stays that begin have one list of windows."""

SHARE = 4
"""Such lists for each time twice as long after that: a list is never much older than what it is asked for."""


@dataclass(frozen=True, slots=True)
class Bar:
    """A booking that keeps somebody from starting.

    Attributes:
        queue: Whose booking.
        booking: Which.
        window: Its window that is in the way.
        free: Instant before which nothing changes: when the window opens, or ends if it is open already.
    """

    queue: str
    booking: Booking
    window: Window
    free: float


class Fence:
    """The bookings during one cycle.

    Args:
        queues: As specified, without what bookings add to guarantees.
        horizon: Who holds what, and until when.
        snapshot: The cluster.
    """

    def __init__(self, queues: tuple[QueueSpec, ...], horizon: Horizon, snapshot: Snapshot) -> None:
        self._queues = queues
        self._tree = tree_of(queues)
        self._horizon = horizon
        self._now = horizon.now
        self._bookings: dict[str, list[Booking]] = {}
        booked: dict[str, list[Booked]] = {}
        for queue, booking in bookings(self._tree):
            self._bookings.setdefault(queue, []).append(booking)
            count = allowed(self._tree.specs[queue], booking, self._tree.specs)
            booked.setdefault(booking.model, []).append(Booked(queue, booking, count))
        self._booked = {model: ModelBookings(those) for model, those in booked.items()}
        self._reclaims = snapshot.manners.preemption is not Preemption.NEVER
        self._models = {pool.name: pool.profile.id for pool in snapshot.pools}
        usable = usable_nodes(snapshot)
        some = None if usable.all() else usable
        running = [as_stay(one, some) for one in snapshot.running]
        self._running = running
        self._holders = summed(running)
        self._room = free_room(snapshot, usable)
        for one in running:
            self._room[one.model] = self._room.get(one.model, 0) + one.usable
        self._given: list[tuple[Taken, Stay]] = []
        self._reserved: list[Stay] = []
        self._undone = 0
        self._agendas: dict[tuple[str, float], Agenda] = {}
        self._opened: dict[tuple[str, float, frozenset[str]], Bar] = {}
        self._moments: dict[tuple[float, str], Moment] = {}

    @property
    def turn(self) -> float | None:
        """When the next booking comes into force or ceases to be; None for never."""
        return next_turn(self._queues, self._now)

    def bars(
        self, gang: Gang, model: str, workers: int, at: float, gone: Sequence[tuple[Running, int]] = ()
    ) -> Bar | None:
        """Return the first booking that keeps a gang from starting at an instant; None if none does.

        Args:
            gang: Who.
            model: On which model.
            workers: At which size.
            at: When, seconds since the epoch.
            gone: Running gangs that would make room for it, which takes their grace, and what each gives.
        """
        if _goes_on(gang, workers):
            return None
        stays = max(or_assumed(at_size(gang.expected, gang.workers, workers)).seconds, 1.0)
        until = at + stays + max((one.grace for one, _ in gone), default=0.0)
        ask = Ask(gang.queue, model, workers * gang.devices, at, until, tuple(gone))
        return self.stands(ask, certain=at > self._now)

    def stands(self, ask: Ask, *, certain: bool = False) -> Bar | None:
        """Return the first booking that what is asked for would not leave enough to; None if none is.

        Args:
            ask: What.
            certain: A window that is open at the beginning counts as well, though its queue could get back what is
                lent: for forecasts, which promise nothing that a queue has booked.

        O(windows in that time) in arrays, and for each of at most `MOST` instants seen first O(gangs that hold nodes
        then). An instant that is too early to be tight, or that leaves enough whoever holds what, is passed over.
        """
        if ask.devices <= 0 or ask.model not in self._booked:
            return None
        self._settle()
        own = frozenset(self._bookings.keys() & self._tree.chain(ask.queue))
        agenda = self._agenda(ask.model, ask.since)
        if certain or not self._reclaims:
            moment = self._moment(ask.since, ask.model)
            if moment.claimed.counts.keys() - own and not moment.holds(ask):
                return self._open(ask.model, ask.since, own)
        enough = self._room.get(ask.model, 0) - ask.devices
        most = FORESEEN if certain else MOST
        for at in agenda.tight(own, ask.since, ask.until, enough, most):
            begins = agenda.begins(at, own)
            if begins is not None and not self._moment(at, ask.model).holds(ask):
                one, found = begins
                return Bar(one.queue, one.booking, found, at)
        return None

    def opening(self, gang: Gang, model: str, workers: int) -> tuple[str, float] | None:
        """Return the booking by which a gang can claim its place first, and when; None if there is none.

        Only of its own queue or one above, and where others are stopped for what a queue is guaranteed.
        """
        devices = workers * gang.devices
        if not self._reclaims or not devices:
            return None
        best: tuple[str, float] | None = None
        own = [one for queue in self._tree.chain(gang.queue) for one in self._bookings.get(queue, ())]
        for booking in own:
            if booking.model != model or devices > self._room.get(model, 0):
                continue
            found = following(booking, self._now)
            if found is None or (best is not None and found.start >= best[1]):
                continue
            self._settle()
            if self._moment(found.start, model).covers(Ask(gang.queue, model, devices, found.start, inf)):
                best = (booking.name, found.start)
        return best

    def _open(self, model: str, at: float, own: frozenset[str]) -> Bar:
        """Return the bar of the booking of others that has been in force longest at an instant; there is one."""
        key = (model, at, own)
        if key not in self._opened:
            found = self._booked[model].longest(at, own)
            assert found is not None, f"no booking of others is in force at {at}"
            one, window = found
            self._opened[key] = Bar(one.queue, one.booking, window, window.end)
        return self._opened[key]

    def _agenda(self, model: str, since: float) -> Agenda:
        """Return the windows of a model, listed once for all stays that begin at about the same time."""
        base, later = self._now, (min(since, LAST) - self._now) / SOON
        if later >= 1:
            base += SOON * 2.0 ** (floor(SHARE * log2(later)) / SHARE)
            base = min(base, since)
        key = (model, base)
        if key not in self._agendas:
            agenda = self._agendas[key] = self._booked[model].since(base)
            for one in (*self._running, *(stay for _, stay in self._given), *self._reserved):
                if one.model == model:
                    agenda.hold(one.usable, one.since, one.until)
        return self._agendas[key]

    # who holds what ---------------------------------------------------------------------------------------

    def _moment(self, at: float, model: str) -> Moment:
        """Return what is held at an instant, as far as is known now."""
        known = self._moments.get((at, model))
        if known is None or known.undone != self._undone:
            claimed = claims_of(self._tree, self._booked[model].open_at(at))
            known = Moment(at, claimed, self._tree, model, self._room.get(model, 0))
            known.undone = self._undone
            self._moments[at, model] = known
            for holder in self._holders:
                known.add(holder.at(at))
        for _, one in self._given[known.given :]:
            known.add(one)
        for one in self._reserved[known.reserved :]:
            known.add(one)
        known.given, known.reserved = len(self._given), len(self._reserved)
        return known

    def _settle(self) -> None:
        """Take over what has been given away and reserved since the last look; forget what was undone."""
        taken, given = self._horizon.trial.taken, self._given
        while given and (len(given) > len(taken) or taken[len(given) - 1] is not given[-1][0]):
            self._hold(given.pop()[1], -1)
            self._undone += 1
        for one in taken[len(given) :]:
            workers = int(one.counts.sum())
            stays = or_assumed(at_size(one.gang.expected, one.gang.workers, workers)).seconds
            stay = self._stay(one.gang, one.pool.name, workers, self._now, self._now + stays)
            given.append((one, stay))
            self._hold(stay, 1)
        for each in self._horizon.reservations[len(self._reserved) :]:
            workers = int(each.counts.sum())
            begins = each.forecast.start
            stay = self._stay(each.gang, each.pool, workers, begins, each.ends)
            self._reserved.append(stay)
            self._hold(stay, 1)

    def _hold(self, stay: Stay, sign: int) -> None:
        for (model, _), agenda in self._agendas.items():
            if model == stay.model:
                agenda.hold(sign * stay.usable, stay.since, stay.until)

    def _stay(self, gang: Gang, pool: str, workers: int, since: float, until: float) -> Stay:
        devices = workers * gang.devices
        return Stay(gang.queue, self._models.get(pool, ""), devices, devices, since, until)


def _goes_on(gang: Gang, workers: int) -> bool:
    """Say whether a gang has started already, and goes on after a failure or a change of size with no more than it had.

    Had nothing failed it would run on: a booking stops nobody.
    """
    had = None if gang.before is None else sum(count for _, count in gang.before.counts)
    return gang.recovering if had is None else workers <= had


def fence_of(queues: tuple[QueueSpec, ...], horizon: Horizon, snapshot: Snapshot) -> Fence | None:
    """Return the fence of a cycle; None where nothing is booked, which costs a look at each queue."""
    return Fence(queues, horizon, snapshot) if any(queue.calendar for queue in queues) else None
