"""Correlation rules: what an operator knows to belong together, said as data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

LABELS = "labels."
FIELDS = (
    "entity_id",
    "entity_kind",
    "service_name",
    "host_name",
    "node",
    "name",
    "source",
    "severity",
    "member_kind",
    "cause_kind",
    "title",
    "template",
)
"""What a rule may ask of a member, beside ``labels.<name>``: ``node`` is its entity, else its service, else its host;
``name`` its alert rule or metric; ``cause_kind`` what that stands for; ``template`` its title without numbers, ids and
addresses."""


@dataclass(frozen=True, slots=True)
class CorrelationRule:
    """Which alerts and findings are one incident because they agree in some fields and begin near each other."""

    rule_id: str
    """Its name, as it stands in `incident_alerts.correlation_rule`."""
    keys: tuple[str, ...] = ()
    """Fields in which members must agree; none: nearness in time is enough. See the how-to for their names."""
    filter: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Patterns by field, as in a shell; a member must fit one pattern of each field. Empty: everything."""
    gap_s: float = 900.0
    """A group ends when nothing of it begins for longer than this."""
    max_lifetime_s: float = 86400.0
    """A group takes nothing that begins this long after its birth, or later."""
    lifetime_from: Literal["first", "creation"] = "first"
    """When a group is born: with its first member, or with its second, which makes it a group."""
    max_size: int = 10_000
    """A group with as many members takes no more; the next begins another."""
    min_size: int = 2
    """Smaller groups are none."""
    min_distinct_rules: int = 1
    """So many different alert rules or metrics must be among the members: many voices, not one that repeats itself."""
    stage: int = 0
    """Order. 0: together with the topology. Below 0: before it; what is grouped there is out of its reach. Above 0:
    after it, and only for what nothing else has been related to."""
    on_missing_key: Literal["own_group", "ungroupable"] = "own_group"
    """What lacks a key is left to the other rules (`own_group`) or stays alone for good (`ungroupable`). It is never
    grouped with others that lack it, too."""
    similarity: float | None = None
    """Members must also have titles this similar: above 0; 1 is the same but for numbers, ids and addresses."""

    def __post_init__(self) -> None:
        """Refuse a rule that cannot mean anything.

        Raises:
            ValueError: A field is unknown, or a number makes no sense.
        """
        unknown = [name for name in (*self.keys, *self.filter) if name not in FIELDS and not name.startswith(LABELS)]
        if unknown:
            raise ValueError(
                f"rule {self.rule_id}: no field {unknown[0]}; use one of {', '.join(FIELDS)}, labels.<name>"
            )
        if not 0 < (1.0 if self.similarity is None else self.similarity) <= 1:
            raise ValueError(f"rule {self.rule_id}: similarity must be above 0 and at most 1")
        if self.gap_s <= 0 or self.max_lifetime_s <= 0 or min(self.min_size, self.max_size) < 2:
            raise ValueError(f"rule {self.rule_id}: gap and lifetime must be positive, sizes at least 2")


@dataclass(frozen=True, slots=True)
class PatternPolicy:
    """How correlation rules are learned from the past. What is learned is proposed, never in force by itself."""

    lookback_s: float = 30 * 86400.0
    """How far back is looked."""
    holdout_ratio: float = 1 / 3
    """The last part of it, kept for measuring what the first part taught."""
    within_s: float = 900.0
    """B follows A if it begins at most so long after it."""
    min_support: int = 5
    """So many occurrences of A must have been followed by B, by distinct ones."""
    min_lift: float = 3.0
    """B must follow A so many times more often than by chance."""
    min_confidence_ratio: float = 0.5
    """Share of the occurrences of A that must be followed by B."""
    min_later_support: int = 2
    """So often must it happen again in the part kept for measuring."""
    min_cardinality_ratio: float = 0.01
    """A field with fewer distinct values per episode says nothing: everything would look alike."""
    max_cardinality_ratio: float = 0.9
    """A field with more distinct values per episode repeats too seldom to learn from."""
    most: int = 50
    """Only so many proposals, the strongest."""
