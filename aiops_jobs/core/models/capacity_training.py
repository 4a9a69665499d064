"""From the histories of filling resources to a judged capacity model, or to the reason why there is none."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aiops_jobs.core.models.backtest import horizon_steps
from aiops_jobs.core.models.candidates import NAMES, Clock, Floats
from aiops_jobs.core.models.capacity import LEVELS, CapacityModel, fit_capacity, judge_capacity
from aiops_jobs.core.models.evaluation import Measure
from aiops_jobs.core.models.promotion import Trial, refuse_if_worse
from aiops_jobs.core.policies import CapacityPolicy
from aiops_jobs.errors import ModelRejected

NAME = "capacity"
LATER_D = 7
"""Latest days of the history, kept from fitting and used to judge."""
MIN_FORECASTS = 200
"""Fewer forecasts that have come due say nothing about a band."""
COVERAGE = (0.65, 0.95)
"""Share of what came that an 80 % band must have held."""
SLACK = 0.02
"""A new model may lose this share to the champion: it knows the estate of today, and less is noise."""
MAX_SERIES = 2000
"""As many series teach all there is to learn; of more, an even choice is taken."""


def try_capacity_model(
    values: Floats, end_s: float, policy: CapacityPolicy, champion: Mapping[str, Any] | None
) -> Trial:
    """Fit on all but the last days, judge on these and, where that went well, fit again on all.

    Args:
        values: Histories that end at the same instant, ``(S, T)``, ``nan`` where nothing was measured.
        end_s: That instant, in seconds since 1970.
        policy: Step and horizon.
        champion: Artefact of the model in use, if any.
    """
    clock = Clock(policy.step_s)
    values = values[:: max(1, -(-len(values) // MAX_SERIES))]
    later = LATER_D * clock.day
    judged = fit_capacity(values[:, : max(values.shape[1] - later, 1)], clock, policy.horizon_s)
    measures = judge_capacity(values, judged, later)
    of_champion = _of_champion(values, champion, judged, later)
    refusal = _gate(measures)
    artefact = None
    if refusal is None:
        serving = fit_capacity(values, clock, policy.horizon_s)
        artefact = {"judged": judged.to_dict(), "serving": serving.to_dict()}
        best = of_champion["wql_ratio"].value if of_champion else None
        refusal = refuse_if_worse(NAME, "wql_ratio", measures["wql_ratio"].value, best, slack=SLACK)
    return Trial(
        name=NAME,
        features=NAMES,
        parameters={
            "step_s": policy.step_s,
            "horizon_s": policy.horizon_s,
            "levels": LEVELS.tolist(),
            "steps": horizon_steps(clock, policy.horizon_s).tolist(),
        },
        artefact=artefact,
        measures=measures,
        of_champion=of_champion,
        later_s=(end_s - later * policy.step_s, end_s),
        refusal=refusal,
    )


def _of_champion(
    values: Floats, champion: Mapping[str, Any] | None, candidate: CapacityModel, later: int
) -> dict[str, Measure]:
    if champion is None:
        return {}
    model = CapacityModel.from_dict(champion["judged"])
    is_comparable = model.step_s == candidate.step_s and model.steps.tolist() == candidate.steps.tolist()
    return judge_capacity(values, model, later) if is_comparable else {}


def _gate(measures: Mapping[str, Measure]) -> ModelRejected | None:
    count = measures["wql_ratio"].count if measures else 0
    if count < MIN_FORECASTS:
        return ModelRejected(NAME, "number of forecasts to judge by", count, MIN_FORECASTS)
    coverage, wql = measures["coverage_80_ratio"].value, measures["wql_ratio"].value
    if coverage < COVERAGE[0]:
        return ModelRejected(NAME, "coverage_80_ratio (at least)", coverage, COVERAGE[0])
    if coverage > COVERAGE[1]:
        return ModelRejected(NAME, "coverage_80_ratio (at most)", coverage, COVERAGE[1])
    if wql >= 1.0:
        return ModelRejected(NAME, "wql_ratio (below the naive forecast)", wql, 1.0)
    return None
