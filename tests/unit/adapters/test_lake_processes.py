"""The lake among processes: killed at any instant, racing for one window, maintained while others write."""

from __future__ import annotations

import multiprocessing
import random
import time
from datetime import UTC, datetime, timedelta
from multiprocessing.context import ForkServerContext
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from deltalake import DeltaTable

from aiops_jobs.adapters.lake import DeltaLake
from aiops_jobs.contracts.telemetry import METRIC_POINTS
from aiops_jobs.window import Window

pytestmark = pytest.mark.slow
DAY = Window.parse("2026-11-20T00:00:00Z", "2026-11-21T00:00:00Z")
KNOWN = datetime(2026, 11, 22, tzinfo=UTC)
HOUR = timedelta(hours=1)
ROWS = 20_000
KILLS = 36
PROCESSES = 4
WINDOWS_EACH = 6
PATIENCE_S = 120.0


@pytest.fixture(scope="module")
def context() -> ForkServerContext:
    """Processes that never saw the threads of this one, with the lake imported already."""
    context = multiprocessing.get_context("forkserver")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(Path(__file__).parents[3]))
        context.set_forkserver_preload(["pytest", "pandas", "aiops_jobs.adapters.lake"])
        first = context.Process(target=time.monotonic)
        first.start()
        first.join()
    return context


def points(window: Window, value: float, rows: int = 60) -> pa.Table:
    start = (window.start - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
    step = window.duration // timedelta(microseconds=1) // rows
    same = pa.DictionaryArray.from_arrays(pa.array(np.zeros(rows, np.int32)), pa.array(["latency"]))
    at = pa.array(np.arange(rows) * step + start).cast(pa.timestamp("us", tz="UTC"))
    data = {"observed_at": at, "series_id": same, "metric_name": same, "source": same, "value": np.full(rows, value)}
    return METRIC_POINTS.conform(pa.table(data))


def known(number: int) -> datetime:
    return KNOWN + number * HOUR


def rewrite_for_ever(root: Path, first: int, promised) -> None:
    """Write version after version of one day; say which was acknowledged."""
    lake = DeltaLake(root)
    number = first
    while True:
        # Whole day, then its middle: replacing and leaving remainders take turns.
        window = DAY if number % 2 else Window(DAY.start + 6 * HOUR, DAY.end - 6 * HOUR)
        lake.write(
            METRIC_POINTS, points(window, float(number), ROWS), source="prom", window=window, as_of=known(number)
        )
        promised.value = number
        number += 1


def assert_is_state(lake: DeltaLake, number: int) -> None:
    """Every version up to ``number`` is there in full, in our eyes and in those of others."""
    for version in range(max(1, number - 2), number + 1):
        rows = lake.read(METRIC_POINTS, DAY, as_of=known(version), columns=["value"]).rows
        inner = version if version % 2 == 0 else None
        outer = version if version % 2 else version - 1
        found = dict(zip(*np.unique(rows["value"].to_numpy(), return_counts=True), strict=True))
        wanted = {float(outer): ROWS} if inner is None else {float(inner): ROWS, float(outer): ROWS // 2}
        assert found == {value: count for value, count in wanted.items() if value > 0}
    foreign = DeltaTable(str(lake.root / METRIC_POINTS.name)).to_pyarrow_table(columns=["value"])
    assert foreign.num_rows == (ROWS if number % 2 else ROWS * 3 // 2)


def test_a_kill_at_any_instant_leaves_the_old_state_or_the_new_one(tmp_path: Path, context: ForkServerContext):
    dice = random.Random(4)
    lake = DeltaLake(tmp_path, orphan_grace=timedelta(0))
    promised = context.Value("q", 0)
    state, interrupted = 0, 0
    for _ in range(KILLS):
        promised.value = state
        child = context.Process(target=rewrite_for_ever, args=(tmp_path, state + 1, promised), daemon=True)
        child.start()
        deadline = time.monotonic() + PATIENCE_S
        while promised.value == state and time.monotonic() < deadline:
            time.sleep(0.001)
        time.sleep(dice.uniform(0, 0.12))
        child.kill()
        child.join()
        assert promised.value > state, "the child never got going"
        newest = lake.read(METRIC_POINTS, DAY, columns=["value"]).rows["value"].to_numpy().max()
        assert newest in {promised.value, promised.value + 1}
        state = int(newest)
        interrupted += bool(files_of(tmp_path) - {part.path for part in lake._log(METRIC_POINTS).records()})
        assert_is_state(lake, state)
        assert_is_state(DeltaLake(tmp_path), state)
    assert interrupted > 0, "no kill ever hit a write: the test proves nothing"
    lake.maintain(METRIC_POINTS, keep=timedelta(0), as_of=known(state + 1))
    current = lake.read(METRIC_POINTS, DAY).inputs
    assert {f"{METRIC_POINTS.name}/{path}" for path in files_of(tmp_path)} == {item.path for item in current}


def files_of(root: Path) -> set[str]:
    """Every file of the table but its log, finished or not."""
    folder = root / METRIC_POINTS.name
    found = (path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    return {path.as_posix() for path in found if path.parts[0] != "_delta_log"}


def write_hours(root: Path, number: int, start) -> None:
    lake = DeltaLake(root)
    start.wait(PATIENCE_S)
    for turn in range(WINDOWS_EACH):
        begin = DAY.start + (turn * PROCESSES + number) * HOUR
        window = Window(begin, begin + HOUR)
        lake.write(METRIC_POINTS, points(window, 1.0), source="prom", window=window, as_of=KNOWN)
        lake.write(
            METRIC_POINTS,
            points(DAY, turn * 10.0 + number),
            source="contested",
            window=DAY,
            as_of=known(turn * 10 + number),
        )


def test_processes_that_write_at_once_lose_nothing(tmp_path: Path, context: ForkServerContext):
    start = context.Event()
    children = [context.Process(target=write_hours, args=(tmp_path, i, start), daemon=True) for i in range(PROCESSES)]
    for child in children:
        child.start()
    start.set()
    for child in children:
        child.join(PATIENCE_S)
    assert [child.exitcode for child in children] == [0] * PROCESSES
    lake = DeltaLake(tmp_path)
    assert lake.windows(METRIC_POINTS, source="prom") == list(DAY.split(HOUR))
    assert lake.read(METRIC_POINTS, DAY, sources=["prom"]).rows.num_rows == 24 * 60
    for turn in range(WINDOWS_EACH):
        for number in range(PROCESSES):
            got = lake.read(METRIC_POINTS, DAY, sources=["contested"], as_of=known(turn * 10 + number))
            assert got.rows["value"].to_pylist() == [turn * 10.0 + number] * 60
    delta = DeltaTable(str(tmp_path / METRIC_POINTS.name))
    assert delta.to_pyarrow_table().num_rows == 24 * 60 + 60
    assert delta.version() == 2 * PROCESSES * WINDOWS_EACH


def maintain_for_ever(root: Path, stop) -> None:
    lake = DeltaLake(root, orphan_grace=timedelta(0))
    while not stop.is_set():
        lake.maintain(METRIC_POINTS, keep=timedelta(0), as_of=known(1000))


def read_for_ever(root: Path, stop) -> None:
    lake = DeltaLake(root)
    while not stop.is_set():
        values = lake.read(METRIC_POINTS, DAY, sources=["contested"], columns=["value"]).rows["value"].unique()
        assert len(values) <= 1


def test_maintenance_takes_nothing_from_writers_and_readers_at_work(tmp_path: Path, context: ForkServerContext):
    start, stop = context.Event(), context.Event()
    writers = [context.Process(target=write_hours, args=(tmp_path, i, start), daemon=True) for i in range(2)]
    others = [
        context.Process(target=run, args=(tmp_path, stop), daemon=True) for run in (maintain_for_ever, read_for_ever)
    ]
    for child in (*writers, *others):
        child.start()
    start.set()
    for child in writers:
        child.join(PATIENCE_S)
    stop.set()
    for child in others:
        child.join(PATIENCE_S)
    assert [child.exitcode for child in (*writers, *others)] == [0] * 4
    lake = DeltaLake(tmp_path)
    assert lake.read(METRIC_POINTS, DAY, sources=["prom"]).rows.num_rows == 2 * WINDOWS_EACH * 60
    newest = lake.read(METRIC_POINTS, DAY, sources=["contested"]).rows["value"].to_pylist()
    assert newest == [10.0 * (WINDOWS_EACH - 1) + 1] * 60
