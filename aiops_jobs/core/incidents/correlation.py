"""From notifications, findings, changes and topology to incidents with priorities and causes: the whole way at once.

It goes in two steps, because the second needs logs and traces only near the incidents that the first has found:
`prepare` groups, `conclude` judges. `correlate_members` does both.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from aiops_jobs.contracts.columns import SEVERITIES
from aiops_jobs.core.alerts.episodes import to_alerts
from aiops_jobs.core.alerts.harm import with_harm
from aiops_jobs.core.alerts.scores import peak_scores
from aiops_jobs.core.alerts.suppress import Surroundings, suppress
from aiops_jobs.core.columns import SECOND, micros_of, to_instant, to_micros
from aiops_jobs.core.incidents.announcements import announced
from aiops_jobs.core.incidents.attributes import Attributes
from aiops_jobs.core.incidents.background import against_background
from aiops_jobs.core.incidents.calibration import IDENTITY, CauseCalibration
from aiops_jobs.core.incidents.candidates import is_exhausted
from aiops_jobs.core.incidents.case import Case, Changes, World, evidence_windows, to_changes
from aiops_jobs.core.incidents.data_causes import quality_findings
from aiops_jobs.core.incidents.group import Group, Grouping
from aiops_jobs.core.incidents.hearing import as_heard
from aiops_jobs.core.incidents.incident import to_incident_rows
from aiops_jobs.core.incidents.members import Members, to_members
from aiops_jobs.core.incidents.membership import to_incident_alerts
from aiops_jobs.core.incidents.past import Past, to_past
from aiops_jobs.core.incidents.signals import Signals
from aiops_jobs.core.incidents.staged import group_in_stages
from aiops_jobs.core.incidents.topology import TopologyHistory, implied_edges
from aiops_jobs.core.policies import Policies
from aiops_jobs.window import Window

REPEATED = ("alert_fingerprint", "entity_id", "service_name", "host_name", "summary", "labels")
"""Texts that one notification of an alert has in common with the next."""
MANY = 3
"""So many different warnings at once are an incident, however short each is."""


@dataclass(frozen=True)
class Facts:
    """What incidents are made from; each conforms to its contract, and reaches back before the span."""

    raw_alerts: pa.Table
    findings: pa.Table
    anomalies: pa.Table
    changes: pa.Table
    items: pa.Table
    """All versions of ``configuration_items``."""
    edges: pa.Table
    """All versions of ``topology_edges``."""
    past_alerts: pa.Table | None = None
    """All ``raw_alerts`` of the time before, from which is learned what need not be told."""
    tickets: pa.Table | None = None
    """``ticket_history``, as far back as `CostPolicy` looks; nothing: nothing is known of the past."""

    @property
    def notifications(self) -> pa.Table:
        """``raw_alerts`` of the past and of now, each once."""
        if self.past_alerts is None or not self.past_alerts.num_rows:
            return self.raw_alerts
        at = self.raw_alerts["observed_at"]
        later = self.raw_alerts.filter(pc.greater(at, pc.max(self.past_alerts["observed_at"]).cast(at.type)))
        return pa.concat_tables([self.past_alerts, later.cast(self.past_alerts.schema)]).unify_dictionaries()

    def encoded(self) -> Facts:
        """Return the same facts with each text of notifications kept once, so that it is hashed once."""
        past = None if self.past_alerts is None else _texts_once(self.past_alerts)
        return replace(self, raw_alerts=_texts_once(self.raw_alerts), past_alerts=past)


def _texts_once(rows: pa.Table) -> pa.Table:
    for place, field_ in enumerate(rows.schema):
        if field_.name in REPEATED and pa.types.is_string(field_.type):
            rows = rows.set_column(place, field_.name, rows[field_.name].dictionary_encode())
    return rows


@dataclass(frozen=True)
class CorrelationResult:
    """Rows by table, lineage left out."""

    alerts: pa.Table
    alert_suppressions: pa.Table
    incidents: pa.Table
    incident_alerts: pa.Table
    priority_factors: pa.Table
    root_causes: pa.Table
    evidence: pa.Table


@dataclass(frozen=True)
class Prepared:
    """Incidents found, not yet judged."""

    alerts: pa.Table
    suppressions: pa.Table
    """``alert_suppressions`` of these alerts, harm not judged yet."""
    grouping: Grouping
    changes: Changes
    span: Window
    past: Past
    quality: Mapping[str, list[dict[str, Any]]] = field(default_factory=dict)
    """Findings about data, by node."""

    @property
    def groups(self) -> list[Group]:
        """The incidents with a member that begins in the span; earlier ones were told by earlier runs."""
        start, end = to_micros(self.span.start), to_micros(self.span.end)
        begins = self.grouping.members.start
        return [g for g in self.grouping.groups if any(start <= begins[m] < end for m in g.members)]

    def cases(self, signals: Signals, policies: Policies, calibration: CauseCalibration = IDENTITY) -> list[Case]:
        """Return the incidents worth telling, as the search for causes sees them."""
        until = to_micros(self.span.end)
        world = World(self.grouping, self.changes, signals, policies.correlation, until, calibration, self.quality)
        cases = [Case(world, group) for group in self.groups]
        return [case for case in cases if is_incident(case, policies)]


def prepare(facts: Facts, *, policies: Policies, span: Window, known: pa.Table | None = None) -> Prepared:
    """Group what the facts tell into incidents.

    Args:
        facts: From far enough before ``span`` that incidents which begin in it are seen whole.
        policies: What to follow.
        span: What the result speaks about.
        known: ``incident_alerts`` published before, so that ids stay.
    """
    facts = facts.encoded()
    alerts = to_alerts(facts.raw_alerts, policies=policies, until=span.end)
    notifications = facts.notifications
    around = Surroundings(notifications, facts.changes, facts.edges, has_past=notifications is not facts.raw_alerts)
    kept = suppress(alerts, around, policies=policies, until=to_micros(span.end))
    scores = peak_scores(kept.alerts, facts.raw_alerts)
    members = to_members(kept.alerts, facts.findings, facts.anomalies, policies=policies, scores=scores)
    members = as_heard(members, kept)
    members = members.taken(np.flatnonzero(members.start < to_micros(span.end)))
    members = against_background(members, policies.correlation.background)
    history = _history(facts, members)
    attributes = Attributes(members, kept.alerts, facts.findings)
    grouping = group_in_stages(members, history, attributes, policy=policies.correlation, known=known)
    told = _touched(kept.alerts, span)
    quiet = kept.rows.filter(pc.is_in(kept.rows["alert_id"], told["alert_id"].combine_chunks()))
    past = to_past(facts.tickets, policies.cost)
    return Prepared(told, quiet, grouping, to_changes(facts.changes), span, past, quality_findings(facts.findings))


def wanted_windows(prepared: Prepared, *, policies: Policies) -> list[Window]:
    """Return the windows whose logs and spans `conclude` will look at."""
    silent = Signals(pa.table({}), pa.table({}))
    windows = evidence_windows(prepared.cases(silent, policies))
    return [Window(to_instant(start), to_instant(end)) for start, end in windows]


def nodes_in_reach(prepared: Prepared, *, policies: Policies) -> frozenset[str]:
    """Return the nodes whose metrics `conclude` may look at: what suffers, and what that depends on."""
    cases = prepared.cases(Signals(pa.table({}), pa.table({})), policies)
    return frozenset(node for case in cases for node in (*case.by_node, *case.upstream))


def conclude(
    prepared: Prepared, signals: Signals, *, policies: Policies, calibration: CauseCalibration = IDENTITY
) -> CorrelationResult:
    """Judge the incidents found: priority, causes, evidence."""
    cases = prepared.cases(signals, policies, calibration)
    rows = to_incident_rows(cases, prepared.past, policies=policies)
    version = policies.version("correlation")
    belongs = to_incident_alerts(prepared.grouping, [c.group for c in cases], policy_version=version)
    return CorrelationResult(
        alerts=prepared.alerts,
        alert_suppressions=with_harm(
            prepared.suppressions,
            prepared.alerts,
            belongs,
            rows.incidents,
            min_severity=policies.correlation.min_severity,
        ),
        incidents=rows.incidents,
        incident_alerts=belongs,
        priority_factors=rows.priority_factors,
        root_causes=rows.root_causes,
        evidence=rows.evidence,
    )


def correlate_members(
    facts: Facts, signals: Signals, *, policies: Policies, span: Window, known: pa.Table | None = None
) -> CorrelationResult:
    """Return alerts, incidents and all that belongs to them, for what begins in ``span``."""
    return conclude(prepare(facts, policies=policies, span=span, known=known), signals, policies=policies)


def is_incident(case: Case, policies: Policies) -> bool:
    """Tell whether a group is worth calling an incident.

    It is not where

    * nothing is as severe as the policy asks, or there is only context;
    * nobody feels it and no alert speaks of it, unless a critical finding does, and, during an announced event, one
      of something exhausted: more load and busier machines are what the announcement said;
    * there are only a few warnings of alert rules, none of which is known to stand out from the noise, and each is
      over, or flaps, within the time it is held back.
    """
    members, loud = case.members, case.loud
    severity = max(int(members.severity[m]) for m in loud)
    if severity < SEVERITIES.index(policies.correlation.min_severity) or all(members.is_faint[m] for m in loud):
        return False
    is_critical = severity == len(SEVERITIES) - 1
    alerts = [m for m in loud if members.is_alert[m]]
    if not alerts and not case.suffering:
        return is_critical and (not announced(case) or any(is_exhausted(members, m) for m in loud))
    if is_critical or len(alerts) < len(loud) or any(members.burst[m] >= 0 for m in alerts):
        return True
    told = sorted({(members.nodes[m] or "", members.name[m]) for m in alerts})
    if len(told) >= MANY:
        return True
    return any(
        _lasts(case, [m for m in alerts if (members.nodes[m] or "", members.name[m]) == key], policies) for key in told
    )


def _lasts(case: Case, episodes: list[int], policies: Policies) -> bool:
    """Tell whether one rule has been heard of one component for longer than it is held back."""
    members = case.members
    begun = min(int(members.start[m]) for m in episodes)
    heard = max(min(int(members.heard[m]), case.world.until) for m in episodes)
    flaps = any(members.is_flapping[m] for m in episodes)
    return heard - begun > int((policies.alerts.flap_window_s if flaps else policies.alerts.hold_s) * SECOND)


def _history(facts: Facts, members: Members) -> TopologyHistory:
    names = tuple(sorted({node for node in members.nodes.values if node}))
    implied = implied_edges(*zip(*members.places.values, strict=True)) if len(members) else ()
    return TopologyHistory(facts.items, facts.edges, implied, names)


def _touched(alerts: pa.Table, span: Window) -> pa.Table:
    """Return the episodes that begin in the span or of which something new is known in it."""
    latest = np.maximum(micros_of(alerts["last_event_at"]), micros_of(alerts["resolved_at"], missing=0))
    return alerts.filter(pa.array(latest >= to_micros(span.start)))


def context_of(span: Window, policies: Policies) -> Window:
    """Return the stretch of event time whose members decide about the incidents of ``span``."""
    reach = max(policies.correlation.lookback_s, policies.correlation.max_duration_s)
    return span.extended(before=timedelta(seconds=reach))


def change_start(context: Window, policies: Policies) -> datetime:
    """Return from when on changes matter to incidents of a context."""
    return context.start - timedelta(seconds=policies.correlation.change_lookback_s)
