"""The URL of a warehouse: what is understood, and what is refused with a remedy."""

import pytest

from aiops_jobs.adapters.warehouse.engine import Database, network_file_system
from aiops_jobs.errors import ConfigurationError


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+psycopg"])
def test_postgresql_is_spoken_to_through_psycopg_whatever_it_is_called(scheme):
    database = Database(f"{scheme}://aiops:geheim@db.example/aiops")
    assert not database.is_sqlite
    assert database.place == "postgresql+psycopg://aiops:***@db.example/aiops"


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("mysql://db/aiops", "asks for `mysql`"),
        ("postgresql+psycopg2://db/aiops", "asks for `postgresql.psycopg2`"),
        ("duckdb:///x.db", "asks for `duckdb`"),
        ("sqlite://", "names no file"),
        ("sqlite:///:memory:", "names no file"),
        ("warehouse.db", "is no database URL"),
    ],
)
def test_another_database_is_refused_with_the_remedy(url, problem):
    with pytest.raises(ConfigurationError, match=problem) as caught:
        Database(url)
    assert "sqlite:////folder/file.db" in str(caught.value)


def test_opening_creates_nothing(tmp_path):
    database = Database(f"sqlite:///{tmp_path}/w.db")
    assert not database.exists
    with pytest.raises(ConfigurationError, match="does not exist yet"), database.reading():
        pass
    assert list(tmp_path.iterdir()) == []


def test_a_local_disk_is_no_network(tmp_path):
    assert network_file_system(tmp_path / "w.db") is None
