"""A failure model must beat what people do without it, mean what it says, and know nothing of the future."""

from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest
from model_worlds import END, METRICS, fleet, shuffled

from aiops_jobs.core.features.failures import to_failures
from aiops_jobs.core.features.smart import to_features, to_readings
from aiops_jobs.core.models.failure_labels import to_examples
from aiops_jobs.core.models.failure_risk import FailureModel, explain, fit_failure_model
from aiops_jobs.core.models.failure_training import error_counters, later_period, operating_point, try_failure_model
from aiops_jobs.core.policies import FailurePolicy
from aiops_jobs.errors import ModelRejected

POLICY = FailurePolicy()
DAY = timedelta(days=1)


def trial_of(world, policy=POLICY, champion=None, until=END):
    readings = to_readings(world.points, METRICS, world.start, until)
    return try_failure_model(readings, to_failures(world.tickets, policy.failure_codes, until), policy, champion)


def examples_of(world, policy=POLICY):
    readings = to_readings(world.points, METRICS, world.start, END)
    known = to_failures(world.tickets, policy.failure_codes, END)
    return to_examples(to_features(readings, known.confirmed), readings, known, horizon_s=policy.horizon_s), readings


@pytest.fixture(scope="module")
def trials():
    return {seed: trial_of(fleet(seed)) for seed in (1, 2, 3)}


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_it_beats_both_baselines_on_the_later_period(trials, seed):
    found = trials[seed].measures
    assert trials[seed].state == "promoted"
    assert found["lift"].value > 5 * POLICY.min_lift
    assert found["lift_over_rule"].value > 1.0
    assert found["brier"].value < 0.8 * found["brier"].baseline


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_its_probabilities_come_true(trials, seed):
    assert trials[seed].measures["calibration_error_ratio"].value < 0.02


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_at_the_operating_point_most_failures_are_foreseen_days_ahead(trials, seed):
    found = trials[seed].measures
    assert found["failures_foreseen_ratio"].value >= 0.5
    assert found["precision_ratio"].value >= operating_point(POLICY)
    assert found["lead_time_median_s"].value > 3 * 86400


def test_the_operating_point_follows_the_costs():
    assert operating_point(POLICY) == pytest.approx(0.2)
    assert operating_point(replace(POLICY, cost_of_action=100.0)) == 1.0


def test_the_later_period_ends_where_labels_end():
    begin, end = later_period(END.timestamp(), POLICY)
    assert end == (END - 14 * DAY).timestamp()
    assert begin == (END - 42 * DAY).timestamp()


def test_the_judged_half_has_not_seen_the_later_period():
    """Labels of training reach one horizon ahead, so all that happens after the purge must be without effect."""
    world = fleet(4)
    purge = END - 42 * DAY
    rows = world.points["observed_at"].to_pylist()
    changed = world.points.set_column(
        4,
        "value",
        [[v if t < purge - 14 * DAY else 7.0 for t, v in zip(rows, world.points["value"].to_pylist(), strict=True)]],
    )
    one, other = trial_of(world), trial_of(replace(world, points=changed), policy=replace(POLICY, min_lift=0.0))
    assert _bytes(one.artefact["judged"]) == _bytes(other.artefact["judged"] if other.artefact else None)


def test_the_same_world_makes_the_same_bytes_in_any_order():
    world = fleet(5, disks=120)
    other = replace(world, points=shuffled(world.points), tickets=shuffled(world.tickets))
    one, two = trial_of(world), trial_of(other)
    assert one.state == two.state == "promoted"
    assert _bytes(one.artefact) == _bytes(two.artefact)
    assert one.measures == two.measures


def test_labels_at_random_teach_nothing_and_are_refused():
    world = fleet(6)
    order = np.random.default_rng(0).permutation(world.tickets.num_rows)
    names = sorted(set(world.points["entity_id"].to_pylist()))
    entities = [names[(37 * n) % len(names)] for n in order]
    tickets = world.tickets.set_column(2, "entity_id", [entities]).set_column(3, "cause_entity_id", [entities])
    refused = trial_of(replace(world, tickets=tickets))
    assert refused.state == "rejected"
    assert refused.refusal.measure in {"lift", "lift_over_rule"}
    assert refused.measures["lift"].value < 3.0


def test_too_few_failures_are_refused():
    refused = trial_of(fleet(7, disks=40, failing=0.1))
    assert (refused.state, refused.artefact) == ("rejected", None)
    assert "failures" in refused.refusal.measure


def test_without_a_failure_in_the_later_period_nothing_can_be_judged():
    world = fleet(8)
    early = world.tickets.filter([t < END - 60 * DAY for t in world.tickets["opened_at"].to_pylist()])
    assert trial_of(replace(world, tickets=early)).refusal.measure == "number of failures in the later period"


def test_an_empty_fleet_is_refused():
    world = fleet(9, disks=12)
    assert trial_of(replace(world, points=world.points.slice(0, 0))).state == "rejected"


def test_features_that_never_vary_are_refused():
    examples, readings = examples_of(fleet(10))
    constant = replace(examples, matrix=np.ones_like(examples.matrix))
    with pytest.raises(ModelRejected, match="features that vary"):
        fit_failure_model(constant, readings.entities, min_failures=1)


def test_a_single_class_is_refused():
    examples, readings = examples_of(fleet(10))
    failing = examples.take(np.flatnonzero(examples.labels))
    with pytest.raises(ModelRejected, match="healthy days"):
        fit_failure_model(failing, readings.entities, min_failures=1)


def test_a_candidate_that_does_worse_than_the_champion_is_kept_as_a_candidate(trials):
    world = fleet(1)
    blind = world.points.filter([not n.endswith("sectors_count") for n in world.points["metric_name"].to_pylist()])
    champion = trials[1].artefact
    again = trial_of(world, champion=champion)
    assert again.state == "promoted"
    assert again.of_champion["average_precision_ratio"] == trials[1].measures["average_precision_ratio"]
    worse = trial_of(replace(world, points=blind), policy=replace(POLICY, min_lift=0.0), champion=champion)
    assert worse.state != "promoted"


def test_columns_are_found_by_name_and_one_that_is_gone_is_missing(trials):
    model = FailureModel.from_dict(trials[1].artefact["serving"])
    examples, _ = examples_of(fleet(1))
    order = np.random.default_rng(0).permutation(len(examples.names))
    names = [examples.names[i] for i in order]
    straight = model.log_odds(examples.names, examples.matrix[:500])
    assert np.array_equal(model.log_odds(names, examples.matrix[:500][:, order]), straight)
    left = [i for i, name in enumerate(examples.names) if name != model.names[0]]
    assert model.missing([examples.names[i] for i in left]) == [model.names[0]]
    assert np.isfinite(model.log_odds([examples.names[i] for i in left], examples.matrix[:500][:, left])).all()


def test_an_explanation_names_the_counter_that_grew(trials):
    model = FailureModel.from_dict(trials[2].artefact["serving"])
    examples, _ = examples_of(fleet(2))
    log_odds = model.log_odds(examples.names, examples.matrix)
    worst = int(np.argmax(np.where(examples.labels, log_odds, -np.inf)))
    reasons = explain(model, examples.names, examples.matrix[worst : worst + 1])[0]
    assert reasons[0]["metric"] in {METRICS[0], METRICS[2]}
    assert reasons[0]["weight"] > 0.5
    assert reasons[0]["last"] > 0
    assert explain(model, examples.names, examples.matrix[:0]) == []


def test_the_naive_rule_counts_error_counters_that_are_not_zero():
    examples, _ = examples_of(fleet(3))
    rule = error_counters(examples, examples)
    columns = [examples.names.index(f"{m}:last") for m in (METRICS[0], METRICS[2])]
    assert np.array_equal(rule, (examples.matrix[:, columns] > 0).sum(axis=1))


def _bytes(data):
    if isinstance(data, dict):
        return {key: _bytes(value) for key, value in data.items()}
    return data.tobytes() if isinstance(data, np.ndarray) else data
