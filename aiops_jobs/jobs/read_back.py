"""Read tickets back from their systems: how they stand, who took and closed them, and what people say it was.

Nothing is changed there. A sink that is down, paused or stopped costs a later look and nothing else.
"""

from __future__ import annotations

import logging
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from aiops_jobs.contracts.feedback import LABELS
from aiops_jobs.contracts.operations import TICKET_OUTBOX, TICKETS
from aiops_jobs.contracts.telemetry import CONFIGURATION_ITEMS
from aiops_jobs.core.feedback.labels import is_news, label_row
from aiops_jobs.core.feedback.verdicts import FINAL_STATES, INSUFFICIENT, Verdict, cause_of, verdict_of
from aiops_jobs.core.tickets import pacing
from aiops_jobs.core.tickets.delivery import MOST_ROUNDS, round_key
from aiops_jobs.core.tickets.pacing import CLOSED, PAUSED, Pace
from aiops_jobs.core.tickets.redact import redact_text
from aiops_jobs.errors import ConnectorError, CredentialsRefused, Retryable, Superseded
from aiops_jobs.jobs.attempt import asked_again
from aiops_jobs.jobs.evaluate_causes import MAY_HAVE_CLOSED
from aiops_jobs.jobs.feedback import Row, add, subjects_of, tell_outcomes
from aiops_jobs.jobs.running import Run, RunReport, open_run, report_of
from aiops_jobs.ports import Context, EventSink, Filter, Ticket, TicketSink
from aiops_jobs.window import Window

log = logging.getLogger(__name__)
JOB = "read_back"
COUNTED = ("seen", "not_found", "failed", "held", "labels", "outcomes")
REOPENED = "the ticket was opened again"
BEGINNING = datetime(2000, 1, 1, tzinfo=UTC)


def read_back(context: Context, window: Window, as_of: datetime) -> RunReport:
    """Look at the tickets that are open or were resolved lately; write down what people said about them.

    The window names the run and nothing more: what is learned is known from now on, by the clock on the wall, and runs
    whose knowledge ends before do not use it. ``details`` of the report tell how many tickets were seen, how many
    could not be found, and how many labels and outcomes are new.
    """
    with open_run(context, JOB, window, as_of) as run:
        counts: Counter[str] = Counter()
        for name, sink in sorted(context.sinks.items()):
            if isinstance(sink, EventSink) or sink.traits.mode != "live":
                continue  # it keeps no tickets, or none of ours
            try:
                with context.warehouse.lease(f"read back from {name}"):
                    seen = _Reader(context, sink, name).look(counts)
                    counts += _learn(run, seen)
            except Superseded as error:  # somebody else is looking
                log.info("%s: %s", name, error)
        run.details.update({name: counts[name] for name in COUNTED})
    return report_of(run)


class _Reader:
    """Looks at the tickets of one sink, at the pace it can bear."""

    def __init__(self, context: Context, sink: TicketSink, endpoint: str) -> None:
        self.context, self.sink, self.endpoint = context, sink, endpoint
        self.warehouse, self.policy = context.warehouse, context.policies.delivery
        self.pace = self.warehouse.pace_of(endpoint) or pacing.fresh(self.policy)

    def look(self, counts: Counter[str]) -> list[str]:
        """Bring the tickets that are due up to date; return the keys of those that were seen."""
        seen = []
        for known in self._due():
            if not self._is_ready():
                counts["held"] += 1
                break
            try:
                ticket = self._find(known)
            except ConnectorError as error:
                self._failed(error)
                counts["failed"] += 1
                if isinstance(error, (Retryable, CredentialsRefused)):
                    break
                continue
            self._answered()
            cause = redact_text(ticket.cause) if ticket and ticket.cause else None
            is_same = self.warehouse.see_ticket(known, replace(ticket, cause=cause) if ticket else None)
            if ticket is None:
                counts["not_found"] += 1
            elif is_same:
                counts["seen"] += 1
                seen.append(known["external_key"])
        return seen

    def _due(self) -> list[Row]:
        """Return the tickets to look at, those not seen for longest first."""
        policy, now = self.context.policies.feedback, self.warehouse.now()
        rows = self.warehouse.read(TICKETS, where=[Filter("endpoint", self.endpoint)]).to_pylist()
        since = now - timedelta(seconds=policy.watch_closed_s)
        due = [row for row in rows if row["ticket_state"] not in FINAL_STATES or (row["resolved_at"] or now) >= since]
        due.sort(key=lambda row: (row["seen_at"] or BEGINNING, row["external_key"]))
        return due[: policy.max_lookups]

    def _find(self, known: Row) -> Ticket | None:
        """Return the ticket as its system tells it now; it may be a later round of its key."""
        for number in range(1, MOST_ROUNDS + 1):
            key = round_key(known["external_key"], number)
            found = [ticket for ticket in self.sink.find(key) if ticket.external_key == key]
            ours = [ticket for ticket in found if ticket.remote_key == known["remote_key"]]
            if ours or not found:
                return ours[0] if ours else None
        return None

    def _is_ready(self) -> bool:
        """Tell whether a call may go out now; a paused sink is asked whether it knows us again."""
        now = self.warehouse.now()
        if self.context.stopped() or pacing.is_held(self.pace, now):
            return False
        if self.pace.state != PAUSED:
            return True
        self._paced(asked_again(self.sink, self.pace, self.policy, now))
        return self.pace.state != PAUSED

    def _answered(self) -> None:
        if self.pace.failures or self.pace.refusals or self.pace.state != CLOSED:
            self._paced(pacing.after_success(self.pace, self.policy))

    def _failed(self, error: ConnectorError) -> None:
        now, reason = self.warehouse.now(), str(error)
        told = getattr(error, "retry_after_s", None)
        log.info("%s: %s", self.endpoint, reason)
        if isinstance(error, CredentialsRefused):
            self._paced(pacing.paused(self.pace, self.policy, now, reason))
        elif isinstance(error, Retryable):
            wait = timedelta(seconds=min(told, self.policy.longest_wait_s)) if told else None
            self._paced(pacing.after_failure(self.pace, self.policy, now, reason, retry_after=wait))
        else:
            self._paced(pacing.after_refusal(self.pace, self.policy, now, reason))

    def _paced(self, pace: Pace) -> None:
        self.pace = pace
        self.warehouse.save_pace(self.endpoint, pace)


def _learn(run: Run, seen: list[str]) -> Counter[str]:
    """Write down the verdicts of the tickets seen, and what became of their incidents."""
    context, warehouse = run.context, run.context.warehouse
    if not seen:
        return Counter()
    tickets = [row for row in warehouse.read(TICKETS).to_pylist() if row["external_key"] in set(seen)]
    subjects = subjects_of(context, [row["subject_id"] for row in tickets])
    before = warehouse.read(LABELS, where=[Filter("subject_id", sorted(subjects))]).to_pylist()
    calls = _resolving_calls(run, sorted({row["external_key"] for row in tickets}))
    entities = _entities(run) if any(row["cause_text"] for row in tickets) else []
    now, news = warehouse.now(), []
    for ticket in tickets:
        said_in = f"{ticket['endpoint']}/{ticket['external_key']}"
        earlier = [row for row in before if row["said_in"] == said_in]
        said = _said(ticket, earlier, calls, entities, context, now)
        if said is None or ticket["subject_id"] not in subjects:
            continue
        row = label_row(
            subjects[ticket["subject_id"]],
            said.pop("verdict"),
            said={**said, "said_in": said_in, "remote_key": ticket["remote_key"]},
            known_at=now,
            number=len(earlier),
            policy_version=context.policies.version("feedback"),
        )
        if is_news(row, max(earlier, key=lambda item: item["label_number"], default=None)):
            news.append(row)
    add(context, LABELS, news)
    told = tell_outcomes(context, [row["subject_id"] for row in tickets], now)
    return Counter({"labels": len(news), "outcomes": told})


def _said(
    ticket: Row, earlier: list[Row], calls: list[Row], entities: list[str], context: Context, now: datetime
) -> dict[str, Any] | None:
    """Return what a ticket says now, with its verdict; null if it has nothing to say."""
    policy = context.policies.feedback
    last = max(earlier, key=lambda row: row["label_number"], default=None)
    if ticket["ticket_state"] not in FINAL_STATES:
        if last is None or last["reason"] == REOPENED:
            return None
        back = Verdict(INSUFFICIENT, 0.0, REOPENED)
        return {"verdict": back, "author_kind": "itsm", "author": None, "labelled_at": ticket["updated_at"] or now}
    kept = last["labelled_at"] if last and last["reason"] != REOPENED else None
    closed = ticket["resolved_at"] or kept or ticket["updated_at"] or now
    verdict = verdict_of(
        ticket["resolution_code"],
        ticket["cause_text"],
        is_duplicate=bool(ticket["is_duplicate"] or ticket["merged_into"]),
        policy=policy,
    )
    is_ours = any(_may_have_resolved(call, ticket, closed, policy.clock_slack_s) for call in calls)
    if is_ours:
        verdict = replace(verdict, confidence=min(verdict.confidence, policy.self_confidence_ratio))
    return {
        "verdict": verdict,
        "author_kind": "rule" if is_ours else "itsm",
        "author": ticket["closed_by"],
        "labelled_at": closed,
        "resolution_code": ticket["resolution_code"],
        "cause_text": ticket["cause_text"],
        "cause_entity_id": cause_of(ticket["cause_text"], entities),
        "merged_into": ticket["merged_into"],
        "is_self_generated": is_ours,
    }


def _may_have_resolved(call: Row, ticket: Row, closed: datetime, slack_s: float) -> bool:
    """Tell whether a call of ours to resolve may be what closed a ticket: it was under way at that time."""
    if (call["endpoint"], call["external_key"]) != (ticket["endpoint"], ticket["external_key"]):
        return False
    slack = timedelta(seconds=slack_s)
    begun, ended = call["enqueued_at"], call["settled_at"]
    return (begun is None or begun - slack <= closed) and (ended is None or closed <= ended + slack)


def _resolving_calls(run: Run, keys: list[str]) -> list[Row]:
    where = [
        Filter("external_key", keys),
        Filter("ticket_action", "resolve"),
        Filter("outbox_state", MAY_HAVE_CLOSED),
    ]
    rows: list[Row] = run.context.warehouse.read(TICKET_OUTBOX, where=where).to_pylist()
    return rows


def _entities(run: Run) -> list[str]:
    items = run.read(CONFIGURATION_ITEMS, Window(BEGINNING, run.window.end), columns=["valid_from", "entity_id"])
    return sorted({str(entity) for entity in items["entity_id"].to_pylist() if entity})
