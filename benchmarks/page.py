"""What was measured, as one page: ``docs/benchmarks.md``."""

from __future__ import annotations

import math
import os
import platform
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.measure import Line
from benchmarks.protocols import NOT_YET, Figure
from benchmarks.scoring import Score

OUT = Path(__file__).resolve().parent.parent / "docs" / "benchmarks.md"
HEAD = """# Benchmarks

Written by `make bench`; do not edit. Nothing here was tuned for these data, and a goal that is missed says so.

Measured on {machine}. Other work may have run beside it: ratios within one run count, not seconds.
"""
STAGES_HEAD = """## How fast

CPU seconds (user and system) of one turn; ours and its peer took turns in one process, the best of at least three turns
counts. *Ratio*: how many times our CPU the peer needs for the same work. *Doubling*: what twice the work costs us.
Some goals were set at ten times these sizes, and with other versions of the peers.

| stage | size | peer | ours, CPU s | peer, CPU s | ratio | goal | verdict |
|---|---|---|---|---|---|---|---|
"""
GROWTH_HEAD = """
| stage | doubling costs | goal | verdict |
|---|---|---|---|
"""
SCORES_HEAD = """
## How good

Public labelled data, scored by the scorers that come with them. CPU is that of our part (for
`alerts_*`: scorer included). *Floor* beats every simple method we know of, *stretch* beats the published leader.
Only the part of each set that lies beside this repository is scored; some peers' figures were taken on more of it
(`nab`: all 58 files, `smd`: six machines, `disk`: both halves), so compare these loosely.

| protocol | figure | ours | peers' best | floor | stretch | verdict | CPU s |
|---|---|---|---|---|---|---|---|
"""
ABSENT = "\n## How good\n\nThe public data are not beside this repository (`AIOPS_SHARED`), so nothing was scored.\n"


def page(
    lines: Sequence[Line], growths: Mapping[str, float], scores: Sequence[Score] | None, *, most_growth: float
) -> str:
    """Return the page.

    Args:
        lines: Comparisons of the stages.
        growths: Cost of doubling, by stage.
        scores: Outcomes of the protocols; none: the data are not there.
        most_growth: Goal for doubling.
    """
    parts = [HEAD.format(machine=machine()), "\n", STAGES_HEAD, *(_line(line) for line in lines), "\n"]
    parts += [f"* **{line.stage}**, beside {line.peer}: {line.note}\n" for line in lines if line.note]
    if growths:
        parts += [GROWTH_HEAD, *(_growth(name, cost, most_growth) for name, cost in growths.items())]
    parts.append(ABSENT if scores is None else _scores(scores))
    return "".join(parts)


def machine() -> str:
    """Return what kind of machine this is, without its name."""
    processor = platform.machine()
    return f"{os.cpu_count()} cores ({processor}), Python {platform.python_version()}"


def _line(line: Line) -> str:
    peer = "–" if line.peer_s is None else f"{line.peer_s:.3f}"
    ratio = "–" if line.ratio is None else f"{_short(line.ratio)}×"
    goal = "–" if line.goal is None else f"≥ {line.goal:g}×"
    return _row(line.stage, line.size, line.peer, f"{line.ours_s:.3f}", peer, ratio, goal, line.verdict)


def _growth(name: str, cost: float, most: float) -> str:
    return _row(name, f"{cost:.2f}×", f"≤ {most:g}×", "met" if cost <= most else "missed")


def _scores(scores: Sequence[Score]) -> str:
    rows = [row for outcome in scores for row in _score(outcome)]
    notes = [f"* `{s.protocol.name}`: {s.protocol.note}\n" for s in scores if s.protocol.note]
    without = [f"* `{name}`: {why}.\n" for name, why in NOT_YET.items()]
    return "".join([SCORES_HEAD, *rows, "\n", *notes, "\nNot answered yet:\n\n", *without])


def _score(outcome: Score) -> list[str]:
    protocol = outcome.protocol
    spent = "–" if outcome.cpu_s is None else f"{outcome.cpu_s:.1f}"
    if outcome.state != "scored":
        return [_row(protocol.name, "–", outcome.state, "–", "–", "–", "–", spent)]
    rows = []
    for place, figure in enumerate(protocol.figures):
        value = _value(outcome.answer, figure.key)
        bars = (_floor(figure), _bar(figure.stretch, low=figure.is_low_good))
        cells = (protocol.name, figure.name, _short(value), figure.peer, *bars, figure.verdict(value))
        rows.append(_row(*cells, spent if place == 0 else ""))
    return rows


def _value(answer: Mapping[str, Any], key: str) -> float:
    """Return a number of an answer; steps into parts of it are separated by slashes."""
    part: Any = answer
    for step in key.split("/"):
        part = part[step]
    return float(part)


def _floor(figure: Figure) -> str:
    if isinstance(figure.floor, tuple):
        return f"{figure.floor[0]:g}–{figure.floor[1]:g}"
    return _bar(figure.floor, low=figure.is_low_good)


def _bar(value: float | None, *, low: bool) -> str:
    if value is None:
        return "–"
    return f"{'≤' if low else '≥'} {value:,g}"


def _short(value: float) -> str:
    if not math.isfinite(value):
        return "–"
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.3g}"


def _row(*cells: str) -> str:
    return f"| {' | '.join(cell.replace('|', '/') for cell in cells)} |\n"
