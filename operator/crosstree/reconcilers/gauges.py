"""The metrics that are counted when somebody asks for them, not when something happens."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from crosstree.adapters.feeds import Feeds
from crosstree.adapters.livecluster import LiveCluster
from crosstree.core.ledger import suspects
from crosstree.reconcilers.inventories import Inventories
from crosstree.status.queue import used_parts
from crosstree.telemetry.metrics import Metrics


class Gauges:
    """Counts jobs and accelerators as they are now."""

    def __init__(
        self,
        live: LiveCluster,
        inventories: Inventories,
        feeds: Feeds,
        metrics: Metrics,
        leads: Callable[[], bool],
    ) -> None:
        self._live = live
        self._inventories = inventories
        self._feeds = feeds
        self._metrics = metrics
        self._leads = leads

    def render(self) -> bytes:
        """Count, and return all metrics in the text format of Prometheus."""
        self._jobs()
        now = self._live.now()
        self._metrics.suspects(
            {name: len(suspects(one.failures, now)) for name, one in self._live.store.clusters.items()}
        )
        queues = self._live.store.queues
        self._metrics.budgets((name, *part) for name in sorted(queues) for part in used_parts(queues[name]))
        if self._live.synced:
            self._accelerators()
        self._metrics.leading(leads=self._leads())
        self._metrics.synced(all_filled=self._live.synced)
        self._metrics.watches_restarted(self._feeds.restarts)
        return self._metrics.render()

    def _jobs(self) -> None:
        phases: Counter[str] = Counter()
        waiting: Counter[str] = Counter()
        for job in self._live.store.jobs.values():
            shown = job.progress.observed
            phases[str(shown.get("phase", "Pending"))] += 1
            if shown.get("waiting"):
                waiting[str(shown["waiting"].get("reason", ""))] += 1
        self._metrics.jobs(phases, waiting)

    def _accelerators(self) -> None:
        found = [self._inventories.of(name) for name in self._live.store.clusters]
        self._metrics.accelerators(
            (one.cluster, row.model, state, count)
            for one in found
            for row in one.pools
            for state, count in row.counts.by_state()
        )
