"""Confidence against closed tickets, on estates it was not fitted on: the matcher, the measures and the calibration."""

from datetime import timedelta

import numpy as np
import pytest
from light_house import light_house

from aiops_jobs.contracts import results as r
from aiops_jobs.core.incidents.outcomes import evaluate, judged, match_outcomes
from aiops_jobs.core.models.calibration import expected_calibration_error
from aiops_jobs.core.policies import OutcomePolicy

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]

POLICY = OutcomePolicy()
DAYS = 7


def tickets_of(ledger):
    """The tickets that people write about the faults, a quarter of an hour after their begin, with the true cause."""
    return [
        {
            "ticket_key": fault.fault_id,
            "opened_at": fault.started_at + timedelta(minutes=15),
            "resolved_at": fault.ended_at + timedelta(minutes=30),
            "entity_id": f"service/{fault.service_name}" if fault.service_name else fault.root_entity_id,
            "service_name": fault.service_name,
            "host_name": None,
            "resolution_code": "restarted",
            "cause_entity_id": fault.root_entity_id,
        }
        for fault in ledger
    ]


def cases(folder, seeds):
    """Outcomes of several estates beside what was said about them."""
    outcomes, causes = [], []
    for seed in seeds:
        place = folder / str(seed)
        place.mkdir()
        house = light_house(place, "demo", seed, DAYS)
        house.run("detect", "correlate")
        until = house.estate.spec.window.end + timedelta(days=3)
        found = match_outcomes(
            house.rows(r.INCIDENTS),
            tickets_of(house.estate.ledger),
            own={},
            closed_by_us=set(),
            until=until,
            policy=POLICY,
        )
        outcomes += found
        causes += house.rows(r.ROOT_CAUSES)
    return judged(outcomes, causes)


def test_calibrated_confidence_is_nearer_to_the_truth_on_other_estates(tmp_path):
    seen = cases(tmp_path, range(101, 105))
    assert len(seen.outcomes) >= POLICY.min_outcomes
    assert seen.accuracy_at(1) >= 0.85
    learned = evaluate(seen, POLICY)
    unseen = cases(tmp_path, range(105, 109))
    share, right = unseen.share, unseen.is_right
    before = expected_calibration_error(share, right)
    after = expected_calibration_error(learned.calibration.all_first(share), right)
    assert after < before, (before, after)
    assert np.all(np.diff(learned.calibration.all_first(np.sort(share))) >= 0.0)
