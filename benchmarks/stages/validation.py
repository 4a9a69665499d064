"""The quality gate judges a window of samples."""

from __future__ import annotations

import logging
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa

from aiops_jobs.adapters.quality import ExpectationsGate
from aiops_jobs.contracts.render import to_expectations
from aiops_jobs.contracts.telemetry import METRIC_POINTS
from benchmarks.measure import Case, Side
from benchmarks.stages import samples

SERIES, STEPS = 3500, 288
EXPECTATIONS = Path(__file__).resolve().parents[2] / "expectations"


def build(_folder: Path, scale: float) -> Case:
    """Return the case: every promise of the contract, and what the expectation file adds, on one day."""
    rows = samples.points(max(2, round(SERIES * scale)), STEPS, gaps=0.0)
    plain = {f.name: f.type.value_type if pa.types.is_dictionary(f.type) else f.type for f in METRIC_POINTS.to_arrow()}
    frame = rows.cast(pa.schema(list(plain.items()))).to_pandas()
    gate, peer = ExpectationsGate(EXPECTATIONS), RowJudge()
    _validate(gate, rows.slice(0, 10))
    peer.validate(frame.head(10))
    return Case(
        size=f"{rows.num_rows:,} rows, {len(row_expectations())} expectations",
        ours=Side("ExpectationsGate", lambda _: _validate(gate, rows), note="Both warm. The peer gets a ready frame."),
        peers=(
            Side(
                "Great Expectations on pandas rows",
                lambda _: peer.validate(frame),
                goal=6.0,
                note="The peer is spared the largest gap, which it has no expectation for.",
            ),
        ),
        check=_check,
    )


def row_expectations() -> list[dict[str, Any]]:
    """Return what the gate asks of samples, written for rows."""
    end = samples.window().end
    own = [
        ("expect_table_row_count_to_be_between", {"min_value": 1}),
        ("expect_column_max_to_be_between", {"column": "observed_at", "min_value": end - pd.Timedelta(seconds=900)}),
        ("expect_column_values_to_not_be_null", {"column": "entity_id", "mostly": 0.5}),
        ("expect_column_unique_value_count_to_be_between", {"column": "series_id", "max_value": 1_000_000}),
    ]
    contract = [{"type": item["type"], "kwargs": item["kwargs"]} for item in to_expectations(METRIC_POINTS)]
    return [*contract, *({"type": kind, "kwargs": kwargs} for kind, kwargs in own)]


class RowJudge:
    """Great Expectations as its own guide uses it: one data frame, one suite."""

    def __init__(self) -> None:
        os.environ.setdefault("GX_ANALYTICS_ENABLED", "false")
        import great_expectations as gx
        from great_expectations.data_context.types.base import ProgressBarsConfig

        logging.getLogger("great_expectations").setLevel(logging.WARNING)
        context = gx.get_context(mode="ephemeral")
        context.variables.progress_bars = ProgressBarsConfig(globally=False)
        asset = context.data_sources.add_pandas("frames").add_dataframe_asset("frame")
        self._batches = asset.add_batch_definition_whole_dataframe("whole")
        self._suite = gx.ExpectationSuite(name="rows", expectations=row_expectations())

    def validate(self, frame: pd.DataFrame) -> dict[str, bool]:
        """Return whether each expectation held."""
        results = self._batches.get_batch({"dataframe": frame}).validate(self._suite, result_format="BASIC").results
        return {str(r.expectation_config.to_json_dict()): bool(r.success) for r in results}


def _validate(gate: ExpectationsGate, rows: pa.Table) -> dict[str, bool]:
    found = gate.validate(METRIC_POINTS, rows, stage="ingest", window=samples.window(), source=samples.SOURCE)
    return dict(zip(found["expectation"].to_pylist(), found["is_success"].to_pylist(), strict=True))


def _check(results: Sequence[Any]) -> None:
    for found in results:
        assert all(found.values()), [name for name, held in found.items() if not held]
