"""Which columns of a ticket, alone and together, tell who solves it: chosen from the tickets, not from their names.

A context is a set of columns. It is as good as the outcomes of the other tickets with the same values foretell a
ticket's own outcome (leave-one-out log loss of counts). Two views are taken, since each misses something: counts that
fall back to the share of all tickets find coarse contexts that always speak; counts that fall back to the best smaller
context find sparse ones that speak seldom and are right.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt

from aiops_jobs.core.features.tickets import crossed

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Context = tuple[int, ...]

TAKEN = {2: 12, 3: 8, 4: 3}
"""Contexts of each size that each view takes."""
PRIOR = 2.0
"""Weight, in tickets, of what a context falls back to."""


def choose_contexts(levels: Ints, outcome: Ints, kinds: int) -> tuple[Context, ...]:
    """Return the contexts: every column that varies, then the best of two, three and four columns.

    Args:
        levels: Keys, ``(R, C)``.
        outcome: Code of each ticket's outcome, ``(R,)``.
        kinds: Number of outcomes.
    """
    alone = varying(levels)
    found: dict[Context, None] = dict.fromkeys(alone)
    columns = [column for (column,) in alone]
    for is_nested in (True, False):
        found |= dict.fromkeys(_search(levels, outcome, kinds, columns, is_nested=is_nested))
    return tuple(found)


def varying(levels: Ints) -> tuple[tuple[int], ...]:
    """Return each column of ``levels``, ``(R, C)``, that varies, as a context of its own."""
    return tuple((c,) for c in range(levels.shape[1]) if len(levels) and (levels[:, c] != levels[0, c]).any())


def names_of(contexts: Iterable[Context], names: Sequence[str]) -> list[str]:
    """Return contexts as text: names joined by ``+``."""
    return ["+".join(names[column] for column in context) for context in contexts]


def contexts_of(texts: Iterable[str], names: Sequence[str]) -> tuple[Context, ...]:
    """Return the contexts that `names_of` wrote."""
    place = {name: column for column, name in enumerate(names)}
    return tuple(tuple(place[name] for name in text.split("+")) for text in texts)


def _search(levels: Ints, outcome: Ints, kinds: int, columns: Sequence[int], *, is_nested: bool) -> list[Context]:
    share = (np.bincount(outcome, minlength=kinds) / max(len(outcome), 1))[outcome]
    told: dict[Context, Floats] = {(): share}
    loss: dict[Context, float] = {(): _loss(share)}
    level: list[Context] = [()]
    found: list[Context] = []
    for size in (1, *TAKEN):
        gains: dict[Context, float] = {}
        for context in _grown(level, columns):
            smaller = [part for part in _parts(context) if part in told]
            base = min(smaller, key=lambda part: (loss[part], part))
            keys = crossed(levels, context)
            told[context] = _left_out(keys, outcome, kinds, told[base] if is_nested else share)
            loss[context] = _loss(told[context])
            gains[context] = loss[base] - loss[context]
        useful = [context for context, gain in gains.items() if not is_nested or gain > 0 or size == 1]
        level = sorted(useful, key=lambda context: (loss[context], context))
        if size > 1:
            level = level[: TAKEN[size]]
            found += level
    return found


def _grown(level: Sequence[Context], columns: Sequence[int]) -> list[Context]:
    return sorted({tuple(sorted((*part, column))) for part in level for column in columns if column not in part})


def _parts(context: Context) -> list[Context]:
    return [context[:place] + context[place + 1 :] for place in range(len(context))]


def _left_out(keys: Ints, outcome: Ints, kinds: int, base: Floats) -> Floats:
    """Return the share of each ticket's outcome among the other tickets of its key."""
    _, of_key = np.unique(keys, return_inverse=True)
    _, of_both = np.unique(of_key * kinds + outcome, return_inverse=True)
    together = np.bincount(of_key)[of_key]
    alike = np.bincount(of_both)[of_both]
    return np.asarray((alike - 1 + PRIOR * base) / (together - 1 + PRIOR), dtype=np.float64)


def _loss(told: Floats) -> float:
    return float(-np.mean(np.log(np.maximum(told, 1e-12)))) if len(told) else 0.0
