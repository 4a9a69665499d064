"""Finds rows that repeat a key: exact repetitions are counted, contradictions are settled by a fixed rule."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from aiops_jobs.contracts.table import Table
from aiops_jobs.core.promises import Codes, key_codes, repeats
from aiops_jobs.identity import digest


@dataclass(frozen=True, slots=True)
class Settled:
    """Which rows leave, and why; positions in the rows that were asked about."""

    duplicates: Codes
    """Rows equal to another one in every column."""
    losers: Codes
    """Rows with the key of another one and other content: the one with the largest content digest stays."""


def settle(table: Table, rows: pa.Table, locate: Callable[[int], str]) -> Settled:
    """Return the rows of shaped ``rows`` that must leave so that the key is unique.

    Which of several contradicting rows stays depends on their content alone, not on their order.

    Args:
        table: The contract.
        rows: Rows without broken promises.
        locate: Tells where a row stood in its source, by its position.
    """
    positions = repeats(key_codes(rows, table.key))
    if positions.size == 0:
        return Settled(positions, positions)
    some = rows.take(pa.array(positions))
    groups = np.cumsum(np.append(True, np.diff(key_codes(some, table.key)) != 0)) - 1
    same = np.ones(positions.size, bool)
    for name in table.names:
        codes = key_codes(some, [name])
        same[1:] &= codes[1:] == codes[:-1]
    first = np.append(True, np.diff(groups) != 0)
    contradicting = np.unique(groups[~same & ~first])
    is_plain = ~np.isin(groups, contradicting)
    duplicates = positions[is_plain & ~first]
    more, losers = _contest(some, positions, groups, np.flatnonzero(~is_plain), locate)
    return Settled(np.sort(np.append(duplicates, more)), np.sort(losers))


def _contest(
    some: pa.Table, positions: Codes, groups: Codes, places: npt.NDArray[np.int64], locate: Callable[[int], str]
) -> tuple[Codes, Codes]:
    """Let the rows of each group contend; contradictions are few, so a loop over them is fine."""
    contents = [digest(row) for row in some.take(pa.array(places)).to_pylist()]
    by_group: dict[int, dict[str, list[int]]] = {}
    for place, content in zip(places.tolist(), contents, strict=True):
        by_group.setdefault(int(groups[place]), {}).setdefault(content, []).append(int(positions[place]))
    duplicates: list[int] = []
    losers: list[int] = []
    for candidates in by_group.values():
        winner = max(candidates)
        for content, equal in candidates.items():
            chosen = min(equal, key=lambda at: (locate(at), at))
            duplicates += [at for at in equal if at != chosen]
            if content != winner:
                losers.append(chosen)
    return np.array(duplicates, np.int64), np.array(losers, np.int64)
