"""What a publication does to SQLite and to PostgreSQL, table by table."""

import time
from datetime import UTC, datetime, timedelta, timezone

import psycopg
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from warehouse_rows import DAY, finding, findings, hours, publish, random_rows, run_of, snapshot, stamped

from aiops_jobs.adapters.warehouse import SqlWarehouse, runs
from aiops_jobs.adapters.warehouse.schema import sql_table
from aiops_jobs.adapters.warehouse.transfer import load
from aiops_jobs.contracts import TABLES, WAREHOUSE_TABLES
from aiops_jobs.contracts.operations import (
    POLICIES,
    QUALITY_RESULTS,
    RUN_ATTEMPTS,
    RUN_INPUTS,
    RUNS,
    SOURCE_HEALTH,
    TICKET_OUTBOX,
)
from aiops_jobs.contracts.results import ANOMALIES, CAPACITY_FORECASTS, FINDINGS
from aiops_jobs.errors import ConnectorUnavailable, ContractError, NotFoundError, Superseded
from aiops_jobs.ports import Filter, InputFile, Publication, TableRows

pytest_plugins = ["servers_postgres"]

WINDOW = hours(0, 4)
AS_OF = DAY + timedelta(days=1)
RUN = run_of("a", WINDOW, AS_OF, input_manifest_id="man-a", rows_in=10, rows_published=2)
INPUTS = (
    InputFile("part-1", "metric_points", "0" * 64, 5, DAY, DAY),
    InputFile("p'2", "spans", "1" * 64, 5, None, None),
)


def everything(run=RUN):
    return {
        "inputs": INPUTS,
        "quality": random_rows(QUALITY_RESULTS, 5, run_id=run.run_id),
        "health": random_rows(SOURCE_HEALTH, 3, run_id=run.run_id, as_of=run.as_of),
        "outbox": random_rows(TICKET_OUTBOX, 4, run_id=run.run_id),
        "upserts": (TableRows(POLICIES, random_rows(POLICIES, 3)),),
    }


def two(run=RUN):
    return findings(run, [finding("x", DAY), finding("y", DAY + timedelta(hours=1), ended_at=AS_OF)])


def ids(warehouse):
    return warehouse.read(FINDINGS)["finding_id"].to_pylist()


def test_a_repeated_publication_changes_nothing_but_the_tries(warehouse):
    publish(warehouse, RUN, two(), **everything())
    first = snapshot(warehouse, WAREHOUSE_TABLES)
    publish(warehouse, RUN, two(), **everything())
    assert snapshot(warehouse, WAREHOUSE_TABLES) == first
    assert warehouse.read(RUN_ATTEMPTS).num_rows == 2
    filled = {name for name, rows in first.items() if rows}
    assert filled >= {
        "runs",
        "run_inputs",
        "run_spans",
        "quality_results",
        "source_health",
        "ticket_outbox",
        "policies",
    }


def test_a_run_says_nothing_of_the_clock(warehouse):
    publish(warehouse, RUN, two())
    row = warehouse.read(RUNS).to_pylist()[0]
    instants = {value for value in row.values() if isinstance(value, datetime)}
    assert instants == {WINDOW.start, WINDOW.end, AS_OF}
    assert (row["run_status"], row["rows_in"], row["rows_published"]) == ("completed", 10, 2)


def test_a_failed_try_leaves_a_completed_run_completed(warehouse):
    publish(warehouse, RUN, two())
    before = snapshot(warehouse, WAREHOUSE_TABLES)
    attempt = warehouse.begin(RUN)
    warehouse.fail(RUN, attempt_id=attempt, error="the source\0 hung up")
    assert snapshot(warehouse, WAREHOUSE_TABLES) == before
    last = warehouse.read(RUN_ATTEMPTS, where=[Filter("attempt_id", attempt)]).to_pylist()[0]
    assert (last["run_status"], last["last_error"]) == ("failed", "the source\N{REPLACEMENT CHARACTER} hung up")


def test_a_run_that_failed_and_is_tried_again_ends_completed(warehouse):
    warehouse.fail(RUN, attempt_id=warehouse.begin(RUN), error="no")
    assert warehouse.read(RUNS)["run_status"].to_pylist() == ["failed"]
    second = warehouse.begin(RUN)
    assert warehouse.read(RUNS)["run_status"].to_pylist() == ["running"]
    warehouse.fail(RUN, attempt_id=second, error="no")
    publish(warehouse, RUN)
    assert warehouse.read(RUNS)["run_status"].to_pylist() == ["completed"]


def test_a_try_whose_process_vanished_is_not_running_for_ever(warehouse):
    silent = warehouse.begin(RUN)
    publish(warehouse, RUN, two())
    row = warehouse.read(RUN_ATTEMPTS, where=[Filter("attempt_id", silent)]).to_pylist()[0]
    assert row["run_status"] == "superseded"
    assert row["ended_at"] is not None


def test_a_publication_without_its_lease_writes_nothing(warehouse):
    with warehouse.lease("job") as lease:
        attempt = warehouse.begin(RUN)
    with pytest.raises(Superseded):
        warehouse.publish(Publication(run=RUN, tables=(two(),)), attempt_id=attempt, lease=lease)
    assert ids(warehouse) == []
    assert warehouse.read(RUN_ATTEMPTS)["run_status"].to_pylist() == ["superseded"]
    assert warehouse.read(RUNS)["run_status"].to_pylist() == ["running"]


def test_one_bad_table_takes_the_whole_publication_back(warehouse):
    bad = random_rows(QUALITY_RESULTS, 2, run_id=RUN.run_id)
    bad = bad.set_column(bad.column_names.index("reason"), "reason", pa.array(["fine", "nul\0byte"]))
    with pytest.raises(
        ContractError, match=r"`quality_results`.*column `reason` holds the character U\+0000 in 1 rows"
    ):
        publish(warehouse, RUN, two(), inputs=INPUTS, quality=bad)
    assert ids(warehouse) == []
    assert warehouse.read(RUN_INPUTS).num_rows == 0
    assert warehouse.read(RUN_ATTEMPTS)["run_status"].to_pylist() == ["failed"]
    assert "U+0000" in warehouse.read(RUN_ATTEMPTS)["last_error"].to_pylist()[0]


def test_rows_must_carry_the_lineage_of_their_run(warehouse):
    other = run_of("b", WINDOW, AS_OF, input_manifest_id="man-a")
    with pytest.raises(ContractError, match="column `run_id` must be that of run `run-a`"):
        publish(warehouse, RUN, two(other))
    with pytest.raises(ContractError, match="keeps no lineage"):
        publish(warehouse, RUN, TableRows(POLICIES, random_rows(POLICIES, 1)))


def test_a_try_that_was_never_begun_cannot_be_published(warehouse):
    with warehouse.lease("job") as lease, pytest.raises(NotFoundError, match="no try `try-0`"):
        warehouse.publish(Publication(run=RUN, tables=(two(),)), attempt_id="try-0", lease=lease)
    assert ids(warehouse) == []


def test_rows_are_deleted_in_the_span_and_scope_of_the_run_only(warehouse):
    hour = timedelta(hours=1)
    early, kept = finding("early", DAY - hour), finding("other", DAY + hour, kind="capacity_risk")
    publish(warehouse, RUN, findings(RUN, [early, kept, finding("gone", DAY + hour), finding("end", WINDOW.end)]))
    later = run_of("b", WINDOW, AS_OF + hour)
    publish(warehouse, later, findings(later, [], scope=[Filter("finding_kind", ["anomaly", "failure_risk"])]))
    assert ids(warehouse) == ["fnd-early", "fnd-end", "fnd-other"]


def test_a_span_of_its_own_replaces_that_of_the_run(warehouse):
    publish(warehouse, RUN, two())
    later = run_of("b", WINDOW, AS_OF + timedelta(hours=1))
    publish(warehouse, later, findings(later, [], span=hours(0, 1)))
    assert ids(warehouse) == ["fnd-y"]


def test_two_statements_about_one_table_do_not_delete_each_others_rows(warehouse):
    first, second = findings(RUN, [finding("x", DAY)]), findings(RUN, [finding("y", DAY)])
    publish(warehouse, RUN, first, second)
    assert ids(warehouse) == ["fnd-x", "fnd-y"]


def test_nulls_are_equal_content_and_equal_content_keeps_its_first_witness(warehouse):
    publish(warehouse, RUN, two())
    later = run_of("b", WINDOW, AS_OF + timedelta(hours=1), input_manifest_id="man-b")
    publish(warehouse, later, two(later))
    assert warehouse.read(FINDINGS)["run_id"].to_pylist() == ["run-a", "run-a"]
    assert warehouse.read(FINDINGS)["input_manifest_id"].to_pylist() == ["man-a", "man-a"]


def test_a_lookback_of_an_equally_informed_later_window_is_not_undone(warehouse):
    """A back-fill with one as_of for all windows, in whatever order."""
    at = DAY + timedelta(hours=3)
    monday = run_of("mon", hours(0, 4), AS_OF)
    tuesday = run_of("tue", hours(4, 8), AS_OF, span=hours(2, 8))
    publish(warehouse, tuesday, findings(tuesday, [finding("x", at, ended_at=DAY + timedelta(hours=5))]))
    publish(warehouse, monday, findings(monday, [finding("x", at), finding("wrong", at)]))
    rows = warehouse.read(FINDINGS).to_pylist()
    assert [(row["finding_id"], row["run_id"], row["ended_at"].hour) for row in rows] == [("fnd-x", "run-tue", 5)]


def test_inputs_and_quality_of_a_run_are_replaced(warehouse):
    publish(warehouse, RUN, inputs=INPUTS, quality=random_rows(QUALITY_RESULTS, 5, run_id=RUN.run_id))
    publish(warehouse, RUN, inputs=INPUTS[:1], quality=random_rows(QUALITY_RESULTS, 2, seed=1, run_id=RUN.run_id))
    assert warehouse.read(RUN_INPUTS)["path"].to_pylist() == ["part-1"]
    assert warehouse.read(QUALITY_RESULTS).num_rows == 2
    publish(warehouse, RUN)
    assert warehouse.read(QUALITY_RESULTS).num_rows == 0


def test_the_health_of_a_source_is_that_of_the_later_knowledge(warehouse):
    key = {"source": "prom", "table_name": "spans", "window_start": DAY, "window_end": AS_OF}
    for name, as_of, state in (("b", AS_OF + timedelta(hours=1), "ok"), ("a", AS_OF, "silent")):
        run = run_of(name, WINDOW, as_of)
        health = random_rows(SOURCE_HEALTH, 1, run_id=run.run_id, as_of=as_of, source_state=state)
        health = pa.Table.from_pylist([health.to_pylist()[0] | key], schema=health.schema)
        publish(warehouse, run, health=health)
    assert warehouse.read(SOURCE_HEALTH)["source_state"].to_pylist() == ["ok"]


def test_a_call_that_is_already_in_the_outbox_keeps_its_state(warehouse):
    sent = random_rows(TICKET_OUTBOX, 1, outbox_state="sent", remote_key="OPS-1")
    again = sent.to_pylist()[0] | {"outbox_state": "pending", "remote_key": None}
    fresh = again | {"outbox_id": "new"}
    publish(warehouse, RUN, outbox=sent)
    publish(warehouse, RUN, outbox=pa.Table.from_pylist([again, fresh], schema=sent.schema))
    states = {row["outbox_id"]: row["outbox_state"] for row in warehouse.read(TICKET_OUTBOX).to_pylist()}
    assert states == {again["outbox_id"]: "sent", "new": "pending"}


def test_upserts_go_by_key_alone(warehouse):
    rows = random_rows(POLICIES, 3)
    changed = rows.set_column(rows.column_names.index("spec"), "spec", pa.array(['{"new":1}'] * 3))
    publish(warehouse, RUN, upserts=(TableRows(POLICIES, rows),))
    publish(warehouse, RUN, upserts=(TableRows(POLICIES, changed.slice(0, 1)),))
    specs = warehouse.read(POLICIES)["spec"].to_pylist()
    assert specs.count('{"new":1}') == 1
    assert len(specs) == 3


def test_an_instant_of_seoul_comes_back_as_the_same_instant(warehouse):
    seoul = timezone(timedelta(hours=9))
    as_of = datetime(2026, 11, 21, 9, 0, 0, 123456, tzinfo=seoul)
    run = run_of("seoul", WINDOW, as_of)
    started = pa.array([datetime(2026, 11, 20, 9, 30, tzinfo=seoul)], pa.timestamp("us", tz="Asia/Seoul"))
    rows = stamped(FINDINGS, run, [finding("x", DAY)])
    rows = rows.set_column(rows.column_names.index("started_at"), "started_at", started)
    publish(warehouse, run, TableRows(FINDINGS, rows))
    row = warehouse.read(FINDINGS).to_pylist()[0]
    assert row["as_of"] == datetime(2026, 11, 21, 0, 0, 0, 123456, tzinfo=UTC)
    assert row["started_at"] == DAY + timedelta(minutes=30)
    assert row["as_of"].utcoffset() == timedelta(0)
    assert warehouse.read(FINDINGS, window=hours(0, 1)).num_rows == 1
    assert warehouse.read(RUNS, where=[Filter("as_of", as_of)]).num_rows == 1


def test_naive_instants_are_refused_everywhere(warehouse):
    rows = stamped(FINDINGS, RUN, [finding("x", DAY)])
    naive = rows.set_column(rows.column_names.index("started_at"), "started_at", pa.array([datetime(2026, 11, 20)]))
    with pytest.raises(ContractError, match=r"`started_at`.*naive"):
        publish(warehouse, RUN, TableRows(FINDINGS, naive))
    with pytest.raises(ValueError, match="no time zone"):
        warehouse.read(RUNS, where=[Filter("as_of", datetime(2026, 11, 20))])


def test_reading_filters_orders_and_limits(warehouse):
    hour = timedelta(hours=1)
    said = [
        finding("a", DAY, severity="critical", confidence_ratio=0.5),
        finding("b", DAY + hour, service_name="it's; DROP TABLE findings;--"),
        finding("c", DAY + 2 * hour, confidence_ratio=0.25),
        finding("B", DAY + 3 * hour),
    ]
    publish(warehouse, RUN, findings(RUN, said))

    def read(**question):
        return [row["finding_id"].removeprefix("fnd-") for row in warehouse.read(FINDINGS, **question).to_pylist()]

    assert read() == ["B", "a", "b", "c"]
    assert read(window=hours(1, 3)) == ["b", "c"]
    assert read(where=[Filter("severity", "critical")]) == ["a"]
    assert read(where=[Filter("finding_id", ["fnd-a", "fnd-c", "none"]), Filter("severity", "warning")]) == ["c"]
    assert read(where=[Filter("finding_id", [])]) == []
    assert read(where=[Filter("confidence_ratio", None)]) == ["B", "b"]
    assert read(where=[Filter("confidence_ratio", [None, 0.5])]) == ["B", "a", "b"]
    assert read(where=[Filter("service_name", "it's; DROP TABLE findings;--")]) == ["b"]
    assert read(order_by=["confidence_ratio"]) == ["c", "a", "B", "b"]
    assert read(order_by=["-confidence_ratio"], limit=3) == ["a", "c", "B"]
    assert read(order_by=["-started_at"], limit=2) == ["B", "c"]
    with pytest.raises(NotFoundError, match="no column of `findings` `tile`"):
        warehouse.read(FINDINGS, where=[Filter("tile", 1)])
    with pytest.raises(NotFoundError, match="no warehouse table `metric_points`"):
        warehouse.read(TABLES["metric_points"])


def test_what_is_read_conforms_to_its_contract(warehouse):
    publish(warehouse, RUN, two(), **everything())
    for table in WAREHOUSE_TABLES.values():
        rows = warehouse.read(table)
        assert rows.schema.equals(table.to_arrow(), check_metadata=True), table.name
        assert table.conform(rows).equals(rows)


def test_fifty_thousand_rows_are_no_matter(warehouse):
    count = 50_000
    rows = random_rows(CAPACITY_FORECASTS, 1)
    base = {name: rows[name][0].as_py() for name in rows.column_names}
    full = {name: pa.array([value] * count, rows.schema.field(name).type) for name, value in base.items()}
    times = pc.add(pa.array([DAY] * count, pa.timestamp("us", tz="UTC")), pa.array(range(count), pa.duration("us")))
    numbers = pa.array([i / 7 for i in range(count)])
    run = run_of("bulk", WINDOW, AS_OF)
    stamps = {"run_id": run.run_id, "as_of": AS_OF, "code_version": run.code_version, "config_hash": run.config_hash}
    full |= {name: pa.array([value] * count, rows.schema.field(name).type) for name, value in stamps.items()}
    full |= {"issued_at": times, "p50": numbers, "input_manifest_id": pa.nulls(count, pa.string())}
    big = CAPACITY_FORECASTS.conform(pa.table(full))
    began = time.process_time()
    publish(warehouse, run, TableRows(CAPACITY_FORECASTS, big))
    publish(warehouse, run, TableRows(CAPACITY_FORECASTS, big))
    read = warehouse.read(CAPACITY_FORECASTS)
    assert time.process_time() - began < 15
    assert read.equals(big)


def test_tables_of_one_publication_are_visible_together(warehouse):
    run = run_of("c", WINDOW, AS_OF)
    anomalies = stamped(ANOMALIES, run, random_rows(ANOMALIES, 3).to_pylist())
    publish(warehouse, run, findings(run, [finding("x", DAY)]), TableRows(ANOMALIES, anomalies))
    assert warehouse.read(ANOMALIES).to_pylist() == anomalies.sort_by("finding_id").to_pylist()
    assert ids(warehouse) == ["fnd-x"]


def test_a_writer_that_waits_too_long_is_told_to_try_again(tmp_path):
    patient, hasty = (SqlWarehouse(f"sqlite:///{tmp_path}/w.db", busy_timeout_s=s) for s in (30, 0.1))
    patient.migrate()
    with patient.database.writing(), pytest.raises(ConnectorUnavailable, match="database is locked"):
        hasty.begin(RUN)
    assert hasty.begin(RUN)
    patient.close()
    hasty.close()


def test_a_full_disk_leaves_nothing_half_and_is_no_end(tmp_path):
    warehouse = SqlWarehouse(f"sqlite:///{tmp_path}/w.db")
    warehouse.migrate()
    with warehouse.database.writing() as connection:
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar()
        connection.exec_driver_sql(f"PRAGMA max_page_count={pages + 20}")
    many = [finding(f"{i:04d}", DAY, summary="x" * 400) for i in range(2000)]
    with pytest.raises(ConnectorUnavailable, match="full"):
        publish(warehouse, RUN, findings(RUN, many))
    assert ids(warehouse) == []
    warehouse.close()
    publish(warehouse, RUN, findings(RUN, many))
    assert len(ids(warehouse)) == 2000
    warehouse.close()


@pytest.mark.servers
def test_a_lost_connection_loses_the_transaction_and_the_next_one_works(postgres_url):
    warehouse = SqlWarehouse(postgres_url)
    warehouse.migrate()
    with psycopg.connect(postgres_url, autocommit=True) as admin:
        with pytest.raises(ConnectorUnavailable), warehouse.database.writing() as connection:
            runs.begin(connection, RUN, DAY)
            backend = connection.exec_driver_sql("SELECT pg_backend_pid()").scalar()
            admin.execute("SELECT pg_terminate_backend(%s)", [backend])
            load(connection, sql_table(FINDINGS), stamped(FINDINGS, RUN, [finding("x", DAY)]))
        others = "FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND datname = current_database()"
        with warehouse.lease("job") as lease:
            attempt = warehouse.begin(RUN)
            admin.execute(f"SELECT pg_terminate_backend(pid) {others}")  # idle connections are replaced unnoticed
            lease.verify()
    assert warehouse.read(RUN_ATTEMPTS)["attempt_id"].to_pylist() == [attempt]
    publish(warehouse, RUN, two())
    assert ids(warehouse) == ["fnd-x", "fnd-y"]
    warehouse.close()
