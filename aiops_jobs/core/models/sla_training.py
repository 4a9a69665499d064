"""From tickets and their targets to a judged model of missed targets, or to the reason why there is none."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from aiops_jobs.core.features.tickets import Tickets
from aiops_jobs.core.models.calibration import Calibration, expected_calibration_error, fit_calibration
from aiops_jobs.core.models.evaluation import Measure, average_precision
from aiops_jobs.core.models.promotion import Trial, refuse_if_worse
from aiops_jobs.core.models.routing import Router
from aiops_jobs.core.models.sla_risk import NAME, STRENGTH, Promises, SlaRisk, fit_sla_risk
from aiops_jobs.core.policies import RoutingPolicy
from aiops_jobs.errors import ModelRejected

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

MAIN = "average_precision_ratio"
SLACK = -0.05
"""A new model may lose this share to the champion: misses are few, and come in bad weeks."""
FEWEST = 10
"""Missed targets, and kept ones, that a model must have seen."""


def to_promises(
    tickets: Tickets, group: Sequence[str | None], solved_s: Floats, within_s: Floats, known_s: float
) -> Promises:
    """Return the tickets with a target, and what is known of it at an instant, oldest first.

    A target is known to be missed when its time has come, whether the ticket is solved by then or not; so nothing is
    learned from the quick tickets alone.

    Args:
        tickets: What was known when they were opened.
        group: Who solved each; nothing where nobody has.
        solved_s: When, seconds since 1970; infinity: not yet.
        within_s: Seconds each is to be solved within; nan: no target.
        known_s: Nothing later is known.
    """
    due = tickets.opened_s + within_s
    is_solved = solved_s < known_s
    is_kept = is_solved & (solved_s <= due)
    with np.errstate(invalid="ignore"):
        rows = np.flatnonzero(np.isfinite(within_s) & (tickets.opened_s < known_s) & (is_kept | (due < known_s)))
    rows = rows[np.argsort(tickets.opened_s[rows], kind="stable")]
    names = [group[row] if is_solved[row] else None for row in rows.tolist()]
    groups = tuple(sorted({name for name in names if name is not None}))
    place = {name: code for code, name in enumerate(groups)}
    codes = np.array([place[name] if name is not None else -1 for name in names], dtype=np.int64)
    when = np.where(is_kept, solved_s, due)[rows]
    return Promises(tickets.take(rows), ~is_kept[rows], when, codes, groups)


def try_sla_risk(
    promises: Promises,
    known_s: float,
    policy: RoutingPolicy,
    champion: Mapping[str, Any] | None,
    judge: Router | None,
) -> Trial:
    """Train on the older tickets, judge on the later ones and, where that went well, fit again on all of them.

    The later period is halved: what the model says of its first half calibrates it, the second judges.

    Args:
        promises: Tickets whose targets are known to be kept or missed.
        known_s: Nothing later is known.
        policy: Periods.
        champion: Artefact of the model in use, if any.
        judge: Router that knew only what was known when the later period began; ``None``: nobody can be routed yet.
    """
    begin_s = known_s - policy.evaluation_s
    middle_s = known_s - policy.evaluation_s / 2
    older, first, second = (
        promises.before(begin_s),
        promises.opened(begin_s, middle_s),
        promises.opened(middle_s, np.inf),
    )
    parameters = {"strength": STRENGTH, "evaluation_s": policy.evaluation_s}
    base = partial(Trial, NAME, promises.tickets.names, parameters, later_s=(begin_s, known_s))
    refusal = _too_little(older, second)
    if refusal is not None:
        return base(artefact=None, measures={}, of_champion={}, refusal=refusal)
    judged = fit_sla_risk(older, begin_s)
    judged = replace(judged, calibration=_calibrated(judged, first, judge))
    rate = float(older.is_missed.mean())
    measures = judge_sla_risk(judged, second, judge, rate)
    of_champion = _of_champion(champion, second, judge, rate)
    reached = measures[MAIN]
    if reached.value <= float(second.is_missed.mean()):
        refusal = ModelRejected(NAME, MAIN, reached.value, float(second.is_missed.mean()))
        return base(artefact=None, measures=measures, of_champion=of_champion, refusal=refusal)
    serving = fit_sla_risk(promises, known_s, judged.calibration)
    artefact = {"judged": judged.to_dict(), "serving": serving.to_dict()}
    best = of_champion[MAIN].value if of_champion else None
    refusal = refuse_if_worse(NAME, MAIN, reached.value, best, slack=SLACK)
    return base(artefact=artefact, measures=measures, of_champion=of_champion, refusal=refusal)


def judge_sla_risk(model: SlaRisk, cases: Promises, router: Router | None, rate: float) -> dict[str, Measure]:
    """Measure a model on tickets it has not seen; the baseline says the older tickets' share of misses of each."""
    probability = model.probability(cases.tickets, routed(router, cases.tickets))
    missed, count = cases.is_missed, len(cases.is_missed)
    own = float(missed.mean()) if count else 0.0
    return {
        MAIN: Measure(average_precision(probability, missed), own, count),
        "brier": Measure(float(np.mean((probability - missed) ** 2)), float(np.mean((rate - missed) ** 2)), count),
        "calibration_error_ratio": Measure(expected_calibration_error(probability, missed), abs(rate - own), count),
    }


def routed(router: Router | None, tickets: Tickets) -> tuple[Sequence[str], Floats] | None:
    """Return who may solve the tickets, as `SlaRisk.probability` wants it."""
    return (router.groups, router.predict_proba(tickets)) if router is not None else None


def _calibrated(model: SlaRisk, cases: Promises, router: Router | None) -> Calibration:
    odds = model.log_odds(cases.tickets, routed(router, cases.tickets))
    return fit_calibration(odds, cases.is_missed, np.ones(len(odds)))


def _of_champion(
    champion: Mapping[str, Any] | None, cases: Promises, router: Router | None, rate: float
) -> dict[str, Measure]:
    if champion is None or list(champion["judged"]["names"]) != list(cases.tickets.names):
        return {}
    return judge_sla_risk(SlaRisk.from_dict(champion["judged"]), cases, router, rate)


def _too_little(older: Promises, second: Promises) -> ModelRejected | None:
    bars = (
        ("number of missed targets to learn from", int(older.is_missed.sum()), FEWEST),
        ("number of kept targets to learn from", int((~older.is_missed).sum()), FEWEST),
        ("number of missed targets in the later period", int(second.is_missed.sum()), 1),
        ("number of tickets in the later period", len(second.is_missed), FEWEST),
    )
    return next((ModelRejected(NAME, what, value, least) for what, value, least in bars if value < least), None)
