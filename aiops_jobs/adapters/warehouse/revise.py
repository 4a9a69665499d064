"""Write the next migration: what the contracts say now and the migrations do not make yet.

    python -m aiops_jobs.adapters.warehouse.revise "why the schema changes"
    python -m aiops_jobs.adapters.warehouse.revise --first

The second writes the first migration anew; it is for the time before the first release only.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, Literal

from aiops_jobs.adapters.warehouse.engine import Database
from aiops_jobs.adapters.warehouse.migration import Schema, alembic_config, differences
from aiops_jobs.adapters.warehouse.migrations import revisions
from aiops_jobs.adapters.warehouse.migrations.notation import written
from aiops_jobs.adapters.warehouse.schema import UtcDateTime, warehouse_metadata

VERSIONS = Path(__file__).parent / "migrations" / "versions"
FIRST = '''"""The schema of the first release, frozen: later changes are later migrations."""

from __future__ import annotations

from aiops_jobs.adapters.warehouse.migrations.notation import create_tables

revision = "0001"
down_revision = None

SCHEMA = """
{schema}
"""


def upgrade() -> None:
    """Create all tables."""
    create_tables(SCHEMA)
'''


def main(arguments: Sequence[str] | None = None) -> int:
    """Write a migration and say which; return the exit code."""
    parser = argparse.ArgumentParser(prog="revise", description="Write the next migration of the warehouse.")
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("reason", nargs="?", help="why the schema changes")
    what.add_argument("--first", action="store_true", help="write the first migration anew (before the first release)")
    asked = parser.parse_args(arguments)
    path = write_first(VERSIONS) if asked.first else write_next(asked.reason)
    sys.stdout.write(f"{path or 'nothing to do: the migrations make what the contracts say'}\n")
    return 0


def write_first(folder: Path) -> Path:
    """Write the whole schema as revision 0001 into ``folder``; return the file."""
    path = folder / "r0001_first_schema.py"
    path.write_text(FIRST.format(schema=written(warehouse_metadata())), "utf-8")
    return path


def write_next(reason: str, folder: Path = VERSIONS) -> Path | None:
    """Write the difference between migrations and contracts as the next revision; return the file, null if none."""
    from alembic import command

    number = f"{int(revisions()[-1]) + 1:04d}"
    with tempfile.TemporaryDirectory() as place, closing(Database(f"sqlite:///{place}/schema.db")) as database:
        Schema(database).migrate()
        with database.writing() as connection, alembic_config(connection, folder) as config:
            if not differences(connection):
                return None
            config.attributes["render_item"] = rendered
            script: Any = command.revision(config, reason, autogenerate=True, rev_id=number, version_path=str(folder))
    return Path(script.path)


def rendered(kind: str, item: Any, context: Any) -> str | Literal[False]:
    """Spell our own types the way a migration can read them."""
    if kind != "type":
        return False
    if isinstance(item, UtcDateTime):
        context.imports.add("from aiops_jobs.adapters.warehouse.schema import UtcDateTime")
        return "UtcDateTime()"
    if type(item).__name__ == "Text":
        context.imports.add("from aiops_jobs.adapters.warehouse.schema import TEXT")
        return "TEXT"
    return False


if __name__ == "__main__":
    raise SystemExit(main())
