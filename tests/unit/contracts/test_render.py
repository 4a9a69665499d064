"""What is derived from a contract says all of it, and nothing else."""

import re

import pyarrow as pa
import pytest

from aiops_jobs.contracts import TABLES
from aiops_jobs.contracts.constraints import Between
from aiops_jobs.contracts.render import (
    KEY_CODE,
    _expectation,
    offender_measure,
    reference_page,
    to_expectations,
    to_markdown,
    to_profile_expectations,
)


@pytest.mark.parametrize("table", TABLES.values(), ids=TABLES)
def test_every_promise_becomes_one_expectation_in_both_forms(table):
    promises = sum(len(column.rules) for column in table.columns)
    assert len(to_expectations(table)) == promises + 2
    assert len(to_profile_expectations(table)) == promises + 1


@pytest.mark.parametrize("table", TABLES.values(), ids=TABLES)
def test_expectations_are_plain_critical_data_about_known_columns(table):
    for item in to_expectations(table):
        assert set(item) == {"type", "kwargs", "severity"}
        assert item["severity"] == "critical"
        columns = item["kwargs"].get("column_list", [item["kwargs"].get("column")])
        assert set(columns) <= set(table.names)


@pytest.mark.parametrize("table", TABLES.values(), ids=TABLES)
def test_profile_expectations_allow_no_offender_at_all(table):
    for item in to_profile_expectations(table):
        meta = item["meta"]
        assert item["kwargs"] == {
            "column": offender_measure(meta["column"], meta["code"]),
            "min_value": 0,
            "max_value": 0,
        }
        assert item["severity"] == "critical"
    assert [i["meta"]["column"] for i in to_profile_expectations(table) if i["meta"]["code"] == KEY_CODE] == [
        ", ".join(table.key)
    ]


def test_one_measure_belongs_to_one_promise():
    for table in TABLES.values():
        measures = [item["kwargs"]["column"] for item in to_profile_expectations(table)]
        assert len(set(measures)) == len(measures), table.name


def test_a_rule_nobody_taught_to_render_is_an_error_and_not_silence():
    class Odd:
        code = "ODD"
        description = "odd"

        def offenders(self, values):
            return pa.chunked_array([[False] * len(values)])

    with pytest.raises(NotImplementedError, match="Odd"):
        _expectation(Odd(), "size")
    assert _expectation(Between(0, 1), "size")["kwargs"] == {"column": "size", "min_value": 0, "max_value": 1}


@pytest.mark.parametrize("table", TABLES.values(), ids=TABLES)
def test_the_reference_section_has_one_line_a_column_with_six_cells(table):
    lines = [line for line in to_markdown(table).splitlines() if re.match(r"\| `", line)]
    assert [re.match(r"\| `(\w+)`", line).group(1) for line in lines] == table.names
    for line, column in zip(lines, table.columns, strict=True):
        assert len(re.split(r"(?<!\\)\|", line)) == 8
        assert column.description.replace("|", "\\|") in line
        for rule in column.constraints:
            assert rule.description.replace("|", "\\|") in line


def test_the_reference_page_lists_every_table_and_links_to_it():
    page = reference_page(TABLES)
    for table in TABLES.values():
        assert f"[`{table.name}`](#{table.name})" in page
        assert page.count(f"## `{table.name}`\n") == 1
    assert page.endswith("\n")
    assert page == reference_page(dict(TABLES))
