"""A CPU alert becomes one Jira issue with the person on call, and one Slack message that leads to it; so it stays."""

import csv
from datetime import timedelta

import pytest
from desks import jira, slack
from support import LONG_PAST, run_night

from aiops_jobs.bootstrap import bootstrap
from aiops_jobs.contracts.operations import TICKET_OUTBOX
from aiops_jobs.contracts.results import INCIDENTS
from aiops_jobs.jobs.catalogue import ingest_all
from aiops_jobs.settings import Settings
from aiops_jobs.window import Window

NIGHT = Window.parse("2026-11-19T00:00:00Z", "2026-11-20T00:00:00Z")
NEXT = Window(NIGHT.end, NIGHT.end + timedelta(days=1))
ALERT = {
    "alert_name": "HostCpuSaturated",
    "severity": "critical",
    "service_name": "orders",
    "host_name": "web-01",
    "summary": "CPU of web-01 is 97 % busy, 35 % is usual",
}
ITEMS = [
    {
        "valid_from": "2026-01-01T00:00:00Z",
        "entity_id": entity,
        "entity_kind": entity.partition("/")[0],
        "service_name": "orders",
        "service_criticality": "critical",
        "assignment_group": "Order Management",
        "on_call": jira.KIM["emailAddress"],
    }
    for entity in ("service/orders", "host/web-01")
]


def write(path, rows):
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


@pytest.fixture
def desks():
    made = {"jira": jira.Desk().start(), "slack": slack.Desk().start()}
    yield made
    for desk in made.values():
        desk.stop()
        assert not desk.breaches


@pytest.fixture
def told(tmp_path):
    """Write notifications of the alert at (instant, status) and return the folder."""
    folder = tmp_path / "export"
    folder.mkdir()
    write(folder / "items.csv", ITEMS)

    def told(*events):
        rows = [
            ALERT | {"observed_at": at, "event_id": f"e{n}", "alert_status": status}
            for n, (at, status) in enumerate(events)
        ]
        write(folder / "alerts.csv", rows)
        return folder

    return told


def house(tmp_path, folder, desks):
    tables = {"raw_alerts": {"files": "alerts.csv"}, "configuration_items": {"files": "items.csv"}}
    return bootstrap(
        Settings(
            home=tmp_path / "home",
            sources={"export": {"kind": "files", "path": str(folder), "tables": tables}},
            sinks={kind: {"kind": kind} | desk.settings() for kind, desk in desks.items()},
            policies={"delivery": LONG_PAST},
        )
    )


def test_one_issue_with_an_assignee_and_one_message_that_leads_to_it(tmp_path, told, desks):
    folder = told(("2026-11-19T02:14:00Z", "firing"), ("2026-11-19T02:15:00Z", "firing"))
    context = house(tmp_path, folder, desks)
    history = Window(NIGHT.start - timedelta(days=330), NIGHT.start)
    assert ingest_all(context, history, history.end)[1] == []
    run_night(context, NIGHT)
    run_night(context, NIGHT)  # a retry of the whole night says nothing twice

    (incident,) = context.warehouse.read(INCIDENTS).to_pylist()
    (issue,) = desks["jira"].state["issues"]
    assert issue["fields"]["assignee"]["accountId"] == jira.KIM["accountId"]
    assert "orders" in issue["fields"]["summary"]
    assert incident["incident_id"] in str(issue["fields"]["labels"])
    (message,) = desks["slack"].state["messages"]
    assert f"/browse/{issue['key']}|{issue['key']}>" in str(message["blocks"])
    assert desks["slack"].state["rang"] == []

    told(
        ("2026-11-19T02:14:00Z", "firing"),
        ("2026-11-19T02:15:00Z", "firing"),
        ("2026-11-20T01:00:00Z", "resolved"),
    )
    run_night(context, NEXT)
    assert [jira.state_of(i) for i in desks["jira"].state["issues"]] == ["resolved"]
    posted = [m for m in desks["slack"].state["messages"] if "thread_ts" not in m]
    assert [m["ts"] for m in posted] == [message["ts"]]
    assert desks["slack"].events(incident["incident_id"])[0]["action"] == "resolve"
    assert {row["outbox_state"] for row in context.warehouse.read(TICKET_OUTBOX).to_pylist()} == {"sent"}
