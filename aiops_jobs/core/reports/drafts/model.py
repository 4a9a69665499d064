"""A draft as plain values: a number enters a line only together with the row it comes from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from aiops_jobs.contracts.table import Table


@dataclass(frozen=True, slots=True)
class Citation:
    """Where something that is said comes from.

    Args:
        number: Its mark in the text, from 1.
        table: Contract.
        key: Values of the key of the row, by column.
        column: Column; of a length of time, ``ended_at - started_at``.
        said: The value as the text says it.
        run_id: Run that wrote the row, where rows have one.
    """

    number: int
    table: str
    key: Mapping[str, Any]
    column: str
    said: str
    run_id: str | None

    @property
    def source(self) -> str:
        """The row in words."""
        key = ", ".join(f"{name}={_plain(value)}" for name, value in self.key.items())
        run = f", run_id={self.run_id}" if self.run_id else ""
        return f"{self.table}.{self.column} [{key}]{run}"


@dataclass(frozen=True, slots=True)
class Said:
    """A piece of a line: words of ours (``citation`` null) or a value with its source; ``is_name`` is set as code."""

    text: str
    citation: Citation | None = None
    is_name: bool = False


Line = Sequence[Said]


@dataclass(frozen=True, slots=True)
class Section:
    """One part; ``blanks`` are for people to fill in."""

    title: str
    lines: Sequence[Line] = ()
    blanks: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Draft:
    """A whole draft."""

    kind: str
    language: str
    title: str
    incident_id: str
    note: str
    sources_title: str
    page_words: str
    sections: Sequence[Section]
    citations: Sequence[Citation]


@dataclass(slots=True)
class Ledger:
    """Numbers the citations of a draft, each row and column once."""

    cited: list[Citation] = field(default_factory=list)

    def cite(self, table: Table, row: Mapping[str, Any], column: str, said: str) -> Citation:
        """Return the citation of one cell."""
        key = {name: row[name] for name in table.key}
        for known in self.cited:
            if (known.table, known.key, known.column, known.said) == (table.name, key, column, said):
                return known
        made = Citation(len(self.cited) + 1, table.name, key, column, said, row.get("run_id"))
        self.cited.append(made)
        return made


def _plain(value: Any) -> str:
    return f"{value:%Y-%m-%dT%H:%M:%SZ}" if isinstance(value, datetime) else str(value)
