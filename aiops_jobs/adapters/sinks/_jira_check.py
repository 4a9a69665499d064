"""Asks a Jira site who we are, for the project and its type of issue, and for each permission we need there."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import quote

from aiops_jobs.adapters.http import HTTPClient
from aiops_jobs.adapters.sinks._reading import told
from aiops_jobs.errors import ConnectorError
from aiops_jobs.ports import Check

SCOPES = (
    "BROWSE_PROJECTS",
    "CREATE_ISSUES",
    "EDIT_ISSUES",
    "TRANSITION_ISSUES",
    "RESOLVE_ISSUES",
    "ASSIGN_ISSUES",
    "LINK_ISSUES",
    "ADD_COMMENTS",
)
"""Permissions of the project, as Jira calls them."""


def checks(http: HTTPClient, api: str, project: str, issue_type: str) -> Sequence[Check]:
    """Return what was found, up to the first thing without which the rest means nothing; never raises."""
    found: list[Check] = []
    for name, ask, remedy in (
        ("identity", _identity, "Give the e-mail address as `user` and an API token as `password`, or a token."),
        ("project", _project, "Set `project` to the key of a project that the account may see."),
        ("issue type", _type, "Set `issue_type` to a type of the project."),
        ("permissions", _permissions, "Grant them to the account in the project's permission scheme."),
    ):
        try:
            problem, detail = ask(http, api, project, issue_type)
        except ConnectorError as error:
            problem, detail = True, str(error)
        found.append(Check(name, is_ok=not problem, detail=detail, remedy=remedy if problem else ""))
        if problem:
            break
    return found


def _identity(http: HTTPClient, api: str, _project: str, _type: str) -> tuple[bool, str]:
    me = told(http.get(f"{api}/myself"))
    return False, f"{me.get('displayName') or me.get('name')} at {http.host}"


def _project(http: HTTPClient, api: str, project: str, _type: str) -> tuple[bool, str]:
    seen = told(http.get(f"{api}/project/{quote(project)}"), "key")
    return False, f"{seen['key']}, {seen.get('name')}"


def _type(http: HTTPClient, api: str, project: str, issue_type: str) -> tuple[bool, str]:
    page = told(http.get(f"{api}/issue/createmeta/{quote(project)}/issuetypes", params={"maxResults": "200"}))
    names = [str(each.get("name")) for each in page.get("issueTypes") or page.get("values") or ()]
    return issue_type not in names, f"{issue_type}; the project has {', '.join(names) or 'none that we may create'}"


def _permissions(http: HTTPClient, api: str, project: str, _type: str) -> tuple[bool, str]:
    params = {"projectKey": project, "permissions": ",".join(SCOPES)}
    held = told(http.get(f"{api}/mypermissions", params=params), "permissions")["permissions"]
    missing = [scope for scope in SCOPES if not (held.get(scope) or {}).get("havePermission")]
    return bool(missing), f"missing: {', '.join(missing)}" if missing else f"all of {', '.join(SCOPES)}"
