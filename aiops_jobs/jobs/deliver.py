"""Deliver the ticket outbox to the sinks: find, then create or update, read back, settle. Each ticket once."""

from __future__ import annotations

import logging
from collections import Counter
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pyarrow as pa

from aiops_jobs.contracts.operations import TICKET_OUTBOX
from aiops_jobs.contracts.results import FINDINGS
from aiops_jobs.core.tickets import pacing
from aiops_jobs.core.tickets.pacing import PAUSED
from aiops_jobs.core.tickets.troubles import delivery_findings, overflow_digest
from aiops_jobs.errors import Superseded
from aiops_jobs.jobs.attempt import ANSWERED, DENIED, FAILED, REFUSED, Attempt, asked_again, attempt
from aiops_jobs.jobs.running import Run, RunReport, open_run, report_of
from aiops_jobs.ports import Context, EventSink, Filter, Sink
from aiops_jobs.window import Window

log = logging.getLogger(__name__)
CLAIMED = 1
"""Calls held at a time: if this process dies, no more than these are in doubt, and only they have used up a try."""
HOUR = timedelta(hours=1)


def deliver(context: Context, window: Window, as_of: datetime, *, limit: int = 1000) -> RunReport:
    """Make at most ``limit`` calls per sink that are due; what cannot be answered now stays for the next run.

    The window names the run and nothing more: the outbox holds whatever was decided and not yet answered. What was
    given up, and a sink that is paused, become findings of kind ``delivery``. Systems that keep tickets come first: the
    events name the tickets made there.
    """
    with open_run(context, "deliver", window, as_of) as run:
        states: Counter[str] = Counter()
        for name, sink in sorted(context.sinks.items(), key=lambda named: (isinstance(named[1], EventSink), named[0])):
            states += dispatch(context, sink, name, limit=limit, run_id=run.record.run_id)
        run.details.update(sorted(states.items()))
        _tell_troubles(run)
    return report_of(run)


def dispatch(context: Context, sink: Sink, endpoint: str, *, limit: int, run_id: str = "deliver") -> Counter[str]:
    """Work through what is due for one sink; return how many calls ended in which state.

    One process at a time works for a sink; where another does, there is nothing to do here.
    """
    states: Counter[str] = Counter()
    try:
        with context.warehouse.lease(f"deliver to {endpoint}"):
            _Dispatcher(context, sink, endpoint, run_id).work(states, limit)
    except Superseded as error:
        log.info("%s: %s", endpoint, error)
    return states


class _Dispatcher:
    """Works for one sink, at the pace it can bear."""

    def __init__(self, context: Context, sink: Sink, endpoint: str, run_id: str) -> None:
        self.context, self.sink, self.endpoint, self.run_id = context, sink, endpoint, run_id
        self.warehouse, self.policy = context.warehouse, context.policies.delivery
        self.pace = self.warehouse.pace_of(endpoint) or pacing.fresh(self.policy)
        self.opened = self.warehouse.opened_since(endpoint, self.warehouse.now() - HOUR)

    def work(self, states: Counter[str], limit: int) -> None:
        while sum(states.values()) < limit and self._is_ready():
            rows = self.warehouse.claim_outbox(
                self.endpoint,
                limit=CLAIMED,
                first_tries_only=not pacing.may_retry(self.pace),
                without_new_tickets=self.opened >= self.policy.max_per_hour,
            )
            if not rows and not self._told_overflow():
                return
            for row in rows:
                self._one(row, states)

    def _is_ready(self) -> bool:
        """Tell whether a call may go out now; a paused sink is asked whether it knows us again."""
        now = self.warehouse.now()
        self.pace = pacing.refilled(self.pace, self.policy, now)
        if self.context.stopped() or pacing.is_held(self.pace, now):
            return False
        if self.pace.state != PAUSED:
            return True
        self.pace = asked_again(self.sink, self.pace, self.policy, now)
        self.warehouse.save_pace(self.endpoint, self.pace)
        return self.pace.state != PAUSED

    def _one(self, row: dict[str, Any], states: Counter[str]) -> None:
        if row["attempt_count"] > 1:
            self.pace = pacing.spent(self.pace)
        done = attempt(self.sink, row, warehouse=self.warehouse, policy=self.policy, stopped=self.context.stopped)
        self._learn(done)
        if done.effect == REFUSED and self.pace.state == PAUSED:
            done = replace(done, outcome=replace(done.outcome, state="pending", is_untried=True))
        try:
            self.warehouse.settle_outbox(row, done.outcome, self.pace)
        except Superseded as error:  # we were away for longer than the lease: the other one knows better
            log.warning("%s: %s", self.endpoint, error)
            states["superseded"] += 1
            return
        if done.outcome.state == "sent" and row["ticket_action"] == "create":
            self.opened += 1
        states[done.outcome.state] += 1
        self.context.progress(f"{self.endpoint}: {row['ticket_action']} {row['external_key']}: {done.outcome.state}")

    def _learn(self, done: Attempt) -> None:
        now, reason = self.warehouse.now(), done.outcome.error or ""
        if done.effect == ANSWERED:
            self.pace = pacing.after_success(self.pace, self.policy)
        elif done.effect == FAILED:
            self.pace = pacing.after_failure(self.pace, self.policy, now, reason, retry_after=done.asked_to_wait)
        elif done.effect == REFUSED:
            self.pace = pacing.after_refusal(self.pace, self.policy, now, reason)
        elif done.effect == DENIED:
            self.pace = pacing.paused(self.pace, self.policy, now, reason)

    def _told_overflow(self) -> bool:
        """Put one digest of the new tickets that wait for a free hour into the outbox; tell whether it did."""
        if self.opened < self.policy.max_per_hour:
            return False
        where = [
            Filter("endpoint", self.endpoint),
            Filter("outbox_state", "pending"),
            Filter("ticket_action", "create"),
        ]
        held = self.warehouse.read(TICKET_OUTBOX, where=where).to_pylist()
        hour = self.warehouse.now().replace(minute=0, second=0, microsecond=0)
        if not held:
            return False
        mode = self.sink.traits.mode
        row = overflow_digest(held, endpoint=self.endpoint, mode=mode, hour=hour, run_id=self.run_id)
        known = self.warehouse.read(TICKET_OUTBOX, where=[Filter("outbox_id", row["outbox_id"].to_pylist())])
        if known.num_rows:
            return False
        self.warehouse.enqueue_outbox(row)
        return True


def _tell_troubles(run: Run) -> None:
    context, version = run.context, run.context.policies.version("delivery")
    dead = context.warehouse.read(TICKET_OUTBOX, where=[Filter("outbox_state", "dead")]).to_pylist()
    paces = {name: context.warehouse.pace_of(name) for name in context.sinks}
    known = {name: pace for name, pace in paces.items() if pace}
    found = delivery_findings(dead, known, at=run.window.end, policy_version=version)
    if not found:
        return
    record = run.record
    stamp = {
        "run_id": record.run_id,
        "as_of": record.as_of,
        "code_version": record.code_version,
        "config_hash": record.config_hash,
        "input_manifest_id": None,
    }
    blank = dict.fromkeys(FINDINGS.names)
    schema = pa.schema([field.with_nullable(True) for field in FINDINGS.to_arrow()])
    run.upsert(FINDINGS, pa.Table.from_pylist([blank | row | stamp for row in found], schema=schema))
    run.details["findings"] = len(found)
