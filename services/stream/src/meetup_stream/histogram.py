"""A histogram that takes many values at once; prometheus-client's takes one, and a lock and a search for each."""

import threading
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate
from math import isfinite

from prometheus_client import CollectorRegistry, Metric
from prometheus_client.core import HistogramMetricFamily
from prometheus_client.registry import Collector


class Histogram(Collector):
    """One series, labelled with its feed."""

    def __init__(
        self, name: str, documentation: str, feed: str, *, buckets: Sequence[float], registry: CollectorRegistry
    ) -> None:
        self._name = name
        self._documentation = documentation
        self._feed = feed
        self._bounds = [*map(float, buckets), float("inf")]
        self._lock = threading.Lock()
        self._counts = [0] * len(self._bounds)
        self._sum = 0.0
        registry.register(self)

    def observe_all(self, values: Iterable[float]) -> None:
        """Count the values."""
        with self._lock:
            for value in values:
                self._counts[bisect_left(self._bounds, value)] += 1
                self._sum += value

    def collect(self) -> Iterator[Metric]:
        """For the registry."""
        with self._lock:
            counts, total = list(accumulate(self._counts)), self._sum
        family = HistogramMetricFamily(self._name, self._documentation, labels=["feed"])
        buckets = [
            (str(bound) if isfinite(bound) else "+Inf", count)
            for bound, count in zip(self._bounds, counts, strict=True)
        ]
        family.add_metric([self._feed], buckets, total)
        yield family
