"""The stages of the jobs, each beside its peers.

To add one: a module with ``build(folder, scale) -> Case`` and a line in `STAGES`. ``scale`` multiplies the size: tests
use a hundredth, growth is measured between a half and a whole.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from benchmarks.measure import Case
from benchmarks.stages import alerts, anomalies, estate, lake, logs, prometheus, validation, warehouse

MOST_GROWTH = 2.1
"""Doubling the work may cost this much."""


@dataclass(frozen=True, slots=True)
class Stage:
    """One stage."""

    name: str
    build: Callable[[Path, float], Case]
    measure_growth: bool = False


STAGES = (
    Stage("Prometheus JSON → columns", prometheus.build, measure_growth=True),
    Stage("write samples to the lake", lake.build_write, measure_growth=True),
    Stage("read one day into series × time", lake.build_read, measure_growth=True),
    Stage("JSONL logs → log_records", logs.build, measure_growth=True),
    Stage("validation", validation.build),
    Stage("anomaly judging, per point", anomalies.build, measure_growth=True),
    Stage("alert grouping", alerts.build, measure_growth=True),
    Stage("alerts → incidents with causes", alerts.build_whole, measure_growth=True),
    Stage("warehouse load", warehouse.build_load, measure_growth=True),
    Stage("warehouse publication", warehouse.build_publish),
    Stage("simulate an estate", estate.build),
)
