"""Processes of the delivery storms: servers of desks that misbehave, and dispatchers that are killed."""

import time
from contextlib import suppress
from dataclasses import replace
from importlib import import_module
from multiprocessing import parent_process
from types import SimpleNamespace

import alembic.command  # noqa: F401
import pandas  # noqa: F401, ICN001 - pyarrow would import it in every child
import psycopg  # noqa: F401
from desks.base import FAULTS
from desks.itsm import Desk
from itsm_sink import ItsmSink, Settings

from aiops_jobs.adapters.http import HTTPClient
from aiops_jobs.adapters.sinks import SINKS
from aiops_jobs.adapters.warehouse import SqlWarehouse
from aiops_jobs.core.policies import DeliveryPolicy, Policies
from aiops_jobs.errors import ConnectorError
from aiops_jobs.jobs.deliver import dispatch
from aiops_jobs.ports import Receipt, SinkTraits

VENDORS = (
    *("servicenow", "jira", "jira_dc", "github", "clickup", "pagerduty"),
    *("slack", "servicenow_events", "pagerduty_events", "webhook", "slack_webhook", "teams"),
)
for _kind in VENDORS:  # here, so that no child pays for it again
    import_module(SINKS[_kind].partition(":")[0])
LAGGING = {"jira", "jira_dc", "github", "clickup"}
LAG_S = 1.0
SLOWEST_S = 5.0
"""How long a real system on a busy machine may work on a request whose sender died."""
IN_FLIGHT_S = 2.5
"""The same of the vendors' desks, which one process serves: none is slower on a busy machine, or it would be doubled."""
FASTER = DeliveryPolicy(
    max_age_s=1e9,
    max_per_hour=10**6,
    first_wait_s=0.05,
    longest_wait_s=0.1,
    in_flight_s=0.6,
    retry_trickle_s=0.02,
    breaker_wait_s=0.05,
)
"""The policy with its seconds made short, so that a day of retries passes in a minute; the counts are the real ones."""


class HookSink:
    """A target that takes events and forgets."""

    def __init__(self, name, url):
        self.name, self.traits = name, SinkTraits()
        self._http = HTTPClient(name, url, timeout_s=5)

    def check(self):
        return []

    def emit(self, event):
        said = {"key": event.draft.external_key, "id": event.event_id, "action": event.action}
        self._http.post("/events", json=said).json()
        return Receipt(event.draft.external_key)


def serve(pipe, seed, share):
    """Serve the desks ``keyed`` (refuses a second ticket of a key), ``search`` (finds late) and ``hook`` (forgets)."""
    desks = {"keyed": Desk(is_keyed=True), "search": Desk(search_lag_s=LAG_S), "hook": Desk()}
    for number, desk in enumerate(desks.values()):
        desk.start().plan(seed + number, share)
    # that an event was taken is all that a target which forgets ever tells: one that lies about it cannot be caught
    desks["hook"].plan(seed + 2, share, [fault for fault in FAULTS if fault != "ignored"])
    pipe.send({name: desk.url for name, desk in desks.items()})
    while parent_process().is_alive():
        time.sleep(1)


def serve_vendors(pipe, seed, share):
    """Serve a desk of every vendor; tell of each its address and the settings of its sink."""
    told = {}
    for number, kind in enumerate(VENDORS):
        desk = import_module(f"desks.{kind}").Desk(**({"search_lag_s": LAG_S} if kind in LAGGING else {})).start()
        # an event is not read back: a target that says it took one and did not cannot be caught
        faults = FAULTS if desk.takes == "tickets" else [fault for fault in FAULTS if fault != "ignored"]
        desk.plan(seed + number, share, faults)
        late = {"search_delay_s": 1.2 * LAG_S} if kind in LAGGING else {}
        told[kind] = desk.url, desk.settings() | late | {"timeout_s": 5}
    pipe.send(told)
    while parent_process().is_alive():
        time.sleep(1)


def sinks_at(urls):
    token = "t0ken"
    return {
        "keyed": ItsmSink("keyed", Settings(url=urls["keyed"], token=token, is_keyed=True, timeout_s=5)),
        "search": ItsmSink(
            "search", Settings(url=urls["search"], token=token, search_delay_s=1.2 * LAG_S, timeout_s=5)
        ),
        "hook": HookSink("hook", urls["hook"]),
    }


def dispatch_for_ever(warehouse_url, urls, first):
    """Deliver what is due to every sink, again and again."""
    sinks = list(sinks_at(urls).items())
    _work(warehouse_url, sinks[first:] + sinks[:first], FASTER)


def dispatch_to_one(warehouse_url, kind, settings, _first):
    """Deliver what is due to one system of a kind the package knows, again and again."""
    _work(warehouse_url, [(kind, sink_of(kind, settings))], replace(FASTER, in_flight_s=SLOWEST_S))


def dispatch_to_vendors(warehouse_url, settings, first):
    """Deliver what is due to every vendor, again and again; each of three processes begins elsewhere."""
    sinks = [(kind, sink_of(kind, said)) for kind, said in settings.items()]
    turn = first * len(sinks) // 3
    _work(warehouse_url, sinks[turn:] + sinks[:turn], replace(FASTER, in_flight_s=IN_FLIGHT_S), rest_s=0.1)


def sink_of(kind, settings):
    module_name, _, class_name = SINKS[kind].partition(":")
    module = import_module(module_name)
    return getattr(module, class_name)(kind, module.Settings(kind=kind, **settings))


def _work(warehouse_url, sinks, policy, rest_s=0.01):
    context = SimpleNamespace(
        warehouse=SqlWarehouse(warehouse_url),
        progress=lambda _: None,
        policies=Policies(delivery=policy),
        stopped=lambda: None,
    )
    while parent_process().is_alive():  # who is stopped hard does not stop us
        for name, sink in sinks:
            with suppress(ConnectorError):  # the warehouse may be busy
                dispatch(context, sink, name, limit=20)
        time.sleep(rest_s)
