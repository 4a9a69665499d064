"""What people said of the incidents of the last weeks, and how long they waited, on the page of a window."""

from dataclasses import replace

import report_sample as s

from aiops_jobs.core.feedback.durations import Spread
from aiops_jobs.core.feedback.outcomes import Figures
from aiops_jobs.core.reports.figures import figures_section
from aiops_jobs.core.reports.markup import render

NOTHING = Spread(0, None, None, None)


def told(figures):
    return " ".join("".join(s.tree(render(figures_section(figures))).itertext()).split())


def test_shares_and_times_stand_with_how_many_they_rest_on():
    hours = Spread(3, 7200.0, 3600.0, 14400.0)
    words = told(Figures(5, Spread(4, 60.0, 60.0, 60.0), NOTHING, hours, {"false": 1, "true": 3}))
    assert "4 of 5 incidents of the last four weeks have a verdict: 1 false alarms (25 %), 3 real (75 %)." in words
    assert "to acknowledge (MTTA)not knownnot knownnot known0" in words.replace(" (MTTA) ", " (MTTA)")
    assert "to resolve (MTTR)2 h1 h4 h3" in words


def test_before_anything_is_known_the_page_says_so():
    assert "nobody has said" in told(Figures(0, NOTHING, NOTHING, NOTHING, {}))


def test_the_page_of_a_window_knows_what_was_known_then():
    now, then = s.view().figures, s.view(as_of=s.at(6)).figures
    assert (now.verdicts, now.resolve.mean_s) == ({"true": 1}, 7200.0)
    assert (then.verdicts, then.resolve.mean_s, then.acknowledge.mean_s) == ({}, None, 1500.0)
    assert s.view(replace(s.facts(), tables={})).figures.incidents == 0
