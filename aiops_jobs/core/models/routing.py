"""Which group will solve a ticket: a probability for each, learned from who solved tickets before.

Two opinions are blended. A linear model weighs every context of the ticket. A ranking of the likeliest groups looks at
each pair of ticket and group: what the linear model says, how often the group solved tickets of each context lately and
over a longer time, and how many tickets that rests on. The ranking learns from tickets as they were met: counts and
linear model are fitted on what was opened before a day, and asked about the tickets opened after it. Tickets that were
still open that day count too: where many stay open for weeks, hardly any would be left.

The likeliest group is that of the blend; the next ones are those of the ranking, which is less sure and misses fewer.

Which probability is enough to assign a ticket is learned, group by group, on tickets that none of this has seen, by
what was known of the others when they were opened.
Stacking: Wolpert, "Stacked generalization", 1992, doi:10.1016/S0893-6080(05)80023-1.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from aiops_jobs.core.features.tickets import Tickets
from aiops_jobs.core.models.boosted import Trees, fit_trees
from aiops_jobs.core.models.calibration import sigmoid
from aiops_jobs.core.models.contexts import Context, choose_contexts, contexts_of, names_of
from aiops_jobs.core.models.levels import DAY_S, Counts, Goal, Linear, count, faded, fit_linear, lasting
from aiops_jobs.core.models.solved import Solved
from aiops_jobs.core.models.thresholds import assigned, thresholds

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Matrix = npt.NDArray[np.float32]

NAME = "ticket_routing"
RECENT_S, LONGER_S = 10 * DAY_S, 45 * DAY_S
"""Half-lives of the counts: who does it now, and who has done it."""
FADING_S = 30 * DAY_S
"""Half-life of a ticket in the linear model."""
EFFECTIVE = 500.0
"""With fewer tickets older ones fade more slowly."""
RANKED = 10
"""Groups of a ticket that are ranked; the others keep what the linear model says."""
PRIOR = 2.0
STAGES = (0.4, 0.52, 0.64, 0.76, 0.88, 1.0)
"""Shares of the tickets, oldest first: the ranking learns from each stretch by the tickets opened before it."""
UNSEEN = 2
"""Newest stretches kept from the ranking that thresholds are chosen by."""
LEAST_RANKED = 400
"""With fewer tickets there is no ranking: the linear model speaks alone."""
LINEAR_SHARE = 0.4
"""Weight of the linear model in the blend."""
ROWS = 1024
"""Tickets asked about at a time, so that memory stays bounded."""
TREES: dict[str, Any] = {
    "max_iter": 100,
    "learning_rate": 0.08,
    "max_leaf_nodes": 15,
    "min_samples_leaf": 40,
    "l2_regularization": 5.0,
    "max_features": 0.25,
    "early_stopping": False,
    "random_state": 0,
}


@dataclass(frozen=True, slots=True)
class Base:
    """What the ranking rests on."""

    contexts: tuple[Context, ...]
    linear: Linear
    counts: Counts


@dataclass(frozen=True, slots=True, eq=False)
class Verdicts:
    """What a router says of tickets.

    Args:
        probability: Of each group, ``(R, K)``.
        order: All groups, those to suggest before others first, ``(R, K)``.
        sure: How sure that is, ``(R,)``: the lower of the two opinions, since a ranking alone is sure of things it has
            never met.
        given: The group that gets the ticket by this; -1: none.
    """

    probability: Floats
    order: Ints
    sure: Floats
    given: Ints

    @property
    def first(self) -> Ints:
        """Return the likeliest group, ``(R,)``."""
        return self.order[:, 0]


@dataclass(frozen=True, slots=True)
class Router:
    """A fitted model.

    Args:
        names: Columns it looks at.
        groups: Groups it knows.
        base: Linear model and counts.
        trees: The ranking; ``None`` where there were too few tickets.
        threshold: Certainty from which on a group gets a ticket; infinity: never.
    """

    names: tuple[str, ...]
    groups: tuple[str, ...]
    base: Base
    trees: Trees | None
    threshold: Floats

    def predict_proba(self, tickets: Tickets) -> Floats:
        """Return the probability of each group, ``(R, K)``."""
        return self._told(tickets).probability

    def assign(self, tickets: Tickets) -> Verdicts:
        """Return who is likeliest to solve each ticket, and who gets it."""
        told = self._told(tickets)
        order = told.order()
        return Verdicts(told.probability, order, told.sure, assigned(order[:, 0], told.sure, self.threshold))

    def _told(self, tickets: Tickets) -> _Told:
        starts = range(0, len(tickets), ROWS) or (0,)
        parts = [np.arange(start, min(start + ROWS, len(tickets))) for start in starts]
        return _joined([_ranked(self.trees, *_features(self.base, tickets.take(rows))) for rows in parts])

    def to_dict(self) -> dict[str, Any]:
        """Return the model as plain data and arrays."""
        return {
            "names": list(self.names),
            "groups": list(self.groups),
            "contexts": names_of(self.base.contexts, self.names),
            "linear": self.base.linear.to_dict(),
            "counts": self.base.counts.to_dict(),
            "trees": self.trees.to_dict() if self.trees else None,
            "threshold": self.threshold,
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Router:
        """Return the model that `to_dict` wrote."""
        names = tuple(data["names"])
        contexts = contexts_of(data["contexts"], names)
        base = Base(contexts, Linear.from_dict(data["linear"]), Counts.from_dict(data["counts"]))
        trees = Trees.from_dict(data["trees"]) if data["trees"] else None
        return cls(names, tuple(data["groups"]), base, trees, np.asarray(data["threshold"], dtype=np.float64))


def fit_router(solved: Solved, now_s: float, *, precision: float, least: int) -> Router:
    """Fit a router on what was known at an instant.

    Args:
        solved: Tickets with their groups; two groups at least.
        now_s: Seconds since 1970; tickets opened or known later are not looked at.
        precision: Wanted share of right assignments, of each group.
        least: A group with fewer examples gets nothing by itself.
    """
    past = solved.before(now_s)
    contexts = choose_contexts(past.tickets.levels, past.group, len(past.groups))
    ends = _ends(past)
    stretches = _stretches(past, contexts, ends)
    trees = earlier = None
    if len(past.group) >= LEAST_RANKED:
        trees, earlier = _fit_ranking(stretches), _fit_ranking(stretches[:-UNSEEN])
    newest = _stretches(past, contexts, ends[-1 - UNSEEN :] if trees else ends, is_known=True)
    threshold = _thresholds(earlier, newest, len(past.groups), precision=precision, least=least)
    return Router(past.tickets.names, past.groups, fit_base(past, contexts, now_s), trees, threshold)


def fit_base(past: Solved, contexts: Sequence[Context], now_s: float) -> Base:
    """Fit linear model and counts as of an instant."""
    opened, kinds = past.tickets.opened_s, len(past.groups)
    weights = lasting(opened, now_s, FADING_S, least=EFFECTIVE)
    linear = fit_linear(past.tickets, contexts, Goal(past.group, kinds, weights))
    both = np.stack([faded(opened, now_s, half_life) for half_life in (RECENT_S, LONGER_S)], axis=1)
    return Base(tuple(contexts), linear, count(past.tickets, contexts, past.group, kinds, both))


@dataclass(frozen=True, slots=True, eq=False)
class _Stretch:
    """Tickets as they were met: features of the likeliest groups, these groups, the linear model, the truth."""

    features: Matrix
    likeliest: Ints
    linear: Floats
    group: Ints


def _ends(past: Solved) -> list[float]:
    opened = past.tickets.opened_s
    return [float(opened[int(share * len(opened))]) if share < 1 and len(opened) else np.inf for share in STAGES]


def _stretches(
    past: Solved, contexts: Sequence[Context], ends: Sequence[float], *, is_known: bool = False
) -> list[_Stretch]:
    """Return the tickets of each stretch as those opened, or also known, before it tell them."""
    found = []
    for begin, end in pairwise(ends):
        older, met = past.before(begin) if is_known else past.opened(-np.inf, begin), past.opened(begin, end)
        if len(np.unique(older.group)) < 2 or not len(met.group):
            continue
        features, likeliest, linear = _features(fit_base(older, contexts, begin), met.tickets)
        found.append(_Stretch(features, likeliest, linear, met.group))
    return found


def _fit_ranking(stretches: Sequence[_Stretch]) -> Trees | None:
    if not stretches:
        return None
    matrix = np.concatenate([s.features.reshape(-1, s.features.shape[2]) for s in stretches])
    labels = np.concatenate([(s.likeliest == s.group[:, None]).ravel() for s in stretches])
    return fit_trees(matrix, labels, settings=TREES) if labels.any() and not labels.all() else None


def _thresholds(
    trees: Trees | None, stretches: Sequence[_Stretch], kinds: int, *, precision: float, least: int
) -> Floats:
    """Choose thresholds on stretches the ranking did not learn from."""
    if not stretches:
        return np.full(kinds, np.inf)
    told = _joined([_ranked(trees, s.features, s.likeliest, s.linear) for s in stretches])
    group = np.concatenate([s.group for s in stretches])
    return thresholds(told.order()[:, 0], told.sure, group, kinds, precision=precision, least=least)


@dataclass(frozen=True, slots=True, eq=False)
class _Told:
    """The blend of both opinions and the ranking alone, ``(R, K)``; how sure the blend's first group is, ``(R,)``."""

    probability: Floats
    ranking: Floats
    sure: Floats

    def order(self) -> Ints:
        """Return all groups: the blend's first, then as ranked, then as blended, ``(R, K)``."""
        first = self.probability.argmax(axis=1)[:, None]
        is_first = np.arange(self.probability.shape[1]) == first
        return np.lexsort((-self.probability, -self.ranking, ~is_first), axis=1).astype(np.int64)


def _joined(parts: Sequence[_Told]) -> _Told:
    names = ("probability", "ranking", "sure")
    return _Told(*(np.concatenate([getattr(part, name) for part in parts]) for name in names))


def _ranked(trees: Trees | None, features: Matrix, likeliest: Ints, linear: Floats) -> _Told:
    if trees is None:
        return _Told(linear, linear, linear.max(axis=1))
    score = sigmoid(trees.log_odds(features.reshape(-1, features.shape[2]))).reshape(likeliest.shape)
    whole = np.zeros_like(linear)
    np.put_along_axis(whole, likeliest, score / score.sum(axis=1, keepdims=True), axis=1)
    blend = LINEAR_SHARE * linear + (1.0 - LINEAR_SHARE) * whole
    first = blend.argmax(axis=1)[:, None]
    return _Told(blend, whole, np.take_along_axis(np.minimum(linear, whole), first, axis=1)[:, 0])


def _features(base: Base, tickets: Tickets) -> tuple[Matrix, Ints, Floats]:
    """Return features of each pair ``(R, M, F)``, the groups of the pairs ``(R, M)``, and the linear model's view."""
    kinds = base.counts.share.shape[1]
    linear = _softmax(base.linear.scores(tickets, base.contexts))
    recent, _ = base.counts.ask(tickets, base.contexts, 0, PRIOR)
    longer, behind = base.counts.ask(tickets, base.contexts, 1, PRIOR)
    likely = linear + longer.mean(axis=1)
    most = min(RANKED, kinds)
    likeliest = np.argsort(-likely, axis=1, kind="stable")[:, :most].astype(np.int64)
    told = np.log(np.take_along_axis(linear, likeliest, axis=1) + 1e-6)
    rows = (len(tickets), most)
    columns = [
        told[:, :, None],
        (told - told.max(axis=1, keepdims=True))[:, :, None],
        np.log(base.counts.share[1])[likeliest][:, :, None],
        np.broadcast_to(np.arange(most, dtype=np.float64)[None, :, None], (*rows, 1)),
        np.broadcast_to(np.log1p(behind)[:, None, :], (*rows, behind.shape[1])),
    ]
    for shares in (recent, longer):
        own = np.take_along_axis(shares, likeliest[:, None, :], axis=2).transpose(0, 2, 1)
        logs = np.log(own)
        columns += [logs, logs.mean(axis=2, keepdims=True), own.mean(axis=2, keepdims=True)]
    return np.concatenate(columns, axis=2).astype(np.float32), likeliest, linear


def _softmax(scores: Floats) -> Floats:
    raised = np.exp(scores - scores.max(axis=1, keepdims=True))
    return np.asarray(raised / raised.sum(axis=1, keepdims=True))
