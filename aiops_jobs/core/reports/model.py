"""What a page shows, as plain values: decided here and in the builders, drawn elsewhere."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from aiops_jobs.core.alerts.funnel import Funnel
from aiops_jobs.core.feedback.outcomes import Figures
from aiops_jobs.core.reports.incident_model import Incident, Plot, Ticket
from aiops_jobs.core.reports.plots import Fan
from aiops_jobs.window import Window

ACT, LOOK, BLIND, CALM = "act", "look", "blind", "calm"
"""What a reader should do: act now; look; distrust the silence, as data is missing; sleep on."""


@dataclass(frozen=True, slots=True)
class Forecast:
    """A resource that fills up."""

    finding_id: str
    title: str
    metric_name: str
    unit: str | None
    observed: float
    limit: float
    probability: float
    breach_at: tuple[datetime | None, datetime | None, datetime | None]
    """Early, median and late time of breach."""
    recommendation: str
    model_version: str
    fan: Fan | None
    told: str


@dataclass(frozen=True, slots=True)
class FailureRisk:
    """An entity that may fail."""

    entity_id: str
    probability: float
    threshold: float
    decision: str
    horizon_s: float
    features: tuple[tuple[str, str], ...]
    model_version: str


@dataclass(frozen=True, slots=True)
class SourceCell:
    """How one table of one source stood over the windows of the page."""

    state: str
    """The worst; `never` where it was expected and never asked."""
    windows: int
    sound_windows: int
    rows_in: int
    rows_published: int
    rows_quarantined: int
    rows_duplicate: int
    rows_late: int
    latest_event_at: datetime | None
    problem: str | None
    is_whole: bool
    """Whether the windows that were ingested cover the page's window."""


@dataclass(frozen=True, slots=True)
class Complaint:
    """An expectation that did not hold, over all runs of the page."""

    table_name: str
    source: str
    expectation: str
    verdict: str
    severity: str
    observed: str
    wanted: str
    owner: str
    reason: str
    times: int


@dataclass(frozen=True, slots=True)
class PutAside:
    """Rows in quarantine for one reason."""

    source: str
    table_name: str
    reason_code: str
    detail: str
    count: int


@dataclass(frozen=True, slots=True)
class DataState:
    """Whether the data behind the page was sound."""

    tables: tuple[str, ...]
    sources: tuple[str, ...]
    cells: dict[tuple[str, str], SourceCell]
    complaints: tuple[Complaint, ...]
    put_aside: tuple[PutAside, ...]
    gaps: tuple[str, ...]
    """What is missing, one sentence each; empty: nothing."""
    silent: tuple[str, ...]
    """What stopped reporting, one sentence each."""
    judged: int
    """Verdicts on expectations; without any, none of them can have held."""


@dataclass(frozen=True, slots=True)
class Model:
    """A model in use, with what it is worth on later data."""

    name: str
    version: str
    stage: str
    train_from: datetime
    train_to: datetime
    measures: tuple[tuple[str, float, float | None, int], ...]
    """Name, value, value of the naive baseline, number of cases."""


@dataclass(frozen=True, slots=True)
class RunLine:
    """A run whose results the page shows."""

    run_id: str
    job: str
    asked: str
    status: str
    window: str
    as_of: datetime
    code_version: str
    config_hash: str
    input_manifest_id: str | None
    rows_in: int
    rows_published: int


@dataclass(frozen=True, slots=True)
class Verdict:
    """The page in one glance."""

    level: str
    headline: str
    sentences: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class View:
    """Everything a page shows."""

    estate: str
    window: Window
    as_of: datetime
    run_id: str
    code_version: str
    verdict: Verdict
    incidents: tuple[Incident, ...]
    hidden_incidents: int
    plots: tuple[Plot, ...]
    """Strong anomalies that belong to no incident."""
    anomaly_count: int
    forecasts: tuple[Forecast, ...]
    hidden_forecasts: int
    """Resources that were forecast and of which nothing needs to be said."""
    risks: tuple[FailureRisk, ...]
    hidden_risks: int
    tickets: tuple[Ticket, ...]
    data: DataState
    models: tuple[Model, ...]
    runs: tuple[RunLine, ...]
    funnel: Funnel
    figures: Figures
    revised: int = 0
    """Result rows left out because they were learned after the page's knowledge cut."""
