"""A person finds yesterday's incident: windows with their incidents, the latest first."""

from datetime import timedelta

import report_sample as s

from aiops_jobs.contracts import results as r
from aiops_jobs.core.reports import build_index, render_index
from aiops_jobs.core.reports.index import MOST_WINDOWS
from aiops_jobs.window import Window

DAYS = [Window(s.DAY + timedelta(days=n), s.DAY + timedelta(days=n + 1)) for n in range(-1, 3)]


def told(windows=DAYS, rows=s.INCIDENTS):
    return build_index(windows, s.table(r.INCIDENTS, list(rows)))


def test_the_latest_window_comes_first_and_an_incident_stands_in_every_window_it_touches():
    found = told()
    assert [item.window for item in found] == DAYS[::-1]
    assert [[row["incident_id"] for row in item.incidents] for item in found] == [
        ["inc-black"],  # still open
        ["inc-black"],
        ["inc-black", "inc-mail"],
        [],
    ]


def test_every_window_and_incident_is_linked_and_what_began_before_says_so():
    tree = s.tree(render_index("shop estate", told()))
    cards = list(tree.iter("section"))
    assert len(cards) == 4
    links = [[a.attrib["href"] for a in card.iter("a")] for card in cards]
    assert links[2] == ["report-20261127T0000-20261128T0000.html", "inc-black.html", "inc-mail.html"]
    assert "began before" in "".join(cards[1].itertext())
    assert "began before" not in "".join(cards[2].itertext())
    assert "over after 50 min" in "".join(cards[2].itertext())
    assert "No incident." in "".join(cards[3].itertext())


def test_any_order_of_windows_and_rows_is_the_same_index():
    assert render_index("e", told(DAYS[::-1] + DAYS[:1], s.INCIDENTS[::-1])) == render_index("e", told())


def test_many_windows_are_cut_and_counted_and_none_is_said():
    many = [Window(s.DAY - timedelta(days=n), s.DAY - timedelta(days=n - 1)) for n in range(MOST_WINDOWS + 5)]
    found = told(many)
    assert len(found) == MOST_WINDOWS
    assert "5 older windows" in render_index("e", found, older=5)
    assert "No window has been reported on yet." in render_index("e", [])


def test_names_from_telemetry_stay_text():
    rows = [{**s.INCIDENTS[0], "title": "<script>alert(1)</script>", "incident_id": "../x"}]
    tree = s.tree(render_index("<b>", told(rows=rows)))
    assert not list(tree.iter("script"))
    assert not list(tree.iter("b"))
    assert {a.attrib["href"] for a in tree.iter("a") if a.attrib["href"].startswith((".", "_"))} == {"___x.html"}
