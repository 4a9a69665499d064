"""Files as somebody exports them: understood as declared, halves of a window add up, bad rows are put aside one by one."""

import gzip
import json
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from aiops_jobs.adapters.sources import file_lines
from aiops_jobs.adapters.sources.file_settings import stem_of
from aiops_jobs.adapters.sources.files import FilesSource, Settings
from aiops_jobs.contracts.telemetry import (
    CHANGES,
    CONFIGURATION_ITEMS,
    INGESTED,
    LOG_RECORDS,
    METRIC_POINTS,
    RAW_ALERTS,
    SPANS,
    TICKET_HISTORY,
    TOPOLOGY_EDGES,
)
from aiops_jobs.errors import ConfigurationError, ConnectorError, ConnectorUnavailable
from aiops_jobs.ports import all_ok
from aiops_jobs.window import Window

DAY = Window.parse("2026-11-20T00:00:00Z", "2026-11-21T00:00:00Z")
HEADER = "observed_at,metric_name,host_name,value"
GOOD = "2026-11-20T00:00:00Z,cpu,web-01,1.5"


def source(folder, **said):
    return FilesSource("vm", Settings(path=folder, **said))


def metrics(folder, text, name="metric_points.csv", window=DAY, **spec):
    """Write one file, read it as metric points; return rows with their locators, and rejects by locator."""
    (folder / name).write_bytes(text if isinstance(text, bytes) else text.encode())
    return read(source(folder, tables={"metric_points": spec}), METRIC_POINTS, window)


def read(reader, table, window=DAY):
    rows, rejects = {}, {}
    for batch in reader.extract(table, window):
        shaped = table.shape(batch.rows)
        assert len(batch.locators if batch.locators is not None else []) == shaped.num_rows
        rows |= dict(zip((batch.locators or pa.array([])).to_pylist(), shaped.to_pylist(), strict=True))
        rejects |= {reject.locator: reject for reject in batch.rejects}
    return rows, rejects


def codes(rejects):
    return {locator: reject.reason_code for locator, reject in rejects.items()}


# --- the catalogue of bad input -------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["", "\n", HEADER, f"{HEADER}\n", "\ufeff"])
@pytest.mark.parametrize("name", ["metric_points.csv", "metric_points.jsonl"])
def test_an_empty_file_holds_nothing(tmp_path, text, name):
    if name.endswith("csv") or HEADER not in text:
        assert metrics(tmp_path, text, name) == ({}, {})


def test_korean_exports_are_read_without_being_asked(tmp_path):
    text = f"{HEADER}\n2026-11-20T00:00:00Z,응답시간,서버-01,1\n"
    for encoding in ("utf-8", "utf-8-sig", "cp949", "utf-16"):
        rows, rejects = metrics(tmp_path, text.encode(encoding))
        assert [(row["metric_name"], row["host_name"]) for row in rows.values()] == [("응답시간", "서버-01")]
        assert rejects == {}


def test_ragged_rows_go_to_quarantine_with_file_and_line(tmp_path):
    rows, rejects = metrics(tmp_path, f"{HEADER}\n{GOOD}\n{GOOD},extra\n2026-11-20T00:05:00Z,cpu\n{GOOD}\n")
    assert list(rows) == ["metric_points.csv:2", "metric_points.csv:5"]
    assert codes(rejects) == {"metric_points.csv:3": "RAGGED_ROW", "metric_points.csv:4": "RAGGED_ROW"}
    assert rejects["metric_points.csv:3"].raw == f"{GOOD},extra"


def test_a_column_named_twice_is_an_error_of_the_file(tmp_path):
    with pytest.raises(ConnectorError, match=r"`vm`: metric_points.csv: its header names a column twice: `value`"):
        metrics(tmp_path, f"{HEADER},value\n{GOOD},2\n")


def test_hosts_called_na_or_null_stay_hosts(tmp_path):
    names = ["NA", "null", "None", "nan", "N/A", "0012", "9007199254740993", "18446744073709551616"]
    rows, _ = metrics(tmp_path, HEADER + "".join(f"\n2026-11-20T00:00:00Z,cpu,{name},1" for name in names))
    assert [row["host_name"] for row in rows.values()] == names
    assert [row["entity_id"] for row in rows.values()] == [f"host/{name}" for name in names]


@pytest.mark.parametrize("cell", ["1_000", "0x10", "12%", "1.2k", "１２", "n/a", "--", '"1,234.5"', "1e", "."])
def test_a_value_that_is_no_number_is_put_aside(tmp_path, cell):
    rows, rejects = metrics(tmp_path, f"{HEADER}\n{GOOD}\n2026-11-20T00:05:00Z,cpu,web-01,{cell}\n{GOOD}")
    assert list(rows) == ["metric_points.csv:2", "metric_points.csv:4"]
    assert codes(rejects) == {"metric_points.csv:3": "NOT_A_NUMBER"}
    assert rejects["metric_points.csv:3"].column_name == "value"


@pytest.mark.parametrize("cell", ["NaN", "inf", "-Infinity", "1e400", "-0", "+1.5", "1e5", ".5", ""])
def test_numbers_that_could_be_go_on_to_the_gate(tmp_path, cell):
    rows, rejects = metrics(tmp_path, f"{HEADER}\n{GOOD}\n2026-11-20T00:05:00Z,cpu,web-01,{cell}\nx,cpu,web-01,?\n")
    value = rows["metric_points.csv:3"]["value"]
    np.testing.assert_equal(value, float(cell) if cell else None)
    assert codes(rejects) == {"metric_points.csv:4": "NOT_AN_INSTANT"}


def test_a_broken_line_of_json_leaves_its_siblings_alone(tmp_path):
    good = json.dumps(dict(zip(HEADER.split(","), ["2026-11-20T00:00:00Z", "cpu", "web-01", 1.5], strict=True)))
    rows, rejects = metrics(tmp_path, f'{good}\n{{"observed_at":\n[1]\n{good}\n', "metric_points.jsonl")
    assert list(rows) == ["metric_points.jsonl:1", "metric_points.jsonl:4"]
    assert codes(rejects) == {"metric_points.jsonl:2": "BROKEN_LINE", "metric_points.jsonl:3": "BROKEN_LINE"}


def test_a_line_without_end_is_put_aside(tmp_path):
    rows, rejects = metrics(tmp_path, f"{HEADER}\n{GOOD}\n" + "x" * 3_000_000 + f"\n{GOOD}\n")
    assert list(rows) == ["metric_points.csv:2", "metric_points.csv:4"]
    assert codes(rejects) == {"metric_points.csv:3": "LINE_TOO_LONG"}
    assert len(rejects["metric_points.csv:3"].raw) == 4096


def test_times_without_a_zone_need_one_in_the_settings(tmp_path):
    text = f"{HEADER}\n2026-11-20 09:00:00,cpu,web-01,1\n"
    with pytest.raises(ConfigurationError, match=r"Setting `sources.vm.tables.metric_points.timezone` is needed"):
        metrics(tmp_path, text)
    rows, _ = metrics(tmp_path, text, timezone="Asia/Seoul")
    assert rows["metric_points.csv:2"]["observed_at"] == DAY.start
    rows, _ = read(source(tmp_path, timezone="Asia/Seoul"), METRIC_POINTS)
    assert len(rows) == 1


def test_numbers_for_times_need_their_unit(tmp_path):
    text = f"{HEADER}\n1795132800,cpu,web-01,1\n1795132800000,cpu,web-01,2\n"
    with pytest.raises(ConfigurationError, match=r"time_unit` is needed.*such as 1795132800"):
        metrics(tmp_path, text)
    rows, rejects = metrics(tmp_path, text, time_unit="s")
    assert [row["observed_at"] for row in rows.values()] == [DAY.start]
    assert codes(rejects) == {"metric_points.csv:3": "ABSURD_TIME"}


@pytest.mark.parametrize("cell", ["0001-01-01T00:00:00Z", "2199-01-01T00:00:00Z", "", "never"])
def test_absurd_and_missing_times_are_put_aside(tmp_path, cell):
    rows, rejects = metrics(tmp_path, f"{HEADER}\n{GOOD}\n{cell},cpu,web-01,1\n")
    assert list(rows) == ["metric_points.csv:2"]
    assert list(rejects) == ["metric_points.csv:3"]
    assert rejects["metric_points.csv:3"].reason_code in {"ABSURD_TIME", "NOT_AN_INSTANT"}


@pytest.mark.parametrize(
    ("header", "spec", "hint"),
    [
        ("observed_at,metric,host_name,value", {}, r"no column `metric_name` \(did you mean `metric`\?\)"),
        (HEADER, {"columns": {"value": "valeu"}}, r"no column `valeu` \(did you mean `value`\?\)"),
        ("a,b,c,d", {}, "it has `a`, `b`, `c`, `d`"),
        (HEADER, {"labels": ["dc"]}, "no column `dc`"),
    ],
)
def test_a_missing_or_renamed_column_is_named_with_the_nearest(tmp_path, header, spec, hint):
    with pytest.raises(ConnectorError, match=r"`vm`: metric_points.csv: .*" + hint):
        metrics(tmp_path, f"{header}\n{GOOD}\n", **spec)


def test_a_damaged_file_is_put_aside_whole_and_the_others_are_read(tmp_path):
    (tmp_path / "metric_points-b.csv").write_text(f"{HEADER}\n{GOOD}\n")
    (tmp_path / "metric_points-a.parquet").write_bytes(b"PAR1 but no more")
    (tmp_path / "metric_points-c.csv.gz").write_bytes(gzip.compress(b"x" * 100)[:15])
    rows, rejects = read(source(tmp_path), METRIC_POINTS)
    assert list(rows) == ["metric_points-b.csv:2"]
    assert codes(rejects) == {"metric_points-a.parquet": "UNREADABLE_FILE", "metric_points-c.csv.gz": "UNREADABLE_FILE"}


def test_no_row_disappears_whatever_is_broken(tmp_path):
    lines = [
        GOOD,
        f"{GOOD},x",
        '2026-11-20T00:00:00Z,cpu,"w,1',
        "?,cpu,a,1",
        "2026-11-20T00:00:00Z,cpu,a,?",
        "",
        "2026-11-20T00:00:00Z,cpu,caf\xe9,1",
    ]
    text = "\n".join([HEADER, *lines * 50]).encode("latin-1") + "\n2026-11-20T00:00:00Z,cpu,서버,1\n".encode()
    rows, rejects = metrics(tmp_path, text)
    numbers = sorted(int(locator.rpartition(":")[2]) for locator in (*rows, *rejects))
    assert numbers == [n for n in range(2, 2 + 7 * 50 + 1) if (n - 2) % 7 != 5]
    assert not rows.keys() & rejects.keys()


# --- windows --------------------------------------------------------------------------------------------------------


def hourly(count):
    return [f"{(DAY.start + timedelta(hours=h)).isoformat()},cpu,web-01,{h}" for h in range(count)]


def write(folder, form, lines):
    if form == "parquet":
        cells = [line.split(",") for line in lines if "broken" not in line]
        columns = dict(zip(HEADER.split(","), map(list, zip(*cells, strict=True)), strict=True))
        columns["observed_at"] = pa.array(
            [datetime.fromisoformat(t) for t in columns["observed_at"]], pa.timestamp("us", "UTC")
        )
        columns["value"] = pa.array(list(map(float, columns["value"])))
        pq.write_table(pa.table(columns), folder / "metric_points.parquet", row_group_size=5)
    elif form == "jsonl":
        objects = [
            line if "broken" in line else json.dumps(dict(zip(HEADER.split(","), line.split(","), strict=True)))
            for line in lines
        ]
        (folder / "metric_points.jsonl").write_text("\n".join(objects) + "\n")
    else:
        data = "\n".join([HEADER, *lines, ""]).encode()
        (folder / f"metric_points.{form}").write_bytes(gzip.compress(data) if form.endswith("gz") else data)


@settings(deadline=None, max_examples=12)
@given(
    cuts=st.lists(st.integers(1, 71), min_size=1, max_size=5, unique=True), shuffled=st.randoms(use_true_random=False)
)
@pytest.mark.parametrize("form", ["csv", "csv.gz", "jsonl", "parquet"])
def test_rows_and_rejects_of_the_parts_are_those_of_the_whole(tmp_path_factory, form, cuts, shuffled):
    folder = tmp_path_factory.mktemp("files")
    lines = hourly(60)
    for place in (0, 7, 7, 30, 60):
        lines.insert(place, "broken,beyond,repair")
    write(folder, form, lines)
    edges = [DAY.start + timedelta(hours=h) for h in (0, *sorted(cuts), 72)]
    parts = [Window(a, b) for a, b in zip(edges, edges[1:], strict=False)]
    shuffled.shuffle(parts)
    reader = source(folder)
    found = [read(reader, METRIC_POINTS, part) for part in parts]
    rows, rejects = read(source(folder), METRIC_POINTS, Window(edges[0], edges[-1]))
    assert len(rows) == 60
    assert len(rejects) == (0 if form == "parquet" else 5)
    assert sum(len(r) for r, _ in found) == 60
    assert sum(len(q) for _, q in found) == len(rejects)
    assert {k: v for r, _ in found for k, v in r.items()} == rows
    assert codes({k: v for _, q in found for k, v in q.items()}) == codes(rejects)
    for part, (r, _) in zip(parts, found, strict=True):
        assert all(part.contains(row["observed_at"]) for row in r.values())


def test_a_second_window_reads_only_the_blocks_it_needs(tmp_path, monkeypatch):
    monkeypatch.setattr(file_lines.TextOptions, "__init__", _small_blocks(file_lines.TextOptions.__init__))
    write(tmp_path, "csv", hourly(24 * 30))
    reader = source(tmp_path)
    read(reader, METRIC_POINTS, DAY)
    parsed = []
    genuine = file_lines._lines
    monkeypatch.setattr(
        file_lines, "_lines", lambda raw, place, *rest: parsed.append(place) or genuine(raw, place, *rest)
    )
    last = Window(DAY.start + timedelta(days=20), DAY.start + timedelta(days=21))
    rows, _ = read(reader, METRIC_POINTS, last)
    assert [row["value"] for row in rows.values()] == [float(h) for h in range(480, 504)]
    assert 1 < len(parsed) <= 5  # the header's block and those of the day, of some thirty
    with (tmp_path / "metric_points.csv").open("a") as file:
        file.write("2026-12-10T00:00:00Z,cpu,late,7\n")  # a changed file is read anew
    assert len(read(reader, METRIC_POINTS, last)[0]) == 25


def _small_blocks(genuine):
    def make(self, *args, **kwargs):
        genuine(self, *args, **kwargs)
        object.__setattr__(self, "block_bytes", 1000)

    return make


# --- other people's columns -----------------------------------------------------------------------------------------


def test_a_wide_export_becomes_one_row_a_cell(tmp_path):
    text = "Zeit;cpu;mem;Bemerkung\n20.11.2026 01:00;0.5;70;ok\n20.11.2026 01:05;;71;\n20.11.2026 01:10;kaputt;72;\n"
    (tmp_path / "web-01.csv").write_text(text)
    spec = {
        "files": "*.csv",
        "layout": "wide",
        "columns": {"observed_at": "Zeit"},
        "constants": {"host_name": "{stem}", "unit": "1"},
        "ignore": ["Bemerkung"],
        "delimiter": ";",
        "timezone": "Europe/Berlin",
        "time_format": "%d.%m.%Y %H:%M",
    }
    reader = source(tmp_path, tables={"metric_points": spec})
    batches = list(reader.extract(METRIC_POINTS, DAY))
    rows = [row for batch in batches for row in METRIC_POINTS.shape(batch.rows).to_pylist()]
    found = [(r["metric_name"], r["observed_at"].minute, r["value"], r["host_name"], r["unit"]) for r in rows]
    assert found == [
        ("cpu", 0, 0.5, "web-01", "1"),
        ("mem", 0, 70.0, "web-01", "1"),
        ("mem", 5, 71.0, "web-01", "1"),
        ("mem", 10, 72.0, "web-01", "1"),
    ]
    assert rows[0]["observed_at"] == DAY.start
    assert [loc for b in batches for loc in b.locators.to_pylist()] == [
        "web-01.csv:2",
        "web-01.csv:2",
        "web-01.csv:3",
        "web-01.csv:4",
    ]
    rejects = [reject for batch in batches for reject in batch.rejects]
    assert [(r.locator, r.reason_code, r.column_name) for r in rejects] == [("web-01.csv:4", "NOT_A_NUMBER", "cpu")]
    assert len({r["series_id"] for r in rows}) == 2


def test_mapped_columns_values_labels_and_headerless_files(tmp_path):
    (tmp_path / "log.tsv").write_text(
        "# exported\n1795132800\tweb\tcrit\tdisk full\teu\t7\n1795132801\tdb\tnotice\tok\t\t7\n"
    )
    spec = {
        "files": ["log.*"],
        "header": ["ts", "host", "level", "text", "dc", "pid"],
        "skip_lines": 1,
        "columns": {"observed_at": "ts", "host_name": "host", "severity_text": "level", "body": "text"},
        "values": {"host_name": {"db": "db-01"}},
        "labels": ["dc", "pid"],
        "time_unit": "s",
    }
    rows, _ = read(source(tmp_path, tables={"log_records": spec}), LOG_RECORDS)
    assert [(r["severity_text"], r["host_name"], r["body"], r["attributes"]) for r in rows.values()] == [
        ("FATAL", "web", "disk full", '{"dc":"eu","pid":"7"}'),
        ("INFO", "db-01", "ok", '{"pid":"7"}'),
    ]


def test_a_time_may_be_a_constant(tmp_path):
    (tmp_path / "cmdb.csv").write_text("entity_id,owner_team\nservice/web,web team\nhost/a,\n")
    spec = {"files": "cmdb.csv", "constants": {"valid_from": "2026-11-20T00:00:00Z"}}
    reader = source(tmp_path, tables={"configuration_items": spec})
    rows, _ = read(reader, CONFIGURATION_ITEMS)
    assert [(r["entity_kind"], r["owner_team"]) for r in rows.values()] == [("service", "web team"), ("host", None)]
    assert read(reader, CONFIGURATION_ITEMS, Window(DAY.end, DAY.end + timedelta(days=1))) == ({}, {})


# --- derived columns ------------------------------------------------------------------------------------------------


def test_ids_follow_from_what_identifies_the_thing(tmp_path):
    lines = ["observed_at,metric_name,service_name,host_name,value,labels"]
    keys = [("cpu", "web", ""), ("cpu", "", "web"), ("mem", "web", ""), ("cpu", "web", "")]
    lines += [f"2026-11-20T0{i}:00:00Z,{m},{s},{h},1," for i, (m, s, h) in enumerate(keys)]
    rows, _ = metrics(tmp_path, "\n".join(lines))
    ids = [row["series_id"] for row in rows.values()]
    assert ids[0] == ids[3]
    assert len(set(ids)) == 3
    assert [row["entity_id"] for row in rows.values()] == ["service/web", "host/web", "service/web", "service/web"]
    assert {row["source"] for row in rows.values()} == {"vm"}


def test_a_configuration_item_is_named_by_its_service_or_host(tmp_path):
    (tmp_path / "configuration_items.csv").write_text(
        "valid_from,service_name,host_name\n2026-11-20T00:00:00Z,web,\n2026-11-20T00:00:00Z,,db-01\n"
    )
    rows, _ = read(source(tmp_path), CONFIGURATION_ITEMS)
    assert [(r["entity_id"], r["entity_kind"]) for r in rows.values()] == [
        ("service/web", "service"),
        ("host/db-01", "host"),
    ]


def test_a_header_that_cannot_be_read_is_an_error_of_the_file(tmp_path):
    with pytest.raises(ConnectorError, match="its header line cannot be read"):
        metrics(tmp_path, b"observed_at,\xff\xff\n" + f"{HEADER}\n{GOOD}\n서버".encode())


def test_ids_in_the_file_are_kept_and_gaps_filled(tmp_path):
    rows, _ = metrics(tmp_path, f"{HEADER},series_id,source\n{GOOD},mine,elsewhere\n{GOOD},,elsewhere\n")
    first, second = rows.values()
    assert first["series_id"] == "mine"
    assert second["series_id"].startswith("ser-")
    assert {first["source"], second["source"]} == {"vm"}


def test_equal_log_lines_in_different_places_are_different_records(tmp_path):
    line = json.dumps({"observed_at": "2026-11-20T00:00:00Z", "severity_text": "ERROR", "body": "timeout"})
    (tmp_path / "log_records.jsonl").write_text(f"{line}\n{line}\n")
    first = read(source(tmp_path), LOG_RECORDS)[0]
    assert len({row["record_id"] for row in first.values()}) == 2
    again = read(source(tmp_path), LOG_RECORDS, Window(DAY.start, DAY.start + timedelta(seconds=1)))[0]
    assert again == first


def test_alerts_get_the_fingerprint_the_alertmanager_source_gives(tmp_path):
    from aiops_jobs.adapters.sources.labels import alert_fingerprint

    header = "observed_at,alert_name,alert_status,severity,service_name,host_name,summary,labels"
    text = f'{header}\n2026-11-20T00:00:00Z,X,firing,critical,web,,s,"{{""b"": 1, ""a"":2}}"\n'
    (tmp_path / "raw_alerts.csv").write_text(text)
    (row,) = read(source(tmp_path), RAW_ALERTS)[0].values()
    expected = alert_fingerprint(
        source="vm", alert_name="X", entity_id="service/web", service_name="web", host_name=None, labels='{"a":2,"b":1}'
    )
    assert row["alert_fingerprint"] == expected
    assert row["event_id"].startswith("evt-")


def test_labels_are_objects_with_sorted_keys_or_put_aside(tmp_path):
    cells = ['"{""b"":1,""a"":{""y"":1,""x"":2}}"', "[1]", "{broken", ""]
    rows, rejects = metrics(tmp_path, f"{HEADER},labels\n" + "\n".join(f"{GOOD},{cell}" for cell in cells))
    assert [row["labels"] for row in rows.values()] == ['{"a":{"x":2,"y":1},"b":1}', None]
    assert codes(rejects) == {"metric_points.csv:3": "NOT_AN_OBJECT", "metric_points.csv:4": "NOT_AN_OBJECT"}


# --- every table, every format --------------------------------------------------------------------------------------

EXAMPLES = {
    METRIC_POINTS: {"metric_name": "cpu", "value": 0.5, "host_name": "0012", "labels": '{"dc":"eu"}'},
    LOG_RECORDS: {"severity_text": "INFO", "body": '한글, "quoted"', "attributes": '{"a":1}'},
    SPANS: {
        "trace_id": "0af7",
        "span_id": "00f0",
        "service_name": "web",
        "span_name": "GET /",
        "duration_s": 0.25,
        "status_code": "ok",
    },
    RAW_ALERTS: {
        "alert_name": "X",
        "alert_status": "firing",
        "severity": "critical",
        "summary": "s",
        "service_name": "web",
    },
    CHANGES: {"change_id": "CHG1", "change_type": "deploy", "title": "t", "planned_end_at": "2026-11-20T13:00:00Z"},
    CONFIGURATION_ITEMS: {"entity_id": "service/web", "service_name": "web", "service_criticality": "high"},
    TOPOLOGY_EDGES: {
        "from_entity_id": "service/web",
        "to_entity_id": "database/d",
        "edge_type": "calls",
        "confidence_ratio": 0.5,
    },
    TICKET_HISTORY: {"ticket_key": "INC1", "title": "t", "priority": "P2", "resolved_at": "2026-11-21T00:00:00Z"},
}


@pytest.mark.parametrize("form", ["csv", "jsonl", "jsonl.gz", "parquet"])
@pytest.mark.parametrize("table", INGESTED, ids=lambda table: table.name)
def test_every_table_is_read_from_every_format(tmp_path, table, form):
    example = {table.time: "2026-11-20T12:00:00Z", **EXAMPLES[table]}
    path = tmp_path / f"{table.name}-2026.{form}"
    if form == "csv":
        quoted = ['"' + str(value).replace('"', '""') + '"' for value in example.values()]
        path.write_text(f"{','.join(example)}\n{','.join(quoted)}\n")
    elif form == "parquet":
        rows = {
            k: [datetime.fromisoformat(v)] if k.endswith(("_at", "valid_from")) else [v] for k, v in example.items()
        }
        pq.write_table(pa.table(rows), path)
    else:
        data = (json.dumps(example) + "\n").encode()
        path.write_bytes(gzip.compress(data) if form.endswith("gz") else data)
    reader = source(tmp_path)
    assert [t.name for t in reader.tables] == [table.name]
    assert all_ok(reader.check())
    (batch,) = reader.extract(table, DAY)
    row = table.conform(batch.rows).to_pylist()[0]
    told = {k: datetime.fromisoformat(v) if k.endswith(("_at", "valid_from")) else v for k, v in example.items()}
    assert {name: row[name] for name in told} == told
    assert batch.locators.to_pylist() == [
        f"{path.name}{'#1' if form == 'parquet' else ':2' if form == 'csv' else ':1'}"
    ]


def test_typed_columns_of_parquet_are_taken_as_they_are(tmp_path):
    rows = pa.table(
        {
            "observed_at": pa.array([DAY.start] * 3, pa.timestamp("ns", "Asia/Seoul")),
            "metric_name": pa.array(["cpu"] * 3).dictionary_encode(),
            "host_name": pa.array([12, 13, None], pa.int32()),
            "service_name": pa.array([1.0, float("nan"), 2.0**60]),
            "labels": [{"b": 1, "a": None}, None, {"b": 2, "a": "x"}],
            "value": pa.array([1, 2, 3], pa.decimal128(5, 2)),
        }
    )
    pq.write_table(rows, tmp_path / "metric_points.parquet")
    found, rejects = read(source(tmp_path), METRIC_POINTS)
    assert [(r["host_name"], r["service_name"], r["value"]) for r in found.values()] == [
        ("12", "1", 1.0),
        ("13", None, 2.0),
    ]
    assert [r["labels"] for r in found.values()] == ['{"a":null,"b":1}', None]
    assert codes(rejects) == {"metric_points.parquet#3": "NOT_TEXT"}


# --- folders and settings -------------------------------------------------------------------------------------------


def test_a_folder_that_is_gone_is_unavailable_not_empty(tmp_path):
    reader = source(tmp_path / "gone")
    assert len(reader.tables) == len(INGESTED)
    with pytest.raises(ConnectorUnavailable, match="gone is not there"):
        list(reader.extract(METRIC_POINTS, DAY))
    assert not all_ok(reader.check())


def test_a_file_that_may_not_be_read_is_unavailable(tmp_path, monkeypatch):
    (tmp_path / "metric_points.csv").write_text(f"{HEADER}\n{GOOD}\n")
    genuine = Path.stat

    def denied(self, **more):
        if self.suffix == ".csv" and not more:
            raise PermissionError(13, "Permission denied")
        return genuine(self, **more)

    reader = source(tmp_path)
    files = list(reader._files(METRIC_POINTS))
    monkeypatch.setattr(reader, "_files", lambda _: files)
    monkeypatch.setattr(Path, "stat", denied)
    with pytest.raises(ConnectorUnavailable, match=r"metric_points.csv: Permission denied"):
        list(reader.extract(METRIC_POINTS, DAY))


def test_files_are_read_in_the_order_of_their_names_each_once(tmp_path):
    for name in ("b", "a"):
        (tmp_path / f"{name}.csv").write_text(f"{HEADER}\n{GOOD}\n")
    (tmp_path / ".tmp-a.csv").write_text("half")
    reader = source(tmp_path, tables={"metric_points": {"files": ["*.csv", "a*"]}})
    assert list(read(reader, METRIC_POINTS)[0]) == ["a.csv:2", "b.csv:2"]


def test_a_file_whose_name_tells_no_format_needs_one(tmp_path):
    (tmp_path / "export").write_text(f"{HEADER}\n{GOOD}\n")
    with pytest.raises(ConfigurationError, match=r"sources.vm.tables.metric_points.format"):
        read(source(tmp_path, tables={"metric_points": {"files": "export"}}), METRIC_POINTS)
    reader = source(tmp_path, tables={"metric_points": {"files": "export", "format": "csv"}})
    assert len(read(reader, METRIC_POINTS)[0]) == 1


def test_the_check_names_the_file_and_what_is_wrong_with_it(tmp_path):
    (tmp_path / "metric_points.csv").write_text("time,metric_name,value\n")
    checks = {check.name: check for check in source(tmp_path, tables={"spans": {}}).check()}
    assert "metric_points.csv: it has no column `observed_at`" in checks["metric_points"].detail
    assert (checks["spans"].is_ok, checks["spans"].detail) == (False, "no file fits its patterns")


@pytest.mark.parametrize(
    ("tables", "why"),
    [
        ({"metric_point": {}}, "did you mean `metric_points`"),
        ({"metric_points": {"columns": {"metric": "m"}}}, "did you mean `metric_name`"),
        ({"spans": {"layout": "wide"}}, "only metric_points can be wide"),
        ({"metric_points": {"metrics": ["a"]}}, "for `layout = wide`"),
        ({"topology_edges": {"labels": ["a"]}}, "has no labels"),
        ({"metric_points": {"timezone": "Mars/Olympus"}}, "is no time zone"),
        ({"metric_points": {"encoding": "klingon"}}, "is no encoding"),
        ({"metric_points": {"files": "../secret.csv"}}, "leads out of `path`"),
        ({"metric_points": {"files": "/etc/passwd"}}, "leads out of `path`"),
        ({"metric_points": {"time_unit": "minutes"}}, "Input should be"),
    ],
)
def test_settings_that_cannot_work_are_refused(tmp_path, tables, why):
    with pytest.raises(ValidationError, match=why):
        Settings(path=tmp_path, tables=tables)


def test_a_stem_is_the_name_without_format_and_packing():
    names = ["machine-1.6.csv.gz", "a.jsonl", "b.parquet", "c", "d.csv"]
    assert [stem_of(Path(name)) for name in names] == ["machine-1.6", "a", "b", "c", "d"]
