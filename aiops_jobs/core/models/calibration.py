"""Probabilities that mean what they say: log-odds mapped to observed frequencies, and how far they still are off.

Reference: Platt, "Probabilistic outputs for support vector machines", 1999; with a prior that leaves log-odds as they
are, since a handful of failures must not overrule them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

PRIOR_SLOPE = 4.0
"""Weight, in cases, of the belief that log-odds are right as they are."""
PRIOR_SHIFT = 0.5
STEPS = 50
LIMIT = 12.0
"""Log-odds beyond which no data of ours can tell a difference."""


@dataclass(frozen=True, slots=True)
class Calibration:
    """``probability = sigmoid(slope * log_odds + shift)``."""

    slope: float
    shift: float

    def probability(self, log_odds: Floats) -> Floats:
        """Return calibrated probabilities."""
        return sigmoid(self.slope * np.clip(log_odds, -LIMIT, LIMIT) + self.shift)


def sigmoid(log_odds: Floats) -> Floats:
    """Return the probability that log-odds stand for."""
    return np.asarray(1.0 / (1.0 + np.exp(-np.clip(log_odds, -LIMIT, LIMIT))))


def fit_calibration(
    log_odds: Floats,
    labels: Bools,
    weights: Floats,
    *,
    prior_slope: float = PRIOR_SLOPE,
    prior_shift: float = PRIOR_SHIFT,
) -> Calibration:
    """Fit slope and shift by Newton's method; never turns the order round.

    Args:
        log_odds: Of cases the model was not fitted on.
        labels: What happened.
        weights: How many independent cases each row stands for.
        prior_slope: Precision of the belief that the slope is 1.
        prior_shift: Precision of the belief that the shift is 0.
    """
    x, y = np.clip(log_odds, -LIMIT, LIMIT), labels.astype(np.float64)
    slope, shift = 1.0, 0.0
    for _ in range(STEPS):
        p = sigmoid(slope * x + shift)
        gap, curve = weights * (p - y), weights * p * (1.0 - p)
        gradient = np.array([np.sum(gap * x) + prior_slope * (slope - 1.0), np.sum(gap) + prior_shift * shift])
        cross = float(np.sum(curve * x))
        a, b = float(np.sum(curve * x * x)) + prior_slope, float(np.sum(curve)) + prior_shift
        determinant = a * b - cross * cross
        step = np.array([b * gradient[0] - cross * gradient[1], a * gradient[1] - cross * gradient[0]]) / determinant
        step = np.clip(step, -1.0, 1.0)
        slope, shift = max(slope - float(step[0]), 0.05), shift - float(step[1])
    return Calibration(slope, shift)


def expected_calibration_error(probability: Floats, labels: Bools, *, bins: int = 10) -> float:
    """Return the mean distance of probability from frequency over bins that hold equally many cases."""
    if not len(probability):
        return 0.0
    order = np.argsort(probability, kind="stable")
    parts = np.array_split(order, min(bins, len(order)))
    gaps = [len(part) * abs(float(probability[part].mean()) - float(labels[part].mean())) for part in parts]
    return float(sum(gaps) / len(order))
