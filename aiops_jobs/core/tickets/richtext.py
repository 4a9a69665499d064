r"""The Markdown our drafts use, read into blocks and spans, so that each system's markup is written from text.

A renderer walks the blocks and puts every `Span.text` where its system takes *text* (a JSON text node, an escaped
string). What telemetry said arrives here escaped (see `markdown`) and leaves as the characters it was: it cannot become
markup on the way.

The subset: ``#`` headings, paragraphs, ``-`` and ``1.`` lists, ``---`` rules, fenced code; in a line ``**bold**``, code
spans, ``[text](https://…)`` links to our own pages, and ``\`` before a character that is to stay itself.
"""

from __future__ import annotations

import html
import itertools
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from aiops_jobs.core.tickets.limits import ELLIPSIS, Limit, cut

_HEADING = re.compile(r"(#{1,6}) +(.*)")
_BULLET = re.compile(r"[-*] +(.*)")
_NUMBER = re.compile(r"\d{1,9}[.)] +(.*)")
_FENCE = re.compile(r"(`{3,}|~{3,})[^`]*")
_CODE = re.compile(r"(`+)(.+?)(?<!`)\1(?!`)")
_LINK = re.compile(r"\[((?:\\.|[^\[\]\\])*)\]\((https?://[^\s()<>]+)\)")
_ENTITY = re.compile(r"&(?:amp|lt|gt|quot|#\d{1,7});")


@dataclass(frozen=True, slots=True)
class Span:
    """A piece of a line, as the characters a reader sees."""

    text: str
    style: str = "text"
    """text | bold | code | link"""
    url: str | None = None


Line = tuple[Span, ...]


@dataclass(frozen=True, slots=True)
class Block:
    """One block of a body."""

    kind: str
    """paragraph | heading | bullets | numbers | rule | code"""
    lines: tuple[Line, ...] = ()
    """The line of a paragraph or heading, the items of a list, the lines of a code block."""
    level: int = 0
    """Of a heading, 1 to 6."""

    @property
    def text(self) -> str:
        """The block as plain text, a line each."""
        lines = ["".join(span.text for span in line) for line in self.lines]
        if self.kind == "bullets":
            lines = [f"- {line}" for line in lines]
        elif self.kind == "numbers":
            lines = [f"{number}. {line}" for number, line in enumerate(lines, start=1)]
        return "\n".join(lines)


def parse(markdown: str) -> list[Block]:
    r"""Return the blocks of a body.

    Example:
        >>> [b.kind for b in parse("# Head\n\nwhat **is**\n\n- `a`\n- b")]
        ['heading', 'paragraph', 'bullets']
    """
    blocks: list[Block] = []
    lines = markdown.splitlines()
    place = 0
    while place < len(lines):
        line = lines[place].strip()
        fence = _FENCE.fullmatch(line)
        if fence:
            end = next((i for i in range(place + 1, len(lines)) if lines[i].strip() == fence[1]), len(lines))
            blocks.append(Block("code", tuple((Span(text, "code"),) for text in lines[place + 1 : end])))
            place = end + 1
            continue
        place += 1
        if line:
            _add(blocks, line, follows=place > 1 and bool(lines[place - 2].strip()))
    return blocks


def _add(blocks: list[Block], line: str, *, follows: bool) -> None:
    """Add one line: to the block before it where it ``follows`` without a blank line, else as a new one."""
    if re.fullmatch(r"-{3,}|_{3,}|\*{3,}", line):
        blocks.append(Block("rule"))
        return
    heading = _HEADING.fullmatch(line)
    if heading:
        blocks.append(Block("heading", (spans(heading[2]),), level=len(heading[1])))
        return
    for kind, pattern in (("bullets", _BULLET), ("numbers", _NUMBER)):
        item = pattern.fullmatch(line)
        if item:
            if blocks and blocks[-1].kind == kind:
                blocks[-1] = replace(blocks[-1], lines=(*blocks[-1].lines, spans(item[1])))
            else:
                blocks.append(Block(kind, (spans(item[1]),)))
            return
    if follows and blocks and blocks[-1].kind in {"paragraph", "bullets", "numbers"}:
        *first, last = blocks[-1].lines
        blocks[-1] = replace(blocks[-1], lines=(*first, (*last, Span(" "), *spans(line))))
    else:
        blocks.append(Block("paragraph", (spans(line),)))


def spans(line: str) -> Line:
    r"""Return the pieces of one line.

    Example:
        >>> [(s.text, s.style) for s in spans(r"a \*b\* **c** `d*`")]
        [('a *b* ', 'text'), ('c', 'bold'), (' ', 'text'), ('d*', 'code')]
    """
    return tuple(_merged(_pieces(line, "text")))


def _pieces(line: str, style: str) -> Iterator[Span]:
    place = 0
    while place < len(line):
        here, after = line[place], line[place + 1 : place + 2]
        code = _CODE.match(line, place) if here == "`" else None
        link = _LINK.match(line, place) if here == "[" else None
        bold = _bold(line, place) if here == "*" and style == "text" else None
        if here == "\\" and after and not after.isalnum() and not after.isspace():
            yield Span(after, style)
            place += 2
        elif code:
            yield Span(_trimmed(code[2]), "code")
            place = code.end()
        elif link:
            yield Span("".join(s.text for s in spans(link[1])), "link", link[2])
            place = link.end()
        elif bold is not None:
            yield from _pieces(bold, "bold")
            place += len(bold) + 4
        else:
            entity = _ENTITY.match(line, place) if here == "&" else None
            yield Span(html.unescape(entity[0]) if entity else here, style)
            place = entity.end() if entity else place + 1


def _bold(line: str, begin: int) -> str | None:
    """Return what stands between ``**`` at ``begin`` and the next ``**`` that is not escaped."""
    if not line.startswith("**", begin):
        return None
    place = begin + 2
    while place < len(line) - 1:
        if line[place] == "\\":
            place += 2
            continue
        code = _CODE.match(line, place) if line[place] == "`" else None
        if code:
            place = code.end()
        elif line.startswith("**", place):
            return line[begin + 2 : place] or None
        else:
            place += 1
    return None


def _trimmed(code: str) -> str:
    is_padded = len(code) > 2 and code[0] == code[-1] == " " and code.strip()
    return code[1:-1] if is_padded else code


def _merged(pieces: Iterator[Span]) -> Iterator[Span]:
    for (style, url), run in itertools.groupby(pieces, key=lambda piece: (piece.style, piece.url)):
        if style == "code":
            yield from run
        else:
            yield Span("".join(piece.text for piece in run), style, url)


def plain(blocks: Sequence[Block]) -> str:
    """Return blocks as plain text, for a system without markup."""
    return "\n\n".join(b.text for b in blocks if b.kind != "rule")


def fitted(blocks: Sequence[Block], limit: Limit, *, overhead: int = 0) -> list[Block]:
    """Return the first blocks whose plain text fits, and an ellipsis; of a first block that is too long, its beginning.

    Args:
        overhead: Units of markup that the renderer spends on each block.
    """
    needs = [limit.length(block.text) + overhead for block in blocks]
    if sum(needs) <= limit.size:
        return list(blocks)
    ending = Block("paragraph", ((Span(ELLIPSIS),),))
    left = limit.size - limit.length(ELLIPSIS) - overhead
    kept: list[Block] = []
    for block, need in zip(blocks, needs, strict=True):
        if need > left:
            break
        kept.append(block)
        left -= need
    if kept:
        return [*kept, ending]
    short = cut(blocks[0].text, Limit(max(0, limit.size - overhead), limit.unit))
    return [Block("paragraph", ((Span(short),),))] if short not in {"", ELLIPSIS} else []
