"""Trees as arrays say what scikit-learn's trees say."""

import numpy as np
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier

from aiops_jobs.core.models.boosted import ROWS, SETTINGS, Trees, fit_trees


def cases(seed=0, rows=3000):
    rng = np.random.default_rng(seed)
    matrix = rng.normal(size=(rows, 6)).astype(np.float32)
    labels = matrix[:, 0] + (matrix[:, 1] > 0) + 0.5 * rng.normal(size=rows) > 2.0
    matrix[rng.random(matrix.shape) < 0.2] = np.nan
    return matrix, labels


def test_the_arrays_give_the_log_odds_of_the_library():
    matrix, labels = cases()
    library = HistGradientBoostingClassifier(**SETTINGS).fit(matrix, labels)
    fresh, _ = cases(seed=1, rows=ROWS + 500)
    assert fit_trees(matrix, labels).log_odds(fresh) == pytest.approx(library.decision_function(fresh), abs=1e-12)


def test_thinned_negatives_count_for_those_left_out():
    matrix, labels = cases(rows=20_000)
    kept = labels | (np.arange(len(labels)) % 4 == 0)
    thinned = fit_trees(matrix[kept], labels[kept], stands_for=4.0)
    probability = 1.0 / (1.0 + np.exp(-thinned.log_odds(matrix)))
    assert probability.mean() == pytest.approx(labels.mean(), rel=0.05)


def test_the_same_cases_make_the_same_bytes():
    one, two = (fit_trees(*cases()).to_dict() for _ in range(2))
    assert {k: v.tobytes() for k, v in one.items()} == {k: v.tobytes() for k, v in two.items()}


def test_plain_data_makes_the_same_trees_again():
    trees = fit_trees(*cases())
    matrix, _ = cases(seed=2)
    assert np.array_equal(Trees.from_dict(trees.to_dict()).log_odds(matrix), trees.log_odds(matrix))


def test_rows_are_scored_each_for_itself():
    trees = fit_trees(*cases())
    matrix, _ = cases(seed=3, rows=500)
    assert np.array_equal(trees.log_odds(matrix)[::-1], trees.log_odds(matrix[::-1]))
    assert trees.log_odds(matrix[:0]).shape == (0,)
