"""What estate is wanted: scenario, seed, period and sizes; and the grid of time all of it lives on."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import numpy.typing as npt

from aiops_jobs.errors import ConfigurationError
from aiops_jobs.window import Window

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Row = dict[str, Any]
"""One row of a table, by column."""

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
DAY_S = 86400

SCENARIOS: dict[str, str] = {
    "demo": "a week with faults of many kinds, one a day, disks wearing out, a host falling silent, and much noise",
    "black_friday": "an announced sale quadruples the traffic; the connection pool of the orders database runs dry",
    "card_payments": "one API gateway node makes card approvals fail",
    "quiet_week": "harmless deployments, backups, a newsletter, noisy alerts; nothing is wrong",
}


@dataclass(frozen=True, slots=True)
class EstateSpec:
    """An estate to be simulated; equal specs give byte-equal estates."""

    scenario: str
    """One of `SCENARIOS`."""
    seed: int
    window: Window
    """The period to be judged; whole days in UTC."""
    history: timedelta = timedelta(days=28)
    """How much of metrics, alerts and changes lies before the window."""
    wear_history: timedelta = timedelta(days=120)
    """How much of daily disk metrics and tickets lies before the window."""
    text_history: timedelta = timedelta(days=2)
    """How much of logs and spans lies before the window."""
    step_s: int = 300
    """Sampling step of metrics, in seconds; divides a day."""
    app_hosts: int = 14
    storage_hosts: int = 20
    disks_per_host: int = 24
    logs_per_day: int = 9000
    traces_per_day: int = 1900
    source: str = "estate"
    """Written into the column ``source`` of every table."""

    def __post_init__(self) -> None:
        if self.scenario not in SCENARIOS:
            raise ConfigurationError(
                "scenario", f"is `{self.scenario}`, which is unknown", remedy=f"Use one of: {', '.join(SCENARIOS)}."
            )
        if self.step_s <= 0 or DAY_S % self.step_s:
            raise ConfigurationError(
                "step_s", f"is {self.step_s}, which does not divide a day", remedy="Use 60, 300 or 600."
            )
        if any((edge - EPOCH) % timedelta(days=1) for edge in (self.window.start, self.window.end)):
            raise ConfigurationError(
                "window", f"is {self.window}, which is not whole days", remedy="Begin and end at midnight UTC."
            )
        if self.app_hosts < 6 or self.storage_hosts < 1 or not 1 <= self.disks_per_host <= 26:
            raise ConfigurationError(
                "app_hosts, storage_hosts, disks_per_host",
                f"are {self.app_hosts}, {self.storage_hosts}, {self.disks_per_host}",
                remedy="Use at least 6 and 1 hosts, and 1 to 26 disks.",
            )

    def rng(self, *topic: object) -> np.random.Generator:
        """Return the random numbers of one topic: what is drawn for one never shifts what is drawn for another."""
        words = [zlib.crc32(str(word).encode()) for word in topic]
        return np.random.default_rng([self.seed, *words])

    @property
    def grid(self) -> Grid:
        """Instants of all metrics but the daily ones, history included."""
        return Grid.over(self.window.extended(before=self.history), self.step_s)

    @property
    def text_window(self) -> Window:
        """Period of logs and spans: the window and its short history, as far as there are metrics."""
        return self.window.extended(before=min(self.text_history, self.history))


@dataclass(frozen=True, slots=True)
class Grid:
    """Equidistant instants on absolute UTC time."""

    start_s: int
    """Seconds since the epoch of the first instant; a multiple of ``step_s``."""
    step_s: int
    size: int

    @classmethod
    def over(cls, window: Window, step_s: int) -> Grid:
        """Return the multiples of ``step_s`` that lie in ``window``."""
        first = -(-_seconds(window.start) // step_s)
        stop = -(-_seconds(window.end) // step_s)
        return cls(first * step_s, step_s, max(0, stop - first))

    @property
    def seconds(self) -> Ints:
        """All instants, in seconds since the epoch."""
        return self.start_s + self.step_s * np.arange(self.size, dtype=np.int64)

    def index(self, instant: datetime) -> int:
        """Return the position of the first grid instant not before ``instant``, cut to the grid."""
        position = -(-(_seconds(instant) - self.start_s) // self.step_s)
        return min(max(position, 0), self.size)

    def at(self, index: int) -> datetime:
        """Return the instant at a position."""
        return EPOCH + timedelta(seconds=self.start_s + index * self.step_s)


def _seconds(instant: datetime) -> int:
    """Seconds since the epoch, rounded up, so that a sample never lies before the instant."""
    return -((EPOCH - instant) // timedelta(seconds=1))


def to_micros(instant: datetime) -> int:
    """Return microseconds since the epoch."""
    return (instant - EPOCH) // timedelta(microseconds=1)
