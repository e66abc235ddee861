"""ConfigMaps in which agents report on nodes: from the watch to signals, each a source of its own."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Protocol

from crosstree.adapters import mindcluster, wire
from crosstree.base.errors import SpecError
from crosstree.core.health import Signal

log = logging.getLogger(__name__)

SELECTOR = "mx-consumer-cim=true"
"""Label of the ConfigMaps that MindCluster's components write for one another."""


class Report(Protocol):
    """Where signals go: `NodeHealths.report`."""

    def __call__(self, node: str, source: str, signals: Sequence[Signal], *, first: bool = False) -> None:
        """Take over all that one source says of a node."""
        ...


class ConfigMapSink:
    """Reads the reports of one namespace.

    Args:
        report: Told all that one source says of a node: node, source, signals, and whether they may be older than
            our first look.
    """

    def __init__(self, report: Report) -> None:
        self._report = report
        self._known: set[str] = set()
        self._listed = False
        self._unseen: set[str] = set()
        self._warned: dict[str, str] = {}

    def begin_list(self) -> None:
        """A complete list follows; what it does not hold is gone."""
        self._unseen = {*self._known, *self._warned}

    def put(self, item: wire.ConfigMap) -> None:
        """Take over a report as it is now. One that can't be read is one warning, and what it said stands."""
        name = item.metadata.name
        node = mindcluster.node_of(name)
        if not node:
            return
        self._unseen.discard(name)
        try:
            found = mindcluster.signals(name, item.data or mindcluster.Reports())
        except SpecError as error:
            if self._warned.get(name) != str(error):
                self._warned[name] = str(error)
                log.warning("%s", error)
            return
        first = name not in self._known and (not self._listed or name in self._warned)
        self._known.add(name)
        self._warned.pop(name, None)
        self._report(node, name, found, first=first)

    def drop(self, item: wire.ConfigMap) -> None:
        """A report was deleted: what it said has gone."""
        self._forget(item.metadata.name)

    def end_list(self) -> None:
        """The list is complete."""
        for name in self._unseen:
            self._forget(name)
        self._unseen = set()
        self._listed = True

    def _forget(self, name: str) -> None:
        self._warned.pop(name, None)
        if name in self._known:
            self._known.discard(name)
            self._report(mindcluster.node_of(name), name, ())
