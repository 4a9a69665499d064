"""Tells what is coming: resources that fill up, entities that may fail, and the models that say so."""

from __future__ import annotations

import json
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from aiops_jobs.contracts import operations as o
from aiops_jobs.contracts import results as r
from aiops_jobs.core.policies import Policies
from aiops_jobs.core.reports.facts import Facts, Row, rows_by
from aiops_jobs.core.reports.model import FailureRisk, Forecast, Model
from aiops_jobs.core.reports.plotting import forecast_fan, label_of
from aiops_jobs.core.reports.words import instant, name, number, percent, quantity

DECISIONS = ("act", "watch", "none")
MOST_FEATURES = 4


def chosen_risks(facts: Facts, policies: Policies) -> list[Row]:
    """Return the latest capacity risk of each series that became a finding, the earliest breach first."""
    told = set(facts[r.FINDINGS]["finding_id"].to_pylist())
    latest = [row for row in _latest_risks(facts).values() if row["finding_id"] in told]
    far = max((row["issued_at"] for row in latest), default=None)
    ordered = sorted(
        latest,
        key=lambda row: (
            row["breach_p50_at"] is None,
            row["breach_p50_at"] or far,
            -row["breach_probability_ratio"],
            row["series_id"],
        ),
    )
    return ordered[: policies.report.max_forecasts]


def build_forecasts(facts: Facts, policies: Policies) -> tuple[list[Forecast], int]:
    """Return the resources that fill up, with their fans, and how many more were forecast."""
    forecasts = facts[r.CAPACITY_FORECASTS]
    shown = [_forecast(row, facts, _of(forecasts, row), policies) for row in chosen_risks(facts, policies)]
    return shown, len(_latest_risks(facts)) - len(shown)


def _latest_risks(facts: Facts) -> dict[str, Row]:
    latest: dict[str, Row] = {}
    for row in sorted(facts[r.CAPACITY_RISKS].to_pylist(), key=lambda row: (row["issued_at"], row["finding_id"])):
        latest[row["series_id"]] = row
    return latest


def build_risks(facts: Facts, policies: Policies) -> tuple[list[FailureRisk], int]:
    """Return the latest risk of each entity that calls for something, the gravest first, and how many are not shown."""
    latest: dict[tuple[str, float], Row] = {}
    for row in sorted(facts[r.FAILURE_RISKS].to_pylist(), key=lambda row: (row["issued_at"], row["finding_id"])):
        latest[row["entity_id"], row["horizon_s"]] = row
    ordered = sorted(
        latest.values(), key=lambda row: (DECISIONS.index(row["decision"]), -row["probability_ratio"], row["entity_id"])
    )
    wanted = [row for row in ordered if row["decision"] != "none"] or ordered[:3]
    most = policies.report.max_risks
    return [_risk(row) for row in wanted[:most]], len(ordered) - len(wanted[:most])


def build_models(facts: Facts) -> list[Model]:
    """Return the champion of each model, and its latest candidate where that is not the champion."""
    measures = rows_by(facts[o.MODEL_EVALUATIONS], "model_version")
    newest: dict[tuple[str, str], Row] = {}
    for row in sorted(facts[o.MODEL_VERSIONS].to_pylist(), key=lambda row: (row["as_of"], row["model_version"])):
        if row["model_stage"] != "retired":
            newest[row["model_name"], row["model_stage"]] = row
    ordered = sorted(newest, key=lambda key: (key[0], key[1] != "champion"))
    return [_model(newest[key], measures.get(newest[key]["model_version"], [])) for key in ordered]


def _of(forecasts: pa.Table, row: Row) -> pa.Table:
    same = pc.and_(
        pc.equal(forecasts["series_id"].cast(pa.string()), row["series_id"]),
        pc.equal(forecasts["issued_at"], pa.scalar(row["issued_at"], forecasts["issued_at"].type)),
    )
    return forecasts.filter(same)


def _forecast(row: Row, facts: Facts, own: pa.Table, policies: Policies) -> Forecast:
    metric, unit = row["metric_name"], facts.units.get(row["series_id"])
    early, median, late = row["breach_p10_at"], row["breach_p50_at"], row["breach_p90_at"]
    full = row["limit_value"] * policies.capacity.limit_margin_ratio
    now, limit = (quantity(value, unit, metric) for value in (row["observed"], full))
    when = f"reaches {limit} about {instant(median)}" if median else f"does not reach {limit} within the horizon"
    between = f", between {instant(early)} and {instant(late) if late else 'later than shown'}" if early else ""
    told = f"Now {now}; {when}{between}; probability {percent(row['breach_probability_ratio'])}."
    return Forecast(
        finding_id=row["finding_id"],
        title=f"{label_of(metric, policies.roles)} of {name(row['entity_id'])}",
        metric_name=metric,
        unit=unit,
        observed=row["observed"],
        limit=full,
        probability=row["breach_probability_ratio"],
        breach_at=(early, median, late),
        recommendation=row["recommendation"],
        model_version=row["model_version"],
        fan=forecast_fan(row, facts, own, limit=full),
        told=told,
    )


def _risk(row: Row) -> FailureRisk:
    return FailureRisk(
        entity_id=row["entity_id"],
        probability=row["probability_ratio"],
        threshold=row["threshold"],
        decision=row["decision"],
        horizon_s=row["horizon_s"],
        features=tuple(_features(row["top_features"])[:MOST_FEATURES]),
        model_version=row["model_version"],
    )


def _features(text: str | None) -> list[tuple[str, str]]:
    """Return names and values of features, however they were written down: as pairs, objects or a mapping."""
    said = json.loads(text) if text else []
    if isinstance(said, dict):
        return [(str(key), _value(value)) for key, value in said.items()]
    return [_feature(item) for item in said]


def _feature(item: Any) -> tuple[str, str]:
    if isinstance(item, dict):
        label = next((item[key] for key in ("feature", "name", "metric") if key in item), "feature")
        return str(label), _value(item.get("value", item.get("last")))
    if isinstance(item, list) and item:
        return str(item[0]), _value(item[1] if len(item) > 1 else None)
    return str(item), ""


def _value(value: Any) -> str:
    return number(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else str(value or "")


def _model(row: Row, evaluations: list[Row]) -> Model:
    latest: dict[str, Row] = {}
    for item in sorted(evaluations, key=lambda item: (item["window_end"], item["metric"])):
        latest[item["metric"]] = item
    return Model(
        name=row["model_name"],
        version=row["model_version"],
        stage=row["model_stage"],
        train_from=row["train_from"],
        train_to=row["train_to"],
        measures=tuple(
            (key, item["metric_value"], item["baseline_value"], item["sample_count"])
            for key, item in sorted(latest.items())
        ),
    )
