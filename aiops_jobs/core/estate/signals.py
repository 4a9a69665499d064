"""The metrics of an estate in which nothing is wrong: one matrix (entities x time) per metric family."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from aiops_jobs.core.estate import catalogue as cat
from aiops_jobs.core.estate.load import drift, jitter, service_load, spikes
from aiops_jobs.core.estate.spec import DAY_S, EstateSpec, Floats, Grid, Ints
from aiops_jobs.core.estate.world import World

QUEUE_CAPACITY = 10_000
BACKUP_AT_S = 2 * 3600
SCRUB_AT_S = 3 * 3600
REINDEX_AT_S = 4 * 3600
REPLICA_WORK = 0.0186
"""Processor time of all of a service's replicas on one host, by hosts there are: more crowded hosts are larger."""


@dataclass(frozen=True, slots=True)
class Family:
    """One metric on all entities of one kind."""

    metric_name: str
    unit: str
    kind: str
    """service | gateway | database | queue | host | machine (every host but storage)"""
    lowest: float = 0.0
    highest: float = 1.0
    decimals: int = 5


UNBOUND = float("inf")
FAMILIES: dict[str, Family] = {
    "service.rate": Family("http_requests_per_second", "1/s", "service", highest=UNBOUND, decimals=2),
    "service.errors": Family("http_request_error_ratio", "1", "service"),
    "service.latency": Family("http_request_duration_p99_seconds", "s", "service", highest=30.0),
    "service.memory": Family("container_memory_utilization_ratio", "1", "service", decimals=4),
    "service.restarts": Family("container_restarts", "1", "service", highest=UNBOUND, decimals=0),
    "gateway.rate": Family("http_requests_per_second", "1/s", "gateway", highest=UNBOUND, decimals=2),
    "gateway.errors": Family("http_request_error_ratio", "1", "gateway"),
    "gateway.latency": Family("http_request_duration_p99_seconds", "s", "gateway", highest=30.0),
    "gateway.approvals": Family("card_approval_ratio", "1", "gateway"),
    "gateway.restarts": Family("gateway_worker_restarts", "1", "gateway", highest=UNBOUND, decimals=0),
    "database.pool": Family("db_connection_pool_utilization_ratio", "1", "database", decimals=4),
    "database.wait": Family("db_connection_wait_seconds", "s", "database", highest=30.0),
    "database.queries": Family("db_queries_per_second", "1/s", "database", highest=UNBOUND, decimals=1),
    "queue.depth": Family("queue_depth_messages", "1", "queue", highest=QUEUE_CAPACITY, decimals=0),
    "queue.fill": Family("queue_utilization_ratio", "1", "queue", decimals=4),
    "host.cpu": Family("node_cpu_utilization_ratio", "1", "host", decimals=4),
    "host.disk": Family("node_filesystem_utilization_ratio", "1", "host", decimals=4),
    "host.memory": Family("node_memory_utilization_ratio", "1", "machine", decimals=4),
    "host.loss": Family("node_network_packet_loss_ratio", "1", "machine", decimals=6),
}


@dataclass(frozen=True)
class Signals:
    """All metric families on one grid; the rows of a family are its entities, in the order of `entities_of`."""

    grid: Grid
    load: Floats
    """Services x time: how busy each service is; 1 at a weekday's peak."""
    values: dict[str, Floats]


def entities_of(world: World, kind: str) -> tuple[str, ...]:
    """Return the entity ids of one kind, in the order of the rows of its families."""
    machines = tuple(f"host/{name}" for name in world.hosts)
    return {
        "service": tuple(f"service/{name}" for name in world.services),
        "gateway": tuple(f"gateway/{name}" for name in cat.GATEWAYS),
        "database": tuple(f"database/{name}" for name in world.databases),
        "queue": tuple(f"queue/{name}" for name in world.queues),
        "host": machines,
        "machine": machines[: len(machines) - len(world.storage_hosts)],
    }[kind]


def calm_signals(spec: EstateSpec, world: World) -> Signals:
    """Return the metrics of the healthy estate; they depend on the seed and the period, never on the scenario."""
    grid = spec.grid
    load = service_load(spec, grid, len(world.services))
    values = {
        **_services(spec, load),
        **_gateways(spec, world, load),
        **_databases(spec, world, load),
        **_queues(spec, world, load),
        **_hosts(spec, world, load),
    }
    return Signals(grid, load, values)


def _services(spec: EstateSpec, load: Floats) -> dict[str, Floats]:
    rng = spec.rng("services")
    rate = load * cat.FRONT_RATE * _column([s.share for s in cat.SERVICES])
    requests = np.maximum(rate * spec.step_s, 1.0)
    failed = rng.poisson(requests * _column([s.error_ratio for s in cat.SERVICES]))
    slow = (1 + 0.22 * load**2) * np.exp(drift(rng, load.shape, sigma=0.03) + jitter(rng, load.shape, sigma=0.06))
    memory = rng.uniform(0.42, 0.58, (load.shape[0], 1)) + 0.05 * load + drift(rng, load.shape, sigma=0.01)
    return {
        "service.rate": rate,
        "service.errors": failed / requests,
        "service.latency": _column([s.latency_s for s in cat.SERVICES]) * slow * spikes(rng, load.shape),
        "service.memory": memory + jitter(rng, load.shape, sigma=0.004),
        "service.restarts": np.zeros(load.shape),
    }


def _gateways(spec: EstateSpec, world: World, load: Floats) -> dict[str, Floats]:
    rng = spec.rng("gateways")
    row = world.services.index(cat.GATEWAY_SERVICE)
    size = (len(cat.GATEWAYS), load.shape[1])
    share = cat.FRONT_RATE * cat.SERVICES[row].share / len(cat.GATEWAYS)
    rate = load[row] * share * np.exp(jitter(rng, size, sigma=0.03))
    requests = np.maximum(rate * spec.step_s, 1.0)
    slow = (1 + 0.2 * load[row] ** 2) * np.exp(drift(rng, size, sigma=0.03) + jitter(rng, size, sigma=0.06))
    return {
        "gateway.rate": rate,
        "gateway.errors": rng.poisson(requests * 0.0015) / requests,
        "gateway.latency": 0.31 * slow * spikes(rng, size),
        "gateway.approvals": 1 - rng.poisson(requests * 0.035) / requests,
        "gateway.restarts": np.zeros(size),
    }


def _databases(spec: EstateSpec, world: World, load: Floats) -> dict[str, Floats]:
    rng = spec.rng("databases")
    used = (world.database_users / world.database_users.sum(axis=0)).T @ load
    pool = 0.12 + 0.30 * used + drift(rng, used.shape, sigma=0.012) + jitter(rng, used.shape, sigma=0.012)
    return {
        "database.pool": pool,
        "database.wait": 0.002 * np.exp(jitter(rng, used.shape, sigma=0.25)) * spikes(rng, used.shape),
        "database.queries": 400 * used * np.exp(jitter(rng, used.shape, sigma=0.03)),
    }


def _queues(spec: EstateSpec, world: World, load: Floats) -> dict[str, Floats]:
    rng = spec.rng("queues")
    rows = [world.services.index(queue.owner) for queue in cat.QUEUES]
    busy = load[rows]
    depth = (15 + 45 * busy) * np.exp(drift(rng, busy.shape, sigma=0.1) + jitter(rng, busy.shape, sigma=0.2))
    return {"queue.depth": depth, "queue.fill": depth / QUEUE_CAPACITY}


def _hosts(spec: EstateSpec, world: World, load: Floats) -> dict[str, Floats]:
    rng = spec.rng("hosts")
    size = (len(world.hosts), load.shape[1])
    machines = (len(world.hosts) - len(world.storage_hosts), load.shape[1])
    cpu = 0.08 + _host_work(world, load) + _nightly(spec, world)
    days = (spec.grid.seconds - spec.grid.start_s) / DAY_S
    disk = rng.uniform(0.30, 0.55, (size[0], 1)) + rng.uniform(0.0, 0.0006, (size[0], 1)) * days
    disk = disk + 0.015 * (spec.grid.seconds % DAY_S) / DAY_S + drift(rng, size, sigma=0.001)
    memory = rng.uniform(0.45, 0.65, (machines[0], 1)) + 0.03 * load.mean(axis=0)
    return {
        "host.cpu": cpu + drift(rng, size, sigma=0.015) + np.abs(jitter(rng, size, sigma=0.02)),
        "host.disk": disk,
        "host.memory": memory + drift(rng, machines, sigma=0.01) + jitter(rng, machines, sigma=0.004),
        "host.loss": rng.exponential(5e-5, machines),
    }


def _host_work(world: World, load: Floats) -> Floats:
    """Return hosts x time: processor time for what the host does."""
    work = REPLICA_WORK * len(world.app_hosts) * world.placement.T @ load
    first = len(world.app_hosts)
    owners = [world.services.index(store.owner) for store in cat.DATABASES]
    work[first : first + len(owners)] = 0.30 * load[owners]
    first += len(owners)
    work[first : first + len(cat.GATEWAYS)] = 0.22 * load[world.services.index(cat.GATEWAY_SERVICE)]
    first += len(cat.GATEWAYS)
    work[first : first + len(world.mq_hosts)] = 0.15 * load[world.services.index("orders")]
    first += len(world.mq_hosts)
    work[first:] = 0.12 * load[world.services.index(cat.OBJECT_STORE_SERVICE)]
    return work


def _nightly(spec: EstateSpec, world: World) -> Floats:
    """Return hosts x time: backups and scrubs at the same hour every night, a reindex every Sunday."""
    rng = spec.rng("nightly")
    seconds = spec.grid.seconds
    extra = np.zeros((len(world.hosts), seconds.size))
    databases = [world.hosts.index(host) for host in world.db_hosts]
    extra[databases] += 0.30 * _every_day(seconds, BACKUP_AT_S, 40 * 60, rng)
    extra[len(world.hosts) - len(world.storage_hosts) :] += 0.22 * _every_day(seconds, SCRUB_AT_S, 60 * 60, rng)
    sunday = ((seconds // DAY_S) + 3) % 7 == 6
    reindexed = world.hosts.index(world.db_hosts[world.databases.index("catalog-db")])
    extra[reindexed] += 0.25 * sunday * _every_day(seconds, REINDEX_AT_S, 60 * 60, rng)
    return extra


def _every_day(seconds: Ints, begin_s: int, length_s: int, rng: np.random.Generator) -> Floats:
    """Return 1 while a nightly task runs; its length varies by a few minutes from night to night."""
    day = seconds // DAY_S - seconds[0] // DAY_S
    length = length_s + rng.uniform(-240, 240, int(day[-1]) + 1)[day]
    since = seconds % DAY_S - begin_s
    return np.asarray((since >= 0) & (since < length), dtype=np.float64)


def _column(values: list[float]) -> Floats:
    return np.array(values)[:, None]
