"""The flows in a Prefect of their own: entry points load, windows come from schedules, retries follow the house policy."""

from datetime import UTC, datetime, timedelta

import pytest
import yaml
from prefect import flow
from prefect.testing.utilities import prefect_test_harness
from servers_prefect import ROOT

from aiops_jobs.bootstrap import bootstrap
from aiops_jobs.errors import ConnectorError, ConnectorUnavailable
from aiops_jobs.jobs.running import RunReport, open_run
from aiops_jobs.settings import Settings
from aiops_jobs.window import Window
from flows import policy
from flows.parameters import WindowParameters, _floor

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400), pytest.mark.xdist_group("prefect")]


@pytest.fixture(scope="module", autouse=True)
def _harness():
    with prefect_test_harness(server_startup_timeout=180):
        yield


def test_every_entry_point_is_a_flow_with_a_description_and_a_form():
    from prefect.flows import load_flow_from_entrypoint

    deployments = yaml.safe_load((ROOT / "deployments" / "prefect.yaml").read_text())["deployments"]
    assert len(deployments) == 15
    for deployment in deployments:
        path, name = deployment["entrypoint"].split(":")
        loaded = load_flow_from_entrypoint(f"{ROOT / path}:{name}")
        assert loaded.description
        assert ("RemediationParameters" if name == "remediate" else "WindowParameters") in str(
            loaded.parameters.model_dump()
        )
        assert all(s["timezone"] == "UTC" for s in deployment["schedules"])


@pytest.mark.parametrize(("error", "tries"), [(ConnectorUnavailable, 3), (ConnectorError, 1)])
def test_only_what_may_heal_is_tried_again(monkeypatch, error, tries):
    monkeypatch.setenv("AIOPS_RETRY_DELAYS_S", "[0, 0]")
    calls = []

    def verb():
        calls.append(1)
        raise error("prom_eu", "no answer")

    @flow
    def sentence():
        policy.as_task(verb, name="verb")()

    with pytest.raises(error, match="prom_eu"):
        sentence()
    assert len(calls) == tries


def test_a_task_hands_back_the_report(monkeypatch):
    monkeypatch.setenv("AIOPS_RETRY_DELAYS_S", "[]")
    report = RunReport("run-1", "detect", "w", "a", 1, 2)

    @flow
    def sentence():
        return policy.as_task(lambda: report, name="verb")().run_id

    assert sentence() == "run-1"


@pytest.mark.parametrize(
    ("done", "starts"),
    [
        ([], ["2026-11-19"]),
        (["2026-11-19"], ["2026-11-19"]),
        (["2026-11-17"], ["2026-11-17", "2026-11-18", "2026-11-19"]),
        (["2026-11-20"], []),
        (["2026-01-01"], [f"2026-11-{d}" for d in range(13, 20)]),
    ],
    ids=["first", "usual", "two missed", "already done", "long ago"],
)
def test_a_scheduled_run_makes_up_for_what_was_missed(monkeypatch, tmp_path, done, starts):

    fired = datetime(2026, 11, 20, 2, 15, tzinfo=UTC)
    monkeypatch.setattr("flows.parameters.flow_run", type("R", (), {"scheduled_start_time": fired}))
    context = bootstrap(Settings(home=tmp_path))
    for end in (datetime.fromisoformat(d).replace(tzinfo=UTC) for d in done):
        with open_run(context, "nightly", Window(end - timedelta(days=1), end), end):
            pass
    windows = WindowParameters().windows(context, "nightly")
    assert [f"{w.start:%Y-%m-%d}" for w, _ in windows] == starts
    assert all(w.duration == timedelta(days=1) and as_of == w.end for w, as_of in windows)


def test_windows_are_cut_on_absolute_time_whatever_the_clock_of_the_zone_does():
    step = timedelta(minutes=30)
    year = [datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=7 * k) for k in range(60 * 24 * 365 // 7)]
    floors = [_floor(t, step) for t in year]
    assert all(timedelta(0) <= t - f < step for t, f in zip(year, floors, strict=True))
    assert {b - a for a, b in zip(floors, floors[1:], strict=False)} <= {timedelta(0), step}


def test_half_a_window_is_refused():
    with pytest.raises(ValueError, match="both start and end"):
        WindowParameters(start=datetime(2026, 1, 1, tzinfo=UTC))
