"""Text from telemetry stays text: it cannot become a link, a mention, an image or HTML in a ticket."""

from __future__ import annotations

import re
from collections.abc import Sequence

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]")
_SPECIAL = re.compile(r"([\\`*_\[\]<>|~#!{}])")


def one_line(text: str, *, limit: int = 500) -> str:
    r"""Return text without line breaks, control and direction characters, cut to ``limit`` characters.

    Example:
        >>> one_line("a\r\n\x1b[31mb")
        'a [31mb'
    """
    flat = " ".join(_CONTROL.sub(" ", text).split())
    return flat if len(flat) <= limit else flat[: limit - 1] + "…"


def escape(text: str) -> str:
    r"""Return one line that a Markdown reader shows as it is.

    ``@`` becomes ``(at)``, because systems look for mentions after rendering; addresses of the web lose their link.

    Example:
        >>> escape("see <b>http://x.y</b> @all")
        'see \\<b\\>http\\://x.y\\</b\\> (at)all'
    """
    return _escaped(one_line(text, limit=2000))


def _escaped(flat: str) -> str:
    marked = _SPECIAL.sub(r"\\\1", flat).replace("&", "&amp;")
    return marked.replace("@", "(at)").replace("://", r"\://").replace("www.", r"www\.")


def code(text: str) -> str:
    """Return text as a code span; its own backticks make the fence longer.

    Example:
        >>> code("a`b")
        '``a`b``'
    """
    flat = one_line(text, limit=2000).replace("@", "(at)")
    longest = max((len(run) for run in re.findall(r"`+", flat)), default=0)
    fence = "`" * (longest + 1)
    space = " " if flat.startswith("`") or flat.endswith("`") or not flat else ""
    return f"{fence}{space}{flat}{space}{fence}"


def prose(text: str) -> str:
    """Return a sentence of ours, in which names stand between backticks, safe for Markdown.

    Whatever the names contain: every piece ends up either escaped or in a code span.
    """
    pieces = one_line(text, limit=2000).split("`")
    return "".join(code(p) if i % 2 and i < len(pieces) - 1 else _escaped(p) for i, p in enumerate(pieces) if p)


def bullets(lines: Sequence[str], *, numbered: bool = False) -> str:
    """Return a list, one line an entry."""
    return "\n".join(f"{f'{i}.' if numbered else '-'} {line}" for i, line in enumerate(lines, start=1))
