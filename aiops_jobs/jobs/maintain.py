"""Keep the house clean: remove what nobody can ask for any more."""

from __future__ import annotations

from datetime import datetime, timedelta

from aiops_jobs.contracts import LAKE_TABLES
from aiops_jobs.jobs.running import RunReport, open_run, report_of
from aiops_jobs.ports import Context
from aiops_jobs.window import Window

KEEP = timedelta(days=30)


def maintain(context: Context, window: Window, as_of: datetime, *, keep: timedelta = KEEP) -> RunReport:
    """Remove files of the lake that were replaced longer than ``keep`` before ``as_of``.

    What ``as_of`` reads within ``keep`` need stays.
    """
    with open_run(context, "maintain", window, as_of, parameters={"keep_s": keep.total_seconds()}) as run:
        removed = {name: context.lake.maintain(table, keep=keep, as_of=as_of) for name, table in LAKE_TABLES.items()}
        run.details["files_removed"] = sum(removed.values())
    return report_of(run)
