"""The house's own jobs on a lake in memory and without quality gate, for scenarios over many seeds."""

import shutil
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace

import pyarrow as pa
import pyarrow.compute as pc
from support import small_estate

from aiops_jobs.adapters.lake.order import arranged
from aiops_jobs.adapters.warehouse import SqlWarehouse
from aiops_jobs.contracts import operations as o
from aiops_jobs.contracts import results as r
from aiops_jobs.core.estate import score
from aiops_jobs.core.policies import Policies
from aiops_jobs.jobs.correlate import correlate
from aiops_jobs.jobs.detect import detect
from aiops_jobs.jobs.evaluate_causes import evaluate_causes
from aiops_jobs.jobs.forecast import forecast
from aiops_jobs.jobs.score_failures import score_failures
from aiops_jobs.jobs.train import train
from aiops_jobs.ports import Context, LakeCommit, LakeRead, SinkTraits

JUDGED = (
    r.INCIDENTS,
    r.INCIDENT_ALERTS,
    r.ALERTS,
    r.FINDINGS,
    r.ROOT_CAUSES,
    r.CAPACITY_RISKS,
    r.FAILURE_RISKS,
)
SMALL = {"history": timedelta(days=15), "storage_hosts": 3, "logs_per_day": 1500, "traces_per_day": 300}
JOBS = {job.__name__: job for job in (train, detect, forecast, score_failures, evaluate_causes, correlate)}


class MemoryLake:
    """Windowed tables in memory; what a source has in a window is replaced, in order of knowledge."""

    def __init__(self):
        self.parts = []

    def write(self, table, rows, *, source, window, as_of):
        rows = arranged(table, table.conform(rows))
        self.parts = [
            (*part[:3], part[3], _inside(table, part[4], window, outside=True))
            if part[:2] == (table.name, source)
            else part
            for part in self.parts
        ]
        self.parts.append((table.name, source, window, as_of, rows))
        return LakeCommit(version=len(self.parts), parts=(), changed=True)

    def read(self, table, window, *, as_of=None, columns=None, sources=None):
        found = [
            _inside(table, rows, window)
            for name, source, _, known, rows in self.parts
            if name == table.name and (sources is None or source in sources) and (as_of is None or known <= as_of)
        ]
        rows = pa.concat_tables(found or [table.empty()]).unify_dictionaries()
        if len(found) > 1:
            rows = arranged(table, rows)
        return LakeRead(rows.select(list(columns or table.names)), ())


def _inside(table, rows, window, outside=False):
    at = rows[table.time]
    inside = pc.and_(
        pc.greater_equal(at, pa.scalar(window.start, at.type)), pc.less(at, pa.scalar(window.end, at.type))
    )
    return rows.filter(pc.invert(inside) if outside else inside)


class NoGate:
    """Judges nothing: scenarios are about conclusions."""

    def validate(self, table, rows, *, stage, window, source):
        return o.QUALITY_RESULTS.empty().select([name for name in o.QUALITY_RESULTS.names if name != "run_id"])


class MemoryModels:
    """Models by name."""

    def __init__(self):
        self.known = {}

    def save(self, model_name, model_version, model):
        self.known[model_version] = model
        return model_version, "0" * 64

    def load(self, path, sha256):
        return self.known[path]


class LightHouse:
    """An estate in memory, and the jobs that judge it."""

    def __init__(self, folder: Path, estate, policies=None):
        self.estate, self.lake = estate, MemoryLake()
        self.warehouse = SqlWarehouse(f"sqlite:///{_database(folder)}")
        policies = policies or Policies()
        self.context = Context(
            lake=self.lake,
            warehouse=self.warehouse,
            quality=NoGate(),
            models=MemoryModels(),
            pages=SimpleNamespace(),
            sources={},
            sinks={"desk": SimpleNamespace(name="desk", traits=SinkTraits())},
            policies=policies,
            code_version="1",
            config_hash=policies.config_hash,
            source_hashes={},
        )
        from aiops_jobs.contracts import LAKE_TABLES

        window = estate.spec.window
        for name, rows in estate.tables.items():
            self.lake.write(LAKE_TABLES[name], rows, source="estate", window=window, as_of=window.start)

    def run(self, *names, window=None):
        """Run jobs over a window (default: all of the estate's), as known at its end; return their reports."""
        window = window or self.estate.spec.window
        return {name: JOBS[name](self.context, window, window.end) for name in names}

    def board(self):
        """Hold what was concluded against the ledger; a ticket is a call to open one."""
        tables = {table.name: self.warehouse.read(table) for table in (*JUDGED, o.TICKET_OUTBOX)}
        return score(self.estate.ledger, tables, self.estate.spec.window)

    def rows(self, table):
        return self.warehouse.read(table).to_pylist()


def _database(folder: Path) -> Path:
    """Return a migrated database; migrating takes longer than copying, so a worker does it once."""
    template = _template(folder)
    target = folder / "w.db"
    shutil.copy(template, target)
    return target


_TEMPLATES = {}


def _template(folder: Path) -> Path:
    if "w" not in _TEMPLATES:
        path = folder.parent / f"template-{folder.name}.db"
        warehouse = SqlWarehouse(f"sqlite:///{path}")
        warehouse.migrate()
        warehouse.close()
        _TEMPLATES["w"] = path.read_bytes()
    copy = folder / "template.db"
    copy.write_bytes(_TEMPLATES["w"])
    return copy


def light_house(folder, scenario, seed, days, **sizes):
    """Return a house for a small estate."""
    return LightHouse(folder, small_estate(scenario=scenario, seed=seed, days=days, **(SMALL | sizes)))
