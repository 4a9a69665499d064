"""Calibrated probability that a disk or a host fails within the horizon, learned from readings and tickets.

Time is cut three times, oldest first: training days, then a gap as long as the horizon (no label of training looks
into what comes after), then the later period the model is judged on. Calibration rests on entities the trees have not
seen: each failure colours as many days as the horizon has, so a gap in time before a calibration period would leave
a handful of failures on either side. The judged model keeps its training days; the serving model has the same
recipe and all days whose label is known. Both are stored: champions are compared by their judged halves, of which
neither knows the period of comparison.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from aiops_jobs.core.models.boosted import Trees, fit_trees
from aiops_jobs.core.models.calibration import Calibration, fit_calibration
from aiops_jobs.core.models.failure_labels import Examples, thinned
from aiops_jobs.errors import ModelRejected

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Matrix = npt.NDArray[np.float32]

NAME = "failure_risk"
FOLDS = 3
EVERY = 3
"""One of so many healthy days of an entity is fitted on."""
SHOWN = ("last", "delta_1d", "delta_7d", "delta_28d")
"""What a person wants to know of a metric."""
NOTABLE = 0.05
"""Log-odds that a metric must add to be named as a reason."""


@dataclass(frozen=True, slots=True)
class FailureModel:
    """A fitted model.

    Args:
        names: Features it looks at, in order.
        trees: Log-odds from features.
        calibration: Probability from log-odds.
        usual: Median of each feature in training: what an entity is compared with in an explanation.
    """

    names: tuple[str, ...]
    trees: Trees
    calibration: Calibration
    usual: Floats

    def columns(self, names: Sequence[str], matrix: Matrix) -> Matrix:
        """Return the model's columns from ``matrix`` by name; one that is not there is missing in every row."""
        place = {name: column for column, name in enumerate(names)}
        taken = np.full((len(matrix), len(self.names)), np.nan, dtype=np.float32)
        known = [(target, place[name]) for target, name in enumerate(self.names) if name in place]
        taken[:, [target for target, _ in known]] = matrix[:, [source for _, source in known]]
        return taken

    def missing(self, names: Sequence[str]) -> list[str]:
        """Return the features the model knows and ``names`` lacks."""
        return sorted(set(self.names) - set(names))

    def log_odds(self, names: Sequence[str], matrix: Matrix) -> Floats:
        """Return uncalibrated log-odds of each row."""
        return self.trees.log_odds(self.columns(names, matrix))

    def to_dict(self) -> dict[str, Any]:
        """Return the model as plain data and arrays."""
        return {
            "names": list(self.names),
            "trees": self.trees.to_dict(),
            "calibration": np.array([self.calibration.slope, self.calibration.shift]),
            "usual": self.usual,
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> FailureModel:
        """Return the model that `to_dict` wrote."""
        slope, shift = (float(value) for value in data["calibration"])
        trees = Trees.from_dict(data["trees"])
        return cls(tuple(data["names"]), trees, Calibration(slope, shift), np.asarray(data["usual"], dtype=np.float64))


def fit_failure_model(examples: Examples, entities: Sequence[str], *, min_failures: int) -> FailureModel:
    """Fit trees and calibration.

    Args:
        examples: Entity-days with known labels.
        entities: Entity ids the examples' rows refer to.
        min_failures: Fewer different failures teach nothing.

    Raises:
        ModelRejected: Too few failures, no healthy day, or no feature that varies.
    """
    if examples.failures < min_failures:
        raise ModelRejected(NAME, "number of failures to learn from", examples.failures, min_failures)
    healthy = int((~examples.labels).sum())
    if not healthy:
        raise ModelRejected(NAME, "number of healthy days to learn from", healthy, 1)
    columns = _varying(examples.matrix)
    if not len(columns):
        raise ModelRejected(NAME, "number of features that vary", 0, 1)
    rows, weights = thinned(examples, EVERY)
    matrix, labels = examples.matrix[rows][:, columns], examples.labels[rows]
    unseen = _out_of_fold(matrix, labels, _folds(entities)[examples.entity[rows]])
    # Days of one failure are one case: together they weigh one.
    share = examples.failures / max(int(labels.sum()), 1)
    known = np.isfinite(unseen)
    calibration = fit_calibration(unseen[known], labels[known], weights[known] * share)
    return FailureModel(
        names=tuple(examples.names[c] for c in columns),
        trees=fit_trees(matrix, labels, stands_for=EVERY),
        calibration=calibration,
        usual=_medians(matrix),
    )


def explain(model: FailureModel, names: Sequence[str], matrix: Matrix, *, most: int = 3) -> list[list[dict[str, Any]]]:
    """Tell, for every row, which metrics speak most for a failure.

    All features of one metric are set to their usual values at once; what the log-odds lose by it is the metric's
    weight. Metrics that speak against a failure, or hardly, are left out.
    """
    own = model.columns(names, matrix)
    whole = model.trees.log_odds(own)
    groups = _groups(model.names)
    weights = np.zeros((len(groups), len(own)))
    for place, columns in enumerate(groups.values()):
        without = own.copy()
        without[:, columns] = model.usual[columns]
        weights[place] = whole - model.trees.log_odds(without)
    order = np.argsort(-weights, axis=0, kind="stable")[:most]
    metrics = list(groups)
    return [
        [
            {
                "metric": metrics[g],
                "weight": round(float(weights[g, row]), 3),
                **_readable(model, groups[metrics[g]], own[row]),
            }
            for g in order[:, row].tolist()
            if weights[g, row] > NOTABLE
        ]
        for row in range(len(own))
    ]


def _readable(model: FailureModel, columns: Sequence[int], row: Matrix) -> dict[str, float]:
    """Return the features of one metric by their short names, without the missing ones."""
    values = {model.names[c].rpartition(":")[2]: round(float(row[c]), 3) for c in columns if np.isfinite(row[c])}
    return {name: value for name, value in values.items() if name in SHOWN} or values


def _groups(names: Sequence[str]) -> dict[str, list[int]]:
    groups: dict[str, list[int]] = {}
    for column, name in enumerate(names):
        groups.setdefault(name.rpartition(":")[0] or name, []).append(column)
    return groups


def _varying(matrix: Matrix) -> Ints:
    known = np.isfinite(matrix)
    low = np.where(known, matrix, np.inf).min(axis=0, initial=np.inf)
    high = np.where(known, matrix, -np.inf).max(axis=0, initial=-np.inf)
    return np.flatnonzero(high > low)


def _medians(matrix: Matrix) -> Floats:
    return np.asarray(np.nanmedian(matrix, axis=0), dtype=np.float64)


def _folds(entities: Sequence[str]) -> Ints:
    """Return the fold of each entity; it depends on its name alone."""
    return np.array([zlib.crc32(entity.encode()) % FOLDS for entity in entities], dtype=np.int64)


def _out_of_fold(matrix: Matrix, labels: npt.NDArray[np.bool_], folds: Ints) -> Floats:
    """Return log-odds from trees that have not seen the row's entity; ``nan`` where the others held one kind only."""
    unseen = np.full(len(labels), np.nan)
    for fold in range(FOLDS):
        inside = folds == fold
        kinds = labels[~inside]
        if inside.any() and kinds.any() and not kinds.all():
            unseen[inside] = fit_trees(matrix[~inside], kinds, stands_for=EVERY).log_odds(matrix[inside])
    return unseen
