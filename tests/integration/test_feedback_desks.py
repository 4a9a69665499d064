"""A person works on our tickets, in a folder and behind HTTP; every step is read back as what it was."""

from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import itsm_sink
import pytest
from delivery_world import DAY, T0, call, context_of, put
from desks import file as file_desk
from desks import itsm as itsm_desk
from light_house import MemoryLake, NoGate
from test_feedback import incident
from warehouse_rows import publish, stamped

from aiops_jobs.adapters.sinks import file as file_sink
from aiops_jobs.adapters.warehouse import SqlWarehouse
from aiops_jobs.contracts.feedback import INCIDENT_OUTCOMES, LABELS
from aiops_jobs.contracts.operations import TICKETS
from aiops_jobs.contracts.results import INCIDENTS
from aiops_jobs.core.feedback.outcomes import latest
from aiops_jobs.jobs.deliver import dispatch
from aiops_jobs.jobs.read_back import read_back
from aiops_jobs.ports import RunRecord, TableRows
from aiops_jobs.window import Window

MAKERS = {
    "file": (file_desk.Desk, file_sink.FileSink, file_sink.Settings),
    "itsm": (itsm_desk.Desk, itsm_sink.ItsmSink, itsm_sink.Settings),
}
MINUTE = timedelta(minutes=1)


@contextmanager
def opened(kind, folder):
    """Yield desk, house and the ticket of one incident, opened by a delivery."""
    make_desk, make_sink, make_settings = MAKERS[kind]
    desk = make_desk(folder)
    desk.start()
    warehouse = SqlWarehouse(f"sqlite:///{folder / 'w.db'}", lease_s=1e7)
    try:
        warehouse.migrate()
        run = RunRecord("run-c", "correlate", DAY, DAY, DAY.end, "c", "h", "{}")
        rows = stamped(INCIDENTS, run, [incident("inc-1", started_at=T0, detected_at=T0 + 5 * MINUTE, ended_at=None)])
        publish(warehouse, run, TableRows(INCIDENTS, rows))
        put(warehouse, call("inc-1"))
        context = context_of(warehouse, make_sink("desk", make_settings(**desk.settings())))
        context.lake, context.quality, context.models = MemoryLake(), NoGate(), None
        dispatch(context, context.sinks["desk"], "desk", limit=10)
        (ticket,) = warehouse.read(TICKETS).to_pylist()
        yield desk, context, ticket["remote_key"]
    finally:
        warehouse.close()
        desk.stop()


@pytest.mark.parametrize("kind", MAKERS)
def test_each_step_of_a_person_is_read_back(kind, tmp_path):
    begun = datetime.now(UTC).replace(microsecond=0)
    with opened(kind, tmp_path) as (desk, context, number):

        def look(turn):
            window = Window(T0 + turn * MINUTE, T0 + (turn + 1) * MINUTE)
            details = read_back(context, window, window.end).details
            labels = context.warehouse.read(LABELS, order_by=["label_number"]).to_pylist()
            became = latest(context.warehouse.read(INCIDENT_OUTCOMES).to_pylist())["inc-1"]
            return details, [(row["label_verdict"], row["author"], row["is_self_generated"]) for row in labels], became

        details, labels, became = look(0)
        assert (details["seen"], labels, became["outcome_state"]) == (1, [], "open")
        assert (became["time_to_acknowledge_s"], became["time_to_resolve_s"]) == (None, None)

        desk.work(number, state="in_progress", assignee="kim", acknowledged_at=begun)
        _, labels, became = look(1)
        assert (labels, became["assignee"], became["acknowledged_at"]) == ([], "kim", begun)
        assert became["time_to_acknowledge_s"] == (begun - T0).total_seconds() - 300

        over = begun + timedelta(minutes=1)
        desk.work(number, state="closed", resolved_at=over, resolution_code="False alarm", resolved_by="kim")
        _, labels, became = look(2)
        assert labels == [("false", "kim", False)]
        assert (became["outcome_state"], became["label_verdict"], became["closed_by"]) == ("resolved", "false", "kim")
        assert became["time_to_resolve_s"] == (over - T0).total_seconds()

        desk.work(number, state="in_progress", resolution_code=None, resolved_by=None)
        _, labels, became = look(3)
        assert labels[1:] == [("insufficient_data", None, False)]
        assert (became["outcome_state"], became["reopen_count"], became["label_verdict"]) == (
            "open",
            1,
            "insufficient_data",
        )

        desk.work(
            number, state="closed", resolved_at=over + MINUTE, is_duplicate=True, merged_into="9", resolved_by="lee"
        )
        _, labels, became = look(4)
        assert labels[2:] == [("duplicate", "lee", False)]
        details, again, _ = look(5)
        assert (details["labels"], details["outcomes"], again) == (0, 0, labels)
