"""How commands print: tables for people, JSON for programs, progress on standard error."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import orjson
import pyarrow as pa
from rich.console import Console
from rich.table import Table

from aiops_jobs.errors import ConfigurationError
from aiops_jobs.window import Window, parse_instant


def show_rows(rows: Sequence[dict[str, Any]], *, as_json: bool, title: str = "") -> None:
    """Print ``rows`` as a JSON list or as a table; an empty list says so."""
    if as_json:
        sys.stdout.write(orjson.dumps(list(rows), default=str, option=orjson.OPT_INDENT_2).decode() + "\n")
        return
    console = Console(width=None if sys.stdout.isatty() else 200)
    if not rows:
        console.print(f"{title or 'Result'}: nothing to show.")
        return
    table = Table(title=title or None, title_justify="left", header_style="bold", show_edge=False, pad_edge=False)
    for name in rows[0]:
        table.add_column(name.replace("_", " "), overflow="fold")
    for row in rows:
        table.add_row(*(cell(value) for value in row.values()))
    console.print(table)


def cell(value: Any) -> str:
    """Return one value as a person reads it; markup in data stays text."""
    if value is None:
        return "–"
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M:%SZ}"
    if isinstance(value, float):
        return f"{value:.4g}"
    return str(value).replace("[", "\\[")


def pick(rows: pa.Table, *names: str) -> list[dict[str, Any]]:
    """Return some columns of an Arrow table as rows."""
    picked: list[dict[str, Any]] = rows.select(list(names)).to_pylist()
    return picked


def say(text: str) -> None:
    """Tell a person what is going on, on standard error."""
    print(f"· {text}", file=sys.stderr, flush=True)


def window_of(start: str, end: str, as_of: str | None) -> tuple[Window, datetime]:
    """Return window and knowledge cut from the command line.

    Raises:
        ConfigurationError: A bound is no instant with a zone, or they are in the wrong order.
    """
    try:
        window = Window.parse(start, end)
        return window, parse_instant(as_of) if as_of else window.end
    except ValueError as error:
        remedy = "Write instants as 2026-11-20T00:00:00Z."
        raise ConfigurationError("--from/--to/--as-of", f"is wrong: {error}", remedy=remedy) from error
