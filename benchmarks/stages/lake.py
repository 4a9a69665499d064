"""Samples go into the lake, and a day of them comes out as the grid that is judged."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from aiops_jobs.adapters.lake import DeltaLake
from aiops_jobs.contracts.telemetry import METRIC_POINTS
from aiops_jobs.core.features.grid import POINT_COLUMNS, to_grid
from benchmarks.measure import Case, Side
from benchmarks.stages import samples

SERIES, STEPS, STEP_S = 4000, 288, 300
DAY = samples.window()
AS_OF = DAY.end + timedelta(hours=1)
BYTES_GOAL = 0.75


def build_write(folder: Path, scale: float) -> Case:
    """Return the case: one day of five-minute samples."""
    rows = samples.points(max(2, round(SERIES * scale)), STEPS)
    frame = _frame(rows)
    target, peer = _fresh(folder, "lake"), _fresh(folder, "frame.parquet")
    return Case(
        size=f"{rows.num_rows:,} samples",
        ours=Side("DeltaLake.write", lambda path: _write(path, rows), before=target, note="Ours also checks, sorts,"),
        peers=(
            Side(
                "pandas.to_parquet, defaults",
                lambda path: _write_frame(path, frame),
                before=peer,
                goal=2.0,
                note="hashes and syncs to disk; the peer writes a ready frame with text columns.",
            ),
        ),
        facts=_sizes,
    )


def build_read(folder: Path, scale: float) -> Case:
    """Return the case: all samples of one day, one in a hundred missing."""
    rows = samples.points(max(2, round(SERIES * scale)), STEPS)
    root, path = _fresh(folder, "lake")(), _fresh(folder, "frame.parquet")()
    _write(root, rows)
    _write_frame(path, _frame(rows))
    return Case(
        size=f"{rows.num_rows:,} samples, 1 % missing",
        ours=Side(
            "DeltaLake.read + to_grid", lambda _: _read(root), note="Ours verifies the file and describes each series."
        ),
        peers=(
            Side("pandas.read_parquet + pivot", lambda _: _pivot(path, "pivot"), goal=20.0),
            Side("pandas.read_parquet + pivot_table", lambda _: _pivot(path, "pivot_table"), goal=20.0),
        ),
        check=_check,
    )


def _fresh(folder: Path, name: str) -> Callable[[], Path]:
    """Return a maker of paths that were never used: equal rows are not written twice."""
    numbers = itertools.count(len(list(folder.iterdir())))

    def path() -> Path:
        made = folder / f"{next(numbers):03d}"
        while made.exists():
            made = folder / f"{next(numbers):03d}"
        made.mkdir()
        return made / name

    return path


def _frame(rows: pa.Table) -> pd.DataFrame:
    plain = [
        pa.field(f.name, f.type.value_type if pa.types.is_dictionary(f.type) else f.type)
        for f in METRIC_POINTS.to_arrow()
    ]
    return rows.cast(pa.schema(plain)).to_pandas()


def _write(root: Path, rows: pa.Table) -> Path:
    DeltaLake(root).write(METRIC_POINTS, rows, source=samples.SOURCE, window=DAY, as_of=AS_OF)
    return root


def _write_frame(path: Path, frame: pd.DataFrame) -> Path:
    frame.to_parquet(path)
    return path


def _sizes(results: Sequence[Any]) -> str:
    root, path = results
    ours = sum(p.stat().st_size for p in Path(root).rglob("*.parquet"))
    ratio = ours / Path(path).stat().st_size
    return f"Bytes: {ratio:.2f}× those of the peer (goal ≤ {BYTES_GOAL}: {'met' if ratio <= BYTES_GOAL else 'missed'})."


def _read(root: Path) -> np.ndarray:
    rows = DeltaLake(root).read(METRIC_POINTS, DAY, columns=POINT_COLUMNS).rows
    return to_grid(rows, DAY, step_s=STEP_S).values


def _pivot(path: Path, how: str) -> np.ndarray:
    frame = pd.read_parquet(path, columns=["series_id", "observed_at", "value"])
    wide = getattr(frame, how)(index="series_id", columns="observed_at", values="value")
    return np.asarray(wide.to_numpy())


def _check(results: Sequence[Any]) -> None:
    ours, *peers = results
    for peer in peers:
        assert np.array_equal(ours, peer, equal_nan=True)
