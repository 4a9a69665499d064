"""From a runbook and an incident to a plan: every argument filled in, and one digest over all of it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, TypeVar

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from aiops_jobs.core.runbooks.runbook import (
    ACTION_ID,
    PLACEHOLDER,
    Call,
    Check,
    Limits,
    Listing,
    Parameter,
    Runbook,
    Step,
    Undo,
)
from aiops_jobs.errors import ActionRefused
from aiops_jobs.identity import digest, fingerprint

Value = int | float | str
GATE = "parameters"
MAX_TEXT = 512
_Filled = TypeVar("_Filled", bound=Call)


class Plan(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What exactly is to be done to which entity; nothing in it is left open."""

    action_id: str
    runbook_id: str
    runbook_version: str
    subject_id: str
    """Incident or finding it is about, or the entity itself."""
    entity_id: str
    service_name: str | None
    targets: tuple[str, ...]
    """Entities it touches."""
    parameters: dict[str, Value]
    preconditions: tuple[Check, ...]
    dry_run: tuple[Listing, ...]
    steps: tuple[Step, ...]
    verification: tuple[Check, ...]
    rollback: tuple[Undo, ...]
    limits: Limits

    @property
    def sha256(self) -> str:
        """Digest of all of it: what an approval is bound to."""
        return digest(msgspec.to_builtins(self))

    def to_json(self) -> str:
        """Return the plan as text; `plan_of` reads it."""
        return msgspec.json.encode(self, order="sorted").decode()


def plan_of(text: str) -> Plan:
    """Return the plan that `Plan.to_json` wrote.

    Raises:
        ActionRefused: Somebody has changed it into something that is no plan.
    """
    try:
        return msgspec.json.decode(text, type=Plan)
    except msgspec.DecodeError as error:
        raise ActionRefused("plan", f"the stored plan cannot be read: {error}") from error


def action_id_of(runbook: Runbook, entity_id: str, subject_id: str, proposed_at: datetime) -> str:
    """Return the id of one proposal: another instant is another action, so no approval fits twice."""
    return fingerprint("act", runbook=runbook.id, entity_id=entity_id, subject_id=subject_id, at=proposed_at)


def make_plan(
    runbook: Runbook,
    values: Mapping[str, Any],
    *,
    action_id: str,
    entity_id: str,
    subject_id: str,
    service_name: str | None,
) -> Plan:
    """Return the plan of ``runbook`` with these parameters.

    Raises:
        ActionRefused: A parameter is missing, unknown, of another type, or out of its bounds.
    """
    parameters = checked(runbook, values)
    filling = {**{name: str(value) for name, value in parameters.items()}, ACTION_ID: action_id}
    return Plan(
        action_id=action_id,
        runbook_id=runbook.id,
        runbook_version=runbook.version,
        subject_id=subject_id,
        entity_id=entity_id,
        service_name=service_name,
        targets=(entity_id,),
        parameters=parameters,
        preconditions=tuple(filled(check, filling) for check in runbook.preconditions),
        dry_run=tuple(filled(listing, filling) for listing in runbook.dry_run),
        steps=tuple(_filled_step(step, filling) for step in runbook.steps),
        verification=tuple(filled(check, filling) for check in runbook.verification),
        rollback=tuple(_filled_step(undo, filling) for undo in runbook.rollback),
        limits=runbook.limits,
    )


def checked(runbook: Runbook, values: Mapping[str, Any]) -> dict[str, Value]:
    """Return the parameters of a plan, each within its bounds; defaults stand in for what is not given.

    Raises:
        ActionRefused: One is missing, unknown, of another type, or out of its bounds.
    """
    unknown = sorted(set(values) - set(runbook.parameters))
    if unknown:
        raise ActionRefused(GATE, f"`{unknown[0]}` is no parameter; there are {', '.join(sorted(runbook.parameters))}")
    found = {}
    for name, parameter in sorted(runbook.parameters.items()):
        value = values.get(name, parameter.default)
        if value is None:
            raise ActionRefused(GATE, f"`{name}` is missing ({parameter.description}); give it with --set {name}=…")
        found[name] = _checked(name, parameter, value)
    return found


def _checked(name: str, parameter: Parameter, value: Any) -> Value:
    if parameter.type in {"integer", "number"}:
        return _number(name, parameter, value)
    text = str(value)
    if parameter.type == "choice":
        if text not in parameter.choices:
            raise ActionRefused(GATE, f"`{name}` is {text!r}; it must be one of {', '.join(parameter.choices)}")
        return text
    is_plain = not text.startswith("-") and len(text) <= MAX_TEXT and text.isprintable() and ".." not in text
    fits = pc.match_substring_regex(pa.array([text]), f"^(?:{parameter.pattern})$")[0].as_py()
    if not (is_plain and fits):
        raise ActionRefused(GATE, f"`{name}` is {text[:80]!r}; it must fit {parameter.pattern}")
    return text


def _number(name: str, parameter: Parameter, value: Any) -> int | float:
    try:
        number = float(value)
    except (TypeError, ValueError) as error:
        raise ActionRefused(GATE, f"`{name}` is {value!r}, which is no number") from error
    low, high = parameter.minimum or 0.0, parameter.maximum or 0.0
    if isinstance(value, bool) or not low <= number <= high:
        raise ActionRefused(GATE, f"`{name}` is {value!r}; it must lie between {low:g} and {high:g}")
    if parameter.type == "integer":
        if number != int(number):
            raise ActionRefused(GATE, f"`{name}` is {value!r}; it must be whole")
        return int(number)
    return number


def filled(call: _Filled, values: Mapping[str, str]) -> _Filled:
    """Return ``call`` with its placeholders filled, each inside its own argument."""
    changes: dict[str, Any] = {"on": fill(call.on, values), "run": tuple(fill(text, values) for text in call.run)}
    if isinstance(call, Check):
        for name in ("below", "above", "equals"):
            bound = getattr(call, name)
            changes[name] = fill(bound, values) if isinstance(bound, str) else bound
    return msgspec.structs.replace(call, **changes)


def fill(text: str, values: Mapping[str, str]) -> str:
    """Return ``text`` with every ``{name}`` replaced once; what a value holds is never filled again."""
    return PLACEHOLDER.sub(lambda found: values[found.group(1)], text)


def _filled_step(step: Any, values: Mapping[str, str]) -> Any:
    done = filled(step, values)
    return msgspec.structs.replace(done, done_when=filled(step.done_when, values) if step.done_when else None)
