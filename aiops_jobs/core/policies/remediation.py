"""Which runbooks are recommended, and how far remediation may go by itself: not at all until twice allowed."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Allowed:
    """One entry of the allow-list: a runbook and where it may act."""

    runbook: str
    """Its id, exactly."""
    entities: str
    """RE2 that the whole entity id must fit, such as ``host/web-\\d+``."""


@dataclass(frozen=True, slots=True)
class RunbookPolicy:
    """Which runbooks are recommended for an incident, and why one is ranked above another.

    Each kind of evidence adds its weight once; 1.0 is the sum that makes a recommendation. What names the trouble
    (an alert, a metric, a log line) counts more than what only names the neighbourhood (kinds).
    """

    alert_weight: float = 0.6
    """An alert rule that the runbook names."""
    metric_weight: float = 0.6
    """A metric that the runbook names has an anomaly."""
    log_weight: float = 0.6
    """Log lines that the runbook names are evidence of the incident."""
    change_weight: float = 0.8
    """The first cause is a change of a type that the runbook names."""
    finding_weight: float = 0.6
    """A kind of finding that the runbook names is a member."""
    label_weight: float = 0.4
    """A label of an alert fits."""
    cause_weight: float = 0.25
    """The kind of cause is one the runbook is for; taken off where it is another."""
    entity_weight: float = 0.25
    """The kind of the causing entity is one the runbook is for; taken off where it is another."""
    far_ratio: float = 0.35
    """What is seen elsewhere than at the cause counts so much of its weight: mostly it is a consequence."""
    max_recommended: int = 3
    """So many are kept for one incident."""


@dataclass(frozen=True, slots=True)
class RemediationPolicy:
    """What an action must pass before each of its steps. By default nothing is executed."""

    mode: str = "dry_run"
    """``dry_run``: what would happen is told, nothing is done. ``live``: approved plans are executed."""
    allow: tuple[Allowed, ...] = ()
    """Which runbook may act on which entities; empty: none on any."""
    approval_ttl_s: float = 900.0
    """An approval is good for so long (15 minutes: who approved still remembers what)."""
    proposal_ttl_s: float = 14400.0
    """A proposal nobody approves is forgotten after this: the world has moved on."""
    max_run_s: float = 3600.0
    """No step begins later than this after the first."""
    max_targets: int = 3
    """Most entities one action touches."""
    max_group_ratio: float = 0.05
    """Largest share of a group that one action touches; one member is always allowed."""
    group_quiet_s: float = 1800.0
    """How long after an action on a member of a redundancy group no other member of it is touched."""
    max_per_runbook_day: int = 10
    """Most executions of one runbook in 24 hours, whatever the runbook says."""
    max_per_service_day: int = 5
    """Most executions that touch one service in 24 hours: what needs more does not need a runbook."""
    max_per_day: int = 30
    """Most executions in 24 hours."""
    cooldown_s: float = 3600.0
    """How long a runbook stays away from an entity after it failed there, whatever the runbook says."""
