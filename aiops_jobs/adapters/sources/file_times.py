"""Turns whatever a file calls a time into instants in UTC, or says of each row why it cannot.

Nothing is guessed: a time without a zone needs the file's zone, a number needs its unit, any notation but ISO 8601
needs its pattern. What daylight saving makes ambiguous is put aside, and so is what no monitor could have seen.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from aiops_jobs.adapters.sources.file_pieces import Mask

INSTANT = pa.timestamp("us", tz="UTC")
EARLIEST, LATEST = pd.Timestamp("2000-01-01", tz="UTC"), pd.Timestamp("2100-01-01", tz="UTC")
UNITS = {"s": 1_000_000.0, "ms": 1_000.0, "us": 1.0, "ns": 0.001}
"""Microseconds in one of each."""

_NUMBER = r"^\s*[+-]?\d+(\.\d*)?([eE][+-]?\d+)?\s*$"
_ZONE = r"\d\d?:\d\d.*([Zz]|[+-]\d\d(:?\d\d)?)\s*$"
_LEAP_SECOND = r"(:\d\d):60([.,]\d+)?"
_FINE = r"([.,]\d{6})\d+"


class UndeclaredError(ValueError):
    """The settings must say something about the times of a file.

    Args:
        setting: Which setting is missing.
    """

    def __init__(self, setting: str, problem: str) -> None:
        self.setting = setting
        super().__init__(problem)


@dataclass(frozen=True, slots=True)
class TimeRules:
    """What the settings say about times."""

    timezone: str | None = None
    unit: str | None = None
    pattern: str | None = None


@dataclass(frozen=True, slots=True)
class Instants:
    """Instants in UTC; null where there is none, and then ``reason_codes`` says why if something stood there."""

    values: pa.Array
    bad: dict[str, Mask]
    """Rows by reason code."""


DETAILS = {
    "NOT_AN_INSTANT": "it is no instant",
    "NAIVE_TIME": "it has no zone, and no `timezone` is declared",
    "AMBIGUOUS_TIME": "daylight saving lets it exist twice or not at all in the declared `timezone`",
    "ABSURD_TIME": "it lies before 2000 or after 2099; is the declared unit or pattern right?",
}


def to_instants(values: pa.Array | pa.ChunkedArray, rules: TimeRules) -> Instants:
    """Return ``values`` as instants.

    Raises:
        UndeclaredError: The settings must say the zone, or the unit of numbers.
    """
    values = values.combine_chunks() if isinstance(values, pa.ChunkedArray) else values
    if pa.types.is_dictionary(values.type):
        values = values.cast(values.type.value_type)
    bad: dict[str, Mask] = {}
    if pa.types.is_null(values.type):
        instants = pa.nulls(len(values), INSTANT)
    elif pa.types.is_timestamp(values.type) or pa.types.is_date(values.type):
        instants = _typed(values, rules, bad)
    elif pa.types.is_string(values.type) or pa.types.is_large_string(values.type):
        instants = _written(values.cast(pa.string()), rules, bad)
    else:
        instants = _counted(values, rules, bad)
    absurd = pc.or_(
        pc.less(instants, pa.scalar(EARLIEST, INSTANT)), pc.greater_equal(instants, pa.scalar(LATEST, INSTANT))
    )
    _mark(bad, "ABSURD_TIME", _mask(absurd))
    if bad:
        instants = pc.if_else(pa.array(np.logical_or.reduce(list(bad.values()))), pa.scalar(None, INSTANT), instants)
    return Instants(instants, bad)


def _typed(values: pa.Array, rules: TimeRules, bad: dict[str, Mask]) -> pa.Array:
    if pa.types.is_timestamp(values.type) and values.type.tz is not None:
        return values.cast(INSTANT, safe=False)
    return _placed(values.cast(pa.timestamp("us"), safe=False), rules, bad)


def _counted(values: pa.Array, rules: TimeRules, bad: dict[str, Mask]) -> pa.Array:
    """Read seconds (or milliseconds, …) since 1970."""
    if rules.unit is None:
        shown = values.drop_null()
        example = f", such as {shown[0].as_py()}" if len(shown) else ""
        raise UndeclaredError("time_unit", f"its times are numbers{example}: seconds, milliseconds or what?")
    factor = UNITS[rules.unit]
    if pa.types.is_integer(values.type) and factor >= 1:
        limit = 2**62 // int(factor)
        counted = values.cast(pa.int64(), safe=False)
        out = _mask(pc.or_(pc.greater(counted, limit), pc.less(counted, -limit)))
        micros = pc.multiply(pc.if_else(pa.array(out), pa.scalar(None, pa.int64()), counted), int(factor))
    else:
        floats = values.cast(pa.float64(), safe=False)
        scaled = pc.round(pc.multiply(floats, factor))
        out = _mask(pc.invert(pc.less(pc.abs(scaled), 2.0**62)))
        micros = pc.if_else(pa.array(out), pa.scalar(None, pa.float64()), scaled).cast(pa.int64())
    _mark(bad, "ABSURD_TIME", out)
    return micros.cast(INSTANT)


def _written(values: pa.Array, rules: TimeRules, bad: dict[str, Mask]) -> pa.Array:
    values = pc.if_else(pc.equal(pc.utf8_trim_whitespace(values), ""), pa.scalar(None, pa.string()), values)
    if rules.pattern is not None:
        return _patterned(values, rules, bad)
    try:
        return values.cast(INSTANT)
    except pa.ArrowInvalid:
        pass  # some are numbers, lack a zone, or are none at all
    if _mask(pc.match_substring_regex(values, _NUMBER)).any():
        return _numeric(values, rules, bad)
    aware = _mask(pc.match_substring_regex(values, _ZONE))
    naive = ~aware & _mask(values.is_valid())
    instants = _read(_where(aware, values), zoned=True)
    if naive.any():
        local = _read(_where(naive, values), zoned=False)
        naive &= _mask(local.is_valid())
        if rules.timezone is None and naive.any():
            if not aware.any():
                raise UndeclaredError("timezone", f"its times have no zone, such as {_example(values, naive)}")
            _mark(bad, "NAIVE_TIME", naive)
        elif naive.any():
            instants = pc.coalesce(instants, _placed(local, rules, bad))
    _mark(bad, "NOT_AN_INSTANT", _mask(values.is_valid()) & ~_mask(instants.is_valid()) & ~_any(bad, len(values)))
    return instants


def _numeric(values: pa.Array, rules: TimeRules, bad: dict[str, Mask]) -> pa.Array:
    """Read text that holds numbers; whatever is none is bad."""
    numbers = _mask(pc.match_substring_regex(values, _NUMBER))
    trimmed = pc.utf8_trim_whitespace(_where(numbers, values))
    try:
        counted = _counted(trimmed.cast(pa.int64()), rules, bad)
    except pa.ArrowInvalid:
        counted = _counted(trimmed.cast(pa.float64()), rules, bad)
    _mark(bad, "NOT_AN_INSTANT", _mask(values.is_valid()) & ~numbers)
    return counted


def _patterned(values: pa.Array, rules: TimeRules, bad: dict[str, Mask]) -> pa.Array:
    zoned = "%z" in (rules.pattern or "")
    series = pd.Series(values.to_pandas(), dtype=object)
    read = pd.to_datetime(series, format=rules.pattern, errors="coerce", utc=zoned)
    instants = _from_pandas(read)
    _mark(bad, "NOT_AN_INSTANT", _mask(values.is_valid()) & ~_mask(instants.is_valid()))
    return instants if zoned else _placed(instants, rules, bad)


def _read(values: pa.Array, *, zoned: bool) -> pa.Array:
    """Read ISO 8601, null where it is none. A leap second is the last microsecond before it."""
    text = pc.utf8_trim_whitespace(values)
    text = pc.replace_substring_regex(text, _LEAP_SECOND, r"\1:59.999999")
    text = pc.replace_substring(pc.replace_substring_regex(text, _FINE, r"\1"), ",", ".")
    try:
        return text.cast(INSTANT if zoned else pa.timestamp("us"))
    except pa.ArrowInvalid:
        series = pd.Series(text.to_pandas(), dtype=object)
        return _from_pandas(pd.to_datetime(series, format="ISO8601", errors="coerce", utc=zoned))


def _placed(local: pa.Array, rules: TimeRules, bad: dict[str, Mask]) -> pa.Array:
    """Give times without a zone the declared one."""
    if rules.timezone is None:
        raise UndeclaredError("timezone", "its times have no zone")
    if rules.timezone in {"UTC", "Etc/UTC", "Z"}:
        return local.cast(pa.timestamp("us")).cast(INSTANT)
    series = pd.Series(pd.DatetimeIndex(local.to_pandas()))
    placed = _from_pandas(series.dt.tz_localize(rules.timezone, ambiguous="NaT", nonexistent="NaT"))
    _mark(bad, "AMBIGUOUS_TIME", _mask(local.is_valid()) & ~_mask(placed.is_valid()))
    return placed


def _from_pandas(series: pd.Series) -> pa.Array:  # type: ignore[type-arg]
    zone = getattr(series.dt, "tz", None)
    if zone is not None:
        series = series.dt.tz_convert("UTC")
    array = pa.Array.from_pandas(series)
    return array.cast(INSTANT if zone is not None else pa.timestamp("us"), safe=False)


def _where(keep: Mask, values: pa.Array) -> pa.Array:
    return pc.if_else(pa.array(keep), values, pa.scalar(None, values.type))


def _mask(values: pa.Array) -> Mask:
    mask: Mask = np.asarray(pc.fill_null(values, fill_value=False).to_numpy(zero_copy_only=False), np.bool_)
    return mask


def _mark(bad: dict[str, Mask], reason_code: str, mask: Mask) -> None:
    if mask.any():
        bad[reason_code] = bad[reason_code] | mask if reason_code in bad else mask


def _any(bad: dict[str, Mask], length: int) -> Mask:
    mask: Mask = np.logical_or.reduce([np.zeros(length, np.bool_), *bad.values()])
    return mask


def _example(values: pa.Array, mask: Mask) -> str:
    return str(values[int(np.flatnonzero(mask)[0])].as_py())[:40]
