"""Whom the live cluster talks to: who wants to know what changed, and who knows the accelerators."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from crosstree.adapters.layouts import Accelerators
from crosstree.adapters.resources import Kind
from crosstree.core.health import HealthRule


class Listener(Protocol):
    """Who wants to know what changed."""

    def mark(self, kind: Kind, key: str) -> None:
        """An object, or something its status depends on, changed: look at it."""
        ...

    def wake(self) -> None:
        """Something changed that a scheduling decision may depend on."""
        ...

    def wake_lazily(self) -> None:
        """Something changed as it was expected to: a decision that depends on it can wait a moment."""
        ...


class Catalog(Accelerators, Protocol):
    """The catalog with its health rules."""

    @property
    def health_rules(self) -> Sequence[HealthRule]:
        """What is done about signals of nodes."""
        ...
