"""The Kubernetes API, as far as runbooks need it: look, scale, restart, roll back, cordon and drain; nothing else.

Arguments: a verb, an object as ``deployment/name`` or ``node/name``, what the verb needs, and ``--namespace=…``.

Reference: Kubernetes API concepts, apps/v1 (scale subresource, revisions in ReplicaSets) and policy/v1 (eviction).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from pydantic import BaseModel, ConfigDict, SecretStr

from aiops_jobs.adapters.executors.http_calls import picked
from aiops_jobs.adapters.http import HTTPClient
from aiops_jobs.core.runbooks.runbook import Call
from aiops_jobs.core.tickets.redact import redact_text
from aiops_jobs.errors import ConnectorError
from aiops_jobs.ports import Check
from aiops_jobs.ports.remediation import Answer

REVISION = "deployment.kubernetes.io/revision"
RESTARTED = "aiops-jobs/restarted-by"
MERGE = {"Content-Type": "application/merge-patch+json"}
READS = frozenset({"get", "history", "pods"})
NAMESPACE = "--namespace="
LOG_BYTES = 65536


class Settings(BaseModel):
    """A cluster that may be acted on."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

    kind: str = "kubernetes"
    """``kubernetes``"""
    url: str
    """Address of the API server."""
    token: SecretStr | None = None
    """Token of a service account; give it in the environment."""
    ca_file: Path | None = None
    """Certificate of the cluster."""


class KubernetesExecutor:
    """Acts on one cluster.

    Args:
        name: As runbooks call it.
        settings: Where it is.
    """

    def __init__(self, name: str, settings: Settings) -> None:
        self.name = name
        self._client = HTTPClient(name, settings.url, bearer=settings.token, ca_file=settings.ca_file)
        self._verbs: dict[str, Callable[[str, str, Sequence[str]], str]] = {
            "get": self._get,
            "history": self._history,
            "pods": self._pods,
            "logs": self._logs,
            "scale": self._scale,
            "restart": self._restart,
            "rollback": self._rollback,
            "cordon": self._cordon,
            "uncordon": self._uncordon,
            "drain": self._drain,
        }

    def check(self) -> Sequence[Check]:
        """Ask the API server for its version."""
        try:
            version = self._client.get("/version").json().get("gitVersion", "unknown")
        except ConnectorError as error:
            remedy = "Look at the address, the token and the certificate."
            return [Check(f"executors.{self.name}", is_ok=False, detail=str(error), remedy=remedy)]
        return [Check(f"executors.{self.name}", is_ok=True, detail=f"Kubernetes {version}")]

    def run(self, call: Call, *, is_read: bool) -> Answer:
        """Do one verb.

        Raises:
            ConnectorUnavailable: It surely did not happen, for now.
            AmbiguousDelivery: It may have happened.
            ConnectorError: There is no such verb, it would change something where it must not, or the API refuses.
        """
        options = [text for text in call.run if text.startswith("--")]
        words = [text for text in call.run if not text.startswith("--")]
        verb = words[0] if words else ""
        if verb not in self._verbs or len(words) < 2:
            raise ConnectorError(self.name, f"`{verb}` is none of {', '.join(sorted(self._verbs))}, or has no object")
        if is_read and verb not in READS:
            raise ConnectorError(self.name, f"`{verb}` may change something; a look must not")
        namespace = next((o.removeprefix(NAMESPACE) for o in options if o.startswith(NAMESPACE)), "default")
        return Answer(is_ok=True, text=redact_text(self._verbs[verb](words[1], namespace, words[2:])))

    # --- looking ----------------------------------------------------------------------------------------------------

    def _get(self, target: str, namespace: str, rest: Sequence[str]) -> str:
        data = self._client.get(self._path(target, namespace)).json()
        select = rest[0] if rest else ""
        if select == "revision":
            return str(data["metadata"].get("annotations", {}).get(REVISION, ""))
        if select == "restarted-by":
            template = data["spec"]["template"].get("metadata") or {}
            return str((template.get("annotations") or {}).get(RESTARTED, ""))
        if select == "spec.unschedulable":
            return "true" if data["spec"].get("unschedulable") else "false"
        return picked(data, select)

    def _history(self, target: str, namespace: str, _rest: Sequence[str]) -> str:
        return "\n".join(f"revision {number}" for number, _ in self._revisions(target, namespace))

    def _pods(self, target: str, _namespace: str, _rest: Sequence[str]) -> str:
        return "\n".join(f"{space}/{pod}" for space, pod in self._movable(_name(target)))

    def _logs(self, target: str, namespace: str, _rest: Sequence[str]) -> str:
        labels = self._client.get(self._path(target, namespace)).json()["spec"]["selector"]["matchLabels"]
        selector = ",".join(f"{key}={value}" for key, value in sorted(labels.items()))
        base = f"/api/v1/namespaces/{quote(namespace, safe='')}/pods"
        said = []
        for pod in self._client.get(base, params={"labelSelector": selector}).json()["items"]:
            name = pod["metadata"]["name"]
            params = {"previous": "true", "tailLines": "200", "limitBytes": str(LOG_BYTES)}
            reply = self._client.get(f"{base}/{quote(name, safe='')}/log", params=params, accept={400, 404})
            said.append(f"--- {name}\n" + reply.body[:LOG_BYTES].decode("utf-8", errors="replace"))
        return "\n".join(said)

    # --- acting -----------------------------------------------------------------------------------------------------

    def _scale(self, target: str, namespace: str, rest: Sequence[str]) -> str:
        if not rest or not rest[0].isdecimal():
            raise ConnectorError(self.name, "`scale` needs a number of replicas")
        return self._patch(f"{self._path(target, namespace)}/scale", {"spec": {"replicas": int(rest[0])}})

    def _restart(self, target: str, namespace: str, rest: Sequence[str]) -> str:
        mark = {"annotations": {RESTARTED: rest[0] if rest else self.name}}
        return self._patch(self._path(target, namespace), {"spec": {"template": {"metadata": mark}}})

    def _rollback(self, target: str, namespace: str, rest: Sequence[str]) -> str:
        now = int(rest[0]) if rest and rest[0].isdecimal() else 0
        earlier = [(number, template) for number, template in self._revisions(target, namespace) if number < now]
        if not earlier:
            raise ConnectorError(self.name, f"{target} has no revision before {now}")
        number, template = earlier[-1]
        operation = [{"op": "replace", "path": "/spec/template", "value": template}]
        headers = {"Content-Type": "application/json-patch+json"}
        self._client.request("PATCH", self._path(target, namespace), json=operation, headers=headers)
        return f"rolled back to what revision {number} was"

    def _cordon(self, target: str, namespace: str, _rest: Sequence[str]) -> str:
        return self._patch(self._path(target, namespace), {"spec": {"unschedulable": True}})

    def _uncordon(self, target: str, namespace: str, _rest: Sequence[str]) -> str:
        return self._patch(self._path(target, namespace), {"spec": {"unschedulable": None}})

    def _drain(self, target: str, _namespace: str, _rest: Sequence[str]) -> str:
        """Evict the pods of a node, one by one; the cluster refuses where a disruption budget says so."""
        moved = []
        for space, pod in self._movable(_name(target)):
            path = f"/api/v1/namespaces/{quote(space, safe='')}/pods/{quote(pod, safe='')}/eviction"
            body = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": pod, "namespace": space}}
            self._client.post(path, json=body, accept={404})
            moved.append(f"{space}/{pod}")
        return "\n".join(moved)

    # --- helpers ----------------------------------------------------------------------------------------------------

    def _patch(self, path: str, body: dict[str, Any]) -> str:
        self._client.request("PATCH", path, json=body, headers=MERGE)
        return "done"

    def _path(self, target: str, namespace: str) -> str:
        kind, _, name = target.partition("/")
        if kind == "node" and name:
            return f"/api/v1/nodes/{quote(name, safe='')}"
        if kind == "deployment" and name:
            return f"/apis/apps/v1/namespaces/{quote(namespace, safe='')}/deployments/{quote(name, safe='')}"
        raise ConnectorError(self.name, f"`{target}` is neither deployment/name nor node/name")

    def _revisions(self, target: str, namespace: str) -> list[tuple[int, dict[str, Any]]]:
        """Return number and pod template of the revisions of a deployment, oldest first."""
        items = self._client.get(f"/apis/apps/v1/namespaces/{quote(namespace, safe='')}/replicasets").json()["items"]
        found = []
        for item in items:
            owners = [o["name"] for o in item["metadata"].get("ownerReferences", []) if o["kind"] == "Deployment"]
            number = item["metadata"].get("annotations", {}).get(REVISION, "")
            if _name(target) in owners and number.isdecimal():
                found.append((int(number), _without_hash(item["spec"]["template"])))
        return sorted(found, key=lambda pair: pair[0])

    def _movable(self, node: str) -> list[tuple[str, str]]:
        """Return namespace and name of the pods on a node that a drain moves: not those every node has."""
        items = self._client.get("/api/v1/pods", params={"fieldSelector": f"spec.nodeName={node}"}).json()["items"]
        found = []
        for item in items:
            owners = {o["kind"] for o in item["metadata"].get("ownerReferences", [])}
            is_over = item.get("status", {}).get("phase") in {"Succeeded", "Failed"}
            if not owners & {"DaemonSet", "Node"} and not is_over:
                found.append((item["metadata"]["namespace"], item["metadata"]["name"]))
        return sorted(found)


def _name(target: str) -> str:
    return target.partition("/")[2]


def _without_hash(template: dict[str, Any]) -> dict[str, Any]:
    """Return a pod template without the label that the ReplicaSet put there."""
    metadata = dict(template.get("metadata") or {})
    labels = {k: v for k, v in (metadata.get("labels") or {}).items() if k != "pod-template-hash"}
    return {**template, "metadata": {**metadata, "labels": labels}}
