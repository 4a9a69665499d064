"""Executing an approved plan: gates before every step, an intent before every act, a look before anything is repeated.

A step is written down as `started` before it begins. Found so later, by a process that takes over, nobody knows whether
it happened: its `done_when` is asked, and where that cannot tell, the action stops instead of doing it twice.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

from aiops_jobs.core.runbooks.action import Action, StepRecord, moved
from aiops_jobs.core.runbooks.audit import Entry
from aiops_jobs.core.runbooks.gates import closed_before_action, closed_before_step
from aiops_jobs.core.runbooks.plan import Plan, plan_of
from aiops_jobs.core.runbooks.runbook import Check, Step
from aiops_jobs.errors import ActionRefused, AmbiguousDelivery, ConnectorError, NotFoundError
from aiops_jobs.jobs.remediate import ask, facts_of, holds, refuse
from aiops_jobs.ports.remediation import Remediation

START = "remediation start"
POLL_S = 5.0
"""How long to wait before a verification looks again, within its own time."""
PASSING = frozenset({"mode"})
"""Gates that may open again without a new approval: the action stays as it is."""


class _Halted(Exception):  # noqa: N818 - names the state
    """No further step, of any kind."""


def execute(house: Remediation, action_id: str, *, by: str) -> Action:
    """Execute an approved action to its end, or go on with one whose process died.

    Returns:
        The action at its end: ``verified``, ``rolled_back`` or ``failed``.

    Raises:
        ActionRefused: A gate is closed; nothing was executed, and the approval is used up.
        Superseded: Another process is at it.
    """
    if house.store.action(action_id) is None:
        raise NotFoundError("action", action_id, remedy="`aiops runbooks actions` lists them.")
    with house.store.hold(f"remediate {action_id}"):
        action = house.store.action(action_id)
        if action is None or action.action_state != "executing":
            action = _begin(house, action_id, by)
        return _Execution(house, action, by).run()


def _begin(house: Remediation, action_id: str, by: str) -> Action:
    """Pass all gates and mark the action as executing; one action at a time, so that limits count right."""
    with house.store.hold(START):
        action = house.store.action(action_id)
        if action is None:
            raise NotFoundError("action", action_id, remedy="`aiops runbooks actions` lists them.")
        try:
            _ensure_all_open(house, action)
        except ActionRefused as refused:
            _refused(house, action, by, refused)
            raise
        begun = moved(action, "executing", reason="All gates were open.", executed_at=house.now())
        _tell(house, by, "executing", begun, begun.reason, action=begun)
        return begun


def _ensure_all_open(house: Remediation, action: Action) -> None:
    if action.action_state != "approved":
        raise ActionRefused("state", f"{action.action_id} is `{action.action_state}`, not approved")
    closed = closed_before_action(facts_of(house, action, plan_of(action.plan)))
    if closed is not None:
        raise ActionRefused(*closed)


def _refused(house: Remediation, action: Action, by: str, refused: ActionRefused) -> None:
    """Write the refusal down; an approval that met a closed gate is used up."""
    if action.action_state != "approved" or refused.gate in PASSING:
        refuse(house, action, by, refused, event="execution_refused")
        return
    is_late = refused.gate == "approval" and "old" in refused.reason
    reason = house.redact(f"{refused.gate}: {refused.reason}")
    ended = moved(action, "expired" if is_late else "refused", reason=reason, finished_at=house.now())
    _tell(house, by, "execution_refused", ended, reason, action=ended)


def _tell(
    house: Remediation,
    by: str,
    event: str,
    about: Action,
    reason: str,
    *,
    action: Action | None = None,
    step: StepRecord | None = None,
) -> None:
    entry = Entry(house.now(), by, event, reason, audited_action_id=about.action_id)
    house.store.record(entry, action=action, step=step)
    house.progress(f"{about.action_id}: {event}: {reason}")


class _Execution:
    """One executing action in this process's hands."""

    def __init__(self, house: Remediation, action: Action, by: str) -> None:
        self.house, self.action, self.by = house, action, by
        self.plan: Plan = plan_of(action.plan)
        self.records = {(r.step_kind, r.step_number): r for r in house.store.steps(action.action_id)}

    def run(self) -> Action:
        """Do what is left of the plan; return the action at its end."""
        try:
            trouble = self._forward()
            if trouble is None:
                return self._end("verified", "Every verification holds.")
            return self._back(trouble)
        except _Halted as halted:
            done = sum(r.step_state == "done" and r.step_kind == "step" for r in self.records.values())
            text = f"{halted} {done} of {len(self.plan.steps)} steps were done; nothing was undone: look at it."
            return self._end("failed", text)

    def _forward(self) -> str | None:
        """Do the steps and verify; return what went wrong."""
        if any(kind == "rollback" for kind, _ in self.records):
            return "its rollback had begun"
        for number, step in enumerate(self.plan.steps):
            trouble = self._step("step", number, step)
            if trouble is not None:
                return trouble
        for check in self.plan.verification:
            is_held, seen = self._verify(check)
            if not is_held:
                return f"Not verified: {seen}"
        return None

    def _back(self, trouble: str) -> Action:
        """Undo what was begun, last first."""
        begun = {r.step_name for r in self.records.values() if r.step_kind == "step"}
        names = [step.name for step in self.plan.steps]
        undos = [undo for undo in self.plan.rollback if undo.of in begun]
        undos.sort(key=lambda undo: names.index(undo.of), reverse=True)
        for undo in undos:
            failed = self._step("rollback", self.plan.rollback.index(undo), undo)
            if failed is not None:
                return self._end("failed", f"{trouble} The rollback failed: {failed}")
        if not begun - {undo.of for undo in undos}:
            return self._end("rolled_back", f"{trouble} Everything was undone.")
        return self._end("failed", f"{trouble} Some steps cannot be undone: look at it.")

    # --- one step ---------------------------------------------------------------------------------------------------

    def _step(self, kind: str, number: int, step: Step) -> str | None:
        """Make sure that a step is done; return what went wrong.

        Raises:
            _Halted: A gate is closed now, or nobody can tell whether the step has happened.
        """
        record = self.records.get((kind, number))
        if record is not None and record.step_state == "done":
            return None
        if record is not None and record.step_state == "failed":
            return f"`{step.name}` had failed."
        if record is not None and self._has_happened(step, record):
            return None
        self._ensure_open(step)
        begun = self._note(
            StepRecord(self.action.action_id, kind, number, step.name, "started", self.house.now()), "step_started"
        )
        try:
            answer = ask(self.house, step, is_read=False)
        except AmbiguousDelivery as error:
            return self._settle(begun, step, str(error), is_done=self._has_happened(step, begun))
        except ConnectorError as error:
            return self._settle(begun, step, str(error), is_done=False)
        text = self.house.redact(answer.text)
        state, event = ("done", "step_done") if answer.is_ok else ("failed", "step_failed")
        self._note(replace(begun, step_state=state, ended_at=self.house.now(), step_output=text), event)
        return None if answer.is_ok else f"`{step.name}` failed: {text[-200:]}"

    def _settle(self, begun: StepRecord, step: Step, error: str, *, is_done: bool) -> str | None:
        """Settle a step whose answer did not come, once it is known whether it happened."""
        if is_done:
            return None
        text = self.house.redact(error)
        self._note(replace(begun, step_state="failed", ended_at=self.house.now(), step_output=text), "step_failed")
        return f"`{step.name}` failed: {text}"

    def _has_happened(self, step: Step, record: StepRecord) -> bool:
        """Tell whether a step that was begun has happened.

        Raises:
            _Halted: Nobody can tell.
        """
        if step.done_when is None:
            raise _Halted(f"`{step.name}` was begun, and nothing tells whether it happened.")
        is_done, seen = holds(self.house, step.done_when)
        if is_done is None:
            raise _Halted(f"`{step.name}` was begun, and whether it happened cannot be told: {seen}.")
        if is_done:
            self._note(
                replace(record, step_state="done", ended_at=self.house.now(), step_output=seen), "step_found_done"
            )
        else:
            _tell(self.house, self.by, "step_found_not_done", self.action, seen)
        return is_done

    def _ensure_open(self, step: Step) -> None:
        closed = closed_before_step(facts_of(self.house, self.action, self.plan))
        if closed is not None:
            gate, reason = closed
            raise _Halted(f"Before `{step.name}` the gate `{gate}` was closed: {reason}.")

    def _verify(self, check: Check) -> tuple[bool | None, str]:
        """Ask a check until it holds or its time is over."""
        until = self.house.now() + timedelta(seconds=check.timeout_s)
        while True:
            is_held, seen = holds(self.house, check)
            if is_held or self.house.now() + timedelta(seconds=POLL_S) > until:
                return is_held, seen
            self.house.wait(POLL_S)

    def _note(self, record: StepRecord, event: str) -> StepRecord:
        self.records[record.step_kind, record.step_number] = record
        reason = f"{record.step_name}: {record.step_output or record.step_state}"[:500]
        _tell(self.house, self.by, event, self.action, reason, step=record)
        return record

    def _end(self, state: str, reason: str) -> Action:
        text = self.house.redact(reason)
        ended = moved(self.action, state, reason=text, finished_at=self.house.now())
        _tell(self.house, self.by, state, ended, text, action=ended)
        return ended


def unfinished(house: Remediation) -> Sequence[Action]:
    """Return the actions that were executing when their process died, or are executing elsewhere."""
    return [action for action in house.store.actions() if action.action_state == "executing"]
