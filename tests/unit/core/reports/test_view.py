"""The verdict tells a reader what to do, and never calls missing data calm."""

from dataclasses import replace
from datetime import timedelta

import pyarrow as pa
import pytest
import report_sample as s

from aiops_jobs.contracts import operations as o
from aiops_jobs.contracts import results as r
from aiops_jobs.contracts import telemetry as t
from aiops_jobs.core.policies import Policies
from aiops_jobs.core.reports import SHOWN, Facts, render_page
from aiops_jobs.core.reports.model import ACT, BLIND, CALM, LOOK
from aiops_jobs.core.reports.plotting import chosen_anomalies, incident_windows, label_of, plot_window
from aiops_jobs.window import Window

POLICY = Policies()


def changed(contract, rows):
    return {contract.name: s.table(contract, rows)}


# --- the verdict ----------------------------------------------------------------------------------------------------


def test_an_open_urgent_incident_comes_before_everything():
    verdict = s.view().verdict
    assert verdict.level == ACT
    assert verdict.headline == "P1 is open: web-shop: latency and error rate, 1 more service affected"
    told = " ".join(verdict.sentences)
    assert "2 incidents (1 × P1, 1 × P3), 1 open." in told
    assert "Likely cause: the connection pool of `orders-db` is exhausted (84 %)." in told
    assert "1 resource will be full, the first about Mon 7 Dec; 1 item should be replaced before failing." in told
    assert "1 ticket with the service desk, 1 could not be delivered." in told


def test_two_open_urgent_incidents_are_counted():
    two = [s.INCIDENTS[0], {**s.INCIDENTS[0], "incident_id": "inc-2", "priority": "P2"}]
    assert s.view(s.facts(**changed(r.INCIDENTS, two))).verdict.headline == "2 urgent incidents are open"


def test_an_urgent_incident_that_is_over_is_to_be_looked_at():
    over = {**s.INCIDENTS[0], "incident_state": "resolved", "ended_at": s.at(22)}
    verdict = s.view(s.facts(**changed(r.INCIDENTS, [over]))).verdict
    assert (verdict.level, verdict.headline.split(":")[0]) == (LOOK, "P1 is over")


@pytest.mark.parametrize(
    ("kept", "headline"),
    [
        ("incidents", "1 incident to look at, all over"),
        ("capacity_risks", "No incident; 1 risk to plan for"),
        ("failure_risks", "No incident; 1 risk to plan for"),
        ("ticket_outbox", "No incident; 1 ticket could not be delivered"),
    ],
)
def test_what_can_wait_is_still_to_be_looked_at(kept, headline):
    facts = s.facts(**changed(r.INCIDENTS, [s.INCIDENTS[1]]))
    names = {"source_health", "runs", kept} | (
        {"findings", "capacity_forecasts"} if kept == "capacity_risks" else set()
    )
    verdict = s.view(replace(facts, tables={n: rows for n, rows in facts.tables.items() if n in names})).verdict
    assert (verdict.level, verdict.headline) == (LOOK, headline)


def test_calm_is_said_only_where_every_source_delivered_and_every_job_looked():
    view = s.quiet()
    assert (view.verdict.level, view.verdict.headline, view.data.gaps) == (CALM, "Nothing needs you", ())


@pytest.mark.parametrize("state", ["late", "silent", "unreachable", "partial", None])
def test_a_quiet_page_without_all_its_data_is_never_calm(state):
    view = s.quiet(state=state)
    assert view.verdict.level == BLIND
    assert len(view.data.gaps) == 1


def test_a_table_nobody_asked_for_is_missing_data():
    facts = replace(s.facts(), tables={"source_health": s.facts()[o.SOURCE_HEALTH], "runs": s.facts()[o.RUNS]})
    assert "`configuration_items` from `itsm` was never asked for." in s.view(facts).data.gaps


def test_a_page_without_any_source_is_not_calm():
    view = s.quiet(state=None, asked=())
    assert view.verdict.level == BLIND
    assert view.data.gaps == ("No source was read for this window.",)


@pytest.mark.parametrize("job", ["detect", "correlate"])
def test_a_page_for_which_a_job_has_not_run_is_not_calm(job):
    runs = [row for row in s.facts()[o.RUNS].to_pylist() if row["job"] != job]
    view = s.quiet(runs=s.table(o.RUNS, runs))
    assert view.verdict.level == BLIND
    assert any(f"`{job}` has not worked through the whole window" in gap for gap in view.data.gaps)


def test_a_run_that_failed_or_covers_half_has_not_looked():
    rows = s.facts()[o.RUNS].to_pylist()
    half = [{**row, "window_end": s.at(12)} for row in rows]
    failed = [{**row, "run_status": "failed"} for row in rows]
    for runs in (half, failed):
        assert s.quiet(runs=s.table(o.RUNS, runs)).verdict.level == BLIND


def test_windows_that_do_not_cover_the_page_are_a_gap():
    rows = [
        s.health("prom_eu", "metric_points", "ok", start=s.at(0), end=s.at(9)),
        s.health("prom_eu", "metric_points", "ok", start=s.at(10), end=s.WINDOW.end),
    ]
    view = s.quiet(source_health=s.table(o.SOURCE_HEALTH, rows))
    assert view.data.gaps == ("`metric_points` from `prom_eu` was not asked for over the whole window.",)
    whole = [{**rows[0], "window_end": s.at(10)}, rows[1]]
    assert s.quiet(source_health=s.table(o.SOURCE_HEALTH, whole)).verdict.level == CALM


def test_the_worst_of_several_windows_counts_and_the_rows_add_up():
    rows = [
        s.health("prom_eu", "metric_points", "ok", start=s.at(0), end=s.at(12)),
        s.health("prom_eu", "metric_points", "silent", rows=0, start=s.at(12), end=s.WINDOW.end, error="0 rows"),
    ]
    view = s.quiet(source_health=s.table(o.SOURCE_HEALTH, rows))
    cell = view.data.cells["prom_eu", "metric_points"]
    assert (cell.state, cell.windows, cell.sound_windows, cell.rows_in, cell.problem) == (
        "silent",
        2,
        1,
        1000,
        "0 rows",
    )
    assert view.data.gaps == ("`metric_points` from `prom_eu` delivered nothing in 1 of 2 windows: 0 rows.",)


def test_what_stopped_reporting_is_a_gap_and_what_partly_did_is_told():
    base = {**s.DISK_FINDING, "finding_kind": "data_quality", "started_at": s.at(3), "dq_status": "no_data"}
    rows = [
        {**base, "finding_id": "a", "entity_id": "host/web-01", "title": "web-01 stopped reporting: 9 of 9 series"},
        {
            **base,
            "finding_id": "b",
            "entity_id": "host/web-02",
            "severity": "info",
            "summary": "2 of 9 series missing.",
        },
        {**base, "finding_id": "c", "entity_id": "source/prom_eu:metric_points", "title": "told by the matrix"},
    ]
    view = s.quiet(findings=s.table(r.FINDINGS, rows))
    assert view.verdict.level == BLIND
    assert view.data.gaps == ("web-01 stopped reporting: 9 of 9 series.",)
    assert view.data.silent == ("seen", "2 of 9 series missing.")
    assert "Stopped reporting" in render_page(view)


# --- incidents ------------------------------------------------------------------------------------------------------


def test_incidents_are_told_with_causes_evidence_changes_members_and_pictures():
    first, second = s.view().incidents
    assert [first.priority, second.priority] == ["P1", "P3"]
    assert [c.rank for c in first.candidates] == [1, 2, 3]
    assert [p.kind for p in first.candidates[0].proofs] == ["metric", "log", "topology"]
    assert first.chain[0].startswith("connection pool")
    assert {c.change_id: c.rank for c in first.changes} == {"EVT-12": None, "CHG-4811": 2}
    assert first.plots[0].finding_id == "fnd-pool"
    assert {m.kind for m in first.members} == {"alert", "finding"}
    assert [ticket.key for ticket in first.tickets] == ["DESK-1042"]
    assert [ticket.state for ticket in second.tickets] == ["delivery dead"]
    assert first.is_open
    assert not second.is_open


def test_the_timeline_puts_the_cause_first_and_leaves_nothing_out_of_the_picture():
    timeline = s.view().incidents[0].timeline
    assert timeline.lanes[0].is_cause
    assert [lane.label for lane in timeline.lanes] == ["orders-db", "web-shop", "checkout"]
    for lane in timeline.lanes:
        for bar in lane.bars:
            assert timeline.first <= bar.start <= timeline.last
        for mark in lane.marks:
            assert timeline.first <= mark.at <= timeline.last


def test_a_member_that_is_not_known_any_more_is_still_told():
    facts = s.facts()
    view = s.view(replace(facts, tables={n: t_ for n, t_ in facts.tables.items() if n not in ("alerts", "findings")}))
    assert {m.entity_id for m in view.incidents[0].members} == {"unknown"}


def test_only_as_many_incidents_are_shown_as_the_policy_says_and_the_rest_is_counted():
    many = [{**s.INCIDENTS[1], "incident_id": f"inc-{i:03}", "priority": "P4"} for i in range(40)]
    view = s.view(s.facts(**changed(r.INCIDENTS, many)))
    assert len(view.incidents) == POLICY.report.max_incidents
    assert view.hidden_incidents == 40 - POLICY.report.max_incidents
    assert view.verdict.sentences[0].startswith("40 incidents")


def test_a_cause_that_was_abstained_from_is_called_unknown():
    facts = s.facts(**changed(r.INCIDENTS, [s.INCIDENTS[1]]))
    assert "The cause of “mail: queue” is not known." in s.view(facts).verdict.sentences


# --- pictures -------------------------------------------------------------------------------------------------------


def test_anomalies_of_incidents_come_before_others_and_the_cause_before_its_symptoms():
    chosen = [row["finding_id"] for row in chosen_anomalies(s.facts(), POLICY.report)]
    assert chosen == ["fnd-pool", "fnd-errors", "fnd-latency", "fnd-checkout", "fnd-queue", "fnd-traffic"]
    few = chosen_anomalies(s.facts(), replace(POLICY.report, max_incident_plots=2, max_plots=0))
    assert [row["finding_id"] for row in few] == ["fnd-pool", "fnd-errors"]


def test_all_pictures_of_an_incident_show_the_same_time_sized_by_it():
    plots = s.view().incidents[1].plots + s.view().incidents[0].plots
    shown = incident_windows(s.facts(), POLICY.report, s.WINDOW)
    black = {shown[p.finding_id] for p in s.view().incidents[0].plots}
    assert len(plots) == 5
    assert black == {Window(s.at(19, 5) - timedelta(hours=9, minutes=50), s.WINDOW.end)}
    assert shown["fnd-queue"] == Window(s.at(4, 10) - timedelta(hours=3), s.at(6))


def test_a_picture_shows_what_was_normal_before_and_nothing_beyond_the_window():
    row = s.ANOMALIES[0]
    shown = plot_window(row, POLICY.report, s.WINDOW)
    assert shown.start == row["started_at"] - timedelta(days=1)
    assert shown.end == s.WINDOW.end
    still_open = plot_window({**row, "ended_at": None}, POLICY.report, s.WINDOW)
    assert still_open.end == s.WINDOW.end


def test_a_picture_says_in_words_what_it_shows():
    plot = next(p for p in s.view().incidents[0].plots if p.finding_id == "fnd-latency")
    assert plot.title == "Latency of web-shop"
    assert plot.told == "1.42 s at 27 Nov 20:25, expected at most 280 ms; above the band for 2 h 20 min."


def test_an_anomaly_whose_series_is_not_at_hand_has_no_picture():
    view = s.view(replace(s.facts(), bands={}))
    assert view.plots == ()
    assert all(not incident.plots for incident in view.incidents)
    assert view.anomaly_count == len(s.ANOMALIES)


@pytest.mark.parametrize(
    ("metric", "label"),
    [
        ("http_request_duration_seconds", "Latency"),
        ("db_connections_utilization_ratio", "Connection pool"),
        ("odd", "odd"),
    ],
)
def test_a_metric_is_called_what_people_call_it(metric, label):
    assert label_of(metric, POLICY.roles) == label


# --- the rest -------------------------------------------------------------------------------------------------------


def test_a_forecast_tells_now_when_and_how_sure():
    (forecast,) = s.view().forecasts
    assert forecast.title == "File system of orders-db-1:data"
    assert (
        forecast.told
        == "Now 78 %; reaches 95 % about 7 Dec 02:00, between 5 Dec 03:00 and 10 Dec 20:00; probability 83 %."
    )
    assert [label for label, _ in forecast.fan.breaches] == ["early", "median", "late"]
    assert forecast.fan.history.seconds.size


def test_a_resource_that_became_no_finding_is_only_counted():
    findings = s.table(r.FINDINGS, [s.finding(row) for row in s.ANOMALIES])
    view = s.view(s.facts(findings=findings))
    assert (view.forecasts, view.hidden_forecasts) == ((), 1)


def test_risks_that_call_for_something_come_first_with_their_features():
    view = s.view()
    assert [(risk.entity_id, risk.decision) for risk in view.risks] == [
        ("disk/store-07:sdc", "act"),
        ("disk/store-02:sda", "watch"),
    ]
    assert view.hidden_risks == 6
    assert view.risks[0].features[0] == ("smart_197_pending_sector_slope_7d", "4.2")


@pytest.mark.parametrize(
    ("said", "features"),
    [
        ('{"a": 1.5, "b": "x"}', (("a", "1.5"), ("b", "x"))),
        ('[["a", 2], ["b"]]', (("a", "2"), ("b", ""))),
        ('[{"name": "a", "value": null}]', (("a", ""),)),
        ('[{"metric": "a", "last": 21.0, "delta_7d": 3.0, "weight": 1.5}]', (("a", "21"),)),
        ('["a"]', (("a", ""),)),
        (None, ()),
    ],
)
def test_features_are_read_however_they_are_written_down(said, features):
    rows = [{**s.risk("disk/x:sda", 0.4, "act"), "top_features": said}]
    assert s.view(s.facts(**changed(r.FAILURE_RISKS, rows))).risks[0].features == features


def test_complaints_are_grouped_the_gravest_first():
    base = s.facts()[o.QUALITY_RESULTS].to_pylist()[0]
    rows = [
        {**base, "run_id": "r1"},
        {**base, "run_id": "r2", "window_start": s.at(1), "observed_text": "0.7"},
        {**base, "run_id": "r1", "expectation": "every number is finite", "expectation_severity": "critical"},
    ]
    view = s.view(s.facts(**changed(o.QUALITY_RESULTS, rows)))
    assert [(c.severity, c.times, c.observed) for c in view.data.complaints] == [
        ("critical", 1, "0.62"),
        ("warning", 2, "0.7"),
    ]


def test_rows_put_aside_are_counted_by_reason():
    put_aside = s.view().data.put_aside
    assert [(item.reason_code, item.count) for item in put_aside] == [("WRONG_TYPE", 12), ("NOT_IN_SET", 5)]


def test_models_are_told_with_their_baselines():
    (model,) = s.view().models
    assert model.measures == (("average_precision", 0.43, 0.011, 6720), ("brier", 0.0081, 0.0109, 6720))


def test_nothing_learned_after_the_knowledge_cut_is_shown_and_it_is_counted():
    early = s.view(as_of=s.at(12))
    assert early.incidents == ()
    assert early.revised > 10
    assert s.view().revised == 0


def test_every_table_a_page_shows_is_known_and_missing_ones_are_empty():
    assert len(SHOWN) == len(set(SHOWN))
    assert {table.name for table in SHOWN} == set(s.facts().tables)
    assert Facts()[t.CHANGES].num_rows == 0


def test_the_order_of_rows_changes_nothing():
    facts = s.facts()
    turned = {n: rows.take(pa.array(range(rows.num_rows - 1, -1, -1), pa.int64())) for n, rows in facts.tables.items()}
    assert render_page(s.view(replace(facts, tables=turned))) == render_page(s.view(facts))
