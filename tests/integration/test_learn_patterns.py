"""From alerts of a month in the warehouse to proposals that a person can read, and that change nothing."""

import json
from datetime import timedelta

import pytest
from incident_world import at, correlated, event, facts

from aiops_jobs.bootstrap import bootstrap
from aiops_jobs.cli.proposals import proposals
from aiops_jobs.contracts.knowledge import CORRELATION_PROPOSALS
from aiops_jobs.contracts.results import ALERTS, INCIDENT_ALERTS, INCIDENTS
from aiops_jobs.jobs.learn_patterns import learn_patterns
from aiops_jobs.jobs.running import open_run
from aiops_jobs.settings import Settings
from aiops_jobs.window import Window

DAY = 24 * 60
MONTH = Window(at(0), at(30 * DAY))
LAST_NIGHT = Window(at(29 * DAY), at(30 * DAY))


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """A house in which `MailSlow` of mail followed `PoolFull` of shop twice a day, in incidents of their own."""
    folder = tmp_path_factory.mktemp("home")
    told = []
    for n in range(60):
        for minutes, name, service in ((0, "PoolFull", "shop"), (5, "MailSlow", "mail")):
            for status, later in (("firing", 0), ("resolved", 30)):
                when = n * DAY / 2 + 60 + minutes + later
                told.append(
                    event(when, name, f"service/{service}", service=service, status=status, severity="critical")
                )
    result = correlated(facts(told), span=MONTH)
    assert result.incidents.num_rows == 120
    context = bootstrap(Settings(home=folder))
    with open_run(context, "correlate", MONTH, MONTH.end) as run:
        run.publish(ALERTS, result.alerts)
        run.publish(INCIDENTS, result.incidents)
        run.publish(INCIDENT_ALERTS, result.incident_alerts)
    return folder


def test_patterns_are_proposed_once_and_never_in_force(home, monkeypatch, capsys):
    context = bootstrap(Settings(home=home))
    report = learn_patterns(context, LAST_NIGHT, MONTH.end)
    assert (report.details["episodes"], report.details["proposed"]) == (120, 1)
    (row,) = context.warehouse.read(CORRELATION_PROPOSALS).to_pylist()
    assert json.loads(row["spec"])["then"] == "MailSlow@mail"
    assert json.loads(row["effect"])["incident_pairs_merged"] == 20
    learn_patterns(context, LAST_NIGHT, MONTH.end)
    assert context.warehouse.read(CORRELATION_PROPOSALS).to_pylist() == [row]
    assert bootstrap(Settings(home=home)).policies.correlation.rules == ()

    monkeypatch.setenv("AIOPS_HOME", str(home))
    proposals(json=True)
    (shown,) = json.loads(capsys.readouterr().out)
    assert (shown["would_merge"], shown["proposal_status"]) == (20, "proposed")
    proposals()
    assert "MailSlow@mail" in capsys.readouterr().out.replace("\n", "")


def test_what_was_learned_after_the_knowledge_cut_is_not_used(home):
    context = bootstrap(Settings(home=home))
    report = learn_patterns(context, LAST_NIGHT, MONTH.end - timedelta(days=1))
    assert report.details["episodes"] == 0
