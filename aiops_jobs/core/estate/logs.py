"""Log records: ordinary chatter that follows the load, and what roots and victims of faults have to say."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from aiops_jobs.contracts.telemetry import LOG_RECORDS
from aiops_jobs.core.estate import catalogue as cat
from aiops_jobs.core.estate.kinds import Effects, Stage
from aiops_jobs.core.estate.phrases import ORDINARY, ROOT_LINES, SPAN_LINE, VICTIM_LINES, hex_ids, render
from aiops_jobs.core.estate.signals import FAMILIES, Signals, entities_of
from aiops_jobs.core.estate.spec import EstateSpec, Floats, Ints, to_micros
from aiops_jobs.core.estate.world import World
from aiops_jobs.identity import canonical_json

ROOT_LINES_PER_STEP = 4.0
VICTIM_LINES_PER_STEP = 3.0


def to_log_records(
    spec: EstateSpec,
    world: World,
    signals: Signals,
    acts: list[tuple[Stage, Effects]],
    spans: pa.Table,
) -> pa.Table:
    """Return ``log_records`` of the text window, by time."""
    rng = spec.rng("logs")
    parts = _ordinary(spec, world, signals, rng)
    for on, effects in acts:
        parts += [*_root(on, effects), *_victims(on, effects)]
    parts.append(_from_spans(spans, rng))
    rows = pa.concat_tables(parts)
    window = spec.text_window
    micros = rows["observed_at"]
    keep = pc.and_(pc.greater_equal(micros, to_micros(window.start)), pc.less(micros, to_micros(window.end)))
    rows = rows.filter(keep).sort_by([("observed_at", "ascending"), ("record_id", "ascending")])
    whole = rows.set_column(0, "observed_at", rows["observed_at"].cast(pa.timestamp("us", tz="UTC")))
    source = pa.array([spec.source] * rows.num_rows)
    return LOG_RECORDS.shape(whole.append_column("source", source)).cast(LOG_RECORDS.to_arrow())


def _ordinary(spec: EstateSpec, world: World, signals: Signals, rng: np.random.Generator) -> list[pa.Table]:
    """Return the chatter: more of it where there is more load."""
    grid = signals.grid
    first = grid.index(spec.text_window.start)
    steps = grid.size - first
    count = int(spec.logs_per_day * steps * spec.step_s / 86400)
    front = signals.values["service.rate"][-1, first:]
    step = rng.choice(steps, count, p=front / front.sum()) + first
    micros = grid.seconds[step] * 1_000_000 + rng.integers(0, spec.step_s * 1_000_000, count)
    shares = np.array([service.share for service in cat.SERVICES])
    service = rng.choice(len(shares), count, p=shares / shares.sum())
    weights = np.array([weight for _, weight, _ in ORDINARY])
    kind = rng.choice(len(ORDINARY), count, p=weights / weights.sum())
    parts = []
    for number, (severity, _, text) in enumerate(ORDINARY):
        chosen = kind == number
        parts.append(_lines(rng, world, micros[chosen], service[chosen], severity, text))
    return parts


def _root(on: Stage, effects: Effects) -> list[pa.Table]:
    """Return what the root says while it is badly off."""
    family, row = _family_of_root(on)
    if family not in effects:
        return []
    moved = np.abs(effects[family][row])
    share = 0.97 if on.injection.kind == "filesystem_full" else 0.3
    loud = (moved >= share * moved.max()) & (moved > 0)
    item = on.world.item[on.injection.root]
    parts = []
    lines = ROOT_LINES[on.injection.kind.removesuffix("_by_surge")]
    for severity, text in lines:
        micros = _moments(on, loud * ROOT_LINES_PER_STEP / len(lines))
        count = micros.size
        hosts = [item.host_name] if item.host_name else list(on.world.hosts_of(str(item.service_name)))
        host = pa.array(hosts, pa.string()).take(pa.array(on.rng.integers(0, len(hosts), count)))
        name = pa.array([item.service_name] * count, pa.string())
        parts.append(_records(on.rng, micros, name, host, severity, render(on.rng, text, count, {})))
    return parts


def _victims(on: Stage, effects: Effects) -> list[pa.Table]:
    """Return what services with failing requests say."""
    errors = effects.get("service.errors")
    if errors is None:
        return []
    parts = []
    for severity, text in VICTIM_LINES:
        rate = np.minimum(errors * 40, VICTIM_LINES_PER_STEP) * (errors >= 0.004)
        drawn = on.rng.poisson(rate)
        service, step = np.nonzero(drawn)
        times = drawn[service, step]
        service, step = np.repeat(service, times), np.repeat(step, times)
        micros = _within(on, step)
        parts.append(_lines(on.rng, on.world, micros, service, severity, text))
    return parts


def _from_spans(spans: pa.Table, rng: np.random.Generator) -> pa.Table:
    """Return one line for every failed span of a server; it carries the trace."""
    bad = spans.filter(pc.and_(pc.equal(spans["status_code"], "error"), pc.equal(spans["span_kind"], "server")))
    ends = bad["observed_at"].cast(pa.int64()).to_numpy() + (bad["duration_s"].to_numpy() * 1e6).astype(np.int64)
    text = pa.array([SPAN_LINE] * bad.num_rows, pa.string())
    plain = {name: bad[name].cast(pa.string()).combine_chunks() for name in ("service_name", "host_name")}
    rows = _records(rng, ends, plain["service_name"], plain["host_name"], "ERROR", text)
    rows = rows.set_column(rows.column_names.index("trace_id"), "trace_id", bad["trace_id"])
    return rows.set_column(rows.column_names.index("span_id"), "span_id", bad["span_id"])


def _family_of_root(on: Stage) -> tuple[str, int]:
    """Return the metric family in which the root itself is off, and its row."""
    family = {
        "pool_exhausted": "database.pool",
        "pool_exhausted_by_surge": "database.pool",
        "bad_deployment": "service.errors",
        "queue_backlog": "queue.depth",
        "cpu_saturation": "host.cpu",
        "gateway_node": "gateway.restarts",
        "memory_leak": "service.memory",
        "network_loss": "host.loss",
        "filesystem_full": "host.disk",
    }.get(on.injection.kind, "")
    if not family:
        return "", 0
    return family, entities_of(on.world, FAMILIES[family].kind).index(on.injection.root)


def _moments(on: Stage, rate: Floats) -> Ints:
    """Return instants in microseconds, drawn with a rate per step of the stretch."""
    return _within(on, np.repeat(np.arange(on.width), on.rng.poisson(rate)))


def _within(on: Stage, step: Ints) -> Ints:
    grid = on.calm.grid
    micros = grid.seconds[on.span.start + step] * 1_000_000
    return np.asarray(micros + on.rng.integers(0, grid.step_s * 1_000_000, step.size), dtype=np.int64)


def _lines(rng: np.random.Generator, world: World, micros: Ints, service: Ints, severity: str, text: str) -> pa.Table:
    """Return lines of services, each from one of the hosts the service runs on."""
    names = pa.array(world.services).take(pa.array(service))
    homes = [world.hosts_of(name) for name in world.services]
    widest = max(len(hosts) for hosts in homes)
    flat = pa.array([hosts[n % len(hosts)] for hosts in homes for n in range(widest)])
    host = flat.take(pa.array(service * widest + rng.integers(0, widest, service.size)))
    return _records(rng, micros, names, host, severity, render(rng, text, service.size, {"service": names}))


def _records(
    rng: np.random.Generator, micros: Ints, service: pa.Array, host: pa.Array, severity: str, body: pa.Array
) -> pa.Table:
    count = micros.size
    ids = pc.binary_join_element_wise("log", hex_ids(rng, count, 20), "-")
    return pa.table(
        {
            "observed_at": pa.array(micros, pa.int64()),
            "record_id": ids,
            "service_name": service,
            "host_name": host,
            "severity_text": pa.array([severity] * count, pa.string()),
            "body": body,
            "trace_id": pa.nulls(count, pa.string()),
            "span_id": pa.nulls(count, pa.string()),
            "attributes": pa.array([canonical_json({"stream": "stdout"})] * count, pa.string()),
        }
    )
