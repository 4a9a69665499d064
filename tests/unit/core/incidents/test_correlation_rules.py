from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from incident_world import DAY, POLICIES, T0, anomaly, at, correlated, edges, event, facts, groups_of, table

from aiops_jobs.contracts.results import INCIDENT_ALERTS
from aiops_jobs.core.columns import SECOND
from aiops_jobs.core.incidents.rules import sessionise
from aiops_jobs.core.policies import CorrelationRule
from aiops_jobs.window import Window

FAR = "service/a", "service/b", "service/c"


def following(*rules, **changes):
    return replace(POLICIES, correlation=replace(POLICIES.correlation, rules=rules, **changes))


def critical(minutes, name="Odd", entity="service/web", **more):
    return event(minutes, name, entity, severity="critical", **more)


def begins_of(result):
    """Begins of the members of each incident, in minutes."""
    found = {}
    for row in result.incident_alerts.to_pylist():
        found.setdefault(row["incident_id"], []).append((row["started_at"] - T0) / timedelta(minutes=1))
    return sorted(sorted(minutes) for minutes in found.values())


def grouped(told, *rules, links=(), **changes):
    return begins_of(correlated(facts(told, links=list(links)), policies=following(*rules, **changes)))


def rows_by_minute(result):
    return {(row["started_at"] - T0) / timedelta(minutes=1): row for row in result.incident_alerts.to_pylist()}


SERVICENOW = [0, 11, 13, 16, 25, 34, 43]


@pytest.mark.parametrize(
    ("minutes", "counted_from", "wanted"),
    [
        (SERVICENOW, "creation", [[0], [11, 13, 16, 25, 34], [43]]),
        (SERVICENOW, "first", [[0], [11, 13, 16, 25, 34], [43]]),
        ([*SERVICENOW[:-1], 42], "creation", [[0], [11, 13, 16, 25, 34, 42]]),
        ([*SERVICENOW[:-1], 42], "first", [[0], [11, 13, 16, 25, 34], [42]]),
    ],
    ids=["published example", "the same from the first", "42 is within 30 of 13", "42 is not within 30 of 11"],
)
def test_servicenow_example_in_the_words_of_a_rule(minutes, counted_from, wanted):
    """Gap 600 s, lifetime 1800 s: 01:00 is 11 minutes from the next; 01:43 is 30 minutes from 01:13, the second."""
    rule = CorrelationRule(
        "ci", keys=("entity_id",), gap_s=600, max_lifetime_s=1800, lifetime_from=counted_from, stage=-1
    )
    told = [critical(m, f"Rule{m}", status=status) for m in minutes for status in ("firing", "resolved")]
    assert grouped(told, rule) == wanted


def test_a_rule_names_itself_and_says_what_is_the_same():
    rule = CorrelationRule("per-customer", keys=("labels.customer", "source"))
    told = [{**critical(m, "Odd", e), "labels": '{"customer": "acme"}'} for m, e in ((0, FAR[0]), (5, FAR[1]))]
    result = correlated(facts(told), policies=following(rule))
    first, second = sorted(result.incident_alerts.to_pylist(), key=lambda row: row["started_at"])
    assert (first["role"], first["correlation_rule"]) == ("primary", None)
    assert (second["correlation_rule"], second["gap_s"]) == ("per-customer", 300.0)
    assert second["reason"] == (
        "Rule `per-customer`: the same labels.customer `acme` and source `alertmanager`, and began 5 min after `Odd`."
    )
    assert second["similarity_ratio"] is None


def test_what_the_topology_has_related_is_said_to_be_so():
    seen = facts([critical(0, entity="database/db"), critical(5)], links=edges("service/web > database/db"))
    for policies in (POLICIES, following(CorrelationRule("by-host", keys=("host_name",)))):
        rows = rows_by_minute(correlated(seen, policies=policies))
        assert [rows[m]["correlation_rule"] for m in (0, 5)] == [None, "topology"]


def test_a_chain_over_two_rules_of_a_stage_is_one_incident():
    """A and B share a host, B and C a source: {A, B, C}; in stages of their own, C comes too late."""
    told = [
        critical(0, "A", FAR[0], host="h1", source="one"),
        critical(1, "B", None, host="h1", source="two"),
        critical(2, "C", FAR[2], source="two"),
    ]
    host, source = CorrelationRule("host", keys=("host_name",)), CorrelationRule("source", keys=("source",))
    assert grouped(told, host, source) == [[0, 1, 2]]
    assert grouped(told, replace(host, stage=-2), replace(source, stage=-1)) == [[0, 1], [2]]


def test_rules_never_chain_beyond_the_limits_of_an_incident():
    told = [critical(m, f"Rule{m}", f"service/s{m}") for m in range(0, 120, 10)]
    whole = CorrelationRule("source", keys=("source",))
    assert len(grouped(told, whole)) == 1
    assert [len(g) for g in grouped(told, whole, max_members=5)] == [5, 5, 2]
    spans = [max(g) - min(g) for g in grouped(told, whole, max_duration_s=3600)]
    assert len(spans) == 2
    assert max(spans) < 60


def test_a_full_group_takes_no_more():
    rule = CorrelationRule("source", keys=("source",), max_size=4, stage=-1)
    told = [critical(m, f"Rule{m}", f"service/s{m}") for m in range(10)]
    assert [len(g) for g in grouped(told, rule)] == [4, 4, 2]


def test_small_and_monotonous_groups_are_none():
    told = [critical(m, "Same", f"service/s{m}") for m in range(3)]
    rule = CorrelationRule("source", keys=("source",))
    assert len(grouped(told, replace(rule, min_size=3))) == 1
    assert len(grouped(told, replace(rule, min_size=4))) == 3
    assert len(grouped(told, replace(rule, min_distinct_rules=2))) == 3
    assert len(grouped([*told, critical(3, "Other", "service/x")], replace(rule, min_distinct_rules=2))) == 1


def test_a_storm_of_1001_alerts_by_rule_is_one_incident():
    storm = [critical(i / 60, f"Rule{i % 7}", f"host/h{i}", key=f"fp{i}") for i in range(1001)]
    result = correlated(facts(storm), policies=following(CorrelationRule("site", keys=("source",))))
    (row,) = result.incidents.to_pylist()
    assert row["alert_count"] == 1001


def test_missing_keys_never_merge_strangers():
    """Neither with each other nor with the text "none"; whoever must have the key and has not, stays alone for good."""
    told = [
        *(critical(m, f"Rule{m}", None, host=f"h{m}") for m in range(3)),
        critical(3, "Odd", None, service="none"),
        critical(4, "Odd", None, service=""),
    ]
    assert len(grouped(told, CorrelationRule("svc", keys=("service_name",)))) == 5


def test_a_member_without_a_key_is_left_to_other_rules_or_stays_alone_for_good():
    told = [critical(0, "A", None, host="h"), critical(1, "B", None, host="h", service="web")]
    service = CorrelationRule("svc", keys=("service_name",))
    assert grouped(told, service) == [[0, 1]]
    strict = correlated(facts(told), policies=following(replace(service, on_missing_key="ungroupable")))
    assert begins_of(strict) == [[0], [1]]
    assert rows_by_minute(strict)[0]["reason"] == (
        "It lacks `service_name`, which rule `svc` needs, so it is never grouped with others."
    )


def test_a_filter_says_what_a_rule_is_about():
    told = [
        critical(m, name, e) for m, (name, e) in enumerate([("DiskFull", FAR[0]), ("DiskSlow", FAR[1]), ("X", FAR[2])])
    ]
    assert grouped(told, CorrelationRule("disks", filter={"name": ("Disk*",)})) == [[0, 1], [2]]
    both = {"name": ("Disk*", "X"), "severity": ("warning",)}
    assert len(grouped(told, CorrelationRule("none", filter=both))) == 3


def test_a_later_stage_only_takes_what_nothing_has_been_related_to():
    links = edges("service/web > database/db")
    told = [critical(0, "A", "database/db"), critical(1, "B"), critical(2, "C", FAR[0]), critical(3, "D", FAR[1])]
    rule = CorrelationRule("rest", keys=("source",))
    assert grouped(told, replace(rule, stage=1), links=links) == [[0, 1], [2, 3]]
    assert grouped(told, rule, links=links) == [[0, 1, 2, 3]]


def test_titles_alike_but_for_numbers_and_ids_are_the_same():
    told = [
        critical(0, "T", FAR[0], summary="Queue orders-17 has 4312 messages"),
        critical(2, "T", FAR[1], summary="Queue orders-2 has 99 messages"),
        critical(4, "T", FAR[2], summary="Certificate expires soon"),
        critical(6, "T", "service/d", summary="Queue orders-5 has 7 message"),
    ]
    exact = CorrelationRule("text", keys=("template",))
    assert grouped(told, exact) == [[0, 2], [4], [6]]
    near = correlated(facts(told), policies=following(CorrelationRule("text", similarity=0.8)))
    assert begins_of(near) == [[0, 2, 6], [4]]
    rows = rows_by_minute(near)
    assert rows[2]["similarity_ratio"] == pytest.approx(1.0)
    assert 0.8 <= rows[6]["similarity_ratio"] < 1
    assert "titles alike to 100%" in rows[2]["reason"]


def test_similar_titles_are_not_bridged_over_a_pause_by_others():
    told = [
        critical(0, "T", FAR[0], summary="Queue is long"),
        critical(8, "T", FAR[1], summary="Certificate expires"),
        critical(16, "T", FAR[2], summary="Queue is long"),
    ]
    assert len(grouped(told, CorrelationRule("text", similarity=0.8, gap_s=600))) == 3
    assert len(grouped(told, CorrelationRule("text", similarity=0.8, gap_s=1000))) == 2


def test_a_late_alert_inside_a_closed_group_revises_it_under_its_id():
    rule = CorrelationRule("source", keys=("source",), gap_s=600)
    policies = following(rule)
    told = [critical(0, "A", FAR[0]), critical(8, "C", FAR[2])]
    before = correlated(facts(told), policies=policies)
    stamp = {"run_id": "r", "as_of": at(0), "code_version": "c", "config_hash": "h", "input_manifest_id": None}
    known = table(INCIDENT_ALERTS, [{**row, **stamp} for row in before.incident_alerts.to_pylist()])
    for minute in (4, -4):
        after = correlated(facts([*told, critical(minute, "B", FAR[1])]), policies=policies, known=known)
        (row,) = after.incidents.to_pylist()
        assert row["incident_id"] == before.incidents["incident_id"][0].as_py()
        assert row["alert_count"] == 3


@pytest.mark.parametrize(
    "wrong",
    [{"keys": ("servce_name",)}, {"filter": {"labels": ("x",)}}, {"similarity": 0.0}, {"gap_s": 0}, {"min_size": 1}],
)
def test_a_rule_that_cannot_mean_anything_is_refused(wrong):
    with pytest.raises(ValueError, match="rule x"):
        CorrelationRule("x", **wrong)


# --- properties -----------------------------------------------------------------------------------------------------

RULES = (
    CorrelationRule("early", keys=("service_name",), stage=-1, gap_s=1200, min_distinct_rules=2),
    CorrelationRule("name", keys=("name", "source"), gap_s=1200, max_lifetime_s=5400, lifetime_from="creation"),
    CorrelationRule("host", keys=("host_name",), max_size=4),
    CorrelationRule("text", similarity=0.7, stage=1, gap_s=600, max_size=3),
    CorrelationRule("late", filter={"severity": ("critical",)}, stage=2, on_missing_key="ungroupable"),
)
LINKS = edges("service/a > service/b > database/db")
told_lists = st.lists(
    st.builds(
        event,
        st.integers(0, 300),
        st.sampled_from(["HighLatency", "DiskFull", "Odd"]),
        st.sampled_from(["service/a", "service/b", "database/db", None]),
        severity=st.sampled_from(["warning", "critical"]),
        service=st.sampled_from([None, "a", "x"]),
        host=st.sampled_from([None, "h1", "h2"]),
        source=st.sampled_from(["one", "two"]),
        status=st.sampled_from(["firing", "firing", "resolved"]),
    ),
    max_size=20,
    unique_by=lambda row: row["event_id"],
)
ruled = replace(following(*RULES, max_members=6), alerts=replace(POLICIES.alerts, resolve_timeout_s=600.0))


@given(told_lists, st.randoms(use_true_random=False))
@settings(max_examples=80, deadline=None)
def test_every_member_is_in_one_incident_whatever_the_order_of_the_rows(told, random):
    one = correlated(facts(told, links=LINKS), policies=ruled)
    members = [row["member_id"] for row in one.incident_alerts.to_pylist()]
    assert len(members) == len(set(members))
    shuffled = list(told)
    random.shuffle(shuffled)
    other = correlated(facts(shuffled, links=LINKS), policies=ruled)
    assert one.incident_alerts.to_pylist() == other.incident_alerts.to_pylist()
    names = {None, "topology", *(rule.rule_id for rule in RULES)}
    assert {row["correlation_rule"] for row in one.incident_alerts.to_pylist()} <= names


@given(told_lists, st.integers(30, 270))
@settings(max_examples=80, deadline=None)
def test_two_half_windows_group_as_the_whole_does(told, split):
    seen = facts(told, links=LINKS)
    whole = correlated(seen, policies=ruled)
    first = correlated(seen, span=Window(DAY.start, at(split)), policies=ruled)
    stamp = {"run_id": "r", "as_of": at(0), "code_version": "c", "config_hash": "h", "input_manifest_id": None}
    known = table(INCIDENT_ALERTS, [{**row, **stamp} for row in first.incident_alerts.to_pylist()])
    second = correlated(seen, policies=ruled, known=known)
    assert sorted(groups_of(second).values()) == sorted(groups_of(whole).values())


@given(
    st.lists(st.tuples(st.integers(0, 3), st.integers(0, 400)), max_size=40),
    st.sampled_from(["first", "creation"]),
    st.integers(2, 6),
)
@settings(max_examples=300)
def test_sessions_are_those_of_the_plain_loop(rows, counted_from, most):
    rule = CorrelationRule("r", gap_s=30, max_lifetime_s=90, lifetime_from=counted_from, max_size=most)
    rows = sorted(rows)
    expected, number, group, expected_key = [], -1, [], None
    for key, second in rows:
        joins = bool(group) and key == expected_key and second - group[-1] <= 30 and len(group) < most
        if joins and not (counted_from == "creation" and len(group) < 2):
            joins = second - group[0 if counted_from == "first" else 1] < 90
        if not joins:
            number, group, expected_key = number + 1, [], key
        group.append(second)
        expected.append(number)
    key = np.array([k for k, _ in rows], np.int64)
    start = np.array([s * SECOND for _, s in rows], np.int64)
    assert sessionise(key, start, rule).tolist() == expected


def test_findings_and_alerts_may_meet_in_a_rule():
    seen = facts([critical(0, "Odd", FAR[0])], [anomaly(5, FAR[1], "request_error_ratio")])
    result = correlated(seen, policies=following(CorrelationRule("all", keys=("entity_kind",))))
    assert len(groups_of(result)) == 1
