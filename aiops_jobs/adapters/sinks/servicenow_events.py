"""Events to ServiceNow Event Management, which folds those of one ``message_key`` into an alert.

API: ``POST /api/global/em/jsonv2`` (role ``evt_mgmt_integration``), release Australia. Severity is 1 (critical) to 5
(OK) and 0 (clear); times are ``yyyy-MM-dd HH:mm:ss`` in UTC; ``additional_info`` is a text that holds JSON with texts
alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC
from typing import Any, Literal
from urllib.parse import quote

import orjson

from aiops_jobs.adapters import clock
from aiops_jobs.adapters.http_text import told_by
from aiops_jobs.adapters.markup.text import TextRenderer
from aiops_jobs.adapters.sinks.servicenow_client import Instance, InstanceSettings
from aiops_jobs.core.tickets.limits import Limit, cut
from aiops_jobs.errors import AmbiguousDelivery, ConnectorError
from aiops_jobs.ports import Check, Event, Receipt, SinkTraits

PATH = "/api/global/em/jsonv2"
ROLES = ("evt_mgmt_integration", "evt_mgmt_admin", "admin")
SHORT, TEXT = Limit(100, "utf16"), Limit(4000, "utf16")
KEY_CHARACTERS = 1024
SEVERITIES = {"P1": "1", "P2": "2", "P3": "3", "P4": "4", "P5": "4"}
"""Critical, major, minor, warning; a 5 would say that all is well."""
CLEAR = "0"


class Settings(InstanceSettings):
    """Settings of an instance that events go to."""

    kind: Literal["servicenow_events"] = "servicenow_events"
    """Always ``servicenow_events``."""
    source: str = "aiops-jobs"
    """What the events are from; rules of the instance can refer to it."""
    event_class: str = "aiops-jobs"
    """Which of several sources of that name."""


class ServiceNowEventSink:
    """Tells events; alerts and incidents are made of them by the rules of the instance."""

    def __init__(self, name: str, settings: Settings) -> None:
        self.name = name
        self.traits = SinkTraits(
            mode=settings.mode,
            has_native_key=True,
            title_limit=TEXT,
            body_limit=TEXT,
            markup="text",
            scopes=ROLES[:1],
        )
        self._settings = settings
        self._instance = Instance(name, settings)
        self._text = TextRenderer(broken=("code",))

    def check(self) -> Sequence[Check]:
        """Ask who we are and for our role; no event is told."""
        return list(self._instance.whoami(ROLES))

    def emit(self, event: Event) -> Receipt:
        """Tell one event; told twice, it is folded into the same alert."""
        key = event.draft.external_key
        if len(key) > KEY_CHARACTERS:
            raise ConnectorError(self.name, f"the key `{key[:40]}…` is longer than {KEY_CHARACTERS} characters")
        reply = self._instance.http.post(PATH, json={"records": [self._record(event)]})
        said = reply.json()
        if not isinstance(said, dict) or said.get("error"):
            raise AmbiguousDelivery(self.name, f"{reply.url} does not say that it took it: {told_by(reply.body, '')}")
        base = self._settings.url.rstrip("/")
        return Receipt(key, f"{base}/em_alert_list.do?sysparm_query={quote(f'message_key={key}')}")

    def _record(self, event: Event) -> dict[str, str]:
        draft, is_over = event.draft, event.action == "resolve"
        fields = {name: str(value) for name, value in draft.fields.items() if value is not None}
        at = draft.started_at if event.action == "trigger" else clock.now()
        body = event.note if is_over and event.note else draft.body
        told: dict[str, Any] = {
            "source": cut(self._settings.source, SHORT),
            "event_class": self._settings.event_class,
            "node": cut(fields.get("entity_id", "").rpartition("/")[2], SHORT),
            "resource": cut(fields.get("service_name", ""), SHORT),
            "type": cut(fields.get("finding_kind") or fields.get("cause_kind", ""), SHORT),
            "message_key": draft.external_key,
            "severity": CLEAR if is_over else SEVERITIES.get(draft.priority, "3"),
            "resolution_state": "Closing" if is_over else "New",
            "time_of_event": f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S}",
            "description": self._description(draft.title, body),
            "additional_info": self._info({**fields, "event_id": event.event_id, "priority": draft.priority}, event),
        }
        return {name: value for name, value in told.items() if value}

    def _description(self, title: str, body: str) -> str:
        head = cut(self._text.line(title), TEXT)
        left = TEXT.size - TEXT.length(head) - 2
        return f"{head}\n\n{self._text.render(body, Limit(left, TEXT.unit))}".rstrip() if left > 1 else head

    def _info(self, told: dict[str, str], event: Event) -> str:
        people = {"assignment_group": event.draft.assignment_group, "assignee": event.draft.assignee}
        texts = {**told, **{name: value for name, value in people.items() if value}}
        return orjson.dumps(texts, option=orjson.OPT_SORT_KEYS).decode()
