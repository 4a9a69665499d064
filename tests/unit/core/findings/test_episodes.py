"""Anomalous buckets become episodes: confirmed, merged over short calm, one side at a time."""

from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from metric_world import MONDAY, PER_DAY, STEP_S, at, grid_of

from aiops_jobs.core.detectors.base import Bands
from aiops_jobs.core.detectors.judging import Judgement
from aiops_jobs.core.findings import in_progress, to_episodes
from aiops_jobs.core.policies import AnomalyPolicy

POLICY = AnomalyPolicy()


def judgement(*rows, start=MONDAY):
    """Return a judgement from signed scores: -2 scores 2 below the band; None was not measured."""
    signed = np.asarray([[np.nan if v is None else v for v in row] for row in rows], dtype=float)
    grid = replace(grid_of(np.zeros(signed.shape), start=start), values=signed)
    zero = np.zeros(signed.shape)
    return Judgement(grid, Bands(zero, zero - 1, zero + 1, np.abs(signed), np.full(len(signed), 2, np.int8)), "by_hand")


def spans(found):
    """Return (series, direction, first, last, known, peak, count) of each episode."""
    names = ("series", "direction", "first", "last", "known", "peak", "count")
    return list(zip(*(getattr(found, name).tolist() for name in names), strict=True))


def episodes(*rows, since=MONDAY, policy=POLICY, **more):
    return to_episodes(judgement(*rows), policy, since=since, **more)


def test_calm_scores_have_no_episode():
    found = episodes([0.5, 0.99, 0, None])
    assert len(found) == 0
    assert found.noise == 0


def test_an_episode_knows_its_begin_end_peak_and_when_it_could_be_known():
    assert spans(episodes([0, 1.0, 3, 2, 3, 0, 0])) == [(0, 1, 1, 4, 2, 2, 4)]


def test_one_anomalous_bucket_is_not_confirmed():
    assert len(episodes([0, 9, 0, 0, 0, 0, 0, 9, 0])) == 0


@pytest.mark.parametrize(("calm", "count"), [(1, 1), (3, 1), (4, 2)])
def test_calm_up_to_the_merge_gap_does_not_split(calm, count):
    found = episodes([2, 2, *[0] * calm, 2, 2, 0, 0, 0, 0])
    assert len(found) == count
    assert len(episodes([2, 2, *[None] * calm, 2, 2, 0, 0, 0, 0])) == count


def test_up_and_down_are_not_merged():
    assert spans(episodes([2, -2, 2, -2, -2])) == [(0, 1, 0, 2, 2, 0, 2), (0, -1, 1, 4, 3, 1, 3)]


def test_series_are_not_merged_with_their_neighbours_in_the_matrix():
    assert len(episodes([0, 0, 0, 9], [9, 0, 0, 0])) == 0


@pytest.mark.parametrize(("points", "known"), [(1, 1), (3, 4)])
def test_how_many_points_confirm_is_policy(points, known):
    found = episodes([0, 2, 0, 2, 2, 2, 0], policy=replace(POLICY, confirm_points=points))
    assert spans(found)[0][4] == known


@pytest.mark.parametrize(("calm", "is_open"), [(0, True), (3, True), (4, False)])
def test_an_episode_is_open_while_the_calm_after_it_is_shorter_than_the_merge_gap(calm, is_open):
    assert episodes([2, 2, *[0] * calm]).is_open.tolist() == [is_open]


def test_only_episodes_that_begin_late_enough_are_told():
    row = [2, 2, *[0] * 8, 2, 2, 0]
    assert [e[2] for e in spans(episodes(row, since=MONDAY + timedelta(seconds=STEP_S * 10)))] == [10]
    assert [e[2] for e in spans(episodes(row, since=MONDAY + timedelta(seconds=STEP_S * 10 + 1)))] == []


def test_what_was_over_long_ago_can_be_left_out():
    row = [2, 2, *[0] * 20, 2, 2, 0]
    assert [e[2] for e in spans(episodes(row, alive_at=MONDAY + timedelta(seconds=STEP_S * 6)))] == [22]
    assert [e[2] for e in spans(episodes(row, alive_at=MONDAY + timedelta(seconds=STEP_S * 5)))] == [0, 22]


def test_a_series_that_never_rests_is_cut_off_each_day_and_counted():
    busy = [2, 2, 0, 0, 0, 0] * (2 * PER_DAY // 6)
    quiet = [0] * (2 * PER_DAY - 2) + [2, 2]
    found = episodes(busy, quiet)
    first = [e[2] // PER_DAY for e in spans(found) if e[0] == 0]
    assert (first.count(0), first.count(1)) == (POLICY.max_series_findings,) * 2
    assert found.noise == 2 * (PER_DAY // 6 - POLICY.max_series_findings)
    assert sum(e[0] == 1 for e in spans(found)) == 1


def test_what_may_have_begun_before_the_stretch_is_in_progress():
    rows = [[2] * 9, [0, 0, 0, 2, 0, 0, 0, 0, 0], [0, 0, 0, 0, 2, 2, 2, 2, 2], [None] * 9]
    assert in_progress(judgement(*rows), POLICY).tolist() == [True, True, False, False]


scores = st.lists(st.sampled_from([0.0, 0.0, 0.0, 0.5, 2.0, -2.0, 3.0, None]), min_size=60, max_size=60)


@given(scores, st.integers(20, 59))
@settings(max_examples=150, deadline=None)
def test_a_shorter_stretch_tells_the_same_but_for_what_is_still_open(row, cut):
    whole = [e for e in spans(episodes(row)) if e[3] < cut - 4]
    part = episodes(row[:cut])
    closed = [e for e, is_open in zip(spans(part), part.is_open, strict=True) if not is_open]
    assert closed == whole


@given(scores)
@settings(max_examples=150, deadline=None)
def test_every_confirmed_pair_of_anomalous_buckets_lies_in_exactly_one_episode(row):
    found = spans(episodes(row, policy=replace(POLICY, max_series_findings=1000)))
    for sign in (1, -1):
        hits = [i for i, v in enumerate(row) if v is not None and v * sign >= 1]
        for one, other in zip(hits[:-1], hits[1:], strict=True):
            holding = [e for e in found if e[1] == sign and e[2] <= one and other <= e[3]]
            assert len(holding) == (1 if other - one <= 4 else 0)


def test_times_are_absolute():
    late = to_episodes(judgement([0, 2, 2, 0], start=at(3)), POLICY, since=at(3))
    assert spans(late) == [(0, 1, 1, 2, 2, 1, 2)]
    assert len(to_episodes(judgement([0, 2, 2, 0], start=at(3)), POLICY, since=at(4))) == 0
