"""Bodies as Markdown for systems that read more into it than Markdown: GitHub above all.

GitHub looks for mentions, references and addresses *after* it has rendered: an escape or an entity does not stop it. A
space of no width inside them does. Code is left alone by it, and by us.
"""

from __future__ import annotations

import re

from aiops_jobs.adapters.markup.fitting import written
from aiops_jobs.core.tickets.limits import Limit
from aiops_jobs.core.tickets.richtext import Block, Line, Span, parse

BREAK = "\u200b"
"""Nothing to see, and no pattern reaches across it."""
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
_SPECIAL = re.compile(r"([\\`*_\[\]|~!{}()$])")
_SEEN_LATER = (
    (re.compile(r"@"), f"@{BREAK}"),  # mentions of people and teams, addresses of mail
    (re.compile(r"#(?=\d)"), f"#{BREAK}"),  # issues, here and in other repositories, with or without `fixes`
    (re.compile(r"\b(GH)-(?=\d)", re.IGNORECASE), rf"\1-{BREAK}"),
    (re.compile(r"://"), f":{BREAK}//"),
    (re.compile(r"\b(www)\.", re.IGNORECASE), rf"\1{BREAK}."),
    (re.compile(r"\b(mailto|xmpp):", re.IGNORECASE), rf"\1{BREAK}:"),
    (re.compile(r":(?=\d*[a-z_+-][\w+-]*:)", re.IGNORECASE), f":{BREAK}"),  # names of pictures
)
_START = re.compile(r"^(\s*)([#>+=-]|\d{1,9}(?=[.)]))")


class GithubMarkdownRenderer:
    """Writes Markdown; the limit counts it as it is sent."""

    def render(self, markdown: str, limit: Limit) -> str:
        """Return the body as Markdown that holds ``limit``."""
        return "\n\n".join(piece.rstrip("\n") for piece in written(parse(markdown), _block, limit))


def text_markdown(text: str) -> str:
    r"""Return text that is shown as it is, wherever in a line it stands.

    Example:
        >>> text_markdown("fixes #1 <b>*").replace("\u200b", "|")
        'fixes #|1 &lt;b&gt;\\*'
    """
    told = _SPECIAL.sub(r"\\\1", _CONTROL.sub(" ", text))
    for pattern, harmless in _SEEN_LATER:
        told = pattern.sub(harmless, told)
    return told.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _block(block: Block) -> str:
    lines = [_line(line) for line in block.lines]
    match block.kind:
        case "rule":
            return "---\n"
        case "heading":
            return f"{'#' * min(6, max(1, block.level))} {''.join(lines)}\n"
        case "code":
            told = _CONTROL.sub(" ", "\n".join("".join(span.text for span in line) for line in block.lines))
            fence = "`" * max(3, 1 + max((len(run) for run in re.findall(r"`+", told)), default=0))
            return f"{fence}\n{told}\n{fence}\n"
        case "bullets":
            return "\n".join(f"- {line}" for line in lines) + "\n"
        case "numbers":
            return "\n".join(f"{number}. {line}" for number, line in enumerate(lines, start=1)) + "\n"
    return " ".join(lines) + "\n"


def _line(line: Line) -> str:
    """Write one line; what would begin a list, a quotation or a heading there is text, too."""
    told = "".join(_span(span) for span in line)
    if line and line[0].style != "text":
        return told
    return _START.sub(lambda found: found[1] + (f"\\{found[2]}" if not found[2].isdigit() else f"{found[2]}\\"), told)


def _span(span: Span) -> str:
    if span.style == "code":
        return _code(span.text)
    text = text_markdown(span.text)
    if span.style == "link" and span.url:
        return f"[{text}]({span.url})"
    inner = text.strip()
    return text.replace(inner, f"**{inner}**") if span.style == "bold" and inner else text


def _code(text: str) -> str:
    told = _CONTROL.sub(" ", text).replace("\n", " ")
    fence = "`" * (1 + max((len(run) for run in re.findall(r"`+", told)), default=0))
    space = " " if told.startswith(("`", " ")) or told.endswith(("`", " ")) or not told else ""
    return f"{fence}{space}{told}{space}{fence}"
