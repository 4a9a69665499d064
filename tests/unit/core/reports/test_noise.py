"""How many notifications became how few tickets, and what was kept quiet at which price."""

from dataclasses import replace
from datetime import timedelta

import pytest
import report_sample as s

from aiops_jobs.contracts import operations as o
from aiops_jobs.contracts import results as r
from aiops_jobs.core.alerts.funnel import Kept, funnel
from aiops_jobs.core.reports.markup import render
from aiops_jobs.core.reports.noise import noise_section
from aiops_jobs.window import Window


def test_every_stage_counts_what_began_in_the_window():
    counted = funnel(s.facts().tables, s.WINDOW)
    assert (counted.events, counted.alerts, counted.grouped, counted.incidents, counted.tickets) == (36, 4, 4, 2, 2)
    assert counted.silent_incidents == 0
    assert counted.noise_reduction == pytest.approx(1 - 2 / 36)
    assert counted.kept == (Kept("maintenance", 1, 0), Kept("transient", 1, 1))


def test_other_times_do_no_harm():
    day_before = Window(s.WINDOW.start - timedelta(days=1), s.WINDOW.start)
    counted = funnel(s.facts().tables, day_before)
    assert (counted.events, counted.alerts, counted.incidents, counted.tickets, counted.kept) == (0, 0, 0, 0, ())
    assert counted.noise_reduction is None


def test_alerts_of_no_incident_and_incidents_without_alert_or_ticket_are_told_apart():
    alone = [*s.ALERTS, s.alert("alone", "DiskSlow", "host/db-1", s.at(3), s.at(3, 5), "info")]
    quiet = [{**row, "alert_count": 0} for row in s.INCIDENTS[:1]] + s.INCIDENTS[1:]
    tables = s.facts(
        alerts=s.table(r.ALERTS, alone), incidents=s.table(r.INCIDENTS, quiet), ticket_outbox=o.TICKET_OUTBOX.empty()
    ).tables
    counted = funnel(tables, s.WINDOW)
    assert (counted.alerts, counted.grouped, counted.silent_incidents, counted.tickets) == (5, 4, 1, 1)


def test_no_tables_at_all_are_an_empty_funnel():
    assert funnel({}, s.WINDOW).events == 0


def drawn(funnel):
    return s.tree(render(noise_section(funnel)))


def test_the_picture_shows_all_stages_and_the_section_says_the_share():
    counted = funnel(s.facts().tables, s.WINDOW)
    tree = drawn(counted)
    amounts = [e.text for e in tree.iter("text") if e.attrib["class"] == "amount"]
    assert amounts == ["36", "4", "4", "2", "2"]
    assert "94 % fewer: 36 notifications came in, 2 tickets went out to people." in "".join(tree.itertext())
    rows = [["".join(cell.itertext()) for cell in row] for row in tree.find(".//tbody")]
    assert rows == [
        ["maintenance", "1", "none of them hid an incident"],
        ["transient", "1", "1 hid or delayed an incident"],
    ]


def test_an_empty_funnel_and_one_without_suppressions_say_so():
    counted = funnel(s.facts().tables, s.WINDOW)
    assert "No alert was kept quiet." in "".join(drawn(replace(counted, kept=())).itertext())
    empty = funnel({}, s.WINDOW)
    assert "No monitoring system sent a notification" in "".join(drawn(empty).itertext())
    only_ours = replace(empty, incidents=1, silent_incidents=1)
    assert "1 incident rang no alert at all: only our findings saw it." in "".join(drawn(only_ours).itertext())
