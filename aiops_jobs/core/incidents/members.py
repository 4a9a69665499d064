"""What incidents are made of: alert episodes and anomalies, side by side, each at one node of the topology."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from aiops_jobs.contracts.columns import SEVERITIES
from aiops_jobs.core.columns import Bools, Floats, Ints, floats_of, micros_of, plain, texts_of
from aiops_jobs.core.features.roles import SYMPTOM_ROLES, roles_of
from aiops_jobs.core.policies import OTHER, MetricRole, Policies

ALERT = "alert"
"""Role of an alert whose name fits no metric role: somebody thought it worth telling, no more is known."""
ALERT_STRENGTH = 2.0
"""Score an alert counts with: its rule has decided, so it is clearly beyond the boundary."""
MACHINES = frozenset({"host", "disk"})
HARDWARE = MetricRole("", "hardware", cause="infra", label="disk health")
"""What any alert about a disk stands for: nobody feels a disk, whatever the alert is called."""
UNHEALTHY_DATA = frozenset({"stale", "no_data", "insufficient_data"})


@dataclass(frozen=True)
class Members:
    """Members of incidents, sorted by begin and id; all arrays have one entry a member.

    Invariants: instants are microseconds; ``end`` is ``OPEN`` for what still goes on.
    """

    ids: list[str]
    is_alert: Bools
    is_flapping: Bools
    start: Ints
    end: Ints
    heard: Ints
    """Until when its source spoke of it: as ``end``, but the last notification of an alert that nobody resolved."""
    detected: Ints
    severity: Ints
    """Position in ``SEVERITIES``."""
    strength: Floats
    """Peak score; 1.0 is the boundary."""
    entity: list[str | None]
    service: list[str | None]
    host: list[str | None]
    source: list[str | None]
    name: list[str]
    """Metric or alert rule."""
    role: list[str]
    meaning: list[MetricRole]
    details: list[dict[str, Any] | None]
    """What the anomaly table says about a finding."""

    def __len__(self) -> int:
        return len(self.ids)

    @cached_property
    def nodes(self) -> list[str | None]:
        """Where each member sits in the topology; null where it names nothing at all."""
        return [node_of(e, s, h) for e, s, h in zip(self.entity, self.service, self.host, strict=True)]

    @cached_property
    def is_symptom(self) -> Bools:
        """Whether users feel it: latency and errors above the machines, and services' alerts about who knows what."""
        felt = [_is_felt(role, node) for role, node in zip(self.role, self.nodes, strict=True)]
        return np.array(felt, dtype=bool) & ~self.is_faint

    @cached_property
    def is_load(self) -> Bools:
        """Whether it only says that there is more or less to do."""
        return np.array([role == "traffic" for role in self.role], dtype=bool)

    @cached_property
    def is_faint(self) -> Bools:
        """Whether it is only context: load, or an alert for information. It joins incidents and links nothing.

        Load that breaks away is more: where nobody comes any more, something keeps them out.
        """
        falls = [d is not None and d["direction"] == "down" for d in self.details]
        collapse = np.array(falls, dtype=bool) & (self.severity == SEVERITIES.index("critical"))
        return np.asarray((self.is_load & ~collapse) | (self.severity == SEVERITIES.index("info")), dtype=bool)

    def taken(self, order: Sequence[int] | Ints) -> Members:
        """Return these members, in this order."""
        places = [int(i) for i in order]
        picked: dict[str, Any] = {}
        for name in _FIELDS:
            values = getattr(self, name)
            picked[name] = values[places] if isinstance(values, np.ndarray) else [values[i] for i in places]
        return replace(self, **picked)


_FIELDS = tuple(field.name for field in fields(Members))


def to_members(alerts: pa.Table, findings: pa.Table, anomalies: pa.Table, *, policies: Policies) -> Members:
    """Return alert episodes and anomalies as members.

    Args:
        alerts: ``alerts``.
        findings: ``findings`` of all kinds; only anomalies on sound data become members.
        anomalies: ``anomalies``: the details of the findings.
        policies: The roles say what metrics and alert rules stand for.
    """
    told = _from_alerts(alerts, policies)
    seen = _from_findings(findings, anomalies, policies.roles)
    both: dict[str, Any] = {}
    for name in _FIELDS:
        values, other = getattr(told, name), getattr(seen, name)
        both[name] = np.concatenate([values, other]) if isinstance(values, np.ndarray) else values + other
    members = Members(**both)
    order = sorted(range(len(members)), key=lambda i: (int(members.start[i]), members.ids[i]))
    return members.taken(order)


def _is_felt(role: str, node: str | None) -> bool:
    kind = (node or "").partition("/")[0]
    return (role in SYMPTOM_ROLES and kind not in MACHINES) or (role == ALERT and kind in {"service", "gateway", ""})


def node_of(entity: str | None, service: str | None, host: str | None) -> str | None:
    """Return the node of the topology a row speaks about: its entity, else its service, else its host."""
    if entity:
        return entity
    if service:
        return f"service/{service}"
    return f"host/{host}" if host else None


def _from_alerts(alerts: pa.Table, policies: Policies) -> Members:
    names = [name or "" for name in texts_of(alerts["alert_name"])]
    entities = texts_of(alerts["entity_id"])
    read = roles_of(_snake(names), (*policies.roles, *policies.alerts.roles))
    meanings = [HARDWARE if e and e.startswith("disk/") else m for e, m in zip(entities, read, strict=True)]
    started = micros_of(alerts["started_at"])
    return Members(
        ids=[i or "" for i in texts_of(alerts["alert_id"])],
        is_alert=np.ones(len(names), bool),
        is_flapping=np.asarray(alerts["is_flapping"].combine_chunks().to_numpy(zero_copy_only=False), dtype=bool),
        start=started,
        end=micros_of(alerts["resolved_at"]),
        heard=np.where(
            np.asarray(pc.equal(plain(alerts["resolved_by"]), "integration").fill_null(False)),
            micros_of(alerts["resolved_at"]),
            micros_of(alerts["last_event_at"]),
        ),
        detected=started,
        severity=_severity(alerts),
        strength=np.full(len(names), ALERT_STRENGTH),
        entity=entities,
        service=texts_of(alerts["service_name"]),
        host=texts_of(alerts["host_name"]),
        source=texts_of(alerts["source"]),
        name=names,
        role=[meaning.role if meaning else ALERT for meaning in meanings],
        meaning=[meaning or OTHER for meaning in meanings],
        details=[None] * len(names),
    )


def _from_findings(findings: pa.Table, anomalies: pa.Table, roles: Sequence[MetricRole]) -> Members:
    sound = pc.invert(pc.is_in(plain(findings["dq_status"]), pa.array(sorted(UNHEALTHY_DATA))))
    rows = findings.filter(pc.and_(pc.equal(plain(findings["finding_kind"]), "anomaly"), sound))
    by_id = {row["finding_id"]: row for row in anomalies.to_pylist()}
    ids = [i or "" for i in texts_of(rows["finding_id"])]
    details = [by_id.get(i) for i in ids]
    names = [d["metric_name"] if d else "" for d in details]
    meanings = roles_of(names, roles)
    return Members(
        ids=ids,
        is_alert=np.zeros(len(ids), bool),
        is_flapping=np.zeros(len(ids), bool),
        start=micros_of(rows["started_at"]),
        end=micros_of(rows["ended_at"]),
        heard=micros_of(rows["ended_at"]),
        detected=micros_of(rows["detected_at"]),
        severity=_severity(rows),
        strength=floats_of(rows["score"]),
        entity=texts_of(rows["entity_id"]),
        service=texts_of(rows["service_name"]),
        host=texts_of(rows["host_name"]),
        source=list(texts_of(rows["source"])) if "source" in rows.column_names else ["detect"] * len(ids),
        name=names,
        role=[meaning.role if meaning else OTHER.role for meaning in meanings],
        meaning=[meaning or OTHER for meaning in meanings],
        details=details,
    )


def _severity(rows: pa.Table) -> Ints:
    codes = pc.index_in(plain(rows["severity"]), pa.array(SEVERITIES))
    return np.asarray(codes.fill_null(0).to_numpy(zero_copy_only=False), dtype=np.int64)


def _snake(names: list[str]) -> list[str]:
    """Return alerts' CamelCase names as the snake_case that metric patterns speak."""
    apart = pc.replace_substring_regex(pa.array(names, pa.string()), r"([a-z0-9])([A-Z])", r"\1_\2")
    words: list[str] = pc.utf8_lower(pc.replace_substring(apart, "-", "_")).to_pylist()
    return words
