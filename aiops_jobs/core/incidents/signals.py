"""What logs and traces say about an entity around an incident: error rates, who is named, who is slow by itself.

Everything is grouped and summed once for all incidents; a question about one entity and one window then costs two
binary searches.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from aiops_jobs.core.columns import Floats, Ints, codes_of, floats_of, micros_of, plain
from aiops_jobs.core.incidents.lines import Lines
from aiops_jobs.core.incidents.readings import Readings

LOG_COLUMNS = ("observed_at", "service_name", "host_name", "severity_text", "body")
SPAN_COLUMNS = (
    "observed_at",
    "trace_id",
    "span_id",
    "parent_span_id",
    "service_name",
    "host_name",
    "duration_s",
    "status_code",
)
BAD = pa.array(["ERROR", "FATAL"])


@dataclass(frozen=True)
class Sums:
    """Running totals of some quantity per owner (service or host) over time."""

    owners: dict[str, int]
    place: Ints
    """Owner and instant of each event in one sorted number."""
    width: int
    base: int
    total: Floats

    @classmethod
    def over(cls, owner: pa.ChunkedArray, at: Ints, amount: Floats) -> Sums:
        """Return the totals of ``amount`` by ``owner``; rows without an owner are left out."""
        codes, words = codes_of(owner)
        known = np.array([word is not None for word in words], dtype=bool)
        keep = known[codes] if len(words) else np.zeros(0, bool)
        codes, at, amount = codes[keep], at[keep], amount[keep]
        base = int(at.min()) if len(at) else 0
        width = int(at.max()) - base + 1 if len(at) else 1
        place = codes * width + (at - base)
        order = np.argsort(place, kind="stable")
        total = np.concatenate([[0.0], np.cumsum(amount[order])])
        return cls({word: i for i, word in enumerate(words) if word}, place[order], width, base, total)

    def within(self, owner: str | None, start: int, end: int) -> float:
        """Return the sum of one owner in ``[start, end)``; an unknown owner has none."""
        code = self.owners.get(owner) if owner else None
        if code is None:
            return 0.0
        edges = np.clip(np.array([start, end]) - self.base, 0, self.width) + code * self.width
        low, high = np.searchsorted(self.place, edges, side="left")
        return float(self.total[max(low, high)] - self.total[low])


@dataclass(frozen=True)
class Signals:
    """Logs, spans and metrics near the incidents."""

    logs: pa.Table
    spans: pa.Table
    readings: Readings | None = None
    """Raw metrics; none: they were not read."""

    @cached_property
    def lines(self) -> Lines:
        """All log records, by who wrote them."""
        return Lines(self.logs.select(LOG_COLUMNS))

    @cached_property
    def bad_logs(self) -> pa.Table:
        """Log records of errors, by time."""
        rows = self.logs.select(LOG_COLUMNS)
        return rows.filter(pc.is_in(plain(rows["severity_text"]), BAD)).sort_by("observed_at")

    @cached_property
    def _bad_at(self) -> Ints:
        return micros_of(self.bad_logs["observed_at"])

    @cached_property
    def _bad_bodies(self) -> pa.Array:
        return plain(self.bad_logs["body"])

    @cached_property
    def _error_sums(self) -> tuple[Sums, Sums]:
        ones = np.ones(len(self._bad_at))
        by_service = Sums.over(self.bad_logs["service_name"], self._bad_at, ones)
        return by_service, Sums.over(self.bad_logs["host_name"], self._bad_at, ones)

    def error_logs(self, service: str | None, host: str | None, start: int, end: int) -> float:
        """Return how many error records a service wrote in a window, or its host where no service is named."""
        by_service, by_host = self._error_sums
        return by_service.within(service, start, end) if service else by_host.within(host, start, end)

    def mentions(self, name: str, start: int, end: int) -> tuple[int, int, str]:
        """Return in how many error records of a window a name occurs as a word, of how many, and one of them."""
        low, high = np.searchsorted(self._bad_at, [start, end], side="left")
        bodies = self._bad_bodies.slice(int(low), int(max(low, high) - low))
        if not len(bodies):
            return 0, 0, ""
        word = rf"(?i)(^|[^a-z0-9-]){re.escape(name)}([^a-z0-9-]|$)"
        hits = bodies.filter(pc.match_substring_regex(bodies, word))
        return len(hits), len(bodies), str(hits[0]) if len(hits) else ""

    def most_frequent_error(self, services: Sequence[str], start: int, end: int) -> str:
        """Return the error text written most often by some services in a window; ties go to the alphabet."""
        low, high = np.searchsorted(self._bad_at, [start, end], side="left")
        rows = self.bad_logs.slice(int(low), int(max(low, high) - low))
        rows = rows.filter(pc.is_in(plain(rows["service_name"]), pa.array(list(services), pa.string())))
        if not rows.num_rows:
            return ""
        counted = rows.group_by("body").aggregate([("body", "count")])
        best = counted.sort_by([("body_count", "descending"), ("body", "ascending")])
        return str(best["body"][0])

    # --- traces -----------------------------------------------------------------------------------------------------

    @cached_property
    def _span_sums(self) -> dict[str, Sums]:
        rows = self.spans.select(SPAN_COLUMNS)
        at, ones = micros_of(rows["observed_at"]), np.ones(rows.num_rows)
        failed = np.asarray(pc.equal(plain(rows["status_code"]), "error").to_numpy(zero_copy_only=False), dtype=float)
        own = _own_time(rows)
        return {
            "count": Sums.over(rows["service_name"], at, ones),
            "failed": Sums.over(rows["service_name"], at, failed),
            "own_s": Sums.over(rows["service_name"], at, own),
            "host_count": Sums.over(rows["host_name"], at, ones),
            "host_failed": Sums.over(rows["host_name"], at, failed),
        }

    def spans_of(self, service: str | None, start: int, end: int) -> tuple[float, float, float]:
        """Return number of spans, share that failed and mean own time (s) of a service in a window."""
        sums = self._span_sums
        count = sums["count"].within(service, start, end)
        if not count:
            return 0.0, 0.0, 0.0
        failed, own = sums["failed"].within(service, start, end), sums["own_s"].within(service, start, end)
        return count, failed / count, own / count

    def spans_on(self, host: str | None, start: int, end: int) -> tuple[float, float]:
        """Return number of spans and share that failed of a host in a window."""
        count = self._span_sums["host_count"].within(host, start, end)
        return count, self._span_sums["host_failed"].within(host, start, end) / count if count else 0.0


def _own_time(spans: pa.Table) -> Floats:
    """Return the time each span spent by itself: its duration less that of its children, never below zero."""
    length = floats_of(spans["duration_s"])
    trace = plain(spans["trace_id"])
    key = pc.binary_join_element_wise(trace, plain(spans["span_id"]), ":")
    above = pc.binary_join_element_wise(trace, plain(spans["parent_span_id"]), ":")
    encoded = key.dictionary_encode()
    parent = pc.index_in(above, encoded.dictionary).fill_null(-1)
    places = np.asarray(parent.to_numpy(zero_copy_only=False), dtype=np.int64)
    inside = places >= 0
    spent = np.bincount(places[inside], weights=length[inside], minlength=len(encoded.dictionary))
    own = np.asarray(encoded.indices.to_numpy(zero_copy_only=False), dtype=np.int64)
    return np.maximum(length - spent[own], 0.0) if len(own) else length
