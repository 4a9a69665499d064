"""What alerts although nothing is wrong: planned maintenance, an unstable check, hiccups, a noisy fan.

None of it is a fault, none of it moves a metric, and none of it should reach a person. It is drawn apart from all
else, so that faults and telemetry are the same with and without it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np

from aiops_jobs.core.estate.plan import Plan
from aiops_jobs.core.estate.spec import EstateSpec, Row
from aiops_jobs.core.estate.world import World
from aiops_jobs.identity import canonical_json

DAY, HOUR, MINUTE = timedelta(days=1), timedelta(hours=1), timedelta(minutes=1)
HICCUPS_PER_DAY = 5.0
FAN_HOURS = (0.5, 3.0, 5.0, 19.0, 22.0)
"""When the noisy fan of one host is heard, every day."""
UNSTABLE_SERVICE = "recommendation"
UNSTABLE_CHANGES = 9
"""Changes of state of the unstable check, four minutes apart; the last says that it is over."""


@dataclass(frozen=True, slots=True)
class Nuisance:
    """One alert about nothing."""

    rule: str
    entity_id: str
    severity: str
    summary: str
    started_at: datetime
    ended_at: datetime
    flaps: int = 0


@dataclass(frozen=True, slots=True)
class Maintenance:
    """One planned maintenance of a host, carried out within its plan."""

    change_id: str
    host: str
    planned: tuple[datetime, datetime]
    actual: tuple[datetime, datetime]

    def to_change(self) -> Row:
        """Return its change record."""
        return {
            "started_at": self.actual[0],
            "change_id": self.change_id,
            "change_type": "normal",
            "title": f"Replace the power supply of {self.host}",
            "entity_id": f"host/{self.host}",
            "planned_start_at": self.planned[0],
            "planned_end_at": self.planned[1],
            "ended_at": self.actual[1],
            "outcome": "success",
            "attributes": canonical_json({"approval": "approved", "state": "closed"}),
        }


def maintenances(spec: EstateSpec, world: World, plan: Plan) -> list[Maintenance]:
    """Return the maintenance of some nights: the second of the window, and every third before and after it."""
    rng = spec.rng("maintenance")
    calm = _calm_hosts(world, plan)
    found = []
    for number, day in enumerate(_days(spec)):
        host = calm[int(rng.integers(0, len(calm)))]
        begin = day + HOUR + int(rng.integers(0, 40)) * MINUTE
        length = int(rng.integers(60, 100)) * MINUTE
        if (day - spec.window.start) // DAY % 3 == 1:
            actual = (begin + 2 * MINUTE, begin + 2 * MINUTE + length)
            found.append(Maintenance(f"CHG-{30_000 + number}", host, (begin, begin + 2 * HOUR), actual))
    return found


def nuisances(spec: EstateSpec, world: World, plan: Plan, planned: list[Maintenance]) -> list[Nuisance]:
    """Return all alerts about nothing, history included, by begin."""
    found = [alert for maintenance in planned for alert in _powerless(maintenance)]
    found += _unstable(spec) + _hiccups(spec, world) + _fan(spec, _calm_hosts(world, plan)[0])
    return sorted(found, key=lambda n: (n.started_at, n.rule, n.entity_id))


def _powerless(maintenance: Maintenance) -> list[Nuisance]:
    """A host without power is unreachable, and so is its agent; both are well before the planned end."""
    begin, end = maintenance.actual
    entity, name = f"host/{maintenance.host}", maintenance.host
    return [
        Nuisance("HostUnreachable", entity, "critical", f"{name} does not answer", begin + 4 * MINUTE, end),
        Nuisance("MonitoringAgentDown", entity, "warning", f"Agent of {name} is down", begin + 5 * MINUTE, end),
    ]


def _unstable(spec: EstateSpec) -> list[Nuisance]:
    rng = spec.rng("unstable check")
    entity, text = f"service/{UNSTABLE_SERVICE}", f"Synthetic check of {UNSTABLE_SERVICE} is unstable"
    found = []
    for day in _days(spec):
        begin = day + 3 * HOUR + int(rng.integers(0, 90)) * MINUTE
        end = begin + 4 * UNSTABLE_CHANGES * MINUTE
        found.append(Nuisance("SyntheticCheckUnstable", entity, "warning", text, begin, end, UNSTABLE_CHANGES))
    return found


def _hiccups(spec: EstateSpec, world: World) -> list[Nuisance]:
    rng = spec.rng("hiccups")
    found = []
    for day in _days(spec):
        for second in np.sort(rng.integers(0, 86_400, int(rng.poisson(HICCUPS_PER_DAY)))).tolist():
            name = world.services[int(rng.integers(0, len(world.services)))]
            begin = day + timedelta(seconds=second)
            end = begin + timedelta(seconds=int(rng.integers(40, 260)))
            found.append(
                Nuisance("HealthCheckTimeout", f"service/{name}", "warning", f"Check of {name} timed out", begin, end)
            )
    return found


def _fan(spec: EstateSpec, host: str) -> list[Nuisance]:
    rng = spec.rng("noisy fan")
    found = []
    for day in _days(spec):
        for hour in FAN_HOURS:
            begin = day + hour * HOUR + int(rng.integers(0, 25)) * MINUTE
            end = begin + int(rng.integers(20, 40)) * MINUTE
            found.append(Nuisance("FanSpeedHigh", f"host/{host}", "warning", f"Fan of {host} is fast", begin, end))
    return found


def _calm_hosts(world: World, plan: Plan) -> list[str]:
    """Return the application hosts that are no root of anything, last first."""
    roots = {injection.root for injection in (*plan.past, *plan.faults)}
    return [host for host in reversed(world.app_hosts) if f"host/{host}" not in roots]


def _days(spec: EstateSpec) -> list[datetime]:
    first = spec.grid.at(0).replace(hour=0, minute=0, second=0, microsecond=0)
    return [first + n * DAY for n in range((spec.window.end - first) // DAY)]
