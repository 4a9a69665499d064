"""The schema of a warehouse: what the migrations make is what the contracts say, on both databases."""

import stat

import pytest
import sqlalchemy as sa
import warehouse_workers as workers
from alembic import command
from warehouse_rows import DAY, finding, findings, hours, publish, run_of
from warehouse_workers import together

from aiops_jobs.adapters.warehouse import SqlWarehouse, revise
from aiops_jobs.adapters.warehouse.engine import Database
from aiops_jobs.adapters.warehouse.migration import Schema, alembic_config, differences
from aiops_jobs.adapters.warehouse.migrations import notation, revisions
from aiops_jobs.adapters.warehouse.schema import TEXT, warehouse_metadata
from aiops_jobs.contracts import WAREHOUSE_TABLES
from aiops_jobs.contracts.results import FINDINGS
from aiops_jobs.errors import ConfigurationError, ConnectorUnavailable

pytest_plugins = ["servers_postgres"]


@pytest.fixture(autouse=True, scope="module")
def _nursery():
    workers.start_nursery()


def alter(warehouse, *statements):
    with warehouse.database.writing() as connection:
        for statement in statements:
            connection.exec_driver_sql(statement)


def schema_check(warehouse):
    return next(check for check in warehouse.check() if check.name == "warehouse schema")


def test_the_migrations_make_what_the_contracts_say(warehouse):
    with warehouse.database.reading() as connection:
        assert differences(connection) == []
        names = set(sa.inspect(connection).get_table_names())
    assert names == {*WAREHOUSE_TABLES, "alembic_version"}
    assert all(check.is_ok for check in warehouse.check()), warehouse.check()


def test_migrating_again_changes_nothing_and_keeps_the_rows(warehouse, warehouse_url):
    run = run_of("a", hours(0, 4), DAY)
    publish(warehouse, run, findings(run, [finding("x", DAY)]))
    warehouse.migrate()
    again = SqlWarehouse(warehouse_url)
    again.migrate()
    assert again.read(FINDINGS).num_rows == 1
    again.close()


def test_five_processes_may_migrate_a_new_database_at_once(warehouse_url):
    assert together(5, workers.migrate, warehouse_url) == []


def test_many_processes_may_create_one_sqlite_file_at_once(tmp_path):
    for turn in range(5):
        assert together(4, workers.migrate, f"sqlite:///{tmp_path}/{turn}.db") == []


def test_a_database_without_a_schema_is_refused_with_the_remedy(warehouse_url):
    warehouse = SqlWarehouse(warehouse_url)
    checks = warehouse.check()
    assert [check.is_ok for check in checks][-1] is False
    assert "aiops check" in checks[-1].remedy
    with pytest.raises(ConfigurationError, match="aiops check"):
        warehouse.read(FINDINGS)
    with pytest.raises(ConfigurationError):
        warehouse.begin(run_of("a", hours(0, 4), DAY))
    assert not warehouse.database.is_sqlite or not warehouse.database.path.exists()


def test_a_newer_schema_is_refused_by_older_code(warehouse, warehouse_url):
    alter(warehouse, "UPDATE alembic_version SET version_num = '9999'")
    older = SqlWarehouse(warehouse_url)
    with pytest.raises(ConfigurationError, match=f"schema 9999; this version of aiops-jobs knows {revisions()[-1]}"):
        older.read(FINDINGS)
    with pytest.raises(ConfigurationError, match="Install the version"):
        older.migrate()
    assert [check.is_ok for check in older.check()] == [False]
    older.close()


def test_a_schema_changed_by_hand_is_reported_in_words(warehouse):
    alter(warehouse, "ALTER TABLE findings ADD COLUMN mood text", "DROP INDEX ix_findings_run_id")
    check = schema_check(warehouse)
    assert not check.is_ok
    assert "remove column findings.mood" in check.detail
    assert "add index ix_findings_run_id" in check.detail


def test_tables_of_others_in_the_same_database_are_left_alone(warehouse):
    alter(warehouse, "CREATE TABLE theirs (id integer primary key)", "CREATE VIEW open_incidents AS SELECT 1 AS one")
    assert schema_check(warehouse).is_ok


def test_a_migration_that_fails_leaves_the_database_as_it_was(warehouse_url, monkeypatch):
    warehouse = SqlWarehouse(warehouse_url)

    def broken(schema):
        notation.op.create_table("half", sa.Column("id", sa.Integer()))
        notation.op.execute("SELECT * FROM nowhere")

    monkeypatch.setattr(notation, "create_tables", broken)
    with pytest.raises(Exception, match="nowhere"):
        warehouse.migrate()
    with warehouse.database.reading() as connection:
        assert sa.inspect(connection).get_table_names() == []
    monkeypatch.undo()
    warehouse.migrate()
    assert schema_check(warehouse).is_ok
    warehouse.close()


def test_postgresql_carries_the_descriptions(postgres_url):
    warehouse = SqlWarehouse(postgres_url)
    warehouse.migrate()
    with warehouse.database.reading() as connection:
        inspector = sa.inspect(connection)
        assert inspector.get_table_comment("findings")["text"] == FINDINGS.grain
        comments = {column["name"]: column["comment"] for column in inspector.get_columns("findings")}
    assert comments["score"] == FINDINGS.column("score").description
    warehouse.close()


def test_a_sqlite_file_is_for_its_owner_alone_and_checked(tmp_path):
    path = tmp_path / "new" / "folder" / "warehouse.db"
    warehouse = SqlWarehouse(f"sqlite:///{path}")
    warehouse.migrate()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [item.name for item in path.parent.iterdir() if not item.name.startswith("warehouse.db")] == []
    path.chmod(0o644)
    check = warehouse.check()[-1]
    assert not check.is_ok
    assert check.remedy == f"Run `chmod 600 {path}`."
    with warehouse.database.writing() as connection:
        pragmas = {
            name: connection.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
        }
    assert pragmas == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "busy_timeout": 30000}
    with warehouse.database.reading() as connection, pytest.raises(sa.exc.OperationalError, match="readonly"):
        connection.exec_driver_sql("DELETE FROM findings")
    warehouse.close()


def test_a_database_that_is_away_is_a_reason_to_try_again_and_shows_no_password():
    warehouse = SqlWarehouse("postgresql://aiops:hunter2@127.0.0.1:9/aiops")
    with pytest.raises(ConnectorUnavailable) as caught:
        warehouse.read(FINDINGS)
    checks = warehouse.check()
    assert [check.is_ok for check in checks] == [False]
    assert "hunter2" not in f"{caught.value}{checks}"


def test_a_folder_that_cannot_be_written_is_a_wrong_setting(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigurationError, match="cannot be created"):
        SqlWarehouse(f"sqlite:///{tmp_path}/file/warehouse.db").migrate()


def test_there_is_nothing_left_to_write_a_migration_for(capsys):
    before = revisions()
    assert revise.main(["why"]) == 0
    assert "nothing to do" in capsys.readouterr().out
    assert revisions() == before


def test_the_next_migration_is_written_from_the_difference(tmp_path, monkeypatch):
    """A new column becomes a migration that, once run, leaves no difference."""
    wider = sa.MetaData()
    for each in warehouse_metadata().sorted_tables:
        each.to_metadata(wider)
    wider.tables["findings"].append_column(sa.Column("mood", TEXT))
    monkeypatch.setattr("aiops_jobs.adapters.warehouse.migration.warehouse_metadata", lambda: wider)
    monkeypatch.setattr("aiops_jobs.adapters.warehouse.schema.warehouse_metadata", lambda: wider)
    newest = revisions()[-1]
    written = revise.write_next("add a mood to findings", tmp_path)
    assert written == tmp_path / f"r{int(newest) + 1:04d}_add_a_mood_to_findings.py"
    database = Database(f"sqlite:///{tmp_path}/next.db")
    Schema(database).migrate()
    with database.writing() as connection, alembic_config(connection, tmp_path) as config:
        assert differences(connection) == ["add column findings.mood"]
        command.upgrade(config, "head")
        assert differences(connection) == []
    database.close()
    assert revisions()[-1] == newest
