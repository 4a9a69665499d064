"""Train the capacity and the failure model on what is known, judge them on a later period, promote what is better."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from aiops_jobs.contracts.operations import MODEL_EVALUATIONS, MODEL_VERSIONS
from aiops_jobs.core.features.grid import EPOCH
from aiops_jobs.core.features.smart import DAY_S, FRESH_D, MEMORY_D
from aiops_jobs.core.models import CAPACITY, FAILURE_RISK, Trial
from aiops_jobs.core.models.capacity_training import try_capacity_model
from aiops_jobs.core.models.failure_training import try_failure_model
from aiops_jobs.core.models.promotion import to_model_evaluations, to_model_versions
from aiops_jobs.identity import canonical_json, digest, fingerprint
from aiops_jobs.jobs.model_inputs import (
    Champion,
    capacity_history,
    champion_of,
    failure_history,
    hardware_history,
)
from aiops_jobs.jobs.running import Run, RunReport, open_run, report_of
from aiops_jobs.ports import Context, Filter
from aiops_jobs.window import Window

JOB = "train"
WARM_UP_S = (MEMORY_D + FRESH_D) * float(DAY_S)
"""Readings before the first day that is learned from, so that its features are whole."""


def train(context: Context, window: Window, as_of: datetime) -> RunReport:
    """Train every model on the look-back that ends with ``window``, or with ``as_of`` where that is earlier.

    A candidate that does not earn its place leaves the champion where it is; its evaluation and the reason are
    recorded, and the run goes on with the next model. ``details`` of the report tell, for each model, ``promoted``,
    ``candidate`` or ``rejected``.
    """
    with open_run(context, JOB, window, as_of) as run:
        context.progress(f"{JOB}: {CAPACITY}")
        record(run, _try_capacity(run))
        context.progress(f"{JOB}: {FAILURE_RISK}")
        record(run, _try_failure(run))
    return report_of(run)


def _try_capacity(run: Run) -> tuple[Trial, Champion | None, Window]:
    policy = run.context.policies.capacity
    grid = capacity_history(run).grid
    champion = champion_of(run.context, CAPACITY, run.as_of, before=True)
    end_s = (grid.end - EPOCH).total_seconds()
    trial = try_capacity_model(grid.values, end_s, policy, champion.artefact if champion else None)
    return trial, champion, Window(grid.start, max(grid.end, grid.start + timedelta(seconds=policy.step_s)))


def _try_failure(run: Run) -> tuple[Trial, Champion | None, Window]:
    policy = run.context.policies.failure
    readings = hardware_history(run, lookback_s=policy.lookback_s + WARM_UP_S)
    failures = failure_history(run, lookback_s=policy.lookback_s + WARM_UP_S)
    champion = champion_of(run.context, FAILURE_RISK, run.as_of, before=True)
    trial = try_failure_model(readings, failures, policy, champion.artefact if champion else None)
    end = EPOCH + timedelta(seconds=failures.known_s)
    return trial, champion, Window(end - timedelta(seconds=policy.lookback_s), end)


def record(run: Run, tried: tuple[Trial, Champion | None, Window]) -> None:
    """Store the model if there is one, and queue what is known about it."""
    trial, champion, data = tried
    versions = run.context.warehouse.read(MODEL_VERSIONS, where=[Filter("model_name", trial.name)])
    row = _version_row(run, trial, data)
    version = row["model_version"]
    if trial.artefact is not None:
        path, sha256 = run.context.models.save(trial.name, version, dict(trial.artefact))
        new = {**row, "artifact_path": path, "sha256": sha256}
        run.upsert(MODEL_VERSIONS, to_model_versions(versions, new, is_promoted=trial.state == "promoted"))
    evaluations = to_model_evaluations(
        trial, version, champion.version if champion else None, run_id=run.record.run_id, as_of=run.as_of
    )
    run.upsert(MODEL_EVALUATIONS, evaluations)
    run.details[trial.name] = _told(trial, version, champion)


def _version_row(run: Run, trial: Trial, data: Window) -> dict[str, Any]:
    parameters = canonical_json(trial.parameters)
    features_hash = digest(list(trial.features))
    manifest = run.input_manifest_id
    version = fingerprint(
        "mdl",
        name=trial.name,
        train_from=data.start,
        train_to=data.end,
        as_of=run.as_of,
        features=features_hash,
        parameters=parameters,
        inputs=manifest,
        code=run.record.code_version,
    )
    return {
        "model_name": trial.name,
        "model_version": version,
        "train_from": data.start,
        "train_to": data.end,
        "as_of": run.as_of,
        "features_hash": features_hash,
        "parameters": parameters,
        "run_id": run.record.run_id,
        "code_version": run.record.code_version,
        "config_hash": run.record.config_hash,
        "input_manifest_id": manifest,
    }


def _told(trial: Trial, version: str, champion: Champion | None) -> Mapping[str, Any]:
    stays = champion.version if champion else None
    return {
        "state": trial.state,
        "model_version": version,
        "champion": version if trial.state == "promoted" else stays,
        "reason": str(trial.refusal) if trial.refusal else None,
        "measures": {name: round(measure.value, 6) for name, measure in sorted(trial.measures.items())},
    }
