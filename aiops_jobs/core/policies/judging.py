"""When metrics, forecasts and failure models become findings."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class AnomalyPolicy:
    """When a metric's behaviour becomes a finding."""

    lookback_s: float = 21 * 86400.0
    """History a series is judged by."""
    step_s: float = 300.0
    """Grid on which series are judged; samples are averaged into it."""
    season_s: tuple[float, ...] = (86400.0, 604800.0)
    """Periods looked for; one is used only where the history holds at least two of it."""
    width: float = 5.0
    """Half-width of the band in robust standard deviations, at least; score 1.0 lies on its edge."""
    return_days: float = 10_000.0
    """A series' own noise may cross its band, confirmed, about once in so many days: heavy tails get wider bands.
    With a thousand series that is one false finding in ten days."""
    min_history_ratio: float = 0.3
    """Below this share of present samples a series is `insufficient_data`, not healthy."""
    confirm_points: int = 2
    """Anomalous samples (in a row, gaps allowed up to `merge_gap_s`) before it is a finding."""
    merge_gap_s: float = 900.0
    """Shorter calm stretches do not split an episode."""
    critical_score: float = 2.0
    """From this peak score on a finding is critical, else a warning."""
    max_series_findings: int = 12
    """Findings of one series that begin on one UTC day; what comes after them is only counted, as noise."""
    silence_s: float = 1800.0
    """A series that used to report and has been missing for so long is a data-quality finding."""


@dataclass(frozen=True, slots=True)
class CapacityPolicy:
    """When a filling resource becomes a finding."""

    lookback_s: float = 28 * 86400.0
    step_s: float = 3600.0
    horizon_s: float = 14 * 86400.0
    """How far ahead is forecast."""
    alert_within_s: float = 7 * 86400.0
    """A breach expected (p50) within this time is a finding."""
    critical_within_s: float = 2 * 86400.0
    min_breach_probability: float = 0.5
    limit_margin_ratio: float = 0.95
    """The limit is reached at this share of the stated limit: a full disk fails before 100 %."""


@dataclass(frozen=True, slots=True)
class FailurePolicy:
    """When a predicted failure becomes a finding."""

    horizon_s: float = 14 * 86400.0
    """A failure counts if it comes within this time."""
    lookback_s: float = 120 * 86400.0
    """History a model is trained on."""
    evaluation_s: float = 28 * 86400.0
    """Latest part of the history, kept from training and used to judge the model."""
    min_failures: int = 8
    """With fewer labelled failures no model is trained."""
    cost_of_miss: float = 50.0
    cost_of_action: float = 10.0
    """Act where probability x cost_of_miss exceeds cost_of_action."""
    min_lift: float = 2.0
    """Average precision over the base rate that a model must reach on the later period."""
    failure_codes: tuple[str, ...] = ("disk_replaced", "disk_failed", "hardware_failure", "host_replaced")
    """Resolution codes of tickets that say an entity failed."""
