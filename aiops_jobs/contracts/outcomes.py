"""Contracts of what is learned from closed tickets: how good the causes were, and how sure we may be of the next."""

from __future__ import annotations

from aiops_jobs.contracts import columns as c
from aiops_jobs.contracts.results import result_table

CAUSE_EVALUATIONS = result_table(
    "cause_evaluations",
    "one judgement of our causes against closed tickets, and the calibration that follows from it",
    (
        c.window_start,
        c.window_end,
        c.calibration_version.required(),
        c.slope,
        c.shift,
        c.sample_count,
        c.first_hit_ratio,
        c.top3_hit_ratio,
        c.top5_mean_hit_ratio,
        c.raw_calibration_error,
        c.calibration_error,
        c.policy_version,
    ),
    key=("window_start", "window_end"),
    time="window_start",
)

OUTCOME_TABLES = (CAUSE_EVALUATIONS,)
