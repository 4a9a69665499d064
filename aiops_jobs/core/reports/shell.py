"""The frame of every page: a self-contained document that loads nothing, runs nothing and sends nothing."""

from __future__ import annotations

from aiops_jobs.core.reports.markup import Node, el, render
from aiops_jobs.core.reports.pieces import hatch
from aiops_jobs.core.reports.style import stylesheet

POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
"""Nothing is loaded, nothing runs, nothing is sent."""
INDEX = "index.html"


def document(title: str, *content: Node, skip_to: str, skip_words: str, lang: str = "en") -> str:
    """Return a page as HTML that is well-formed XML too; all text in it is escaped.

    Args:
        title: What the window of a browser says.
        content: What stands in its body.
        skip_to: Anchor that a keyboard can jump to at once.
        skip_words: What is there.
        lang: Language of the text.
    """
    head = el(
        "head",
        el("meta", charset="utf-8"),
        el("meta", http_equiv="Content-Security-Policy", content=POLICY),
        el("meta", name="viewport", content="width=device-width, initial-scale=1"),
        el("meta", name="referrer", content="no-referrer"),
        el("meta", name="color-scheme", content="light dark"),
        el("title", title),
        el("style", stylesheet()),
    )
    skip = el("a", skip_words, href=f"#{skip_to}", class_="skip")
    body = el("body", skip, hatch(), *content)
    return "<!DOCTYPE html>\n" + render(el("html", head, body, lang=lang)) + "\n"


def page_name(incident_id: str) -> str:
    """Return the name of the file with the page of an incident; ids are letters, digits and dashes."""
    return "".join(c if c.isascii() and (c.isalnum() or c == "-") else "_" for c in incident_id) + ".html"
