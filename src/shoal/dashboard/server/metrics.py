"""Figures for Prometheus, read from the store whenever they are asked for."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily, Metric
from prometheus_client.exposition import choose_encoder

from shoal._version import __version__
from shoal.store import Store
from shoal.store.measures import Measures


class ServiceMetrics:
    """What `/metrics` shows: a collector, as prometheus-client calls it.

    Parameters
    ----------
    store
        Gives the store; it may raise a `StoreError`.
    """

    def __init__(self, store: Callable[[], Store]) -> None:
        self._store = store
        self._lock = threading.Lock()
        # Failures are counted from the first reading on: Prometheus takes a counter that starts
        # anew for what it is, and no large store is read from its beginning.
        self._counted_to: int | None = None
        self._failed = 0
        self._registry = CollectorRegistry()
        self._registry.register(self)

    def describe(self) -> list[Metric]:
        """Nothing: what is shown is known without reading a store."""
        return []

    def exposition(self, accepted: str) -> tuple[bytes, str]:
        """The figures now.

        Parameters
        ----------
        accepted
            The request's header Accept: Prometheus's text format, or OpenMetrics.

        Returns
        -------
        tuple
            The text, and its content type.

        Raises
        ------
        StoreError
            When the store cannot be read.
        """
        encode, kind = choose_encoder(accepted)
        return encode(self._registry), kind

    def collect(self) -> Iterator[Metric]:
        """Read the store, and give one family a figure."""
        measures, failed = self._read()

        runs = GaugeMetricFamily("shoal_runs", "Runs by state", labels=["state"])
        for state, number in measures.runs.items():
            runs.add_metric([state], number)
        yield runs

        yield CounterMetricFamily(
            "shoal_trainings", "Recorded trainings of all runs", measures.evaluations
        )
        yield GaugeMetricFamily(
            "shoal_trainings_per_second",
            "Trainings a second over the last minute",
            measures.evaluations_per_second,
        )
        yield CounterMetricFamily(
            "shoal_failed_trainings", "Trainings that failed since this server started", failed
        )
        yield GaugeMetricFamily("shoal_store_bytes", "Size of the store", measures.bytes)
        yield GaugeMetricFamily("shoal_supervisors", "Live supervisors", measures.supervisors)
        yield GaugeMetricFamily(
            "shoal_messages_waiting",
            "Messages to a webhook or messenger that wait to be sent",
            measures.messages,
        )
        yield InfoMetricFamily("shoal", "This server", {"version": __version__})

    def _read(self) -> tuple[Measures, int]:
        """The store's figures, and how many trainings have failed since the first reading."""
        with self._lock:
            measures = self._store().measure(self._counted_to)
            self._counted_to = measures.last_evaluation
            self._failed += measures.failed
            return measures, self._failed
