"""Small worlds for the models: hourly resources of known kinds, and a fleet of disks of which some wear out."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
END = datetime(2026, 11, 9, tzinfo=UTC)
INSTANT = pa.timestamp("us", tz="UTC")
METRICS = (
    "smart_pending_sectors_count",
    "smart_power_on_hours",
    "smart_reallocated_sectors_count",
    "smart_temperature_celsius",
)


def autocorrelated(rng, shape, memory=0.8):
    noise = rng.normal(size=shape)
    for hour in range(1, shape[1]):
        noise[:, hour] = memory * noise[:, hour - 1] + np.sqrt(1 - memory**2) * noise[:, hour]
    return noise


def resources(kind, count, hours, seed):
    """Return hourly utilisation of ``count`` resources of one kind."""
    rng = np.random.default_rng([seed, sum(map(ord, kind))])
    hour = np.arange(hours)
    daily = np.sin(2 * np.pi * (hour - rng.uniform(0, 24, (count, 1))) / 24)
    weekend = np.where((hour // 24) % 7 >= 5, -1.0, 0.0)
    noise = autocorrelated(rng, (count, hours))
    level = rng.uniform(0.3, 0.6, (count, 1))
    if kind == "filling":
        return level + rng.uniform(1e-4, 5e-4, (count, 1)) * hour + 0.003 * daily + 0.003 * noise
    if kind == "seasonal":
        return level + rng.uniform(0.1, 0.25, (count, 1)) * daily + 0.08 * weekend + 0.02 * noise
    if kind == "steady":
        return level + 0.01 * noise
    if kind == "sawtooth":
        period = rng.integers(60, 200, (count, 1))
        return level - 0.1 + 0.002 * ((hour + rng.integers(0, 200, (count, 1))) % period) + 0.005 * noise
    raise ValueError(kind)


def estate(hours, seed, each=30):
    """Return resources of all kinds, one kind after the other."""
    return np.concatenate([resources(k, each, hours, seed) for k in ("filling", "seasonal", "steady", "sawtooth")])


@dataclass(frozen=True)
class Fleet:
    points: pa.Table
    tickets: pa.Table
    start: datetime
    end: datetime


def fleet(seed, disks=240, days=150, failing=0.2, visible=0.85):
    """Return readings at six every morning and the tickets of a fleet in which disks wear out, fail, are replaced."""
    rng = np.random.default_rng(seed)
    day = np.arange(days, dtype=float)
    names = [f"disk/store-{n // 12:02d}:sd{'abcdefghijkl'[n % 12]}" for n in range(disks)]
    fails = np.where(rng.random(disks) < failing, rng.uniform(12, days + 30, disks), 1e9)
    signs = np.where(rng.random(disks) < visible, rng.uniform(12, 30, disks), 1e-3)
    repaired = fails + rng.uniform(0.7, 1.6, disks)
    read = day[None, :] + 0.25
    is_new = read >= repaired[:, None]
    wear = np.clip((read - fails[:, None] + signs[:, None]) / signs[:, None], 0, 1) * ~is_new
    bad = np.floor(np.exp(rng.normal(5.5, 0.6, (disks, 1))) * np.expm1(3 * wear) / np.expm1(3))
    scars = np.where(rng.random((disks, 1)) < 0.1, rng.integers(1, 30, (disks, 1)), 0) * ~is_new
    values = {
        "smart_reallocated_sectors_count": np.maximum.accumulate(bad * ~is_new, axis=1) * ~is_new + scars,
        "smart_pending_sectors_count": rng.poisson(0.1 * bad * wear) + rng.poisson(0.004, bad.shape),
        "smart_power_on_hours": np.where(is_new, 24 * (read - repaired[:, None]), 20000 + 24 * read),
        "smart_temperature_celsius": np.round(rng.normal(34, 2, (disks, 1)) + rng.normal(0, 0.8, bad.shape)),
    }
    start = END - timedelta(days=days)
    is_read = (read < fails[:, None]) | is_new
    rows, columns = np.nonzero(is_read)
    at = np.datetime64(start.replace(tzinfo=None), "us") + (columns * 86400 + 6 * 3600) * np.timedelta64(1, "s")
    parts = [
        pa.table(
            {
                "observed_at": pa.array(at).cast(INSTANT),
                "entity_id": pa.array(names).take(pa.array(rows)),
                "host_name": pa.array([n[5:].split(":")[0] for n in names]).take(pa.array(rows)),
                "metric_name": pa.array([metric] * len(rows)),
                "value": values[metric][rows, columns].astype(float),
            }
        )
        for metric in METRICS
    ]
    failed = [n for n in range(disks) if fails[n] < days]
    tickets = to_tickets(
        (names[n], start + timedelta(days=float(fails[n])), start + timedelta(days=float(repaired[n]))) for n in failed
    )
    return Fleet(pa.concat_tables(parts), tickets, start, END)


def to_tickets(failures, code="disk_replaced"):
    rows = [
        {
            "opened_at": opened,
            "resolved_at": resolved,
            "entity_id": entity,
            "cause_entity_id": entity,
            "resolution_code": code if resolved is not None else None,
        }
        for entity, opened, resolved in failures
    ]
    text = pa.string()
    fields = [("opened_at", INSTANT), ("resolved_at", INSTANT), ("entity_id", text), ("cause_entity_id", text)]
    return pa.Table.from_pylist(rows, schema=pa.schema([*fields, ("resolution_code", text)]))


def shuffled(table, seed=0):
    return table.take(pa.array(np.random.default_rng(seed).permutation(table.num_rows)))
