"""The catalog as the operator uses it: which accelerator is this resource on a node with these labels?"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from crosstree.catalog.rows import ConditionRule, Resources, Row, normalise
from crosstree.core.accelerator import Profile
from crosstree.core.cluster import DeclaredProfile
from crosstree.core.health import HealthRule

_MEMO = 8192
"""Answers remembered. A fleet has some dozens; the bound only guards against labels that change for ever."""


@dataclass(frozen=True, slots=True)
class _Question:
    """Rows that could answer for one resource, in order, and the only labels they look at."""

    rows: tuple[Row, ...]
    keys: tuple[str, ...]
    fallback: Profile | None


class Catalog:
    """Rows in order; the first that fits wins. Immutable but for the memory of earlier answers."""

    __slots__ = ("_answers", "_by_id", "_questions", "health", "label_keys", "profiles", "rows")

    def __init__(self, rows: Sequence[Row], health: Sequence[ConditionRule] = ()) -> None:
        self.rows: tuple[Row, ...] = tuple(rows)
        self.health: tuple[ConditionRule, ...] = tuple(health)
        self._by_id: dict[str, Profile] = {}
        for row in self.rows:
            self._by_id.setdefault(row.profile.id, row.profile)
        self.profiles: tuple[Profile, ...] = tuple(self._by_id.values())
        """Every kind of accelerator once, in the order of the rows."""
        self.label_keys: frozenset[str] = frozenset(key for row in self.rows for key in _keys(row))
        """Every node label that any row reads or names."""
        self._questions: dict[str, _Question] = {}
        self._answers: dict[tuple[str, tuple[str | None, ...]], Profile | None] = {}

    @property
    def health_rules(self) -> tuple[HealthRule, ...]:
        """What is done about each known signal; a rule for one reason comes before that for any."""
        return tuple(one.rule for one in self.health)

    def profile(self, id: str) -> Profile | None:
        """Return a profile by its id, or None."""
        return self._by_id.get(id)

    def is_accelerator(self, resource: str) -> bool:
        """True when some row knows the resource."""
        return bool(self._question(resource).rows)

    def identify(self, labels: Mapping[str, str], resource: str) -> Profile | None:
        """Return which accelerator `resource` is on a node with these labels.

        None if it is no accelerator at all, or labels don't tell and its vendor has no fallback row.
        Deterministic; the labels' order is irrelevant. O(labels read) after the first time.
        """
        question = self._question(resource)
        if not question.keys:
            return question.fallback
        asked = (resource, tuple([labels.get(key) for key in question.keys]))
        if asked in self._answers:
            return self._answers[asked]
        answer = question.fallback
        for row in question.rows:
            if row.certain(resource) or row.recognises(labels):
                answer = row.profile
                break
        if len(self._answers) >= _MEMO:
            self._answers.clear()
        self._answers[asked] = answer
        return answer

    def with_declared(self, declared: Sequence[DeclaredProfile]) -> Catalog:
        """Return a catalog in which an admin's own rows come first.

        A declared model that the catalog has already keeps being found where the catalog finds it, but its
        facts are the declared ones everywhere: one id never means two things. Of two declarations of one
        model the first gives the facts.
        """
        if not declared:
            return self
        facts: dict[str, Profile] = {}
        for item in declared:
            facts.setdefault(item.model, _profile(item, self.profile(item.model)))
        first = [_row(item, facts[item.model]) for item in declared]
        rest = [replace(row, profile=facts.get(row.profile.id, row.profile)) for row in self.rows]
        return Catalog([*first, *rest], self.health)

    def _question(self, resource: str) -> _Question:
        found = self._questions.get(resource)
        if found is None:
            found = self._ask(resource)
            if len(self._questions) >= _MEMO:
                self._questions.clear()
            self._questions[resource] = found
        return found

    def _ask(self, resource: str) -> _Question:
        rows: list[Row] = []
        fallback = None
        for row in self.rows:
            if row.certain(resource):
                rows.append(row)
                fallback = row.profile
                break
            if row.covers(resource):
                rows.append(row)
        keys = {key for row in rows if not row.certain(resource) for clause in row.match for key, _ in clause}
        return _Question(tuple(rows), tuple(sorted(keys)), fallback)


def _keys(row: Row) -> set[str]:
    named = {row.profile.slice_label, *row.profile.domain_labels} - {""}
    return named | {key for clause in row.match for key, _ in clause}


def _profile(item: DeclaredProfile, known: Profile | None) -> Profile:
    """A declaration speaks for what it can say; the rest stays as the catalog has it, if it has it."""
    base = known or Profile(id=item.model, vendor=item.vendor, kind="xpu", title=item.model)
    memory = item.memory_gib or base.memory_gib
    return replace(base, vendor=item.vendor or base.vendor, intra=item.intra, memory_gib=memory)


def _row(item: DeclaredProfile, profile: Profile) -> Row:
    clause = tuple(
        (key, re.compile(rf"\A{re.escape(normalise(value))}\Z")) for key, value in item.node_labels
    )
    return Row(
        profile=profile,
        resources=Resources(frozenset({item.resource})),
        match=(clause,) if clause else (),
        names=(item.resource,),
        source="declared in the AICluster",
    )
