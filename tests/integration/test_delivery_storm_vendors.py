"""Every SaaS at once, 40 % of all requests faulty, dispatchers killed again and again; each desk enforces its document.

Promises P7 and P9 for the sinks themselves: real sockets, a server of twelve desks in a process of its own, three
dispatchers, SIGKILL at random instants, searches that lag. Nothing is missing anywhere; nothing is there twice where
there is a key or something to search, and told-twice is measured where there is neither. Forty-two tickets to each,
five hundred in all; ``AIOPS_TEST_VENDOR_STORM`` for another number.
"""

import json
import os
import time
from collections import Counter
from multiprocessing import forkserver
from pathlib import Path

import delivery_workers as workers
import pytest
from delivery_storm import (
    KILLS,
    SHARE,
    calls_to,
    cpu_s,
    folder_in_memory,
    keys_of,
    share_faulty,
    storm,
    troubles,
    truth,
)
from delivery_world import put
from warehouse_workers import PROCESSES, start_nursery

from aiops_jobs.adapters.warehouse import SqlWarehouse
from aiops_jobs.contracts.operations import TICKET_OUTBOX

TICKETS = int(os.environ.get("AIOPS_TEST_VENDOR_STORM", "42"))
FORGETS = {"slack_webhook", "teams"}
"""Neither a key nor a history: what is told twice is there twice."""
ASKED_AGAIN = {*FORGETS, "webhook", "servicenow_events", "pagerduty_events"}
"""Not looked at before an event is sent again: whoever folds by a key or drops repeats does so himself."""
DOCUMENTED = {"servicenow", "servicenow_events", "jira", "github", "clickup", "pagerduty", "pagerduty_events"}
"""Held against the vendor's OpenAPI document, where those are at hand; the others against rules written down by hand."""
SPECS = Path(os.environ.get("AIOPS_SHARED") or Path(__file__).parents[3] / "shared") / "specs"
MOST_WRITES = 1.5


@pytest.fixture(autouse=True, scope="module")
def _nursery():
    start_nursery()


@pytest.fixture
def server():
    ours, theirs = PROCESSES.Pipe(duplex=False)
    process = PROCESSES.Process(target=workers.serve_vendors, args=(theirs, 3, SHARE), daemon=True)
    process.start()
    yield process.pid, ours.recv()
    process.kill()
    process.join()


@pytest.fixture
def opened():
    """A warehouse, and its URL."""
    with folder_in_memory() as folder:
        url = f"sqlite:///{folder}/warehouse.db"
        warehouse = SqlWarehouse(url)
        warehouse.migrate()
        yield warehouse, url
        warehouse.close()


def seen_at(url):
    """Return what came of the storm at one vendor."""
    told = truth(url, keys_of(TICKETS))
    stored, counts = told["stored"], told["counts"]
    return {
        "missing": sum(not count for count in stored.values()),
        "duplicates": sum(max(0, count - 1) for count in stored.values()),
        "writes_per_ticket": round(counts["writes"] / TICKETS, 3),
        "done_per_ticket": round(counts["done"] / TICKETS, 3),
        "requests_per_ticket": round(counts["requests"] / TICKETS, 2),
        "faulty": share_faulty(counts),
        "writes": {key.removeprefix("write "): n for key, n in counts.items() if key.startswith("write ")},
        "documents": told["documents"],
        "breaches": told["breaches"],
    }


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_storm_upon_every_vendor_loses_nothing_and_doubles_nothing(opened, server, record_property):
    warehouse, warehouse_url = opened
    server_pid, vendors = server
    has_documents = SPECS.is_dir()
    for kind in vendors:
        put(warehouse, *calls_to(kind, TICKETS), name=kind)
    nursery = forkserver._forkserver._forkserver_pid
    began, used = time.monotonic(), cpu_s(os.getpid(), nursery)
    settings = {kind: said for kind, (_, said) in vendors.items()}
    killed = storm(warehouse, workers.dispatch_to_vendors, (warehouse_url, settings), seed=11)
    rows = warehouse.read(TICKET_OUTBOX)
    figures = {"seconds": round(time.monotonic() - began, 1), **killed, "tickets": TICKETS * len(vendors)}
    figures["cpu_s"] = {"ours": round(cpu_s(os.getpid(), nursery) - used, 1), "server": cpu_s(server_pid)}
    figures["vendors"] = {kind: seen_at(url) for kind, (url, _) in vendors.items()}
    record_property("figures", json.dumps(figures))
    print(json.dumps(figures, indent=1))
    ended = Counter(zip(rows["endpoint"].to_pylist(), rows["outbox_state"].to_pylist(), strict=True))
    assert ended == {(kind, "sent"): TICKETS for kind in workers.VENDORS}, troubles(rows)
    assert killed["kills_at_work"] >= KILLS
    for kind, seen in figures["vendors"].items():
        assert seen["breaches"] == [], kind
        assert len(seen["documents"]) == (kind in DOCUMENTED and has_documents), kind
        assert seen["missing"] == 0, kind
        assert 0.3 < seen["faulty"] < 0.5, kind
        assert kind in FORGETS or seen["duplicates"] == 0, kind
        # Not looked at first, four in ten writes are asked for again whoever asks: what counts is what was done.
        assert seen["done_per_ticket" if kind in ASKED_AGAIN else "writes_per_ticket"] <= MOST_WRITES, kind
        assert kind in ASKED_AGAIN or seen["done_per_ticket"] == 1.0, kind
