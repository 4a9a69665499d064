"""Kinds of lines an entity writes now and did not before: found whatever their severity, never for more traffic."""

import pytest
from incident_world import anomaly, at, facts, log, signals
from test_causes import POOL, SHOP, slow, verdict

from aiops_jobs.core.columns import to_micros
from aiops_jobs.core.incidents import lines

CALM = (to_micros(at(-60)), to_micros(at(-5)))
SICK = (to_micros(at(-5)), to_micros(at(30)))
NEW = "connection pool exhausted, waiting for a free connection after {} ms"


def usual(start, end, *, every=0.5, body="served request {} in {} ms", service="orders"):
    count = int((end - start) / every)
    return [log(start + i * every, body.format(i, i % 7), service=service, severity="INFO") for i in range(count)]


def told(logs):
    return signals(logs).lines.unusual("service_name", "orders", CALM, SICK)


def test_a_new_kind_of_line_is_found_with_its_constant_part_and_its_number():
    found = told([*usual(-60, 30), *(log(i / 2, NEW.format(i), service="orders", severity="WARN") for i in range(40))])
    assert found.piece == "connection pool exhausted, waiting for a free connection after"
    assert found.count == 40
    assert found.sigmas > 8


def test_a_kind_that_is_missing_is_no_evidence():
    found = told([*usual(-60, 30), *usual(-60, -5, body="order {} booked for customer {}")])
    assert found is None or found.sigmas < 8


@pytest.mark.parametrize("factor", [2, 5])
def test_more_of_everything_surprises_nobody(factor):
    found = told([*usual(-60, 0), *usual(0, 30, every=0.5 / factor)])
    assert found is None or found.sigmas < 8


def test_nothing_is_said_without_lines_on_both_sides_or_of_another_owner():
    assert told(usual(0, 30)) is None
    assert told(usual(-60, -5)) is None
    assert told(usual(-60, 30, service="billing")) is None


def test_the_number_is_that_of_all_lines_also_where_only_some_are_looked_at(monkeypatch):
    monkeypatch.setattr(lines, "MOST_LINES", 50)
    found = told([*usual(-60, 30), *(log(i / 4, NEW.format(i), service="orders", severity="WARN") for i in range(80))])
    assert found.count == 80


def test_warnings_that_are_no_errors_speak_for_a_cause():
    seen = facts(anomalies=[anomaly(0, "service/orders", POOL, observed=1.0), slow(4, "service/checkout")], links=SHOP)
    noisy = [*usual(-60, 30), *(log(i / 2, NEW.format(i), service="orders", severity="WARN") for i in range(40))]
    silent, heard = verdict(seen), verdict(seen, signals(noisy))
    score = [max(c["score"] for c in causes if c["entity_id"] == "service/orders") for _, causes, _ in (silent, heard)]
    assert score[1] > score[0]
    assert [row["evidence_value"] for row in heard[2] if "connection pool exhausted" in row["statement"]] == [40]
