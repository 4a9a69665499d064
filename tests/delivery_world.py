"""A ticket system in memory that lies, and calls in an outbox, for tests of deliveries."""

import random
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pyarrow as pa

from aiops_jobs.contracts.operations import TICKET_OUTBOX
from aiops_jobs.core.policies import DeliveryPolicy, Policies
from aiops_jobs.errors import AmbiguousDelivery, ConnectorError, ConnectorUnavailable, CredentialsRefused
from aiops_jobs.identity import canonical_json, digest, fingerprint
from aiops_jobs.ports import Check, Publication, Receipt, RunRecord, SinkTraits, Ticket
from aiops_jobs.window import Window

T0 = datetime(2026, 11, 20, tzinfo=UTC)
DAY = Window(T0, T0 + timedelta(days=1))


class Killed(BaseException):
    """The process died here."""


class Desk:
    """A ticket system that keeps what it was told, and may lie about it.

    Args:
        clock: Shared with the warehouse, so that search lag and leases mean the same time.
        faults: How often each kind of misbehaviour strikes: ``refused`` (not done), ``lost`` (done, answer lost),
            ``killed`` (done, our process dies).
    """

    def __init__(self, clock, *, search_delay=timedelta(0), seed=0, mode="live", **faults):
        self.name = "desk"
        self.traits = SinkTraits(mode=mode, search_delay=search_delay, can_reopen=True, can_link=True, can_comment=True)
        self.tickets: list[tuple[datetime, Ticket]] = []
        self.calls = Counter()
        self.comments, self.links = [], []
        self._clock = clock
        self._random = random.Random(seed)
        self._faults = faults
        self.poison: set[str] = set()
        self.denies = False
        self.retry_after_s = None
        self.ignores: set[str] = set()
        """Calls that are answered with success and not done."""

    def check(self):
        return [Check("key", is_ok=not self.denies, detail="", remedy="Give a key.")]

    def find(self, external_key):
        self.calls["find"] += 1
        self._known()
        if self._strikes("refused"):
            raise ConnectorUnavailable(self.name, "503", status=503, retry_after_s=self.retry_after_s)
        seen_since = self._clock() - self.traits.search_delay
        return [
            t
            for at, t in self.tickets
            if t.external_key == external_key and (at <= seen_since or not self.traits.search_delay)
        ]

    def create(self, draft):
        number = f"T-{len(self.tickets) + 1}"
        made = Ticket(number, draft.external_key, "new", draft.title, draft.priority, opened_at=self._clock())
        return self._write("create", draft.external_key, lambda: self.tickets.append((self._clock(), made)), made)

    def update(self, ticket, draft):
        return self._change("update", ticket, title=draft.title, priority=draft.priority)

    def resolve(self, ticket, note):
        assert note
        return self._change("resolve", ticket, state="resolved", resolved_at=self._clock())

    def reopen(self, ticket, note):
        assert note
        return self._change("reopen", ticket, state="in_progress", resolved_at=None)

    def comment(self, ticket, text):
        self.calls["comment"] += 1
        self.comments.append((ticket.remote_key, text))

    def link(self, ticket, earlier):
        self.calls["link"] += 1
        self.links.append((ticket.remote_key, earlier.remote_key))

    def _change(self, act, ticket, **values):
        place = next(i for i, (_, t) in enumerate(self.tickets) if t.remote_key == ticket.remote_key)
        at, old = self.tickets[place]
        new = replace(old, **values)
        return self._write(act, old.external_key, lambda: self.tickets.__setitem__(place, (at, new)), new)

    def _write(self, act, key, do, answer):
        self.calls[act] += 1
        self._known()
        if act in self.ignores:
            return next((t for _, t in self.tickets if t.external_key == key), answer)
        if key in self.poison:
            raise ConnectorError(self.name, "the body is not accepted", status=422)
        if self._strikes("refused"):
            raise ConnectorUnavailable(self.name, "429", status=429)
        do()
        if self._strikes("lost"):
            raise AmbiguousDelivery(self.name, "the line dropped after the request was sent")
        if self._strikes("killed"):
            raise Killed
        return answer

    def _known(self):
        if self.denies:
            raise CredentialsRefused(self.name, "who are you?", status=401)

    def close(self, key, at=None, **more):
        """What a person does there."""
        place = next(i for i, (_, t) in enumerate(self.tickets) if t.external_key == key)
        made, ticket = self.tickets[place]
        self.tickets[place] = (made, replace(ticket, state="closed", resolved_at=at or self._clock(), **more))

    def _strikes(self, fault):
        return self._random.random() < self._faults.get(fault, 0.0)

    def by_key(self):
        found = {}
        for _, ticket in self.tickets:
            found.setdefault(ticket.external_key, []).append(ticket)
        return found


class Clock:
    def __init__(self):
        self.at = T0

    def __call__(self):
        return self.at


def call(key, sequence=0, action="create", mode="live", **said):
    payload = {
        "title": f"trouble {key}",
        "body": "**what**",
        "priority": "P2",
        "assignment_group": None,
        "started_at": T0,
        "fields": {},
        **({"note": "over"} if action == "resolve" else {}),
        **said,
    }
    content = digest([canonical_json(payload), action])  # as hex, as in `core.tickets.suggest`: markers rely on it
    return {
        "outbox_id": fingerprint("out", key=key, sequence=sequence, action=action, content=content),
        "endpoint": "desk",
        "external_key": key,
        "sequence": sequence,
        "subject_id": key,
        "started_at": T0,
        "ticket_action": action,
        "delivery_mode": mode,
        "payload": canonical_json(payload),
        "content_sha256": content,
        "outbox_state": "pending",
        "attempt_count": 0,
    }


def put(warehouse, *calls, name="r"):
    run = RunRecord(f"run-{name}", "correlate", DAY, DAY, DAY.end, "c", "h", "{}")
    schema = pa.schema([f.with_nullable(True) for f in TICKET_OUTBOX.to_arrow()])
    rows = [dict.fromkeys(TICKET_OUTBOX.names) | row | {"run_id": run.run_id} for row in calls]
    outbox = TICKET_OUTBOX.conform(pa.Table.from_pylist(rows, schema=schema))
    with warehouse.lease(run.run_id) as lease:
        warehouse.publish(Publication(run=run, outbox=outbox), attempt_id=warehouse.begin(run), lease=lease)


class Pager:
    """A target of events in memory; it folds by key, or forgets."""

    def __init__(self, clock, *, seed=0, has_native_key=False, mode="live", can_update=True, **faults):
        self.name = "pager"
        self.traits = SinkTraits(mode=mode, has_native_key=has_native_key, can_update=can_update)
        self.events = []
        self._random, self._faults = random.Random(seed), faults

    def check(self):
        return []

    def emit(self, event):
        draw = self._random.random()
        if draw < self._faults.get("refused", 0):
            raise ConnectorUnavailable(self.name, "503", status=503)
        self.events.append((event.action, event.draft.external_key, event.previous, event.event_id))
        if draw > 1 - self._faults.get("lost", 0):
            raise AmbiguousDelivery(self.name, "the line dropped after the event was sent")
        return Receipt(f"ts-{len(self.events)}")


def context_of(warehouse, sink, *, stopped=lambda: None, **delivery):
    """Return what a dispatcher needs; ``delivery`` are fields of the policy."""
    policies = Policies(delivery=DeliveryPolicy(**delivery))
    return SimpleNamespace(
        warehouse=warehouse,
        progress=lambda _: None,
        sinks={"desk": sink},
        policies=policies,
        stopped=stopped,
        code_version="c",
        config_hash=policies.config_hash,
    )
