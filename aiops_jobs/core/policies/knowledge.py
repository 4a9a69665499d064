"""What is learned from the past: similar incidents, and how sure a named cause may be."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SimilarityPolicy:
    """Which incidents and tickets of the past are shown beside an incident."""

    lookback_s: float = 730 * 86400.0
    """How far back tickets are looked at: rare faults come back after a year or two."""
    incident_lookback_s: float = 90 * 86400.0
    """How far back our own incidents are looked at; what lasted longer has become a ticket."""
    most: int = 5
    """More are not read at three in the morning."""
    min_similarity: float = 0.3
    """Below it nothing is shown: one word in common at another place is no help."""
    words_weight: float = 0.35
    """Weight of the words in common; the words of the same symptoms are common, so it is not half of all."""
    cause_weight: float = 0.3
    """Weight of the same cause, where both have one."""
    place_weight: float = 0.15
    """Weight of the same entity (of the incident, its members or its cause)."""
    context_weight: float = 0.05
    """Weight of each of: same service, same kind of configuration item, same alert rule, same kind of cause."""
    resolved_bonus: float = 0.15
    """Lead of what has a recorded resolution and cause over what has neither, when they are put in order."""


@dataclass(frozen=True, slots=True)
class OutcomePolicy:
    """How closed tickets judge our causes, and when they may correct our confidence."""

    lookback_s: float = 365 * 86400.0
    """Incidents that began within this time before the end of the window are judged."""
    slack_s: float = 1800.0
    """A ticket that was opened so long before an incident began, or after it ended, may still be about it."""
    min_outcomes: int = 20
    """With fewer closed incidents of known cause, confidence stays as it is."""
    prior_cases: float = 8.0
    """Weight, in cases, of the belief that confidence is right as it is."""
    no_cause_codes: tuple[str, ...] = ("duplicate", "false_alarm", "no_fault_found", "fulfilled")
    """Resolution codes that say nothing about a cause, whatever configuration item stands beside them."""
