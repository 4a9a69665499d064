"""A storm of alerts becomes groups; a million notifications become incidents with causes.

The peer is what a straightforward program does: links of alerts by time and topology in Python loops, and the connected
components of networkx. Both follow one rule and must find the same groups; where they do not, the page says so.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import defaultdict
from datetime import timedelta
from pathlib import Path

import networkx as nx
import numpy as np
import pyarrow as pa

from aiops_jobs.contracts.results import ALERTS, ANOMALIES, FINDINGS
from aiops_jobs.contracts.table import Table
from aiops_jobs.contracts.telemetry import CHANGES, CONFIGURATION_ITEMS, LOG_RECORDS, RAW_ALERTS, SPANS, TOPOLOGY_EDGES
from aiops_jobs.core.columns import SECOND, instants, names_without_lineage, rows_from
from aiops_jobs.core.incidents.correlation import Facts, correlate_members
from aiops_jobs.core.incidents.group import Grouping, group_members
from aiops_jobs.core.incidents.members import Members, to_members
from aiops_jobs.core.incidents.signals import Signals
from aiops_jobs.core.incidents.topology import TopologyHistory
from aiops_jobs.core.policies import CorrelationPolicy, Policies
from benchmarks.measure import Case, Side
from benchmarks.stages import samples

EVENTS, PER_SERVICE = 100_000, 80
RULE = CorrelationPolicy(overlap_s=0.0, reopen_s=0.0)
"""Time and topology, nothing else; the policy's further reasons to link are switched off."""
POLICIES = Policies()
LONG_AGO = samples.START - timedelta(days=400)


def build(_folder: Path, scale: float) -> Case:
    """Return the case: a day of alerts; components grow with them, so density stays the same."""
    events = max(40, round(EVENTS * scale))
    nodes = max(4, events // PER_SERVICE)
    pairs = [(f"queue/s{i}", f"queue/s{(i * 7 + 1) // 8}") for i in range(2, nodes)]
    members = _members(events, nodes)
    history = TopologyHistory(CONFIGURATION_ITEMS.empty(), _edges(pairs), extra_names=tuple(_names(nodes)))
    rows = list(zip(members.start.tolist(), members.end.tolist(), members.nodes, strict=True))
    near = _near(pairs, RULE.max_hops)
    return Case(
        size=f"{events:,} alerts, {nodes:,} components",
        ours=Side("group_members", lambda _: group_members(members, history, policy=RULE)),
        peers=(
            Side(
                "Python links + networkx",
                lambda _: group_with_networkx(rows, near),
                goal=8.0,
                note="One rule: time and topology. The peer gets ready Python rows and ready distances.",
            ),
        ),
        facts=lambda results: _compared(results[0], results[1]),
    )


def build_whole(_folder: Path, scale: float) -> Case:
    """Return the case: notifications become episodes, incidents, causes and rows; nobody publishes a peer."""
    events = max(40, round(EVENTS * scale))
    services = max(4, events // PER_SERVICE)
    edges = [(f"service/s{i}", f"service/s{(i * 7 + 1) // 8}") for i in range(2, services)]
    facts = Facts(
        raw_alerts=raw_alerts(events, services),
        findings=_unstamped(FINDINGS),
        anomalies=_unstamped(ANOMALIES),
        changes=CHANGES.empty(),
        items=_items(services),
        edges=_edges(edges),
    )
    silence = Signals(LOG_RECORDS.empty(), SPANS.empty())
    return Case(
        size=f"{events:,} notifications, {services:,} services",
        ours=Side(
            "correlate_members",
            lambda _: correlate_members(facts, silence, policies=POLICIES, span=samples.window()),
        ),
        facts=lambda results: f"{results[0].alerts.num_rows:,} episodes, {results[0].incidents.num_rows:,} incidents.",
    )


def group_with_networkx(rows: list[tuple[int, int, str]], near: dict[str, set[str]]) -> set[frozenset[int]]:
    """Return the groups a straightforward program finds.

    An alert joins the session of its component if it begins within the gap after the latest end there; two sessions
    of components near one another are linked if an alert of one begins within the gap of the begin of the other.

    Args:
        rows: Begin and end (microseconds) and component of each alert, sorted by begin.
        near: Components within the policy's hops, either way.
    """
    gap = int(RULE.gap_s * SECOND)
    graph = nx.Graph()
    begins: dict[str, list[int]] = defaultdict(list)
    places: dict[str, list[int]] = defaultdict(list)
    latest: dict[str, int] = {}
    heads: list[tuple[int, int, str]] = []
    for place, (start, end, node) in enumerate(rows):
        graph.add_node(place)
        if node in latest and start - latest[node] <= gap:
            graph.add_edge(places[node][-1], place)
        else:
            heads.append((place, start, node))
        latest[node] = max(end, latest.get(node, end))
        begins[node].append(start)
        places[node].append(place)
    for place, start, node in heads:
        for other in near.get(node, ()):
            low, high = bisect_left(begins[other], start - gap), bisect_right(begins[other], start + gap)
            graph.add_edges_from((place, found) for found in places[other][low:high])
    return {frozenset(group) for group in nx.connected_components(graph)}


def _compared(grouping: Grouping, peer: set[frozenset[int]]) -> str:
    ours = {frozenset(group.members) for group in grouping.groups}
    same = "the same" if ours == peer else f"NOT the same ({len(ours ^ peer):,} differ)"
    return f"Groups: ours {len(ours):,}, peer {len(peer):,}: {same}."


def _members(events: int, nodes: int) -> Members:
    """Return alerts in bursts at neighbouring components, and noise."""
    rng = np.random.default_rng(5)
    bursts = max(1, events // 25)
    burst = rng.integers(0, bursts, events)
    begin, where = rng.uniform(0, 80000, bursts), rng.integers(0, nodes, bursts)
    at = (begin[burst] + rng.exponential(120, events)) * SECOND
    started = int(samples.START.timestamp()) * SECOND + at.astype(np.int64)
    node = np.minimum(where[burst] + rng.integers(0, 3, events), nodes - 1)
    names = _names(nodes)
    alerts = rows_from(
        ALERTS,
        {
            "alert_id": [f"alt-{i:09d}" for i in range(events)],
            "alert_fingerprint": [names[n] for n in node.tolist()],
            "alert_name": pa.repeat("CpuHigh", events),
            "entity_id": [names[n] for n in node.tolist()],
            "severity": pa.repeat("warning", events),
            "alert_state": pa.repeat("resolved", events),
            "started_at": instants(started),
            "last_event_at": instants(started),
            "resolved_at": instants(started + rng.integers(1, 300, events) * SECOND),
            "resolved_by": pa.repeat("integration", events),
            "event_count": np.ones(events, np.int64),
            "full_duplicate_count": np.zeros(events, np.int64),
            "flap_count": np.zeros(events, np.int64),
            "is_flapping": np.zeros(events, bool),
            "summary": pa.repeat("something is high", events),
            "source": pa.repeat("am", events),
            "policy_version": pa.repeat("none", events),
        },
    )
    return to_members(alerts, _unstamped(FINDINGS), _unstamped(ANOMALIES), policies=POLICIES)


def _names(nodes: int) -> list[str]:
    return [f"queue/s{i}" for i in range(nodes)]


def _near(pairs: list[tuple[str, str]], hops: int) -> dict[str, set[str]]:
    """Return, for each component, those it depends on over at most some hops, and those that depend on it."""
    above = defaultdict(set)
    for child, parent in pairs:
        above[child].add(parent)
    near: dict[str, set[str]] = defaultdict(set)
    for child in list(above):
        front = {child}
        for _ in range(hops):
            front = {parent for node in front for parent in above.get(node, ())}
            for parent in front - {child}:
                near[child].add(parent)
                near[parent].add(child)
    return near


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
