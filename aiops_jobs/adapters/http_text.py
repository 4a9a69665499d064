"""What a server said, as one short line that is safe to show: no markup, no control characters, no secrets."""

from __future__ import annotations

import html
import re
from collections.abc import Collection, Iterator, Mapping
from email.utils import parsedate_to_datetime
from typing import Any

import orjson

SHOWN_CHARACTERS = 200
READ_BYTES = 16384
HIDDEN = "***"
MESSAGE_KEYS = (
    "error_description",
    "message",
    "error",
    "errors",
    "errorMessages",
    "detail",
    "details",
    "description",
    "title",
    "err",
)

_USERINFO = re.compile(r"(?<=://)[^/@\s]{1,300}@")
_CREDENTIAL = re.compile(r"(?i)\b(bearer|basic|token|api[-_]?key|password|secret)([ =:\"']{1,4})[^\s\"',;&]{4,}")
_MARKUP = re.compile(r"<(script|style)\b.{0,4000}?</\1>|<[^<>]{0,2000}>", re.IGNORECASE | re.DOTALL)
_TITLE = re.compile(r"<title[^<>]{0,200}>([^<]{1,300})", re.IGNORECASE)
_BLANK = re.compile(r"[\s\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff]+")


class Redactor:
    """Takes secrets out of texts: the ones it was told, and whatever looks like credentials."""

    def __init__(self, secrets: Collection[str] = ()) -> None:
        self._secrets = sorted({s for s in secrets if s}, key=len, reverse=True)

    def clean(self, text: str) -> str:
        """Return ``text`` without secrets."""
        for secret in self._secrets:
            text = text.replace(secret, HIDDEN)
        return _CREDENTIAL.sub(rf"\1\2{HIDDEN}", _USERINFO.sub(f"{HIDDEN}@", text))


def told_by(body: bytes, content_type: str) -> str:
    """Return the message in an error body, on one line of at most 200 characters; never raises.

    JSON is searched for the usual keys, HTML gives its title or its text, anything else is shown as it is.
    """
    text = body[:READ_BYTES].decode("utf-8", errors="replace")
    try:
        text = "; ".join(_messages(orjson.loads(body))) or text
    except orjson.JSONDecodeError:
        if "html" in content_type or text.lstrip()[:1] == "<":
            title = _TITLE.search(text)
            text = html.unescape(title[1] if title else _MARKUP.sub(" ", text))
    line = _BLANK.sub(" ", text).strip()
    return line if len(line) <= SHOWN_CHARACTERS else line[: SHOWN_CHARACTERS - 1] + "…"


def _messages(told: Any) -> Iterator[str]:
    if isinstance(told, str):
        yield told
    elif isinstance(told, list):
        for item in told[:5]:
            yield from _messages(item)
    elif isinstance(told, dict):
        known = [told[key] for key in MESSAGE_KEYS if told.get(key)]
        if known:
            for item in known[:3]:
                yield from _messages(item)
        else:
            for key, item in list(told.items())[:5]:
                yield from (f"{key}: {text}" for text in _messages(item))


def wait_s(headers: Mapping[str, str]) -> float | None:
    """Return how long the system wants us to wait: ``Retry-After`` in seconds or as a date by its own clock.

    Without it, where ``RateLimit-Remaining`` is 0, for ``RateLimit-Reset`` seconds
    (draft-ietf-httpapi-ratelimit-headers-02), or where ``X-RateLimit-Remaining`` is 0, until ``X-RateLimit-Reset``
    (seconds since 1970).
    """
    told = headers.get("retry-after", "").strip()
    if not told and headers.get("ratelimit-remaining", "").strip() == "0":
        told = headers.get("ratelimit-reset", "").strip()
    if told.isdigit():
        return float(told)
    reset = headers.get("x-ratelimit-reset", "").strip()
    is_spent = not told and headers.get("x-ratelimit-remaining", "").strip() == "0"
    try:
        if is_spent:
            return max(0.0, float(reset) - parsedate_to_datetime(headers["date"]).timestamp())
        return max(0.0, (parsedate_to_datetime(told) - parsedate_to_datetime(headers["date"])).total_seconds())
    except (KeyError, ValueError, TypeError):
        return None
