"""Slack, by an incoming webhook: posts that can be neither changed nor found again.

The begin and the end of a ticket are told as one message each; changes in between are not told. Told at least once: an
answer that was lost is told again.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from aiops_jobs.adapters.sinks._hook import GONE, Hook, HookSettings, as_json
from aiops_jobs.adapters.sinks._slack import BODY, HEADER, message
from aiops_jobs.errors import AmbiguousDelivery, ConnectorError
from aiops_jobs.ports import Check, Event, Receipt, SinkTraits

REMEDY = "Make a new incoming webhook in the app's settings and give its address."


class Settings(HookSettings):
    """Settings of an incoming webhook of Slack."""

    kind: Literal["slack_webhook"] = "slack_webhook"
    """Always ``slack_webhook``."""


class SlackWebhookSink:
    """Tells tickets in the channel the webhook was made for."""

    def __init__(self, name: str, settings: Settings) -> None:
        self.name = name
        self.traits = SinkTraits(
            mode=settings.mode,
            can_update=False,
            title_limit=HEADER,
            body_limit=BODY,
            markup="mrkdwn",
            scopes=("incoming-webhook",),
        )
        self._hook = Hook(name, settings)

    def check(self) -> Sequence[Check]:
        """Send a GET, which posts nothing; Slack says by its status whether the webhook is one."""
        try:
            status = self._hook.ask("GET").status
        except ConnectorError as error:
            return [Check("webhook", is_ok=False, detail=str(error), remedy="Try again later.")]
        is_ok = status not in GONE
        detail = f"{self._hook.host} answers {status}" + ("" if is_ok else ": it takes nothing from us")
        return [Check("webhook", is_ok=is_ok, detail=detail, remedy="" if is_ok else REMEDY)]

    def emit(self, event: Event) -> Receipt:
        """Post one message."""
        said = {**message(event), "unfurl_links": False, "unfurl_media": False}
        reply = self._hook.post(as_json(said), {"Content-Type": "application/json"})
        if reply.body.strip() != b"ok":
            raise AmbiguousDelivery(self.name, f"{self._hook.host} does not answer `ok`")
        return Receipt(event.draft.external_key)
