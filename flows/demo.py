"""The demo: a simulated estate with known faults through every flow, then a scoreboard against the truth."""

from __future__ import annotations

import os
import shutil
import sys
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

from aiops_jobs.adapters.estate_files import write_estate
from aiops_jobs.bootstrap import bootstrap, warehouse_url
from aiops_jobs.cli.estate import DEMO_START
from aiops_jobs.cli.output import say, show_rows
from aiops_jobs.contracts import results as r
from aiops_jobs.contracts.knowledge import ALERT_SUPPRESSIONS
from aiops_jobs.contracts.operations import RUNS, TICKETS
from aiops_jobs.core.estate import Estate, EstateSpec, FaultRow, Scoreboard, score, simulate
from aiops_jobs.ports import Context, Filter
from aiops_jobs.settings import load_settings
from aiops_jobs.window import Window, parse_instant

JUDGED = (
    r.INCIDENTS,
    r.INCIDENT_ALERTS,
    r.ALERTS,
    ALERT_SUPPRESSIONS,
    r.FINDINGS,
    r.ROOT_CAUSES,
    r.CAPACITY_RISKS,
    r.FAILURE_RISKS,
    TICKETS,
)
SETTINGS = """# Settings of the demo. `aiops` finds this file in its home folder; AIOPS_… variables win over it.
estate = "demo estate"

[sources.estate]
kind = "files"
path = "{estate}"

[sinks.desk]
kind = "file"
path = "{desk}"

[policies.delivery]
max_age_s = 1e9  # the demo plays days long past; in your own estate a back-fill opens no tickets
max_per_hour = 1000  # and it plays a week in minutes
"""


def run_demo(*, home: Path, scenario: str, seed: int, days: int, as_json: bool = False) -> Scoreboard:
    """Simulate, ingest the history, then one nightly flow a day; print the scoreboard and where things are."""
    began = time.monotonic()
    home = home.resolve()
    _clear(home)
    start = parse_instant(DEMO_START)
    spec = EstateSpec(scenario=scenario, seed=seed, window=Window(start, start + timedelta(days=days)))
    say(f"simulating `{scenario}`: {days} days to judge, {spec.history.days} days of history before")
    estate = simulate(spec)
    write_estate(estate, home / "estate")
    write_settings(home)
    say("starting Prefect in this process (its data: " + str(home / "prefect") + ")")
    _run_flows(spec)
    context = bootstrap(load_settings(home / "aiops.toml"))
    board = scoreboard(context, estate)
    _print(board, context, home, took_s=time.monotonic() - began, as_json=as_json)
    return board


def write_settings(home: Path) -> None:
    """Write the demo's settings file and point this process at it."""
    text = SETTINGS.format(estate=(home / "estate").as_posix(), desk=(home / "desk").as_posix())
    (home / "aiops.toml").write_text(text, "utf-8")
    os.environ["AIOPS_CONFIG"] = str(home / "aiops.toml")
    os.environ["AIOPS_HOME"] = str(home)
    os.environ.setdefault("PREFECT_HOME", str(home / "prefect"))
    os.environ.setdefault("PREFECT_LOGGING_LEVEL", "WARNING")


def _run_flows(spec: EstateSpec) -> None:
    from flows.ingest import ingest
    from flows.nightly import nightly
    from flows.parameters import WindowParameters

    history = Window(spec.window.start - max(spec.history, spec.wear_history), spec.window.start)
    say(f"ingesting the history {history}")
    ingest(WindowParameters(start=history.start, end=history.end, as_of=history.end))
    for day in spec.window.split(timedelta(days=1)):
        say(f"night of {day.start:%Y-%m-%d}")
        nightly(WindowParameters(start=day.start, end=day.end))


def scoreboard(context: Context, estate: Estate) -> Scoreboard:
    """Hold what the warehouse and the desk say against the ledger of injected faults."""
    tables = {table.name: context.warehouse.read(table) for table in JUDGED}
    return score(estate.ledger, tables, estate.spec.window)


def _print(board: Scoreboard, context: Context, home: Path, *, took_s: float, as_json: bool) -> None:
    if as_json:
        show_rows([{**board.summary(), "faults": board.to_rows()}], as_json=True)
        return
    show_rows([_told(row) for row in board.faults], as_json=False, title="Injected faults, and what became of them")
    show_rows([{"measure": k, "value": v} for k, v in board.summary().items()], as_json=False, title="Scoreboard")
    pages = sorted((home / "reports").glob("*.html"))
    runs = context.warehouse.read(RUNS, where=[Filter("run_status", "completed")]).num_rows
    print(f"\n{runs} runs in {took_s:.0f} s.")  # noqa: T201 - the result of the command
    print(f"Report:     {pages[-1] if pages else 'none'}")  # noqa: T201
    print(f"Warehouse:  {warehouse_url(load_settings())}")  # noqa: T201
    print(f"Tickets:    {home / 'desk'}")  # noqa: T201
    print("Go on:      aiops tickets; aiops explain <incident id>; aiops quarantine; aiops models")  # noqa: T201


def _told(row: FaultRow) -> dict[str, Any]:
    """Return one fault as a person reads it."""
    known = "missed" if row.found_by is None else f"{row.found_by.replace('_', ' ')} {row.subject_id}"
    when = "" if row.detection_delay_s is None else f"{_duration(row.detection_delay_s)} after its begin"
    if row.lead_s is not None:
        when = f"{_duration(row.lead_s)} before it hurts"
    cause = "–" if row.cause_rank is None else f"rank {row.cause_rank}"
    return {
        "fault": row.kind.replace("_", " "),
        "in": row.root_entity_id,
        "found as": known,
        "when": when,
        "true cause": cause if row.incident_count else "no incident needed",
        "priority": row.priority,
        "tickets": row.ticket_count,
    }


def _duration(seconds: float) -> str:
    if seconds < 5400:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.0f} h" if seconds < 172800 else f"{seconds / 86400:.1f} d"


def _clear(home: Path) -> None:
    """Start from nothing, but only where a demo was before."""
    if home.exists() and any(home.iterdir()) and not (home / "estate" / "ledger.json").exists():
        print(f"aiops: `{home}` is not empty and holds no demo; name another folder with --home.", file=sys.stderr)  # noqa: T201
        raise SystemExit(2)
    shutil.rmtree(home, ignore_errors=True)
    home.mkdir(parents=True)
