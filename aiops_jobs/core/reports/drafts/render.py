"""A draft as Markdown and as HTML; the same draft is the same bytes."""

from __future__ import annotations

from aiops_jobs.core.reports.drafts.model import Citation, Draft, Line, Section
from aiops_jobs.core.reports.markup import Element, Node, el
from aiops_jobs.core.reports.pieces import chip
from aiops_jobs.core.reports.pieces import prose as set_prose
from aiops_jobs.core.reports.shell import document, page_name
from aiops_jobs.core.tickets.markdown import code, escape, prose


def draft_name(incident_id: str, kind: str, suffix: str) -> str:
    """Return the name of the file of a draft.

    Example:
        >>> draft_name("inc-1", "rca", "md")
        'rca-inc-1.md'
    """
    return f"{kind}-" + page_name(incident_id).removesuffix("html") + suffix


def to_markdown(draft: Draft) -> str:
    """Return a draft as Markdown with footnotes; text from telemetry stays text."""
    parts = [f"# {escape(draft.title)}", escape(draft.note), f"[{draft.page_words}]({page_name(draft.incident_id)})"]
    for section in draft.sections:
        lines = [f"- {_line(line)}" for line in section.lines] + [f"- {blank}" for blank in section.blanks]
        parts += [f"## {section.title}", "\n".join(lines)]
    parts += [f"## {draft.sources_title}", "\n".join(f"[^{c.number}]: {code(c.source)}" for c in draft.citations)]
    return "\n\n".join(parts) + "\n"


def _line(line: Line) -> str:
    pieces = []
    for said in line:
        pieces.append(code(said.text) if said.is_name else prose(said.text) if said.citation else said.text)
        if said.citation:
            pieces.append(f"[^{said.citation.number}]")
    return "".join(pieces)


def to_html(draft: Draft) -> str:
    """Return a draft as one page that loads nothing, fit for printing."""
    back = el("p", el("a", draft.page_words, href=page_name(draft.incident_id)), class_="soft")
    head = el(
        "section", el("h1", draft.title), el("p", draft.note, class_="soft small"), class_="card case over", id="draft"
    )
    sources = el(
        "section",
        el("h2", draft.sources_title),
        el("ol", [_source(c) for c in draft.citations], class_="plain small"),
        class_="card",
    )
    body = el("main", head, [_card(section) for section in draft.sections], sources)
    return document(
        draft.title, el("div", back, class_="top"), body, skip_to="draft", skip_words=draft.title, lang=draft.language
    )


def _card(section: Section) -> Element:
    lines = [el("li", [_pieces(line)]) for line in section.lines]
    blanks = [el("li", chip(blank, "warn")) for blank in section.blanks]
    return el("section", el("h2", section.title), el("ul", lines, blanks, class_="plain"), class_="card")


def _pieces(line: Line) -> list[Node]:
    told: list[Node] = []
    for said in line:
        told += [el("code", said.text)] if said.is_name else set_prose(said.text)
        if said.citation:
            told.append(el("sup", el("a", f"[{said.citation.number}]", href=f"#source-{said.citation.number}")))
    return told


def _source(citation: Citation) -> Element:
    return el("li", el("span", citation.source, class_="id"), id=f"source-{citation.number}")
