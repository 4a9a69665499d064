import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pytest

from aiops_jobs.contracts.knowledge import ALERT_SUPPRESSIONS, SIMILAR_INCIDENTS
from aiops_jobs.contracts.operations import TICKET_OUTBOX
from aiops_jobs.contracts.results import (
    ALERTS,
    EVIDENCE,
    FINDINGS,
    INCIDENT_ALERTS,
    INCIDENTS,
    PRIORITY_FACTORS,
    ROOT_CAUSES,
    TICKET_SUGGESTIONS,
)
from aiops_jobs.contracts.telemetry import CONFIGURATION_ITEMS
from aiops_jobs.core.columns import rows_from_records
from aiops_jobs.core.incidents.correlation import CorrelationResult
from aiops_jobs.core.policies import Policies
from aiops_jobs.core.reports import page_name
from aiops_jobs.core.tickets.delivery import content_of
from aiops_jobs.core.tickets.subjects import NOTHING_KNOWN, Around
from aiops_jobs.core.tickets.suggest import KnownCall, to_suggestions

T0 = datetime(2026, 11, 20, 10, 0, tzinfo=UTC)
POLICIES = Policies()
LIVE = {"desk": "live"}


def incident(key="inc-1", **more):
    return {
        "incident_id": key,
        "title": "web: latency",
        "summary": "1 alert and 2 findings on 2 components since 2026-11-20 10:00 UTC.",
        "incident_state": "open",
        "started_at": T0,
        "ended_at": None,
        "detected_at": T0 + timedelta(minutes=5),
        "severity": "critical",
        "impact": "high",
        "urgency": "high",
        "priority": "P1",
        "entity_id": "service/web",
        "service_name": "web",
        "services_affected": '["web"]',
        "alert_count": 1,
        "finding_count": 2,
        "source_count": 2,
        "cause_kind": "capacity",
        "cause_entity_id": "database/orders-db",
        "confidence_ratio": 0.8,
        "causal_chain": '["connection pool of orders-db exhausted","latency of web"]',
        "policy_version": "correlation-1",
        **more,
    }


def over(**more):
    return incident(incident_state="resolved", ended_at=T0 + timedelta(hours=1), **more)


def cause(**more):
    return {
        "incident_id": "inc-1",
        "cause_rank": 1,
        "started_at": T0,
        "cause_kind": "capacity",
        "entity_id": "database/orders-db",
        "change_id": None,
        "score": 9.0,
        "confidence_ratio": 0.8,
        "margin": 0.7,
        "cause_status": "suspect",
        "statement": "Connection pool of `database/orders-db` exhausted: 98 % (usually 35 %).",
        "method": "evidence_sum",
        "policy_version": "correlation-1",
        **more,
    }


def evidence(statement, **more):
    return {
        "evidence_id": f"evd-{statement}",
        "incident_id": "inc-1",
        "cause_rank": 1,
        "started_at": T0,
        "evidence_kind": "metric",
        "statement": statement,
        "query": "{}",
        "window_start": T0,
        "window_end": T0 + timedelta(minutes=1),
        **more,
    }


def factor(name, value):
    return {
        "incident_id": "inc-1",
        "factor": name,
        "started_at": T0,
        "raw_value": value,
        "weight": 0.0,
        "contribution": 0.0,
        "policy_version": "p",
    }


def result(*incidents, causes=(), proofs=(), factors=()):
    return CorrelationResult(
        alerts=rows_from_records(ALERTS, []),
        alert_suppressions=rows_from_records(ALERT_SUPPRESSIONS, []),
        incidents=rows_from_records(INCIDENTS, incidents),
        incident_alerts=rows_from_records(INCIDENT_ALERTS, []),
        priority_factors=rows_from_records(PRIORITY_FACTORS, factors),
        root_causes=rows_from_records(ROOT_CAUSES, causes),
        evidence=rows_from_records(EVIDENCE, proofs),
    )


def risk(day=0, **more):
    at = T0 + timedelta(days=day)
    return {
        "finding_id": f"fnd-{day}",
        "finding_kind": "capacity_risk",
        "entity_id": "host/db-1",
        "subject_series_id": "ser-1",
        "severity": "warning",
        "score": 1.5,
        "started_at": at,
        "detected_at": at,
        "title": f"file system of db-1 full in {7 - day} days",
        "summary": f"The file system of `host/db-1` reaches its limit in {7 - day} days.",
        "dq_status": "ok",
        "confidence_ratio": 0.9,
        "policy_version": "capacity-1",
        **more,
    }


def items(*rows):
    known = [
        {
            "entity_id": name,
            "entity_kind": name.split("/")[0],
            "assignment_group": group,
            "service_criticality": grade,
            "valid_from": datetime(2020, 1, 1, tzinfo=UTC),
            "valid_to": None,
            "source": "cmdb",
        }
        for name, group, grade in (
            ("database/orders-db", "DBA", "critical"),
            ("service/web", "Storefront", "critical"),
            *rows,
        )
    ]
    schema = pa.schema(
        [
            (f.name, f.type.value_type if pa.types.is_dictionary(f.type) else f.type)
            for f in CONFIGURATION_ITEMS.to_arrow()
        ]
    )
    return CONFIGURATION_ITEMS.shape(pa.Table.from_pylist(known, schema=schema))


def ask(found, *, risks=(), known=(), endpoints=None, policies=POLICIES, catalogue=None, around=NOTHING_KNOWN):
    rows = rows_from_records(FINDINGS, list(risks))
    answer = to_suggestions(
        found,
        rows,
        catalogue or items(),
        policies=policies,
        endpoints=endpoints or LIVE,
        known=known,
        around=around,
    )
    stamped = answer.outbox.append_column("run_id", pa.array(["r"] * answer.outbox.num_rows, pa.string()))
    assert TICKET_OUTBOX.conform(stamped).num_rows == answer.outbox.num_rows
    assert answer.suggestions.column_names == TICKET_SUGGESTIONS.names[: len(answer.suggestions.column_names)]
    return answer.suggestions.to_pylist(), answer.outbox.to_pylist()


def as_known(outbox, *, is_later=False):
    """What a later run sees of these calls."""
    return [
        KnownCall(r["endpoint"], r["external_key"], r["sequence"], r["ticket_action"], r["content_sha256"], is_later)
        for r in outbox
    ]


def one(found, **more):
    (row,), calls = ask(found, **more)
    return row, calls


# --- the life of a ticket -------------------------------------------------------------------------------------------


def test_a_new_incident_gets_a_ticket_with_its_id_as_key():
    row, (call,) = one(result(incident()))
    assert (row["ticket_action"], row["external_key"], row["priority"]) == ("create", "inc-1", "P1")
    assert (call["ticket_action"], call["sequence"], call["outbox_state"], call["delivery_mode"]) == (
        "create",
        0,
        "pending",
        "live",
    )
    said = content_of(call["payload"])
    assert said["title"] == "web: latency"
    assert said["started_at"] == T0
    assert said["fields"]["incident_id"] == "inc-1"


def test_asking_again_suggests_the_same_rows_and_calls():
    found, risks = result(incident(), incident("inc-2", priority="P4")), [risk()]
    assert ask(found, risks=risks) == ask(found, risks=risks)


def test_a_later_run_with_nothing_new_makes_no_call():
    _, first = one(result(incident()))
    row, calls = one(result(incident(alert_count=7, finding_count=9, confidence_ratio=0.81)), known=as_known(first))
    assert (row["ticket_action"], calls) == ("create", [])


@pytest.mark.parametrize(
    "news",
    [
        {"priority": "P2"},
        {"cause_kind": "change"},
        {"services_affected": '["cart","web"]'},
        {"title": "web: error rate"},
    ],
)
def test_what_matters_to_a_reader_is_an_update(news):
    _, first = one(result(incident()))
    row, (call,) = one(result(incident(**news)), known=as_known(first))
    assert (row["ticket_action"], call["sequence"]) == ("update", 1)


def test_there_and_back_again_are_two_updates():
    known = as_known(one(result(incident()))[1])
    ids = set()
    for priority in ("P2", "P1", "P2"):
        _, (call,) = one(result(incident(priority=priority)), known=known)
        known += as_known([call])
        ids.add(call["outbox_id"])
    assert len(ids) == 3
    assert [c.sequence for c in known] == [0, 1, 2, 3]


def test_an_incident_that_is_over_resolves_the_ticket_it_has_and_only_once():
    _, first = one(result(incident()))
    row, (call,) = one(result(over()), known=as_known(first))
    assert (row["ticket_action"], call["sequence"]) == ("resolve", 1)
    assert "Over since 2026-11-20 11:00 UTC" in content_of(call["payload"])["note"]
    row, calls = one(result(over()), known=as_known([*first, call]))
    assert (row["ticket_action"], calls) == ("resolve", [])


def test_an_incident_that_was_over_before_anybody_knew_still_gets_its_ticket():
    row, (call,) = one(result(over()))
    assert row["ticket_action"] == call["ticket_action"] == "create"
    assert "over since" in row["body"]


def test_trouble_that_is_back_after_its_ticket_was_resolved_opens_another():
    calls = one(result(incident()))[1]
    calls += one(result(over()), known=as_known(calls))[1]
    row, (call,) = one(result(incident()), known=as_known(calls))
    assert (row["ticket_action"], call["sequence"]) == ("create", 2)
    assert call["outbox_id"] not in {c["outbox_id"] for c in calls}


def test_what_a_later_run_has_said_stands():
    calls = one(result(incident()))[1]
    later = one(result(over()), known=as_known(calls))[1]
    row, again = one(result(incident(priority="P2")), known=[*as_known(calls), *as_known(later, is_later=True)])
    assert again == []
    assert row["ticket_action"] == "resolve"


# --- who gets none --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("row", "why"),
    [
        ({"priority": "P4"}, "P4 is less urgent than P3"),
        ({"services_affected": "[]", "alert_count": 0, "finding_count": 2}, "Nobody feels it"),
        ({"severity": "warning", "alert_count": 0, "priority": "P3"}, "Only warnings"),
    ],
)
def test_weak_incidents_get_no_ticket_and_a_reason(row, why):
    told, calls = one(result(incident(**row)))
    assert (told["ticket_action"], calls) == ("none", [])
    assert why in told["reason"]


@pytest.mark.parametrize(
    "row",
    [
        {"services_affected": "[]", "alert_count": 0, "finding_count": 3},
        {"services_affected": "[]", "alert_count": 1, "finding_count": 0},
        {"severity": "warning", "alert_count": 1},
        {"severity": "warning", "alert_count": 0, "services_affected": '["a","b"]'},
    ],
)
def test_enough_members_an_alert_or_two_services_are_enough(row):
    assert one(result(incident(**row)))[0]["ticket_action"] == "create"


def test_a_ticket_that_exists_is_updated_even_if_it_would_not_be_opened_now():
    _, first = one(result(incident()))
    row, calls = one(result(incident(priority="P4")), known=as_known(first))
    assert (row["ticket_action"], len(calls)) == ("update", 1)


def test_more_than_the_cap_is_told_in_one_digest_the_most_urgent_first():
    many = [incident(f"inc-{n:02d}", priority="P1" if n == 11 else "P2") for n in range(12)]
    few = replace(POLICIES, tickets=replace(POLICIES.tickets, max_per_run=3))
    rows, calls = ask(result(*many), policies=few)
    opened = {r["subject_id"] for r in rows if r["ticket_action"] == "create"}
    assert {"inc-11", "inc-00", "inc-01"} < opened
    assert len(calls) == 4
    digest = next(r for r in rows if r["title"] == "9 more conclusions were held back")
    assert digest["priority"] == "P2"
    assert "inc-05" in digest["body"]
    assert sum("Held back" in r["reason"] for r in rows) == 9
    assert ask(result(*many), policies=few) == (rows, calls)


# --- risks, sinks, owners -------------------------------------------------------------------------------------------


def test_a_risk_is_one_ticket_day_after_day():
    row, first = one(result(), risks=[risk(0)])
    again, calls = one(result(), risks=[risk(0), risk(1)], known=as_known(first))
    assert row["external_key"] == again["external_key"]
    assert (again["subject_id"], again["ticket_action"], calls) == ("fnd-1", "create", [])
    worse, (call,) = one(result(), risks=[risk(2, severity="critical")], known=as_known(first))
    assert (worse["ticket_action"], call["ticket_action"]) == ("update", "update")


def test_risks_of_other_entities_series_and_kinds_have_keys_of_their_own_and_other_findings_none():
    others = [
        risk(0),
        risk(0, entity_id="host/db-2"),
        risk(0, subject_series_id="ser-2"),
        risk(0, finding_kind="failure_risk"),
    ]
    rows, _ = ask(result(), risks=[*others, risk(0, finding_kind="anomaly"), risk(0, finding_kind="data_quality")])
    assert len({r["external_key"] for r in rows}) == len(rows) == 4


def full(**more):
    """The file system that was foreseen to get full, a day after the forecast."""
    began = T0 + timedelta(days=1)
    return incident(
        "inc-full", **{"started_at": began, "entity_id": "service/web", "cause_entity_id": "host/db-1", **more}
    )


def test_an_incident_that_was_foreseen_goes_on_in_the_ticket_of_its_risk():
    _, first = ask(result(), risks=[risk(0)])
    rows, (call,) = ask(result(full()), risks=[risk(0)], known=as_known(first))
    assert (call["ticket_action"], call["external_key"]) == ("update", first[0]["external_key"])
    content = content_of(call["payload"])
    assert (content["priority"], content["title"]) == ("P1", "web: latency")
    assert content["fields"]["incident_id"] == "inc-full"
    reasons = {row["subject_id"]: row["reason"] for row in rows if row["ticket_action"] == "none"}
    assert reasons == {"inc-full": "It was foreseen: the ticket about the risk is the ticket about it."}
    _, calls = ask(result(full()), risks=[risk(0)], known=as_known([*first, call]))
    assert calls == []


def test_the_ticket_of_a_risk_that_came_true_is_resolved_with_its_incident_and_opens_no_other():
    _, first = ask(result(), risks=[risk(0)])
    _, (second,) = ask(result(full()), risks=[risk(0)], known=as_known(first))
    past = full(incident_state="resolved", ended_at=T0 + timedelta(days=1, hours=2))
    _, (third,) = ask(result(past), risks=[risk(0)], known=as_known([*first, second]))
    assert (third["ticket_action"], third["external_key"]) == ("resolve", first[0]["external_key"])
    _, calls = ask(result(past), risks=[risk(0)], known=as_known([*first, second, third]))
    assert calls == []


def test_a_risk_told_while_its_incident_goes_on_opens_no_ticket():
    _, calls = ask(result(full()), risks=[risk(2)])
    assert [call["external_key"] for call in calls] == ["inc-full"]
    later, calls = ask(result(full()), risks=[risk(2), risk(3)], known=as_known(calls))
    assert calls == []
    assert any("It has happened" in row["reason"] for row in later)


@pytest.mark.parametrize(
    "other",
    [
        {"cause_entity_id": "host/db-2"},
        {"cause_kind": "change"},
        {"started_at": T0 + timedelta(days=30)},
        {"started_at": T0 - timedelta(days=2), "ended_at": T0 - timedelta(days=1), "incident_state": "resolved"},
    ],
)
def test_an_incident_of_another_entity_cause_or_time_has_a_ticket_of_its_own(other):
    _, first = ask(result(), risks=[risk(0)])
    _, calls = ask(result(full(**other)), risks=[risk(0)], known=as_known(first))
    assert [(call["ticket_action"], call["external_key"]) for call in calls] == [("create", "inc-full")]


def test_a_risk_that_is_gone_resolves_the_ticket_it_has_and_opens_none():
    row, first = one(result(), risks=[risk(0)])
    around = Around(risks_gone={row["external_key"]})
    gone, (call,) = one(result(), risks=[risk(0)], known=as_known(first), around=around)
    assert (gone["ticket_action"], call["ticket_action"]) == ("resolve", "resolve")
    assert "risk is gone" in content_of(call["payload"])["note"]
    assert one(result(), risks=[risk(0)], known=as_known([*first, call]), around=around)[1] == []
    never, calls = one(result(), risks=[risk(0)], around=around)
    assert (never["ticket_action"], calls) == ("none", [])


def test_a_risk_that_is_back_after_its_ticket_was_resolved_opens_another():
    row, first = one(result(), risks=[risk(0)])
    _, (second,) = one(
        result(), risks=[risk(0)], known=as_known(first), around=Around(risks_gone={row["external_key"]})
    )
    _, (third,) = one(result(), risks=[risk(0), risk(9)], known=as_known([*first, second]))
    assert third["ticket_action"] == "create"


def test_what_helped_before_stands_in_the_ticket_first_and_without_secrets():
    alike = rows_from_records(
        SIMILAR_INCIDENTS,
        [
            {
                "incident_id": "inc-1",
                "similar_rank": rank,
                "started_at": T0,
                "similar_id": f"INC{rank}",
                "similar_kind": "ticket",
                "similarity_ratio": 0.9 - rank / 10,
                "title": f"pool exhausted {rank}",
                "opened_at": T0 - timedelta(days=rank),
                "resolution_code": code,
                "resolution": "Ask kim@example.com, password=hunter2" if code else None,
                "cause_entity_id": "database/orders-db" if code else None,
                "policy_version": "p",
            }
            for rank, code in ((1, None), (2, "capacity_added"))
        ],
    )
    _, (call,) = ask(result(incident()), around=Around(similar=alike))
    body = content_of(call["payload"])["body"]
    assert (
        body.index("Similar incidents")
        < body.index("capacity added: pool exhausted 2")
        < body.index("pool exhausted 1")
    )
    assert "hunter2" not in body
    assert "kim@" not in body


def test_every_sink_gets_its_own_rows_in_its_own_mode():
    rows, calls = ask(result(incident()), endpoints={"desk": "live", "jira": "log", "chat": "off"})
    assert {r["endpoint"]: r["delivery_mode"] for r in rows} == {"desk": "live", "jira": "log", "chat": "off"}
    assert len({c["outbox_id"] for c in calls}) == 3


def test_the_cause_decides_who_gets_it_then_what_suffers():
    assert one(result(incident()))[0]["assignment_group"] == "DBA"
    unknown = incident(cause_kind="unknown", cause_entity_id=None, confidence_ratio=None)
    assert one(result(unknown))[0]["assignment_group"] == "Storefront"
    assert (
        one(result(incident(cause_entity_id="host/x", entity_id="host/y", service_name=None)))[0]["assignment_group"]
        is None
    )


# --- what it says ---------------------------------------------------------------------------------------------------


def test_the_body_answers_what_since_when_how_bad_why_and_what_next():
    proofs = [
        evidence("Pool of `database/orders-db`: 98 %"),
        evidence("Pool of `database/orders-db`: 98 %", cause_rank=2, evidence_id="x"),
    ]
    change = cause(
        cause_rank=2, cause_kind="change", change_id="CHG-7", statement="Change CHG-7 (deploy) touched `service/web`."
    )
    found = result(
        incident(), causes=[cause(), change], proofs=proofs, factors=[factor("announced_event", "EVT-1: Sale")]
    )
    body = one(found)[0]["body"]
    for part in (
        "1 alert and 2 findings on 2 components",
        "**Since:** 2026-11-20 10:00 UTC",
        "still going on",
        "**Impact:** P1 (impact high, urgency high). Services affected: `web`.",
        "**Likely cause** (capacity, confidence 80%): Connection pool of `database/orders-db` exhausted",
        "1. connection pool of orders-db exhausted\n2. latency of web",
        "- Pool of `database/orders-db`: 98 %",
        "- Change CHG-7 (deploy) touched `service/web`.",
        "- EVT-1: Sale",
        "**Next step:** Give `database/orders-db` more room",
        "`aiops explain inc-1`",
    ):
        assert part in body
    assert body.count("Pool of `database/orders-db`: 98 %") == 1


def test_a_cause_that_is_not_known_is_not_made_up():
    abstained = cause(
        cause_kind="unknown", entity_id=None, cause_status="abstained", statement="No candidate stands out."
    )
    suspect = cause(cause_rank=2, statement="Perhaps the pool.", confidence_ratio=0.2)
    unknown = incident(cause_kind="unknown", cause_entity_id=None, confidence_ratio=None)
    body = one(result(unknown, causes=[abstained, suspect]))[0]["body"]
    assert "**Cause unknown.** Suspects, none of them convincing: Perhaps the pool." in body
    assert "Likely cause" not in body
    assert "Begin where it began: at `service/web`" in body


def test_nothing_from_telemetry_becomes_markup_or_leaves_the_house_in_clear():
    hostile = "<img src=x> [a](http://evil) @all from kim@example.com password=hunter2"
    found = result(
        incident(title=f"web: {hostile}", summary=hostile),
        causes=[cause(statement=hostile)],
        proofs=[evidence(hostile)],
    )
    row, (call,) = one(found)
    said = row["title"] + row["body"] + call["payload"]
    assert "kim@example.com" not in said
    assert "hunter2" not in said
    body = row["body"]
    assert "<img" not in body.replace("\\<", "")
    assert "[a](" not in body.replace("\\[", "").replace("\\]", "]")
    assert "http://" not in body
    assert "@all" not in body
    assert json.loads(call["payload"])["title"] == row["title"]


@pytest.mark.parametrize("base", ["https://aiops.example/reports", "https://aiops.example/reports/"])
def test_a_ticket_leads_to_the_page_of_its_incident_where_pages_are_served(base):
    answer = to_suggestions(
        result(incident()),
        FINDINGS.empty(),
        CONFIGURATION_ITEMS.empty(),
        policies=POLICIES,
        endpoints=LIVE,
        report_url=base,
    )
    (body,) = answer.suggestions["body"].to_pylist()
    assert f"[Page of this incident](https://aiops.example/reports/{page_name('inc-1')})" in body
    plain = to_suggestions(
        result(incident()), FINDINGS.empty(), CONFIGURATION_ITEMS.empty(), policies=POLICIES, endpoints=LIVE
    )
    assert "Page of this incident" not in plain.suggestions["body"][0].as_py()
    assert plain.outbox["content_sha256"] == answer.outbox["content_sha256"]  # where a page is served is no news
