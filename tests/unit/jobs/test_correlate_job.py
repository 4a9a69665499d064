"""The job on a real lake and a real warehouse: what a run says, says again, and leaves to later runs."""

from dataclasses import replace
from datetime import timedelta
from types import SimpleNamespace

import pyarrow as pa
import pytest
from incident_world import T0, anomaly, at, change, edges, event, facts, item, log, table

from aiops_jobs.adapters.lake import DeltaLake
from aiops_jobs.adapters.warehouse import SqlWarehouse
from aiops_jobs.contracts import operations as o
from aiops_jobs.contracts import results as r
from aiops_jobs.contracts import telemetry as t
from aiops_jobs.core.policies import Policies
from aiops_jobs.jobs.correlate import correlate
from aiops_jobs.ports import Context, SinkTraits
from aiops_jobs.window import Window

DAY = timedelta(days=1)
MIDNIGHT = T0.replace(hour=0)
FRIDAY = Window(MIDNIGHT, MIDNIGHT + DAY)
SATURDAY = Window(MIDNIGHT + DAY, MIDNIGHT + 2 * DAY)
HISTORY = Window(MIDNIGHT - 400 * DAY, MIDNIGHT + 10 * DAY)
LATENCY, POOL = "http_request_duration_p99_seconds", "db_connection_pool_utilization_ratio"
TABLES = (r.ALERTS, r.INCIDENTS, r.INCIDENT_ALERTS, r.PRIORITY_FACTORS, r.ROOT_CAUSES, r.EVIDENCE)
DAY_MINUTES = 24 * 60


class NoGate:
    """Judges nothing: these tests are about conclusions, not about expectations."""

    def validate(self, table, rows, *, stage, window, source):
        assert not table.violations(rows)
        names = [name for name in o.QUALITY_RESULTS.names if name != "run_id"]
        return o.QUALITY_RESULTS.empty().select(names)


class House:
    """A lake and a warehouse in a folder."""

    def __init__(self, folder, policies=None):
        self.warehouse = SqlWarehouse(f"sqlite:///{folder / 'w.db'}")
        self.warehouse.migrate()
        self.lake = DeltaLake(folder / "lake")
        policies = policies or Policies()
        self.context = Context(
            lake=self.lake,
            warehouse=self.warehouse,
            quality=NoGate(),
            models=SimpleNamespace(),
            pages=SimpleNamespace(),
            sources={},
            sinks={"desk": SimpleNamespace(name="desk", traits=SinkTraits())},
            policies=policies,
            code_version="1",
            config_hash=policies.config_hash,
            source_hashes={},
        )

    def tell(self, contract, rows, *, source, window=HISTORY, as_of=MIDNIGHT):
        rows = rows if isinstance(rows, pa.Table) else table(contract, rows)
        rows = (
            rows.set_column(rows.column_names.index("source"), "source", pa.array([source] * rows.num_rows))
            if "source" in rows.column_names
            else rows
        )
        self.lake.write(contract, contract.conform(rows), source=source, window=window, as_of=as_of)

    def know(self, seen, *, logs=(), as_of=MIDNIGHT):
        """Put everything into the lake, findings under the name of the job that makes them."""
        self.tell(t.RAW_ALERTS, seen.raw_alerts, source="am", as_of=as_of)
        self.tell(r.FINDINGS, seen.findings, source="detect", as_of=as_of)
        self.tell(r.ANOMALIES, seen.anomalies, source="detect", as_of=as_of)
        self.tell(t.CHANGES, seen.changes, source="changes", as_of=as_of)
        long_ago = Window(MIDNIGHT - 4000 * DAY, HISTORY.end)
        self.tell(t.CONFIGURATION_ITEMS, seen.items, source="cmdb", window=long_ago, as_of=as_of)
        self.tell(t.TOPOLOGY_EDGES, seen.edges, source="cmdb", window=long_ago, as_of=as_of)
        self.tell(t.LOG_RECORDS, list(logs), source="logs", as_of=as_of)

    def run(self, window=FRIDAY, as_of=None):
        return correlate(self.context, window, as_of or window.end)

    def rows(self, contract):
        return self.warehouse.read(contract).to_pylist()

    def said(self, *contracts, without=()):
        """All rows of the result tables; ``without`` names columns to leave out."""
        return {c.name: [{k: v for k, v in row.items() if k not in without} for row in self.rows(c)] for c in contracts}


@pytest.fixture
def house(tmp_path):
    return House(tmp_path)


LINKS = edges("service/web > service/orders > database/orders-db")
ITEMS = [
    item("service/web", criticality="critical", team="Storefront"),
    item("service/orders", criticality="critical", team="Ordering"),
    item("database/orders-db", criticality="critical", team="Databases"),
]


def outage(minutes=0, *, lasts=60, resolved=True):
    told = [event(minutes + 10, "HighErrorRatio", "service/web", severity="critical")]
    told += (
        [event(minutes + lasts, "HighErrorRatio", "service/web", severity="critical", status="resolved")]
        if resolved
        else []
    )
    seen = [
        anomaly(minutes, "database/orders-db", POOL, observed=1.0, expected=0.35, lasts=lasts),
        anomaly(minutes + 5, "service/web", LATENCY, unit="s", lasts=lasts),
    ]
    return told, seen


def world(*outages, changes=()):
    alerts = [row for told, _ in outages for row in told]
    anomalies = [row for _, seen in outages for row in seen]
    return facts(alerts, anomalies, items=ITEMS, links=LINKS, changes=list(changes))


LINEAGE = {"run_id", "as_of", "code_version", "config_hash", "input_manifest_id"}


def test_a_run_tells_the_whole_story_and_puts_the_call_into_the_outbox(house):
    house.know(world(outage()))
    report = house.run()
    (incident,) = house.rows(r.INCIDENTS)
    assert (incident["cause_entity_id"], incident["priority"], incident["incident_state"]) == (
        "database/orders-db",
        "P1",
        "resolved",
    )
    assert {row["incident_id"] for c in TABLES[2:] for row in house.rows(c)} == {incident["incident_id"]}
    (suggestion,), (call,) = house.rows(r.TICKET_SUGGESTIONS), house.rows(o.TICKET_OUTBOX)
    assert (suggestion["ticket_action"], suggestion["assignment_group"]) == ("create", "Databases")
    assert (call["outbox_state"], call["external_key"], call["run_id"]) == (
        "pending",
        incident["incident_id"],
        report.run_id,
    )
    assert report.details["incidents_P1"] == report.details["new_calls"] == 1
    tables = {row["table_name"] for row in house.rows(o.RUN_INPUTS)}
    assert tables >= {"raw_alerts", "findings", "anomalies", "configuration_items", "topology_edges"}


def test_twice_is_once(house):
    house.know(world(outage(), outage(300)))
    contracts = (*TABLES, r.TICKET_SUGGESTIONS, o.TICKET_OUTBOX, o.RUNS, o.RUN_INPUTS)
    first = house.run()
    said = house.said(*contracts)
    assert house.run() == first
    assert house.said(*contracts) == said
    assert len(said["ticket_outbox"]) == 2


@pytest.mark.parametrize("cut", [12 * 60, 10 * 60 + 20, 11 * 60])
def test_two_halves_of_a_window_end_in_the_rows_of_the_whole(tmp_path, cut):
    whole, halves = House(make(tmp_path / "whole")), House(make(tmp_path / "halves"))
    seen = world(outage(), outage(180), outage(600, resolved=False), changes=[change(-20, "service/orders")])
    for one in (whole, halves):
        one.know(seen, logs=[log(m / 2, "orders-db refused", service="orders") for m in range(40)])
    whole.run()
    middle = MIDNIGHT + timedelta(minutes=cut)
    halves.run(Window(FRIDAY.start, middle))
    halves.run(Window(middle, FRIDAY.end))
    assert len(whole.rows(r.INCIDENTS)) == 3
    assert halves.said(*TABLES, without=LINEAGE) == whole.said(*TABLES, without=LINEAGE)


def make(folder):
    folder.mkdir()
    return folder


def test_an_incident_that_lasts_longer_than_the_look_back_is_ended_and_its_ticket_resolved(house):
    told = [event(m, "HighErrorRatio", "service/web", severity="critical") for m in range(0, 3 * DAY_MINUTES, 50)]
    told.append(event(3 * DAY_MINUTES, "HighErrorRatio", "service/web", severity="critical", status="resolved"))
    house.know(facts(told, items=ITEMS, links=LINKS))
    seen = []
    for day in range(4):
        house.run(Window(MIDNIGHT + day * DAY, MIDNIGHT + (day + 1) * DAY))
        (incident,) = house.rows(r.INCIDENTS)
        (alert,) = house.rows(r.ALERTS)
        seen.append((incident["incident_state"], incident["ended_at"], alert["alert_state"]))
    assert seen == [("open", None, "open")] * 3 + [("resolved", at(3 * DAY_MINUTES), "resolved")]
    assert incident["started_at"] == alert["started_at"] == at(0)
    assert [row["ticket_action"] for row in sorted(house.rows(o.TICKET_OUTBOX), key=lambda c: c["sequence"])] == [
        "create",
        "resolve",
    ]
    before = house.said(*TABLES, r.TICKET_SUGGESTIONS, o.TICKET_OUTBOX, o.RUNS)
    house.run(Window(MIDNIGHT + 3 * DAY, MIDNIGHT + 4 * DAY))
    assert house.said(*TABLES, r.TICKET_SUGGESTIONS, o.TICKET_OUTBOX, o.RUNS) == before


def test_a_backfill_of_last_week_by_newer_code_makes_no_call_and_changes_nothing(house):
    house.know(world(outage(), outage(DAY_MINUTES)))
    house.run(FRIDAY)
    house.run(SATURDAY)
    said, calls = house.said(*TABLES, r.TICKET_SUGGESTIONS, without=LINEAGE), house.rows(o.TICKET_OUTBOX)
    assert [row["ticket_action"] for row in calls].count("create") == 2
    house.context = replace(house.context, code_version="2")
    house.run(FRIDAY)
    assert house.rows(o.TICKET_OUTBOX) == calls
    assert house.said(*TABLES, r.TICKET_SUGGESTIONS, without=LINEAGE) == said


def test_nothing_learned_after_the_knowledge_cut_is_used(house):
    house.know(world(outage()), as_of=MIDNIGHT)
    late = facts([event(-30, "HighLatency", "service/orders", severity="critical")])
    house.tell(t.RAW_ALERTS, late.raw_alerts, source="am2", as_of=FRIDAY.end + DAY)
    house.run(FRIDAY, FRIDAY.end)
    assert len(house.rows(r.ALERTS)) == 1
    (before,) = house.rows(r.INCIDENTS)
    house.run(FRIDAY, FRIDAY.end + 2 * DAY)
    assert len(house.rows(r.ALERTS)) == 2
    assert before["incident_id"] in {row["incident_id"] for row in house.rows(r.INCIDENTS)}


def test_a_late_alert_revises_the_incident_under_its_old_id_and_makes_no_second_ticket(house):
    house.know(world(outage()))
    house.run(FRIDAY)
    (before,) = house.rows(r.INCIDENTS)
    late = facts([event(-5, "HighLatency", "service/orders", severity="critical")])
    house.tell(t.RAW_ALERTS, late.raw_alerts, source="am2", as_of=FRIDAY.end + DAY / 24)
    house.run(FRIDAY, FRIDAY.end + DAY / 2)
    (after,) = house.rows(r.INCIDENTS)
    assert after["incident_id"] == before["incident_id"]
    assert after["started_at"] == at(-5)
    assert len({row["external_key"] for row in house.rows(o.TICKET_OUTBOX)}) == 1


def test_risks_that_are_issued_at_the_end_of_the_window_get_a_ticket(house):
    house.know(world())
    issued = FRIDAY.end
    risk = {
        **anomaly(0, "host/db-1", "x"),
        "finding_id": "fnd-risk",
        "finding_kind": "capacity_risk",
        "started_at": issued,
        "detected_at": issued,
        "ended_at": None,
        "title": "file system of db-1 runs full",
        "summary": "Full in 3 days.",
    }
    rows = table(r.FINDINGS, [{name: risk.get(name) for name in r.FINDINGS.names}])
    house.tell(
        r.FINDINGS, rows, source="forecast", window=Window(issued, issued + timedelta(microseconds=1)), as_of=issued
    )
    house.run(FRIDAY, issued)
    (call,) = house.rows(o.TICKET_OUTBOX)
    assert (call["subject_id"], call["started_at"]) == ("fnd-risk", issued)
    house.run(SATURDAY)
    assert len(house.rows(o.TICKET_OUTBOX)) == 1


def test_no_personal_data_or_secret_is_stored(house):
    told, seen = outage()
    told[0]["summary"] = "failing for kim@example.com, password=hunter2"
    harm = [
        log(m / 2, "orders-db: login of lee@example.org failed, token=abc123def", service="orders") for m in range(60)
    ]
    house.know(world((told, seen)), logs=harm)
    house.run()
    everything = str(house.said(*TABLES, r.TICKET_SUGGESTIONS, o.TICKET_OUTBOX))
    assert "orders-db: login of [email] failed" in everything
    for secret in ("kim@example.com", "hunter2", "lee@example.org", "abc123def"):
        assert secret not in everything


def test_without_any_data_nothing_is_said(house):
    report = house.run()
    assert report.details["incidents"] == 0
    assert all(rows == [] for rows in house.said(*TABLES, r.TICKET_SUGGESTIONS, o.TICKET_OUTBOX).values())
