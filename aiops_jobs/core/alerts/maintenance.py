"""What is quiet because somebody works on it: windows of the policy, and windows that change records open.

A change opens a window only if it was *planned* as maintenance: its kind says so (or its record does), it has a planned
begin and end, it is approved and not on hold. A deployment silences nothing: what it breaks must be heard, and so must
what a maintenance breaks, as soon as its planned time is over. A resolution is never kept back, so an alert that fires
when its window ends, and only such a one, is heard from then on.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from aiops_jobs.core.alerts.recurring import occurrences
from aiops_jobs.core.alerts.stretches import Intervals, Stretches, joined, merged, overlaps
from aiops_jobs.core.alerts.subjects import Subjects, nodes_of, shared_codes
from aiops_jobs.core.columns import OPEN, SECOND, Ints, micros_of, plain, texts_of, to_instant, to_micros
from aiops_jobs.core.policies.suppression import ChangeMaintenancePolicy, MaintenanceWindow, SuppressionPolicy

CHANGES = "changes"
"""Rule of all windows that change records open."""
ON_HOLD = ("on_hold", "onhold", "is_on_hold")
RUNS_ON, CONTAINS = "runs_on", "contains"


@dataclass(frozen=True)
class Hosting:
    """What runs on what, and when: from ``topology_edges`` with their validity."""

    edges: pa.Table

    @cached_property
    def pairs(self) -> list[tuple[str, str, int, int]]:
        """What is carried, what carries it, from when, until when."""
        columns = ("from_entity_id", "to_entity_id", "edge_type")
        texts = [texts_of(self.edges[name]) for name in columns]
        valid = (micros_of(self.edges["valid_from"], missing=0), micros_of(self.edges["valid_to"]))
        found = []
        for one, other, kind, begin, end in zip(*texts, *(v.tolist() for v in valid), strict=True):
            if one and other and kind == RUNS_ON:
                found.append((one, other, begin, end))
            elif one and other and kind == CONTAINS:
                found.append((other, one, begin, end))
        return found

    @cached_property
    def _by_end(self) -> tuple[dict[str, list[tuple[str, int, int]]], dict[str, list[tuple[str, int, int]]]]:
        carried: dict[str, list[tuple[str, int, int]]] = {}
        carriers: dict[str, list[tuple[str, int, int]]] = {}
        for what, on, begin, end in self.pairs:
            carried.setdefault(on, []).append((what, begin, end))
            carriers.setdefault(what, []).append((on, begin, end))
        return carried, carriers

    def covered(self, nodes: Iterable[str], at: int) -> set[str]:
        """Return the nodes and all that runs on them alone at an instant.

        What also runs elsewhere is left out: it should work, and if it does not, somebody must hear of it.
        """
        carried, carriers = self._by_end
        known, front = set(nodes), list(nodes)
        while front:
            for what, begin, end in carried.get(front.pop(), ()):
                if what in known or not begin <= at < end:
                    continue
                if all(on in known for on, since, until in carriers[what] if since <= at < until):
                    known.add(what)
                    front.append(what)
        return known


@dataclass(frozen=True, slots=True)
class Window:
    """One time in which something is maintained."""

    start: int
    end: int
    nodes: frozenset[str]
    """What is maintained, and what runs on it."""
    rule: str
    reason: str
    by: str | None = None
    alert_names: tuple[str, ...] = field(default=())
    """Patterns; none given: all."""
    is_everything: bool = False


def maintained(subjects: Subjects, *, changes: pa.Table, edges: pa.Table, policy: SuppressionPolicy) -> Stretches:
    """Return the stretches in which alerts speak of what is maintained.

    Args:
        subjects: The alerts.
        changes: ``changes``.
        edges: ``topology_edges``, all versions.
        policy: Windows, and which changes open one.
    """
    if not len(subjects):
        return Stretches()
    hosting = Hosting(edges)
    windows = [w for rule in policy.maintenance for w in _of_rule(rule, subjects, hosting)]
    if policy.changes.is_on:
        windows += _of_changes(changes, hosting, policy.changes)
    if not windows:
        return Stretches()
    place = _Places(subjects)
    return joined([part for group in _by_selection(windows) for part in _stretches(group, subjects, place)])


def _of_rule(rule: MaintenanceWindow, subjects: Subjects, hosting: Hosting) -> list[Window]:
    first, last = int(subjects.start.min()), int(subjects.end.max())
    found = []
    for begin, end in occurrences(rule, to_instant(first), to_instant(last)):
        start = to_micros(begin)
        named = _named(rule, subjects.alerts, hosting)
        reason = f"Maintenance `{rule.name}` from {begin:%Y-%m-%d %H:%M} to {end:%Y-%m-%d %H:%M} UTC."
        found.append(
            Window(
                start,
                to_micros(end),
                frozenset(hosting.covered(named, start)),
                rule.name,
                reason,
                alert_names=rule.alert_names,
                is_everything=not (rule.entities or rule.services or rule.hosts),
            )
        )
    return found


def _named(rule: MaintenanceWindow, alerts: pa.Table, hosting: Hosting) -> set[str]:
    """Return the nodes that fit every list of a rule that is given."""
    known = {node for pair in hosting.pairs for node in pair[:2]}
    columns = [nodes_of(alerts).to_pylist(), texts_of(alerts["service_name"]), texts_of(alerts["host_name"])]
    told = {(node, *_names_in(node, service, host)) for node, service, host in zip(*columns, strict=True)}
    triples = told | {(node, *_names_in(node, None, None)) for node in known}
    lists = (rule.entities, rule.services, rule.hosts)
    fitting = {
        triple
        for triple in triples
        if all(not patterns or _fits(text, patterns) for text, patterns in zip(triple, lists, strict=True))
    }
    return {node for node, _, _ in fitting if node}


def _names_in(node: str | None, service: str | None, host: str | None) -> tuple[str | None, str | None]:
    """Return service and host as a row names them, else as its node does."""
    kind, _, name = (node or "").partition("/")
    return service or (name if kind == "service" else None), host or (name if kind == "host" else None)


def _fits(text: str | None, patterns: tuple[str, ...]) -> bool:
    return text is not None and any(fnmatchcase(text, pattern) for pattern in patterns)


def _of_changes(changes: pa.Table, hosting: Hosting, policy: ChangeMaintenancePolicy) -> list[Window]:
    nodes = nodes_of(changes).to_pylist()
    found = []
    for row, node in zip(changes.to_pylist(), nodes, strict=True):
        if node is None or not is_maintenance(row, policy):
            continue
        for start, end in _times(row, policy):
            reason = f"Planned change {row['change_id']} ({row['title'] or row['change_type']})."
            covered = frozenset(hosting.covered([node], start))
            found.append(Window(start, end, covered, CHANGES, reason, by=row["change_id"]))
    return sorted(found, key=lambda w: (w.start, w.end, w.by or ""))


def is_maintenance(change: Mapping[str, Any], policy: ChangeMaintenancePolicy) -> bool:
    """Tell whether a change was planned as maintenance, approved, and not put on hold."""
    attributes = _attributes(change)
    planned = (change["planned_start_at"], change["planned_end_at"])
    if change["change_type"] == "event" or None in planned or planned[0] >= planned[1]:
        return False
    is_said = _truth(attributes.get("maintenance"))
    if is_said is False or (change["change_type"] not in policy.change_types and not is_said):
        return False
    if any(_truth(attributes.get(name)) for name in ON_HOLD):
        return False
    return _is_among(attributes.get("state"), policy.states) and _is_among(attributes.get("approval"), policy.approvals)


def _attributes(change: Mapping[str, Any]) -> Mapping[str, Any]:
    parsed = json.loads(change["attributes"]) if change["attributes"] else {}
    return parsed if isinstance(parsed, dict) else {}


def _truth(said: object) -> bool | None:
    """Return what an attribute says, however it spells it; nothing if it says nothing."""
    return None if said is None else str(said).strip().lower() in {"true", "1", "yes"}


def _is_among(said: object, allowed: tuple[str, ...]) -> bool:
    return said is None or str(said).strip().lower().replace(" ", "_").replace("-", "_") in allowed


def _times(change: Mapping[str, Any], policy: ChangeMaintenancePolicy) -> list[tuple[int, int]]:
    start, end = to_micros(change["planned_start_at"]), to_micros(change["planned_end_at"])
    if end - start > int(policy.max_duration_s * SECOND):
        return []
    times = [(start, end)]
    if policy.window == "planned_or_actual" and change["ended_at"] is not None:
        actual = to_micros(change["started_at"]), min(to_micros(change["ended_at"]), _overrun(end, policy))
        times += [actual] if actual[0] < actual[1] else []
    return times


def _overrun(end: int, policy: ChangeMaintenancePolicy) -> int:
    return end + int(policy.max_overrun_s * SECOND)


# --- from windows to alerts -----------------------------------------------------------------------------------------


class _Places:
    """Alerts by node and by host name; a window asks a few of them, never all."""

    def __init__(self, subjects: Subjects) -> None:
        hosts = pc.binary_join_element_wise("host", plain(subjects.alerts["host_name"]), "/")
        (nodes, machines), words = shared_codes(subjects.node, hosts)
        self._code = {word: i for i, word in enumerate(words) if word is not None}
        self._orders = [np.argsort(codes, kind="stable") for codes in (nodes, machines)]
        self._sorted = [codes[order] for codes, order in zip((nodes, machines), self._orders, strict=True)]
        self._names = subjects.alerts["alert_name"]
        self._count = len(nodes)

    def chosen(self, window: Window) -> Ints:
        """Return the alerts that a window selects, whatever their time."""
        places: Ints = np.arange(self._count) if window.is_everything else self._at(window.nodes)
        if not window.alert_names:
            return places
        names = texts_of(self._names.take(pa.array(places)))
        fits = {name: _fits(name, window.alert_names) for name in set(names)}
        return np.asarray(places[np.array([fits[name] for name in names], dtype=bool)], dtype=np.int64)

    def _at(self, nodes: frozenset[str]) -> Ints:
        codes = sorted(self._code[node] for node in nodes if node in self._code)
        parts = [
            order[np.searchsorted(known, code) : np.searchsorted(known, code, side="right")]
            for known, order in zip(self._sorted, self._orders, strict=True)
            for code in codes
        ]
        return np.asarray(np.unique(np.concatenate(parts)), dtype=np.int64) if parts else np.zeros(0, np.int64)


def _by_selection(windows: list[Window]) -> list[list[Window]]:
    """Return the windows that select the same alerts together: all recurrences of a rule cost one selection."""
    found: dict[tuple[Any, ...], list[Window]] = {}
    for window in windows:
        key = (window.rule, window.by, window.nodes, window.alert_names)
        found.setdefault(key, []).append(window)
    return list(found.values())


def _stretches(windows: list[Window], subjects: Subjects, place: _Places) -> list[Stretches]:
    chosen = place.chosen(windows[0])
    if not len(chosen):
        return []
    start, end = (np.array([getattr(w, name) for w in windows], np.int64) for name in ("start", "end"))
    whole, heads = merged(np.zeros(len(windows), np.int64), start, end)
    question, hit = overlaps(
        Intervals(whole.key, whole.start, whole.end),
        np.zeros(len(chosen), np.int64),
        subjects.start[chosen],
        subjects.end[chosen],
    )
    alert = chosen[question]
    said = [windows[int(heads[i])] for i in hit]
    return [
        Stretches(
            alert,
            np.maximum(whole.start[hit], subjects.start[alert]),
            np.minimum(whole.end[hit], OPEN),
            [w.rule for w in said],
            [w.reason for w in said],
            [w.by for w in said],
        )
    ]
