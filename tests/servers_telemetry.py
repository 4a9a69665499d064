"""Real Prometheus, node-exporter and Alertmanager on free loopback ports, for tests that read from them.

The binaries come from ``.ci/install-servers.sh``. Where they are missing, tests skip with the reason; with
``AIOPS_REQUIRE_SERVERS=1`` they fail.
"""

import os
import shutil
import socket
import subprocess
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
import yaml

READY_S = 60


@dataclass(frozen=True)
class Server:
    """One running process and where it answers."""

    name: str
    url: str
    process: subprocess.Popen


def binary(name):
    """Return the path of a program, or skip (or fail) the test that needs it."""
    found = shutil.which(name)
    if found is None:
        reason = f"`{name}` is not installed: run .ci/install-servers.sh"
        if os.environ.get("AIOPS_REQUIRE_SERVERS") == "1":
            pytest.fail(reason)
        pytest.skip(reason)
    return found


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


@contextmanager
def running(name, command, url, ready, log):
    """Run a server until the block ends; it is ready when ``ready`` answers 200."""
    with log.open("wb") as out:
        process = subprocess.Popen(command, stdout=out, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + READY_S
        while not _answers(url + ready):
            assert process.poll() is None, log.read_text()[-3000:]
            assert time.monotonic() < deadline, f"{name} is not ready:\n{log.read_text()[-3000:]}"
            time.sleep(0.1)
        yield Server(name, url, process)
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(10)


def _answers(url):
    try:
        return httpx.get(url, timeout=5, trust_env=False).status_code == httpx.codes.OK
    except httpx.TransportError:
        return False


@contextmanager
def run_prometheus(folder: Path, *, scrape=(), history: str = "", external_labels=None, arguments=()):
    """Run Prometheus on its own data.

    Args:
        folder: Kept by the caller.
        scrape: Addresses to scrape each second, as job ``node``.
        history: OpenMetrics text to fill the storage with before it starts.
        external_labels: What it adds to everything it tells others.
        arguments: More command line.
    """
    program = binary("prometheus")
    folder.mkdir(parents=True, exist_ok=True)
    data = folder / "data"
    if history:
        text = folder / "history.om"
        text.write_text(history)
        command = [binary("promtool"), "tsdb", "create-blocks-from", "openmetrics", "--quiet", text, data]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
        assert done.returncode == 0, done.stderr
    config = {
        "global": {"scrape_interval": "1s", "external_labels": dict(external_labels or {})},
        "storage": {"tsdb": {"out_of_order_time_window": "30d"}},
        "scrape_configs": [{"job_name": "node", "static_configs": [{"targets": list(scrape)}]}] if scrape else [],
    }
    settings = folder / "prometheus.yml"
    settings.write_text(yaml.safe_dump(config))
    url = f"http://127.0.0.1:{free_port()}"
    command = [
        program,
        f"--config.file={settings}",
        f"--storage.tsdb.path={data}",
        "--storage.tsdb.retention.time=100y",
        f"--web.listen-address={url.removeprefix('http://')}",
        "--web.enable-remote-write-receiver",
        *arguments,
    ]
    with running("prometheus", command, url, "/-/ready", folder / "prometheus.log") as server:
        yield server


@contextmanager
def run_alertmanager(folder: Path):
    """Run Alertmanager with no receivers and no peers."""
    program = binary("prometheus-alertmanager")
    folder.mkdir(parents=True, exist_ok=True)
    settings = folder / "alertmanager.yml"
    settings.write_text(yaml.safe_dump({"route": {"receiver": "none"}, "receivers": [{"name": "none"}]}))
    url = f"http://127.0.0.1:{free_port()}"
    command = [
        program,
        f"--config.file={settings}",
        f"--storage.path={folder / 'data'}",
        f"--web.listen-address={url.removeprefix('http://')}",
        "--cluster.listen-address=",
    ]
    with running("alertmanager", command, url, "/-/ready", folder / "alertmanager.log") as server:
        yield server


@pytest.fixture
def node_exporter(tmp_path):
    """A node-exporter that tells about this machine."""
    url = f"http://127.0.0.1:{free_port()}"
    command = [
        binary("prometheus-node-exporter"),
        f"--web.listen-address={url.removeprefix('http://')}",
        "--collector.disable-defaults",
        "--collector.loadavg",
        "--collector.meminfo",
    ]
    with running("node-exporter", command, url, "/metrics", tmp_path / "node-exporter.log") as server:
        yield server


@pytest.fixture
def alertmanager(tmp_path):
    """An Alertmanager without alerts."""
    with run_alertmanager(tmp_path / "alertmanager") as server:
        yield server
