"""Both named scenarios and a quiet week, over five seeds, held against the ledger of what was injected."""

import pytest
from support import context_on, export, ingest_history, nights_of, run_night, small_estate

from flows.demo import scoreboard

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]

SEEDS = (1, 2, 3, 4, 5)


def judged(tmp_path, scenario, seed, days, **sizes):
    estate = small_estate(scenario=scenario, seed=seed, days=days, **sizes)
    context = context_on(tmp_path / "home", export(estate, tmp_path / "estate"))
    ingest_history(context, estate.spec)
    for night in nights_of(estate.spec):
        run_night(context, night)
    return estate, context, scoreboard(context, estate)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("scenario", ["black_friday", "card_payments"])
def test_a_named_scenario_is_found_once_with_its_true_cause_first(tmp_path, scenario, seed):
    estate, _, board = judged(tmp_path, scenario, seed, days=2)
    assert board.recall == 1.0, board.to_rows()
    assert board.cause_first == board.faults_total, board.to_rows()
    assert board.duplicate_tickets == 0
    assert board.tickets_opened == board.faults_total, board.to_rows()
    assert board.false_incidents_per_day <= 1.0
    if scenario == "card_payments":
        assert [row["priority"] for row in board.to_rows()] == ["P1"]
        assert estate.ledger[0].root_entity_id.startswith("gateway/")


@pytest.mark.parametrize("seed", SEEDS)
def test_a_quiet_week_opens_no_ticket(tmp_path, seed):
    _, _, board = judged(tmp_path, "quiet_week", seed, days=7)
    assert board.tickets_opened == 0, board.to_rows()
    assert board.false_incidents_per_day <= 1.0
