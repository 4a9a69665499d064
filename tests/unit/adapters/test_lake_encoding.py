"""Equal rows make equal bytes, whatever order and spelling they come in; a damaged byte is noticed."""

from __future__ import annotations

import hashlib
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aiops_jobs.adapters.lake.encoding import encoded, read_verified, storage_schema, within
from aiops_jobs.adapters.lake.order import arranged, with_canonical_labels
from aiops_jobs.adapters.lake.parts import Span, to_micros
from aiops_jobs.contracts import columns as c
from aiops_jobs.contracts.table import Column, Kind, Table
from aiops_jobs.contracts.telemetry import LOG_RECORDS, METRIC_POINTS
from aiops_jobs.errors import CorruptPartError

START = datetime(2026, 11, 20, tzinfo=UTC)
FLIPS = 300
SAMPLES = Table(
    name="samples",
    grain="one sample",
    columns=(
        c.observed_at,
        c.entity_id,
        Column("place", Kind.STRING, "A key that is text and may be null."),
        Column("rank", Kind.INTEGER, "A key that is a number."),
        Column("is_ok", Kind.BOOLEAN, "A flag."),
        c.value,
    ),
    key=("entity_id", "place", "rank", "observed_at"),
    time="observed_at",
)
rows_strategy = st.lists(
    st.tuples(
        st.integers(0, 10**9),
        st.none() | st.sampled_from(["web", "api", "", "결제", "api2"]),
        st.none() | st.text(max_size=3),
        st.none() | st.integers(-(2**62), 2**62),
        st.none() | st.booleans(),
        st.floats(allow_nan=False, allow_infinity=False),
    ),
    max_size=30,
    unique_by=lambda row: row[:4],
)


def frame(rows, chunks: int = 1) -> pa.Table:
    """The rows, each chunk with its own dictionary, which holds words nobody uses."""
    tables = []
    for number in range(chunks):
        mine = rows[number::chunks]
        words = sorted({row[1] for row in mine if row[1] is not None} | {"never used"}, reverse=number % 2 == 0)
        codes = pa.array([None if row[1] is None else words.index(row[1]) for row in mine], pa.int32())
        arrays = [
            pa.array([START + timedelta(microseconds=row[0]) for row in mine], pa.timestamp("us", tz="UTC")),
            pa.DictionaryArray.from_arrays(codes, pa.array(words)),
            *(pa.array([row[i] for row in mine], kind) for i, kind in ((2, pa.string()), (3, pa.int64()))),
            pa.array([row[4] for row in mine], pa.bool_()),
            pa.array([row[5] for row in mine], pa.float64()),
        ]
        tables.append(pa.Table.from_arrays(arrays, schema=SAMPLES.to_arrow()))
    return pa.concat_tables(tables)


def sort_key(row):
    nulls_last = [(value is None, b"" if value is None else value) for value in (row[1], row[2], row[3])]
    words = [(is_null, v.encode() if isinstance(v, str) else v) for is_null, v in nulls_last[:2]]
    return (*words, (row[3] is None, row[3] or 0), row[0])


def metrics(rows: int = 20_000, *, decimals: int | None = 2) -> pa.Table:
    dice = np.random.default_rng(5)
    at = pa.array(np.tile(np.arange(rows // 20) * 300_000_000, 20) + to_micros(START)).cast(METRIC_POINTS_TIME)
    codes = pa.array(np.repeat(np.arange(20, dtype=np.int32), rows // 20))
    values = dice.normal(50, 9, rows)
    text = {name: pa.array([f"{name}-{i:02d}" for i in range(20)]) for name in ("series_id", "metric_name", "source")}
    data = {name: pa.DictionaryArray.from_arrays(codes, words) for name, words in text.items()}
    data |= {"observed_at": at, "value": values if decimals is None else values.round(decimals)}
    return arranged(METRIC_POINTS, METRIC_POINTS.conform(pa.table(data)))


METRIC_POINTS_TIME = pa.timestamp("us", tz="UTC")


@settings(deadline=None)
@given(rows=rows_strategy, seed=st.integers(0, 99), chunks=st.integers(1, 3))
def test_rows_are_sorted_by_the_key_and_their_bytes_do_not_depend_on_how_they_came(rows, seed: int, chunks: int):
    shuffled = [rows[i] for i in np.random.default_rng(seed).permutation(len(rows))]
    one, other = arranged(SAMPLES, frame(rows)), arranged(SAMPLES, frame(shuffled, chunks))
    expected = [(START + timedelta(microseconds=row[0]), *row[1:]) for row in sorted(rows, key=sort_key)]
    assert [tuple(row.values()) for row in other.to_pylist()] == expected
    assert bytes(encoded(SAMPLES, one)) == bytes(encoded(SAMPLES, other))
    assert all(column.num_chunks == 1 for column in other.columns)


def test_keys_too_wide_to_be_packed_are_sorted_all_the_same():
    far = 2**62
    rows = [(at, word, "x", rank, True, 0.5) for at in (1, 2) for word in ("b", "a") for rank in (far, 0, -far)]
    found = arranged(SAMPLES, frame(rows)).select(["entity_id", "rank", "observed_at"]).to_pylist()
    assert [(row["entity_id"], row["rank"]) for row in found] == [
        (word, rank) for word in ("a", "b") for rank in (-far, 0, far) for _ in (1, 2)
    ]
    assert found[0]["observed_at"] < found[1]["observed_at"]


@settings(deadline=None)
@given(rows=rows_strategy, start=st.integers(0, 30), length=st.integers(0, 30))
def test_labels_keep_their_words_and_only_those(rows, start: int, length: int):
    part = frame(rows).slice(start, length)
    labels = with_canonical_labels(part)["entity_id"].chunk(0)
    words = labels.dictionary.to_pylist()
    assert labels.to_pylist() == part["entity_id"].to_pylist()
    assert words == sorted({word for word in labels.to_pylist() if word is not None}, key=str.encode)


def test_labels_with_doubled_or_null_words_are_put_right():
    odd = pa.DictionaryArray.from_arrays(pa.array([0, 1, 2, 3], pa.int32()), pa.array(["b", "a", "b", None]))
    labels = with_canonical_labels(pa.table({"x": odd}))["x"].chunk(0)
    assert labels.to_pylist() == ["b", "a", "b", None]
    assert labels.dictionary.to_pylist() == ["a", "b"]


@settings(max_examples=30, deadline=None)
@given(rows=rows_strategy)
def test_rows_come_back_as_they_were(tmp_path_factory: pytest.TempPathFactory, rows):
    wanted = arranged(SAMPLES, frame(rows))
    data = bytes(encoded(SAMPLES, wanted))
    path = tmp_path_factory.mktemp("parts") / "part.parquet"
    path.write_bytes(data)
    found = read_verified(SAMPLES, path, hashlib.sha256(data).hexdigest(), SAMPLES.names)
    assert found.schema.equals(SAMPLES.to_arrow(), check_metadata=True)
    assert found.to_pylist() == wanted.to_pylist()


def test_a_part_older_than_a_column_has_nulls_there(tmp_path: Path):
    older = Table(SAMPLES.name, SAMPLES.grain, SAMPLES.columns[:4] + SAMPLES.columns[5:], SAMPLES.key, SAMPLES.time)
    data = bytes(encoded(older, arranged(older, frame([(1, "web", None, 1, True, 0.5)]).drop_columns(["is_ok"]))))
    (tmp_path / "part").write_bytes(data)
    names = ["value", "is_ok", "entity_id"]
    found = read_verified(SAMPLES, tmp_path / "part", hashlib.sha256(data).hexdigest(), names)
    assert found.to_pylist() == [{"value": 0.5, "is_ok": None, "entity_id": "web"}]


def test_parts_are_small_and_checksummed_and_can_be_skipped_by_time_and_key(tmp_path: Path):
    for decimals, bytes_per_row, encoding in ((2, 3.0, "RLE_DICTIONARY"), (None, 7.5, "BYTE_STREAM_SPLIT")):
        data = encoded(METRIC_POINTS, metrics(100_000, decimals=decimals))
        assert len(data) / 100_000 < bytes_per_row
        group = pq.ParquetFile(pa.BufferReader(data)).metadata.row_group(0)
        columns = {group.column(i).path_in_schema: group.column(i) for i in range(group.num_columns)}
        assert encoding in columns["value"].encodings
        assert "DELTA_BINARY_PACKED" in columns["observed_at"].encodings
        assert columns["observed_at"].statistics.min == START
        assert columns["series_id"].statistics.max == "series_id-19"
        assert {column.compression for column in columns.values()} == {"ZSTD"}


def test_descriptions_may_be_reworded_without_changing_a_byte():
    assert storage_schema(METRIC_POINTS).field("value").metadata is None
    reworded = [Column(x.name, x.kind, x.description + "!", x.unit, x.semconv, x.constraints) for x in SAMPLES.columns]
    other = Table(SAMPLES.name, SAMPLES.grain, tuple(reworded), SAMPLES.key, SAMPLES.time)
    rows = arranged(SAMPLES, frame([(1, "web", "x", 1, True, 0.5)]))
    assert bytes(encoded(SAMPLES, rows)) == bytes(encoded(other, rows))


def test_no_flipped_bit_goes_unnoticed(tmp_path: Path):
    rows = metrics()
    good = bytes(encoded(METRIC_POINTS, rows))
    sha256, path = hashlib.sha256(good).hexdigest(), tmp_path / "part.parquet"
    path.write_bytes(good)
    os.utime(path, (0, 0))
    assert read_verified(METRIC_POINTS, path, sha256, METRIC_POINTS.names).equals(rows)
    noticed = 0
    for position in np.random.default_rng(11).integers(0, len(good) * 8, FLIPS).tolist():
        bad = bytearray(good)
        bad[position // 8] ^= 1 << position % 8
        path.write_bytes(bad)
        with pytest.raises(CorruptPartError, match=sha256):
            read_verified(METRIC_POINTS, path, sha256, ["value"])
        noticed += 1
    assert noticed == FLIPS
    for end in (0, 4, len(good) // 2, len(good) - 1):
        path.write_bytes(good[:end])
        with pytest.raises(CorruptPartError):
            read_verified(METRIC_POINTS, path, sha256, ["value"])


@pytest.mark.parametrize("column", ["value", "series_id", "observed_at"])
def test_a_page_that_rots_after_the_file_was_verified_is_noticed_by_its_checksum(tmp_path: Path, column: str):
    good = bytes(encoded(METRIC_POINTS, metrics(decimals=None)))
    sha256, path = hashlib.sha256(good).hexdigest(), tmp_path / "part.parquet"
    group = pq.ParquetFile(pa.BufferReader(good)).metadata.row_group(0)
    index = METRIC_POINTS.names.index(column)
    page = group.column(index)
    rotten = bytearray(good)
    rotten[page.data_page_offset + page.total_compressed_size // 2] ^= 4
    path.write_bytes(good)
    os.utime(path, (0, 0))
    assert read_verified(METRIC_POINTS, path, sha256, [column]).num_rows == 20_000
    path.write_bytes(rotten)
    os.utime(path, (0, 0))
    with pytest.raises(CorruptPartError, match="unreadable"):
        read_verified(METRIC_POINTS, path, sha256, [column])


def test_a_file_changed_a_moment_ago_is_verified_again(tmp_path: Path):
    good = bytes(encoded(METRIC_POINTS, metrics()))
    sha256, path = hashlib.sha256(good).hexdigest(), tmp_path / "part.parquet"
    path.write_bytes(good)
    read_verified(METRIC_POINTS, path, sha256, ["value"])
    state = path.stat()
    path.write_bytes(good[:-30] + bytes(1) + good[-29:])
    os.utime(path, ns=(state.st_atime_ns, state.st_mtime_ns))
    with pytest.raises(CorruptPartError, match=sha256):
        read_verified(METRIC_POINTS, path, sha256, ["value"])


def test_only_rows_of_the_asked_intervals_are_left_and_their_order_stays():
    rows = metrics(2000)
    start = to_micros(START)
    spans = [Span(start, start + 600_000_000), Span(start + 3_000_000_000, start + 3_000_000_001)]
    found = within(rows, "observed_at", spans)
    seconds = {(at - START) // timedelta(seconds=1) for at in found["observed_at"].to_pylist()}
    assert seconds == {0, 300, 3000}
    assert found.num_rows == 60
    assert found["series_id"].to_pylist() == sorted(found["series_id"].to_pylist())


def test_logs_with_a_text_key_are_sorted_by_it():
    ids = [hashlib.sha256(bytes([i])).hexdigest()[:20] for i in range(200)]
    rows = [
        {"observed_at": START, "record_id": i, "severity_text": "INFO", "body": f"request {i}", "source": "files"}
        for i in ids
    ]
    table = LOG_RECORDS.conform(pa.Table.from_pylist(rows, LOG_RECORDS.to_arrow()))
    assert arranged(LOG_RECORDS, table)["record_id"].to_pylist() == sorted(ids)
