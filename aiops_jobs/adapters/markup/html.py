"""Bodies as HTML, for mail and for ticket systems that take it: a few tags without attributes, links to our own pages.

Text is escaped where it becomes HTML, so that no tag, no attribute and no entity of a telemetry can come out of it.
"""

from __future__ import annotations

import html
import re

from aiops_jobs.adapters.markup.fitting import written
from aiops_jobs.core.tickets.limits import Limit
from aiops_jobs.core.tickets.richtext import Block, Line, Span, parse

_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
_TAGS = {"bold": "b", "code": "code"}


class HtmlRenderer:
    """Writes a fragment of HTML; the limit counts the fragment as it is sent, tags and entities too."""

    def render(self, markdown: str, limit: Limit) -> str:
        """Return the body as HTML, cut so that it holds ``limit``."""
        return "\n".join(written(parse(markdown), block_html, limit))


def text_html(text: str) -> str:
    """Return text that HTML shows as it is, in an element and in an attribute.

    Example:
        >>> text_html('<b title="x">&')
        '&lt;b title=&quot;x&quot;&gt;&amp;'
    """
    return html.escape(_CONTROL.sub(" ", text), quote=True)


def block_html(block: Block) -> str:
    """Return one block as HTML."""
    lines = [_line(line) for line in block.lines]
    match block.kind:
        case "rule":
            return "<hr>"
        case "heading":
            level = min(6, max(1, block.level))
            return f"<h{level}>{''.join(lines)}</h{level}>"
        case "code":
            return "<pre>" + "\n".join(text_html("".join(s.text for s in line)) for line in block.lines) + "</pre>"
        case "bullets" | "numbers":
            tag = "ul" if block.kind == "bullets" else "ol"
            return f"<{tag}>{''.join(f'<li>{line}</li>' for line in lines)}</{tag}>"
    return f"<p>{'<br>'.join(lines)}</p>"


def _line(line: Line) -> str:
    return "".join(_span(span) for span in line)


def _span(span: Span) -> str:
    text = text_html(span.text)
    if span.style == "link" and span.url:
        return f'<a href="{text_html(span.url)}" rel="noopener noreferrer">{text}</a>'
    tag = _TAGS.get(span.style)
    return f"<{tag}>{text}</{tag}>" if tag else text
