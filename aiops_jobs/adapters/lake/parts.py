"""What one file of the lake holds, told by its name alone: source, window, span, as_of and the SHA-256 of its bytes.

A name is ``<source>/<day>/<window>-<span>-<as_of>-<sha256>.parquet``. So a listing of the current files answers who
wrote what, for when and knowing what, without opening one; and a name never holds foreign text that could lead a path
astray, because everything but lower-case letters, digits and hyphens of a source is spelled ``_<hex>_``.

Inside the lake, instants are integers: microseconds since 1970-01-01 UTC.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from aiops_jobs.errors import ConfigurationError
from aiops_jobs.ports import InputFile
from aiops_jobs.window import Window

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
MAX_SOURCE_CHARACTERS = 200
_UNSAFE = re.compile(r"[^a-z0-9-]")
_SPELLED = re.compile(r"_([0-9a-f]+)_")
_NAME = re.compile(
    r"(?P<source>[a-z0-9_-]+)/\d{4}-\d\d-\d\d/"
    r"(?P<instants>[0-9T.]+(?:-[0-9T.]+){4})-(?P<sha256>[0-9a-f]{64})\.parquet"
)


class Span(NamedTuple):
    """The half-open interval ``[start, end)`` in microseconds since 1970."""

    start: int
    end: int

    @classmethod
    def of(cls, window: Window) -> Span:
        """Return ``window`` in microseconds."""
        return cls(to_micros(window.start), to_micros(window.end))

    def to_window(self) -> Window:
        """Return the span as a window."""
        return Window(to_instant(self.start), to_instant(self.end))

    def overlaps(self, other: Span) -> bool:
        """Tell whether the two share an instant."""
        return self.start < other.end and other.start < self.end

    def clipped(self, other: Span) -> Span:
        """Return what the two share; they must overlap."""
        return Span(max(self.start, other.start), min(self.end, other.end))


@dataclass(frozen=True, slots=True)
class Part:
    """One file, immutable: what was written for ``window``, as far as it lies in ``span``.

    Args:
        path: Below the folder of the table, with forward slashes.
        window: What the write spoke about.
        span: Which piece of it this file answers for; a day of it, or what a later write left over.
        as_of: Knowledge cut of the write.
        first: Time of the earliest row; null without rows.
        latest: Time of the last row.
        version: Commit that brought it: of two parts with one ``as_of``, the later knows better.
    """

    path: str
    source: str
    window: Span
    span: Span
    as_of: int
    sha256: str
    rows: int
    first: int | None
    latest: int | None
    version: int = -1

    def to_input(self, table_name: str) -> InputFile:
        """Return the part as lineage records it; the path is relative to the lake, so that it is the same anywhere."""
        return InputFile(
            path=f"{table_name}/{self.path}",
            table_name=table_name,
            sha256=self.sha256,
            rows=self.rows,
            first_event_at=None if self.first is None else to_instant(self.first),
            latest_event_at=None if self.latest is None else to_instant(self.latest),
        )


def to_micros(instant: datetime) -> int:
    """Return an aware instant in microseconds since 1970, exactly."""
    return (instant - EPOCH) // MICROSECOND


def to_instant(micros: int) -> datetime:
    """Return the instant of ``micros`` since 1970."""
    return EPOCH + timedelta(microseconds=micros)


def part_path(source: str, window: Span, span: Span, as_of: int, sha256: str) -> str:
    """Return the name of a part below its table's folder.

    Example:
        >>> hour = Span(0, 3_600_000_000)
        >>> part_path("Prom EU", hour, hour, 0, "ab")
        '_50_rom_20__45__55_/1970-01-01/19700101T000000-19700101T010000-19700101T000000-19700101T010000-19700101T000000-ab.parquet'
    """
    instants = "-".join(_compact(micros) for micros in (*window, *span, as_of))
    return f"{folder_of(source)}/{to_instant(span.start).date().isoformat()}/{instants}-{sha256}.parquet"


def folder_of(source: str) -> str:
    """Return the folder of a source's parts: one path step, whatever the source is called.

    Raises:
        ConfigurationError: The source has no name or one that no file system takes.
    """
    folder = _UNSAFE.sub(lambda match: f"_{ord(match.group()):x}_", source)
    if not 0 < len(folder) <= MAX_SOURCE_CHARACTERS:
        raise ConfigurationError(
            "source name",
            f"is {source[:80]!r}, which makes no folder name of 1 to {MAX_SOURCE_CHARACTERS} characters",
            remedy="Use a shorter name of lower-case letters, digits and hyphens.",
        )
    return folder


def parse_part(path: str, *, rows: int, first: int | None, latest: int | None, version: int = -1) -> Part | None:
    """Return the part called ``path``, or ``None`` where the name is not one of ours."""
    match = _NAME.fullmatch(path)
    if match is None:
        return None
    source = _SPELLED.sub(lambda found: chr(int(found.group(1), 16)), match["source"])
    window_start, window_end, start, end, as_of = (_micros(text) for text in match["instants"].split("-"))
    return Part(
        path=path,
        source=source,
        window=Span(window_start, window_end),
        span=Span(start, end),
        as_of=as_of,
        sha256=match["sha256"],
        rows=rows,
        first=first,
        latest=latest,
        version=version,
    )


def _compact(micros: int) -> str:
    return to_instant(micros).replace(tzinfo=None).isoformat().replace("-", "").replace(":", "")


def _micros(text: str) -> int:
    return to_micros(datetime.fromisoformat(text).replace(tzinfo=UTC))
