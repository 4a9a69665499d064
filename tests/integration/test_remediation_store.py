"""Remediation's memory on both databases: together or not at all, one chain for many writers, no edits."""

import re
import threading
from dataclasses import replace

import pytest
from remediation_world import PEOPLE, T0, Died, World

from aiops_jobs.adapters.warehouse.remediation import SqlRemediationStore
from aiops_jobs.core.runbooks.audit import Entry, problems_of
from aiops_jobs.errors import ConnectorError, Superseded
from aiops_jobs.jobs.execute import execute
from aiops_jobs.jobs.remediate import approve, audit_problems, propose, rehearse, stop

pytest_plugins = ["servers_postgres"]


@pytest.fixture
def world(warehouse):
    made = World()
    made.store = SqlRemediationStore(warehouse)
    return made


def approved(world):
    action = propose(world.house, "mend-it", "host/a", by="kim", key=PEOPLE["kim"], values={})
    rehearse(world.house, action.action_id, by="kim")
    return approve(world.house, action.action_id, by="lee", code=world.code(action, "lee"))


def test_the_whole_way_is_remembered(world):
    action = approved(world)
    world.box.trouble["second"] = "die after"
    with pytest.raises(Died):
        execute(world.house, action.action_id, by="lee")
    assert execute(world.house, action.action_id, by="lee").action_state == "verified"
    assert [step.step_state for step in world.store.steps(action.action_id)] == ["done"] * 3
    assert [name for _, name in world.box.acted] == ["first", "second", "third"]
    entries, problems = audit_problems(world.house)
    assert problems == []
    assert [e.audit_number for e in entries] == list(range(len(entries)))


def test_who_writes_an_action_must_know_its_last_state(world):
    action = approved(world)
    before = len(world.store.entries())
    stale = replace(action, revision=1, reason="stale")
    with pytest.raises(Superseded):
        world.store.record(Entry(T0, "kim", "test", "stale"), action=stale)
    assert world.store.action(action.action_id) == action
    assert len(world.store.entries()) == before, "the entry stayed without its action"


def test_many_writers_make_one_chain(world):
    def write(name):
        for number in range(10):
            world.store.record(Entry(T0, name, "test", f"{number}"))

    writers = [threading.Thread(target=write, args=(f"writer {n}",)) for n in range(4)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    entries = world.store.entries()
    assert len(entries) == 40
    assert problems_of(entries) == []


def test_stops_are_kept_and_lifted(world):
    stop(world.house, by="mora", reason="enough")
    stop(world.house, by="mora", reason="this one", scope="mend-it")
    assert set(world.store.stops()) == {"*", "mend-it"}
    stop(world.house, by="mora", reason="well", is_stopped=False)
    assert set(world.store.stops()) == {"mend-it"}
    assert [e.audit_event for e in world.store.entries()] == ["stop_set", "stop_set", "stop_lifted"]


def test_the_database_refuses_to_edit_the_log(world):
    approved(world)
    for statement in ("UPDATE audit_log SET actor = 'nobody'", "DELETE FROM audit_log"):
        with pytest.raises(ConnectorError, match="only added to"), world.store._database.writing() as connection:
            connection.exec_driver_sql(statement)


def test_an_action_is_in_one_pair_of_hands(world):
    action = approved(world)
    with world.store.hold(f"remediate {action.action_id}"), pytest.raises(Superseded):
        execute(world.house, action.action_id, by="lee")
    assert world.box.acted == []


def test_the_commands_go_the_same_way(tmp_path, monkeypatch, capsys):
    from aiops_jobs.cli import app
    from aiops_jobs.errors import ActionRefused

    logs = tmp_path / "logs"
    logs.mkdir()
    (logs / "a.log.1").write_text("x" * 1000)
    (tmp_path / "aiops.toml").write_text(
        '[executors.box]\nkind = "shell"\n[policies.remediation]\nallow = [{runbook = "disk-full-logs", entities = "host/box"}]\n'
    )
    monkeypatch.chdir(tmp_path)
    for person in ("kim", "lee"):
        monkeypatch.setenv(f"AIOPS_PEOPLE__{person.upper()}", f"key of {person}")

    def aiops(person, *words):
        monkeypatch.setenv("AIOPS_PERSON_KEY", f"key of {person}")
        app(list(words), result_action="return_value")
        return capsys.readouterr().out

    said = aiops("kim", "runbooks", "propose", "disk-full-logs", "host/box", "--by", "kim",
                 "--set", f"directory={logs}", "--set", "compress_after_min=1")  # fmt: skip
    action = re.search(r"act-[0-9a-f]+", said).group()
    assert "Dry run done" in said
    assert "compress rotated logs" in aiops("kim", "runbooks", "show", action)
    with pytest.raises(ActionRefused, match="cannot approve"):
        aiops("kim", "runbooks", "approve", action, "--by", "kim")
    assert "Approved by lee" in aiops("lee", "runbooks", "approve", action, "--by", "lee")
    with pytest.raises(ActionRefused, match="mode"):
        aiops("lee", "runbooks", "run", action, "--by", "lee")
    aiops("lee", "runbooks", "stop", "--reason", "enough", "--by", "lee")
    with pytest.raises(ActionRefused, match="kill switch"):
        aiops("lee", "runbooks", "run", action, "--by", "lee")
    log = aiops("lee", "runbooks", "audit", "--json")
    assert log.count("refused") >= 3
    assert "crashloop-collect-rollback" in aiops("lee", "knowledge", "Pod CrashLoopBackOff").split("\n")[3]
    assert (logs / "a.log.1").exists()
