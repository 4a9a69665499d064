"""A house whose sources deliver what a test says: real lake, warehouse, quality gate and pages."""

from functools import cache
from pathlib import Path

from aiops_jobs.adapters.lake import DeltaLake
from aiops_jobs.adapters.model_store import SkopsModelStore
from aiops_jobs.adapters.pages import FolderPages
from aiops_jobs.adapters.quality import ExpectationsGate
from aiops_jobs.adapters.warehouse import SqlWarehouse
from aiops_jobs.core.policies import Policies
from aiops_jobs.ports import Context

EXPECTATIONS = Path(__file__).resolve().parents[1] / "expectations"


class Scripted:
    """A source that delivers, or raises, what stands in ``says`` under the name of a table."""

    def __init__(self, name, tables):
        self.name = name
        self.tables = tuple(tables)
        self.says = {}

    def check(self):
        return []

    def extract(self, table, _window):
        said = self.says.get(table.name, [])
        if isinstance(said, Exception):
            raise said
        yield from said


@cache
def gate():
    """Return the gate of this process: importing Great Expectations is paid once."""
    return ExpectationsGate(EXPECTATIONS)


def scripted_context(home, sources, *, policies=None):
    """Return a house in the folder ``home`` that reads ``sources``, by name."""
    warehouse = SqlWarehouse(f"sqlite:///{home / 'warehouse.db'}")
    warehouse.migrate()
    policies = policies or Policies()
    return Context(
        lake=DeltaLake(home / "lake"),
        warehouse=warehouse,
        quality=gate(),
        models=SkopsModelStore(home / "models"),
        pages=FolderPages(home / "pages"),
        sources=sources,
        sinks={},
        policies=policies,
        code_version="test",
        config_hash=policies.config_hash,
        source_hashes=dict.fromkeys(sources, "hash"),
    )
