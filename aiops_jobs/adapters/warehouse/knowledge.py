"""What a run may overwrite: later knowledge wins, and the order in which runs publish does not matter.

The rows that stay are those that publishing the same runs in the order of their knowledge would have left. A run
knows more than another if its ``as_of`` is later or, with equal ``as_of``, if its window ends later; of two that know
equally much, the one that publishes last is believed.

A run that comes late learns what later runs said from two places only: the stored rows, and ``run_spans``, where every
completed run left what it spoke about. Say a later run spoke about the time of a row. Then, if the row is stored, the
later run said it too (else it would have been deleted); and if it is not stored, the later run denied it. So a late run
changes no row that a later one has spoken about. Only who *first* said it can change:

* the late run says the same, and nobody between it and the row's witness denied it: it is the first witness now;
* the late run denies it: the first witness is the earliest later run that spoke about the time.

Rows outside the span of the run that says them leave no such trace: for them ``as_of`` alone decides.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import sqlalchemy as sa

from aiops_jobs.adapters.warehouse.filters import condition, inside
from aiops_jobs.adapters.warehouse.schema import UtcDateTime, insert_into, sql_table
from aiops_jobs.contracts import Table
from aiops_jobs.contracts.operations import RUN_SPANS, RUNS
from aiops_jobs.contracts.results import LINEAGE
from aiops_jobs.ports import Filter, RunRecord
from aiops_jobs.window import Window

SCOPE = "scope_said"
"""Column of the incoming rows: the scope of the statement each row belongs to."""
LINEAGE_NAMES = tuple(column.name for column in LINEAGE)
Condition = sa.ColumnElement[bool]

_RUNS = sql_table(RUNS)
_SPANS = sql_table(RUN_SPANS)


@dataclass(frozen=True, slots=True)
class Statement:
    """A run's claim to say all there is about ``span`` in ``scope``."""

    span: Window
    scope: tuple[Filter, ...]
    scope_text: str


class Merge:
    """Merges what one run says into one table, in SQL over sets of rows.

    Args:
        said: Temporary table of the rows the run says, with ``SCOPE``.
    """

    def __init__(
        self, connection: sa.Connection, table: Table, said: sa.Table, run: RunRecord, statements: Sequence[Statement]
    ) -> None:
        self.connection, self.table, self.run, self.statements = connection, table, run, statements
        self.stored, self.said = sql_table(table), said
        self._time = self.stored.c[table.time]
        self._knowledge = sa.tuple_(sa.literal(run.as_of, UtcDateTime()), sa.literal(run.window.end, UtcDateTime()))

    def apply(self) -> None:
        """Delete, replace and insert rows; put right who said them first."""
        if self._anybody_later():
            self._move_witnesses()
        self._delete_stale()
        self._replace()
        self._lower_witnesses()
        self._insert()

    # --- the steps ----------------------------------------------------------------------------------------------

    def _move_witnesses(self) -> None:
        """A row this run denies but a later run said: the first witness is the earliest of the later ones.

        What is left with a witness that knows no more than this run, no later run has spoken about.
        """
        mine, said = ~self._is_later(), self.said
        moved = 0
        for item in self.statements:
            denied = self._is_stale(item) & self._spoken_later(self._time, item.scope_text)
            query = sa.update(self.stored).where(denied, mine).values(run_id=self._next_witness(item.scope_text))
            moved += self.connection.execute(query).rowcount
        otherwise = self._same_key & ~self._same_content & self._spoken_later(self._time, said.c[SCOPE])
        query = sa.update(self.stored).where(otherwise, mine).values(run_id=self._next_witness(said.c[SCOPE]))
        moved += self.connection.execute(query).rowcount
        if moved:
            self._copy_lineage_from_runs()

    def _delete_stale(self) -> None:
        """A row of the span that this run does not say is gone, unless its witness knows more."""
        for item in self.statements:
            self.connection.execute(sa.delete(self.stored).where(self._is_stale(item), ~self._is_later()))

    def _replace(self) -> None:
        """Other content under the same key: the later knowledge stays."""
        said = self.said
        denied = self._spoken_later(said.c[self.table.time], said.c[SCOPE])
        query = sa.update(self.stored).where(self._same_key, ~self._same_content, ~self._is_later(), ~denied)
        names = [name for name in self.table.names if name not in self.table.key]
        self.connection.execute(query.values({name: said.c[name] for name in names}))

    def _lower_witnesses(self) -> None:
        """Equal content: the earlier witness stays, unless somebody between the two denied it."""
        stored, said = self.stored, self.said
        earlier = self._is_later() & ~self._denied_before_witness()
        equal = self._knows_as_much() & (said.c.run_id <= stored.c.run_id)
        differs = sa.or_(*(stored.c[name].is_distinct_from(said.c[name]) for name in LINEAGE_NAMES))
        query = sa.update(stored).where(self._same_key, self._same_content, differs, sa.or_(earlier, equal))
        self.connection.execute(query.values({name: said.c[name] for name in LINEAGE_NAMES}))

    def _insert(self) -> None:
        """A row that is not stored, and that nobody who knows more has denied."""
        said, names = self.said, self.table.names
        denied = self._spoken_later(said.c[self.table.time], said.c[SCOPE])
        fresh = sa.select(*(said.c[name] for name in names)).where(~_exists(self.stored, self._same_key), ~denied)
        self.connection.execute(insert_into(self.connection, self.stored).from_select(names, fresh))

    def _copy_lineage_from_runs(self) -> None:
        """After ``run_id`` has moved, the other lineage columns follow it."""
        stored, names = self.stored, [name for name in LINEAGE_NAMES if name != "run_id"]
        differs = sa.or_(*(stored.c[name].is_distinct_from(_RUNS.c[name]) for name in names))
        query = sa.update(stored).where(stored.c.run_id == _RUNS.c.run_id, differs)
        self.connection.execute(query.values({name: _RUNS.c[name] for name in names}))

    # --- conditions ---------------------------------------------------------------------------------------------

    @cached_property
    def _same_key(self) -> Condition:
        return sa.and_(*(self.stored.c[name] == self.said.c[name] for name in self.table.key))

    @cached_property
    def _same_content(self) -> Condition:
        names = [name for name in self.table.names if name not in {*self.table.key, *LINEAGE_NAMES}]
        return sa.and_(sa.true(), *(self.stored.c[name].is_not_distinct_from(self.said.c[name]) for name in names))

    def _is_stale(self, item: Statement) -> Condition:
        """The stored row lies in the statement, and this run does not say it."""
        wanted = [condition(self.table, self.stored, each) for each in item.scope]
        return sa.and_(inside(self.table, self.stored, item.span), *wanted, ~_exists(self.said, self._same_key))

    def _is_later(self) -> Condition:
        """The first witness of the stored row knew more than this run."""
        as_of, ended_later = self.stored.c.as_of, _RUNS.c.window_end > self.run.window.end
        witness = _exists(_RUNS, _RUNS.c.run_id == self.stored.c.run_id, ended_later)
        return sa.or_(as_of > self.run.as_of, sa.and_(as_of == self.run.as_of, witness))

    def _knows_as_much(self) -> Condition:
        """The first witness of the stored row knew as much as this run."""
        ended_then = _RUNS.c.window_end == self.run.window.end
        witness = _exists(_RUNS, _RUNS.c.run_id == self.stored.c.run_id, ended_then)
        return sa.and_(self.stored.c.as_of == self.run.as_of, witness)

    def _spoken_later(self, time: sa.ColumnElement[Any], scope: sa.ColumnElement[str] | str) -> Condition:
        """Somebody who knows more has spoken about ``time`` in ``scope``."""
        spans = _SPANS.alias()
        return _exists(spans, *self._covering_later(spans, time, scope))

    def _denied_before_witness(self) -> Condition:
        """Somebody who knows more than this run, and less than the row's first witness, spoke about its time."""
        spans, runs, stored = _SPANS.alias(), _RUNS.alias(), self.stored
        before = _knowledge(spans) < sa.tuple_(stored.c.as_of, runs.c.window_end)
        covering = self._covering_later(spans, self._time, self.said.c[SCOPE])
        return _exists([spans, runs], runs.c.run_id == stored.c.run_id, before, *covering)

    def _next_witness(self, scope: sa.ColumnElement[str] | str) -> sa.ScalarSelect[str]:
        """The earliest run that knows more and has spoken about the stored row."""
        spans = _SPANS.alias()
        query = sa.select(spans.c.run_id).where(*self._covering_later(spans, self._time, scope))
        ordered = query.order_by(spans.c.as_of, spans.c.window_end, spans.c.run_id).limit(1)
        return ordered.correlate_except(spans).scalar_subquery()

    def _covering_later(
        self, spans: sa.FromClause, time: sa.ColumnElement[Any], scope: sa.ColumnElement[str] | str
    ) -> list[Condition]:
        covers = [spans.c.scope == scope, spans.c.span_start <= time, spans.c.span_end > time]
        return [*self._later(spans), *covers]

    def _later(self, spans: sa.FromClause) -> list[Condition]:
        return [
            spans.c.table_name == self.table.name,
            spans.c.job == self.run.job,
            spans.c.as_of >= self.run.as_of,  # follows from the next line; said for the index
            _knowledge(spans) > self._knowledge,
        ]

    def _anybody_later(self) -> bool:
        query = sa.select(sa.literal(1)).select_from(_SPANS).where(*self._later(_SPANS)).limit(1)
        return self.connection.execute(query).scalar() is not None


def _knowledge(spans: sa.FromClause) -> sa.ColumnElement[Any]:
    return sa.tuple_(spans.c.as_of, spans.c.window_end)


def _exists(rows: sa.FromClause | Sequence[sa.FromClause], *conditions: Condition) -> Condition:
    """Return EXISTS over ``rows``; every other table named belongs to the question around it."""
    froms = [rows] if isinstance(rows, sa.FromClause) else rows
    return sa.exists().where(*conditions).correlate_except(*froms)
