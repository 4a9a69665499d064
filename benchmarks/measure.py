"""Paired CPU seconds: ours and its peers take turns in one process, and the best of several turns counts.

An absolute time says more about the machine than about the code, so what is reported is a ratio within one run.
CPU is user and system time of this process, all its threads, and its finished children.
"""

from __future__ import annotations

import gc
import resource
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

REPETITIONS = 3


def nothing() -> None:
    """Prepare nothing."""


@dataclass(frozen=True, slots=True)
class Side:
    """One way to do the work.

    Args:
        name: What it is.
        run: Does the work; gets what ``before`` returned.
        before: Prepares one turn; not measured.
        units: How much work one turn does; ratios are per unit.
        goal: For a peer: how many times as fast as it we want to be.
        note: What a reader must know to judge the comparison.
    """

    name: str
    run: Callable[[Any], Any]
    before: Callable[[], Any] = nothing
    units: float = 1.0
    goal: float | None = None
    note: str = ""


@dataclass(frozen=True, slots=True)
class Case:
    """A stage at one size: ours, and whom it is compared with.

    Args:
        size: The work in words.
        check: Whether the results agree; called with one result of each side, ours first. Raises where they do not.
        facts: Further sentences about the results, from the same list.
    """

    size: str
    ours: Side
    peers: tuple[Side, ...] = ()
    check: Callable[[Sequence[Any]], None] | None = None
    facts: Callable[[Sequence[Any]], str] | None = None


@dataclass(frozen=True, slots=True)
class Line:
    """One comparison."""

    stage: str
    size: str
    peer: str
    ours_s: float
    peer_s: float | None
    ratio: float | None
    goal: float | None
    note: str = ""

    @property
    def verdict(self) -> str:
        """Whether the goal is met."""
        return verdict(self.ratio, self.goal)


@dataclass(slots=True)
class Taken:
    """CPU seconds of the turns of one side."""

    turns: list[float] = field(default_factory=list)

    @property
    def best(self) -> float:
        """The turn that was disturbed least."""
        return min(self.turns)


def verdict(ratio: float | None, goal: float | None) -> str:
    """Return whether a ratio reaches its goal, in a word."""
    if goal is None or ratio is None:
        return "–"
    return "met" if ratio >= goal else "missed"


def ratio_of(ours_s: float, peer_s: float, *, ours_units: float = 1.0, peer_units: float = 1.0) -> float:
    """Return how many times the CPU of ours the peer needs for the same work.

    Example:
        >>> ratio_of(2.0, 6.0)
        3.0
        >>> ratio_of(2.0, 6.0, ours_units=1, peer_units=3)
        1.0
    """
    if ours_s <= 0:
        return float("inf")
    return (peer_s / peer_units) / (ours_s / ours_units)


def cpu_s() -> float:
    """Return the CPU seconds used so far."""
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime


def turn(side: Side) -> tuple[float, Any]:
    """Return the CPU seconds of one turn, and its result."""
    given = side.before()
    gc.collect()
    begun = cpu_s()
    result = side.run(given)
    return cpu_s() - begun, result


def compare(stage: str, case: Case, *, repetitions: int = REPETITIONS) -> list[Line]:
    """Let the sides take turns and return a line for each peer; one line where there is none."""
    sides = (case.ours, *case.peers)
    taken = [Taken() for _ in sides]
    results: list[Any] = [None] * len(sides)
    for number in range(repetitions):
        for place, side in enumerate(sides):
            spent, result = turn(side)
            taken[place].turns.append(spent)
            if number == 0:
                results[place] = result
            del result
        if number == 0 and case.check is not None:
            case.check(results)
    facts = case.facts(results) if case.facts is not None else ""
    ours = taken[0].best
    if not case.peers:
        return [Line(stage, case.size, "–", ours, None, None, None, _joined(case.ours.note, facts))]
    lines = []
    for place, (peer, seen) in enumerate(zip(case.peers, taken[1:], strict=True)):
        ratio = ratio_of(ours, seen.best, ours_units=case.ours.units, peer_units=peer.units)
        note = _joined(case.ours.note if place == 0 else "", peer.note, facts if place == 0 else "")
        lines.append(Line(stage, case.size, peer.name, ours, seen.best, ratio, peer.goal, note))
    return lines


def growth(half: Case, whole: Case, *, repetitions: int = REPETITIONS) -> float:
    """Return what doubling the work costs: CPU of the whole over CPU of the half, turn by turn, best of each."""
    taken = (Taken(), Taken())
    for _ in range(repetitions):
        for seen, case in zip(taken, (half, whole), strict=True):
            seen.turns.append(turn(case.ours)[0])
    return taken[1].best / max(taken[0].best, 1e-9)


def _joined(*parts: str) -> str:
    return " ".join(part for part in parts if part)
