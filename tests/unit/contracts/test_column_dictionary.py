"""One name, one meaning; one suffix, one unit."""

from dataclasses import replace
from itertools import groupby

import pytest

from aiops_jobs.contracts import HANDED_ON, LAKE_TABLES, TABLES, WAREHOUSE_TABLES
from aiops_jobs.contracts.constraints import Between, NotNull
from aiops_jobs.contracts.feedback import FEEDBACK_TABLES
from aiops_jobs.contracts.knowledge import KNOWLEDGE_TABLES
from aiops_jobs.contracts.operations import OPERATION_TABLES
from aiops_jobs.contracts.outcomes import OUTCOME_TABLES
from aiops_jobs.contracts.remediation import REMEDIATION_TABLES
from aiops_jobs.contracts.results import LINEAGE, RESULT_TABLES
from aiops_jobs.contracts.table import Kind

ALL = sorted(
    ((column, table.name) for table in TABLES.values() for column in table.columns), key=lambda pair: pair[0].name
)
COLUMNS = {column.name: column for column, _ in ALL}
IN_THE_UNIT_OF_THE_METRIC = {
    "value", "expected", "lower", "upper", "observed", "abs_deviation", "threshold", "p10", "p50", "p90",
    "limit_value", "metric_value", "baseline_value", "evidence_value", "weight", "contribution", "margin",
}  # fmt: skip
INSTANT_WORDS = ("_at", "_start", "_end", "_from", "_to", "_of", "_until")


def _optional(column):
    return replace(column, constraints=tuple(rule for rule in column.constraints if not isinstance(rule, NotNull)))


@pytest.mark.parametrize(("name", "uses"), [(n, list(g)) for n, g in groupby(ALL, key=lambda pair: pair[0].name)])
def test_a_column_name_never_means_two_things(name, uses):
    meanings = {_optional(column) for column, _ in uses}
    assert len(meanings) == 1, f"{name} differs between {[table for _, table in uses]}"


@pytest.mark.parametrize("column", COLUMNS.values(), ids=COLUMNS)
def test_every_column_says_what_it_is(column):
    assert column.description.endswith(".")
    assert column.description[0].isupper() or column.description[0].isdigit()


@pytest.mark.parametrize("column", COLUMNS.values(), ids=COLUMNS)
def test_suffixes_tell_kind_and_unit(column):
    name, rules = column.name, column.constraints
    if name.endswith("_at"):
        assert column.kind is Kind.TIMESTAMP
    if name.endswith("_s"):
        assert (column.kind, column.unit) == (Kind.NUMBER, "s")
    if name.endswith("_ratio"):
        assert (column.kind, column.unit) == (Kind.NUMBER, "1")
        assert Between(0, 1) in rules
    if name.endswith("_count"):
        assert column.kind is Kind.INTEGER
        assert Between(0) in rules
    if name.endswith("_bytes"):
        assert column.unit == "By"
    if name.endswith(("_id", "_key")):
        assert column.kind in (Kind.STRING, Kind.LABEL)
    if name.startswith(("is_", "has_")):
        assert column.kind is Kind.BOOLEAN


@pytest.mark.parametrize("column", COLUMNS.values(), ids=COLUMNS)
def test_instants_and_flags_are_recognisable_by_name(column):
    if column.kind is Kind.TIMESTAMP:
        assert column.name.endswith(INSTANT_WORDS)
    if column.kind is Kind.BOOLEAN:
        assert column.name.startswith(("is_", "has_"))


@pytest.mark.parametrize("column", COLUMNS.values(), ids=COLUMNS)
def test_every_number_has_a_unit_or_is_declared_to_follow_its_metric(column):
    if column.kind is Kind.NUMBER:
        assert (column.unit is None) == (column.name in IN_THE_UNIT_OF_THE_METRIC)


@pytest.mark.parametrize("table", TABLES.values(), ids=TABLES)
def test_keys_and_times_are_never_null(table):
    for name in {*table.key, table.time}:
        assert table.column(name).is_required, name
    assert table.column(table.time).kind is Kind.TIMESTAMP


@pytest.mark.parametrize("table", TABLES.values(), ids=TABLES)
def test_every_table_says_what_one_row_is(table):
    assert table.grain
    assert not table.grain.endswith(".")


def test_result_rows_end_in_their_lineage():
    for table in (*RESULT_TABLES, *KNOWLEDGE_TABLES):
        assert table.columns[-len(LINEAGE) :] == LINEAGE


def test_shelves_hold_each_table_once_and_only_results_are_handed_on():
    assert set(HANDED_ON) <= set(RESULT_TABLES)
    assert set(LAKE_TABLES) & set(WAREHOUSE_TABLES) == {table.name for table in HANDED_ON}
    shelves = (
        *RESULT_TABLES,
        *KNOWLEDGE_TABLES,
        *OUTCOME_TABLES,
        *FEEDBACK_TABLES,
        *OPERATION_TABLES,
        *REMEDIATION_TABLES,
    )
    assert sorted(t.name for t in shelves) == sorted(WAREHOUSE_TABLES)
