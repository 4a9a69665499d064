"""Which model speaks: candidates, champions and retired ones, and what is recorded about them.

Stages follow from the instants of knowledge alone, never from the order of runs: of all models that were ever
promoted under a name, the latest is the champion and the others are retired. A run that speaks as of an instant asks
the champion of that instant.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa

from aiops_jobs.contracts.operations import MODEL_EVALUATIONS, MODEL_VERSIONS
from aiops_jobs.core.models.evaluation import Measure
from aiops_jobs.errors import ModelRejected

CANDIDATE, CHAMPION, RETIRED = "candidate", "champion", "retired"
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Trial:
    """A candidate and how it did.

    Args:
        name: Name of the model.
        features: Features it looks at, in order.
        parameters: What else makes it the model it is, as plain data.
        artefact: The model as plain data and arrays; ``None`` where it was rejected.
        measures: On the later period, by name.
        of_champion: The same for the champion it was compared with; empty where there was none.
        later_s: The later period, seconds since 1970.
        refusal: Why it is no model at all, or why the champion stays; ``None`` where it is promoted.
    """

    name: str
    features: tuple[str, ...]
    parameters: Mapping[str, Any]
    artefact: Mapping[str, Any] | None
    measures: Mapping[str, Measure]
    of_champion: Mapping[str, Measure]
    later_s: tuple[float, float]
    refusal: ModelRejected | None

    @property
    def state(self) -> str:
        """``promoted``, ``candidate`` (stored, but the champion stays) or ``rejected``."""
        if self.artefact is None:
            return "rejected"
        return "candidate" if self.refusal else "promoted"


def refuse_if_worse(
    name: str, measure: str, own: float, champion: float | None, *, slack: float
) -> ModelRejected | None:
    """Return the verdict on a candidate that does worse than the champion by more than ``slack``, as a share.

    Smaller is better for losses (``slack`` above 0 allows that much more), larger for gains (pass a negative one).
    """
    if champion is None:
        return None
    bar = champion * (1.0 + slack)
    is_worse = own > bar if slack >= 0 else own < bar
    return ModelRejected(name, f"{measure} against the champion", own, bar) if is_worse else None


def champion_at(versions: pa.Table, name: str, as_of: datetime, *, before: bool = False) -> dict[str, Any] | None:
    """Return the row of ``model_versions`` that was champion as of an instant, or ``None``.

    Args:
        versions: All rows of the table.
        name: Name of the model.
        as_of: Models known later are ignored.
        before: Ignore models known at the very instant, too.
    """
    rows = [
        row
        for row in versions.to_pylist()
        if row["model_name"] == name
        and row["model_stage"] != CANDIDATE
        and (row["as_of"] < as_of or (row["as_of"] == as_of and not before))
    ]
    return max(rows, key=_rank, default=None)


def to_model_versions(versions: pa.Table, new: Mapping[str, Any], *, is_promoted: bool) -> pa.Table:
    """Return the rows of ``model_versions`` to write: the new one, and those whose stage it changes.

    Args:
        versions: All rows of the table.
        new: The new row, without its stage.
        is_promoted: Whether it passed; if not, it is kept as a candidate.
    """
    if not is_promoted:
        return pa.Table.from_pylist([{**new, "model_stage": CANDIDATE}], schema=MODEL_VERSIONS.to_arrow())
    known = [
        row
        for row in versions.to_pylist()
        if row["model_name"] == new["model_name"]
        and row["model_stage"] != CANDIDATE
        and row["model_version"] != new["model_version"]
    ]
    line = sorted([*known, {**new, "model_stage": None}], key=_rank)
    staged = [{**row, "model_stage": CHAMPION if row is line[-1] else RETIRED} for row in line]
    changed = [
        after for before, after in zip(line, staged, strict=True) if before["model_stage"] != after["model_stage"]
    ]
    return pa.Table.from_pylist(changed, schema=MODEL_VERSIONS.to_arrow())


def to_model_evaluations(trial: Trial, version: str, champion: str | None, *, run_id: str, as_of: datetime) -> pa.Table:
    """Return the rows of ``model_evaluations``: all measures, the champion's too, and the reason of a refusal.

    The reason is a row whose measure begins with ``refused:``, with what was reached and, as baseline, the bar.
    """
    rows = [(version, name, measure) for name, measure in trial.measures.items()]
    if champion is not None:
        rows += [(champion, name, measure) for name, measure in trial.of_champion.items()]
    if trial.refusal is not None:
        reason = trial.refusal
        rows.append((version, f"refused: {reason.measure}", Measure(reason.value, reason.threshold, 0)))
    begin, end = (EPOCH + timedelta(seconds=second) for second in trial.later_s)
    filled = [
        {
            "model_name": trial.name,
            "model_version": model,
            "metric": name,
            "window_start": begin,
            "window_end": end,
            "metric_value": float(measure.value),
            "baseline_value": measure.baseline,
            "sample_count": measure.count,
            "run_id": run_id,
            "as_of": as_of,
        }
        for model, name, measure in sorted(rows, key=lambda row: row[:2])
    ]
    return pa.Table.from_pylist(filled, schema=MODEL_EVALUATIONS.to_arrow())


def _rank(row: Mapping[str, Any]) -> tuple[datetime, str]:
    return row["as_of"], row["model_version"]
