"""Runbooks as files: what is shipped is in order, and what is not in order is refused by name."""

from datetime import UTC, datetime

import pytest
import yaml

from aiops_jobs.adapters.runbook_files import load_runbooks
from aiops_jobs.core.runbooks.matching import IncidentView
from aiops_jobs.core.runbooks.runbook import runbook_of
from aiops_jobs.errors import ConfigurationError

T0 = datetime(2026, 11, 20, 10, 0, tzinfo=UTC)
SHIPPED = load_runbooks()
WANTED = {
    "disk-full-logs", "connection-pool-scale-out", "gateway-drain-reroute", "crashloop-collect-rollback",
    "certificate-renew", "bad-deploy-rollback", "memory-leak-rolling-restart", "queue-backlog-add-consumers",
    "replication-lag", "host-out-of-service", "traffic-surge-scale-out", "noisy-neighbour-cpu", "dependency-failover",
    "config-change-undo", "missing-data-agent",
}  # fmt: skip


def plain(runbook_id="disk-full-logs"):
    from importlib import resources

    return yaml.safe_load((resources.files("aiops_jobs") / "runbooks" / f"{runbook_id}.yaml").read_text("utf-8"))


def test_all_that_was_promised_is_shipped():
    assert {runbook.id for runbook in SHIPPED} >= WANTED


@pytest.mark.parametrize("runbook", SHIPPED, ids=lambda r: r.id)
def test_a_shipped_runbook_can_be_found_in_korean_and_undoes_only_its_own_steps(runbook):
    assert any("\uac00" <= letter <= "\ud7a3" for word in runbook.keywords for letter in word)
    assert runbook.preconditions
    assert {undo.of for undo in runbook.rollback} <= {step.name for step in runbook.steps}


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda d: d.update(colour="red"), "colour"),
        (lambda d: d.pop("verification"), "verification"),
        (lambda d: d.update(risk_tier="huge"), "risk_tier"),
        (lambda d: d["steps"][0].update(run="rm -rf /"), "run"),
        (lambda d: d["steps"][0].update(executor="bash"), "executor"),
        (lambda d: d["steps"][0].update(run=["find", "{folder}"]), "folder"),
        (lambda d: d["match"].update(alert_names=["(?=x)"]), "no RE2"),
        (lambda d: d["match"].update(alert_names=[], metric_names=[], log_patterns=[]), "fit everything"),
        (lambda d: d["parameters"]["host"].pop("pattern"), "without a pattern"),
        (lambda d: d["parameters"]["goal_percent"].pop("maximum"), "no maximum"),
        (lambda d: d.update(rollback=[dict(d["steps"][0], of="nothing")]), "undoes `nothing`"),
        (lambda d: d.update(steps=[]), "no steps"),
        (lambda d: d.update(id="Disk Full"), "needs an id"),
    ],
)  # fmt: skip
def test_what_is_not_in_order_is_refused_by_name(spoil, message):
    data = plain()
    spoil(data)
    with pytest.raises(ConfigurationError, match=message) as refused:
        runbook_of(data, place="mine.yaml")
    assert "mine.yaml" in str(refused.value)


def test_own_runbooks_replace_shipped_ones_and_a_key_twice_is_refused(tmp_path):
    (tmp_path / "a.yaml").write_text(yaml.safe_dump({**plain(), "title": "Ours"}))
    own = {runbook.id: runbook for runbook in load_runbooks(tmp_path)}
    assert own["disk-full-logs"].title == "Ours"
    assert len(own) == len(SHIPPED)
    assert own["disk-full-logs"].version != next(r.version for r in SHIPPED if r.id == "disk-full-logs")
    (tmp_path / "b.yaml").write_text((tmp_path / "a.yaml").read_text())
    with pytest.raises(ConfigurationError, match="there twice"):
        load_runbooks(tmp_path)
    (tmp_path / "b.yaml").write_text("id: x\nid: y\n")
    with pytest.raises(ConfigurationError, match="there twice"):
        load_runbooks(tmp_path)


def test_a_runbook_acts_on_the_service_that_is_the_cause_not_on_the_one_that_complains():
    view = IncidentView("inc-1", T0, "capacity", "service/accounts", service_name="checkout")
    assert view.values()["service"] == "accounts"
    behind = IncidentView("inc-1", T0, "capacity", "database/orders-db", service_name="orders")
    assert behind.values()["service"] == "orders"
