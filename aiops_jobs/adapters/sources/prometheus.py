"""Metrics from Prometheus and everything that speaks its API: raw samples by remote read, or queries on a grid.

API: https://prometheus.io/docs/prometheus/latest/querying/api/ and .../querying/remote_read_api/.

``selectors`` name series to be read as they were scraped. Where the server offers remote read, they come as stored:
exact times, no look-back, no limit of points. Elsewhere (Thanos, some managed services) they are asked for by range
queries on a grid of ``step_s``, where each grid point carries the latest sample of the five minutes before it.
``queries`` are PromQL, always evaluated on that grid. The grid is aligned to absolute time: two halves of a window give
the same samples as the whole.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Annotated, Literal

import httpx
import numpy as np
from pydantic import AfterValidator, Field, model_validator

from aiops_jobs.adapters.connection import Connection
from aiops_jobs.adapters.http import Reply
from aiops_jobs.adapters.sources.labels import LabelSettings
from aiops_jobs.adapters.sources.prometheus_chunks import DamagedChunkError, decode_chunks
from aiops_jobs.adapters.sources.prometheus_json import BadReplyError, Matrix, parse_matrix
from aiops_jobs.adapters.sources.prometheus_read import (
    READ_HEADERS,
    READ_PATH,
    STREAMED_CONTENT_TYPE,
    XOR_ENCODING,
    DamagedReplyError,
    frames,
    parse_frame,
    read_request,
)
from aiops_jobs.adapters.sources.prometheus_selectors import parse_selector
from aiops_jobs.adapters.sources.prometheus_series import SeriesBook, inside, window_ms
from aiops_jobs.contracts.table import Table
from aiops_jobs.contracts.telemetry import METRIC_POINTS
from aiops_jobs.errors import ConnectorError, ConnectorUnavailable
from aiops_jobs.ports import Batch, Check, Reject
from aiops_jobs.window import Window

RANGE_PATH = "/api/v1/query_range"
POINTS_PER_SERIES = 11_000
"""More are refused by the server."""
SLICE = timedelta(days=1)
"""One request asks for no more than this."""
BATCH_CHUNKS = 8192
"""Chunks decoded at once: about a million samples."""
STREAM_BYTES = 1 << 40
"""A streamed answer is decoded as it comes, so its size does not matter."""
STALE = np.uint64(0x7FF0000000000002)
"""Bits of the value that says a series has ended; no sample."""
NO_REMOTE_READ = frozenset({400, 404, 405, 415, 501})


def _selector(text: str) -> str:
    parse_selector(text)
    return text


class Settings(LabelSettings, Connection):
    """Where Prometheus is, and what to read from it."""

    kind: Literal["prometheus"] = "prometheus"
    selectors: tuple[Annotated[str, AfterValidator(_selector)], ...] = ()
    """Series to read as they are: ``node_load1{job="node"}``."""
    queries: dict[str, str] = Field(default_factory=dict)
    """PromQL to evaluate on the grid, by the name its result gets as a metric."""
    step_s: float = Field(default=300.0, gt=0)
    """Distance of the grid points of queries, in seconds."""
    units: dict[str, str] = Field(default_factory=dict)
    """UCUM units by metric name, where the name does not end in its unit."""
    has_remote_read: bool = True
    """False where remote read must not be tried."""
    timeout_s: float = Field(default=120.0, gt=0)
    """Deadline of one request, which asks for at most a day."""
    max_body_bytes: int = Field(default=512 << 20, gt=0)
    """Largest answer to a query accepted."""

    @model_validator(mode="after")
    def _asks_for_something(self) -> Settings:
        if not self.selectors and not self.queries:
            raise ValueError("neither `selectors` nor `queries` say what to read")
        return self


class PrometheusSource:
    """Reads ``metric_points``."""

    tables: Sequence[Table] = (METRIC_POINTS,)

    def __init__(self, name: str, settings: Settings, *, transport: httpx.BaseTransport | None = None) -> None:
        self.name = name
        self._settings = settings
        self._streams = settings.has_remote_read
        self._client = settings.client(name, max_body_bytes=settings.max_body_bytes, transport=transport)

    def check(self) -> Sequence[Check]:
        """Ask for the version, for remote read, and whether every query is understood."""
        try:
            version = self._client.get("/api/v1/status/buildinfo").json()["data"]["version"]
        except (ConnectorError, KeyError, TypeError) as error:
            return [Check("reach", is_ok=False, detail=str(error), remedy=f"Look at `sources.{self.name}.url`.")]
        found = [Check("reach", is_ok=True, detail=f"{self._client.host} is Prometheus {version}")]
        queries = {**{text: text for text in self._settings.selectors}, **self._settings.queries}
        for name, query in queries.items():
            found.append(self._check_query(name, query))
        return found

    def _check_query(self, name: str, query: str) -> Check:
        try:
            reply = self._client.post("/api/v1/query", data={"query": f"count({query})"}, is_write=False).json()
            result = reply["data"]["result"]
        except (ConnectorError, KeyError, TypeError) as error:
            return Check(name, is_ok=False, detail=str(error), remedy="Try it in the expression browser.")
        series = result[0]["value"][1] if result else "0"
        return Check(name, is_ok=series != "0", detail=f"{series} series now", remedy="Nothing has these labels now.")

    def extract(self, table: Table, window: Window) -> Iterator[Batch]:
        """Yield samples of all selectors and queries in ``window``, series after series.

        Raises:
            ConnectorUnavailable: It cannot be reached, is overloaded, or has only a part of the data.
            ConnectorError: It refuses, or does not understand a query.
        """
        if table is not METRIC_POINTS:
            raise ConnectorError(self.name, f"delivers {METRIC_POINTS.name}, not {table.name}")
        settings = self._settings
        book = SeriesBook(self.name, settings.rules, settings.units)
        first, last = window_ms(window)
        if last < first:
            return
        for part in window.split(SLICE):
            for selector in settings.selectors:
                yield from self._selected(selector, part, book)
            for metric_name, query in settings.queries.items():
                yield from self._queried(query, part, book, metric_name=metric_name)

    # --- remote read ------------------------------------------------------------------------------------------------

    def _selected(self, selector: str, window: Window, book: SeriesBook) -> Iterator[Batch]:
        if self._streams:
            with self._client.stream(
                "POST",
                READ_PATH,
                content=read_request(parse_selector(selector), *window_ms(window)),
                headers=READ_HEADERS,
                is_write=False,
                accept=NO_REMOTE_READ,
                max_body_bytes=STREAM_BYTES,
            ) as (response, pieces):
                kind = response.headers.get("content-type", "")
                if response.is_success and kind.startswith(STREAMED_CONTENT_TYPE):
                    yield from self._streamed(pieces, window, book)
                    return
                self._streams = response.status_code == httpx.codes.BAD_REQUEST  # which may be the selector's fault
        yield from self._queried(selector, window, book)

    def _streamed(self, pieces: Iterator[bytes], window: Window, book: SeriesBook) -> Iterator[Batch]:
        pending = _Pending()
        try:
            for frame in frames(pieces):
                for series in parse_frame(frame):
                    number = book.number_of(dict(series.labels))
                    for chunk in series.chunks:
                        pending.add(number, chunk.encoding, chunk.data)
                if len(pending.chunks) >= BATCH_CHUNKS:
                    yield from _decoded(pending, window, book)
                    pending = _Pending()
            yield from _decoded(pending, window, book)
        except (DamagedReplyError, DamagedChunkError) as error:
            raise ConnectorUnavailable(self.name, f"{self._client.host} sent a damaged answer: {error}") from error

    # --- range queries ----------------------------------------------------------------------------------------------

    def _queried(
        self, query: str, window: Window, book: SeriesBook, *, metric_name: str | None = None
    ) -> Iterator[Batch]:
        for start_ms, last_ms in grid(window, self._settings.step_s):
            form = {
                "query": query,
                "start": f"{start_ms / 1000:.3f}",
                "end": f"{last_ms / 1000:.3f}",
                "step": f"{self._settings.step_s:g}",
            }
            matrix = self._understood(self._client.post(RANGE_PATH, data=form, is_write=False), query)
            numbers = np.array([book.number_of(one, metric_name=metric_name) for one in matrix.labels], np.int64)
            if len(matrix.values):
                yield Batch(book.points(np.repeat(numbers, matrix.counts), matrix.timestamps_ms, matrix.values))

    def _understood(self, reply: Reply, query: str) -> Matrix:
        try:
            matrix = parse_matrix(reply.body)
        except BadReplyError as error:
            raise ConnectorError(self.name, f"{self._client.host} on `{query[:80]}`: {error}") from error
        if matrix.warnings:
            told = "; ".join(matrix.warnings)[:200]
            about_query = all(warning.startswith("PromQL") for warning in matrix.warnings)
            kind = ConnectorError if about_query else ConnectorUnavailable
            raise kind(self.name, f"partial answer from {self._client.host} on `{query[:80]}`: {told}")
        return matrix


def grid(window: Window, step_s: float) -> Iterator[tuple[int, int]]:
    """Yield first and last milliseconds of the requests that cover ``window`` on a grid aligned to absolute time."""
    step_ms = max(1, round(step_s * 1000))
    first, last = window_ms(window)
    start = -(-first // step_ms) * step_ms
    while start <= last:
        end = min(start + (POINTS_PER_SERIES - 1) * step_ms, last // step_ms * step_ms)
        yield start, end
        start = end + step_ms


@dataclass(slots=True)
class _Pending:
    """Chunks that arrived and are not decoded yet."""

    numbers: list[int] = field(default_factory=list)
    chunks: list[bytes] = field(default_factory=list)
    unreadable: dict[int, int] = field(default_factory=dict)

    def add(self, number: int, encoding: int, data: bytes) -> None:
        if encoding == XOR_ENCODING:
            self.numbers.append(number)
            self.chunks.append(data)
        else:
            self.unreadable[number] = encoding


def _decoded(pending: _Pending, window: Window, book: SeriesBook) -> Iterator[Batch]:
    samples = decode_chunks(pending.chunks)
    series = np.repeat(np.array(pending.numbers, np.int64), samples.counts)
    keep = inside(window, samples.timestamps_ms) & (samples.values.view(np.uint64) != STALE)
    rejects = tuple(
        Reject(
            locator=book.name_of(number),
            reason_code="NATIVE_HISTOGRAM",
            detail=f"chunks of encoding {encoding} hold no single value; read it by a query such as histogram_quantile",
            raw=book.name_of(number),
        )
        for number, encoding in sorted(pending.unreadable.items())
    )
    if keep.any() or rejects:
        yield Batch(book.points(series[keep], samples.timestamps_ms[keep], samples.values[keep]), rejects=rejects)
