"""Tables from files: CSV, JSON lines and Parquet, as this project writes them or as somebody else exports them.

Without further settings a table is read from files named after it (``metric_points-2026-11.parquet``) whose columns are
the contract's. For any other export the settings say which column is which, the zone of its times, what is constant.
Rows that cannot be read are put aside with file and line; their siblings go on.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from aiops_jobs.adapters.sources.file_columns import UnknownColumnError
from aiops_jobs.adapters.sources.file_pieces import BadHeaderError
from aiops_jobs.adapters.sources.file_reading import BlockNotes, FileReader, UnreadableFileError
from aiops_jobs.adapters.sources.file_settings import CONVENTIONAL, TABLES, FileTable, Settings, format_of
from aiops_jobs.adapters.sources.file_times import UndeclaredError
from aiops_jobs.contracts.table import Table
from aiops_jobs.errors import ConfigurationError, ConnectorError, ConnectorUnavailable
from aiops_jobs.ports import Batch, Check
from aiops_jobs.window import Window

__all__ = ["FileTable", "FilesSource", "Settings"]


class FilesSource:
    """Reads any table sources may deliver."""

    def __init__(self, name: str, settings: Settings) -> None:
        self.name = name
        self._settings = settings
        self._notes: BlockNotes = {}

    @property
    def tables(self) -> Sequence[Table]:
        """Tables the settings name, and those with files of their name; all while the folder is not there."""
        if not self._settings.path.is_dir():
            return tuple(TABLES.values())
        return tuple(t for t in TABLES.values() if t.name in self._settings.tables or any(self._files(t)))

    def check(self) -> Sequence[Check]:
        """Look whether the folder is there, and whether the first and the last file of each table can be understood."""
        folder = self._settings.path
        if not folder.is_dir():
            return [Check("path", is_ok=False, detail=f"{folder} is not there", remedy="Set `path` to a folder.")]
        found = [Check("path", is_ok=True, detail=f"{folder} is there")]
        found += [self._check_table(table) for table in self.tables]
        return found

    def _check_table(self, table: Table) -> Check:
        paths = list(self._files(table))
        remedy = f"Look at `sources.{self.name}.tables.{table.name}`."
        if not paths:
            return Check(table.name, is_ok=False, detail="no file fits its patterns", remedy=remedy)
        for path in dict.fromkeys((paths[0], paths[-1])):
            try:
                self._reader(table, path).columns()
            except (UnknownColumnError, BadHeaderError, UnreadableFileError, OSError, ConfigurationError) as error:
                return Check(table.name, is_ok=False, detail=f"{self._called(path)}: {error}", remedy=remedy)
        return Check(table.name, is_ok=True, detail=f"{len(paths)} files")

    def extract(self, table: Table, window: Window) -> Iterator[Batch]:
        """Yield the rows of ``table`` in ``window``, file by file in the order of their names.

        Raises:
            ConnectorUnavailable: The folder or a file cannot be opened.
            ConnectorError: A file has not the columns it should have.
            ConfigurationError: The settings must say more, such as the zone of its times.
        """
        if not self._settings.path.is_dir():
            raise ConnectorUnavailable(self.name, f"the folder {self._settings.path} is not there")
        for path in self._files(table):
            try:
                yield from self._reader(table, path).batches(window)
            except (UnknownColumnError, BadHeaderError) as error:
                raise ConnectorError(self.name, f"{self._called(path)}: {error}") from error
            except UndeclaredError as error:
                setting = f"sources.{self.name}.tables.{table.name}.{error.setting}"
                raise ConfigurationError(
                    setting, f"is needed to read {self._called(path)}: {error}", remedy="Set it in aiops.toml."
                ) from error
            except OSError as error:
                raise ConnectorUnavailable(self.name, f"{self._called(path)}: {error.strerror or error}") from error

    def _reader(self, table: Table, path: Path) -> FileReader:
        spec = self._settings.tables.get(table.name, FileTable())
        if format_of(path, spec) is None:
            raise ConfigurationError(
                f"sources.{self.name}.tables.{table.name}.format",
                f"is needed: the name of {self._called(path)} does not tell",
                remedy="Set csv, jsonl or parquet.",
            )
        return FileReader(self.name, path, self._called(path), table, spec, self._settings.timezone, self._notes)

    def _files(self, table: Table) -> Iterator[Path]:
        """Yield the files of a table, sorted by name, each once."""
        spec = self._settings.tables.get(table.name)
        patterns = spec.files if spec else ()
        if not patterns:
            patterns = tuple(f"{table.name}*.{suffix}" for suffix in CONVENTIONAL)
        found = {path for pattern in patterns for path in self._settings.path.glob(pattern)}
        yield from sorted(path for path in found if path.is_file() and not path.name.startswith("."))

    def _called(self, path: Path) -> str:
        return path.relative_to(self._settings.path).as_posix()
