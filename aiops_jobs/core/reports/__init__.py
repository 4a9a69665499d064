"""Pages and summaries of what was found, and whether the data behind it was sound.

facts.py     the tables a page is made of            view.py     what the page says, the verdict first
incidents.py, outlook.py, soundness.py, plotting.py  its parts, as the plain values of model.py
page.py      one self-contained HTML page            summary.py  Markdown and table rows for a workflow's UI
story.py, ledger.py, pieces.py, style.py             its sections and how they look
plots.py, timeline.py, scales.py                     pictures in SVG
markup.py, words.py                                  text that stays text, numbers that people read
"""

from __future__ import annotations

from aiops_jobs.core.reports.facts import Facts
from aiops_jobs.core.reports.model import View
from aiops_jobs.core.reports.page import render_page
from aiops_jobs.core.reports.summary import render_markdown, summary_rows
from aiops_jobs.core.reports.view import SHOWN, build_view

__all__ = ["SHOWN", "Facts", "View", "build_view", "render_markdown", "render_page", "summary_rows"]
