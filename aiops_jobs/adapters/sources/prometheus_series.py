"""The series of one extraction: each described once, however many samples it has."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from aiops_jobs.adapters.sources.labels import LabelRules, origin_of
from aiops_jobs.adapters.sources.prometheus_selectors import NAME_LABEL
from aiops_jobs.contracts.telemetry import METRIC_POINTS
from aiops_jobs.identity import canonical_json, fingerprint
from aiops_jobs.window import Window

UNIT_SUFFIXES = {
    "seconds": "s",
    "bytes": "By",
    "ratio": "1",
    "percent": "%",
    "celsius": "Cel",
    "volts": "V",
    "amperes": "A",
    "joules": "J",
    "watts": "W",
    "hertz": "Hz",
    "meters": "m",
    "grams": "g",
}
"""OpenMetrics ends a metric's name in its unit; the UCUM code of each."""
_AFTER_UNIT = ("_total", "_sum", "_created")
_LABEL_COLUMNS = ("series_id", "metric_name", "unit", "entity_id", "service_name", "host_name", "labels")
_EPOCH = datetime.fromisoformat("1970-01-01T00:00:00+00:00")


@dataclass(slots=True)
class SeriesBook:
    """All series seen in one extraction.

    Args:
        source: Name of the configured source.
        rules: Which labels say what.
        units: UCUM codes by metric name, where the name does not tell.
    """

    source: str
    rules: LabelRules
    units: Mapping[str, str] = field(default_factory=dict)
    _numbers: dict[tuple[tuple[str, str], ...], int] = field(default_factory=dict)
    _described: list[dict[str, str | None]] = field(default_factory=list)

    def number_of(self, labels: Mapping[str, str], *, metric_name: str | None = None) -> int:
        """Return the number of the series with ``labels``, entering it when it is new.

        Args:
            labels: As the source tells them; ``__name__`` holds the metric's name.
            metric_name: Overrides it, for the result of a query.
        """
        kept = {k: v for k, v in labels.items() if v and k not in self.rules.external}
        if metric_name is not None:
            kept[NAME_LABEL] = metric_name
        key = tuple(sorted(kept.items()))
        if key not in self._numbers:
            self._numbers[key] = len(self._described)
            self._described.append(self._describe(kept))
        return self._numbers[key]

    def name_of(self, number: int) -> str:
        """Return the labels of a series as a person reads them."""
        return canonical_json(dict(next(key for key, known in self._numbers.items() if known == number)))

    def points(
        self,
        series: npt.NDArray[np.int64],
        timestamps_ms: npt.NDArray[np.int64],
        values: npt.NDArray[np.float64],
    ) -> pa.Table:
        """Return rows of ``metric_points``: sample ``i`` belongs to the series numbered ``series[i]``."""
        present, codes = np.unique(series, return_inverse=True)
        described = [self._described[number] for number in present]
        columns: dict[str, pa.Array] = {
            "observed_at": pa.array(timestamps_ms * 1000, pa.int64()).cast(pa.timestamp("us", tz="UTC")),
            "value": pa.array(values, pa.float64()),
            "source": pa.DictionaryArray.from_arrays(np.zeros(len(values), np.int32), pa.array([self.source])),
        }
        for name in _LABEL_COLUMNS:
            dictionary = pa.array([d[name] for d in described], pa.string()).dictionary_encode()
            columns[name] = dictionary.take(pa.array(codes))
        return METRIC_POINTS.shape(pa.table(columns))

    def _describe(self, labels: dict[str, str]) -> dict[str, str | None]:
        metric_name = labels.get(NAME_LABEL, "")
        origin = origin_of({k: v for k, v in labels.items() if k != NAME_LABEL}, self.rules)
        return {
            "series_id": fingerprint("ser", source=self.source, metric=metric_name, labels=labels),
            "metric_name": metric_name,
            "unit": self.units.get(metric_name) or unit_of(metric_name),
            "entity_id": origin.entity_id,
            "service_name": origin.service_name,
            "host_name": origin.host_name,
            "labels": origin.labels,
        }


def unit_of(metric_name: str) -> str | None:
    """Return the UCUM code of the unit a metric's name ends in.

    Example:
        >>> unit_of("node_network_receive_bytes_total")
        'By'
    """
    for ending in _AFTER_UNIT:
        metric_name = metric_name.removesuffix(ending)
    return UNIT_SUFFIXES.get(metric_name.rpartition("_")[2])


def inside(window: Window, timestamps_ms: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
    """Mask the samples in ``[start, end)``."""
    first, last = window_ms(window)
    mask: npt.NDArray[np.bool_] = (timestamps_ms >= first) & (timestamps_ms <= last)
    return mask


def window_ms(window: Window) -> tuple[int, int]:
    """Return the first and the last whole millisecond in ``window``; in a tiny one the last lies before the first."""
    start, end = window.start - _EPOCH, window.end - _EPOCH
    millisecond = timedelta(milliseconds=1)
    return -(-start // millisecond), -(-end // millisecond) - 1
