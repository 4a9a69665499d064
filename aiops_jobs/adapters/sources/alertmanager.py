"""Alerts from Prometheus Alertmanager: those active now, and those its webhook told us about.

API: https://github.com/prometheus/alertmanager/blob/main/api/v2/openapi.yaml (``GET /api/v2/alerts``) and
https://prometheus.io/docs/alerting/latest/configuration/#webhook_config (payload version 4).

Alertmanager forgets an alert minutes after it is over. Who wants history lets a webhook write every payload into a
folder, one file each, and names the folder as ``spool``. An alert *fires* at ``startsAt``; it is *resolved* at
``endsAt`` when a payload says so, or when the server's own clock had passed it: until then ``endsAt`` is a forecast.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any, Literal

import httpx
import msgspec
import pyarrow as pa
from pydantic import Field, model_validator

from aiops_jobs.adapters.connection import Connection
from aiops_jobs.adapters.http import Reply
from aiops_jobs.adapters.sources.labels import ALERT_SEVERITIES, LabelRules, LabelSettings, alert_fingerprint, origin_of
from aiops_jobs.contracts.table import Table
from aiops_jobs.contracts.telemetry import RAW_ALERTS
from aiops_jobs.errors import ConnectorError, ConnectorUnavailable
from aiops_jobs.identity import fingerprint
from aiops_jobs.ports import Batch, Check, Reject
from aiops_jobs.window import Window

ALERTS_PATH = "/api/v2/alerts"
SUMMARY_CHARACTERS = 500
RAW_CHARACTERS = 4096
NEVER = datetime(1970, 1, 1, tzinfo=UTC)
"""Times before it mean *not yet*: Go writes the year 1."""


class Settings(LabelSettings, Connection):
    """Where alerts are to be had."""

    kind: Literal["alertmanager"] = "alertmanager"
    url: str = ""
    """Address of Alertmanager; empty where only the spool is read."""
    spool: Path | None = None
    """Folder of webhook payloads, one JSON file each."""
    filter: tuple[str, ...] = ()
    """Matchers, all of which an active alert must fit: ``team="web"``."""
    has_suppressed: bool = False
    """Whether silenced and inhibited alerts count too."""
    severity_label: str = "severity"
    """Label that says how bad it is."""
    severities: dict[str, Literal["info", "warning", "critical"]] = Field(default_factory=dict)
    """What its values mean, where they differ from the usual ones; a word nobody knows is a warning, and stays in the
    labels."""
    score_annotation: str = "alert_score"
    """Annotation in which a rule tells how far off the value is, as a multiple of its limit
    (``{{ printf "%f" (div $value 0.9) }}``); anything but a number of at least 0 counts as not told."""

    @model_validator(mode="after")
    def _has_a_place(self) -> Settings:
        if not self.url and self.spool is None:
            raise ValueError("neither `url` nor `spool` say where the alerts are")
        return self


@dataclass(frozen=True, slots=True)
class AlertRules:
    """How alerts are read."""

    labels: LabelRules
    severity_label: str
    severities: Mapping[str, str]
    score_annotation: str


class _Alert(msgspec.Struct):
    labels: dict[str, str]
    startsAt: datetime  # noqa: N815 - theirs
    endsAt: datetime | None = None  # noqa: N815
    annotations: dict[str, str] = {}
    fingerprint: str = ""
    status: Any = None


class _Payload(msgspec.Struct):
    alerts: list[msgspec.Raw]


_alert = msgspec.json.Decoder(_Alert)
_alerts = msgspec.json.Decoder(list[msgspec.Raw])
_payload = msgspec.json.Decoder(_Payload)


class AlertmanagerSource:
    """Reads ``raw_alerts``."""

    tables: Sequence[Table] = (RAW_ALERTS,)

    def __init__(self, name: str, settings: Settings, *, transport: httpx.BaseTransport | None = None) -> None:
        self.name = name
        self._settings = settings
        severities = {**ALERT_SEVERITIES, **settings.severities}
        self._rules = AlertRules(settings.rules, settings.severity_label, severities, settings.score_annotation)
        self._client = None
        if settings.url:
            self._client = settings.client(name, transport=transport)

    def check(self) -> Sequence[Check]:
        """Ask for the version, and look whether the spool is there."""
        found = []
        if self._client is not None:
            try:
                version = self._client.get("/api/v2/status").json()["versionInfo"]["version"]
                found.append(Check("reach", is_ok=True, detail=f"{self._client.host} is Alertmanager {version}"))
            except (ConnectorError, KeyError, TypeError) as error:
                remedy = f"Look at `sources.{self.name}.url`."
                found.append(Check("reach", is_ok=False, detail=str(error), remedy=remedy))
        if self._settings.spool is not None:
            is_there = self._settings.spool.is_dir()
            detail = f"{self._settings.spool} {'is there' if is_there else 'is not there'}"
            found.append(Check("spool", is_ok=is_there, detail=detail, remedy="Let the webhook make it."))
        return found

    def extract(self, table: Table, window: Window) -> Iterator[Batch]:
        """Yield the notifications whose time lies in ``window``: one batch, sorted by time.

        An alert that fired before the window and goes on is not in it.

        Raises:
            ConnectorUnavailable: It cannot be reached, or the spool is not there.
            ConnectorError: It refuses.
        """
        if table is not RAW_ALERTS:
            raise ConnectorError(self.name, f"delivers {RAW_ALERTS.name}, not {table.name}")
        rows: dict[str, tuple[dict[str, Any], str]] = {}
        rejects: list[Reject] = []
        for told in (*self._spooled(), *self._active()):
            if isinstance(told, Reject):
                rejects.append(told)
            elif window.contains(told[0]["observed_at"]):
                rows[told[0]["event_id"]] = told  # a repeated notification says the same thing, perhaps in newer words
        ordered = sorted(rows.values(), key=lambda row: (row[0]["observed_at"], row[0]["event_id"]))
        if ordered or rejects:
            names = [name for name in RAW_ALERTS.names if name != "source"]
            columns = {name: [row[name] for row, _ in ordered] for name in names}
            columns["source"] = [self.name] * len(ordered)
            types = RAW_ALERTS.to_arrow()
            arrays = {n: _array(columns[n], types.field(n).type) for n in RAW_ALERTS.names}
            locators = pa.array([locator for _, locator in ordered], pa.string())
            yield Batch(RAW_ALERTS.shape(pa.table(arrays)), locators, tuple(rejects))

    def _active(self) -> Iterator[tuple[dict[str, Any], str] | Reject]:
        if self._client is None:
            return
        wants = str(self._settings.has_suppressed).lower()
        query = [("silenced", wants), ("inhibited", wants), *(("filter", f) for f in self._settings.filter)]
        reply = self._client.get(ALERTS_PATH, params=query)
        try:
            told = _alerts.decode(reply.body)
        except msgspec.DecodeError as error:
            raise ConnectorError(self.name, f"{self._client.host} did not answer with a list of alerts") from error
        yield from parse_alerts(told, self._rules, source=self.name, place="alerts", answered_at=_answered_at(reply))

    def _spooled(self) -> Iterator[tuple[dict[str, Any], str] | Reject]:
        spool = self._settings.spool
        if spool is None:
            return
        if not spool.is_dir():
            raise ConnectorUnavailable(self.name, f"the spool {spool} is not there")
        for path in sorted(spool.glob("*.json")):
            body = path.read_bytes()
            try:
                told = _payload.decode(body).alerts
            except msgspec.DecodeError as error:
                raw = body[:RAW_CHARACTERS].decode("utf-8", errors="replace")
                yield Reject(path.name, "BROKEN_PAYLOAD", f"{path.name} is no webhook payload: {error}", raw)
                continue
            yield from parse_alerts(told, self._rules, source=self.name, place=path.name)


def parse_alerts(
    told: Iterable[msgspec.Raw], rules: AlertRules, *, source: str, place: str, answered_at: datetime | None = None
) -> Iterator[tuple[dict[str, Any], str] | Reject]:
    """Yield the notifications in alerts as JSON, each a row of ``raw_alerts`` and its locator, or why it is none.

    Args:
        told: Alerts of the API or of a webhook payload.
        rules: How to read them.
        source: Name of the configured source.
        place: Where they stood.
        answered_at: The server's clock when it told, for alerts that do not say whether they are over.
    """
    for index, raw in enumerate(told):
        locator = f"{place}/{index}"
        try:
            alert = _alert.decode(raw)
            started, ended = _utc(alert.startsAt), _utc(alert.endsAt) if alert.endsAt else NEVER
        except (msgspec.DecodeError, ValueError) as error:
            text = bytes(raw)[:RAW_CHARACTERS].decode("utf-8", errors="replace")
            yield Reject(locator, "BROKEN_ALERT", f"it is no alert: {error}", text)
            continue
        row = _row(alert, rules, source=source)
        yield _at(row, alert, "firing", started), locator
        is_over = alert.status == "resolved" or (answered_at is not None and ended <= answered_at)
        if is_over and ended > NEVER:
            yield _at(row, alert, "resolved", ended), locator


def _row(alert: _Alert, rules: AlertRules, *, source: str) -> dict[str, Any]:
    labels = dict(alert.labels)
    alert_name = labels.pop("alertname", None)
    severity = labels.get(rules.severity_label, "").lower()
    origin = origin_of(labels, rules.labels)
    notes = alert.annotations
    told = notes.get("summary") or notes.get("message") or notes.get("description") or alert_name or "alert"
    return {
        "alert_name": alert_name,
        "alert_fingerprint": alert_fingerprint(
            source=source,
            alert_name=alert_name,
            entity_id=origin.entity_id,
            service_name=origin.service_name,
            host_name=origin.host_name,
            labels=origin.labels,
        ),
        "severity": rules.severities.get(severity, "warning"),
        "alert_score": _score(notes.get(rules.score_annotation, "")),
        "entity_id": origin.entity_id,
        "service_name": origin.service_name,
        "host_name": origin.host_name,
        "summary": " ".join(told.split())[:SUMMARY_CHARACTERS],
        "labels": origin.labels,
        "source": source,
    }


def _score(told: str) -> float | None:
    try:
        score = float(told)
    except ValueError:
        return None
    return score if 0 <= score < math.inf else None


def _at(row: dict[str, Any], alert: _Alert, status: str, instant: datetime) -> dict[str, Any]:
    theirs = alert.fingerprint or row["alert_fingerprint"]
    event_id = fingerprint("evt", source=row["source"], fingerprint=theirs, status=status, at=instant)
    return {**row, "event_id": event_id, "alert_status": status, "observed_at": instant}


def _utc(instant: datetime) -> datetime:
    if instant.tzinfo is None:
        raise ValueError(f"{instant.isoformat()} has no zone")
    return instant.astimezone(UTC)


def _array(values: list[Any], kind: pa.DataType) -> pa.Array:
    if pa.types.is_dictionary(kind):
        return pa.array(values, kind.value_type).dictionary_encode()
    return pa.array(values, kind)


def _answered_at(reply: Reply) -> datetime | None:
    try:
        return _utc(parsedate_to_datetime(reply.headers["date"]))
    except (KeyError, ValueError, TypeError):
        return None
