"""A real Prefect server and process worker on loopback, for tests of the orchestration."""

import os
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import httpx
from servers_telemetry import free_port

ROOT = Path(__file__).resolve().parents[1]
PREFECT = str(Path(sys.executable).with_name("prefect"))


def prefect_environment(home, port, **more):
    env = {k: v for k, v in os.environ.items() if not k.startswith(("PREFECT_", "AIOPS_"))}
    return env | {
        "PREFECT_HOME": str(home),
        "PREFECT_API_URL": f"http://127.0.0.1:{port}/api",
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "DO_NOT_TRACK": "1",
        "PREFECT_LOGGING_LEVEL": "INFO",
        "PREFECT_WORKER_QUERY_SECONDS": "1",
        "PYTHONUNBUFFERED": "1",
        **more,
    }


@contextmanager
def running(command, log, env, cwd=ROOT):
    with log.open("wb") as out:
        process = subprocess.Popen(
            command, stdout=out, stderr=subprocess.STDOUT, env=env, cwd=cwd, start_new_session=True
        )
        try:
            yield process
        finally:
            process.terminate()
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(10)


@contextmanager
def prefect_server(home):
    """Yield (environment, client) of a server of its own."""
    home.mkdir(parents=True, exist_ok=True)
    port = free_port()
    env = prefect_environment(home, port)
    log = home / "server.log"
    with running([PREFECT, "server", "start", "--host", "127.0.0.1", "--port", str(port)], log, env) as process:
        with httpx.Client(base_url=env["PREFECT_API_URL"], timeout=30) as client:
            deadline = time.monotonic() + 180
            while True:
                assert process.poll() is None, log.read_text()[-3000:]
                assert time.monotonic() < deadline, log.read_text()[-3000:]
                try:
                    if client.get("/health").status_code == 200:
                        break
                except httpx.TransportError:
                    pass
                time.sleep(0.5)
            yield env, client


def prefect(env, *arguments):
    done = subprocess.run(
        [PREFECT, *arguments], cwd=ROOT, env=env, capture_output=True, text=True, check=False, timeout=300
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return done.stdout


def wait_for_end(client, flow_run_id, log, seconds=420):
    """Return the flow run once it has ended."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        run = client.get(f"/flow_runs/{flow_run_id}").raise_for_status().json()
        if run["state_type"] in {"COMPLETED", "FAILED", "CRASHED", "CANCELLED"}:
            return run
        time.sleep(1)
    raise AssertionError(f"flow run did not end: {run['state']}\n{log.read_text()[-4000:]}")
