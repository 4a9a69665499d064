"""From solved tickets to a judged router, or to the reason why there is none."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from aiops_jobs.core.features.tickets import Tickets
from aiops_jobs.core.models.calibration import expected_calibration_error
from aiops_jobs.core.models.evaluation import Measure
from aiops_jobs.core.models.promotion import Trial, refuse_if_worse
from aiops_jobs.core.models.routing import NAME, TREES, Router, fit_router
from aiops_jobs.core.models.solved import Solved, to_solved
from aiops_jobs.core.policies import RoutingPolicy
from aiops_jobs.errors import ModelRejected

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

MAIN = "first_hit_ratio"
SLACK = -0.02
"""A new router may lose this share to the champion: tickets of other weeks differ by more."""


def try_router(
    tickets: Tickets,
    group: Sequence[str | None],
    solved_s: Floats,
    known_s: float,
    policy: RoutingPolicy,
    champion: Mapping[str, Any] | None,
) -> Trial:
    """Train on the older tickets, judge on the later ones and, where that went well, fit again on all of them.

    Args:
        tickets: What was known when they were opened.
        group: Who solved each; nothing where nobody has.
        solved_s: When, seconds since 1970; infinity: not yet.
        known_s: Nothing later is known.
        policy: Periods and bars.
        champion: Artefact of the model in use, if any.
    """
    begin_s = known_s - policy.evaluation_s
    everything = to_solved(tickets, group, solved_s, until_s=known_s)
    older = to_solved(tickets, group, solved_s, until_s=begin_s)
    later = everything.opened(begin_s, known_s)
    fit = partial(fit_router, precision=policy.precision_ratio, least=policy.min_examples)
    parameters = {"trees": TREES, "policy": _numbers(policy)}
    base = partial(Trial, NAME, tickets.names, parameters, later_s=(begin_s, known_s))
    refusal = _too_little(older, later, policy)
    if refusal is not None:
        return base(artefact=None, measures={}, of_champion={}, refusal=refusal)
    judged = fit(older, begin_s)
    names = [later.groups[code] for code in later.group.tolist()]
    measures = judge_router(judged, later.tickets, names, older)
    of_champion = (
        judge_router(Router.from_dict(champion["judged"]), later.tickets, names, older)
        if champion and list(champion["judged"]["names"]) == list(tickets.names)
        else {}
    )
    hit = measures[MAIN]
    if hit.baseline is not None and hit.value <= hit.baseline:
        refusal = ModelRejected(NAME, MAIN, hit.value, hit.baseline)
        return base(artefact=None, measures=measures, of_champion=of_champion, refusal=refusal)
    serving = fit(everything, known_s)
    artefact = {"judged": judged.to_dict(), "serving": serving.to_dict()}
    best = of_champion[MAIN].value if of_champion else None
    refusal = refuse_if_worse(NAME, MAIN, hit.value, best, slack=SLACK)
    return base(artefact=artefact, measures=measures, of_champion=of_champion, refusal=refusal)


def judge_router(router: Router, tickets: Tickets, names: Sequence[str], older: Solved) -> dict[str, Measure]:
    """Measure a router on tickets it has not seen; the baseline is the group that solved most of the older ones."""
    place = {name: code for code, name in enumerate(router.groups)}
    truth = np.array([place.get(name, -1) for name in names], dtype=np.int64)
    usual = older.groups[int(np.bincount(older.group).argmax())]
    by_habit = float(np.mean([name == usual for name in names]))
    verdicts = router.assign(tickets)
    order = verdicts.order[:, :3]
    is_hit = order[:, 0] == truth
    given = verdicts.given
    is_given = given >= 0
    right, count = int((is_given & (given == truth)).sum()), len(truth)
    top = verdicts.probability.max(axis=1)
    return {
        MAIN: Measure(float(is_hit.mean()), by_habit, count),
        "top3_hit_ratio": Measure(float((order == truth[:, None]).any(axis=1).mean()), None, count),
        "assigned_ratio": Measure(float(is_given.mean()), None, count),
        "assigned_precision_ratio": Measure(right / max(int(is_given.sum()), 1), by_habit, int(is_given.sum())),
        "calibration_error_ratio": Measure(expected_calibration_error(top, is_hit), None, count),
    }


def _too_little(older: Solved, later: Solved, policy: RoutingPolicy) -> ModelRejected | None:
    bars = (
        ("number of solved tickets to learn from", len(older.group), policy.min_tickets),
        ("number of groups to learn from", len(older.groups), 2),
        ("number of solved tickets in the later period", len(later.group), policy.min_later),
    )
    short = (ModelRejected(NAME, measure, value, needed) for measure, value, needed in bars if value < needed)
    return next(short, None)


def _numbers(policy: RoutingPolicy) -> dict[str, Any]:
    """Return what of the policy makes a model the one it is."""
    names = ("precision_ratio", "min_examples", "lookback_s", "evaluation_s", "min_tickets", "min_later")
    said = asdict(policy)
    return {name: said[name] for name in names}
