"""How trouble spreads: from a root to what depends on it, one sample later at every step.

An approximation, not queueing theory: a saturated resource makes its users wait, waiting grows into errors, callers
feel a share of what their callees feel. Causes come before their symptoms because every coupling lags one sample.
"""

from __future__ import annotations

import numpy as np

from aiops_jobs.core.estate import catalogue as cat
from aiops_jobs.core.estate.kinds import EFFECTS, Effects, Stage
from aiops_jobs.core.estate.signals import QUEUE_CAPACITY
from aiops_jobs.core.estate.spec import Floats

POOL_COMFORT = 0.92
CPU_COMFORT = 0.88
MEMORY_COMFORT = 0.88
QUEUE_COMFORT = 0.4
DISK_COMFORT = 0.995
TIMEOUT_S = 10.0
"""Nobody waits longer, so no delay grows beyond."""


def disturb(on: Stage) -> Effects:
    """Return all that an injection adds to the metrics over its stretch, symptoms included."""
    own = EFFECTS[on.injection.kind](on)
    if not on.width:
        return {}
    spreads = on.injection.kind != "event"
    effects = dict(own)
    nobody = np.zeros((len(on.world.services), on.width))
    latency, errors = own.get("service.latency", nobody).copy(), own.get("service.errors", nobody).copy()
    if spreads:
        wait = _wait(on, own)
        if wait.any():
            effects["database.wait"] = wait
        for felt in (_from_databases(on, wait), _from_hosts(on, own), _from_queues(on, own), _from_memory(on, own)):
            latency, errors = latency + felt[0], errors + felt[1]
        gateway_latency, gateway_errors = _from_gateways(on, own)
        latency, errors = propagate(latency + gateway_latency, errors + gateway_errors)
    rough = np.exp(0.10 * on.rng.standard_normal(latency.shape))
    if latency.any():
        effects["service.latency"] = latency * rough
    if errors.any():
        effects["service.errors"] = errors * rough
    return effects


def lag(values: Floats) -> Floats:
    """Return ``values`` one sample later."""
    late = np.zeros_like(values)
    late[:, 1:] = values[:, :-1]
    return late


def propagate(latency: Floats, errors: Floats) -> tuple[Floats, Floats]:
    """Return what every service feels, given what each feels by itself (services x time), callees before callers."""
    names = [service.name for service in cat.SERVICES]
    latency, errors = latency.copy(), errors.copy()
    for row, name in enumerate(names):
        for caller, callee, share, patience in cat.CALLS:
            if caller == name:
                below = names.index(callee)
                latency[row] += patience * lag(latency[below : below + 1])[0]
                errors[row] += share * lag(errors[below : below + 1])[0]
    return TIMEOUT_S * (1 - np.exp(-latency / TIMEOUT_S)), np.minimum(errors, 0.95)


def _wait(on: Stage, own: Effects) -> Floats:
    """Databases x time: seconds spent waiting for a connection, or for a crippled host."""
    wait = np.zeros_like(on.calm_of("database.pool"))
    if "database.pool" in own:
        need = on.calm_of("database.pool") + own["database.pool"]
        wait += lag(6.0 * (1 - np.exp(-4.0 * np.clip(need - POOL_COMFORT, 0, None))) * (own["database.pool"] > 0.05))
    hosts = [on.world.hosts.index(host) for host in on.world.db_hosts]
    if "host.loss" in own:
        wait += lag(8.0 * own["host.loss"][hosts])
    if "host.disk" in own:
        wait += lag(3.0 * _full(on, own)[hosts])
    return wait


def _from_databases(on: Stage, wait: Floats) -> tuple[Floats, Floats]:
    users = on.world.database_users
    return 0.8 * users @ lag(wait), users @ lag(0.015 * wait)


def _from_hosts(on: Stage, own: Effects) -> tuple[Floats, Floats]:
    """A slow replica spoils the 99 % quantile in full, errors only in its share of the requests."""
    placement = on.world.placement
    felt = placement ** (1 / 3)
    latency = np.zeros((placement.shape[0], on.width))
    errors = latency.copy()
    if "host.cpu" in own:
        slow = lag(np.clip((on.calm_of("host.cpu") + own["host.cpu"] - CPU_COMFORT) / 0.08, 0, 1))
        slow = slow * (own["host.cpu"].max(axis=1, keepdims=True) > 0.1)
        latency += (0.2 + 2.5 * _base()) * (felt @ slow)
        errors += 0.05 * (placement @ slow)
    if "host.loss" in own:
        lost = np.zeros((placement.shape[1], on.width))
        lost[: own["host.loss"].shape[0]] = own["host.loss"]
        latency += 12.0 * (felt @ lag(lost))
        errors += 0.8 * (placement @ lag(lost))
    if "host.disk" in own:
        full = lag(_full(on, own))
        latency += 1.5 * _base() * (felt @ full)
        errors += 0.15 * (placement @ full)
    return latency, errors


def _full(on: Stage, own: Effects) -> Floats:
    is_full = on.calm_of("host.disk") + own["host.disk"] > DISK_COMFORT
    return is_full.astype(np.float64)


def _from_queues(on: Stage, own: Effects) -> tuple[Floats, Floats]:
    if "queue.depth" not in own:
        return _nothing(on)
    fill = (on.calm_of("queue.depth") + own["queue.depth"]) / QUEUE_CAPACITY
    pressed = lag(np.clip((fill - QUEUE_COMFORT) / (1 - QUEUE_COMFORT), 0, 1))
    users = on.world.queue_users
    return 2.0 * users @ pressed, 0.04 * users @ pressed


def _from_memory(on: Stage, own: Effects) -> tuple[Floats, Floats]:
    if "service.memory" not in own:
        return _nothing(on)
    used = on.calm_of("service.memory") + own["service.memory"]
    pressed = np.clip((used - MEMORY_COMFORT) / (1 - MEMORY_COMFORT), 0, 1) * (own["service.memory"] > 0.05)
    restarted = lag(own["service.restarts"])
    return (0.2 + 3 * _base()) * lag(pressed), 0.08 * restarted + 0.04 * lag(restarted)


def _from_gateways(on: Stage, own: Effects) -> tuple[Floats, Floats]:
    latency, errors = _nothing(on)
    if "gateway.errors" in own:
        row = on.world.services.index(cat.GATEWAY_SERVICE)
        failed = failed_at_gateways(own["gateway.errors"], own["gateway.approvals"])
        errors[row] = lag(failed).mean(axis=0)
        latency[row] = 0.7 * lag(own["gateway.latency"]).max(axis=0)
    return latency, errors


def failed_at_gateways(errors: Floats, approvals: Floats) -> Floats:
    """Return the share of calls that fail for the caller: errors, and some of the approvals that did not come."""
    return errors - 0.4 * approvals


def _nothing(on: Stage) -> tuple[Floats, Floats]:
    size = (len(on.world.services), on.width)
    return np.zeros(size), np.zeros(size)


def _base() -> Floats:
    return np.array([service.latency_s for service in cat.SERVICES])[:, None]
