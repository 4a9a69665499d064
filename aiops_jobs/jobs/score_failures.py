"""Score every disk and host with the champion failure model."""

from __future__ import annotations

from datetime import datetime, timedelta

import numpy as np

from aiops_jobs.contracts.results import FAILURE_RISKS, FINDINGS
from aiops_jobs.core.features.failures import Failures
from aiops_jobs.core.features.smart import DAY_S, FRESH_D, MEMORY_D, Readings, to_features
from aiops_jobs.core.findings.failure_risks import Fleet, to_failure_findings, to_failure_risks
from aiops_jobs.core.models import FAILURE_RISK
from aiops_jobs.core.models.failure_risk import FailureModel
from aiops_jobs.errors import NotTrainedError
from aiops_jobs.jobs.model_inputs import champion_of, failure_history, hardware_history
from aiops_jobs.jobs.running import INSTANT, RunReport, open_run, report_of
from aiops_jobs.ports import Context, Filter
from aiops_jobs.window import Window

JOB = "score_failures"
HISTORY_S = (MEMORY_D + FRESH_D + 1) * float(DAY_S)
"""No feature looks further back."""
HEARD_D = 2


def score_failures(context: Context, window: Window, as_of: datetime) -> RunReport:
    """Publish the failure risk of every entity that reports hardware metrics, issued at the end of ``window``.

    Features speak from the last whole UTC day. Where no model has been trained nothing is published at all: an
    unknown risk is not a low one. ``details`` of the report then say ``no_model``.
    """
    with open_run(context, JOB, window, as_of) as run:
        champion = champion_of(context, FAILURE_RISK, as_of)
        if champion is None:
            run.details.update(state="no_model", reason=str(NotTrainedError(FAILURE_RISK)))
        else:
            policies = context.policies
            model = FailureModel.from_dict(champion.artefact["serving"])
            readings = hardware_history(run, lookback_s=HISTORY_S)
            fleet = to_fleet(readings, failure_history(run, lookback_s=HISTORY_S))
            missing = model.missing(fleet.names)
            risks = to_failure_risks(
                fleet,
                model,
                policies.failure,
                issued_at=window.end,
                model_version=champion.version,
                policy_version=policies.version("failure"),
            )
            found = to_failure_findings(risks, fleet, missing_features=missing)
            span = Window(window.end, window.end + INSTANT)
            run.publish(FAILURE_RISKS, risks, span=span)
            run.publish(FINDINGS, found, scope=(Filter("finding_kind", "failure_risk"),), span=span)
            run.details.update(
                state="partial" if missing else "ok",
                model_version=champion.version,
                model_age_s=(as_of - champion.row["as_of"]) / timedelta(seconds=1),
                missing_features=missing,
                entities=len(fleet.entities),
                entities_silent=len(readings.entities) - len(fleet.entities),
                findings=found.num_rows,
            )
    return report_of(run)


def to_fleet(readings: Readings, failures: Failures) -> Fleet:
    """Return the entities heard of lately, with their features at the end of the last day.

    One that has been silent for longer is no longer at risk: it is gone, or has failed already.
    """
    features = to_features(readings, failures.confirmed)
    is_heard = np.isfinite(readings.values[:, :, -HEARD_D:]).any(axis=(1, 2))
    present = np.flatnonzero(is_heard & features.is_present[:, -1])
    missing = features.values[features.names.index("missing_7d_ratio"), present, -1]
    return Fleet(
        entities=[readings.entities[row] for row in present.tolist()],
        hosts=[readings.hosts[row] for row in present.tolist()],
        names=features.names,
        matrix=np.ascontiguousarray(features.values[:, present, -1].T),
        coverage=1.0 - missing.astype(np.float64),
    )
