"""Who gets a ticket: the steps in their order, each with its reason."""

from dataclasses import replace
from datetime import UTC, datetime

import pyarrow as pa
import pytest
from ticket_worlds import END, closed_tickets, learned_from, promises_from

from aiops_jobs.contracts.telemetry import CONFIGURATION_ITEMS
from aiops_jobs.core.features.failures import seconds
from aiops_jobs.core.models.routing import fit_router
from aiops_jobs.core.models.sla_risk import fit_sla_risk
from aiops_jobs.core.models.solved import to_solved
from aiops_jobs.core.policies import RoutingPolicy, RoutingRule
from aiops_jobs.core.tickets.desk import Desk, Foreseen
from aiops_jobs.core.tickets.owners import Owners

NOW = datetime(2026, 11, 20, tzinfo=UTC)
ROW = {"started_at": NOW, "title": "Disk of web-1 is full", "service_name": "web", "entity_id": "host/web-1"}
SURE = Foreseen("Storage", 0.9, is_sure=True, threshold=0.7, router_version="mdl-1")
UNSURE = replace(SURE, certainty=0.5, is_sure=False)
RULE = RoutingRule("disks", "Disks", {"title": ("*DISK*", "*volume*"), "service_name": ("web*",)})
POLICY = RoutingPolicy(rules=(RULE,), triage_group="Service Desk")


def catalogue(*rows):
    known = [{"source": "cmdb", **row} for row in rows]
    return pa.Table.from_pylist(known, schema=CONFIGURATION_ITEMS.to_arrow())


NOBODY = Owners(catalogue())
KNOWN = Owners(
    catalogue({"entity_id": "service/web", "assignment_group": "Web", "valid_from": datetime(2020, 1, 1, tzinfo=UTC)})
)


def assign(owners=NOBODY, row=ROW, policy=POLICY, foreseen=SURE):
    return owners.assign(row, row["entity_id"], row["service_name"], policy=policy, foreseen=foreseen)


def test_the_catalogue_comes_before_the_rule_before_the_classifier_before_triage():
    no_rules = replace(POLICY, rules=())
    steps = [assign(KNOWN), assign(), assign(policy=no_rules), assign(policy=no_rules, foreseen=UNSURE)]
    assert [(s.step, s.group) for s in steps] == [
        ("catalogue", "Web"),
        ("rule", "Disks"),
        ("classifier", "Storage"),
        ("triage", "Service Desk"),
    ]
    assert [s.is_known for s in steps] == [True, True, False, False]
    assert [s.model_version for s in steps] == [None, None, "mdl-1", "mdl-1"]


def test_each_step_says_why():
    no_rules = replace(POLICY, rules=())
    assert "service/web" in assign(KNOWN).reason
    assert "disks" in assign().reason
    assert "90% sure, needed 70% (model mdl-1)" in assign(policy=no_rules).reason
    assert "Storage is the likeliest, at 50%, but 70% is needed" in assign(policy=no_rules, foreseen=UNSURE).reason
    never = replace(UNSURE, threshold=float("inf"))
    assert "has proved nothing yet" in assign(policy=no_rules, foreseen=never).reason
    assert "no classifier has been trained" in assign(policy=no_rules, foreseen=Foreseen()).reason


def test_without_a_triage_group_nobody_gets_it():
    found = assign(policy=RoutingPolicy(), foreseen=Foreseen())
    assert (found.step, found.group) == ("triage", None)


def test_every_field_of_a_rule_must_fit_one_of_its_patterns():
    assert assign(row={**ROW, "service_name": "mail"}).step == "classifier"
    assert assign(row={**ROW, "title": "web is slow"}).step == "classifier"
    assert assign(row={**ROW, "title": None}).step == "classifier"
    with pytest.raises(ValueError, match="colour"):
        RoutingRule("x", "Y", {"colour": ("red",)})
    with pytest.raises(ValueError, match="no group"):
        RoutingRule("x", "")


def test_a_desk_without_models_foresees_nothing():
    assert Desk().foresee([ROW, ROW]) == [Foreseen(), Foreseen()]


def test_a_desk_says_who_how_sure_how_late_and_by_which_models():
    rows = closed_tickets(450)
    tickets, group, solved, _ = learned_from(rows)
    now_s = seconds(END)
    router = fit_router(to_solved(tickets, group, solved, until_s=now_s), now_s, precision=0.8, least=10)
    desk = Desk(router, "mdl-r", fit_sla_risk(promises_from(rows), now_s), "mdl-s")
    strange = {"started_at": NOW, "title": "새 일", "service_name": "payroll", "entity_id": "service/payroll"}
    disk, unlike = desk.foresee([{**ROW, "priority": "P3"}, strange])
    assert (disk.group, disk.is_sure, disk.router_version, disk.risk_version) == ("Storage", True, "mdl-r", "mdl-s")
    assert 0 < disk.risk < 1
    assert disk.certainty >= disk.threshold
    assert not unlike.is_sure
    found = assign(policy=RoutingPolicy(triage_group="Service Desk"), row=strange, foreseen=unlike)
    assert (found.step, found.group, found.model_version) == ("triage", "Service Desk", "mdl-r")
