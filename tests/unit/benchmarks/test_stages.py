"""Every stage runs at a tiny size, and ours and its peers agree on the result."""

import pytest

from aiops_jobs.core.columns import SECOND
from benchmarks.measure import compare
from benchmarks.stages import STAGES, alerts, samples, validation

# Great Expectations takes seconds to start; the gate's own tests have it running.
QUICK = [stage for stage in STAGES if stage.build is not validation.build]


@pytest.mark.parametrize("stage", QUICK, ids=lambda s: s.name)
def test_a_stage_runs_small_and_its_results_agree(stage, tmp_path):
    lines = compare(stage.name, stage.build(tmp_path, 0.005), repetitions=1)
    assert lines
    assert all(line.ours_s >= 0 for line in lines)
    assert all(line.ratio is not None for line in lines if line.peer_s is not None)


@pytest.mark.slow
def test_the_gate_and_the_rows_agree_that_good_rows_are_good(tmp_path):
    (line,) = compare("validation", validation.build(tmp_path, 0.005), repetitions=1)
    assert line.peer_s > 0


def test_the_peer_is_asked_for_every_promise_of_the_contract():
    kinds = [item["type"] for item in validation.row_expectations()]
    assert "expect_compound_columns_to_be_unique" in kinds
    assert len(kinds) >= 12


def test_samples_are_equal_for_equal_sizes_and_have_the_gaps_asked_for():
    one, other = (samples.points(10, 288, gaps=0.1) for _ in range(2))
    assert one.equals(other)
    assert 0.85 < one.num_rows / 2880 < 0.95
    assert samples.points(10, 288, gaps=0.0).num_rows == 2880


def test_the_python_peer_joins_neighbours_and_leaves_strangers_apart():
    def at(minutes, name):
        begin = minutes * 60 * SECOND
        return begin, begin + SECOND, name

    near = {"a": {"b"}, "b": {"a"}}
    assert alerts.group_with_networkx([at(0, "a"), at(5, "b")], near) == {frozenset({0, 1})}
    assert alerts.group_with_networkx([at(0, "a"), at(5, "c")], near) == {frozenset({0}), frozenset({1})}
    assert alerts.group_with_networkx([at(0, "a"), at(30, "b")], near) == {frozenset({0}), frozenset({1})}
