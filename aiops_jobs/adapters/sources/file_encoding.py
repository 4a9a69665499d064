"""Finds out how a text file is encoded and turns it into UTF-8; never guesses silently, never loses a whole file.

The order is: what the settings say, a byte order mark, UTF-8, CP949 (Korean Windows) by strict trial. A file that has
shown valid UTF-8 beyond ASCII is UTF-8; a line of it that is not is put aside alone.
"""

from __future__ import annotations

import codecs

from aiops_jobs.adapters.sources.file_pieces import RAW_CHARACTERS

UTF8 = "utf-8"
TRIED = "cp949"
_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF8, UTF8),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)


class Encoding:
    """What is known about a file's encoding, block after block.

    Args:
        name: As declared, or found out before; none where it is still open (all was ASCII so far).
    """

    def __init__(self, name: str | None) -> None:
        self.name = codecs.lookup(name).name if name else None

    def mark_of(self, head: bytes) -> int:
        """Return the length of the byte order mark at the begin of a file, and believe it."""
        for mark, name in _MARKS:
            if head.startswith(mark):
                self.name = name
                return len(mark)
        return 0

    def to_utf8(self, raw: bytes) -> tuple[bytes, dict[int, tuple[str, str]]]:
        """Return a block of whole lines in UTF-8, and why each unreadable line (by position) became empty.

        UTF-16 and UTF-32 have been made UTF-8 before they were cut into lines.
        """
        if raw.isascii() or (self.name or "").startswith(("utf-16", "utf-32")):
            return raw, {}
        if self.name in {None, UTF8}:
            try:
                raw.decode(UTF8)
            except UnicodeDecodeError:
                self.name = self.name or _tried(raw)
            else:
                self.name = UTF8
                return raw, {}
        return _line_by_line(raw, self.name or UTF8)


def _tried(raw: bytes) -> str:
    """Decide between UTF-8 with broken lines and CP949."""
    beyond_ascii = [line for line in raw.split(b"\n") if not line.isascii()]
    if any(_reads(line, UTF8) for line in beyond_ascii):
        return UTF8
    return TRIED if all(_reads(line, TRIED) for line in beyond_ascii) else UTF8


def _reads(line: bytes, encoding: str) -> bool:
    try:
        line.decode(encoding)
    except UnicodeDecodeError:
        return False
    return True


def _line_by_line(raw: bytes, encoding: str) -> tuple[bytes, dict[int, tuple[str, str]]]:
    try:
        return raw.decode(encoding).encode(), {}
    except UnicodeDecodeError:
        pass  # some line is broken: find it
    lines, unreadable = raw.split(b"\n"), {}
    for index, line in enumerate(lines):
        try:
            lines[index] = line.decode(encoding).encode()
        except UnicodeDecodeError as error:
            shown = line.decode(encoding, errors="backslashreplace")[:RAW_CHARACTERS]
            unreadable[index] = (f"byte {error.start + 1} of the line is no {encoding}: {error.reason}", shown)
            lines[index] = b""
    return b"\n".join(lines), unreadable
