"""Issues of Jira Cloud (REST API v3), found again by a label of their own.

A ticket carries the label ``aiops-<key>``; what we last wrote is kept beside it in the entity property
``aiops.finding``. The search answers late, so it names candidates only: issues made by this process are reconciled with
it, and every candidate is read by itself. An empty answer is believed only from a site that still knows us.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from datetime import timedelta
from typing import Any, Literal
from urllib.parse import quote

from pydantic import Field

from aiops_jobs.adapters.connection import Connection
from aiops_jobs.adapters.http import HTTPClient, Reply
from aiops_jobs.adapters.http_text import told_by
from aiops_jobs.adapters.markup.adf import AdfRenderer
from aiops_jobs.adapters.sinks import _jira_workflow as workflow
from aiops_jobs.adapters.sinks._jira_check import SCOPES, checks
from aiops_jobs.adapters.sinks._jira_draft import (
    BODY,
    GROUP_LABEL,
    TITLE,
    differing,
    droppable,
    new_issue,
    page_link,
)
from aiops_jobs.adapters.sinks._jira_issue import FIELDS, PROPERTY, Issue, Reading, account_of, state_of
from aiops_jobs.adapters.sinks._jira_people import People
from aiops_jobs.adapters.sinks._reading import Remembered, read_back, told
from aiops_jobs.adapters.sinks._settings import SinkSettings
from aiops_jobs.errors import ConnectorError, ConnectorUnavailable
from aiops_jobs.ports import Check, Draft, Renderer, SinkTraits, Ticket

log = logging.getLogger(__name__)

MOST_RECONCILED = 50
MOST_PAGES = 20
KNOWN_FOR_S = 60.0
"""How long a site that knew us is taken to know us still, when a search finds nothing."""
FINAL = frozenset({"resolved", "closed"})
BAD_REQUEST, NOT_FOUND, CONFLICT = 400, 404, 409


class Settings(SinkSettings, Connection):
    """Settings of a Jira site; on Jira Cloud ``user`` is an e-mail address and ``password`` its API token."""

    kind: Literal["jira"] = "jira"
    """Always ``jira``."""
    project: str
    """Key of the project new issues go to."""
    issue_type: str = "Task"
    """Name of the type of new issues."""
    site_url: str = ""
    """Address people open, where ``url`` is that of a gateway (``https://api.atlassian.com/ex/jira/…``)."""
    priorities: dict[str, str] = Field(
        default={"P1": "Highest", "P2": "High", "P3": "Medium", "P4": "Low", "P5": "Lowest"}
    )
    """Names of the priorities there; empty where issues have none."""
    labels: tuple[str, ...] = ("aiops",)
    """Further labels of new issues."""
    label_prefix: str = Field(default="aiops-", pattern=r"^[^\s\"\\]+$")
    """Begin of the label that carries our key; never change it while tickets are open."""
    group_field: str = Field(default="", pattern=r"^(|labels|components|customfield_\d+)$")
    """Where the assignment group goes: ``components``, ``labels`` (``team-…``) or a custom field; empty: nowhere."""
    group_as: Literal["value", "name", "text"] = "value"
    """How a custom field takes the group: as an option (``value``), a group of users (``name``) or ``text``."""
    fields: dict[str, Any] = Field(default_factory=dict)
    """Further fields of new issues, as the API takes them: what the project demands."""
    resolve_transition: str = ""
    """Transition, or the status it leads to, that resolves; default: the most usual one to a status that is done."""
    reopen_transition: str = ""
    """Transition, or the status it leads to, that opens again; default: the most usual one back."""
    resolution: str = ""
    """Resolution to give where the screen asks for one; default: Done, Fixed, Resolved or Completed."""
    duplicate_resolutions: tuple[str, ...] = ("Duplicate",)
    """Resolutions that say: closed as a duplicate."""
    duplicate_link: str = "Duplicate"
    """Type of link that says so, too."""
    relates_link: str = "Relates"
    """Type of link from a ticket to the one it follows."""
    cause_field: str = ""
    """Custom field in which people write the cause; default: their last comment."""
    search_delay_s: float = Field(default=60.0, ge=0)
    """How long a new issue may stay invisible to the search; Jira promises no bound, a minute is usual."""


class JiraSink:
    """Keeps issues; Jira Data Center differs in the attributes here and in how it is searched."""

    api = "/rest/api/3"
    renderer: Renderer = AdfRenderer()
    markup = "adf"
    asked_by, account_field = "query", "accountId"

    def __init__(self, name: str, settings: Settings) -> None:
        self.name = name
        self.traits = SinkTraits(
            mode=settings.mode,
            search_delay=timedelta(seconds=settings.search_delay_s),
            can_reopen=True,
            can_link=True,
            can_comment=True,
            title_limit=TITLE,
            body_limit=BODY,
            markup=self.markup,
            scopes=SCOPES,
        )
        self._settings = settings
        self._http: HTTPClient = settings.client(name, max_body_bytes=16 << 20)
        self._made = Remembered()
        self._people = People(self._http, self.api, asked_by=self.asked_by, account_field=self.account_field)
        self._account, self._known_until = "", 0.0

    def check(self) -> Sequence[Check]:
        """Ask who we are, then for the project, the type of issue and each permission."""
        return checks(self._http, self.api, self._settings.project, self._settings.issue_type)

    def find(self, external_key: str) -> list[Ticket]:
        """Return the issues with exactly this label, oldest first, each as it is now."""
        label = self._label(external_key)
        try:
            hits = self._search(f"labels = {_quoted(label)} ORDER BY created ASC", self._made.of(external_key))
        except ConnectorError as error:
            if error.status == BAD_REQUEST:
                self._identity()  # a site that takes us for anybody does not know the names in a search
            raise
        issues = [issue for hit in hits if (issue := self._issue(hit, accept=(NOT_FOUND,)))]
        tickets = [t for issue in issues if (t := self._ticket(issue, external_key)).external_key == external_key]
        if not tickets and time.monotonic() > self._known_until:
            self._identity()  # to who is not known the search answers with nothing
        return sorted(tickets, key=lambda t: (t.opened_at is None, t.opened_at))

    def create(self, draft: Draft) -> Ticket:
        """Create an issue; a field its screen does not have is left out."""
        body = new_issue(self._settings, self.renderer, draft)
        body["fields"] |= self._people.assignee(draft.assignee)
        made = self._write("POST", "/issue", body)
        issue_key, number = (told(made, "id", "key")[name] for name in ("key", "id"))
        self._made.add(draft.external_key, str(number))
        self._show_page(str(issue_key), draft)
        return self._read(str(issue_key), draft.external_key)

    def update(self, ticket: Ticket, draft: Draft) -> Ticket:
        """Write what differs; who is assigned is left to people once anybody is."""
        issue = self._known(ticket.remote_key)
        body = differing(self._settings, self.renderer, issue, draft)
        if not body:
            return self._ticket(issue, ticket.external_key)
        if not issue["fields"].get("assignee"):
            body["fields"] |= self._people.assignee(draft.assignee)
        self._write("PUT", f"/issue/{quote(ticket.remote_key)}", body)
        self._show_page(ticket.remote_key, draft)
        return self._read(ticket.remote_key, ticket.external_key)

    def resolve(self, ticket: Ticket, note: str) -> Ticket:
        """Move the issue to a status of the category done, then tell why."""
        return self._move(ticket, note, to_done=True)

    def reopen(self, ticket: Ticket, note: str) -> Ticket:
        """Move the issue back to a status that is not done, then tell why."""
        return self._move(ticket, note, to_done=False)

    def comment(self, ticket: Ticket, text: str) -> None:
        """Add a comment."""
        body = {"body": self.renderer.render(text, BODY)}
        told(self._http.post(f"{self.api}/issue/{quote(ticket.remote_key)}/comment", json=body), "id")

    def link(self, ticket: Ticket, earlier: Ticket) -> None:
        """Link both issues, unless they are."""
        links = self._known(ticket.remote_key)["fields"].get("issuelinks") or ()
        others = [link.get(side) or {} for link in links for side in ("inwardIssue", "outwardIssue")]
        if any(other.get("key") == earlier.remote_key for other in others):
            return
        kind = {"name": self._settings.relates_link}
        ends = {"inwardIssue": {"key": ticket.remote_key}, "outwardIssue": {"key": earlier.remote_key}}
        self._http.post(f"{self.api}/issueLink", json={"type": kind, **ends})

    # --- reading ----------------------------------------------------------------------------------------------------

    def _issue(self, key: str, *, accept: Sequence[int] = ()) -> Issue | None:
        named = [*FIELDS, *(f for f in (self._settings.group_field, self._settings.cause_field) if f)]
        params = {"fields": ",".join(named), "expand": "changelog", "properties": PROPERTY}
        reply = self._http.get(f"{self.api}/issue/{quote(key)}", params=params, accept=accept)
        return None if reply.status in accept else told(reply, "key", "fields")

    def _known(self, key: str) -> Issue:
        issue = self._issue(key)
        if issue is None:
            raise ConnectorError(self.name, f"there is no issue {key}", status=NOT_FOUND)
        return issue

    def _read(self, key: str, external_key: str) -> Ticket:
        return read_back(self.name, lambda: self._ticket(self._known(key), external_key))

    def _ticket(self, issue: Issue, external_key: str) -> Ticket:
        if not self._account:
            self._identity()
        told_as = self._settings
        reading = Reading(
            priorities=told_as.priorities,
            duplicate_link=told_as.duplicate_link,
            duplicate_resolutions=told_as.duplicate_resolutions,
            group_field=told_as.group_field,
            group_prefix=GROUP_LABEL,
            cause_field=told_as.cause_field,
            browse=(told_as.site_url or told_as.url).rstrip("/"),
            me=self._account,
        )
        return reading.ticket(issue, external_key, self._label(external_key))

    def _identity(self) -> None:
        """Learn who we are.

        Raises:
            CredentialsRefused: The site does not know us.
        """
        self._account = account_of(told(self._http.get(f"{self.api}/myself")))
        self._known_until = time.monotonic() + KNOWN_FOR_S

    def _label(self, external_key: str) -> str:
        return self._settings.label_prefix + external_key

    # --- writing ----------------------------------------------------------------------------------------------------

    def _write(self, method: str, path: str, body: dict[str, Any]) -> Reply:
        """Send a write; optional fields that are refused by name are left out and it is sent once more."""
        for _ in range(2):
            reply = self._http.request(method, self.api + path, json=body, accept=(BAD_REQUEST, CONFLICT))
            if reply.status == CONFLICT:
                raise ConnectorUnavailable(self.name, "somebody else is changing the issue", status=CONFLICT)
            if reply.status != BAD_REQUEST:
                return reply
            refused = droppable(reply, body["fields"])
            if not refused:
                break
            log.warning("%s takes an issue only without %s", self.name, ", ".join(sorted(refused)))
            body = {**body, "fields": {k: v for k, v in body["fields"].items() if k not in refused}}
        said = self._http.redactor.clean(told_by(reply.body, reply.headers.get("content-type", "")))
        raise ConnectorError(self.name, f"{self._http.host} says: {said}", status=reply.status)

    def _move(self, ticket: Ticket, note: str, *, to_done: bool) -> Ticket:
        issue, settings = self._known(ticket.remote_key), self._settings
        if (state_of(issue) in FINAL) == to_done:
            return self._ticket(issue, ticket.external_key)
        path = f"{self.api}/issue/{quote(ticket.remote_key)}/transitions"
        offered = told(self._http.get(path, params={"expand": "transitions.fields"}), "transitions")["transitions"]
        named = settings.resolve_transition if to_done else settings.reopen_transition
        body = workflow.choose(offered, to_done=to_done, named=named, resolution=settings.resolution)
        if body is None:
            act = "resolve" if to_done else "reopen"
            raise ConnectorError(self.name, f"no way to {act} {ticket.remote_key}: {workflow.told_names(offered)}")
        reply = self._http.post(path, json=body, accept=(CONFLICT,))
        if reply.status == CONFLICT:
            raise ConnectorUnavailable(self.name, "somebody else is moving the issue", status=CONFLICT)
        now = self._read(ticket.remote_key, ticket.external_key)
        if (now.state in FINAL) == to_done:
            try:
                self.comment(ticket, note)
            except ConnectorError as error:
                log.warning("%s has no closing note: %s", ticket.remote_key, error)
        return now

    def _show_page(self, key: str, draft: Draft) -> None:
        """Hang the page of the incident onto the issue; Jira takes a second link of one id for the first."""
        body = page_link(draft)
        if body is None:
            return
        try:
            self._http.post(f"{self.api}/issue/{quote(key)}/remotelink", json=body)
        except ConnectorError as error:
            log.warning("%s has no link to its page: %s", key, error)

    # --- where Jira Data Center differs -----------------------------------------------------------------------------

    def _search(self, jql: str, made: Sequence[str]) -> list[str]:
        """Return the ids of the issues a search finds, page by page."""
        found: list[str] = []
        body: dict[str, Any] = {"jql": jql, "fields": ["labels"], "maxResults": 100}
        if made:
            body["reconcileIssues"] = [int(number) for number in made[-MOST_RECONCILED:]]
        for _ in range(MOST_PAGES):
            page = told(self._http.post(f"{self.api}/search/jql", json=body, is_write=False), "issues")
            found += [str(issue["id"]) for issue in page["issues"]]
            if not page.get("nextPageToken") or page.get("isLast"):
                return found
            body = {**body, "nextPageToken": page["nextPageToken"]}
        raise ConnectorError(self.name, f"more than {len(found)} issues carry one label; look for: {jql}")


def _quoted(text: str) -> str:
    """Return a string of JQL."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
