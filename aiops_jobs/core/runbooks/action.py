"""One action and its life: proposed, dry run, approved, executing, and one of the ends. Nothing goes back."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from aiops_jobs.errors import ActionRefused
from aiops_jobs.identity import canonical_json

NEXT: Mapping[str, frozenset[str]] = {
    "proposed": frozenset({"dry_run", "refused", "expired"}),
    "dry_run": frozenset({"approved", "refused", "expired"}),
    "approved": frozenset({"executing", "refused", "expired"}),
    "executing": frozenset({"verified", "rolled_back", "failed"}),
}
"""From each state, where it may go; a state that is not here is an end."""
ENDS = frozenset({"verified", "rolled_back", "failed", "refused", "expired"})


@dataclass(frozen=True, slots=True)
class Action:
    """A row of ``remediation_actions``."""

    action_id: str
    proposed_at: datetime
    action_state: str
    runbook_id: str
    runbook_version: str
    subject_id: str
    entity_id: str
    service_name: str | None
    redundancy_group: str | None
    risk_tier: str
    plan: str
    plan_sha256: str
    proposed_by: str
    reason: str
    dry_run_result: str | None = None
    approved_by: str | None = None
    approved_at: datetime | None = None
    executed_at: datetime | None = None
    finished_at: datetime | None = None
    revision: int = 0

    @property
    def has_ended(self) -> bool:
        """Whether nothing can become of it any more."""
        return self.action_state in ENDS


@dataclass(frozen=True, slots=True)
class StepRecord:
    """A row of ``remediation_steps``."""

    action_id: str
    step_kind: str
    step_number: int
    step_name: str
    step_state: str
    started_at: datetime
    ended_at: datetime | None = None
    step_output: str | None = None


def moved(action: Action, state: str, *, reason: str, **changes: Any) -> Action:
    """Return ``action`` in its next state.

    Raises:
        ActionRefused: There is no way from its state to that one.
    """
    if state not in NEXT.get(action.action_state, frozenset()):
        raise ActionRefused(
            "state", f"{action.action_id} is `{action.action_state}`, from there is no way to `{state}`"
        )
    return replace(action, action_state=state, reason=reason, revision=action.revision + 1, **changes)


def approval_code(key: str, *, action_id: str, plan_sha256: str, person: str) -> str:
    """Return the code by which ``person`` approves exactly this plan: HMAC-SHA256 with a key only that person has.

    It fits no other plan, no other action and no other person; a plan is approved once, so it fits no second time.
    """
    said = canonical_json({"action_id": action_id, "plan_sha256": plan_sha256, "person": person})
    return hmac.new(key.encode(), said.encode(), hashlib.sha256).hexdigest()


def is_same(one: str, other: str) -> bool:
    """Compare secrets without telling how far they agree."""
    return hmac.compare_digest(one.encode(), other.encode())
