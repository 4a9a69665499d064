"""How many notifications became how few tickets, and what was kept quiet at which price."""

from dataclasses import replace
from datetime import timedelta

import pytest
import report_sample as s

from aiops_jobs.contracts import operations as o
from aiops_jobs.contracts import results as r
from aiops_jobs.core.reports.funnel import Kept, build_funnel
from aiops_jobs.core.reports.markup import render
from aiops_jobs.core.reports.noise import noise_section
from aiops_jobs.window import Window


def test_every_stage_counts_what_began_in_the_window():
    funnel = build_funnel(s.facts().tables, s.WINDOW)
    assert (funnel.events, funnel.alerts, funnel.grouped, funnel.incidents, funnel.tickets) == (36, 4, 4, 2, 2)
    assert funnel.silent_incidents == 0
    assert funnel.avoided == pytest.approx(1 - 2 / 36)
    assert funnel.kept == (Kept("transient", 2, 1), Kept("maintenance", 1, 0))


def test_other_times_do_no_harm():
    day_before = Window(s.WINDOW.start - timedelta(days=1), s.WINDOW.start)
    funnel = build_funnel(s.facts().tables, day_before)
    assert (funnel.events, funnel.alerts, funnel.incidents, funnel.tickets, funnel.kept) == (0, 0, 0, 0, ())
    assert funnel.avoided is None


def test_alerts_of_no_incident_and_incidents_without_alert_or_ticket_are_told_apart():
    alone = [*s.ALERTS, s.alert("alone", "DiskSlow", "host/db-1", s.at(3), s.at(3, 5), "info")]
    quiet = [{**row, "alert_count": 0} for row in s.INCIDENTS[:1]] + s.INCIDENTS[1:]
    tables = s.facts(
        alerts=s.table(r.ALERTS, alone), incidents=s.table(r.INCIDENTS, quiet), ticket_outbox=o.TICKET_OUTBOX.empty()
    ).tables
    funnel = build_funnel(tables, s.WINDOW)
    assert (funnel.alerts, funnel.grouped, funnel.silent_incidents, funnel.tickets) == (5, 4, 1, 1)


def test_no_tables_at_all_are_an_empty_funnel():
    assert build_funnel({}, s.WINDOW).events == 0


def drawn(funnel):
    return s.tree(render(noise_section(funnel)))


def test_the_picture_shows_all_stages_and_the_section_says_the_share():
    funnel = build_funnel(s.facts().tables, s.WINDOW)
    tree = drawn(funnel)
    amounts = [e.text for e in tree.iter("text") if e.attrib["class"] == "amount"]
    assert amounts == ["36", "4", "4", "2", "2"]
    assert "94 % fewer: 36 notifications came in, 2 tickets went out to people." in "".join(tree.itertext())
    rows = [["".join(cell.itertext()) for cell in row] for row in tree.find(".//tbody")]
    assert rows == [
        ["transient", "2", "1 hid or delayed an incident"],
        ["maintenance", "1", "none of them hid an incident"],
    ]


def test_an_empty_funnel_and_one_without_suppressions_say_so():
    funnel = build_funnel(s.facts().tables, s.WINDOW)
    assert "No alert was kept quiet." in "".join(drawn(replace(funnel, kept=())).itertext())
    empty = build_funnel({}, s.WINDOW)
    assert "No monitoring system sent a notification" in "".join(drawn(empty).itertext())
    only_ours = replace(empty, incidents=1, silent_incidents=1)
    assert "1 incident rang no alert at all: only our findings saw it." in "".join(drawn(only_ours).itertext())
