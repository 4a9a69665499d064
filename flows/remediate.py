"""Remediation as a flow: the dry run, a pause until a second person has approved this very plan, the execution.

It passes the same gates as the command line; the form takes the code that only the approver can make
(`aiops runbooks code`), so that no key is ever given to Prefect.
"""

from __future__ import annotations

from typing import Literal

from prefect import flow, get_run_logger, pause_flow_run
from prefect.artifacts import create_markdown_artifact
from prefect.input import RunInput
from pydantic import BaseModel, ConfigDict, Field

from aiops_jobs.bootstrap import remediation
from aiops_jobs.core.runbooks.action import Action
from aiops_jobs.core.tickets.markdown import bullets, code
from aiops_jobs.errors import ActionRefused
from aiops_jobs.jobs.execute import execute
from aiops_jobs.jobs.remediate import approve, dry_run_of, refuse, rehearse

FLOW = "flow remediate"


class RemediationParameters(BaseModel):
    """Which proposal to carry through."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    action_id: str = Field(description="Proposal made by `aiops runbooks propose`, as act-….")


class Approval(RunInput):
    """What the second person says."""

    person: str = Field(description="Who approves; not who proposed.")
    code: str = Field(description="What `aiops runbooks code <action>` prints for this person.")
    decision: Literal["approve", "reject"] = "reject"


@flow(name="remediate", description="Rehearse a proposal, wait for a second person, execute, verify.")
def remediate(parameters: RemediationParameters) -> str:
    """Carry one proposal through; return the state it ended in.

    Raises:
        ActionRefused: A gate is closed, or the second person rejects it.
    """
    house = remediation(progress=get_run_logger().info)
    action = house.store.action(parameters.action_id)
    if action is None or action.action_state == "proposed":
        action = rehearse(house, parameters.action_id, by=FLOW)
    if action.action_state == "dry_run":
        text = _told(action)
        create_markdown_artifact(markdown=text, key="aiops-remediation", description=action.reason)
        form = Approval.with_initial_data(description=text)
        said = pause_flow_run(wait_for_input=form, timeout=int(house.policy.proposal_ttl_s), poll_interval=2)
        if said.decision != "approve":
            refused = ActionRefused("approval", f"{said.person} rejects it")
            refuse(house, action, FLOW, refused, event="approval_refused")
            raise refused
        approve(house, action.action_id, by=said.person, code=said.code)
    return execute(house, parameters.action_id, by=FLOW).action_state


def _told(action: Action) -> str:
    told = dry_run_of(action)
    steps = bullets([f"{step['name']} on {code(step['on'])}" for step in told["would_run"]], numbered=True)
    listed = [f"{part['name']}: {part['line_count']} lines" for part in told["parts"]]
    head = f"{action.runbook_id} on {code(action.entity_id)}, proposed by {action.proposed_by}. {action.reason}"
    return "\n\n".join([head, steps, bullets(listed), f"Plan: {code(action.plan_sha256)}"])
