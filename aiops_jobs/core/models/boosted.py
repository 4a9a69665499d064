"""Gradient-boosted trees as plain arrays: fitted by scikit-learn, kept and asked without it.

A model file then holds numbers only: loading it runs no code, its bytes do not depend on a library's internals, and
scores stay the same across upgrades. Fitting uses one thread, since sums over several may round differently.

Reference: Friedman, "Greedy function approximation: a gradient boosting machine", 2001, doi:10.1214/aos/1013203451;
scikit-learn's `HistGradientBoostingClassifier`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Matrix = npt.NDArray[np.float32]

SETTINGS: dict[str, Any] = {
    "max_iter": 80,
    "learning_rate": 0.08,
    "max_leaf_nodes": 5,
    "min_samples_leaf": 30,
    "l2_regularization": 20.0,
    "early_stopping": False,
    "random_state": 0,
}
"""Small trees, many of them: failures are few, and their days resemble each other."""
ROWS = 4096
"""Rows scored at a time, so that memory stays bounded."""


@dataclass(frozen=True, slots=True)
class Trees:
    """An ensemble; its nodes lie one after the other, a leaf is its own child.

    Args:
        roots: First node of each tree.
        feature: Column a node looks at.
        threshold: Values up to it go left.
        left: Node to go to.
        right: Node to go to.
        missing_left: Whether a missing value goes left.
        value: Log-odds a leaf adds.
        baseline: Log-odds to begin with, one element.
        depth: Longest way from a root to a leaf, one element.
    """

    roots: npt.NDArray[np.int64]
    feature: npt.NDArray[np.int64]
    threshold: Floats
    left: npt.NDArray[np.int64]
    right: npt.NDArray[np.int64]
    missing_left: npt.NDArray[np.int64]
    value: Floats
    baseline: Floats
    depth: npt.NDArray[np.int64]

    def log_odds(self, matrix: Matrix) -> Floats:
        """Return the log-odds of each row of ``matrix``, ``(R, F)``; ``nan`` is missing."""
        chunks = [self._log_odds(matrix[start : start + ROWS]) for start in range(0, len(matrix), ROWS)]
        return np.concatenate(chunks) if chunks else np.zeros(0)

    def _log_odds(self, matrix: Matrix) -> Floats:
        rows = np.arange(len(matrix))[:, None]
        node = np.broadcast_to(self.roots, (len(matrix), len(self.roots)))
        for _ in range(int(self.depth[0])):
            seen = matrix[rows, self.feature[node]]
            goes_left = np.where(np.isnan(seen), self.missing_left[node] != 0, seen <= self.threshold[node])
            node = np.where(goes_left, self.left[node], self.right[node])
        # Tree by tree, as they were grown: a sum in another order would round differently.
        total = np.full(len(matrix), self.baseline[0])
        for tree in range(len(self.roots)):
            total += self.value[node[:, tree]]
        return total

    def to_dict(self) -> dict[str, Any]:
        """Return the ensemble as arrays by name."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Trees:
        """Return the ensemble that `to_dict` wrote."""
        return cls(**{field.name: np.asarray(data[field.name]) for field in fields(cls)})


def fit_trees(
    matrix: Matrix, labels: Bools, *, stands_for: float = 1.0, settings: Mapping[str, Any] = SETTINGS
) -> Trees:
    """Fit trees to labels; the same rows in the same order give the same bytes.

    Args:
        matrix: ``(R, F)``, ``nan`` is missing.
        labels: ``(R,)``, both kinds present.
        stands_for: How many negative cases each negative row stands for: the log-odds are those of all cases.
        settings: Of scikit-learn's estimator.
    """
    from sklearn.ensemble import HistGradientBoostingClassifier
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    with threadpool_limits(limits=1, user_api="openmp"):
        fitted = HistGradientBoostingClassifier(**settings).fit(matrix, labels)
    grown = [stage[0].nodes for stage in fitted._predictors]  # noqa: SLF001 - there is no public way to the nodes
    return _to_trees(grown, float(fitted._baseline_prediction.ravel()[0]) - math.log(stands_for))  # noqa: SLF001


def _to_trees(grown: list[npt.NDArray[Any]], baseline: float) -> Trees:
    sizes = [len(nodes) for nodes in grown]
    starts = np.concatenate([[0], np.cumsum(sizes)[:-1]]).astype(np.int64)
    nodes = np.concatenate(grown)
    shift = np.repeat(starts, sizes)
    own = np.arange(len(nodes), dtype=np.int64)
    is_leaf = nodes["is_leaf"].astype(bool)
    return Trees(
        roots=starts,
        feature=np.where(is_leaf, 0, nodes["feature_idx"]).astype(np.int64),
        threshold=np.where(is_leaf, 0.0, nodes["num_threshold"]).astype(np.float64),
        left=np.where(is_leaf, own, nodes["left"] + shift).astype(np.int64),
        right=np.where(is_leaf, own, nodes["right"] + shift).astype(np.int64),
        missing_left=np.where(is_leaf, 0, nodes["missing_go_to_left"]).astype(np.int64),
        value=np.where(is_leaf, nodes["value"], 0.0).astype(np.float64),
        baseline=np.array([baseline]),
        depth=np.array([int(nodes["depth"].max())], dtype=np.int64),
    )
