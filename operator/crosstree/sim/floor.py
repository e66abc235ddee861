"""The numbers of a simulated cluster's nodes: arrays held in place, from which snapshots are copied."""

from __future__ import annotations

import numpy as np

from crosstree.core.arrays import Int8, Int32, Int64
from crosstree.core.shapes import EMPTY_GRAIN, grain_of
from crosstree.core.snapshot import NodeState


class Floor:
    """What is free on every node, what grain its devices are used in, and whether it can be used.

    Args:
        devices: Accelerators per node, int64 (N,).

    Attributes:
        allocatable: Int64 (N, 1).
        free: Int64 (N, 1).
        state: Int8 (N,) of `NodeState`.
        grain: Int8 (N,), as `Snapshot.grain`.
        used: Accelerators that running jobs hold.
        usable: Accelerators of nodes that can be used.
    """

    def __init__(self, devices: Int64) -> None:
        self.allocatable: Int64 = devices.reshape(-1, 1).copy()
        self.allocatable.flags.writeable = False
        self.free: Int64 = self.allocatable.copy()
        self.state: Int8 = np.full(len(devices), NodeState.USABLE, np.int8)
        self.grain: Int8 = np.full(len(devices), EMPTY_GRAIN, np.int8)
        self._workers: Int64 = np.zeros((len(devices), EMPTY_GRAIN + 1), np.int64)
        self.used = 0
        self.usable = int(devices.sum())

    def take(self, rows: Int32, counts: Int64, devices: int) -> bool:
        """Put workers of `devices` accelerators each on rows, each row once; False, and nothing, if they don't fit."""
        wanted = counts * devices
        if (self.free[rows, 0] < wanted).any() or (self.state[rows] != NodeState.USABLE).any():
            return False
        self._move(rows, counts, devices)
        if devices:
            self.grain[rows] = np.minimum(self.grain[rows], grain_of(devices))
        return True

    def give(self, rows: Int32, counts: Int64, devices: int) -> None:
        """Take workers away again."""
        self._move(rows, -counts, devices)
        held = self._workers[rows] > 0
        self.grain[rows] = np.where(held.any(axis=1), held.argmax(axis=1), EMPTY_GRAIN)

    def put(self, row: int, state: NodeState) -> bool:
        """Change the state of a node; False if that is what it is."""
        before = self.state[row]
        if before == state:
            return False
        self.state[row] = state
        size = int(self.allocatable[row, 0])
        self.usable += size * (int(state == NodeState.USABLE) - int(before == NodeState.USABLE))
        return True

    def _move(self, rows: Int32, counts: Int64, devices: int) -> None:
        if devices:
            wanted = counts * devices
            self.free[rows, 0] -= wanted
            self.used += int(wanted.sum())
            self._workers[rows, grain_of(devices)] += counts
