"""Tickets in Redmine 5, by its REST interface.

Redmine keeps no key unique: ours stands in a custom field. It answers 204 to a status its workflow does not allow, an
empty list to a user it does not know, and passes over a filter that is none. So every write is read back, a search is
believed only if each issue carries the key, and *nothing found* only from the project itself, by a user it knows.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

from pydantic import Field, SecretStr, field_validator

from aiops_jobs.adapters.connection import Connection
from aiops_jobs.adapters.markup.textile import RedmineMarkdownRenderer, TextileRenderer
from aiops_jobs.adapters.sinks._reading import read_back, told
from aiops_jobs.adapters.sinks._redmine_reading import FINAL, Names, Reading, field_of, names_of
from aiops_jobs.adapters.sinks._settings import SinkSettings
from aiops_jobs.adapters.sinks._trying import Failed, all_priorities, as_told, kept_key, tried
from aiops_jobs.core.tickets.limits import Limit, cut
from aiops_jobs.errors import ConnectorError, CredentialsRefused
from aiops_jobs.ports import Check, Draft, Renderer, SinkTraits, Ticket

TITLE = Limit(255)
BODY = Limit(60_000, "bytes")
"""What a column of type TEXT holds on MySQL; other databases take more."""
PERMISSIONS = ("view_issues", "add_issues", "edit_issues", "add_issue_notes", "manage_issue_relations")
UNPROCESSABLE = 422


class Settings(SinkSettings, Connection):
    """Settings of a Redmine; ``token`` is an API key (My account)."""

    kind: Literal["redmine"] = "redmine"
    """Always ``redmine``."""
    project: str
    """Identifier of the project of new issues."""
    key_field: int
    """Id of the custom field that holds our key: text, used as a filter."""
    digest_field: int | None = None
    """Id of the custom field that holds the digest of what was last told; with it, a description that people have
    edited is left alone until there is more to tell."""
    cause_field: int | None = None
    """Id of the custom field in which people write what the cause was; without it, the note of closing counts."""
    tracker: str | None = None
    """Name of the tracker of new issues; the project's first where none is given."""
    priorities: dict[str, str] = Field(
        default={"P1": "Immediate", "P2": "Urgent", "P3": "High", "P4": "Normal", "P5": "Low"}
    )
    """What P1 … P5 are called there."""
    resolved_status: str = "Closed"
    """Status of an issue whose trouble is over."""
    open_status: str = "In Progress"
    """Status of an issue that is opened again."""
    assigned_to: dict[str, int] = Field(default_factory=dict)
    """Assignment group, or person -> id of the user or group there."""
    markup: Literal["textile", "markdown"] = "textile"
    """Text formatting of the installation; ``markdown`` also where it says CommonMark."""

    @field_validator("priorities")
    @classmethod
    def _has_all(cls, priorities: dict[str, str]) -> dict[str, str]:
        return all_priorities(priorities)


class RedmineSink:
    """Issues of one project of a Redmine."""

    def __init__(self, name: str, settings: Settings) -> None:
        self.name, self._settings = name, settings
        self.traits = SinkTraits(
            mode=settings.mode,
            can_reopen=True,
            can_link=True,
            can_comment=True,
            title_limit=TITLE,
            body_limit=BODY,
            markup=settings.markup,
            scopes=PERMISSIONS,
        )
        self._renderer: Renderer = TextileRenderer() if settings.markup == "textile" else RedmineMarkdownRenderer()
        ours = {"X-Redmine-API-Key": settings.token or SecretStr("")}
        self._http = settings.model_copy(update={"token": None, "headers": {**settings.headers, **ours}}).client(name)
        self._known: Reading | None = None

    # --- port -------------------------------------------------------------------------------------------------------

    def check(self) -> Sequence[Check]:
        """Ask who we are, what our roles permit in the project, and whether all names of the settings exist."""
        found = [
            tried("identity", lambda: str(self._identity()["login"]), remedy="Give the API key of an active user.")
        ]
        if found[0].is_ok:
            found += [
                tried("permissions", self._permitted, remedy=f"Let a role with {', '.join(PERMISSIONS)} be ours."),
                tried("names", self._named, remedy="Let our user see statuses, priorities and trackers."),
                tried("key field", self._filters, remedy=f"See custom field {self._settings.key_field}."),
            ]
        return found

    def find(self, external_key: str) -> list[Ticket]:
        """Return the issues with exactly this key, wherever they were moved, oldest first."""
        anywhere, is_filtered = self._search(external_key)
        if not anywhere or not is_filtered:  # a field that is not for all projects filters only inside one
            anywhere, is_filtered = self._search(external_key, project_id=self._settings.project)
        if not is_filtered:
            problem = f"custom field {self._settings.key_field} is not used as a filter in {self._settings.project}"
            raise CredentialsRefused(self.name, problem)
        if not anywhere:
            self._identity()  # an unknown key is answered with an empty list
        tickets = [self._read(number) for number in anywhere]
        return [ticket for ticket in tickets if ticket.external_key == external_key]

    def create(self, draft: Draft) -> Ticket:
        """Create the issue in the project."""
        settings, names = self._settings, self._reading().names
        who = settings.assigned_to.get(draft.assignee or "") or settings.assigned_to.get(draft.assignment_group or "")
        content = {
            "project_id": settings.project,
            **({"tracker_id": self._id(names.trackers, settings.tracker, "tracker")} if settings.tracker else {}),
            **self._said(draft),
            "custom_fields": [{"id": settings.key_field, "value": draft.external_key}, *self._digest(draft)],
            **({"assigned_to_id": who} if who else {}),
        }
        made = told(self._http.post("/issues.json", json={"issue": content}), "issue")["issue"]
        ticket = read_back(self.name, lambda: self._read(made["id"]))
        return kept_key(self.name, ticket, draft.external_key, f"custom field {settings.key_field}")

    def update(self, ticket: Ticket, draft: Draft) -> Ticket:
        """Make subject, priority and description say what the draft says."""
        issue = self._issue(ticket.remote_key)
        now = self._told(issue)
        said = self._said(draft)
        has = {"subject": issue["subject"], "description": _unix(issue.get("description")), "priority_id": None}
        if self._settings.priorities[now.priority] == self._settings.priorities[draft.priority]:
            has["priority_id"] = said["priority_id"]
        digest = self._digest(draft)
        if digest and now.content_sha256 == digest[0]["value"]:
            has["description"] = said["description"]
        changed: dict[str, Any] = {name: value for name, value in said.items() if has[name] != value}
        if digest and now.content_sha256 != digest[0]["value"]:
            changed["custom_fields"] = digest
        return self._put(ticket, changed) if changed else now

    def resolve(self, ticket: Ticket, note: str) -> Ticket:
        """Resolve with a note; a resolved issue stays as it is."""
        return self._step(ticket, note, self._settings.resolved_status, is_wanted=lambda state: state in FINAL)

    def reopen(self, ticket: Ticket, note: str) -> Ticket:
        """Open again with a note; an open issue stays as it is."""
        return self._step(ticket, note, self._settings.open_status, is_wanted=lambda state: state not in FINAL)

    def comment(self, ticket: Ticket, text: str) -> None:
        """Add a note."""
        self._write(ticket.remote_key, {"notes": self._renderer.render(text, BODY)})

    def link(self, ticket: Ticket, earlier: Ticket) -> None:
        """Relate the issue to the earlier one, once."""
        if self._are_related(ticket, earlier):
            return
        relation = {"issue_to_id": int(earlier.remote_key), "relation_type": "relates"}
        path = f"/issues/{ticket.remote_key}/relations.json"
        reply = self._http.post(path, json={"relation": relation}, accept={UNPROCESSABLE})
        if reply.status == UNPROCESSABLE and not self._are_related(ticket, earlier):
            raise ConnectorError(self.name, f"does not relate the issues: {reply.body[:300]!r}", status=UNPROCESSABLE)

    # --- reading ----------------------------------------------------------------------------------------------------

    def _search(self, key: str, **more: str) -> tuple[list[int], bool]:
        """Return the ids of issues with a key, oldest first, and whether all that came carry it."""
        field = self._settings.key_field
        asked = {f"cf_{field}": key, "status_id": "*", "sort": "id:asc", "limit": "100", **more}
        reply = self._http.get("/issues.json", params=asked, accept={403, 404})
        if reply.status >= 400:
            problem = f"project `{self._settings.project}` is not there, or our user may not view its issues"
            raise CredentialsRefused(self.name, problem, status=reply.status)
        issues = told(reply, "issues")["issues"]
        ours = [issue["id"] for issue in issues if field_of(issue, field) == key]
        return ours, len(ours) == len(issues)

    def _issue(self, number: str | int) -> dict[str, Any]:
        asked = {"include": "journals,relations,allowed_statuses"}
        return dict(told(self._http.get(f"/issues/{number}.json", params=asked), "issue")["issue"])

    def _read(self, number: str | int) -> Ticket:
        return self._told(self._issue(number))

    def _told(self, issue: Mapping[str, Any]) -> Ticket:
        return as_told(self.name, lambda: self._reading().ticket(issue))

    def _are_related(self, ticket: Ticket, earlier: Ticket) -> bool:
        relations = self._issue(ticket.remote_key).get("relations") or ()
        other = int(earlier.remote_key)
        return any(other in {relation["issue_id"], relation["issue_to_id"]} for relation in relations)

    # --- writing ----------------------------------------------------------------------------------------------------

    def _step(self, ticket: Ticket, note: str, status: str, *, is_wanted: Callable[[str], bool]) -> Ticket:
        issue = self._issue(ticket.remote_key)
        now = self._told(issue)
        if is_wanted(now.state):
            return now
        number = self._id(self._reading().names.statuses, status, "status")
        allowed = issue.get("allowed_statuses")
        if allowed is not None and number not in {each["id"] for each in allowed}:  # it would answer 204 and do nothing
            problem = f"the workflow does not let our role take #{ticket.remote_key} from {issue['status']['name']}"
            raise ConnectorError(self.name, f"{problem} to {status}")
        return self._put(ticket, {"status_id": number, "notes": self._renderer.render(note, BODY)})

    def _put(self, ticket: Ticket, values: Mapping[str, Any]) -> Ticket:
        self._write(ticket.remote_key, values)
        return read_back(self.name, lambda: self._read(ticket.remote_key))

    def _write(self, number: str, values: Mapping[str, Any]) -> None:
        self._http.request("PUT", f"/issues/{number}.json", json={"issue": dict(values)})

    def _said(self, draft: Draft) -> dict[str, Any]:
        priorities, name = self._reading().names.priorities, self._settings.priorities[draft.priority]
        return {
            "subject": cut(draft.title, TITLE),
            "description": self._renderer.render(draft.body, BODY),
            "priority_id": self._id(priorities, name, "priority"),
        }

    def _digest(self, draft: Draft) -> list[dict[str, Any]]:
        field, digest = self._settings.digest_field, draft.fields.get("content_sha256")
        return [{"id": field, "value": str(digest)}] if field and digest else []

    def _id(self, known: Mapping[str, int], name: str, what: str) -> int:
        if name not in known:
            raise ConnectorError(self.name, f"there is no {what} `{name}`; there are {', '.join(known)}")
        return known[name]

    # --- who we are, and what is called how -------------------------------------------------------------------------

    def _identity(self) -> dict[str, Any]:
        asked = {"include": "memberships"}
        return dict(told(self._http.get("/users/current.json", params=asked), "user")["user"])

    def _reading(self) -> Reading:
        if self._known is None:
            settings = self._settings
            self._known = Reading(
                names=self._names(),
                key_field=settings.key_field,
                digest_field=settings.digest_field,
                cause_field=settings.cause_field,
                priorities=settings.priorities,
                resolved_status=settings.resolved_status,
                groups=settings.assigned_to,
                me=int(self._identity()["id"]),
                url=settings.url.rstrip("/"),
            )
        return self._known

    def _names(self) -> Names:
        statuses = told(self._http.get("/issue_statuses.json"), "issue_statuses")["issue_statuses"]
        path = "/enumerations/issue_priorities.json"
        priorities = told(self._http.get(path), "issue_priorities")["issue_priorities"]
        trackers = told(self._http.get("/trackers.json"), "trackers")["trackers"]
        return names_of(statuses, priorities, trackers)

    def _permitted(self) -> str:
        user, project = self._identity(), self._settings.project
        self._search("none", project_id=project)
        place = told(self._http.get(f"/projects/{project}.json"), "project")["project"]["id"]
        if user.get("admin"):
            return f"is an administrator, which is more than it needs, in {project}"
        roles = {r["id"] for m in user.get("memberships", ()) if m["project"]["id"] == place for r in m["roles"]}
        answers = [told(self._http.get(f"/roles/{role}.json"), "role")["role"] for role in sorted(roles)]
        missing = sorted(set(PERMISSIONS) - {name for answer in answers for name in answer.get("permissions", ())})
        if missing:
            raise Failed(f"our roles in {project} lack {', '.join(missing)}", f"Grant {', '.join(missing)}.")
        return f"may do all it needs in {project}"

    def _named(self) -> str:
        settings, names = self._settings, self._names()
        wanted = [
            (names.statuses, settings.resolved_status, "status"),
            (names.statuses, settings.open_status, "status"),
        ]
        wanted += [(names.priorities, name, "priority") for name in settings.priorities.values()]
        wanted += [(names.trackers, settings.tracker, "tracker")] if settings.tracker else []
        for known, name, what in wanted:
            self._id(known, name, what)
        return "all statuses, priorities and the tracker are there"

    def _filters(self) -> str:
        """Search for a key nobody has: issues that come all the same mean that the field does not filter."""
        _, is_filtered = self._search("nobody-has-this-key", project_id=self._settings.project)
        if not is_filtered:
            raise Failed("the search passes it over", "Tick *Used as a filter*, and let it apply to the project.")
        return f"custom field {self._settings.key_field} filters, as far as the issues there tell"


def _unix(text: str | None) -> str:
    return (text or "").replace("\r\n", "\n").strip()
