"""The lake as jobs meet it: windows replaced, the past readable, damage noticed, foreigners welcome to read."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from deltalake import DeltaTable, write_deltalake

from aiops_jobs.adapters.lake import DeltaLake
from aiops_jobs.adapters.lake.actions import Change
from aiops_jobs.adapters.lake.log import CHECKPOINT_EVERY, TableLog
from aiops_jobs.contracts import LAKE_TABLES
from aiops_jobs.contracts.table import Table
from aiops_jobs.contracts.telemetry import METRIC_POINTS
from aiops_jobs.errors import ConfigurationError, ConnectorError, ContractError, CorruptPartError
from aiops_jobs.window import Window

DAY = Window.parse("2026-11-20T00:00:00Z", "2026-11-21T00:00:00Z")
NOON = DAY.start + timedelta(hours=12)
MORNING, EVENING = Window(DAY.start, NOON), Window(NOON, DAY.end)
LATER = datetime(2026, 11, 22, tzinfo=UTC)
EARLIER = LATER - timedelta(hours=6)
LATEST = LATER + timedelta(hours=6)


def points(window: Window, value: float = 1.0, *, series: int = 3, step: timedelta = timedelta(hours=1)) -> pa.Table:
    count = -(-window.duration // step)
    at = [window.start + step * i for i in range(count)]
    rows = [
        {
            "observed_at": instant,
            "series_id": f"s{number}",
            "metric_name": "latency",
            "service_name": f"service-{number % 2}",
            "value": value + number,
            "source": "prom",
        }
        for instant in at
        for number in range(series)
    ]
    return METRIC_POINTS.conform(pa.Table.from_pylist(rows, METRIC_POINTS.to_arrow()))


def write(lake: DeltaLake, rows: pa.Table, window: Window = DAY, as_of: datetime = LATER, source: str = "prom"):
    return lake.write(METRIC_POINTS, rows, source=source, window=window, as_of=as_of)


def values(lake: DeltaLake, window: Window = DAY, **asked) -> list[float]:
    return lake.read(METRIC_POINTS, window, columns=["value"], **asked).rows["value"].to_pylist()


def files(lake: DeltaLake) -> set[str]:
    found = (path.relative_to(lake.root).as_posix() for path in lake.root.rglob("*.parquet"))
    return {path for path in found if "_delta_log" not in path}


@pytest.fixture
def lake(tmp_path: Path) -> DeltaLake:
    return DeltaLake(tmp_path / "lake")


@pytest.mark.parametrize("table", LAKE_TABLES.values(), ids=lambda table: table.name)
def test_a_table_never_written_reads_as_empty(lake: DeltaLake, table: Table):
    got = lake.read(table, DAY, as_of=LATER)
    assert got.rows.equals(table.empty())
    assert got.rows.schema.equals(table.to_arrow(), check_metadata=True)
    assert got.inputs == ()
    assert lake.windows(table) == []
    assert lake.maintain(table, keep=timedelta(0), as_of=LATER) == 0
    assert not lake.root.exists()


@pytest.mark.parametrize("table", LAKE_TABLES.values(), ids=lambda table: table.name)
def test_every_table_of_the_lake_can_be_written_and_read(lake: DeltaLake, table: Table):
    assert lake.write(table, table.empty(), source="any", window=DAY, as_of=LATER).changed
    assert lake.read(table, DAY).rows.equals(table.empty())
    assert lake.windows(table) == [DAY]


def test_rows_come_back_sorted_by_the_key_in_the_contracts_types(lake: DeltaLake):
    rows = points(DAY)
    write(lake, rows.take(np.random.default_rng(0).permutation(rows.num_rows)))
    got = lake.read(METRIC_POINTS, DAY)
    assert got.rows.to_pylist() == sorted(rows.to_pylist(), key=lambda row: (row["series_id"], row["observed_at"]))
    assert got.rows.schema.equals(METRIC_POINTS.to_arrow(), check_metadata=True)
    assert pa.types.is_dictionary(got.rows["series_id"].type)


def test_a_window_is_half_open_and_cut_exactly(lake: DeltaLake):
    write(lake, points(DAY))
    hour = timedelta(hours=1)
    got = lake.read(METRIC_POINTS, Window(NOON, NOON + 2 * hour), columns=["observed_at"])
    assert got.rows["observed_at"].unique().to_pylist() == [NOON, NOON + hour]
    assert lake.read(METRIC_POINTS, Window(NOON + timedelta(microseconds=1), NOON + hour)).rows.num_rows == 0


def test_columns_come_in_the_order_asked_even_without_the_time_and_the_key(lake: DeltaLake):
    write(lake, points(MORNING), MORNING)
    write(lake, points(EVENING), EVENING)
    got = lake.read(METRIC_POINTS, Window(NOON - timedelta(hours=1), DAY.end), columns=["value", "metric_name"])
    assert got.rows.column_names == ["value", "metric_name"]
    assert got.rows["value"].to_pylist() == [1.0] * 13 + [2.0] * 13 + [3.0] * 13
    with pytest.raises(ContractError, match="column `valeu` is unknown"):
        lake.read(METRIC_POINTS, DAY, columns=["valeu"])


def test_lineage_names_each_file_that_was_read_and_no_other(lake: DeltaLake):
    morning = write(lake, points(MORNING), MORNING).parts
    evening = write(lake, points(EVENING), EVENING).parts
    write(lake, points(DAY, 5.0), source="other")
    got = lake.read(METRIC_POINTS, DAY, sources=["prom"])
    assert set(got.inputs) == {*morning, *evening}
    assert lake.read(METRIC_POINTS, EVENING, sources=["prom"]).inputs == evening
    part = evening[0]
    assert (part.rows, part.first_event_at, part.table_name) == (36, NOON, "metric_points")
    assert part.latest_event_at == DAY.end - timedelta(hours=1)
    assert part.sha256 in part.path
    assert (lake.root / part.path).is_file()


def test_the_same_rows_again_change_nothing_whatever_their_order_and_spelling(lake: DeltaLake):
    rows = points(DAY)
    first = write(lake, rows)
    again = write(lake, pa.concat_tables([rows.slice(40), rows.slice(0, 40)]), as_of=LATEST)
    assert (first.changed, again.changed) == (True, False)
    assert again.version == first.version
    assert again.parts == first.parts
    assert len(files(lake)) == 1


def test_equal_rows_make_equal_files_in_another_lake(lake: DeltaLake, tmp_path: Path):
    rows = points(DAY)
    other = DeltaLake(tmp_path / "other")
    write(lake, rows)
    write(other, rows.slice(7))
    write(other, rows.take(pa.array(range(rows.num_rows - 1, -1, -1))))
    assert files(lake) <= files(other)
    path = files(lake).pop()
    assert (lake.root / path).read_bytes() == (other.root / path).read_bytes()


def test_a_write_replaces_its_window_and_nothing_beside_it(lake: DeltaLake):
    write(lake, points(DAY, 1.0))
    write(lake, points(EVENING, 10.0), EVENING, LATEST)
    assert values(lake, MORNING) == [1.0] * 12 + [2.0] * 12 + [3.0] * 12
    assert values(lake, EVENING) == [10.0] * 12 + [11.0] * 12 + [12.0] * 12
    assert values(lake, DAY, as_of=LATER) == [1.0] * 24 + [2.0] * 24 + [3.0] * 24
    assert lake.windows(METRIC_POINTS) == [DAY, EVENING]
    assert lake.windows(METRIC_POINTS, as_of=LATER) == [DAY]


def test_a_write_that_knew_less_is_recorded_and_does_not_become_current(lake: DeltaLake):
    write(lake, points(EVENING, 10.0), EVENING, LATER)
    commit = write(lake, points(DAY, 1.0), DAY, EARLIER)
    assert commit.changed
    assert sum(part.rows for part in commit.parts) == 72
    assert values(lake, EVENING) == [10.0] * 12 + [11.0] * 12 + [12.0] * 12
    assert values(lake, MORNING) == [1.0] * 12 + [2.0] * 12 + [3.0] * 12
    assert values(lake, EVENING, as_of=EARLIER) == [1.0] * 12 + [2.0] * 12 + [3.0] * 12
    again = DeltaLake(lake.root)
    assert not write(again, points(DAY, 1.0), DAY, EARLIER).changed
    assert values(again, EVENING, as_of=EARLIER) == [1.0] * 12 + [2.0] * 12 + [3.0] * 12


def test_no_rows_cover_a_window_and_hide_what_was_there(lake: DeltaLake):
    write(lake, points(DAY))
    assert write(lake, METRIC_POINTS.empty(), EVENING, LATEST).changed
    assert not write(lake, METRIC_POINTS.empty(), EVENING, LATEST).changed
    assert lake.read(METRIC_POINTS, EVENING).rows.num_rows == 0
    assert lake.read(METRIC_POINTS, DAY).rows.num_rows == 36
    assert lake.read(METRIC_POINTS, EVENING, as_of=LATER).rows.num_rows == 36
    assert lake.windows(METRIC_POINTS, source="prom") == [DAY, EVENING]
    assert lake.windows(METRIC_POINTS, source="nobody") == []


def test_rows_of_two_writers_stand_side_by_side(lake: DeltaLake):
    write(lake, points(DAY, 1.0, series=1))
    write(lake, points(DAY, 5.0, series=1), source="Prom / Ω")
    assert sorted(values(lake)) == [1.0] * 24 + [5.0] * 24
    assert values(lake, sources=["Prom / Ω"]) == [5.0] * 24
    assert values(lake, sources=[]) == []


@pytest.mark.parametrize(
    ("rows", "window", "problem"),
    [
        (points(DAY), MORNING, "column `observed_at` must lie in"),
        (points(DAY).drop_columns(["value"]), DAY, "column `value` is missing"),
        (points(DAY).append_column("extra", pa.nulls(72)), DAY, "column `extra` is unknown"),
    ],
)
def test_rows_that_break_the_promise_are_refused_and_leave_no_trace(lake: DeltaLake, rows, window, problem):
    with pytest.raises(ContractError, match=problem):
        write(lake, rows, window)
    assert files(lake) == set()


def test_a_null_where_none_may_be_is_refused(lake: DeltaLake):
    rows = points(DAY)
    holed = rows.set_column(8, rows.schema.field("value"), pa.array([None, *rows["value"].to_pylist()[1:]]))
    with pytest.raises(ContractError, match="column `value` must be never null: 1 rows are"):
        write(lake, holed)


def test_other_readers_see_the_current_rows(lake: DeltaLake):
    write(lake, points(DAY, 1.0))
    write(lake, points(EVENING, 10.0), EVENING, LATEST)
    write(lake, points(MORNING, 100.0), MORNING, EARLIER)
    write(lake, METRIC_POINTS.empty(), Window(DAY.start, DAY.start + timedelta(hours=2)), LATEST)
    delta = DeltaTable(str(lake.root / "metric_points"))
    foreign = delta.to_pyarrow_table(filters=[("observed_at", ">=", NOON - timedelta(hours=2))])
    wanted = lake.read(METRIC_POINTS, Window(NOON - timedelta(hours=2), DAY.end)).rows
    key = [("series_id", "ascending"), ("observed_at", "ascending")]
    assert foreign.sort_by(key).to_pylist() == wanted.to_pylist()
    assert delta.to_pyarrow_table().num_rows == lake.read(METRIC_POINTS, DAY).rows.num_rows == 66
    assert delta.metadata().description == METRIC_POINTS.grain


def test_a_commit_tells_who_wrote_which_window_knowing_what(lake: DeltaLake):
    write(lake, points(DAY))
    delta = DeltaTable(str(lake.root / "metric_points"))
    micros = (LATER - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
    assert delta.transaction_version(f"prom/{DAY}") == micros


def test_a_large_write_is_spread_over_parts_and_read_back_whole(lake: DeltaLake):
    month = Window.parse("2026-11-01T00:00:00Z", "2026-11-29T00:00:00Z")
    series, step = 140, 300_000_000
    steps = month.duration // timedelta(microseconds=step)
    start = (month.start - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
    codes = pa.array(np.repeat(np.arange(series, dtype=np.int32), steps))
    same = pa.DictionaryArray.from_arrays(pa.array(np.zeros(series * steps, np.int32)), pa.array(["m"]))
    data = {
        "observed_at": pa.array(np.tile(np.arange(steps) * step + start, series)).cast(pa.timestamp("us", tz="UTC")),
        "series_id": pa.DictionaryArray.from_arrays(codes, pa.array([f"s{i:04d}" for i in range(series)])),
        "metric_name": same,
        "value": np.random.default_rng(0).normal(size=series * steps).round(2),
        "source": same,
    }
    rows = METRIC_POINTS.shape(pa.table(data)).cast(METRIC_POINTS.to_arrow())
    commit = write(lake, rows, month)
    assert len(commit.parts) == 5
    assert sum(part.rows for part in commit.parts) == rows.num_rows
    got = lake.read(METRIC_POINTS, month)
    assert got.rows.equals(rows)
    assert len(lake.read(METRIC_POINTS, Window.parse("2026-11-03T05:00:00Z", "2026-11-03T06:00:00Z")).inputs) == 1
    assert lake.windows(METRIC_POINTS) == [month]
    assert not write(lake, rows, month, LATEST).changed


def test_a_nullable_column_may_be_added_to_a_contract(lake: DeltaLake):
    names = [name for name in METRIC_POINTS.names if name != "unit"]
    older = Table(
        "metric_points", "as it was", tuple(map(METRIC_POINTS.column, names)), METRIC_POINTS.key, "observed_at"
    )
    lake.write(older, points(MORNING).select(names), source="prom", window=MORNING, as_of=LATER)
    newer = DeltaLake(lake.root)
    with_unit = points(EVENING).drop_columns(["unit"])
    with_unit = METRIC_POINTS.shape(with_unit.append_column("unit", pa.array(["s"] * with_unit.num_rows)))
    write(newer, with_unit, EVENING)
    got = newer.read(METRIC_POINTS, DAY, columns=["observed_at", "unit"]).rows.to_pylist()
    assert all(row["unit"] == (None if row["observed_at"] < NOON else "s") for row in got)
    assert DeltaTable(str(lake.root / "metric_points")).to_pyarrow_table().num_rows == 72


def test_a_file_somebody_else_wrote_into_the_table_is_named(lake: DeltaLake):
    write(lake, points(DAY))
    write_deltalake(str(lake.root / "metric_points"), plain(points(DAY)), mode="append")
    with pytest.raises(ConfigurationError, match="did not write"):
        lake.read(METRIC_POINTS, DAY)


def plain(rows: pa.Table) -> pa.Table:
    fields = [f.with_type(pa.string()) if pa.types.is_dictionary(f.type) else f for f in rows.schema]
    return rows.cast(pa.schema(fields))


def test_damage_is_named_and_mended_by_asking_the_source_again(lake: DeltaLake):
    rows = points(DAY)
    part = write(lake, rows).parts[0]
    path = lake.root / part.path
    good = path.read_bytes()
    for bad in (good[:-1], b"", good[:100] + bytes([good[100] ^ 1]) + good[101:], None):
        path.unlink()
        if bad is not None:
            path.write_bytes(bad)
        with pytest.raises(CorruptPartError, match=part.sha256):
            lake.read(METRIC_POINTS, DAY)
        with pytest.raises(CorruptPartError, match=part.sha256):
            write(lake, points(EVENING, 9.0), EVENING, LATEST)
        assert not write(lake, rows).changed
        assert path.read_bytes() == good
        assert lake.read(METRIC_POINTS, DAY).rows.num_rows == 72


def test_what_nobody_can_ask_for_is_removed_and_what_somebody_can_is_not(lake: DeltaLake):
    for number in range(4):
        write(lake, points(DAY, float(number)), as_of=LATER + timedelta(days=number))
    assert len(files(lake)) == 4
    assert lake.maintain(METRIC_POINTS, keep=timedelta(days=9), as_of=LATER + timedelta(days=4)) == 0
    assert lake.maintain(METRIC_POINTS, keep=timedelta(days=2), as_of=LATER + timedelta(days=4)) == 2
    assert lake.maintain(METRIC_POINTS, keep=timedelta(days=2), as_of=LATER + timedelta(days=4)) == 0
    for reader in (lake, DeltaLake(lake.root)):
        assert values(reader, as_of=LATER + timedelta(days=2))[0] == 2.0
        assert values(reader)[0] == 3.0


def test_what_a_dead_writer_left_is_removed_once_it_is_surely_dead(lake: DeltaLake):
    write(lake, points(DAY))
    folder = lake.root / "metric_points"
    orphan = folder / "prom" / "2026-11-01" / "half.parquet"
    orphan.parent.mkdir(parents=True)
    leftovers = [orphan, orphan.parent / ".tmp-1-ab", folder / "_delta_log" / "_commit_ab.json.tmp"]
    for path in leftovers:
        path.write_bytes(b"x")
    assert lake.maintain(METRIC_POINTS, keep=timedelta(0), as_of=LATEST) == 0
    for path in leftovers:
        os.utime(path, (0, 0))
    assert lake.maintain(METRIC_POINTS, keep=timedelta(0), as_of=LATEST) == 3
    assert not orphan.parent.exists()
    assert lake.read(METRIC_POINTS, DAY).rows.num_rows == 72


def test_the_past_outlives_the_log_it_was_written_in(lake: DeltaLake):
    write(lake, points(DAY, 1.0), as_of=EARLIER)
    write(lake, points(DAY, 2.0))
    write(lake, points(EVENING, 3.0), EVENING, LATEST)
    log = lake.root / "metric_points" / "_delta_log"
    for path in log.iterdir():
        os.utime(path, (0, 0))
    assert lake.maintain(METRIC_POINTS, keep=LATEST - LATER, as_of=LATEST) == 1
    assert sorted(path.name for path in log.glob("*.json")) == ["00000000000000000004.json"]
    for reader in (lake, DeltaLake(lake.root)):
        assert set(values(reader, as_of=LATER)) == {2.0, 3.0, 4.0}
        assert values(reader, EVENING)[0] == 3.0
        assert values(reader, MORNING)[0] == 2.0
    write(lake, points(MORNING, 7.0), MORNING, LATEST)
    assert values(DeltaLake(lake.root), MORNING)[0] == 7.0


def test_a_process_that_slept_through_a_cleaning_of_the_log_reads_on(lake: DeltaLake):
    sleeper = DeltaLake(lake.root)
    write(lake, points(DAY, 1.0), as_of=EARLIER)
    assert values(sleeper, as_of=EARLIER)[0] == 1.0
    write(lake, points(DAY, 2.0), as_of=LATER)
    write(lake, points(DAY, 3.0), as_of=LATEST)
    for path in (lake.root / "metric_points" / "_delta_log").iterdir():
        os.utime(path, (0, 0))
    lake.maintain(METRIC_POINTS, keep=LATEST - LATER, as_of=LATEST)
    assert values(sleeper)[0] == 3.0
    assert values(sleeper, as_of=LATER)[0] == 2.0
    assert write(sleeper, points(DAY, 4.0), as_of=LATEST).changed


def test_a_long_history_is_read_back_to_its_begin(lake: DeltaLake, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("aiops_jobs.adapters.lake.log._FIRST_BATCH", 2)
    for number in range(6):
        write(lake, points(DAY, float(number)), as_of=LATER + timedelta(hours=number))
    fresh = DeltaLake(lake.root)
    for number in range(6):
        assert values(fresh, as_of=LATER + timedelta(hours=number))[0] == number


def test_many_commits_are_checkpointed_and_remembered(lake: DeltaLake):
    hour = timedelta(hours=1)
    for number in range(CHECKPOINT_EVERY + 5):
        begin = DAY.start + number * hour
        write(lake, METRIC_POINTS.empty(), Window(begin, begin + hour))
    log = lake.root / "metric_points" / "_delta_log"
    assert (log / "_last_checkpoint").is_file()
    other = DeltaLake(lake.root)
    assert len(other.windows(METRIC_POINTS)) == CHECKPOINT_EVERY + 5
    write(lake, points(DAY), DAY, LATEST)
    assert len(other.windows(METRIC_POINTS, as_of=LATER)) == CHECKPOINT_EVERY + 5
    assert len(other.windows(METRIC_POINTS)) == CHECKPOINT_EVERY + 5 - 23


def test_an_entry_torn_by_a_power_cut_before_it_was_promised_is_set_aside(lake: DeltaLake):
    write(lake, points(DAY))
    log = lake.root / "metric_points" / "_delta_log"
    whole = (log / "00000000000000000001.json").read_text()
    (log / "00000000000000000002.json").write_text(whole[: len(whole) // 2])
    fresh = DeltaLake(lake.root)
    assert fresh.read(METRIC_POINTS, DAY).rows.num_rows == 72
    assert write(fresh, points(DAY, 2.0), as_of=LATEST).version == 2
    (log / "00000000000000000001.json").write_text(whole[: len(whole) // 2])
    with pytest.raises(ConnectorError, match="log of"):
        DeltaLake(lake.root).read(METRIC_POINTS, DAY)


def test_a_lake_deleted_under_our_feet_is_empty_and_can_be_written_again(lake: DeltaLake):
    write(lake, points(DAY))
    shutil.rmtree(lake.root)
    assert lake.read(METRIC_POINTS, DAY).rows.num_rows == 0
    assert write(lake, points(DAY)).changed
    assert values(lake, as_of=EARLIER) == []
    assert lake.read(METRIC_POINTS, DAY).rows.num_rows == 72


def test_part_of_a_write_may_be_as_it_was(lake: DeltaLake):
    write(lake, points(EVENING, 10.0), EVENING, LATER)
    before = write(lake, points(DAY, 1.0), DAY, EARLIER)
    corrected = pa.concat_tables([points(MORNING, 1.0), points(EVENING, 3.0)])
    after = write(lake, corrected, DAY, EARLIER)
    assert after.changed
    assert after.parts[0] == before.parts[0]
    assert values(lake, MORNING) == [1.0] * 12 + [2.0] * 12 + [3.0] * 12
    assert values(lake, EVENING, as_of=EARLIER) == [3.0] * 12 + [4.0] * 12 + [5.0] * 12
    assert DeltaTable(str(lake.root / "metric_points")).to_pyarrow_table().num_rows == 72


def test_a_commit_planned_on_an_outdated_version_changes_nothing(lake: DeltaLake):
    """Even where the rival commits after we have looked for the last time."""
    write(lake, points(MORNING), MORNING)
    rival, late = DeltaLake(lake.root), TableLog(lake.root / "metric_points", METRIC_POINTS)

    class Overtaken(Change):
        def actions(self, *args, **kwargs):
            write(rival, points(EVENING), EVENING)
            return super().actions(*args, **kwargs)

    base = late.prepared()
    assert late.commit(base, Overtaken(removed=base.parts)) is None
    assert lake.read(METRIC_POINTS, DAY).rows.num_rows == 72
    assert late.prepared().version == base.version + 1
    assert late.commit(base, Change(removed=base.parts)) is None


def test_a_reader_overtaken_by_a_write_and_its_maintenance_reads_the_newer_rows(
    lake: DeltaLake, monkeypatch: pytest.MonkeyPatch
):
    write(lake, points(DAY, 1.0))
    read_bytes, rival = Path.read_bytes, DeltaLake(lake.root)

    def overtaken(path: Path) -> bytes:
        monkeypatch.setattr(Path, "read_bytes", read_bytes)
        write(rival, points(DAY, 2.0), as_of=LATEST)
        assert rival.maintain(METRIC_POINTS, keep=timedelta(0), as_of=LATEST) == 1
        return read_bytes(path)

    monkeypatch.setattr(Path, "read_bytes", overtaken)
    assert values(lake)[0] == 2.0


def test_a_file_system_that_refuses_is_named_and_nothing_has_changed(tmp_path: Path):
    """A limit on the size of files stands for a full disk."""
    script = (
        "import resource, sys; sys.path[:0] = sys.argv[2:]\n"
        "from test_lake import *\n"
        "lake = DeltaLake(sys.argv[1])\n"
        "write(lake, points(DAY))\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (3000, 3000))\n"
        "try:\n    write(lake, points(DAY, 2.0), as_of=LATEST)\n"
        "except ConnectorError as error:\n    print(type(error).__name__, error)\n"
        "print(lake.read(METRIC_POINTS, DAY).rows.num_rows, len(list(lake.root.rglob('.tmp-*'))))\n"
    )
    here = Path(__file__)
    command = [sys.executable, "-c", script, str(tmp_path), str(here.parents[3]), str(here.parent)]
    told = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    assert "File too large" in told[0]
    assert told[0].startswith("ConnectorUnavailable")
    assert ".parquet" in told[0]
    assert told[1] == "72 0"


def test_the_folder_may_be_called_almost_anything(tmp_path: Path):
    with pytest.raises(ConfigurationError, match="lake_root"):
        DeltaLake(tmp_path / "50%20")
    lake = DeltaLake(tmp_path / "la ke [1]? #결제")
    write(lake, points(DAY))
    write(lake, points(EVENING, 3.0), EVENING, LATEST)
    again = DeltaLake(lake.root)
    assert again.read(METRIC_POINTS, DAY).rows.num_rows == 72
    assert DeltaTable(str(lake.root / "metric_points")).to_pyarrow_table().num_rows == 72
    assert [path.name for path in tmp_path.iterdir()] == [lake.root.name]


def test_threads_share_a_lake(lake: DeltaLake):
    hours = list(DAY.split(timedelta(hours=1)))
    errors: list[BaseException] = []

    def work(mine: list[Window]) -> None:
        try:
            for hour in mine:
                write(lake, points(hour), hour)
                assert lake.read(METRIC_POINTS, hour).rows.num_rows == 3
        except BaseException as error:  # noqa: BLE001 - told to the test
            errors.append(error)

    threads = [threading.Thread(target=work, args=(hours[number::4],)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert lake.windows(METRIC_POINTS) == hours
    assert lake.read(METRIC_POINTS, DAY).rows.num_rows == 72


def test_an_object_store_is_refused_in_words():
    with pytest.raises(ConfigurationError, match="object store"):
        DeltaLake("s3://bucket/lake")


def test_required_columns_of_the_contract_are_required_in_delta(lake: DeltaLake):
    write(lake, points(DAY))
    fields = {field.name: field.nullable for field in DeltaTable(str(lake.root / "metric_points")).schema().fields}
    assert fields == {column.name: not column.is_required for column in METRIC_POINTS.columns}
