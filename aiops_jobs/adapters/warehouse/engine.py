"""The doors to one database: a block that writes and a block that reads, each one transaction.

SQLite opens no transaction before a SELECT by itself, so a read-modify-write of two processes loses updates without
an error. Here every writer begins with ``BEGIN IMMEDIATE`` and waits for its turn; readers begin deferred and, thanks
to the write-ahead log, wait for nobody. PostgreSQL takes care of itself.
"""

from __future__ import annotations

import os
import secrets
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event

from aiops_jobs.errors import ConfigurationError, ConnectorError, ConnectorUnavailable

SETTING = "warehouse_url"
CONNECTOR = "warehouse"
MIGRATE = "Run `aiops check` or any job: both bring the schema to the newest version."
POSTGRES_NAMES = {"postgres", "postgresql", "postgresql+psycopg"}
NETWORK_FILE_SYSTEMS = {"nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "afs", "ceph", "glusterfs", "fuse.sshfs"}
SESSION_SETTINGS = {
    "timezone": "UTC",
    # A stopped process must not hold everybody up: the server ends its transaction.
    "idle_in_transaction_session_timeout": "120s",
    "lock_timeout": "120s",
    "default_transaction_isolation": "read\\ committed",
}


class Database:
    """One SQLite file or one PostgreSQL database.

    Args:
        url: ``sqlite:////path/to/file.db`` or ``postgresql://user@host/name``.
        busy_timeout_s: How long a SQLite writer waits for its turn.

    Raises:
        ConfigurationError: The URL names another kind of database, or a place SQLite is not safe at.
    """

    def __init__(self, url: str, *, busy_timeout_s: float = 30.0) -> None:
        self.url = _parsed(url)
        self.is_sqlite = self.url.get_backend_name() == "sqlite"
        self._busy_timeout_s = busy_timeout_s
        self._process = os.getpid()
        self._writer = self._build(is_writer=True)
        self._reader = self._build(is_writer=False)

    @property
    def path(self) -> Path:
        """The file of a SQLite database."""
        return Path(str(self.url.database))

    @property
    def place(self) -> str:
        """Where the database is, without its password."""
        return str(self.path) if self.is_sqlite else self.url.render_as_string(hide_password=True)

    @property
    def exists(self) -> bool:
        """Whether there is a database to connect to; only a SQLite file can be missing."""
        return not self.is_sqlite or self.path.exists()

    @contextmanager
    def writing(self) -> Iterator[sa.Connection]:
        """Yield a connection inside a transaction that may write; it commits when the block ends well.

        Raises:
            ConnectorUnavailable: The database is busy, full or away: try again later.
            ConnectorError: The database refuses.
        """
        self._after_fork()
        if self.is_sqlite and not self.path.exists():
            create_file(self.path)
        with translated(self._writer), self._writer.begin() as connection:
            yield connection

    @contextmanager
    def reading(self) -> Iterator[sa.Connection]:
        """Yield a connection inside a transaction that sees one state of the database and cannot write.

        Raises:
            ConfigurationError: There is no such SQLite file.
            ConnectorUnavailable: The database is away: try again later.
            ConnectorError: The database refuses.
        """
        self._after_fork()
        if not self.exists:
            raise ConfigurationError(SETTING, f"names `{self.path}`, which does not exist yet", remedy=MIGRATE)
        with translated(self._reader), self._reader.begin() as connection:
            yield connection

    def close(self) -> None:
        """Close all connections; the next use opens new ones."""
        self._writer.dispose()
        self._reader.dispose()

    def _after_fork(self) -> None:
        """A forked child must not use, nor close, the connections of its parent."""
        if self._process != os.getpid():
            self._process = os.getpid()
            self._writer.dispose(close=False)
            self._reader.dispose(close=False)

    def _build(self, *, is_writer: bool) -> sa.Engine:
        if not self.is_sqlite:
            settings = " ".join(f"-c {name}={value}" for name, value in SESSION_SETTINGS.items())
            engine = sa.create_engine(
                self.url,
                pool_pre_ping=True,
                connect_args={"connect_timeout": 10, "application_name": "aiops-jobs", "options": settings},
            )
            return engine if is_writer else engine.execution_options(postgresql_readonly=True)
        engine = sa.create_engine(self.url, connect_args={"timeout": self._busy_timeout_s})
        event.listen(engine, "connect", _sqlite_connect(self._busy_timeout_s, is_writer=is_writer))
        event.listen(engine, "begin", _begin_immediate if is_writer else _begin_deferred)
        return engine


@contextmanager
def translated(engine: sa.Engine) -> Iterator[None]:
    """Turn the errors of the driver into ours; only the first line is kept: details may quote rows."""
    driver = engine.dialect.loaded_dbapi
    try:
        yield
    except (sa.exc.DBAPIError, driver.Error) as error:  # COPY speaks to the driver itself
        cause = error.orig if isinstance(error, sa.exc.DBAPIError) else error
        problem = str(cause).strip().partition("\n")[0] or type(cause).__name__
        is_away = isinstance(cause, (driver.OperationalError, driver.InterfaceError))
        raise (ConnectorUnavailable if is_away else ConnectorError)(CONNECTOR, problem) from error
    except sa.exc.TimeoutError as error:
        raise ConnectorUnavailable(CONNECTOR, "all connections of this process are in use") from error


def create_file(path: Path) -> None:
    """Create an empty SQLite database that only its owner may read, already in write-ahead mode.

    It is made beside ``path`` and linked into place, so that of many processes exactly one makes it and nobody
    ever sees it half made.

    Raises:
        ConfigurationError: The folder cannot be written, or lies on a network file system.
    """
    kind = network_file_system(path)
    if kind:
        remedy = "Put the file on a local disk, or use PostgreSQL."
        raise ConfigurationError(SETTING, f"names a file on {kind}, where SQLite's locks are not safe", remedy=remedy)
    draft = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        os.close(os.open(draft, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
        try:
            with closing(sqlite3.connect(draft)) as connection:
                connection.execute("PRAGMA journal_mode=WAL")
            path.hardlink_to(draft)
        except FileExistsError:
            return
        finally:
            draft.unlink(missing_ok=True)
    except OSError as error:
        problem = f"names `{path}`, which cannot be created: {error.strerror}"
        raise ConfigurationError(SETTING, problem, remedy="Name a file in a folder you may write.") from error


def network_file_system(path: Path) -> str | None:
    """Return the kind of network file system ``path`` lies on; null for a local disk or where nobody knows."""
    mounts = Path("/proc/self/mounts")
    if not mounts.exists():
        return None
    entries = [line.split(" ")[1:3] for line in mounts.read_text("utf-8", errors="replace").splitlines()]
    place = path.resolve()
    above = [(mount, kind) for mount, kind in entries if place.is_relative_to(mount.replace("\\040", " "))]
    kind = max(above, key=lambda entry: len(entry[0]), default=("", ""))[1]
    return kind if kind in NETWORK_FILE_SYSTEMS else None


def _parsed(url: str) -> sa.URL:
    remedy = "Write sqlite:////folder/file.db or postgresql://user@host/name."
    try:
        parsed = sa.make_url(url)
    except sa.exc.ArgumentError as error:
        raise ConfigurationError(SETTING, "is no database URL", remedy=remedy) from error
    if parsed.drivername in POSTGRES_NAMES:
        return parsed.set(drivername="postgresql+psycopg")
    if parsed.drivername not in {"sqlite", "sqlite+pysqlite"}:
        raise ConfigurationError(SETTING, f"asks for `{parsed.drivername}`, which is not supported", remedy=remedy)
    if parsed.database in {None, "", ":memory:"}:
        raise ConfigurationError(SETTING, "names no file; a database in memory is gone with its process", remedy=remedy)
    return parsed


def _sqlite_connect(busy_timeout_s: float, *, is_writer: bool) -> Callable[[Any, Any], None]:
    pragmas = [
        f"busy_timeout={int(busy_timeout_s * 1000)}",
        "journal_mode=WAL",
        "synchronous=FULL",
        "foreign_keys=ON",
        "temp_store=MEMORY",
    ]
    if not is_writer:
        pragmas.append("query_only=ON")

    def connected(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # we say BEGIN ourselves
        for pragma in pragmas:
            connection.execute(f"PRAGMA {pragma}")

    return connected


def _begin_immediate(connection: sa.Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def _begin_deferred(connection: sa.Connection) -> None:
    connection.exec_driver_sql("BEGIN")
