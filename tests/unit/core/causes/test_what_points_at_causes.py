import numpy as np
import pyarrow as pa
import pytest

from aiops_jobs.core.causes.blame import blame, excess, own_excess, reachable
from aiops_jobs.core.causes.deviation import deviations, strongest
from aiops_jobs.core.causes.fusion import NOISE, evidence, fused
from aiops_jobs.core.causes.profiles import kinds_of, surprise
from aiops_jobs.core.causes.waits import blamed_for_waits


def noisy(rows, columns, seed=0):
    return np.random.default_rng(seed).normal(100.0, 1.0, (rows, columns))


@pytest.mark.parametrize("late", [-60, -10, 0, 30, 60, 90])
def test_a_moved_metric_stands_out_even_where_the_begin_is_known_badly(late):
    rows = noisy(600, 5)
    rows[300:, 3] += 30
    moved = deviations(rows[: 300 + late], rows[300 + late :])
    assert int(moved.argmax()) == 3
    assert moved[3] > 5 > 2 * np.delete(moved, 3).max()


def test_a_metric_with_bursts_is_not_held_against_its_calm():
    rows = noisy(300, 2)
    rows[::20, 0] += 500
    after = noisy(30, 2, seed=1)
    after[:, 0] += 100
    after[:, 1] += 30
    moved = deviations(rows, after)
    assert moved[1] > 3 * moved[0]


def test_one_odd_row_and_what_is_flat_or_missing_move_nothing():
    before = np.column_stack([noisy(50, 1), np.zeros(50), np.full(50, np.nan)])
    after = np.column_stack([[100.0, 9e9, 100.0], np.zeros(3), np.full(3, np.nan)])
    assert (deviations(before, after) < 1).all()
    assert deviations(before[:0], after).tolist() == [0, 0, 0]
    assert deviations(before, after[:0]).tolist() == [0, 0, 0]


def test_the_strongest_value_of_each_owner():
    assert strongest(np.array([1.0, 3.0, 2.0]), np.array([0, 2, 2]), 4).tolist() == [1, 0, 3, 0]


CALLS = np.array([[0, 1, 1, 0], [0, 0, 0, 1], [0, 0, 0, 0], [0, 0, 0, 0]], dtype=bool)
"""web calls app and cache; app calls the database."""


def waits_of(latency, requests):
    usual = np.array([0.10, 0.05, 0.01, 0.02])
    return excess(np.asarray(latency), np.asarray(requests), usual, rises=True)


def calm_rows():
    rng = np.random.default_rng(0)
    return waits_of(
        np.array([0.10, 0.05, 0.01, 0.02]) + rng.normal(0, 0.001, (200, 4)),
        np.tile([500.0, 500.0, 4.0, 500.0], (200, 1)),
    )


def test_the_deepest_component_that_explains_the_amount_is_blamed():
    sick = waits_of([[0.15, 0.10, 0.51, 0.07]] * 5, [[500.0, 500.0, 4.0, 500.0]] * 5)
    found = blame(calm_rows(), sick, CALLS, 0)
    assert found.is_certain
    assert int(found.beyond_chance.argmax()) == 3
    assert found.amount[3] == pytest.approx(5 * 0.05 * 500)
    assert found.amount[2] < found.amount[3] / 5, "four slow requests explain little"
    assert found.beyond_chance[0] == 0, "the victim is not its own cause"


def test_nobody_is_blamed_where_all_is_well_or_nothing_is_known():
    calm = calm_rows()
    assert not blame(calm[:150], calm[160:165], CALLS, 0).is_certain
    assert not blame(calm[:3], calm[3:10], CALLS, 0).is_certain
    assert not blame(calm, calm[:0], CALLS, 0).is_certain


def test_excess_and_reach():
    assert excess(
        np.array([[90.0, np.nan]]), np.array([[10.0, 5.0]]), np.array([100.0, 100.0]), rises=False
    ).tolist() == [[100.0, 0.0]]
    assert own_excess(np.array([[5.0, 4.0, 0.5, 4.0]]), CALLS).tolist() == [[0.5, 0.0, 0.5, 4.0]]
    assert reachable(CALLS, 0).tolist() == [False, True, True, True]
    assert reachable(CALLS, 3).tolist() == [False] * 4


def test_kinds_of_lines_do_not_depend_on_numbers():
    lines = pa.array(["12:01:07 INFO got order a7f in 3ms", "13:00:00 INFO got order 99 in 12ms", "13:00 WARN no"])
    assert len(kinds_of(lines).unique()) == 2


def counted(*rows):
    owner, kind, amount = (np.array(column) for column in zip(*rows, strict=True))
    return owner, kind, amount.astype(float)


def test_vanished_and_new_kinds_surprise_and_more_traffic_does_not():
    before = counted((0, 0, 100), (0, 1, 100), (1, 0, 50))
    found = surprise(before, counted((0, 0, 100), (0, 2, 30), (1, 0, 500)), kinds=3)
    by_kind = {(int(o), int(k)): s for o, k, s in zip(found.owner, found.kind, found.sigmas, strict=True)}
    assert by_kind[0, 1] < -2
    assert by_kind[0, 2] > 10
    assert abs(by_kind[1, 0]) < 1


def test_waits_are_charged_to_the_end_all_slow_edges_share():
    caller, callee = np.array([0, 1, 0, 0]), np.array([2, 2, 3, 4])
    into = blamed_for_waits(caller, callee, np.log([30.0, 20.0, 1.0, 1.1]), count=5)
    assert into.round(3).tolist() == [1, 1, 20, 1, 1.1]
    out = blamed_for_waits(caller, callee, np.log([30.0, 1.0, 25.0, 20.0]), count=5)
    assert out[0] == pytest.approx(20)
    assert out[2] == pytest.approx(1)


def test_witnesses_add_up_and_silence_is_not_held_against_anyone():
    assert evidence(np.array([0.0, 1.0, np.e]), noise=1.0).round(6).tolist() == [0, 0, 1]
    alone = fused([("metrics", np.array([9.0, 0.0]))])
    both = fused([("metrics", np.array([9.0, 0.0])), ("waits", np.array([0.0, NOISE["waits"] * 9.0]))])
    assert both[0] == alone[0] == both[1]
