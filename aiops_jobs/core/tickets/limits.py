"""Cutting a text to what another system takes, in that system's unit, never inside a letter.

What a reader sees as one letter may be several code points (a Hangul syllable of jamo, an emoji of a family, a letter
with accents) and each of them several bytes. Boundaries follow the main rules of Unicode Standard Annex 29 (extended
grapheme clusters), written out for the cases that occur; they never split a code point.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass

ELLIPSIS = "…"
_JOINER = "\u200d"
_UNITS = ("chars", "bytes", "utf16")


@dataclass(frozen=True, slots=True)
class Limit:
    """The longest text a system takes.

    Args:
        size: How many units.
        unit: ``chars`` (Unicode code points), ``bytes`` (of UTF-8) or ``utf16`` (code units, as Java and JavaScript
            count).
    """

    size: int
    unit: str = "chars"

    def __post_init__(self) -> None:
        """Refuse a unit nobody counts in."""
        if self.unit not in _UNITS:
            raise ValueError(f"`{self.unit}` is no unit of length; use one of {', '.join(_UNITS)}.")

    def length(self, text: str) -> int:
        """Return how long ``text`` is in this unit."""
        if self.unit == "bytes":
            return len(text.encode("utf-8", errors="replace"))
        if self.unit == "utf16":
            return len(text) + sum(c > "\uffff" for c in text)
        return len(text)

    def holds(self, text: str) -> bool:
        """Tell whether ``text`` fits."""
        return self.length(text) <= self.size


def cut(text: str, limit: Limit, *, ending: str = ELLIPSIS) -> str:
    """Return ``text`` if it fits, else its longest beginning of whole letters with ``ending`` behind it.

    Example:
        >>> cut("결제 지연", Limit(11, "bytes"))
        '결제…'
    """
    if limit.holds(text):
        return text
    if limit.length(ending) > limit.size:
        ending = ""
    room, used, kept = limit.size - limit.length(ending), 0, 0
    if limit.unit == "chars":  # the place is known: only the letter it may stand in is looked at
        kept = next((place for place in range(room, 0, -1) if _is_boundary(text, place)), 0)
        return text[:kept].rstrip() + ending
    for place, character in enumerate(text):
        used += limit.length(character)
        if used > room:
            break
        if place + 1 == len(text) or _is_boundary(text, place + 1):
            kept = place + 1
    return text[:kept].rstrip() + ending


def _is_boundary(text: str, place: int) -> bool:
    """Tell whether a new letter begins at ``place``."""
    before, after = text[place - 1], text[place]
    if (before, after) == ("\r", "\n"):
        return False
    if _JOINER in (before, after) or _extends(after):
        return False
    if _is_regional(before) and _is_regional(after):
        run = 0
        while run < place and _is_regional(text[place - 1 - run]):
            run += 1
        return run % 2 == 0
    return (_hangul(before), _hangul(after)) not in _JOINED


def _extends(character: str) -> bool:
    return unicodedata.category(character) in {"Mn", "Me", "Mc"} or "\U0001f3fb" <= character <= "\U0001f3ff"


def _is_regional(character: str) -> bool:
    return "\U0001f1e6" <= character <= "\U0001f1ff"


_JOINED = {(a, b) for a, after in {"L": "LVS", "S": "VT", "V": "VT", "T": "T"}.items() for b in after}
"""Parts of a Hangul letter that stay together: leading, vowel, trailing jamo, whole syllable."""


def _hangul(character: str) -> str:
    if "\uac00" <= character <= "\ud7a3":
        return "S"
    if not "\u1100" <= character <= "\u11ff":
        return ""
    return "L" if character <= "\u115f" else "V" if character <= "\u11a7" else "T"
