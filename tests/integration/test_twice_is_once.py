"""The same question asked again, in any order, by several at once, or after a crash, has the same answer."""

import os
import random
import shutil
import signal
import time
from multiprocessing import get_context

import pytest
from support import context_on, differences, export, ingest_history, nights_of, run_night, said, small_estate

from aiops_jobs.errors import Superseded
from aiops_jobs.jobs.catalogue import AFTER_INGEST, ingest_all

pytestmark = [pytest.mark.slow, pytest.mark.timeout(2400)]


@pytest.fixture(scope="module")
def estate(tmp_path_factory):
    made = small_estate(days=2, seed=4)
    return made.spec, export(made, tmp_path_factory.mktemp("estate"))


@pytest.fixture(scope="module")
def house(estate, tmp_path_factory):
    """A house whose history is in and whose first night is done; to be copied, not used."""
    spec, files = estate
    home = tmp_path_factory.mktemp("house")
    context = context_on(home, files)
    ingest_history(context, spec)
    run_night(context, nights_of(spec)[0])
    return home, said(context)


@pytest.fixture(scope="module")
def two_nights(estate, house, tmp_path_factory):
    spec, files = estate
    home = shutil.copytree(house[0], tmp_path_factory.mktemp("two") / "home")
    context = context_on(home, files)
    run_night(context, nights_of(spec)[1])
    return home, said(context)


def desk(home):
    return sorted(p.name for p in (home / "desk").glob("*.json"))


def test_there_is_something_to_repeat(two_nights):
    _, rows = two_nights
    assert len(rows["incidents"]) >= 1
    assert len(rows["tickets"]) >= 1
    assert len(rows["failure_risks"]) > 50
    assert {r["run_status"] for r in rows["runs"]} == {"completed"}


def test_nights_run_again_in_any_order_change_nothing(estate, two_nights, tmp_path):
    spec, files = estate
    home = shutil.copytree(two_nights[0], tmp_path / "home")
    context = context_on(home, files)
    first, second = nights_of(spec)
    before = desk(home)
    for night in (second, first, first, second):
        run_night(context, night)
        assert differences(two_nights[1], said(context)) == {}
    assert desk(home) == before


def test_nights_run_in_reverse_order_say_the_same(estate, two_nights, tmp_path):
    spec, files = estate
    context = context_on(tmp_path / "home", files)
    ingest_history(context, spec)
    nights = nights_of(spec)
    for night in nights:
        assert ingest_all(context, night, night.end)[1] == []
    for night in reversed(nights):
        for job in AFTER_INGEST:
            job.run(context, night, night.end)
    other = said(context)
    # what was suggested and delivered is history; what is known is not
    for name in ("ticket_outbox", "tickets", "ticket_suggestions"):
        other.pop(name)
    # a challenger is held against the champion there was: in reverse there was none for the second night
    judged, fewer = two_nights[1]["model_evaluations"], other.pop("model_evaluations")
    assert [row for row in fewer if row not in judged] == []
    expected = {k: v for k, v in two_nights[1].items() if k in other}
    assert differences(expected, other) == {}
    keys = [row["external_key"] for row in two_nights[1]["tickets"]]
    assert sorted(row["external_key"] for row in said(context)["tickets"]) == sorted(keys)


def _night(home, files, night, started=None):
    context = context_on(home, files)
    if started is not None:
        started.set()
    try:
        run_night(context, night)
    except Superseded:
        os._exit(9)


def _processes():
    context = get_context("forkserver")
    context.set_forkserver_preload(
        ["aiops_jobs.bootstrap", "aiops_jobs.adapters.quality", "support", "sklearn.ensemble"]
    )
    return context


def test_four_processes_at_once_are_one(estate, house, two_nights, tmp_path):
    spec, files = estate
    home = shutil.copytree(house[0], tmp_path / "home")
    night = nights_of(spec)[1]
    processes = [_processes().Process(target=_night, args=(home, files, night)) for _ in range(4)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(600)
    codes = sorted(p.exitcode for p in processes)
    assert codes[0] == 0, codes
    assert set(codes) <= {0, 9}, codes
    context = context_on(home, files)
    assert differences(two_nights[1], said(context)) == {}
    assert desk(home) == desk(two_nights[0])


KILLS = 50


def test_fifty_kills_at_random_moments_leave_no_trace(estate, house, two_nights, tmp_path):
    spec, files = estate
    night = nights_of(spec)[1]
    home = shutil.copytree(house[0], tmp_path / "whole")
    whole = _processes().Process(target=_night, args=(home, files, night))
    began = time.monotonic()
    whole.start()
    whole.join(600)
    assert whole.exitcode == 0
    length = time.monotonic() - began
    draw = random.Random(20261120)
    killed = 0
    while killed < KILLS:
        home = shutil.copytree(house[0], tmp_path / f"kill-{killed}")
        for _ in range(5):  # five kills in a row on one house, then an undisturbed run
            started = _processes().Event()
            process = _processes().Process(target=_night, args=(home, files, night, started))
            process.start()
            assert started.wait(120)
            process.join(draw.uniform(0, length))
            if process.is_alive():
                os.kill(process.pid, signal.SIGKILL)
            process.join(60)
            killed += process.exitcode == -signal.SIGKILL
        last = _processes().Process(target=_night, args=(home, files, night))
        last.start()
        last.join(600)
        assert last.exitcode == 0
        context = context_on(home, files)
        assert differences(two_nights[1], said(context)) == {}, f"after {killed} kills"
        assert desk(home) == desk(two_nights[0])
        shutil.rmtree(home)
