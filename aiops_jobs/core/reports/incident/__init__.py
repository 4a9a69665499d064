"""The page of one incident.

build.py     what it says, from the tables          model.py     that, as plain values
around.py    what its map shows                     placing.py   where each item stands; drawing.py  the picture
page.py      headline and what to do now            causes.py, sections.py  the rest, section by section
"""

from __future__ import annotations

from aiops_jobs.core.reports.incident.build import build_pages
from aiops_jobs.core.reports.incident.page import render_incident

__all__ = ["build_pages", "render_incident"]
