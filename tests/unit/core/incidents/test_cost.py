from dataclasses import replace
from datetime import timedelta

import pytest
from incident_world import POLICIES, anomaly, at, correlated, facts, item, table

from aiops_jobs.contracts.telemetry import TICKET_HISTORY
from aiops_jobs.core.columns import to_micros
from aiops_jobs.core.incidents.past import to_past
from aiops_jobs.core.incidents.scores import ServiceNowParts, servicenow_priority_value
from aiops_jobs.core.policies import CostPolicy

BEGAN = to_micros(at(0))


def ticket(days_ago, hours, service="shop", code="rolled_back", cause="service/shop"):
    opened = at(0) - timedelta(days=days_ago)
    return {
        "opened_at": opened,
        "ticket_key": f"T{days_ago}-{service}-{code}-{hours}",
        "title": "It was slow",
        "entity_id": f"service/{service}",
        "service_name": service,
        "resolved_at": None if hours is None else opened + timedelta(hours=hours),
        "resolution_code": code,
        "cause_entity_id": cause,
        "source": "desk",
    }


def outlook(*tickets, services=("shop",), **policy):
    said = CostPolicy(**policy)
    return to_past(table(TICKET_HISTORY, list(tickets)), said).outlook(services, BEGAN, said)


def ill(minutes_on=None, tickets=(), criticality="high", policies=POLICIES):
    seen = facts(
        anomalies=[anomaly(0, "service/shop", "request_error_ratio", lasts=minutes_on)],
        items=[item("service/shop", criticality=criticality)],
    )
    result = correlated(replace(seen, tickets=table(TICKET_HISTORY, list(tickets))), policies=policies)
    (row,) = result.incidents.to_pylist()
    return row, {f["factor"]: f for f in result.priority_factors.to_pylist()}


def test_servicenow_priority_value_of_the_published_example():
    parts = ServiceNowParts(services=7, severity=3, ci_type=20, role=2, secondary_count=0, state=3)
    assert servicenow_priority_value(parts) == pytest.approx(7_302_020.003, abs=1e-6)
    assert sum(added for _, _, added in parts.contributions()) == pytest.approx(7_302_020.003, abs=1e-6)


def test_what_overflows_its_place_carries_into_the_next():
    assert servicenow_priority_value(ServiceNowParts(severity=10)) == servicenow_priority_value(ServiceNowParts(1))


def test_without_a_past_the_priors_are_said():
    seen = outlook()
    assert (seen.actionable, seen.duration_s, seen.own, seen.all) == (0.5, 3600.0, 0, 0)


def test_a_few_tickets_move_the_prior_and_many_replace_it():
    """(5 x 0.5 + 5) / 10 = 0.75 of all, then (5 x 0.75 + 5) / 10 = 0.875 of the service."""
    few = outlook(*(ticket(d, 3) for d in range(10, 15)))
    assert few.actionable == pytest.approx(0.875)
    assert few.duration_s == pytest.approx(((5 * 3600 + 5 * 10800) / 10 * 5 + 5 * 10800) / 10)
    many = outlook(*(ticket(d / 10, 3) for d in range(10, 1000)))
    assert many.actionable > 0.99
    assert many.duration_s == pytest.approx(10800, rel=0.01)


def test_tickets_of_others_count_less_than_own_ones():
    false = [ticket(d, 1, "blog", "False Alarm") for d in range(10, 20)]
    assert outlook(*false, services=("blog",)).actionable < outlook(*false).actionable < 0.5


def test_only_tickets_closed_before_the_begin_and_not_too_long_ago_are_known():
    assert outlook(ticket(0.01, 5), ticket(10, None), ticket(400, 5)).all == 0
    assert outlook(ticket(-1, 1)).all == 0


def test_requests_and_unexplained_tickets_without_a_code_are_left_out():
    assert outlook(ticket(3, 1, code="Fulfilled"), ticket(3, 1, code=None, cause=None)).all == 0
    assert outlook(ticket(3, 1, code=None)).actionable > 0.5


def test_a_forgotten_ticket_counts_as_open_for_a_week():
    assert outlook(ticket(100, 24 * 90), prior_weight=0.001).duration_s == pytest.approx(7 * 86400, rel=0.01)


def test_expected_cost_is_the_product_of_its_factors_and_stands_beside_the_matrix():
    row, factors = ill(tickets=[ticket(d, 30) for d in range(10, 60)])
    parts = [factors[f"cost_{name}"]["contribution"] for name in ("actionable", "per_hour", "duration")]
    assert row["expected_cost"] == pytest.approx(parts[0] * parts[1] * parts[2])
    assert factors["cost_expected"]["contribution"] == pytest.approx(row["expected_cost"])
    assert row["actionable_probability_ratio"] == pytest.approx(parts[0])
    assert parts[1] == 30.0
    assert "50 closed tickets of these services, 50 of all" in factors["cost_actionable"]["raw_value"]
    assert factors["matrix"]["raw_value"].endswith(row["priority"])
    assert factors["cost_expected"]["policy_version"].startswith("cost-")


def test_false_alarms_of_the_past_make_an_incident_cheaper_and_criticality_dearer():
    calm = [ticket(d, 1, code="false_alarm") for d in range(10, 60)]
    real = [ticket(d, 1) for d in range(10, 60)]
    assert ill(tickets=calm)[0]["expected_cost"] < ill(tickets=real)[0]["expected_cost"] / 5
    assert ill(criticality="critical")[0]["expected_cost"] > ill(criticality="low")[0]["expected_cost"]
    assert ill(tickets=calm)[0]["priority"] == ill(tickets=real)[0]["priority"]


def test_what_is_over_costs_as_long_as_it_lasted():
    _, factors = ill(minutes_on=30)
    assert factors["cost_duration"]["contribution"] == pytest.approx(0.5)
    assert "it is over" in factors["cost_duration"]["raw_value"]


def test_servicenow_value_is_told_with_its_parts_if_asked_for():
    assert not any(name.startswith("servicenow") for name in ill()[1])
    asked = replace(POLICIES, cost=replace(POLICIES.cost, score="servicenow"))
    _, factors = ill(policies=asked)
    told = {name: f["contribution"] for name, f in factors.items() if name.startswith("servicenow_")}
    assert told["servicenow_services"] == 3_000_000
    assert told.pop("servicenow_value") == pytest.approx(sum(told.values()))
