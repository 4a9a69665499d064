"""Derived descriptions of a contract: Great Expectations configurations and Markdown, both as plain data.

Nothing here imports Great Expectations: it accepts ``{type, kwargs, severity}`` dictionaries. A contract is rendered
twice, because a table of a hundred million rows and a table of ten are judged differently:

* `to_expectations` speaks about the rows, one expectation per promise;
* `to_profile_expectations` speaks about a *profile* of the rows, one number per promise (how many rows break it),
  which Arrow computes in a fraction of the time. Both give the same verdicts.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from functools import singledispatch
from typing import Any

from aiops_jobs.contracts.constraints import Between, Constraint, Finite, MaxLength, NotNull, OneOf
from aiops_jobs.contracts.table import Column, Table

KEY_CODE = "REPEATED_KEY"
"""Reason code of rows that repeat a key."""
SUFFIXES = (
    "Times are in UTC. Suffixes: `_at` instant, `_s` seconds, `_bytes`, `_ratio` 0…1, `_count`, `_id` ours, "
    "`_key` theirs. A column means the same wherever it appears."
)


def offender_measure(column: str, code: str) -> str:
    """Return the name of the profile's number of rows in which ``column`` breaks the rule ``code``.

    Example:
        >>> offender_measure("value", "NOT_FINITE")
        'offender_count(value, NOT_FINITE)'
    """
    return f"offender_count({column}, {code})"


# --- Great Expectations ---------------------------------------------------------------------------------------------


@singledispatch
def _expectation(rule: Constraint, column: str) -> dict[str, Any]:
    raise NotImplementedError(f"No expectation is known for the rule {type(rule).__name__} of `{column}`.")


@_expectation.register
def _(rule: NotNull, column: str) -> dict[str, Any]:  # noqa: ARG001 - dispatch needs the rule
    return {"type": "expect_column_values_to_not_be_null", "kwargs": {"column": column}}


@_expectation.register
def _(rule: OneOf, column: str) -> dict[str, Any]:
    return {"type": "expect_column_values_to_be_in_set", "kwargs": {"column": column, "value_set": list(rule.values)}}


@_expectation.register
def _(rule: Between, column: str) -> dict[str, Any]:
    kwargs = {"column": column, "min_value": rule.minimum, "max_value": rule.maximum}
    return {"type": "expect_column_values_to_be_between", "kwargs": kwargs}


@_expectation.register
def _(rule: Finite, column: str) -> dict[str, Any]:  # noqa: ARG001 - dispatch needs the rule
    largest = sys.float_info.max
    kwargs = {"column": column, "min_value": -largest, "max_value": largest}
    return {"type": "expect_column_values_to_be_between", "kwargs": kwargs}


@_expectation.register
def _(rule: MaxLength, column: str) -> dict[str, Any]:
    kwargs = {"column": column, "min_value": 0, "max_value": rule.limit}
    return {"type": "expect_column_value_lengths_to_be_between", "kwargs": kwargs}


def to_expectations(table: Table) -> list[dict[str, Any]]:
    """Return Great Expectations configurations for the rows of ``table``: columns, every promise, the key.

    A promise broken is critical: the table is not what it says it is. In pandas a NaN is a missing value, so a NaN
    in a nullable number escapes this form; the profile form finds it.
    """
    columns = {"type": "expect_table_columns_to_match_ordered_list", "kwargs": {"column_list": table.names}}
    rules = [_expectation(rule, column.name) for column in table.columns for rule in column.rules]
    return [{**rule, "severity": "critical"} for rule in (columns, *rules, _key_expectation(table))]


def _key_expectation(table: Table) -> dict[str, Any]:
    if len(table.key) == 1:
        return {"type": "expect_column_values_to_be_unique", "kwargs": {"column": table.key[0]}}
    return {"type": "expect_compound_columns_to_be_unique", "kwargs": {"column_list": list(table.key)}}


def to_profile_expectations(table: Table) -> list[dict[str, Any]]:
    """Return Great Expectations configurations for the one-row profile of ``table``: no row breaks any promise.

    ``meta`` names the column, the reason code and the promise in words.
    """
    promises = [(column.name, rule.code, rule.description) for column in table.columns for rule in column.rules]
    promises.append((", ".join(table.key), KEY_CODE, "unique"))
    return [
        {
            "type": "expect_column_max_to_be_between",
            "kwargs": {"column": offender_measure(column, code), "min_value": 0, "max_value": 0},
            "severity": "critical",
            "meta": {"column": column, "code": code, "promise": promise},
        }
        for column, code, promise in promises
    ]


# --- Markdown -------------------------------------------------------------------------------------------------------


def to_markdown(table: Table) -> str:
    """Return the reference section of one table."""
    lines = [
        f"## `{table.name}`",
        "",
        f"One row: {table.grain}.",
        "",
        f"Key: {_listed(table.key)}. Time: `{table.time}`.",
        "",
        "| column | type | unit | meaning | promises | OpenTelemetry |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    lines += [_row(column) for column in table.columns]
    return "\n".join(lines) + "\n"


def reference_page(tables: Mapping[str, Table]) -> str:
    """Return ``docs/reference/tables.md``: every table, its grain first, then every column with its promises."""
    lines = [
        "# Tables",
        "",
        "Generated from `aiops_jobs/contracts` by `aiops tables --all`; do not edit.",
        "",
        SUFFIXES,
        "",
        "| table | one row | key |",
        "| --- | --- | --- |",
    ]
    lines += [f"| [`{t.name}`](#{t.name}) | {_cell(t.grain)} | {_listed(t.key)} |" for t in tables.values()]
    return "\n".join(lines) + "\n\n" + "\n".join(to_markdown(table) for table in tables.values())


def _row(column: Column) -> str:
    promises = "; ".join(rule.description for rule in column.constraints)
    marks = f"{column.kind} (sensitive)" if column.sensitive else str(column.kind)
    semconv = f"`{column.semconv}`" if column.semconv else ""
    cells = (f"`{column.name}`", marks, column.unit or "", column.description, promises, semconv)
    return f"| {' | '.join(_cell(cell) for cell in cells)} |"


def _listed(names: Sequence[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
