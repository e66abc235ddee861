"""Anything else: the program finds its peers by itself from the common variables."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from crosstree.frameworks.protocol import Port, WorkerContext


@dataclass(frozen=True, slots=True)
class Custom:
    """No launch contract beyond `common_env` and the Service's names."""

    name: str = "custom"
    ports: tuple[Port, ...] = ()
    reserved: frozenset[str] = frozenset()

    def env(self, worker: WorkerContext) -> Mapping[str, str]:
        """Return nothing."""
        return {}
