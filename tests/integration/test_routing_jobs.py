"""Closed tickets teach who gets the next one: trained, stored, asked, and told, with the real lake and warehouse."""

import json
from datetime import timedelta
from types import SimpleNamespace

import pytest
from incident_world import T0, anomaly, edges, event, facts, item
from ticket_worlds import closed_tickets, to_history

from aiops_jobs.adapters.lake import DeltaLake
from aiops_jobs.adapters.model_store import SkopsModelStore
from aiops_jobs.adapters.warehouse import SqlWarehouse
from aiops_jobs.contracts import operations as o
from aiops_jobs.contracts import results as r
from aiops_jobs.contracts import telemetry as t
from aiops_jobs.core.models import SLA_RISK, TICKET_ROUTING
from aiops_jobs.core.policies import Policies, RoutingPolicy
from aiops_jobs.jobs.correlate import correlate
from aiops_jobs.jobs.train_routing import train_routing
from aiops_jobs.ports import Context, SinkTraits
from aiops_jobs.window import Window

DAY = timedelta(days=1)
MIDNIGHT = T0.replace(hour=0)
FRIDAY = Window(MIDNIGHT, MIDNIGHT + DAY)
AGES = Window(MIDNIGHT - 4000 * DAY, MIDNIGHT + 10 * DAY)
TITLE = "{service}: error rate"
LATENCY = "http_request_duration_p99_seconds"
POLICIES = Policies(routing=RoutingPolicy(triage_group="Service Desk"))


class NoGate:
    """Judges nothing: these tests are about conclusions, not about expectations."""

    def validate(self, table, rows, *, stage, window, source):
        assert not table.violations(rows)
        return o.QUALITY_RESULTS.empty().select([name for name in o.QUALITY_RESULTS.names if name != "run_id"])


def past(**more):
    """Return closed tickets about services: one group each, but for full disks."""
    rows = closed_tickets(500, noise=0.0, end=MIDNIGHT)
    return [as_ours(row) | more for row in rows]


def as_ours(row):
    """Return a ticket as one that we opened comes back: about the service, in the words of our titles."""
    service, is_disk = row["service_name"], "Disk" in row["title"]
    title = row["title"] if is_disk else TITLE.format(service=service)
    return {**row, "entity_id": f"service/{service}", "host_name": None, "title": title}


def outage(service):
    alerts = [event(10, "HighErrorRatio", f"service/{service}", severity="critical")]
    seen = [anomaly(5, f"service/{service}", LATENCY, unit="s", lasts=60)]
    return facts(alerts, seen, items=[item(f"service/{service}", criticality="critical")], links=edges())


def house(folder, service, tickets):
    warehouse = SqlWarehouse(f"sqlite:///{folder / 'w.db'}")
    warehouse.migrate()
    lake, seen = DeltaLake(folder / "lake"), outage(service)
    told = {
        t.RAW_ALERTS: ("am", seen.raw_alerts),
        r.FINDINGS: ("detect", seen.findings),
        r.ANOMALIES: ("detect", seen.anomalies),
        t.CONFIGURATION_ITEMS: ("cmdb", seen.items),
        t.TICKET_HISTORY: ("desk", to_history(tickets)),
    }
    for table, (source, rows) in told.items():
        named = (
            rows.set_column(rows.column_names.index("source"), "source", [[source] * rows.num_rows])
            if ("source" in rows.column_names)
            else rows
        )
        lake.write(table, table.conform(named), source=source, window=AGES, as_of=MIDNIGHT)
    return Context(
        lake=lake,
        warehouse=warehouse,
        quality=NoGate(),
        models=SkopsModelStore(folder / "models"),
        pages=SimpleNamespace(),
        sources={},
        sinks={"desk": SimpleNamespace(name="desk", traits=SinkTraits())},
        policies=POLICIES,
        code_version="1",
        config_hash=POLICIES.config_hash,
        source_hashes={},
    )


def suggested(context):
    correlate(context, FRIDAY, FRIDAY.end)
    (row,) = context.warehouse.read(r.TICKET_SUGGESTIONS).to_pylist()
    (call,) = context.warehouse.read(o.TICKET_OUTBOX).to_pylist()
    return row, json.loads(call["payload"])


def test_closed_tickets_decide_who_gets_the_next_and_the_ticket_says_why(tmp_path):
    context = house(tmp_path, "web", past())
    report = train_routing(context, FRIDAY, FRIDAY.end)
    assert {name: told["state"] for name, told in report.details.items()} == {
        TICKET_ROUTING: "promoted",
        SLA_RISK: "promoted",
    }
    version = report.details[TICKET_ROUTING]["model_version"]
    row, payload = suggested(context)
    assert (row["assigned_by"], row["assignment_group"]) == ("classifier", "Storefront"), row
    assert row["routing_model_version"] == version
    assert version in row["assignment_reason"]
    assert 0 < row["sla_miss_probability_ratio"] < 1
    assert row["sla_model_version"] == report.details[SLA_RISK]["model_version"]
    assert "**Assigned to:** Storefront." in row["body"]
    assert "**Target:**" in row["body"]
    assert payload["assignment_group"] == "Storefront"
    assert payload["fields"]["routing_model_version"] == version
    metrics = context.warehouse.read(o.MODEL_EVALUATIONS).to_pylist()
    assert {"first_hit_ratio", "average_precision_ratio"} <= {m["metric"] for m in metrics}
    versions = context.warehouse.read(o.MODEL_VERSIONS).to_pylist()
    assert {v["model_name"]: v["model_stage"] for v in versions} == {TICKET_ROUTING: "champion", SLA_RISK: "champion"}


def test_what_closed_tickets_know_nothing_about_goes_to_triage(tmp_path):
    context = house(tmp_path, "payroll", past())
    train_routing(context, FRIDAY, FRIDAY.end)
    row, payload = suggested(context)
    assert (row["assigned_by"], row["assignment_group"]) == ("triage", "Service Desk")
    assert "is the likeliest" in row["assignment_reason"]
    assert payload["assignment_group"] == "Service Desk"


def test_without_a_model_the_ticket_goes_to_triage_and_says_so(tmp_path):
    row, _ = suggested(house(tmp_path, "web", past()))
    assert (row["assigned_by"], row["assignment_group"]) == ("triage", "Service Desk")
    assert "no classifier has been trained" in row["assignment_reason"]
    assert (row["routing_model_version"], row["sla_miss_probability_ratio"]) == (None, None)


def test_training_twice_is_training_once_and_learns_nothing_from_later(tmp_path):
    now, later = tmp_path / "now", tmp_path / "later"
    now.mkdir()
    later.mkdir()
    tomorrow = [{**past()[0], "ticket_key": "T-new", "opened_at": FRIDAY.end, "resolved_at": FRIDAY.end + DAY}]
    one, two = house(now, "web", past()), house(later, "web", [*past(), *tomorrow])
    first, again = train_routing(one, FRIDAY, FRIDAY.end), train_routing(one, FRIDAY, FRIDAY.end)
    assert first.details == again.details
    other = train_routing(two, FRIDAY, FRIDAY.end)
    for name in (TICKET_ROUTING, SLA_RISK):
        assert other.details[name]["measures"] == first.details[name]["measures"]


@pytest.mark.parametrize("tickets", [[], "few"])
def test_too_few_tickets_train_nothing_and_say_why(tmp_path, tickets):
    context = house(tmp_path, "web", past()[:20] if tickets else [])
    details = train_routing(context, FRIDAY, FRIDAY.end).details
    assert {told["state"] for told in details.values()} == {"rejected"}
    assert all("needed" in told["reason"] for told in details.values())
