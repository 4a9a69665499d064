"""Real Request Tracker 5 and Redmine 5 on free loopback ports, each on a throw-away copy of an empty database.

They come from ``.ci/install-servers.sh``, which has Debian make an empty SQLite database of each. The first test that asks
starts a server; it is filled (``tests/seeds``), shared by the tests of this process, and stopped at the end. Tests that
need one bear ``xdist_group``, so that only one process has it. Where they are missing, tests skip with the reason; with
``AIOPS_REQUIRE_SERVERS=1`` they fail.
"""

import atexit
import os
import shutil
import signal
import sqlite3
import subprocess
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import httpx
import pytest
from servers_telemetry import free_port

SEEDS = Path(__file__).resolve().parent / "seeds"
RT = Path("/usr/share/request-tracker5")
RT_DATABASE = Path("/var/lib/dbconfig-common/sqlite3/request-tracker5/rtdb")
REDMINE = Path("/usr/share/redmine")
REDMINE_DATABASE = Path("/var/lib/dbconfig-common/sqlite3/redmine/instances/default/redmine_default")
READY_S = 120
RT_SETTINGS = """
Set($rtname, 'tests.example'); Set($Organization, 'tests.example');
Set($DatabaseType, 'SQLite'); Set($DatabaseName, '{folder}/rt.db');
Set($WebDomain, '127.0.0.1'); Set($WebPort, {port}); Set($WebBaseURL, 'http://127.0.0.1:{port}'); Set($WebPath, '');
Set($MailCommand, 'testfile'); Set($LogToSTDERR, 'error'); Set($LogToSyslog, undef);
Set($BcryptCost, 4);    # a token is checked with bcrypt at every request: 0.5 s at the usual 12
$RT::MasonDataDir = '{folder}/mason'; $RT::MasonSessionDir = '{folder}/sessions'; $RT::VarPath = '{folder}/var';
1;
"""
REDMINE_SETTINGS = "production: {{adapter: sqlite3, database: {folder}/redmine.db, encoding: utf8, timeout: 20000}}\n"


@dataclass(frozen=True)
class Tracker:
    """A running ticket system."""

    url: str
    ours: str
    """Our token or key."""
    person: str
    """Token or key of a person who may do everything."""
    database: Path
    ids: dict[str, int] = field(default_factory=dict)


@cache
def rt():
    """Return the Request Tracker of this process, started at the first call; or skip."""
    reason = _absent("Request Tracker 5", RT / "libexec" / "rt-server", RT_DATABASE, "Tickets")
    if reason:
        refuse(reason)
    folder, port = _folder("rt"), free_port()
    shutil.copyfile(RT_DATABASE, folder / "rt.db")
    for name in ("conf.d", "mason", "sessions", "var"):
        (folder / name).mkdir()
    settings = folder / "RT_SiteConfig.pm"
    settings.write_text(RT_SETTINGS.format(folder=folder, port=port))
    environment = {**os.environ, "RT_SITE_CONFIG": str(settings), "RT_SITE_CONFIG_DIR": str(folder / "conf.d")}
    seed = ["perl", SEEDS / "rt.pl"]
    done = subprocess.run(
        seed, env=environment, cwd=folder, capture_output=True, text=True, check=False, timeout=READY_S
    )
    assert done.returncode == 0, done.stderr[-3000:]
    ours, person = _line(done.stdout, "TOKENS")
    serve = [RT / "libexec" / "rt-server", "--host", "127.0.0.1", "--port", str(port), "--max-workers", "3"]
    process = _start(serve, environment, folder)
    url = f"http://127.0.0.1:{port}"
    _wait(process, folder, f"{url}/REST/2.0/rt", {"Authorization": f"token {ours}"})
    return Tracker(url, ours, person, folder / "rt.db")


@cache
def redmine():
    """Return the Redmine of this process, started at the first call; or skip."""
    reason = _absent("Redmine 5", REDMINE / "config.ru", REDMINE_DATABASE, "issues")
    if reason:
        refuse(reason)
    folder, port = _folder("redmine"), free_port()
    shutil.copyfile(REDMINE_DATABASE, folder / "redmine.db")
    for name in ("config", "log", "tmp", "files", "public"):
        (folder / name).mkdir()
    (folder / "config" / "database.yml").write_text(REDMINE_SETTINGS.format(folder=folder))
    (folder / "config" / "secret_key.txt").write_text("0123456789abcdef" * 4)
    environment = {
        **os.environ,
        "RAILS_ENV": "production",
        "REDMINE_LANG": "en",
        "BIND": f"tcp://127.0.0.1:{port}",
        # Debian keeps an instance in a folder of this name; the way up leads out of its own
        "X_DEBIAN_SITEID": "../" * 12 + str(folder).lstrip("/"),
    }
    process = _start(["bundle", "exec", "rails", "runner", SEEDS / "redmine.rb"], environment, folder, cwd=REDMINE)
    url = f"http://127.0.0.1:{port}"
    _wait(process, folder, f"{url}/login", {})
    ours, person, user, role, key, digest = _line((folder / "server.log").read_text(), "KEYS")
    ids = {"user": int(user), "role": int(role), "key": int(key), "digest": int(digest)}
    return Tracker(url, ours, person, folder / "redmine.db", ids)


def refuse(reason):
    if os.environ.get("AIOPS_REQUIRE_SERVERS") == "1":
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.fixture(scope="session", autouse=True)
def _stop_trackers():
    yield
    _stop_all()


_RUNNING: list[tuple[subprocess.Popen, Path]] = []


@atexit.register
def _stop_all():
    while _RUNNING:
        process, folder = _RUNNING.pop()
        for number, patience_s in ((signal.SIGTERM, 10), (signal.SIGKILL, 10)):
            with suppress(ProcessLookupError):
                os.killpg(process.pid, number)
            with suppress(subprocess.TimeoutExpired):
                process.wait(patience_s)
        shutil.rmtree(folder, ignore_errors=True)
    rt.cache_clear()
    redmine.cache_clear()


def _absent(name, program, database, table):
    """Return why a server cannot be used, or nothing; one that people use is left alone."""
    if not program.exists():
        return f"{name} is not installed: run .ci/install-servers.sh"
    if not os.access(database, os.R_OK):
        return f"{name} has no database to copy at {database}, or it may not be read"
    with sqlite3.connect(f"file:{database}?mode=ro", uri=True) as connection:
        if connection.execute(f"SELECT 1 FROM {table} LIMIT 1").fetchone():
            return f"{name} at {database} is in use: it holds tickets"
    return None


def _folder(name):
    return Path(tempfile.mkdtemp(prefix=f"aiops-{name}-"))


def _start(command, environment, folder, cwd=None):
    with (folder / "server.log").open("wb") as log:
        process = subprocess.Popen(
            ["setpriv", "--pdeathsig", "KILL", "--", *command],
            env=environment,
            cwd=cwd or folder,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    _RUNNING.append((process, folder))
    return process


def _wait(process, folder, url, headers):
    deadline = time.monotonic() + READY_S
    while True:
        with suppress(httpx.TransportError):
            if httpx.get(url, headers=headers, timeout=30, trust_env=False).status_code == httpx.codes.OK:
                return
        told = (folder / "server.log").read_text(errors="replace")[-3000:]
        assert process.poll() is None, told
        assert time.monotonic() < deadline, told
        time.sleep(0.2)


def _line(text, word):
    return next(line.split()[1:] for line in text.splitlines() if line.startswith(f"{word} "))
