"""Runs a protocol and its outside scorer in processes of their own, each with a limit of CPU time."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.measure import cpu_s
from benchmarks.protocols import Protocol

ROOT = Path(__file__).resolve().parent.parent
VARIABLE = "AIOPS_SHARED"
LIMIT_S = 60
SCORER_LIMIT_S = 120


@dataclass(frozen=True, slots=True)
class Score:
    """How a protocol ended.

    Args:
        state: ``scored``, or why not.
        answer: What the scorer said.
        cpu_s: CPU seconds of our part; with an adapter, of scorer and ours together.
    """

    protocol: Protocol
    state: str
    answer: Mapping[str, Any] = field(default_factory=dict)
    cpu_s: float | None = None


class OutOfTimeError(Exception):
    """The limit of CPU time was reached."""


class RefusedError(Exception):
    """The process failed; the last line it said."""


def shared_folder() -> Path | None:
    """Return the folder with the public data and its scorers; none where it is not there."""
    told = os.environ.get(VARIABLE)
    folder = (Path(told) if told else ROOT.parent / "shared") / "benchmarks"
    return folder if folder.is_dir() else None


def score(protocol: Protocol, shared: Path, work: Path, *, limit_s: int = LIMIT_S) -> Score:
    """Let our API answer a protocol and let its scorer judge."""
    data = shared / protocol.data
    if not data.is_dir():
        return Score(protocol, "not run (no data)")
    out = work / f"{protocol.name}.{protocol.suffix}"
    spent: float | None = None
    try:
        if protocol.write is not None:
            ask = ("-m", "benchmarks", protocol.name, "--data", str(data), "--out", str(out))
            _, spent = python(ask, paths=[ROOT], limit_s=limit_s)
        arguments = [part.format(data=data, out=out) for part in protocol.scorer]
        text, whole = python(_located(arguments, shared / protocol.folder), paths=[shared / protocol.folder, ROOT])
    except OutOfTimeError as error:
        return Score(protocol, f"not run (time: more than {error} CPU s)")
    except RefusedError as error:
        return Score(protocol, f"failed: {error}")
    return Score(protocol, "scored", answer_of(text), whole if spent is None else spent)


def python(arguments: Sequence[str], *, paths: Sequence[Path], limit_s: int = SCORER_LIMIT_S) -> tuple[str, float]:
    """Run Python; return what it printed and the CPU seconds it took.

    Raises:
        OutOfTimeError: It took longer than the limit.
        RefusedError: It failed.
    """
    search = os.pathsep.join(str(path) for path in paths)
    begun = cpu_s()
    process = subprocess.Popen(  # noqa: S603 - our own interpreter, our own arguments
        [sys.executable, *arguments],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": search, "PYTHONDONTWRITEBYTECODE": "1", "PYTHONWARNINGS": "ignore"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    resource.prlimit(process.pid, resource.RLIMIT_CPU, (limit_s, limit_s + 1))
    said, complaint = process.communicate()
    if process.returncode < 0:
        raise OutOfTimeError(str(limit_s))
    if process.returncode:
        raise RefusedError((complaint.strip().splitlines() or ["without a word"])[-1][:200])
    return said, cpu_s() - begun


def answer_of(text: str) -> dict[str, Any]:
    """Return the first JSON object in what a scorer printed.

    Raises:
        RefusedError: There is none.
    """
    begin = text.find("{")
    if begin < 0:
        raise RefusedError("the scorer gave no figures")
    answer: dict[str, Any] = json.JSONDecoder().raw_decode(text[begin:])[0]
    return answer


def _located(arguments: Sequence[str], folder: Path) -> list[str]:
    """Return the arguments with a script's full path."""
    first = arguments[0]
    return [str(folder / first), *arguments[1:]] if first.endswith(".py") else list(arguments)
