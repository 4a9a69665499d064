"""When the next call to a sink may go out: a retry budget, a circuit breaker, and a pause where we are not known.

After S. Kumar and M. Brooker, *Timeouts, retries and backoff with jitter* (AWS Builders' Library): retries spend tokens
that only successes earn, so a system that is down gets little more than the calls it would have got anyway; waits are
drawn evenly between zero and a doubling bound (full jitter). Pure: the instant is an argument, and the draw comes from
the digest of what is tried.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from aiops_jobs.core.policies.delivery import DeliveryPolicy
from aiops_jobs.identity import digest

CLOSED, OPEN, PAUSED = "closed", "open", "paused"


@dataclass(frozen=True, slots=True)
class Pace:
    """How the last calls to one sink went; the columns of ``sink_states``."""

    state: str = CLOSED
    failures: int = 0
    refusals: int = 0
    tokens: float = 50.0
    retry_at: datetime | None = None
    reason: str = "It answers."
    updated_at: datetime | None = None


def fresh(policy: DeliveryPolicy) -> Pace:
    """Return the pace of a sink nobody has called yet."""
    return Pace(tokens=policy.retry_tokens)


def refilled(pace: Pace, policy: DeliveryPolicy, now: datetime) -> Pace:
    """Return ``pace`` with the tokens that time alone has given back."""
    if pace.updated_at is None or now <= pace.updated_at:
        return replace(pace, updated_at=pace.updated_at or now)
    earned = (now - pace.updated_at).total_seconds() / policy.retry_trickle_s
    return replace(pace, tokens=min(policy.retry_tokens, pace.tokens + earned), updated_at=now)


def is_held(pace: Pace, now: datetime) -> bool:
    """Tell whether nothing may be called now; once the time is over, one call may try."""
    return pace.retry_at is not None and now < pace.retry_at


def may_retry(pace: Pace) -> bool:
    """Tell whether a call that was tried before may be tried again now."""
    return pace.tokens >= 1.0


def spent(pace: Pace) -> Pace:
    """Return ``pace`` after the token of a retry was taken."""
    return replace(pace, tokens=max(0.0, pace.tokens - 1.0))


def after_success(pace: Pace, policy: DeliveryPolicy) -> Pace:
    """Return the pace after a call that was answered."""
    tokens = min(policy.retry_tokens, pace.tokens + policy.retry_refill_ratio)
    return Pace(tokens=tokens, updated_at=pace.updated_at)


def after_failure(
    pace: Pace, policy: DeliveryPolicy, now: datetime, reason: str, *, retry_after: timedelta | None = None
) -> Pace:
    """Return the pace after a call that was not answered, or was told to come back later."""
    failures = pace.failures + 1
    until = now + retry_after if retry_after else None
    beyond = failures - policy.breaker_failures
    if beyond >= 0:
        wait = min(policy.breaker_wait_s * 2.0 ** min(beyond, 16), policy.longest_wait_s)
        until = max(filter(None, (until, now + timedelta(seconds=wait))))
    return replace(pace, state=OPEN if until else pace.state, failures=failures, retry_at=until, reason=reason)


def after_refusal(pace: Pace, policy: DeliveryPolicy, now: datetime, reason: str) -> Pace:
    """Return the pace after a call that was refused for good; too many in a row pause the sink."""
    refused = replace(pace, refusals=pace.refusals + 1, failures=0, state=CLOSED, retry_at=None)
    if refused.refusals < policy.refusals_in_a_row:
        return refused
    return paused(refused, policy, now, f"{refused.refusals} calls in a row were refused, the last: {reason}")


def paused(pace: Pace, policy: DeliveryPolicy, now: datetime, reason: str) -> Pace:
    """Return the pace of a sink that is left alone until it knows us again."""
    return replace(pace, state=PAUSED, retry_at=now + timedelta(seconds=policy.paused_s), reason=reason)


def wait_before(attempt: int, key: str, policy: DeliveryPolicy) -> timedelta:
    """Return how long to wait before the try after number ``attempt`` (from 1) of the call ``key``: full jitter.

    Example:
        >>> wait_before(1, "out-1", DeliveryPolicy()) <= timedelta(seconds=5)
        True
    """
    longest = min(policy.first_wait_s * 2.0 ** min(attempt - 1, 30), policy.longest_wait_s)
    draw = int(digest([key, attempt])[:13], 16) / 16**13
    return timedelta(seconds=longest * draw)
