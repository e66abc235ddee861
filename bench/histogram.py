"""A histogram of an operator's metrics: how many observations lie below which bounds, and quantiles of them."""

from __future__ import annotations

import http.client
import math
import re
from dataclasses import dataclass

_BUCKET = re.compile(r'^(\w+)_bucket\{le="([^"]+)"\} ([0-9.e+]+)$', re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Histogram:
    """Observations at or below each bound, cumulative; the last bound is infinite. Empty for none."""

    bounds: tuple[float, ...] = ()
    counts: tuple[float, ...] = ()

    @property
    def count(self) -> int:
        """All observations."""
        return int(self.counts[-1]) if self.counts else 0

    @staticmethod
    def read(port: int, name: str) -> Histogram:
        """Ask an operator on this machine for one of its histograms without labels."""
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5.0)
        try:
            connection.request("GET", "/metrics")
            return parsed(connection.getresponse().read().decode(), name)
        finally:
            connection.close()

    def since(self, before: Histogram) -> Histogram:
        """Return what has been observed since an earlier reading."""
        if not before.counts:
            return self
        return Histogram(
            self.bounds, tuple(now - then for now, then in zip(self.counts, before.counts, strict=True))
        )


def parsed(text: str, name: str) -> Histogram:
    """Find a histogram in Prometheus text; empty if it is not there."""
    found = [(float(bound), float(count)) for of, bound, count in _BUCKET.findall(text) if of == name]
    return Histogram(tuple(bound for bound, _ in found), tuple(count for _, count in found))


def quantile(histogram: Histogram, share: float) -> float:
    """Return the value that `share` of the observations do not exceed, taken as even inside a bucket; 0 without any.

    The last finite bound for what is above it. Source: Prometheus `histogram_quantile`.
    """
    if not histogram.count:
        return 0.0
    rank, below, low = share * histogram.count, 0.0, 0.0
    for bound, count in zip(histogram.bounds, histogram.counts, strict=True):
        if count >= rank:
            if math.isinf(bound):
                return low
            return low + (bound - low) * (rank - below) / max(count - below, 1e-9)
        below, low = count, bound
    return low
