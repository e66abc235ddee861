"""All bookings of some queues, laid out so that what is promised at an instant is told without making their tree anew.

Statuses ask that for each coming window of each queue. What it says of an instant is what `booked.effective` and the
sums of `fairshare` say; made once, and good for as long as the queues stay the same.
"""

from __future__ import annotations

from collections.abc import Collection
from math import inf, isfinite

import numpy as np

from crosstree.core.arrays import Bool, Int64
from crosstree.core.booked import most, raised
from crosstree.core.queues import QueueSpec
from crosstree.core.queuetree import QueueTree, tree_of
from crosstree.core.windows import Windows

KEPT = 65_536
"""Answers kept: twice as many as a thousand queues with thirty-two bookings each ask for."""


class Diary:
    """What queues have booked.

    Args:
        queues: As specified.
    """

    def __init__(self, queues: tuple[QueueSpec, ...]) -> None:
        self._queues = queues
        self._tree = tree = tree_of(queues)
        rows = [(name, one) for name, queue in tree.specs.items() for one in queue.calendar]
        pairs = {(name, one.model) for name, one in rows}
        limits = {(name, model): most(tree.specs[name], model, tree.specs) for name, model in pairs}
        self._owners = [(name, one.model) for name, one in rows]
        self._counts = np.array(
            [min(one.accelerators, limits[name, one.model]) for name, one in rows], np.int64
        )
        self._windows = Windows([one for _, one in rows])
        self._levels = _levels(tree)
        self._index = {name: number for number, name in enumerate(tree.specs)}
        self._models: dict[str, tuple[Int64, Int64, Int64]] = {}
        self._whose = np.array([self._index[name] for name, _ in rows], np.int64)
        self._answers: dict[tuple[str, float], tuple[int, int]] = {}

    def effective(self, now: float) -> tuple[QueueSpec, ...]:
        """Return the queues with what is guaranteed to them at an instant, bookings included (`booked.effective`)."""
        booked: dict[str, dict[str, int]] = {}
        for row in np.flatnonzero(self._in_force(now)).tolist():
            name, model = self._owners[row]
            models = booked.setdefault(name, {})
            models[model] = max(models.get(model, 0), int(self._counts[row]))
        return raised(self._queues, booked)

    def promised(self, model: str, at: float) -> tuple[int, int]:
        """Return how much of a model all queues have booked at an instant, and how much is guaranteed with that.

        What is guaranteed over all models together is left out: it can be had of another model. Queues below a wrong
        parent have nothing. O(bookings + queues) in arrays, O(1) for what was asked before.
        """
        known = self._answers.get((model, at))
        if known is None:
            if len(self._answers) >= KEPT:
                self._answers.clear()
            known = self._answers[model, at] = self._promised(model, at)
        return known

    def turn(self, names: Collection[str], now: float) -> float | None:
        """Return when the next booking of some queues comes into force or ceases to be (`booked.next_turn`)."""
        begin, end = self._windows.at(now)
        turns = np.where(begin <= now, end, begin)
        mine = np.array([name in names for name in self._tree.specs], np.bool_)
        found = float(turns[mine[self._whose]].min(initial=inf))
        return found if isfinite(found) else None

    def _promised(self, model: str, at: float) -> tuple[int, int]:
        rows, owners, quotas = self._of(model)
        booked = np.zeros(len(quotas), np.int64)
        there = self._in_force(at)[rows]
        np.maximum.at(booked, owners[there], self._counts[rows[there]])
        return self._summed(booked), self._summed(np.maximum(booked, quotas))

    def _of(self, model: str) -> tuple[Int64, Int64, Int64]:
        """Return the bookings of a model in sound queues, whose they are, and what quotas guarantee to every queue."""
        if model not in self._models:
            rows = [
                row
                for row, (name, named) in enumerate(self._owners)
                if named == model and name not in self._tree.faults
            ]
            quotas = [
                0
                if name in self._tree.faults
                else max((one.guaranteed for one in spec.quotas if one.model == model), default=0)
                for name, spec in self._tree.specs.items()
            ]
            self._models[model] = (
                np.array(rows, np.int64),
                self._whose[rows],
                np.array(quotas, np.int64),
            )
        return self._models[model]

    def _in_force(self, at: float) -> Bool:
        """Mark the bookings that are in force at an instant, as `calendar.in_force` says of each: Bool (bookings,)."""
        begin, end = self._windows.at(at)
        found: Bool = (begin <= at) & (at < end)
        return found

    def _summed(self, own: Int64) -> int:
        """Return what roots have together: each queue its own, or what those below it have if that is more."""
        below = np.zeros(len(own) + 1, np.int64)
        for members, parents in self._levels:
            np.add.at(below, parents, np.maximum(own[members], below[members]))
        return int(below[-1])


def _levels(tree: QueueTree) -> list[tuple[Int64, Int64]]:
    """Return the queues by depth, deepest first, with the queue above each; one past the last stands above roots."""
    numbers = {name: number for number, name in enumerate(tree.specs)}
    depths: dict[int, list[str]] = {}
    for name in tree.specs:
        depths.setdefault(len(tree.chain(name)), []).append(name)
    return [
        (
            np.array([numbers[name] for name in names], np.int64),
            np.array([numbers.get(tree.parents[name], len(numbers)) for name in names], np.int64),
        )
        for _, names in sorted(depths.items(), reverse=True)
    ]
