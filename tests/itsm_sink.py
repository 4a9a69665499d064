"""A sink for the tests' own ticket system (``desks/itsm.py``): how short one can be, and what the load tests drive."""

from datetime import UTC, datetime, timedelta

from pydantic import BaseModel, SecretStr

from aiops_jobs.adapters.http import HTTPClient
from aiops_jobs.core.tickets.limits import Limit, cut
from aiops_jobs.errors import AmbiguousDelivery, ConnectorError, CredentialsRefused
from aiops_jobs.ports import Check, SinkTraits, Ticket

TITLE, BODY = Limit(200, "bytes"), Limit(20_000)


class Settings(BaseModel):
    kind: str = "itsm"
    url: str
    token: SecretStr
    mode: str = "live"
    search_delay_s: float = 0.0
    is_keyed: bool = False
    timeout_s: float = 30.0


class ItsmSink:
    def __init__(self, name, settings):
        self.name = name
        self.traits = SinkTraits(
            mode=settings.mode,
            has_native_key=settings.is_keyed,
            search_delay=timedelta(seconds=settings.search_delay_s),
            can_reopen=True,
            can_link=True,
            can_comment=True,
            title_limit=TITLE,
            body_limit=BODY,
            scopes=("read", "write"),
        )
        self._http = HTTPClient(
            name, settings.url, bearer=settings.token, timeout_s=settings.timeout_s, max_body_bytes=1 << 20
        )

    def check(self):
        try:
            me = self._http.get("/me").json()
        except ConnectorError as error:
            return [Check("identity", is_ok=False, detail=str(error), remedy="Give a token that is valid there.")]
        missing = set(self.traits.scopes) - set(me["may"])
        detail = f"{me['login']} may {', '.join(me['may'])}"
        return [Check("identity", is_ok=not missing, detail=detail, remedy=f"Grant {missing}." if missing else "")]

    def find(self, external_key):
        rows = self._http.get("/tickets", params={"key": external_key}).json()
        return [_ticket(row) for row in rows if row["key"] == external_key]

    def create(self, draft):
        made = self._http.post("/tickets", json={"key": draft.external_key, **_said(draft)}).json()
        return self._read(made["id"])

    def update(self, ticket, draft):
        row = self._row(ticket.remote_key)
        changed = {name: value for name, value in _said(draft).items() if row[name] != value}
        return self._patch(ticket, changed) if changed else _ticket(row)

    def resolve(self, ticket, note):
        current = self._read(ticket.remote_key)
        return current if current.state in {"resolved", "closed"} else self._patch(ticket, {"state": "resolved"})

    def reopen(self, ticket, note):
        return self._patch(ticket, {"state": "in_progress"})

    def comment(self, ticket, text):
        self._http.post(f"/tickets/{ticket.remote_key}/comments", json={"text": text})

    def link(self, ticket, earlier):
        self._http.post(f"/tickets/{ticket.remote_key}/links", json={"to": earlier.remote_key})

    def _patch(self, ticket, values):
        self._http.request("PATCH", f"/tickets/{ticket.remote_key}", json=values)
        return self._read(ticket.remote_key)

    def _row(self, number):
        return self._http.get(f"/tickets/{number}").json()

    def _read(self, number):
        try:
            return _ticket(self._row(number))
        except CredentialsRefused:
            raise
        except ConnectorError as error:
            raise AmbiguousDelivery(self.name, f"was accepted and cannot be read back: {error}") from error


def _said(draft):
    return {
        "title": cut(draft.title, TITLE),
        "body": cut(draft.body, BODY),
        "priority": draft.priority,
        "group": draft.assignment_group,
        "content": draft.fields.get("content_sha256"),
    }


def _ticket(row):
    return Ticket(
        remote_key=row["id"],
        external_key=row["key"],
        state=row["state"],
        title=row["title"],
        priority=row["priority"],
        assignment_group=row["group"],
        opened_at=_instant(row["made"]),
        updated_at=_instant(row["changed"]),
        resolved_at=_instant(row["closed"]),
        content_sha256=row["content"],
        is_duplicate=row["duplicate_of"] is not None,
        merged_into=row["duplicate_of"],
        acknowledged_at=_instant(row.get("acknowledged_at")),
        **{name: row.get(name) for name in ("assignee", "resolution_code", "resolved_by", "cause", "reopen_count")},
    )


def _instant(seconds):
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)
