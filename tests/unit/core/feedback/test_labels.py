"""What verdicts do: which one holds, how wide bands become, what models learn, how long people waited."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiops_jobs.core.feedback.durations import between, spread
from aiops_jobs.core.feedback.labels import holding, label_row, successions
from aiops_jobs.core.feedback.leniency import leniency_of, micros
from aiops_jobs.core.feedback.outcomes import figures, latest, outcome_row
from aiops_jobs.core.feedback.past import spoken_of, tickets_of
from aiops_jobs.core.feedback.verdicts import Verdict
from aiops_jobs.core.policies import FeedbackPolicy

T0 = datetime(2026, 11, 1, tzinfo=UTC)
DAY = timedelta(days=1)
POLICY = FeedbackPolicy()
NAME = "robust_seasonal"


def at(days):
    return T0 + days * DAY


def said(verdict="false", day=1.0, *, subject="inc-1", sure=0.9, series=("s1",), number=0, **more):
    about = {
        "subject_id": subject,
        "subject_kind": "incident",
        "started_at": at(0),
        "applies_to": {(NAME, s) for s in series},
    }
    told = {"author_kind": "itsm", "labelled_at": at(day), "said_in": f"desk/{subject}", **more}
    verdict = Verdict(verdict, sure, "because")
    return label_row(about, verdict, said=told, known_at=at(day), number=number, policy_version="feedback-1")


def widths(labels, *days, series="s1", policy=POLICY):
    times = np.array([micros(at(day)) for day in days], np.int64)
    found = leniency_of(labels, policy).widths([series, "other"], times, NAME)
    return np.ones(len(days)) if found is None else found[0]


def test_a_false_verdict_widens_from_when_it_is_known_and_fades():
    week = [said()]
    assert widths(week, 0, 0.99).tolist() == [1.0, 1.0]
    assert widths(week, 1, 31).tolist() == pytest.approx([1.45, 1.225])
    assert widths(week, 2, series="s2").tolist() == [1.0]
    assert widths(week, 500).tolist() == [1.0]


def test_widening_is_bounded_and_a_true_verdict_takes_it_back():
    many = [said(subject=f"inc-{n}") for n in range(50)]
    assert widths(many, 1).tolist() == [1.0 + POLICY.max_widening]
    assert widths([said(), said("true", 2, subject="inc-2")], 1.5, 2).tolist() == pytest.approx([1.445, 1.0], abs=0.01)


def test_a_changed_mind_counts_from_when_it_is_known_and_not_before():
    changed = [said(), said("true", 3, number=1)]
    assert widths(changed, 2)[0] > 1.4
    assert widths(changed, 3).tolist() == [1.0]
    assert widths(changed[:1], 2).tolist() == widths(changed, 2).tolist()


def test_a_detector_of_which_most_findings_are_false_is_widened_as_a_whole():
    others = [said(subject=f"inc-{n}", series=(f"x{n}",)) for n in range(40)]
    assert widths(others, 1).tolist() == pytest.approx([1.0 + POLICY.detector_widening])
    half = [said("true" if n % 2 else "false", subject=f"inc-{n}", series=(f"x{n}",)) for n in range(40)]
    assert widths(half, 1).tolist() == [1.0]
    assert widths(others[:10], 1).tolist() == [1.0]


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["true", "false", "duplicate", "insufficient_data"]),
            st.floats(0, 60),
            st.integers(0, 3),
            st.booleans(),
        ),
        max_size=12,
    ),
    st.floats(0, 90),
    st.randoms(use_true_random=False),
)
def test_no_verdict_of_later_and_no_order_of_rows_changes_an_instant(drawn, day, rng):
    labels = [
        said(v, d, subject=f"inc-{s}", number=n, is_self_generated=ours) for n, (v, d, s, ours) in enumerate(drawn)
    ]
    mixed = rng.sample(labels, len(labels))
    before = [row for row in labels if row["known_at"] <= at(day)]
    assert widths(labels, day).tolist() == widths(mixed, day).tolist() == widths(before, day).tolist()
    assert 1.0 <= widths(labels, day)[0] <= 1.0 + POLICY.max_widening
    assert holding(labels, at(day)) == holding(mixed, at(day)) == holding(before, at(day))
    people = [row for row in labels if not row["is_self_generated"]]
    assert widths(labels, day).tolist() == widths(people, day).tolist()


def test_the_verdict_known_latest_holds_and_ours_never_against_a_persons():
    one, two = said("true", 1), said("false", 2, number=1)
    ours = said("false", 5, number=2, is_self_generated=True)
    assert holding([two, one, ours], at(9)) == {"inc-1": two}
    assert holding([two, one, ours], at(1)) == {"inc-1": one}
    assert holding([ours], at(9)) == {"inc-1": ours}
    assert successions([one, ours]) == [(one, None)]


def test_a_ticket_that_says_neither_takes_back_only_what_it_said_itself():
    one = said("false", 1)
    elsewhere = said("insufficient_data", 2, said_in="chat/inc-1")
    again = said("insufficient_data", 3, number=1)
    assert holding([one, elsewhere], at(9))["inc-1"] == one
    assert holding([one, elsewhere, again], at(9))["inc-1"] == again


def test_models_learn_from_people_who_are_sure_and_count_duplicates_once():
    true = said("true", 2, cause_entity_id="disk/a:sda", resolution_code="Disk replaced", remote_key="T-1")
    weak = said("true", 2, subject="inc-2", sure=0.4, remote_key="T-2")
    same = said("duplicate", 2, subject="inc-3", remote_key="T-3", merged_into="T-1")
    ours = said("true", 2, subject="inc-4", is_self_generated=True, remote_key="T-4")
    false = said("false", 2, subject="inc-5", cause_entity_id="disk/b:sda", remote_key="T-5")
    rows = tickets_of([true, weak, same, ours, false], least=0.6)
    assert [(r["ticket_key"], r["resolution_code"], r["cause_entity_id"]) for r in rows] == [
        ("T-1", "disk_replaced", "disk/a:sda"),
        ("T-5", "false_alarm", None),
    ]
    assert spoken_of([true, weak, same, ours, false]) == {"T-1", "T-2", "T-3", "T-5"}


def ticket(endpoint="desk", **more):
    blank = {"ticket_state": "resolved", "acknowledged_at": None, "assignee": None, "closed_by": None}
    return blank | {"endpoint": endpoint, "reopen_count": None, "opened_at": at(0), "resolved_at": None} | more


INCIDENT = {"incident_id": "inc-1", "started_at": at(0), "detected_at": at(0) + timedelta(minutes=5)}


def test_times_are_counted_from_the_begin_and_unknown_ones_are_null():
    taken, over = at(0) + timedelta(minutes=15), at(0) + timedelta(hours=2)
    known = outcome_row(INCIDENT, [ticket(acknowledged_at=taken, resolved_at=over)], said("true"), at(1))
    times = ("time_to_detect_s", "time_to_acknowledge_s", "time_to_resolve_s")
    assert [known[name] for name in times] == [300.0, 600.0, 7200.0]
    assert (known["outcome_state"], known["label_verdict"], known["verdict_number"]) == ("resolved", "true", 2)
    blank = outcome_row(INCIDENT, [ticket(ticket_state="new")], None, at(1))
    assert [blank[name] for name in times] == [300.0, None, None]
    assert outcome_row(INCIDENT, [], None, at(1))["outcome_state"] is None
    early = outcome_row(INCIDENT, [ticket(acknowledged_at=at(-1), resolved_at=at(-1))], None, at(1))
    assert [early[name] for name in times] == [300.0, None, None]


def test_an_incident_is_over_with_the_last_of_its_tickets():
    ends = at(1), at(2)
    both = [ticket(resolved_at=ends[0]), ticket("other", resolved_at=ends[1])]
    assert outcome_row(INCIDENT, both, None, at(3))["resolved_at"] == ends[1]
    one = [ticket(resolved_at=ends[0]), ticket("other", ticket_state="in_progress")]
    assert outcome_row(INCIDENT, one, None, at(3))["outcome_state"] == "open"
    assert outcome_row(INCIDENT, one, None, at(3))["resolved_at"] is None


def test_figures_leave_duplicates_to_the_incident_they_repeat():
    other = INCIDENT | {"incident_id": "inc-2"}
    rows = [
        outcome_row(INCIDENT, [ticket(resolved_at=at(1))], said("true"), at(2)),
        outcome_row(other, [ticket(resolved_at=at(9))], said("duplicate"), at(2)),
    ]
    got = figures(latest(rows))
    assert (got.incidents, got.resolve.count, got.resolve.mean_s, got.acknowledge.mean_s) == (2, 1, 86400.0, None)
    assert got.verdicts == {"duplicate": 1, "true": 1}
    assert latest(rows, at(1)) == {}


@given(st.lists(st.one_of(st.none(), st.floats(0, 1e6)), max_size=20))
def test_spreads_leave_out_what_is_not_known(durations):
    known = [value for value in durations if value is not None]
    got = spread(durations)
    assert got.count == len(known)
    assert (got.mean_s is None) == (not known)
    if known:
        assert min(known) <= got.p50_s <= got.p90_s + 1e-9 <= max(known) + 1e-6


def test_a_negative_time_is_not_known():
    assert between(at(1), at(0)) is None
    assert between(None, at(0)) is None
    assert between(at(0), at(0)) == 0.0
