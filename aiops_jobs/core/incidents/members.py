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
from aiops_jobs.core.columns import Bools, Floats, Ints, Words, combined, floats_of, micros_of, plain, texts_of
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
    """Members of incidents, sorted by begin and id; all arrays and `Words` have one entry a member.

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
    is_scored: Bools
    """Whether an alert's source told its score; only what does can be compared with the noise of the estate."""
    burst: Ints
    """Number of the burst it belongs to: what stands out from the noise at about the same time; -1: none."""
    entity: Words[str | None]
    service: Words[str | None]
    host: Words[str | None]
    source: Words[str | None]
    name: Words[str]
    """Metric or alert rule."""
    role: Words[str]
    meaning: Words[MetricRole]
    details: Words[dict[str, Any] | None]
    """What the anomaly table says about a finding."""

    def __len__(self) -> int:
        return len(self.ids)

    @cached_property
    def nodes(self) -> Words[str | None]:
        """Where each member sits in the topology; null where it names nothing at all."""
        return self.places.mapped(lambda place: node_of(*place)).unified()

    @cached_property
    def places(self) -> Words[tuple[str | None, str | None, str | None]]:
        """Entity, service and host of each member."""
        return combined(self.entity, self.service, self.host)

    @cached_property
    def is_symptom(self) -> Bools:
        """Whether users feel it: latency and errors above the machines, and services' alerts about who knows what."""
        return combined(self.role, self.nodes).where(lambda pair: _is_felt(*pair)) & ~self.is_faint

    @cached_property
    def is_load(self) -> Bools:
        """Whether it only says that there is more or less to do."""
        return self.role.where(lambda role: role == "traffic")

    @cached_property
    def points_to_cause(self) -> Bools:
        """Whether it speaks of something that can be a cause: a resource, hardware, availability, data."""
        return self.meaning.where(lambda meaning: meaning.cause not in {"unknown", "traffic"})

    @cached_property
    def is_faint(self) -> Bools:
        """Whether it is only context: load, or an alert for information. It joins incidents and links nothing.

        Load that breaks away is more: where nobody comes any more, something keeps them out.
        """
        falls = self.details.where(lambda told: told is not None and told["direction"] == "down")
        collapse = falls & (self.severity == SEVERITIES.index("critical"))
        return np.asarray((self.is_load & ~collapse) | (self.severity == SEVERITIES.index("info")), dtype=bool)

    def taken(self, order: Sequence[int] | Ints) -> Members:
        """Return these members, in this order."""
        places = np.asarray(order, dtype=np.int64)
        picked = {name: _picked(getattr(self, name), places) for name in _FIELDS}
        return replace(self, **picked)


def _picked(values: Any, places: Ints) -> Any:
    if isinstance(values, list):
        return [values[i] for i in places.tolist()]
    return values.taken(places) if isinstance(values, Words) else values[places]


def _joined(one: Any, other: Any) -> Any:
    if isinstance(one, list):
        return one + other
    return one.followed(other) if isinstance(one, Words) else np.concatenate([one, other])


_FIELDS = tuple(field.name for field in fields(Members))
_NAMES = ("entity", "service", "host", "source", "name", "role", "meaning")


def to_members(
    alerts: pa.Table, findings: pa.Table, anomalies: pa.Table, *, policies: Policies, scores: Floats | None = None
) -> Members:
    """Return alert episodes and anomalies as members.

    Args:
        alerts: ``alerts``.
        findings: ``findings`` of all kinds; only anomalies on sound data become members.
        anomalies: ``anomalies``: the details of the findings.
        policies: The roles say what metrics and alert rules stand for.
        scores: Peak score of each alert, NaN where its source told none; nothing: none told any.
    """
    told = _from_alerts(alerts, policies, scores)
    seen = _from_findings(findings, anomalies, policies.roles)
    both = {name: _joined(getattr(told, name), getattr(seen, name)) for name in _FIELDS}
    both.update({name: both[name].unified() for name in _NAMES})
    members = Members(**both)
    keys = pa.table({"start": members.start, "id": pa.array(members.ids, pa.string())})
    order = pc.sort_indices(keys, [("start", "ascending"), ("id", "ascending")])
    return members.taken(np.asarray(order, dtype=np.int64))


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


def _from_alerts(alerts: pa.Table, policies: Policies, scores: Floats | None) -> Members:
    names = Words.of(alerts["alert_name"]).mapped(lambda name: name or "")
    entities = Words.of(alerts["entity_id"])
    read = dict(
        zip(names.values, roles_of(_snake(names.values), (*policies.roles, *policies.alerts.roles)), strict=True)
    )
    meanings = combined(entities, names).mapped(
        lambda pair: HARDWARE if pair[0] and pair[0].startswith("disk/") else read[pair[1]]
    )
    started = micros_of(alerts["started_at"])
    peaks = np.full(len(names), np.nan) if scores is None else scores
    told = np.isfinite(peaks)
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
        strength=np.where(told, np.maximum(peaks, 1.0), ALERT_STRENGTH),
        is_scored=told,
        burst=np.full(len(names), -1, np.int64),
        entity=entities,
        service=Words.of(alerts["service_name"]),
        host=Words.of(alerts["host_name"]),
        source=Words.of(alerts["source"]),
        name=names,
        role=meanings.mapped(lambda meaning: meaning.role if meaning else ALERT),
        meaning=meanings.mapped(lambda meaning: meaning or OTHER),
        details=Words.repeated(None, len(names)),
    )


def _from_findings(findings: pa.Table, anomalies: pa.Table, roles: Sequence[MetricRole]) -> Members:
    sound = pc.invert(pc.is_in(plain(findings["dq_status"]), pa.array(sorted(UNHEALTHY_DATA))))
    rows = findings.filter(pc.and_(pc.equal(plain(findings["finding_kind"]), "anomaly"), sound))
    by_id = {row["finding_id"]: row for row in anomalies.to_pylist()}
    ids = [i or "" for i in texts_of(rows["finding_id"])]
    details = [by_id.get(i) for i in ids]
    each = np.arange(len(ids))
    names = Words(each, [d["metric_name"] if d else "" for d in details])
    meanings = Words(each, roles_of(names.values, roles))
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
        is_scored=np.zeros(len(ids), bool),
        burst=np.full(len(ids), -1, np.int64),
        entity=Words.of(rows["entity_id"]),
        service=Words.of(rows["service_name"]),
        host=Words.of(rows["host_name"]),
        source=Words.of(rows["source"]) if "source" in rows.column_names else Words.repeated("detect", len(ids)),
        name=names,
        role=meanings.mapped(lambda meaning: meaning.role if meaning else OTHER.role),
        meaning=meanings.mapped(lambda meaning: meaning or OTHER),
        details=Words(each, details),
    )


def _severity(rows: pa.Table) -> Ints:
    codes = pc.index_in(plain(rows["severity"]), pa.array(SEVERITIES))
    return np.asarray(codes.fill_null(0).to_numpy(zero_copy_only=False), dtype=np.int64)


def _snake(names: Sequence[str]) -> list[str]:
    """Return alerts' CamelCase names as the snake_case that metric patterns speak."""
    apart = pc.replace_substring_regex(pa.array(names, pa.string()), r"([a-z0-9])([A-Z])", r"\1_\2")
    words: list[str] = pc.utf8_lower(pc.replace_substring(apart, "-", "_")).to_pylist()
    return words
