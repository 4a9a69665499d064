"""A whole estate is simulated: metrics, logs, traces, alerts, changes, tickets and the ledger of its faults."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from aiops_jobs.core.estate import EstateSpec, simulate
from benchmarks.measure import Case, Side
from benchmarks.stages import samples

HISTORY_D = 14


def build(_folder: Path, scale: float) -> Case:
    """Return the case: one scenario, one day to be judged."""
    history = timedelta(days=max(2, round(HISTORY_D * scale)))
    spec = EstateSpec("card_payments", 7, samples.window(), history=history)
    return Case(
        size=f"one day and {history.days} days of history",
        ours=Side("simulate", lambda _: sum(table.num_rows for table in simulate(spec).tables.values())),
        facts=lambda results: f"{results[0]:,} rows; nobody publishes a peer.",
    )
