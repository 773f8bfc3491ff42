"""Makes the gauge families that a scrape answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from prometheus_client.core import GaugeMetricFamily

from shared import telemetry
from shared.telemetry import Series


def family(series: Series) -> GaugeMetricFamily:
    """An empty one."""
    return GaugeMetricFamily(series.name, series.help, labels=series.labels)


def single(series: Series, value: float) -> GaugeMetricFamily:
    """One sample without labels."""
    gauge = family(series)
    gauge.add_metric((), value)
    return gauge


def by_word(series: Series, words: Sequence[str], values: Mapping[str, float]) -> GaugeMetricFamily:
    """A sample for every word, 0 where none was counted; other words are counted as OTHER."""
    told = dict.fromkeys(words, 0.0)
    for word, value in values.items():
        told[word if word in told else telemetry.OTHER] += value
    gauge = family(series)
    for word, value in told.items():
        gauge.add_metric((word,), value)
    return gauge
