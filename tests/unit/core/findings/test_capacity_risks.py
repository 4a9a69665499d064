"""Forecasts as rows that keep their contracts, and findings a person can act on."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa
import pytest

from aiops_jobs.contracts.results import CAPACITY_FORECASTS, CAPACITY_RISKS, FINDINGS, LINEAGE
from aiops_jobs.core.findings.capacity_risks import (
    Issue,
    to_capacity_findings,
    to_capacity_forecasts,
    to_capacity_risks,
)
from aiops_jobs.core.models.candidates import Clock
from aiops_jobs.core.models.capacity import LEVELS, Paths
from aiops_jobs.core.models.time_to_breach import look_out
from aiops_jobs.core.policies import CapacityPolicy, MetricRole

AT = datetime(2026, 11, 9, tzinfo=UTC)
POLICY = CapacityPolicy()
STEPS = np.arange(1, 14 * 24 + 1)
ROLE = MetricRole("fs", "saturation", limit=1.0, label="file system")
BYTES = MetricRole("bytes", "saturation", limit=100.0)
ISSUE = Issue(AT, AT, "mdl-1", "capacity-1")
STAMP = {
    "run_id": "run-1",
    "as_of": AT,
    "code_version": "1",
    "config_hash": "c",
    "input_manifest_id": None,
}


def series(count=1, metric="node_filesystem_utilization_ratio", unit="1"):
    rows = [
        {
            "series_id": f"s{n}",
            "metric_name": metric,
            "unit": unit,
            "entity_id": f"host/web-{n}",
            "service_name": None,
            "host_name": f"web-{n}",
            "source": "prom",
        }
        for n in range(count)
    ]
    return pa.Table.from_pylist(rows, schema=pa.schema([(name, pa.string()) for name in rows[0]]))


def growing(*starts, slope=0.001, width=0.05):
    start = np.array(starts)[:, None, None]
    return Paths(STEPS, start + slope * STEPS + width * (LEVELS[None, :, None] - 0.5))


def everything(*starts, role=ROLE, history=None, issue=ISSUE, **more):
    paths = growing(*starts, **more)
    values = np.full((len(starts), 28 * 24), 0.3) if history is None else history
    about, roles = series(len(starts)), [role] * len(starts)
    limits = np.full(len(starts), (role.limit or 0.0) * POLICY.limit_margin_ratio)
    outlook = look_out(values, paths, limits, Clock(POLICY.step_s))
    risks = to_capacity_risks(about, roles, outlook, issue, POLICY)
    found = to_capacity_findings(about, roles, risks, outlook, POLICY)
    return to_capacity_forecasts(about, roles, paths, issue, step_s=3600.0), risks, found


def stamped(table, rows):
    for column in LINEAGE:
        kind = table.to_arrow().field(column.name).type
        rows = rows.append_column(column.name, pa.array([STAMP[column.name]] * rows.num_rows, kind))
    return table.conform(rows)


def test_rows_keep_their_contracts():
    forecasts, risks, found = everything(0.9, 0.2)
    for table, rows in ((CAPACITY_FORECASTS, forecasts), (CAPACITY_RISKS, risks), (FINDINGS, found)):
        assert stamped(table, rows).num_rows > 0


def test_a_fan_has_eight_instants_a_day_and_none_before_the_issue():
    forecasts, _, _ = everything(0.2, 0.3)
    assert forecasts.num_rows == 2 * 14 * 8
    targets = forecasts["target_at"].to_pylist()[:3]
    assert targets == [AT, AT + timedelta(hours=3), AT + timedelta(hours=6)]
    late = Issue(AT + timedelta(minutes=20), AT, "mdl-1", "capacity-1")
    assert min(everything(0.2, issue=late)[0]["target_at"].to_pylist()) > late.issued_at


def test_ratios_are_cut_to_what_a_ratio_can_be_and_other_units_are_not():
    forecasts, _, _ = everything(0.98)
    assert max(forecasts["p90"].to_pylist()) == 1.0
    assert (np.array(forecasts["p10"]) <= np.array(forecasts["p50"])).all()
    assert (np.array(forecasts["p50"]) <= np.array(forecasts["p90"])).all()
    assert max(everything(0.98, role=BYTES)[0]["p90"].to_pylist()) > 1.0
    assert min(everything(-5.0, role=BYTES)[0]["p10"].to_pylist()) < 0.0


def test_every_resource_has_a_risk_row_and_only_the_likely_the_soon_and_the_new_a_finding():
    _, risks, found = everything(0.9, 0.75, 0.2)
    assert risks["series_id"].to_pylist() == ["s0", "s1", "s2"]
    assert found["subject_series_id"].to_pylist() == ["s0"]
    assert found["finding_id"].to_pylist() == risks["finding_id"].to_pylist()[:1]


def test_times_of_breach_are_instants_in_order():
    _, risks, _ = everything(0.9)
    risk = risks.to_pylist()[0]
    assert risk["breach_p50_at"] == AT + timedelta(hours=49)
    assert AT < risk["breach_p10_at"] < risk["breach_p50_at"] < risk["breach_p90_at"]
    assert everything(0.2)[1].to_pylist()[0]["breach_p50_at"] is None


@pytest.mark.parametrize(("start", "severity"), [(0.93, "critical"), (0.85, "warning")])
def test_the_sooner_the_worse(start, severity):
    _, _, found = everything(start)
    assert found["severity"].to_pylist() == [severity]
    assert found["score"].to_pylist()[0] == pytest.approx(168 / ((0.95 - start) / 0.001 - 1), rel=0.02)


def test_a_finding_says_what_where_when_and_what_to_do():
    finding = everything(0.9)[2].to_pylist()[0]
    assert finding["title"] == "web-0 file system full in 2.04 days"
    for part in ("host/web-0", "0.95", "2026-11-11 01:00Z", "80 %", "Free space or stop the growth before"):
        assert part in finding["summary"]
    assert finding["started_at"] == finding["detected_at"] == AT


def test_a_resource_that_lives_at_its_limit_is_a_risk_but_no_finding():
    history = np.full((1, 28 * 24), 0.97)
    _, risks, found = everything(0.97, slope=0.0, history=history)
    assert found.num_rows == 0
    assert risks["recommendation"].to_pylist() == ["Check the limit: it was reached on 100% of the days before."]


def test_a_full_resource_is_full_now():
    _, risks, found = everything(0.99)
    assert risks["breach_p50_at"].to_pylist() == [AT]
    assert found["title"].to_pylist() == ["web-0 file system is full"]


def test_thin_data_are_told():
    history = np.full((1, 28 * 24), np.nan)
    history[0, -100:] = 0.9
    finding = everything(0.9, history=history)[2].to_pylist()[0]
    assert finding["dq_status"] == "insufficient_data"
    assert finding["coverage_ratio"] == pytest.approx(100 / (28 * 24))


def test_the_recommendation_tells_how_much_more_would_last():
    assert "add 32% of capacity" in everything(0.9)[1]["recommendation"].to_pylist()[0]
    assert "Nothing to do" in everything(0.2)[1]["recommendation"].to_pylist()[0]
    assert "Keep an eye" in everything(0.2, slope=0.0, width=2.0)[1]["recommendation"].to_pylist()[0]


def test_the_id_of_a_finding_names_series_and_issue():
    one, other = everything(0.9, 0.9)[1]["finding_id"].to_pylist()
    assert one != other
    later = Issue(AT + timedelta(days=1), AT, "mdl-1", "capacity-1")
    assert everything(0.9, issue=later)[1]["finding_id"].to_pylist() != [one]
    assert everything(0.9)[1]["finding_id"].to_pylist() == [one]
