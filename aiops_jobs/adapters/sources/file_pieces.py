"""A piece of a file between reading and understanding: rows as they stood, where each stood, and what was broken."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pyarrow as pa

Int64s = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]

RAW_CHARACTERS = 4096
"""As much of a broken row is kept."""
WHOLE_FILE = 0
"""Number of the line a fault of the whole file stands at."""


class BadHeaderError(ValueError):
    """The columns of a file cannot be told."""


@dataclass(frozen=True, slots=True)
class Fault:
    """Why a line, a row or a cell cannot be used."""

    number: int
    """Line or row in the file, from 1; `WHOLE_FILE` for the file itself."""
    reason_code: str
    detail: str
    raw: str
    column_name: str | None = None


@dataclass(frozen=True, slots=True)
class Piece:
    """Some rows of a file.

    Args:
        rows: Columns under the file's own names.
        numbers: Line or row of each, ascending, from 1.
        faults: What could not even be read, by number.
        raw: Returns the row at a position of ``rows`` as it stood.
    """

    rows: pa.Table
    numbers: Int64s
    faults: list[Fault] = field(default_factory=list)
    raw: Callable[[int], str] = lambda _: ""
