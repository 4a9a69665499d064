"""How good a model was on a period later than its training data."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from aiops_jobs.core.models.calibration import expected_calibration_error

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Measure:
    """One measure of one model.

    Args:
        value: What the model reached.
        baseline: What the naive rule reached on the same cases, where there is one.
        count: How many cases it rests on.
    """

    value: float
    baseline: float | None
    count: int


@dataclass(frozen=True, slots=True)
class Cases:
    """What was predicted and what came, one row an entity-day.

    Args:
        entity: Code of the entity, ``(R,)``.
        at_s: Instant of the prediction, seconds since 1970.
        failure_s: Time of the failure within the horizon, infinity where there was none.
        probability: Calibrated.
    """

    entity: Ints
    at_s: Floats
    failure_s: Floats
    probability: Floats

    @property
    def labels(self) -> Bools:
        """Whether a failure followed."""
        return np.isfinite(self.failure_s)


def average_precision(score: Floats, labels: Bools) -> float:
    """Return the area under the precision-recall steps; ties count as one step; 0 without a failure.

    Example:
        >>> average_precision(np.array([0.9, 0.8, 0.1]), np.array([True, False, True]))
        0.8333333333333333
    """
    total = int(labels.sum())
    if not total:
        return 0.0
    order = np.argsort(-score, kind="stable")
    ranked = score[order]
    last_of_tie = np.append(ranked[1:] != ranked[:-1], True)
    hits = np.cumsum(labels[order])[last_of_tie]
    alarms = (np.arange(len(score)) + 1)[last_of_tie]
    gained = np.diff(np.concatenate([[0], hits])) / total
    return float(np.sum(gained * hits / alarms))


def judge_failures(cases: Cases, *, threshold: float, rule: Floats, base_rate: float) -> dict[str, Measure]:
    """Measure predictions against what came.

    Args:
        cases: Predictions on the later period.
        threshold: Probability from which on somebody acts.
        rule: Score of the naive rule for the same cases: how many error counters are not zero.
        base_rate: Share of failing days in training: what somebody without a model would say every day.
    """
    labels, p = cases.labels, cases.probability
    count, rate = len(p), float(labels.mean()) if len(p) else 0.0
    acted = p >= threshold
    hits = int((acted & labels).sum())
    score = average_precision(p, labels)
    by_rule = average_precision(rule, labels)
    caught, failures, leads = _caught(cases, acted)
    found = {
        "average_precision_ratio": Measure(score, rate, count),
        "average_precision_of_rule_ratio": Measure(by_rule, rate, count),
        "lift": Measure(score / rate if rate else 0.0, 1.0, count),
        "lift_over_rule": Measure(score / by_rule if by_rule else 0.0, 1.0, count),
        "precision_ratio": Measure(hits / max(int(acted.sum()), 1), rate, int(acted.sum())),
        "recall_ratio": Measure(hits / max(int(labels.sum()), 1), None, int(labels.sum())),
        "failures_foreseen_ratio": Measure(caught / max(failures, 1), None, failures),
        "brier": Measure(float(np.mean((p - labels) ** 2)), float(np.mean((base_rate - labels) ** 2)), count),
        "calibration_error_ratio": Measure(expected_calibration_error(p, labels), abs(base_rate - rate), count),
    }
    if len(leads):
        found["lead_time_median_s"] = Measure(float(np.median(leads)), None, len(leads))
    return found


def _caught(cases: Cases, acted: Bools) -> tuple[int, int, Floats]:
    """Return how many failures were acted on before they came, how many there were, and the time gained."""
    rows = np.flatnonzero(cases.labels)
    pairs = np.stack([cases.entity[rows].astype(np.float64), cases.failure_s[rows]], axis=1)
    keys, which = np.unique(pairs, axis=0, return_inverse=True)
    first = np.full(len(keys), np.inf)
    early = acted[rows]
    np.minimum.at(first, which.ravel()[early], cases.at_s[rows][early])
    is_caught = np.isfinite(first)
    return int(is_caught.sum()), len(keys), keys[is_caught, 1] - first[is_caught]
