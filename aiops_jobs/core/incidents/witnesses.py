"""Metrics, logs and traces as witnesses: what they say for or against a candidate cause."""

from __future__ import annotations

import math

from aiops_jobs.core.columns import SECOND
from aiops_jobs.core.incidents.candidates import Candidate
from aiops_jobs.core.incidents.case import Case
from aiops_jobs.core.incidents.proofs import Proof
from aiops_jobs.core.incidents.words import capitalised, quantity, short

MIN_RECORDS = 5
"""Fewer error records say nothing."""
MIN_SPANS = 20
"""Fewer spans say nothing."""
MIN_MOVED, FAR_MOVED = 3.0, 20.0
"""Metrics that moved less far, in units of how far they usually stray, say nothing; this far, they say all they can."""
MIN_SIGMAS, MANY_SIGMAS = 8.0, 100.0
"""Kinds of lines that surprise less, in standard deviations, say nothing; this much, they say all they can."""
MOST_SHOWN = 80
"""Characters of a line shown in a statement."""
MIN_NAME = 4
"""Shorter names occur in texts by chance."""


def hear(case: Case, candidate: Candidate) -> None:
    """Add to a candidate what metrics, logs and traces say about its entity."""
    if candidate.entity is None or candidate.cause_kind == "traffic":
        return
    logs = max(_surge(case, candidate), _named(case, candidate), _unusual_lines(case, candidate))
    candidate.features["logs"] = (0.5 if candidate.change_id else 1.0) * logs
    candidate.features["traces"] = (1.0 if candidate.cause_kind == "dependency" else 0.6) * _traces(case, candidate)
    candidate.features["metrics"] = 0.5 * _readings(case, candidate)


def _readings(case: Case, candidate: Candidate) -> float:
    """What an entity uses moved far from where it was, whether or not a detector called it an anomaly."""
    readings = case.world.signals.readings
    moved = readings.moved(candidate.entity or "", case.calm_window, case.sick_window) if readings else None
    if moved is None or moved.by < MIN_MOVED:
        return 0.0
    seen, usual = (quantity(value, moved.unit, moved.metric_name) for value in (moved.value, moved.usual))
    text = (
        f"{capitalised(moved.label)} of `{candidate.entity}` reached {seen}, {usual} before: "
        f"{moved.by:.1f} times as far as it usually strays."
    )
    where = {"series_id": moved.series_id}
    candidate.proofs.append(Proof("metric", text, "metric_points", where, *case.sick_window, value=moved.value))
    return min(1.0, math.log(moved.by) / math.log(FAR_MOVED))


def _owner(case: Case, entity: str) -> tuple[str | None, str | None]:
    """Return (service, host) under which an entity writes: its host if it is a machine's, else its service."""
    kind, _, name = entity.partition("/")
    host = case.topology.said(entity, "host_name")
    if kind == "service":
        return name, None
    return (None, host or name) if kind == "host" or host else (case.topology.said(entity, "service_name"), None)


def _surge(case: Case, candidate: Candidate) -> float:
    service, host = _owner(case, candidate.entity or "")
    signals, calm, sick = case.world.signals, case.calm_window, case.sick_window
    after = signals.error_logs(service, host, *sick)
    usual = signals.error_logs(service, host, *calm) * (sick[1] - sick[0]) / (calm[1] - calm[0])
    if after < MIN_RECORDS or after < 2 * usual:
        return 0.0
    text = (
        f"{after:.0f} error records of `{service or host}` within "
        f"{(sick[1] - sick[0]) / SECOND / 60:.0f} min, {usual:.1f} were usual."
    )
    where = {"severity_text": ["ERROR", "FATAL"], **({"service_name": service} if service else {"host_name": host})}
    candidate.proofs.append(Proof("log", text, "log_records", where, *sick, value=after))
    return min(0.7, math.log10((after + 1) / (usual + 1)) / 2)


def _unusual_lines(case: Case, candidate: Candidate) -> float:
    """An entity writes what it did not write before, compared with all it writes."""
    service, host = _owner(case, candidate.entity or "")
    column, owner = ("service_name", service) if service else ("host_name", host)
    if not owner:
        return 0.0
    found = case.world.signals.lines.unusual(column, owner, case.calm_window, case.sick_window)
    if found is None or found.sigmas < MIN_SIGMAS or found.count < MIN_RECORDS:
        return 0.0
    text = f"`{owner}` wrote `{found.piece[:MOST_SHOWN]}` {found.count} times, {found.expected:.0f} were usual."
    where = {column: owner, "body_contains": found.piece}
    candidate.proofs.append(Proof("log", text, "log_records", where, *case.sick_window, value=float(found.count)))
    return min(0.7, math.log(found.sigmas / MIN_SIGMAS) / math.log(MANY_SIGMAS / MIN_SIGMAS))


def _named(case: Case, candidate: Candidate) -> float:
    name = short(candidate.entity)
    if len(name) < MIN_NAME:
        return 0.0
    hits, total, example = case.world.signals.mentions(name, *case.sick_window)
    before, calm_total, _ = case.world.signals.mentions(name, *case.calm_window)
    share, usual = hits / total if total else 0.0, before / calm_total if calm_total else 0.0
    if hits < MIN_RECORDS or share < 0.05 or share < 2 * usual:
        return 0.0
    text = f"{hits} of {total} error records name `{name}`, for example: {example[:160]}"
    where = {"severity_text": ["ERROR", "FATAL"], "body_contains": name}
    candidate.proofs.append(Proof("log", text, "log_records", where, *case.sick_window, value=float(hits)))
    return min(1.0, 0.5 + share)


def _traces(case: Case, candidate: Candidate) -> float:
    kind, _, name = (candidate.entity or "").partition("/")
    if kind == "service":
        return _own_trouble(case, candidate, name)
    return _host_trouble(case, candidate, _owner(case, candidate.entity or "")[1])


def _own_trouble(case: Case, candidate: Candidate, service: str) -> float:
    """A service that is slow or fails by itself spends more time of its own than it used to."""
    calm_count, _, calm_own = case.world.signals.spans_of(service, *case.calm_window)
    count, failed, own = case.world.signals.spans_of(service, *case.sick_window)
    if min(calm_count, count) < MIN_SPANS or calm_own <= 0:
        return 0.0
    ratio = own / calm_own
    if ratio < 1.5:
        return 0.0
    text = (
        f"Spans of `{service}` spend {quantity(own, 's')} of their own each, {quantity(calm_own, 's')} before "
        f"({quantity(failed, '1', 'failed_ratio')} fail)."
    )
    where = {"service_name": service}
    candidate.proofs.append(Proof("trace", text, "spans", where, *case.sick_window, value=own))
    return min(1.0, math.log2(ratio) / 3)


def _host_trouble(case: Case, candidate: Candidate, host: str | None) -> float:
    calm_count, calm_failed = case.world.signals.spans_on(host, *case.calm_window)
    count, failed = case.world.signals.spans_on(host, *case.sick_window)
    if min(calm_count, count) < MIN_SPANS or failed < 0.02 or failed < 2 * calm_failed:
        return 0.0
    shares = quantity(failed, "1", "failed_ratio"), quantity(calm_failed, "1", "failed_ratio")
    text = f"{shares[0]} of the spans on `{host}` fail, {shares[1]} before."
    candidate.proofs.append(Proof("trace", text, "spans", {"host_name": host}, *case.sick_window, value=failed))
    return min(1.0, 0.5 + failed)
