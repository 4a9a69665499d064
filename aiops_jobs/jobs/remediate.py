"""Remediation, decision by decision: propose, rehearse, approve, stop. Every decision is written down, refusals too.

What executes an approved plan is in `aiops_jobs.jobs.execute`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import msgspec

from aiops_jobs.core.runbooks.action import Action, approval_code, is_same, moved
from aiops_jobs.core.runbooks.answers import frees, read_check, read_listing
from aiops_jobs.core.runbooks.audit import Entry, problems_of
from aiops_jobs.core.runbooks.gates import DAY, Facts, closed_before_look
from aiops_jobs.core.runbooks.plan import Plan, action_id_of, fill, make_plan, plan_of
from aiops_jobs.core.runbooks.runbook import Call, Check, Listing, Runbook
from aiops_jobs.errors import ActionRefused, ConnectorError, NotFoundError
from aiops_jobs.identity import canonical_json
from aiops_jobs.ports.remediation import Answer, Remediation

EVERYTHING = "*"
MOST_LINES = 500
"""Lines of a dry run that are kept; sizes are counted over all."""


def propose(
    house: Remediation,
    runbook_id: str,
    entity_id: str,
    *,
    by: str,
    key: str,
    values: Mapping[str, Any],
    subject_id: str | None = None,
) -> Action:
    """Make a plan and write it down; nothing is done yet.

    Args:
        house: Everything remediation may touch.
        runbook_id: Which runbook.
        entity_id: On what.
        by: Person who proposes; it cannot be this person who approves.
        key: That person's key.
        values: Parameters; what is missing is measured, or has a default.
        subject_id: Incident it is about.

    Raises:
        ActionRefused: The person is unknown, a gate is closed, or a parameter is out of its bounds.
        NotFoundError: There is no such runbook.
    """
    runbook = house.runbooks.get(runbook_id)
    if runbook is None:
        raise NotFoundError("runbook", runbook_id, remedy="`aiops runbooks list` lists them.")
    now, subject, place = house.now(), subject_id or entity_id, house.place(entity_id)
    said = canonical_json({"runbook": runbook_id, "entity_id": entity_id, "values": dict(values)})
    try:
        _ensure_person(house, by, key)
        action_id = action_id_of(runbook, entity_id, subject, now)
        _ensure_new(house, action_id)
        known = {name: value for name, value in values.items() if value is not None}
        sketch = _sketch(runbook, entity_id, action_id, subject, now)
        _ensure_look(facts_of(house, sketch, plan_of(sketch.plan)))
        plan = make_plan(
            runbook,
            {**known, **_measured(house, runbook, known)},
            action_id=action_id,
            entity_id=entity_id,
            subject_id=subject,
            service_name=place.service_name,
        )
    except ActionRefused as refused:
        house.store.record(
            Entry(
                now, by, "proposal_refused", house.redact(f"{refused.gate}: {refused.reason}"), facts=house.redact(said)
            )
        )
        raise
    action = replace(
        sketch,
        service_name=place.service_name,
        redundancy_group=place.redundancy_group,
        plan=plan.to_json(),
        plan_sha256=plan.sha256,
        proposed_by=by,
    )
    return _record(house, action, by, "proposed", facts=plan.to_json())


def rehearse(house: Remediation, action_id: str, *, by: str) -> Action:
    """Run the dry run of a proposal: what would be done is listed, nothing is changed.

    Raises:
        ActionRefused: A gate is closed, the proposal is no longer one, or the dry run cannot be had.
    """
    action = _known(house, action_id)
    plan = plan_of(action.plan)
    try:
        _ensure_look(facts_of(house, action, plan))
        _ensure_fresh(house, action)
        _ensure_same_plan(action, plan)
        listed = [read_listing(listing, _listing(house, listing)) for listing in plan.dry_run]
        total = frees(listed)
        told = {
            "parts": [{"name": p.name, "lines": p.lines[:MOST_LINES], "line_count": len(p.lines)} for p in listed],
            "frees_bytes": list(total) if total else None,
            "would_run": [{"name": s.name, "on": s.on, "run": list(s.run)} for s in plan.steps],
        }
        text = house.redact(canonical_json(told))
        done = moved(action, "dry_run", reason=_in_words(total, len(plan.steps)), dry_run_result=text)
    except ActionRefused as refused:
        refuse(house, action, by, refused, event="dry_run_refused")
        raise
    return _record(house, done, by, "dry_run", facts=text)


def approve(house: Remediation, action_id: str, *, by: str, code: str) -> Action:
    """Let a second person approve exactly this plan, after its dry run, once.

    Args:
        house: Everything remediation may touch.
        action_id: What to approve.
        by: Person who approves.
        code: That person's code for this plan; see `aiops_jobs.core.runbooks.action.approval_code`.

    Raises:
        ActionRefused: It is the same person, the code does not fit, it was approved before, or it is too late.
    """
    action = _known(house, action_id)
    try:
        _ensure_may_approve(house, action, by, code)
        _ensure_fresh(house, action)
        done = moved(action, "approved", reason=f"Approved by {by}.", approved_by=by, approved_at=house.now())
    except ActionRefused as refused:
        refuse(house, action, by, refused, event="approval_refused")
        raise
    return _record(house, done, by, "approved", facts=canonical_json({"plan_sha256": action.plan_sha256}))


def code_for(house: Remediation, action_id: str, *, by: str, key: str) -> str:
    """Return the code by which ``by`` approves an action, for the form of an orchestrator."""
    action = _known(house, action_id)
    return approval_code(key, action_id=action_id, plan_sha256=action.plan_sha256, person=by)


def stop(house: Remediation, *, by: str, reason: str, scope: str = EVERYTHING, is_stopped: bool = True) -> None:
    """Switch a kill switch; a stop needs no second person, lifting it is written down like everything else."""
    event = "stop_set" if is_stopped else "stop_lifted"
    entry = Entry(house.now(), by, event, house.redact(reason), facts=canonical_json({"scope": scope}))
    house.store.set_stop(scope, entry, is_stopped=is_stopped)


def audit_problems(house: Remediation) -> tuple[list[Entry], list[str]]:
    """Return the audit log, and what is wrong with it."""
    entries = house.store.entries()
    return entries, problems_of(entries, [action.action_id for action in house.store.actions()])


# --- what executing needs too ---------------------------------------------------------------------------------------


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


def _record(house: Remediation, action: Action, by: str, event: str, *, facts: str | None = None) -> Action:
    entry = Entry(house.now(), by, event, action.reason, audited_action_id=action.action_id, facts=facts)
    house.store.record(entry, action=action)
    return action


def _sketch(runbook: Runbook, entity_id: str, action_id: str, subject: str, now: datetime) -> Action:
    """Return the action before its parameters are known, enough for the gates that need none."""
    plan = Plan(
        action_id=action_id,
        runbook_id=runbook.id,
        runbook_version=runbook.version,
        subject_id=subject,
        entity_id=entity_id,
        service_name=None,
        targets=(entity_id,),
        parameters={},
        preconditions=(),
        dry_run=(),
        steps=(),
        verification=(),
        rollback=(),
        limits=runbook.limits,
    )
    return Action(
        action_id=action_id,
        proposed_at=now,
        action_state="proposed",
        runbook_id=runbook.id,
        runbook_version=runbook.version,
        subject_id=subject,
        entity_id=entity_id,
        service_name=None,
        redundancy_group=None,
        risk_tier=runbook.risk_tier,
        plan=plan.to_json(),
        plan_sha256=plan.sha256,
        proposed_by="",
        reason=f"Proposed: {runbook.title}.",
    )


def _measured(house: Remediation, runbook: Runbook, values: Mapping[str, Any]) -> dict[str, str]:
    """Return the parameters that are measured now; they may build on those that are given or have a default."""
    defaults = {name: p.default for name, p in runbook.parameters.items() if p.default is not None}
    filling = {name: str(value) for name, value in {**defaults, **values}.items()}
    found = {}
    for name, parameter in sorted(runbook.parameters.items()):
        if parameter.measure is None or name in values:
            continue
        call = _filled_measure(parameter.measure, filling)
        try:
            answer = ask(house, call, is_read=True)
        except ConnectorError as error:
            raise ActionRefused("parameters", f"`{name}` cannot be measured: {error}") from error
        if not answer.is_ok:
            raise ActionRefused("parameters", f"`{name}` cannot be measured: {answer.text[:200]}")
        found[name] = read_check(call, answer.text, is_ok=True).seen
    return found


def _filled_measure(measure: Check, filling: Mapping[str, str]) -> Check:
    try:
        run = tuple(fill(text, filling) for text in measure.run)
        return msgspec.structs.replace(measure, run=run, on=fill(measure.on, filling))
    except KeyError as error:
        raise ActionRefused("parameters", f"{error} is missing; give it with --set") from error


def _listing(house: Remediation, listing: Listing) -> str:
    try:
        answer = ask(house, listing, is_read=True)
    except ConnectorError as error:
        raise ActionRefused("dry run", f"`{listing.name}`: {error}") from error
    if not answer.is_ok:
        raise ActionRefused("dry run", f"`{listing.name}` failed: {answer.text[:200]}")
    return answer.text


def _unmet(house: Remediation, plan: Plan) -> str | None:
    for check in plan.preconditions:
        is_held, seen = holds(house, check)
        if not is_held:
            return seen if is_held is False else f"cannot tell: {seen}"
    return None


def _ensure_look(facts: Facts) -> None:
    closed = closed_before_look(facts)
    if closed is not None:
        raise ActionRefused(*closed)


def _ensure_may_approve(house: Remediation, action: Action, by: str, code: str) -> None:
    wanted = approval_code(_key(house, by), action_id=action.action_id, plan_sha256=action.plan_sha256, person=by)
    if not is_same(wanted, code):
        raise ActionRefused("approval", f"the code is not {by}'s code for this plan")
    if by == action.proposed_by:
        raise ActionRefused("approval", f"{by} proposed it and cannot approve it")
    _ensure_same_plan(action, plan_of(action.plan))


def _ensure_same_plan(action: Action, plan: Plan) -> None:
    if plan.sha256 != action.plan_sha256:
        raise ActionRefused("plan", "the stored plan is not the one that was proposed")


def _ensure_fresh(house: Remediation, action: Action) -> None:
    if house.now() - action.proposed_at > timedelta(seconds=house.policy.proposal_ttl_s):
        raise ActionRefused("time", f"it was proposed more than {house.policy.proposal_ttl_s:g} s ago")


def _ensure_new(house: Remediation, action_id: str) -> None:
    if house.store.action(action_id) is not None:
        raise ActionRefused("state", f"{action_id} was proposed at this very instant")


def _ensure_person(house: Remediation, name: str, key: str) -> None:
    if not is_same(_key(house, name), key):
        raise ActionRefused("people", f"this is not the key of {name}")


def _key(house: Remediation, name: str) -> str:
    if name not in house.people:
        raise ActionRefused("people", f"`{name}` is not among the people that may propose or approve")
    return house.people[name].get_secret_value()


def _known(house: Remediation, action_id: str) -> Action:
    action = house.store.action(action_id)
    if action is None:
        raise NotFoundError("action", action_id, remedy="`aiops runbooks actions` lists them.")
    return action


def _in_words(total: tuple[int, int] | None, steps: int) -> str:
    freed = f" It would free {total[0] / 1e6:.1f} to {total[1] / 1e6:.1f} MB." if total else ""
    return f"Dry run done; {steps} steps would follow.{freed}"


def dry_run_of(action: Action) -> dict[str, Any]:
    """Return what the dry run of an action told; empty before there was one."""
    told: dict[str, Any] = json.loads(action.dry_run_result) if action.dry_run_result else {}
    return told
