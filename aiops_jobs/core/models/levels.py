"""Two ways to ask keys of contexts for outcomes: a linear model with one weight a key, and counts that fade.

Reference for the first: multinomial logistic regression, Hastie, Tibshirani, Friedman, "The Elements of Statistical
Learning", 2009, chapter 4.4; fitted by scikit-learn, kept and asked as arrays.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import sparse

from aiops_jobs.core.features.tickets import BUCKETS, Tickets, crossed
from aiops_jobs.core.models.contexts import Context

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
DAY_S = 86400.0
NEVER = -30.0
"""Score of an outcome the linear model was not shown."""
BLANK = 0.05
"""Beside each ticket the same outcome with nothing known, at this weight: what is met with nothing known about it then
looks like all tickets, not like whatever the bias was left at."""
SEEN = 3
"""Keys seen less often have no weight of their own."""


@dataclass(frozen=True, slots=True)
class Linear:
    """Weights of keys, of pieces of titles and of what else was given.

    Args:
        keys: Keys with a weight, context by context, sorted within each.
        starts: Where each context begins in ``keys``; one more at the end.
        weight: ``(F, K)``: a row a key, then a row a bucket if any ticket had a title, then a row for each other thing.
        bias: ``(K,)``.
        buckets: Number of rows for pieces of titles, one element: ``BUCKETS`` or 0.
    """

    keys: Ints
    starts: Ints
    weight: npt.NDArray[np.float32]
    bias: Floats
    buckets: Ints

    def scores(self, tickets: Tickets, contexts: Sequence[Context]) -> Floats:
        """Return the score of each outcome, ``(R, K)``, without the other things."""
        matrix = _matrix(tickets, contexts, self)
        return np.asarray(matrix @ self.weight[: matrix.shape[1]]).astype(np.float64) + self.bias

    def of_others(self) -> Floats:
        """Return the weights of the other things, ``(G, K)``."""
        return self.weight[len(self.keys) + int(self.buckets[0]) :].astype(np.float64)

    def to_dict(self) -> dict[str, Any]:
        """Return the model as arrays by name."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Linear:
        """Return the model that `to_dict` wrote."""
        return cls(**{field.name: np.asarray(data[field.name]) for field in fields(cls)})


@dataclass(frozen=True, slots=True)
class Goal:
    """What a linear model learns.

    Args:
        outcome: Code of each ticket's outcome; two kinds at least.
        kinds: Number of outcomes; 1: yes or no.
        weights: Of each ticket.
        strength: Inverse of the penalty on weights.
        others: Further columns, ``(R, G)``, if any.
    """

    outcome: Ints
    kinds: int
    weights: Floats
    strength: float = 1.0
    others: sparse.csr_matrix | None = None


def fit_linear(tickets: Tickets, contexts: Sequence[Context], goal: Goal) -> Linear:
    """Fit weights; of a yes or no (one kind) the scores are log-odds of yes."""
    from sklearn.linear_model import LogisticRegression

    empty = _vocabulary(tickets, contexts)
    matrix = _matrix(tickets, contexts, empty)
    if goal.others is not None:
        matrix = sparse.hstack([matrix, goal.others]).tocsr().astype(np.float32)
    told, share = np.unique(goal.outcome, return_inverse=True)
    width = matrix.shape[1]
    if not width:  # No key was seen often enough: a column of nothing leaves the bias.
        matrix = sparse.csr_matrix((len(goal.outcome), 1), dtype=np.float32)
    blank = sparse.csr_matrix((len(told), matrix.shape[1]), dtype=np.float32)
    fitted = LogisticRegression(C=goal.strength, max_iter=100, tol=1e-3)
    fitted.fit(
        sparse.vstack([matrix, blank]).tocsr(),
        np.concatenate([goal.outcome, told]),
        sample_weight=np.concatenate([goal.weights, BLANK * np.bincount(share, goal.weights)]),
    )
    if goal.kinds == 1:
        return replace(
            empty, weight=fitted.coef_.T[:width].astype(np.float32), bias=fitted.intercept_.astype(np.float64)
        )
    seen = fitted.classes_ if len(fitted.classes_) > 2 else fitted.classes_[1:]
    weight = np.zeros((width, goal.kinds), dtype=np.float32)
    bias = np.full(goal.kinds, NEVER)
    bias[fitted.classes_] = 0.0
    weight[:, seen] = fitted.coef_.T[:width]
    bias[seen] = fitted.intercept_
    return replace(empty, weight=weight, bias=bias)


@dataclass(frozen=True, slots=True)
class Counts:
    """How often each outcome came with each key, older tickets counting less.

    Args:
        keys: Keys, context by context, sorted within each.
        starts: Where each context begins; one more at the end.
        first: Where the outcomes of each key begin; one more at the end.
        kind: Outcomes of the keys.
        weight: Faded number of tickets of each, ``(N, H)``: a column a half-life.
        share: Share of each outcome in all tickets, ``(H, K)``.
    """

    keys: Ints
    starts: Ints
    first: Ints
    kind: Ints
    weight: Floats
    share: Floats

    def ask(self, tickets: Tickets, contexts: Sequence[Context], column: int, prior: float) -> tuple[Any, Floats]:
        """Return shares ``(R, C, K)`` that fall back to those of all tickets, and how many are behind, ``(R, C)``."""
        share = self.share[column]
        table = sparse.csr_matrix(
            (self.weight[:, column], self.kind, self.first), shape=(len(self.keys) + 1, len(share)), dtype=np.float64
        )
        found = np.empty((len(tickets), len(contexts), len(share)), dtype=np.float32)
        behind = np.empty((len(tickets), len(contexts)))
        for number, context in enumerate(contexts):
            rows = _places(self.keys, self.starts, number, crossed(tickets.levels, context))
            seen = table[np.where(rows < 0, len(self.keys), rows)].toarray()
            behind[:, number] = seen.sum(axis=1)
            found[:, number] = (seen + prior * share) / (behind[:, number, None] + prior)
        return found, behind

    def to_dict(self) -> dict[str, Any]:
        """Return the counts as arrays by name."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Counts:
        """Return the counts that `to_dict` wrote."""
        return cls(**{field.name: np.asarray(data[field.name]) for field in fields(cls)})


def count(tickets: Tickets, contexts: Sequence[Context], outcome: Ints, kinds: int, weights: Floats) -> Counts:
    """Count outcomes by key; ``weights`` is ``(R, H)``."""
    keys, starts, first, kind, summed = [], [0], [0], [], []
    for context in contexts:
        own, of_key = np.unique(crossed(tickets.levels, context), return_inverse=True)
        pairs, of_pair = np.unique(of_key * kinds + outcome, return_inverse=True)
        summed.append(np.stack([np.bincount(of_pair, w, len(pairs)) for w in weights.T], axis=1))
        kind.append(pairs % kinds)
        first += (first[-1] + np.cumsum(np.bincount(pairs // kinds, minlength=len(own)))).tolist()
        keys.append(own)
        starts.append(starts[-1] + len(own))
    first.append(first[-1])  # the row of keys nobody has seen
    share = np.stack([np.bincount(outcome, w, kinds) + 0.01 for w in weights.T])
    share /= share.sum(axis=1, keepdims=True)
    ends = np.array(starts, np.int64), np.array(first, np.int64)
    return Counts(np.concatenate(keys), *ends, np.concatenate(kind), np.concatenate(summed), share)


def faded(opened_s: Floats, now_s: float, half_life_s: float) -> Floats:
    """Return the weight of each ticket: 1 when new, half after every half-life."""
    return np.asarray(0.5 ** (np.maximum(now_s - opened_s, 0.0) / half_life_s), dtype=np.float64)


def lasting(opened_s: Floats, now_s: float, half_life_s: float, *, least: float) -> Floats:
    """Return faded weights, of a longer half-life where those would stand for fewer than ``least`` tickets.

    A weighted number of tickets counts as many as ``(sum w)² / sum w²`` (Kish's effective sample size).
    """
    for doubling in range(12):
        weights = faded(opened_s, now_s, half_life_s * 2.0**doubling)
        total = float(weights.sum())
        if total > 0 and total * total / float(np.sum(weights * weights)) >= least:
            return weights
    return np.ones(len(opened_s))


def _vocabulary(tickets: Tickets, contexts: Sequence[Context]) -> Linear:
    """Return a model that knows its keys and whether there are titles, but no weight."""
    parts, starts = [np.zeros(0, np.int64)], [0]
    for context in contexts:
        keys, times = np.unique(crossed(tickets.levels, context), return_counts=True)
        parts.append(keys[times >= SEEN])
        starts.append(starts[-1] + len(parts[-1]))
    buckets = np.array([BUCKETS if len(tickets.row) else 0], dtype=np.int64)
    none = np.zeros((0, 0), dtype=np.float32)
    return Linear(np.concatenate(parts), np.array(starts, dtype=np.int64), none, np.zeros(0), buckets)


def _matrix(tickets: Tickets, contexts: Sequence[Context], model: Linear) -> sparse.csr_matrix:
    """Return what each ticket has of what a model has weights for, ``(R, F)``; single precision halves the time."""
    has_titles = bool(model.buckets[0])
    rows, columns, values = [], [], []
    if has_titles:
        rows, columns, values = [tickets.row], [tickets.bucket + len(model.keys)], [tickets.share]
    for number, context in enumerate(contexts):
        place = _places(model.keys, model.starts, number, crossed(tickets.levels, context))
        known = np.flatnonzero(place >= 0)
        rows.append(known)
        columns.append(place[known])
        values.append(np.ones(len(known)))
    shape = (len(tickets), len(model.keys) + int(model.buckets[0]))
    if not rows:
        return sparse.csr_matrix(shape, dtype=np.float32)
    entries = np.concatenate(values).astype(np.float32)
    return sparse.csr_matrix((entries, (np.concatenate(rows), np.concatenate(columns))), shape=shape)


def _places(keys: Ints, starts: Ints, number: int, wanted: Ints) -> Ints:
    """Return where each wanted key of a context stands in ``keys``; -1 where it is not there."""
    begin, end = int(starts[number]), int(starts[number + 1])
    own = keys[begin:end]
    if not len(own):
        return np.full(len(wanted), -1, dtype=np.int64)
    place = np.minimum(np.searchsorted(own, wanted), len(own) - 1)
    return np.where(own[place] == wanted, place + begin, -1)
