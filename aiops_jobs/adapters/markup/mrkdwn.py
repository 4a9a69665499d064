"""Bodies as Slack's Block Kit: sections of ``mrkdwn`` in which telemetry can mention nobody and make no link.

Slack reads ``&``, ``<`` and ``>`` as control characters (mentions, links, dates) and knows no way to escape its styles
(``*bold*``), so that these two are told apart: control characters become entities, as Slack asks; a style character at
the edge of a word becomes its look-alike, because there and only there Slack would take it away. Sections are
``verbatim``: Slack makes no link out of an address it finds in them.

Limits: 3000 characters a section, 50 blocks a message; for the sum there is one of about 13 200 that no page names
(``msg_blocks_too_long``). They are counted in UTF-16 units of what is sent, the strictest reading.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

from aiops_jobs.core.tickets.limits import ELLIPSIS, Limit, cut
from aiops_jobs.core.tickets.richtext import Block, Line, Span, parse

SECTION = Limit(3000, "utf16")
MOST_SECTIONS = 40
"""Of a body; a message has room for 50 blocks."""
FENCE = "```"
ROOM_TO_END = 12
"""Units kept back for an ellipsis with what joins it."""
JOINT = "\n"

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ud800-\udfff]")
_STYLE = re.compile(r"(?<![^\W_])[*_~]+|[*_~]+(?![^\W_])")
_EMOJI = re.compile(r":(?=[a-z_+-][a-z0-9_+-]{0,60}:|100:)")
_LOOK_ALIKE = str.maketrans({"*": "∗", "_": "ˍ", "~": "∼"})
_NO_TICK = str.maketrans({"`": "ˋ"})
_ENTITIES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})


class MrkdwnRenderer:
    """Writes a list of ``section`` and ``divider`` blocks; the limit counts the texts of all of them."""

    def render(self, markdown: str, limit: Limit) -> list[dict[str, Any]]:
        """Return the body as blocks, cut so that their texts hold ``limit``."""
        page = _Page(limit)
        for block in parse(markdown):
            if not page.add(block):
                break
        return page.blocks()


def entities(text: str) -> str:
    """Return text in which Slack finds no control character; what it looks like stays.

    Example:
        >>> entities("<!channel> & <@U1>")
        '&lt;!channel&gt; &amp; &lt;@U1&gt;'
    """
    return _CONTROL.sub(" ", text).translate(_ENTITIES)


def literal(text: str) -> str:
    """Return text that ``mrkdwn`` shows as it is: no mention, no link, no style, no emoji.

    Example:
        >>> literal("<!here> *up* node_cpu_seconds")
        '&lt;!here&gt; ∗up∗ node_cpu_seconds'
    """
    flat = _EMOJI.sub("꞉", _STYLE.sub(lambda run: run[0].translate(_LOOK_ALIKE), text.translate(_NO_TICK)))
    return entities("＞" + flat[1:] if flat.startswith(">") else flat)


def shortened(text: str, limit: Limit, write: Callable[[str], str] = entities) -> str:
    """Return text as ``write`` tells it, its beginning cut between letters so that what is sent holds ``limit``."""
    size = limit.size
    while size > 0:
        told = write(cut(text, Limit(size, limit.unit)))
        if limit.holds(told):
            return told
        size -= max(1, (limit.length(told) - limit.size + 4) // 5)
    return ""


def section(text: str) -> dict[str, Any]:
    """Return a section with ``mrkdwn`` that was made safe before."""
    return {"type": "section", "text": {"type": "mrkdwn", "text": text, "verbatim": True}}


class _Page:
    """Sections being filled line by line."""

    def __init__(self, limit: Limit) -> None:
        self._left, self._unit = limit.size - ROOM_TO_END, limit.unit
        self._parts: list[str | None] = []
        """Texts of the sections; None is a divider."""

    def add(self, block: Block) -> bool:
        """Write a block; tell whether all of it had room."""
        if block.kind == "rule":
            if self._parts and self._parts[-1] is not None:
                self._parts.append(None)
            return len(self._parts) < MOST_SECTIONS
        is_code = block.kind == "code"
        begins = True
        for source, text in zip(block.lines, _lines(block), strict=True):
            if not self._put(text, is_code=is_code, begins=begins):
                self._put_beginning(source, is_code=is_code, begins=begins)
                if self._left < SECTION.size or len(self._parts) >= MOST_SECTIONS:
                    return False
            begins = False
        return True

    def blocks(self) -> list[dict[str, Any]]:
        while self._parts and self._parts[-1] is None:
            self._parts.pop()
        return [{"type": "divider"} if part is None else section(part) for part in self._parts]

    def _put(self, text: str, *, is_code: bool, begins: bool) -> bool:
        """Put one line where it has room: at the end of the last section, or in a new one."""
        last = self._parts[-1] if self._parts else None
        longer = text if last is None else _joined(last, text, is_code=is_code, begins=begins)
        if last is not None and SECTION.holds(longer):
            return self._take(longer, instead_of=last)
        fresh = f"{FENCE}\n{text}\n{FENCE}" if is_code else text
        if len(self._parts) >= MOST_SECTIONS or not SECTION.holds(fresh):
            return False
        return self._take(fresh, instead_of=None)

    def _take(self, text: str, *, instead_of: str | None) -> bool:
        count = Limit(self._left, self._unit).length
        more = count(text) - (count(instead_of) if instead_of is not None else 0)
        if more > self._left:
            return False
        self._left -= more
        if instead_of is None:
            self._parts.append(text)
        else:
            self._parts[-1] = text
        return True

    def _put_beginning(self, line: Line, *, is_code: bool, begins: bool) -> None:
        """Put the beginning of a line that has no room as a whole, or at least an ellipsis."""
        is_end = self._left < SECTION.size or len(self._parts) >= MOST_SECTIONS
        text = "".join(span.text for span in line)
        size = min(len(text) - 1, self._left, SECTION.size)
        while size > len(ELLIPSIS):
            short = cut(text, Limit(size))
            if self._put(_code(short) if is_code else literal(short), is_code=is_code, begins=begins):
                return
            size = size * 3 // 4
        self._left += ROOM_TO_END if is_end else 0
        self._put(ELLIPSIS, is_code=is_code, begins=begins)


def _joined(last: str, text: str, *, is_code: bool, begins: bool) -> str:
    if is_code and not begins and last.endswith(f"\n{FENCE}"):
        return f"{last.removesuffix(FENCE)}{text}\n{FENCE}"
    if is_code:
        return f"{last}{JOINT}{FENCE}\n{text}\n{FENCE}"
    return f"{last}{JOINT * 2 if begins else JOINT}{text}"


def _lines(block: Block) -> Iterator[str]:
    for number, line in enumerate(block.lines, start=1):
        if block.kind == "code":
            yield _code("".join(span.text for span in line))
            continue
        text = "".join(_span(span) for span in line)
        match block.kind:
            case "heading":
                yield _bold("".join(span.text for span in line))
            case "bullets":
                yield f"• {text}"
            case "numbers":
                yield f"{number}. {text}"
            case _:
                yield text


def _span(span: Span) -> str:
    match span.style:
        case "bold":
            return _bold(span.text)
        case "code":
            return f"`{_code(span.text)}`" if span.text.strip() else span.text
        case "link" if span.url:
            return f"<{_address(span.url)}|{literal(span.text).replace('|', '¦') or ELLIPSIS}>"
    return literal(span.text)


def _bold(text: str) -> str:
    return f"*{literal(text.strip())}*" if text.strip() else text


def _code(text: str) -> str:
    return entities(text.translate(_NO_TICK))


def _address(url: str) -> str:
    """Return an address that stays within its angle brackets."""
    return entities(url).replace("|", "%7C").replace(" ", "%20")
