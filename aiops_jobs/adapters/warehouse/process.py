"""Who holds something, so that another process can tell whether the holder still lives."""

from __future__ import annotations

import hashlib
import os
import socket
from functools import cache
from pathlib import Path

PROC = Path("/proc")


def holder() -> str:
    """Return this process as ``host-machine:pid:start``, unique over machines, containers, restarts and reused pids."""
    return f"{machine()}:{os.getpid()}:{_started(os.getpid()) or 0}"


def is_dead(name: str | None) -> bool:
    """Tell whether ``name`` is a process of this very machine that surely no longer lives.

    About another machine, or another container, nobody here knows: then only the clock decides.
    """
    place, _, rest = (name or "").partition(":")
    pid, _, start = rest.partition(":")
    if place != machine() or not pid.isdecimal():
        return False
    if (PROC / "self" / "stat").exists():
        return _started(int(pid)) != start
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    return False


@cache
def machine() -> str:
    """Return the host's name and a digest of what sets it apart: this boot and this process namespace."""
    marks = []
    for path in (PROC / "sys/kernel/random/boot_id", PROC / "self/ns/pid"):
        try:
            marks.append(str(path.readlink()) if path.is_symlink() else path.read_text("utf-8"))
        except OSError:
            marks.append("")
    name = socket.gethostname().replace(":", "-")
    return f"{name}-{hashlib.sha256('|'.join(marks).encode()).hexdigest()[:8]}"


def _started(pid: int) -> str | None:
    """Return when ``pid`` started, in ticks since boot; null if it is gone or only waits to be buried."""
    try:
        text = (PROC / str(pid) / "stat").read_text("utf-8", errors="replace")
    except OSError:
        return None
    state, *fields = text.rpartition(")")[2].split()  # the name of a process may hold spaces and brackets
    return None if state in {"Z", "X", "x"} else fields[18]
