"""Cuts a body to a limit that counts what is *written*: escaping makes a text longer than a reader sees it."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from aiops_jobs.core.tickets.limits import ELLIPSIS, Limit, cut
from aiops_jobs.core.tickets.richtext import Block, Span


def written(blocks: Iterable[Block], write: Callable[[Block], str], limit: Limit) -> list[str]:
    """Return the first blocks as written, as many as hold ``limit`` together, and an ellipsis if any is missing.

    Of the block that does not fit its beginning is kept, as plain text cut between letters, if there is room for it.

    Args:
        blocks: The body.
        write: Writes one block in the markup; what it answers is counted, joined by one character.
    """
    kept: list[str] = []
    left = limit.size
    for block in blocks:
        text = write(block)
        if limit.length(text) + 1 > left:
            return _ended(kept, block, write, Limit(left, limit.unit), limit)
        kept.append(text)
        left -= limit.length(text) + 1
    return kept


def _ended(kept: list[str], block: Block, write: Callable[[Block], str], left: Limit, limit: Limit) -> list[str]:
    beginning = _beginning(block.text, write, left)
    if beginning:
        return [*kept, beginning]
    ending = write(_paragraph(ELLIPSIS))
    while kept and not limit.holds("\n".join([*kept, ending])):
        kept.pop()
    return [*kept, ending] if limit.holds("\n".join([*kept, ending])) else []


def _beginning(text: str, write: Callable[[Block], str], left: Limit) -> str:
    """Return the longest beginning of a text that fits as written, found by halving."""
    low, high, best = 1, min(len(text), left.size), ""
    while low <= high:
        middle = (low + high) // 2
        short = cut(text, Limit(middle))
        told = write(_paragraph(short))
        if _holds(told, left):
            best, low = told if short not in {"", ELLIPSIS} else best, middle + 1
        else:
            high = middle - 1
    return best


def _holds(text: str, left: Limit) -> bool:
    return left.length(text) + 1 <= left.size


def _paragraph(text: str) -> Block:
    return Block("paragraph", tuple((Span(line),) for line in text.splitlines()) or ((Span(text),),))
