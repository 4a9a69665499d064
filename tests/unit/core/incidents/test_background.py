from dataclasses import replace

import pytest
from incident_world import POLICIES, at, correlated, edge, event, facts

QUIET = replace(
    POLICIES,
    correlation=replace(POLICIES.correlation, background=replace(POLICIES.correlation.background, is_on=False)),
)


def told(minute, service, name="LatencyHigh", score=1.2, **more):
    row = event(minute, name, f"service/{service}", service=service, key=f"{service}-{name}-{minute}", **more)
    return {**row, "alert_score": score}


def noise(minutes, services=12):
    """One service after the other is slightly too slow, every minute, each for one notification."""
    return [told(minute, f"s{minute % services}", score=1.5 + 0.1 * (minute % 5)) for minute in minutes]


def incidents(rows, **more):
    return correlated(facts(rows, **more)).incidents.sort_by("started_at").to_pylist()


def test_in_a_noisy_estate_only_what_stands_out_is_an_incident():
    fault = [told(300, "s3", "CpuHigh", 6.0), told(300, "s3", "LatencyHigh", 5.0)]
    (row,) = [row for row in incidents([*noise(range(300)), *fault]) if row["started_at"] >= at(30)]
    assert row["started_at"] == at(300)
    assert row["cause_entity_id"] == "service/s3"
    assert row["cause_kind"] == "capacity"


def test_the_same_fault_in_a_calm_estate_needs_no_more_than_the_floor():
    begins = told(0, "s1", score=1.1)
    (row,) = incidents([begins, told(300, "s3", score=1.5)])
    assert row["started_at"] == at(300)
    assert not incidents([begins, told(300, "s3", score=1.2)])


def test_what_stands_out_at_once_is_one_incident_unless_the_topology_knows_better():
    rows = [told(0, "s0", score=1.1), told(300, "a", score=4.0), told(302, "b", score=4.0)]
    assert [row["alert_count"] for row in incidents(rows)] == [2]
    apart = [edge("service/a", "database/x"), edge("service/b", "database/y")]
    assert [row["alert_count"] for row in incidents(rows, links=apart)] == [1, 1]


def test_what_does_not_stand_out_stays_an_alert():
    result = correlated(facts(noise(range(300))))
    assert result.alerts.num_rows == 300
    assert set(result.alerts["alert_state"].to_pylist()) <= {"open", "resolved"}
    assert not [row for row in result.incidents.to_pylist() if row["started_at"] >= at(30)]


def test_alerts_without_a_score_are_not_compared_with_noise():
    rows = [{**row, "alert_score": None, "severity": "critical"} for row in noise(range(0, 300, 60))]
    assert len(correlated(facts(rows)).incidents) == len(correlated(facts(rows), policies=QUIET).incidents) > 0


@pytest.mark.parametrize("cut", [295, 299, 301])
def test_halves_of_a_window_tell_the_same_incident(cut):
    rows = [*noise(range(300)), told(300, "s3", "CpuHigh", 6.0), told(302, "s4", "LatencyHigh", 6.0)]
    whole = correlated(facts(rows)).incident_alerts.to_pylist()
    early = [row for row in rows if row["observed_at"] < at(cut)]
    known = correlated(facts(early)).incident_alerts
    again = correlated(facts(rows), known=known).incident_alerts.to_pylist()
    assert [(r["incident_id"], r["member_id"]) for r in again] == [(r["incident_id"], r["member_id"]) for r in whole]
