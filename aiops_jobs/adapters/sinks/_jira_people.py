"""Finds the account of a person the catalogue names, by address or name, and only one who is surely meant."""

from __future__ import annotations

from typing import Any

from aiops_jobs.adapters.http import HTTPClient
from aiops_jobs.adapters.sinks._reading import listed
from aiops_jobs.errors import ConnectorError

FORBIDDEN = 403
_NAMES = ("emailAddress", "displayName", "name", "accountId")


class People:
    """The accounts of a site, asked for once each.

    Args:
        http: The site.
        api: Path of its API.
        asked_by: Parameter of the search: ``query`` on Jira Cloud, ``username`` on Data Center.
        account_field: What identifies a user: ``accountId`` there, ``name`` here.
    """

    def __init__(self, http: HTTPClient, api: str, *, asked_by: str, account_field: str) -> None:
        self._http, self._path = http, f"{api}/user/search"
        self._asked_by, self._account_field = asked_by, account_field
        self._known: dict[str, dict[str, str] | None] = {}

    def assignee(self, who: str | None) -> dict[str, Any]:
        """Return the field that assigns an issue to this person; none where it is nobody, or more than one."""
        if not who:
            return {}
        if who not in self._known:
            self._known[who] = self._found(who)
        account = self._known[who]
        return {"assignee": account} if account else {}

    def _found(self, who: str) -> dict[str, str] | None:
        try:
            users = listed(self._http.get(self._path, params={self._asked_by: who, "maxResults": "20"}))
        except ConnectorError as error:
            if error.status != FORBIDDEN:
                raise
            return None  # we may not look at users: a ticket without a person beats none
        active = [user for user in users if user.get("active", True) and user.get(self._account_field)]
        exact = [u for u in active if who.casefold() in {str(u.get(n) or "").casefold() for n in _NAMES}]
        if not exact and "@" in who and not any(u.get("emailAddress") for u in active):
            exact = active  # addresses are hidden from us; the site has searched by them
        return {self._account_field: str(exact[0][self._account_field])} if len(exact) == 1 else None
