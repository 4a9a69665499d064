from collections import Counter
from datetime import timedelta

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from incident_world import POLICIES, T0, at, event, table

from aiops_jobs.contracts.results import ALERTS
from aiops_jobs.contracts.telemetry import RAW_ALERTS
from aiops_jobs.core.alerts.episodes import to_alerts
from aiops_jobs.core.columns import names_without_lineage

LATER = at(60 * 24)


def episodes(events, until=LATER):
    return to_alerts(table(RAW_ALERTS, events), policies=POLICIES, until=until).to_pylist()


def test_an_episode_runs_from_the_first_firing_to_the_resolution():
    (row,) = episodes([event(0), event(10, severity="critical"), event(25, status="resolved")])
    assert (row["started_at"], row["last_event_at"], row["resolved_at"]) == (at(0), at(25), at(25))
    assert (row["alert_state"], row["resolved_by"], row["severity"], row["event_count"]) == (
        "resolved",
        "integration",
        "critical",
        3,
    )


def test_silence_ends_an_episode_and_the_next_firing_begins_another():
    first, second = episodes([event(0), event(59), event(59 + 61)])
    assert (first["resolved_by"], first["resolved_at"]) == ("timeout", at(59 + 60))
    assert second["started_at"] == at(120)
    assert first["alert_id"] != second["alert_id"]


def test_an_alert_that_still_fires_is_open_and_the_timeout_itself_is_not_yet_silence():
    (row,) = episodes([event(0)], until=at(60))
    assert (row["alert_state"], row["resolved_at"], row["resolved_by"]) == ("open", None, None)
    (row,) = episodes([event(0)], until=at(60) + timedelta(microseconds=1))
    assert row["alert_state"] == "resolved"


def test_nothing_after_the_end_of_event_time_is_looked_at():
    (row,) = episodes([event(0), event(30, status="resolved")], until=at(30))
    assert (row["alert_state"], row["event_count"]) == ("open", 1)


def test_a_b_a_is_a_full_duplicate_although_the_last_one_was_different():
    (row,) = episodes([event(0, summary="A"), event(1, summary="B"), event(2, summary="A"), event(3, summary="A")])
    assert (row["event_count"], row["full_duplicate_count"]) == (4, 2)


def test_the_same_words_in_another_episode_are_no_duplicate():
    rows = episodes([event(0), event(5, status="resolved"), event(70)])
    assert [row["full_duplicate_count"] for row in rows] == [0, 0]


def test_a_stray_resolution_makes_no_episode():
    assert episodes([event(0, status="resolved")]) == []
    (row,) = episodes([event(0), event(10, status="resolved"), event(100, status="resolved")])
    assert row["event_count"] == 2


def test_alerts_with_different_fingerprints_never_share_an_episode():
    rows = episodes([event(0, key="fp-a"), event(1, key="fp-b"), event(2, key="fp-a", status="resolved")])
    assert Counter(row["alert_state"] for row in rows) == {"resolved": 2}
    assert {row["resolved_by"] for row in rows} == {"integration", "timeout"}


@pytest.mark.parametrize(("period", "flaps"), [(19, True), (31, False)])
def test_a_square_wave_flaps_just_above_the_limit_of_changes_and_not_just_below(period, flaps):
    """Four changes within an hour: a change every 19 minutes reaches it, one every 31 minutes does not."""
    wave = [event(i * period, status="firing" if i % 2 == 0 else "resolved") for i in range(13)]
    rows = episodes(wave)
    assert any(row["is_flapping"] for row in rows) == flaps
    if flaps:
        assert [row["started_at"] for row in rows] == [at(0), at(2 * period)]
        assert rows[1]["flap_count"] == 10
    else:
        assert len(rows) == 7
        assert {row["flap_count"] for row in rows} == {0, 1}


def test_a_day_of_flapping_is_two_episodes_not_hundreds():
    wave = [event(i, status="firing" if i % 2 == 0 else "resolved") for i in range(24 * 60)]
    rows = episodes(wave, until=at(24 * 60 + 90))
    assert len(rows) == 2
    assert rows[-1]["is_flapping"]
    assert sum(row["event_count"] for row in rows) == 24 * 60


def test_no_notifications_give_no_alerts():
    rows = to_alerts(table(RAW_ALERTS, []), policies=POLICIES, until=LATER)
    assert rows.num_rows == 0
    assert rows.column_names == names_without_lineage(ALERTS)


notifications = st.lists(
    st.builds(
        event,
        st.integers(0, 600),
        st.sampled_from(["HighLatency", "DiskFull"]),
        st.sampled_from(["service/web", "host/db-1"]),
        status=st.sampled_from(["firing", "firing", "resolved"]),
        severity=st.sampled_from(["info", "warning", "critical"]),
        summary=st.sampled_from(["x", "y"]),
    ),
    max_size=40,
    unique_by=lambda row: row["event_id"],
)


@given(notifications, st.randoms(use_true_random=False))
@settings(max_examples=150, deadline=None)
def test_any_order_of_the_rows_gives_the_same_episodes(events, random):
    shuffled = list(events)
    random.shuffle(shuffled)
    assert episodes(events) == episodes(shuffled)


@given(notifications, st.integers(0, 600))
@settings(max_examples=150, deadline=None)
def test_what_was_known_at_a_split_keeps_its_id_and_its_begin(events, split):
    """The first half of a window, then the whole: nothing is re-numbered, nothing disappears."""
    half = {row["alert_id"]: row for row in episodes(events, until=at(split))}
    whole = {row["alert_id"]: row for row in episodes(events)}
    assert half.keys() <= whole.keys()
    for key, row in half.items():
        assert row["started_at"] == whole[key]["started_at"]
        assert row["event_count"] <= whole[key]["event_count"]


@given(notifications)
@settings(max_examples=150, deadline=None)
def test_every_firing_belongs_to_one_episode_and_episodes_of_an_alert_never_overlap(events):
    rows = episodes(events)
    firing = sum(row["alert_status"] == "firing" for row in events)
    assert firing <= sum(row["event_count"] for row in rows) <= len(events)
    for row in rows:
        assert 0 <= row["full_duplicate_count"] < row["event_count"]
        assert row["started_at"] <= row["last_event_at"]
    by_alert = {}
    for row in sorted(rows, key=lambda r: r["started_at"]):
        before = by_alert.get(row["alert_fingerprint"])
        assert before is None or before["last_event_at"] <= row["started_at"]
        by_alert[row["alert_fingerprint"]] = row


def test_a_hundred_thousand_notifications_take_seconds():
    import time

    count = 100_000
    rows = pa.table(
        {
            "observed_at": pa.array(
                [T0 + timedelta(seconds=i % 7200) for i in range(count)], pa.timestamp("us", tz="UTC")
            ),
            "event_id": [f"e{i}" for i in range(count)],
            "alert_fingerprint": [f"fp{i % 500}" for i in range(count)],
            "alert_name": ["HighLatency"] * count,
            "alert_status": ["firing"] * count,
            "severity": ["warning"] * count,
            "entity_id": [f"service/s{i % 500}" for i in range(count)],
            "service_name": pa.nulls(count, pa.string()),
            "host_name": pa.nulls(count, pa.string()),
            "summary": ["slow"] * count,
            "labels": ["{}"] * count,
            "source": ["am"] * count,
        }
    )
    begin = time.process_time()
    found = to_alerts(rows, policies=POLICIES, until=LATER)
    assert found.num_rows == 500
    assert time.process_time() - begin < 5
