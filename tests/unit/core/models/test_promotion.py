"""Stages follow from instants of knowledge, never from the order of runs."""

from datetime import timedelta
from itertools import permutations

import pyarrow as pa
import pytest
from model_worlds import END

from aiops_jobs.contracts.operations import MODEL_EVALUATIONS, MODEL_VERSIONS
from aiops_jobs.core.models.evaluation import Measure
from aiops_jobs.core.models.promotion import (
    Trial,
    champion_at,
    refuse_if_worse,
    to_model_evaluations,
    to_model_versions,
)
from aiops_jobs.errors import ModelRejected

DAY = timedelta(days=1)


def row(version, day, name="failure_risk"):
    return {
        "model_name": name,
        "model_version": version,
        "artifact_path": f"{name}/{version}.skops",
        "sha256": "0" * 64,
        "train_from": END,
        "train_to": END + DAY,
        "as_of": END + day * DAY,
        "features_hash": "f",
        "parameters": "{}",
        "run_id": f"run-{version}",
        "code_version": "1",
        "config_hash": "c",
        "input_manifest_id": None,
    }


def published(*trials):
    """Return ``model_versions`` after the given (version, day, promoted) were recorded in this order."""
    table = {}
    for version, day, is_promoted in trials:
        stored = pa.Table.from_pylist(list(table.values()), schema=MODEL_VERSIONS.to_arrow())
        for new in to_model_versions(stored, row(version, day), is_promoted=is_promoted).to_pylist():
            table[new["model_version"]] = new
    return MODEL_VERSIONS.conform(
        pa.Table.from_pylist([table[key] for key in sorted(table)], schema=MODEL_VERSIONS.to_arrow())
    )


def stages(table):
    return dict(zip(table["model_version"].to_pylist(), table["model_stage"].to_pylist(), strict=True))


def test_the_latest_promoted_model_is_champion_and_the_others_are_retired():
    table = published(("a", 1, True), ("b", 2, True), ("c", 3, False))
    assert stages(table) == {"a": "retired", "b": "champion", "c": "candidate"}


@pytest.mark.parametrize("order", list(permutations([("a", 1, True), ("b", 2, True), ("c", 3, False), ("d", 4, True)])))
def test_the_order_of_training_runs_does_not_matter(order):
    assert published(*order).equals(published(("a", 1, True), ("b", 2, True), ("c", 3, False), ("d", 4, True)))


def test_a_demoted_row_keeps_who_trained_it():
    table = published(("a", 1, True), ("b", 2, True))
    assert table["run_id"].to_pylist() == ["run-a", "run-b"]


def test_recording_the_same_model_again_changes_nothing():
    once = published(("a", 1, True), ("b", 2, True))
    assert published(("a", 1, True), ("b", 2, True), ("b", 2, True), ("a", 1, True)).equals(once)


def test_a_run_asks_the_champion_of_its_own_instant():
    table = published(("a", 1, True), ("b", 3, True), ("c", 4, False))
    assert champion_at(table, "failure_risk", END) is None
    assert champion_at(table, "failure_risk", END + 2 * DAY)["model_version"] == "a"
    assert champion_at(table, "failure_risk", END + 3 * DAY)["model_version"] == "b"
    assert champion_at(table, "failure_risk", END + 3 * DAY, before=True)["model_version"] == "a"
    assert champion_at(table, "failure_risk", END + 9 * DAY)["model_version"] == "b"
    assert champion_at(table, "capacity", END + 9 * DAY) is None


def test_gains_must_not_fall_and_losses_must_not_rise_by_more_than_the_slack():
    assert refuse_if_worse("m", "gain", 0.94, 1.0, slack=-0.05).threshold == pytest.approx(0.95)
    assert refuse_if_worse("m", "gain", 0.96, 1.0, slack=-0.05) is None
    assert refuse_if_worse("m", "loss", 1.03, 1.0, slack=0.02).measure == "loss against the champion"
    assert refuse_if_worse("m", "loss", 1.01, 1.0, slack=0.02) is None
    assert refuse_if_worse("m", "loss", 9.0, None, slack=0.02) is None


def trial(refusal=None, artefact=None):
    measures = {"lift": Measure(3.0, 1.0, 10), "brier": Measure(0.1, None, 10)}
    champion = {"lift": Measure(2.5, 1.0, 10)}
    return Trial(
        "failure_risk", ("a",), {}, artefact, measures, champion, (END.timestamp(), END.timestamp() + 9), refusal
    )


def test_evaluations_hold_every_measure_of_candidate_and_champion_and_the_reason_of_a_refusal():
    found = trial(ModelRejected("failure_risk", "lift", 1.2, 2.0))
    rows = MODEL_EVALUATIONS.conform(to_model_evaluations(found, "new", "old", run_id="run", as_of=END)).to_pylist()
    assert [(r["model_version"], r["metric"], r["metric_value"], r["baseline_value"]) for r in rows] == [
        ("new", "brier", 0.1, None),
        ("new", "lift", 3.0, 1.0),
        ("new", "refused: lift", 1.2, 2.0),
        ("old", "lift", 2.5, 1.0),
    ]
    assert {r["window_start"] for r in rows} == {END}


def test_the_state_of_a_trial_tells_what_became_of_it():
    refusal = ModelRejected("failure_risk", "lift", 1.2, 2.0)
    assert trial(refusal).state == "rejected"
    assert trial(refusal, artefact={}).state == "candidate"
    assert trial(artefact={}).state == "promoted"
