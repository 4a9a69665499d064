"""CSV, JSON lines and Parquet give the cells as they stood; a broken line never takes its neighbours with it."""

import csv
import io
import json
from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aiops_jobs.adapters.sources.file_csv import CsvOptions, parse_csv, parse_header
from aiops_jobs.adapters.sources.file_jsonl import JsonColumns, parse_jsonl, parse_names
from aiops_jobs.adapters.sources.file_lines import NO_LINES, TextOptions, read_lines
from aiops_jobs.adapters.sources.file_parquet import parquet_names, read_parquet
from aiops_jobs.adapters.sources.file_pieces import BadHeaderError
from aiops_jobs.window import Window

CELLS = st.text(st.characters(exclude_characters="\r\n\0", exclude_categories=["Cs"]), max_size=12)
PLAIN = CsvOptions()


def lines_of(path, text, **options):
    data = text if isinstance(text, bytes) else text.encode()
    path.write_bytes(data.removesuffix(b"\n") + b"\n")
    (block,) = (lines for _, lines in read_lines(path, TextOptions(encoding="utf-8", **options)))
    return block


def cells(piece):
    """Return number -> cells, and faults by number."""
    rows = dict(zip(piece.numbers.tolist(), (tuple(r.values()) for r in piece.rows.to_pylist()), strict=True))
    return rows, {fault.number: fault.reason_code for fault in piece.faults}


# --- CSV ------------------------------------------------------------------------------------------------------------


@settings(deadline=None, max_examples=80)
@given(
    rows=st.lists(st.tuples(CELLS, CELLS, CELLS), min_size=1, max_size=10), delimiter=st.sampled_from([",", ";", "\t"])
)
def test_cells_are_text_exactly_as_written(tmp_path_factory, rows, delimiter):
    buffer = io.StringIO()
    csv.writer(buffer, delimiter=delimiter, lineterminator="\n", quoting=csv.QUOTE_ALL).writerows(rows)
    lines = lines_of(tmp_path_factory.mktemp("c") / "a.csv", buffer.getvalue())
    piece = parse_csv(lines, ["a", "b", "c"], ["a", "b", "c"], CsvOptions(delimiter))
    assert cells(piece) == (dict(enumerate(rows, start=1)), {})


def test_nothing_is_guessed_from_what_cells_look_like(tmp_path):
    odd = ["NA", "null", "None", "nan", "0012", "9007199254740993", "1e400", "true", "2026-11-20", "", " x "]
    lines = lines_of(tmp_path / "a.csv", "".join(f"{text},1\n" for text in odd))
    piece = parse_csv(lines, ["host", "n"], ["host"], PLAIN)
    assert piece.rows["host"].to_pylist() == odd


def test_ragged_and_unclosed_lines_are_put_aside_by_number(tmp_path):
    text = 'a,1\n\nb\nc,"2\nd,4,5\n"e ""x""",5\n5" disk,6\n"g,7\nh,8'
    piece = parse_csv(lines_of(tmp_path / "a.csv", text), ["h", "n"], ["h", "n"], PLAIN)
    rows, faults = cells(piece)
    assert rows == {1: ("a", "1"), 6: ('e "x"', "5"), 7: ('5" disk', "6"), 9: ("h", "8")}
    assert faults == {3: "RAGGED_ROW", 4: "UNCLOSED_QUOTE", 5: "RAGGED_ROW", 8: "UNCLOSED_QUOTE"}
    assert {fault.number: fault.raw for fault in piece.faults} == {3: "b", 4: 'c,"2', 5: "d,4,5", 8: '"g,7'}
    assert [piece.raw(i) for i in range(4)] == ["a,1", '"e ""x""",5', '5" disk,6', "h,8"]


def test_values_over_several_lines_are_one_cell(tmp_path):
    text = '1,"one\ntwo"\n2,x\n3,"y,\n\nz",\n4,w\n'
    lines = lines_of(tmp_path / "a.csv", text, is_multiline=True)
    rows, faults = cells(parse_csv(lines, ["h", "b"], ["h", "b"], CsvOptions(is_multiline=True)))
    assert rows == {1: ("1", "one\ntwo"), 3: ("2", "x"), 7: ("4", "w")}
    assert faults == {4: "RAGGED_ROW"}


def test_a_lone_carriage_return_breaks_only_its_own_line(tmp_path):
    piece = parse_csv(lines_of(tmp_path / "a.csv", b"a,1\nb\rx,2\nc,3\n"), ["h", "n"], ["n"], PLAIN)
    rows, faults = cells(piece)
    assert (rows, faults) == ({1: ("1",), 3: ("3",)}, {2: "RAGGED_ROW"})


def test_one_column_and_no_lines(tmp_path):
    piece = parse_csv(lines_of(tmp_path / "a.csv", 'a\n\n"b"\n'), ["h"], ["h"], PLAIN)
    assert cells(piece) == ({1: ("a",), 3: ("b",)}, {})
    assert parse_csv(NO_LINES, ["h"], ["h"], PLAIN).rows.num_rows == 0


def test_headers_are_names_once_each():
    assert parse_header(' time ,"a,b",c', PLAIN) == ["time", "a,b", "c"]
    assert parse_header("a;b", CsvOptions(";")) == ["a", "b"]
    with pytest.raises(BadHeaderError, match="`a`, `b`"):
        parse_header("a,b,a,b,c", PLAIN)


# --- JSON lines -----------------------------------------------------------------------------------------------------

COLUMNS = JsonColumns(text=["at", "host"], numbers=["value"], nested=["labels"])
FLAT = {"at": "2026-11-20T12:00:00Z", "host": "0012", "value": 1.5, "labels": '{"b":1}', "more": [1, {"x": 2}]}


def jsonl(tmp_path, *objects):
    text = "\n".join(o if isinstance(o, str) else json.dumps(o) for o in objects)
    return parse_jsonl(lines_of(tmp_path / "a.jsonl", text), COLUMNS)


@pytest.mark.parametrize("spoil", [None, {"host": 12}, {"labels": {"b": 1}}, "{broken"], ids=str)
def test_the_three_ways_give_the_same_rows(tmp_path, spoil):
    others = [] if spoil is None else [spoil if isinstance(spoil, str) else FLAT | spoil]
    piece = jsonl(tmp_path, FLAT, FLAT | {"value": 2, "host": None}, {"at": "x"}, *others)
    assert piece.rows.slice(0, 3).to_pylist() == [
        {"at": "2026-11-20T12:00:00Z", "host": "0012", "value": 1.5, "labels": '{"b":1}'},
        {"at": "2026-11-20T12:00:00Z", "host": None, "value": 2.0, "labels": '{"b":1}'},
        {"at": "x", "host": None, "value": None, "labels": None},
    ]
    assert piece.rows.schema.types == [pa.string(), pa.string(), pa.float64(), pa.string()]


def test_broken_lines_are_put_aside_by_number_and_all_others_are_read(tmp_path):
    broken = [
        '{"at":"x"',
        "[1,2]",
        "7",
        '{"at":"x","value":NaN}',
        '{"at":"x","value":1e999}',
        '{"at":"\\ud800"}',
        '{"more":' + "[" * 100_000,
        "{'at':'x'}",
    ]
    objects = [FLAT]
    for line in broken:
        objects += [line, FLAT]
    piece = jsonl(tmp_path, *objects)
    rows, faults = cells(piece)
    assert set(rows) == {1, 3, 5, 7, 9, 11, 13, 15, 17}
    assert faults == dict.fromkeys(range(2, 17, 2), "BROKEN_LINE")
    assert piece.raw(3) == json.dumps(FLAT)


def test_ids_written_as_numbers_stay_exact(tmp_path):
    piece = jsonl(tmp_path, FLAT | {"host": 9007199254740993}, FLAT | {"host": True}, FLAT | {"host": "0012"})
    assert piece.rows["host"].to_pylist() == ["9007199254740993", "true", "0012"]


def test_numbers_written_as_text_are_left_for_the_judge_of_numbers(tmp_path):
    piece = jsonl(tmp_path, FLAT | {"value": "1,5"}, FLAT)
    assert piece.rows["value"].to_pylist() == ["1,5", "1.5"]


def test_names_are_those_of_the_first_lines():
    assert parse_names(['{"a":1}', "{broken", "[1]", '{"b":1,"a":2}']) == ["a", "b"]


# --- Parquet --------------------------------------------------------------------------------------------------------

BEGIN = datetime(2026, 11, 20, tzinfo=UTC)


def hours(count, tz="UTC"):
    return pa.array(
        [BEGIN.replace(tzinfo=UTC if tz else None) + timedelta(hours=h) for h in range(count)],
        pa.timestamp("ms", tz=tz),
    )


@pytest.mark.parametrize("tz", ["UTC", None])
def test_row_groups_outside_the_window_are_not_read(tmp_path, tz):
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"t": hours(240, tz), "v": np.arange(240.0)}), path, row_group_size=24)
    window = Window(BEGIN + timedelta(days=4), BEGIN + timedelta(days=5))
    read = list(read_parquet(path, ["t", "v"], time_column="t", window=window))
    groups = [group for group, _ in read]
    assert 4 in groups
    assert set(groups) <= {3, 4, 5}
    assert {group: (piece.numbers[0], piece.numbers[-1]) for group, piece in read}[4] == (97, 120)
    assert json.loads(read[0][1].raw(0))["v"] == 24.0 * groups[0]


def test_times_without_statistics_are_all_read(tmp_path):
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"t": hours(48), "n": np.arange(48)}), path, row_group_size=24, write_statistics=False)
    window = Window(BEGIN + timedelta(days=9), BEGIN + timedelta(days=10))
    assert len(list(read_parquet(path, ["t"], time_column="t", window=window))) == 2
    assert len(list(read_parquet(path, ["n"], time_column="n", window=window))) == 2
    assert len(list(read_parquet(path, ["n"], time_column=None, window=window))) == 2


def test_a_flipped_byte_in_a_page_is_noticed_and_what_was_read_stays(tmp_path):
    path = tmp_path / "a.parquet"
    rows = pa.table({"t": hours(48), "v": np.random.default_rng(1).normal(size=48)})
    pq.write_table(rows, path, row_group_size=24, write_page_checksum=True, use_dictionary=False, compression="none")
    place = pq.ParquetFile(path).metadata.row_group(1).column(1).data_page_offset
    spoilt = bytearray(path.read_bytes())
    spoilt[place + 100] ^= 1
    path.write_bytes(spoilt)
    pieces = [
        piece
        for _, piece in read_parquet(path, ["t", "v"], time_column="t", window=Window(BEGIN, BEGIN + timedelta(days=9)))
    ]
    assert [piece.rows.num_rows for piece in pieces] == [24, 0]
    assert pieces[1].faults[0].reason_code == "UNREADABLE_FILE"


def test_columns_of_the_same_name_are_refused(tmp_path):
    path = tmp_path / "a.parquet"
    pq.write_table(pa.Table.from_arrays([pa.array([1]), pa.array([2])], names=["a", "a"]), path)
    with pytest.raises(BadHeaderError, match="`a`"):
        parquet_names(path)


def test_days_and_numbers_have_statistics_too(tmp_path):
    path = tmp_path / "a.parquet"
    days = pa.array([(BEGIN + timedelta(days=d)).date() for d in range(20)])
    pq.write_table(pa.table({"day": days}), path, row_group_size=10)
    window = Window(BEGIN + timedelta(days=15), BEGIN + timedelta(days=16))
    assert [group for group, _ in read_parquet(path, ["day"], time_column="day", window=window)] == [1]


def test_a_file_that_is_gone_is_no_damaged_file(tmp_path):
    with pytest.raises(FileNotFoundError):
        list(
            read_parquet(
                tmp_path / "none.parquet", ["t"], time_column="t", window=Window(BEGIN, BEGIN + timedelta(days=1))
            )
        )
