"""Requests of pods, each distinct one stored once: a pod then costs a number, not a dictionary.

A cluster of 100,000 pods knows a few hundred shapes. Shapes are counted and their slot is used again when
the last pod of that shape is gone, so memory follows what runs now, not what ever ran.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from crosstree.core.arrays import Int64

Request = tuple[tuple[str, int], ...]
"""Resource name and amount in the units of `base.quantity`, sorted by name, no zeros."""

EMPTY_GRAIN = 7
"""Grain of a node without accelerator pods: whole up to 128 devices."""


class Vocabulary:
    """Resource names by column, in order of first sight; a column never moves."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self.column: dict[str, int] = {}

    def __len__(self) -> int:
        """Number of columns."""
        return len(self.names)

    def learn(self, name: str) -> int:
        """Return the column of a resource, a new one if it was never seen."""
        found = self.column.get(name)
        if found is None:
            found = self.column[name] = len(self.names)
            self.names.append(name)
        return found


class Shapes:
    """Interned requests.

    Args:
        words: Shared with whoever lays out columns.
        is_accelerator: Says whether a resource is an accelerator.
    """

    def __init__(self, words: Vocabulary, is_accelerator: Callable[[str], bool]) -> None:
        self._words = words
        self._is_accelerator = is_accelerator
        self._ids: dict[Request, int] = {}
        self._requests: list[Request] = []
        self._uses: list[int] = []
        self._grain: list[int] = []
        self._spare: list[int] = []
        self._vectors: list[Int64] = []

    def __len__(self) -> int:
        """Number of distinct shapes in use."""
        return len(self._ids)

    def acquire(self, request: Request) -> int:
        """Return the number of a shape and count one more use of it."""
        shape = self._ids.get(request)
        if shape is None:
            shape = self._ids[request] = self._slot()
            self._requests[shape] = request
            self._vectors[shape] = self._vector(request)
            self._grain[shape] = self._grain_of(request)
        self._uses[shape] += 1
        return shape

    def release(self, shape: int) -> None:
        """Count one use less; the last one frees the slot."""
        self._uses[shape] -= 1
        if not self._uses[shape]:
            del self._ids[self._requests[shape]]
            self._spare.append(shape)

    def vector(self, shape: int) -> Int64:
        """Return the amounts by column, int64 (R,), R the columns known when the shape was first seen or widened."""
        return self._vectors[shape]

    def grain(self, shape: int) -> int:
        """Return log2 of the largest power of two that divides its accelerators, at most 7; -1 without any."""
        return self._grain[shape]

    def regrade(self) -> None:
        """Work out every grain anew, after another resource became an accelerator."""
        for request, shape in self._ids.items():
            self._grain[shape] = self._grain_of(request)

    def _slot(self) -> int:
        if self._spare:
            return self._spare.pop()
        self._requests.append(())
        self._uses.append(0)
        self._grain.append(-1)
        self._vectors.append(np.zeros(0, np.int64))
        return len(self._uses) - 1

    def _vector(self, request: Request) -> Int64:
        columns = [self._words.learn(name) for name, _ in request]
        vector = np.zeros(len(self._words), np.int64)
        vector[columns] = [amount for _, amount in request]
        return vector

    def _grain_of(self, request: Request) -> int:
        counts = [amount for name, amount in request if amount > 0 and self._is_accelerator(name)]
        return min((grain_of(count) for count in counts), default=-1)


def grain_of(devices: int) -> int:
    """Return log2 of the largest power of two that divides a positive count of devices, at most `EMPTY_GRAIN`."""
    return min((devices & -devices).bit_length() - 1, EMPTY_GRAIN)


def least_grain(counts: Sequence[int]) -> int:
    """Return the smallest grain that some pod of a row has; `counts` is the number of pods per grain."""
    return next((grain for grain, count in enumerate(counts) if count), EMPTY_GRAIN)
