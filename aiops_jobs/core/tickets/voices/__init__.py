"""Who speaks in a ticket: the language and the time zone of its reader."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from aiops_jobs.core.tickets.markdown import code, escape, one_line, prose
from aiops_jobs.core.tickets.voices.english import ENGLISH
from aiops_jobs.core.tickets.voices.korean import KOREAN, with_particles
from aiops_jobs.core.tickets.voices.phrases import Phrases

LANGUAGES: Mapping[str, Phrases] = {"en": ENGLISH, "ko": KOREAN}
_NAMED = re.compile(r"`([^`]+)`")
_RUNBOOK = re.compile(r"\(([a-z0-9-]+)\)\. ")
"""Where its id stands in what a ticket says about a runbook."""


@dataclass(frozen=True, slots=True)
class Voice:
    """Tells rows of the warehouse in one language; instants in one zone, and in UTC beside it.

    What the warehouse holds as an English sentence is told anew from its columns in every other language.
    """

    phrases: Phrases = ENGLISH
    zone: str = "UTC"

    def say(self, key: str, **parts: Any) -> str:
        """Return the phrase of a key, filled in."""
        return self.fill(str(getattr(self.phrases, key)), **parts)

    def fill(self, template: str, **parts: Any) -> str:
        """Return a phrase filled in, with the particles its words ask for."""
        return with_particles(template.format(**parts)) if self.phrases.retells else template.format(**parts)

    def moment(self, instant: datetime) -> str:
        """Return an instant, safe for Markdown."""
        return escape(self.plain_moment(instant))

    def plain_moment(self, instant: datetime) -> str:
        """Return an instant as ``2026-11-20 19:05 KST (10:05 UTC)``; in the zone UTC that alone."""
        told = f"{instant.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
        if self.zone == "UTC":
            return told
        there = instant.astimezone(ZoneInfo(self.zone))
        return f"{there:%Y-%m-%d %H:%M %Z} ({told[11:] if there.date() == instant.astimezone(UTC).date() else told})"

    def title(self, row: Mapping[str, Any]) -> str:
        """Return the title of an incident: service, symptom, scale."""
        if not self.phrases.retells:
            return str(row["title"])
        felt = [word for said, word in self.phrases.symptoms.items() if said in row["title"]]
        what = "·".join(felt) or self.say("counted", alerts=row["alert_count"], findings=row["finding_count"])
        others = len(json.loads(row["services_affected"] or "[]")) - 1
        scale = self.say("more_services", count=others) if others > 0 else ""
        place = str(row["service_name"] or row["entity_id"] or row["incident_id"]).split("/", 1)[-1]
        return self.say("title", place=place, what=what, scale=scale)

    def summary(self, row: Mapping[str, Any]) -> str:
        """Return what is told first about an incident."""
        if not self.phrases.retells:
            return prose(row["summary"])
        began = self.moment(row["started_at"])
        counts = {"alerts": row["alert_count"], "findings": row["finding_count"], "sources": row["source_count"]}
        return self.say("summary", began=began, **counts)

    def cause(self, row: Mapping[str, Any]) -> str:
        """Return one candidate for a cause."""
        if not self.phrases.retells:
            return prose(row["statement"])
        parts = {"kind": self.phrases.causes[row["cause_kind"]], "entity": code(str(row["entity_id"]))}
        if row["change_id"]:
            return self.say("cause_by_change", change=code(row["change_id"]), **parts)
        return self.say("cause_of", **parts)

    def proof(self, row: Mapping[str, Any]) -> str:
        """Return one piece of evidence: its kind, the names in it, its number and its time."""
        if not self.phrases.retells:
            return prose(row["statement"])
        names = ", ".join(code(name) for name in dict.fromkeys(_NAMED.findall(row["statement"])))
        value = row["evidence_value"]
        return self.say(
            "proof",
            kind=self.phrases.proofs[row["evidence_kind"]],
            names=names or code(row["evidence_id"]),
            value="" if value is None else self.say("proof_value", value=f"{value:.3g}"),
            start=self.moment(row["window_start"]),
            end=self.moment(row["window_end"]),
        )

    def risk_title(self, row: Mapping[str, Any]) -> str:
        """Return the title of a risk."""
        if not self.phrases.retells or row["finding_kind"] not in self.phrases.risks:
            return str(row["title"])
        return self.fill(self.phrases.risks[row["finding_kind"]], entity=one_line(row["entity_id"]))

    def runbook(self, text: str) -> str:
        """Return which runbook fits; the reason is told in English only."""
        if not self.phrases.retells:
            return prose(text)
        return code((_RUNBOOK.findall(text) or [text])[0])


def voice_of(language: str, zone: str = "UTC") -> Voice:
    """Return the voice of a language.

    Raises:
        KeyError: There is no such language.
    """
    return Voice(LANGUAGES[language], zone)
