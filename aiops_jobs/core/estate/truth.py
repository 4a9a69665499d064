"""From injections and their effects to the ledger: symptoms, priority, and what counts as finding it."""

from __future__ import annotations

import numpy as np

from aiops_jobs.core.estate import catalogue as cat
from aiops_jobs.core.estate.disks import Failure
from aiops_jobs.core.estate.kinds import Effects, Stage
from aiops_jobs.core.estate.ledger import Fault, Symptom
from aiops_jobs.core.estate.plan import Injection
from aiops_jobs.core.estate.signals import FAMILIES, entities_of
from aiops_jobs.core.estate.spec import EstateSpec, Floats
from aiops_jobs.core.estate.world import World
from aiops_jobs.core.policies import PriorityPolicy
from aiops_jobs.identity import fingerprint

VISIBLE: dict[str, float] = {
    "service.errors": 0.005,
    "service.memory": 0.1,
    "service.restarts": 0.5,
    "gateway.errors": 0.005,
    "gateway.latency": 0.1,
    "gateway.approvals": 0.02,
    "gateway.restarts": 0.5,
    "database.pool": 0.1,
    "database.wait": 0.02,
    "queue.depth": 200.0,
    "queue.fill": 0.02,
    "host.cpu": 0.15,
    "host.disk": 0.03,
    "host.loss": 0.005,
}
"""Smallest effect, in the unit of the metric, that a person would see in a graph (either direction)."""
VISIBLE_LATENCY = 0.5
"""The same for latency, as a share of the service's calm latency."""
HARMFUL_ERRORS = 0.01
HARMFUL_SLOWNESS = 1.0
"""From these on a service counts as hurt: share of failed requests, extra delay in calm latencies."""

CAUSE_KINDS: dict[str, str] = {
    "pool_exhausted": "capacity",
    "pool_exhausted_by_surge": "capacity",
    "bad_deployment": "change",
    "queue_backlog": "capacity",
    "cpu_saturation": "capacity",
    "gateway_node": "infra",
    "memory_leak": "capacity",
    "network_loss": "infra",
    "filesystem_full": "capacity",
    "source_gap": "unknown",
}
SUMMARIES: dict[str, str] = {
    "pool_exhausted": "Connections of {root} leak until its pool is exhausted.",
    "pool_exhausted_by_surge": "The announced sale needs more connections than the pool of {root} has.",
    "bad_deployment": "A deployment of {root} makes it slow and faulty until it is rolled back.",
    "queue_backlog": "The consumer of {root} stands still and messages pile up.",
    "cpu_saturation": "A runaway batch process takes all processors of {root} from its neighbours.",
    "gateway_node": "Workers of {root} crash again and again, and card approvals sent through it fail.",
    "memory_leak": "{root} leaks memory, is killed and starts again, several times.",
    "network_loss": "{root} loses packets.",
    "filesystem_full": "The file system of {root} grows steadily until it is full.",
    "source_gap": "The metrics of {root} are missing; the host itself is well.",
}
GRADES = ("critical", "high", "medium", "low")


def to_fault(on: Stage, effects: Effects, spec: EstateSpec) -> Fault:
    """Return the ledger's entry of one injection."""
    injection = on.injection
    symptoms = find_symptoms(on, effects)
    service, priority = _harm(on, effects)
    return Fault(
        fault_id=fingerprint("fault", kind=injection.kind, root=injection.root, at=injection.started_at),
        kind=injection.kind.removesuffix("_by_surge"),
        root_entity_id=injection.root,
        cause_kind=CAUSE_KINDS[injection.kind],
        change_id=injection.change_id,
        started_at=injection.started_at,
        ended_at=injection.ended_at,
        breaches_at=injection.breaches_at,
        service_name=service or on.world.item[injection.root].service_name,
        priority=priority,
        found_by=_found_by(injection),
        is_detectable=injection.started_at < spec.window.end,
        symptoms=symptoms,
        summary=SUMMARIES[injection.kind].format(root=injection.root),
    )


def disk_fault(failure: Failure, world: World, spec: EstateSpec) -> Fault:
    """Return the ledger's entry of a disk that fails; one without signs is found when it has failed, if at all."""
    entity = f"disk/{failure.disk}"
    is_inside = failure.failed_at < spec.window.end
    foreseen = ("failure_risk",) if failure.is_visible else ()
    symptoms = [Symptom(entity, "smart_reallocated_sectors_count", failure.worn_at)] if failure.is_visible else []
    return Fault(
        fault_id=fingerprint("fault", kind="disk_failure", root=entity, at=failure.failed_at),
        kind="disk_failure",
        root_entity_id=entity,
        cause_kind="infra",
        change_id=None,
        started_at=failure.worn_at,
        ended_at=failure.replaced_at,
        breaches_at=failure.failed_at,
        service_name=cat.OBJECT_STORE_SERVICE,
        priority="P4",
        found_by=(*foreseen, "incident"),
        is_detectable=is_inside or failure.is_visible,
        symptoms=tuple(symptoms),
        summary=f"{world.item[entity].entity_id} {'wears out and fails' if failure.is_visible else 'dies suddenly'}.",
    )


def find_symptoms(on: Stage, effects: Effects) -> tuple[Symptom, ...]:
    """Return the first visible sample of every metric of every entity, in order of time."""
    found = []
    for name, extra in effects.items():
        is_visible = np.abs(extra) >= _threshold(name)
        entities = entities_of(on.world, FAMILIES[name].kind)
        for row in np.flatnonzero(is_visible.any(axis=1)):
            first = on.calm.grid.at(on.span.start + int(is_visible[row].argmax()))
            found.append(Symptom(entities[row], FAMILIES[name].metric_name, first))
    return tuple(sorted(found, key=lambda s: (s.started_at, s.entity_id, s.metric_name)))


def _threshold(family: str) -> float | Floats:
    if family == "service.latency":
        return np.array([[max(0.04, VISIBLE_LATENCY * service.latency_s)] for service in cat.SERVICES])
    return VISIBLE.get(family, float("inf"))


def _found_by(injection: Injection) -> tuple[str, ...]:
    if injection.kind == "source_gap":
        return ("data_quality",)
    if injection.breaches_at is None:
        return ("incident",)
    return ("capacity_risk", "incident")


def _harm(on: Stage, effects: Effects) -> tuple[str | None, str]:
    """Return the service that suffers most, and the priority that impact and urgency give."""
    if not on.width:
        return None, "P4"
    nobody = np.zeros((len(on.world.services), on.width))
    errors = effects.get("service.errors", nobody).max(axis=1)
    base = np.array([service.latency_s for service in cat.SERVICES])
    slower = effects.get("service.latency", nobody).max(axis=1) / base
    hurt = np.flatnonzero((errors >= HARMFUL_ERRORS) | (slower >= HARMFUL_SLOWNESS))
    if not hurt.size:
        return None, "P4"
    grade = np.array([GRADES.index(service.criticality) for service in cat.SERVICES])
    worst = min(hurt, key=lambda row: (grade[row], -errors[row], -slower[row]))
    impact = ("high", "medium", "low", "low")[grade[worst]]
    urgency = "high" if errors[worst] >= 0.03 or slower[worst] >= 2 else "medium"
    matrix = {(i, u): p for i, u, p in PriorityPolicy().matrix}
    return cat.SERVICES[worst].name, matrix[impact, urgency]
