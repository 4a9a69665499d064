"""Both named scenarios on the simulated estate: the runbook a person would reach for is the first one recommended."""

import pytest
from support import context_on, export, ingest_history, nights_of, run_night, small_estate

from aiops_jobs.contracts.knowledge import RUNBOOK_RECOMMENDATIONS
from aiops_jobs.contracts.results import INCIDENTS, TICKET_SUGGESTIONS
from aiops_jobs.jobs.explain import explain
from aiops_jobs.ports import Filter

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

WANTED = {
    "black_friday": ("database/", "connection-pool-scale-out"),
    "card_payments": ("gateway/", "gateway-drain-reroute"),
}


@pytest.mark.parametrize("scenario", sorted(WANTED))
def test_the_runbook_that_fits_is_first_and_stands_in_the_ticket(tmp_path, scenario):
    prefix, wanted = WANTED[scenario]
    estate = small_estate(scenario=scenario, seed=1, days=2)
    context = context_on(tmp_path / "home", export(estate, tmp_path / "estate"))
    ingest_history(context, estate.spec)
    for night in nights_of(estate.spec):
        run_night(context, night)
    incidents = [
        row
        for row in context.warehouse.read(INCIDENTS).to_pylist()
        if (row["cause_entity_id"] or "").startswith(prefix) and row["priority"] in {"P1", "P2"}
    ]
    assert incidents
    for incident in incidents:
        own = [Filter("incident_id", incident["incident_id"])]
        rows = context.warehouse.read(RUNBOOK_RECOMMENDATIONS, where=own).to_pylist()
        assert [row["runbook_rank"] for row in rows] == list(range(1, len(rows) + 1))
        assert rows[0]["runbook_id"] == wanted, rows
        assert rows[0]["score"] >= 1.0
        assert explain(context, incident["incident_id"])["Runbooks that fit"][0]["runbook_id"] == wanted
        tickets = context.warehouse.read(
            TICKET_SUGGESTIONS, where=[Filter("subject_id", incident["incident_id"])]
        ).to_pylist()
        told = [t for t in tickets if t["ticket_action"] in {"create", "update"}]
        assert all("**Runbook:**" in t["body"] for t in told)
