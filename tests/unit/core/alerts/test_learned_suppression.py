from dataclasses import replace

import pytest
from incident_world import correlated
from suppression_world import DAYS, POLICIES, at, event, facts, following, history, kept, quiet, states, table

from aiops_jobs.contracts.telemetry import RAW_ALERTS
from aiops_jobs.core.alerts.information import words_of
from aiops_jobs.core.policies.suppression import FrequentPolicy, InformationPolicy, TransientPolicy

ONLY_TRANSIENT = {"frequent": FrequentPolicy(is_on=False), "low_information": InformationPolicy(is_on=False)}
HICCUPS = history(10, [0, 300], lasts=4)
"""Twenty episodes of four minutes each, all ended by their source."""


def hiccup(lasts, **more):
    return [event(5, "Hiccup", **more), event(5 + lasts, "Hiccup", status="resolved", **more)]


# --- transient ------------------------------------------------------------------------------------------------------


def transient(told, past, **policy):
    policies = following(**ONLY_TRANSIENT, transient=replace(TransientPolicy(), **policy))
    return kept(told, past=past, policies=policies)


def test_what_always_ends_by_itself_is_waited_for():
    found = transient(hiccup(3), HICCUPS)
    (row,) = quiet(found)
    assert (row["suppression_kind"], row["rule_id"], states(found)) == ("transient", "learned_hold", ["suppressed"])
    assert row["started_at"] == at(5)
    assert found.alerts["transient_probability_ratio"].to_pylist() == [pytest.approx(1.0)]


def test_what_does_not_end_is_heard_after_the_wait_and_the_delay_is_told():
    found = transient(hiccup(60), HICCUPS)
    (row,) = quiet(found)
    assert (row["ended_at"], row["delay_s"], states(found)) == (at(10), 300.0, ["resolved"])


def test_the_delay_of_a_real_incident_is_harm_and_its_begin_stays_true():
    policies = following(**ONLY_TRANSIENT)
    seen = facts(hiccup(60))
    past = table(RAW_ALERTS, HICCUPS)
    result = correlated(replace(seen, past_alerts=past), policies=policies)
    (incident,) = result.incidents.to_pylist()
    assert (incident["started_at"], incident["detected_at"]) == (at(5), at(10))
    (row,) = result.alert_suppressions.to_pylist()
    assert (row["is_harm"], row["delay_s"], row["later_incident_id"]) == (True, 300.0, incident["incident_id"])


@pytest.mark.parametrize(
    ("past", "policy"),
    [
        ([], {}),
        (history(2, [0], lasts=4), {}),  # too few to learn from
        (history(10, [0, 300], lasts=40), {}),  # takes longer than any wait
        ([e for e in HICCUPS if e["alert_status"] == "firing"], {}),  # ended by silence, not by the source
        (HICCUPS, {"cost_of_noise": 0.0}),
        (HICCUPS, {"is_on": False}),
        (history(5, [0, 300], lasts=4) + history(10, [150], lasts=100), {}),  # half of them do not
    ],
    ids=["no past", "thin past", "long", "timeouts", "noise is free", "off", "half"],
)
def test_it_is_told_at_once_where_waiting_is_not_worth_it(past, policy):
    assert quiet(transient(hiccup(3), past, **policy)) == []


def test_waiting_costs_so_a_dear_delay_shortens_or_forbids_it():
    past = history(10, [0, 300], lasts=4) + history(2, [150], lasts=100)  # 20 of 22
    assert quiet(transient(hiccup(3), past))[0]["ended_at"] == at(8)
    assert quiet(transient(hiccup(60), past))[0]["delay_s"] == 300.0
    assert quiet(transient(hiccup(3), past, cost_of_delay=1200.0)) == []


def test_critical_alerts_never_wait():
    past = [{**e, "severity": "critical"} for e in HICCUPS]
    assert quiet(transient(hiccup(3, severity="critical"), past)) == []


def test_an_alert_without_a_past_of_its_own_is_judged_by_its_rule_and_its_own_outweighs_it():
    kin = history(10, [0, 300], lasts=4, entity="service/other")
    assert len(quiet(transient(hiccup(3), kin))) == 1
    own = history(10, [100], lasts=100)
    assert quiet(transient(hiccup(3), kin + own)) == []


def test_nothing_of_the_day_itself_or_later_is_learned():
    told = hiccup(3)
    same_day = [event(m, "Hiccup", status=s) for m in range(-500, 0, 40) for s in ("firing",)]
    same_day += [event(m + 4, "Hiccup", status="resolved") for m in range(-500, 0, 40)]
    assert quiet(transient(told, same_day), "transient") == []
    late = history(10, [0, 300], lasts=DAYS * 12)  # each ends only after the alert has begun
    assert quiet(transient(told, late)) == []


# --- frequent -------------------------------------------------------------------------------------------------------

NOISY = history(9, [-500, -300, -100, 100], lasts=20, name="Fan")
TODAY = [
    event(m, "Fan", status=s) for begin in (-500, -300, -100) for m, s in ((begin, "firing"), (begin + 20, "resolved"))
]


def frequent(told, past=NOISY, **policy):
    policies = following(
        transient=TransientPolicy(is_on=False),
        low_information=InformationPolicy(is_on=False),
        frequent=replace(FrequentPolicy(), **policy),
    )
    return kept([*TODAY, *told], past=past, policies=policies)


def fan(lasts, **more):
    return [event(100, "Fan", **more), event(100 + lasts, "Fan", status="resolved", **more)]


def last(found):
    return [row for row in quiet(found) if row["started_at"] >= at(100)], states(found)[-1]


def test_what_comes_several_times_a_day_for_a_week_and_is_not_worse_is_quiet():
    rows, state = last(frequent(fan(20)))
    assert ([r["suppression_kind"] for r in rows], state) == (["frequent"], "suppressed")


def test_it_is_told_again_when_it_lasts_longer_than_it_ever_did():
    rows, state = last(frequent(fan(31)))
    assert (rows[0]["ended_at"], rows[0]["delay_s"], state) == (at(130), 30 * 60, "resolved")


def test_it_is_told_at_once_when_it_is_more_severe():
    assert last(frequent(fan(20, severity="critical"))) == ([], "resolved")
    found = frequent(fan(20, severity="critical"), max_severity="critical")
    assert last(found) == ([], "resolved")


def test_it_is_told_when_it_comes_more_often_than_ever():
    more = [event(m, "Fan", status=s) for b in (0, 30, 60) for m, s in ((b, "firing"), (b + 10, "resolved"))]
    assert last(frequent([*more, *fan(20)], min_days=5))[1] == "resolved"


@pytest.mark.parametrize("past", [NOISY[-24:-16], history(9, [100], lasts=20, name="Fan", entity="service/other"), []])
def test_what_has_not_been_seen_for_a_week_is_told(past):
    assert last(frequent(fan(20), past=past))[1] == "resolved"


def test_recurrence_classes():
    past = history(20, [0, 100, 200], lasts=5, name="Often") + history(6, [50], lasts=5, name="Sometimes")
    past += history(2, [70], lasts=5, name="Seldom")
    names = ("Often", "Sometimes", "Seldom", "Never")
    found = kept([event(300 + i, name) for i, name in enumerate(names)], past=past)
    rows = {row["alert_name"]: row["recurrence_class"] for row in found.alerts.to_pylist()}
    assert rows == {"Often": "frequent", "Sometimes": "regular", "Seldom": "rare", "Never": "novel"}


# --- low information ------------------------------------------------------------------------------------------------


def test_what_is_different_each_time_is_no_word():
    assert words_of("HighLatency web-07 10.0.0.7 id 3f9ac2") == words_of("HighLatency web-12 10.0.0.9 id 77ffe1")
    assert words_of("Disk sda1 of db is full") == ["db", "disk", "full", "is", "of"]


def informed(severity="info", **policy):
    past = [event(m - 10 * DAYS, "Backup", severity="info", summary="Backup done") for m in range(0, 9000, 90)]
    past += [event(m - 10 * DAYS, f"Rule{m}", summary=f"Cause {chr(97 + m % 26) * 3} of trouble") for m in range(60)]
    told = [event(0, "Backup", severity=severity, summary="Backup done"), event(1, "Fuse", summary="Fuse blown")]
    policies = following(
        transient=TransientPolicy(is_on=False),
        frequent=FrequentPolicy(is_on=False),
        low_information=replace(InformationPolicy(), **policy),
    )
    return kept(told, past=past, policies=policies)


def test_words_that_always_come_tell_little_and_new_ones_tell_all():
    backup, fuse = informed().alerts["informativeness_ratio"].to_pylist()
    assert backup < 0.3 < fuse == 1.0
    assert kept([event(0)]).alerts["informativeness_ratio"].to_pylist() == [None]


@pytest.mark.parametrize(
    ("share", "severity", "is_quiet"),
    [(0.0, "info", False), (0.7, "info", True), (0.7, "warning", False)],
)
def test_the_least_telling_share_is_quiet_up_to_the_severity(share, severity, is_quiet):
    found = informed(severity, share_excluded=share)
    assert [r["suppression_kind"] for r in quiet(found)] == ["low_information"] * is_quiet
    assert states(found) == ["suppressed" if is_quiet else "resolved", "resolved"]


def test_default_policies_touch_nothing_critical():
    past = [{**e, "severity": "critical"} for e in [*HICCUPS, *NOISY]]
    told = [event(5, "Hiccup", severity="critical"), event(6, "Fan", severity="critical")]
    assert quiet(kept(told, past=past)) == []
    assert POLICIES.suppression.maintenance == POLICIES.suppression.inhibition == ()
