"""Which nodes each constraint admits, kept up to date: only nodes whose labels or taints changed are asked again."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from crosstree.core import eligibility
from crosstree.core.arrays import Bool, Int32
from crosstree.core.columns import Columns
from crosstree.core.workload import NodeConstraint


class Masks:
    """One boolean per row of `columns` and constraint."""

    def __init__(self, columns: Columns) -> None:
        self._columns = columns
        self._known: dict[NodeConstraint, Bool] = {}
        self._read = 0

    def __len__(self) -> int:
        """Number of constraints remembered."""
        return len(self._known)

    def of(self, constraint: NodeConstraint, rows: Int32) -> Bool:
        """Return Bool (n,) for these rows: True where the node is admitted."""
        self._refresh()
        known = self._known.get(constraint)
        if known is None:
            known = self._known[constraint] = self._evaluate(constraint, range(len(self._columns.names)))
        return np.asarray(known[rows], dtype=np.bool_)

    def keep(self, constraints: Iterable[NodeConstraint]) -> None:
        """Forget every constraint but these."""
        wanted = set(constraints)
        for gone in self._known.keys() - wanted:
            del self._known[gone]

    def _refresh(self) -> None:
        """Ask again about the rows that changed since the last look."""
        columns = self._columns
        if self._read == columns.admission:
            return
        total = len(columns.names)
        changed = np.flatnonzero(columns.touched[:total] > self._read).tolist()
        self._read = columns.admission
        for constraint, before in self._known.items():
            known = np.pad(before, (0, total - len(before)))
            known[changed] = self._evaluate(constraint, changed)
            self._known[constraint] = known

    def _evaluate(self, constraint: NodeConstraint, rows: Sequence[int]) -> Bool:
        """Ask about rows. Nodes alike in every label asked for, and in taints, are asked about once."""
        names, labels, taints = self._columns.names, self._columns.labels, self._columns.taints
        keys = _keys(constraint)
        by_name = eligibility.NODE_NAME_FIELD in keys
        alike: dict[tuple[object, ...], list[int]] = {}
        for at, row in enumerate(rows):
            own = labels[row]
            kind = (taints[row], names[row] if by_name else "", *[own.get(key) for key in keys])
            alike.setdefault(kind, []).append(at)
        result = np.zeros(len(rows), np.bool_)
        first = [rows[members[0]] for members in alike.values()]
        answers = eligibility.mask(
            constraint,
            [names[row] for row in first],
            [labels[row] for row in first],
            [taints[row] for row in first],
        )
        for members, answer in zip(alike.values(), answers.tolist(), strict=True):
            if answer:
                result[members] = True
        return result


def _keys(constraint: NodeConstraint) -> tuple[str, ...]:
    """Return every label that a constraint reads, and the name field if it reads that."""
    asked = {key for key, _ in constraint.selector}
    asked |= {one.key for term in constraint.terms for one in term}
    return tuple(sorted(asked))
