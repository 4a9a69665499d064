"""No sequence of calls executes a step without all gates: ten thousand steps against an oracle that shares no code."""

from dataclasses import replace
from datetime import timedelta
from itertools import count

import pytest
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, multiple, rule
from remediation_world import PEOPLE, Died, World

from aiops_jobs.core.policies import Allowed
from aiops_jobs.core.runbooks import gates
from aiops_jobs.core.runbooks.audit import problems_of
from aiops_jobs.errors import AiopsError
from aiops_jobs.jobs.execute import execute
from aiops_jobs.jobs.remediate import approve, propose, rehearse, stop
from aiops_jobs.ports.remediation import Place

GROUPS = {"host/a": "web", "host/b": "web", "host/c": None, "host/d": None, "db/x": None}
COUNT = {"steps": 0, "acts": 0, "verified": 0}
WINDOW, DAY, HOUR = timedelta(seconds=900), timedelta(hours=24), timedelta(hours=1)


class Guarded(RuleBasedStateMachine):
    """Calls of every kind in any order; the oracle is asked at the very moment something would act."""

    actions = Bundle("actions")
    codes = Bundle("codes")

    def __init__(self):
        super().__init__()
        self.world = World(max_per_service_day=4)
        self.world.places = {e: Place("checkout" if e != "db/x" else "ledger", g, 3) for e, g in GROUPS.items()}
        self.world.box.before_act = self.oracle
        self.allowed, self.stopped, self.is_live = {"host"}, set(), True
        self.made = {}  # action -> entity, proposer, level
        self.approvals = {}  # action -> (person, at)
        self.began = {}  # action -> when its first step acted
        self.failed = {}  # entity -> when something failed or was undone there
        self.tampered, self.times, self.pulled = set(), {}, False

    def oracle(self, action_id, name):
        """Assert, from what the test itself has done, that this act was allowed at this instant."""
        now = self.world.now
        COUNT["acts"] += 1
        entity, proposer = self.made[action_id]
        assert entity.split("/")[0] in self.allowed
        assert not self.stopped
        assert self.is_live
        assert action_id not in self.tampered
        person, at = self.approvals[action_id]
        assert person != proposer
        self.times[action_id, name] = self.times.get((action_id, name), 0) + 1
        if action_id not in self.began:
            assert now - at <= WINDOW
            assert self.world.box.looks["broken"] == "yes"
            today = [a for a, when in self.began.items() if now - when < DAY]
            assert len(today) < 3
            near = [
                self.began[a]
                for a in self.began
                if self.made[a][0] != entity and GROUPS[self.made[a][0]] == GROUPS[entity]
            ]
            assert GROUPS[entity] is None or all(now - when >= timedelta(seconds=1800) for when in near)
            assert now - self.failed.get(entity, now - DAY) >= HOUR
            self.began[action_id] = now
        assert now - self.began[action_id] <= HOUR
        if self.pulled:
            self.pulled = False
            self.stopped.add("*")
            stop(self.world.house, by="mora", reason="enough")

    def attempt(self, call):
        try:
            return call()
        except (AiopsError, Died):
            return None

    @rule(
        target=actions,
        entity=st.sampled_from(sorted(GROUPS)),
        by=st.sampled_from(sorted(PEOPLE)),
        knows=st.sampled_from([True] * 8 + [False]),
        level=st.sampled_from([1, 3, 9, 0, 10, "3 4"]),
    )
    def propose(self, entity, by, knows, level):
        key = PEOPLE[by] if knows else "guess"
        call = lambda: propose(self.world.house, "mend-it", entity, by=by, key=key, values={"level": level})  # noqa: E731
        action = self.attempt(call)
        if action is None:
            return multiple()
        assert knows
        assert level in {1, 3, 9}
        self.made[action.action_id] = (entity, by)
        return action.action_id

    @rule(action=actions)
    def rehearse(self, action):
        before = len(self.world.box.acted)
        self.attempt(lambda: rehearse(self.world.house, action, by="kim"))
        assert len(self.world.box.acted) == before

    @rule(target=codes, action=actions, person=st.sampled_from(sorted(PEOPLE)))
    def make_code(self, action, person):
        return person, self.world.code(self.world.store.action(action), person), action

    @rule(
        action=actions,
        code=codes,
        person=st.sampled_from(sorted(PEOPLE)),
        is_honest=st.sampled_from([True, True, False]),
    )
    def approve(self, action, code, person, is_honest):
        """Use a code made at some time for some action by somebody; used codes stay in the bundle: replays."""
        by = code[0] if is_honest else person
        target = code[2] if is_honest else action
        done = self.attempt(lambda: approve(self.world.house, target, by=by, code=code[1]))
        if done is not None:
            assert (by, target) == (code[0], code[2])
            assert by != self.made[target][1]
            assert target not in self.approvals, "approved twice"
            self.approvals[target] = (by, self.world.now)

    @rule(action=actions)
    def execute(self, action):
        done = self.attempt(lambda: execute(self.world.house, action, by="lee"))
        row = self.world.store.action(action)
        if row.action_state in {"failed", "rolled_back"} and done is not None:
            self.failed[self.made[action][0]] = self.world.now
        COUNT["verified"] += bool(done and done.action_state == "verified")

    @rule(
        entity=st.sampled_from(["host/a", "host/b", "host/c", "host/d"]),
        people=st.permutations(sorted(PEOPLE)),
        mishap=st.sampled_from(["", "", "", "late", "tampered", "dry", "fails"]),
    )
    def the_whole_way(self, entity, people, mishap):
        """Make it likely that something acts at all, and that something happens just before."""
        house, (one, other, _) = self.world.house, people
        made = self.attempt(lambda: propose(house, "mend-it", entity, by=one, key=PEOPLE[one], values={}))
        if made is None:
            return
        self.made[made.action_id] = (entity, one)
        if self.attempt(lambda: rehearse(house, made.action_id, by=one)) is None:
            return
        code = self.world.code(made, other)
        if self.attempt(lambda: approve(house, made.action_id, by=other, code=code)):
            self.approvals[made.action_id] = (other, self.world.now)
            if mishap == "late":
                self.world.tick(901)
            if mishap == "tampered":
                self.spoil(made.action_id)
            if mishap == "dry":
                self.mode(is_live=False)
            if mishap == "fails":
                self.world.box.trouble["second"] = "fail"
            self.execute(made.action_id)
            if mishap == "fails":
                self.world.tick(1)
                self.the_whole_way(entity, people, "")

    @rule(
        name=st.sampled_from(["first", "second", "third", "undo first", "undo second"]),
        what=st.sampled_from(["fail", "refuse", "lost before", "lost after", "die before", "die after"]),
    )
    def trouble_ahead(self, name, what):
        self.world.box.trouble[name] = what

    @rule(seconds=st.sampled_from([1, 1801, 7200, 90000]))
    def all_is_open(self, seconds):
        """Else, after a while, everything is closed and nothing more is learned."""
        self.world.box.trouble.clear()
        self.stop_file(is_there=False)
        for scope in ("*", "mend-it"):
            self.switch(scope, is_stopped=False)
        self.mode(is_live=True)
        self.allow({"host"})
        self.the_world_changes(is_broken=True, is_well=True)
        self.pulled = False
        self.world.tick(seconds)

    @rule(seconds=st.sampled_from([1, 60, 600, 901, 1801, 3601, 86401]))
    def time_passes(self, seconds):
        self.world.tick(seconds)

    @rule(scope=st.sampled_from(["*", "mend-it"]), is_stopped=st.booleans())
    def switch(self, scope, is_stopped):
        stop(self.world.house, by="mora", reason="test", scope=scope, is_stopped=is_stopped)
        (self.stopped.add if is_stopped else self.stopped.discard)(scope)

    @rule(is_there=st.booleans())
    def stop_file(self, is_there):
        self.world.file = "stopped" if is_there else None
        (self.stopped.add if is_there else self.stopped.discard)("file")

    @rule()
    def pull_the_switch_in_the_middle(self):
        self.pulled = True

    @rule(is_live=st.sampled_from([True, True, False]))
    def mode(self, is_live):
        self.is_live = is_live
        self.world.policy = replace(self.world.policy, mode="live" if is_live else "dry_run")

    @rule(kinds=st.sampled_from([{"host"}, {"host"}, {"host", "db"}, set()]))
    def allow(self, kinds):
        self.allowed = set(kinds)
        entries = tuple(Allowed("mend-it", f"{kind}/.*") for kind in sorted(kinds))
        self.world.policy = replace(self.world.policy, allow=entries)

    @rule(is_broken=st.sampled_from([True, True, False]), is_well=st.sampled_from([True, True, False]))
    def the_world_changes(self, is_broken, is_well):
        self.world.box.looks |= {"broken": "yes" if is_broken else "no", "well": "yes" if is_well else "no"}

    @rule(action=consumes(actions))
    def tamper(self, action):
        self.spoil(action)

    def spoil(self, action):
        """Let somebody edit a stored plan in the database."""
        row = self.world.store.rows[action]
        if row.action_state not in {"executing", "verified", "failed", "rolled_back"}:
            self.world.store.rows[action] = replace(row, plan=row.plan.replace('"second"', '"evil"'))
            self.tampered.add(action)

    @invariant()
    def everything_is_written_down(self):
        COUNT["steps"] += 1
        told = {(e.audited_action_id, e.audit_event) for e in self.world.store.log}
        assert all((action, "executing") in told and (action, "approved") in told for action in self.began)
        assert all((action, "proposed") in told for action in self.made)

    @invariant()
    def nothing_is_done_twice_blindly(self):
        done = [(a, n) for a, n in self.world.box.acted]
        assert len(done) == len(set(done))

    def teardown(self):
        assert problems_of(self.world.store.log, list(self.world.store.rows)) == []


def take(steps, **more):
    """Take at least so many steps: drawn anew in every turn, and the same in every run."""
    case = type("Case", (Guarded.TestCase,), {})
    case.settings = settings(
        max_examples=20,
        stateful_step_count=100,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
        **more,
    )
    COUNT.update(steps=0, acts=0, verified=0)
    for turn in count():
        if COUNT["steps"] >= steps:
            return
        seed(turn)(Guarded)
        case().runTest()


def test_no_sequence_of_calls_acts_without_all_gates():
    take(15_000)
    # What is drawn depends on the constants in the code, so these vary from version to version.
    assert COUNT["acts"] > 150
    assert COUNT["verified"] > 20


@pytest.mark.slow
@pytest.mark.parametrize("gate", [name for name, _ in gates.BEFORE_ACTION])
def test_the_machine_finds_a_gate_that_is_missing(monkeypatch, gate):
    for group in ("BEFORE_ACTION", "BEFORE_STEP", "BEFORE_LOOK"):
        monkeypatch.setattr(gates, group, tuple(pair for pair in getattr(gates, group) if pair[0] != gate))
    with pytest.raises((AssertionError, KeyError)):
        take(60_000, phases=[Phase.generate])
