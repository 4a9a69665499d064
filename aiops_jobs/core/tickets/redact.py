"""Personal data and secrets are taken out of text before it is stored in a ticket or sent anywhere.

All patterns are RE2 (linear time) and run on whole columns; only card numbers need a second look (Luhn) at the few rows
that hold a candidate. Text is compared in NFKC without invisible characters, since ``kim<zero width>@x.com`` and
full-width digits would slip through otherwise.
"""

from __future__ import annotations

import re
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from aiops_jobs.contracts.table import Table

INVISIBLE = r"[\x{00AD}\x{200B}-\x{200F}\x{202A}-\x{202E}\x{2060}-\x{2069}\x{FEFF}]"
_DATE = r"\d{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])"
_WORDS = r"password|passwd|pwd|passphrase|secret|token|api[_-]?key|access[_-]?key|private[_-]?key|비밀번호|암호"

# pattern, replacement; in this order: what contains others comes first
PATTERNS: tuple[tuple[str, str], ...] = (
    (r"(?s)-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|$)", "[secret]"),
    (r"\beyJ[A-Za-z0-9_-]{5,}\.[A-Za-z0-9_-]{5,}(?:\.[A-Za-z0-9_-]*)?", "[secret]"),
    (r"(?i)\b(bearer|basic|digest|negotiate)\s+[A-Za-z0-9._~+/-]{6,}=*", r"\1 [secret]"),
    (r"\b(?:AKIA|ASIA|AGPA|AIDA|AROA)[0-9A-Z]{16}\b", "[secret]"),
    (r"\b(?:gh[pousr]_[A-Za-z0-9]{20,}|github_pat_\w{20,}|glpat-[\w-]{16,}|xox[abeoprs]-[\w-]{10,})", "[secret]"),
    (r"\b(?:sk|pk|rk)_(?:live|test)_[A-Za-z0-9]{8,}|\bAIza[\w-]{30,}", "[secret]"),
    (r"(?i)\b([a-z][a-z0-9+.-]*://)[^\s/:@]+:[^\s/@]+@", r"\1[secret]@"),
    (
        r"""(?i)((?:[a-z0-9_.-]*(?:""" + _WORDS + r""")(?:[_-](?:id|key))?)["']?\s*[:=]\s*["']?)[^\s"',;&)\]\[}{]+""",
        r"\1[secret]",
    ),
    (r"(?i)[\p{L}0-9._%+-]+@[\p{L}0-9-]+(?:\.[\p{L}0-9-]+)+", "[email]"),
    (r"\b" + _DATE + r"\s?-\s?[1-8]\d{6}\b", "[rrn]"),
    (
        r"(?i)((?:주민(?:등록)?번호|외국인등록번호|\brrn\b|resident (?:registration )?(?:no|number))\D{0,10})\d{13}\b",
        r"\1[rrn]",
    ),
    (r"\+82[ .-]?\(?0?\)?(?:1[016789]|2|[3-6][1-5]|70)[ .-]?\d{3,4}[ .-]?\d{4}\b", "[phone]"),
    (r"\b01[016789][ .-]?\d{3,4}[ .-]?\d{4}\b", "[phone]"),
    (r"\b0(?:2|[3-6][1-5]|70)[ .-]\d{3,4}[ .-]\d{4}\b|\(0(?:2|[3-6][1-5]|70)\)\s?\d{3,4}[ .-]\d{4}\b", "[phone]"),
    (r"\+[1-9]\d{0,2}[ .-]\(?\d{1,4}\)?[ .-]\d{3,4}[ .-]?\d{3,4}\b", "[phone]"),
)
_CARD = r"\b[3-6]\d{3}[ -]?(?:\d[ -]?){9,14}\d\b"
_CARD_HERE = re.compile(_CARD)


def redact(values: pa.ChunkedArray | pa.Array) -> pa.Array:
    """Return texts without personal data and secrets; nulls stay null, order stays."""
    chunked = values if isinstance(values, pa.ChunkedArray) else pa.chunked_array([values])
    if pa.types.is_dictionary(chunked.type):
        chunked = chunked.cast(chunked.type.value_type)
    texts = pc.replace_substring_regex(pc.utf8_normalize(chunked, form="NFKC"), INVISIBLE, "")
    texts = _without_cards(texts)
    for pattern, replacement in PATTERNS:
        texts = pc.replace_substring_regex(texts, pattern, replacement)
    return _joined(texts)


def redact_text(text: str) -> str:
    """Return one text without personal data and secrets.

    Example:
        >>> redact_text("login of kim@example.com with password=hunter2")
        'login of [email] with password=[secret]'
    """
    return str(redact(pa.array([text], pa.string()))[0])


def redact_columns(table: Table, rows: pa.Table) -> pa.Table:
    """Return rows of a table with every column the contract calls sensitive redacted."""
    for column in table.columns:
        if column.sensitive and column.name in rows.column_names:
            rows = rows.set_column(rows.column_names.index(column.name), column.name, redact(rows[column.name]))
    return rows


def _without_cards(texts: Any) -> Any:
    """Replace card numbers: candidates by pattern, verdict by checksum."""
    suspect = pc.fill_null(pc.match_substring_regex(texts, _CARD), False)
    if not pc.any(suspect).as_py():
        return texts
    mended = [_CARD_HERE.sub(_card_or_not, text) for text in texts.filter(suspect).to_pylist()]
    return pc.replace_with_mask(_joined(texts), _joined(suspect), pa.array(mended, pa.string()))


def _joined(values: Any) -> pa.Array:
    joined = values.combine_chunks() if isinstance(values, pa.ChunkedArray) else values
    return joined if isinstance(joined, pa.Array) else pa.array([], values.type)


def _card_or_not(found: re.Match[str]) -> str:
    return "[card]" if passes_luhn(found.group()) else found.group()


def passes_luhn(text: str) -> bool:
    """Tell whether the digits of a text carry a valid check digit.

    Reference: ISO/IEC 7812-1, annex B.
    """
    digits = [int(c) for c in text if c.isdigit()]
    doubled = [d * 2 - 9 if d > 4 else d * 2 for d in digits[-2::-2]]
    return (sum(digits[-1::-2]) + sum(doubled)) % 10 == 0
