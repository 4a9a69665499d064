"""Microsoft Teams, by the address of a workflow (*When a Teams webhook request is received*): Adaptive Cards.

The workflow answers 202 and tells no id: nothing posted can be changed or found again. The begin and the end of a
ticket are told as one card each; changes in between are not told. Told at least once: an answer that was lost is told
again. 202 means that the workflow took the card; whether it could post it, only its run history tells.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal
from urllib.parse import urlsplit

import orjson
from pydantic import SecretStr, field_validator

from aiops_jobs.adapters.markup.adaptive_card import VERSION, AdaptiveCardRenderer, plain, rich, run
from aiops_jobs.adapters.sinks._hook import Hook, HookSettings, as_json
from aiops_jobs.core.tickets.limits import Limit, cut
from aiops_jobs.errors import ConnectorError
from aiops_jobs.ports import Check, Draft, Event, Receipt, SinkTraits

MESSAGE = Limit(28 * 1000, "bytes")
"""Largest message Teams takes; *approximately* 28 KB, it says: the smaller kilobyte."""
TITLE = Limit(450, "bytes")
BODY = Limit(20_000, "bytes")
NOTE = Limit(1500, "bytes")
PART = Limit(120, "bytes")
CARD = "application/vnd.microsoft.card.adaptive"
STYLES = {"P1": "attention", "P2": "attention", "P3": "warning"}
DONE = "✅"
RETIRED = ("webhook.office.com", "outlook.office.com", "outlook.office365.com")
REMEDY = "Open the workflow in Teams (Workflows), see that it is on, and copy its address anew."


class Settings(HookSettings):
    """Settings of a Teams channel, by a workflow."""

    kind: Literal["teams"] = "teams"
    """Always ``teams``."""

    @field_validator("url")
    @classmethod
    def _is_no_connector(cls, url: SecretStr) -> SecretStr:
        host = urlsplit(url.get_secret_value()).hostname or ""
        if any(host == old or host.endswith(f".{old}") for old in RETIRED):
            reason = "is an Office 365 connector, which Microsoft retired in May 2026; make a workflow in its place"
            raise ValueError(f"{reason} (Workflows: *When a Teams webhook request is received*)")
        return url


class TeamsSink:
    """Tells tickets in the channel or chat the workflow posts to."""

    def __init__(self, name: str, settings: Settings) -> None:
        self.name = name
        self.traits = SinkTraits(
            mode=settings.mode,
            can_update=False,
            title_limit=TITLE,
            body_limit=BODY,
            markup="adaptive_card",
            scopes=("the address of a workflow that posts cards",),
        )
        self._hook = Hook(name, settings)

    def check(self) -> Sequence[Check]:
        """Send a GET, which starts no workflow: a wrong signature or an unknown workflow is told apart from it."""
        try:
            reply = self._hook.ask("GET")
        except ConnectorError as error:
            return [Check("workflow", is_ok=False, detail=str(error), remedy="Try again later.")]
        problem = _problem(reply.status, reply.body)
        if problem:
            detail = f"{self._hook.host} answers {reply.status}: {problem}"
            return [Check("workflow", is_ok=False, detail=detail, remedy=REMEDY)]
        detail = f"{self._hook.host} answers; whether the workflow can post, only its run history tells"
        return [Check("workflow", is_ok=True, detail=detail)]

    def emit(self, event: Event) -> Receipt:
        """Post one card."""
        content = as_json(message(event))
        if len(content) > MESSAGE.size:
            raise ConnectorError(self.name, f"the card has {len(content)} bytes, {MESSAGE.size} are taken")
        self._hook.post(content, {"Content-Type": "application/json"})
        return Receipt(event.draft.external_key)


def message(event: Event) -> dict[str, Any]:
    """Return the message with the card of an event."""
    draft, is_done = event.draft, event.action == "resolve"
    title = cut(plain(f"{DONE} {draft.title}" if is_done else draft.title), TITLE)
    style = "good" if is_done else STYLES.get(draft.priority, "emphasis")
    head: list[dict[str, Any]] = [rich(run(title, weight="Bolder", size="Large")), _context(draft)]
    if is_done and event.note:
        head.append(rich(run(cut(event.note, NOTE))))
    card = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": VERSION,
        "fallbackText": title,
        "msteams": {"width": "Full"},
        "body": [
            {"type": "Container", "style": style, "bleed": True, "items": head},
            *AdaptiveCardRenderer().render(draft.body, BODY),
        ],
    }
    attachment = {"contentType": CARD, "contentUrl": None, "content": card}
    return {"type": "message", "summary": title, "attachments": [attachment]}


def _context(draft: Draft) -> dict[str, Any]:
    service = draft.fields.get("service_name")
    said = [draft.priority, draft.assignment_group, draft.assignee, service, draft.external_key]
    text = " · ".join(cut(part, PART) for part in said if isinstance(part, str) and part)
    return rich(run(text, isSubtle=True))


def _problem(status: int, body: bytes) -> str | None:
    if status in {401, 403, 410}:
        return "it takes nothing from us"
    if status == 404 and _code(body).startswith("Workflow"):
        return _code(body)
    return None


def _code(body: bytes) -> str:
    try:
        told = orjson.loads(body)
    except orjson.JSONDecodeError:
        return ""
    error = told.get("error") if isinstance(told, dict) else None
    return str(error.get("code") or "") if isinstance(error, dict) else ""
