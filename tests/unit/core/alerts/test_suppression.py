"""Suppression as a whole: any order, any split of the window, harm, the health of rules, the funnel."""

from dataclasses import replace
from datetime import timedelta

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from incident_world import correlated
from suppression_world import (
    DAY,
    POLICIES,
    at,
    event,
    facts,
    following,
    history,
    kept,
    known_rows,
    quiet,
    states,
    table,
)

from aiops_jobs.contracts.knowledge import ALERT_SUPPRESSIONS
from aiops_jobs.contracts.telemetry import RAW_ALERTS
from aiops_jobs.core.alerts.funnel import Kept, funnel
from aiops_jobs.core.alerts.harm import rule_health, rules_in_force, with_harm
from aiops_jobs.core.alerts.stretches import Stretches, audible, merged, overlaps
from aiops_jobs.core.columns import OPEN, names_without_lineage
from aiops_jobs.core.policies.suppression import InhibitionRule, MaintenanceWindow
from aiops_jobs.window import Window

PAST = history(9, [0, 100, 200], lasts=4, name="Hiccup") + history(9, [-300, 50, 150, 250], lasts=20, name="Fan")
BUSY = following(
    maintenance=(MaintenanceWindow("patching", hosts=("db-1",), start=at(0), end=at(60)),),
    inhibition=(InhibitionRule("down", ("alertname=Down",), ("alertname=Slow",), ("host",)),),
)
names = st.sampled_from(["Hiccup", "Fan", "Down", "Slow"])
told = st.lists(
    st.tuples(st.integers(-400, 400), names, st.sampled_from(["host/db-1", "service/web"]), st.booleans()), max_size=25
)


def notifications(rows):
    return [
        event(m, name, entity, status="firing" if fires else "resolved", host="db-1" if "db" in entity else None)
        for m, name, entity, fires in rows
    ]


def same(one, other):
    return [t.to_pylist() for t in (one.alerts, one.rows)] == [t.to_pylist() for t in (other.alerts, other.rows)]


@settings(deadline=None, max_examples=25)
@given(told, st.randoms())
def test_any_order_gives_the_same_rows(rows, random):
    alerts, past = notifications(rows), list(PAST)
    first = kept(alerts, past=past, policies=BUSY)
    random.shuffle(alerts)
    random.shuffle(past)
    assert same(kept(alerts, past=past, policies=BUSY), first)


@settings(deadline=None, max_examples=25)
@given(told, st.integers(-300, 300))
def test_what_is_said_of_an_alert_does_not_change_once_it_is_over(rows, split):
    """So the halves of a window say the same as the whole, but for what still goes on between them."""
    alerts = notifications(rows)
    whole = kept(alerts, past=PAST, policies=BUSY)
    until = at(split)
    half = kept([e for e in alerts if e["observed_at"] < until], past=PAST, policies=BUSY, until=until)
    over = {
        row["alert_id"]
        for row in half.alerts.to_pylist()
        if row["resolved_at"] and row["resolved_at"] + timedelta(hours=1) < until
    }
    for rows_of in (lambda s: s.alerts.to_pylist(), quiet):
        assert [r for r in rows_of(half) if r["alert_id"] in over] == [
            r for r in rows_of(whole) if r["alert_id"] in over
        ]


@settings(deadline=None, max_examples=25)
@given(told)
def test_rows_keep_their_contract(rows):
    found = kept(notifications(rows), past=PAST, policies=BUSY)
    assert found.rows.column_names == names_without_lineage(ALERT_SUPPRESSIONS)
    keys = list(zip(*(found.rows[name].to_pylist() for name in ALERT_SUPPRESSIONS.key), strict=True))
    assert len(keys) == len(set(keys))
    life = {r["alert_id"]: r for r in found.alerts.to_pylist()}
    for row in quiet(found):
        alert = life[row["alert_id"]]
        assert alert["started_at"] <= row["started_at"] <= (row["ended_at"] or DAY.end + timedelta(days=99))
        assert row["delay_s"] is None or row["delay_s"] > 0
        assert not row["is_harm"]
        if alert["resolved_at"]:
            assert row["ended_at"] <= alert["resolved_at"]
    firing = sum(e["alert_status"] == "firing" for e in notifications(rows))
    assert sum(row["notifications_avoided"] for row in quiet(found)) <= firing


@settings(deadline=None, max_examples=25)
@given(told)
def test_suppression_only_ever_makes_less_noise_and_never_loses_an_alert(rows):
    seen = replace(facts(notifications(rows)), past_alerts=table(RAW_ALERTS, PAST))
    silent = following(
        flapping=replace(POLICIES.suppression.flapping, is_on=False),
        transient=replace(POLICIES.suppression.transient, is_on=False),
        frequent=replace(POLICIES.suppression.frequent, is_on=False),
        low_information=replace(POLICIES.suppression.low_information, is_on=False),
    )
    with_it, without = correlated(seen, policies=BUSY), correlated(seen, policies=silent)
    assert with_it.alerts["alert_id"].to_pylist() == without.alerts["alert_id"].to_pylist()
    assert without.alert_suppressions.num_rows == 0
    hushed = {r["alert_id"] for r in with_it.alerts.to_pylist() if r["alert_state"] == "suppressed"}
    for incident in with_it.incidents["incident_id"].to_pylist():
        members = [r["member_id"] for r in with_it.incident_alerts.to_pylist() if r["incident_id"] == incident]
        assert set(members) - hushed


def test_a_suppressed_alert_joins_what_its_neighbours_make_an_incident_as_context():
    past = history(10, [0, 300], lasts=4)
    alerts = [event(5, "Hiccup"), event(8, "Hiccup", status="resolved")]
    alone = replace(facts(alerts), past_alerts=table(RAW_ALERTS, past))
    assert correlated(alone).incidents.num_rows == 0
    loud = [event(6, "VeryHighLatency", severity="critical"), event(40, "VeryHighLatency", severity="critical")]
    result = correlated(replace(facts([*alerts, *loud]), past_alerts=table(RAW_ALERTS, past)))
    (incident,) = result.incidents.to_pylist()
    assert (incident["alert_count"], incident["started_at"], incident["severity"]) == (2, at(6), "critical")
    (row,) = [r for r in result.alert_suppressions.to_pylist() if r["suppression_kind"] == "transient"]
    assert (row["later_incident_id"], row["is_harm"], row["delay_s"]) == (incident["incident_id"], True, 60.0)


def test_ids_of_incidents_stay_when_a_maintenance_ends_between_two_runs():
    policies = following(maintenance=(MaintenanceWindow("w", start=at(0), end=at(60)),))
    seen = facts([event(m, "Down", severity="critical", key="k") for m in (10, 50, 100, 130)])
    first = correlated(seen, policies=policies, span=Window(DAY.start, at(90)))
    second = correlated(seen, policies=policies, known=known_rows(first))
    assert first.incidents["incident_id"].to_pylist() == second.incidents["incident_id"].to_pylist() != []


# --- harm, health, funnel -------------------------------------------------------------------------------------------


BEGAN = at(0)


def harm(detected, *, severity="warning", row_at=BEGAN):
    row = dict.fromkeys(names_without_lineage(ALERT_SUPPRESSIONS)) | {
        "alert_id": "a",
        "suppression_kind": "frequent",
        "rule_id": "r",
        "started_at": row_at,
        "reason": "why",
        "is_harm": False,
        "policy_version": "v",
    }
    found = with_harm(
        pa.Table.from_pylist([row]),
        pa.Table.from_pylist([{"alert_id": "a", "started_at": BEGAN, "severity": severity}]),
        pa.Table.from_pylist([{"incident_id": "i", "member_id": "a"}]),
        pa.Table.from_pylist([{"incident_id": "i", "detected_at": detected}]),
        min_severity="warning",
    )
    (judged,) = found.to_pylist()
    return judged["is_harm"], judged["delay_s"], judged["later_incident_id"]


def test_it_is_harm_only_where_people_could_have_known_earlier():
    assert harm(at(30)) == (True, 1800.0, "i")
    assert harm(at(0)) == (False, None, "i")  # known anyway
    assert harm(at(-5)) == (False, None, "i")
    assert harm(at(30), severity="info") == (False, None, "i")  # would never have opened one
    assert harm(at(30), row_at=at(10)) == (False, None, "i")  # was heard at its begin


def test_a_rule_that_matches_nothing_is_seen():
    found = kept([event(10, "Disk", "host/db-1"), event(20, "Disk", "host/db-1", status="resolved")], policies=BUSY)
    health = {(r["suppression_kind"], r["rule_id"]): r for r in rule_health(found.rows, BUSY)}
    assert set(health) == set(rules_in_force(BUSY))
    assert health["maintenance", "patching"]["matched_rows"] == health["maintenance", "patching"]["alerts"] == 1
    assert health["maintenance", "patching"]["notifications_avoided"] == 1
    assert health["inhibition", "down"]["matched_rows"] == 0
    off = replace(BUSY.suppression, flapping=replace(BUSY.suppression.flapping, is_on=False))
    assert ("flapping", "flap_changes") not in rules_in_force(replace(BUSY, suppression=off))


def test_the_funnel_counts_what_begins_in_its_window():
    past = history(10, [0, 300], lasts=4)
    alerts = [event(5, "Hiccup"), event(8, "Hiccup", status="resolved")]
    alerts += [event(m, "Slow", severity="critical") for m in (6, 40, 41)]
    result = correlated(replace(facts(alerts), past_alerts=table(RAW_ALERTS, past)))
    tables = {
        "alerts": result.alerts,
        "alert_suppressions": result.alert_suppressions,
        "incident_alerts": result.incident_alerts,
        "incidents": result.incidents,
        "tickets": pa.table({"subject_id": result.incidents["incident_id"], "endpoint": ["desk"]}),
    }
    counted = funnel(tables, DAY)
    assert (counted.events, counted.duplicates, counted.alerts, counted.suppressed) == (5, 2, 2, 1)
    assert (counted.grouped, counted.incidents, counted.tickets) == (2, 1, 1)
    assert (counted.noise_reduction, counted.compression, counted.grouping_coverage) == (0.8, 0.8, 1.0)
    assert (counted.notifications_avoided, counted.kept) == (1, (Kept("transient", 1, 1),))
    nothing = funnel({}, DAY)
    assert (nothing.events, nothing.noise_reduction, nothing.tickets) == (0, None, 0)
    assert funnel(tables, Window(DAY.end, DAY.end + timedelta(days=1))).alerts == 0


# --- the arithmetic -------------------------------------------------------------------------------------------------

spans = st.lists(st.tuples(st.integers(0, 2), st.integers(0, 30), st.integers(1, 12)), max_size=12)


def arrays(rows):
    key, start, length = (np.array([r[i] for r in rows], np.int64) for i in range(3))
    return key, start, start + length


@given(spans, spans)
def test_merged_and_overlaps_are_what_a_loop_over_instants_says(rows, asked):
    key, start, end = arrays(rows)
    whole, _ = merged(key, start, end)
    covered = {(k, t) for k, a, b in zip(key, start, end, strict=True) for t in range(a, b)}
    told = {(k, t) for k, a, b in zip(whole.key, whole.start, whole.end, strict=True) for t in range(a, b)}
    assert told == covered
    question = arrays(asked)
    pairs = set(zip(*(x.tolist() for x in overlaps(whole, *question)), strict=True))
    expected = {
        (i, j)
        for i, (k, a, b) in enumerate(zip(*question, strict=True))
        for j, (q, c, d) in enumerate(zip(whole.key, whole.start, whole.end, strict=True))
        if k == q and a < d and c < b
    }
    assert pairs == expected


@given(spans)
def test_what_can_be_heard_is_what_no_stretch_covers(rows):
    key, start, end = arrays(rows)
    begin, stop = np.array([5, 0, 20]), np.array([25, 40, 22])
    blank = [""] * len(key)
    heard = audible(begin, stop, Stretches(key, start, end, blank, blank, [None] * len(key)))
    for alert in range(3):
        free = [
            t
            for t in range(begin[alert], stop[alert])
            if not any(k == alert and a <= t < b for k, a, b in zip(key, start, end, strict=True))
        ]
        assert heard.since[alert] == (free[0] if free else OPEN)
        assert heard.never[alert] == (not free)
        if free:
            assert heard.until[alert] == free[-1] + 1
            assert heard.now[alert] == (free[-1] == stop[alert] - 1)


def test_no_alerts_are_no_trouble():
    found = kept([], past=PAST, policies=BUSY)
    assert (states(found), found.rows.num_rows) == ([], 0)


@pytest.mark.parametrize("count", [1, 4])
def test_a_version_stands_on_every_row(count):
    alerts = [event(10 + i, f"R{i}", "host/db-1") for i in range(count)]
    versions = {row["policy_version"] for row in quiet(kept(alerts, policies=BUSY))}
    assert versions == {BUSY.version("suppression")}
