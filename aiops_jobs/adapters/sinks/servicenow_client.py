"""What the sinks of one ServiceNow instance share: the Table API, read with distrust, and who we are there.

API: Table API (``/api/now/table``), release Australia. What it does that a caller has to survive: a field unknown to a
query, or not readable, is ignored and *all* rows come; the limit is applied before access rules, so that a short page
is not the last; every value is a string; version 1 answers 404 where nothing is found; an instance that sleeps, or
wants a login, answers 200 with a page; a query that ran out of time answers 200 with an error beside its rows.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from pydantic import Field

from aiops_jobs.adapters.connection import Connection
from aiops_jobs.adapters.http import Reply
from aiops_jobs.adapters.http_text import told_by
from aiops_jobs.adapters.sinks._settings import SinkSettings
from aiops_jobs.errors import AmbiguousDelivery, ConnectorError, ConnectorUnavailable, CredentialsRefused
from aiops_jobs.ports import Check

PAGE_ROWS = 100
MOST_PAGES = 50
NOT_FOUND = 404
MAX_BODY_BYTES = 8 << 20

_PLAIN = re.compile(r"(?!.*javascript:)[^\^\x00-\x1f\x7f]{1,255}", re.IGNORECASE)
"""What may stand in a query as a value: ``^`` would end the condition, ``javascript:`` would be run."""


class InstanceSettings(SinkSettings, Connection):
    """Where an instance is."""

    api_version: str = Field(default="", pattern=r"^(v\d+)?$")
    """Version of the Table API, such as ``v2``; empty: the instance's newest."""


class Instance:
    """Rows of tables of one instance."""

    def __init__(self, name: str, settings: InstanceSettings) -> None:
        self.name, self.user = name, settings.user
        self.http = settings.client(name, max_body_bytes=MAX_BODY_BYTES)
        version = f"/{settings.api_version}" if settings.api_version else ""
        self._tables = f"/api/now{version}/table"

    def rows(self, table: str, field: str, value: str, fields: Collection[str], *, order: str = "") -> list[Any]:
        """Return the rows whose ``field`` is ``value``, whatever its case; several pages if need be.

        Raises:
            CredentialsRefused: The condition was ignored: the field is unknown or not readable to us, so that what the
                instance finds or does not find says nothing.
            ConnectorError: The value cannot stand in a query.
        """
        found = self._query(table, f"{field}={self._plain(value)}{order}", {field, *fields})
        if any(_folded(row, field) != value.strip().casefold() for row in found):
            raise CredentialsRefused(
                self.name,
                f"{self.http.host} ignores the search by `{field}` of `{table}`: let our user read that field there "
                "(and set glide.invalid_query.returns_no_rows)",
            )
        return found

    def one(self, table: str, sys_id: str, fields: Collection[str]) -> dict[str, Any]:
        """Return one row."""
        reply = self.http.get(f"{self._tables}/{table}/{sys_id}", params=_shown(fields))
        return self._row(reply, self._result(reply))

    def insert(self, table: str, values: Mapping[str, str]) -> str:
        """Insert a row, its values given as people see them, and return its ``sys_id``."""
        params = {"sysparm_input_display_value": "true", **_shown(["sys_id"])}
        reply = self.http.post(f"{self._tables}/{table}", params=params, json=values)
        return str(self._row(reply, self._result(reply))["sys_id"])

    def patch(self, table: str, sys_id: str, values: Mapping[str, str]) -> None:
        """Change a row, its values given as they are stored."""
        reply = self.http.request(
            "PATCH", f"{self._tables}/{table}/{sys_id}", params=_shown(["sys_id"]), json=dict(values)
        )
        self._result(reply)

    def whoami(self, roles: Collection[str]) -> Iterator[Check]:
        """Yield who the instance takes us for, and whether we have one of ``roles``; never raises."""
        try:
            me = self._me()
            if me is None:
                remedy = "Give the address of the instance and a user that may read its own record in sys_user."
                yield Check("identity", is_ok=False, detail="the instance does not say who we are", remedy=remedy)
                return
            yield Check("identity", is_ok=True, detail=f"{me['user_name']} at {self.http.host}")
            held = {str(row.get("role.name")) for row in self.rows("sys_user_has_role", "user", me["sys_id"], ROLE)}
        except ConnectorError as error:
            yield Check("identity", is_ok=False, detail=str(error), remedy="Give credentials that are valid there.")
            return
        has_role = bool(held & set(roles))
        detail = f"has {', '.join(sorted(held & set(roles)))}" if has_role else f"has none of {', '.join(roles)}"
        remedy = (
            "" if has_role else f"Grant {min(roles, key=len)}, and let the user read its rows of sys_user_has_role."
        )
        yield Check("role", is_ok=has_role, detail=detail, remedy=remedy)

    def _me(self) -> dict[str, str] | None:
        fields = ("sys_id", "user_name")
        if self.user:
            found = self.rows("sys_user", "user_name", self.user, fields)
        else:
            found = self._query("sys_user", "sys_id=javascript:gs.getUserID()", fields)
        return found[0] if len(found) == 1 and found[0].get("sys_id") else None

    def _query(self, table: str, condition: str, fields: Collection[str]) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        for page in range(MOST_PAGES):
            params = {
                "sysparm_query": condition,
                "sysparm_limit": str(PAGE_ROWS),
                "sysparm_offset": str(page * PAGE_ROWS),
                **_shown(fields),
            }
            reply = self.http.get(f"{self._tables}/{table}", params=params, accept={NOT_FOUND})
            result = self._result(reply)
            if not isinstance(result, list):
                raise ConnectorUnavailable(self.name, f"{reply.url} does not answer with rows")
            found += result
            if 'rel="next"' not in reply.headers.get("link", ""):
                return found
        raise ConnectorUnavailable(self.name, f"`{table}` has more than {MOST_PAGES} pages of rows with {condition}")

    def _result(self, reply: Reply) -> Any:
        """Return what an answer holds; one that is no JSON, or carries an error, is not believed."""
        said = reply.json()
        if reply.status == NOT_FOUND:
            message = told_by(reply.body, "")
            if "no record" in message.casefold():
                return []
            raise ConnectorError(self.name, f"{self.http.host} says: {message}", status=NOT_FOUND)
        if isinstance(said, dict) and "result" in said and not said.get("error"):
            return said["result"]
        kind = AmbiguousDelivery if reply.is_write else ConnectorUnavailable
        raise kind(self.name, f"{reply.url} answers without a result: {told_by(reply.body, '')}")

    def _row(self, reply: Reply, result: Any) -> dict[str, Any]:
        if isinstance(result, dict) and result.get("sys_id"):
            return result
        kind = AmbiguousDelivery if reply.is_write else ConnectorUnavailable
        raise kind(self.name, f"{reply.url} answers with no row")

    def _plain(self, value: str) -> str:
        if not is_plain(value):
            raise ConnectorError(self.name, f"`{value[:100]}` cannot be looked for: it would change the query")
        return value


ROLE = ("role.name",)


def _shown(fields: Collection[str]) -> dict[str, str]:
    return {"sysparm_fields": ",".join(sorted({"sys_id", *fields})), "sysparm_exclude_reference_link": "true"}


def _folded(row: Mapping[str, Any], field: str) -> str:
    return str(row.get(field, "")).strip().casefold()


def is_plain(value: str) -> bool:
    """Tell whether a text may stand in a query as a value."""
    return _PLAIN.fullmatch(value) is not None


def first(values: Sequence[str | None]) -> str | None:
    """Return the first text that is not empty."""
    return next((value for value in values if value), None)
