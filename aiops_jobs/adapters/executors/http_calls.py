"""Calls to one HTTP API: method, path, and fields of a JSON body; never another host.

Arguments: ``GET /nodes/gw-2 select=state`` reads and picks a field; ``PUT /nodes/gw-2 state=draining weight:=0`` writes
a JSON object (``=`` text, ``:=`` a JSON number, truth value or null). ``select`` goes through objects by name and, in a
list, counts the members whose ``state`` is the word.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import orjson
from pydantic import BaseModel, ConfigDict, SecretStr

from aiops_jobs.adapters.http import HTTPClient
from aiops_jobs.core.runbooks.runbook import Call
from aiops_jobs.core.tickets.redact import redact_text
from aiops_jobs.errors import ConnectorError
from aiops_jobs.ports import Check
from aiops_jobs.ports.remediation import Answer

METHODS = frozenset({"GET", "POST", "PUT", "PATCH", "DELETE"})
MOST = 1 << 20
SELECT = "select="


class Settings(BaseModel):
    """An HTTP API that may be acted on."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

    kind: str = "http"
    """``http``"""
    url: str
    """Address; paths of runbooks come after it."""
    token: SecretStr | None = None
    """Bearer token; give it in the environment."""
    ca_file: Path | None = None
    """Certificates to trust instead of the system's."""
    check_path: str = "/"
    """What `aiops check` reads."""


class HTTPExecutor:
    """Calls one HTTP API.

    Args:
        name: As runbooks call it.
        settings: Where it is.
    """

    def __init__(self, name: str, settings: Settings) -> None:
        self.name, self.settings = name, settings
        self._client = HTTPClient(
            name, settings.url, bearer=settings.token, ca_file=settings.ca_file, max_body_bytes=MOST
        )

    def check(self) -> Sequence[Check]:
        """Read one path."""
        try:
            self._client.get(self.settings.check_path, accept={404})
        except ConnectorError as error:
            remedy = "Look at the address and the token."
            return [Check(f"executors.{self.name}", is_ok=False, detail=str(error), remedy=remedy)]
        return [Check(f"executors.{self.name}", is_ok=True, detail=f"{self._client.host} answers")]

    def run(self, call: Call, *, is_read: bool) -> Answer:
        """Make one call.

        Raises:
            ConnectorUnavailable: It surely did not happen, for now.
            AmbiguousDelivery: It may have happened.
            ConnectorError: It is no call, it would change something where it must not, or the API refuses.
        """
        if len(call.run) < 2 or call.run[0] not in METHODS or not call.run[1].startswith("/") or ".." in call.run[1]:
            raise ConnectorError(self.name, f"`{call.name}` is no call: it needs a method and a path")
        method, path, *rest = call.run
        if is_read and method != "GET":
            raise ConnectorError(self.name, f"`{call.name}` is a {method}; a look must be a GET")
        select = next((text.removeprefix(SELECT) for text in rest if text.startswith(SELECT)), None)
        body = self._body([text for text in rest if not text.startswith(SELECT)])
        options: dict[str, Any] = {"json": body} if body else {}
        reply = self._client.request(method, path, timeout_s=call.timeout_s, **options)
        if select is None:
            return Answer(is_ok=True, text=redact_text(reply.body.decode("utf-8", errors="replace")))
        return Answer(is_ok=True, text=redact_text(picked(reply.json(), select)))

    def _body(self, fields: Sequence[str]) -> dict[str, Any]:
        body: dict[str, Any] = {}
        for field in fields:
            name, separator, value = field.partition("=")
            if not separator or not name.rstrip(":"):
                raise ConnectorError(self.name, f"`{field[:80]}` is no field: write name=text or name:=number")
            body[name.rstrip(":")] = self._scalar(value) if name.endswith(":") else value
        return body

    def _scalar(self, text: str) -> Any:
        try:
            value = orjson.loads(text)
        except orjson.JSONDecodeError as error:
            raise ConnectorError(self.name, f"`{text[:80]}` is no JSON") from error
        if isinstance(value, (dict, list)):
            raise ConnectorError(self.name, f"`{text[:80]}` is no single value")
        return value


def picked(data: Any, select: str) -> str:
    """Return one field of an answer as text; of a list, how many members are in that state.

    Example:
        >>> picked([{"state": "active"}, {"state": "draining"}], "active")
        '1'
    """
    if isinstance(data, list):
        return str(sum(isinstance(item, dict) and item.get("state") == select for item in data))
    for name in select.split("."):
        data = data.get(name) if isinstance(data, dict) else None
    if data is None:
        return "0" if select.startswith("status.") else ""
    return data if isinstance(data, str) else orjson.dumps(data).decode()
