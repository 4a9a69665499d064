"""How far beyond the limit of its rule an alert got while it fired, where its source tells."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from aiops_jobs.core.alerts.subjects import shared_codes
from aiops_jobs.core.columns import Floats, floats_of, micros_of


def peak_scores(alerts: pa.Table, notifications: pa.Table) -> Floats:
    """Return the largest score told of each episode; NaN where none was.

    Args:
        alerts: Episodes, each of one fingerprint from ``started_at`` to ``last_event_at``.
        notifications: ``raw_alerts`` they were made of, and perhaps others.
    """
    peaks = np.full(alerts.num_rows, np.nan)
    if "alert_score" not in notifications.column_names or not alerts.num_rows:
        return peaks
    told = notifications.filter(pc.is_valid(notifications["alert_score"]))
    if not told.num_rows:
        return peaks
    (own, said), _ = shared_codes(alerts["alert_fingerprint"], told["alert_fingerprint"])
    begin, at = micros_of(alerts["started_at"]), micros_of(told["observed_at"])
    order, asked = np.lexsort((begin, own)), np.lexsort((at, said))
    base = min(int(begin.min()), int(at.min()))
    width = max(int(begin.max()), int(at.max())) - base + 1
    found = np.searchsorted(own[order] * width + begin[order] - base, said[asked] * width + at[asked] - base, "right")
    episode = order[np.maximum(found - 1, 0)]
    within = (found > 0) & (own[episode] == said[asked]) & (at[asked] <= micros_of(alerts["last_event_at"])[episode])
    best = np.full(alerts.num_rows, -np.inf)
    np.maximum.at(best, episode[within], floats_of(told["alert_score"])[asked][within])
    return np.where(np.isfinite(best), best, peaks)
