from dataclasses import replace

import pytest
from incident_world import POLICIES, anomaly, at, change, correlated, edges, event, facts, item

LATENCY, ERRORS = "http_request_duration_p99_seconds", "http_request_error_ratio"


def judged(seen, **more):
    result = correlated(seen, **more)
    (incident,) = result.incidents.to_pylist()
    return incident, {row["factor"]: row for row in result.priority_factors.to_pylist()}


def suffering(criticality, *, severity="critical", lost=0.001, slow=1.5, lasts=10):
    return facts(
        anomalies=[
            anomaly(0, "service/a", ERRORS, observed=0.001 + lost, expected=0.001, severity=severity, lasts=lasts),
            anomaly(
                0, "service/a", LATENCY, unit="s", observed=0.2 * slow, expected=0.2, severity=severity, lasts=lasts
            ),
        ],
        items=[item("service/a", criticality=criticality)],
    )


@pytest.mark.parametrize(
    ("criticality", "how", "impact", "urgency", "priority"),
    [
        ("critical", {"lost": 0.05, "slow": 4}, "high", "high", "P1"),
        ("critical", {}, "high", "medium", "P2"),
        ("critical", {"severity": "warning"}, "high", "low", "P3"),
        ("high", {"lost": 0.05}, "medium", "high", "P2"),
        ("high", {"severity": "warning", "lasts": 40}, "medium", "medium", "P3"),
        ("medium", {"severity": "warning"}, "medium", "low", "P4"),
        ("low", {"lasts": 40}, "low", "high", "P3"),
        ("low", {"severity": "warning", "slow": 5}, "low", "medium", "P4"),
        ("low", {"severity": "warning"}, "low", "low", "P5"),
    ],
)
def test_priority_is_impact_by_urgency(criticality, how, impact, urgency, priority):
    incident, _ = judged(suffering(criticality, **how))
    assert (incident["impact"], incident["urgency"], incident["priority"]) == (impact, urgency, priority)


def test_every_factor_is_told_and_the_points_add_up():
    _, factors = judged(suffering("critical", lost=0.05, lasts=60))
    assert factors["criticality"]["raw_value"] == "critical: a"
    assert factors["error_share"]["raw_value"] == "5 %"
    points = {name: row["contribution"] for name, row in factors.items() if not name.startswith("cost_")}
    assert points == {
        "criticality": 3,
        "affected_services": 0,
        "severity": 2,
        "error_share": 1,
        "slowdown": 0,
        "persistence": 1,
        "matrix": 0,
        "novelty": 0,
    }
    assert factors["matrix"]["raw_value"] == "impact high x urgency high = P1"


def test_as_many_services_make_the_impact_high_whatever_they_are():
    entities = [f"service/s{i}" for i in range(3)]
    seen = facts(
        anomalies=[anomaly(i, e, LATENCY, unit="s") for i, e in enumerate(entities)],
        items=[item(e, criticality="low") for e in entities],
        links=edges("service/s2 > service/s1 > service/s0"),
    )
    incident, factors = judged(seen)
    assert incident["impact"] == "high"
    assert factors["affected_services"]["contribution"] == 3
    four = replace(POLICIES, priority=replace(POLICIES.priority, high_impact_services=4))
    assert judged(seen, policies=four)[0]["impact"] == "low"


def test_what_nobody_feels_has_low_impact_and_says_so():
    incident, factors = judged(facts(anomalies=[anomaly(0, "host/h", "node_cpu_utilization_ratio", observed=1.0)]))
    assert incident["impact"] == "low"
    assert "nobody" in factors["affected_services"]["raw_value"]
    assert incident["services_affected"] == "[]"


def test_a_drop_of_approvals_counts_as_lost_requests():
    seen = facts(
        anomalies=[anomaly(0, "service/a", "card_approval_ratio", observed=0.6, expected=0.97, direction="down")],
        items=[item("service/a", criticality="critical")],
    )
    _, factors = judged(seen)
    assert factors["error_share"]["raw_value"] == "37 %"
    assert factors["error_share"]["contribution"] == 1


def test_announced_work_is_noted_and_lowers_nothing():
    seen = suffering("critical", lost=0.05)
    work = change(-5, "service/a", "standard", planned_start_at=at(-5), planned_end_at=at(60))
    sale = change(-30, "service/web", "event", planned_start_at=at(-30), planned_end_at=at(60))
    past = change(-90, "service/a", "standard", planned_start_at=at(-90), planned_end_at=at(-60))
    noted = facts(items=[item("service/a", criticality="critical")], changes=[work, sale, past])
    noted = replace(noted, findings=seen.findings, anomalies=seen.anomalies)
    before, _ = judged(seen)
    after, factors = judged(noted)
    assert before["priority"] == after["priority"]
    assert work["change_id"] in factors["maintenance"]["raw_value"]
    assert past["change_id"] not in factors["maintenance"]["raw_value"]
    assert sale["change_id"] in factors["announced_event"]["raw_value"]
    assert factors["maintenance"]["contribution"] == factors["announced_event"]["contribution"] == 0


def test_a_generic_alert_of_a_machine_is_felt_by_nobody_and_one_of_a_service_is():
    def told(entity):
        seen = facts([event(0, "Odd", entity, severity="critical")], items=[item(entity, criticality="critical")])
        return judged(seen)[0]["services_affected"]

    assert told("service/a") == '["a"]'
    assert told("host/a") == told("disk/a:sda") == "[]"
