"""A simulated estate, a context on it, and everything a run has said, for tests that run the house."""

from datetime import timedelta
from pathlib import Path

from aiops_jobs.adapters.estate_files import write_estate
from aiops_jobs.bootstrap import bootstrap
from aiops_jobs.contracts import WAREHOUSE_TABLES
from aiops_jobs.core.estate import EstateSpec, simulate
from aiops_jobs.jobs.catalogue import ingest_all, run_nightly
from aiops_jobs.settings import Settings
from aiops_jobs.window import Window, parse_instant

CLOCKED = {"run_attempts", "leases", "sink_states", "switches", "labels", "incident_outcomes"}
LONG_PAST = {"max_age_s": 1e9, "max_per_hour": 1000}
"""The days of a simulated estate are long past, and a week of them is played in minutes."""
CLOCKED_COLUMNS = {
    "ticket_outbox": {
        "remote_url",
        "attempt_count",
        "next_attempt_at",
        "lease_until",
        "lease_token",
        "holder",
        "last_error",
        "target_key",
        "enqueued_at",
        "settled_at",
    },
    "tickets": {"remote_url", "opened_at", "updated_at", "resolved_at", "seen_at"},
}


def small_estate(scenario="card_payments", seed=1, start="2026-11-09T00:00:00Z", days=1, **sizes):
    """Simulate an estate that a test can afford."""
    begin = parse_instant(start)
    window = Window(begin, begin + timedelta(days=days))
    sizes = {
        "history": timedelta(days=22),
        "wear_history": timedelta(days=90),
        "storage_hosts": 8,
        "logs_per_day": 3000,
        "traces_per_day": 600,
    } | sizes
    return simulate(EstateSpec(scenario=scenario, seed=seed, window=window, **sizes))


def settings_on(home: Path, estate: Path, **more) -> Settings:
    """Return settings of a house in ``home`` that reads the exported estate in ``estate``."""
    return Settings(
        home=home,
        sources={"estate": {"kind": "files", "path": str(estate)}},
        sinks={"desk": {"kind": "file", "path": str(home / "desk")}},
        policies={"delivery": LONG_PAST} | more.pop("policies", {}),
        **more,
    )


def context_on(home: Path, estate: Path, **more):
    return bootstrap(settings_on(home, estate, **more))


def history_of(spec) -> Window:
    """Return all that lies before the judged window."""
    return Window(spec.window.start - max(spec.history, spec.wear_history), spec.window.start)


def ingest_history(context, spec):
    history = history_of(spec)
    _, errors = ingest_all(context, history, history.end)
    assert errors == []


def nights_of(spec) -> list[Window]:
    return list(spec.window.split(timedelta(days=1)))


def run_night(context, window, as_of=None):
    reports, errors = run_nightly(context, window, as_of or window.end)
    assert errors == []
    return reports


def export(estate, folder: Path) -> Path:
    write_estate(estate, folder)
    return folder


def said(context) -> dict[str, list[dict]]:
    """Return every row of the warehouse that does not depend on the clock on the wall."""
    rows = {}
    for name, table in WAREHOUSE_TABLES.items():
        if name in CLOCKED:
            continue
        hidden = CLOCKED_COLUMNS.get(name, set())
        rows[name] = [
            {k: v for k, v in row.items() if k not in hidden} for row in context.warehouse.read(table).to_pylist()
        ]
    return rows


def differences(one, other) -> dict[str, str]:
    """Return, by table, how two warehouses differ; empty where they are equal."""
    found = {}
    for name in one:
        if one[name] == other[name]:
            continue
        left, right = (set(map(repr, rows[name])) for rows in (one, other))
        found[name] = f"-{len(left - right)} +{len(right - left)}; e.g. {sorted(left ^ right)[:2]}"[:1500]
    return found
