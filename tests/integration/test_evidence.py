"""Every piece of evidence of a demo incident is looked up again by its own query, and its number is found."""

import json
from datetime import datetime

import pytest
from support import context_on, export, ingest_history, nights_of, run_night, small_estate

from aiops_jobs.contracts import TABLES
from aiops_jobs.contracts.results import EVIDENCE, INCIDENTS
from aiops_jobs.contracts.telemetry import LAKE_TABLES
from aiops_jobs.window import Window

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

LASTING = {"configuration_items", "topology_edges"}
BEGINNING = datetime.fromisoformat("2000-01-01T00:00:00+00:00")


@pytest.fixture(scope="module")
def judged(tmp_path_factory):
    folder = tmp_path_factory.mktemp("evidence")
    estate = small_estate(scenario="black_friday", seed=1, days=2)
    context = context_on(folder / "home", export(estate, folder / "estate"))
    ingest_history(context, estate.spec)
    for night in nights_of(estate.spec):
        run_night(context, night)
    return context


def rows_of(context, query):
    """Execute the query of a piece of evidence where its table lives."""
    table = TABLES[query["table"]]
    window = Window(*(datetime.fromisoformat(edge) for edge in query["window"]))
    if table in LAKE_TABLES:
        begin = BEGINNING if table.name in LASTING else window.start
        rows = context.lake.read(table, Window(begin, window.end)).rows.to_pylist()
    else:
        rows = context.warehouse.read(table).to_pylist()
    return [row for row in rows if all(fits(row, name, value) for name, value in query["filter"].items())]


def fits(row, name, value):
    if name == "body_contains":
        return value.lower() in row["body"].lower()
    return row[name] in value if isinstance(value, list) else row[name] == value


def test_every_piece_of_evidence_is_found_again(judged):
    evidence = judged.warehouse.read(EVIDENCE).to_pylist()
    assert judged.warehouse.read(INCIDENTS).num_rows
    assert {"metric", "log"} <= {row["evidence_kind"] for row in evidence}
    for row in evidence:
        query = json.loads(row["query"])
        found = rows_of(judged, query)
        assert found, row["statement"]
        if row["evidence_value"] is None:
            continue
        if query["table"] == "metric_points":
            assert any(r["value"] == pytest.approx(row["evidence_value"]) for r in found), row["statement"]
        elif query["table"] == "log_records":
            assert len(found) == pytest.approx(row["evidence_value"]), row["statement"]
