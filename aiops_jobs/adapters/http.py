"""The one way out: HTTP with a total deadline, a cap on bodies, and errors that say who refused what.

It maps every failure to the error whose class says what to do next, and it never tries again by itself: retries have
one home, the flows. Secrets it was given never reach an error text, and the libraries below it log nothing.

| what happened                              | reading                | writing              |
|--------------------------------------------|------------------------|----------------------|
| name unknown, refused, no connection in time | `ConnectorUnavailable` | `ConnectorUnavailable` |
| 408, 425, 429, 403 that asks to wait       | `RateLimited`          | `RateLimited`        |
| 5xx, connection lost, deadline passed      | `ConnectorUnavailable` | `AmbiguousDelivery`  |
| 401                                        | `CredentialsRefused`   | `CredentialsRefused` |
| other 4xx, foreign redirect                | `ConnectorError`       | `ConnectorError`     |
| oversized body                             | `ConnectorError`       | `AmbiguousDelivery`  |
| 2xx that is no JSON (`Reply.json`)         | `ConnectorUnavailable` | `AmbiguousDelivery`  |
"""

from __future__ import annotations

import logging
import ssl
import time
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import httpx
import orjson
from pydantic import SecretStr

from aiops_jobs.adapters.http_deadline import DeadlineTransport, waiting_until
from aiops_jobs.adapters.http_text import Redactor, told_by, wait_s
from aiops_jobs.errors import AmbiguousDelivery, ConnectorError, ConnectorUnavailable, CredentialsRefused

USER_AGENT = "aiops-jobs"
MAX_REDIRECTS = 3
ERROR_BODY_BYTES = 65536
WRITES = frozenset({"POST", "PUT", "PATCH", "DELETE"})
LATER = frozenset({408, 425, 429})

for _noisy in ("httpx", "httpcore"):
    logging.getLogger(_noisy).setLevel(logging.WARNING)  # below it they log URLs, and some URLs are secrets


class RateLimited(ConnectorUnavailable):
    """The system asks us to come back later."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What a system answered, in full."""

    connector: str
    url: str
    status: int
    headers: httpx.Headers
    body: bytes
    is_write: bool = False

    def json(self) -> Any:
        """Return the body read as JSON.

        Raises:
            ConnectorUnavailable: It is none; a proxy's page, most likely.
            AmbiguousDelivery: It is none, and the call was to change something.
        """
        try:
            return orjson.loads(self.body)
        except orjson.JSONDecodeError as error:
            seen = told_by(self.body, "") or "nothing"
            kind = AmbiguousDelivery if self.is_write else ConnectorUnavailable
            raise kind(self.connector, f"{self.url} did not answer in JSON: {seen}") from error


class HTTPClient:
    """Requests to one system.

    Invariants: never another host than ``base_url``'s, no proxy from the environment, certificates always verified.

    Args:
        name: The connector, as errors call it.
        base_url: ``http://`` or ``https://``; a user and password in it are used and never shown.
        headers: Sent with every request; values given as ``SecretStr`` are kept out of error texts.
        auth: User and password.
        bearer: Token for ``Authorization: Bearer``.
        secrets: Further texts never to be shown, such as a webhook's path.
        timeout_s: Deadline of a whole exchange, from the first byte out to the last byte in.
        connect_timeout_s: How long a connection may take.
        max_body_bytes: Largest body accepted, unpacked.
        ca_file: Certificates to trust instead of the system's.
        transport: Stands in for the network in tests.
    """

    def __init__(  # noqa: PLR0913 - settings of a connection, all with names
        self,
        name: str,
        base_url: str,
        *,
        headers: Mapping[str, str | SecretStr] | None = None,
        auth: tuple[str, SecretStr] | None = None,
        bearer: SecretStr | None = None,
        secrets: Collection[str] = (),
        timeout_s: float = 30.0,
        connect_timeout_s: float = 10.0,
        max_body_bytes: int = 64 << 20,
        ca_file: Path | None = None,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        url = httpx.URL(base_url)
        if url.scheme not in {"http", "https"} or not url.host:
            raise ValueError(f"`{Redactor().clean(base_url)}` is no http(s) address.")
        if auth is None and url.username:
            auth = (url.username, SecretStr(url.password))
        plain = {k: v.get_secret_value() if isinstance(v, SecretStr) else v for k, v in (headers or {}).items()}
        hidden = [v.get_secret_value() for v in (headers or {}).values() if isinstance(v, SecretStr)]
        if bearer is not None:
            plain["Authorization"] = f"Bearer {bearer.get_secret_value()}"
            hidden.append(bearer.get_secret_value())
        if auth is not None:
            hidden.append(auth[1].get_secret_value())
        self.name = name
        self.timeout_s, self.max_body_bytes = timeout_s, max_body_bytes
        self.redactor = Redactor((*hidden, *secrets))
        self._connect_timeout_s = connect_timeout_s
        self._client = httpx.Client(
            base_url=url.copy_with(userinfo=b""),
            headers={"User-Agent": USER_AGENT, "Accept-Encoding": "gzip", **plain},
            auth=(auth[0], auth[1].get_secret_value()) if auth else None,
            transport=transport or DeadlineTransport(ssl.create_default_context(cafile=ca_file)),
            follow_redirects=False,
            trust_env=False,
        )
        self.host = self._client.base_url.netloc.decode("ascii")
        self.close = self._client.close

    def get(self, path: str, **options: Any) -> Reply:
        """Read ``path``; options as in `request`."""
        return self.request("GET", path, **options)

    def post(self, path: str, **options: Any) -> Reply:
        """Write to ``path``; options as in `request`."""
        return self.request("POST", path, **options)

    def request(self, method: str, path: str, **options: Any) -> Reply:
        """Send one request and return the whole answer.

        Args:
            method: HTTP method.
            path: Relative to ``base_url``, or an absolute URL on the same host.
            options: As in `stream`.

        Raises:
            ConnectorUnavailable: Try again later (`RateLimited`: it said so).
            AmbiguousDelivery: A write may have happened.
            ConnectorError: It will not work again either.
        """
        with self.stream(method, path, **options) as (response, chunks):
            body = b"".join(chunks)
        url = self.redactor.clean(str(response.url.copy_with(query=None)))
        is_write = _writes(method, options.get("is_write"))
        return Reply(self.name, url, response.status_code, response.headers, body, is_write)

    @contextmanager
    def stream(
        self,
        method: str,
        path: str,
        *,
        accept: Collection[int] = (),
        is_write: bool | None = None,
        timeout_s: float | None = None,
        max_body_bytes: int | None = None,
        **content: Any,
    ) -> Iterator[tuple[httpx.Response, Iterator[bytes]]]:
        """Send one request and yield the answer with its body in pieces, unpacked, under the deadline and the cap.

        Args:
            method: HTTP method.
            path: Relative to ``base_url``, or an absolute URL on the same host.
            accept: Statuses to return although they are errors, such as 404.
            is_write: Whether the call changes something there; default: any method but GET, HEAD and OPTIONS.
            timeout_s: Another deadline; time the caller spends between the pieces does not count.
            max_body_bytes: Another cap.
            content: ``params``, ``json``, ``data``, ``content``, ``headers``, as in httpx.
        """
        allowed_s = timeout_s or self.timeout_s
        exchange = _Exchange(self, _writes(method, is_write), time.monotonic() + allowed_s, allowed_s, max_body_bytes)
        timeout = httpx.Timeout(allowed_s, connect=min(self._connect_timeout_s, allowed_s))
        request = self._client.build_request(method, path, timeout=timeout, **content)
        self._same_host(request.url)
        response = exchange.send(self._client, request)
        try:
            if response.status_code >= httpx.codes.BAD_REQUEST and response.status_code not in accept:
                exchange.refuse(response)
            yield response, exchange.pieces(response, self.max_body_bytes)
        finally:
            response.close()

    def _same_host(self, url: httpx.URL) -> None:
        base = self._client.base_url
        if (url.scheme, url.host, url.port) != (base.scheme, base.host, base.port):
            shown = self.redactor.clean(str(url.copy_with(query=None, userinfo=b"")))
            raise ConnectorError(self.name, f"{self.host} points to another host: {shown}; set that as its url")


def _writes(method: str, is_write: bool | None) -> bool:
    return method.upper() in WRITES if is_write is None else is_write


@dataclass(slots=True)
class _Exchange:
    """One request and its answer, under one deadline."""

    client: HTTPClient
    is_write: bool
    deadline: float
    allowed_s: float
    cap: int | None

    def send(self, client: httpx.Client, request: httpx.Request) -> httpx.Response:
        for _ in range(MAX_REDIRECTS + 1):
            response = self._send_once(client, request)
            if not response.has_redirect_location:
                return response
            response.close()
            if self.is_write or response.next_request is None:
                self._stop(f"{self.client.host} redirects a write", response.status_code)
            request = response.next_request
            self.client._same_host(request.url)  # noqa: SLF001 - one class in two halves
        raise ConnectorError(self.client.name, f"{self.client.host} redirects in circles")

    def _send_once(self, client: httpx.Client, request: httpx.Request) -> httpx.Response:
        try:
            with waiting_until(self.deadline):
                return client.send(request, stream=True)
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as error:
            raise ConnectorUnavailable(self.client.name, f"{self.client.host} cannot be reached: {error}") from error
        except httpx.TransportError as error:
            raise self._lost(error) from error

    def pieces(self, response: httpx.Response, cap: int) -> Iterator[bytes]:
        cap, seen, body = self.cap or cap, 0, response.iter_bytes()
        while True:
            piece = self._next(body)
            if not piece:
                return
            seen += len(piece)
            if seen > cap:
                kind = AmbiguousDelivery if self.is_write else ConnectorError
                raise kind(self.client.name, f"{self.client.host} answers with more than {cap} bytes")
            before = time.monotonic()
            yield piece
            self.deadline += time.monotonic() - before

    def _next(self, body: Iterator[bytes]) -> bytes:
        try:
            with waiting_until(self.deadline):
                return next(body, b"")
        except (httpx.TransportError, httpx.DecodingError) as error:
            raise self._lost(error) from error

    def refuse(self, response: httpx.Response) -> NoReturn:
        """Raise what an error status means, with the system's own words."""
        status = response.status_code
        said = self.client.redactor.clean(self._said(response))
        pause_s = wait_s(response.headers)
        problem = f"{self.client.host} says: {said}" if said else f"{self.client.host} gives no reason"
        if pause_s is not None:
            problem += f"; it asks to wait {pause_s:g} s"
        if status in LATER or (status == httpx.codes.FORBIDDEN and pause_s is not None):
            raise RateLimited(self.client.name, problem, status=status, retry_after_s=pause_s)
        if status >= httpx.codes.INTERNAL_SERVER_ERROR:
            kind = AmbiguousDelivery if self.is_write else ConnectorUnavailable
            raise kind(self.client.name, problem, status=status, retry_after_s=pause_s)
        if status == httpx.codes.UNAUTHORIZED:
            raise CredentialsRefused(self.client.name, problem, status=status)
        self._stop(problem, status)

    def _said(self, response: httpx.Response) -> str:
        body = b""
        try:
            for piece in self.pieces(response, self.client.max_body_bytes):
                body += piece
                if len(body) >= ERROR_BODY_BYTES:
                    break
        except ConnectorError:
            pass  # the status is what matters; what arrived of the reason will do
        return told_by(body, response.headers.get("content-type", ""))

    def _lost(self, error: Exception) -> ConnectorError:
        late = isinstance(error, httpx.TimeoutException)
        what = f"did not answer within {self.allowed_s:g} s" if late else f"broke off: {error}"
        kind = AmbiguousDelivery if self.is_write else ConnectorUnavailable
        return kind(self.client.name, self.client.redactor.clean(f"{self.client.host} {what}"))

    def _stop(self, problem: str, status: int | None) -> NoReturn:
        raise ConnectorError(self.client.name, problem, status=status)
