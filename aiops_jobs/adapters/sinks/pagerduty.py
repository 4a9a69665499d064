"""Incidents of PagerDuty (REST API), found again by ``incident_key``.

API: https://developer.pagerduty.com/api-reference. A service takes one open incident of a key and refuses a second;
the search by key also finds incidents whose *alerts* carry it, and of the last month only, unless told otherwise. The
text of an incident cannot be changed: a new text becomes a note, whose last line tells which text it is.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Literal

from pydantic import Field, SecretStr

from aiops_jobs.adapters.connection import Connection
from aiops_jobs.adapters.markup.text import TextRenderer
from aiops_jobs.adapters.sinks._settings import SinkSettings
from aiops_jobs.adapters.sinks.pagerduty_client import Account
from aiops_jobs.core.tickets.limits import Limit, cut
from aiops_jobs.errors import ConnectorError
from aiops_jobs.ports import Check, Draft, SinkTraits, Ticket

TITLE, BODY, NOTE = Limit(1024, "utf16"), Limit(20_000, "utf16"), Limit(20_000, "utf16")
KEY_CHARACTERS = 255
BAD_REQUEST = 400
STATES = {"triggered": "new", "acknowledged": "in_progress", "resolved": "resolved"}
URGENCIES = {"P1": "high", "P2": "high", "P3": "low", "P4": "low", "P5": "low"}
SAID_BY_URGENCY = {"high": "P2", "low": "P4"}
_PRIORITY = re.compile(r"P[1-5]")
_DIGEST = re.compile(r"\naiops-jobs sha256:(\S{1,64})\s*\Z")


class Settings(SinkSettings, Connection):
    """Settings of a service that incidents are opened on."""

    kind: Literal["pagerduty"] = "pagerduty"
    """Always ``pagerduty``."""
    api_key: SecretStr | None = None
    """REST API key; for OAuth give ``token`` instead."""
    from_email: str = Field(pattern=r"^[^@\s]+@[^@\s]+$")
    """Address of a user of the account, in whose name we write."""
    service: str
    """Id of the service, such as ``PIJ90N7``."""
    region: Literal["us", "eu"] = "us"
    """Service region of the account."""
    url: str = ""
    """Address instead of the region's, such as a proxy's."""
    priorities: dict[str, str] = Field(default_factory=dict)
    """Ids of the account's priorities by ours: ``P1 = "P53ZZH5"``; without them urgency alone is set."""
    escalation_policies: dict[str, str] = Field(default_factory=dict)
    """Ids of escalation policies by assignment group; without one the service's own is taken."""
    users: dict[str, str] = Field(default_factory=dict)
    """Ids of users by the names that our catalogue has; an assignee goes before an escalation policy."""
    can_reopen: bool = False
    """Whether a resolved incident is opened again; it rings nobody a second time in every account, so by default a
    recurrence is a new incident with a note about the earlier one."""


class PagerDutySink:
    """Keeps tickets as incidents of one service."""

    def __init__(self, name: str, settings: Settings) -> None:
        self.name = name
        self.traits = SinkTraits(
            mode=settings.mode,
            has_native_key=True,
            can_reopen=settings.can_reopen,
            can_link=True,
            can_comment=True,
            title_limit=TITLE,
            body_limit=BODY,
            markup="text",
            scopes=("incidents.read", "incidents.write", "services.read", "priorities.read"),
        )
        self._settings = settings
        self._account = Account(name, settings, settings.region, settings.api_key, settings.from_email)
        self._text = TextRenderer()

    def check(self) -> Sequence[Check]:
        """Ask for the service, for reading and writing incidents, and for the priorities we were told."""
        return self._account.check(self._settings.service, self._settings.priorities)

    def find(self, external_key: str) -> list[Ticket]:
        """Return the incidents of the service with exactly this key, oldest first, of all times."""
        params = {"incident_key": external_key, "date_range": "all", "sort_by": "created_at:asc"}
        found = self._account.pages("/incidents", "incidents", params)
        ours = [
            i for i in found if i.get("incident_key") == external_key and _id(i, "service") == self._settings.service
        ]
        return [self._ticket(incident) for incident in ours]

    def create(self, draft: Draft) -> Ticket:
        """Create an incident; where an open one has the key already, that one is it."""
        key = draft.external_key
        if len(key) > KEY_CHARACTERS:
            raise ConnectorError(self.name, f"the key `{key[:40]}…` is longer than {KEY_CHARACTERS} characters")
        incident = {
            "type": "incident",
            "title": self._title(draft),
            "service": {"id": self._settings.service, "type": "service_reference"},
            "incident_key": key,
            "urgency": URGENCIES[draft.priority],
            "body": {"type": "incident_body", "details": self._details(draft)},
            **self._priority(draft),
            **self._people(draft),
        }
        try:
            made = self._account.write("POST", "/incidents", "incident", incident)
        except ConnectorError as error:
            existing = self.find(key) if error.status == BAD_REQUEST else []
            for ticket in existing:
                if ticket.state != "resolved":
                    return ticket
            raise
        return self._ticket(self._account.written(made["id"]))

    def update(self, ticket: Ticket, draft: Draft) -> Ticket:
        """Change what differs; a text that has changed is told in a note, once."""
        incident = self._account.incident(ticket.remote_key)
        wanted = {"title": self._title(draft), "urgency": URGENCIES[draft.priority], **self._priority(draft)}
        changed = {name: value for name, value in wanted.items() if _plain(incident.get(name)) != _plain(value)}
        if changed:
            self._account.write("PUT", f"/incidents/{ticket.remote_key}", "incident", {"type": "incident", **changed})
        content = str(draft.fields.get("content_sha256", ""))
        is_news = bool(content) and content != self._said_last(incident)
        if is_news:
            self._note(ticket.remote_key, self._details(draft))
        is_changed = is_news or bool(changed)
        return self._ticket(self._account.written(ticket.remote_key) if is_changed else incident)

    def resolve(self, ticket: Ticket, note: str) -> Ticket:
        """Resolve the incident; its resolution goes into the log."""
        incident = self._account.incident(ticket.remote_key)
        if incident["status"] == "resolved":
            return self._ticket(incident)
        done = {"type": "incident", "status": "resolved", "resolution": self._text.render(note, NOTE)}
        self._account.write("PUT", f"/incidents/{ticket.remote_key}", "incident", done)
        return self._ticket(self._account.written(ticket.remote_key))

    def reopen(self, ticket: Ticket, note: str) -> Ticket:
        """Trigger a resolved incident again, with a note."""
        incident = self._account.incident(ticket.remote_key)
        if incident["status"] != "resolved":
            return self._ticket(incident)
        opened = {"type": "incident", "status": "triggered"}
        self._account.write("PUT", f"/incidents/{ticket.remote_key}", "incident", opened)
        self._note(ticket.remote_key, self._text.render(note, NOTE))
        return self._ticket(self._account.written(ticket.remote_key))

    def comment(self, ticket: Ticket, text: str) -> None:
        """Add a note."""
        self._note(ticket.remote_key, self._text.render(text, NOTE))

    def link(self, ticket: Ticket, earlier: Ticket) -> None:
        """Name the earlier incident in a note, once; PagerDuty has no link between incidents."""
        text = f"Follows {earlier.remote_url or earlier.remote_key}, which is resolved."
        if not any(note.get("content", "").strip() == text for note in self._account.notes(ticket.remote_key)):
            self._note(ticket.remote_key, text)

    # --- writing ----------------------------------------------------------------------------------------------------

    def _title(self, draft: Draft) -> str:
        return cut(draft.title, TITLE)

    def _details(self, draft: Draft) -> str:
        content = draft.fields.get("content_sha256")
        mark = f"\n\naiops-jobs sha256:{content}" if content else ""
        return self._text.render(draft.body, Limit(BODY.size - len(mark), BODY.unit)) + mark

    def _priority(self, draft: Draft) -> dict[str, Any]:
        ident = self._settings.priorities.get(draft.priority)
        return {"priority": {"id": ident, "type": "priority_reference"}} if ident else {}

    def _people(self, draft: Draft) -> dict[str, Any]:
        """Return who is called; people and an escalation policy together are refused."""
        user = self._settings.users.get(draft.assignee or "")
        if user:
            return {"assignments": [{"assignee": {"id": user, "type": "user_reference"}}]}
        policy = self._settings.escalation_policies.get(draft.assignment_group or "")
        return {"escalation_policy": {"id": policy, "type": "escalation_policy_reference"}} if policy else {}

    def _note(self, ident: str, text: str) -> None:
        self._account.write("POST", f"/incidents/{ident}/notes", "note", {"content": text})

    # --- reading ----------------------------------------------------------------------------------------------------

    def _said_last(self, incident: Mapping[str, Any]) -> str | None:
        """Return the digest of the text we said last: in the newest note of ours, else at the beginning."""
        notes = sorted(self._account.notes(incident["id"]), key=lambda note: note.get("created_at", ""))
        texts = [str((incident.get("body") or {}).get("details", "")), *(str(n.get("content", "")) for n in notes)]
        marks = [found[1] for found in map(_DIGEST.search, texts) if found]
        return marks[-1] if marks else None

    def _ticket(self, incident: Mapping[str, Any]) -> Ticket:
        state = STATES.get(incident["status"], "unknown")
        reason = incident.get("resolve_reason") or {}
        is_merged = state == "resolved" and reason.get("type") == "merge_resolve_reason"
        log = list(self._account.log(incident["id"])) if state == "resolved" else []
        taken = [a["at"] for a in incident.get("acknowledgements") or []] + _times(log, "acknowledge_log_entry")
        said = [entry["note"] for entry in log if entry.get("type") == "resolve_log_entry" and entry.get("note")]
        return Ticket(
            remote_key=incident["id"],
            external_key=incident.get("incident_key") or "",
            state=state,
            title=incident.get("title", ""),
            priority=self._told_priority(incident),
            remote_url=incident.get("html_url"),
            assignment_group=self._group(incident),
            opened_at=_instant(incident.get("created_at")),
            updated_at=_instant(incident.get("updated_at")),
            resolved_at=_resolved_at(incident) if state == "resolved" else None,
            assignee=next(self._assignees(incident), None),
            is_duplicate=is_merged,
            merged_into=_id(reason, "incident") if is_merged else None,
            acknowledged_at=min(filter(None, map(_instant, taken)), default=None),
            resolved_by=(incident.get("last_status_change_by") or {}).get("summary") if state == "resolved" else None,
            cause=said[-1] if said else None,
        )

    def _told_priority(self, incident: Mapping[str, Any]) -> str:
        told = incident.get("priority") or {}
        known = {ident: ours for ours, ident in self._settings.priorities.items()}.get(told.get("id", ""))
        if known:
            return known
        name = str(told.get("summary") or "")
        return name if _PRIORITY.fullmatch(name) else SAID_BY_URGENCY.get(incident.get("urgency", ""), "P3")

    def _group(self, incident: Mapping[str, Any]) -> str | None:
        policy = incident.get("escalation_policy") or {}
        known = {ident: ours for ours, ident in self._settings.escalation_policies.items()}
        return known.get(policy.get("id", "")) or policy.get("summary")

    def _assignees(self, incident: Mapping[str, Any]) -> Iterator[str]:
        known = {ident: ours for ours, ident in self._settings.users.items()}
        for assignment in incident.get("assignments") or []:
            person = assignment.get("assignee") or {}
            name = known.get(person.get("id", "")) or person.get("summary")
            if name:
                yield name


def _id(holder: Mapping[str, Any], name: str) -> str | None:
    return (holder.get(name) or {}).get("id")


def _plain(value: Any) -> Any:
    """Return what of a value we compare: of a reference its id, of a text its words."""
    if isinstance(value, Mapping):
        return value.get("id")
    return " ".join(value.split()) if isinstance(value, str) else value


def _times(log: Sequence[Mapping[str, Any]], kind: str) -> list[str]:
    return [entry["created_at"] for entry in log if entry.get("type") == kind]


def _resolved_at(incident: Mapping[str, Any]) -> datetime | None:
    return _instant(incident.get("resolved_at") or incident.get("last_status_change_at"))


def _instant(told: str | None) -> datetime | None:
    return datetime.fromisoformat(told) if told else None
