"""What goes on beside something unusual is read next to it; what does not keeps the place its own novelty gives it."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiops_jobs.core.columns import OPEN
from aiops_jobs.core.incidents.standing import standing

SPANS = st.lists(st.tuples(st.integers(0, 50), st.integers(1, 20), st.integers(0, 40)), min_size=1, max_size=12)


def stands(*rows):
    start, end, novelty = (np.array(column) for column in zip(*rows, strict=True))
    return standing(start.astype(np.int64), end.astype(np.int64), novelty.astype(np.float64)).tolist()


def test_a_modest_incident_beside_a_great_one_comes_before_an_equal_one_alone():
    assert stands((0, 100, 90), (50, 60, 2), (200, 210, 2), (300, 310, 40)) == [90, 46, 2, 40]


def test_what_begins_just_before_and_what_goes_on_still_are_beside_it():
    assert stands((10, OPEN, 80), (0, 10, 4), (500, 510, 4)) == [80, 42, 42]


def test_company_never_lowers_anybody():
    assert stands((0, 10, 8), (0, 10, 2)) == [8, 5]
    assert stands((0, 10, 3)) == [3]


@given(SPANS, st.randoms(use_true_random=False))
def test_the_order_of_rows_makes_no_difference(rows, shuffle):
    rows = [(start, start + length, novelty) for start, length, novelty in rows]
    order = list(range(len(rows)))
    shuffle.shuffle(order)
    there, here = stands(*(rows[i] for i in order)), stands(*rows)
    assert there == pytest.approx([here[i] for i in order])
    assert all(stood >= row[2] for stood, row in zip(here, rows, strict=True))
