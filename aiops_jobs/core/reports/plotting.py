"""Chooses which anomalies are shown as pictures, and makes pictures of anomalies and forecasts."""

from __future__ import annotations

from datetime import timedelta

import pyarrow as pa
import pyarrow.compute as pc

from aiops_jobs.contracts import results as r
from aiops_jobs.core.policies import MetricRole, Policies, ReportPolicy
from aiops_jobs.core.reports.facts import Facts, Row
from aiops_jobs.core.reports.incident_model import Plot
from aiops_jobs.core.reports.plots import Fan, Series, Spot
from aiops_jobs.core.reports.words import duration, instant, name, quantity, sentence
from aiops_jobs.window import Window

BAND = ("lower", "expected", "upper")
SHORTEST = timedelta(minutes=10)
LEAST_BEFORE, LEAST_AFTER = timedelta(hours=3), timedelta(hours=1)
"""Calm that is shown before and after an incident, however short it was."""
PER_INCIDENT = 6
"""Pictures of one incident."""
AT_CAUSE = 2
"""Of these, pictures of the suspected cause, which come first."""


def chosen_anomalies(facts: Facts, policy: ReportPolicy) -> list[Row]:
    """Return the anomalies worth a picture: the strongest of each incident in order of priority, then the others."""
    by_id = {row["finding_id"]: row for row in facts[r.ANOMALIES].to_pylist()}
    ranked = sorted(by_id.values(), key=lambda row: (-row["peak_score"], row["started_at"], row["finding_id"]))
    priority = {row["incident_id"]: (row["priority"], row["started_at"]) for row in facts[r.INCIDENTS].to_pylist()}
    home = {
        m["member_id"]: m["incident_id"] for m in facts[r.INCIDENT_ALERTS].to_pylist() if m["incident_id"] in priority
    }
    causes = {row["incident_id"]: row["cause_entity_id"] for row in facts[r.INCIDENTS].to_pylist()}
    chosen: list[Row] = []
    for incident in sorted(priority, key=lambda i: (*priority[i], i)):
        own = [row for row in ranked if home.get(row["finding_id"]) == incident]
        at_cause = [row for row in own if row["entity_id"] == causes[incident]][:AT_CAUSE]
        chosen += [*at_cause, *(row for row in own if row not in at_cause)][:PER_INCIDENT]
    chosen = chosen[: policy.max_incident_plots]
    return chosen + [row for row in ranked if row["finding_id"] not in home][: policy.max_plots]


def incident_windows(facts: Facts, policy: ReportPolicy, until: Window) -> dict[str, Window]:
    """Return the time shown by the pictures of each member of each incident: all of one incident show the same.

    The window is sized by the incident, so that half an hour of trouble is not lost in a day of calm.
    """
    shown: dict[str, Window] = {}
    for row in facts[r.INCIDENTS].to_pylist():
        ended = max(row["ended_at"] or until.end, row["started_at"] + SHORTEST)
        lasted = ended - row["started_at"]
        before = min(max(2 * lasted, LEAST_BEFORE), timedelta(seconds=policy.plot_before_s))
        after = min(max(lasted / 2, LEAST_AFTER), timedelta(seconds=policy.plot_after_s))
        begin = row["started_at"] - before
        shown[row["incident_id"]] = Window(begin, max(min(ended + after, until.end), row["started_at"] + SHORTEST))
    members = facts[r.INCIDENT_ALERTS].to_pylist()
    return {m["member_id"]: shown[m["incident_id"]] for m in members if m["incident_id"] in shown}


def plot_window(row: Row, policy: ReportPolicy, until: Window) -> Window:
    """Return the time a picture of an anomaly shows: what was normal before it, and a little after it."""
    ended = row["ended_at"] or until.end
    begin = row["started_at"] - timedelta(seconds=policy.plot_before_s)
    end = min(ended + timedelta(seconds=policy.plot_after_s), until.end)
    return Window(begin, max(end, row["started_at"] + timedelta(minutes=5)))


def anomaly_plot(
    row: Row, facts: Facts, policies: Policies, window: Window, shown: Window | None = None
) -> Plot | None:
    """Return the picture of one anomaly, or ``None`` where its series is not at hand.

    Args:
        row: The anomaly.
        facts: Where its band is.
        policies: How much is shown, and what metrics are called.
        window: What is not over goes on to the end of it.
        shown: Time the picture shows; default: as the policy says.
    """
    shown = shown or plot_window(row, policies.report, window)
    band = facts.bands.get(row["series_id"])
    series = None if band is None else Series.of(_within(band, shown), time="observed_at", value="value", band=BAND)
    if series is None:
        return None
    ended = row["ended_at"] or window.end
    metric, unit = row["metric_name"], row["unit"]
    label = label_of(metric, policies.roles)
    is_up = row["direction"] == "up"
    seen, edge = (quantity(row[key], unit, metric) for key in ("observed", "upper" if is_up else "lower"))
    lasted = duration((ended - row["started_at"]).total_seconds())
    wanted, side = ("at most", "above") if is_up else ("at least", "below")
    told = f"{seen} at {instant(row['peak_at'])}, expected {wanted} {edge}; {side} the band for {lasted}."
    return Plot(
        finding_id=row["finding_id"],
        title=f"{label} of {name(row['entity_id'])}",
        told=told,
        severity="critical" if row["peak_score"] >= 2 else "warning",
        score=row["peak_score"],
        metric_name=metric,
        unit=unit,
        series=series,
        spot=Spot(row["started_at"], ended, row["peak_at"], row["observed"]),
        entity_id=row["entity_id"],
        series_id=row["series_id"],
    )


def forecast_fan(row: Row, facts: Facts, own: pa.Table, *, limit: float) -> Fan | None:
    """Return the fan of one forecast, or ``None`` where it is not at hand.

    Args:
        row: The risk.
        facts: Where its history is.
        own: Rows of ``capacity_forecasts`` of its series and issue.
        limit: From which value on the resource counts as full.
    """
    forecast = Series.of(own, time="target_at", value="p50", band=("p10", "p50", "p90")) if own.num_rows else None
    if forecast is None:
        return None
    past = facts.histories.get(row["series_id"])
    history = None if past is None else Series.of(past, time="observed_at", value="value")
    named = (("early", "breach_p10_at"), ("median", "breach_p50_at"), ("late", "breach_p90_at"))
    breaches = tuple((label, row[column]) for label, column in named if row[column] is not None)
    return Fan(row["issued_at"], forecast, limit, history, breaches)


def label_of(metric_name: str, roles: tuple[MetricRole, ...]) -> str:
    """Return what a person calls a metric: the label of its role, else its own name."""
    names = pa.array([metric_name])
    for role in roles:
        if role.label and pc.match_substring_regex(names, role.pattern)[0].as_py():
            return sentence(role.label)
    return metric_name


def _within(band: pa.Table, window: Window) -> pa.Table:
    times = band["observed_at"]
    inside = pc.and_(
        pc.greater_equal(times, pa.scalar(window.start, times.type)), pc.less(times, pa.scalar(window.end, times.type))
    )
    return band.filter(inside)
