"""Labels speak of the future of a day, and exist only once that future is over."""

from datetime import timedelta

import numpy as np
import pytest
from model_worlds import END, METRICS, fleet, to_tickets

from aiops_jobs.core.features.failures import to_failures
from aiops_jobs.core.features.smart import Readings, to_features, to_readings
from aiops_jobs.core.models.failure_labels import thinned, to_examples
from aiops_jobs.core.policies import FailurePolicy

DAY = timedelta(days=1)
DAY_S = 86400.0
POLICY = FailurePolicy()
LAST_DAY = (END - (END - END)).timestamp() / DAY_S


def one_disk(tickets, until=END, days=40, values=None):
    """Return the examples of one healthy-looking disk, by the number of days from the end of the day to ``END``."""
    values = np.arange(float(days)) if values is None else values
    readings = Readings(("disk/a",), ("web",), ("errors",), int(LAST_DAY) - days, values[None, None, :])
    failures = to_failures(to_tickets(tickets), POLICY.failure_codes, until)
    features = to_features(readings, failures.confirmed)
    examples = to_examples(features, readings, failures, horizon_s=14 * DAY_S)
    left = (END.timestamp() - examples.at_s) / DAY_S
    return dict(zip(left.round().astype(int).tolist(), examples.labels.tolist(), strict=True))


def test_days_whose_horizon_is_not_over_are_left_out():
    labels = one_disk([])
    assert sorted(labels) == list(range(14, 40))
    assert not any(labels.values())


def test_the_days_before_a_failure_fail_and_those_until_the_replacement_are_left_out():
    labels = one_disk([("disk/a", END - 18.5 * DAY, END - 16.5 * DAY)])
    assert [left for left, label in labels.items() if label] == list(range(32, 18, -1))
    assert 18 not in labels
    assert 17 not in labels
    assert labels[16] is False


def test_a_failure_at_the_end_of_the_day_itself_is_no_prediction():
    labels = one_disk([("disk/a", END - 20 * DAY, END - 19 * DAY)])
    assert 20 not in labels
    assert labels[21] is True
    assert labels[34] is True
    assert labels[35] is False


def test_days_followed_by_an_open_ticket_are_unknown_not_healthy():
    labels = one_disk([("disk/a", END - 10.5 * DAY, None)])
    assert sorted(labels) == list(range(25, 40))


def test_a_ticket_settled_after_the_knowledge_cut_is_as_good_as_open():
    rows = [("disk/a", END - 18.5 * DAY, END - 1 * DAY)]
    until = END - 2 * DAY
    labels = one_disk(rows, until)
    assert not any(labels.values())
    assert min(labels) == 33


def test_a_silent_disk_has_no_days():
    values = np.concatenate([np.ones(20), np.full(20, np.nan)])
    assert max(one_disk([], values=values)) == 39
    assert min(one_disk([], values=values)) == 14


@pytest.mark.parametrize("seed", [1, 2])
def test_what_happens_later_changes_neither_features_nor_labels(seed):
    world = fleet(seed, disks=60, days=80)
    until = END - 20 * DAY
    everything = to_readings(world.points, METRICS, world.start, until)
    now = to_failures(world.tickets, POLICY.failure_codes, until)
    later = world.tickets.to_pylist()
    for row in later:
        if row["opened_at"] >= until:
            row["entity_id"] = row["cause_entity_id"] = "disk/store-00:sda"
        if row["resolved_at"] > until:
            row["resolution_code"] = "no_fault_found"
    changed = to_failures(world.tickets.from_pylist(later, schema=world.tickets.schema), POLICY.failure_codes, until)
    one, other = (
        to_examples(to_features(everything, known.confirmed), everything, known, horizon_s=14 * DAY_S)
        for known in (now, changed)
    )
    assert one.failures > 0
    assert np.array_equal(one.matrix, other.matrix, equal_nan=True)
    assert np.array_equal(one.failure_s, other.failure_s)


def test_thinning_keeps_every_failing_day_and_one_in_n_of_the_others():
    world = fleet(3, disks=60, days=80)
    readings = to_readings(world.points, METRICS, world.start, world.end)
    known = to_failures(world.tickets, POLICY.failure_codes, END)
    examples = to_examples(to_features(readings, known.confirmed), readings, known, horizon_s=14 * DAY_S)
    rows, weights = thinned(examples, 4)
    assert examples.labels[rows].sum() == examples.labels.sum()
    assert weights.sum() == pytest.approx(len(examples.labels), rel=0.02)
