"""From how a ticket was resolved to a verdict about what it was opened for.

A code in a list of the policy decides; else a closing note that *begins* like one of the lists: words in the middle of
a sentence may be denied by it (*this was not a false alarm*). Whatever nobody has listed is `insufficient_data`, never
a guess.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from aiops_jobs.core.policies.feedback import FeedbackPolicy

TRUE, FALSE, DUPLICATE, INSUFFICIENT = "true", "false", "duplicate", "insufficient_data"
FINAL_STATES = ("resolved", "closed")
_BREAKS = re.compile(r"[\W_]+")
_TELLING = re.compile(r"[\d_.:-]")
"""A name without any of these may be a word of the language: `web` in a sentence is no configuration item."""
_WORD = re.compile(r"[\w./:@-]+")
MOST_NOTE = 20_000
"""Characters of a note that are looked at."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a ticket says.

    Args:
        name: One of ``labels.label_verdict``.
        confidence: How sure, 0 to 1.
        reason: Where it was read, in words.
    """

    name: str
    confidence: float
    reason: str


def verdict_of(code: str | None, note: str | None, *, is_duplicate: bool, policy: FeedbackPolicy) -> Verdict:
    """Return the verdict of a resolved ticket.

    Args:
        code: Resolution code, in the words of the ticket system.
        note: Closing note or cause.
        is_duplicate: The system itself says that it was merged or is the duplicate of another.
        policy: Which code and note says what.

    Example:
        >>> verdict_of("Not Solved (Not Reproducible)", None, is_duplicate=False, policy=FeedbackPolicy()).name
        'false'
    """
    if is_duplicate:
        return Verdict(DUPLICATE, policy.code_confidence_ratio, "the ticket system says it is a duplicate")
    plain = normalised(code)
    for name, codes in _codes(policy).items():
        if plain and plain in codes:
            weak = plain in {normalised(item) for item in policy.weak_codes}
            sure = policy.weak_confidence_ratio if weak else policy.code_confidence_ratio
            sure = 0.0 if name == INSUFFICIENT else sure
            # a code that a system sets by itself gives way to what a person has written
            written = _noted(note, policy) if weak or name == INSUFFICIENT else None
            return written or Verdict(name, sure, f"resolution code `{plain}`")
    return _noted(note, policy) or Verdict(
        INSUFFICIENT, 0.0, f"resolution code `{plain}` is in no list" if plain else "there is no resolution code"
    )


def cause_of(text: str | None, entities: Iterable[str]) -> str | None:
    """Return the one configuration item that a text names, by its id or by its name alone; null if none or several.

    All items that are known may be given, not only those we suspected: else only causes would be found that we got
    right.

    Example:
        >>> cause_of("pool of database/orders was full", ["database/orders", "service/web"])
        'database/orders'
    """
    if not text:
        return None
    by_name: dict[str, set[str]] = {}
    for entity in entities:
        by_name.setdefault(entity.casefold(), set()).add(entity)
        name = entity.partition("/")[2].casefold()
        if _TELLING.search(name):
            by_name.setdefault(name, set()).add(entity)
    words = {word.rstrip(".:").casefold() for word in _WORD.findall(text[:MOST_NOTE])}
    ids = {entity for word in words if "/" in word for entity in by_name.get(word, ())}
    named = ids or {entity for word in words if word and "/" not in word for entity in by_name.get(word, ())}
    return min(named) if len(named) == 1 else None


def normalised(text: str | None) -> str:
    """Return a code or note in lower case and one width, its words joined by ``_``.

    Example:
        >>> normalised("Solved (Work Around)")
        'solved_work_around'
    """
    plain = unicodedata.normalize("NFKC", text or "").casefold().replace("\N{RIGHT SINGLE QUOTATION MARK}", "'")
    return _BREAKS.sub("_", unicodedata.normalize("NFKC", plain)).strip("_")


def _codes(policy: FeedbackPolicy) -> Mapping[str, set[str]]:
    listed = {
        DUPLICATE: policy.duplicate_codes,
        FALSE: policy.false_codes,
        TRUE: policy.true_codes,
        INSUFFICIENT: policy.insufficient_codes,
    }
    return {name: {normalised(code) for code in codes} for name, codes in listed.items()}


def _noted(note: str | None, policy: FeedbackPolicy) -> Verdict | None:
    plain = normalised((note or "")[:MOST_NOTE])
    notes = {DUPLICATE: policy.duplicate_notes, FALSE: policy.false_notes, TRUE: policy.true_notes}
    for name, beginnings in notes.items():
        for beginning in map(normalised, beginnings):
            if beginning and (plain == beginning or plain.startswith(f"{beginning}_")):
                return Verdict(name, policy.note_confidence_ratio, f"the note begins with `{beginning}`")
    return None
