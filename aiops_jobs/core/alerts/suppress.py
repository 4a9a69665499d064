"""Which alerts are kept from people, for how long, by which rule and why: all kinds of suppression at once.

A kind only ever says "quiet from here to there". What can still be heard of an alert follows from all stretches
together (`Audible`), so nothing stays quiet longer than its reasons: an alert that still fires when its maintenance
ends is heard from then on.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from aiops_jobs.contracts.columns import SUPPRESSION_KINDS
from aiops_jobs.contracts.knowledge import ALERT_SUPPRESSIONS
from aiops_jobs.core.alerts.episodes import to_alerts
from aiops_jobs.core.alerts.flapping import Limits, flapping, reminded
from aiops_jobs.core.alerts.information import low_information
from aiops_jobs.core.alerts.inhibition import inhibited
from aiops_jobs.core.alerts.maintenance import maintained
from aiops_jobs.core.alerts.past import Past
from aiops_jobs.core.alerts.recurrence import frequent, recurrence_classes
from aiops_jobs.core.alerts.stretches import Audible, Stretches, audible, joined, merged, overlaps
from aiops_jobs.core.alerts.subjects import Subjects, shared_codes
from aiops_jobs.core.alerts.transient import decide_holds, held, learn_curves
from aiops_jobs.core.columns import (
    OPEN,
    SECOND,
    Bools,
    Floats,
    Ints,
    codes_of,
    instants,
    micros_of,
    plain,
    rows_from,
    texts_of,
    to_instant,
)
from aiops_jobs.core.policies import Policies

STARTS_ANEW = ("maintenance", "inhibition")
"""After these an alert begins anew for people: what it said before is explained. After the others it was true all the
time, and only heard late."""
FLAPPING_RULE = "flap_changes"
_NOTHING = np.zeros(0, np.int64)


@dataclass(frozen=True)
class Surroundings:
    """What decides about alerts, each conforming to its contract.

    Args:
        notifications: ``raw_alerts`` of the span and of the past that is learned from, in any order.
        has_past: Whether these are more than the alerts were made of.
        changes: ``changes``.
        edges: ``topology_edges``, all versions.
    """

    notifications: pa.Table
    changes: pa.Table
    edges: pa.Table
    has_past: bool = True


@dataclass(frozen=True)
class Suppressed:
    """Alerts with what was learned of them, and what keeps them quiet.

    Args:
        alerts: ``alerts``, with state, recurrence class, transient probability and informativeness.
        rows: ``alert_suppressions``, lineage left out, sorted by key; harm is not known yet.
        heard: What can be heard of each alert, in the order of ``alerts``.
        begin: Its begin for people; the end of a maintenance or inhibition that it outlasted.
    """

    alerts: pa.Table
    rows: pa.Table
    heard: Audible
    begin: Ints


def suppress(alerts: pa.Table, around: Surroundings, *, policies: Policies, until: int) -> Suppressed:
    """Decide which alerts are kept from people.

    Args:
        alerts: ``alerts`` (without lineage) as known at ``until``.
        around: What decides.
        policies: What to follow.
        until: End of event time, microseconds.
    """
    policy = policies.suppression
    subjects = Subjects(alerts, until)
    episodes = alerts
    if around.has_past:
        episodes = to_alerts(around.notifications, policies=policies, until=to_instant(until))
    past = Past(subjects, Subjects(episodes, until), int(policy.history_s * SECOND))
    curves = learn_curves(past, policy.transient)
    holds = decide_holds(curves, subjects.at_most(policy.transient.max_severity), policy.transient)
    uninformative, worth = low_information(
        past, subjects.at_most(policy.low_information.max_severity), policy.low_information
    )
    kinds = {
        "maintenance": maintained(subjects, changes=around.changes, edges=around.edges, policy=policy),
        "inhibition": inhibited(subjects, policy.inhibition),
        "flapping": _flapping(subjects, around.notifications, policies, until),
        "transient": held(past, curves, holds) if policy.transient.is_on else Stretches(),
        "frequent": frequent(past, subjects.at_most(policy.frequent.max_severity), policy.frequent)
        if policy.frequent.is_on
        else Stretches(),
        "low_information": uninformative if policy.low_information.is_on else Stretches(),
    }
    heard = audible(subjects.start, subjects.end, joined(list(kinds.values())))
    anew = audible(subjects.start, subjects.end, joined([kinds[kind] for kind in STARTS_ANEW]))
    learned = {
        "recurrence_class": pa.array(recurrence_classes(past, policy.frequent), pa.string()),
        "transient_probability_ratio": _ratios(holds.probability),
        "informativeness_ratio": _ratios(worth),
    }
    told = _with_columns(alerts, learned, _states(alerts, heard))
    return Suppressed(
        told,
        _rows(subjects, kinds, heard, around.notifications, policies.version("suppression")),
        heard,
        np.where(anew.never, subjects.start, anew.since),
    )


def _flapping(subjects: Subjects, notifications: pa.Table, policies: Policies, until: int) -> Stretches:
    """Return the stretches in which alerts flap; the first notification of an alert comes before and is heard."""
    policy = policies.suppression.flapping
    if not policy.is_on:
        return Stretches()
    firing = _firing(notifications)
    if firing.all():
        return Stretches()
    limits = Limits.of(policies.alerts.flap_changes, policies.alerts.flap_window_s, policy.quiet_s)
    (events, own), _ = shared_codes(notifications["alert_fingerprint"], subjects.alerts["alert_fingerprint"])
    at = micros_of(notifications["observed_at"])
    known = at < until
    found = flapping(events[known], at[known], firing[known], limits)
    found = reminded(found, int(policy.remind_s * SECOND))
    question, hit = overlaps(found, own, subjects.start, subjects.end)
    may = subjects.at_most(policy.max_severity)[question]
    alert, hit = question[may], hit[may]
    reason = (
        f"It changed its state {limits.changes} times within {policies.alerts.flap_window_s / 60:.0f} min and was not "
        f"steady for {policy.quiet_s / 60:.0f} min since."
    )
    return Stretches(
        alert,
        np.maximum(found.start[hit], subjects.start[alert]),
        found.end[hit],
        [FLAPPING_RULE] * len(alert),
        [reason] * len(alert),
        [None] * len(alert),
    )


def _firing(notifications: pa.Table) -> Bools:
    codes, words = codes_of(notifications["alert_status"])
    return np.array([word == "firing" for word in words], dtype=bool)[codes]


def _states(alerts: pa.Table, heard: Audible) -> list[str]:
    """Return the states: suppressed is what nothing can be heard of, and what fires and cannot be heard now."""
    resolved = pc.is_valid(alerts["resolved_at"]).to_pylist()
    quiet = heard.never | (~heard.now & ~np.array(resolved, dtype=bool))
    return ["suppressed" if q else ("resolved" if r else "open") for q, r in zip(quiet.tolist(), resolved, strict=True)]


def _ratios(values: Floats) -> pa.Array:
    return pa.array(values, pa.float64(), mask=~np.isfinite(values))


def _with_columns(alerts: pa.Table, learned: Mapping[str, pa.Array], states: list[str]) -> pa.Table:
    for name, values in {**learned, "alert_state": pa.array(states, pa.string())}.items():
        place = alerts.schema.get_field_index(name)
        kind = alerts.schema.field(place).type
        typed = values.dictionary_encode().cast(kind) if pa.types.is_dictionary(kind) else values.cast(kind)
        alerts = alerts.set_column(place, name, typed)
    return alerts


# --- rows -----------------------------------------------------------------------------------------------------------


def _rows(
    subjects: Subjects, kinds: Mapping[str, Stretches], heard: Audible, notifications: pa.Table, version: str
) -> pa.Table:
    """Return ``alert_suppressions``, one row for each stretch that keeps anything quiet."""
    avoided = _avoided(subjects, kinds, notifications)
    quiet = joined([kinds[kind] for kind in SUPPRESSION_KINDS])
    kind = [k for k in SUPPRESSION_KINDS for _ in range(len(kinds[k]))]
    ids = texts_of(subjects.alerts["alert_id"])
    covers = quiet.start <= subjects.start[quiet.alert]
    until = np.where(heard.never[quiet.alert], OPEN, heard.since[quiet.alert])
    late = covers & (until < OPEN)
    delay = np.where(late, until - subjects.start[quiet.alert], 0) / SECOND
    table = rows_from(
        ALERT_SUPPRESSIONS,
        {
            "alert_id": [ids[i] for i in quiet.alert.tolist()],
            "suppression_kind": pa.array(kind, pa.string()),
            "rule_id": pa.array(quiet.rule, pa.string()),
            "started_at": instants(quiet.start),
            "ended_at": instants(np.minimum(quiet.end, subjects.resolved[quiet.alert])),
            "reason": pa.array(quiet.reason, pa.string()),
            "suppressed_by": pa.array(quiet.by, pa.string()),
            "delay_s": pa.array(delay, pa.float64(), mask=~late),
            "notifications_avoided": avoided,
            "later_incident_id": pa.nulls(len(quiet), pa.string()),
            "is_harm": np.zeros(len(quiet), bool),
            "policy_version": [version] * len(quiet),
        },
    )
    return _once(table)


def _once(rows: pa.Table) -> pa.Table:
    """Sort by key, and leave out a second row of the same: two changes may open the same window for one alert."""
    orders = {**dict.fromkeys(ALERT_SUPPRESSIONS.key, "ascending"), "notifications_avoided": "descending"}
    orders["suppressed_by"] = "ascending"
    columns = {name: rows[name] for name in orders}
    texts = pa.table({n: plain(c) if pa.types.is_dictionary(c.type) else c for n, c in columns.items()})
    order = pc.sort_indices(texts, list(orders.items()))
    keys = list(zip(*(texts[name].take(order).to_pylist() for name in ALERT_SUPPRESSIONS.key), strict=True))
    keep = [key != before for key, before in zip(keys, [None, *keys], strict=False)]
    return rows.take(order).filter(pa.array(keep, pa.bool_()))


def _avoided(subjects: Subjects, kinds: Mapping[str, Stretches], notifications: pa.Table) -> Ints:
    """Count the firing notifications in each stretch; one that several stretches cover counts for the first kind."""
    if not any(map(len, kinds.values())):
        return _NOTHING
    firing = _firing(notifications)
    rows = notifications.select(["alert_fingerprint", "observed_at"])
    rows = rows if firing.all() else rows.filter(pa.array(firing))
    (events, own), _ = shared_codes(rows["alert_fingerprint"], subjects.alerts["alert_fingerprint"])
    at = micros_of(rows["observed_at"])
    taken = np.zeros(len(at), bool)
    counts = []
    for kind in SUPPRESSION_KINDS:
        quiet = kinds[kind]
        whole, heads = merged(own[quiet.alert], quiet.start, np.minimum(quiet.end, subjects.end[quiet.alert]))
        free = np.flatnonzero(~taken)
        question, hit = overlaps(whole, events[free], at[free], at[free])
        counts.append(np.bincount(heads[hit], minlength=len(quiet)))
        taken[free[question]] = True
    return np.concatenate(counts) if counts else _NOTHING
