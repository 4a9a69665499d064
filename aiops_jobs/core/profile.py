"""Boils a table down to a few numbers by which its quality is judged: how much, how fresh, how complete, how spread.

A number is ``None`` where there is nothing to compute it from; whoever judges must not take that for success.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from aiops_jobs.contracts.render import KEY_CODE, offender_measure
from aiops_jobs.contracts.table import Kind, Table
from aiops_jobs.core.promises import broken_promises, repeat_count
from aiops_jobs.window import Window

RELATIONS: dict[str, Callable[[pa.ChunkedArray, pa.ChunkedArray], pa.ChunkedArray]] = {
    "<": pc.less,
    ">": pc.greater,
    "=": pc.equal,
}


@dataclass(frozen=True, slots=True)
class Measure:
    """One number about a table.

    Args:
        name: One of `MEASURES`.
        column: The column it is about, unless it is about the table.
        at: For ``quantile``: which one, 0…1.
        values: For ``share``: the values that are counted.
        relation: For ``pair_count``: one of ``<``, ``>``, ``=``.
        other: For ``pair_count``: the column on the right of the relation.
    """

    name: str
    column: str | None = None
    at: float | None = None
    values: tuple[str, ...] = ()
    relation: str | None = None
    other: str | None = None

    def __str__(self) -> str:
        if self.column is None:
            return self.name
        if self.at is not None:
            return f"{self.name}({self.column}, {self.at:g})"
        if self.values:
            return f"{self.name}({self.column} in {', '.join(self.values)})"
        if self.other is not None:
            return f"{self.name}({self.column} {self.relation} {self.other})"
        return f"{self.name}({self.column})"


def profile(table: Table, rows: pa.Table, measures: Iterable[Measure], *, window: Window) -> dict[str, float | None]:
    """Return each measure of shaped ``rows`` by its text form; ``None`` where it has nothing to speak about."""
    return {str(measure): MEASURES[measure.name](table, rows, measure, window) for measure in measures}


def contract_profile(table: Table, rows: pa.Table) -> dict[str, float]:
    """Return how many of shaped ``rows`` break each promise of the contract, by the names `render` gives them."""
    counts = {offender_measure(c.name, rule.code): 0.0 for c in table.columns for rule in c.rules}
    for column, rule, mask in broken_promises(table, rows):
        counts[offender_measure(column.name, rule.code)] = float(mask.sum())
    counts[offender_measure(", ".join(table.key), KEY_CODE)] = float(repeat_count(rows, table.key))
    return counts


# --- measures -------------------------------------------------------------------------------------------------------


def _row_count(_table: Table, rows: pa.Table, _measure: Measure, _window: Window) -> float | None:
    return float(rows.num_rows)


def _freshness_lag_s(table: Table, rows: pa.Table, _measure: Measure, window: Window) -> float | None:
    latest = pc.max(rows[table.time]).as_py()
    return None if latest is None else (window.end - latest).total_seconds()


def _largest_gap_s(table: Table, rows: pa.Table, _measure: Measure, window: Window) -> float | None:
    """Return the longest stretch of the window, its edges included, in which no row has its time."""
    instants = np.sort(pc.unique(rows[table.time]).drop_null().cast(pa.int64()).to_numpy(zero_copy_only=False))
    if instants.size == 0:
        return None
    edges = np.concatenate([[_micros(window.start)], instants, [_micros(window.end)]])
    return float(np.diff(edges).max()) / 1e6


def _micros(instant: datetime) -> int:
    return int(pa.scalar(instant, pa.timestamp("us", tz="UTC")).value)


def _null_ratio(_table: Table, rows: pa.Table, measure: Measure, _window: Window) -> float | None:
    values = _plain(rows, measure)
    return values.null_count / len(values) if len(values) else None


def _not_finite_ratio(_table: Table, rows: pa.Table, measure: Measure, _window: Window) -> float | None:
    values = _plain(rows, measure).drop_null()
    return 1 - float(pc.mean(pc.is_finite(values)).as_py()) if len(values) else None


def _distinct_count(_table: Table, rows: pa.Table, measure: Measure, _window: Window) -> float | None:
    return float(len(pc.unique(_encoded(rows, measure)).drop_null()))


def _distinct_ratio(_table: Table, rows: pa.Table, measure: Measure, _window: Window) -> float | None:
    values = _encoded(rows, measure)
    present = len(values) - values.null_count
    return len(pc.unique(values).drop_null()) / present if present else None


def _minimum(_table: Table, rows: pa.Table, measure: Measure, _window: Window) -> float | None:
    return _number(pc.min(_finite(rows, measure)))


def _maximum(_table: Table, rows: pa.Table, measure: Measure, _window: Window) -> float | None:
    return _number(pc.max(_finite(rows, measure)))


def _mean(_table: Table, rows: pa.Table, measure: Measure, _window: Window) -> float | None:
    return _number(pc.mean(_finite(rows, measure)))


def _quantile(_table: Table, rows: pa.Table, measure: Measure, _window: Window) -> float | None:
    return _number(pc.quantile(_finite(rows, measure), q=measure.at)[0])


def _share(_table: Table, rows: pa.Table, measure: Measure, _window: Window) -> float | None:
    values = _encoded(rows, measure)
    if not len(values):
        return None
    counted = pc.value_counts(values)
    texts, counts = _texts(counted.field("values")), counted.field("counts").to_numpy()
    wanted = np.array([text in measure.values for text in texts], bool)
    return float(counts[wanted].sum()) / len(values)


def _pair_count(_table: Table, rows: pa.Table, measure: Measure, _window: Window) -> float | None:
    """Return in how many rows the relation holds; a null on either side never does."""
    left, right = _plain(rows, measure), _plain(rows, Measure("", column=measure.other))
    holds = RELATIONS[str(measure.relation)](left, right)
    return float(pc.sum(holds).as_py() or 0)


MEASURES: dict[str, Callable[[Table, pa.Table, Measure, Window], float | None]] = {
    "row_count": _row_count,
    "freshness_lag_s": _freshness_lag_s,
    "null_ratio": _null_ratio,
    "not_finite_ratio": _not_finite_ratio,
    "largest_gap_s": _largest_gap_s,
    "distinct_count": _distinct_count,
    "distinct_ratio": _distinct_ratio,
    "minimum": _minimum,
    "maximum": _maximum,
    "mean": _mean,
    "quantile": _quantile,
    "share": _share,
    "pair_count": _pair_count,
}
"""Every measure by name; those that decide whether the others mean anything come first."""

OF_THE_TABLE = frozenset({"row_count", "freshness_lag_s", "largest_gap_s"})
"""Measures without a column."""
OF_NUMBERS = frozenset({"not_finite_ratio", "minimum", "maximum", "mean", "quantile"})
"""Measures of numeric columns only."""
NUMERIC = frozenset({Kind.NUMBER, Kind.INTEGER})


def _encoded(rows: pa.Table, measure: Measure) -> pa.ChunkedArray:
    """Return the column with equal dictionaries in all chunks, so that values can be counted by code."""
    values = rows[str(measure.column)]
    return values.unify_dictionaries() if pa.types.is_dictionary(values.type) else values


def _plain(rows: pa.Table, measure: Measure) -> pa.ChunkedArray:
    values = rows[str(measure.column)]
    return values.cast(values.type.value_type) if pa.types.is_dictionary(values.type) else values


def _finite(rows: pa.Table, measure: Measure) -> pa.ChunkedArray:
    values = _plain(rows, measure).cast(pa.float64())
    return values.filter(pc.is_finite(values))


def _texts(values: pa.Array) -> list[str | None]:
    return [None if value is None else str(value) for value in values.to_pylist()]


def _number(scalar: pa.Scalar) -> float | None:
    value = scalar.as_py()
    return None if value is None else float(value)
