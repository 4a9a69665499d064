"""The same nights on SQLite and on PostgreSQL are the same rows."""

import pytest
from servers_postgres import postgres_url
from support import context_on, differences, export, ingest_history, nights_of, run_night, said, small_estate

__all__ = ["postgres_url"]
pytestmark = [pytest.mark.slow, pytest.mark.servers, pytest.mark.timeout(1200)]


def test_sqlite_and_postgresql_hold_equal_rows(tmp_path, postgres_url):
    made = small_estate(scenario="black_friday", days=1, seed=2)
    files = export(made, tmp_path / "estate")
    found = []
    for name, more in (("sqlite", {}), ("postgres", {"warehouse_url": postgres_url})):
        context = context_on(tmp_path / name, files, **more)
        ingest_history(context, made.spec)
        for night in nights_of(made.spec):
            run_night(context, night)
        found.append(said(context))
    assert differences(*found) == {}
    assert len(found[0]["incidents"]) >= 1
    assert len(found[0]["capacity_forecasts"]) > 100
