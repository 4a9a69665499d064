"""Ratios mean what the page says they mean, and a missed goal is called missed."""

import time

import pytest

from benchmarks.measure import Case, Line, Side, compare, cpu_s, growth, ratio_of, turn, verdict
from benchmarks.page import page
from benchmarks.protocols import PROTOCOLS, Figure
from benchmarks.scoring import Score


def burn(seconds):
    end = time.process_time() + seconds
    while time.process_time() < end:
        pass
    return seconds


def test_a_ratio_is_the_peers_cpu_over_ours_for_the_same_work():
    assert ratio_of(0.5, 2.0) == 4.0
    assert ratio_of(0.5, 2.0, ours_units=10, peer_units=40) == 1.0
    assert ratio_of(0.0, 2.0) == float("inf")


@pytest.mark.parametrize(
    ("ratio", "goal", "said"),
    [(4.0, 4.0, "met"), (3.99, 4.0, "missed"), (0.1, None, "–"), (None, 2.0, "–")],
)
def test_a_goal_is_met_missed_or_not_set(ratio, goal, said):
    assert verdict(ratio, goal) == said


def test_a_peer_that_burns_more_cpu_gives_a_ratio_above_one():
    case = Case("small", Side("ours", lambda _: burn(0.02)), (Side("slow", lambda _: burn(0.1), goal=2.0),))
    (line,) = compare("burning", case, repetitions=2)
    assert line.verdict == "met"
    assert 3.0 < line.ratio < 7.0
    assert 0.02 <= line.ours_s < line.peer_s


def test_preparation_is_not_measured_and_reaches_the_work():
    seen = []
    side = Side("ours", seen.append, before=lambda: burn(0.1) and "given")
    spent, _ = turn(side)
    assert seen == ["given"]
    assert spent < 0.05


def test_the_sides_take_turns():
    order = []
    case = Case("x", Side("a", lambda _: order.append("a")), (Side("b", lambda _: order.append("b")),))
    compare("turns", case, repetitions=3)
    assert order == ["a", "b"] * 3


def test_sides_that_disagree_are_not_compared():
    def differ(results):
        assert results[0] == results[1]

    case = Case("x", Side("a", lambda _: 1), (Side("b", lambda _: 2),), check=differ)
    with pytest.raises(AssertionError):
        compare("disagreement", case, repetitions=1)


def test_doubling_is_the_whole_over_the_half():
    half, whole = (Case("x", Side("ours", lambda _, s=s: burn(s))) for s in (0.03, 0.06))
    assert 1.5 < growth(half, whole, repetitions=2) < 2.5


def test_cpu_counts_this_process_and_does_not_run_while_it_sleeps():
    begun = cpu_s()
    time.sleep(0.1)
    slept = cpu_s() - begun
    burn(0.05)
    assert slept < 0.05 <= cpu_s() - begun - slept + 0.001


def test_a_figure_knows_its_bar():
    high = Figure("F1", "f1", floor=0.6, stretch=0.7)
    low = Figure("WQL", "wql", floor=0.7, stretch=0.65, is_low_good=True)
    band = Figure("coverage", "c", floor=(0.87, 0.93))
    assert [high.verdict(v) for v in (0.59, 0.6, 0.7)] == ["missed", "floor met", "stretch met"]
    assert [low.verdict(v) for v in (0.71, 0.7, 0.6)] == ["missed", "floor met", "stretch met"]
    assert [band.verdict(v) for v in (0.8, 0.9, 0.95)] == ["missed", "floor met", "missed"]
    assert Figure("MAE", "m").verdict(3.0) == "–"


def test_the_page_says_missed_and_not_run():
    line = Line("stage", "1 row", "peer", 2.0, 1.0, 0.5, 4.0, "A note.")
    nab, _, cloud, *_ = PROTOCOLS
    scores = [Score(nab, "scored", {"score": 12.0}, 3.0), Score(cloud, "not run (time: more than 60 CPU s)")]
    text = page([line], {"stage": 2.5}, scores, most_growth=2.1)
    assert "| stage | 1 row | peer | 2.000 | 1.000 | 0.5× | ≥ 4× | missed |" in text
    assert "| stage | 2.50× | ≤ 2.1× | missed |" in text
    assert "| nab | NAB standard score | 12.0 | 46.8 (seasonal z) | ≥ 60 | ≥ 70.1 | missed | 3.0 |" in text
    assert "| ms_cloud | – | not run (time: more than 60 CPU s) |" in text


def test_absent_data_is_said_and_is_no_failure():
    text = page([], {}, None, most_growth=2.1)
    assert "nothing was scored" in text
