"""How long to wait for an alert to end by itself before anybody hears of it.

For each alert the share of its past episodes that their source ended within a wait (a point of their survival curve;
silence and people do not count) is shrunk toward that of its rule, this toward its service's, this toward that of all:
with few episodes of its own an alert is judged by its kin. It is held only if the end within the wait is likely *and*
the wait costs less than the noise it avoids.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from aiops_jobs.core.alerts.past import ALERT, RULE, Past
from aiops_jobs.core.alerts.stretches import Stretches
from aiops_jobs.core.columns import SECOND, Bools, Floats, Ints
from aiops_jobs.core.policies.suppression import TransientPolicy

RULE_ID = "learned_hold"


@dataclass(frozen=True)
class Curves:
    """What was learned for each alert.

    Args:
        probability: Of ending by itself within each wait, [A, W]; NaN where nothing at all was known.
        own, kin: Episodes of the alert and of its rule that it rests on.
    """

    probability: Floats
    own: Ints
    kin: Ints


@dataclass(frozen=True)
class Holds:
    """What follows for each alert: its wait in seconds (0: none), and the probability that it ends within it."""

    wait_s: Floats
    probability: Floats


def learn_curves(past: Past, policy: TransientPolicy) -> Curves:
    """Return the probabilities of ending by itself within each wait, from what was known before each alert's day."""
    waits = (np.array(policy.holds_s) * SECOND).astype(np.int64)
    curves = Curves(
        np.full((len(past.now), len(waits)), np.nan),
        np.zeros(len(past.now), np.int64),
        np.zeros(len(past.now), np.int64),
    )
    then = past.then
    lasted = then.resolved - then.start
    for first, picked, known in past.days():
        # Only episodes that could be watched for the longest wait: none is cut short, so shares need no censoring.
        use = known & (then.start + waits.max() <= first)
        ended = (lasted[:, None] <= waits) & (then.ended_by_itself & use)[:, None]
        if not use.any():
            continue
        curves.probability[picked] = _shrunk(past, picked, use, ended, policy.shrinkage)
        for level, counts in ((ALERT, curves.own), (RULE, curves.kin)):
            codes = past.levels[level]
            counts[picked] = np.bincount(codes.then[use], minlength=codes.count)[codes.now[picked]]
    return curves


def _shrunk(past: Past, picked: Ints, use: Bools, ended: Bools, weight: float) -> Floats:
    """Return the shares for some alerts [a, W], from all alerts down to each."""
    share = np.zeros((len(picked), ended.shape[1]))
    for place, level in enumerate(reversed(past.levels)):
        total = np.bincount(level.then[use], minlength=level.count)[level.now[picked]].astype(float)
        hits = np.stack(
            [np.bincount(level.then[column], minlength=level.count)[level.now[picked]] for column in ended.T], axis=1
        )
        share = hits / total[:, None] if place == 0 else (hits + weight * share) / (total + weight)[:, None]
    return share


def decide_holds(curves: Curves, may_wait: Bools, policy: TransientPolicy) -> Holds:
    """Return the wait with the largest saving for each alert, where one is worth it."""
    probability = curves.probability
    waits = np.array(policy.holds_s)
    saved = probability * policy.cost_of_noise
    paid = (1.0 - probability) * policy.cost_of_delay * waits / 3600.0
    gain = np.where((probability >= policy.min_probability) & (saved > paid), saved - paid, -np.inf)
    best = np.argmax(gain, axis=1) if len(waits) else np.zeros(len(probability), np.int64)
    rows = np.arange(len(probability))
    worth = np.isfinite(gain[rows, best]) & may_wait & (curves.kin >= policy.min_samples)
    return Holds(np.where(worth, waits[best], 0.0), np.where(worth, probability[rows, best], probability[:, -1]))


def held(past: Past, curves: Curves, holds: Holds) -> Stretches:
    """Return the stretches in which alerts are waited for."""
    alert = np.flatnonzero(holds.wait_s > 0)
    start = past.now.start[alert]
    wait = holds.wait_s[alert]
    return Stretches(
        alert,
        start,
        start + (wait * SECOND).astype(np.int64),
        [RULE_ID] * len(alert),
        [
            f"It ends by itself within {w / 60:.0f} min with a probability of {p:.0%}, learned from {own} episodes"
            f" of it and {kin} of its rule."
            for w, p, own, kin in zip(
                wait.tolist(),
                holds.probability[alert].tolist(),
                curves.own[alert].tolist(),
                curves.kin[alert].tolist(),
                strict=True,
            )
        ],
        [None] * len(alert),
    )
