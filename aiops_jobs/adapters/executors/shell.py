"""Programs on one host, by name, each with its list of arguments; no shell reads them.

The host is this machine, or another one through ``ssh`` (which hands one line to the shell over there: every argument
is quoted for it). Only the programs that are allowed run, with a deadline; what they say is cut and redacted.
"""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

from aiops_jobs.core.runbooks.runbook import Call
from aiops_jobs.core.tickets.redact import redact_text
from aiops_jobs.errors import AmbiguousDelivery, ConnectorError, ConnectorUnavailable
from aiops_jobs.ports import Check
from aiops_jobs.ports.remediation import Answer

_LAUNCHERS = """
ash awk bash busybox csh dash env eval expect fish gawk gdb ksh lua mawk nice nohup node nsenter parallel perl php
python python3 ruby screen script sed setsid sh ssh strace su sudo tclsh timeout tmux unshare vi vim watch xargs zsh
"""
LAUNCHERS = frozenset(_LAUNCHERS.split())
"""Programs that run whatever their arguments say: never allowed, whoever asks."""
READS: dict[str, tuple[str, ...]] = {
    "certbot": ("certificates", "--dry-run"),
    "df": (),
    "find": (),
    "ls": (),
    "stat": (),
    "systemctl": ("is-active", "is-enabled", "is-failed", "show", "status"),
    "uptime": (),
}
"""Programs that may look, with one of these among their arguments, where there are any."""
FIND_ACTS = frozenset({"-delete", "-exec", "-execdir", "-ok", "-okdir", "-fprint", "-fprint0", "-fprintf", "-fls"})
SSH_LOST = 255
"""What ``ssh`` returns for its own errors; the program over there may or may not have run."""


class Settings(BaseModel):
    """A host on which programs may run."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

    kind: str = "shell"
    """``shell``"""
    ssh: tuple[str, ...] = ()
    """How to get there, as arguments: ``["ssh", "-o", "BatchMode=yes", "ops@web-01"]``. Empty: this very machine."""
    programs: tuple[str, ...] = ("certbot", "df", "find", "gzip", "ls", "stat", "systemctl", "uptime")
    """Programs that may run."""
    path: str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    """Where they are looked for, on this machine."""
    max_output_bytes: int = Field(default=1 << 20, gt=0)
    """More of an answer is cut off."""


class ShellExecutor:
    """Runs programs on one host.

    Args:
        name: Name of the host, as runbooks call it.
        settings: How to get there, and what may run.
        redact: Takes personal data and secrets out of what is kept.
    """

    def __init__(self, name: str, settings: Settings, *, redact: Callable[[str], str] = redact_text) -> None:
        self.name, self.settings, self._redact = name, settings, redact

    def check(self) -> Sequence[Check]:
        """Ask the host how long it has been up."""
        try:
            answer = self.run(Call(name="check", executor="shell", on=self.name, run=("uptime",)), is_read=True)
        except ConnectorError as error:
            remedy = "Look at the `ssh` setting, and that `uptime` is among the programs."
            return [Check(f"executors.{self.name}", is_ok=False, detail=str(error), remedy=remedy)]
        return [Check(f"executors.{self.name}", is_ok=answer.is_ok, detail=answer.text.strip()[:120])]

    def run(self, call: Call, *, is_read: bool) -> Answer:
        """Run one program to its end.

        Raises:
            ConnectorError: It is not allowed, or is no program there.
            ConnectorUnavailable: The host cannot be reached; nothing ran.
            AmbiguousDelivery: It did not end in time, or the connection was lost: it may have done its work.
        """
        self._ensure_allowed(call.run, is_read=is_read)
        argv = [*self.settings.ssh, "--", shlex.join(call.run)] if self.settings.ssh else list(call.run)
        with tempfile.TemporaryFile() as output:
            code = self._wait(argv, call, output.fileno(), is_read=is_read)
            output.seek(0)
            said = output.read(self.settings.max_output_bytes + 1)
        text = said[: self.settings.max_output_bytes].decode("utf-8", errors="replace")
        if self.settings.ssh and code == SSH_LOST:
            kind = ConnectorUnavailable if is_read else AmbiguousDelivery
            raise kind(self.name, f"the connection failed: {self._redact(text.strip()[:300])}")
        cut = "\n[cut]" if len(said) > self.settings.max_output_bytes else ""
        return Answer(code == 0, self._redact(text) + cut)

    def _wait(self, argv: list[str], call: Call, output: int, *, is_read: bool) -> int:
        environment = {"PATH": self.settings.path, "LC_ALL": "C.UTF-8"}
        try:
            process = subprocess.Popen(  # noqa: S603 - a list of arguments; the program is allowed
                argv,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=environment,
                cwd=Path("/"),
                start_new_session=True,
            )
        except (OSError, ValueError) as error:
            raise ConnectorError(self.name, f"`{argv[0]}` cannot be run: {error}") from error
        try:
            return process.wait(call.timeout_s)
        except subprocess.TimeoutExpired as error:
            kind = ConnectorUnavailable if is_read else AmbiguousDelivery
            raise kind(self.name, f"`{call.name}` did not end within {call.timeout_s:g} s") from error
        finally:
            _end(process)

    def _ensure_allowed(self, run: tuple[str, ...], *, is_read: bool) -> None:
        for program in programs_in(run):
            if program not in self.settings.programs or program in LAUNCHERS:
                allowed = ", ".join(sorted(set(self.settings.programs) - LAUNCHERS))
                raise ConnectorError(self.name, f"`{program}` is not among the programs that may run: {allowed}")
        if is_read and not only_reads(run):
            raise ConnectorError(self.name, f"`{shlex.join(run)[:200]}` may change something; a look must not")


def _end(process: subprocess.Popen[bytes]) -> None:
    """End a program that is still running, with all it has started."""
    if process.poll() is None:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def programs_in(run: Sequence[str]) -> list[str]:
    """Return the programs an argument list runs: its own, and those that ``find`` is told to run."""
    programs = [run[0]] if run else [""]
    if programs[0] == "find":
        acts = [place for place, text in enumerate(run) if text in {"-exec", "-execdir", "-ok", "-okdir"}]
        programs += [run[place + 1] if place + 1 < len(run) else "" for place in acts]
    return programs


def only_reads(run: Sequence[str]) -> bool:
    """Tell whether an argument list certainly changes nothing."""
    wanted = READS.get(run[0])
    if wanted is None or (run[0] == "find" and FIND_ACTS & set(run)):
        return False
    return not wanted or any(word in run[1:] for word in wanted)
