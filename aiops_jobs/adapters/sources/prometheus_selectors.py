"""Reads PromQL series selectors, such as ``node_load1{job="node", dc=~"eu.*"}``, into matchers for remote read."""

from __future__ import annotations

import re
from dataclasses import dataclass

NAME_LABEL = "__name__"

_METRIC = re.compile(r"\s*([a-zA-Z_:][a-zA-Z0-9_:]*)?\s*")
_TEXT = r"\"(?:[^\"\\\n]|\\.)*\"|'(?:[^'\\\n]|\\.)*'|`[^`]*`"
_MATCHER = re.compile(rf"\s*(?:([a-zA-Z_][a-zA-Z0-9_]*)|({_TEXT}))\s*(?:(=~|!~|!=|=)\s*({_TEXT}))?\s*([,}}])")
_ESCAPE = re.compile(r"\\(x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|[0-7]{3}|.)")
_ESCAPES = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}


@dataclass(frozen=True, slots=True)
class Matcher:
    """One condition on a label; the metric's name is the label ``__name__``."""

    name: str
    operator: str
    """``=``, ``!=``, ``=~`` or ``!~``."""
    value: str


def parse_selector(text: str) -> tuple[Matcher, ...]:
    """Return the matchers of one series selector.

    Raises:
        ValueError: It is no plain selector; functions, ranges and offsets belong into ``queries``.

    Example:
        >>> [m.value for m in parse_selector('up{job="node"}')]
        ['up', 'node']
    """
    head = _METRIC.match(text)
    matchers = [Matcher(NAME_LABEL, "=", head[1])] if head and head[1] else []
    place = head.end() if head else 0
    if text[place : place + 1] == "{":
        found, place = _braced(text, place + 1)
        matchers += found
    if text[place:].strip():
        raise ValueError(f"`{text}` is no series selector: what means `{text[place:].strip()[:40]}`?")
    if not any(m.operator in {"=", "=~"} and m.value not in {"", ".*"} for m in matchers):
        raise ValueError(f"`{text}` matches every series; name a metric or a label")
    return tuple(matchers)


def _braced(text: str, place: int) -> tuple[list[Matcher], int]:
    matchers: list[Matcher] = []
    while True:
        if empty := re.compile(r"\s*}").match(text, place):
            return matchers, empty.end()
        found = _MATCHER.match(text, place)
        if not found:
            raise ValueError(f"`{text}` is no series selector: what means `{text[place : place + 40]}`?")
        bare, quoted, operator, value, closing = found.groups()
        if operator is None:
            if quoted is None:
                raise ValueError(f"`{text}` is no series selector: `{bare}` is compared with nothing")
            matchers.append(Matcher(NAME_LABEL, "=", _unquoted(quoted)))
        else:
            matchers.append(Matcher(bare or _unquoted(quoted), operator, _unquoted(value)))
        place = found.end()
        if closing == "}":
            return matchers, place


def _unquoted(text: str) -> str:
    inner = text[1:-1]
    return inner if text[0] == "`" else _ESCAPE.sub(_character, inner)


def _character(escape: re.Match[str]) -> str:
    code = escape[1]
    if code[0] in "xuU":
        return chr(int(code[1:], 16))
    if len(code) == 3:
        return chr(int(code, 8))
    return _ESCAPES.get(code, code)
