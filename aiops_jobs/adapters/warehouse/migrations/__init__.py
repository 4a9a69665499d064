"""Schema changes, one file each, forward only, the same for SQLite and PostgreSQL.

To change the schema: change the contract, then write the next migration and read it before you commit it:

    python -m aiops_jobs.adapters.warehouse.revise "why the schema changes"

It compares the contracts with what the migrations make and writes ``versions/rNNNN_….py``. A test fails while the two
differ. A published migration is never edited: databases out there have already run it. Contracts grow by nullable
columns and new tables; for anything else the migration must say what becomes of the rows.
"""

from __future__ import annotations

from importlib import resources


def revisions() -> list[str]:
    """Return all revisions this code knows, oldest first, from the names of the files."""
    folder = resources.files(__name__) / "versions"
    names = (item.name for item in folder.iterdir())
    return sorted(name[1:5] for name in names if name.startswith("r") and name.endswith(".py"))
