"""``python -m benchmarks``: everything, into docs/benchmarks.md; ``python -m benchmarks PROTOCOL …``: one table."""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from benchmarks.measure import REPETITIONS, Line, compare, growth
from benchmarks.page import OUT, page
from benchmarks.protocols import BY_NAME, PROTOCOLS
from benchmarks.scoring import LIMIT_S, Score, score, shared_folder
from benchmarks.stages import MOST_GROWTH, STAGES, Stage


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what was asked for; 0 where it could be done, whatever the figures say."""
    asked = _parser().parse_args(arguments)
    if asked.protocol is None:
        _everything(asked)
        return 0
    protocol = BY_NAME[asked.protocol]
    if protocol.write is None:
        print(f"{protocol.name} is scored through a function: --method benchmarks.adapters:{protocol.name}")
        return 2
    if not asked.data or asked.out is None:
        print("--data and --out are needed")
        return 2
    protocol.write([Path(folder) for folder in asked.data.split(",")], asked.out)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="benchmarks", description=__doc__)
    parser.add_argument("protocol", nargs="?", choices=sorted(BY_NAME))
    parser.add_argument("--data", help="folders of the data, separated by commas")
    parser.add_argument("--out", type=Path, help="table to write; without a protocol: the page")
    parser.add_argument("--only", choices=("stages", "protocols"), help="one half; nothing is written without --out")
    parser.add_argument("--scale", type=float, default=1.0, help="size of the stages")
    parser.add_argument("--repetitions", type=int, default=REPETITIONS)
    parser.add_argument("--limit", type=int, default=LIMIT_S, help="CPU seconds a protocol may take")
    return parser


def _everything(asked: argparse.Namespace) -> None:
    lines: list[Line] = []
    growths: dict[str, float] = {}
    scores: list[Score] | None = None
    with tempfile.TemporaryDirectory(prefix="benchmarks-") as folder:
        work = Path(folder)
        if asked.only != "protocols":
            for place, stage in enumerate(STAGES):
                _say(f"stage: {stage.name}")
                _measure(stage, work / str(place), asked, lines, growths)
        shared = shared_folder()
        if asked.only != "stages" and shared is not None:
            scores = []
            for protocol in PROTOCOLS:
                _say(f"protocol: {protocol.name}")
                scores.append(score(protocol, shared, work, limit_s=asked.limit))
    text = page(lines, growths, scores, most_growth=MOST_GROWTH)
    if asked.only is None or asked.out is not None:
        (asked.out or OUT).write_text(text, "utf-8")
        _say(f"written: {asked.out or OUT.name}")
    else:
        print(text)


def _measure(
    stage: Stage, folder: Path, asked: argparse.Namespace, lines: list[Line], growths: dict[str, float]
) -> None:
    folder.mkdir()
    case = stage.build(folder, asked.scale)
    lines.extend(compare(stage.name, case, repetitions=asked.repetitions))
    if stage.measure_growth:
        half = stage.build(folder, asked.scale / 2)
        growths[stage.name] = growth(half, case, repetitions=asked.repetitions)


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
