"""Deterministic ids: the same thing has the same id in every run, on every machine.

Ids are digests of *named* parts, nulls included, in canonical JSON. So ``service=x, host=null`` and
``service=null, host=x`` differ, and ``("db1", "2a")`` is not ``("db", "12a")``.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from json.encoder import encode_basestring
from typing import Any

ID_HEX_DIGITS = 20


def canonical_json(value: Any) -> str:
    """Return ``value`` as JSON with sorted keys, no spaces, instants in UTC; refuses NaN and infinities.

    Example:
        >>> canonical_json({"b": 1, "a": None})
        '{"a":null,"b":1}'
    """
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False, default=_plain)


def digest(value: Any) -> str:
    """Return the SHA-256 of the canonical JSON of ``value``, in hex."""
    return hashlib.sha256(canonical_json(value).encode()).hexdigest()


def fingerprint(kind: str, /, **parts: Any) -> str:
    """Return the id of one thing: ``kind``, a hyphen, and 80 bits of digest over its named parts.

    Args:
        kind: Short prefix that tells a reader what the id names, for example ``inc``.
        parts: Everything that makes the thing itself, and nothing that may change about it.

    Example:
        >>> fingerprint("inc", service="db1", host="2a") == fingerprint("inc", service="db", host="12a")
        False
    """
    return f"{kind}-{digest([kind, dict(parts)])[:ID_HEX_DIGITS]}"


def fingerprints(kind: str, parts: Mapping[str, Sequence[str | None]]) -> list[str]:
    """Return `fingerprint` of many things whose parts are texts, without a mapping for every one of them.

    Args:
        kind: As in `fingerprint`.
        parts: For each name, the value of each thing.

    Example:
        >>> fingerprints("alt", {"b": ["y"], "a": ["x"]}) == [fingerprint("alt", a="x", b="y")]
        True
    """
    names = sorted(parts)
    frame = ",".join(f"{json.dumps(name, ensure_ascii=False)}:%s" for name in names)
    whole = f"[{json.dumps(kind, ensure_ascii=False)},{{{frame}}}]"
    columns = [[_written(value) for value in parts[name]] for name in names]
    texts = (whole % values for values in zip(*columns, strict=True))
    return [f"{kind}-{hashlib.sha256(text.encode()).hexdigest()[:ID_HEX_DIGITS]}" for text in texts]


def _written(value: str | None) -> str:
    return "null" if value is None else encode_basestring(value)


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        if value.tzinfo is None:
            raise ValueError("A naive datetime has no place in an id.")
        return value.astimezone(UTC).isoformat(timespec="microseconds")
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, (set, frozenset)):
        return sorted(value)
    if hasattr(value, "item"):
        return value.item()
    raise TypeError(f"{type(value).__name__} has no canonical form.")
