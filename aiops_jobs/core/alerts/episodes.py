"""Notifications of monitoring systems become alert episodes: one row from the first firing to the end.

All on event time, so that any order of the rows and any split of a window give the same episodes with the same ids:

* an episode begins with a firing notification and ends with a resolving one, or after a silence;
* an alert that changes its state too often *flaps*: as long as it does, a resolution does not end its episode;
* a notification that repeats another of its open episode, word for word, is a full duplicate, not only of the last one.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from aiops_jobs.contracts.columns import SEVERITIES
from aiops_jobs.contracts.results import ALERTS
from aiops_jobs.core.columns import (
    OPEN,
    SECOND,
    Bools,
    Ints,
    codes_of,
    instants,
    micros_of,
    plain,
    rows_from,
    texts_of,
    to_instant,
    to_micros,
)
from aiops_jobs.core.policies import AlertPolicy, Policies
from aiops_jobs.identity import fingerprint

CONTENT = ("alert_status", "severity", "alert_name", "entity_id", "service_name", "host_name", "summary", "labels")
"""What makes two notifications of one episode the same."""
COPIED = ("alert_fingerprint", "alert_name", "entity_id", "service_name", "host_name", "summary", "labels", "source")
"""What an episode takes from its first notification."""
_MS = 1000


@dataclass(frozen=True, slots=True)
class _Events:
    """Notifications sorted by fingerprint and time."""

    fingerprint: Ints
    at: Ints
    firing: Bools
    first: Bools
    """Whether it is the first of its fingerprint."""

    @property
    def gap(self) -> Ints:
        """Time since the notification before."""
        return np.diff(self.at, prepend=self.at[:1])


@dataclass(frozen=True, slots=True)
class _Cut:
    """How the kept notifications fall into episodes."""

    kept: Ints
    """Positions of the notifications that belong to an episode."""
    episode: Ints
    """Number of the episode of each."""
    edges: Ints
    """Position, among the kept, of the first of each episode."""

    @property
    def heads(self) -> Ints:
        """Position of the first notification of each episode."""
        return self.kept[self.edges]

    @property
    def tails(self) -> Ints:
        """Position, among the kept, of the last of each episode."""
        return np.append(self.edges[1:], self.kept.size) - 1


def to_alerts(raw_alerts: pa.Table, *, policies: Policies, until: datetime) -> pa.Table:
    """Return ``alerts`` (without lineage), sorted by begin and id.

    Args:
        raw_alerts: Notifications, in any order.
        policies: `AlertPolicy` is followed.
        until: Event time up to which the rows speak; later notifications are not looked at.
    """
    rows = raw_alerts.filter(pc.less(raw_alerts["observed_at"], pa.scalar(until, pa.timestamp("us", tz="UTC"))))
    rows = rows.take(_order(rows))
    events = _events(rows)
    begins, attached = _episodes(events, policies.alerts)
    kept = np.flatnonzero(attached)
    if not kept.size:
        return rows_from(ALERTS, {name: [] for name in ALERTS.names})
    episode = np.cumsum(begins)[kept] - 1
    edges = np.flatnonzero(np.diff(episode, prepend=-1))
    return _rows(rows, events, _Cut(kept, episode, edges), policies, to_micros(until))


def _order(rows: pa.Table) -> pa.Array:
    codes, _ = codes_of(rows["alert_fingerprint"])
    resolved = pc.equal(plain(rows["alert_status"]), "resolved")
    keys = pa.table(
        {"code": codes, "at": micros_of(rows["observed_at"]), "resolved": resolved, "id": plain(rows["event_id"])}
    )
    return pc.sort_indices(keys, [(name, "ascending") for name in keys.column_names])


def _events(rows: pa.Table) -> _Events:
    codes, _ = codes_of(rows["alert_fingerprint"])
    firing = np.asarray(pc.equal(plain(rows["alert_status"]), "firing").to_numpy(zero_copy_only=False), dtype=bool)
    return _Events(codes, micros_of(rows["observed_at"]), firing, np.diff(codes, prepend=-1) != 0)


def _changes(events: _Events) -> Bools:
    """Tell which notifications change the state their alert had before."""
    changed = np.diff(events.firing, prepend=events.firing[:1])
    return np.asarray(changed & ~events.first, dtype=bool)


def _recent_changes(events: _Events, window_s: float) -> Ints:
    """Count, at each notification, the changes of state of its alert within the trailing window, itself included."""
    if not events.at.size:
        return np.zeros(0, np.int64)
    at = (events.at - events.at.min()) // _MS
    window = int(window_s * SECOND) // _MS
    place = events.fingerprint * (int(at.max()) + window + 1) + at
    total = np.concatenate([[0], np.cumsum(_changes(events))])
    since = np.searchsorted(place, place - window, side="right")
    own = np.maximum.accumulate(np.where(events.first, np.arange(at.size), 0))
    return np.asarray(total[1:] - total[np.maximum(since, own)], dtype=np.int64)


def _episodes(events: _Events, policy: AlertPolicy) -> tuple[Bools, Bools]:
    """Return which notifications begin an episode, and which belong to one at all (a stray resolution does not)."""
    silence = events.gap > int(policy.resolve_timeout_s * SECOND)
    breaks = events.first | silence
    after_resolved = np.concatenate([[False], ~events.firing[:-1]])[: events.at.size]
    calm = _recent_changes(events, policy.flap_window_s) < policy.flap_changes
    position = np.arange(events.at.size)
    run = np.maximum.accumulate(np.where(breaks, position, 0))
    fired = np.concatenate([[0], np.cumsum(events.firing)])
    first_fire = events.firing & (fired[:-1] == fired[run])
    begins = events.firing & (first_fire | (after_resolved & calm))
    last_begin = np.maximum.accumulate(np.where(begins, position, -1))
    return begins, last_begin >= run


def _rows(rows: pa.Table, events: _Events, cut: _Cut, policies: Policies, until: int) -> pa.Table:
    policy, kept, edges = policies.alerts, cut.kept, cut.edges
    resolved_at, resolved_by = _ends(events, cut, policy, until)
    count = np.diff(np.append(edges, kept.size))
    head = rows.select(COPIED).take(pa.array(cut.heads))
    started = events.at[cut.heads]
    keys = zip(texts_of(head["alert_fingerprint"]), started.tolist(), strict=True)
    table = rows_from(
        ALERTS,
        {
            **{name: head[name] for name in COPIED},
            "alert_id": [fingerprint("alt", alert_fingerprint=f, started_at=to_instant(at)) for f, at in keys],
            "severity": [SEVERITIES[s] for s in np.maximum.reduceat(_severity(rows)[kept], edges).tolist()],
            "alert_state": np.where(resolved_at < OPEN, "resolved", "open").tolist(),
            "started_at": instants(started),
            "last_event_at": instants(events.at[kept][cut.tails]),
            "resolved_at": instants(resolved_at),
            "resolved_by": pa.array(resolved_by, pa.string()),
            "event_count": count,
            "full_duplicate_count": count - _distinct(rows.take(pa.array(kept)), cut.episode),
            "flap_count": np.add.reduceat(_changes(events)[kept].astype(np.int64), edges) - _changes(events)[cut.heads],
            "is_flapping": np.maximum.reduceat(_recent_changes(events, policy.flap_window_s)[kept], edges)
            >= policy.flap_changes,
            "policy_version": [policies.version("alerts")] * len(started),
        },
    )
    return table.sort_by([("started_at", "ascending"), ("alert_id", "ascending")])


def _ends(events: _Events, cut: _Cut, policy: AlertPolicy, until: int) -> tuple[Ints, list[str | None]]:
    """Return when each episode ended and by what: its last change to resolved, or its last word and a silence."""
    firing, at = events.firing[cut.kept], events.at[cut.kept]
    last_fire = np.maximum.accumulate(np.where(firing, np.arange(firing.size), -1))[cut.tails]
    by_event = ~firing[cut.tails]
    timeout = at[cut.tails] + int(policy.resolve_timeout_s * SECOND)
    by_silence = ~by_event & (timeout < until)
    first_resolved = at[np.minimum(last_fire + 1, firing.size - 1)]
    ended = np.select([by_event, by_silence], [first_resolved, timeout], default=OPEN)
    words = np.select([by_event, by_silence], ["integration", "timeout"], default="")
    return ended.astype(np.int64), [word or None for word in words.tolist()]


def _severity(rows: pa.Table) -> Ints:
    codes = pc.index_in(plain(rows["severity"]), pa.array(SEVERITIES))
    return np.asarray(codes.fill_null(0).to_numpy(zero_copy_only=False), dtype=np.int64)


def _distinct(rows: pa.Table, episode: Ints) -> Ints:
    """Count the different contents of each episode."""
    code = episode
    for name in CONTENT:
        own, words = codes_of(rows[name])
        if len(words) > 1:
            _, code = np.unique(code * len(words) + own, return_inverse=True)
    pairs = np.unique(np.stack([episode, code], axis=1), axis=0) if code is not episode else None
    if pairs is None:
        return np.ones(int(episode[-1]) + 1, np.int64)
    return np.bincount(pairs[:, 0], minlength=int(episode[-1]) + 1).astype(np.int64)
