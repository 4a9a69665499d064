"""Drafts for people to finish: an RCA report and a postmortem of one incident, every number with its source.

words.py   what they say in each language     model.py    sections, lines, citations
build.py   from rows to lines                 render.py   to Markdown and to HTML
"""

from __future__ import annotations

from aiops_jobs.core.reports.drafts.build import KINDS, build_draft
from aiops_jobs.core.reports.drafts.render import draft_name, to_html, to_markdown

__all__ = ["KINDS", "build_draft", "draft_name", "to_html", "to_markdown"]
