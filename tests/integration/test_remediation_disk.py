"""One real action on a real target: a file system of 24 MB, filled with logs above 90 %, mended by the reference runbook."""

import gzip
import os
import random
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
import sqlalchemy as sa

from aiops_jobs.bootstrap import remediation
from aiops_jobs.errors import ActionRefused, ConnectorError
from aiops_jobs.jobs.execute import execute
from aiops_jobs.jobs.remediate import approve, audit_problems, code_for, dry_run_of, propose, rehearse
from aiops_jobs.settings import Settings

PEOPLE = {"kim": "a key only kim has", "lee": "a key only lee has"}
KILOBYTES = 24 * 1024
DAY = 86400


def mounted(folder):
    """Mount a file system of limited size; say why where that cannot be done."""
    if os.geteuid() != 0 or shutil.which("mount") is None:
        return "mounting needs root"
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={KILOBYTES}k", "tmpfs", str(folder)],
        capture_output=True,
        text=True,
        check=False,
    )
    return None if done.returncode == 0 else f"mounting is not allowed here: {done.stderr.strip()}"


@pytest.fixture
def logs(tmp_path):
    folder = tmp_path / "logs"
    folder.mkdir()
    why = mounted(folder)
    if why is not None:
        if os.environ.get("AIOPS_REQUIRE_SERVERS") == "1" and os.geteuid() == 0:
            pytest.fail(why)
        pytest.skip(why)
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def words(size, seed):
    """Text that compresses as logs do."""
    draw = random.Random(seed)
    lines = [f"GET /cart/{draw.randrange(10**6)} 200 in {draw.randrange(900)} ms\n" for _ in range(size // 28)]
    return "".join(lines).encode()[:size]


def used_percent(folder):
    state = os.statvfs(folder)
    return 100 * (1 - state.f_bavail / state.f_blocks)


def fill(folder):
    now = time.time()
    app = folder / "app"
    app.mkdir()
    files = {}
    for number in range(1, 7):
        files[app / f"web.log.{number}"] = (words(2_400_000, number), now - number * DAY)
    for number in range(20, 24):
        files[app / f"web.log.{number}.gz"] = (random.Random(number).randbytes(2_000_000), now - number * DAY)
    files[app / "web.log"] = (words(500_000, 99), now)
    files[app / "orders.csv"] = (words(300_000, 98), now - 40 * DAY)
    for path, (data, at) in files.items():
        path.write_bytes(data)
        os.utime(path, (at, at))
    return {path: data for path, (data, _) in files.items()}


def house_in(home, *, mode="live", allow=True):
    allowed = [{"runbook": "disk-full-logs", "entities": "host/web-01"}] if allow else []
    return remediation(
        Settings(
            home=home,
            executors={"web-01": {"kind": "shell"}},
            people=PEOPLE,
            policies={"remediation": {"mode": mode, "allow": allowed}},
        )
    )


def prepared(house, logs):
    values = {"host": "web-01", "directory": str(logs)}
    action = propose(house, "disk-full-logs", "host/web-01", by="kim", key=PEOPLE["kim"], values=values)
    return rehearse(house, action.action_id, by="kim")


def approved(house, action):
    code = code_for(house, action.action_id, by="lee", key=PEOPLE["lee"])
    return approve(house, action.action_id, by="lee", code=code)


def test_a_full_file_system_is_mended_by_two_people(tmp_path, logs):
    before = fill(logs)
    assert used_percent(logs) > 90
    house = house_in(tmp_path / "home")
    action = prepared(house, logs)
    told = dry_run_of(action)
    parts = {part["name"]: part["lines"] for part in told["parts"]}
    assert len(parts["would be compressed"]) == 6
    assert len(parts["would be deleted"]) == 4
    assert {path: path.read_bytes() for path in before} == before, "the dry run changed something"
    with pytest.raises(ActionRefused):
        execute(house, action.action_id, by="kim")
    assert {path: path.read_bytes() for path in before} == before
    free = os.statvfs(logs).f_bavail * os.statvfs(logs).f_frsize

    approved(house, action)
    done = execute(house, action.action_id, by="lee")

    assert done.action_state == "verified", done.reason
    assert used_percent(logs) < 90
    freed = os.statvfs(logs).f_bavail * os.statvfs(logs).f_frsize - free
    low, high = told["frees_bytes"]
    assert low <= freed <= high * 1.02
    for path, data in before.items():
        if path.suffix == ".gz":
            assert not path.exists()
        elif path.name.startswith("web.log."):
            assert not path.exists()
            assert gzip.decompress(path.with_name(path.name + ".gz").read_bytes()) == data, "a log was lost"
        else:
            assert path.read_bytes() == data, "something else was touched"
    entries, problems = audit_problems(house)
    assert problems == []
    assert [e.audit_event for e in entries][-1] == "verified"
    assert "execution_refused" in [e.audit_event for e in entries]


def test_by_default_nothing_happens(tmp_path, logs):
    before = fill(logs)
    with pytest.raises(ActionRefused, match="allow-list"):
        prepared(house_in(tmp_path / "home", allow=False), logs)
    house = house_in(tmp_path / "home", mode="dry_run")
    action = approved(house, prepared(house, logs))
    with pytest.raises(ActionRefused, match="mode"):
        execute(house, action.action_id, by="lee")
    assert {path: path.read_bytes() for path in before} == before


def test_the_database_refuses_to_edit_the_log_and_an_edit_by_its_owner_shows(tmp_path, logs):
    fill(logs)
    house = house_in(tmp_path / "home")
    execute(house, approved(house, prepared(house, logs)).action_id, by="lee")
    database = house.store._database
    for statement in ("UPDATE audit_log SET actor = 'nobody'", "DELETE FROM audit_log"):
        with pytest.raises(ConnectorError, match="only added to"), database.writing() as connection:
            connection.exec_driver_sql(statement)
    assert audit_problems(house)[1] == []
    with database.writing() as connection:
        connection.exec_driver_sql("DROP TRIGGER audit_log_no_UPDATE")
        connection.execute(sa.text("UPDATE audit_log SET actor = 'nobody' WHERE audit_number = 2"))
    assert audit_problems(house)[1] == ["entry 2 was changed after it was written"]


WORKER = """
import sys
sys.path.insert(0, {tests!r})
from pathlib import Path
from test_remediation_disk import house_in
from aiops_jobs.jobs.execute import execute
execute(house_in(Path({home!r})), {action!r}, by="lee")
"""


@pytest.mark.slow
def test_kill_9_between_and_within_steps_and_then_on_to_the_end(tmp_path, logs):
    """The process dies at a random instant, ten times; then it is run to its end. No log is lost on the way."""
    before = fill(logs)
    house = house_in(tmp_path / "home")
    action = approved(house, prepared(house, logs))
    script = WORKER.format(tests=str(Path(__file__).parent), home=str(tmp_path / "home"), action=action.action_id)
    draw = random.Random(7)
    for _ in range(10):
        worker = subprocess.Popen([sys.executable, "-c", script], stderr=subprocess.DEVNULL, start_new_session=True)
        until = time.monotonic() + 20
        while time.monotonic() < until and worker.poll() is None and not house.store.steps(action.action_id):
            time.sleep(0.005)
        time.sleep(draw.uniform(0, 0.25))
        os.killpg(worker.pid, 9)
        worker.wait()
        if house.store.action(action.action_id).has_ended:
            break
    row = house.store.action(action.action_id)
    if not row.has_ended:
        row = execute(house, action.action_id, by="lee")
    assert row.action_state in {"verified", "failed"}, row.reason
    events = [e.audit_event for e in house.store.entries()]
    assert events.count("executing") == 1
    for path, data in before.items():
        if path.name.startswith("web.log.") and path.suffix != ".gz":
            packed = path.with_name(path.name + ".gz")
            kept = path.read_bytes() if path.exists() else gzip.decompress(packed.read_bytes())
            assert kept == data, f"{path.name} was lost"
    assert audit_problems(house)[1] == []
