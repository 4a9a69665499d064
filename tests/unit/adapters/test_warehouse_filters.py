"""Filters become SQL with bound values; equal scopes have one spelling."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
import sqlalchemy as sa

from aiops_jobs.adapters.warehouse.filters import condition, scope_text
from aiops_jobs.adapters.warehouse.schema import sql_table
from aiops_jobs.contracts.results import FINDINGS
from aiops_jobs.errors import NotFoundError
from aiops_jobs.ports import Filter


def spelled(item):
    query = sa.select(sa.literal(1)).where(condition(FINDINGS, sql_table(FINDINGS), item))
    return str(query.compile(compile_kwargs={"render_postcompile": True})).rpartition("WHERE ")[2]


def test_a_value_is_bound_never_written():
    assert spelled(Filter("severity", "x' OR 1=1 --")) == "findings.severity = :severity_1"
    assert spelled(Filter("severity", ["a", "b"])) == "findings.severity IN (:severity_1_1, :severity_1_2)"


def test_null_is_a_value_like_any_other():
    assert "IS NULL" in spelled(Filter("host_name", None))
    assert (
        spelled(Filter("host_name", [None, "web-01"]))
        == "findings.host_name = :host_name_1 OR findings.host_name IS NULL"
    )


def test_a_column_that_does_not_exist_is_named():
    with pytest.raises(NotFoundError, match="no column of `findings` `sevrity`"):
        spelled(Filter("sevrity", "a"))


def test_equal_scopes_are_equal_text():
    one = scope_text([Filter("severity", {"b", "a"}), Filter("finding_kind", "anomaly")])
    two = scope_text([Filter("finding_kind", ["anomaly"]), Filter("severity", ("a", "b", "a"))])
    assert one == two == '[["finding_kind",["anomaly"]],["severity",["a","b"]]]'
    assert scope_text([]) == "[]"
    assert scope_text([Filter("severity", "a")]) != scope_text([Filter("severity", "b")])
    assert scope_text([Filter("score", 1)]) != scope_text([Filter("score", "1")])
    seoul = datetime(2026, 11, 20, 9, tzinfo=timezone(timedelta(hours=9)))
    assert scope_text([Filter("as_of", seoul)]) == scope_text([Filter("as_of", seoul.astimezone(UTC))])
