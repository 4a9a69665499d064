"""The audit log as a chain: every entry holds the digest of the one before it, so an edit shows.

What it does not show by itself is a log cut off at its end: keep the last digest elsewhere (`aiops runbooks audit`
prints it), or compare with the actions, which the check does.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from aiops_jobs.identity import digest

BEGINNING = "0" * 64
OPENING = "proposed"


@dataclass(frozen=True, slots=True)
class Entry:
    """A row of ``audit_log``; number and digests are given when it is added."""

    recorded_at: datetime
    actor: str
    audit_event: str
    reason: str
    audited_action_id: str | None = None
    facts: str | None = None
    audit_number: int = 0
    previous_sha256: str = BEGINNING
    entry_sha256: str = ""

    @property
    def digest(self) -> str:
        """What `entry_sha256` must be."""
        return digest(
            {
                "number": self.audit_number,
                "recorded_at": self.recorded_at,
                "actor": self.actor,
                "event": self.audit_event,
                "action_id": self.audited_action_id,
                "reason": self.reason,
                "facts": self.facts,
                "previous": self.previous_sha256,
            }
        )


def problems_of(entries: Sequence[Entry], actions: Collection[str] = ()) -> list[str]:
    """Return what is wrong with a log, in order; empty where it is whole.

    Args:
        entries: All of it, by number.
        actions: Ids of the actions there are: each must have been written down.
    """
    found = []
    previous = BEGINNING
    for place, entry in enumerate(entries):
        if entry.audit_number != place:
            found.append(f"entry {place} is missing: {entry.audit_number} stands in its place")
            break
        if entry.previous_sha256 != previous:
            found.append(f"entry {place} does not follow the one before it")
        if entry.entry_sha256 != entry.digest:
            found.append(f"entry {place} was changed after it was written")
        previous = entry.entry_sha256
    told = {entry.audited_action_id for entry in entries if entry.audit_event == OPENING}
    found += [f"{action_id} is not in the log: it was cut off" for action_id in sorted(set(actions) - told)]
    return found
