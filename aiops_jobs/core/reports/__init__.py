"""Pages and summaries of what was found, and whether the data behind it was sound.

facts.py     the tables a page is made of            view.py     what the page says, the verdict first
incidents.py, outlook.py, soundness.py, plotting.py  its parts, as the plain values of model.py
page.py      one self-contained HTML page            summary.py  Markdown and table rows for a workflow's UI
story.py, noise.py, ledger.py, pieces.py, style.py   its sections and how they look; shell.py  the frame of any page
incident/    the page of one incident                index.py    all windows and incidents, the latest first
funnel.py    how much noise people were spared       phrases.py  the words of the newer pages, for a translation
plots.py, timeline.py, lanes.py, scales.py           pictures in SVG
markup.py, words.py                                  text that stays text, numbers that people read
"""

from __future__ import annotations

from aiops_jobs.core.reports.facts import Facts
from aiops_jobs.core.reports.incident import build_pages, render_incident
from aiops_jobs.core.reports.index import build_index, render_index, report_name
from aiops_jobs.core.reports.model import View
from aiops_jobs.core.reports.page import render_page
from aiops_jobs.core.reports.shell import INDEX, page_name
from aiops_jobs.core.reports.summary import render_markdown, summary_rows
from aiops_jobs.core.reports.view import SHOWN, build_view

__all__ = [
    "INDEX",
    "SHOWN",
    "Facts",
    "View",
    "build_index",
    "build_pages",
    "build_view",
    "page_name",
    "render_incident",
    "render_index",
    "render_markdown",
    "render_page",
    "report_name",
    "summary_rows",
]
