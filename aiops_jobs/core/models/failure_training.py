"""From readings and tickets to a judged failure model, or to the reason why there is none."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from functools import partial
from typing import Any

import numpy as np

from aiops_jobs.core.features.failures import Failures
from aiops_jobs.core.features.smart import Readings, to_features
from aiops_jobs.core.models.boosted import SETTINGS
from aiops_jobs.core.models.evaluation import Cases, Floats, Measure, judge_failures
from aiops_jobs.core.models.failure_labels import Examples, to_examples
from aiops_jobs.core.models.failure_risk import EVERY, FOLDS, NAME, FailureModel, fit_failure_model
from aiops_jobs.core.models.promotion import Trial, refuse_if_worse
from aiops_jobs.core.policies import FailurePolicy
from aiops_jobs.errors import ModelRejected

MAIN = "average_precision_ratio"
SLACK = -0.05
"""A new model may lose this share to the champion: with a few dozen failures, less is noise."""


def try_failure_model(
    readings: Readings, failures: Failures, policy: FailurePolicy, champion: Mapping[str, Any] | None
) -> Trial:
    """Train on the older days, judge on the later ones and, where that went well, fit again on all of them.

    Args:
        readings: Daily values of the hardware.
        failures: What is known of failures, and at which instant.
        policy: Horizon, periods, costs and bars.
        champion: Artefact of the model in use, if any.
    """
    features = to_features(readings, failures.confirmed)
    examples = to_examples(features, readings, failures, horizon_s=policy.horizon_s)
    later_s = later_period(failures.known_s, policy)
    examples = examples.between(failures.known_s - policy.lookback_s, failures.known_s)
    older = examples.between(-np.inf, later_s[0] - policy.horizon_s)
    later = examples.between(*later_s)
    parameters = {"settings": SETTINGS, "folds": FOLDS, "every": EVERY, "policy": asdict(policy)}
    base = partial(Trial, NAME, parameters=parameters, later_s=later_s)
    try:
        _require_failures(later)
        judged = fit_failure_model(older, readings.entities, min_failures=policy.min_failures)
    except ModelRejected as reason:
        return base(features.names, artefact=None, measures={}, of_champion={}, refusal=reason)
    compare = partial(judge, cases=later, policy=policy, rule=error_counters(older, later), base_rate=_rate(older))
    measures = compare(judged)
    of_champion = compare(FailureModel.from_dict(champion["judged"])) if champion else {}
    artefact: dict[str, Any] | None = None
    refusal = _gate(measures, policy)
    if refusal is None:
        serving = fit_failure_model(examples, readings.entities, min_failures=policy.min_failures)
        artefact = {"judged": judged.to_dict(), "serving": serving.to_dict()}
        refusal = refuse_if_worse(NAME, MAIN, measures[MAIN].value, _main_of(of_champion), slack=SLACK)
    return base(judged.names, artefact=artefact, measures=measures, of_champion=of_champion, refusal=refusal)


def later_period(known_s: float, policy: FailurePolicy) -> tuple[float, float]:
    """Return the period candidates are judged on: the last days whose label can be known."""
    end = known_s - policy.horizon_s
    return end - policy.evaluation_s, end


def judge(
    model: FailureModel, *, cases: Examples, policy: FailurePolicy, rule: Floats, base_rate: float
) -> dict[str, Measure]:
    """Measure a model on cases it has not seen."""
    probability = model.calibration.probability(model.log_odds(cases.names, cases.matrix))
    predicted = Cases(cases.entity, cases.at_s, cases.failure_s, probability)
    return judge_failures(predicted, threshold=operating_point(policy), rule=rule, base_rate=base_rate)


def operating_point(policy: FailurePolicy) -> float:
    """Return the probability from which on acting costs less than waiting."""
    return min(policy.cost_of_action / policy.cost_of_miss, 1.0)


def error_counters(older: Examples, later: Examples) -> Floats:
    """Return the naive rule's score: how many counters that are usually zero are not.

    This is what operators do without a model: look whether a disk has reported any error at all.
    """
    columns = [i for i, name in enumerate(older.names) if name.endswith(":last")]
    usual = [float(np.nanmedian(older.matrix[:, c])) if np.isfinite(older.matrix[:, c]).any() else 1.0 for c in columns]
    errors = [column for column, median in zip(columns, usual, strict=True) if median == 0.0]
    return np.asarray((np.nan_to_num(later.matrix[:, errors]) > 0).sum(axis=1), dtype=np.float64)


def _main_of(measures: Mapping[str, Measure]) -> float | None:
    return measures[MAIN].value if measures else None


def _require_failures(later: Examples) -> None:
    if not later.failures:
        raise ModelRejected(NAME, "number of failures in the later period", 0, 1)


def _gate(measures: Mapping[str, Measure], policy: FailurePolicy) -> ModelRejected | None:
    bars: Sequence[tuple[str, float]] = (("lift", policy.min_lift), ("lift_over_rule", 1.0))
    for measure, needed in bars:
        if measures[measure].value < needed:
            return ModelRejected(NAME, measure, measures[measure].value, needed)
    return None


def _rate(examples: Examples) -> float:
    return float(examples.labels.mean()) if len(examples.labels) else 0.0
