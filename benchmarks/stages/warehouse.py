"""Result rows go into the warehouse (SQLite): the bulk load alone, and a whole guarded publication."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import sqlalchemy as sa

from aiops_jobs.adapters.warehouse import SqlWarehouse
from aiops_jobs.adapters.warehouse.schema import sql_table
from aiops_jobs.adapters.warehouse.transfer import load
from aiops_jobs.contracts.results import CAPACITY_FORECASTS
from aiops_jobs.ports import Publication, RunRecord, TableRows
from benchmarks.measure import Case, Side
from benchmarks.stages import samples

ROWS = 30_000
DAY = samples.window()
RUN = RunRecord(
    run_id="run-1",
    job="forecast",
    window=DAY,
    span=DAY,
    as_of=DAY.end,
    code_version="1.0",
    config_hash="c",
    parameters="{}",
)


def build_load(folder: Path, scale: float) -> Case:
    """Return the case: the loader that every publication uses, into an empty table with its keys and indexes."""
    rows = forecasts(max(10, round(ROWS * scale)))
    return _case(folder, rows, "load", _load, goal=4.0, note="Ours keeps the key and the indexes; the peer has none.")


def build_publish(folder: Path, scale: float) -> Case:
    """Return the case: lease, contract, staging, merge with what is known, lineage, one transaction."""
    rows = forecasts(max(10, round(ROWS * scale)))
    note = "No goal is set: ours checks the contract, merges with earlier knowledge and commits durably."
    return _case(folder, rows, "publish", _publish, goal=None, note=note)


def _case(
    folder: Path,
    rows: pa.Table,
    name: str,
    run: Callable[[SqlWarehouse, pa.Table], int],
    *,
    goal: float | None,
    note: str,
) -> Case:
    frame = _frame(rows)
    numbers = itertools.count()
    opened: list[SqlWarehouse] = []

    def fresh() -> SqlWarehouse:
        while opened:
            opened.pop().close()
        made = SqlWarehouse(f"sqlite:///{_path(folder, name, rows, numbers)}")
        made.migrate()
        opened.append(made)
        return made

    def engine() -> sa.Engine:
        return sa.create_engine(f"sqlite:///{_path(folder, name, rows, numbers)}")

    return Case(
        size=f"{rows.num_rows:,} rows, {rows.num_columns} columns",
        ours=Side(name, lambda warehouse: run(warehouse, rows), before=fresh, note=note),
        peers=(Side("DataFrame.to_sql", lambda made: _to_sql(made, frame), before=engine, goal=goal),),
        check=_check,
    )


def forecasts(count: int) -> pa.Table:
    """Return ``count`` rows of ``capacity_forecasts``, stamped by the run."""
    per = 336
    number, step = np.divmod(np.arange(count), per)
    issued = int(DAY.start.timestamp()) * 1_000_000
    middle = samples.values(1, count)[0]
    lineage = {name: [getattr(RUN, name)] * count for name in ("run_id", "code_version", "config_hash")}
    columns = {
        "series_id": [f'filesystem_utilization_ratio{{host="web-{i:04d}"}}' for i in number.tolist()],
        "issued_at": pa.array(np.full(count, issued)).cast(samples.INSTANT),
        "target_at": pa.array(issued + (step + 1) * 3_600_000_000).cast(samples.INSTANT),
        "p10": middle - 0.1,
        "p50": middle,
        "p90": middle + 0.1,
        "model_version": ["capacity-1"] * count,
        "as_of": pa.array([RUN.as_of] * count, samples.INSTANT),
        "input_manifest_id": pa.nulls(count, pa.string()),
        **lineage,
    }
    return CAPACITY_FORECASTS.conform(pa.table(columns))


def _path(folder: Path, name: str, rows: pa.Table, numbers: itertools.count[int]) -> Path:
    while True:
        path = folder / f"{name}-{rows.num_rows}-{next(numbers)}.db"
        if not path.exists():
            return path


def _frame(rows: pa.Table) -> pd.DataFrame:
    plain = [pa.field(f.name, f.type.value_type if pa.types.is_dictionary(f.type) else f.type) for f in rows.schema]
    return rows.cast(pa.schema(plain)).to_pandas()


def _load(warehouse: SqlWarehouse, rows: pa.Table) -> int:
    with warehouse.database.writing() as connection:
        load(connection, sql_table(CAPACITY_FORECASTS), rows)
    return rows.num_rows


def _publish(warehouse: SqlWarehouse, rows: pa.Table) -> int:
    with warehouse.lease("forecast") as lease:
        attempt = warehouse.begin(RUN)
        told = TableRows(CAPACITY_FORECASTS, rows)
        warehouse.publish(Publication(RUN, (told,)), attempt_id=attempt, lease=lease)
    return rows.num_rows


def _to_sql(engine: sa.Engine, frame: pd.DataFrame) -> int:
    with engine.begin() as connection:
        frame.to_sql(CAPACITY_FORECASTS.name, connection, index=False)
    engine.dispose()
    return len(frame)


def _check(results: Sequence[Any]) -> None:
    assert results[0] == results[1] > 0
