"""Sampled traces: trees of spans whose durations and outcomes follow the metrics of the moment."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from aiops_jobs.contracts.telemetry import SPANS
from aiops_jobs.core.estate import catalogue as cat
from aiops_jobs.core.estate.kinds import Effects
from aiops_jobs.core.estate.phrases import hex_ids
from aiops_jobs.core.estate.physics import failed_at_gateways
from aiops_jobs.core.estate.signals import Signals
from aiops_jobs.core.estate.spec import EstateSpec, Floats, Ints
from aiops_jobs.core.estate.world import World
from aiops_jobs.identity import canonical_json

# service, operation, kind of span, position of the parent (-1: root), database or gateways it goes to
Node = tuple[str, str, str, int, str | None]
TREES: tuple[tuple[float, tuple[Node, ...]], ...] = (
    (
        0.40,
        (
            ("web", "GET /product/{id}", "server", -1, None),
            ("catalog", "GET /items/{id}", "server", 0, None),
            ("catalog", "SELECT items", "client", 1, "catalog-db"),
            ("recommendation", "GET /similar/{id}", "server", 0, None),
        ),
    ),
    (
        0.20,
        (
            ("web", "GET /search", "server", -1, None),
            ("search", "GET /query", "server", 0, None),
            ("catalog", "POST /items/batch", "server", 1, None),
            ("catalog", "SELECT items", "client", 2, "catalog-db"),
        ),
    ),
    (
        0.15,
        (
            ("web", "POST /cart", "server", -1, None),
            ("cart", "POST /lines", "server", 0, None),
            ("inventory", "GET /stock", "server", 1, None),
            ("inventory", "SELECT stock", "client", 2, "inventory-db"),
        ),
    ),
    (
        0.25,
        (
            ("web", "POST /checkout", "server", -1, None),
            ("checkout", "POST /confirm", "server", 0, None),
            ("accounts", "GET /customer", "server", 1, None),
            ("accounts", "SELECT customers", "client", 2, "accounts-db"),
            ("orders", "POST /orders", "server", 1, None),
            ("orders", "INSERT orders", "client", 4, "orders-db"),
            ("payments", "POST /payments", "server", 1, None),
            ("payments", "INSERT payments", "client", 6, "payments-db"),
            ("card-auth", "POST /authorizations", "server", 6, None),
            ("card-auth", "POST acquirer/authorize", "client", 8, "gateway"),
        ),
    ),
)
TROUBLED = (
    "service.latency",
    "service.errors",
    "database.wait",
    "gateway.errors",
    "gateway.approvals",
    "gateway.latency",
)
OWN_SHARE = 0.15
"""Share of its calm 99 % quantile that a service typically spends on its own work."""


@dataclass(frozen=True)
class Trouble:
    """What every service suffers by itself, callees apart (services x time), and its databases and gateways."""

    delay: Floats
    errors: Floats
    wait: Floats
    gateway_errors: Floats
    gateway_delay: Floats


def to_spans(spec: EstateSpec, world: World, signals: Signals, effects: list[tuple[slice, Effects]]) -> pa.Table:
    """Return ``spans`` of the text window, by time."""
    trouble = _trouble(world, signals, effects)
    rng = spec.rng("traces")
    begins = _begins(spec, signals, rng)
    tree = rng.choice(len(TREES), begins.size, p=[share for share, _ in TREES])
    parts = [
        part
        for number, (_, nodes) in enumerate(TREES)
        for part in _spans(spec, world, signals, trouble, nodes, begins[tree == number], rng)
    ]
    rows = pa.concat_tables(parts).unify_dictionaries()
    return rows.sort_by([("observed_at", "ascending"), ("trace_id", "ascending"), ("span_id", "ascending")])


def _begins(spec: EstateSpec, signals: Signals, rng: np.random.Generator) -> Ints:
    """Return when traces begin, in microseconds, in order: more where there is more load."""
    first = signals.grid.index(spec.text_window.start)
    front = signals.values["service.rate"][-1, first:]
    steps_per_day = 86400 / spec.step_s
    count = int(spec.traces_per_day * front.size / steps_per_day)
    step = rng.choice(front.size, count, p=front / front.sum()) + first
    within = rng.integers(0, spec.step_s * 1_000_000, count)
    return np.asarray(np.sort(signals.grid.seconds[step] * 1_000_000 + within), dtype=np.int64)


def _trouble(world: World, signals: Signals, effects: list[tuple[slice, Effects]]) -> Trouble:
    """Split what services feel into their own part and the part of their callees."""
    names = world.services
    sums = {family: np.zeros_like(signals.values[family]) for family in TROUBLED}
    for span, effect in effects:
        for family in sums.keys() & effect.keys():
            sums[family][:, span] += effect[family]
    delay, errors = sums["service.latency"].copy(), sums["service.errors"].copy()
    for caller, callee, share, patience in cat.CALLS:
        above, below = names.index(caller), names.index(callee)
        delay[above] -= patience * sums["service.latency"][below]
        errors[above] -= share * sums["service.errors"][below]
    delay -= 0.8 * world.database_users @ sums["database.wait"]
    row = names.index(cat.GATEWAY_SERVICE)
    delay[row] -= 0.7 * sums["gateway.latency"].max(axis=0)
    refused = failed_at_gateways(sums["gateway.errors"], sums["gateway.approvals"])
    errors[row] -= refused.mean(axis=0)
    calm = np.array([[service.error_ratio] for service in cat.SERVICES])
    return Trouble(
        np.clip(delay, 0, None),
        np.clip(errors, 0, 1) + calm,
        sums["database.wait"],
        refused,
        sums["gateway.latency"],
    )


def _spans(
    spec: EstateSpec,
    world: World,
    signals: Signals,
    trouble: Trouble,
    nodes: tuple[Node, ...],
    begins: Ints,
    rng: np.random.Generator,
) -> list[pa.Table]:
    """Return one table per node of a tree, for all traces that have its shape."""
    step = np.minimum((begins // 1_000_000 - signals.grid.start_s) // spec.step_s, signals.grid.size - 1)
    gateway = rng.integers(0, len(cat.GATEWAYS), begins.size)
    own, failed = [], []
    for node in nodes:
        delay, chance = _moment(world, trouble, node, step, gateway)
        row = world.services.index(node[0])
        calm = 0.004 if node[2] == "client" and node[4] != "gateway" else OWN_SHARE * cat.SERVICES[row].latency_s
        own.append((calm + delay) * np.exp(0.45 * rng.standard_normal(begins.size)))
        failed.append(rng.random(begins.size) < chance)
    length, offset = _lay_out(nodes, own)
    for position in range(len(nodes) - 1, 0, -1):
        failed[nodes[position][3]] |= failed[position] & (rng.random(begins.size) < 0.95)
    trace_ids = hex_ids(rng, begins.size, 32)
    span_ids = [hex_ids(rng, begins.size, 16) for _ in nodes]
    return [
        _table(
            spec,
            node,
            pa.table(
                {
                    "observed_at": pa.array(begins + (offset[n] * 1e6).astype(np.int64)),
                    "trace_id": trace_ids,
                    "span_id": span_ids[n],
                    "parent_span_id": span_ids[node[3]] if n else pa.nulls(begins.size, pa.string()),
                    "host_name": _hosts(world, node, gateway, rng),
                    "duration_s": pa.array(np.round(length[n], 6)),
                }
            ),
            failed[n],
            gateway,
        )
        for n, node in enumerate(nodes)
    ]


def _moment(world: World, trouble: Trouble, node: Node, step: Ints, gateway: Ints) -> tuple[Floats, Floats]:
    """Return the extra seconds and the chance of failure of one node at each trace's moment."""
    service, _, _, _, target = node
    row = world.services.index(service)
    if target == "gateway":
        return trouble.gateway_delay[gateway, step], trouble.gateway_errors[gateway, step]
    if target is not None:
        wait = trouble.wait[world.databases.index(target), step]
        return wait, np.minimum(0.015 * wait, 0.5)
    return trouble.delay[row, step], trouble.errors[row, step]


def _lay_out(nodes: tuple[Node, ...], own: list[Floats]) -> tuple[list[Floats], list[Floats]]:
    """Return length and offset of each node: children run one after the other inside their parent."""
    length = [values.copy() for values in own]
    for position in range(len(nodes) - 1, 0, -1):
        length[nodes[position][3]] = length[nodes[position][3]] + length[position]
    offset = [np.zeros_like(own[0]) for _ in nodes]
    free = [0.3 * values for values in own]
    for position in range(1, len(nodes)):
        parent = nodes[position][3]
        offset[position] = offset[parent] + free[parent]
        free[parent] = free[parent] + length[position]
    return length, offset


def _hosts(world: World, node: Node, gateway: Ints, rng: np.random.Generator) -> pa.Array:
    if node[4] == "gateway":
        return pa.array(world.gw_hosts).take(pa.array(gateway))
    hosts = world.hosts_of(node[0])
    return pa.array(hosts).take(pa.array(rng.integers(0, len(hosts), gateway.size)))


def _table(spec: EstateSpec, node: Node, rows: pa.Table, failed: np.ndarray, gateway: Ints) -> pa.Table:
    count = rows.num_rows
    targets = (
        [canonical_json({"gateway": name}) for name in cat.GATEWAYS]
        if node[4] == "gateway"
        else [canonical_json({"db.name": node[4]}) if node[4] else canonical_json({"http.route": node[1]})]
    )
    which = gateway if node[4] == "gateway" else np.zeros(count, dtype=np.int64)
    columns = {
        "observed_at": rows["observed_at"].cast(pa.timestamp("us", tz="UTC")),
        **{name: rows[name] for name in ("trace_id", "span_id", "parent_span_id", "host_name", "duration_s")},
        "service_name": pa.array([node[0]] * count),
        "span_name": pa.array([node[1]] * count),
        "span_kind": pa.array([node[2]] * count),
        "status_code": pa.array(["ok", "error"]).take(pa.array(failed.astype(np.int64))),
        "attributes": pa.array(targets).take(pa.array(which)),
        "source": pa.array([spec.source] * count),
    }
    return SPANS.shape(pa.table(columns)).cast(SPANS.to_arrow())
