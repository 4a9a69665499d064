"""What a column promises: each rule says itself in words and finds its offenders."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import pyarrow as pa
import pyarrow.compute as pc


class Constraint(Protocol):
    """A promise about the values of one column."""

    @property
    def code(self) -> str:
        """Reason code of rows that break it, for the quarantine."""

    @property
    def description(self) -> str:
        """The promise in words, to follow *must be*."""

    def offenders(self, values: pa.ChunkedArray) -> pa.ChunkedArray:
        """Return a boolean mask, never null: true where the promise is broken."""


@dataclass(frozen=True, slots=True)
class NotNull:
    """The value is present."""

    code: str = "NULL"
    description: str = "present"

    def offenders(self, values: pa.ChunkedArray) -> pa.ChunkedArray:
        """Mask the nulls."""
        return pc.is_null(values)


@dataclass(frozen=True, slots=True)
class Finite:
    """The number is neither NaN nor infinite (nulls are another rule's business)."""

    code: str = "NOT_FINITE"
    description: str = "finite"

    def offenders(self, values: pa.ChunkedArray) -> pa.ChunkedArray:
        """Mask NaN and infinities."""
        return pc.fill_null(pc.invert(pc.is_finite(values)), fill_value=False)


@dataclass(frozen=True, slots=True)
class OneOf:
    """The value is one of a fixed set."""

    values: tuple[str, ...]
    code: str = "NOT_IN_SET"

    @property
    def description(self) -> str:
        """The set, in words."""
        return "one of " + ", ".join(f"`{v}`" for v in self.values)

    def offenders(self, values: pa.ChunkedArray) -> pa.ChunkedArray:
        """Mask what is not in the set."""
        known = pc.is_in(values, value_set=pa.array(self.values, pa.string()))
        return pc.and_(pc.invert(known), pc.is_valid(values))


@dataclass(frozen=True, slots=True)
class Between:
    """The number lies in a closed interval; an open side is ``None``."""

    minimum: float | None = None
    maximum: float | None = None
    code: str = "OUT_OF_RANGE"

    @property
    def description(self) -> str:
        """The interval, in words."""
        if self.maximum is None:
            return f"at least {self.minimum:g}"
        if self.minimum is None:
            return f"at most {self.maximum:g}"
        return f"between {self.minimum:g} and {self.maximum:g}"

    def offenders(self, values: pa.ChunkedArray) -> pa.ChunkedArray:
        """Mask what lies outside."""
        below = pc.less(values, -float("inf") if self.minimum is None else self.minimum)
        above = pc.greater(values, float("inf") if self.maximum is None else self.maximum)
        return pc.fill_null(pc.or_(below, above), fill_value=False)


@dataclass(frozen=True, slots=True)
class MaxLength:
    """The text is not longer than this many characters."""

    limit: int
    code: str = "TOO_LONG"

    @property
    def description(self) -> str:
        """The limit, in words."""
        return f"at most {self.limit} characters"

    def offenders(self, values: pa.ChunkedArray) -> pa.ChunkedArray:
        """Mask longer texts."""
        return pc.fill_null(pc.greater(pc.utf8_length(values), self.limit), fill_value=False)
