"""Who gets the ticket: the catalogue, else a rule, else the classifier where it is sure enough, else triage.

The catalogue is asked about the cause first, then about what suffers. Every assignment says which step made it and why.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from fnmatch import fnmatchcase
from typing import Any, Literal

import pyarrow as pa

from aiops_jobs.core.policies import RoutingPolicy, RoutingRule
from aiops_jobs.core.tickets.desk import Foreseen

Step = Literal["catalogue", "rule", "classifier", "triage"]


@dataclass(frozen=True, slots=True)
class Assignment:
    """Who gets a ticket, and why.

    Args:
        group: The group; ``None``: nobody knows, and no triage group is named.
        step: Which step decided.
        reason: Why, in one sentence.
        model_version: Model that decided, or was not sure enough; ``None`` where none was asked.
        person: Who is on call for the item by which the catalogue decided, if it says so.
    """

    group: str | None
    step: Step
    reason: str
    model_version: str | None = None
    person: str | None = None

    @property
    def is_known(self) -> bool:
        """Whether somebody said so: what is foreseen may change from night to night, and must move no ticket by it."""
        return self.step in ("catalogue", "rule")


class Owners:
    """Answers questions about the catalogue as it was at an instant.

    Args:
        items: All versions of ``configuration_items``.
    """

    def __init__(self, items: pa.Table) -> None:
        self._versions: dict[str, list[dict[str, Any]]] = {}
        names = ["entity_id", "valid_from", "valid_to", "assignment_group", "on_call", "service_criticality", "source"]
        for row in sorted(items.select(names).to_pylist(), key=lambda r: (r["valid_from"], r["source"])):
            self._versions.setdefault(row["entity_id"], []).append(row)

    def assign(
        self, row: Mapping[str, Any], *candidates: str | None, policy: RoutingPolicy, foreseen: Foreseen
    ) -> Assignment:
        """Return who gets the ticket about an incident or a risk.

        Args:
            row: The incident or finding.
            candidates: Configuration items to ask the catalogue about, the first first; a service may be given by its
                name.
            policy: Rules and triage.
            foreseen: What the classifier says.
        """
        for name in candidates:
            entity = name if name is None or "/" in name else f"service/{name}"
            group = self._said(entity, "assignment_group", row["started_at"])
            if group:
                person = self._said(entity, "on_call", row["started_at"])
                return Assignment(group, "catalogue", f"The catalogue says so of {entity}.", person=person)
        for rule in policy.rules:
            if _fits(rule, row):
                return Assignment(rule.group, "rule", f"The rule {rule.rule_id} says so.")
        return _foreseen(policy, foreseen)

    def criticality(self, entity: str, *, at: datetime) -> str | None:
        """Return how much the business depends on an entity, if the catalogue says so."""
        return self._said(entity, "service_criticality", at)

    def _said(self, entity: str | None, column: str, at: datetime) -> str | None:
        for row in reversed(self._versions.get(entity or "", [])):
            if row["valid_from"] <= at and (row["valid_to"] is None or row["valid_to"] > at):
                said: str | None = row[column]
                return said
        return None


def _fits(rule: RoutingRule, row: Mapping[str, Any]) -> bool:
    return all(
        any(fnmatchcase(str(row.get(name) or "").lower(), pattern.lower()) for pattern in patterns)
        for name, patterns in rule.filter.items()
    )


def _foreseen(policy: RoutingPolicy, foreseen: Foreseen) -> Assignment:
    version = foreseen.router_version
    if foreseen.group is None:
        why = "Neither the catalogue nor a rule knows, and no classifier has been trained."
    elif foreseen.is_sure:
        like = f"Tickets like it were solved there: {foreseen.certainty:.0%} sure, needed"
        return Assignment(foreseen.group, "classifier", f"{like} {foreseen.threshold:.0%} (model {version}).", version)
    else:
        likeliest = f"{foreseen.group} is the likeliest, at {foreseen.certainty:.0%}"
        is_never = foreseen.threshold == float("inf")
        needed = "has proved nothing yet" if is_never else f"{foreseen.threshold:.0%} is needed"
        why = f"Neither the catalogue nor a rule knows; {likeliest}, but {needed} (model {version})."
    return Assignment(policy.triage_group or None, "triage", why, version)
