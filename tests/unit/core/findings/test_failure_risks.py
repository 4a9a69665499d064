"""Failure probabilities as rows that keep their contracts, and findings a person can act on."""

import json
from datetime import UTC, datetime

import numpy as np
import pyarrow as pa
import pytest
from model_worlds import METRICS, fleet

from aiops_jobs.contracts.results import FAILURE_RISKS, FINDINGS, LINEAGE
from aiops_jobs.core.features.failures import to_failures
from aiops_jobs.core.features.smart import to_readings
from aiops_jobs.core.findings.failure_risks import reason_in_words, to_failure_findings, to_failure_risks
from aiops_jobs.core.models.failure_risk import FailureModel
from aiops_jobs.core.models.failure_training import try_failure_model
from aiops_jobs.core.policies import FailurePolicy
from aiops_jobs.jobs.score_failures import to_fleet

AT = datetime(2026, 11, 9, tzinfo=UTC)
POLICY = FailurePolicy()


@pytest.fixture(scope="module")
def world():
    data = fleet(1)
    readings = to_readings(data.points, METRICS, data.start, data.end)
    known = to_failures(data.tickets, POLICY.failure_codes, data.end)
    model = FailureModel.from_dict(try_failure_model(readings, known, POLICY, None).artefact["serving"])
    return to_fleet(readings, known), model, readings, known


def risks_of(world, **more):
    return to_failure_risks(
        world[0], world[1], POLICY, issued_at=AT, model_version="mdl-1", policy_version="failure-1", **more
    )


def stamped(table, rows):
    stamp = {"run_id": "r", "as_of": AT, "code_version": "1", "config_hash": "c", "input_manifest_id": None}
    for column in LINEAGE:
        kind = table.to_arrow().field(column.name).type
        rows = rows.append_column(column.name, pa.array([stamp[column.name]] * rows.num_rows, kind))
    return table.conform(rows)


def test_rows_keep_their_contracts(world):
    risks = risks_of(world)
    assert stamped(FAILURE_RISKS, risks).num_rows == len(world[0].entities)
    found = to_failure_findings(risks, world[0], missing_features=[])
    assert 0 < stamped(FINDINGS, found).num_rows < 0.1 * risks.num_rows


def test_decisions_follow_the_operating_point(world):
    for risk in risks_of(world).to_pylist():
        expected = (
            "act" if risk["probability_ratio"] >= 0.2 else "watch" if risk["probability_ratio"] >= 0.1 else "none"
        )
        assert risk["decision"] == expected
        assert (risk["top_features"] is None) == (expected == "none")
        assert risk["threshold"] == pytest.approx(0.2)


def test_reasons_are_metrics_with_their_values(world):
    acted = [r for r in risks_of(world).to_pylist() if r["decision"] == "act"]
    for risk in acted:
        reasons = json.loads(risk["top_features"])
        assert 1 <= len(reasons) <= 3
        assert [r["weight"] for r in reasons] == sorted((r["weight"] for r in reasons), reverse=True)
    assert any(r["metric"] in METRICS and r["last"] > 0 for risk in acted for r in json.loads(risk["top_features"]))


def test_a_finding_says_who_how_likely_and_why(world):
    finding = to_failure_findings(risks_of(world), world[0], missing_features=[]).to_pylist()[0]
    risk = next(r for r in risks_of(world).to_pylist() if r["entity_id"] == finding["entity_id"])
    assert f"{risk['probability_ratio']:.0%}" in finding["title"]
    assert "within 14 days" in finding["title"]
    assert json.loads(risk["top_features"])[0]["metric"] in finding["summary"]
    assert finding["score"] == pytest.approx(risk["probability_ratio"] / 0.2)
    assert finding["score"] >= 1.0
    assert finding["finding_id"] == risk["finding_id"]
    assert finding["dq_status"] == "ok"


def test_a_feature_that_no_source_delivers_any_more_makes_findings_partial(world):
    found = to_failure_findings(risks_of(world), world[0], missing_features=["errors:last"])
    assert set(found["dq_status"].to_pylist()) == {"partial"}


def test_who_has_been_silent_for_two_days_is_not_scored(world):
    _, _, readings, known = world
    values = readings.values.copy()
    values[0, :, -2:] = np.nan
    values[1, :, -1:] = np.nan
    silent = type(readings)(readings.entities, readings.hosts, readings.metrics, readings.first_day, values)
    scored = to_fleet(silent, known).entities
    assert readings.entities[0] not in scored
    assert readings.entities[1] in scored


def test_reasons_in_words_fall_back_to_what_is_there():
    assert reason_in_words(None) == "many small signs"
    assert (
        reason_in_words('[{"metric":"missing_7d_ratio","missing_7d_ratio":0.43,"weight":1.0}]')
        == "missing_7d_ratio 0.43"
    )
    assert reason_in_words('[{"metric":"bad","last":7,"delta_7d":0.0,"delta_28d":-2.0,"weight":1.0}]') == (
        "bad 7 (-2 in 28 days)"
    )
