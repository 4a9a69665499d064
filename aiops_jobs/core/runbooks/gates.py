"""The gates before an action and before each of its steps, in their order; the first closed one decides.

| gate | closed where |
|---|---|
| allow-list | no entry of the policy names the runbook and fits the entity |
| kill switch | everything or this runbook is stopped |
| mode | the policy says ``dry_run`` |
| preconditions | a look at the world says it is not as the runbook needs it |
| parameters | the runbook is gone or changed, or a value is out of its bounds |
| approval | no second person approved exactly this plan within the time |
| blast radius | it touches too much, or a second member of a redundancy group |
| rate limit | it, its service or everything has acted too often today |
| cooldown | it failed there a short time ago |
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import pyarrow as pa
import pyarrow.compute as pc

from aiops_jobs.core.policies import RemediationPolicy
from aiops_jobs.core.runbooks.action import Action
from aiops_jobs.core.runbooks.plan import Plan, checked
from aiops_jobs.core.runbooks.runbook import Runbook
from aiops_jobs.errors import ActionRefused

DAY = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class Facts:
    """What the gates look at."""

    now: datetime
    policy: RemediationPolicy
    action: Action
    plan: Plan
    runbook: Runbook | None
    """The runbook of that name as it is now."""
    stopped: str | None
    """Why everything or this runbook is stopped; null where it is not."""
    group_size: int
    """Members of the group the entity belongs to, itself included."""
    recent: Sequence[Action]
    """Other actions that were executed in the last 24 hours."""
    unmet: Callable[[], str | None]
    """Looks at the preconditions; returns the first that does not hold."""


Gate = Callable[[Facts], str | None]


def closed_before_action(facts: Facts) -> tuple[str, str] | None:
    """Return the first closed gate before the first step, with its reason; null where all are open."""
    return _first(BEFORE_ACTION, facts)


def closed_before_step(facts: Facts) -> tuple[str, str] | None:
    """Return the first closed gate before a step of an action that has begun; null where all are open."""
    return _first(BEFORE_STEP, facts)


def closed_before_look(facts: Facts) -> tuple[str, str] | None:
    """Return the first closed gate before a proposal or a dry run, which look and change nothing."""
    return _first(BEFORE_LOOK, facts)


def _first(gates: Sequence[tuple[str, Gate]], facts: Facts) -> tuple[str, str] | None:
    for name, gate in gates:
        reason = gate(facts)
        if reason is not None:
            return name, reason
    return None


def _allow_list(facts: Facts) -> str | None:
    entity = pa.array([facts.plan.entity_id])
    for entry in facts.policy.allow:
        is_named = entry.runbook == facts.plan.runbook_id
        if is_named and pc.match_substring_regex(entity, f"^(?:{entry.entities})$")[0].as_py():
            return None
    return f"policies.remediation.allow has no entry for {facts.plan.runbook_id} on {facts.plan.entity_id}"


def _kill_switch(facts: Facts) -> str | None:
    return facts.stopped


def _mode(facts: Facts) -> str | None:
    if facts.policy.mode == "live":
        return None
    return "policies.remediation.mode is not `live`: what would be done was told, nothing is executed"


def _preconditions(facts: Facts) -> str | None:
    return facts.unmet()


def _parameters(facts: Facts) -> str | None:
    if facts.plan.sha256 != facts.action.plan_sha256:
        return "the stored plan is not the one that was proposed"
    if facts.runbook is None or facts.runbook.version != facts.plan.runbook_version:
        return f"{facts.plan.runbook_id} has changed since it was proposed"
    try:
        same = checked(facts.runbook, facts.plan.parameters) == facts.plan.parameters
    except ActionRefused as refused:
        return refused.reason
    return None if same else "a parameter is not what it was"


def _approval(facts: Facts) -> str | None:
    action = facts.action
    if action.approved_by is None or action.approved_at is None:
        return "nobody has approved it"
    if action.approved_by == action.proposed_by:
        return f"{action.approved_by} proposed it and cannot approve it"
    begun = action.executed_at or facts.now
    age = (begun - action.approved_at).total_seconds()
    if not 0 <= age <= facts.policy.approval_ttl_s:
        return f"the approval is {age:.0f} s old; it is good for {facts.policy.approval_ttl_s:g} s"
    return None


def _time(facts: Facts) -> str | None:
    if facts.action.action_state != "executing" or facts.action.executed_at is None:
        return f"it is `{facts.action.action_state}`, not executing"
    age = (facts.now - facts.action.executed_at).total_seconds()
    return None if 0 <= age <= facts.policy.max_run_s else f"it began {age:.0f} s ago; no step begins that late"


def _blast_radius(facts: Facts) -> str | None:
    targets, size = len(facts.plan.targets), facts.group_size
    most = min(facts.policy.max_targets, facts.plan.limits.max_targets)
    share = max(1, int(size * facts.policy.max_group_ratio))
    if targets > min(most, share):
        return f"it touches {targets} entities; {min(most, share)} of a group of {size} may be touched"
    if size - targets < facts.plan.limits.min_peers:
        return f"{size - targets} others can stand in; it needs {facts.plan.limits.min_peers}"
    for other in facts.recent:
        if other.entity_id == facts.action.entity_id and other.action_state == "executing":
            return f"{other.action_id} is at work on {other.entity_id}"
    return _second_of_group(facts)


def _second_of_group(facts: Facts) -> str | None:
    group = facts.action.redundancy_group
    if group is None:
        return None
    quiet = timedelta(seconds=facts.policy.group_quiet_s)
    for other in facts.recent:
        is_near = other.redundancy_group == group and other.entity_id != facts.action.entity_id
        if is_near and (other.action_state == "executing" or facts.now - _ended(other) < quiet):
            return f"{other.entity_id} of the same redundancy group {group} was touched by {other.action_id}"
    return None


def _rate_limit(facts: Facts) -> str | None:
    policy, plan = facts.policy, facts.plan
    today = [a for a in facts.recent if a.executed_at is not None and facts.now - a.executed_at < DAY]
    same = sum(a.runbook_id == plan.runbook_id for a in today)
    service = sum(plan.service_name is not None and a.service_name == plan.service_name for a in today)
    counts = (
        (same, min(policy.max_per_runbook_day, plan.limits.max_per_day), plan.runbook_id),
        (service, policy.max_per_service_day, f"service {plan.service_name}"),
        (len(today), policy.max_per_day, "all runbooks"),
    )
    return next(
        (f"{what}: {n} executions in 24 hours, {most} are allowed" for n, most, what in counts if n >= most), None
    )


def _cooldown(facts: Facts) -> str | None:
    quiet = timedelta(seconds=max(facts.policy.cooldown_s, facts.plan.limits.cooldown_s))
    for other in facts.recent:
        is_same = (other.runbook_id, other.entity_id) == (facts.plan.runbook_id, facts.plan.entity_id)
        if is_same and other.action_state in {"failed", "rolled_back"} and facts.now - _ended(other) < quiet:
            return f"{other.action_id} failed there at {_ended(other):%Y-%m-%d %H:%M} UTC"
    return None


def _ended(action: Action) -> datetime:
    return action.finished_at or action.executed_at or action.proposed_at


BEFORE_LOOK: tuple[tuple[str, Gate], ...] = (("allow-list", _allow_list), ("kill switch", _kill_switch))
BEFORE_STEP: tuple[tuple[str, Gate], ...] = (
    *BEFORE_LOOK,
    ("mode", _mode),
    ("parameters", _parameters),
    ("approval", _approval),
    ("time", _time),
)
BEFORE_ACTION: tuple[tuple[str, Gate], ...] = (
    *BEFORE_LOOK,
    ("mode", _mode),
    ("preconditions", _preconditions),
    ("parameters", _parameters),
    ("approval", _approval),
    ("blast radius", _blast_radius),
    ("rate limit", _rate_limit),
    ("cooldown", _cooldown),
)
