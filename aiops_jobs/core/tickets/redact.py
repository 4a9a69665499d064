"""Personal data and secrets are taken out of text before it is stored and before it is sent anywhere.

All patterns are RE2 (linear time) and run on whole columns; only numbers with a check digit need a second look at
the few rows that hold a candidate. Text is compared in NFKC without invisible characters, since
``kim<zero width>@x.com`` and full-width digits would slip through otherwise; a text in which nothing is found stays as
it came.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from functools import cache, partial
from itertools import groupby
from operator import attrgetter
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from aiops_jobs.contracts.table import Kind, Table
from aiops_jobs.core.tickets.sensitive import CHECKED, IP_ADDRESS, PATTERNS, SECRET_NAME, Checked, Pattern, passes_luhn
from aiops_jobs.identity import canonical_json

__all__ = ["passes_luhn", "redact", "redact_columns", "redact_text"]

BOUNDARY = r"\b"
INVISIBLE = r"[\x{00AD}\x{180E}\x{200B}-\x{200F}\x{202A}-\x{202E}\x{2060}-\x{2069}\x{FEFF}]"


def redact(values: pa.ChunkedArray | pa.Array, *, mask_ip: bool = False) -> pa.Array:
    """Return texts without personal data and secrets; nulls stay null, order stays.

    Args:
        values: Texts.
        mask_ip: IP addresses, too.
    """
    chunked = values if isinstance(values, pa.ChunkedArray) else pa.chunked_array([values])
    if pa.types.is_dictionary(chunked.type):
        chunked = chunked.cast(chunked.type.value_type)
    plain = pc.replace_substring_regex(pc.utf8_normalize(chunked, form="NFKC"), INVISIBLE, "")
    texts = plain
    for checked in CHECKED:
        texts = _proven(texts, checked)
    wanted = (*PATTERNS, IP_ADDRESS) if mask_ip else PATTERNS
    suspects = {hint: _joined(_holds(plain, hint)) for hint in {pattern.hint for pattern in wanted if pattern.hint}}
    for hint, patterns in groupby(wanted, key=attrgetter("hint")):
        texts = _hinted(texts, suspects.get(hint), list(patterns))
    return _joined(pc.if_else(pc.equal(texts, plain), chunked, texts))


def redact_text(text: str, *, mask_ip: bool = False) -> str:
    """Return one text without personal data and secrets.

    Example:
        >>> redact_text("login of kim@example.com with password=hunter2")
        'login of [email] with password=[secret]'
    """
    return str(redact(pa.array([text], pa.string()), mask_ip=mask_ip)[0])


def redact_columns(table: Table, rows: pa.Table, *, mask_ip: bool = False) -> pa.Table:
    """Return rows of a table with every column the contract calls sensitive redacted; of JSON, every string in it."""
    for column in table.columns:
        if column.sensitive and column.name in rows.column_names and rows.num_rows:
            of = _redact_json if column.kind is Kind.JSON else redact
            place = rows.column_names.index(column.name)
            clean = of(rows[column.name], mask_ip=mask_ip)
            rows = rows.set_column(place, rows.schema.field(place).with_type(clean.type), clean)
    return rows


def _hinted(texts: Any, suspect: pa.Array | None, patterns: Sequence[Pattern]) -> Any:
    """Replace what the patterns find, looking only at the suspect texts; without a mask at all."""
    if suspect is None:
        return _replaced(texts, patterns)
    if not pc.any(suspect).as_py():
        return texts
    whole = _joined(texts)
    return pc.replace_with_mask(whole, suspect, _joined(_replaced(whole.filter(suspect), patterns)))


def _holds(texts: Any, regex: str) -> Any:
    return pc.fill_null(pc.match_substring_regex(texts, regex), fill_value=False)


def _replaced(texts: Any, patterns: Sequence[Pattern]) -> Any:
    for pattern in patterns:
        texts = pc.replace_substring_regex(texts, pattern.regex, pattern.replacement)
    return texts


def _proven(texts: Any, checked: Checked) -> Any:
    """Replace what has the shape and passes the check."""
    suspect = _holds(texts, rf"(?:^|[^\w.+-]){checked.regex.removeprefix(BOUNDARY)}")
    if not pc.any(suspect).as_py():
        return texts
    mend = partial(_verdict, checked)
    mended = [_compiled(checked.regex).sub(mend, text) for text in texts.filter(suspect).to_pylist()]
    return pc.replace_with_mask(_joined(texts), _joined(suspect), pa.array(mended, pa.string()))


def _verdict(checked: Checked, found: re.Match[str]) -> str:
    return f"[{checked.kind}]" if checked.holds(found.group()) else found.group()


@cache
def _compiled(regex: str) -> re.Pattern[str]:
    """Return the pattern for Python, where a number may also not be part of a longer one with signs in it."""
    return re.compile(rf"(?<![\w.+-]){regex.removeprefix(BOUNDARY)}", re.ASCII)


def _redact_json(values: pa.ChunkedArray | pa.Array, *, mask_ip: bool = False) -> pa.Array:
    """Return JSON with every string in it redacted: in the text as a whole a pattern could swallow a bracket."""
    said = [None if text is None else json.loads(text) for text in values.to_pylist()]
    strings: list[str] = []
    for value in said:
        _collect(value, strings)
    clean = iter(redact(pa.array(strings, pa.string()), mask_ip=mask_ip).to_pylist())
    return pa.array([None if v is None else canonical_json(_rebuilt(v, clean)) for v in said], pa.string())


def _collect(value: Any, strings: list[str]) -> None:
    if isinstance(value, str):
        strings.append(value)
    elif isinstance(value, list):
        for item in value:
            _collect(item, strings)
    elif isinstance(value, dict):
        for name in sorted(value):
            _collect(value[name], strings)


def _rebuilt(value: Any, clean: Any) -> Any:
    if isinstance(value, str):
        return next(clean)
    if isinstance(value, list):
        return [_rebuilt(item, clean) for item in value]
    if isinstance(value, dict):
        return {name: _named(name, _rebuilt(value[name], clean)) for name in sorted(value)}
    return value


def _named(name: str, value: Any) -> Any:
    """Return a value of a JSON object, but nothing of a secret by its name."""
    return "[secret]" if isinstance(value, str) and SECRET_NAME.fullmatch(name) else value


def _joined(values: Any) -> pa.Array:
    joined = values.combine_chunks() if isinstance(values, pa.ChunkedArray) else values
    return joined if isinstance(joined, pa.Array) else pa.array([], values.type)
