"""Bodies in Jira's wiki markup, which Jira Data Center reads: every character that could mean something is an entity.

The markup has no reliable escape of its own: a backslash helps with some characters only. A numeric entity is shown as
its character, and none of the markup's patterns (a macro, a mention, an address, the key of an issue) sees it.
"""

from __future__ import annotations

import re

from aiops_jobs.adapters.markup.fitting import written
from aiops_jobs.core.tickets.limits import Limit
from aiops_jobs.core.tickets.richtext import Block, Line, Span, parse

_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
_SPECIAL = re.compile(
    r"[&<>{}\[\]()*+^~?!|#@\\\"';]"  # macros, links, mentions, images, tables, emphasis, smileys
    r"|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])"  # emphasis needs a boundary; names with underscores stay readable
    r"|(?<![A-Za-z0-9])-|-(?![A-Za-z0-9])|(?<=[A-Z])-(?=\d)|(?<=[A-Z][A-Z0-9_])-(?=\d)"  # rules, dashes, keys of issues
    r"|:(?=//|[DPp])|(?<=mailto):|(?<=www)\.|(?<=WWW)\."
)
_START = re.compile(r"^(\s*(?:h[1-6]|bq))\.", re.IGNORECASE)
_NOFORMAT = re.compile(r"\{(?=noformat)", re.IGNORECASE)
_MARKS = {"bullets": "*", "numbers": "#"}


class JiraWikiRenderer:
    """Writes wiki markup; the limit counts the markup as it is sent, entities too."""

    def render(self, markdown: str, limit: Limit) -> str:
        """Return the body as wiki markup that holds ``limit``."""
        return "\n".join(written(parse(markdown), _block, limit))


def text_wiki(text: str) -> str:
    """Return one line that the wiki shows as it is.

    Example:
        >>> text_wiki("[~kim] {code} db_01 a-b OPS-12")
        '&#91;&#126;kim&#93; &#123;code&#125; db_01 a-b OPS&#45;12'
    """
    return _START.sub(r"\1&#46;", _SPECIAL.sub(lambda found: f"&#{ord(found[0])};", _CONTROL.sub(" ", text)))


def _block(block: Block) -> str:
    lines = [_line(line) for line in block.lines]
    match block.kind:
        case "rule":
            return "----\n"
        case "heading":
            return f"h{min(6, max(1, block.level))}. {''.join(lines)}\n"
        case "code":
            told = "\n".join("".join(span.text for span in line) for line in block.lines)
            return "{noformat}\n" + _NOFORMAT.sub("{\u200b", _CONTROL.sub(" ", told)) + "\n{noformat}\n"
        case "bullets" | "numbers":
            return "\n".join(f"{_MARKS[block.kind]} {line}" for line in lines) + "\n"
    return " ".join(lines) + "\n"


def _line(line: Line) -> str:
    return "".join(_span(span) for span in line)


def _span(span: Span) -> str:
    text = text_wiki(span.text)
    if span.style == "link" and span.url:
        url = span.url.replace("|", "%7C").replace("]", "%5D").replace("[", "%5B").replace("{", "%7B")
        return f"[{text}|{url}]"
    if not text.strip():
        return text
    if span.style == "code":
        return "{{" + text + "}}"
    return f"*{text}*" if span.style == "bold" else text
