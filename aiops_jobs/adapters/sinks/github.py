"""Issues of a GitHub repository (REST API), found again by a label and a line that nobody sees.

The search index of GitHub is late and rationed. So issues with our label are listed once, then only what changed since,
and filtered here on the exact key. Who may not label gets issues without labels and no word about it: that is asked for
before the first issue.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Literal

import orjson
from pydantic import Field, SecretStr

from aiops_jobs.adapters import clock
from aiops_jobs.adapters.connection import Connection
from aiops_jobs.adapters.http import RateLimited, Reply
from aiops_jobs.adapters.markup.github_markdown import GithubMarkdownRenderer
from aiops_jobs.adapters.sinks._github_issue import (
    BODY,
    ROOM,
    TITLE,
    History,
    Issue,
    Wording,
    body_of,
    history,
    instant,
    labels_of,
    marker_of,
    title_of,
)
from aiops_jobs.adapters.sinks._reading import Remembered, listed, read_back, told
from aiops_jobs.adapters.sinks._settings import SinkSettings
from aiops_jobs.adapters.sinks._trying import Failed, kept_key, tried
from aiops_jobs.errors import ConnectorError, CredentialsRefused
from aiops_jobs.ports import Check, Draft, SinkTraits, Ticket

log = logging.getLogger(__name__)
OVERLAP = timedelta(minutes=5)
SECONDARY_WAIT_S = 60.0
"""What GitHub asks to wait where it limits and does not say how long."""
MOST_PAGES = 1000
FORBIDDEN, NOT_FOUND, GONE, UNPROCESSABLE = 403, 404, 410, 422


class Settings(SinkSettings, Connection):
    """Settings of a GitHub repository; ``token`` is a fine-grained one with issues read and write."""

    kind: Literal["github"] = "github"
    """Always ``github``."""
    url: str = "https://api.github.com"
    """Address of the API; of GitHub Enterprise Server ``https://<host>/api/v3``."""
    repository: str = Field(pattern=r"^[\w.-]+/[\w.-]+$")
    """``owner/name``."""
    label: str = "aiops"
    """Label that every issue of ours has; never change it while tickets are open."""
    priorities: dict[str, str] = Field(default={"P1": "P1", "P2": "P2", "P3": "P3", "P4": "P4", "P5": "P5"})
    """Labels of the priorities."""
    group_prefix: str = "team:"
    """Begin of the label that names the assignment group; empty: none."""
    people: dict[str, str] = Field(default_factory=dict)
    """Person, as the catalogue says, to login; who is not listed is taken for a login where it can be one."""
    history_days: float = Field(default=365.0, gt=0)
    """Issues not touched for longer are not looked at."""
    search_delay_s: float = Field(default=10.0, ge=0)
    """How long a new issue may stay invisible to the list."""


class GithubSink:
    """Keeps issues of one repository."""

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
            markup="markdown",
            scopes=("issues: write", "metadata: read", "role: triage or write"),
        )
        accept = {"Accept": "application/vnd.github+json", "X-GitHub-Api-Version": "2022-11-28"}
        headers = {**{name: SecretStr(value) for name, value in accept.items()}, **settings.headers}
        self._http = settings.model_copy(update={"headers": headers}).client(name, max_body_bytes=32 << 20)
        self._settings = settings
        self._path = f"/repos/{settings.repository}"
        self._words = Wording(settings.label, settings.priorities, settings.group_prefix, settings.people)
        self._renderer = GithubMarkdownRenderer()
        self._made = Remembered()
        self._keys: dict[str, str] = {}
        """Number of an issue -> its key, of all that were listed."""
        self._seen_until: datetime | None = None
        self._may_label = False
        self._me = ""

    def check(self) -> Sequence[Check]:
        """Ask who we are, then whether we may label in the repository, then for its issues."""
        found = [tried("identity", self._identity, remedy="Give a token that is valid there.")]
        if found[0].is_ok:
            remedy = "Grant the token this repository and its account the role triage or write."
            found.append(tried("repository", self._role, remedy=remedy))
        if found[-1].is_ok:
            remedy = "Turn issues on, and give the token `issues: write`."
            found.append(tried("issues", lambda: f"{self._list_changed()} of ours", remedy=remedy))
        return found

    def find(self, external_key: str) -> list[Ticket]:
        """Return the issues with exactly this key, oldest first, each as it is now."""
        try:
            self._list_changed()
        except ConnectorError as error:
            if error.status in {NOT_FOUND, GONE}:
                raise CredentialsRefused(self.name, f"we see no issues there: {error}", status=error.status) from error
            raise
        numbers = {number for number, key in self._keys.items() if key == external_key}
        numbers |= set(self._made.of(external_key))
        issues = [issue for number in sorted(numbers, key=int) if (issue := self._issue(number, NOT_FOUND, GONE))]
        return [self._ticket(issue) for issue in issues if marker_of(issue)[0] == external_key]

    def create(self, draft: Draft) -> Ticket:
        """Create an issue; a person who may not be assigned is left out."""
        if not self._may_label:
            self._label_or_leave()
        body = {
            "title": title_of(draft),
            "body": body_of(draft, self._renderer),
            "labels": self._words.labels(draft),
            "assignees": self._words.logins(draft),
        }
        made = told(self._write("POST", f"{self._path}/issues", body), "number")
        number = str(made["number"])
        self._made.add(draft.external_key, number)
        ticket, labels = read_back(self.name, lambda: self._seen(number))
        if self._settings.label not in labels:
            self._may_label = False
            return kept_key(self.name, ticket, "", f"the label `{self._settings.label}`")
        return kept_key(self.name, ticket, draft.external_key, "its body")

    def update(self, ticket: Ticket, draft: Draft) -> Ticket:
        """Write what differs; who is assigned is left to people once anybody is."""
        issue = self._known(ticket.remote_key)
        present, sha = labels_of(issue), draft.fields.get("content_sha256")
        labels, body = self._words.labels(draft, present), body_of(draft, self._renderer)
        changed: dict[str, Any] = {}
        if issue.get("title") != title_of(draft):
            changed["title"] = title_of(draft)
        is_told = sha is not None and marker_of(issue)[1] == sha
        if not is_told and "\n".join((issue.get("body") or "").splitlines()) != body:
            changed["body"] = body
        if set(labels) != set(present):
            changed["labels"] = labels
        if changed and not issue.get("assignees") and self._words.logins(draft):
            changed["assignees"] = self._words.logins(draft)
        return self._change(ticket.remote_key, changed) if changed else self._ticket(issue)

    def resolve(self, ticket: Ticket, note: str) -> Ticket:
        """Close the issue as completed, then tell why."""
        return self._turn(ticket, note, {"state": "closed", "state_reason": "completed"})

    def reopen(self, ticket: Ticket, note: str) -> Ticket:
        """Open the issue again, then tell why."""
        return self._turn(ticket, note, {"state": "open", "state_reason": "reopened"})

    def comment(self, ticket: Ticket, text: str) -> None:
        """Add a comment."""
        self._comment(ticket.remote_key, self._renderer.render(text, ROOM))

    def link(self, ticket: Ticket, earlier: Ticket) -> None:
        """Refer to the earlier issue, once: GitHub shows the reference at both."""
        marker = f"<!-- aiops:follows:{earlier.remote_key} -->"
        comments = self._paged(f"{self._path}/issues/{ticket.remote_key}/comments", {})
        if not any(marker in str(comment.get("body")) for comment in comments):
            self._comment(ticket.remote_key, f"Follows #{earlier.remote_key}.\n\n{marker}")

    # --- reading ----------------------------------------------------------------------------------------------------

    def _list_changed(self) -> int:
        """Learn the keys of the issues that changed since the last time; return how many issues are known."""
        since = self._seen_until or clock.now() - timedelta(days=self._settings.history_days)
        params = {"labels": self._settings.label, "state": "all", "sort": "created", "direction": "asc"}
        rows = self._paged(f"{self._path}/issues", {**params, "since": f"{since:%Y-%m-%dT%H:%M:%SZ}"})
        for row in rows:
            if "pull_request" not in row and marker_of(row)[0]:
                self._keys[str(row["number"])] = marker_of(row)[0]
        latest = max((at for row in rows if (at := instant(row.get("updated_at")))), default=None)
        if latest is not None:
            self._seen_until = max(latest - OVERLAP, since)
        return len(self._keys)

    def _paged(self, path: str, params: Mapping[str, str]) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        for page in range(1, MOST_PAGES + 1):
            reply = self._call("GET", path, params={**params, "per_page": "100", "page": str(page)})
            found += listed(reply)
            if 'rel="next"' not in reply.headers.get("link", ""):
                return found
        raise ConnectorError(self.name, f"{path} has no end")

    def _issue(self, number: str, *accept: int) -> Issue | None:
        reply = self._call("GET", f"{self._path}/issues/{number}", accept=accept)
        return None if reply.status in accept else told(reply, "number", "state")

    def _known(self, number: str) -> Issue:
        issue = self._issue(number)
        if issue is None:
            raise ConnectorError(self.name, f"there is no issue {number}", status=NOT_FOUND)
        return issue

    def _seen(self, number: str) -> tuple[Ticket, list[str]]:
        issue = self._known(number)
        return self._ticket(issue), labels_of(issue)

    def _ticket(self, issue: Issue) -> Ticket:
        if issue["state"] != "closed":
            return self._words.ticket(issue, History())
        self._me = self._me or self._identity()
        path = f"{self._path}/issues/{issue['number']}"
        events, comments = self._paged(f"{path}/events", {}), self._paged(f"{path}/comments", {})
        return self._words.ticket(issue, history(events, comments, self._me))

    def _identity(self) -> str:
        return str(told(self._call("GET", "/user"), "login")["login"])

    def _role(self) -> str:
        held = told(self._call("GET", self._path), "full_name").get("permissions") or {}
        if not (held.get("push") or held.get("triage")):
            raise Failed("labels would be dropped in silence", "Give the account the role triage or write.")
        return f"{self._settings.repository}, may label"

    def _label_or_leave(self) -> None:
        try:
            self._role()
        except Failed as failed:
            raise CredentialsRefused(self.name, f"{failed}: issues could not be found again") from failed
        self._may_label = True

    # --- writing ----------------------------------------------------------------------------------------------------

    def _turn(self, ticket: Ticket, note: str, wanted: Mapping[str, str]) -> Ticket:
        issue = self._known(ticket.remote_key)
        if issue["state"] == wanted["state"]:
            return self._ticket(issue)
        now = self._change(ticket.remote_key, dict(wanted))
        if (now.state == "closed") == (wanted["state"] == "closed"):
            try:
                self.comment(ticket, note)
            except ConnectorError as error:
                log.warning("#%s has no closing note: %s", ticket.remote_key, error)
        return now

    def _change(self, number: str, values: dict[str, Any]) -> Ticket:
        self._write("PATCH", f"{self._path}/issues/{number}", values)
        return read_back(self.name, lambda: self._seen(number))[0]

    def _comment(self, number: str, body: str) -> None:
        told(self._call("POST", f"{self._path}/issues/{number}/comments", json={"body": body}), "id")

    def _write(self, method: str, path: str, body: dict[str, Any]) -> Reply:
        reply = self._call(method, path, json=body, accept=(UNPROCESSABLE,))
        if reply.status == UNPROCESSABLE and body.get("assignees") and _refused(reply) == {"assignees"}:
            log.warning("%s may not be assigned", body["assignees"])
            reply = self._call(method, path, json={**body, "assignees": []}, accept=(UNPROCESSABLE,))
        if reply.status == UNPROCESSABLE:
            said = self._http.redactor.clean(reply.body[:300].decode(errors="replace"))
            raise ConnectorError(self.name, f"{self._http.host} says: {said}", status=reply.status)
        return reply

    def _call(self, method: str, path: str, **options: Any) -> Reply:
        """Send a request; a refusal that only means *later*, or *not with this token*, is said to be one."""
        try:
            return self._http.request(method, path, **options)
        except ConnectorError as error:
            if error.status == FORBIDDEN and "rate limit" in str(error).casefold():
                wait = getattr(error, "retry_after_s", None) or SECONDARY_WAIT_S
                raise RateLimited(self.name, error.problem, status=FORBIDDEN, retry_after_s=wait) from error
            if error.status == FORBIDDEN and "not accessible" in str(error):
                raise CredentialsRefused(self.name, error.problem, status=FORBIDDEN) from error
            raise


def _refused(reply: Reply) -> set[str]:
    """Return the fields an answer of 422 complains of."""
    try:
        said = orjson.loads(reply.body)
    except orjson.JSONDecodeError:
        return set()
    errors = said.get("errors") if isinstance(said, dict) else None
    return {str(error.get("field")) for error in errors or () if isinstance(error, dict)}
