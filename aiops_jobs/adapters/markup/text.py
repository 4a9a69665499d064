"""Bodies as plain text, for systems without markup; links to our own pages are written out.

What telemetry said cannot become markup here, but for the tokens of systems that look for them in plain text (a
journal of ServiceNow shows what stands between ``[code]`` and ``[/code]`` as HTML): those are broken by a blank.
Control characters and overrides of the writing direction, with which a text looks like another, are left out.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from aiops_jobs.core.tickets.limits import Limit, cut
from aiops_jobs.core.tickets.richtext import Block, Line, parse

GAP = "\n\n"

_UNSEEN = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufeff\ufffe\uffff]"
)


class TextRenderer:
    """Writes plain text: blocks with an empty line between them.

    Args:
        broken: Tokens in brackets that the system would act upon, without their brackets, such as ``code``.
    """

    def __init__(self, broken: Sequence[str] = ()) -> None:
        names = "|".join(map(re.escape, broken))
        self._token = re.compile(rf"\[(/?(?:{names})\b)", re.IGNORECASE) if names else None

    def render(self, markdown: str, limit: Limit) -> str:
        """Return the body as text, cut between letters so that it holds ``limit``."""
        return cut(self.line(GAP.join(block_text(b) for b in parse(markdown) if b.kind != "rule")), limit)

    def line(self, text: str) -> str:
        """Return text without tokens that a system would act upon and without what cannot be seen."""
        text = _UNSEEN.sub("", text)
        return self._token.sub(r"[ \1", text) if self._token else text


def block_text(block: Block) -> str:
    """Return one block as text, its links written out."""
    lines = [_line(line) for line in block.lines]
    if block.kind == "bullets":
        lines = [f"- {line}" for line in lines]
    elif block.kind == "numbers":
        lines = [f"{number}. {line}" for number, line in enumerate(lines, start=1)]
    return "\n".join(lines)


def _line(line: Line) -> str:
    return "".join(f"{span.text}: {span.url}" if span.url else span.text for span in line)
