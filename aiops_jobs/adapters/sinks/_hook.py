"""An address that is itself the secret: posting to it, and never showing it.

Whoever knows such an address may post, so that it is treated as a password: it is a ``SecretStr`` in the settings,
errors name its host only, and no validation error repeats what was given.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from urllib.parse import unquote, urlsplit

import orjson
from pydantic import ConfigDict, Field, SecretStr, field_validator

from aiops_jobs.adapters.http import HTTPClient, Reply
from aiops_jobs.adapters.sinks._settings import SinkSettings
from aiops_jobs.errors import AmbiguousDelivery, ConnectorError, CredentialsRefused

ASKED = frozenset({*range(400, 500), 501})
SHORTEST_SECRET = 6
GONE = frozenset({401, 403, 404, 410})
"""The address is not (or no longer) one that takes anything from us: every other event would be refused too."""


class HookSettings(SinkSettings):
    """What every webhook needs."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True, hide_input_in_errors=True)

    url: SecretStr
    """The whole address; it is a secret."""
    ca_file: Path | None = None
    """Certificates to trust instead of the system's."""
    timeout_s: float = Field(default=30.0, gt=0)
    """Deadline of one request."""

    @field_validator("url")
    @classmethod
    def _is_an_address(cls, url: SecretStr) -> SecretStr:
        parts = urlsplit(url.get_secret_value())
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise ValueError("is no http(s) address")
        return url


class Hook:
    """Posts to one secret address."""

    def __init__(self, name: str, settings: HookSettings) -> None:
        parts = urlsplit(settings.url.get_secret_value())
        self._name = name
        self._path = parts.path + (f"?{parts.query}" if parts.query else "")
        self._http = HTTPClient(
            name,
            f"{parts.scheme}://{parts.netloc}",
            secrets=_secrets(settings.url.get_secret_value()),
            timeout_s=settings.timeout_s,
            ca_file=settings.ca_file,
            max_body_bytes=1 << 20,
        )
        self.host = self._http.host

    def post(self, content: bytes, headers: Mapping[str, str]) -> Reply:
        """Post a body and return the answer.

        Raises:
            CredentialsRefused: The address takes nothing from us.
            AmbiguousDelivery: It may have been taken; also where a page answers, which is a proxy and no receiver.
        """
        try:
            reply = self._http.post(self._path, content=content, headers=dict(headers))
        except ConnectorError as error:
            if error.status in GONE:
                raise CredentialsRefused(self._name, str(error), status=error.status) from error
            raise
        if reply.body.lstrip()[:1] == b"<" or "html" in reply.headers.get("content-type", ""):
            raise AmbiguousDelivery(self._name, f"{self.host} answers with a page, as a proxy does")
        return reply

    def ask(self, method: str, headers: Mapping[str, str] | None = None) -> Reply:
        """Ask without telling anything; what it thinks of being asked is its answer."""
        return self._http.request(method, self._path, is_write=False, accept=ASKED, headers=dict(headers or {}))


def as_json(content: object) -> bytes:
    """Return content as the bytes that are sent: their length is what limits count, and what is signed."""
    return orjson.dumps(content, option=orjson.OPT_UTC_Z)


def _secrets(url: str) -> list[str]:
    """Return every piece of an address that tells something: the whole, the path, the query, and what they are of."""
    parts = urlsplit(url)
    pieces = [*parts.path.split("/"), *(value for pair in parts.query.split("&") for value in pair.split("=")[1:])]
    told = [piece for piece in pieces if len(piece) >= SHORTEST_SECRET]
    whole = [url, parts.path + "?" + parts.query if parts.query else parts.path, parts.query, parts.path]
    return [piece for piece in [*whole, *told, *map(unquote, told)] if len(piece) >= SHORTEST_SECRET]
