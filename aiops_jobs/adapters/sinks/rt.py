"""Tickets in Request Tracker 5, by its interface REST2.

RT keeps no key unique and answers 200 to changes it refuses: our key stands in a custom field, and every write is read
back. A search for an unknown field, or for one we may not see, finds nothing; so an empty answer is believed only
while we can see the field. A merged ticket is hidden from searches unless ``EffectiveId`` is asked for, and writes to
it would go to its master; so what a write would reach is looked at first, and ``If-Match`` guards the rest.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, Literal
from urllib.parse import quote

from pydantic import Field, SecretStr, field_validator

from aiops_jobs.adapters.connection import Connection
from aiops_jobs.adapters.markup.html import HtmlRenderer
from aiops_jobs.adapters.sinks._reading import read_back, told
from aiops_jobs.adapters.sinks._rt_reading import FINAL, STATES, Reading, quoted
from aiops_jobs.adapters.sinks._settings import SinkSettings
from aiops_jobs.adapters.sinks._trying import Failed, all_priorities, as_told, kept_key, tried
from aiops_jobs.core.tickets.limits import Limit, cut
from aiops_jobs.core.tickets.richtext import parse, plain
from aiops_jobs.errors import ConnectorError, ConnectorUnavailable, CredentialsRefused
from aiops_jobs.ports import Check, Draft, SinkTraits, Ticket

API = "/REST/2.0"
TITLE = Limit(200, "bytes")
"""RT cuts a longer subject without a word."""
BODY = Limit(60_000)
"""RT takes a megabyte, and works for a minute to turn half of one into plain text."""
TOLD = "Subject,Status,Priority,Owner,Queue,Created,LastUpdated,Started,Resolved,EffectiveId,CustomFields"
NAMED = {"fields": TOLD, "fields[Queue]": "Name"}
PAGE = 100
MOST_PAGES = 10
CHANGED = 412


class Settings(SinkSettings, Connection):
    """Settings of a Request Tracker; ``url`` is that of its front page."""

    kind: Literal["rt"] = "rt"
    """Always ``rt``."""
    queue: str
    """Queue of new tickets."""
    queues: dict[str, str] = Field(default_factory=dict)
    """Assignment group -> queue, for groups that have one of their own."""
    key_field: str = "AIOpsKey"
    """Custom field that holds our key; one value of free text."""
    digest_field: str | None = None
    """Custom field that holds the digest of what was last told; with it, what changes later is added as a comment."""
    cause_field: str | None = None
    """Custom field in which people write what the cause was."""
    priorities: dict[str, int | str] = Field(default={"P1": 100, "P2": 75, "P3": 50, "P4": 25, "P5": 0})
    """What P1 … P5 are in RT: numbers, or names of ``%PriorityAsString``."""
    states: dict[str, Literal["new", "in_progress", "resolved", "closed"]] = Field(default_factory=dict)
    """What further statuses of your life cycles mean."""
    resolved_status: str = "resolved"
    """Status of a ticket whose trouble is over."""
    open_status: str = "open"
    """Status of a ticket that is opened again."""
    markup: Literal["html", "text"] = "html"
    """How bodies are written."""

    @field_validator("key_field", "digest_field", "cause_field")
    @classmethod
    def _is_sayable(cls, name: str | None) -> str | None:
        if name and set(name) & set("{}\\"):
            raise ValueError(f"`{name}` holds a brace or a backslash, which no search can say.")
        return name

    @field_validator("priorities")
    @classmethod
    def _has_all(cls, priorities: dict[str, int | str]) -> dict[str, int | str]:
        return all_priorities(priorities)


class RtSink:
    """Tickets of one Request Tracker."""

    def __init__(self, name: str, settings: Settings) -> None:
        self.name, self._settings = name, settings
        self.traits = SinkTraits(
            mode=settings.mode,
            can_reopen=True,
            can_link=True,
            can_comment=True,
            title_limit=TITLE,
            body_limit=BODY,
            markup=settings.markup,
            scopes=(
                "SeeQueue",
                "CreateTicket",
                "ShowTicket",
                "ShowTicketComments",
                "ModifyTicket",
                "CommentOnTicket",
                "SeeCustomField",
                "ModifyCustomField",
                "SetInitialCustomField",
            ),
        )
        key = settings.token
        ours = {"Authorization": SecretStr(f"token {key.get_secret_value()}")} if key else {}
        self._http = settings.model_copy(update={"token": None, "headers": {**settings.headers, **ours}}).client(name)
        self._me: str | None = None

    # --- port -------------------------------------------------------------------------------------------------------

    def check(self) -> Sequence[Check]:
        """Ask who we are, and for each queue whether we may create there and see our fields."""
        found = [
            tried("identity", self._identity, remedy="Give the token of a user of RT (Logged in as, Auth tokens).")
        ]
        if found[0].is_ok:
            queues = sorted({self._settings.queue, *self._settings.queues.values()})
            found += [tried(f"queue {queue}", partial(self._may, queue), remedy="See detail.") for queue in queues]
        return found

    def find(self, external_key: str) -> list[Ticket]:
        """Return the tickets with exactly this key, merged ones too, oldest first."""
        field = self._settings.key_field.replace("'", "\\'")
        query = f"'CF.{{{field}}}' = {quoted(external_key)} AND EffectiveId > 0"
        tickets = [t for t in map(self._ticket, self._rows(query)) if t.external_key == external_key]
        if not tickets:
            self._sees_key()
        return tickets

    def create(self, draft: Draft) -> Ticket:
        """Create the ticket in the queue of its group."""
        settings = self._settings
        fields = {settings.key_field: draft.external_key, **self._digest(draft)}
        content = {
            "Queue": settings.queues.get(draft.assignment_group or "", settings.queue),
            "Subject": cut(draft.title, TITLE),
            "Priority": settings.priorities[draft.priority],
            "CustomFields": fields,
            **self._content(draft.body),
            **({"Owner": draft.assignee} if draft.assignee else {}),
        }
        made = told(self._http.post(f"{API}/ticket", json=content), "id")
        ticket = read_back(self.name, lambda: self._read(str(made["id"])))
        return kept_key(self.name, ticket, draft.external_key, f"the custom field `{settings.key_field}`")

    def update(self, ticket: Ticket, draft: Draft) -> Ticket:
        """Make subject and priority say what the draft says; a new body is added as a comment."""
        now, tag = self._current(ticket)
        if now.is_duplicate:
            return now
        wanted = {"Subject": cut(draft.title, TITLE), "Priority": self._settings.priorities[draft.priority]}
        said = {"Subject": now.title, "Priority": self._settings.priorities[now.priority]}
        changed = {name: value for name, value in wanted.items() if value != said[name]}
        digest = self._digest(draft)
        is_new = bool(digest) and now.content_sha256 not in digest.values()
        if changed:
            self._put(ticket, changed, tag)
        if is_new:  # text and digest in one request: repeating it after a lost answer adds nothing
            self._comment(ticket, draft.body, CustomFields=digest)
        return read_back(self.name, lambda: self._read(ticket.remote_key)) if changed or is_new else now

    def resolve(self, ticket: Ticket, note: str) -> Ticket:
        """Comment and resolve, in one request; a resolved one stays as it is."""
        now, _ = self._current(ticket)
        return now if now.state in FINAL else self._step(ticket, note, self._settings.resolved_status)

    def reopen(self, ticket: Ticket, note: str) -> Ticket:
        """Comment and open again, in one request; an open one stays as it is."""
        now, _ = self._current(ticket)
        is_closed = now.state in FINAL and not now.is_duplicate
        return self._step(ticket, note, self._settings.open_status) if is_closed else now

    def comment(self, ticket: Ticket, text: str) -> None:
        """Add a comment, which goes to people who work there, not to requestors."""
        self._comment(ticket, text)

    def link(self, ticket: Ticket, earlier: Ticket) -> None:
        """Let the ticket refer to the earlier one; RT keeps one such link."""
        refers = {"AddRefersTo": [int(earlier.remote_key)]}
        self._http.request("PUT", f"{API}/ticket/{ticket.remote_key}", json=refers).json()

    # --- reading ----------------------------------------------------------------------------------------------------

    def _rows(self, query: str) -> list[Mapping[str, Any]]:
        asked = {"query": query, "orderby": "id", "order": "ASC", "per_page": PAGE, **NAMED}
        return list(told(self._http.get(f"{API}/tickets", params=asked), "items")["items"])

    def _ticket(self, row: Mapping[str, Any]) -> Ticket:
        reading = self._reading()

        def read() -> Ticket:
            history = self._history(str(row["id"])) if reading.has_history(row) else ()
            return reading.ticket(row, history)

        return as_told(self.name, read)

    def _read(self, number: str) -> Ticket:
        rows = self._rows(f"id = {int(number)} AND EffectiveId > 0")
        if not rows:
            raise ConnectorError(self.name, f"ticket {number} is not there, or we may not see it")
        return self._ticket(rows[0])

    def _current(self, ticket: Ticket) -> tuple[Ticket, str | None]:
        """Return the ticket as it is, and its version; a merged one as itself, not as its master."""
        reply = self._http.get(f"{API}/ticket/{ticket.remote_key}", params={"fields[Queue]": "Name"})
        row = told(reply, "id")
        if str(row["id"]) != ticket.remote_key:
            return self._read(ticket.remote_key), None
        return self._ticket(row), reply.headers.get("ETag")

    def _history(self, number: str) -> list[Mapping[str, Any]]:
        found: list[Mapping[str, Any]] = []
        for page in range(1, MOST_PAGES + 1):
            asked = {"fields": "Type,Field,OldValue,NewValue,Created,Creator", "per_page": PAGE, "page": page}
            items = told(self._http.get(f"{API}/ticket/{number}/history", params=asked), "items")["items"]
            found += items
            if len(items) < PAGE:
                break
        return found

    def _sees_key(self) -> None:
        """Refuse to believe an empty answer where our field cannot be seen."""
        self._queue(self._settings.queue)

    # --- writing ----------------------------------------------------------------------------------------------------

    def _step(self, ticket: Ticket, note: str, status: str) -> Ticket:
        self._comment(ticket, note, Status=status)
        return read_back(self.name, lambda: self._read(ticket.remote_key))

    def _comment(self, ticket: Ticket, text: str, **more: Any) -> None:
        self._http.post(f"{API}/ticket/{ticket.remote_key}/comment", json={**self._content(text), **more}).json()

    def _put(self, ticket: Ticket, values: Mapping[str, Any], tag: str | None) -> None:
        path, headers = f"{API}/ticket/{ticket.remote_key}", {"If-Match": tag} if tag else {}
        reply = self._http.request("PUT", path, json=values, headers=headers, accept={CHANGED})
        if reply.status == CHANGED:
            raise ConnectorUnavailable(self.name, f"ticket {ticket.remote_key} was changed this moment", status=CHANGED)

    def _content(self, markdown: str) -> dict[str, str]:
        if self._settings.markup == "html":
            return {"Content": HtmlRenderer().render(markdown, BODY), "ContentType": "text/html"}
        return {"Content": cut(plain(parse(markdown)), BODY), "ContentType": "text/plain"}

    def _digest(self, draft: Draft) -> dict[str, str]:
        name, digest = self._settings.digest_field, draft.fields.get("content_sha256")
        return {name: str(digest)} if name and digest else {}

    # --- who we are -------------------------------------------------------------------------------------------------

    def _reading(self) -> Reading:
        settings = self._settings
        if self._me is None:
            self._me = self._identity()
        return Reading(
            key_field=settings.key_field,
            digest_field=settings.digest_field,
            cause_field=settings.cause_field,
            priorities=settings.priorities,
            states={**STATES, **settings.states},
            queues=settings.queues,
            me=self._me,
            url=settings.url.rstrip("/"),
        )

    def _identity(self) -> str:
        """Return the name of our user; a token tells its number (``1-27-…``)."""
        settings = self._settings
        key = settings.token.get_secret_value() if settings.token else ""
        number = key.split("-")[1] if key.count("-") >= 2 else settings.user
        return str(told(self._http.get(f"{API}/user/{quote(number, safe='')}"), "Name")["Name"])

    def _may(self, queue: str) -> str:
        links = self._queue(queue).get("_hyperlinks", ())
        if not any(link.get("ref") == "create" for link in links):
            raise Failed("our user may not create tickets here", f"Grant CreateTicket on the queue {queue}.")
        return f"may create, and sees `{self._settings.key_field}`"

    def _queue(self, queue: str) -> Mapping[str, Any]:
        """Return a queue in which all our fields can be seen."""
        reply = self._http.get(f"{API}/queue/{quote(queue, safe='')}", accept={403, 404})
        if reply.status >= 400:
            raise CredentialsRefused(
                self.name, f"there is no queue `{queue}`, or our user may not see it (SeeQueue)", status=reply.status
            )
        answer = told(reply, "id")
        seen = {field["name"] for field in answer.get("TicketCustomFields") or ()}
        ours = {self._settings.key_field, self._settings.digest_field or self._settings.key_field}
        if not ours <= seen:
            missing = ", ".join(sorted(ours - seen))
            raise CredentialsRefused(
                self.name, f"the custom field {missing} does not apply to `{queue}`, or our user lacks SeeCustomField"
            )
        return answer
