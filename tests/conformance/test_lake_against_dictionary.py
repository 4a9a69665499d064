"""The lake agrees with a plain list of writes, whatever is written over whatever, known in whatever order."""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
from deltalake import DeltaTable
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from aiops_jobs.adapters.lake import DeltaLake
from aiops_jobs.contracts.telemetry import METRIC_POINTS
from aiops_jobs.window import Window

EPOCH = datetime(2026, 11, 20, 23, 57, tzinfo=UTC)
KNOWN = datetime(2026, 11, 25, tzinfo=UTC)
MINUTES = 6
SERIES = ("api/latency", "db/connections")
SOURCES = ("prom eu", "../prom_us")
LAST = 3

Cell = tuple[int, str]
Row = tuple[str, int, str, float]


def minute(number: int) -> datetime:
    return EPOCH + timedelta(minutes=number)


def known(number: int) -> datetime:
    return KNOWN + timedelta(hours=number)


def frame(source: str, cells: dict[Cell, float]) -> pa.Table:
    """Rows in the order of the dictionary, which is any."""
    rows = [
        {
            "observed_at": minute(at),
            "series_id": series,
            "metric_name": series.split("/")[1],
            "value": value,
            "service_name": None if at % 3 == 0 else series.split("/")[0],
            "source": source,
        }
        for (at, series), value in cells.items()
    ]
    return METRIC_POINTS.conform(pa.Table.from_pylist(rows, METRIC_POINTS.to_arrow()))


def cells_of(rows: pa.Table) -> list[Row]:
    return [
        (row["source"], (row["observed_at"] - EPOCH) // timedelta(minutes=1), row["series_id"], row["value"])
        for row in rows.select(["source", "observed_at", "series_id", "value"]).to_pylist()
    ]


@dataclass(frozen=True)
class Write:
    source: str
    window: tuple[int, int]
    as_of: int
    number: int
    cells: tuple[tuple[Cell, float], ...]


class Ledger:
    """What the lake promises, said the slow way: minute by minute, the last to know is right."""

    def __init__(self) -> None:
        self.writes: list[Write] = []

    def witness(self, source: str, at: int, as_of: int) -> Write | None:
        told = [w for w in self.writes if w.source == source and w.as_of <= as_of and w.window[0] <= at < w.window[1]]
        return max(told, key=lambda w: (w.as_of, w.number), default=None)

    def cells(self, source: str, window: tuple[int, int], as_of: int) -> dict[Cell, float]:
        found: dict[Cell, float] = {}
        for at in range(*window):
            write = self.witness(source, at, as_of)
            if write is not None:
                found |= {cell: value for cell, value in write.cells if cell[0] == at}
        return found

    def rows(self, window: tuple[int, int], as_of: int) -> list[Row]:
        return sorted(
            (source, at, series, value)
            for source in SOURCES
            for (at, series), value in self.cells(source, window, as_of).items()
        )

    def is_covered(self, source: str, window: tuple[int, int], as_of: int) -> bool:
        return all(self.witness(source, at, as_of) is not None for at in range(*window))

    def windows(self, as_of: int, source: str | None = None) -> list[Window]:
        witnesses = {
            self.witness(name, at, as_of)
            for name in SOURCES
            for at in range(MINUTES)
            if source is None or source == name
        }
        return sorted({Window(minute(w.window[0]), minute(w.window[1])) for w in witnesses if w is not None})


windows = st.sets(st.integers(0, MINUTES), min_size=2, max_size=2).map(lambda pair: (min(pair), max(pair)))
cells = st.dictionaries(
    st.tuples(st.integers(0, MINUTES - 1), st.sampled_from(SERIES)), st.sampled_from([0.0, 0.25, 1.5]), max_size=12
)


class LakeAgainstLedger(RuleBasedStateMachine):
    @initialize()
    def build(self) -> None:
        self.root = Path(tempfile.mkdtemp(prefix="lake-"))
        self.lake = DeltaLake(self.root, orphan_grace=timedelta(0))
        self.ledger = Ledger()
        self.horizon = 0

    def teardown(self) -> None:
        shutil.rmtree(self.root, ignore_errors=True)

    @rule(source=st.sampled_from(SOURCES), window=windows, as_of=st.integers(0, LAST), cells=cells)
    def write(self, source: str, window: tuple[int, int], as_of: int, cells: dict[Cell, float]) -> None:
        self.put(
            source, window, as_of, {cell: value for cell, value in cells.items() if window[0] <= cell[0] < window[1]}
        )

    @rule(source=st.sampled_from(SOURCES), window=windows, as_of=st.integers(0, LAST))
    def repeat(self, source: str, window: tuple[int, int], as_of: int) -> None:
        """Write what is known already: only where nothing at all was known does that change anything."""
        self.put(source, window, as_of, self.ledger.cells(source, window, as_of))

    @rule(window=windows, as_of=st.integers(0, LAST), source=st.sampled_from(SOURCES))
    def read_some(self, window: tuple[int, int], as_of: int, source: str) -> None:
        as_of = max(as_of, self.horizon)
        span = Window(minute(window[0]), minute(window[1]))
        got = self.lake.read(METRIC_POINTS, span, as_of=known(as_of), sources=[source], columns=["value", "series_id"])
        expected = [row for row in self.ledger.rows(window, as_of) if row[0] == source]
        expected.sort(key=lambda row: (row[2], row[1]))
        assert got.rows.column_names == ["value", "series_id"]
        assert list(zip(got.rows["series_id"].to_pylist(), got.rows["value"].to_pylist(), strict=True)) == [
            (series, value) for _, _, series, value in expected
        ]
        assert self.lake.windows(METRIC_POINTS, source=source, as_of=known(as_of)) == self.ledger.windows(as_of, source)

    @rule(step=st.integers(0, 1))
    def maintain(self, step: int) -> None:
        self.horizon = min(self.horizon + step, LAST)
        self.lake.maintain(METRIC_POINTS, keep=timedelta(hours=1), as_of=known(self.horizon + 1))
        files = {path.relative_to(self.root).as_posix() for path in self.root.rglob("*.parquet")}
        files = {path for path in files if "_delta_log" not in path}
        readable = {
            item.path
            for as_of in range(self.horizon, LAST + 1)
            for item in self.lake.read(METRIC_POINTS, self.everything, as_of=known(as_of)).inputs
        }
        assert readable <= files

    @rule()
    def come_back(self) -> None:
        """A new process remembers nothing that is not on the disk."""
        self.lake = DeltaLake(self.root, orphan_grace=timedelta(0))

    @invariant()
    def every_past_is_as_it_was(self) -> None:
        for as_of in range(self.horizon, LAST + 1):
            got = self.lake.read(METRIC_POINTS, self.everything, as_of=known(as_of))
            assert cells_of(got.rows) == self.in_key_order(self.ledger.rows((0, MINUTES), as_of))
            assert got.rows.schema.equals(METRIC_POINTS.to_arrow(), check_metadata=True)
            assert self.lake.windows(METRIC_POINTS, as_of=known(as_of)) == self.ledger.windows(as_of)

    @invariant()
    def other_readers_see_what_is_current(self) -> None:
        current = self.in_key_order(self.ledger.rows((0, MINUTES), LAST))
        assert cells_of(self.lake.read(METRIC_POINTS, self.everything).rows) == current
        if self.ledger.writes:
            foreign = DeltaTable(str(self.root / METRIC_POINTS.name)).to_pyarrow_table()
            assert self.in_key_order(cells_of(foreign)) == current

    everything = Window(minute(0), minute(MINUTES))

    @staticmethod
    def in_key_order(rows: list[Row]) -> list[Row]:
        return sorted(rows, key=lambda row: (row[0], row[2], row[1]))

    def put(self, source: str, window: tuple[int, int], as_of: int, cells: dict[Cell, float]) -> None:
        is_known = self.ledger.is_covered(source, window, as_of) and self.ledger.cells(source, window, as_of) == cells
        span = Window(minute(window[0]), minute(window[1]))
        commit = self.lake.write(METRIC_POINTS, frame(source, cells), source=source, window=span, as_of=known(as_of))
        if as_of >= self.horizon:
            assert commit.changed is not is_known
            assert sum(part.rows for part in commit.parts) >= len(cells)
        if not is_known:
            number = len(self.ledger.writes)
            self.ledger.writes.append(Write(source, window, as_of, number, tuple(sorted(cells.items()))))


LakeAgainstLedger.TestCase.settings = settings(
    max_examples=40, stateful_step_count=15, deadline=None, suppress_health_check=list(HealthCheck)
)
TestLakeAgainstLedger = LakeAgainstLedger.TestCase
