from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from incident_world import DAY, POLICIES, at, change, correlated, edge, edges, event, facts
from suppression_world import following, kept, known_rows, quiet, states

from aiops_jobs.core.alerts.recurring import occurrences
from aiops_jobs.core.policies.suppression import ChangeMaintenancePolicy, MaintenanceWindow
from aiops_jobs.errors import ConfigurationError
from aiops_jobs.settings import Settings, load_policies
from aiops_jobs.window import Window

BERLIN = "Europe/Berlin"


def planned(begin, end, entity="host/db-1", kind="normal", **more):
    times = {"planned_start_at": at(begin), "planned_end_at": at(end), "ended_at": at(end)}
    return change(begin, entity, kind, **(times | more))


def down(minutes, entity="host/db-1", **more):
    return event(minutes, "HostDown", entity, severity="critical", **more)


# --- when -----------------------------------------------------------------------------------------------------------


def local(window, start, end, zone=BERLIN):
    found = occurrences(window, datetime.fromisoformat(start), datetime.fromisoformat(end))
    return [(a.astimezone(ZoneInfo(zone)).strftime("%a %d %H:%M"), (b - a).total_seconds()) for a, b in found]


def weekly(*days, start="02:30", hours=2.0, **more):
    return MaintenanceWindow("w", days=days, local_start=start, duration_s=hours * 3600, timezone=BERLIN, **more)


def test_every_recurrence_counts_not_only_the_first():
    found = local(weekly("sun", start="22:00"), "2026-11-01T00:00:00Z", "2026-11-30T00:00:00Z")
    assert [when for when, _ in found] == [f"Sun {day:02d} 22:00" for day in (1, 8, 15, 22, 29)]


@pytest.mark.parametrize(
    ("day", "begin"),
    [
        ("2026-10-24", "2026-10-24T00:30:00+00:00"),
        ("2026-10-25", "2026-10-25T00:30:00+00:00"),  # 02:30 comes twice: the first
        ("2026-10-26", "2026-10-26T01:30:00+00:00"),
        ("2027-03-27", "2027-03-27T01:30:00+00:00"),
        ("2027-03-28", "2027-03-28T01:30:00+00:00"),  # 02:30 does not come: 03:30, by the offset before
        ("2027-03-29", "2027-03-29T00:30:00+00:00"),
    ],
)
def test_a_window_begins_by_local_clocks_and_lasts_by_no_clock(day, begin):
    every = weekly("mon", "tue", "wed", "thu", "fri", "sat", "sun")
    start = datetime.fromisoformat(f"{day}T00:00:00").replace(tzinfo=ZoneInfo(BERLIN))
    found = [o for o in occurrences(every, start, start + timedelta(hours=20)) if o[0] >= start]
    assert found[0] == (datetime.fromisoformat(begin), datetime.fromisoformat(begin) + timedelta(hours=2))


@pytest.mark.parametrize(
    ("weeks", "days"), [((2,), [10]), ((1, 3), [3, 17]), ((-1,), [24]), ((5,), []), ((), [3, 10, 17, 24])]
)
def test_weeks_of_the_month(weeks, days):
    found = local(weekly("tue", weeks_of_month=weeks), "2026-11-01T00:00:00Z", "2026-12-01T00:00:00Z")
    assert [when for when, _ in found] == [f"Tue {day:02d} 02:30" for day in days]


def test_a_window_that_began_before_and_reaches_in_counts_and_one_out_of_its_validity_does_not():
    late = weekly("fri", start="23:00", hours=3)
    assert len(occurrences(late, datetime(2026, 11, 21, 0, tzinfo=UTC), datetime(2026, 11, 21, 1, tzinfo=UTC))) == 1
    assert not occurrences(late, datetime(2026, 11, 21, 1, tzinfo=UTC), datetime(2026, 11, 21, 5, tzinfo=UTC))
    bounded = weekly("fri", valid_from=datetime(2026, 11, 13, tzinfo=UTC), valid_to=datetime(2026, 11, 20, tzinfo=UTC))
    assert [d for d, _ in local(bounded, "2026-11-01T00:00:00Z", "2026-11-30T00:00:00Z")] == ["Fri 13 02:30"]


@pytest.mark.parametrize(
    "wrong",
    [
        {"days": ["sunday"], "duration_s": 60},
        {"days": ["sun"]},
        {"start": "2026-11-20T10:00:00Z"},
        {"start": "2026-11-20T10:00:00Z", "end": "2026-11-20T09:00:00Z"},
        {"start": "2026-11-20T10:00:00", "end": "2026-11-20T11:00:00"},
        {"days": ["sun"], "duration_s": 60, "timezone": "Mars/Olympus"},
        {"days": ["sun"], "duration_s": 60, "local_start": "25:00"},
        {"days": ["sun"], "duration_s": 60, "weeks_of_month": [0]},
    ],
)
def test_a_window_that_can_never_match_is_refused(wrong):
    said = {"suppression": {"maintenance": [{"name": "w", **wrong}]}}
    with pytest.raises(ConfigurationError, match="maintenance"):
        load_policies(Settings(policies=said))


def test_two_windows_of_one_name_are_refused():
    window = {"name": "w", "days": ["sun"], "duration_s": 60}
    with pytest.raises(ConfigurationError, match="name"):
        load_policies(Settings(policies={"suppression": {"maintenance": [window, window]}}))


# --- what -----------------------------------------------------------------------------------------------------------


def once(**selects):
    return following(maintenance=(MaintenanceWindow("patching", start=at(0), end=at(60), **selects),))


LINKS = [
    edge("database/orders", "host/db-1", kind="runs_on"),
    edge("service/web", "host/app-1", kind="runs_on"),
    edge("service/web", "host/app-2", kind="runs_on"),
    edge("host/db-1", "disk/db-1:sda", kind="contains"),
    edge("service/web", "database/orders"),
]


@pytest.mark.parametrize(
    ("selects", "entity", "is_quiet"),
    [
        ({}, "service/web", True),
        ({"entities": ("host/db-*",)}, "host/db-1", True),
        ({"entities": ("host/db-*",)}, "host/app-1", False),
        ({"hosts": ("db-*",)}, "host/db-1", True),
        ({"hosts": ("db-*",)}, "database/orders", True),
        ({"hosts": ("db-*",)}, "disk/db-1:sda", True),
        ({"hosts": ("db-*",)}, "service/web", False),
        ({"hosts": ("app-1",)}, "service/web", False),
        ({"hosts": ("app-*",)}, "service/web", True),
        ({"services": ("web",)}, "service/web", True),
        ({"services": ("web",)}, "host/app-1", False),
        ({"alert_names": ("Host*",)}, "service/web", True),
        ({"alert_names": ("Disk*",)}, "service/web", False),
        ({"hosts": ("db-1",), "alert_names": ("Disk*",)}, "host/db-1", False),
    ],
)
def test_what_a_window_selects_and_what_runs_on_it_alone_is_quiet(selects, entity, is_quiet):
    found = kept([down(10, entity), down(20, entity, status="resolved")], links=LINKS, policies=once(**selects))
    assert (states(found) == ["suppressed"]) == is_quiet
    assert [row["rule_id"] for row in quiet(found, "maintenance")] == ["patching"] * is_quiet


def test_a_host_covers_what_ran_on_it_then_not_what_runs_on_it_now():
    moved = [edge("database/orders", "host/db-1", kind="runs_on", valid_to=at(-5))]
    moved += [edge("database/orders", "host/db-2", kind="runs_on", valid_from=at(-5))]
    told = [down(10, "database/orders"), down(20, "database/orders", status="resolved")]
    assert states(kept(told, links=moved, policies=once(hosts=("db-1",)))) == ["resolved"]
    assert states(kept(told, links=moved, policies=once(hosts=("db-2",)))) == ["suppressed"]


def test_an_alert_that_names_the_host_is_covered_without_any_topology():
    told = [event(10, "Slow", None, host="db-1"), event(20, "Slow", None, host="db-1", status="resolved")]
    assert states(kept(told, policies=once(hosts=("db-1",)))) == ["suppressed"]


# --- change records -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("record", "is_quiet"),
    [
        (planned(0, 60), True),
        (planned(0, 60, kind="standard"), True),
        (planned(0, 60, attributes='{"state": "Scheduled", "approval": "approved"}'), True),
        (planned(0, 60, attributes='{"state": "Work In Progress"}'), False),
        (planned(0, 60, attributes='{"state": "Canceled", "approval": "approved"}'), False),
        (planned(0, 60, attributes='{"approval": "requested"}'), False),
        (planned(0, 60, attributes='{"approval": "rejected", "state": "implement"}'), False),
        (planned(0, 60, attributes='{"on_hold": true}'), False),
        (planned(0, 60, attributes='{"on_hold": "false"}'), True),
        (planned(0, 60, attributes='{"maintenance": false}'), False),
        (planned(0, 60, kind="event"), False),
        (planned(0, 60, kind="event", attributes='{"maintenance": true}'), False),
        (planned(0, 60, kind="emergency"), False),
        (planned(0, 60, kind="config"), False),
        (planned(0, 60, kind="deploy"), False),
        (planned(0, 60, kind="deploy", attributes='{"maintenance": true}'), True),
        (planned(0, 60, planned_start_at=None, planned_end_at=None), False),
        (planned(0, 60, planned_end_at=None), False),
        (planned(0, 60, planned_end_at=at(60 + 48 * 60)), False),
        (planned(0, 60, entity="host/db-2"), False),
        (planned(-60, 5), False),
        (planned(15, 60), False),
    ],
)
def test_only_a_change_that_was_planned_as_maintenance_silences_what_it_changes(record, is_quiet):
    found = kept([down(10), down(14, status="resolved")], changes=[record])
    assert (states(found) == ["suppressed"]) == is_quiet
    assert [(r["rule_id"], r["suppressed_by"]) for r in quiet(found)] == [("changes", record["change_id"])] * is_quiet


def test_a_change_that_overruns_is_heard_unless_the_policy_says_otherwise():
    record = planned(0, 30, ended_at=at(90))
    told = [down(40), down(50, status="resolved")]
    assert states(kept(told, changes=[record])) == ["resolved"]
    lenient = following(changes=replace(ChangeMaintenancePolicy(), window="planned_or_actual"))
    assert states(kept(told, changes=[record], policies=lenient)) == ["suppressed"]
    assert states(kept([down(91), down(95, status="resolved")], changes=[record], policies=lenient)) == ["resolved"]
    off = following(changes=replace(ChangeMaintenancePolicy(), is_on=False))
    assert states(kept([down(10), down(14, status="resolved")], changes=[record], policies=off)) == ["resolved"]


def test_two_changes_at_once_make_one_row():
    found = kept([down(10), down(14, status="resolved")], changes=[planned(0, 60), planned(0, 60, change_id="CHG-2")])
    assert len(quiet(found)) == 1


# --- what becomes of it ---------------------------------------------------------------------------------------------


def test_what_ends_within_its_maintenance_opens_no_incident():
    seen = facts([down(10), down(40, status="resolved")], changes=[planned(0, 60)])
    result = correlated(seen)
    assert result.incidents.num_rows == 0
    assert result.alerts["alert_state"].to_pylist() == ["suppressed"]
    (row,) = result.alert_suppressions.to_pylist()
    assert (row["is_harm"], row["delay_s"], row["notifications_avoided"]) == (False, None, 1)
    assert "CHG" in row["reason"] or "chg-" in row["reason"]


def test_what_still_fires_when_its_maintenance_ends_is_heard_from_then_on_with_the_same_id():
    told = [down(10), down(40), down(100, status="resolved")]
    plain, result = correlated(facts(told)), correlated(facts(told, changes=[planned(0, 60)]))
    (incident,) = result.incidents.to_pylist()
    assert (incident["started_at"], incident["detected_at"], incident["ended_at"]) == (at(60), at(60), at(100))
    assert result.alerts["alert_id"].to_pylist() == plain.alerts["alert_id"].to_pylist()
    assert result.alerts["started_at"].to_pylist() == [at(10)]
    assert result.alerts["alert_state"].to_pylist() == ["resolved"]
    (row,) = result.alert_suppressions.to_pylist()
    assert row["later_incident_id"] == incident["incident_id"]
    assert (row["is_harm"], row["delay_s"], row["notifications_avoided"]) == (True, 50 * 60, 2)


def test_a_group_leaves_maintenance_with_its_alerts():
    """What ServiceNow got wrong (KB2978951): the group stayed quiet for hours after its alerts were not."""
    told = [down(10), event(12, "Slow", "database/orders", severity="critical")]
    links = [edge("database/orders", "host/db-1", kind="runs_on")]
    result = correlated(facts(told, changes=[planned(0, 60)], links=links))
    (incident,) = result.incidents.to_pylist()
    assert (incident["started_at"], incident["alert_count"]) == (at(60), 2)
    assert "suppressed" not in result.alerts["alert_state"].to_pylist()


def test_nothing_is_quiet_for_longer_than_its_window():
    during = Window(DAY.start, at(30))
    seen = facts([down(10), down(65)], changes=[planned(0, 60)])
    first = correlated(seen, span=during)
    assert (first.incidents.num_rows, first.alerts["alert_state"].to_pylist()) == (0, ["suppressed"])
    second = correlated(seen, known=known_rows(first))
    assert (second.incidents.num_rows, second.alerts["alert_state"].to_pylist()) == (1, ["resolved"])
    assert second.incidents["started_at"].to_pylist() == [at(60)]


def test_an_alert_from_before_is_heard_at_its_begin_and_its_resolution_is_never_kept_back():
    result = correlated(facts([down(-10), down(30, status="resolved")], changes=[planned(0, 60)]))
    (incident,) = result.incidents.to_pylist()
    assert (incident["started_at"], incident["ended_at"]) == (at(-10), at(30))
    (row,) = result.alert_suppressions.to_pylist()
    assert (row["started_at"], row["is_harm"], row["delay_s"]) == (at(0), False, None)


def test_a_deployment_does_not_silence_what_it_breaks_and_is_named_as_the_cause():
    broken = [event(m, n, "service/web", severity="critical") for m, n in ((2, "HighLatency"), (4, "HighErrorRatio"))]
    record = change(0, "service/web", "deploy", planned_start_at=at(0), planned_end_at=at(30), ended_at=at(6))
    result = correlated(facts(broken, changes=[record], links=edges("service/web > database/db")))
    assert result.incidents["started_at"].to_pylist() == [at(2)]
    assert result.root_causes.to_pylist()[0]["change_id"] == record["change_id"]


def test_what_a_maintenance_breaks_is_found_with_the_maintenance_as_its_cause():
    record = planned(0, 60, entity="database/db", attributes='{"approval": "approved"}')
    told = [down(10, "database/db"), event(62, "HighLatency", "service/web", severity="critical")]
    result = correlated(facts(told, changes=[record], links=edges("service/web > database/db")))
    (incident,) = result.incidents.to_pylist()
    assert incident["started_at"] == at(60)
    assert record["change_id"] in result.root_causes["change_id"].to_pylist()


def test_the_policy_has_a_version():
    other = once(hosts=("x",))
    assert POLICIES.version("suppression") != other.version("suppression")
