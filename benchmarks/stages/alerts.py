"""A storm of notifications becomes alert episodes, and these become groups.

The peer is written here, in plain Python: the same reading of episodes, links by service and by dependency, union-find.
networkx, which the goal was stated against, is not installed; a dictionary union-find is the cheaper peer of the two.
"""

from __future__ import annotations

from collections import defaultdict
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from aiops_jobs.contracts.results import ANOMALIES, FINDINGS
from aiops_jobs.contracts.table import Table
from aiops_jobs.contracts.telemetry import CHANGES, CONFIGURATION_ITEMS, RAW_ALERTS, TOPOLOGY_EDGES
from aiops_jobs.core.columns import names_without_lineage
from aiops_jobs.core.incidents.correlation import Facts, Prepared, prepare
from aiops_jobs.core.policies import Policies
from benchmarks.measure import Case, Side
from benchmarks.stages import samples

EVENTS, PER_SERVICE = 50_000, 80
POLICIES = Policies()
LONG_AGO = samples.START - timedelta(days=400)


def build(_folder: Path, scale: float) -> Case:
    """Return the case: a day of notifications; services grow with them, so density stays the same."""
    events = max(40, round(EVENTS * scale))
    services = max(4, events // PER_SERVICE)
    raw = raw_alerts(events, services)
    edges = [(f"service/s{i}", f"service/s{(i * 7 + 1) // 8}") for i in range(2, services)]
    facts = Facts(
        raw_alerts=raw,
        findings=_unstamped(FINDINGS),
        anomalies=_unstamped(ANOMALIES),
        changes=CHANGES.empty(),
        items=_items(services),
        edges=_edges(edges),
    )
    rows = list(zip(*(raw[n].to_pylist() for n in ("observed_at", "alert_fingerprint", "entity_id", "alert_status"))))  # noqa: B905
    return Case(
        size=f"{events:,} notifications, {services:,} services",
        ours=Side(
            "prepare",
            lambda _: prepare(facts, policies=POLICIES, span=samples.window()),
            note="Ours also finds flapping, shared silent components and groups that stay apart.",
        ),
        peers=(
            Side(
                "Python loop + union-find",
                lambda _: group_in_python(rows, edges),
                goal=8.0,
                note="networkx is not installed: a plain union-find stands in. The peer gets ready Python rows.",
            ),
        ),
        facts=lambda results: f"Groups: ours {_groups(results[0])}, peer {results[1]}.",
    )


def raw_alerts(events: int, services: int) -> pa.Table:
    """Return notifications in bursts at neighbouring services, and noise."""
    rng = np.random.default_rng(5)
    bursts = max(1, events // 25)
    burst = rng.integers(0, bursts, events)
    begin, where = rng.uniform(0, 86000, bursts), rng.integers(0, services, bursts)
    at = np.clip(begin[burst] + rng.exponential(120, events), 0, 86399)
    service = np.minimum(where[burst] + rng.integers(0, 3, events), services - 1)
    rule = rng.integers(0, 4, events)
    micros = (int(samples.START.timestamp()) * 1_000_000 + at * 1e6).astype(np.int64)
    names = [f"s{i}" for i in service.tolist()]
    return RAW_ALERTS.conform(
        pa.table(
            {
                "observed_at": pa.array(micros).cast(samples.INSTANT),
                "event_id": [f"e{i:08d}" for i in range(events)],
                "alert_fingerprint": [f"{n}:{r}" for n, r in zip(names, rule.tolist(), strict=True)],
                "alert_name": [f"Rule{r}" for r in rule.tolist()],
                "alert_status": np.where(rng.random(events) < 0.3, "resolved", "firing").tolist(),
                "severity": ["warning"] * events,
                "entity_id": [f"service/{n}" for n in names],
                "service_name": names,
                "summary": ["something is high"] * events,
                "source": ["am"] * events,
            }
        )
    )


def group_in_python(rows: list[tuple[Any, ...]], edges: list[tuple[str, str]]) -> int:
    """Return how many groups a straightforward program finds: episodes by key, links by time and place, union-find."""
    silence = timedelta(seconds=POLICIES.alerts.resolve_timeout_s)
    gap = timedelta(seconds=POLICIES.correlation.gap_s)
    episodes: list[tuple[Any, str]] = []
    last: dict[str, tuple[Any, str]] = {}
    for at, key, entity, status in sorted(rows):
        before = last.get(key)
        if status == "firing" and (before is None or before[1] == "resolved" or at - before[0] > silence):
            episodes.append((at, entity))
        if status == "firing" or before is not None:
            last[key] = (at, status)
    near = defaultdict(set)
    for child, parent in edges:
        near[child].add(parent)
        near[parent].add(child)
    root = list(range(len(episodes)))

    def find(i: int) -> int:
        while root[i] != i:
            root[i] = root[root[i]]
            i = root[i]
        return i

    recent: dict[str, int] = {}
    for number, (at, entity) in enumerate(sorted(episodes)):
        for other in (entity, *near[entity]):
            earlier = recent.get(other)
            if earlier is not None and at - episodes[earlier][0] <= gap:
                root[find(number)] = find(earlier)
        recent[entity] = number
    return len({find(i) for i in range(len(episodes))})


def _groups(prepared: Prepared) -> int:
    return len(prepared.grouping.groups)


def _unstamped(table: Table) -> pa.Table:
    return table.empty().select(names_without_lineage(table))


def _items(services: int) -> pa.Table:
    return CONFIGURATION_ITEMS.conform(
        pa.table(
            {
                "valid_from": pa.array([LONG_AGO] * services, samples.INSTANT),
                "entity_id": [f"service/s{i}" for i in range(services)],
                "entity_kind": ["service"] * services,
                "service_name": [f"s{i}" for i in range(services)],
                "source": ["cmdb"] * services,
            }
        )
    )


def _edges(edges: list[tuple[str, str]]) -> pa.Table:
    return TOPOLOGY_EDGES.conform(
        pa.table(
            {
                "valid_from": pa.array([LONG_AGO] * len(edges), samples.INSTANT),
                "from_entity_id": pa.array([a for a, _ in edges], pa.string()),
                "to_entity_id": pa.array([b for _, b in edges], pa.string()),
                "edge_type": pa.array(["calls"] * len(edges), pa.string()),
                "source": pa.array(["cmdb"] * len(edges), pa.string()),
            }
        )
    )
