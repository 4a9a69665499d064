"""A ticket desk in a folder: one JSON document a ticket, numbered, with its history; for trying out and for tests.

People work on a ticket by writing into its file: ``state``, ``resolved_at``, ``resolution_code``, ``cause``,
``resolved_by``, ``acknowledged_at``, ``assignee``, ``is_duplicate``, ``merged_into``.

It behaves like an ITSM system without a key of its own: it would gladly create two tickets for one incident. That there
is one is the work of the delivery engine.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

import orjson
from pydantic import ConfigDict

from aiops_jobs.adapters import clock
from aiops_jobs.adapters.files import locked, make_folder, write_atomic
from aiops_jobs.adapters.sinks._settings import SinkSettings
from aiops_jobs.core.tickets.limits import cut
from aiops_jobs.errors import ConnectorError
from aiops_jobs.ports import Check, Draft, SinkTraits, Ticket

NUMBER_DIGITS = 6
TITLE_LIMIT = SinkTraits().title_limit


class Settings(SinkSettings):
    """Settings of a ticket desk in a folder."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

    kind: Literal["file"] = "file"
    """Always ``file``."""
    path: Path
    """Folder of the tickets; made if it is not there."""


class FileSink:
    """Keeps tickets as ``TKT-000001.json`` in a folder; several processes may use it at once."""

    def __init__(self, name: str, settings: Settings) -> None:
        self.name = name
        self.traits = SinkTraits(
            mode=settings.mode, can_reopen=True, can_link=True, can_comment=True, scopes=("write to the folder",)
        )
        self._folder = settings.path

    def check(self) -> Sequence[Check]:
        """Make the folder and take its lock."""
        try:
            with locked(self._lock, exclusive=True):
                make_folder(self._folder)
        except OSError as error:
            return [Check("folder", is_ok=False, detail=f"{self._folder}: {error.strerror}", remedy="Grant writing.")]
        return [Check("folder", is_ok=True, detail=f"{self._folder}, mode {self.traits.mode}")]

    def find(self, external_key: str) -> list[Ticket]:
        """Return the tickets with exactly this key, oldest first."""
        paths = sorted(self._folder.glob("TKT-*.json"))
        return [_ticket(stored) for stored in map(_load, paths) if stored["external_key"] == external_key]

    def create(self, draft: Draft) -> Ticket:
        """Create the next ticket; its number is taken under the desk's lock."""
        now = clock.now()
        with locked(self._lock, exclusive=True):
            taken = [int(path.stem.removeprefix("TKT-")) for path in self._folder.glob("TKT-*.json")]
            number = f"TKT-{max(taken, default=0) + 1:0{NUMBER_DIGITS}d}"
            stored = {
                "number": number,
                "external_key": draft.external_key,
                "state": "new",
                **_said(draft),
                "opened_at": now,
                "updated_at": now,
                "resolved_at": None,
                "history": [{"at": now, "act": "created"}],
            }
            self._save(stored)
        return self._read_back(number)

    def update(self, ticket: Ticket, draft: Draft) -> Ticket:
        """Make the ticket say what ``draft`` says; saying it again changes nothing."""
        with locked(self._lock, exclusive=True):
            stored = self._stored(ticket.remote_key)
            said = _said(draft)
            changed = sorted(name for name, value in said.items() if stored.get(name) != _plain(value))
            if changed:
                self._save(_touched(stored, {**said}, act="updated", changed=changed))
        return self._read_back(ticket.remote_key)

    def resolve(self, ticket: Ticket, note: str) -> Ticket:
        """Resolve the ticket; a resolved one stays as it is."""
        with locked(self._lock, exclusive=True):
            stored = self._stored(ticket.remote_key)
            if stored["state"] not in {"resolved", "closed"}:
                self._save(
                    _touched(stored, {"state": "resolved", "resolved_at": clock.now()}, act="resolved", note=note)
                )
        return self._read_back(ticket.remote_key)

    def reopen(self, ticket: Ticket, note: str) -> Ticket:
        """Open a resolved ticket again; an open one stays as it is."""
        with locked(self._lock, exclusive=True):
            stored = self._stored(ticket.remote_key)
            if stored["state"] in {"resolved", "closed"}:
                opened = {"state": "in_progress", "resolved_at": None}
                self._save(_touched(stored, opened, act="reopened", note=note))
        return self._read_back(ticket.remote_key)

    def comment(self, ticket: Ticket, text: str) -> None:
        """Write a comment into the history."""
        with locked(self._lock, exclusive=True):
            self._save(_touched(self._stored(ticket.remote_key), {}, act="commented", text=text))

    def link(self, ticket: Ticket, earlier: Ticket) -> None:
        """Name the earlier ticket in the later one."""
        with locked(self._lock, exclusive=True):
            stored = self._stored(ticket.remote_key)
            if stored.get("follows") != earlier.remote_key:
                self._save(_touched(stored, {"follows": earlier.remote_key}, act="linked"))

    @property
    def _lock(self) -> Path:
        return self._folder / ".lock"

    def _stored(self, number: str) -> dict[str, Any]:
        path = self._folder / f"{number}.json"
        if not path.is_file():
            raise ConnectorError(self.name, f"there is no ticket `{number}` in {self._folder}")
        return _load(path)

    def _save(self, stored: Mapping[str, Any]) -> None:
        text = orjson.dumps(stored, option=orjson.OPT_INDENT_2 | orjson.OPT_UTC_Z)
        write_atomic(self._folder / f"{stored['number']}.json", text)

    def _read_back(self, number: str) -> Ticket:
        path = self._folder / f"{number}.json"
        return replace(_ticket(self._stored(number)), remote_url=path.resolve().as_uri())


def _said(draft: Draft) -> dict[str, Any]:
    return {
        "title": cut(draft.title, TITLE_LIMIT),
        "body": draft.body,
        "priority": draft.priority,
        "assignment_group": draft.assignment_group,
        "assignee": draft.assignee,
        "started_at": draft.started_at,
        "fields": dict(draft.fields),
    }


def _touched(stored: Mapping[str, Any], values: Mapping[str, Any], *, act: str, **more: Any) -> dict[str, Any]:
    now = clock.now()
    history = [*stored["history"], {"at": now, "act": act, **more}]
    return {**stored, **values, "updated_at": now, "history": history}


def _plain(value: Any) -> Any:
    return orjson.loads(orjson.dumps(value, option=orjson.OPT_UTC_Z))


def _load(path: Path) -> dict[str, Any]:
    stored: dict[str, Any] = orjson.loads(path.read_bytes())
    return stored


def _ticket(stored: Mapping[str, Any]) -> Ticket:
    def instant(name: str) -> datetime | None:
        return datetime.fromisoformat(stored[name]) if stored.get(name) else None

    return Ticket(
        remote_key=stored["number"],
        external_key=stored["external_key"],
        state=stored["state"],
        title=stored["title"],
        priority=stored["priority"],
        assignment_group=stored["assignment_group"],
        opened_at=instant("opened_at"),
        updated_at=instant("updated_at"),
        resolved_at=instant("resolved_at"),
        content_sha256=stored["fields"].get("content_sha256"),
        assignee=stored.get("assignee"),
        is_duplicate=stored.get("is_duplicate", False),
        merged_into=stored.get("merged_into"),
        resolution_code=stored.get("resolution_code"),
        cause=stored.get("cause"),
        resolved_by=stored.get("resolved_by"),
        acknowledged_at=instant("acknowledged_at"),
        reopen_count=sum(item["act"] == "reopened" for item in stored["history"]),
    )
