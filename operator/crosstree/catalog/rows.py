"""One row of the catalog and how it is matched. Pure; reading YAML is `read`, looking up is `lookup`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from crosstree.core.accelerator import Profile
from crosstree.core.health import HealthRule

_LOOSE = str.maketrans("_ ", "--")


def normalise(value: str) -> str:
    """Fold what producers write differently for one product: lower case, `_` and blank as `-`."""
    return value.lower().translate(_LOOSE)


@dataclass(frozen=True, slots=True)
class Resources:
    """Names of extended resources: some exact, some by pattern (matched from start to end)."""

    exact: frozenset[str] = frozenset()
    patterns: tuple[re.Pattern[str], ...] = ()

    def __contains__(self, resource: str) -> bool:
        return resource in self.exact or any(pattern.fullmatch(resource) for pattern in self.patterns)


Clause = tuple[tuple[str, re.Pattern[str]], ...]
"""Label keys, each with what its normalised value must look like somewhere in it. All must hold."""


@dataclass(frozen=True, slots=True)
class Row:
    """One kind of accelerator and the nodes and resources it is recognised by.

    Attributes:
        profile: What the core gets to know.
        resources: Names it shares with other rows; `match` decides which row it is.
        own: Names that are this row's whatever the node's labels say.
        match: Any of these clauses; none at all means every node (the vendor's fallback row).
        names: Resource names and patterns as written, canonical first, for people.
        source: Where the facts of the row come from.
        estimated: Some fact of the row could not be checked against the vendor's own text.
    """

    profile: Profile
    resources: Resources = Resources()
    own: Resources = Resources()
    match: tuple[Clause, ...] = ()
    names: tuple[str, ...] = ()
    source: str = ""
    estimated: bool = False

    def covers(self, resource: str) -> bool:
        """True when a node with the right labels makes `resource` this row's."""
        return resource in self.own or resource in self.resources

    def certain(self, resource: str) -> bool:
        """True when `resource` is this row's whatever the labels say."""
        return resource in self.own or (not self.match and resource in self.resources)

    def recognises(self, labels: Mapping[str, str]) -> bool:
        """True when the labels of a node satisfy one clause. Values need not be normalised."""
        return any(
            all(key in labels and pattern.search(normalise(labels[key])) for key, pattern in clause)
            for clause in self.match
        )


@dataclass(frozen=True, slots=True)
class ConditionRule:
    """What is done about a signal, and who sends it.

    Attributes:
        rule: What the core gets to know: name, faulty status (polarity differs by producer), reason, action.
        producer: Who sets it, for people.
        vendor: Vendor whose devices it speaks of; empty for the node as a whole.
        source: Where this is written.
    """

    rule: HealthRule
    producer: str
    vendor: str = ""
    source: str = ""
