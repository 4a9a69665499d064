"""Who gets a ticket the catalogue has no owner for, and by when tickets are to be solved."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

RULE_FIELDS = ("service_name", "entity_id", "host_name", "title", "priority", "cause_kind", "finding_kind")
"""What a rule may ask of an incident or a risk."""


@dataclass(frozen=True, slots=True)
class RoutingRule:
    """Tickets that fit go to one group."""

    rule_id: str
    """Its name, as it stands in the reason of an assignment."""
    group: str
    """Assignment group that gets the ticket."""
    filter: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Patterns by field, as in a shell, upper and lower case alike; one pattern of each field must fit. Empty: all."""

    def __post_init__(self) -> None:
        """Refuse what could never fit.

        Raises:
            ValueError: A field that no ticket has, or no group.
        """
        unknown = sorted(set(self.filter) - set(RULE_FIELDS))
        if unknown:
            raise ValueError(f"`{unknown[0]}` is no field of a routing rule; there are {', '.join(RULE_FIELDS)}")
        if not self.group:
            raise ValueError(f"the routing rule `{self.rule_id}` names no group")


@dataclass(frozen=True, slots=True)
class RoutingPolicy:
    """Assignment: the catalogue, then the rules, then the classifier where it is sure enough, else triage."""

    rules: tuple[RoutingRule, ...] = ()
    """Asked in this order; the first that fits decides."""
    triage_group: str = ""
    """Group that gets what nobody else does; empty: the ticket stays without a group, and says so."""
    precision_ratio: float = 0.8
    """Share of its assignments in which the classifier must have been right, group by group, on tickets it had not
    learned from; more: fewer tickets are assigned by it."""
    min_examples: int = 10
    """A group that would have been given fewer tickets proves nothing, and gets none from the classifier."""
    lookback_s: float = 365 * 86400.0
    """Tickets opened within this time are learned from; older ones tell of former groups."""
    evaluation_s: float = 28 * 86400.0
    """Latest part of the look-back, kept from training and used to judge the models."""
    min_tickets: int = 60
    """With fewer solved tickets before that part, nothing is learned."""
    min_later: int = 10
    """With fewer solved tickets in that part, nothing can be judged."""
    resolve_within_s: Mapping[str, float] = field(
        default_factory=lambda: {
            "P1": 4 * 3600.0,
            "P2": 8 * 3600.0,
            "P3": 86400.0,
            "P4": 3 * 86400.0,
            "P5": 7 * 86400.0,
        }
    )
    """By priority, how long after it was opened a ticket is to be solved; one of another priority has no target."""
    warn_ratio: float = 0.5
    """A ticket whose risk of missing its target is at least this says so first; a smaller risk is told, too."""
