"""A house of remediation in memory, with a clock that tests turn and executors that remember what they were told."""

from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from pydantic import SecretStr

from aiops_jobs.core.policies import Allowed, RemediationPolicy
from aiops_jobs.core.runbooks.action import approval_code
from aiops_jobs.core.runbooks.runbook import runbook_of
from aiops_jobs.errors import AmbiguousDelivery, ConnectorError, Superseded
from aiops_jobs.ports.remediation import Answer, Place, Remediation

T0 = datetime(2026, 11, 20, 3, 0, tzinfo=UTC)
PEOPLE = {"kim": "key of kim", "lee": "key of lee", "mora": "key of mora"}


class Died(Exception):  # noqa: N818 - names the event
    """The process ends here, as by kill -9."""


def runbook(**changes):
    def call(name, *run, **more):
        return {"name": name, "executor": "shell", "on": "box", "run": list(run), **more}

    data = {
        "id": "mend-it",
        "title": "Mend it",
        "summary": "It is broken.",
        "symptoms": ["broken"],
        "risk_tier": "low",
        "match": {"alert_names": ["Broken"]},
        "parameters": {
            "level": {"type": "integer", "default": 3, "minimum": 1, "maximum": 9, "description": "How much."}
        },
        "preconditions": [call("is broken", "look", "broken", equals="yes")],
        "dry_run": [call("what would be done", "look", "plan", "{level}")],
        "steps": [
            call("first", "act", "{action_id}", "first", done_when=call("d1", "look", "{action_id}", "first", equals="1")),
            call("second", "act", "{action_id}", "second", "{level}", done_when=call("d2", "look", "{action_id}", "second", equals="1")),
            call("third", "act", "{action_id}", "third"),
        ],
        "verification": [call("is well", "look", "well", equals="yes", timeout_s=10)],
        "rollback": [
            {"of": "first", **call("undo first", "act", "{action_id}", "undo first")},
            {"of": "second", **call("undo second", "act", "{action_id}", "undo second")},
            {"of": "third", **call("undo third", "act", "{action_id}", "undo third")},
        ],
        "limits": {"max_per_day": 3, "max_targets": 1, "cooldown_s": 3600},
    }  # fmt: skip
    return runbook_of({**data, **changes}, place="test")


class MemoryStore:
    """The port, without a database."""

    def __init__(self):
        self.rows, self.step_rows, self.log, self.stopped, self.held = {}, {}, [], {}, set()

    def action(self, action_id):
        return self.rows.get(action_id)

    def actions(self):
        return sorted(self.rows.values(), key=lambda a: (a.proposed_at, a.action_id))

    def executed_since(self, since):
        return [a for a in self.actions() if a.executed_at is not None and a.executed_at >= since]

    def steps(self, action_id):
        return [step for key, step in sorted(self.step_rows.items()) if key[0] == action_id]

    def record(self, entry, *, action=None, step=None):
        if action is not None and action.revision:
            known = self.rows.get(action.action_id)
            if known is None or known.revision != action.revision - 1:
                raise Superseded(action.action_id, "somebody")
        if action is not None and not action.revision and action.action_id in self.rows:
            raise AssertionError("an action is proposed once")
        if self.log:
            entry = replace(entry, audit_number=len(self.log), previous_sha256=self.log[-1].entry_sha256)
        entry = replace(entry, entry_sha256=entry.digest)
        self.log.append(entry)
        if action is not None:
            self.rows[action.action_id] = action
        if step is not None:
            self.step_rows[step.action_id, step.step_kind, step.step_number] = step
        return entry

    def entries(self):
        return list(self.log)

    def stops(self):
        return dict(self.stopped)

    def set_stop(self, scope, entry, *, is_stopped):
        self.record(entry)
        if is_stopped:
            self.stopped[scope] = entry.reason
        else:
            self.stopped.pop(scope, None)

    @contextmanager
    def hold(self, name):
        if name in self.held:
            raise Superseded(name, "somebody")
        self.held.add(name)
        try:
            yield
        finally:
            self.held.discard(name)


@dataclass
class FakeBox:
    """An executor of which tests say what happens."""

    name: str = "box"
    looks: dict = field(default_factory=lambda: {"broken": "yes", "well": "yes"})
    acted: list = field(default_factory=list)
    trouble: dict = field(default_factory=dict)
    """What becomes of an act, by its name: fail, lost before, lost after, refuse, die before, die after."""
    before_act: object = None

    def check(self):
        return []

    def run(self, call, *, is_read):
        if is_read:
            assert call.run[0] == "look"
            return Answer(True, self.look(call.run[1:]))
        assert call.run[0] == "act"
        action_id, name = call.run[1], call.run[2]
        if self.before_act is not None:
            self.before_act(action_id, name)
        trouble = self.trouble.pop(name, None)
        if trouble == "refuse":
            raise ConnectorError("box", "not allowed")
        if trouble == "die before":
            raise Died
        if trouble == "lost before":
            raise AmbiguousDelivery("box", "the connection was lost")
        self.acted.append((action_id, name))
        if trouble == "die after":
            raise Died
        if trouble == "lost after":
            raise AmbiguousDelivery("box", "the connection was lost")
        return Answer(trouble != "fail", "said something")

    def look(self, words):
        if words[0].startswith("act-"):
            return str(int((words[0], words[1]) in self.acted))
        return self.looks.get(words[0], "\n".join(words))


class World:
    """Everything remediation may touch, and the clock."""

    def __init__(self, **policy):
        self.now, self.file, self.waited = T0, None, 0.0
        self.store, self.box, self.places = MemoryStore(), FakeBox(), {}
        self.runbooks = {"mend-it": runbook()}
        self.policy = RemediationPolicy(**{"mode": "live", "allow": (Allowed("mend-it", "host/.*"),), **policy})

    @property
    def house(self):
        return Remediation(
            store=self.store,
            executors={"box": self.box},
            runbooks=self.runbooks,
            policy=self.policy,
            people={name: SecretStr(key) for name, key in PEOPLE.items()},
            now=lambda: self.now,
            wait=self.wait,
            stop_file=lambda: self.file,
            place=lambda entity: self.places.get(entity, Place("checkout")),
            redact=lambda text: text,
        )

    def wait(self, seconds):
        self.waited += seconds
        self.tick(seconds)

    def tick(self, seconds):
        self.now += timedelta(seconds=seconds)

    def code(self, action, person):
        return approval_code(PEOPLE[person], action_id=action.action_id, plan_sha256=action.plan_sha256, person=person)
