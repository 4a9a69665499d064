"""Which entities failed, when, and when they were replaced: as tickets told it by a given instant.

A ticket says *failed* only through its resolution code, so before it is resolved nothing is known: neither that the
entity failed nor that it did not.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Events:
    """Things that happened to entities, ordered by entity and time.

    Args:
        entities: Whose, one an event.
        began_s: Seconds since 1970.
        ended_s: Seconds since 1970; infinity where it has not ended yet.
    """

    entities: tuple[str, ...]
    began_s: Floats
    ended_s: Floats


@dataclass(frozen=True, slots=True)
class Failures:
    """What is known of failures at an instant.

    Args:
        confirmed: From the opening of the ticket to its resolution, when the replacement works.
        unsettled: Tickets still open: each may turn out to be a failure.
        known_s: The instant, in seconds since 1970.
    """

    confirmed: Events
    unsettled: Events
    known_s: float


def to_failures(tickets: pa.Table, codes: Sequence[str], known_until: datetime) -> Failures:
    """Return the failures that ``tickets`` (rows of ``ticket_history``) tell of at ``known_until``.

    Tickets opened at or after that instant do not exist yet; a resolution after it has not happened yet.
    """
    known_s = seconds(known_until)
    opened = _seconds(tickets["opened_at"])
    resolved = _seconds(tickets["resolved_at"])
    resolved = np.where(resolved <= known_s, resolved, np.inf)
    entity = _text(tickets["entity_id"])
    cause = pc.coalesce(_text(tickets["cause_entity_id"]), entity)
    is_failure = pc.is_in(_text(tickets["resolution_code"]), pa.array(list(codes), pa.string())).to_numpy()
    exists = opened < known_s
    is_settled = np.isfinite(resolved)
    return Failures(
        confirmed=_first_of_each(_events(cause, opened, resolved, exists & is_settled & is_failure)),
        unsettled=_events(entity, opened, resolved, exists & ~is_settled),
        known_s=known_s,
    )


def seconds(instant: datetime) -> float:
    """Return seconds since 1970."""
    return (instant - EPOCH).total_seconds()


def _events(entity: pa.ChunkedArray, opened: Floats, resolved: Floats, chosen: Bools) -> Events:
    rows = np.flatnonzero(chosen & entity.is_valid().to_numpy())
    names = np.asarray(entity.take(pa.array(rows)).to_pylist(), dtype=object)
    order = sorted(range(len(rows)), key=lambda i: (names[i], opened[rows[i]], resolved[rows[i]]))
    rows, names = rows[order], names[order]
    return Events(tuple(names.tolist()), opened[rows], np.maximum(resolved[rows], opened[rows]))


def _first_of_each(events: Events) -> Events:
    """Drop tickets opened while an earlier one of the same entity was being worked on: the same failure."""
    kept: list[int] = []
    for i, entity in enumerate(events.entities):
        last = kept[-1] if kept else None
        if last is not None and events.entities[last] == entity and events.began_s[i] <= events.ended_s[last]:
            continue
        kept.append(i)
    return Events(tuple(events.entities[i] for i in kept), events.began_s[kept], events.ended_s[kept])


def _seconds(column: pa.ChunkedArray) -> Floats:
    micros = column.cast(pa.timestamp("us", tz="UTC")).cast(pa.int64()).to_numpy(zero_copy_only=False)
    return np.asarray(micros, dtype=np.float64) / 1e6


def _text(column: pa.ChunkedArray) -> pa.ChunkedArray:
    return column.cast(pa.string())
