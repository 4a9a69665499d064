"""What decisions about remediation share: the facts of the gates, asking an executor, writing a refusal down."""

from __future__ import annotations

from aiops_jobs.core.runbooks.action import Action, moved
from aiops_jobs.core.runbooks.answers import read_check
from aiops_jobs.core.runbooks.audit import Entry
from aiops_jobs.core.runbooks.gates import DAY, Facts
from aiops_jobs.core.runbooks.plan import Plan
from aiops_jobs.core.runbooks.runbook import Call, Check
from aiops_jobs.errors import ActionRefused, ConnectorError
from aiops_jobs.ports.remediation import Answer, Remediation

EVERYTHING = "*"
"""Scope of the switch that stops all runbooks."""


def facts_of(house: Remediation, action: Action, plan: Plan) -> Facts:
    """Return what the gates look at, as it is at this instant."""
    now = house.now()
    recent = [a for a in house.store.executed_since(now - DAY) if a.action_id != action.action_id]
    return Facts(
        now=now,
        policy=house.policy,
        action=action,
        plan=plan,
        runbook=house.runbooks.get(plan.runbook_id),
        stopped=stopped(house, plan.runbook_id),
        group_size=house.place(plan.entity_id).group_size,
        recent=recent,
        unmet=lambda: _unmet(house, plan),
    )


def stopped(house: Remediation, runbook_id: str) -> str | None:
    """Return why no step may begin; the stop file and the switches in the warehouse are both asked."""
    file = house.stop_file()
    if file is not None:
        return file
    stops = house.store.stops()
    return next((f"stopped: {stops[s]}" for s in (EVERYTHING, runbook_id) if s in stops), None)


def ask(house: Remediation, call: Call, *, is_read: bool) -> Answer:
    """Run one call on the executor it names.

    Raises:
        ConnectorError: There is no such executor, or it refuses.
    """
    executor = house.executors.get(call.on)
    if executor is None:
        raise ConnectorError(call.on, f"no executor of this name is configured (needed for `{call.name}`)")
    return executor.run(call, is_read=is_read)


def holds(house: Remediation, check: Check) -> tuple[bool | None, str]:
    """Return whether a check holds, null where nobody can tell, and what was seen."""
    try:
        answer = ask(house, check, is_read=True)
    except ConnectorError as error:
        return None, house.redact(f"{check.name}: {error}")
    reading = read_check(check, answer.text, is_ok=answer.is_ok)
    return reading.holds, house.redact(reading.text)


def refuse(house: Remediation, action: Action, by: str, refused: ActionRefused, *, event: str) -> None:
    """Write a refusal down; an action that is past its time expires with it."""
    reason = house.redact(f"{refused.gate}: {refused.reason}")
    entry = Entry(house.now(), by, event, reason, audited_action_id=action.action_id)
    if refused.gate == "time" and not action.has_ended and action.action_state != "executing":
        ended = moved(action, "expired", reason=reason, finished_at=house.now())
        house.store.record(entry, action=ended)
    else:
        house.store.record(entry)


def _unmet(house: Remediation, plan: Plan) -> str | None:
    for check in plan.preconditions:
        is_held, seen = holds(house, check)
        if not is_held:
            return seen if is_held is False else f"cannot tell: {seen}"
    return None
