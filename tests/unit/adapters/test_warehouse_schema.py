"""SQL tables are derived from contracts, with keys, indexes, quoted names and instants in UTC."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
import sqlalchemy as sa
from alembic.script import ScriptDirectory
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.dialects import postgresql, sqlite

from aiops_jobs.adapters.warehouse.migration import alembic_config
from aiops_jobs.adapters.warehouse.migrations import notation, revisions
from aiops_jobs.adapters.warehouse.schema import UtcDateTime, index_columns, sql_table, to_metadata, warehouse_metadata
from aiops_jobs.contracts import WAREHOUSE_TABLES, Kind
from aiops_jobs.contracts.operations import RUN_INPUTS, RUNS
from aiops_jobs.contracts.results import FINDINGS
from aiops_jobs.contracts.table import Column, Table

SQL_WORDS = ("value", "path", "rows", "order", "user", "table", "from")
DIALECTS = [sqlite.dialect(), postgresql.dialect()]


@pytest.mark.parametrize("table", WAREHOUSE_TABLES.values(), ids=WAREHOUSE_TABLES)
def test_a_table_has_the_columns_the_key_and_the_nulls_of_its_contract(table):
    target = sql_table(table)
    assert [column.name for column in target.columns] == table.names
    assert tuple(column.name for column in target.primary_key) == table.key
    assert {c.name for c in target.columns if not c.nullable} == {c.name for c in table.columns if c.is_required}
    assert all(column.comment for column in target.columns)


@pytest.mark.parametrize("table", WAREHOUSE_TABLES.values(), ids=WAREHOUSE_TABLES)
def test_time_and_run_are_found_by_an_index_or_lead_the_key(table):
    leading = {table.key[0], *(names[0] for names in index_columns(table))}
    assert {table.time} | {"run_id"} & set(table.names) <= leading


def test_the_index_names_are_what_people_will_look_for():
    assert sorted(index.name for index in sql_table(FINDINGS).indexes) == [
        "ix_findings_run_id",
        "ix_findings_started_at",
    ]
    assert [index.name for index in sql_table(RUN_INPUTS).indexes] == ["ix_run_inputs_window_start"]


def test_numbers_are_double_and_text_is_compared_by_bytes():
    ddl = str(sa.schema.CreateTable(sql_table(FINDINGS)).compile(dialect=postgresql.dialect()))
    assert "score DOUBLE PRECISION NOT NULL" in ddl
    assert 'finding_id TEXT COLLATE "C" NOT NULL' in ddl
    assert "started_at TIMESTAMP WITH TIME ZONE NOT NULL" in ddl


def test_names_that_sql_knows_are_quoted():
    columns = tuple(Column(name, Kind.STRING, "A word of SQL.").required() for name in SQL_WORDS)
    odd = Table(name="order", grain="one odd row", columns=columns, key=("path",), time="path")
    target = to_metadata([odd]).tables["order"]
    engine = sa.create_engine("sqlite://")
    with engine.begin() as connection:
        target.create(connection)
        connection.execute(sa.insert(target).values(dict.fromkeys(SQL_WORDS, "x")))
        assert connection.execute(sa.select(target).where(target.c["from"] == "x")).one() == ("x",) * len(SQL_WORDS)
    engine.dispose()


@pytest.mark.parametrize("dialect", DIALECTS, ids=lambda dialect: dialect.name)
@given(
    instant=st.datetimes(timezones=st.timezones(), min_value=datetime(1900, 1, 2), max_value=datetime(2200, 1, 1)),
)
def test_an_instant_of_any_zone_survives(dialect, instant):
    kind = UtcDateTime()
    stored = kind.process_bind_param(instant, dialect)
    assert (stored.tzinfo is None) == (dialect.name == "sqlite")
    back = kind.process_result_value(stored, dialect)
    assert back == instant.astimezone(UTC)
    assert back.utcoffset() == timedelta(0)


def test_nine_in_seoul_is_midnight_in_utc():
    seoul = datetime(2026, 11, 20, 9, tzinfo=timezone(timedelta(hours=9)))
    assert UtcDateTime().process_bind_param(seoul, DIALECTS[0]) == datetime(2026, 11, 20)


@pytest.mark.parametrize("dialect", DIALECTS, ids=lambda dialect: dialect.name)
def test_a_naive_instant_is_refused(dialect):
    with pytest.raises(ValueError, match="has no time zone"):
        UtcDateTime().process_bind_param(datetime(2026, 11, 20), dialect)
    assert UtcDateTime().process_bind_param(None, dialect) is None
    assert UtcDateTime().process_result_value(None, dialect) is None


def test_the_file_names_tell_the_revisions_alembic_finds():
    engine = sa.create_engine("sqlite://")
    with engine.connect() as connection, alembic_config(connection) as config:
        scripts = ScriptDirectory.from_config(config)
        assert revisions() == sorted(script.revision for script in scripts.walk_revisions())
        assert scripts.get_heads() == [revisions()[-1]]
    engine.dispose()


def test_a_schema_written_down_says_types_nulls_key_and_indexes():
    text = notation.written(to_metadata([RUNS]))
    assert text.startswith("runs: run_id\n    index window_start\n    run_id:text! job:text! window_start:instant! ")
    assert "input_manifest_id:text parameters:text rows_in:integer!" in " ".join(text.split())
    assert max(map(len, notation.written(warehouse_metadata()).splitlines())) <= 120
