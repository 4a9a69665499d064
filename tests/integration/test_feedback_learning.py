"""Verdicts in what costs and models learn from: as of their time, each thing once, and on record as an input."""

from datetime import timedelta

import pyarrow as pa
import pytest
from test_feedback import BEGAN, HOUR, WINDOW, clock, house, incident, warehouse  # noqa: F401 - fixtures
from warehouse_rows import publish, stamped

from aiops_jobs.contracts.feedback import LABELS
from aiops_jobs.contracts.operations import RUN_INPUTS
from aiops_jobs.contracts.results import INCIDENTS
from aiops_jobs.contracts.telemetry import TICKET_HISTORY
from aiops_jobs.core.columns import to_micros
from aiops_jobs.core.feedback.labels import label_row
from aiops_jobs.core.feedback.verdicts import Verdict
from aiops_jobs.core.incidents.past import PAST_COLUMNS, to_past
from aiops_jobs.core.policies import CostPolicy
from aiops_jobs.jobs.feedback import add, subjects_of, with_verdicts
from aiops_jobs.jobs.model_inputs import failure_history
from aiops_jobs.jobs.running import open_run
from aiops_jobs.ports import Filter, RunRecord, TableRows
from aiops_jobs.window import Window

DAY = timedelta(days=1)
LATER = BEGAN + 2 * DAY
SPAN = Window(LATER - DAY, LATER)


@pytest.fixture
def learning(tmp_path, warehouse):  # noqa: F811 - the fixture
    """Return a house with ten incidents of one service; the ticket of the third is known from the service desk, too."""
    run = RunRecord("run-c", "correlate", WINDOW, WINDOW, WINDOW.end, "c", "h", "{}")
    rows = [incident(f"inc-{n}", entity_id="disk/d1:sda", service_name="web") for n in range(10)]
    publish(warehouse, run, TableRows(INCIDENTS, stamped(INCIDENTS, run, rows)))
    context = house(tmp_path, warehouse)
    blank = dict.fromkeys(TICKET_HISTORY.names)
    known = blank | {
        "ticket_key": "T-3", "title": "disk", "priority": "P2", "opened_at": BEGAN, "resolved_at": BEGAN + HOUR, "source": "desk",
        "resolution_code": "disk_replaced", "entity_id": "disk/d1:sda", "service_name": "web",
    }  # fmt: skip
    schema = pa.schema([field.with_nullable(True) for field in TICKET_HISTORY.to_arrow()])
    history = TICKET_HISTORY.conform(pa.Table.from_pylist([known], schema=schema))
    context.lake.write(TICKET_HISTORY, history, source="desk", window=WINDOW, as_of=WINDOW.end)
    return context


def say(context, name, verdict, *, at, sure=0.9, **more):
    subject = subjects_of(context, [name])[name]
    told = {"author_kind": "itsm", "labelled_at": at, "said_in": f"desk/{name}", **more}
    row = label_row(
        subject, Verdict(verdict, sure, "so"), said=told, known_at=at, number=0, policy_version="feedback-1"
    )
    add(context, LABELS, [row])


def asked(context, question, as_of=LATER):
    """Return what a run learns, and how many labels are on record as its input."""
    with open_run(context, "probe", SPAN, as_of) as run:
        answer = question(run)
    inputs = context.warehouse.read(RUN_INPUTS, where=[Filter("run_id", run.record.run_id)]).to_pylist()
    return answer, sum(row["rows"] for row in inputs if row["table_name"] == "labels")


def actionable(run):
    tickets = with_verdicts(run, run.read(TICKET_HISTORY, Window(BEGAN - DAY, LATER), columns=PAST_COLUMNS))
    seen = to_past(tickets, CostPolicy()).outlook(["web"], to_micros(LATER), CostPolicy())
    return seen.actionable, seen.own


def failures(run):
    found = failure_history(run, lookback_s=30 * 86400.0)
    return list(found.confirmed.entities)


def test_false_incidents_make_the_next_less_likely_to_be_actionable_and_true_ones_more(learning):
    (before, own), read = asked(learning, actionable)
    assert (own, read) == (1, 0)
    for n in range(4, 10):
        say(learning, f"inc-{n}", "false", at=BEGAN + 3 * HOUR)
    (after, own), read = asked(learning, actionable)
    assert (own, read) == (7, 6)
    assert after < before
    for n in range(3):
        say(learning, f"inc-{n}", "true", at=BEGAN + 4 * HOUR)
    (again, own), _ = asked(learning, actionable)
    assert own == 10
    assert again > after
    (then, own), read = asked(learning, actionable, BEGAN + 3 * HOUR - timedelta(seconds=1))
    assert (own, read) == (0, 0), "nothing was known then: the desk's ticket, too, came later"
    assert then == CostPolicy().prior_actionable_ratio


def test_a_duplicate_counts_once_and_our_own_closing_teaches_nothing(learning):
    at = BEGAN + 3 * HOUR
    (before, own), _ = asked(learning, actionable)
    say(learning, "inc-3", "true", at=at, remote_key="T-3", resolution_code="disk_replaced")
    say(learning, "inc-4", "duplicate", at=at, remote_key="T-4", merged_into="T-3")
    say(learning, "inc-5", "true", at=at, remote_key="T-5", sure=0.05, is_self_generated=True)
    (after, again), read = asked(learning, actionable)
    assert ((after, again), read) == ((before, own), 3)


def test_failures_come_from_incidents_that_people_confirm_and_false_ones_are_none(learning):
    assert asked(learning, failures) == (["disk/d1:sda"], 0)
    at = BEGAN + 3 * HOUR
    say(learning, "inc-3", "false", at=at, remote_key="T-3")
    assert asked(learning, failures) == ([], 1)
    say(learning, "inc-4", "true", at=at, cause_entity_id="disk/d2:sdb", resolution_code="Disk replaced")
    say(learning, "inc-5", "true", at=at, cause_entity_id="disk/d3:sdc", resolution_code="done", sure=0.4)
    say(learning, "inc-6", "true", at=at, cause_entity_id="disk/d4:sdd", resolution_code="restarted")
    assert asked(learning, failures) == (["disk/d2:sdb"], 4)
    assert asked(learning, failures, at - timedelta(seconds=1))[1] == 0
