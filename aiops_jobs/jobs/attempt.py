"""One call to one sink: look, decide, call, believe only what is read back. It never raises for what a sink does."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from aiops_jobs.core.policies.delivery import DeliveryPolicy
from aiops_jobs.core.tickets.delivery import why_given_up, why_too_old
from aiops_jobs.core.tickets.pacing import Pace, paused, wait_before
from aiops_jobs.errors import AmbiguousDelivery, ConnectorError, ConnectorUnavailable, CredentialsRefused
from aiops_jobs.jobs.attempt_event import tell_event
from aiops_jobs.jobs.attempt_ticket import tell_ticket
from aiops_jobs.ports import DeliveryOutcome, EventSink, Sink, Warehouse, all_ok

ANSWERED, FAILED, REFUSED, DENIED, NOTHING = "answered", "failed", "refused", "denied", "nothing"
FORBIDDEN = 403


class Stopped(Exception):  # noqa: N818 - names the state
    """Somebody stopped deliveries while a call was being prepared."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """How one try ended, and what it says about the sink."""

    outcome: DeliveryOutcome
    effect: str
    """answered | failed | refused | denied | nothing"""
    asked_to_wait: timedelta | None = None
    """How long the sink wants no call at all."""


def attempt(
    sink: Sink,
    row: Mapping[str, Any],
    *,
    warehouse: Warehouse,
    policy: DeliveryPolicy,
    stopped: Callable[[], str | None],
) -> Attempt:
    """Make the call of one claimed row of the outbox; an answer that did not come is unknown, never failed.

    Args:
        stopped: Asked before every single call to the sink; a reason means no further call.
    """
    mode = row["delivery_mode"] if sink.traits.mode == "live" else sink.traits.mode
    silent = why_too_old(row, policy) or (f"mode is `{mode}`: nothing was sent" if mode in {"off", "log"} else None)
    if silent:
        return _nothing(DeliveryOutcome("skipped", error=silent, is_untried=True))

    def guard() -> None:
        reason = stopped()
        if reason:
            raise Stopped(reason)

    now = warehouse.now()
    try:
        if isinstance(sink, EventSink):
            in_flight = timedelta(seconds=policy.in_flight_s)
            outcome = tell_event(sink, row, mode=mode, guard=guard, in_flight=in_flight, warehouse=warehouse)
        else:
            outcome = tell_ticket(sink, row, mode=mode, guard=guard, warehouse=warehouse, policy=policy)
    except Stopped as stop:
        return _nothing(DeliveryOutcome(_before(row), error=f"stopped: {stop}", is_untried=True))
    except CredentialsRefused as error:
        return Attempt(DeliveryOutcome(_before(row), error=str(error), is_untried=True), DENIED)
    except (AmbiguousDelivery, ConnectorUnavailable) as error:
        return _again(sink, row, error, policy, now)
    except ConnectorError as error:
        if error.status == FORBIDDEN and not all_ok(sink.check()):
            return Attempt(DeliveryOutcome(_before(row), error=str(error), is_untried=True), DENIED)
        return Attempt(DeliveryOutcome("dead", error=str(error)), REFUSED)
    return Attempt(outcome, NOTHING if outcome.is_untried or outcome.state in {"pending", "unknown"} else ANSWERED)


def asked_again(sink: Sink, pace: Pace, policy: DeliveryPolicy, now: datetime) -> Pace:
    """Return the pace of a paused sink after it was asked whether it knows us again."""
    return Pace(tokens=pace.tokens) if all_ok(sink.check()) else paused(pace, policy, now, pace.reason)


def _nothing(outcome: DeliveryOutcome) -> Attempt:
    return Attempt(outcome, NOTHING)


def _before(row: Mapping[str, Any]) -> str:
    """Return the state a row goes back to when nothing was sent."""
    return "pending" if row["previous_state"] == "pending" else "unknown"


def _again(
    sink: Sink,
    row: Mapping[str, Any],
    error: AmbiguousDelivery | ConnectorUnavailable,
    policy: DeliveryPolicy,
    now: datetime,
) -> Attempt:
    """Return the outcome of a try that was not answered: later again, or given up by time."""
    is_unknown = isinstance(error, AmbiguousDelivery)
    reason = why_given_up(row, policy, now)
    told = None
    if error.retry_after_s is not None:
        told = timedelta(seconds=min(error.retry_after_s, policy.longest_wait_s))
    if reason:
        return Attempt(DeliveryOutcome("dead", error=f"{reason}: {error}"), FAILED, told)
    wait = max(wait_before(row["attempt_count"], row["outbox_id"], policy), told or timedelta(0))
    is_looked_for = sink.traits.can_recall if isinstance(sink, EventSink) else not sink.traits.has_native_key
    if is_unknown and is_looked_for:
        wait = max(wait, sink.traits.search_delay + timedelta(seconds=policy.in_flight_s))
    state = "unknown" if is_unknown else _before(row)
    return Attempt(DeliveryOutcome(state, error=str(error), retry_after=wait), FAILED, told)
