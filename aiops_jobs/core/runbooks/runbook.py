"""The shape of a runbook: what it is for, what it needs, what it does, how one sees that it worked, how it is undone.

A runbook is data. Every command in it is a list of arguments for one executor; there is no text that a shell would
read. A parameter stands in an argument as ``{name}`` and fills that argument only: it cannot become a second one.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Literal

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from aiops_jobs.errors import ConfigurationError
from aiops_jobs.identity import digest

PLACEHOLDER = re.compile(r"\{([a-z][a-z0-9_]*)\}")
ACTION_ID = "action_id"
"""A placeholder that every plan fills: the action's own id, to mark what it did."""
Texts = tuple[str, ...]
Executor = Literal["shell", "http", "kubernetes"]


class _Part(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A part of a runbook: unknown fields are refused, nothing can be changed."""


class Match(_Part, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What an incident must show. Names and patterns are RE2, searched in the text; any of a list will do."""

    cause_kinds: Texts = ()
    entity_kinds: Texts = ()
    alert_names: Texts = ()
    metric_names: Texts = ()
    log_patterns: Texts = ()
    change_types: Texts = ()
    finding_kinds: Texts = ()
    labels: dict[str, str] = {}


class Parameter(_Part, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One value of a plan: its type, its bounds, and where it comes from."""

    type: Literal["integer", "number", "text", "choice"]
    description: str
    source: Literal["entity", "entity_name", "service", "host", "change", "operator", "measured"] = "operator"
    """From the incident, from the person who proposes, or measured when the plan is made."""
    default: int | float | str | None = None
    minimum: float | None = None
    maximum: float | None = None
    pattern: str | None = None
    """RE2 that the whole text must fit; required for ``text``."""
    choices: Texts = ()
    measure: Check | None = None


class Call(_Part, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One command of one executor, as a list of arguments."""

    name: str
    executor: Executor
    on: str
    """Name of the configured executor, mostly ``{host}``."""
    run: Texts
    timeout_s: float = 60.0


class Check(Call, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A look that changes nothing: what the answer must be."""

    pattern: str | None = None
    """RE2 whose first group is the value; without it the whole answer is."""
    below: float | str | None = None
    above: float | str | None = None
    equals: str | None = None


class Listing(Call, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A look that tells what a step would do."""

    frees_ratio: tuple[float, float] | None = None
    """Where each line begins with a size in bytes: the least and the largest share of it that would be freed."""


class Step(Call, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Something that changes the world."""

    done_when: Check | None = None
    """Tells whether the step has happened; asked when that is not known, before the step may run again."""


class Undo(Step, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What undoes one step."""

    of: str
    """Name of the step it undoes."""


class Limits(_Part, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How often and how widely it may act; the policy may only be stricter."""

    max_per_day: int = 3
    max_targets: int = 1
    min_peers: int = 0
    """So many other members of the target's redundancy group must be there."""
    cooldown_s: float = 3600.0
    """How long it stays away from a target after it failed there."""


class Runbook(_Part, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One runbook, whole."""

    id: str
    title: str
    summary: str
    symptoms: Texts
    """What an engineer sees, in the words an engineer uses."""
    keywords: Texts = ()
    """Further words to find it by, also in other languages."""
    risk_tier: Literal["none", "low", "medium", "high"]
    match: Match
    parameters: dict[str, Parameter] = {}
    preconditions: tuple[Check, ...] = ()
    dry_run: tuple[Listing, ...]
    steps: tuple[Step, ...]
    verification: tuple[Check, ...]
    rollback: tuple[Undo, ...] = ()
    limits: Limits = Limits()

    @property
    def version(self) -> str:
        """Digest of all of it."""
        return digest(msgspec.to_builtins(self))[:16]

    @property
    def checks(self) -> tuple[Check, ...]:
        """Every look that must change nothing."""
        asked = tuple(step.done_when for step in (*self.steps, *self.rollback) if step.done_when)
        measured = tuple(p.measure for p in self.parameters.values() if p.measure)
        return (*self.preconditions, *self.verification, *asked, *measured)

    @property
    def calls(self) -> tuple[Call, ...]:
        """Everything it may ask an executor to do."""
        return (*self.checks, *self.dry_run, *self.steps, *self.rollback)


def runbook_of(data: Any, *, place: str) -> Runbook:
    """Return the runbook that plain data describes.

    Args:
        data: What the YAML said.
        place: The file, for messages.

    Raises:
        ConfigurationError: A field is unknown, missing or of another type, a pattern is no RE2, a placeholder names no
            parameter, or a rollback undoes nothing.
    """
    try:
        runbook = msgspec.convert(data, Runbook)
    except msgspec.ValidationError as error:
        raise _wrong(place, "runbook", f"is not in order: {error}") from error
    for problem in _problems(runbook):
        raise _wrong(place, f"runbook {runbook.id}", problem)
    return runbook


def _problems(runbook: Runbook) -> list[str]:
    found = (
        [] if re.fullmatch(r"[a-z][a-z0-9-]{2,60}", runbook.id) else ["needs an id of lower-case words with hyphens"]
    )
    wanted = ("dry_run", "steps", "verification", "symptoms")
    found += [f"has no {name}" for name in wanted if not getattr(runbook, name)]
    if not (runbook.match.alert_names or runbook.match.metric_names or runbook.match.log_patterns):
        found.append("matches no alert, no metric and no log line: it would fit everything")
    names = [step.name for step in runbook.steps]
    if len(set(names)) != len(names):
        found.append("has two steps of one name")
    found += [f"undoes `{undo.of}`, which is no step" for undo in runbook.rollback if undo.of not in names]
    found += [p for name, parameter in runbook.parameters.items() for p in _parameter_problems(name, parameter)]
    known = {*runbook.parameters, ACTION_ID}
    for call in runbook.calls:
        unknown = {n for text in _texts(call) for n in PLACEHOLDER.findall(text)} - known
        found += [f"`{call.name}` uses `{{{n}}}`, which is no parameter" for n in sorted(unknown)]
    return [*found, *_pattern_problems(runbook)]


def _texts(call: Call) -> list[str]:
    texts = [call.on, *call.run]
    if isinstance(call, Check):
        texts += [str(v) for v in (call.below, call.above, call.equals) if isinstance(v, str)]
    return texts


def _parameter_problems(name: str, parameter: Parameter) -> list[str]:
    found = []
    if parameter.type in {"integer", "number"} and None in (parameter.minimum, parameter.maximum):
        found.append(f"parameter `{name}` has no minimum or no maximum")
    if parameter.type == "text" and not parameter.pattern:
        found.append(f"parameter `{name}` is text without a pattern")
    if parameter.type == "choice" and not parameter.choices:
        found.append(f"parameter `{name}` has no choices")
    if (parameter.source == "measured") != (parameter.measure is not None):
        found.append(f"parameter `{name}`: `measured` and `measure` belong together")
    return found


def _pattern_problems(runbook: Runbook) -> list[str]:
    match = runbook.match
    patterns = [*match.alert_names, *match.metric_names, *match.log_patterns, *match.labels.values()]
    patterns += [p.pattern for p in runbook.parameters.values() if p.pattern]
    patterns += [check.pattern for check in runbook.checks if check.pattern]
    found = []
    for pattern in patterns:
        try:
            pc.match_substring_regex(pa.array([""]), pattern)
        except pa.ArrowInvalid as error:
            found.append(f"has `{pattern}`, which is no RE2 expression: {error}")
    return found


def _wrong(place: str, setting: str, problem: str) -> ConfigurationError:
    return ConfigurationError(
        setting, problem, remedy="Mend the file; docs/how-to/remediate.md shows one.", place=place
    )


def by_id(runbooks: tuple[Runbook, ...]) -> Mapping[str, Runbook]:
    """Return runbooks by their id."""
    return {runbook.id: runbook for runbook in runbooks}
