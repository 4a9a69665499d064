"""A load balancer and a Kubernetes-like cluster on loopback: small, stateful, and each request kept."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import pytest

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
