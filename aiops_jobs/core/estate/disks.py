"""Disks that wear out: daily SMART values of the fleet, and when which disk failed.

Most failing disks show it for weeks (reallocated sectors grow faster and faster), some die out of the blue; some
healthy ones carry old scars, grow a few bad sectors, or lose some dozens within days and then live on.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np

from aiops_jobs.core.estate.plan import Plan
from aiops_jobs.core.estate.spec import DAY_S, EPOCH, EstateSpec, Floats, Grid, to_micros
from aiops_jobs.core.estate.world import World

SMART_METRICS: tuple[tuple[str, str], ...] = (
    ("smart_reallocated_sectors_count", "1"),
    ("smart_pending_sectors_count", "1"),
    ("smart_offline_uncorrectable_count", "1"),
    ("smart_temperature_celsius", "Cel"),
    ("smart_power_on_hours", "h"),
)
READ_AT_S = 6 * 3600
"""Time of day of the daily reading."""
FAILING_SHARE = 0.14
"""Share of the fleet that fails within the history: an old fleet."""
VISIBLE_SHARE = 0.78
"""Share of failures that announce themselves."""
NO_FAILURE = 1e12
"""Day of failure of a disk that does not fail."""


@dataclass(frozen=True, slots=True)
class Failure:
    """One disk that fails."""

    disk: str
    worn_at: datetime
    """When the signs begin; equals ``failed_at`` where there are none."""
    failed_at: datetime
    replaced_at: datetime
    is_visible: bool


@dataclass(frozen=True)
class Wear:
    """The fleet's readings: one matrix (disks x days) per metric; NaN where there is none."""

    grid: Grid
    values: dict[str, Floats]
    failures: tuple[Failure, ...]
    """All failures, past and to come, by time."""


def wear_out(spec: EstateSpec, world: World, plan: Plan) -> Wear:
    """Return the readings of all disks from the begin of the wear history to the end of the window."""
    whole = spec.window.extended(before=spec.wear_history)
    daily = Grid.over(whole, DAY_S)
    grid = Grid(daily.start_s - DAY_S + READ_AT_S, DAY_S, daily.size + 1)
    inside = (grid.seconds * 1_000_000 >= to_micros(whole.start)) & (grid.seconds * 1_000_000 < to_micros(whole.end))
    grid = Grid(int(grid.seconds[inside][0]), DAY_S, int(inside.sum()))
    rng = spec.rng("disks")
    age = rng.uniform(2_000, 45_000, len(world.disks))
    failures = _failures(spec, world, plan, rng, age)
    return Wear(grid, _readings(spec, world, grid, age, failures), failures)


def _failures(spec: EstateSpec, world: World, plan: Plan, rng: np.random.Generator, age: Floats) -> tuple[Failure, ...]:
    """Draw the past failures; older disks are more likely. What is planned for the window comes on other disks."""
    past = min(round(FAILING_SHARE * len(world.disks)), len(world.disks) - len(plan.failing_disks))
    chosen = rng.choice(len(world.disks), past + len(plan.failing_disks), replace=False, p=age / age.sum())
    from_s = (spec.window.start - spec.wear_history + timedelta(days=12) - EPOCH).total_seconds()
    until_s = (spec.window.start - timedelta(days=3) - EPOCH).total_seconds()
    when = [EPOCH + timedelta(seconds=int(s)) for s in np.sort(rng.uniform(from_s, max(until_s, from_s + 1), past))]
    visible = [bool(flag) for flag in rng.random(past) < VISIBLE_SHARE]
    when += [instant for instant, _ in plan.failing_disks]
    visible += [is_visible for _, is_visible in plan.failing_disks]
    signs = rng.uniform(14, 35, len(when))
    repair = rng.uniform(18, 40, len(when))
    failures = [
        Failure(
            world.disks[disk],
            failed_at - timedelta(seconds=round(days * DAY_S)) if is_visible else failed_at,
            failed_at,
            failed_at + timedelta(seconds=round(hours * 3600)),
            is_visible,
        )
        for disk, failed_at, is_visible, days, hours in zip(chosen, when, visible, signs, repair, strict=True)
    ]
    return tuple(sorted(failures, key=lambda failure: (failure.failed_at, failure.disk)))


def _readings(
    spec: EstateSpec, world: World, grid: Grid, age: Floats, failures: tuple[Failure, ...]
) -> dict[str, Floats]:
    rng = spec.rng("readings")
    days = grid.seconds / DAY_S
    row = {disk: number for number, disk in enumerate(world.disks)}
    worn, failed, replaced = (np.full((len(world.disks), 1), NO_FAILURE) for _ in range(3))
    for failure in failures:
        instants = (failure.worn_at, failure.failed_at, failure.replaced_at)
        for target, instant in zip((worn, failed, replaced), instants, strict=True):
            target[row[failure.disk]] = (instant - EPOCH) / timedelta(days=1)
    is_new = days >= replaced
    progress = np.clip((days - worn) / np.maximum(failed - worn, 1e-9), 0, 1) * ~is_new
    size = (len(world.disks), grid.size)
    bad = np.round(np.exp(rng.normal(np.log(350), 0.6, (size[0], 1))) * np.expm1(3.5 * progress) / np.expm1(3.5))
    scars = (_scars(rng, size) + _scares(spec, rng, days, size[0])) * ~is_new
    pending = rng.poisson(0.12 * bad * progress) + rng.poisson(0.004, size)
    uncorrectable = np.maximum.accumulate(rng.poisson(0.03 * bad * progress**2), axis=1) * ~is_new
    hours = np.where(is_new, 24 * (days - replaced), age[:, None] + 24 * (days - days[0]))
    warm = rng.normal(34, 2, (size[0], 1)) + rng.normal(0, 0.8, size) + 3.0 * progress
    values = (np.maximum.accumulate(bad, axis=1) * ~is_new + scars, pending, uncorrectable, np.round(warm), hours)
    is_gone = (days >= failed) & ~is_new
    return {
        name: np.where(is_gone, np.nan, np.round(reading, 0))
        for (name, _), reading in zip(SMART_METRICS, values, strict=True)
    }


def _scars(rng: np.random.Generator, size: tuple[int, int]) -> Floats:
    """Return bad sectors that mean nothing: old ones that stay, and a few that come slowly."""
    old = np.where(rng.random((size[0], 1)) < 0.10, rng.integers(1, 30, (size[0], 1)), 0)
    slow = np.cumsum(rng.poisson(0.08, size), axis=1) * (rng.random((size[0], 1)) < 0.06)
    return np.asarray(old + slow, dtype=np.float64)


def _scares(spec: EstateSpec, rng: np.random.Generator, days: Floats, disks: int) -> Floats:
    """Return bursts of bad sectors that come to rest; the last of them is over ten days before the window."""
    size = (disks, 1)
    calm_from = (spec.window.start - EPOCH) / timedelta(days=1) - 10
    length = rng.uniform(8, 15, size)
    begin = rng.uniform(days[0], max(calm_from - 15, days[0] + 1), size)
    lost = np.exp(rng.normal(np.log(40), 0.6, size)) * (rng.random(size) < 0.06)
    return np.asarray(np.round(lost * np.clip((days - begin) / length, 0, 1) ** 2))
