"""A table takes what fits, names what does not, and changes nothing."""

from datetime import UTC, datetime

import pyarrow as pa
import pytest

from aiops_jobs.contracts import TABLES
from aiops_jobs.contracts.constraints import Between, Finite, MaxLength, NotNull, OneOf
from aiops_jobs.contracts.table import ARROW_TYPES, Column, Kind, Table
from aiops_jobs.errors import ContractError

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
TINY = Table(
    name="tiny",
    grain="one thing",
    columns=(
        Column("seen_at", Kind.TIMESTAMP, "When.").required(),
        Column("colour", Kind.LABEL, "Colour.", constraints=(OneOf(("red", "blue")),)).required(),
        Column("size", Kind.NUMBER, "Size.", unit="m", constraints=(Between(0, 10),)),
        Column("note", Kind.STRING, "Note.", constraints=(MaxLength(5),)),
    ),
    key=("seen_at",),
    time="seen_at",
)


def rows(**columns):
    return pa.table({"seen_at": pa.array([NOON], pa.timestamp("us", tz="UTC")), "colour": ["red"], **columns})


@pytest.mark.parametrize("table", TABLES.values(), ids=TABLES)
def test_the_arrow_schema_carries_every_column_with_type_meaning_and_unit(table):
    schema = table.to_arrow()
    assert schema.names == table.names
    for column, field in zip(table.columns, schema, strict=True):
        assert field.type == ARROW_TYPES[column.kind]
        assert field.nullable is not column.is_required
        assert field.metadata[b"description"].decode() == column.description
        assert field.metadata[b"unit"].decode() == (column.unit or "")


@pytest.mark.parametrize("table", TABLES.values(), ids=TABLES)
def test_an_empty_table_conforms_and_conforming_twice_changes_nothing(table):
    empty = table.conform(table.empty())
    assert empty.equals(table.conform(empty))
    assert empty.schema.equals(table.to_arrow(), check_metadata=True)


def test_a_missing_nullable_column_is_filled_with_nulls():
    assert TINY.conform(rows()).to_pylist() == [{"seen_at": NOON, "colour": "red", "size": None, "note": None}]


def test_all_problems_are_told_at_once():
    with pytest.raises(ContractError) as caught:
        TINY.shape(pa.table({"colour": ["red"], "size": ["wide"], "weight": [1.0]}))
    assert len(caught.value.problems) == 3
    assert "`seen_at` is missing" in str(caught.value)
    assert "`weight` is unknown" in str(caught.value)
    assert "`size` is not a number" in str(caught.value)


def test_a_naive_timestamp_is_refused():
    with pytest.raises(ContractError, match="zone"):
        TINY.shape(pa.table({"seen_at": pa.array([NOON.replace(tzinfo=None)]), "colour": ["red"]}))


@pytest.mark.parametrize(
    ("column", "value", "words"),
    [
        ("colour", "green", "one of `red`, `blue`"),
        ("size", 11.0, "between 0 and 10"),
        ("size", float("nan"), "finite"),
        ("size", float("inf"), "finite"),
        ("note", "longer", "at most 5 characters"),
    ],
)
def test_a_broken_promise_is_told_with_its_count(column, value, words):
    broken = rows(**{column: [value]}) if column != "colour" else rows().set_column(1, "colour", pa.array([value]))
    with pytest.raises(ContractError) as caught:
        TINY.conform(broken)
    assert f"column `{column}` must be {words}" in str(caught.value)
    assert "1 of 1 rows" in str(caught.value)


def test_a_repeated_key_is_told_with_its_count():
    twice = pa.concat_tables([rows(), rows()])
    with pytest.raises(ContractError, match=r"key \(seen_at\) must be unique: 1 rows repeat it"):
        TINY.conform(twice)


def test_a_table_whose_key_is_no_column_cannot_be_written_down():
    with pytest.raises(ValueError, match="key and time must be columns"):
        Table(name="odd", grain="one", columns=TINY.columns, key=("nothing",), time="seen_at")


@pytest.mark.parametrize(
    ("rule", "good", "bad"),
    [
        (NotNull(), ["a"], [None]),
        (Finite(), [1.0, None], [float("nan"), float("inf"), float("-inf")]),
        (OneOf(("a", "b")), ["a", None], ["c", "A"]),
        (Between(0, 1), [0.0, 1.0, None], [-0.1, 1.1]),
        (Between(0), [0.0, 1e9, None], [-1.0]),
        (Between(None, 3), [3.0, -1e9, None], [3.1]),
        (MaxLength(2), ["", "ab", "äö", None], ["abc"]),
    ],
)
def test_a_rule_finds_exactly_its_offenders(rule, good, bad):
    mask = rule.offenders(pa.chunked_array([pa.array([*good, *bad])]))
    assert mask.to_pylist() == [False] * len(good) + [True] * len(bad)
    assert rule.description
    assert rule.code.isupper()
