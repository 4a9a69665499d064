"""The named scenarios and a quiet week over twenty seeds: found, explained, told once, and little told besides.

The house's own jobs run over a lake in memory; `test_scenarios` runs the same scenarios on the real adapters, night by
night, over fewer seeds.
"""

import json

import pytest
from light_house import light_house

from aiops_jobs.contracts.knowledge import SIMILAR_INCIDENTS
from aiops_jobs.contracts.operations import TICKET_OUTBOX

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

SEEDS = tuple(range(1, 21))
JOBS = ("train", "detect", "forecast", "score_failures", "evaluate_causes", "correlate")
DAYS = {"black_friday": 2, "card_payments": 2, "quiet_week": 7}


def judged(tmp_path, scenario, seed):
    house = light_house(tmp_path, scenario, seed, DAYS[scenario])
    reports = house.run(*JOBS)
    return house, house.board(), reports["correlate"].details


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("scenario", ["black_friday", "card_payments"])
def test_a_fault_is_found_told_once_with_its_cause_and_what_helped_before(tmp_path, scenario, seed):
    house, board, funnel = judged(tmp_path, scenario, seed)
    assert board.recall == 1.0, board.to_rows()
    # Not one miss in twenty seeds is allowed, where nine in ten are promised.
    assert board.cause_first == board.faults_total == 1, board.to_rows()
    assert (board.tickets_opened, board.duplicate_tickets, board.false_tickets) == (1, 0, 0), board.to_rows()
    assert board.false_incidents_per_day <= 1.0
    told = funnel["new_calls"]
    assert told <= 0.1 * funnel["events"], funnel
    fault = house.estate.ledger[0]
    alike = [row for row in house.rows(SIMILAR_INCIDENTS) if row["incident_id"] == board.faults[0].subject_id]
    assert any(row["cause_entity_id"] == fault.root_entity_id for row in alike[:3]), alike
    body = json.loads(house.rows(TICKET_OUTBOX)[0]["payload"])["body"]
    assert "Similar incidents" in body
    assert alike[0]["resolution_code"].replace("_", " ") in body


FALSE_ALARMS = {
    7: "a healthy disk is given a 29 % risk of failing, and 20 % is enough to act",
}
"""What is known to be told although nothing is wrong: one week of twenty."""


@pytest.mark.parametrize(
    "seed",
    [
        pytest.param(s, marks=pytest.mark.xfail(reason=FALSE_ALARMS[s], strict=True)) if s in FALSE_ALARMS else s
        for s in SEEDS
    ],
)
def test_a_quiet_week_tells_nobody_anything(tmp_path, seed):
    _, board, funnel = judged(tmp_path, "quiet_week", seed)
    assert board.tickets_opened == 0, board.to_rows()
    assert board.false_incidents_per_day <= 1.0
    assert funnel["events"] > 0
    assert funnel["new_calls"] == 0
