"""A real PostgreSQL for tests: a fresh database for each of them.

``AIOPS_TEST_POSTGRES_URL`` names a server whose user may create databases. Without it, ``.ci/postgres.sh`` starts a
throw-away one from the binaries of this machine. Where there are none, the test is skipped with the reason; with
``AIOPS_REQUIRE_SERVERS=1`` it fails.
"""

import os
import secrets
import subprocess
from functools import cache
from pathlib import Path

import psycopg
import pytest
import sqlalchemy as sa
from psycopg import sql

SCRIPT = Path(__file__).resolve().parents[1] / ".ci" / "postgres.sh"


@cache
def server():
    """Return the URL of a server, or why there is none."""
    given = os.environ.get("AIOPS_TEST_POSTGRES_URL")
    if given:
        return given, ""
    done = subprocess.run(["bash", SCRIPT, "start"], capture_output=True, text=True, check=False, timeout=120)
    if done.returncode:
        return None, f"no PostgreSQL: {(done.stderr or done.stdout).strip()[-500:]}"
    return done.stdout.strip().splitlines()[-1], ""


def refuse(reason):
    if os.environ.get("AIOPS_REQUIRE_SERVERS") == "1":
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.fixture
def postgres_url():
    """URL of an empty database, dropped after the test."""
    admin, reason = server()
    if admin is None:
        refuse(reason)
    url = sa.make_url(admin)
    name = f"aiops_test_{secrets.token_hex(6)}"
    with psycopg.connect(url.set(drivername="postgresql").render_as_string(hide_password=False), autocommit=True) as c:
        c.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        yield url.set(drivername="postgresql", database=name).render_as_string(hide_password=False)
        c.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.servers)])
def warehouse_url(request, tmp_path):
    """URL of a database that does not exist yet (SQLite) or is empty (PostgreSQL)."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/warehouse.db"
    return request.getfixturevalue("postgres_url")


@pytest.fixture
def warehouse(warehouse_url):
    """A warehouse with the newest schema."""
    from aiops_jobs.adapters.warehouse import SqlWarehouse

    opened = SqlWarehouse(warehouse_url)
    opened.migrate()
    yield opened
    opened.close()
