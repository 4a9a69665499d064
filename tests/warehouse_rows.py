"""Runs and rows for tests of the warehouse, of the real contracts."""

import random
import string
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pyarrow as pa

from aiops_jobs.contracts import Kind
from aiops_jobs.contracts.constraints import Between, MaxLength, OneOf
from aiops_jobs.contracts.results import FINDINGS, LINEAGE
from aiops_jobs.ports import Publication, RunRecord, TableRows
from aiops_jobs.window import Window

DAY = datetime(2026, 11, 20, tzinfo=UTC)
WORDS = [
    "plain",
    "it's",
    'quo"te',
    "tab\there",
    "line\nbreak",
    "\\.",
    "\n\\.\n",
    "\\N",
    "",
    "NULL",
    "한국어 🎫",
    "a;--",
    "%s",
]
NUMBERS = [0.0, 0.1, 1 / 3, 1e-308, 5e-324, 1.7976931348623157e308, 2**53 + 2.0, 0.1 + 0.2]


def hours(start, end):
    return Window(DAY + timedelta(hours=start), DAY + timedelta(hours=end))


def run_of(name, window, as_of, *, job="detect", span=None, parameters="{}", **more):
    return RunRecord(
        run_id=f"run-{name}",
        job=job,
        window=window,
        span=span or window,
        as_of=as_of,
        code_version="1.0+abc",
        config_hash="cfg",
        parameters=parameters,
        **more,
    )


def lineage(run):
    return {column.name: getattr(run, column.name) for column in LINEAGE}


def finding(name, at, *, kind="anomaly", severity="warning", score=1.5, **more):
    return {
        "finding_id": f"fnd-{name}",
        "finding_kind": kind,
        "entity_id": "host/web-01",
        "severity": severity,
        "score": score,
        "started_at": at,
        "detected_at": at,
        "title": "CPU",
        "summary": "CPU is high.",
        "dq_status": "ok",
        "policy_version": "p1",
        **more,
    }


def stamped(table, run, rows):
    """Return rows (dicts without lineage) as the contract's table, stamped by ``run``."""
    full = [dict.fromkeys(table.names) | row | lineage(run) for row in rows]
    return table.conform(
        pa.Table.from_pylist(full, schema=pa.schema([f.with_nullable(True) for f in table.to_arrow()]))
    )


def findings(run, rows, *, scope=(), span=None):
    return TableRows(FINDINGS, stamped(FINDINGS, run, rows), scope=tuple(scope), span=span)


@contextmanager
def holding(warehouse, run):
    with warehouse.lease(f"{run.job} {run.window} {run.parameters}") as lease:
        yield lease


def publish(warehouse, run, *tables, **more):
    """Begin and publish under a lease, as a job does."""
    with holding(warehouse, run) as lease:
        attempt = warehouse.begin(run)
        warehouse.publish(Publication(run=run, tables=tables, **more), attempt_id=attempt, lease=lease)
    return attempt


def _value(column, rng, serial):
    rules = {type(rule): rule for rule in column.constraints}
    if not column.is_required and rng.random() < 0.3:
        return None
    if OneOf in rules:
        return rng.choice(rules[OneOf].values)
    match column.kind:
        case Kind.NUMBER:
            high = rules[Between].maximum if Between in rules else None
            return rng.random() if high == 1 else rng.choice([*NUMBERS, rng.random() * 1e6])
        case Kind.INTEGER:
            return rng.choice([1, 7, 2**31, 2**53 - 1])
        case Kind.BOOLEAN:
            return rng.random() < 0.5
        case Kind.TIMESTAMP:
            return DAY + timedelta(hours=rng.randrange(24), microseconds=rng.randrange(10**6))
        case Kind.JSON:
            return rng.choice(['{"a":"\\u00e9\\n"}', "[]", '["x\\\\y"]'])
    limit = rules[MaxLength].limit if MaxLength in rules else 4000
    text = rng.choice(WORDS) + "".join(rng.choice(string.ascii_letters) for _ in range(rng.randrange(5)))
    return text[:limit]


def _numbered(table, serial):
    """Return a key that no other row has, for a table whose key holds no text."""
    first = table.column(table.key[0])
    return {first.name: serial + 1 if first.kind is Kind.INTEGER else DAY + timedelta(hours=serial)}


def random_rows(table, count, *, seed=0, **fixed):
    """Return ``count`` conforming rows with odd texts, extreme numbers and nulls; keys are unique."""
    rng = random.Random(f"{table.name}{seed}")
    rows = []
    for serial in range(count):
        row = {column.name: _value(column, rng, serial) for column in table.columns} | fixed
        free = [
            name for name in table.key if name not in fixed and table.column(name).kind in {Kind.STRING, Kind.LABEL}
        ]
        plain = [name for name in free if not any(isinstance(r, OneOf) for r in table.column(name).constraints)]
        row |= {plain[0]: f"{row[plain[0]]}~{serial}"} if plain else _numbered(table, serial)
        rows.append(row)
    rng.shuffle(rows)
    return table.conform(
        pa.Table.from_pylist(rows, schema=pa.schema([f.with_nullable(True) for f in table.to_arrow()]))
    )


def snapshot(warehouse, tables, *, without=("run_attempts", "leases")):
    """Return all rows of the tables, for comparison."""
    return {name: warehouse.read(table).to_pylist() for name, table in tables.items() if name not in without}
