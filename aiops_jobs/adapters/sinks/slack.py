"""Slack, by its Web API: one message a ticket, changed in place, with the resolution also in its thread.

Slack folds nothing by a key of ours. What keeps one message a ticket: channel and time stamp of the message are kept
with the ticket (``Receipt.ref``), and every message carries our key and the id of its event as metadata. An event that
may have been told already is looked for in the channel's history first; where the app may not read the history, it is
told again (at least once).

Errors come with status 200 and ``ok: false``; `_slack_answers` says what each means.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Any, Literal

from pydantic import Field, SecretStr, field_validator

from aiops_jobs.adapters import clock
from aiops_jobs.adapters.connection import Connection
from aiops_jobs.adapters.http import RateLimited, Reply
from aiops_jobs.adapters.sinks._settings import SinkSettings
from aiops_jobs.adapters.sinks._slack import BODY, DONE, HEADER, message, note_text
from aiops_jobs.adapters.sinks._slack_answers import FROZEN, GONE, UNREADABLE, Denial, Refusal, understood
from aiops_jobs.errors import AmbiguousDelivery, ConnectorError
from aiops_jobs.ports import Check, Event, Receipt, SinkTraits

log = logging.getLogger(__name__)

API = "https://slack.com/api"
EVENT_TYPE = "aiops_ticket"
PAGE = 200
MOST_PAGES = 10
SMALL_PAGE = 15
"""Messages Slack shows at a time, once a minute, to a commercial app outside its Marketplace: to wait for the next page
would be to begin again, for ever."""
SHORT_S = 5.0
"""Deadline of what only decorates a message."""


class Settings(SinkSettings, Connection):
    """Settings of a Slack channel."""

    kind: Literal["slack"] = "slack"
    """Always ``slack``."""
    url: str = API
    """Address of the Web API; another one for GovSlack."""
    token: SecretStr
    """Bot token, ``xoxb-…``."""
    channel: str
    """Id of the channel, ``C…``: a channel's details show it. A name is refused, because a name can change."""
    look_back_h: float = Field(default=48.0, gt=0)
    """How far back a message that may have been told is looked for, in hours; longer than a call may wait (24 h)."""

    @field_validator("channel")
    @classmethod
    def _is_an_id(cls, channel: str) -> str:
        if not (channel[:1] in {"C", "G", "D"} and channel.isalnum() and channel.isupper()):
            raise ValueError("is no channel id such as C024BE91L")
        return channel


class SlackSink:
    """Tells tickets in one channel."""

    def __init__(self, name: str, settings: Settings) -> None:
        self.name = name
        self.traits = SinkTraits(
            mode=settings.mode,
            can_recall=True,
            title_limit=HEADER,
            body_limit=BODY,
            markup="mrkdwn",
            scopes=("chat:write", "channels:history or groups:history"),
        )
        self._channel = settings.channel
        self._look_back = timedelta(hours=settings.look_back_h)
        self._http = settings.client(name, max_body_bytes=8 << 20)

    # --- the port ---------------------------------------------------------------------------------------------------

    def check(self) -> Sequence[Check]:
        """Ask who we are, what we may do, and whether we see the channel; posts nothing."""
        try:
            reply = self._http.post("auth.test", is_write=False)
            told = self._ok(reply)
        except ConnectorError as error:
            remedy = "Give the bot token of an app installed in the workspace, with the scope chat:write."
            return [Check("identity", is_ok=False, detail=str(error), remedy=remedy)]
        who = f"{told.get('user')} in {told.get('team')}"
        scopes = {scope.strip() for scope in reply.headers.get("x-oauth-scopes", "").split(",")} - {""}
        found = [Check("identity", is_ok=True, detail=f"{who}, mode {self.traits.mode}")]
        if scopes and "chat:write" not in scopes:
            detail = f"the token may {', '.join(sorted(scopes))}"
            return [*found, Check("chat:write", is_ok=False, detail=detail, remedy="Grant the scope and reinstall.")]
        return [*found, self._check_channel(scopes)]

    def emit(self, event: Event) -> Receipt:
        """Post the message, or change the one that is there; a resolution is also told in its thread."""
        place = _place(event.previous)
        return self._change(event, place) if place else self._post_once(event)

    # --- messages ---------------------------------------------------------------------------------------------------

    def _post_once(self, event: Event) -> Receipt:
        place = self._recall(event) if event.may_be_told else None
        return Receipt(_ref(place), self._permalink(place)) if place else self._post(event)

    def _post(self, event: Event) -> Receipt:
        told = self._write("chat.postMessage", {"channel": self._channel, **self._said(event)})
        try:
            place = str(told["channel"]), str(told["ts"])
        except KeyError as error:
            raise AmbiguousDelivery(self.name, "chat.postMessage answers without channel and ts") from error
        return Receipt(_ref(place), self._permalink(place))

    def _change(self, event: Event, place: tuple[str, str]) -> Receipt:
        channel, stamp = place
        try:
            self._write("chat.update", {"channel": channel, "ts": stamp, **self._said(event)})
        except Refusal as refusal:
            if refusal.code == GONE:  # a person deleted it: only trouble that goes on is worth a new one
                return self._post_once(event) if event.action != "resolve" else Receipt(_ref(place))
            if refusal.code not in FROZEN:
                raise
            self._reply(event, place, message(event)["text"])
            return Receipt(_ref(place))
        if event.action == "resolve":
            self._reply(event, place, f"{DONE} {note_text(event.note or event.draft.title)}")
        return Receipt(_ref(place))

    def _reply(self, event: Event, place: tuple[str, str], text: str) -> None:
        """Answer in the thread of a message, once."""
        channel, stamp = place
        if event.may_be_told:
            asked = {"channel": channel, "ts": stamp}
            if any(_meant(told) == event.event_id for told in self._messages("conversations.replies", asked, stamp)):
                return
        said = {"text": text, "mrkdwn": True, **_quiet(), "metadata": _metadata(event)}
        self._write("chat.postMessage", {"channel": channel, "thread_ts": stamp, **said})

    def _said(self, event: Event) -> dict[str, Any]:
        return {**message(event), **_quiet(), "metadata": _metadata(event)}

    def _permalink(self, place: tuple[str, str]) -> str | None:
        """Return the message's address; that there is none is no reason to post again."""
        asked = {"channel": place[0], "message_ts": place[1]}
        try:
            told = self._ok(self._http.get("chat.getPermalink", params=asked, timeout_s=SHORT_S))
        except ConnectorError as error:
            log.info("%s: no permalink: %s", self.name, error)
            return None
        link = told.get("permalink")
        return link if isinstance(link, str) else None

    # --- what is there ----------------------------------------------------------------------------------------------

    def _recall(self, event: Event) -> tuple[str, str] | None:
        """Return the place of the message an earlier try of this event posted, or None.

        A try of another event cannot be meant: the calls of one ticket are made one after the other.
        """
        oldest = f"{(clock.now() - self._look_back).timestamp():.6f}"
        for told in self._messages("conversations.history", {"channel": self._channel, "oldest": oldest}):
            if _meant(told) == event.event_id:
                return self._channel, str(told["ts"])
        return None

    def _messages(self, method: str, asked: Mapping[str, Any], but: str | None = None) -> Iterator[dict[str, Any]]:
        """Yield the messages of a channel or a thread, but the one stamped ``but``; none where we may not read."""
        cursor, shown = "", PAGE
        for _ in range(MOST_PAGES):
            params = {**asked, "limit": PAGE, "include_all_metadata": "true", **({"cursor": cursor} if cursor else {})}
            try:
                told = self._ok(self._http.get(method, params=params))
            except (Refusal, Denial) as refusal:
                if refusal.code not in UNREADABLE:
                    raise
                log.warning("%s: what was told cannot be looked for: %s", self.name, refusal)
                return
            except RateLimited as limited:
                if not cursor or shown > SMALL_PAGE:
                    raise
                log.warning("%s: only the newest messages could be looked at: %s", self.name, limited)
                return
            messages = told.get("messages") or ()
            shown = len(messages)
            yield from (each for each in messages if each.get("ts") != but)
            cursor = (told.get("response_metadata") or {}).get("next_cursor") or ""
            if not cursor:
                return

    def _check_channel(self, scopes: set[str]) -> Check:
        try:
            self._ok(self._http.get("conversations.history", params={"channel": self._channel, "limit": 1}))
        except (Refusal, Denial) as refusal:
            if refusal.code == "missing_scope":
                detail = "its history may not be read: a message whose answer is lost is posted again"
                return Check("channel", is_ok=True, detail=f"{self._channel}: {detail}")
            if refusal.code == "not_in_channel" and "chat:write.public" in scopes:
                return Check("channel", is_ok=True, detail=f"{self._channel}: public, not joined: history is unread")
            remedy = "Invite the app to the channel (/invite), and give its id, not its name."
            return Check("channel", is_ok=False, detail=str(refusal), remedy=remedy)
        except ConnectorError as error:
            return Check("channel", is_ok=False, detail=str(error), remedy="Try again later.")
        return Check("channel", is_ok=True, detail=f"{self._channel}: may post, and look for what was posted")

    # --- the answers ------------------------------------------------------------------------------------------------

    def _write(self, method: str, said: Mapping[str, Any]) -> dict[str, Any]:
        return self._ok(self._http.post(method, json=said))

    def _ok(self, reply: Reply) -> dict[str, Any]:
        return understood(self.name, reply)


def _quiet() -> dict[str, Any]:
    """Return what keeps Slack from making mentions, links and previews out of plain text."""
    return {"parse": "none", "link_names": False, "unfurl_links": False, "unfurl_media": False}


def _metadata(event: Event) -> dict[str, Any]:
    payload = {"key": event.draft.external_key, "event_id": event.event_id, "action": event.action}
    return {"event_type": EVENT_TYPE, "event_payload": payload}


def _meant(told: Mapping[str, Any]) -> str | None:
    """Return the id of the event a message of ours told."""
    metadata = told.get("metadata") or {}
    payload = metadata.get("event_payload") or {}
    return payload.get("event_id") if metadata.get("event_type") == EVENT_TYPE else None


def _ref(place: tuple[str, str]) -> str:
    return "/".join(place)


def _place(ref: str | None) -> tuple[str, str] | None:
    channel, _, stamp = (ref or "").partition("/")
    return (channel, stamp) if stamp else None
