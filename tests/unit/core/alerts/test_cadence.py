from dataclasses import replace

from incident_world import POLICIES, at, event, table

from aiops_jobs.contracts.telemetry import RAW_ALERTS
from aiops_jobs.core.alerts.episodes import to_alerts

LATER = at(60 * 24)
FIXED = replace(POLICIES, alerts=replace(POLICIES.alerts, intervals_s=()))


def episodes(minutes, policies=POLICIES, until=LATER):
    return to_alerts(table(RAW_ALERTS, [event(m) for m in minutes]), policies=policies, until=until).to_pylist()


def spans(rows):
    return [(row["started_at"], row["resolved_at"]) for row in rows]


def test_a_source_that_repeats_itself_every_minute_ends_an_alert_by_missing_its_turns():
    rows = episodes([*range(12), *range(30, 34)])
    assert spans(rows) == [(at(0), at(13.5)), (at(30), at(35.5))]
    assert {row["resolved_by"] for row in rows} == {"timeout"}


def test_one_lost_notification_ends_nothing():
    assert len(episodes([*range(12), 13, 14, 15])) == 1


def test_without_intervals_only_the_timeout_counts():
    assert spans(episodes([*range(12), *range(30, 34)], FIXED)) == [(at(0), at(33 + 60))]


def test_events_at_no_interval_keep_the_long_timeout():
    uneven = [0, 0.9, 2.3, 2.7, 5.2, 6.1, 9.8, 10.4, 11.9, 12.2, 30]
    assert len(episodes(uneven)) == 1


def test_what_is_learned_later_never_lets_an_end_lie_after_the_next_begin():
    first, second = episodes([0, 1, 2, 3, 4, 5, 25])
    assert first["resolved_at"] <= second["started_at"]


def test_a_window_that_ends_earlier_tells_the_same_episodes():
    minutes = [*range(12), *range(30, 34), *range(50, 55)]
    whole = [row["alert_id"] for row in episodes(minutes)]
    part = [row["alert_id"] for row in episodes([m for m in minutes if m < 40], until=at(40))]
    assert whole[: len(part)] == part
