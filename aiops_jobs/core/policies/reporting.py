"""What is told to people: tickets and pages."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal
from zoneinfo import available_timezones


@dataclass(frozen=True, slots=True)
class TicketPolicy:
    """Which conclusions may ask for a ticket."""

    min_priority: str = "P3"
    """Incidents less urgent stay in the warehouse."""
    finding_kinds: tuple[str, ...] = ("capacity_risk", "failure_risk")
    """Findings that get a ticket of their own."""
    risk_calm_s: float = 36 * 3600.0
    """A risk's ticket is resolved when it was told for the last time so long ago, and was looked at since: two calm
    nights in a row, for a forecast near its bound changes its mind."""
    min_members_without_symptom: int = 3
    """An incident without any symptom (latency, errors, alert) needs this many members to be told to people."""
    min_lone_finding_s: float = 1800.0
    """A single finding of ours, without alert or a cause that could be named, must last so long (seconds) to be told to
    people: a short one that nothing else confirms is more often chance than trouble."""
    max_per_run: int = 50
    """More suggestions than this in one run are held back and told as one digest."""
    language: Literal["en", "ko"] = "en"
    """Language of tickets, where the setting ``language`` does not say so."""
    time_zone: str = "UTC"
    """Zone in which tickets tell instants (UTC stands beside them), such as ``Asia/Seoul``."""
    mask_ip_addresses: bool = False
    """Whether IP addresses are taken out of stored texts, too. Who is on call needs them to find the machine."""

    def __post_init__(self) -> None:
        """Refuse a zone that is not known."""
        if self.time_zone != "UTC" and self.time_zone not in available_timezones():
            raise ValueError(f"`{self.time_zone}` is no time zone; use a name such as Asia/Seoul.")


@dataclass(frozen=True, slots=True)
class ReportPolicy:
    """How much of a window a page shows; the rest is counted and stays in the warehouse."""

    max_incidents: int = 25
    """Incidents listed on the page of a window."""
    max_plots: int = 16
    """Pictures of anomalies that belong to no incident, the strongest first."""
    max_incident_plots: int = 60
    """Pictures of anomalies on the pages of the incidents of one window, the most urgent incident first."""
    max_pages: int = 200
    """Incidents of one window that get a page of their own by themselves, the most urgent first; `aiops report inc-…`
    writes any other."""
    plot_before_s: float = 24 * 3600.0
    """History shown before an anomaly (at most, before an incident), so that a reader sees what is normal."""
    plot_after_s: float = 3 * 3600.0
    max_forecasts: int = 8
    max_risks: int = 25
