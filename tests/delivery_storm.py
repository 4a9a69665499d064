"""What the delivery storms share: calls to many systems, dispatchers that are killed again and again, and the count."""

import json
import os
import random
import signal
import tempfile
import time
from collections import Counter
from pathlib import Path
from urllib.request import urlopen

import pytest
from delivery_world import call
from warehouse_workers import PROCESSES

from aiops_jobs.contracts.operations import TICKET_OUTBOX
from aiops_jobs.identity import fingerprint
from aiops_jobs.ports import Filter

KILLS = 30
SHARE = 0.4
PATIENCE_S = float(os.environ.get("AIOPS_TEST_PATIENCE", "800"))


def truth(url, keys=()):
    with urlopen(f"{url}/_truth?keys={','.join(keys)}", timeout=30) as reply:  # noqa: S310 - our own server on loopback
        return json.load(reply)


def folder_in_memory():
    """Return a folder to be closed; in memory where there is such a place, for what is killed are processes, not the
    machine, and two thousand commits need not wait for a disk.
    """
    memory = Path("/dev/shm")  # noqa: S108 - a folder of our own in it
    return tempfile.TemporaryDirectory(dir=memory if os.access(memory, os.W_OK) else None)


def cpu_s(*processes):
    """Return what processes and their children that have ended have used, in seconds of CPU."""
    ticks = 0
    for pid in processes:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        ticks += sum(map(int, fields[11:15]))
    return round(ticks / os.sysconf("SC_CLK_TCK"), 1)


def keys_of(tickets):
    return [f"inc-{n:03d}" for n in range(tickets)]


def calls_to(endpoint, tickets):
    rows = [call(key) for key in keys_of(tickets)]
    return [
        row | {"endpoint": endpoint, "outbox_id": fingerprint("out", to=endpoint, was=row["outbox_id"])} for row in rows
    ]


def unsettled(warehouse):
    return warehouse.read(TICKET_OUTBOX, where=[Filter("outbox_state", ["pending", "sending", "unknown"])])


def troubles(rows):
    """Return how often each error stands in rows of the outbox, for the message of a failure."""
    return Counter((row["endpoint"], row["outbox_state"], row["last_error"]) for row in rows.to_pylist())


def storm(warehouse, dispatcher, arguments, seed, kills_wanted=KILLS):
    """Let three dispatchers work and kill one at random, again and again, until all is settled.

    Returns:
        ``kills``, and how many of them were ``kills_at_work``: while there was something to deliver.
    """
    draw = random.Random(seed)

    def start(first):
        process = PROCESSES.Process(target=dispatcher, args=(*arguments, first), daemon=True)
        process.start()
        return process

    children, end = [start(n) for n in range(3)], time.monotonic() + PATIENCE_S
    kills = Counter(kills=0, kills_at_work=0)
    try:
        while time.monotonic() < end:
            time.sleep(draw.uniform(0.4, 1.4))
            left = unsettled(warehouse).num_rows
            if not left and kills["kills"] >= kills_wanted:
                return dict(kills)
            if kills["kills"] >= kills_wanted + 5:
                continue
            victim = draw.randrange(3)
            os.kill(children[victim].pid, signal.SIGKILL)
            children[victim].join()
            kills.update({"kills": 1, "kills_at_work": int(left > 0)})
            children[victim] = start(victim)
    finally:
        for child in children:
            child.kill()
            child.join()
    left = unsettled(warehouse)
    paces = {name: str(warehouse.pace_of(name)) for name in set(left["endpoint"].to_pylist())}
    after = f"after {PATIENCE_S:.0f} s and {kills['kills']} kills"
    pytest.fail(f"{left.num_rows} calls are not settled {after}: {troubles(left)}, {paces}")


def share_faulty(counts):
    faulty = sum(n for key, n in counts.items() if key.startswith("fault ") and key != "fault None")
    return round(faulty / counts["requests"], 3)
