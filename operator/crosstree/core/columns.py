"""Every node and everything that runs on it, as columns: what snapshots are cut from.

A table of plain arrays that grows, fed one fact at a time in O(1) by whoever watches a cluster. The numbers
are the same whatever the order in which facts of different objects arrive: a pod that comes before its node
is counted on a row that waits for the node, and a row stays until node and pods are both gone.

Three counters tell readers what they must redo: `layout` (which nodes there are, and the labels and devices
that pools and fabrics are made from), `admission` (any label or taint), `generation` (anything).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence

import numpy as np

from crosstree.core.arrays import Bool, Int8, Int32, Int64
from crosstree.core.noderow import NodeRow
from crosstree.core.shapes import EMPTY_GRAIN, Request, Shapes, Vocabulary, least_grain
from crosstree.core.snapshot import NodeState
from crosstree.core.workload import Taint

__all__ = ["Columns", "NodeRow"]

FIRST_ROWS = 64
FIRST_COLUMNS = 8
GRAINS = EMPTY_GRAIN + 1


class Columns:
    """The table. Row numbers are stable while a node or a pod on it exists, then used again.

    Args:
        is_accelerator: Says whether a resource is an accelerator; ask `regrade` after its answers changed.

    Attributes:
        words: Resource names by column.
        row: Row of each node name, nodes that only pods speak of included.
        names: Node name of each row; empty where the row is spare.
        labels: Labels of each row's node.
        taints: Taints of each row's node.
        facts: What was last put on each row, None where there is no node.
        exists: Bool (cap,): a node is known for the row.
        allocatable: Int64 (cap, R cap).
        capacity: Int64 (cap, R cap).
        used: Int64 (cap, R cap): requests of every pod counted on the row.
        state: Int8 (cap,) of `NodeState`.
        since: Float64 (cap,), when the state began.
        signal: Int32 (cap,): worst trouble of each row's node, by index of `signals`; 0 for none.
        signals: Names of all signals met.
        grain: Int8 (cap,), as `Snapshot.grain`.
        touched: Int64 (cap,): value of `admission` when the row's labels or taints last changed.
    """

    def __init__(self, is_accelerator: Callable[[str], bool]) -> None:
        self.words = Vocabulary()
        self.row: dict[str, int] = {}
        self.names: list[str] = []
        self.labels: list[Mapping[str, str]] = []
        self.taints: list[tuple[Taint, ...]] = []
        self.facts: list[NodeRow | None] = []
        self.exists: Bool = np.zeros(FIRST_ROWS, np.bool_)
        self.allocatable: Int64 = np.zeros((FIRST_ROWS, FIRST_COLUMNS), np.int64)
        self.capacity: Int64 = np.zeros_like(self.allocatable)
        self.used: Int64 = np.zeros_like(self.allocatable)
        self.state: Int8 = np.zeros(FIRST_ROWS, np.int8)
        self.since = np.zeros(FIRST_ROWS, np.float64)
        self.signal: Int32 = np.zeros(FIRST_ROWS, np.int32)
        self.signals: dict[str, int] = {"": 0}
        self.grain: Int8 = np.full(FIRST_ROWS, EMPTY_GRAIN, np.int8)
        self.layout = 0
        self.admission = 0
        self.generation = 0
        self.allocation = 0
        """Grows when an allocatable amount changes."""
        self.touched: Int64 = np.zeros(FIRST_ROWS, np.int64)
        self._shapes = Shapes(self.words, is_accelerator)
        self._pods: dict[str, int] = {}
        self._pods_on: list[int] = []
        self._grains: list[list[int]] = []
        self._spare: list[int] = []
        self._relevant: frozenset[str] = frozenset()

    # nodes ------------------------------------------------------------------------------------------------

    @property
    def nodes(self) -> int:
        """Number of nodes that exist."""
        return int(self.exists.sum())

    def care_for(self, keys: Collection[str]) -> None:
        """Name the labels that pools and fabrics are made from; others never move `layout`."""
        if self._relevant != frozenset(keys):
            self._relevant = frozenset(keys)
            self.layout += 1

    def put_node(self, fact: NodeRow) -> bool:
        """Take over what is known of a node; return whether anything changed. O(resources)."""
        row = self._row_of(fact.name)
        before = self.facts[row]
        if before == fact:
            return False
        self.facts[row] = fact
        self.exists[row] = True
        self.generation += 1
        if before is None or before.labels != fact.labels or before.taints != fact.taints:
            self.labels[row], self.taints[row] = fact.labels, fact.taints
            self._touch(row)
        if before is None or self._redraws(before, fact):
            self.layout += 1
        if before is None or (before.offered, before.capacity) != (fact.offered, fact.capacity):
            self._fill(row, fact)
        self.state[row] = fact.state
        self.since[row] = fact.since
        worst = fact.faults[0].signal if fact.faults else ""
        self.signal[row] = self.signals.setdefault(worst, len(self.signals))
        return True

    def drop_node(self, name: str) -> bool:
        """Forget a node; what its pods use stays counted until they are gone. Return whether it was known."""
        row = self.row.get(name)
        if row is None or self.facts[row] is None:
            return False
        self.facts[row] = None
        self.exists[row] = False
        self.labels[row], self.taints[row] = {}, ()
        self.allocatable[row] = self.capacity[row] = 0
        self.state[row] = NodeState.USABLE
        self.since[row] = 0.0
        self.signal[row] = 0
        self.generation += 1
        self.layout += 1
        self.allocation += 1
        self._touch(row)
        self._release_row(row)
        return True

    def _redraws(self, before: NodeRow, after: NodeRow) -> bool:
        old, new = before.labels, after.labels
        if old != new and any(old.get(key) != new.get(key) for key in self._relevant):
            return True
        return [name for name, _ in before.capacity] != [name for name, _ in after.capacity]

    def _fill(self, row: int, fact: NodeRow) -> None:
        for name, _ in (*fact.allocatable, *fact.capacity):
            self.words.learn(name)
        self._widen()
        for table, amounts in ((self.allocatable, fact.offered), (self.capacity, fact.capacity)):
            table[row] = 0
            for name, amount in amounts:
                table[row, self.words.column[name]] = amount
        self.allocation += 1

    def _touch(self, row: int) -> None:
        self.admission += 1
        self.touched[row] = self.admission

    # pods -------------------------------------------------------------------------------------------------

    @property
    def pods(self) -> int:
        """Number of pods counted."""
        return len(self._pods)

    @property
    def shapes(self) -> int:
        """Number of distinct requests among them."""
        return len(self._shapes)

    def count(self, uid: str, node: str, request: Request) -> bool:
        """Count a pod on a node, instead of wherever it was counted before; return whether anything changed. O(R)."""
        shape = self._shapes.acquire(request)
        row = self._row_of(node)
        entry = row << 32 | shape
        before = self._pods.get(uid)
        if before == entry:
            self._shapes.release(shape)
            return False
        self._widen()
        self._pods[uid] = entry
        self._add(row, shape)
        if before is not None:
            self._remove(before)
        self.generation += 1
        return True

    def uncount(self, uid: str) -> bool:
        """Stop counting a pod: it ended, is gone or has no node. Return whether it was counted."""
        before = self._pods.pop(uid, None)
        if before is None:
            return False
        self._remove(before)
        self.generation += 1
        return True

    def counted(self) -> set[str]:
        """Return the uids of all pods counted, as a new set."""
        return set(self._pods)

    def regrade(self) -> None:
        """Work out every grain anew after another resource became an accelerator. O(pods)."""
        self._shapes.regrade()
        self._grains = [[0] * GRAINS for _ in self.names]
        for entry in self._pods.values():
            grain = self._shapes.grain(entry & 0xFFFFFFFF)
            if grain >= 0:
                self._grains[entry >> 32][grain] += 1
        for row in range(len(self.names)):
            self.grain[row] = least_grain(self._grains[row])
        self.generation += 1
        self.layout += 1

    def _add(self, row: int, shape: int) -> None:
        vector = self._shapes.vector(shape)
        self.used[row, : len(vector)] += vector
        self._pods_on[row] += 1
        grain = self._shapes.grain(shape)
        if grain >= 0:
            self._grains[row][grain] += 1
            self.grain[row] = min(int(self.grain[row]), grain)

    def _remove(self, entry: int) -> None:
        row, shape = entry >> 32, entry & 0xFFFFFFFF
        vector = self._shapes.vector(shape)
        self.used[row, : len(vector)] -= vector
        self._pods_on[row] -= 1
        grain = self._shapes.grain(shape)
        if grain >= 0:
            self._grains[row][grain] -= 1
            self.grain[row] = least_grain(self._grains[row])
        self._shapes.release(shape)
        self._release_row(row)

    def amount(self, name: str, resource: str) -> tuple[int, int]:
        """Return how much of a resource a node has to give and how much of it is used; (0, 0) for an unknown one."""
        row, column = self.row.get(name), self.words.column.get(resource)
        if row is None or column is None or column >= self.used.shape[1]:
            return 0, 0
        return int(self.allocatable[row, column]), int(self.used[row, column])

    # rows -------------------------------------------------------------------------------------------------

    def rows(self, names: Sequence[str]) -> Int32:
        """Return the rows of nodes by name, int32 (n,); KeyError for one that is unknown."""
        return np.array([self.row[name] for name in names], dtype=np.int32)

    def _row_of(self, name: str) -> int:
        row = self.row.get(name)
        if row is not None:
            return row
        row = self._spare.pop() if self._spare else self._new_row()
        self.row[name] = row
        self.names[row] = name
        return row

    def _new_row(self) -> int:
        row = len(self.names)
        self.names.append("")
        self.labels.append({})
        self.taints.append(())
        self.facts.append(None)
        self._pods_on.append(0)
        self._grains.append([0] * GRAINS)
        if row >= len(self.state):
            self._resize(len(self.state) * 2, self.used.shape[1])
        return row

    def _release_row(self, row: int) -> None:
        """Give a row back once neither node nor pods need it."""
        if self.facts[row] is None and not self._pods_on[row]:
            del self.row[self.names[row]]
            self.names[row] = ""
            self._spare.append(row)

    def _widen(self) -> None:
        if len(self.words) > self.used.shape[1]:
            self._resize(len(self.state), max(len(self.words), self.used.shape[1] * 2))

    def _resize(self, rows: int, columns: int) -> None:
        """Make room; what is new reads as an empty row without a node."""
        grow = rows - len(self.state)
        wide = ((0, grow), (0, columns - self.used.shape[1]))
        self.allocatable = np.pad(self.allocatable, wide)
        self.capacity = np.pad(self.capacity, wide)
        self.used = np.pad(self.used, wide)
        self.exists = np.pad(self.exists, (0, grow))
        self.state = np.pad(self.state, (0, grow))
        self.since = np.pad(self.since, (0, grow))
        self.signal = np.pad(self.signal, (0, grow))
        self.touched = np.pad(self.touched, (0, grow))
        self.grain = np.pad(self.grain, (0, grow), constant_values=EMPTY_GRAIN)
