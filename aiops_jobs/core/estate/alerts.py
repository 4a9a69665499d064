"""What a monitoring system would shout: threshold rules on the metrics, with all the defects of real alerting.

Rules watch symptoms far more than causes, fire twice from a redundant pair, repeat, flap, come late, and sometimes
never say that it is over. On top comes background noise about nothing in particular.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
import pyarrow as pa

from aiops_jobs.contracts.telemetry import RAW_ALERTS
from aiops_jobs.core.estate import catalogue as cat
from aiops_jobs.core.estate.disks import Failure
from aiops_jobs.core.estate.nuisances import Nuisance
from aiops_jobs.core.estate.points import Mask
from aiops_jobs.core.estate.signals import FAMILIES, Signals, entities_of
from aiops_jobs.core.estate.spec import EPOCH, EstateSpec, Floats, Row
from aiops_jobs.core.estate.world import World
from aiops_jobs.identity import canonical_json, fingerprint

REPEAT = timedelta(minutes=30)
NOISE_PER_DAY = 6.0
FLAPPING_SHARE = 0.12
DEFECTS = (0.25, 0.08, 0.07)
"""Shares of episodes that are told twice, late, and never resolved."""
TOLD_TWICE = (0.25, 0.0, 0.0)
"""The same of nuisances."""


@dataclass(frozen=True, slots=True)
class Rule:
    """A threshold on one metric family."""

    name: str
    family: str
    limit: float
    """In the unit of the metric; for latency a multiple of the service's calm latency."""
    samples: int
    """How many samples in a row before it fires."""
    severity: str
    summary: str
    below: bool = False


RULES: tuple[Rule, ...] = (
    Rule("HighLatency", "service.latency", 2.2, 2, "warning", "99 % quantile of {name} is above its objective"),
    Rule(
        "VeryHighLatency", "service.latency", 5.0, 2, "critical", "99 % quantile of {name} is far above its objective"
    ),
    Rule("HighErrorRatio", "service.errors", 0.02, 2, "warning", "More than 2 % of the requests to {name} fail"),
    Rule("VeryHighErrorRatio", "service.errors", 0.06, 2, "critical", "More than 6 % of the requests to {name} fail"),
    Rule("ContainerRestarting", "service.restarts", 0.5, 2, "warning", "Containers of {name} restart"),
    Rule("ConnectionPoolExhausted", "database.pool", 0.985, 6, "critical", "Connection pool of {name} is exhausted"),
    Rule("QueueBacklog", "queue.depth", 4000.0, 3, "warning", "Queue {name} holds more than 4000 messages"),
    Rule("HostHighCpu", "host.cpu", 0.93, 6, "warning", "Processors of {name} are busy for half an hour"),
    Rule("FilesystemAlmostFull", "host.disk", 0.95, 3, "critical", "File system of {name} is almost full"),
)

# name, kind of entity, severity, minutes it lasts, changes of state
NOISE: tuple[tuple[str, str, str, float, int], ...] = (
    ("CertificateExpiresSoon", "gateway", "info", 45, 1),
    ("ClockSkewDetected", "host", "info", 20, 1),
    ("BackupTookLonger", "database", "info", 15, 1),
    ("PackageUpdatesPending", "host", "info", 90, 1),
    ("SyntheticProbeFailed", "service", "warning", 3, 5),
    ("ConntrackTableFilling", "host", "warning", 8, 1),
    ("ReplicaLagHigh", "database", "warning", 6, 1),
    ("DeadLetterGrowing", "queue", "info", 25, 1),
)


@dataclass(frozen=True, slots=True)
class Episode:
    """One stretch in which one rule held for one entity."""

    rule: str
    entity_id: str
    severity: str
    summary: str
    started_at: datetime
    ended_at: datetime | None
    flaps: int = 0


def to_raw_alerts(
    spec: EstateSpec,
    world: World,
    signals: Signals,
    lost: dict[str, Mask],
    failures: tuple[Failure, ...],
    nuisances: list[Nuisance],
) -> pa.Table:
    """Return ``raw_alerts``, by time: what the rules say about the metrics, about dead disks, noise and nuisances."""
    episodes = [episode for rule in RULES for episode in _evaluate(spec, world, signals, lost, rule)]
    episodes += _dead_disks(spec, failures)
    episodes += _noise(spec, world, signals)
    rng = spec.rng("alert defects")
    rows = [row for episode in episodes for row in _notifications(rng, spec, world, episode, DEFECTS)]
    rng = spec.rng("nuisances")
    for n in nuisances:
        episode = Episode(n.rule, n.entity_id, n.severity, n.summary, n.started_at, n.ended_at, n.flaps)
        rows += _notifications(rng, spec, world, episode, TOLD_TWICE)
    rows.sort(key=lambda row: (row["observed_at"], row["event_id"]))
    return pa.Table.from_pylist(rows, schema=RAW_ALERTS.to_arrow())


def _evaluate(spec: EstateSpec, world: World, signals: Signals, lost: dict[str, Mask], rule: Rule) -> list[Episode]:
    """Return the stretches in which a rule holds; a missing sample holds nothing."""
    holds = (signals.values[rule.family] > _limits(rule)) & ~lost[rule.family]
    edge = np.zeros((holds.shape[0], 1), dtype=np.int8)
    change = np.diff(np.concatenate([edge, holds.astype(np.int8), edge], axis=1), axis=1)
    (row, begin), (_, end) = np.nonzero(change == 1), np.nonzero(change == -1)
    long_enough = end - begin >= rule.samples
    entities = entities_of(world, FAMILIES[rule.family].kind)
    rng = spec.rng("rule", rule.name)
    return [
        Episode(
            rule.name,
            entities[r],
            rule.severity,
            rule.summary.format(name=entities[r].split("/")[1]),
            signals.grid.at(int(b) + rule.samples - 1) + timedelta(seconds=float(delay)),
            signals.grid.at(int(e)) + timedelta(seconds=float(delay)) if e < signals.grid.size else None,
            int(flap),
        )
        for r, b, e, delay, flap in zip(
            row[long_enough],
            begin[long_enough],
            end[long_enough],
            rng.integers(10, 55, long_enough.sum()),
            4 * (rng.random(long_enough.sum()) < FLAPPING_SHARE),
            strict=True,
        )
    ]


def _limits(rule: Rule) -> float | Floats:
    if rule.family != "service.latency":
        return rule.limit
    return rule.limit * np.array([[service.latency_s] for service in cat.SERVICES])


def _dead_disks(spec: EstateSpec, failures: tuple[Failure, ...]) -> list[Episode]:
    window = spec.window.extended(before=spec.history)
    return [
        Episode(
            "DiskFailed",
            f"disk/{failure.disk}",
            "warning",
            f"Disk {failure.disk} does not answer",
            failure.failed_at + timedelta(seconds=90),
            failure.replaced_at if failure.replaced_at < spec.window.end else None,
        )
        for failure in failures
        if window.contains(failure.failed_at)
    ]


def _noise(spec: EstateSpec, world: World, signals: Signals) -> list[Episode]:
    """Return alerts about nothing: some transient, some flapping, most of no consequence."""
    rng = spec.rng("alert noise")
    seconds = signals.grid.size * spec.step_s
    count = int(rng.poisson(NOISE_PER_DAY * seconds / 86400))
    episodes = []
    for offset in np.sort(rng.integers(0, seconds, count)):
        name, kind, severity, minutes, changes = NOISE[int(rng.integers(0, len(NOISE)))]
        entities = entities_of(world, kind)
        entity = entities[int(rng.integers(0, len(entities)))]
        begin = EPOCH + timedelta(seconds=int(signals.grid.start_s + offset))
        length = timedelta(seconds=int(60 * minutes * rng.uniform(0.6, 1.6)))
        words = "".join(f" {c.lower()}" if c.isupper() else c for c in name).strip().capitalize()
        text = f"{words}: {entity.split('/')[1]}"
        episodes.append(Episode(name, entity, severity, text, begin, begin + length, changes if changes > 1 else 0))
    return episodes


def _notifications(
    rng: np.random.Generator, spec: EstateSpec, world: World, episode: Episode, defects: tuple[float, float, float]
) -> list[Row]:
    """Return the notifications of an episode, defects included."""
    is_twice, is_late, is_unresolved = rng.random(3) < defects
    late = timedelta(seconds=int(rng.integers(240, 720))) if is_late else timedelta(0)
    told = _story(episode, is_unresolved=bool(is_unresolved), until=spec.window.end)
    if is_twice:
        second = timedelta(seconds=int(rng.integers(1, 5)))
        told = sorted([*told, *((at + second, status, "b") for at, status, _ in told)])
    rows = [_row(spec, world, episode, at + late, status, replica) for at, status, replica in told]
    return [row for row in rows if row["observed_at"] < spec.window.end]


def _story(episode: Episode, *, is_unresolved: bool, until: datetime) -> list[tuple[datetime, str, str]]:
    """Return when the first of the two alert managers says what."""
    begin, end = episode.started_at, episode.ended_at or until
    told = [(begin, "firing", "a")]
    for change in range(episode.flaps):
        at = begin + timedelta(minutes=4 * (change + 1))
        told.append((at, "resolved" if change % 2 == 0 else "firing", "a"))
    if episode.flaps % 2:
        return told
    again = told[-1][0] + REPEAT
    while again < end:
        told.append((again, "firing", "a"))
        again += REPEAT
    if episode.ended_at is not None and not is_unresolved:
        told.append((max(end, told[-1][0] + timedelta(seconds=30)), "resolved", "a"))
    return told


def _row(spec: EstateSpec, world: World, episode: Episode, at: datetime, status: str, replica: str) -> Row:
    item = world.item[episode.entity_id]
    labels = {"alertname": episode.rule, "entity": episode.entity_id, "replica": replica, "severity": episode.severity}
    return {
        "observed_at": at,
        "event_id": fingerprint("event", rule=episode.rule, entity=episode.entity_id, at=at, status=status, by=replica),
        "alert_fingerprint": fingerprint("alert", source=spec.source, rule=episode.rule, entity=episode.entity_id),
        "alert_name": episode.rule,
        "alert_status": status,
        "severity": episode.severity,
        "entity_id": episode.entity_id,
        "service_name": item.service_name,
        "host_name": item.host_name,
        "summary": episode.summary,
        "labels": canonical_json(labels),
        "source": spec.source,
    }
