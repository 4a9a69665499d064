"""What each kind of fault does to its root; everything else follows from the physics."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

import numpy as np

from aiops_jobs.core.estate import catalogue as cat
from aiops_jobs.core.estate.plan import Injection
from aiops_jobs.core.estate.signals import QUEUE_CAPACITY, Signals
from aiops_jobs.core.estate.spec import Floats, to_micros
from aiops_jobs.core.estate.world import World

AFTERMATH = timedelta(hours=1)
"""How long after its end a fault may still be felt."""

Effects = dict[str, Floats]
"""Family -> what is added to it (entities x time of the stage)."""


@dataclass(frozen=True)
class Stage:
    """Where and when one injection acts: a stretch of the grid, and time as seen from its begin."""

    injection: Injection
    world: World
    calm: Signals
    span: slice
    rng: np.random.Generator

    @property
    def width(self) -> int:
        """Samples of the stretch."""
        return int(self.span.stop - self.span.start)

    @property
    def elapsed_s(self) -> Floats:
        """Seconds since the injection began, for each sample; never negative."""
        begin = to_micros(self.injection.started_at) / 1e6
        return np.asarray(self.calm.grid.seconds[self.span] - begin, dtype=np.float64)

    @property
    def is_active(self) -> Floats:
        """1 until the injection ends, 0 after."""
        length = (self.injection.ended_at - self.injection.started_at).total_seconds()
        return (self.elapsed_s < length).astype(np.float64)

    def ramp(self, minutes: float) -> Floats:
        """Return 0 rising to 1 within ``minutes``, while active."""
        return np.clip(self.elapsed_s / (60 * minutes), 0.02, 1) * self.is_active

    def calm_of(self, family: str) -> Floats:
        """Return the healthy values of a family over the stretch."""
        return self.calm.values[family][:, self.span]

    def load_of(self, service: str) -> Floats:
        """Return the load of a service over the stretch."""
        return self.calm.load[self.world.services.index(service), self.span]

    def only(self, family: str, row: int, values: Floats) -> Floats:
        """Return an effect on a single entity of a family."""
        effect = np.zeros((self.calm.values[family].shape[0], self.width))
        effect[row] = values
        return effect

    @property
    def name(self) -> str:
        """Name of the root without its kind."""
        return self.injection.root.split("/", 1)[1]


def stage(injection: Injection, world: World, calm: Signals, rng: np.random.Generator) -> Stage:
    """Return the stage of an injection; its stretch may be empty where it lies outside the grid."""
    begin = calm.grid.index(injection.started_at)
    end = calm.grid.index(injection.ended_at + AFTERMATH)
    return Stage(injection, world, calm, slice(begin, max(begin, end)), rng)


def _pool_exhausted(on: Stage) -> Effects:
    """Connections are not given back: the pool runs dry within half an hour, whatever the load."""
    row = on.world.databases.index(on.name)
    return {"database.pool": on.only("database.pool", row, on.injection.strength * on.ramp(30))}


def _pool_exhausted_by_surge(on: Stage) -> Effects:
    """More customers than connections: the need grows with the traffic of the sale."""
    row = on.world.databases.index(on.name)
    need = 0.30 * on.load_of(cat.DATABASES[row].owner) * (on.injection.strength - 1)
    return {"database.pool": on.only("database.pool", row, need * on.ramp(20))}


def _bad_deployment(on: Stage) -> Effects:
    row = on.world.services.index(on.name)
    share = on.injection.strength * on.ramp(10)
    base = cat.SERVICES[row].latency_s
    return {
        "service.latency": on.only("service.latency", row, (0.3 + 3 * base) * share),
        "service.errors": on.only("service.errors", row, 0.05 * share),
        "service.restarts": on.only("service.restarts", row, (np.arange(on.width) == 0).astype(np.float64)),
    }


def _queue_backlog(on: Stage) -> Effects:
    """The consumer stands still: messages pile up, and are worked off within half an hour once it moves again."""
    row = on.world.queues.index(on.name)
    length = (on.injection.ended_at - on.injection.started_at).total_seconds()
    grown = np.clip(on.elapsed_s / (0.7 * length), 0, 1)
    drained = np.clip(1 - (on.elapsed_s - length) / 1800, 0, 1)
    depth = 0.9 * QUEUE_CAPACITY * min(on.injection.strength, 1.05) * grown * drained
    return {
        "queue.depth": on.only("queue.depth", row, depth),
        "queue.fill": on.only("queue.fill", row, depth / QUEUE_CAPACITY),
    }


def _cpu_saturation(on: Stage) -> Effects:
    row = on.world.hosts.index(on.name)
    return {"host.cpu": on.only("host.cpu", row, 0.9 * on.ramp(8))}


def _gateway_node(on: Stage) -> Effects:
    """Workers of one node crash again and again; what they were handling is lost or declined."""
    row = cat.GATEWAYS.index(on.name)
    crashes = (1 + on.rng.poisson(2.0, on.width)) * on.is_active
    felt = np.concatenate([[0.0], on.ramp(10)[:-1]]) if on.width else on.ramp(10)
    return {
        "gateway.restarts": on.only("gateway.restarts", row, crashes),
        "gateway.errors": on.only("gateway.errors", row, 0.24 * on.injection.strength * felt),
        "gateway.approvals": on.only("gateway.approvals", row, -0.42 * on.injection.strength * felt),
        "gateway.latency": on.only("gateway.latency", row, 0.9 * felt),
    }


def _memory_leak(on: Stage) -> Effects:
    """Memory grows until the container is killed and starts again, three times over."""
    row = on.world.services.index(on.name)
    length = (on.injection.ended_at - on.injection.started_at).total_seconds()
    phase = (on.elapsed_s / (length / 3)) % 1.0
    room = 1.0 - on.calm_of("service.memory")[row]
    killed = np.zeros(on.width)
    killed[1:] = (np.diff(phase) < 0) & (on.is_active[:-1] > 0)
    return {
        "service.memory": on.only("service.memory", row, room * np.minimum(phase * 1.04, 1) * on.is_active),
        "service.restarts": on.only("service.restarts", row, killed),
    }


def _network_loss(on: Stage) -> Effects:
    row = on.world.hosts.index(on.name)
    lost = 0.06 * on.injection.strength * np.exp(0.2 * on.rng.standard_normal(on.width)) * on.ramp(5)
    return {"host.loss": on.only("host.loss", row, lost)}


def _filesystem_full(on: Stage) -> Effects:
    """Files grow at a steady pace until nothing can be written any more."""
    row = on.world.hosts.index(on.name)
    if on.injection.breaches_at is None:
        return {}
    length = (on.injection.breaches_at - on.injection.started_at).total_seconds()
    room = 1.0 - on.calm_of("host.disk")[row].mean()
    grown = np.minimum(on.elapsed_s / length, 1.1)
    uneven = 0.002 * np.sin(on.elapsed_s / 9000.0)
    return {"host.disk": on.only("host.disk", row, (room * grown + uneven) * on.is_active)}


def _event(on: Stage) -> Effects:
    """More visitors, announced: all of the estate was made ready for it, so only traffic moves much."""
    more = (on.injection.strength - 1) * on.ramp(20)
    ready = np.minimum(more, 0.5)
    return {
        "service.rate": on.calm_of("service.rate") * more,
        "gateway.rate": on.calm_of("gateway.rate") * more,
        "database.queries": on.calm_of("database.queries") * more,
        "queue.depth": on.calm_of("queue.depth") * 0.3 * ready,
        "queue.fill": on.calm_of("queue.fill") * 0.3 * ready,
        "database.pool": 0.3 * on.calm_of("database.pool") * ready,
        "host.cpu": 0.5 * on.calm_of("host.cpu") * ready,
        "service.latency": 0.2 * on.calm_of("service.latency") * ready,
    }


def _source_gap(_on: Stage) -> Effects:
    """Nothing is wrong with the host; we are blind to it (see `points.missing`)."""
    return {}


EFFECTS: dict[str, Callable[[Stage], Effects]] = {
    "pool_exhausted": _pool_exhausted,
    "pool_exhausted_by_surge": _pool_exhausted_by_surge,
    "bad_deployment": _bad_deployment,
    "queue_backlog": _queue_backlog,
    "cpu_saturation": _cpu_saturation,
    "gateway_node": _gateway_node,
    "memory_leak": _memory_leak,
    "network_loss": _network_loss,
    "filesystem_full": _filesystem_full,
    "source_gap": _source_gap,
    "event": _event,
}
