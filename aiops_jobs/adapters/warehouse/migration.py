"""The schema of a database: which version it has, how it gets the newest, whether it is what the contracts say."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from aiops_jobs.adapters.warehouse.engine import MIGRATE, SETTING, Database, network_file_system
from aiops_jobs.adapters.warehouse.migrations import revisions
from aiops_jobs.adapters.warehouse.schema import warehouse_metadata
from aiops_jobs.errors import AiopsError, ConfigurationError
from aiops_jobs.ports import Check

MIGRATING = 7_261_350_441
"""Key of PostgreSQL's advisory lock: one process migrates, the others wait and find it done."""
COMMENT_CHANGES = {"modify_comment", "add_table_comment", "remove_table_comment"}


class Schema:
    """The schema of one database."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self._is_current = False

    def migrate(self) -> None:
        """Bring the schema to the newest revision, in one transaction.

        Raises:
            ConfigurationError: A newer version of this package has changed the schema.
        """
        newest = revisions()[-1]
        if not self.database.exists or self._revision() != newest:
            with self.database.writing() as connection:
                if not self.database.is_sqlite:
                    connection.execute(sa.select(sa.func.pg_advisory_xact_lock(MIGRATING)))
                if _revision(connection) != newest:
                    _upgrade(connection)
                    _describe(connection)
        self._is_current = True

    def ensure_current(self) -> None:
        """Insist, once per process, that the database has the schema this code was written for.

        Raises:
            ConfigurationError: The schema is older, newer or missing.
        """
        if self._is_current:
            return
        found = self._revision()
        if found != revisions()[-1]:
            raise ConfigurationError(SETTING, f"names {self.database.place}, which {_state(found)}", remedy=MIGRATE)
        self._is_current = True

    def check(self) -> list[Check]:
        """Tell whether the database answers and whether its schema is what the contracts say."""
        if not self.database.exists:
            return [Check("warehouse", is_ok=False, detail=f"{self.database.place} does not exist yet", remedy=MIGRATE)]
        try:
            with self.database.reading() as connection:
                checks = [_server(connection, self.database.place), _schema_check(connection)]
        except AiopsError as error:
            remedy = getattr(error, "remedy", f"See that {self.database.place} answers and lets this user in.")
            return [Check("warehouse", is_ok=False, detail=str(error), remedy=remedy)]
        return [*checks, *_file_checks(self.database)]

    def _revision(self) -> str | None:
        with self.database.reading() as connection:
            return _revision(connection)


def comparison() -> dict[str, Any]:
    """Return how Alembic compares a database with the contracts: our tables only, types too, wording not."""
    return {"compare_type": True, "include_object": _is_ours, "transaction_per_migration": False}


def differences(connection: sa.Connection) -> list[str]:
    """Return, in words, where the schema of a database is not what the contracts say."""
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext

    context = MigrationContext.configure(connection, opts=comparison())
    found: list[Any] = []
    for entry in compare_metadata(context, warehouse_metadata()):
        found += entry if isinstance(entry, list) else [entry]
    return [_in_words(entry) for entry in found if entry[0] not in COMMENT_CHANGES]


@contextmanager
def alembic_config(connection: sa.Connection, *more: Path) -> Iterator[Any]:
    """Yield Alembic's configuration for the migrations of this package, and of the folders ``more``."""
    from importlib import resources

    from alembic.config import Config

    config = Config()
    with resources.as_file(resources.files("aiops_jobs.adapters.warehouse") / "migrations") as folder:
        options = {
            "script_location": str(folder),
            "version_locations": os.pathsep.join(map(str, (folder / "versions", *more))),
            "path_separator": "os",
            "file_template": "r%(rev)s_%(slug)s",
        }
        for name, value in options.items():
            config.set_main_option(name, value.replace("%", "%%"))
        config.attributes["connection"] = connection
        yield config


def _upgrade(connection: sa.Connection) -> None:
    from alembic import command

    with alembic_config(connection) as config:
        command.upgrade(config, "head")


def _revision(connection: sa.Connection) -> str | None:
    """Return the revision of a database; null before the first migration.

    Raises:
        ConfigurationError: This code does not know it.
    """
    if not sa.inspect(connection).has_table("alembic_version"):
        return None
    found: str | None = connection.execute(sa.text("SELECT version_num FROM alembic_version")).scalar()
    if found is not None and found not in revisions():
        problem = f"names a warehouse of schema {found}; this version of aiops-jobs knows {revisions()[-1]} and older"
        raise ConfigurationError(SETTING, problem, remedy="Install the version that changed it, or a newer one.")
    return found


def _describe(connection: sa.Connection) -> None:
    """Write the descriptions of tables and columns into the database, where it keeps such."""
    if not connection.dialect.supports_comments:
        return
    for table in warehouse_metadata().sorted_tables:
        connection.execute(sa.schema.SetTableComment(table))
        for column in table.columns:
            connection.execute(sa.schema.SetColumnComment(column))


def _server(connection: sa.Connection, place: str) -> Check:
    version = ".".join(map(str, connection.dialect.server_version_info or ()))
    return Check("warehouse", is_ok=True, detail=f"{connection.dialect.name} {version} at {place}")


def _schema_check(connection: sa.Connection) -> Check:
    found, newest = _revision(connection), revisions()[-1]
    if found != newest:
        return Check("warehouse schema", is_ok=False, detail=f"it {_state(found)}", remedy=MIGRATE)
    problems = differences(connection)
    if problems:
        remedy = "Somebody changed it by hand: undo that. In development: write the missing migration."
        return Check("warehouse schema", is_ok=False, detail="; ".join(problems), remedy=remedy)
    return Check("warehouse schema", is_ok=True, detail=f"schema {newest}, as the contracts say")


def _file_checks(database: Database) -> list[Check]:
    if not database.is_sqlite:
        return []
    path, checks = database.path, []
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & 0o077:
        detail, remedy = f"others may open {path} (mode {mode:o})", f"Run `chmod 600 {path}`."
        checks.append(Check("warehouse file", is_ok=False, detail=detail, remedy=remedy))
    kind = network_file_system(path)
    if kind:
        detail, remedy = f"{path} lies on {kind}, where locks are not safe", "Move it to a local disk."
        checks.append(Check("warehouse file", is_ok=False, detail=detail, remedy=remedy))
    return checks


def _state(found: str | None) -> str:
    newest = revisions()[-1]
    return f"has schema {found}, not {newest}" if found else f"has no schema yet (newest: {newest})"


def _is_ours(_item: Any, name: str | None, kind: str, is_reflected: bool, _compared: Any) -> bool:
    """Leave tables alone that share the database with us."""
    return kind != "table" or not is_reflected or name in warehouse_metadata().tables


def _in_words(entry: tuple[Any, ...]) -> str:
    names = [getattr(part, "name", part) for part in entry[1:] if isinstance(part, str) or hasattr(part, "name")]
    return f"{entry[0].replace('_', ' ')} {'.'.join(str(name) for name in names if name)}"
