"""A capacity model is judged before it speaks."""

from dataclasses import replace

import numpy as np
import pytest
from model_worlds import estate, resources

from aiops_jobs.core.models.capacity_training import COVERAGE, MAX_SERIES, try_capacity_model
from aiops_jobs.core.policies import CapacityPolicy

POLICY = CapacityPolicy(horizon_s=7 * 86400.0)
HISTORY = 28 * 24
END_S = 1.8e9


@pytest.fixture(scope="module")
def trial():
    return try_capacity_model(estate(HISTORY, seed=1, each=15), END_S, POLICY, None)


def test_a_model_that_holds_its_bands_is_promoted(trial):
    assert trial.state == "promoted"
    assert COVERAGE[0] <= trial.measures["coverage_80_ratio"].value <= COVERAGE[1]
    assert trial.measures["wql_ratio"].value < 1.0
    assert trial.later_s == (END_S - 7 * 86400.0, END_S)


def test_the_judged_half_has_not_seen_the_later_period(trial):
    values = estate(HISTORY, seed=1, each=15)
    values[:, -7 * 24 :] = np.random.default_rng(0).normal(size=(len(values), 7 * 24))
    other = try_capacity_model(values, END_S, POLICY, None)
    judged = trial.artefact["judged"]["offsets"]
    assert other.refusal is not None or np.array_equal(other.artefact["judged"]["offsets"], judged)
    assert other.measures["wql_ratio"].value > trial.measures["wql_ratio"].value


def test_without_series_or_history_there_is_no_model():
    for values in (np.empty((0, HISTORY)), np.ones((3, 24)), resources("steady", 1, 5 * 24, seed=1)):
        refused = try_capacity_model(values, END_S, POLICY, None)
        assert (refused.state, refused.refusal.measure) == ("rejected", "number of forecasts to judge by")


def test_a_band_that_does_not_hold_is_refused():
    rng = np.random.default_rng(0)
    values = np.cumsum(rng.standard_cauchy((10, HISTORY)) * (np.arange(HISTORY) > HISTORY - 170), axis=1)
    refused = try_capacity_model(values, END_S, POLICY, None)
    assert refused.state == "rejected"


def test_a_worse_candidate_leaves_the_champion_where_it_is(trial, monkeypatch):
    monkeypatch.setattr("aiops_jobs.core.models.capacity_training.SLACK", 0.0)
    values = estate(HISTORY, seed=1, each=15)
    assert try_capacity_model(values, END_S, POLICY, trial.artefact).state == "promoted"
    spoilt = values.copy()
    spoilt[:, : -14 * 24] = np.random.default_rng(1).permuted(values[:, : -14 * 24], axis=1)
    tried = try_capacity_model(spoilt, END_S, POLICY, trial.artefact)
    assert tried.of_champion["wql_ratio"].value < tried.measures["wql_ratio"].value
    assert (tried.state, tried.refusal.measure) == ("candidate", "wql_ratio against the champion")
    assert tried.artefact is not None


def test_a_champion_for_another_step_is_no_comparison(trial):
    values = estate(HISTORY, seed=1, each=4)
    tried = try_capacity_model(values, END_S, replace(POLICY, horizon_s=3 * 86400.0), trial.artefact)
    assert tried.of_champion == {}
    assert tried.state == "promoted"


def test_of_very_many_series_an_even_choice_teaches():
    few = estate(10 * 24, seed=2, each=3)
    many = np.repeat(few, MAX_SERIES // 12 + 1, axis=0)
    small = try_capacity_model(few, END_S, replace(POLICY, horizon_s=86400.0), None)
    large = try_capacity_model(many, END_S, replace(POLICY, horizon_s=86400.0), None)
    assert large.measures["wql_ratio"].count < small.measures["wql_ratio"].count * (MAX_SERIES / 12)
    assert large.measures["wql_ratio"].value == pytest.approx(small.measures["wql_ratio"].value, rel=0.1)


@pytest.mark.parametrize("days", [1, 3, 7, 9, 12, 14, 15, 16, 18, 21])
def test_however_short_the_history_is_there_is_an_answer(days):
    policy = CapacityPolicy()
    tried = try_capacity_model(estate(days * 24, seed=3, each=8), END_S, policy, None)
    assert tried.state in {"promoted", "rejected"}
    if tried.artefact is not None:
        assert all(np.isfinite(tried.artefact["serving"]["offsets"]).ravel())
