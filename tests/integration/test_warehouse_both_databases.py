"""SQLite and PostgreSQL hold the same rows: every bit of a number, every instant, every odd text, in the same order."""

import pyarrow as pa
import pytest
from warehouse_rows import DAY, NUMBERS, WORDS, finding, findings, hours, publish, random_rows, run_of

from aiops_jobs.adapters.warehouse import SqlWarehouse
from aiops_jobs.adapters.warehouse.schema import sql_table
from aiops_jobs.adapters.warehouse.transfer import conforming, load
from aiops_jobs.contracts import WAREHOUSE_TABLES
from aiops_jobs.contracts.results import FINDINGS

pytest_plugins = ["servers_postgres"]
pytestmark = pytest.mark.servers


@pytest.fixture
def both(tmp_path, postgres_url):
    opened = [SqlWarehouse(f"sqlite:///{tmp_path}/warehouse.db"), SqlWarehouse(postgres_url)]
    for warehouse in opened:
        warehouse.migrate()
    yield opened
    for warehouse in opened:
        warehouse.close()


def in_bytes_of_key(table, rows):
    def key(row):
        return [value.encode() if isinstance(value, str) else value for value in (row[name] for name in table.key)]

    return sorted(rows.to_pylist(), key=key)


@pytest.mark.parametrize("table", WAREHOUSE_TABLES.values(), ids=WAREHOUSE_TABLES)
def test_every_table_comes_back_as_it_was_written(both, table):
    rows = conforming(table, random_rows(table, 200))
    read = []
    for warehouse in both:
        with warehouse.database.writing() as connection:
            load(connection, sql_table(table), rows)
        read.append(warehouse.read(table))
    assert read[0].equals(read[1], check_metadata=True)
    assert read[0].to_pylist() == in_bytes_of_key(table, rows)
    for name in table.names:
        if pa.types.is_floating(read[0].schema.field(name).type):
            left, right = (pa.concat_arrays(t[name].chunks).cast(pa.float64()) for t in read)
            assert left.view(pa.int64()).equals(right.view(pa.int64())), name


def test_rows_are_ordered_alike_whatever_the_column(both):
    rows = conforming(FINDINGS, random_rows(FINDINGS, 100))
    for warehouse in both:
        with warehouse.database.writing() as connection:
            load(connection, sql_table(FINDINGS), rows)
    for name in FINDINGS.names:
        for order in (name, f"-{name}"):
            left, right = (warehouse.read(FINDINGS, order_by=[order], limit=60) for warehouse in both)
            assert left.equals(right), order


def test_odd_numbers_and_texts_are_merged_alike(both):
    numbers = [*NUMBERS, -0.0, 1e22, 123456789.123456789]
    said = [
        finding(f"{word}~{i}", DAY, title=word or " ", score=abs(numbers[i % len(numbers)]), service_name=word)
        for i, word in enumerate(WORDS)
    ]
    read = []
    for warehouse in both:
        for name, offset in (("a", 0), ("b", 1)):
            run = run_of(name, hours(0, 4), DAY.replace(day=21 + offset))
            publish(warehouse, run, findings(run, said[offset:]))
        read.append(warehouse.read(FINDINGS))
    assert read[0].equals(read[1])
    assert read[0].num_rows == len(said) - 1
    assert set(read[0]["run_id"].to_pylist()) == {"run-a"}  # nothing has changed but the row that is gone


def test_negative_zero_is_zero_on_both(both):
    run = run_of("a", hours(0, 4), DAY)
    bits = []
    for warehouse in both:
        publish(warehouse, run, findings(run, [finding("x", DAY, score=-0.0)]))
        bits.append(str(warehouse.read(FINDINGS)["score"][0].as_py()))
    assert bits == ["0.0", "0.0"]
