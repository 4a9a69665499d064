"""Remediation's memory in the warehouse: each decision with its audit entry in one transaction, one after another."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import asdict, fields, replace
from datetime import datetime
from typing import Any, TypeVar

import sqlalchemy as sa

from aiops_jobs.adapters.warehouse.schema import insert_into, sql_table
from aiops_jobs.adapters.warehouse.store import SqlWarehouse
from aiops_jobs.contracts.remediation import AUDIT_LOG, REMEDIATION_ACTIONS, REMEDIATION_STEPS, REMEDIATION_STOPS
from aiops_jobs.contracts.table import Table
from aiops_jobs.core.runbooks.action import Action, StepRecord
from aiops_jobs.core.runbooks.audit import Entry
from aiops_jobs.errors import Superseded

_ACTIONS, _STEPS = sql_table(REMEDIATION_ACTIONS), sql_table(REMEDIATION_STEPS)
_STOPS, _LOG = sql_table(REMEDIATION_STOPS), sql_table(AUDIT_LOG)
_Row = TypeVar("_Row", Action, StepRecord, Entry)


class SqlRemediationStore:
    """The port ``RemediationStore`` over the warehouse's database.

    Args:
        warehouse: Migrated.
    """

    def __init__(self, warehouse: SqlWarehouse) -> None:
        self._warehouse = warehouse
        self._database = warehouse.database

    def action(self, action_id: str) -> Action | None:
        """Return one action."""
        found = self._select(Action, sa.select(_ACTIONS).where(_ACTIONS.c.action_id == action_id))
        return found[0] if found else None

    def actions(self) -> list[Action]:
        """Return all actions, oldest proposal first."""
        return self._select(Action, sa.select(_ACTIONS).order_by(_ACTIONS.c.proposed_at, _ACTIONS.c.action_id))

    def executed_since(self, since: datetime) -> list[Action]:
        """Return the actions whose first step was allowed at or after ``since``."""
        query = sa.select(_ACTIONS).where(_ACTIONS.c.executed_at >= since)
        return self._select(Action, query.order_by(_ACTIONS.c.executed_at, _ACTIONS.c.action_id))

    def steps(self, action_id: str) -> list[StepRecord]:
        """Return what became of the steps of an action."""
        query = sa.select(_STEPS).where(_STEPS.c.action_id == action_id)
        return self._select(StepRecord, query.order_by(_STEPS.c.step_kind, _STEPS.c.step_number))

    def record(self, entry: Entry, *, action: Action | None = None, step: StepRecord | None = None) -> Entry:
        """Add ``entry`` to the log and write an action or a step, in one transaction.

        Raises:
            Superseded: Somebody else has written the action since it was read.
        """
        with self._database.writing() as connection:
            written = _append(connection, entry)
            if action is not None:
                _write_action(connection, action)
            if step is not None:
                _upsert(connection, REMEDIATION_STEPS, _STEPS, asdict(step))
            return written

    def entries(self) -> list[Entry]:
        """Return the whole log, by number."""
        return self._select(Entry, sa.select(_LOG).order_by(_LOG.c.audit_number))

    def stops(self) -> Mapping[str, str]:
        """Return what is stopped, by scope, with the reason."""
        with self._database.reading() as connection:
            rows = connection.execute(sa.select(_STOPS).where(_STOPS.c.is_stopped)).mappings().all()
        return {row["stop_scope"]: f"{row['reason']} ({row['actor']})" for row in rows}

    def set_stop(self, scope: str, entry: Entry, *, is_stopped: bool) -> None:
        """Switch one kill switch, and write it down in the same transaction."""
        values = {
            "stop_scope": scope,
            "is_stopped": is_stopped,
            "recorded_at": entry.recorded_at,
            "actor": entry.actor,
            "reason": entry.reason,
        }
        with self._database.writing() as connection:
            _append(connection, entry)
            _upsert(connection, REMEDIATION_STOPS, _STOPS, values)

    def hold(self, name: str) -> AbstractContextManager[object]:
        """Hold ``name`` alone; a holder that died on this machine loses it at once."""
        return self._warehouse.lease(name)

    def _select(self, kind: type[_Row], query: sa.Select[Any]) -> list[_Row]:
        names = [field.name for field in fields(kind)]
        with self._database.reading() as connection:
            rows = connection.execute(query).mappings().all()
        return [kind(**{name: row[name] for name in names}) for row in rows]


def _append(connection: sa.Connection, entry: Entry) -> Entry:
    """Add an entry after the last one; writers wait for each other, so the chain has no fork."""
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql("LOCK TABLE audit_log IN EXCLUSIVE MODE")
    last = connection.execute(sa.select(_LOG).order_by(_LOG.c.audit_number.desc()).limit(1)).mappings().one_or_none()
    if last is not None:
        entry = replace(entry, audit_number=last["audit_number"] + 1, previous_sha256=last["entry_sha256"])
    entry = replace(entry, entry_sha256=entry.digest)
    connection.execute(sa.insert(_LOG).values(**asdict(entry)))
    return entry


def _write_action(connection: sa.Connection, action: Action) -> None:
    values = asdict(action)
    if action.revision == 0:
        connection.execute(sa.insert(_ACTIONS).values(**values))
        return
    before = (_ACTIONS.c.action_id == action.action_id) & (_ACTIONS.c.revision == action.revision - 1)
    if connection.execute(sa.update(_ACTIONS).where(before).values(**values)).rowcount != 1:
        raise Superseded(action.action_id, "somebody who has written it since")


def _upsert(connection: sa.Connection, table: Table, target: sa.Table, values: Mapping[str, Any]) -> None:
    insert = insert_into(connection, target).values(**values)
    changed = {name: insert.excluded[name] for name in values if name not in table.key}
    connection.execute(insert.on_conflict_do_update(index_elements=list(table.key), set_=changed))
