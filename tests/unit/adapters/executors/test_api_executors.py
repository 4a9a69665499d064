"""HTTP and Kubernetes: real requests to a small stateful server; the shipped runbooks drive both to their end."""

import json
import threading
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

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

REVISION = "deployment.kubernetes.io/revision"


class Api:
    """A load balancer and a cluster in one."""

    def __init__(self):
        self.nodes = {f"gw-{n}": {"state": "active", "connections": 40 + n} for n in (1, 2, 3)}
        self.replicas, self.ready_lag, self.requests = 3, 0, []
        self.template = {
            "metadata": {"labels": {"app": "orders-db", "pod-template-hash": "b"}},
            "spec": {"image": "new"},
        }
        self.revision = 2
        self.cordoned, self.pods = False, [("shop", "web-1", "ReplicaSet"), ("kube", "proxy-1", "DaemonSet")]
        self.never_ready = False

    def get(self, path, query):
        if path == "/nodes":
            return [{"name": k, **v} for k, v in self.nodes.items()]
        if path.startswith("/nodes/"):
            return self.nodes[path.split("/")[2]]
        if path.endswith("/replicasets"):
            return {"items": [self._set(1, "old"), self._set(2, "new")]}
        if path == "/api/v1/pods":
            return {"items": [self._pod(*pod) for pod in self.pods]}
        if path.startswith("/api/v1/nodes/"):
            return {"spec": {"unschedulable": True} if self.cordoned else {}}
        if path.endswith("/pods"):
            return {"items": [{"metadata": {"name": "orders-db-1"}}]}
        return {
            "metadata": {"annotations": {REVISION: str(self.revision)}},
            "spec": {"replicas": self.replicas, "template": self.template, "selector": {"matchLabels": {"app": "x"}}},
            "status": {"readyReplicas": 1 if self.never_ready else self.replicas, "replicas": self.replicas},
        }

    def _set(self, number, image):
        meta = {
            "annotations": {REVISION: str(number)},
            "ownerReferences": [{"kind": "Deployment", "name": "orders-db"}],
        }
        return {
            "metadata": meta,
            "spec": {"template": {"metadata": {"labels": {"pod-template-hash": image}}, "spec": {"image": image}}},
        }

    def _pod(self, space, name, owner):
        return {
            "metadata": {"namespace": space, "name": name, "ownerReferences": [{"kind": owner}]},
            "status": {"phase": "Running"},
        }

    def change(self, method, path, body):
        self.requests.append((method, path, body))
        if path.startswith("/nodes/"):
            self.nodes[path.split("/")[2]].update(body)
        elif path.endswith("/scale"):
            self.replicas = body["spec"]["replicas"]
        elif path.endswith("/eviction"):
            self.pods = [pod for pod in self.pods if pod[1] != body["metadata"]["name"]]
        elif path.startswith("/api/v1/nodes/"):
            self.cordoned = bool(body["spec"]["unschedulable"])
        elif isinstance(body, list):
            self.template, self.revision = body[0]["value"], self.revision + 1
        else:
            self.template = {
                **self.template,
                "metadata": {**self.template["metadata"], **body["spec"]["template"]["metadata"]},
            }


@pytest.fixture
def api():
    state = Api()

    class Handler(BaseHTTPRequestHandler):
        def _answer(self):
            parts = urlsplit(self.path)
            if parts.path.endswith("/log"):
                return self._send(b"panic: password=hunter2")
            if self.command == "GET":
                return self._send(json.dumps(state.get(parts.path, parse_qs(parts.query))).encode())
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            state.change(self.command, parts.path, body)
            return self._send(b"{}")

        def _send(self, data):
            self.send_response(200)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        do_GET = do_PUT = do_POST = do_PATCH = _answer  # noqa: N815 - http.server's names

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    state.url = f"http://127.0.0.1:{server.server_port}"
    yield state
    server.shutdown()


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
