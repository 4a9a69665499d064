"""What remediation asks of the outside world: executors that act, a store that remembers, a switch that stops."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from pydantic import SecretStr

from aiops_jobs.core.policies import RemediationPolicy
from aiops_jobs.core.runbooks.action import Action, StepRecord
from aiops_jobs.core.runbooks.audit import Entry
from aiops_jobs.core.runbooks.runbook import Call, Runbook
from aiops_jobs.ports.checks import Check


@dataclass(frozen=True, slots=True)
class Answer:
    """How one call ended; its text is redacted and cut."""

    is_ok: bool
    text: str


class Executor(Protocol):
    """Something that can act on one system."""

    name: str

    def check(self) -> Sequence[Check]:
        """Tell whether the system can be reached; change nothing."""

    def run(self, call: Call, *, is_read: bool) -> Answer:
        """Run one call.

        Args:
            call: Filled in.
            is_read: It must change nothing: refused where that is not certain.

        Raises:
            ConnectorUnavailable: It surely did not happen, for now.
            AmbiguousDelivery: It may have happened.
            ConnectorError: It is not allowed, or never will be.
        """


class RemediationStore(Protocol):
    """Actions, steps, stops and the audit log; what is written together is there together or not at all."""

    def action(self, action_id: str) -> Action | None:
        """Return one action."""

    def actions(self) -> list[Action]:
        """Return all actions, oldest proposal first."""

    def executed_since(self, since: datetime) -> list[Action]:
        """Return the actions whose first step was allowed at or after ``since``."""

    def steps(self, action_id: str) -> list[StepRecord]:
        """Return what became of the steps of an action."""

    def record(self, entry: Entry, *, action: Action | None = None, step: StepRecord | None = None) -> Entry:
        """Add ``entry`` to the log, and with it, in one transaction, write an action or a step.

        Raises:
            Superseded: Somebody else has written the action since it was read.
        """

    def entries(self) -> list[Entry]:
        """Return the whole log, by number."""

    def stops(self) -> Mapping[str, str]:
        """Return what is stopped, by scope, with the reason."""

    def set_stop(self, scope: str, entry: Entry, *, is_stopped: bool) -> None:
        """Switch one kill switch, and write it down in the same transaction."""

    def hold(self, name: str) -> AbstractContextManager[object]:
        """Hold ``name`` alone.

        Raises:
            Superseded: Somebody else holds it and is alive.
        """


@dataclass(frozen=True, slots=True)
class Place:
    """Where an entity stands: its group, and how many are in it."""

    service_name: str | None = None
    redundancy_group: str | None = None
    group_size: int = 1


@dataclass(frozen=True, slots=True)
class Remediation:
    """Everything remediation may touch. Built once, in ``bootstrap``."""

    store: RemediationStore
    executors: Mapping[str, Executor]
    runbooks: Mapping[str, Runbook]
    policy: RemediationPolicy
    people: Mapping[str, SecretStr]
    """Keys of those who may propose and approve, by name."""
    now: Callable[[], datetime]
    wait: Callable[[float], None]
    """Waits so many seconds."""
    stop_file: Callable[[], str | None]
    """Why the stop file says stop; null where there is none."""
    place: Callable[[str], Place]
    """Where an entity stands now."""
    redact: Callable[[str], str]
    progress: Callable[[str], None] = lambda _: None
