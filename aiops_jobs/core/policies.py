"""Policies: every number an operator may want to change, with its unit, its default and its reason.

A policy is data. Its version is the digest of its values, so a result joins to exactly the policy it followed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field

from aiops_jobs.core.metric_roles import DEFAULT_ALERT_ROLES, DEFAULT_ROLES, OTHER, MetricRole
from aiops_jobs.identity import canonical_json, digest

__all__ = [
    "DEFAULT_ALERT_ROLES",
    "DEFAULT_ROLES",
    "OTHER",
    "AlertPolicy",
    "AnomalyPolicy",
    "CapacityPolicy",
    "CorrelationPolicy",
    "FailurePolicy",
    "IngestPolicy",
    "MetricRole",
    "Policies",
    "PriorityPolicy",
    "ReportPolicy",
    "TicketPolicy",
]


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


@dataclass(frozen=True, slots=True)
class AlertPolicy:
    """How notifications become alert episodes."""

    resolve_timeout_s: float = 3600.0
    """Silence after which a firing alert counts as over."""
    flap_changes: int = 4
    """Changes of state within `flap_window_s` that make an alert flapping."""
    flap_window_s: float = 3600.0
    hold_s: float = 900.0
    """A warning that only one alert rule sees becomes an incident when it has been heard of for longer than this (for
    longer than `flap_window_s`, if it flaps)."""
    roles: tuple[MetricRole, ...] = DEFAULT_ALERT_ROLES
    """What alert rules stand for, by their name in snake_case; the roles of metrics are tried first."""


@dataclass(frozen=True, slots=True)
class CorrelationPolicy:
    """Which alerts and findings belong together."""

    gap_s: float = 900.0
    """Largest distance in time between starts of related members."""
    max_duration_s: float = 86400.0
    """No incident grows longer than this."""
    overlap_s: float = 7200.0
    """What begins so long after a dependency fell ill, and while it still is, may be its consequence."""
    reopen_s: float = 3600.0
    """The same trouble of the same resource, back within this time, continues its incident."""
    max_hops: int = 2
    """Largest distance in the topology; 2 lets one silent component lie between."""
    shared_ratio: float = 0.75
    """Share of a silent component's dependents, or of a redundancy group, that must suffer together to be linked."""
    lookback_s: float = 86400.0
    """How far before its window a run looks for the beginnings of incidents."""
    change_lookback_s: float = 168 * 3600.0
    """How far back a change may be a cause."""
    min_members: int = 1
    min_severity: str = "warning"
    """A group in which nothing is as severe as this is no incident."""
    abstain_below: float = 0.25
    """Below this confidence no cause is named."""


@dataclass(frozen=True, slots=True)
class PriorityPolicy:
    """Impact by urgency, as ITIL has it."""

    matrix: tuple[tuple[str, str, str], ...] = (
        ("high", "high", "P1"),
        ("high", "medium", "P2"),
        ("high", "low", "P3"),
        ("medium", "high", "P2"),
        ("medium", "medium", "P3"),
        ("medium", "low", "P4"),
        ("low", "high", "P3"),
        ("low", "medium", "P4"),
        ("low", "low", "P5"),
    )
    high_impact_services: int = 3
    """As many affected services make the impact high, whatever their criticality."""


@dataclass(frozen=True, slots=True)
class TicketPolicy:
    """Which conclusions may ask for a ticket."""

    min_priority: str = "P3"
    """Incidents less urgent stay in the warehouse."""
    finding_kinds: tuple[str, ...] = ("capacity_risk", "failure_risk")
    """Findings that get a ticket of their own."""
    min_members_without_symptom: int = 3
    """An incident without any symptom (latency, errors, alert) needs this many members to be told to people."""
    max_per_run: int = 50
    """More suggestions than this in one run are held back and told as one digest."""
    language: str = "en"


@dataclass(frozen=True, slots=True)
class IngestPolicy:
    """When what a source delivered is not fit to be published; the data known before stays then."""

    max_quarantined_ratio: float = 0.05
    """Beyond this share of bad rows the source has changed, rather than its data: a new format, another unit."""
    min_quarantined_count: int = 20
    """Fewer bad rows than this never hold back a window: two of nine tell nothing about the source."""
    max_duplicate_ratio: float = 0.5
    """Beyond this share of repeated rows the source has lost its place and delivers pages twice."""
    partial_above_ratio: float = 0.001
    """From this share of bad rows on the window counts as incomplete; a stray row does not."""


@dataclass(frozen=True, slots=True)
class ReportPolicy:
    """How much of a window a page shows; the rest is counted and stays in the warehouse."""

    max_incidents: int = 25
    max_plots: int = 16
    """Pictures of anomalies, the strongest first, those of incidents before the others."""
    plot_before_s: float = 24 * 3600.0
    """History shown before an anomaly, so that a reader sees what is normal."""
    plot_after_s: float = 3 * 3600.0
    max_forecasts: int = 8
    max_risks: int = 25


@dataclass(frozen=True, slots=True)
class Policies:
    """All policies in force."""

    anomaly: AnomalyPolicy = field(default_factory=AnomalyPolicy)
    capacity: CapacityPolicy = field(default_factory=CapacityPolicy)
    failure: FailurePolicy = field(default_factory=FailurePolicy)
    alerts: AlertPolicy = field(default_factory=AlertPolicy)
    correlation: CorrelationPolicy = field(default_factory=CorrelationPolicy)
    priority: PriorityPolicy = field(default_factory=PriorityPolicy)
    tickets: TicketPolicy = field(default_factory=TicketPolicy)
    ingest: IngestPolicy = field(default_factory=IngestPolicy)
    report: ReportPolicy = field(default_factory=ReportPolicy)
    roles: tuple[MetricRole, ...] = DEFAULT_ROLES

    def as_dict(self) -> dict[str, object]:
        """Return every policy as plain data, by name."""
        return asdict(self)

    def specs(self) -> Mapping[str, str]:
        """Return each policy's canonical JSON, by name."""
        return {name: canonical_json(spec) for name, spec in self.as_dict().items()}

    def version(self, name: str) -> str:
        """Return the version of one policy: its name and the digest of its values and of the metric roles."""
        return f"{name}-{digest([self.as_dict()[name], self.as_dict()['roles']])[:12]}"

    @property
    def config_hash(self) -> str:
        """Digest of everything."""
        return digest(self.as_dict())
