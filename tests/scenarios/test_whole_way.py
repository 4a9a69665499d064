"""Both named scenarios from the alert to the end: ticket, runbook approved by a second person, verified, resolved."""

import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from support import export, ingest_history, nights_of, run_night, settings_on, small_estate

from aiops_jobs.bootstrap import bootstrap, remediation
from aiops_jobs.contracts.knowledge import RUNBOOK_RECOMMENDATIONS
from aiops_jobs.contracts.remediation import REMEDIATION_ACTIONS
from aiops_jobs.contracts.results import INCIDENTS
from aiops_jobs.jobs.execute import execute
from aiops_jobs.jobs.remediate import approve, audit_problems, code_for, propose, rehearse
from aiops_jobs.jobs.report import report_draft
from aiops_jobs.jobs.suggested import suggested_parameters
from aiops_jobs.ports import Filter

pytest_plugins = ["estate_api"]
pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

KEYS = {"kim": "key of kim", "lee": "key of lee"}
SCENARIOS = {
    "black_friday": ("database/", "connection-pool-scale-out"),
    "card_payments": ("gateway/", "gateway-drain-reroute"),
}


def incidents_at(context, prefix):
    rows = context.warehouse.read(INCIDENTS).to_pylist()
    return [r for r in rows if (r["cause_entity_id"] or "").startswith(prefix) and r["priority"] in {"P1", "P2"}]


def settings_of(home, folder, url, runbook):
    return settings_on(
        home,
        folder,
        policies={"remediation": {"mode": "live", "allow": [{"runbook": runbook, "entities": ".*"}]}},
        executors={"cluster": {"kind": "kubernetes", "url": url}, "loadbalancer": {"kind": "http", "url": url}},
        people=KEYS,
    )


@pytest.mark.parametrize("scenario", sorted(SCENARIOS))
def test_alert_ticket_approved_runbook_verified_resolved_and_reported(tmp_path, scenario, api):
    prefix, runbook = SCENARIOS[scenario]
    estate = small_estate(scenario=scenario, seed=1, days=3)
    settings = settings_of(tmp_path / "home", export(estate, tmp_path / "estate"), api.url, runbook)
    context = bootstrap(settings)
    ingest_history(context, estate.spec)
    nights = iter(nights_of(estate.spec))
    while not incidents_at(context, prefix):
        run_night(context, next(nights))
    (incident,) = incidents_at(context, prefix)
    name = incident["incident_id"]
    (path,) = (p for p in (tmp_path / "home" / "desk").glob("TKT-*.json") if name in p.read_text())
    assert "**Runbook:**" in json.loads(path.read_text())["body"]

    # the runbook that is recommended first is proposed by one person, approved by another, and done
    best = context.warehouse.read(RUNBOOK_RECOMMENDATIONS, where=[Filter("incident_id", name)]).to_pylist()[0]
    assert best["runbook_id"] == runbook
    house = replace(remediation(settings), now=lambda: incident["started_at"] + timedelta(minutes=20))
    entity = incident["cause_entity_id"]
    values = suggested_parameters(context, runbook, entity, name)
    action = propose(house, runbook, entity, by="kim", key=KEYS["kim"], values=values, subject_id=name)
    rehearse(house, action.action_id, by="kim")
    assert api.requests == []
    approve(house, action.action_id, by="lee", code=code_for(house, action.action_id, by="lee", key=KEYS["lee"]))
    done = execute(house, action.action_id, by="runner")
    assert done.action_state == "verified"
    assert len(api.requests) == 1
    assert audit_problems(house)[1] == []
    (kept,) = context.warehouse.read(REMEDIATION_ACTIONS).to_pylist()
    assert (kept["subject_id"], kept["approved_by"], kept["action_state"]) == (name, "lee", "verified")

    # the next night sees that it is over and resolves the one ticket
    run_night(context, next(nights))
    ticket = json.loads(path.read_text())
    assert ticket["state"] == "resolved"

    # the draft of the report tells all of it, from rows
    told = report_draft(context, name, "rca").details
    text = Path(told["markdown_path"]).read_text()
    for word in (name, incident["cause_entity_id"], ticket["number"], runbook, "lee", "verified"):
        assert word in text, word
    assert "‹" in text
    assert Path(told["path"]).read_text().lower().startswith("<!doctype html>")
