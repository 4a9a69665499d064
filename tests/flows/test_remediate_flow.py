"""The flow waits for a second person, and passes the same gates as the command line."""

import threading
import time

import pytest
from prefect.testing.utilities import prefect_test_harness
from remediation_world import World

from aiops_jobs.errors import ActionRefused
from aiops_jobs.jobs.remediate import propose

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400), pytest.mark.xdist_group("prefect")]


@pytest.fixture(scope="module", autouse=True)
def _harness():
    with prefect_test_harness(server_startup_timeout=180):
        yield


@pytest.fixture
def world(monkeypatch):
    made = World()
    monkeypatch.setattr("flows.remediate.remediation", lambda progress: made.house)
    return made


def answered(person, code, decision):
    """Fill in the form of the run that waits."""
    from prefect.client.orchestration import get_client
    from prefect.flow_runs import resume_flow_run

    with get_client(sync_client=True) as client:
        for _ in range(300):
            waiting = [run for run in client.read_flow_runs() if run.state.is_paused()]
            if waiting:
                resume_flow_run(waiting[0].id, run_input={"person": person, "code": code, "decision": decision})
                return
            time.sleep(0.2)
    raise AssertionError("no run waits for approval")


def carried_through(world, person, decision, code=None):
    from flows.remediate import RemediationParameters, remediate

    action = propose(world.house, "mend-it", "host/a", by="kim", key="key of kim", values={})
    given = code or world.code(action, person)
    answer = threading.Thread(target=answered, args=(person, given, decision))
    answer.start()
    try:
        return remediate(RemediationParameters(action_id=action.action_id))
    finally:
        answer.join()


def test_it_pauses_until_a_second_person_has_approved(world):
    assert carried_through(world, "lee", "approve") == "verified"
    events = [entry.audit_event for entry in world.store.log]
    assert events.index("dry_run") < events.index("approved") < events.index("executing")
    assert world.store.actions()[0].approved_by == "lee"


@pytest.mark.parametrize(
    ("person", "decision", "code"), [("kim", "approve", None), ("lee", "reject", None), ("lee", "approve", "0" * 64)]
)
def test_nobody_else_gets_through(world, person, decision, code):
    with pytest.raises(ActionRefused):
        carried_through(world, person, decision, code)
    assert world.box.acted == []
    assert world.store.log[-1].audit_event == "approval_refused"
