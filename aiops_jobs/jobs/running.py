"""What every job shares: a run reads through it, publishes through it, and is recorded by it.

A run is a question: job, window, ``as_of``, code, configuration. It has one id, however often it is asked. What it
publishes is committed in one transaction together with its inputs, guarded by a lease, or not at all.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import pyarrow as pa

from aiops_jobs.contracts import HANDED_ON, Table
from aiops_jobs.contracts.operations import POLICIES, QUALITY_RESULTS
from aiops_jobs.contracts.results import LINEAGE
from aiops_jobs.errors import AiopsError, ContractError
from aiops_jobs.identity import canonical_json, digest, fingerprint
from aiops_jobs.jobs.redacting import redacted
from aiops_jobs.ports import Context, Filter, InputFile, Publication, RunRecord, TableRows
from aiops_jobs.window import Window

INSTANT = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class RunReport:
    """What a job hands back: ids and counts, never frames."""

    run_id: str
    job: str
    window: str
    as_of: str
    rows_in: int
    rows_published: int
    details: dict[str, Any] = field(default_factory=dict)


class Run:
    """One run in progress.

    Invariants: reads see nothing learned after ``as_of``; every file read is an input; nothing is visible to others
    before the run ends well.
    """

    def __init__(self, context: Context, record: RunRecord) -> None:
        self.context = context
        self.record = record
        self.details: dict[str, Any] = {}
        self.rows_in = 0
        self.health: pa.Table | None = None
        self.outbox: pa.Table | None = None
        self._inputs: dict[str, InputFile] = {}
        self._tables: list[tuple[TableRows, bool]] = []
        self._upserts: list[TableRows] = []
        self._quality: list[pa.Table] = []

    @property
    def window(self) -> Window:
        """The window the run was asked for."""
        return self.record.window

    @property
    def span(self) -> Window:
        """What the run speaks about: its window and the look-back it revises."""
        return self.record.span

    @property
    def as_of(self) -> datetime:
        """Knowledge cut."""
        return self.record.as_of

    def read(
        self,
        table: Table,
        window: Window | None = None,
        *,
        columns: Sequence[str] | None = None,
        sources: Sequence[str] | None = None,
    ) -> pa.Table:
        """Return rows of the lake as known at ``as_of``; the files they came from become inputs of the run."""
        got = self.context.lake.read(table, window or self.window, as_of=self.as_of, columns=columns, sources=sources)
        for item in got.inputs:
            self._inputs[item.path] = item
        self.rows_in += got.rows.num_rows
        return got.rows

    def uses(self, item: InputFile) -> None:
        """Count something that is no file of the lake as an input, such as the verdicts known at ``as_of``."""
        self._inputs[item.path] = item

    @property
    def input_manifest_id(self) -> str | None:
        """Digest of all files read so far; null before the first."""
        if not self._inputs:
            return None
        return "man-" + digest(sorted((i.path, i.sha256) for i in self._inputs.values()))[:24]

    def publish(
        self,
        table: Table,
        rows: pa.Table,
        *,
        scope: Sequence[Filter] = (),
        span: Window | None = None,
        is_handed_on: bool = True,
    ) -> None:
        """Queue rows of a result table (without lineage columns) as all that is known about ``span``.

        Rows of a table that later jobs read also go to the lake, under this job's name, if ``is_handed_on``.
        """
        item = TableRows(table, redacted(self.context, table, rows), scope=tuple(scope), span=span)
        self._tables.append((item, is_handed_on and table in HANDED_ON))

    def upsert(self, table: Table, rows: pa.Table) -> None:
        """Queue rows to be written by key alone."""
        self._upserts.append(TableRows(table, table.conform(redacted(self.context, table, rows))))

    def judge(self, table: Table, rows: pa.Table, *, stage: str, source: str, window: Window | None = None) -> pa.Table:
        """Let the quality gate judge ``rows``, keep its verdicts for publication, and return them.

        Raises:
            ContractError: At the publication stage, a critical expectation failed.
        """
        verdicts = self.context.quality.validate(table, rows, stage=stage, window=window or self.window, source=source)
        run_ids = pa.array([self.record.run_id] * verdicts.num_rows, pa.string())
        verdicts = QUALITY_RESULTS.conform(verdicts.add_column(0, "run_id", run_ids))
        self._quality.append(verdicts)
        return verdicts

    def finish(self) -> Publication:
        """Stamp, judge and hand on everything queued; return what is to be committed."""
        manifest = self.input_manifest_id
        self._record_policies()
        stamped = [(self._stamped(item, manifest), is_handed_on) for item, is_handed_on in self._tables]
        tables = [item for item, _ in stamped]
        for name in dict.fromkeys(item.table.name for item in tables):
            parts = [item for item in tables if item.table.name == name]
            rows = pa.concat_tables([item.rows for item in parts]).unify_dictionaries()
            failed = critical_failures(self.judge(parts[0].table, rows, stage="publish", source=self.record.job))
            if failed:
                raise ContractError(name, failed)
        for item, is_handed_on in stamped:
            if is_handed_on:
                self._hand_on(item)
        published = sum(item.rows.num_rows for item in tables)
        record = RunRecord(
            run_id=self.record.run_id,
            job=self.record.job,
            window=self.window,
            span=self.span,
            as_of=self.as_of,
            code_version=self.record.code_version,
            config_hash=self.record.config_hash,
            parameters=self.record.parameters,
            input_manifest_id=manifest,
            rows_in=self.rows_in,
            rows_published=published,
        )
        quality = pa.concat_tables(self._quality) if self._quality else None
        return Publication(
            run=record,
            tables=tuple(tables),
            inputs=tuple(self._inputs[path] for path in sorted(self._inputs)),
            quality=quality,
            health=self.health,
            outbox=self.outbox,
            upserts=tuple(self._upserts),
        )

    def _record_policies(self) -> None:
        """Keep what the policies in force say, so that a result joins to the text it followed."""
        policies = self.context.policies
        known = self.context.warehouse.read(POLICIES, where=[Filter("config_hash", policies.config_hash)], limit=1)
        if known.num_rows:
            return
        rows = [
            {
                "policy_name": name,
                "policy_version": policies.version(name),
                "spec": spec,
                "config_hash": policies.config_hash,
                "as_of": self.as_of,
            }
            for name, spec in sorted(policies.specs().items())
        ]
        self.upsert(POLICIES, pa.Table.from_pylist(rows))

    def _stamped(self, item: TableRows, manifest: str | None) -> TableRows:
        stamp = {
            "run_id": self.record.run_id,
            "as_of": self.as_of,
            "code_version": self.record.code_version,
            "config_hash": self.record.config_hash,
            "input_manifest_id": manifest,
        }
        rows = item.rows
        for column in LINEAGE:
            kind = item.table.to_arrow().field(column.name).type
            values = pa.array([stamp[column.name]] * rows.num_rows, kind)
            rows = rows.append_column(column.name, values)
        return TableRows(item.table, item.table.conform(rows), item.scope, item.span or self.span)

    def _hand_on(self, item: TableRows) -> None:
        span = item.span or self.span
        inside = _inside(item.rows, item.table.time, span)
        self.context.lake.write(item.table, inside, source=self.record.job, window=span, as_of=self.as_of)


def critical_failures(verdicts: pa.Table) -> list[str]:
    """Return the critical expectations that did not hold, in words."""
    rows = verdicts.select(["expectation", "expectation_severity", "is_success", "observed_text"]).to_pylist()
    return [
        f"{row['expectation']} (seen: {row['observed_text']})"
        for row in rows
        if not row["is_success"] and row["expectation_severity"] == "critical"
    ]


@contextmanager
def open_run(
    context: Context,
    job: str,
    window: Window,
    as_of: datetime,
    *,
    lookback: timedelta = timedelta(0),
    parameters: dict[str, Any] | None = None,
    config_hash: str | None = None,
) -> Iterator[Run]:
    """Hold the lease of ``job`` and ``window``, record the try, and publish when the block ends well.

    Args:
        lookback: How far before the window the run revises what it said.
        parameters: What else makes this question different from another (a source's name, a table's).
        config_hash: Digest of the configuration that matters; default: all policies.

    Raises:
        Superseded: Another process works on the same question.
    """
    text = canonical_json(parameters or {})
    config = config_hash or context.config_hash
    run_id = fingerprint(
        "run",
        job=job,
        window=str(window),
        as_of=as_of,
        code=context.code_version,
        config=config,
        parameters=text,
    )
    record = RunRecord(
        run_id=run_id,
        job=job,
        window=window,
        span=window.extended(before=lookback),
        as_of=as_of,
        code_version=context.code_version,
        config_hash=config,
        parameters=text,
    )
    with context.warehouse.lease(f"{job} {window} {text}") as lease:
        attempt_id = context.warehouse.begin(record)
        run = Run(context, record)
        try:
            yield run
            publication = run.finish()
        except AiopsError as error:
            context.warehouse.fail(record, attempt_id=attempt_id, error=str(error))
            raise
        context.warehouse.publish(publication, attempt_id=attempt_id, lease=lease)
        run.record = publication.run


def report_of(run: Run) -> RunReport:
    """Return the report of a run that has ended."""
    record = run.record
    return RunReport(
        run_id=record.run_id,
        job=record.job,
        window=str(record.window),
        as_of=record.as_of.isoformat(),
        rows_in=record.rows_in,
        rows_published=record.rows_published,
        details=run.details,
    )


def _inside(rows: pa.Table, column: str, span: Window) -> pa.Table:
    import pyarrow.compute as pc

    times = rows[column]
    keep = pc.and_(
        pc.greater_equal(times, pa.scalar(span.start, times.type)),
        pc.less(times, pa.scalar(span.end, times.type)),
    )
    return rows.filter(keep)
