"""The warehouse: result tables, runs, leases and the ticket outbox in SQLite or PostgreSQL.

`SqlWarehouse` answers the port; the modules beside this one hold one concern each: ``engine`` (connections and
transactions), ``schema`` (contracts as SQL), ``migration``, ``transfer`` (bulk in and out), ``knowledge`` (what a run
may overwrite), ``publish``, ``runs``, ``leases``, ``outbox``.
"""

from __future__ import annotations

from aiops_jobs.adapters.warehouse.store import SqlWarehouse

__all__ = ["SqlWarehouse"]
