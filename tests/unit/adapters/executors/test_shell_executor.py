"""Programs on a host: lists of arguments only, allowed ones only, with an end and a limit; looks change nothing."""

import os
import shlex
import stat
import time
from pathlib import Path

import pytest

from aiops_jobs.adapters.executors.shell import LAUNCHERS, Settings, ShellExecutor
from aiops_jobs.adapters.runbook_files import load_runbooks
from aiops_jobs.core.runbooks.runbook import Call
from aiops_jobs.errors import AmbiguousDelivery, ConnectorError, ConnectorUnavailable


def call(*run, timeout_s=20.0):
    return Call(name="test", executor="shell", on="box", run=run, timeout_s=timeout_s)


def box(**settings):
    return ShellExecutor("box", Settings(**settings))


def test_arguments_reach_the_program_as_they_are(tmp_path):
    odd = tmp_path / "a; touch $(id) && 'x' *"
    odd.write_text("")
    answer = box().run(call("find", str(tmp_path), "-name", "a; touch*", "-printf", "%f"), is_read=True)
    assert answer.is_ok
    assert answer.text == odd.name
    assert sorted(p.name for p in tmp_path.iterdir()) == [odd.name]


@pytest.mark.parametrize("program", ["rm", "curl", "", *sorted(LAUNCHERS)])
def test_other_programs_do_not_run_even_if_somebody_allows_a_launcher(program):
    executor = box(programs=("find", *sorted(LAUNCHERS)))
    with pytest.raises(ConnectorError, match="not among the programs"):
        executor.run(call(program, "-c", "true"), is_read=False)
    with pytest.raises(ConnectorError, match="not among the programs"):
        executor.run(call("find", "/", "-exec", program, "{}", ";"), is_read=False)


@pytest.mark.parametrize(
    "run",
    [
        ("find", "/var", "-delete"),
        ("find", "/var", "-exec", "gzip", "{}", ";"),
        ("gzip", "x"),
        ("systemctl", "restart", "x"),
    ],
)
def test_a_look_that_might_change_something_is_refused(run):
    with pytest.raises(ConnectorError, match="a look must not"):
        box().run(call(*run), is_read=True)


def test_every_look_of_every_shipped_runbook_is_one():
    from aiops_jobs.adapters.executors.kubernetes import READS
    from aiops_jobs.adapters.executors.shell import only_reads

    for runbook in load_runbooks():
        for look in (*runbook.checks, *runbook.dry_run):
            first = look.run[0]
            is_read = {"shell": only_reads(look.run), "http": first == "GET", "kubernetes": first in READS}
            assert is_read[look.executor], (runbook.id, look.name)


def test_it_ends_in_time_with_all_it_started(tmp_path):
    slow = tmp_path / "slow"
    slow.write_text('#!/bin/sh\nsleep 60 & echo $! > "$1"; wait\n')
    slow.chmod(slow.stat().st_mode | stat.S_IXUSR)
    executor = box(programs=("slow",), path=f"{tmp_path}:/usr/bin:/bin")
    began = time.monotonic()
    old = os.environ["PATH"]
    os.environ["PATH"] = f"{tmp_path}:{old}"
    try:
        with pytest.raises(AmbiguousDelivery, match="did not end"):
            executor.run(call("slow", str(tmp_path / "pid"), timeout_s=1.5), is_read=False)
    finally:
        os.environ["PATH"] = old
    assert time.monotonic() - began < 15
    child = int((tmp_path / "pid").read_text())
    for _ in range(50):
        state = _state(child)
        if state in {None, "Z"}:
            break
        time.sleep(0.1)
    assert state in {None, "Z"}


def _state(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text("ascii").split(")")[1].split()[0]
    except FileNotFoundError:
        return None


def test_what_it_says_is_cut_and_redacted(tmp_path):
    (tmp_path / "password=hunter2").write_text("")
    (tmp_path / ("x" * 200)).write_text("")
    text = box().run(call("ls", str(tmp_path)), is_read=True).text
    assert "hunter2" not in text
    assert box(max_output_bytes=20).run(call("ls", str(tmp_path)), is_read=True).text.endswith("[cut]")


def test_another_host_gets_every_argument_quoted_and_a_lost_connection_is_unknown(tmp_path):
    fake = tmp_path / "ssh"
    fake.write_text('#!/bin/sh\nprintf "%s\\n" "$@"\nexit ${FAKE:-0}\n')
    fake.chmod(fake.stat().st_mode | stat.S_IXUSR)
    executor = box(ssh=(str(fake), "ops@web-01"))
    said = executor.run(call("find", "/a b", "-name", "$(id);*"), is_read=True).text.splitlines()
    assert said[:2] == ["ops@web-01", "--"]
    assert shlex.split(said[2]) == ["find", "/a b", "-name", "$(id);*"]
    fake.write_text("#!/bin/sh\necho kex failed\nexit 255\n")
    with pytest.raises(AmbiguousDelivery, match="connection failed"):
        executor.run(call("gzip", "x"), is_read=False)
    with pytest.raises(ConnectorUnavailable, match="connection failed"):
        executor.run(call("ls", "x"), is_read=True)


def test_a_program_that_is_not_there_is_told():
    with pytest.raises(ConnectorError, match="cannot be run"):
        box(programs=("no-such-program",)).run(call("no-such-program"), is_read=False)
    assert not box().run(call("ls", "/no/such/folder"), is_read=True).is_ok
