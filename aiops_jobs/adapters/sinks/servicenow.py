"""Incidents of ServiceNow, through the Table API; found again by ``correlation_id``.

The instance keeps no key unique: that there is one ticket is the work of the delivery engine. The digest of what we
last wrote stands in ``correlation_display``, so that no field needs to be added. ``remote_key`` is the number.

Priority follows from impact and urgency there and cannot be written. A group or a person that does not exist is left
blank in silence: a work note says so. What people decide (the group of a ticket that somebody took, a parent that
somebody set) is not taken back.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Literal

from pydantic import Field

from aiops_jobs.adapters.markup.text import TextRenderer
from aiops_jobs.adapters.sinks._reading import reading_back
from aiops_jobs.adapters.sinks.servicenow_client import Instance, InstanceSettings, first, is_plain
from aiops_jobs.core.tickets.limits import Limit, cut
from aiops_jobs.errors import ConnectorError, CredentialsRefused
from aiops_jobs.ports import Check, Draft, SinkTraits, Ticket

TABLE = "incident"
ROLES = ("itil", "sn_incident_write", "admin")
TITLE, BODY, NOTE = Limit(160, "utf16"), Limit(4000, "utf16"), Limit(20_000, "utf16")
KEY_CHARACTERS = 100
DIGEST = "aiops-jobs sha256:"
NEW, IN_PROGRESS, RESOLVED, CANCELED = "1", "2", "6", "8"
STATES = {"1": "new", "2": "in_progress", "3": "in_progress", "6": "resolved", "7": "closed", "8": "closed"}
PRIORITIES = {"P1": ("1", "1"), "P2": ("1", "2"), "P3": ("2", "2"), "P4": ("2", "3"), "P5": ("3", "3")}
"""Impact and urgency that make each priority by the rules an instance comes with."""
FIELDS = (
    *("number", "correlation_id", "correlation_display", "state", "short_description", "description"),
    *("impact", "urgency", "priority", "assignment_group", "assignment_group.name", "assigned_to.user_name"),
    *("opened_at", "sys_updated_on", "resolved_at", "closed_at", "close_code", "close_notes", "cause"),
    *("resolved_by.user_name", "closed_by.user_name", "reopen_count"),
    *("parent_incident", "parent_incident.number", "problem_id"),
)


class Settings(InstanceSettings):
    """Settings of an instance that tickets go to."""

    kind: Literal["servicenow"] = "servicenow"
    """Always ``servicenow``."""
    close_code: str = "Solution provided"
    """Resolution code that we resolve with; an instance has its own list."""
    duplicate_codes: tuple[str, ...] = ("Duplicate", "Closed/Duplicate")
    """Resolution codes by which people say that a ticket is the duplicate of another, whatever their case."""
    fields: dict[str, str] = Field(default_factory=dict)
    """Further fields of a new ticket, as people see their values: ``caller_id``, ``category``, ``contact_type``."""
    fields_from: dict[str, Literal["service_name", "entity_id", "cause_kind", "cause_entity_id"]] = Field(
        default_factory=dict
    )
    """Fields of a new ticket that take what it is about: ``cmdb_ci = "service_name"``."""
    priorities: dict[str, tuple[Literal["1", "2", "3"], Literal["1", "2", "3"]]] = Field(default_factory=dict)
    """Impact and urgency of a priority (``P1`` … ``P5``), where the instance has rules of its own."""
    states: dict[str, Literal["new", "in_progress", "resolved", "closed"]] = Field(default_factory=dict)
    """What states mean that the instance has added."""


class ServiceNowSink:
    """Keeps tickets as incidents."""

    def __init__(self, name: str, settings: Settings) -> None:
        self.name = name
        self.traits = SinkTraits(
            mode=settings.mode,
            can_reopen=True,
            can_link=True,
            can_comment=True,
            title_limit=TITLE,
            body_limit=BODY,
            markup="text",
            scopes=ROLES[:1],
        )
        self._settings = settings
        self._instance = Instance(name, settings)
        self._text = TextRenderer(broken=("code",))
        self._states = STATES | settings.states
        self._priorities = PRIORITIES | settings.priorities

    def check(self) -> Sequence[Check]:
        """Ask who we are, for our role, whether searches are obeyed, and for our resolution code."""
        checks = list(self._instance.whoami(ROLES))
        if all(check.is_ok for check in checks):
            checks += [self._check_search(), self._check_close_code()]
        return checks

    def find(self, external_key: str) -> list[Ticket]:
        """Return the incidents with exactly this correlation id, oldest first."""
        self._fits(external_key)
        rows = self._instance.rows(TABLE, "correlation_id", external_key, FIELDS, order="^ORDERBYsys_created_on")
        return [self._ticket(row) for row in rows if row["correlation_id"] == external_key]

    def create(self, draft: Draft) -> Ticket:
        """Create an incident; its group and assignee are seen to afterwards, as the instance drops unknown ones."""
        self._fits(draft.external_key)
        assignee = self._sys_id("sys_user", "user_name", draft.assignee)
        about = {field: str(draft.fields.get(name) or "") for field, name in self._settings.fields_from.items()}
        values = {
            **self._settings.fields,
            **{field: value for field, value in about.items() if value},
            **self._said(draft),
            "correlation_id": draft.external_key,
            **({"assignment_group": draft.assignment_group} if draft.assignment_group else {}),
        }
        sys_id = self._instance.insert(TABLE, values)
        row = self._written(sys_id)
        more = {"assigned_to": assignee} if assignee else {}
        missing = [f"there is no group `{draft.assignment_group}`"] if _has_no_group(row, draft) else []
        missing += [f"there is no user `{draft.assignee}`"] if draft.assignee and not assignee else []
        if missing:
            more["work_notes"] = self._text.line(f"Not assigned as meant: {' and '.join(missing)}.")
        if more:
            with reading_back(self.name):
                self._instance.patch(TABLE, sys_id, more)
            row = self._written(sys_id)
        return self._ticket(row)

    def update(self, ticket: Ticket, draft: Draft) -> Ticket:
        """Change what differs; the text only if what we say has changed, the group only while nobody took it."""
        row = self._row(ticket.remote_key)
        said = self._said(draft)
        if row.get("correlation_display") == said["correlation_display"]:
            del said["description"]
        if _told_priority(row) == draft.priority:
            del said["impact"], said["urgency"]
        changed = {name: value for name, value in said.items() if _text(row, name) != " ".join(value.split())}
        group = draft.assignment_group
        is_free = row["state"] == NEW and not row.get("assigned_to.user_name")
        if group and is_free and group != row.get("assignment_group.name"):
            sys_id = self._sys_id("sys_user_group", "name", group)
            changed |= {"assignment_group": sys_id} if sys_id else {}
        return self._patched(row, changed)

    def resolve(self, ticket: Ticket, note: str) -> Ticket:
        """Resolve the incident with code and notes, both of which the instance insists on."""
        row = self._row(ticket.remote_key)
        if self._state(row) in {"resolved", "closed"}:
            return self._ticket(row)
        notes = self._text.render(note, BODY) or "The incident is over."
        closing = {"state": RESOLVED, "close_code": self._settings.close_code, "close_notes": notes}
        return self._patched(row, closing)

    def reopen(self, ticket: Ticket, note: str) -> Ticket:
        """Open a resolved incident again; a closed or canceled one is final there."""
        row = self._row(ticket.remote_key)
        state = self._state(row)
        if state == "closed":
            raise ConnectorError(self.name, f"{ticket.remote_key} is closed there and cannot be opened again")
        if state != "resolved":
            return self._ticket(row)
        return self._patched(row, {"state": IN_PROGRESS, "work_notes": self._text.render(note, NOTE)})

    def comment(self, ticket: Ticket, text: str) -> None:
        """Add a work note: for those who work on it, not for the customer."""
        row = self._row(ticket.remote_key)
        self._instance.patch(TABLE, row["sys_id"], {"work_notes": self._text.render(text, NOTE)})

    def link(self, ticket: Ticket, earlier: Ticket) -> None:
        """Make the earlier incident the parent, and its problem the problem of both; what people set stays."""
        row, before = self._row(ticket.remote_key), self._row(earlier.remote_key)
        wanted = {"parent_incident": before["sys_id"], "problem_id": before.get("problem_id") or ""}
        missing = {name: value for name, value in wanted.items() if value and not row.get(name)}
        if missing:
            self._instance.patch(TABLE, row["sys_id"], missing)

    # --- writing ----------------------------------------------------------------------------------------------------

    def _said(self, draft: Draft) -> dict[str, str]:
        impact, urgency = self._priorities[draft.priority]
        return {
            "short_description": cut(draft.title, TITLE),
            "description": self._text.render(draft.body, BODY),
            "impact": impact,
            "urgency": urgency,
            "correlation_display": DIGEST + str(draft.fields.get("content_sha256", "")),
        }

    def _patched(self, row: Mapping[str, Any], values: Mapping[str, str]) -> Ticket:
        if not values:
            return self._ticket(row)
        self._instance.patch(TABLE, row["sys_id"], values)
        return self._ticket(self._written(row["sys_id"]))

    def _fits(self, key: str) -> None:
        if len(key) > KEY_CHARACTERS or not is_plain(key):
            raise ConnectorError(self.name, f"the key `{key[:KEY_CHARACTERS]}` does not fit into correlation_id")

    # --- reading ----------------------------------------------------------------------------------------------------

    def _written(self, sys_id: str) -> dict[str, Any]:
        with reading_back(self.name):
            return self._instance.one(TABLE, sys_id, FIELDS)

    def _row(self, number: str) -> dict[str, Any]:
        found = self._instance.rows(TABLE, "number", number, FIELDS)
        if not found:
            raise ConnectorError(self.name, f"there is no incident `{number}`, or none that we may see")
        return dict(found[0])

    def _sys_id(self, table: str, field: str, value: str | None) -> str | None:
        """Return the row that a name means, if it means exactly one."""
        found = self._instance.rows(table, field, value, ["sys_id"]) if value and is_plain(value) else []
        return str(found[0]["sys_id"]) if len(found) == 1 else None

    def _state(self, row: Mapping[str, Any]) -> str:
        return self._states.get(str(row.get("state")), "unknown")

    def _ticket(self, row: Mapping[str, Any]) -> Ticket:
        state = self._state(row)
        is_over = state in {"resolved", "closed"}
        codes = {code.casefold() for code in self._settings.duplicate_codes}
        parent = row.get("parent_incident.number") or None
        is_canceled_child = row.get("state") == CANCELED and parent is not None
        is_duplicate = is_over and (str(row.get("close_code", "")).casefold() in codes or is_canceled_child)
        return Ticket(
            remote_key=row["number"],
            external_key=row.get("correlation_id", ""),
            state=state,
            title=row.get("short_description", ""),
            priority=_told_priority(row) or "P3",
            remote_url=f"{self._settings.url.rstrip('/')}/{TABLE}.do?sys_id={row['sys_id']}",
            assignment_group=row.get("assignment_group.name") or None,
            opened_at=_instant(row.get("opened_at")),
            updated_at=_instant(row.get("sys_updated_on")),
            resolved_at=_instant(first([row.get("resolved_at"), row.get("closed_at")])) if is_over else None,
            content_sha256=_digest(row),
            assignee=row.get("assigned_to.user_name") or None,
            resolution_code=row.get("close_code") or None,
            is_duplicate=is_duplicate,
            merged_into=parent if is_duplicate else None,
            resolved_by=first([row.get("resolved_by.user_name"), row.get("closed_by.user_name")]),
            cause=first([row.get("cause"), row.get("close_notes")]),
            reopen_count=int(row["reopen_count"]) if str(row.get("reopen_count", "")).isdigit() else None,
        )

    # --- checking ---------------------------------------------------------------------------------------------------

    def _check_search(self) -> Check:
        try:
            self.find("aiops-check")
        except CredentialsRefused as error:
            return Check("search", is_ok=False, detail=error.problem, remedy="Let the user read correlation_id.")
        except ConnectorError as error:
            return Check("search", is_ok=False, detail=str(error), remedy="Let the user read incidents.")
        return Check("search", is_ok=True, detail="incidents are found by correlation_id")

    def _check_close_code(self) -> Check:
        """Look our code up; a list that is not shown to us says nothing against it."""
        code = self._settings.close_code
        try:
            rows = self._instance.rows("sys_choice", "element", "close_code", ["name", "value", "inactive"])
        except ConnectorError as error:
            return Check("close_code", is_ok=True, detail=f"`{code}`, unverified: {error.problem}")
        known = {r.get("value") for r in rows if r.get("name") == TABLE and r.get("inactive") != "true"}
        if known and code not in known:
            remedy = f"Set close_code to one of: {', '.join(sorted(filter(None, known)))}."
            return Check("close_code", is_ok=False, detail=f"there is no code `{code}`", remedy=remedy)
        return Check("close_code", is_ok=True, detail=f"`{code}`" if known else f"`{code}`, unverified")


def _has_no_group(row: Mapping[str, Any], draft: Draft) -> bool:
    return bool(draft.assignment_group) and not row.get("assignment_group")


def _told_priority(row: Mapping[str, Any]) -> str | None:
    told = f"P{row.get('priority', '')}"
    return told if told in PRIORITIES else None


def _text(row: Mapping[str, Any], name: str) -> str:
    """Return a value as we compare it: the instance changes line ends and drops blanks at the end."""
    return " ".join(str(row.get(name, "")).split())


def _digest(row: Mapping[str, Any]) -> str | None:
    told = str(row.get("correlation_display", ""))
    return (told.removeprefix(DIGEST) or None) if told.startswith(DIGEST) else None


def _instant(told: str | None) -> datetime | None:
    """Return ``yyyy-MM-dd HH:mm:ss``, which is in UTC, as an instant."""
    try:
        return datetime.strptime(told or "", "%Y-%m-%d %H:%M:%S").replace(tzinfo=UTC)
    except ValueError:
        return None
