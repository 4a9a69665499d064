"""Events to PagerDuty (Events API v2), which folds those of one ``dedup_key`` into an alert until it is resolved.

API: https://developer.pagerduty.com/docs/events-api-v2-overview. 202 is taken, 400 never will be, 429 and 5xx later. A
summary has at most 1024 characters, an event 512 kB.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC
from typing import Any, Literal

import orjson
from pydantic import SecretStr

from aiops_jobs.adapters import clock
from aiops_jobs.adapters.connection import Connection
from aiops_jobs.adapters.http import HTTPClient
from aiops_jobs.adapters.markup.text import TextRenderer
from aiops_jobs.adapters.sinks._settings import SinkSettings
from aiops_jobs.core.tickets.limits import Limit, cut
from aiops_jobs.core.tickets.richtext import parse
from aiops_jobs.errors import AmbiguousDelivery, ConnectorError, CredentialsRefused
from aiops_jobs.ports import Check, Draft, Event, Receipt, SinkTraits

HOSTS = {"us": "https://events.pagerduty.com", "eu": "https://events.eu.pagerduty.com"}
PATH = "/v2/enqueue"
SUMMARY, TEXT, LABEL = Limit(1024, "utf16"), Limit(60_000, "bytes"), Limit(255, "utf16")
EVENT_BYTES = 512_000
KEY_CHARACTERS = 255
MOST_LINKS = 20
SEVERITIES = {"P1": "critical", "P2": "error", "P3": "warning", "P4": "info", "P5": "info"}
BAD_REQUEST = 400
NOTHING = "aiops-check"
"""Key of no alert: to resolve it tells nobody anything."""


class Settings(SinkSettings, Connection):
    """Settings of an integration of a service."""

    kind: Literal["pagerduty_events"] = "pagerduty_events"
    """Always ``pagerduty_events``."""
    routing_key: SecretStr
    """Integration key of the *Events API v2* integration of the service."""
    region: Literal["us", "eu"] = "us"
    """Service region of the account."""
    url: str = ""
    """Address instead of the region's, such as a proxy's."""
    client_url: str = ""
    """Where the *view in* link of an event leads; empty: to the first page of ours that the text links to."""


class PagerDutyEventSink:
    """Tells events; alerts and incidents are made of them by the rules of the service."""

    def __init__(self, name: str, settings: Settings) -> None:
        self.name = name
        self.traits = SinkTraits(
            mode=settings.mode,
            has_native_key=True,
            title_limit=SUMMARY,
            body_limit=TEXT,
            markup="text",
            scopes=("Events API v2 integration key",),
        )
        self._settings = settings
        self._key = settings.routing_key.get_secret_value()
        self._http = HTTPClient(
            name,
            settings.url or HOSTS[settings.region],
            headers=settings.headers,
            secrets=(self._key,),
            timeout_s=settings.timeout_s,
            max_body_bytes=1 << 20,
            ca_file=settings.ca_file,
        )
        self._text = TextRenderer()

    def check(self) -> Sequence[Check]:
        """Resolve an alert that is not there: the key is judged, and nobody is told anything."""
        try:
            self._send({"event_action": "resolve", "dedup_key": NOTHING})
        except ConnectorError as error:
            remedy = "Give the integration key of an Events API v2 integration, and the region of the account."
            return [Check("routing key", is_ok=False, detail=error.problem, remedy=remedy)]
        return [Check("routing key", is_ok=True, detail=f"{self._http.host} takes it")]

    def emit(self, event: Event) -> Receipt:
        """Tell one event; told twice, it is folded into the same alert."""
        key = event.draft.external_key
        if len(key) > KEY_CHARACTERS:
            raise ConnectorError(self.name, f"the key `{key[:40]}…` is longer than {KEY_CHARACTERS} characters")
        self._send(self._told(event))
        return Receipt(key)

    def _send(self, told: dict[str, Any]) -> None:
        try:
            said = self._http.post(PATH, json={"routing_key": self._key, **told}).json()
        except ConnectorError as error:
            if error.status == BAD_REQUEST and "routing" in error.problem.casefold():
                raise CredentialsRefused(self.name, error.problem, status=BAD_REQUEST) from error
            raise
        if not isinstance(said, dict) or said.get("dedup_key") != told["dedup_key"]:
            raise AmbiguousDelivery(self.name, f"{self._http.host} does not say that it took {told['dedup_key']}")

    def _told(self, event: Event) -> dict[str, Any]:
        draft = event.draft
        links = list(_links(draft))[:MOST_LINKS]
        told: dict[str, Any] = {
            "event_action": "resolve" if event.action == "resolve" else "trigger",
            "dedup_key": draft.external_key,
            "payload": self._payload(event),
            "client": "aiops-jobs",
            "links": links,
        }
        client_url = self._settings.client_url or next((link["href"] for link in links), "")
        if client_url:
            told["client_url"] = client_url
        if len(orjson.dumps(told)) > EVENT_BYTES - len(self._key):
            told["links"] = []
            told["payload"]["custom_details"] = {"text": told["payload"]["custom_details"]["text"]}
        return told

    def _payload(self, event: Event) -> dict[str, Any]:
        draft, is_over = event.draft, event.action == "resolve"
        body = event.note if is_over and event.note else draft.body
        fields = {name: str(value) for name, value in sorted(draft.fields.items()) if value is not None}
        at = draft.started_at if event.action == "trigger" else clock.now()
        payload = {
            "summary": cut(self._text.line(draft.title), SUMMARY) or draft.external_key,
            "source": cut(fields.get("entity_id") or fields.get("service_name") or "aiops-jobs", LABEL),
            "severity": SEVERITIES.get(draft.priority, "warning"),
            "timestamp": at.astimezone(UTC).isoformat(timespec="milliseconds"),
            "component": cut(fields.get("service_name", ""), LABEL),
            "group": cut(draft.assignment_group or "", LABEL),
            "class": cut(fields.get("finding_kind") or fields.get("cause_kind", ""), LABEL),
            "custom_details": {
                "text": self._text.render(body, TEXT),
                "priority": draft.priority,
                "event_id": event.event_id,
                **{name: cut(value, LABEL) for name, value in fields.items()},
            },
        }
        return {name: value for name, value in payload.items() if value}


def _links(draft: Draft) -> Iterator[dict[str, str]]:
    """Yield the links of the text; what telemetry said is no link there."""
    for block in parse(draft.body):
        for line in block.lines:
            yield from ({"href": span.url, "text": cut(span.text, LABEL)} for span in line if span.url)
