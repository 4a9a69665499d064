"""Which alerts are kept from people, and why: maintenance, inhibition, flapping, transient, frequent, uninformative.

A suppressed alert opens no incident and no ticket by itself. It is still published, with the reason, and joins an
incident as context if its neighbours make one.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import datetime, time
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
MATCHER = r"^\s*([A-Za-z_][A-Za-z0-9_.]*)\s*(=~|!~|!=|=)\s*\"?(.*?)\"?\s*$"


@dataclass(frozen=True, slots=True)
class MaintenanceWindow:
    """A planned time in which what is selected may alert without anybody being told; once, or again and again."""

    name: str
    """Unique; rows name it."""
    entities: tuple[str, ...] = ()
    """Patterns (`*`, `?`) of entities, such as `host/db-*`; a host covers what runs on it."""
    services: tuple[str, ...] = ()
    """Patterns of service names. Every list that is given must match; with none given all alerts do."""
    hosts: tuple[str, ...] = ()
    """Patterns of host names; a host covers what runs on it."""
    alert_names: tuple[str, ...] = ()
    """Patterns of alert rules."""
    start: datetime | None = None
    """Begin of a window that happens once, with its offset from UTC."""
    end: datetime | None = None
    """Its end, exclusive."""
    days: tuple[str, ...] = ()
    """Weekdays on which a recurring window begins: `mon` to `sun`, in local time."""
    weeks_of_month: tuple[int, ...] = ()
    """Only the so-manieth such weekday of a month (1 to 5; -1: the last); none given: every week."""
    local_start: str = "00:00"
    """Time of day at which a recurring window begins, by the clocks of `timezone`."""
    duration_s: float = 0.0
    """How long a recurring window lasts, in elapsed seconds whatever the clocks do (as RFC 5545 has it)."""
    timezone: str = "UTC"
    """IANA name, such as `Europe/Berlin`."""
    valid_from: datetime | None = None
    """A recurring window does not begin before this."""
    valid_to: datetime | None = None
    """A recurring window does not begin at this or after it."""

    def __post_init__(self) -> None:
        """Refuse what can never match or be understood."""
        is_once = self.start is not None and self.end is not None and self.start < self.end
        is_recurring = bool(self.days) and self.duration_s > 0
        if is_once == is_recurring:
            raise ValueError("give either `start` and a later `end`, or `days` and `duration_s`")
        if any(i is not None and i.tzinfo is None for i in (self.start, self.end, self.valid_from, self.valid_to)):
            raise ValueError("instants need an offset, such as 2026-11-20T22:00:00Z")
        if not set(self.days) <= set(WEEKDAYS):
            raise ValueError(f"`days` are of {', '.join(WEEKDAYS)}")
        if not set(self.weeks_of_month) <= {1, 2, 3, 4, 5, -1}:
            raise ValueError("`weeks_of_month` are 1 to 5, or -1 for the last")
        time.fromisoformat(self.local_start)
        try:
            ZoneInfo(self.timezone)
        except (ZoneInfoNotFoundError, ValueError) as error:
            raise ValueError(f"`{self.timezone}` is no IANA time zone") from error


@dataclass(frozen=True, slots=True)
class ChangeMaintenancePolicy:
    """When a change record silences what it changes."""

    is_on: bool = True
    change_types: tuple[str, ...] = ("standard", "normal")
    """Kinds of changes that are maintenance if they were planned. A deployment, a flag, a configuration change or an
    emergency is none, unless its record says `"maintenance": true`: what breaks things must still be heard."""
    states: tuple[str, ...] = ("new", "scheduled", "implement", "implementing", "wip", "in_progress", "closed")
    """Values of the attribute `state` in which a change counts; a record that says no state counts. `closed` is here
    because a batch looks back."""
    approvals: tuple[str, ...] = ("approved", "not_required", "pre_approved")
    """Values of the attribute `approval` with which a change counts; a record that says nothing counts."""
    window: str = "planned"
    """`planned`: only what was planned beforehand is quiet. `planned_or_actual`: the actual begin and end count too, as
    ServiceNow has it; a change that overruns then hides what it breaks, up to `max_overrun_s`."""
    max_overrun_s: float = 3600.0
    max_duration_s: float = 48 * 3600.0
    """A planned window longer than this is no maintenance: nobody plans to be deaf for days."""

    def __post_init__(self) -> None:
        """Refuse another kind of window."""
        if self.window not in {"planned", "planned_or_actual"}:
            raise ValueError("`window` is `planned` or `planned_or_actual`")


@dataclass(frozen=True, slots=True)
class InhibitionRule:
    """While a source alert fires, target alerts with equal labels are quiet, exactly as in Alertmanager."""

    name: str
    """Unique; rows name it."""
    source_matchers: tuple[str, ...]
    """All must hold for an alert that inhibits: `label=value`, `!=`, `=~` (whole value), `!~`. Labels are those of the
    alert, and `alertname`, `severity`, `entity_id`, `service`, `host`, `source`."""
    target_matchers: tuple[str, ...]
    """All must hold for an alert that is inhibited."""
    equal: tuple[str, ...] = ()
    """Labels that must be equal; a missing label is an empty one, so both missing are equal."""

    def __post_init__(self) -> None:
        """Refuse a matcher that cannot be read."""
        for text in (*self.source_matchers, *self.target_matchers):
            found = re.match(MATCHER, text)
            if not found:
                raise ValueError(f"`{text}` is no matcher such as `severity=critical`")
            if "~" in found[2]:
                re.compile(found[3])
        if not self.source_matchers or not self.target_matchers:
            raise ValueError("give `source_matchers` and `target_matchers`")


@dataclass(frozen=True, slots=True)
class FlappingPolicy:
    """When an alert that flaps is believed again; it begins to flap as `alerts.flap_changes` says."""

    is_on: bool = True
    quiet_s: float = 1800.0
    """It flaps until it has not changed its state for so long. Kibana: 20 evaluations, `alerts.flap_changes` 4 and
    `alerts.flap_window_s` 20 evaluations."""
    max_severity: str = "warning"
    """Anything worse is told however often it changes."""
    remind_s: float = 3600.0
    """One that still flaps so long after it began to is told once more: a fault may flap too."""


@dataclass(frozen=True, slots=True)
class TransientPolicy:
    """When to wait for an alert to end by itself before anybody hears of it."""

    is_on: bool = True
    holds_s: tuple[float, ...] = (120.0, 180.0, 300.0, 600.0, 900.0)
    """Waiting times to choose from."""
    min_probability: float = 0.8
    """Only if it ends by itself within the wait at least this often."""
    min_samples: int = 5
    """So many episodes of its rule must be known."""
    shrinkage: float = 5.0
    """How many episodes of its own outweigh what is known of its rule; so too from rule to service to all."""
    cost_of_noise: float = 5.0
    """What one needless notification costs, in minutes of a person."""
    cost_of_delay: float = 120.0
    """What an hour of delay of a real alert costs, in the same unit."""
    max_severity: str = "warning"
    """Anything worse is told at once."""

    def __post_init__(self) -> None:
        """Refuse to wait for no time."""
        if not self.holds_s or min(self.holds_s) <= 0:
            raise ValueError("`holds_s` are positive")


@dataclass(frozen=True, slots=True)
class FrequentPolicy:
    """When an alert is so usual that only its getting worse is news."""

    is_on: bool = True
    min_per_day: int = 3
    """Episodes of it within 24 hours before."""
    min_days: int = 5
    """Days of the 7 before on which it was seen."""
    worse_ratio: float = 1.5
    """It gets worse where it lasts this many times as long as the longest of those 7 days, comes this many times as
    often as on the busiest, or is more severe than any; then it is told."""
    max_severity: str = "warning"
    frequent_share: float = 0.2
    """From this share of its service's episodes on its recurrence class is `frequent`."""
    rare_share: float = 0.05
    """Up to this share it is `rare`; one not seen before is `novel`, all others `regular`."""


@dataclass(frozen=True, slots=True)
class InformationPolicy:
    """When an alert says so little that it is not worth reading."""

    is_on: bool = True
    share_excluded: float = 0.2
    """Alerts less informative than this share of all past ones are quiet; the limit adapts to the estate."""
    max_severity: str = "info"
    """The default touches only what is for information anyway: words alone cannot tell a fault from a habit."""

    def __post_init__(self) -> None:
        """Refuse what is no share."""
        if not 0.0 <= self.share_excluded < 1.0:
            raise ValueError("`share_excluded` is a share below 1")


@dataclass(frozen=True, slots=True)
class SuppressionPolicy:
    """Which alerts are kept from people."""

    history_s: float = 30 * 86400.0
    """Past that is learned from; never the day of the alert itself."""
    maintenance: tuple[MaintenanceWindow, ...] = ()
    """Tables `[[policies.suppression.maintenance]]`."""
    changes: ChangeMaintenancePolicy = field(default_factory=ChangeMaintenancePolicy)
    inhibition: tuple[InhibitionRule, ...] = ()
    """Tables `[[policies.suppression.inhibition]]`."""
    flapping: FlappingPolicy = field(default_factory=FlappingPolicy)
    transient: TransientPolicy = field(default_factory=TransientPolicy)
    frequent: FrequentPolicy = field(default_factory=FrequentPolicy)
    low_information: InformationPolicy = field(default_factory=InformationPolicy)

    def __post_init__(self) -> None:
        """Refuse two rules of one name: their counts could not be told apart."""
        for rules in (self.maintenance, self.inhibition):
            names = [rule.name for rule in rules]
            if len(names) != len(set(names)):
                raise ValueError("two rules have the same `name`")
