"""The exact answer to a placement, by integer programming: what the packer's choices are held against.

One gang: as few domains as possible of the level that matters most, among those as few as possible of the next, and so
on; each is one solve. Several gangs at once: as few domains in all, wherever each of them stands. Small fabrics only:
the time to solve grows fast. The solver is HiGHS (scipy.optimize.milp).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import Bounds, LinearConstraint, milp
from scipy.sparse import coo_array, csr_array

from crosstree.core.arrays import Int64
from crosstree.core.topology import Fabric

Weights = np.ndarray[tuple[int], np.dtype[np.float64]]


@dataclass(frozen=True, slots=True)
class Gang:
    """A gang as the solver sees it: equal workers, and the depth of the level it prefers; None for the widest first."""

    workers: int
    preferred: int | None = None

    def order(self, depths: int) -> tuple[int, ...]:
        """Return the depths of all levels, that of which fewest domains matter most first."""
        rest = [depth for depth in range(depths) if depth != self.preferred]
        return tuple(rest if self.preferred is None else [self.preferred, *rest])


def fewest_domains(fabric: Fabric, slots: Int64, gang: Gang) -> tuple[int, ...] | None:
    """Return the fewest domains a gang can use at each level, widest first; None if it does not fit.

    Args:
        fabric: The tree over n nodes.
        slots: Workers each node holds, int64 (n,).
        gang: What to place; its levels are minimised one after the other, in its order.
    """
    program = _Program(fabric, slots, (gang,))
    used: dict[int, int] = {}
    for depth in gang.order(len(fabric.levels)):
        found = program.solve(program.cost([depth]))
        if found is None:
            return None
        used[depth] = round(found)
        program.keep(program.cost([depth]), used[depth])
    return tuple(used[depth] for depth in range(len(fabric.levels)))


def fewest_in_all(fabric: Fabric, slots: Int64, gangs: Sequence[Gang], depth: int) -> int | None:
    """Return the fewest domains of one level that several gangs together can use; None if they don't all fit.

    A domain counts once for each gang that uses it: its traffic crosses what it uses.
    """
    program = _Program(fabric, slots, gangs)
    found = program.solve(program.cost([depth]))
    return None if found is None else round(found)


class _Program:
    """Variables: workers of each gang on each node, then for each gang and domain of each level whether it uses it."""

    def __init__(self, fabric: Fabric, slots: Int64, gangs: Sequence[Gang]) -> None:
        self._levels = fabric.levels
        self._gangs = len(gangs)
        self._nodes = len(slots)
        self._first: dict[tuple[int, int], int] = {}
        size = self._gangs * self._nodes
        for gang in range(self._gangs):
            for depth, level in enumerate(self._levels):
                self._first[gang, depth] = size
                size += level.size
        self._size = size
        upper = np.ones(size)
        upper[: self._gangs * self._nodes] = np.tile(slots, self._gangs)
        self._bounds = Bounds(np.zeros(size), upper)
        self._rules = [self._all_placed(gangs), self._within(slots), *self._linked(slots, gangs)]

    def cost(self, depths: Sequence[int]) -> Weights:
        """Count one for every domain of these levels that a gang uses."""
        weights = np.zeros(self._size)
        for (_, depth), first in self._first.items():
            if depth in depths:
                weights[first : first + self._levels[depth].size] = 1.0
        return weights

    def keep(self, cost: Weights, value: int) -> None:
        """Demand that what has been minimised stays so."""
        self._rules.append(LinearConstraint(csr_array(cost[None, :]), -np.inf, value))

    def solve(self, cost: Weights) -> float | None:
        """Return the least cost; None if there is no solution."""
        found = milp(
            cost,
            integrality=np.ones(self._size),
            bounds=self._bounds,
            constraints=self._rules,
            options={"mip_rel_gap": 0.0},
        )
        return None if found.x is None else float(found.fun)

    def _all_placed(self, gangs: Sequence[Gang]) -> LinearConstraint:
        rows = np.repeat(np.arange(self._gangs), self._nodes)
        matrix = self._matrix(rows, np.arange(self._gangs * self._nodes), np.ones(len(rows)), self._gangs)
        workers = np.array([gang.workers for gang in gangs], np.float64)
        return LinearConstraint(matrix, workers, workers)

    def _within(self, slots: Int64) -> LinearConstraint:
        rows = np.tile(np.arange(self._nodes), self._gangs)
        matrix = self._matrix(rows, np.arange(len(rows)), np.ones(len(rows)), self._nodes)
        return LinearConstraint(matrix, -np.inf, slots.astype(np.float64))

    def _linked(self, slots: Int64, gangs: Sequence[Gang]) -> list[LinearConstraint]:
        """A domain that holds a worker is used: its workers are at most what it holds, times whether it is used."""
        rules = []
        for (gang, depth), first in self._first.items():
            level = self._levels[depth]
            most = np.minimum(level.total(slots), gangs[gang].workers)
            rows = np.concatenate([level.domain, np.arange(level.size)])
            columns = np.concatenate(
                [gang * self._nodes + np.arange(self._nodes), first + np.arange(level.size)]
            )
            values = np.concatenate([np.ones(self._nodes), -most.astype(np.float64)])
            rules.append(LinearConstraint(self._matrix(rows, columns, values, level.size), -np.inf, 0.0))
        return rules

    def _matrix(self, rows: Int64, columns: Int64, values: Weights, height: int) -> csr_array:
        return csr_array(coo_array((values, (rows, columns)), shape=(height, self._size)))
