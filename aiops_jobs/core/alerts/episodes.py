"""Notifications of monitoring systems become alert episodes: one row from the first firing to the end.

All on event time, so that any order of the rows and any split of a window give the same episodes with the same ids:

* an episode begins with a firing notification and ends with a resolving one, or after a silence (see `cadence`);
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
from aiops_jobs.core.alerts.cadence import allowed_silence
from aiops_jobs.core.columns import (
    OPEN,
    SECOND,
    Bools,
    Ints,
    codes_of,
    compact,
    instant_texts,
    instants,
    micros_of,
    plain,
    rows_from,
    stable_order,
    texts_of,
    to_micros,
    worded,
)
from aiops_jobs.core.policies import AlertPolicy, Policies
from aiops_jobs.identity import fingerprints

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
    silence: Ints
    """How long a silence ends its alert, as known when it came, microseconds."""

    @property
    def gap(self) -> Ints:
        """Time since the notification before."""
        return np.diff(self.at, prepend=self.at[:1])


@dataclass(frozen=True, slots=True)
class _Notes:
    """Notifications as they came, and the order in which they are looked at."""

    rows: pa.Table
    order: Ints

    def codes(self, name: str) -> tuple[Ints, int]:
        """Return a text column in order, as codes, and how many different texts there are."""
        codes, words = codes_of(self.rows[name])
        return codes[self.order] if len(words) > 1 else codes, len(words)

    def severity(self) -> Ints:
        """Return the position in ``SEVERITIES`` of each, in order."""
        codes, words = codes_of(self.rows["severity"])
        places = [SEVERITIES.index(word) if word in SEVERITIES else 0 for word in words]
        return np.array(places, np.int64)[codes][self.order]


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
    at = micros_of(raw_alerts["observed_at"])
    rows = raw_alerts if (at < to_micros(until)).all() else raw_alerts.filter(pa.array(at < to_micros(until)))
    at = at[at < to_micros(until)]
    codes, _ = codes_of(rows["alert_fingerprint"])
    states, words = codes_of(rows["alert_status"])
    firing = np.array([word == "firing" for word in words], dtype=bool)[states]
    order = _order(codes, at, ~firing)
    first = np.diff(codes[order], prepend=-1) != 0
    repeats = ~first & firing[order] & np.concatenate([[False], firing[order][:-1]])[: len(order)]
    silence = allowed_silence(codes_of(rows["source"])[0][order], at[order], repeats, policies.alerts)
    events = _Events(codes[order], at[order], firing[order], first, silence)
    begins, attached = _episodes(events, policies.alerts)
    kept = np.flatnonzero(attached)
    if not kept.size:
        return rows_from(ALERTS, {name: [] for name in ALERTS.names})
    episode = np.cumsum(begins)[kept] - 1
    edges = np.flatnonzero(np.diff(episode, prepend=-1))
    return _rows(_Notes(rows, order), events, _Cut(kept, episode, edges), policies, to_micros(until))


def _order(codes: Ints, at: Ints, resolved: Bools) -> Ints:
    """Return the order by fingerprint, time and state: of what comes at once, that which fires goes first."""
    order = np.lexsort((resolved, at)) if resolved.any() or (np.diff(at) < 0).any() else np.arange(len(codes))
    return np.asarray(order[stable_order(codes[order])], dtype=np.int64)


def _first_by_id(notes: _Notes, events: _Events, heads: Ints) -> Ints:
    """Return, for the first notification of each episode, that of the smallest id among those that came with it."""
    alike = (np.diff(events.fingerprint) == 0) & (np.diff(events.at) == 0) & (np.diff(events.firing) == 0)
    run = np.cumsum(np.append(True, ~alike)) - 1
    tied = np.flatnonzero(np.isin(run, run[heads]) & (np.append(alike, False) | np.append(False, alike)))
    if not len(tied):
        return heads
    ids = plain(notes.rows["event_id"].take(pa.array(notes.order[tied])))
    keys = pa.table({"run": run[tied], "id": ids})
    ordered = tied[np.asarray(pc.sort_indices(keys, [("run", "ascending"), ("id", "ascending")]))]
    first = ordered[np.diff(run[ordered], prepend=-1) != 0]
    best = np.full(int(run[-1]) + 1, -1, np.int64)
    best[run[first]] = first
    return np.where(best[run[heads]] >= 0, best[run[heads]], heads)


def _changes(events: _Events) -> Bools:
    """Tell which notifications change the state their alert had before."""
    changed = np.diff(events.firing, prepend=events.firing[:1])
    return np.asarray(changed & ~events.first, dtype=bool)


def _recent_changes(events: _Events, window_s: float) -> Ints:
    """Count, at each notification, the changes of state of its alert within the trailing window, itself included."""
    changes = _changes(events)
    if not changes.any():
        return np.zeros(events.at.size, np.int64)
    at = (events.at - events.at.min()) // _MS
    window = int(window_s * SECOND) // _MS
    place = events.fingerprint * (int(at.max()) + window + 1) + at
    total = np.concatenate([[0], np.cumsum(changes)])
    since = np.searchsorted(place, place - window, side="right")
    own = np.maximum.accumulate(np.where(events.first, np.arange(at.size), 0))
    return np.asarray(total[1:] - total[np.maximum(since, own)], dtype=np.int64)


def _episodes(events: _Events, policy: AlertPolicy) -> tuple[Bools, Bools]:
    """Return which notifications begin an episode, and which belong to one at all (a stray resolution does not)."""
    breaks = events.first | (events.gap > events.silence)
    after_resolved = np.concatenate([[False], ~events.firing[:-1]])[: events.at.size]
    calm = _recent_changes(events, policy.flap_window_s) < policy.flap_changes
    position = np.arange(events.at.size)
    run = np.maximum.accumulate(np.where(breaks, position, 0))
    fired = np.concatenate([[0], np.cumsum(events.firing)])
    first_fire = events.firing & (fired[:-1] == fired[run])
    begins = events.firing & (first_fire | (after_resolved & calm))
    last_begin = np.maximum.accumulate(np.where(begins, position, -1))
    return begins, last_begin >= run


def _rows(notes: _Notes, events: _Events, cut: _Cut, policies: Policies, until: int) -> pa.Table:
    policy, kept, edges = policies.alerts, cut.kept, cut.edges
    resolved_at, resolved_by = _ends(events, cut, until)
    count = np.diff(np.append(edges, kept.size))
    head = notes.rows.select(COPIED).take(pa.array(notes.order[_first_by_id(notes, events, cut.heads)]))
    started = events.at[cut.heads]
    recent, changed = _recent_changes(events, policy.flap_window_s)[kept], _changes(events)
    table = rows_from(
        ALERTS,
        {
            **{name: head[name] for name in COPIED},
            "alert_id": _alert_ids(head["alert_fingerprint"], started),
            "severity": pa.array(SEVERITIES).take(pa.array(np.maximum.reduceat(notes.severity()[kept], edges))),
            "alert_state": worded(resolved_at < OPEN, "resolved", "open"),
            "started_at": instants(started),
            "last_event_at": instants(events.at[kept][cut.tails]),
            "resolved_at": instants(resolved_at),
            "resolved_by": resolved_by,
            "event_count": count,
            "full_duplicate_count": count - _distinct(notes, events, cut),
            "flap_count": np.add.reduceat(changed[kept].astype(np.int64), edges) - changed[cut.heads],
            "is_flapping": np.maximum.reduceat(recent, edges) >= policy.flap_changes,
            "policy_version": pa.repeat(policies.version("alerts"), len(started)),
        },
    )
    return table.sort_by([("started_at", "ascending"), ("alert_id", "ascending")])


def _alert_ids(keys: pa.ChunkedArray, started: Ints) -> list[str]:
    """Return ``fingerprint("alt", alert_fingerprint=…, started_at=…)`` of each episode."""
    return fingerprints("alt", {"alert_fingerprint": texts_of(keys), "started_at": instant_texts(started)})


def _ends(events: _Events, cut: _Cut, until: int) -> tuple[Ints, pa.Array]:
    """Return when each episode ended and by what: its last change to resolved, or its last word and a silence."""
    firing, at = events.firing[cut.kept], events.at[cut.kept]
    last_fire = np.maximum.accumulate(np.where(firing, np.arange(firing.size), -1))[cut.tails]
    by_event = ~firing[cut.tails]
    timeout = at[cut.tails] + events.silence[cut.kept][cut.tails]
    same = np.append(np.diff(events.fingerprint[cut.heads]) == 0, False)
    timeout = np.where(same, np.minimum(timeout, np.append(events.at[cut.heads][1:], OPEN)), timeout)
    by_silence = ~by_event & (timeout < until)
    first_resolved = at[np.minimum(last_fire + 1, firing.size - 1)]
    ended = np.select([by_event, by_silence], [first_resolved, timeout], default=OPEN)
    words = pa.array(["integration", "timeout", None], pa.string())
    return ended.astype(np.int64), words.take(pa.array(np.select([by_event, by_silence], [0, 1], default=2)))


def _distinct(notes: _Notes, events: _Events, cut: _Cut) -> Ints:
    """Count the different contents of each episode."""
    code = cut.episode
    heads = np.flatnonzero(events.first)
    alert = np.cumsum(events.first) - 1
    for name in CONTENT:
        own, count = notes.codes(name)
        if count > 1 and (own != own[heads][alert]).any():
            code = compact(code * count + own[cut.kept])[0]
    if code is cut.episode:
        return np.ones(len(cut.edges), np.int64)
    _, first = compact(code)
    return np.bincount(cut.episode[first], minlength=len(cut.edges)).astype(np.int64)
