"""How alerts and findings become incidents with priorities and causes."""

from __future__ import annotations

from dataclasses import dataclass, field

from aiops_jobs.core.metric_roles import DEFAULT_ALERT_ROLES, MetricRole
from aiops_jobs.core.policies.grouping import CorrelationRule


@dataclass(frozen=True, slots=True)
class AlertPolicy:
    """How notifications become alert episodes."""

    resolve_timeout_s: float = 3600.0
    """Silence after which a firing alert counts as over, where its source tells no resolutions in time."""
    intervals_s: tuple[float, ...] = (15.0, 30.0, 60.0, 120.0, 300.0)
    """Intervals at which a source may repeat what still fires. Where its past notifications keep to one of them, an
    alert that misses its turns is over. None: only `resolve_timeout_s` counts."""
    missed_intervals: float = 2.5
    """So many intervals of silence end an alert of such a source: one lost notification does not."""
    flap_changes: int = 4
    """Changes of state within `flap_window_s` that make an alert flapping."""
    flap_window_s: float = 3600.0
    hold_s: float = 900.0
    """A warning that only one alert rule sees becomes an incident when it has been heard of for longer than this (for
    longer than `flap_window_s`, if it flaps)."""
    roles: tuple[MetricRole, ...] = DEFAULT_ALERT_ROLES
    """What alert rules stand for, by their name in snake_case; the roles of metrics are tried first."""


@dataclass(frozen=True, slots=True)
class BackgroundPolicy:
    """What stands out from an estate's everyday noise; asked only of alerts whose source tells how far off they are."""

    is_on: bool = True
    lookback_s: float = 6 * 3600.0
    """Past that says how noisy the estate usually is; far less than `correlation.lookback_s`, so every run knows it."""
    settle_s: float = 300.0
    """As long as less than this is known of the noise, only `min_surprise` counts."""
    false_alarm_s: float = 8 * 3600.0
    """Noise alone may stand out so often, once a shift: the bound is what the past, extended, exceeds once in it."""
    min_surprise: float = 0.3
    """Below this sum of logarithms of scores nothing stands out, however calm the estate is; 0.3: one alert 1.35 times
    as far off as its limit, or several of different kinds that are less."""
    burst_s: float = 240.0
    """What stands out within this after the first is one incident with it, where no topology knows better. At one
    place what begins after a calm of this length is another."""


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
    rules: tuple[CorrelationRule, ...] = ()
    """Further reasons to group, a table `[[policies.correlation.rules]]` each; dependencies group without any."""
    max_members: int = 10_000
    """Rules never join groups to one larger than this, nor to one longer than `max_duration_s`."""
    background: BackgroundPolicy = field(default_factory=BackgroundPolicy)
    """When alerts that tell how far off they are stand out from the noise of the estate."""


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
    novelty_s: float = 86400.0
    """What an incident's rules said in this time before it makes it usual or novel; not longer than the look-back, so
    that every run knows it."""
