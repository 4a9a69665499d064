from dataclasses import replace

import pyarrow as pa
from incident_world import POLICIES, anomaly, at, correlated, event, facts

from aiops_jobs.core.alerts.episodes import to_alerts
from aiops_jobs.core.incidents.carry import carry_on
from aiops_jobs.core.incidents.members import to_members


def before_and_now(later):
    """An incident of an open alert, and its members as they are known after more was heard."""
    first = facts([event(0, severity="critical")])
    result = correlated(first)
    members = to_members(
        to_alerts(
            replace(first, raw_alerts=pa.concat_tables([first.raw_alerts, facts(later).raw_alerts])).raw_alerts,
            policies=POLICIES,
            until=at(2000),
        ),
        first.findings,
        first.anomalies,
        policies=POLICIES,
    )
    return result, members


def carried(result, members, **more):
    kept = {"told": (), "taken": (), **more}
    return carry_on(result.incidents, result.incident_alerts, members, **kept).to_pylist()


def test_an_incident_ends_with_its_last_alert_and_nothing_else_about_it_changes():
    result, members = before_and_now([event(40, severity="critical", status="resolved")])
    (old,), (new,) = result.incidents.to_pylist(), carried(result, members)
    assert (new["incident_state"], new["ended_at"]) == ("resolved", at(40))
    unchanged = old.keys() - {"incident_state", "ended_at"}
    assert {n: old[n] for n in unchanged} == {n: new[n] for n in unchanged}


def test_what_this_run_tells_anyway_or_has_taken_members_from_is_left_alone():
    result, members = before_and_now([event(40, severity="critical", status="resolved")])
    (row,) = result.incidents.to_pylist()
    (member,) = result.incident_alerts["member_id"].to_pylist()
    assert carried(result, members, told={row["incident_id"]}) == []
    assert carried(result, members, taken={member}) == []


def test_a_resource_that_stays_full_does_not_hold_an_incident_open():
    seen = facts(
        anomalies=[
            anomaly(0, "service/web", "container_memory_utilization_ratio", lasts=None, observed=1.0),
            anomaly(5, "service/web", "request_duration_seconds", unit="s", lasts=30),
        ]
    )
    result = correlated(seen)
    (row,) = result.incidents.to_pylist()
    assert (row["incident_state"], row["ended_at"]) == ("resolved", at(35))
    members = to_members(result.alerts, seen.findings, seen.anomalies, policies=POLICIES)
    assert carried(result, members) == result.incidents.to_pylist()


def test_members_that_are_no_longer_known_leave_the_incident_as_it_was():
    result, _ = before_and_now([])
    nobody = facts()
    members = to_members(
        to_alerts(nobody.raw_alerts, policies=POLICIES, until=at(0)),
        nobody.findings,
        nobody.anomalies,
        policies=POLICIES,
    )
    assert carried(result, members) == result.incidents.to_pylist()
