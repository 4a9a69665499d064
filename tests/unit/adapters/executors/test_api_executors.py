"""HTTP and Kubernetes: real requests to a small stateful server; the shipped runbooks drive both to their end."""

from datetime import timedelta

import pytest
from remediation_world import PEOPLE, World

from aiops_jobs.adapters.executors import http_calls, kubernetes
from aiops_jobs.adapters.runbook_files import load_runbooks
from aiops_jobs.core.policies import Allowed
from aiops_jobs.core.runbooks.runbook import Call, by_id
from aiops_jobs.errors import ConnectorError
from aiops_jobs.jobs.execute import execute
from aiops_jobs.jobs.remediate import approve, propose, rehearse
from aiops_jobs.ports.remediation import Place

pytest_plugins = ["estate_api"]


class Estate(World):
    def __init__(self, api):
        super().__init__()
        self.runbooks = by_id(load_runbooks())
        self.policy = type(self.policy)(mode="live", allow=tuple(Allowed(name, ".*") for name in self.runbooks))
        self.executors = {
            "loadbalancer": http_calls.HTTPExecutor("loadbalancer", http_calls.Settings(url=api.url)),
            "cluster": kubernetes.KubernetesExecutor("cluster", kubernetes.Settings(url=api.url)),
        }
        self.places = {"gateway/gw-2": Place("card-auth", "gateways", 3), "host/web-01": Place(None, "web", 4)}

    @property
    def house(self):
        from dataclasses import replace

        return replace(super().house, executors=self.executors)

    def carried_through(self, runbook_id, entity, **values):
        action = propose(self.house, runbook_id, entity, by="kim", key=PEOPLE["kim"], values=values)
        rehearse(self.house, action.action_id, by="kim")
        approve(self.house, action.action_id, by="lee", code=self.code(action, "lee"))
        return execute(self.house, action.action_id, by="lee")


def test_scenario_two_the_bad_gateway_node_is_drained(api):
    done = Estate(api).carried_through("gateway-drain-reroute", "gateway/gw-2", node="gw-2")
    assert done.action_state == "verified", done.reason
    assert {name: node["state"] for name, node in api.nodes.items()} == {
        "gw-1": "active",
        "gw-2": "draining",
        "gw-3": "active",
    }
    assert [(m, p) for m, p, _ in api.requests] == [("PUT", "/nodes/gw-2")]


def test_the_last_node_is_not_drained(api):
    for name in ("gw-1", "gw-3"):
        api.nodes[name]["state"] = "draining"
    with pytest.raises(Exception, match="others can carry the traffic"):
        Estate(api).carried_through("gateway-drain-reroute", "gateway/gw-2", node="gw-2")
    assert api.requests == []


def test_scenario_one_the_pool_is_scaled_out_and_back_where_it_does_not_help(api):
    done = Estate(api).carried_through(
        "connection-pool-scale-out", "database/orders-db", name="orders-db", replicas="5"
    )
    assert done.action_state == "verified", done.reason
    assert api.replicas == 5
    api.replicas, api.never_ready, api.requests = 3, True, []
    world = Estate(api)
    done = world.carried_through("connection-pool-scale-out", "database/orders-db", name="orders-db", replicas="5")
    assert done.action_state == "rolled_back", done.reason
    assert [body["spec"]["replicas"] for _, _, body in api.requests] == [5, 3]
    assert world.now - world.store.actions()[0].executed_at >= timedelta(seconds=290)


def test_a_crashing_pod_is_heard_and_rolled_back(api):
    world = Estate(api)
    done = world.carried_through("crashloop-collect-rollback", "service/orders-db", name="orders-db")
    assert done.action_state == "verified", done.reason
    assert api.template["spec"]["image"] == "old"
    assert "pod-template-hash" not in api.template["metadata"]["labels"]
    said = world.store.steps(done.action_id)[0].step_output
    assert "panic" in said
    assert "hunter2" not in said


def test_a_leaking_service_is_restarted_once(api):
    done = Estate(api).carried_through("memory-leak-rolling-restart", "service/orders-db", name="orders-db")
    assert done.action_state == "verified", done.reason
    assert api.template["metadata"]["annotations"] == {"aiops-jobs/restarted-by": done.action_id}


def test_a_broken_host_is_emptied_but_for_what_every_node_has(api):
    done = Estate(api).carried_through("host-out-of-service", "host/web-01", host="web-01")
    assert done.action_state == "verified", done.reason
    assert api.cordoned
    assert [name for _, name, _ in api.pods] == ["proxy-1"]


@pytest.mark.parametrize(
    "run", [("PUT", "/nodes/gw-1", "state=x"), ("GET", "nodes"), ("GET", "/../x"), ("TRACE", "/"), ("GET",)]
)
def test_a_look_by_http_is_a_get_of_a_plain_path(api, run):
    executor = http_calls.HTTPExecutor("lb", http_calls.Settings(url=api.url))
    with pytest.raises(ConnectorError):
        executor.run(Call(name="x", executor="http", on="lb", run=run), is_read=True)
    assert api.requests == []


@pytest.mark.parametrize(
    "run", [("scale", "deployment/x", "3"), ("delete", "deployment/x"), ("get", "secret/x"), ("get",)]
)
def test_a_look_at_a_cluster_changes_and_betrays_nothing(api, run):
    executor = kubernetes.KubernetesExecutor("c", kubernetes.Settings(url=api.url))
    with pytest.raises(ConnectorError):
        executor.run(Call(name="x", executor="kubernetes", on="c", run=run), is_read=True)
    assert api.requests == []


def test_fields_of_a_body(api):
    executor = http_calls.HTTPExecutor("lb", http_calls.Settings(url=api.url))
    run = ("PUT", "/nodes/gw-1", "state=a=b", "weight:=0", "on:=true")
    executor.run(Call(name="x", executor="http", on="lb", run=run), is_read=False)
    assert api.requests[0][2] == {"state": "a=b", "weight": 0, "on": True}
    for bad in ("nothing", "=x", "x:={}", "x:=nope"):
        with pytest.raises(ConnectorError):
            executor.run(Call(name="x", executor="http", on="lb", run=("PUT", "/nodes/gw-1", bad)), is_read=False)
