"""Bodies as Textile and as Markdown in the dialects of Redmine, which also links numbers, names and revisions.

Redmine takes HTML character references for the characters they stand for, and looks for links (``#12``, ``r7``,
``user:x``, ``[[page]]``), macros (``{{…}}``) and mentions (``@x``) in the text itself. So every character that could
begin any of these is written as a reference: it is shown as it is, and means nothing.
"""

from __future__ import annotations

import re

from aiops_jobs.adapters.markup.fitting import written
from aiops_jobs.core.tickets.limits import Limit
from aiops_jobs.core.tickets.richtext import Block, Line, Span, parse

_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
_MEANS = re.compile(
    r"[\\`*+^~%?!@#&<>|=\"()\[\]{}$]"  # marks, links, tables, tags, references
    r"|(?<![0-9A-Za-z])[-_]|[-_](?![0-9A-Za-z])|_"  # a hyphen inside a word marks nothing
    r"|(?<![0-9]):|:(?![0-9])"  # a time of day stays readable; `://` and `user:x` do not link
    r"|(?<=www)\."
    r"|^\s*\w+\."  # `h1.`, `bq.`, `1.` at the beginning of a line
    r"|(?<![0-9A-Za-z])r(?=\d)"  # a revision
    r"|[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]"
)


class TextileRenderer:
    """Writes Textile for Redmine; the limit counts what is sent, references too."""

    def render(self, markdown: str, limit: Limit) -> str:
        """Return the body as Textile, cut so that it holds ``limit``."""
        return "\n".join(written(parse(markdown), _textile, limit)).strip()


class RedmineMarkdownRenderer:
    """Writes Markdown for Redmine (``markdown`` and ``common_mark``); the limit counts what is sent."""

    def render(self, markdown: str, limit: Limit) -> str:
        """Return the body as Markdown, cut so that it holds ``limit``."""
        return "\n".join(written(parse(markdown), _markdown, limit)).strip()


def plain_textile(text: str) -> str:
    """Return one line of text that Redmine shows as it is, in either of its markups.

    Example:
        >>> plain_textile("see #12 at 02:14")
        'see &#35;12 at 02:14'
    """
    return _MEANS.sub(lambda found: "".join(_reference(c) for c in found[0]), text)


def _reference(character: str) -> str:
    if _CONTROL.match(character):
        return " "
    return character if character.isspace() else f"&#{ord(character)};"


def _textile(block: Block) -> str:
    match block.kind:
        case "rule":
            return "---\n"
        case "code":
            shown = ["".join(span.text for span in line) for line in block.lines]
            return "".join(f"{plain_textile(line.strip())}\n" for line in shown if line.strip())
        case "heading":
            return f"h{min(6, max(1, block.level))}. {_line(block.lines[0], _textile_spans)}\n"
        case "bullets" | "numbers":
            mark = "*" if block.kind == "bullets" else "#"
            return "".join(f"{mark} {_line(line, _textile_spans)}\n" for line in block.lines)
    return "".join(f"{_line(line, _textile_spans)}\n" for line in block.lines)


def _markdown(block: Block) -> str:
    match block.kind:
        case "rule":
            return "---\n"
        case "code":
            shown = ["".join(span.text for span in line).strip() for line in block.lines]
            return "".join(f"{plain_textile(line)}  \n" for line in shown if line)
        case "heading":
            return f"{'#' * min(6, max(1, block.level))} {_line(block.lines[0], _markdown_spans)}\n"
        case "bullets" | "numbers":
            mark = "-" if block.kind == "bullets" else "1."
            return "".join(f"{mark} {_line(line, _markdown_spans)}\n" for line in block.lines)
    return "".join(f"{_line(line, _markdown_spans)}  \n" for line in block.lines)


_Marks = dict[str, tuple[str, str]]
_textile_spans: _Marks = {"bold": ("*", "*"), "code": ("@", "@"), "link": ('"', '":{url}')}
_markdown_spans: _Marks = {"bold": ("**", "**"), "code": ("", ""), "link": ("[", "]({url})")}


def _line(line: Line, marks: _Marks) -> str:
    """Return the spans of a line; a mark is set only where the neighbours let it be read as one."""
    told = []
    for place, span in enumerate(line):
        text = plain_textile(span.text.strip() if span.style == "code" else span.text)
        before = line[place - 1].text[-1:] if place else ""
        after = line[place + 1].text[:1] if place + 1 < len(line) else ""
        told.append(_marked(span, text, marks) if _stands_alone(span, before, after) else text)
    return "".join(told)


def _stands_alone(span: Span, before: str, after: str) -> bool:
    is_tight = bool(span.text.strip()) and span.text == span.text.strip()
    return is_tight and not before.isalnum() and (not after or after.isspace() or after in ".,;:!?)")


def _marked(span: Span, text: str, marks: _Marks) -> str:
    if span.style not in marks:
        return text
    opening, closing = marks[span.style]
    if span.style == "code" and opening:  # `@checkout@` would also call the user of that name
        text = text if text.startswith("&#") else f"&#{ord(text[0])};{text[1:]}"
    return f"{opening}{text}{closing.format(url=span.url)}"
