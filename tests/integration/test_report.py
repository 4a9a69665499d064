"""The page of a window, from the rows other jobs have left."""

import xml.etree.ElementTree as ET
from datetime import timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from scripted import Scripted, scripted_context

from aiops_jobs.contracts.operations import RUN_INPUTS, RUNS
from aiops_jobs.contracts.telemetry import CHANGES, METRIC_POINTS
from aiops_jobs.errors import ConnectorUnavailable, NotFoundError
from aiops_jobs.jobs.correlate import correlate
from aiops_jobs.jobs.detect import detect
from aiops_jobs.jobs.ingest import ingest
from aiops_jobs.jobs.report import report, report_incident
from aiops_jobs.ports import Batch, Filter
from aiops_jobs.window import Window

DAY = Window.parse("2026-11-20T00:00:00Z", "2026-11-21T00:00:00Z")
NEXT = Window(DAY.end, DAY.end + timedelta(days=1))
HISTORY = Window(DAY.start - timedelta(days=16), DAY.start)


def latency(window, *, spike=None):
    """Return one series every five minutes, with a daily rhythm and perhaps a spike."""
    count = int(window.duration.total_seconds() // 300)
    times = [window.start + timedelta(seconds=300 * i) for i in range(count)]
    hours = np.array([t.hour + t.minute / 60 for t in times])
    value = 0.2 + 0.05 * np.sin(hours / 24 * 2 * np.pi) + np.random.default_rng(5).normal(0, 0.004, count)
    if spike:
        value = np.where([spike.contains(t) for t in times], value + 1.5, value)
    return pa.table(
        {
            "observed_at": pa.array(times, pa.timestamp("us", tz="UTC")),
            "series_id": ["s1"] * count,
            "metric_name": ["http_request_duration_seconds"] * count,
            "unit": ["s"] * count,
            "entity_id": ["service/checkout"] * count,
            "service_name": ["checkout"] * count,
            "value": value,
        }
    )


@pytest.fixture
def source():
    return Scripted("prom", (METRIC_POINTS, CHANGES))


@pytest.fixture
def context(tmp_path, source):
    return scripted_context(tmp_path, {"prom": source})


def page_of(context):
    told = report(context, DAY, DAY.end)
    return told, Path(told.details["path"]).read_text("utf-8")


def test_a_spike_is_on_the_page_as_an_incident_with_its_picture(context, source):
    spike = Window(DAY.start + timedelta(hours=10), DAY.start + timedelta(hours=11))
    source.says["metric_points"] = [Batch(latency(HISTORY))]
    ingest(context, "prom", "metric_points", HISTORY, HISTORY.end)
    source.says["metric_points"] = [Batch(latency(DAY, spike=spike))]
    for table in ("metric_points", "changes"):
        ingest(context, "prom", table, DAY, DAY.end)
    for job in (detect, correlate):
        job(context, DAY, DAY.end)
    told, page = page_of(context)

    assert told.details["verdict"] == "look"
    assert told.details["gaps"] == 0
    assert told.details["incidents"] == len(told.details["table"]) == 1
    assert told.details["markdown"].startswith("## LOOK")
    assert Path(told.details["path"]).name == "report-20261120T0000-20261121T0000.html"
    (row,) = told.details["table"]
    own = (Path(told.details["path"]).parent / f"{row['id']}.html").read_text("utf-8")
    assert f'href="{row["id"]}.html"' in page
    tree = ET.fromstring(own.removeprefix("<!DOCTYPE html>\n"))  # noqa: S314 - our own text
    pictures = [svg.attrib.get("aria-label", "") for svg in tree.iter("svg")]
    (plot,) = [words for words in pictures if words.startswith("Latency of checkout. 1.7")]
    assert "above the band for 1 h" in plot
    assert any(words.startswith("Timeline: ") for words in pictures)

    inputs = context.warehouse.read(RUN_INPUTS, where=[Filter("run_id", told.run_id)]).to_pylist()
    assert {row["table_name"] for row in inputs} >= {"metric_points"}
    assert told.run_id in page
    assert page_of(context) == (told, page)


def lived(context, source, *, spike):
    """Let the house live through a day with a spike, and the day after it."""
    source.says["metric_points"] = [Batch(latency(HISTORY))]
    ingest(context, "prom", "metric_points", HISTORY, HISTORY.end)
    for window in (DAY, NEXT):
        source.says["metric_points"] = [Batch(latency(window, spike=spike))]
        for table in ("metric_points", "changes"):
            ingest(context, "prom", table, window, window.end)
        for job in (detect, correlate, report):
            job(context, window, window.end)
    return Path(context.pages.root)


def test_an_incident_over_midnight_has_one_page_that_a_later_report_owns(context, source):
    spike = Window(DAY.end - timedelta(hours=1), DAY.end + timedelta(hours=2))
    folder = lived(context, source, spike=spike)
    (page,) = folder.glob("inc-*.html")
    known = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert "over after" in known[page.name].decode()
    for name in ("report-20261120T0000-20261121T0000.html", "report-20261121T0000-20261122T0000.html"):
        assert name in known
        assert f'href="{name}"'.encode() in known["index.html"]
    assert known["index.html"].count(f'href="{page.name}"'.encode()) == 2

    told = report(context, DAY, DAY.end)  # asked again about the first day, which knew less
    assert told.details["pages"] == 0
    assert {path.name for path in folder.iterdir()} == set(known)
    assert page.read_bytes() == known[page.name]
    assert (folder / "index.html").read_bytes() == known["index.html"]


def test_the_page_of_one_incident_can_be_asked_for_and_is_the_same(context, source):
    folder = lived(context, source, spike=Window(DAY.start + timedelta(hours=10), DAY.start + timedelta(hours=11)))
    (page,) = folder.glob("inc-*.html")
    known = page.read_bytes()
    page.unlink()
    told = report_incident(context, page.stem)
    assert told.details == {"path": str(page), "incident": page.stem}
    assert page.read_bytes() == known
    assert context.warehouse.read(RUN_INPUTS, where=[Filter("run_id", told.run_id)]).num_rows
    with pytest.raises(NotFoundError, match="inc-nothing"):
        report_incident(context, "inc-nothing")


def test_a_source_that_does_not_answer_is_the_first_thing_on_a_quiet_page(context, source):
    source.says["metric_points"] = ConnectorUnavailable("prom", "connection refused")
    with pytest.raises(ConnectorUnavailable):
        ingest(context, "prom", "metric_points", DAY, DAY.end)
    for job in (detect, correlate):
        job(context, DAY, DAY.end)
    told, page = page_of(context)
    assert told.details["verdict"] == "blind"
    assert "could not be read: `prom`: connection refused" in page.replace("<code>", "`").replace("</code>", "`")
    assert "was never asked for" in page
    assert "Nothing needs you" not in page


def test_a_page_can_be_written_about_an_empty_house(context):
    told, page = page_of(context)
    assert told.details["verdict"] == "blind"
    assert "was never asked for" in page
    assert context.warehouse.read(RUNS, where=[Filter("job", "report")])["run_status"].to_pylist() == ["completed"]
