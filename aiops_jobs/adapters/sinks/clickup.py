"""Tasks of a ClickUp List (API v2), found again by a text field of their own.

The filter of a text field has two equal signs, of which ``=`` means *contains*; what comes back is filtered again here.
Statuses are each List's own: a task is closed by the status whose type says so.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, Literal
from urllib.parse import quote

from pydantic import Field, SecretStr

from aiops_jobs.adapters.connection import Connection
from aiops_jobs.adapters.markup.github_markdown import GithubMarkdownRenderer
from aiops_jobs.adapters.sinks._clickup_draft import BODY, TITLE, differing, group_tags, kept, said
from aiops_jobs.adapters.sinks._clickup_task import (
    FINAL,
    Reading,
    Task,
    said_last,
    state_of,
    tags_of,
    value_of,
)
from aiops_jobs.adapters.sinks._reading import Remembered, read_back, told
from aiops_jobs.adapters.sinks._settings import SinkSettings
from aiops_jobs.adapters.sinks._trying import Failed, kept_key, tried
from aiops_jobs.core.tickets.limits import cut
from aiops_jobs.core.tickets.richtext import parse, plain
from aiops_jobs.errors import ConnectorError, CredentialsRefused
from aiops_jobs.ports import Check, Draft, SinkTraits, Ticket

log = logging.getLogger(__name__)
MOST_PAGES = 100
NOT_FOUND = 404
TEXT_FIELDS = ("short_text", "text")


class Settings(SinkSettings, Connection):
    """Settings of a ClickUp List; ``token`` is a personal one (``pk_…``) or that of an OAuth app."""

    kind: Literal["clickup"] = "clickup"
    """Always ``clickup``."""
    url: str = "https://api.clickup.com/api"
    """Address of the API, before ``/v2``."""
    list_id: str = Field(pattern=r"^\d+$")
    """Id of the List of new tasks."""
    workspace_id: str = Field(default="", pattern=r"^\d*$")
    """Id of the Workspace: tasks that people moved to another List are found, too; empty: in the List only."""
    key_field: str = "aiops key"
    """Name of the custom field (text) that holds our key."""
    digest_field: str = "aiops digest"
    """Name of the custom field (text) that holds the digest of what we last wrote; it may be missing."""
    cause_field: str = ""
    """Name of the custom field (text) in which people write the cause; default: their last comment."""
    tags: tuple[str, ...] = ("aiops",)
    """Tags of new tasks."""
    group_prefix: str = "team "
    """Begin of the tag that names the assignment group; empty: none."""
    resolved_status: str = ""
    """Status that resolves; default: the one of type closed."""
    reopened_status: str = ""
    """Status that opens again; default: the first one."""
    duplicates: tuple[str, ...] = ("duplicate",)
    """Statuses and tags that say: closed as a duplicate."""
    search_delay_s: float = Field(default=30.0, ge=0)
    """How long a new task may stay invisible to the filter."""


class ClickupSink:
    """Keeps tasks of one List."""

    def __init__(self, name: str, settings: Settings) -> None:
        self.name = name
        self.traits = SinkTraits(
            mode=settings.mode,
            search_delay=timedelta(seconds=settings.search_delay_s),
            can_reopen=True,
            can_link=True,
            can_comment=True,
            title_limit=TITLE,
            body_limit=BODY,
            markup="markdown",
            scopes=("List: full edit",),
        )
        token = settings.token.get_secret_value() if settings.token else ""
        bearer = {} if not token.startswith("pk_") else {"Authorization": SecretStr(token)}
        headers = {"Content-Type": SecretStr("application/json"), **settings.headers, **bearer}
        kept = settings.token if not bearer else None
        self._http = settings.model_copy(update={"headers": headers, "token": kept}).client(
            name, max_body_bytes=16 << 20
        )
        self._settings = settings
        self._list = f"/v2/list/{settings.list_id}"
        self._renderer = GithubMarkdownRenderer()
        self._made = Remembered()
        self._reading: Reading | None = None
        self._people: list[Mapping[str, Any]] | None = None

    def check(self) -> Sequence[Check]:
        """Ask who we are, then for the List and what we may do there, then for its fields and statuses."""
        found = [tried("identity", self._who, remedy="Give a token that is valid there.")]
        for name, ask, remedy in (
            ("list", self._level, "Set `list_id` to a List that the account may see."),
            ("key field", self._field_there, "Add the custom field to the List."),
        ):
            if found[-1].is_ok:
                found.append(tried(name, ask, remedy=remedy))
        return found

    def find(self, external_key: str) -> list[Ticket]:
        """Return the tasks with exactly this key, oldest first."""
        reading = self._known_fields()
        asked = [{"field_id": reading.key_field, "operator": "==", "value": external_key}]
        tasks = {str(task["id"]): task for task in self._filtered(json.dumps(asked))}
        for number in self._made.of(external_key):
            task = None if number in tasks else self._task(number, NOT_FOUND)
            tasks |= {number: task} if task else {}
        ours = [self._ticket(t) for t in tasks.values() if value_of(t, reading.key_field) == external_key]
        return sorted(ours, key=lambda t: (t.opened_at is None, t.opened_at, t.remote_key))

    def create(self, draft: Draft) -> Ticket:
        """Create a task."""
        body = {
            **said(draft, self._renderer),
            "tags": [*self._settings.tags, *group_tags(self._settings.group_prefix, draft)],
            "assignees": self._assignees(draft),
            "notify_all": False,
            "custom_fields": [
                {"id": field, "value": value} for field, value in kept(self._known_fields(), draft).items()
            ],
        }
        number = str(told(self._http.post(f"{self._list}/task", json=body), "id")["id"])
        self._made.add(draft.external_key, number)
        return kept_key(self.name, self._read(number), draft.external_key, f"the field `{self._settings.key_field}`")

    def update(self, ticket: Ticket, draft: Draft) -> Ticket:
        """Write what differs; who is assigned is left to people once anybody is."""
        task, path = self._known(ticket.remote_key), f"/v2/task/{quote(ticket.remote_key)}"
        changed = differing(task, draft, self._known_fields().digest_field, self._renderer)
        if changed and not task.get("assignees") and (people := self._assignees(draft)):
            changed["assignees"] = {"add": people, "rem": []}
        if changed:
            told(self._http.request("PUT", path, json=changed))
        present, wanted = tags_of(task), [tag.casefold() for tag in group_tags(self._settings.group_prefix, draft)]
        for tag in wanted if not set(wanted) <= set(present) else ():
            for old in (t for t in present if t.startswith(self._settings.group_prefix.casefold())):
                self._http.request("DELETE", f"{path}/tag/{quote(old)}")
            self._http.post(f"{path}/tag/{quote(tag)}")
        digest = {f: v for f, v in kept(self._known_fields(), draft).items() if value_of(task, f) != v}
        for field, value in digest.items():  # last: while it is missing, everything before is done again
            self._http.post(f"{path}/field/{field}", json={"value": value})
        is_told = not changed and not digest and set(wanted) <= set(present)
        return self._ticket(task) if is_told else self._read(ticket.remote_key)

    def resolve(self, ticket: Ticket, note: str) -> Ticket:
        """Set the closed status of the List, then tell why."""
        return self._turn(ticket, note, to_done=True)

    def reopen(self, ticket: Ticket, note: str) -> Ticket:
        """Set the first status of the List, then tell why."""
        return self._turn(ticket, note, to_done=False)

    def comment(self, ticket: Ticket, text: str) -> None:
        """Add a comment, as plain text: that is what comments take."""
        body = {"comment_text": cut(plain(parse(text)), BODY), "notify_all": False}
        told(self._http.post(f"/v2/task/{quote(ticket.remote_key)}/comment", json=body), "id")

    def link(self, ticket: Ticket, earlier: Ticket) -> None:
        """Link both tasks, unless they are."""
        links = self._known(ticket.remote_key).get("linked_tasks") or ()
        if not any(earlier.remote_key in {str(link.get("task_id")), str(link.get("link_id"))} for link in links):
            self._http.post(f"/v2/task/{quote(ticket.remote_key)}/link/{quote(earlier.remote_key)}")

    # --- reading ----------------------------------------------------------------------------------------------------

    def _filtered(self, custom_fields: str) -> list[Task]:
        where = f"/v2/team/{self._settings.workspace_id}" if self._settings.workspace_id else self._list
        params = {"custom_fields": custom_fields, "include_closed": "true", "subtasks": "true"}
        found: list[Task] = []
        for page in range(MOST_PAGES):
            answer = told(self._http.get(f"{where}/task", params={**params, "page": str(page)}), "tasks")
            found += answer["tasks"]
            if answer.get("last_page", len(answer["tasks"]) < 100) or not answer["tasks"]:
                return found
        raise ConnectorError(self.name, f"more than {len(found)} tasks carry one key")

    def _task(self, number: str, *accept: int) -> Task | None:
        params = {"include_markdown_description": "true"}
        reply = self._http.get(f"/v2/task/{quote(number)}", params=params, accept=accept)
        return None if reply.status in accept else told(reply, "id", "status")

    def _known(self, number: str) -> Task:
        task = self._task(number)
        if task is None:
            raise ConnectorError(self.name, f"there is no task {number}", status=NOT_FOUND)
        return task

    def _read(self, number: str) -> Ticket:
        return read_back(self.name, lambda: self._ticket(self._known(number)))

    def _ticket(self, task: Task) -> Ticket:
        reading, note = self._known_fields(), None
        if state_of(task) in FINAL:
            comments = told(self._http.get(f"/v2/task/{quote(str(task['id']))}/comment"), "comments")["comments"]
            note = said_last(comments, reading.me)
        return reading.ticket(task, note)

    def _known_fields(self) -> Reading:
        """Learn the ids of the custom fields by their names, and who we are; once."""
        if self._reading is None:
            settings = self._settings
            told_fields = told(self._http.get(f"{self._list}/field"), "fields")["fields"]
            texts = {f["name"].casefold(): str(f["id"]) for f in told_fields if f.get("type") in TEXT_FIELDS}
            key = texts.get(settings.key_field.casefold())
            if key is None:
                raise CredentialsRefused(self.name, f"the List has no text field `{settings.key_field}`")
            self._reading = Reading(
                key_field=key,
                digest_field=texts.get(settings.digest_field.casefold()),
                cause_field=texts.get(settings.cause_field.casefold()),
                group_prefix=settings.group_prefix,
                duplicates=[name.casefold() for name in settings.duplicates],
                me=str(self._me()["id"]),
            )
        return self._reading

    def _me(self) -> Mapping[str, Any]:
        me: Mapping[str, Any] = told(self._http.get("/v2/user"), "user")["user"]
        return me

    def _who(self) -> str:
        return str(self._me().get("username"))

    def _level(self) -> str:
        answer = told(self._http.get(self._list), "name")
        level = answer.get("permission_level", "create")
        if level != "create":
            raise Failed(f"{answer['name']}: we may only {level}", "Share the List with the account with full edit.")
        return f"{answer['name']}, may {level}"

    def _field_there(self) -> str:
        try:
            self._reading = None
            digest = self._known_fields().digest_field
        except CredentialsRefused as error:
            raise Failed(str(error), f"Add a custom field of type text `{self._settings.key_field}`.") from error
        return f"`{self._settings.key_field}`" + ("" if digest else f"; `{self._settings.digest_field}` is missing")

    # --- writing ----------------------------------------------------------------------------------------------------

    def _assignees(self, draft: Draft) -> list[int]:
        """Return the id of the one member of the List with this address or name."""
        if not draft.assignee:
            return []
        if self._people is None:
            self._people = told(self._http.get(f"{self._list}/member"), "members")["members"]
        who = draft.assignee.casefold()
        named = [p for p in self._people if who in {str(p.get(n)).casefold() for n in ("email", "username")}]
        return [int(named[0]["id"])] if len(named) == 1 else []

    def _turn(self, ticket: Ticket, note: str, *, to_done: bool) -> Ticket:
        task = self._known(ticket.remote_key)
        if (state_of(task) in FINAL) == to_done:
            return self._ticket(task)
        path = f"/v2/task/{quote(ticket.remote_key)}"
        told(self._http.request("PUT", path, json={"status": self._status(task, to_done=to_done)}))
        now = self._read(ticket.remote_key)
        if (now.state in FINAL) == to_done:
            try:
                self.comment(ticket, note)
            except ConnectorError as error:
                log.warning("%s has no closing note: %s", ticket.remote_key, error)
        return now

    def _status(self, task: Task, *, to_done: bool) -> str:
        """Return the name of the status to set: the List's own, of the type that is meant."""
        named = self._settings.resolved_status if to_done else self._settings.reopened_status
        if named:
            return named
        number = str((task.get("list") or {}).get("id") or self._settings.list_id)
        offered = told(self._http.get(f"/v2/list/{quote(number)}"), "statuses")["statuses"]
        for kind in ("closed", "done") if to_done else ("open", "unstarted", "custom"):
            fitting = [s for s in offered if s.get("type") == kind and s.get("status") not in self._settings.duplicates]
            if fitting:
                return str(min(fitting, key=lambda s: s.get("orderindex") or 0)["status"])
        raise ConnectorError(
            self.name, f"the List has no status for it: {', '.join(str(s['status']) for s in offered)}"
        )
