"""How much wider the bands of series are because people called their findings false.

At each instant only what was known before it counts: its judgement never changes with what is learned later, and halves
of a window say the same as the whole. A verdict weighs its confidence, half as much after each half-life, and nothing
once a later one about the same subject is known. Widening is bounded: see `FeedbackPolicy`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import numpy.typing as npt

from aiops_jobs.core.feedback.labels import successions
from aiops_jobs.core.feedback.verdicts import FALSE, TRUE
from aiops_jobs.core.policies.feedback import FeedbackPolicy

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
FOREVER = np.iinfo(np.int64).max
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True, eq=False)
class Leniency:
    """Verdicts about series; arrays are [V], one entry a verdict and series.

    Args:
        series: Whose.
        detector: Which detector's finding.
        known_us: From when on it counts, microseconds since 1970.
        until_us: Until when.
        sign: Confidence of a false verdict; of a true one, negative.
        first: Whether this is the first series of its verdict that the detector spoke of: a verdict counts once there.
    """

    series: npt.NDArray[np.str_]
    detector: npt.NDArray[np.str_]
    known_us: Ints
    until_us: Ints
    sign: Floats
    first: npt.NDArray[np.bool_]
    policy: FeedbackPolicy

    def __len__(self) -> int:
        return len(self.series)

    def widths(self, series: Sequence[str], times_us: Ints, detector: str) -> Floats | None:
        """Return by what the half-width of each band is to be multiplied, [S, T] and at least 1; null: by nothing."""
        ours = np.flatnonzero(self.detector == detector)
        if not len(ours) or not len(times_us) or self.known_us[ours].min() > times_us[-1]:
            return None
        weights = self._weights(ours, times_us)
        place = {name: row for row, name in enumerate(series)}
        rows = np.array([place.get(name, -1) for name in self.series[ours].tolist()], np.int64)
        added = np.zeros((len(series), len(times_us)))
        np.add.at(added, rows[rows >= 0], weights[rows >= 0])
        own = 1.0 + np.clip(self.policy.widening * added, 0.0, self.policy.max_widening)
        most: Floats = np.minimum(own * self._of_detector(ours, weights), 1.0 + self.policy.max_widening)
        return most

    def _weights(self, ours: Ints, times_us: Ints) -> Floats:
        """Return what each verdict weighs at each instant, [V, T]; false above zero."""
        policy, age = self.policy, times_us[None, :] - self.known_us[ours][:, None]
        counts = (age >= 0) & (times_us[None, :] < self.until_us[ours][:, None]) & (age <= policy.memory_s * 1e6)
        faded = np.exp2(-np.where(counts, age, 0) / (policy.half_life_s * 1e6))
        return np.where(counts, self.sign[ours][:, None] * faded, 0.0)

    def _of_detector(self, ours: Ints, weights: Floats) -> Floats:
        """Return by what all bands of the detector are multiplied, [T]."""
        policy, once = self.policy, weights[self.first[ours]]
        false, total = np.maximum(once, 0.0).sum(axis=0), np.abs(once).sum(axis=0)
        share = np.where(total >= policy.detector_min_labels, false / np.maximum(total, 1e-12), 0.0)
        beyond = np.maximum(share - policy.detector_tolerated_ratio, 0.0)
        factor: Floats = 1.0 + policy.detector_widening * beyond / max(1.0 - policy.detector_tolerated_ratio, 1e-9)
        return factor


def leniency_of(labels: Iterable[Mapping[str, Any]], policy: FeedbackPolicy) -> Leniency:
    """Return what verdicts about findings mean for the bands of their series.

    Args:
        labels: Rows of ``labels``; those that we have caused ourselves count for nothing.
        policy: How much, how long, how far.
    """
    rows = []
    for label, until in successions(labels):
        weight = {FALSE: 1.0, TRUE: -1.0}.get(label["label_verdict"], 0.0) * label["confidence_ratio"]
        if weight == 0.0:
            continue
        told: set[str] = set()
        for detector, series in json.loads(label["applies_to"] or "[]"):
            known, end = micros(label["known_at"]), FOREVER if until is None else micros(until)
            rows.append((series, detector, known, end, weight, detector not in told))
            told.add(detector)
    series_, detectors, known_us, until_us, signs, firsts = zip(*rows, strict=True) if rows else [()] * 6
    return Leniency(
        series=np.array(series_, np.str_),
        detector=np.array(detectors, np.str_),
        known_us=np.array(known_us, np.int64),
        until_us=np.array(until_us, np.int64),
        sign=np.array(signs, np.float64),
        first=np.array(firsts, bool),
        policy=policy,
    )


def micros(instant: datetime) -> int:
    """Return microseconds since 1970."""
    return (instant - EPOCH) // timedelta(microseconds=1)
