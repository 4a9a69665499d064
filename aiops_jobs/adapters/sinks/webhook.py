"""A webhook of your own: CloudEvents 1.0 in structured JSON, signed as Standard Webhooks says.

The ``id`` of an event is the same at every try, so that a receiver can drop what it has seen: told at least once, done
once by a receiver that keeps the ids of a day. ``subject`` is the ticket's key: all events of one ticket carry it.

Sources: CloudEvents 1.0, JSON format and HTTP binding; Standard Webhooks 1.0 (``webhook-id``, ``webhook-timestamp``,
``webhook-signature``). How a receiver verifies a signature is in ``docs/how-to/tickets-webhook.md``.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Sequence
from typing import Any, Literal

from pydantic import SecretStr, field_validator

from aiops_jobs.adapters import clock
from aiops_jobs.adapters.sinks._hook import GONE, Hook, HookSettings, as_json
from aiops_jobs.core.tickets.limits import Limit, cut
from aiops_jobs.errors import ConnectorError
from aiops_jobs.ports import Check, Event, Receipt, SinkTraits

CONTENT_TYPE = "application/cloudevents+json; charset=utf-8"
TYPES = {"trigger": "triggered", "update": "updated", "resolve": "resolved"}
PREFIX = "io.aiops-jobs.ticket"
SECRET_PREFIX = "whsec_"  # noqa: S105 - how secrets begin, by Standard Webhooks
SHORTEST_KEY = 24
"""Bytes of a signing key; Standard Webhooks asks for 24 to 64."""
BODY = Limit(200_000, "bytes")
REMEDY = "See that the receiver is there and takes POST at this address."


class Settings(HookSettings):
    """Settings of a webhook."""

    kind: Literal["webhook"] = "webhook"
    """Always ``webhook``."""
    secrets: tuple[SecretStr, ...]
    """Signing secrets, ``whsec_`` and base64 of 24 to 64 random bytes. Each signs every event: to change a secret, put
    the new one first, teach the receiver, then remove the old one."""
    source: str = "/aiops-jobs"
    """``source`` of the events; with ``id`` it names one event in the world. A URI reference."""

    @field_validator("secrets")
    @classmethod
    def _are_keys(cls, secrets: tuple[SecretStr, ...]) -> tuple[SecretStr, ...]:
        if not secrets:
            raise ValueError("needs at least one signing secret")
        for secret in secrets:
            if len(key_of(secret.get_secret_value())) < SHORTEST_KEY:
                raise ValueError(f"needs `{SECRET_PREFIX}` and base64 of at least {SHORTEST_KEY} bytes")
        return secrets

    @field_validator("source")
    @classmethod
    def _is_a_reference(cls, source: str) -> str:
        if not source or any(c.isspace() for c in source):
            raise ValueError("is no URI reference")
        return source


class WebhookSink:
    """Tells tickets to a receiver of your own."""

    def __init__(self, name: str, settings: Settings) -> None:
        self.name = name
        self.traits = SinkTraits(
            mode=settings.mode, body_limit=BODY, title_limit=Limit(500), scopes=("POST at its address",)
        )
        self._keys = [key_of(secret.get_secret_value()) for secret in settings.secrets]
        self._source = settings.source
        self._hook = Hook(name, settings)

    def check(self) -> Sequence[Check]:
        """Send OPTIONS, as CloudEvents does before it delivers; a receiver need not know it."""
        headers = {"WebHook-Request-Origin": "aiops-jobs"}
        try:
            status = self._hook.ask("OPTIONS", headers).status
        except ConnectorError as error:
            return [Check("receiver", is_ok=False, detail=str(error), remedy=REMEDY)]
        is_ok = status not in GONE - {404}
        detail = f"{self._hook.host} answers {status} to OPTIONS, {len(self._keys)} signing secrets"
        return [Check("receiver", is_ok=is_ok, detail=detail, remedy="" if is_ok else REMEDY)]

    def emit(self, event: Event) -> Receipt:
        """Post one signed event."""
        body = as_json(cloud_event(event, self._source))
        stamp = int(clock.now().timestamp())
        headers = {
            "Content-Type": CONTENT_TYPE,
            "webhook-id": event.event_id,
            "webhook-timestamp": str(stamp),
            "webhook-signature": " ".join(signature(key, event.event_id, stamp, body) for key in self._keys),
        }
        self._hook.post(body, headers)
        return Receipt(event.draft.external_key)


def cloud_event(event: Event, source: str) -> dict[str, Any]:
    """Return the event as CloudEvents writes it; the same at every try, so that its ``id`` and bytes are."""
    draft = event.draft
    data = {
        "key": draft.external_key,
        "action": event.action,
        "title": cut(draft.title, Limit(500)),
        "body": cut(draft.body, BODY),
        "priority": draft.priority,
        "assignment_group": draft.assignment_group,
        "assignee": draft.assignee,
        "started_at": draft.started_at,
        "note": event.note,
        "fields": dict(draft.fields),
    }
    return {
        "specversion": "1.0",
        "id": event.event_id,
        "source": source,
        "type": f"{PREFIX}.{TYPES[event.action]}.v1",
        "subject": draft.external_key,
        "datacontenttype": "application/json",
        "data": data,
    }


def signature(key: bytes, message_id: str, stamp: int, body: bytes) -> str:
    """Return ``v1,`` and the base64 of HMAC-SHA256 over ``id.timestamp.body``.

    Example:
        >>> signature(b"k" * 24, "msg_1", 1674087231, b"{}")
        'v1,G1doHG0ujFtlhHA+ZGJu/UzP6aXfo87GDP2VtWSggoI='
    """
    signed = hmac.new(key, f"{message_id}.{stamp}.".encode() + body, hashlib.sha256).digest()
    return f"v1,{base64.b64encode(signed).decode()}"


def key_of(secret: str) -> bytes:
    """Return the key a secret stands for; nothing where it is none."""
    try:
        return base64.b64decode(secret.removeprefix(SECRET_PREFIX), validate=True)
    except (binascii.Error, ValueError):
        return b""
