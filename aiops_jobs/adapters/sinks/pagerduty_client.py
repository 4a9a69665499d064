"""PagerDuty's REST API: pages, incidents, notes and logs of one account, and what a key may do there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pydantic import SecretStr

from aiops_jobs.adapters.connection import Connection
from aiops_jobs.adapters.http import HTTPClient, Reply
from aiops_jobs.adapters.http_text import told_by
from aiops_jobs.adapters.sinks._reading import read_back
from aiops_jobs.errors import AmbiguousDelivery, ConnectorError, ConnectorUnavailable
from aiops_jobs.ports import Check

HOSTS = {"us": "https://api.pagerduty.com", "eu": "https://api.eu.pagerduty.com"}
ACCEPT = "application/vnd.pagerduty+json;version=2"
PAGE_ROWS = 100
MOST_PAGES = 50
BAD_REQUEST = 400
MAX_BODY_BYTES = 8 << 20


class Account:
    """One account, in the name of one user.

    Args:
        api_key: REST API key; without one the connection's bearer token is used.
        from_email: Sent with every write: an account key has no name of its own.
    """

    def __init__(self, name: str, at: Connection, region: str, api_key: SecretStr | None, from_email: str) -> None:
        key = api_key.get_secret_value() if api_key else ""
        headers: dict[str, str | SecretStr] = {
            **at.headers,
            "Accept": ACCEPT,
            "Content-Type": "application/json",
            "From": from_email,
        }
        if key:
            headers["Authorization"] = SecretStr(f"Token token={key}")
        self.name, self._from = name, from_email
        self.http = HTTPClient(
            name,
            at.url or HOSTS[region],
            headers=headers,
            bearer=at.token,
            secrets=(key,),
            timeout_s=at.timeout_s,
            max_body_bytes=MAX_BODY_BYTES,
            ca_file=at.ca_file,
        )

    def pages(self, path: str, key: str, params: Mapping[str, str]) -> Iterator[dict[str, Any]]:
        """Yield all rows of a list, page by page."""
        for page in range(MOST_PAGES):
            place = {"limit": str(PAGE_ROWS), "offset": str(page * PAGE_ROWS)}
            reply = self.http.get(path, params={**params, **place})
            yield from self._held(reply, key, list)
            if not reply.json().get("more"):
                return
        raise ConnectorUnavailable(self.name, f"{path} has more than {MOST_PAGES} pages")

    def incident(self, ident: str) -> dict[str, Any]:
        """Return one incident with its text."""
        found: dict[str, Any] = self._held(
            self.http.get(f"/incidents/{ident}", params={"include[]": "body"}), "incident", dict
        )
        return found

    def written(self, ident: str) -> dict[str, Any]:
        """Return an incident after a write that was accepted.

        Raises:
            AmbiguousDelivery: It cannot be read back.
        """
        return read_back(self.name, lambda: self.incident(ident))

    def notes(self, ident: str) -> list[dict[str, Any]]:
        """Return the notes of an incident."""
        found: list[dict[str, Any]] = self._held(self.http.get(f"/incidents/{ident}/notes"), "notes", list)
        return found

    def log(self, ident: str) -> Iterator[dict[str, Any]]:
        """Yield the main entries of an incident's log."""
        yield from self.pages(f"/incidents/{ident}/log_entries", "log_entries", {"is_overview": "true"})

    def write(self, method: str, path: str, key: str, value: Mapping[str, Any]) -> dict[str, Any]:
        """Write one thing and return what the answer calls it."""
        made: dict[str, Any] = self._held(self.http.request(method, path, json={key: value}), key, dict)
        return made

    def check(self, service: str, priorities: Mapping[str, str]) -> Sequence[Check]:
        """Ask for a service, for reading and for writing incidents, for priorities; never raises, changes nothing."""
        checks = [self._check_service(service)]
        if checks[0].is_ok:
            checks += [self._check_reading(service), self._check_writing()]
            checks += [self._check_priorities(priorities)] if priorities else []
        return checks

    def _check_service(self, service: str) -> Check:
        try:
            found = self._held(self.http.get(f"/services/{service}"), "service", dict)
        except ConnectorError as error:
            remedy = "Give a REST API key that is valid in this region, and the id of a service of the account."
            return Check("service", is_ok=False, detail=str(error), remedy=remedy)
        status = found.get("status")
        is_ok = status not in {"disabled", "maintenance"}
        detail = f"{found.get('name') or found.get('summary')} is {status}"
        return Check("service", is_ok=is_ok, detail=detail, remedy="" if is_ok else "Enable the service.")

    def _check_reading(self, service: str) -> Check:
        try:
            self._held(self.http.get("/incidents", params={"service_ids[]": service, "limit": "1"}), "incidents", list)
        except ConnectorError as error:
            return Check("incidents.read", is_ok=False, detail=str(error), remedy="Grant incidents.read.")
        return Check("incidents.read", is_ok=True, detail="incidents can be read")

    def _check_writing(self) -> Check:
        """Change no incident at all: a key that may only read is refused, whoever we say we are is looked up."""
        try:
            reply = self.http.request("PUT", "/incidents", json={"incidents": []}, accept={BAD_REQUEST})
        except ConnectorError as error:
            return Check("incidents.write", is_ok=False, detail=str(error), remedy="Give a key that may write.")
        said = told_by(reply.body, "") if reply.status == BAD_REQUEST else ""
        if "requester" in said.casefold():
            remedy = "Set from_email to the address of a user of the account."
            return Check("incidents.write", is_ok=False, detail=f"{self._from}: {said}", remedy=remedy)
        return Check("incidents.write", is_ok=True, detail=f"in the name of {self._from}")

    def _check_priorities(self, priorities: Mapping[str, str]) -> Check:
        try:
            known = {row["id"]: row.get("name") for row in self.pages("/priorities", "priorities", {})}
        except ConnectorError as error:
            return Check("priorities", is_ok=False, detail=str(error), remedy="Grant priorities.read.")
        missing = sorted(ident for ident in priorities.values() if ident not in known)
        if missing:
            remedy = f"The account has {', '.join(f'{name} = {ident}' for ident, name in sorted(known.items()))}."
            return Check("priorities", is_ok=False, detail=f"there is no {', '.join(missing)}", remedy=remedy)
        return Check("priorities", is_ok=True, detail=", ".join(f"{ours} = {i}" for ours, i in priorities.items()))

    def _held(self, reply: Reply, key: str, kind: type) -> Any:
        """Return what an answer holds under a key; one that does not is not believed."""
        said = reply.json()
        held = said.get(key) if isinstance(said, dict) else None
        if isinstance(held, kind):
            return held
        error = AmbiguousDelivery if reply.is_write else ConnectorUnavailable
        raise error(self.name, f"{reply.url} answers without `{key}`: {told_by(reply.body, '')}")
