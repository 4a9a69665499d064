"""What deserves a person's time: a lone, short, unexplained finding of ours does not; anything that confirms it does."""

from datetime import UTC, datetime, timedelta

import pytest

from aiops_jobs.core.policies import TicketPolicy
from aiops_jobs.core.tickets.gate import reason_against

BEGAN = datetime(2026, 11, 20, 2, tzinfo=UTC)
LONE = {
    "priority": "P3",
    "services_affected": '["orders"]',
    "alert_count": 0,
    "finding_count": 1,
    "severity": "critical",
    "cause_kind": "unknown",
    "started_at": BEGAN,
    "ended_at": BEGAN + timedelta(minutes=15),
}


def test_a_lone_finding_that_was_over_soon_stays_in_the_warehouse():
    assert "over within 30 min" in reason_against(LONE, TicketPolicy())
    assert reason_against(LONE, TicketPolicy(min_lone_finding_s=600.0)) is None


@pytest.mark.parametrize(
    "more",
    [
        {"ended_at": None},
        {"ended_at": BEGAN + timedelta(minutes=30)},
        {"alert_count": 1},
        {"finding_count": 2},
        {"cause_kind": "change"},
    ],
)
def test_what_goes_on_lasts_or_is_confirmed_is_told(more):
    assert reason_against(LONE | more, TicketPolicy()) is None
