"""How tickets are delivered: how fast, how often again, how long, and what happens to closed ones."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class DeliveryPolicy:
    """Of every sink alike; lengths in seconds by the clock on the wall."""

    max_age_s: float = 48 * 3600.0
    """A call decided about a window that ended longer before makes no call: a back-fill of last week is for the
    warehouse, not for people. Two days let a night that failed on a weekend still be told."""
    max_per_service: int = 10
    """New tickets about one service in one run; more are held back and told in the digest of the run."""
    max_per_hour: int = 100
    """New tickets in one sink within an hour; more wait, and one digest says so."""
    resolve_on: Literal["all", "never"] = "all"
    """``all``: the ticket is resolved when every alert and symptom of its incident is over. ``never``: people do it."""
    reopen_window_s: float = 3 * 86400.0
    """Trouble that comes back sooner reopens its ticket; later it is a new ticket, linked to the old one."""
    first_wait_s: float = 5.0
    """Longest wait before the second try; it doubles with each, and every wait is drawn between zero and it."""
    longest_wait_s: float = 300.0
    """No wait is longer, whatever a system asks for."""
    in_flight_s: float = 30.0
    """How long a system may still be working on a request whose answer we did not see: not looked for sooner."""
    give_up_after_s: float = 24 * 3600.0
    """A call that has not succeeded by then becomes a dead letter, with its reason and a finding."""
    max_attempts: int = 400
    """A call tried as often becomes a dead letter."""
    max_unapplied: int = 5
    """A change that a system accepts as often without doing it becomes a dead letter."""
    retry_tokens: float = 50.0
    """Tries beyond the first that a sink may cost us at once (a token bucket): an outage is not made worse by us."""
    retry_refill_ratio: float = 0.1
    """Tokens a success gives back."""
    retry_trickle_s: float = 30.0
    """One token comes back after so long even without success, so that nothing waits for ever."""
    breaker_failures: int = 5
    """After so many failures in a row nothing is called for a while; then one call tries."""
    breaker_wait_s: float = 30.0
    """First such pause; it doubles with each failed try, up to ``longest_wait_s``."""
    refusals_in_a_row: int = 5
    """After so many refused calls in a row it is not the calls: the sink is paused, and the next ones wait."""
    paused_s: float = 900.0
    """A paused sink is asked so often whether it knows us again."""
