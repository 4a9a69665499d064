"""A real Prefect server and worker run what deployments/prefect.yaml says."""

import sys
from datetime import timedelta

import pytest
import yaml
from servers_prefect import ROOT, prefect, prefect_server, running, wait_for_end

from aiops_jobs.adapters.estate_files import write_estate
from aiops_jobs.core.estate import EstateSpec, simulate
from aiops_jobs.window import Window

pytestmark = [pytest.mark.servers, pytest.mark.slow, pytest.mark.timeout(1500), pytest.mark.xdist_group("prefect")]

WINDOW = Window.parse("2026-11-09T00:00:00Z", "2026-11-10T00:00:00Z")


@pytest.fixture(scope="module")
def orchestra(tmp_path_factory):
    """A server with the deployments of the repository, and a worker on an estate with one dead source."""
    home = tmp_path_factory.mktemp("orchestra")
    spec = EstateSpec(scenario="card_payments", seed=3, window=WINDOW, history=timedelta(days=14))
    write_estate(simulate(spec), home / "estate")
    (home / "good.toml").write_text(
        f'[sources.estate]\nkind = "files"\npath = "{home}/estate"\n[sinks.desk]\nkind = "file"\npath = "{home}/desk"\n'
    )
    (home / "dead.toml").write_text(
        "retry_delays_s = [0.5, 0.5]\n"
        '[sources.prom_eu]\nkind = "prometheus"\nurl = "http://127.0.0.1:9"\nqueries = { up = "up" }\n'
    )
    with prefect_server(home / "prefect") as (env, client):
        prefect(env, "work-pool", "create", "aiops", "--type", "process")
        deployed = prefect(env, "--no-prompt", "deploy", "--all", "--prefect-file", "deployments/prefect.yaml")
        yield home, env, client, deployed


def run_deployment(orchestra, name, settings, parameters):
    home, env, client, _ = orchestra
    flow, deployment = name.split("/")
    found = client.get(f"/deployments/name/{flow}/{deployment}").raise_for_status().json()
    body = {"parameters": {"parameters": parameters}, "state": {"type": "SCHEDULED"}}
    made = client.post(f"/deployments/{found['id']}/create_flow_run", json=body).raise_for_status().json()
    log = home / f"worker-{settings}-{deployment}.log"
    own = env | {"AIOPS_CONFIG": str(home / f"{settings}.toml"), "AIOPS_HOME": str(home / f"state-{settings}")}
    with running([sys.executable, "-m", "prefect", "worker", "start", "--pool", "aiops"], log, own):
        return wait_for_end(client, made["id"], log), log


def test_every_flow_is_deployed_with_a_utc_schedule_a_description_and_a_form(orchestra):
    _, _, client, _ = orchestra
    wanted = yaml.safe_load((ROOT / "deployments" / "prefect.yaml").read_text())["deployments"]
    found = {d["name"]: d for d in client.post("/deployments/filter", json={}).raise_for_status().json()}
    assert (
        set(found) == {d["name"] for d in wanted} >= {"nightly", "ingest", "detect", "correlate", "deliver", "report"}
    )
    for deployment in found.values():
        assert deployment["work_pool_name"] == "aiops"
        assert "aiops" in deployment["tags"]
        assert len(deployment["description"]) > 20
        if deployment["name"] == "remediate":  # only a person starts it, for one proposal
            assert deployment["schedules"] == []
            continue
        assert [s["schedule"]["timezone"] for s in deployment["schedules"]] == ["UTC"]
        form = deployment["parameter_openapi_schema"]["definitions"]["WindowParameters"]["properties"]
        assert {"start", "end", "as_of"} <= set(form)
        assert all(field.get("description") for field in form.values())


def test_a_deployment_run_by_the_worker_completes_with_its_artifacts(orchestra):
    _, _, client, _ = orchestra
    history = {"start": "2026-10-26T00:00:00Z", "end": "2026-11-09T00:00:00Z"}
    run, log = run_deployment(orchestra, "ingest/ingest", "good", history)
    assert run["state_type"] == "COMPLETED", log.read_text()[-4000:]
    night = {"start": "2026-11-09T00:00:00Z", "end": "2026-11-10T00:00:00Z"}
    run, log = run_deployment(orchestra, "nightly/nightly", "good", night)
    assert run["state_type"] == "COMPLETED", log.read_text()[-4000:]
    query = {"artifacts": {"flow_run_id": {"any_": [run["id"]]}}}
    artifacts = client.post("/artifacts/filter", json=query).raise_for_status().json()
    kinds = {(a["key"], a["type"]) for a in artifacts}
    assert {("aiops-nightly", "table"), ("aiops-report", "markdown"), ("aiops-incidents", "table")} <= kinds
    tasks = (
        client.post("/task_runs/filter", json={"flow_runs": {"id": {"any_": [run["id"]]}}}).raise_for_status().json()
    )
    names = {t["name"] for t in tasks}
    assert {"train", "detect", "correlate", "deliver", "report"} <= {n.rsplit("-", 1)[0] for n in names} | names


def test_a_flow_whose_source_is_unreachable_retries_and_fails_naming_the_source(orchestra):
    _, _, client, _ = orchestra
    night = {"start": "2026-11-09T00:00:00Z", "end": "2026-11-10T00:00:00Z"}
    run, log = run_deployment(orchestra, "ingest/ingest", "dead", night)
    assert run["state_type"] == "FAILED", log.read_text()[-4000:]
    assert "prom_eu" in run["state"]["message"]
    tasks = (
        client.post("/task_runs/filter", json={"flow_runs": {"id": {"any_": [run["id"]]}}}).raise_for_status().json()
    )
    assert max(t["run_count"] for t in tasks) == 3
