"""What goes wrong, where and when: the scenarios, as injections drawn from the seed."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import numpy as np

from aiops_jobs.core.estate import catalogue as cat
from aiops_jobs.core.estate.spec import EstateSpec
from aiops_jobs.core.estate.world import World
from aiops_jobs.identity import fingerprint

DAY = timedelta(days=1)
HOUR = timedelta(hours=1)
SALE_FACTOR = 4.0
NEWSLETTER_FACTOR = 1.2


@dataclass(frozen=True, slots=True)
class Injection:
    """One thing that is made to happen to one entity."""

    kind: str
    """A key of `kinds.EFFECTS`."""
    root: str
    """Entity id."""
    started_at: datetime
    ended_at: datetime
    strength: float = 1.0
    """About 1; for an event the factor of the traffic."""
    breaches_at: datetime | None = None
    change_id: str | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything that is made to happen."""

    faults: tuple[Injection, ...]
    """For the ledger, by begin."""
    past: tuple[Injection, ...] = ()
    """Faults of the history: over and done before the window."""
    events: tuple[Injection, ...] = ()
    """Announced events; not faults."""
    failing_disks: tuple[tuple[datetime, bool], ...] = ()
    """When disks fail that have not failed when the window begins, and whether they wear out visibly before."""


# kind, earliest hour, latest hour, shortest hours, longest hours
SUDDEN: tuple[tuple[str, float, float, float, float], ...] = (
    ("pool_exhausted", 8.0, 14.5, 1.0, 2.0),
    ("bad_deployment", 8.0, 14.5, 1.0, 2.0),
    ("queue_backlog", 8.0, 14.0, 1.5, 2.5),
    ("cpu_saturation", 8.0, 14.0, 1.5, 2.5),
    ("gateway_node", 8.0, 14.5, 1.0, 2.0),
    ("memory_leak", 6.0, 8.5, 6.0, 8.0),
    ("network_loss", 8.0, 14.5, 1.0, 2.0),
)


def make_plan(spec: EstateSpec, world: World) -> Plan:
    """Return what happens in the scenario of the spec."""
    if spec.scenario == "demo":
        return _demo(spec, world)
    return {"black_friday": _black_friday, "card_payments": _card_payments, "quiet_week": _quiet_week}[spec.scenario](
        spec
    )


def _demo(spec: EstateSpec, world: World) -> Plan:
    rng = spec.rng("plan")
    days = spec.window.duration // DAY
    kinds = [SUDDEN[i] for i in rng.permutation(len(SUDDEN))][: min(days, len(SUDDEN))]
    roots = _roots(rng, world)
    offsets = [int(i * days / len(kinds)) for i in range(len(kinds))]
    faults = [
        _sudden(rng, kind, roots[kind[0]], spec.window.start + offset * DAY)
        for kind, offset in zip(kinds, offsets, strict=True)
    ]
    if days >= 4:
        faults += _filling(rng, spec, roots)
    if days >= 2:
        gap_from = spec.window.start + (days // 2) * DAY - 2 * HOUR
        faults.append(Injection("source_gap", roots["source_gap"], gap_from, gap_from + _hours(rng.uniform(6, 8))))
    past = []
    if spec.history >= 20 * DAY:
        for kind, back in zip(rng.permutation(3)[:2], (17, 12), strict=True):
            day = spec.window.start - back * DAY
            past.append(_sudden(rng, SUDDEN[(0, 3, 6)[kind]], roots[f"past {SUDDEN[(0, 3, 6)[kind]][0]}"], day))
    return Plan(
        tuple(sorted(faults, key=_begin)), tuple(sorted(past, key=_begin)), _newsletters(spec), _doomed(rng, spec)
    )


def _black_friday(spec: EstateSpec) -> Plan:
    rng = spec.rng("plan")
    opens = _special_day(spec, weekday=4) + 9 * HOUR
    opens += timedelta(minutes=float(rng.integers(0, 12)) * 5)
    sale = Injection("event", "service/web", opens, opens + 12 * HOUR, SALE_FACTOR, change_id="EVT-9001")
    fixed = opens + _hours(rng.uniform(2.0, 3.5))
    fault = Injection("pool_exhausted_by_surge", "database/orders-db", opens, fixed, SALE_FACTOR)
    return Plan((fault,), events=(sale,))


def _card_payments(spec: EstateSpec) -> Plan:
    rng = spec.rng("plan")
    fault = _sudden(rng, SUDDEN[4], "gateway/gw-2", _special_day(spec))
    return Plan((fault,), events=_newsletters(spec))


def _quiet_week(spec: EstateSpec) -> Plan:
    return Plan((), events=_newsletters(spec))


def _roots(rng: np.random.Generator, world: World) -> dict[str, str]:
    """Draw a root for each kind; those whose symptoms could be confused never share a host or a database."""
    apps = [f"host/{world.app_hosts[i]}" for i in rng.permutation(len(world.app_hosts))]
    stores = [int(i) for i in rng.permutation(len(world.databases))]
    service = rng.permutation(["catalog", "cart", "search", "checkout", "inventory", "orders", "accounts"])
    return {
        "pool_exhausted": f"database/{world.databases[stores[0]]}",
        "past pool_exhausted": f"database/{world.databases[stores[1]]}",
        "filesystem_full": f"host/{world.db_hosts[stores[2]]}",
        "filesystem_filling": f"host/{world.mq_hosts[int(rng.integers(0, 2))]}",
        "bad_deployment": f"service/{service[0]}",
        "memory_leak": f"service/{service[1]}",
        "queue_backlog": f"queue/{world.queues[int(rng.integers(0, 2))]}",
        "gateway_node": f"gateway/{cat.GATEWAYS[int(rng.integers(0, 3))]}",
        "cpu_saturation": apps[0],
        "network_loss": apps[1],
        "source_gap": apps[2],
        "past cpu_saturation": apps[3],
        "past network_loss": apps[4],
    }


def _sudden(
    rng: np.random.Generator, kind: tuple[str, float, float, float, float], root: str, day: datetime
) -> Injection:
    name, earliest, latest, shortest, longest = kind
    begin = day + _hours(rng.uniform(earliest, latest))
    end = begin + _hours(rng.uniform(shortest, longest))
    injection = Injection(name, root, begin, end, float(rng.uniform(0.85, 1.2)))
    if name != "bad_deployment":
        return injection
    change_id = "CHG-" + fingerprint("chg", root=root, at=begin)[-6:].upper()
    return replace(injection, change_id=change_id)


def _filling(rng: np.random.Generator, spec: EstateSpec, roots: dict[str, str]) -> list[Injection]:
    """Return a file system that gets full in an evening of the window, and one that will only after its end."""
    days = spec.window.duration // DAY
    begin = spec.window.start + _hours(rng.uniform(4, 8))
    full = spec.window.start + min(days - 1, 4) * DAY + _hours(rng.uniform(20.0, 20.8))
    found = [Injection("filesystem_full", roots["filesystem_full"], begin, full + 1.5 * HOUR, breaches_at=full)]
    later = spec.window.end + _hours(rng.uniform(36, 60))
    begin = max(spec.window.start + _hours(rng.uniform(2, 6)), later - 7 * DAY)
    found.append(Injection("filesystem_full", roots["filesystem_filling"], begin, later + DAY, breaches_at=later))
    return found


def _doomed(rng: np.random.Generator, spec: EstateSpec) -> tuple[tuple[datetime, bool], ...]:
    """Return when disks fail: two within the window and two after it visibly, one within it out of the blue."""
    days = spec.window.duration / DAY
    inside = [spec.window.start + float(rng.uniform(0.45, 0.95)) * days * DAY for _ in range(3)]
    after = [spec.window.end + float(rng.uniform(2, 8)) * DAY for _ in range(2)]
    when = [instant.replace(minute=0, second=0, microsecond=0) for instant in (*inside, *after)]
    return tuple(zip(when, (True, True, False, True, True), strict=True))


def _newsletters(spec: EstateSpec) -> tuple[Injection, ...]:
    """Return the announced newsletter that goes out every Tuesday at ten."""
    day = _midnight(spec.grid.at(0))
    found = []
    while day < spec.window.end:
        begin = day + 10 * HOUR
        if day.weekday() == 1 and begin >= spec.grid.at(0) and begin + HOUR <= spec.window.end:
            name = f"EVT-{day:%m%d}"
            found.append(Injection("event", "service/web", begin, begin + HOUR, NEWSLETTER_FACTOR, change_id=name))
        day += DAY
    return tuple(found)


def _special_day(spec: EstateSpec, weekday: int | None = None) -> datetime:
    """Return midnight of the wanted weekday, if the window has one, else of its middle day."""
    days = [day.start for day in spec.window.split(DAY)]
    fitting = [day for day in days if day.weekday() == weekday]
    return fitting[0] if fitting else days[len(days) // 2]


def _hours(count: float) -> timedelta:
    """Return a length in whole seconds."""
    return timedelta(seconds=round(float(count) * 3600))


def _midnight(instant: datetime) -> datetime:
    return instant.replace(hour=0, minute=0, second=0, microsecond=0)


def _begin(injection: Injection) -> tuple[datetime, str]:
    return injection.started_at, injection.root
