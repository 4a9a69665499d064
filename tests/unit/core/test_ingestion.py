"""Nothing disappears: every received row is published, put aside with its reason, or a repetition."""

import hashlib
import json
import math
import random
from collections import Counter
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aiops_jobs.contracts.telemetry import CHANGES, METRIC_POINTS, QUARANTINE, SPANS
from aiops_jobs.core.ingestion import Received, split
from aiops_jobs.core.ingestion.casting import _failing, shaped_rows
from aiops_jobs.core.ingestion.quarantine import RAW_BYTES
from aiops_jobs.errors import ContractError
from aiops_jobs.identity import digest
from aiops_jobs.window import Window

WINDOW = Window.parse("2026-11-20T00:00:00Z", "2026-11-20T01:00:00Z")
INSTANT = pa.timestamp("us", tz="UTC")


def at(minutes):
    return WINDOW.start + timedelta(minutes=minutes)


def points(*rows, **columns):
    base = {"series_id": "s1", "metric_name": "latency_s", "source": "prom"}
    table = pa.Table.from_pylist([{**base, **row} for row in rows])
    for name, values in columns.items():
        table = table.append_column(name, values)
    return table


def balance(result):
    published, aside = result.good.num_rows, result.rows_quarantined + result.rows_late
    assert result.rows_published == published
    assert result.quarantine.num_rows == aside
    return result.rows_in == published + aside + result.rows_duplicate


# --- the good path --------------------------------------------------------------------------------------------------


def test_good_rows_pass_unchanged_and_nothing_is_put_aside():
    rows = points({"observed_at": at(0), "value": 1.0}, {"observed_at": at(5), "value": 2.0})
    result = split(METRIC_POINTS, [Received(rows)], window=WINDOW, source="prom")
    assert result.good.equals(METRIC_POINTS.conform(rows))
    assert result.quarantine.equals(QUARANTINE.empty())
    assert (result.rows_in, result.rows_published, result.rows_quarantined) == (2, 2, 0)
    assert result.quarantined_ratio == result.duplicate_ratio == 0.0


def test_no_batches_give_an_empty_conforming_table():
    result = split(METRIC_POINTS, [], window=WINDOW, source="prom")
    assert result.good.equals(METRIC_POINTS.empty())
    assert balance(result)
    assert result.quarantined_ratio == 0.0


def test_the_source_fills_its_name_where_the_batch_has_none():
    rows = points({"observed_at": at(0), "value": 1.0}).drop_columns(["source"])
    assert split(METRIC_POINTS, [Received(rows)], window=WINDOW, source="eu").good["source"].to_pylist() == ["eu"]


def test_a_row_of_another_source_is_put_aside():
    rows = points({"observed_at": at(0), "value": 1.0}, {"observed_at": at(1), "value": 1.0, "source": "other"})
    result = split(METRIC_POINTS, [Received(rows)], window=WINDOW, source="prom")
    assert result.quarantine["reason_code"].to_pylist() == ["WRONG_SOURCE"]


# --- what is put aside, and why -------------------------------------------------------------------------------------


def test_text_in_a_number_column_costs_its_row_and_no_other():
    text = pa.table(
        {
            "observed_at": pa.array([at(i) for i in range(4)], INSTANT),
            "series_id": ["s1"] * 4,
            "metric_name": ["m"] * 4,
            "value": ["1.5", "1,234.5", "2e3", "12%"],
            "source": ["csv"] * 4,
        }
    )
    locators = pa.array([f"m.csv:{line}" for line in (2, 3, 4, 5)])
    result = split(METRIC_POINTS, [Received(text, locators)], window=WINDOW, source="csv")
    assert result.good["value"].to_pylist() == [1.5, 2000.0]
    rows = result.quarantine.to_pylist()
    assert [row["locator"] for row in rows] == ["m.csv:3", "m.csv:5"]
    assert {row["reason_code"] for row in rows} == {"WRONG_TYPE"}
    assert {row["detail"] for row in rows} == {"column `value` must be a number"}
    assert json.loads(rows[0]["raw"])["value"] == "1,234.5"


@pytest.mark.parametrize(
    ("good", "bad"),
    [
        (["2026-11-20T00:05:00Z", "2026-11-20 09:06:00+09:00"], ["2026-11-20T00:05:00", "20/11/2026", "x"]),
        (["2026-11-20T00:05:00.25Z"], ["2026-11-31T00:05:00Z", "2026-11-20T25:05:00Z", ""]),
    ],
)
def test_an_instant_needs_a_zone_and_a_day_that_exists(good, bad):
    count = len(good) + len(bad)
    text = pa.table(
        {
            "observed_at": [*good, *bad],
            "series_id": [f"s{i}" for i in range(count)],
            "metric_name": ["m"] * count,
            "value": [1.0] * count,
        }
    )
    result = split(METRIC_POINTS, [Received(text)], window=WINDOW, source="csv")
    assert result.rows_published == len(good)
    assert all(WINDOW.contains(t) for t in result.good["observed_at"].to_pylist())
    assert Counter(result.quarantine["reason_code"].to_pylist()) == {"WRONG_TYPE": len(bad)}
    assert balance(result)


def test_an_instant_finer_than_a_microsecond_costs_its_row_only():
    first = int(at(1).timestamp()) * 10**9
    rows = pa.table(
        {
            "observed_at": pa.array([first, first + 1], pa.timestamp("ns", tz="UTC")),
            "series_id": ["s1", "s2"],
            "metric_name": ["m", "m"],
            "value": [1, 2],
        }
    )
    result = split(METRIC_POINTS, [Received(rows)], window=WINDOW, source="csv")
    assert (result.rows_published, result.rows_quarantined) == (1, 1)


def test_a_row_tells_all_its_faults_and_is_filed_under_the_first():
    rows = points(
        {"observed_at": at(0), "value": float("nan"), "metric_name": None},
        {"observed_at": at(1), "value": 1.0},
    )
    (row,) = split(METRIC_POINTS, [Received(rows)], window=WINDOW, source="prom").quarantine.to_pylist()
    assert (row["reason_code"], row["column_name"]) == ("NULL", "metric_name")
    assert row["detail"] == "column `metric_name` must be present; column `value` must be finite"
    assert json.loads(row["raw"])["value"] == "nan"


def test_rows_outside_the_window_are_late_or_put_aside():
    rows = points(
        {"observed_at": at(-1), "value": 1.0},
        {"observed_at": at(60), "value": 2.0},
        {"observed_at": at(10**7), "value": 3.0},
        {"observed_at": datetime(1970, 1, 1, 0, 29, tzinfo=UTC), "value": 4.0},
        {"observed_at": at(59), "value": 5.0},
    )
    result = split(METRIC_POINTS, [Received(rows)], window=WINDOW, source="prom")
    assert result.good["value"].to_pylist() == [5.0]
    assert (result.rows_late, result.rows_quarantined) == (1, 3)
    assert Counter(result.quarantine["reason_code"].to_pylist()) == {"LATE": 1, "OUT_OF_WINDOW": 3}


def test_what_could_not_be_read_counts_as_a_row():
    reject = SimpleNamespace(
        locator="a.jsonl:7", reason_code="NOT_JSON", detail="line is cut off", raw='{"observed_at":', column_name=None
    )
    result = split(METRIC_POINTS, [], window=WINDOW, source="file", rejects=[reject, reject])
    assert (result.rows_in, result.rows_quarantined, result.rows_duplicate) == (2, 1, 1)
    (row,) = result.quarantine.to_pylist()
    assert (row["locator"], row["reason_code"], row["raw"]) == ("a.jsonl:7", "NOT_JSON", '{"observed_at":')
    assert row["raw_sha256"] == hashlib.sha256(b'{"observed_at":').hexdigest()


def test_long_rows_are_cut_and_known_by_the_digest_of_all_of_them():
    rows = points({"observed_at": at(0), "value": float("inf"), "labels": "ä" * 10_000})
    (row,) = split(METRIC_POINTS, [Received(rows)], window=WINDOW, source="prom").quarantine.to_pylist()
    assert len(row["raw"].encode()) in (RAW_BYTES, RAW_BYTES - 1)
    whole = rows.to_pylist()[0] | {"observed_at": at(0).isoformat(), "value": "inf"}
    text = json.dumps(whole, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    assert row["raw_sha256"] == hashlib.sha256(text.encode()).hexdigest()


def test_the_redaction_sees_everything_that_is_kept():
    rows = points({"observed_at": at(0), "value": float("inf"), "labels": '{"user":"kim@example.com"}'})
    reject = SimpleNamespace(
        locator="x:1", reason_code="BAD", detail="kim@example.com", raw="kim@example.com", column_name=None
    )
    result = split(
        METRIC_POINTS,
        [Received(rows)],
        window=WINDOW,
        source="prom",
        rejects=[reject],
        redact=lambda texts: pc.replace_substring_regex(texts, r"[\w.]+@[\w.]+", "<e-mail>"),
    )
    kept = json.dumps(result.quarantine.to_pylist(), default=str)
    assert "kim@example.com" not in kept
    assert kept.count("<e-mail>") == 3


# --- the same key again ---------------------------------------------------------------------------------------------


def test_exact_repetitions_are_counted_across_batches_and_published_once():
    row = {"observed_at": at(0), "value": 1.0}
    other = {"observed_at": at(1), "value": 1.0}
    result = split(
        METRIC_POINTS, [Received(points(row, other)), Received(points(row, row))], window=WINDOW, source="prom"
    )
    assert (result.rows_in, result.rows_published, result.rows_duplicate, result.rows_quarantined) == (4, 2, 2, 0)
    assert result.duplicate_ratio == 0.5


def test_of_contradicting_rows_the_one_with_the_largest_content_digest_stays_in_any_order():
    rows = [{"observed_at": at(0), "value": float(v)} for v in (1, 2, 2, 3)]
    shaped = METRIC_POINTS.shape(points(*rows)).to_pylist()
    winner = max(shaped, key=digest)["value"]
    for seed in range(6):
        mixed = random.Random(seed).sample(rows, len(rows))
        result = split(METRIC_POINTS, [Received(points(*mixed))], window=WINDOW, source="prom")
        assert result.good["value"].to_pylist() == [winner]
        assert (result.rows_duplicate, result.rows_quarantined) == (1, 2)
        assert set(result.quarantine["reason_code"].to_pylist()) == {"CONFLICT"}
        losers = sorted(json.loads(raw)["value"] for raw in result.quarantine["raw"].to_pylist())
        assert losers == sorted({1.0, 2.0, 3.0} - {winner})


def test_the_locator_of_a_conflict_is_that_of_the_losing_row():
    first = Received(points({"observed_at": at(0), "value": 1.0}), pa.array(["page 1/0"]))
    second = Received(points({"observed_at": at(0), "value": 2.0}), pa.array(["page 2/0"]))
    forth = split(METRIC_POINTS, [first, second], window=WINDOW, source="prom")
    back = split(METRIC_POINTS, [second, first], window=WINDOW, source="prom")
    assert forth.good.equals(back.good)
    assert forth.quarantine.equals(back.quarantine)
    (row,) = forth.quarantine.to_pylist()
    assert row["locator"] == ("page 1/0" if json.loads(row["raw"])["value"] == 1.0 else "page 2/0")


def test_a_page_delivered_twice_is_put_aside_once():
    page = Received(points({"observed_at": at(0), "value": float("inf")}), pa.array(["page 1/0"]))
    result = split(METRIC_POINTS, [page, page], window=WINDOW, source="prom")
    assert (result.rows_in, result.rows_quarantined, result.rows_duplicate) == (2, 1, 1)
    assert balance(result)


# --- what is wrong as a whole ---------------------------------------------------------------------------------------


def test_a_renamed_column_is_refused_with_the_nearest_name():
    rows = points({"observed_at": at(0), "value": 1.0}).rename_columns({"metric_name": "metric_nam"})
    with pytest.raises(ContractError) as caught:
        split(METRIC_POINTS, [Received(rows)], window=WINDOW, source="prom")
    assert "`metric_name` is missing" in str(caught.value)
    assert "`metric_nam` is unknown (did you mean `metric_name`?)" in str(caught.value)


def test_a_column_delivered_twice_is_refused():
    rows = points({"observed_at": at(0), "value": 1.0})
    doubled = rows.append_column("value", rows["value"])
    with pytest.raises(ContractError, match="`value` is delivered more than once"):
        split(METRIC_POINTS, [Received(doubled)], window=WINDOW, source="prom")


@pytest.mark.parametrize(
    "column",
    [
        pa.array([WINDOW.start.replace(tzinfo=None)], pa.timestamp("us")),
        pa.array([[1]], pa.list_(pa.int64())),
        pa.array([{"a": 1}]),
    ],
)
def test_a_column_of_a_hopeless_type_is_refused_as_a_whole(column):
    rows = points({"value": 1.0}).append_column("observed_at", column)
    with pytest.raises(ContractError, match="observed_at"):
        split(METRIC_POINTS, [Received(rows)], window=WINDOW, source="prom")


def test_labels_arrive_plain_or_encoded_and_mean_the_same():
    rows = points({"observed_at": at(0), "value": 1.0, "labels": "{}"})
    encoded = rows.set_column(
        rows.column_names.index("labels"), "labels", pc.dictionary_encode(rows["labels"]).combine_chunks()
    )
    plain, coded = (split(METRIC_POINTS, [Received(r)], window=WINDOW, source="prom").good for r in (rows, encoded))
    assert plain.to_pylist() == coded.to_pylist()


@given(st.lists(st.booleans(), max_size=200))
@settings(max_examples=200, deadline=None)
def test_halving_finds_exactly_the_failing_values(bad):
    values = pa.chunked_array([pa.array([0 if b else 1 for b in bad], pa.int64())])
    mask = _failing(values, lambda part: not pc.any(pc.equal(part, 0), min_count=0).as_py())
    assert mask.tolist() == bad


@pytest.mark.parametrize(
    ("column", "values", "good"),
    [
        ("value", ["1", "+1.5", "-.5", "1.", "1e3", "0x10", "1_000", " 1", "", "１２", "1.2k", None], 5),
        ("value", [b"1".decode(), "Infinity", "NaN"], 1),
        ("ended_at", ["2026-11-20T00:00:00Z", "2026-02-30T00:00:00Z", None], 2),
    ],
)
def test_texts_become_values_or_nothing(column, values, good):
    table = CHANGES if column == "ended_at" else METRIC_POINTS
    columns = [c for c in table.columns if c.is_required and c.name != column]
    rows = pa.table({column: values, **{c.name: [None] * len(values) for c in columns}})
    shaped, misfits = shaped_rows(table, rows)
    assert {m.column.name for m in misfits} <= {column}
    usable = [v for v in shaped[column].to_pylist() if v is not None and (column == "ended_at" or math.isfinite(v))]
    nulls_allowed = values.count(None) if column == "ended_at" else 0
    assert len(usable) + nulls_allowed == good


# --- conservation, against a row by row oracle ----------------------------------------------------------------------

STATUS = ("unset", "ok", "error", "weird", None)
span_rows = st.lists(
    st.fixed_dictionaries(
        {
            "observed_at": st.sampled_from([-90, -1, 0, 30, 59, 60, 10**6, None]).map(
                lambda m: None if m is None else at(m)
            ),
            "trace_id": st.sampled_from(["t1", "t2", None]),
            "span_id": st.sampled_from(["a", "b", "c"]),
            "service_name": st.just("checkout"),
            "span_name": st.sampled_from(["GET /", "POST /pay"]),
            "duration_s": st.sampled_from([0.0, 0.5, -1.0, float("nan"), float("inf"), None]),
            "status_code": st.sampled_from(STATUS),
        }
    ),
    max_size=12,
)


def _oracle(rows):
    """Classify rows the slow way; return the counts of published, aside, duplicate and late."""
    good, aside, late = [], 0, 0
    for row in rows:
        duration = row["duration_s"]
        time = row["observed_at"]
        is_broken = (
            time is None
            or row["trace_id"] is None
            or duration is None
            or not math.isfinite(duration)
            or duration < 0
            or row["status_code"] not in STATUS[:3]
            or time >= WINDOW.end
        )
        if is_broken:
            aside += 1
        elif time < WINDOW.start:
            late += 1
        else:
            good.append(tuple(sorted(row.items())))  # Hypothesis draws the fields in any order
    contents = Counter(good)
    keys = Counter((dict(content)["trace_id"], dict(content)["span_id"]) for content in contents)
    conflicts = sum(count - 1 for count in keys.values())
    duplicates = sum(count - 1 for count in contents.values())
    return {"published": len(keys), "aside": aside + conflicts, "duplicate": duplicates, "late": late}


def _spans(rows):
    schema = pa.schema([SPANS.to_arrow().field(n).with_nullable(True) for n in (rows[0] if rows else SPANS.names)])
    return pa.Table.from_pylist(rows, schema=schema)


@given(st.lists(span_rows, max_size=3))
@settings(max_examples=1000, deadline=None)
def test_every_row_ends_in_exactly_one_place(batches):
    received = [Received(_spans(rows)) for rows in batches if rows]
    result = split(SPANS, received, window=WINDOW, source="otel")
    wanted = _oracle([row for rows in batches for row in rows])
    got = {
        "published": result.rows_published,
        "aside": result.rows_quarantined,
        "duplicate": result.rows_duplicate,
        "late": result.rows_late,
    }
    assert got == wanted
    assert balance(result)
    assert SPANS.conform(result.good).num_rows == result.rows_published
    assert QUARANTINE.conform(result.quarantine).num_rows == result.quarantine.num_rows


@given(span_rows.filter(bool), st.randoms(use_true_random=False))
@settings(max_examples=250, deadline=None)
def test_the_order_of_arrival_changes_nothing(rows, chance):
    located = [f"page/{i}" for i in range(len(rows))]
    order = list(range(len(rows)))
    chance.shuffle(order)
    cut = chance.randint(0, len(rows))
    whole = split(SPANS, [Received(_spans(rows), pa.array(located))], window=WINDOW, source="otel")
    parts = [order[:cut], order[cut:]]
    mixed = split(
        SPANS,
        [Received(_spans([rows[i] for i in p]), pa.array([located[i] for i in p])) for p in parts if p],
        window=WINDOW,
        source="otel",
    )
    assert _sorted(whole.good) == _sorted(mixed.good)
    assert whole.quarantine.equals(mixed.quarantine)


def _sorted(rows):
    return sorted(rows.to_pylist(), key=lambda row: (row["trace_id"], row["span_id"]))
