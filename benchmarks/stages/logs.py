"""Log lines in JSON become log records."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pandas as pd

from aiops_jobs.adapters.sources.files import FilesSource, Settings
from aiops_jobs.contracts.telemetry import LOG_RECORDS
from benchmarks.measure import Case, Side
from benchmarks.stages import samples

LINES = 200_000
WORDS = ("GET /api/orders/{} 200 in {} ms", "cart {} saved in {} ms", "retry {} after {} ms", "user {} logged in, {}")


def build(folder: Path, scale: float) -> Case:
    """Return the case: lines of a day, with time, identity, service, severity and body."""
    lines = max(10, round(LINES * scale))
    home = folder / f"logs-{lines}"
    home.mkdir(exist_ok=True)
    path = home / "log_records.jsonl"
    path.write_bytes(_body(lines))
    source = FilesSource("logs", Settings(path=home))
    return Case(
        size=f"{lines:,} lines, {path.stat().st_size / 1e6:.1f} MB",
        ours=Side(
            "files source",
            lambda _: sum(batch.rows.num_rows for batch in source.extract(LOG_RECORDS, samples.window())),
            note="Ours parses times with zones, keeps line numbers and cuts to the window.",
        ),
        peers=(Side("pandas.read_json(lines=True)", lambda _: len(pd.read_json(path, lines=True)), goal=6.0),),
        check=_check,
    )


def _body(lines: int) -> bytes:
    rng = np.random.default_rng(3)
    numbers, kinds = rng.integers(0, 10**6, lines), rng.integers(0, len(WORDS), lines)
    rows = (
        {
            "observed_at": (samples.START + timedelta(seconds=i * 86000 / lines)).isoformat(),
            "record_id": f"r{i:09d}",
            "service_name": f"service-{k}",
            "host_name": f"web-{n % 40:02d}",
            "severity_text": "ERROR" if n % 50 == 0 else "INFO",
            "body": WORDS[k].format(n, n % 997),
        }
        for i, (n, k) in enumerate(zip(numbers.tolist(), kinds.tolist(), strict=True))
    )
    return b"".join(orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE) for row in rows)


def _check(results: Sequence[Any]) -> None:
    assert results[0] == results[1] > 0
