"""What a call means, given what is there; how fast a sink is called; what troubles become."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiops_jobs.core.policies import DeliveryPolicy
from aiops_jobs.core.tickets import pacing
from aiops_jobs.core.tickets.delivery import Seen, decide, not_applied, round_key, why_given_up, why_too_old
from aiops_jobs.core.tickets.limits import Limit
from aiops_jobs.core.tickets.troubles import overflow_digest

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
POLICY = DeliveryPolicy()
HOUR = timedelta(hours=1)
OLD = Seen("closed", closed_at=NOW - timedelta(days=9), can_reopen=True, can_comment=True)
FRESH = Seen("resolved", closed_at=NOW - 2 * HOUR, can_reopen=True, can_comment=True)


def row(action="update", *, target=None, decided=NOW - HOUR, content="c2"):
    return {
        "ticket_action": action,
        "target_key": target,
        "enqueued_at": decided,
        "content_sha256": content,
        "attempt_count": 1,
    }


@pytest.mark.parametrize(
    ("what", "seen", "expected"),
    [
        (row("create"), None, "create"),
        (row("update"), None, "create"),
        (row("resolve"), None, "settle"),
        (row("create"), Seen("new"), "update"),
        (row("create", target="inc-1"), Seen("new"), "settle"),
        (row("create", target="inc-1"), OLD, "settle"),
        (row("update"), Seen("in_progress", content_sha256="c1"), "update"),
        (row("update"), Seen("in_progress", content_sha256="c2"), "settle"),
        (row("resolve"), Seen("new"), "resolve"),
        (row("resolve"), OLD, "settle"),
        (row("update"), FRESH, "reopen"),
        (row("create"), FRESH, "reopen"),
        (row("create"), OLD, "follow"),
        (row("update"), Seen("closed"), "follow"),
        (row("update"), Seen("closed", closed_at=NOW - 2 * HOUR), "follow"),
        (row("update", decided=NOW - 3 * HOUR), FRESH, "settle"),
        (row("create"), Seen("closed", is_duplicate=True), "settle"),
        (row("create"), Seen("closed", merged_into="M-1"), "settle"),
        (row("update"), Seen("closed", merged_into="M-1", can_comment=True), "tell_master"),
    ],
)
def test_what_is_due(what, seen, expected):
    assert decide(what, seen, current_key="inc-1", policy=POLICY, now=NOW).act == expected


@given(
    st.sampled_from(["create", "update", "resolve"]),
    st.sampled_from(["new", "in_progress", "resolved", "closed", "unknown"]),
    st.booleans(),
    st.booleans(),
    st.integers(-100, 100),
)
def test_a_closed_ticket_is_never_updated_and_a_duplicate_never_reopened(action, state, is_duplicate, can, hours):
    seen = Seen(state, closed_at=NOW - hours * HOUR, is_duplicate=is_duplicate, can_reopen=can, can_comment=can)
    act = decide(row(action), seen, current_key="inc-1", policy=POLICY, now=NOW).act
    if state in {"resolved", "closed"}:
        assert act not in {"update", "resolve"}
        if is_duplicate:
            assert act in {"settle", "tell_master"}
    else:
        assert act not in {"create", "follow", "reopen"}


def test_rounds_have_keys_of_their_own():
    assert [round_key("inc-1", n) for n in (1, 2, 3)] == ["inc-1", "inc-1.2", "inc-1.3"]


def test_age_counts_from_the_window_to_the_decision_and_a_retry_by_hand_has_none():
    aged = row() | {"told_until": NOW - timedelta(days=7)}
    assert "back-fill" in why_too_old(aged, POLICY)
    assert why_too_old(aged | {"told_until": NOW - 40 * HOUR}, POLICY) is None
    assert why_too_old(aged | {"told_until": None}, POLICY) is None


def test_a_call_is_given_up_by_time_or_by_tries():
    assert why_given_up(row(), POLICY, NOW) is None
    assert "24.0 h" in why_given_up(row(decided=NOW - 24 * HOUR), POLICY, NOW)
    assert "400 tries" in why_given_up(row() | {"attempt_count": 400}, POLICY, NOW)


@pytest.mark.parametrize(
    ("act", "title", "state", "is_done"),
    [
        ("update", "a  b", "new", True),
        ("update", "other", "new", False),
        ("update", "a b", "closed", False),
        ("resolve", "a b", "resolved", True),
        ("resolve", "a b", "new", False),
        ("reopen", "other", "in_progress", True),
        ("reopen", "other", "closed", False),
    ],
)
def test_what_was_not_done_is_noticed(act, title, state, is_done):
    problem = not_applied(act, wanted_title="a b", limit=Limit(10), title=title, state=state)
    assert (problem is None) == is_done


# --- pace -----------------------------------------------------------------------------------------------------------


@given(st.integers(1, 500), st.text(max_size=20))
def test_waits_are_drawn_below_a_doubling_bound_and_are_the_same_again(attempt, key):
    wait = pacing.wait_before(attempt, key, POLICY)
    assert timedelta(0) <= wait <= timedelta(seconds=min(5 * 2.0 ** min(attempt - 1, 30), 300))
    assert wait == pacing.wait_before(attempt, key, POLICY)


def test_waits_of_many_calls_spread_evenly():
    waits = [pacing.wait_before(20, f"out-{n}", POLICY).total_seconds() for n in range(2000)]
    assert abs(sum(waits) / len(waits) - 150) < 10


def test_failures_in_a_row_stop_the_calls_for_a_doubling_time_and_one_success_ends_it():
    pace = pacing.fresh(POLICY)
    for n in range(4):
        pace = pacing.after_failure(pace, POLICY, NOW, "503")
        assert not pacing.is_held(pace, NOW), n
    waits = []
    for _ in range(6):
        pace = pacing.after_failure(pace, POLICY, NOW, "503")
        waits.append((pace.retry_at - NOW).total_seconds())
        assert pacing.is_held(pace, NOW)
        assert not pacing.is_held(pace, pace.retry_at)
    assert waits == [30, 60, 120, 240, 300, 300]
    assert pacing.after_success(pace, POLICY).state == "closed"


def test_what_a_system_asks_for_is_kept_to():
    pace = pacing.after_failure(pacing.fresh(POLICY), POLICY, NOW, "429", retry_after=timedelta(seconds=90))
    assert pace.retry_at == NOW + timedelta(seconds=90)


@given(st.lists(st.booleans(), max_size=400))
def test_retries_never_exceed_what_was_saved_and_earned(answers):
    pace, retries, successes = pacing.fresh(POLICY), 0, 0
    for is_answered in answers:
        if pacing.may_retry(pace):
            pace, retries = pacing.spent(pace), retries + 1
        if is_answered:
            pace, successes = pacing.after_success(pace, POLICY), successes + 1
    assert retries <= 50 + 0.1 * successes + 1


def test_time_gives_tokens_back_slowly():
    empty = pacing.Pace(tokens=0.0, updated_at=NOW)
    assert pacing.refilled(empty, POLICY, NOW + timedelta(seconds=90)).tokens == 3
    assert pacing.refilled(empty, POLICY, NOW + timedelta(days=9)).tokens == 50
    assert pacing.refilled(empty, POLICY, NOW - HOUR).tokens == 0


# --- digest ---------------------------------------------------------------------------------------------------------


def test_the_digest_lists_the_most_urgent_first_and_counts_the_rest():
    payload = '{"title":"t%d *x*","body":"","priority":"P%d","started_at":"2026-11-20T00:00:00Z"}'
    held = [
        {"outbox_id": f"out-{n:03d}", "subject_id": f"inc-{n}", "payload": payload % (n, 1 + n % 3)} for n in range(130)
    ]
    (row_,) = overflow_digest(held, endpoint="desk", mode="live", hour=NOW, run_id="run-1").to_pylist()
    assert row_["external_key"].startswith("digest-")
    assert row_["payload"].count("\\n- ") == 101
    assert "and 30 more" in row_["payload"]
    assert '"priority":"P1"' in row_["payload"]
    again = overflow_digest(held[::-1], endpoint="desk", mode="live", hour=NOW, run_id="run-2").to_pylist()[0]
    assert again["payload"] == row_["payload"]
