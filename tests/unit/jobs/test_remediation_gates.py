"""Each gate by itself: what it lets through, what it closes, and that a refusal is written down."""

from dataclasses import replace
from datetime import timedelta

import pytest
from remediation_world import PEOPLE, Died, World, runbook

from aiops_jobs.core.policies import Allowed
from aiops_jobs.errors import ActionRefused
from aiops_jobs.jobs.execute import execute, unfinished
from aiops_jobs.jobs.remediate import approve, audit_problems, propose, rehearse, stop
from aiops_jobs.ports.remediation import Place


@pytest.fixture
def world():
    return World()


def proposed(world, entity="host/a", by="kim", **values):
    world.tick(1)
    action = propose(world.house, "mend-it", entity, by=by, key=PEOPLE[by], values=values)
    return rehearse(world.house, action.action_id, by=by)


def approved(world, entity="host/a", **values):
    action = proposed(world, entity, **values)
    return approve(world.house, action.action_id, by="lee", code=world.code(action, "lee"))


def run(world, action):
    return execute(world.house, action.action_id, by="lee")


def refused(world, gate, call):
    before = len(world.store.log)
    with pytest.raises(ActionRefused) as caught:
        call()
    assert caught.value.gate == gate, caught.value
    assert len(world.store.log) > before
    assert "refused" in world.store.log[-1].audit_event
    assert gate in world.store.log[-1].reason


def test_the_whole_way(world):
    action = run(world, approved(world))
    assert action.action_state == "verified"
    assert [name for _, name in world.box.acted] == ["first", "second", "third"]
    events = [entry.audit_event for entry in world.store.log]
    assert events == ["proposed", "dry_run", "approved", "executing", *["step_started", "step_done"] * 3, "verified"]
    assert audit_problems(world.house)[1] == []


def test_nothing_is_allowed_by_default():
    world = World(mode="dry_run", allow=())
    refused(world, "allow-list", lambda: proposed(world))
    world = World(mode="dry_run")
    action = approved(world)
    refused(world, "mode", lambda: run(world, action))
    assert world.box.acted == []


def test_the_allow_list_fits_whole_names(world):
    world.policy = replace(world.policy, allow=(Allowed("mend-it", "host/a"), Allowed("other", ".*")))
    assert proposed(world, "host/a").action_state == "dry_run"
    for entity in ("host/ab", "xhost/a", "service/host/a"):
        refused(world, "allow-list", lambda entity=entity: proposed(world, entity))


@pytest.mark.parametrize("level", [0, 10, "3; rm -rf /", "x", 2.5, True, None], ids=str)
def test_a_parameter_out_of_its_bounds_is_refused(world, level):
    if level is None:
        assert proposed(world, level=None).action_state == "dry_run"
        return
    refused(world, "parameters", lambda: proposed(world, level=level))


def test_a_person_must_be_known_and_prove_it(world):
    house = world.house
    refused(world, "people", lambda: propose(house, "mend-it", "host/a", by="eve", key="x", values={}))
    refused(world, "people", lambda: propose(house, "mend-it", "host/a", by="kim", key="x", values={}))


def test_the_same_proposal_at_the_same_instant_is_refused(world):
    proposed(world)
    refused(world, "state", lambda: propose(world.house, "mend-it", "host/a", by="kim", key=PEOPLE["kim"], values={}))


def test_who_proposed_cannot_approve(world):
    action = proposed(world)
    refused(world, "approval", lambda: approve(world.house, action.action_id, by="kim", code=world.code(action, "kim")))
    refused(world, "approval", lambda: approve(world.house, action.action_id, by="lee", code=world.code(action, "kim")))
    refused(world, "people", lambda: approve(world.house, action.action_id, by="eve", code="0"))


def test_an_approval_fits_one_plan_and_one_time(world):
    first = proposed(world)
    code = world.code(first, "lee")
    second = proposed(world)
    assert first.plan_sha256 != second.plan_sha256
    refused(world, "approval", lambda: approve(world.house, second.action_id, by="lee", code=code))
    approve(world.house, first.action_id, by="lee", code=code)
    refused(world, "state", lambda: approve(world.house, first.action_id, by="lee", code=code))
    run(world, first)
    refused(world, "state", lambda: approve(world.house, first.action_id, by="lee", code=code))
    refused(world, "state", lambda: run(world, first))
    assert len(world.box.acted) == 3


def test_an_approval_is_good_for_a_quarter_of_an_hour(world):
    action = approved(world)
    world.tick(901)
    refused(world, "approval", lambda: run(world, action))
    assert world.store.action(action.action_id).action_state == "expired"


def test_a_changed_plan_or_runbook_is_not_what_was_approved(world):
    action = approved(world, level=3)
    world.store.rows[action.action_id] = replace(action, plan=action.plan.replace('"level":3', '"level":9'))
    refused(world, "parameters", lambda: run(world, action))
    action = approved(world, "host/b")
    world.runbooks = {"mend-it": runbook(title="Mend it otherwise")}
    refused(world, "parameters", lambda: run(world, action))


def test_preconditions_are_looked_at_again(world):
    action = approved(world)
    world.box.looks["broken"] = "no"
    refused(world, "preconditions", lambda: run(world, action))


def test_the_blast_radius(world):
    world.places = {f"host/{n}": Place("checkout", "web", 3) for n in "abc"}
    assert run(world, approved(world, "host/a")).action_state == "verified"
    second = approved(world, "host/b")
    refused(world, "blast radius", lambda: run(world, second))
    world.tick(1801)
    assert run(world, approved(world, "host/b")).action_state == "verified"
    world.runbooks = {"mend-it": runbook(limits={"min_peers": 3, "max_per_day": 9})}
    world.tick(1801)
    lonely = approved(world, "host/c")
    refused(world, "blast radius", lambda: run(world, lonely))


def test_rate_limits_count_a_day(world):
    for n in range(3):
        assert run(world, approved(world, f"host/{n}")).action_state == "verified"
    fourth = approved(world, "host/4")
    refused(world, "rate limit", lambda: run(world, fourth))
    world.tick(86401)
    assert run(world, approved(world, "host/4")).action_state == "verified"


def test_a_failure_is_rolled_back_and_cools_down(world):
    world.box.trouble["second"] = "fail"
    action = run(world, approved(world))
    assert action.action_state == "rolled_back"
    assert [name for _, name in world.box.acted] == ["first", "second", "undo second", "undo first"]
    again = approved(world)
    refused(world, "cooldown", lambda: run(world, again))
    world.tick(3601)
    assert run(world, approved(world)).action_state == "verified"


def test_what_is_not_verified_is_undone(world):
    world.box.looks["well"] = "no"
    action = run(world, approved(world))
    assert action.action_state == "rolled_back"
    assert [name for _, name in world.box.acted][3:] == ["undo third", "undo second", "undo first"]
    assert world.waited > 0


@pytest.mark.parametrize("how", ["switch", "file", "runbook"])
def test_the_kill_switch_stops_within_one_step(world, how):
    def pull(_action, name):
        if name == "first" and how == "file":
            world.file = "stopped: file"
        elif name == "first":
            stop(world.house, by="mora", reason="enough", scope="*" if how == "switch" else "mend-it")

    action = approved(world)
    world.box.before_act = pull
    done = run(world, action)
    assert done.action_state == "failed"
    assert "kill switch" in done.reason
    assert [name for _, name in world.box.acted] == ["first"]
    if how != "file":
        refused(world, "kill switch", lambda: proposed(world, "host/z"))
        stop(world.house, by="mora", reason="well again", scope="*" if how == "switch" else "mend-it", is_stopped=False)
        assert proposed(world, "host/z").action_state == "dry_run"


@pytest.mark.parametrize("when", ["die before", "die after"])
@pytest.mark.parametrize("step", ["first", "second"])
def test_after_a_crash_it_looks_before_it_repeats(world, step, when):
    action = approved(world)
    world.box.trouble[step] = when
    with pytest.raises(Died):
        run(world, action)
    assert [a.action_id for a in unfinished(world.house)] == [action.action_id]
    assert run(world, action).action_state == "verified"
    assert [name for _, name in world.box.acted] == ["first", "second", "third"]


def test_after_a_crash_what_nobody_can_tell_is_not_repeated(world):
    action = approved(world)
    world.box.trouble["third"] = "die after"
    with pytest.raises(Died):
        run(world, action)
    done = run(world, action)
    assert done.action_state == "failed"
    assert "nothing tells whether it happened" in done.reason
    assert [name for _, name in world.box.acted].count("third") == 1


def test_a_crash_within_the_rollback_goes_on_with_the_rollback(world):
    world.box.trouble.update({"second": "fail", "undo first": "die before"})
    action = approved(world)
    with pytest.raises(Died):
        run(world, action)
    done = run(world, action)
    assert done.action_state == "failed"  # whether `undo first` happened nobody can tell: it has no `done_when`
    assert [name for _, name in world.box.acted] == ["first", "second", "undo second"]


@pytest.mark.parametrize(("how", "acted"), [("lost after", 1), ("lost before", 0)])
def test_an_answer_that_did_not_come_is_looked_up(world, how, acted):
    world.box.trouble["second"] = how
    done = run(world, approved(world))
    assert [name for _, name in world.box.acted].count("second") == acted
    assert done.action_state == ("verified" if acted else "rolled_back")


def test_no_step_begins_long_after_the_first(world):
    action = approved(world)
    world.box.trouble["second"] = "die before"
    with pytest.raises(Died):
        run(world, action)
    world.now += timedelta(hours=2)
    assert "began" in run(world, action).reason


def test_an_edit_of_the_log_shows(world):
    run(world, approved(world))
    for place in range(len(world.store.log)):
        kept = world.store.log[place]
        for change in ({"reason": "x"}, {"actor": "nobody"}, {"previous_sha256": "1" * 64}):
            world.store.log[place] = replace(kept, **change)
            assert audit_problems(world.house)[1], (place, change)
        world.store.log[place] = replace(kept, actor="nobody")
        world.store.log[place] = replace(world.store.log[place], entry_sha256=world.store.log[place].digest)
        is_last = place == len(world.store.log) - 1
        assert bool(audit_problems(world.house)[1]) != is_last  # the last alone can be rewritten: keep its digest
        world.store.log[place] = kept
    gone = world.store.log.pop(2)
    assert audit_problems(world.house)[1]
    world.store.log.insert(2, gone)
    assert audit_problems(world.house)[1] == []
    del world.store.log[0:]
    assert "cut off" in audit_problems(world.house)[1][0]
