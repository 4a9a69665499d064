"""What makes an alert the same alert: the collisions other systems have (semantics 2.1), in every source's identity."""

import csv
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiops_jobs.adapters.sources.files import FilesSource, Settings
from aiops_jobs.adapters.sources.labels import ALERT_SEVERITIES, alert_fingerprint
from aiops_jobs.contracts.columns import SEVERITIES
from aiops_jobs.contracts.telemetry import RAW_ALERTS
from aiops_jobs.window import Window

DAY = Window.parse("2026-11-20T00:00:00Z", "2026-11-21T00:00:00Z")
PARTS = ("source", "alert_name", "entity_id", "service_name", "host_name", "labels")
EMPTY = dict.fromkeys(PARTS, None) | {"source": "s"}


def identity(**parts):
    return alert_fingerprint(**{**EMPTY, **parts})


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"service_name": "db1", "host_name": "2a"}, {"service_name": "db", "host_name": "12a"}),
        ({"service_name": "x"}, {"host_name": "x"}),
        ({}, {"alert_name": ""}),
        ({}, {"labels": "{}"}),
        ({"entity_id": "disk/a"}, {"entity_id": "disk/b"}),
        ({"source": "a"}, {"source": "b"}),
    ],
)
def test_the_collisions_of_others_are_none_of_ours(one, other):
    assert identity(**one) != identity(**other)


texts = st.none() | st.text('ab|:,="', max_size=3)


@given(st.lists(st.tuples(texts, texts, texts, texts, texts), min_size=2, max_size=6, unique=True))
def test_different_parts_never_share_an_identity(rows):
    made = {identity(**dict(zip(PARTS[1:], row, strict=True))) for row in rows}
    assert len(made) == len(rows)


def alerts_file(folder, rows):
    names = (
        "observed_at",
        "alert_name",
        "alert_status",
        "severity",
        "entity_id",
        "service_name",
        "host_name",
        "summary",
    )
    with (folder / "raw_alerts.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, names)
        writer.writeheader()
        for row in rows:
            writer.writerow({"observed_at": "2026-11-20T01:00:00Z", "alert_status": "firing", "summary": "s", **row})
    (batch,) = FilesSource("vm", Settings(path=folder)).extract(RAW_ALERTS, DAY)
    return RAW_ALERTS.shape(batch.rows).to_pylist()


def test_files_that_name_only_the_entity_keep_their_alerts_apart(tmp_path):
    rows = [{"alert_name": "Full", "severity": "critical", "entity_id": f"disk/{n}"} for n in "abc"]
    read = alerts_file(tmp_path, rows)
    assert len({row["alert_fingerprint"] for row in read}) == len({row["event_id"] for row in read}) == 3


@pytest.mark.parametrize(
    ("word", "severity"),
    [("critical", "critical"), ("Disaster", "critical"), ("WARN", "warning"), (" minor ", "warning"), ("ok", "info")],
)
def test_files_speak_the_severities_of_monitoring_systems(tmp_path, word, severity):
    (row,) = alerts_file(tmp_path, [{"alert_name": "X", "severity": word}])
    assert row["severity"] == severity


def test_a_severity_nobody_knows_is_not_guessed_in_a_file(tmp_path):
    (row,) = alerts_file(tmp_path, [{"alert_name": "X", "severity": "Chartreuse"}])
    assert row["severity"] == "Chartreuse"  # so the row is quarantined with its reason, and not lost


def test_every_known_word_means_a_severity_of_ours():
    assert set(ALERT_SEVERITIES.values()) == set(SEVERITIES)
    assert all(word == word.lower() for word in ALERT_SEVERITIES)
    assert json.dumps(sorted(ALERT_SEVERITIES)).isascii()
