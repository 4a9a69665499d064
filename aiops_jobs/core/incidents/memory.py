"""What the house remembers: tickets and incidents of the past as documents, and incidents as questions to them.

A ticket that we have opened ourselves and the incident it is about are one memory: the incident, with what the ticket
says about its end.
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from aiops_jobs.core.columns import EPOCH, micros_of, plain, to_micros
from aiops_jobs.core.incidents.similar import FACETS, Past, Subject

ROW_SCHEMA = pa.schema(
    [
        ("similar_id", pa.string()),
        ("similar_kind", pa.string()),
        ("title", pa.string()),
        ("opened_at", pa.timestamp("us", tz="UTC")),
        ("resolution_code", pa.string()),
        ("resolution", pa.string()),
        ("cause_entity_id", pa.string()),
    ]
)
_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


@dataclass(frozen=True)
class Told:
    """Incidents and what belongs to them; rows as published, from one or several runs."""

    incidents: pa.Table
    memberships: pa.Table
    """``incident_alerts``."""
    alerts: pa.Table


def to_subjects(told: Told) -> list[Subject]:
    """Return every incident as a question to the past."""
    members = _alerts_of(told)
    return [_subject(row, members.get(row["incident_id"], [])) for row in told.incidents.to_pylist()]


def to_past(tickets: pa.Table, told: Told, *, own: Mapping[str, str]) -> Past:
    """Return everything that can be remembered.

    Args:
        tickets: ``ticket_history``, as known at the knowledge cut; those not resolved are no memory.
        told: Our own incidents; those that still go on are no memory either.
        own: Incident id by the key of each ticket that we have opened.
    """
    tickets = tickets.filter(tickets["resolved_at"].is_valid())
    ids = set(told.incidents["incident_id"].to_pylist())
    ours = {key: subject for key, subject in own.items() if subject in ids}
    is_ours = pc.is_in(plain(tickets["ticket_key"]), pa.array(sorted(ours), pa.string()))
    ends = {ours[row["ticket_key"]]: row for row in tickets.filter(is_ours).to_pylist()}
    parts = [_of_tickets(tickets.filter(pc.invert(is_ours))), _of_incidents(told, ends)]
    return Past(
        rows=pa.concat_tables([part.rows for part in parts]),
        ended=np.concatenate([part.ended for part in parts]),
        texts=pa.concat_arrays([part.texts for part in parts]),
        facets={facet: pa.concat_arrays([part.facets[facet] for part in parts]) for facet in FACETS},
    )


def _of_tickets(tickets: pa.Table) -> Past:
    count = tickets.num_rows
    column = {name: plain(tickets[name]) for name in tickets.column_names}
    cause, entity = column["cause_entity_id"], column["entity_id"]
    columns = {
        "similar_id": column["ticket_key"],
        "similar_kind": pa.array(["ticket"] * count, pa.string()),
        "title": column["title"],
        "opened_at": column["opened_at"],
        "resolution_code": column["resolution_code"],
        "resolution": column["description"],
        "cause_entity_id": cause,
    }
    said = [pc.fill_null(column[name], "") for name in ("title", "description")]
    unknown = pa.nulls(count, pa.string())
    return Past(
        rows=pa.table(columns).cast(ROW_SCHEMA),
        ended=micros_of(tickets["resolved_at"]),
        texts=pc.binary_join_element_wise(*said, " "),
        facets={
            "cause": cause,
            "entity": entity,
            "service": column["service_name"],
            "entity_kind": _kinds(pc.coalesce(cause, entity)),
            "cause_kind": unknown,
            "alert_rule": unknown,
        },
    )


def _of_incidents(told: Told, ends: Mapping[str, Mapping[str, Any]]) -> Past:
    members = _alerts_of(told)
    ended = [row for row in told.incidents.to_pylist() if row["ended_at"] is not None]
    rows, texts = [], []
    facets: dict[str, list[str | None]] = {facet: [] for facet in FACETS}
    for row in ended:
        alerts = members.get(row["incident_id"], [])
        end = ends.get(row["incident_id"], {})
        cause = end.get("cause_entity_id") or row["cause_entity_id"]
        rows.append(
            {
                "similar_id": row["incident_id"],
                "similar_kind": "incident",
                "title": row["title"],
                "opened_at": row["started_at"],
                "resolution_code": end.get("resolution_code"),
                "resolution": end.get("description"),
                "cause_entity_id": cause,
            }
        )
        texts.append(_text(row, alerts))
        facets["cause"].append(cause)
        facets["entity"].append(row["entity_id"])
        facets["service"].append(row["service_name"])
        facets["entity_kind"].append(_kind(cause or row["entity_id"]))
        facets["cause_kind"].append(None if row["cause_kind"] == "unknown" else row["cause_kind"])
        facets["alert_rule"].append(alerts[0]["alert_name"] if alerts else None)
    return Past(
        rows=pa.Table.from_pylist(rows, schema=ROW_SCHEMA),
        ended=np.array([to_micros(row["ended_at"]) for row in ended], np.int64),
        texts=pa.array(texts, pa.string()),
        facets={facet: pa.array(names, pa.string()) for facet, names in facets.items()},
    )


def _subject(row: Mapping[str, Any], alerts: list[Mapping[str, Any]]) -> Subject:
    services = {row["service_name"], *json.loads(row["services_affected"] or "[]")}
    entities = {row["entity_id"], row["cause_entity_id"], *(alert["entity_id"] for alert in alerts)}
    names = {
        "cause": {row["cause_entity_id"]},
        "entity": entities,
        "service": services,
        "entity_kind": {_kind(row["cause_entity_id"] or row["entity_id"])},
        "cause_kind": {None if row["cause_kind"] == "unknown" else row["cause_kind"]},
        "alert_rule": {alert["alert_name"] for alert in alerts},
    }
    return Subject(
        incident_id=row["incident_id"],
        started_at=row["started_at"],
        began=to_micros(row["started_at"]),
        text=_text(row, alerts),
        facets={facet: frozenset(name for name in found if name) for facet, found in names.items()},
    )


def _text(row: Mapping[str, Any], alerts: list[Mapping[str, Any]]) -> str:
    """Return what an incident says in words: title, summary, and the names of its alerts, each once."""
    rules = sorted({_HUMP.sub(" ", alert["alert_name"]).replace("_", " ") for alert in alerts})
    return " ".join([row["title"], row["summary"], *rules])


def _alerts_of(told: Told) -> dict[str, list[Mapping[str, Any]]]:
    """Return the alerts of each incident, by begin."""
    names = ["alert_id", "alert_name", "entity_id", "started_at"]
    alerts = {row["alert_id"]: row for row in told.alerts.select(names).to_pylist()}
    found: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
    for row in told.memberships.select(["incident_id", "member_id"]).to_pylist():
        if row["member_id"] in alerts:
            found[row["incident_id"]].append(alerts[row["member_id"]])
    return {key: sorted(rows, key=lambda a: (a["started_at"] or EPOCH, a["alert_id"])) for key, rows in found.items()}


def _kinds(names: pa.Array) -> pa.Array:
    """Return the kind in front of each entity id."""
    return pc.if_else(pc.match_substring(names, "/"), pc.replace_substring_regex(names, "/.*$", ""), None)


def _kind(name: str | None) -> str | None:
    return name.split("/")[0] if name and "/" in name else None
