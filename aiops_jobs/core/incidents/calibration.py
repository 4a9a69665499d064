"""How sure a named cause may be: shares of evidence mapped to how often such a share was right.

The share of the best candidate is corrected by Platt scaling of its log-odds (Platt, 1999), with a prior that leaves it
as it is; the other candidates' shares follow, in the same order and never above the first. With too few outcomes the
map is the identity, and has no version.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from aiops_jobs.core.columns import Bools, Floats
from aiops_jobs.core.models.calibration import Calibration, fit_calibration
from aiops_jobs.core.policies import OutcomePolicy
from aiops_jobs.identity import digest

NEAR = 1e-6
"""Shares are kept so far from 0 and 1, where log-odds end."""
FOLDS = 5


@dataclass(frozen=True, slots=True)
class CauseCalibration:
    """``logit(confidence) = slope * logit(share) + shift``, for the best candidate."""

    slope: float = 1.0
    shift: float = 0.0

    @property
    def version(self) -> str | None:
        """Digest of the map; null for the identity."""
        if self.is_identity:
            return None
        return version_of(self)

    @property
    def is_identity(self) -> bool:
        """Whether confidence stays as it is."""
        return self.slope == 1.0 and self.shift == 0.0

    def first(self, share: float) -> float:
        """Return the calibrated confidence of a best candidate with this share."""
        return share if self.is_identity else float(self.all_first(np.array([share]))[0])

    def all_first(self, shares: Floats) -> Floats:
        """Return the calibrated confidence of several best candidates."""
        if self.is_identity:
            return shares
        return Calibration(self.slope, self.shift).probability(log_odds(shares))

    def shares(self, shares: Sequence[float]) -> list[float]:
        """Return calibrated shares of one incident's candidates, best first: same order, sum at most 1."""
        if self.is_identity or not shares:
            return list(shares)
        raw = shares[0]
        best = self.first(raw)
        rest = min((1.0 - best) / max(1.0 - raw, NEAR), best / max(raw, NEAR))
        return [best, *(min(best, share * rest) for share in shares[1:])]


IDENTITY = CauseCalibration()


def version_of(calibration: CauseCalibration) -> str:
    """Return the digest of a map, the identity's included."""
    return "cal-" + digest([calibration.slope, calibration.shift])[:16]


def log_odds(shares: Floats) -> Floats:
    """Return the log-odds of shares."""
    near = np.clip(shares, NEAR, 1.0 - NEAR)
    return np.asarray(np.log(near) - np.log1p(-near))


def fit(shares: Floats, is_right: Bools, policy: OutcomePolicy) -> CauseCalibration:
    """Return the calibration that outcomes ask for, drawn toward the identity; with few outcomes, the identity.

    Args:
        shares: Raw share of the best candidate of each judged incident.
        is_right: Whether it was the cause.
        policy: How many outcomes are enough, and how strong the prior is.
    """
    if len(shares) < policy.min_outcomes:
        return IDENTITY
    fitted = fit_calibration(
        log_odds(shares),
        is_right,
        np.ones(len(shares)),
        prior_slope=policy.prior_cases,
        prior_shift=policy.prior_cases / 4.0,  # the curvature of a case at even odds
    )
    return CauseCalibration(_short(fitted.slope), _short(fitted.shift))


def cross_fitted(shares: Floats, is_right: Bools, policy: OutcomePolicy) -> Floats:
    """Return calibrated confidences, each from a map that has not seen its own case (every fifth is left out in turn).

    Cases come in order of time, so that each fold holds cases of all times.
    """
    found = np.array(shares, dtype=np.float64)
    if len(shares) < policy.min_outcomes:
        return found
    fold = np.arange(len(shares)) % FOLDS
    smaller = OutcomePolicy(min_outcomes=1, prior_cases=policy.prior_cases)
    for number in range(FOLDS):
        inside = fold == number
        found[inside] = fit(shares[~inside], is_right[~inside], smaller).all_first(shares[inside])
    return found


def _short(value: float) -> float:
    """Return a number with as many digits as mean something, so that its digest does not hang on the last bit."""
    return float(f"{value:.9g}") if math.isfinite(value) else 1.0
