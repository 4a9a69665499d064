"""Builds a draft from rows of the warehouse alone: what happened when, to whom, why, and what was done."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from aiops_jobs.contracts import knowledge as k
from aiops_jobs.contracts import operations as o
from aiops_jobs.contracts import remediation as m
from aiops_jobs.contracts import results as r
from aiops_jobs.contracts.table import Table
from aiops_jobs.core.reports.drafts.model import Draft, Ledger, Line, Said, Section
from aiops_jobs.core.reports.drafts.words import BLANK, STATES, WORDS
from aiops_jobs.core.reports.facts import Facts
from aiops_jobs.core.tickets.redact import redact_text
from aiops_jobs.core.tickets.voices import Voice, voice_of

Row = Mapping[str, Any]
KINDS = ("rca", "postmortem")
MOST_ALERTS, MOST_PROOFS, MOST_STEPS = 12, 8, 40


def build_draft(facts: Facts, incident_id: str, kind: str, *, language: str = "en", zone: str = "UTC") -> Draft:
    """Return the draft of one incident.

    Args:
        facts: Rows about the incident; tables of remediation and tickets among them, where there are any.
        incident_id: The incident; its row must be there.
        kind: ``rca`` or ``postmortem``.
        language: ``en`` or ``ko``.
        zone: Zone in which instants are told, with UTC beside it.
    """
    row = next(row for row in facts[r.INCIDENTS].to_pylist() if row["incident_id"] == incident_id)
    teller = _Teller(facts, row, voice_of(language, zone), language)
    words = WORDS[language]
    sections = teller.rca() if kind == "rca" else teller.postmortem()
    return Draft(
        kind=kind,
        language=language,
        title=f"{words[kind]}: {teller.voice.title(row)}",
        incident_id=incident_id,
        note=words["note"],
        sources_title=words["sources"],
        page_words=words["page"],
        sections=tuple(sections),
        citations=tuple(teller.ledger.cited),
    )


class _Teller:
    """Tells one incident, and keeps account of every source."""

    def __init__(self, facts: Facts, row: Row, voice: Voice, language: str) -> None:
        self.facts, self.row, self.voice, self.language = facts, row, voice, language
        self.words, self.ledger = WORDS[language], Ledger()

    def rca(self) -> list[Section]:
        """Return the sections of an RCA report."""
        return [
            *self._common(),
            self._blank("review", "blank_cause", "blank_why"),
            self._blank("actions", "blank_action"),
        ]

    def postmortem(self) -> list[Section]:
        """Return the sections of a postmortem."""
        people = [self._blank("well", "blank_well"), self._blank("badly", "blank_badly", "blank_why")]
        return [*self._common(), *people, self._blank("actions", *["blank_action"] * 3)]

    def _common(self) -> list[Section]:
        return [
            self._section("summary", self._summary()),
            Section(self.words["impact"], tuple(self._impact()), (self._to_fill("blank_impact"),)),
            self._section("timeline", self._timeline()),
            self._section("causes", self._causes()),
            self._section("ruled_out", self._ruled_out()),
            self._section("similar", self._similar()),
            self._section("changes", self._changes()),
        ]

    def _section(self, key: str, lines: Iterable[Line]) -> Section:
        return Section(self.words[key], tuple(lines) or ((Said(self.words["none"]),),))

    def _blank(self, key: str, *blanks: str) -> Section:
        return Section(self.words[key], (), tuple(self._to_fill(blank) for blank in blanks))

    def _to_fill(self, key: str) -> str:
        return BLANK[self.language].format(what=self.words[key])

    # --- pieces -----------------------------------------------------------------------------------------------------

    def _rows(self, table: Table) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = self.facts[table].to_pylist()
        return rows

    def _own(self, table: Table) -> list[dict[str, Any]]:
        return [row for row in self._rows(table) if row["incident_id"] == self.row["incident_id"]]

    def _at(self, table: Table, row: Row, column: str) -> Said:
        said = self.voice.plain_moment(row[column])
        return Said(said, self.ledger.cite(table, row, column, said))

    def _value(self, table: Table, row: Row, column: str, said: str | None = None, *, is_name: bool = False) -> Said:
        text = str(row[column]) if said is None else said
        return Said(text, self.ledger.cite(table, row, column, text), is_name=is_name)

    def _share(self, table: Table, row: Row, column: str) -> Said:
        return self._value(table, row, column, f"{row[column]:.0%}")

    def _label(self, key: str, *said: Said) -> Line:
        return (Said(f"{self.words[key]}: "), *said)

    # --- sections ---------------------------------------------------------------------------------------------------

    def _summary(self) -> Iterable[Line]:
        row, t = self.row, r.INCIDENTS
        yield self._label("priority", self._value(t, row, "priority"))
        state = STATES[self.language][row["incident_state"]]
        yield self._label("state", self._value(t, row, "incident_state", state))
        yield self._label("began", self._at(t, row, "started_at"))
        if row["ended_at"]:
            yield self._label("ended", self._at(t, row, "ended_at"))
            minutes = self._length(row)
            cited = self.ledger.cite(t, row, "ended_at - started_at", minutes)
            yield self._label("lasted", Said(minutes, cited))
        else:
            yield self._label("ended", Said(self.words["open"]))

    def _length(self, row: Row) -> str:
        minutes = (row["ended_at"] - row["started_at"]).total_seconds() / 60
        return f"{minutes:.0f}{self.words['minutes']}"

    def _impact(self) -> Iterable[Line]:
        row, t, levels = self.row, r.INCIDENTS, self.voice.phrases.levels
        services = json.loads(row["services_affected"] or "[]")
        if services:
            yield self._label("services", self._value(t, row, "services_affected", ", ".join(services), is_name=True))
        yield self._label("level_impact", self._value(t, row, "impact", levels[row["impact"]]))
        yield self._label("level_urgency", self._value(t, row, "urgency", levels[row["urgency"]]))
        yield self._label("alerts", self._value(t, row, "alert_count"))
        yield self._label("findings", self._value(t, row, "finding_count"))
        if row["expected_cost"] is not None:
            yield self._label("cost", self._value(t, row, "expected_cost", f"{row['expected_cost']:.3g}"))

    def _timeline(self) -> list[Line]:
        moments = sorted(self._moments(), key=lambda item: (item[0], item[1], item[2]))
        return [line for _, _, _, line in moments]

    def _moments(self) -> Iterable[tuple[datetime, int, str, Line]]:
        signs = [(r.ALERTS, a, a["alert_name"], "t_alert") for a in self._members(r.ALERTS, "alert_id")]
        signs += [(r.FINDINGS, f, f["entity_id"], "t_sign") for f in self._members(r.FINDINGS, "finding_id")]
        signs.sort(key=lambda s: (s[1]["started_at"], s[0].name, str(s[2])))
        for number, (table, row, name, key) in enumerate(signs[:MOST_ALERTS]):
            yield self._moment(table, row, "started_at", "t_symptom" if not number else key, str(name), 0)
        yield self._moment(r.INCIDENTS, self.row, "detected_at", "t_opened", self.row["incident_id"], 1)
        for ticket in self._rows(o.TICKETS):
            if ticket["subject_id"] == self.row["incident_id"]:
                for column, key in (("opened_at", "t_ticket"), ("acknowledged_at", "t_ack")):
                    if ticket.get(column):
                        yield self._moment(o.TICKETS, ticket, column, key, ticket["remote_key"], 2)
        yield from self._remedies()
        if self.row["ended_at"]:
            yield self._moment(r.INCIDENTS, self.row, "ended_at", "t_over", self.row["incident_id"], 4)

    def _remedies(self) -> Iterable[tuple[datetime, int, str, Line]]:
        about = [a for a in self._rows(m.REMEDIATION_ACTIONS) if a["subject_id"] == self.row["incident_id"]]
        actions = {a["action_id"]: a["runbook_id"] for a in about}
        for entry in self._rows(m.AUDIT_LOG):
            runbook = actions.get(entry["audited_action_id"])
            if runbook:
                said, place = f"{runbook}: {entry['audit_event']} ({entry['actor']})", f"{entry['audit_number']:09d}"
                yield self._moment(m.AUDIT_LOG, entry, "recorded_at", "t_audit", said, 3, tie=place)
        for step in self._rows(m.REMEDIATION_STEPS)[:MOST_STEPS]:
            if step["action_id"] in actions:
                said = f"{step['step_name']}: {step['step_state']}"
                yield self._moment(m.REMEDIATION_STEPS, step, "started_at", "t_step", said, 3)

    def _moment(
        self, table: Table, row: Row, column: str, key: str, name: str, order: int, tie: str | None = None
    ) -> tuple[datetime, int, str, Line]:
        line = (self._at(table, row, column), Said(f" {self.words[key]}: "), Said(redact_text(name), is_name=True))
        return row[column], order, tie or f"{key}{name}", line

    def _members(self, table: Table, column: str) -> list[dict[str, Any]]:
        own = {member["member_id"] for member in self._own(r.INCIDENT_ALERTS)}
        return [row for row in self._rows(table) if row[column] in own]

    def _candidates(self) -> list[dict[str, Any]]:
        return sorted(self._own(r.ROOT_CAUSES), key=lambda row: row["cause_rank"])

    def _causes(self) -> Iterable[Line]:
        first = next((c for c in self._candidates() if c["cause_rank"] == 1), None)
        if first is None or self.row["cause_kind"] == "unknown":
            yield (Said(self.words["unknown"]),)
            return
        yield self._candidate(first)
        proofs = [e for e in self._own(r.EVIDENCE) if e["cause_rank"] == 1]
        proofs.sort(key=lambda e: (e["window_start"], e["evidence_id"]))
        for proof in proofs[:MOST_PROOFS]:
            yield self._proof(proof)

    def _ruled_out(self) -> Iterable[Line]:
        is_known = self.row["cause_kind"] != "unknown"
        for row in self._candidates():
            if row["cause_rank"] > 1 or not is_known or row["cause_status"] == "rejected":
                yield self._candidate(row)

    def _candidate(self, row: Row) -> Line:
        kind = self.voice.phrases.causes[row["cause_kind"]]
        sure = self._share(r.ROOT_CAUSES, row, "confidence_ratio")
        what = Said(f"{kind} ")
        where = self._value(r.ROOT_CAUSES, row, "entity_id", is_name=True)
        told: tuple[Said, ...] = ()
        if not self.voice.phrases.retells:
            told = (Said(". "), self._value(r.ROOT_CAUSES, row, "statement"))
        return (what, where, Said(f" ({self.words['confidence']} "), sure, Said(")"), *told)

    def _proof(self, row: Row) -> Line:
        kind = Said(f"{self.voice.phrases.proofs[row['evidence_kind']]}: ")
        if not self.voice.phrases.retells:
            return (kind, self._value(r.EVIDENCE, row, "statement"))
        names = "·".join(dict.fromkeys(row["statement"].split("`")[1::2])) or row["evidence_id"]
        line = [kind, Said(names, is_name=True)]
        if row["evidence_value"] is not None:
            line += [Said(" "), self._value(r.EVIDENCE, row, "evidence_value", f"{row['evidence_value']:.3g}")]
        window = [self._at(r.EVIDENCE, row, "window_start"), Said(" ~ "), self._at(r.EVIDENCE, row, "window_end")]
        return (*line, Said(", "), *window)

    def _similar(self) -> Iterable[Line]:
        for row in sorted(self._own(k.SIMILAR_INCIDENTS), key=lambda s: s["similar_rank"]):
            share = self._share(k.SIMILAR_INCIDENTS, row, "similarity_ratio")
            title = self._value(k.SIMILAR_INCIDENTS, row, "title")
            ended = [Said(". "), self._value(k.SIMILAR_INCIDENTS, row, "resolution")] if row["resolution"] else []
            yield (
                Said(row["similar_id"], is_name=True),
                Said(f" ({self.words['alike']} "),
                share,
                Said("): "),
                title,
                *ended,
            )

    def _changes(self) -> Iterable[Line]:
        return [self._change(row) for row in self._candidates() if row["change_id"]]

    def _change(self, row: Row) -> Line:
        change = self._value(r.ROOT_CAUSES, row, "change_id", is_name=True)
        return (change, Said(" · "), Said(str(row["entity_id"]), is_name=True))
