"""What the settings say about files: which they are, and how somebody else's export is to be read."""

from __future__ import annotations

import codecs
import difflib
from pathlib import Path, PurePosixPath
from typing import Annotated, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from aiops_jobs.contracts.table import Table
from aiops_jobs.contracts.telemetry import INGESTED, METRIC_POINTS

TABLES: dict[str, Table] = {table.name: table for table in INGESTED}
PACKED_SUFFIXES = (".gz", ".bz2", ".zst", ".lz4")
FORMATS = {
    ".csv": "csv",
    ".tsv": "csv",
    ".txt": "csv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "jsonl",
    ".parquet": "parquet",
    ".pq": "parquet",
}
"""By suffix, a packer's suffix taken off."""
CONVENTIONAL = ("parquet", "csv", "csv.gz", "jsonl", "jsonl.gz")
STEM = "{stem}"


def _zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise ValueError(f"`{name}` is no time zone; write it as `Europe/Berlin`") from error
    return name


def _encoding(name: str) -> str:
    try:
        return codecs.lookup(name).name
    except LookupError as error:
        raise ValueError(f"`{name}` is no encoding") from error


def _inner(pattern: str) -> str:
    path = PurePosixPath(pattern)
    if path.is_absolute() or ".." in path.parts:
        raise ValueError(f"`{pattern}` leads out of `path`")
    return pattern


def _listed(value: object) -> object:
    return (value,) if isinstance(value, str) else value


Zone = Annotated[str, AfterValidator(_zone)]
Encoding = Annotated[str, AfterValidator(_encoding)]
Pattern = Annotated[str, AfterValidator(_inner)]
Patterns = Annotated[tuple[Pattern, ...], BeforeValidator(_listed)]


class FileTable(BaseModel):
    """The files of one table."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    files: Patterns = ()
    """Patterns below `path`, such as ``exports/*.csv``; default: names that begin with the table's."""
    format: Literal["csv", "jsonl", "parquet"] | None = None
    """Default: by suffix."""
    columns: dict[str, str] = Field(default_factory=dict)
    """Our column = their column. Columns with our names need not be listed."""
    constants: dict[str, str] = Field(default_factory=dict)
    """Our column = fixed value; ``{stem}`` in it is the name of the file without suffixes."""
    values: dict[str, dict[str, str]] = Field(default_factory=dict)
    """Our column = { their value = our value }, for columns with few values."""
    labels: tuple[str, ...] = ()
    """Their columns that are kept together, in `labels` or `attributes`."""
    layout: Literal["long", "wide"] = "long"
    """Wide: one line holds the samples of many metrics, one column each."""
    metrics: tuple[str, ...] = ()
    """Wide: their columns that are metrics; default: all that are nothing else."""
    ignore: tuple[str, ...] = ()
    """Their columns that are not read."""
    timezone: Zone | None = None
    """Zone of times written without one; default: the source's."""
    time_unit: Literal["s", "ms", "us", "ns"] | None = None
    """Unit of times that are numbers since 1970."""
    time_format: str | None = None
    """Pattern (strftime) of times that are not ISO 8601: ``%d.%m.%Y %H:%M``."""
    encoding: Encoding | None = None
    """Default: byte order mark, else UTF-8, else CP949 where all of a file is that."""
    delimiter: str = Field(default=",", min_length=1, max_length=1)
    """Between the cells of CSV; a tab for ``.tsv``."""
    header: tuple[str, ...] = ()
    """Column names of CSV that has no header line."""
    skip_lines: int = Field(default=0, ge=0)
    """Lines before the header of CSV."""
    multiline: bool = False
    """Whether values in quotes may hold line breaks."""
    null_values: tuple[str, ...] = ("",)
    """Texts that mean nothing, besides in required text."""
    max_line_bytes: int = Field(default=1 << 20, ge=1024)
    """Longer lines are put aside."""

    @model_validator(mode="after")
    def _wide_has_no_value(self) -> FileTable:
        if self.metrics and self.layout != "wide":
            raise ValueError("`metrics` are for `layout = wide`")
        return self


class Settings(BaseModel):
    """Where exported files are, and how they are to be read."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    kind: Literal["files"] = "files"
    path: Path
    """Folder with the files."""
    tables: dict[str, FileTable] = Field(default_factory=dict)
    """By table. Others are read where files of their name are there: ``metric_points*.csv``."""
    timezone: Zone | None = None
    """Zone of times written without one."""

    @model_validator(mode="after")
    def _tables_and_columns_are_known(self) -> Settings:
        for name, spec in self.tables.items():
            if name not in TABLES:
                raise ValueError(f"`{name}` is no table{nearest(name, list(TABLES))}")
            table = TABLES[name]
            for column in (*spec.columns, *spec.constants, *spec.values):
                if column not in table.names:
                    raise ValueError(f"`{column}` is no column of {name}{nearest(column, table.names)}")
            if spec.layout == "wide" and table is not METRIC_POINTS:
                raise ValueError(f"only {METRIC_POINTS.name} can be wide, not {name}")
            if spec.labels and not {"labels", "attributes"} & set(table.names):
                raise ValueError(f"{name} has no labels")
        return self


def nearest(word: str, known: list[str]) -> str:
    """Return a hint at the nearest known word."""
    close = difflib.get_close_matches(word, known, n=1, cutoff=0.5)
    return f"; did you mean `{close[0]}`?" if close else f"; there are {', '.join(known)}"


def format_of(path: Path, spec: FileTable) -> str | None:
    """Return the format of a file, as declared or by its suffix."""
    suffixes = [suffix for suffix in path.suffixes if suffix not in PACKED_SUFFIXES]
    return spec.format or FORMATS.get(suffixes[-1] if suffixes else "")


def stem_of(path: Path) -> str:
    """Return the name of a file without the suffixes that tell its format and packing.

    Example:
        >>> stem_of(Path("machine-1.6.csv.gz"))
        'machine-1.6'
    """
    name = path.name
    for suffix in (*PACKED_SUFFIXES, *FORMATS):
        name = name.removesuffix(suffix)
    return name
