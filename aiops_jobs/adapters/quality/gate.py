"""Judges the rows of one window: is there anything, is it fresh, is it complete, then everything else."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa

from aiops_jobs.adapters.quality.files import Expectation, ExpectationFile, load_expectations
from aiops_jobs.adapters.quality.judge import Judge, Outcome
from aiops_jobs.contracts.operations import QUALITY_RESULTS
from aiops_jobs.contracts.render import to_profile_expectations
from aiops_jobs.contracts.table import Table
from aiops_jobs.contracts.telemetry import INGESTED
from aiops_jobs.core.profile import MEASURES, contract_profile, profile
from aiops_jobs.window import Window

CONTRACT_OWNER = "contract"
PROMISES = {
    "NULL": "every required column is present in every row",
    "NOT_FINITE": "every number is finite",
    "NOT_IN_SET": "every label is one of its set",
    "OUT_OF_RANGE": "every number lies in its range",
    "TOO_LONG": "no text is too long",
    "REPEATED_KEY": "the key is unique",
}
"""What the promises of one kind say together: one verdict a kind, naming the columns at fault."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """One row of ``quality_results``, before it knows its table and window."""

    expectation: str
    severity: str
    verdict: str
    observed: str
    wanted: str
    owner: str
    why: str


class ExpectationsGate:
    """Contract expectations plus what ``expectations/<table>.yaml`` adds, judged by Great Expectations.

    What is judged is a profile: a handful of numbers that Arrow computes from the rows. Only expectations written
    with ``rows`` see rows, and only those of small tables. Verdicts hold numbers and counts, never values.
    """

    def __init__(self, expectations_dir: str | Path | None = None) -> None:
        self._directory = None if expectations_dir is None else Path(expectations_dir)
        self._judge = Judge()
        self._files: dict[str, ExpectationFile] = {}
        self._lock = threading.Lock()

    def validate(self, table: Table, rows: pa.Table, *, stage: str, window: Window, source: str) -> pa.Table:
        """Return the verdicts on shaped ``rows``: columns of ``quality_results`` without ``run_id``.

        Without rows there is one verdict: `no_data`, a failure, unless the file says that the table may be empty.
        Expectations that find nothing to speak about end as `not_evaluated`, which is a failure too.

        Raises:
            ConfigurationError: The table's expectation file is wrong.
        """
        said = self._file(table)
        if rows.num_rows == 0:
            verdicts = [_emptiness(said, stage)]
        else:
            length = window.duration.total_seconds()
            chosen = [e for e in said.expectations if e.concerns(stage=stage, rows=rows.num_rows, window_s=length)]
            verdicts = self._by_profile(table, rows, chosen, stage=stage, window=window)
            verdicts += [self._by_rows(table, rows, e) for e in chosen if e.rows is not None]
        return _to_results(verdicts, table=table, stage=stage, window=window, source=source)

    def _file(self, table: Table) -> ExpectationFile:
        with self._lock:
            if table.name not in self._files:
                may_be_empty = all(table.name != ingested.name for ingested in INGESTED)
                self._files[table.name] = load_expectations(self._directory, table, may_be_empty=may_be_empty)
            return self._files[table.name]

    def _by_profile(
        self, table: Table, rows: pa.Table, chosen: Iterable[Expectation], *, stage: str, window: Window
    ) -> list[Verdict]:
        own = sorted((e for e in chosen if e.measure is not None), key=lambda e: (_rank(e), e.text))
        numbers = profile(table, rows, [e.measure for e in own if e.measure is not None], window=window)
        promises = contract_profile(table, rows)
        contract = to_profile_expectations(table)
        suite = [{k: item[k] for k in ("type", "kwargs", "severity")} for item in contract]
        suite += [_configuration(e) for e in own]
        # what has no number is judged by nobody; the placeholder only keeps the suite the same for every window
        frame = pd.DataFrame([{**promises, **{name: 0.0 if v is None else v for name, v in numbers.items()}}])
        name = (table.name, stage, *(e.text for e in own))
        outcomes = self._judge.judge(name, suite, frame)
        verdicts = [
            _on_measure(e, numbers[str(e.measure)], o) for e, o in zip(own, outcomes[len(contract) :], strict=True)
        ]
        return [*verdicts, *_on_contract(table, contract, outcomes[: len(contract)], promises, rows.num_rows)]

    def _by_rows(self, table: Table, rows: pa.Table, expectation: Expectation) -> Verdict:
        if rows.num_rows > expectation.up_to_rows:
            return _verdict(expectation, "not_evaluated", f"{rows.num_rows} rows are too many to be judged one by one")
        spoken_of = expectation.rows or {}
        frame = rows.select(_columns(spoken_of["kwargs"], table)).to_pandas(strings_to_categorical=False)
        config = {"type": spoken_of["type"], "kwargs": dict(spoken_of["kwargs"]), "severity": expectation.severity}
        (outcome,) = self._judge.judge((table.name, expectation.text), [config], frame)
        if outcome.could_not:
            return _verdict(expectation, "not_evaluated", f"could not be evaluated: {outcome.could_not}")
        seen = "held" if outcome.is_success else "did not hold"
        if outcome.unexpected_count is not None:
            seen = f"{outcome.unexpected_count} of {outcome.element_count} rows break it"
        return _verdict(expectation, "held" if outcome.is_success else "violated", seen)


def _rank(expectation: Expectation) -> int:
    """Return when an expectation is told: row count, freshness, null share, finiteness, then the rest."""
    return -1 if expectation.measure is None else list(MEASURES).index(expectation.measure.name)


def _emptiness(said: ExpectationFile, stage: str) -> Verdict:
    volume = said.about("row_count", stage)
    if said.may_be_empty:
        why = "a window without rows is a fact about this table"
        return Verdict("rows arrive", "info", "held", "0 rows, which may be", "any number", CONTRACT_OWNER, why)
    if volume is None:
        why = "nothing can be concluded from nothing"
        return Verdict("rows arrive", "warning", "no_data", "0 rows", "at least 1", CONTRACT_OWNER, why)
    return Verdict("rows arrive", volume.severity, "no_data", "0 rows", volume.wanted, volume.owner, volume.why)


def _configuration(expectation: Expectation) -> dict[str, Any]:
    bounds = {"min_value": expectation.minimum, "max_value": expectation.maximum}
    kwargs = {"column": str(expectation.measure), **{k: v for k, v in bounds.items() if v is not None}}
    return {"type": "expect_column_max_to_be_between", "kwargs": kwargs, "severity": expectation.severity}


def _on_measure(expectation: Expectation, number: float | None, outcome: Outcome) -> Verdict:
    if number is None:
        return _verdict(expectation, "not_evaluated", "there is no value to judge")
    if outcome.could_not:
        return _verdict(expectation, "not_evaluated", f"could not be evaluated: {outcome.could_not}")
    if outcome.is_success:
        return _verdict(expectation, "held", f"{number:.6g}")
    is_stale = expectation.measure is not None and expectation.measure.name == "freshness_lag_s"
    return _verdict(expectation, "stale" if is_stale else "violated", f"{number:.6g}")


def _on_contract(
    table: Table,
    contract: Sequence[dict[str, Any]],
    outcomes: Sequence[Outcome],
    numbers: dict[str, float],
    row_count: int,
) -> list[Verdict]:
    """Return one verdict for each kind of promise the table makes."""
    verdicts = []
    for code, promise in PROMISES.items():
        judged = [(c, o) for c, o in zip(contract, outcomes, strict=True) if c["meta"]["code"] == code]
        if not judged:
            continue
        failed = [(c["meta"]["column"], numbers[c["kwargs"]["column"]]) for c, o in judged if not o.is_success]
        could_not = sorted({o.could_not for _, o in judged if o.could_not})
        seen = "; ".join(f"`{column}`: {count:.0f} of {row_count} rows are not" for column, count in failed)
        verdict = "not_evaluated" if could_not else "violated" if failed else "held"
        seen = f"could not be evaluated: {', '.join(could_not)}" if could_not else seen or f"{row_count} rows are"
        why = f"the contract of `{table.name}` promises it"
        verdicts.append(Verdict(promise, "critical", verdict, seen, "all rows", CONTRACT_OWNER, why))
    return verdicts


def _verdict(expectation: Expectation, verdict: str, seen: str) -> Verdict:
    return Verdict(
        expectation=expectation.text,
        severity=expectation.severity,
        verdict=verdict,
        observed=seen,
        wanted=expectation.wanted,
        owner=expectation.owner,
        why=expectation.why,
    )


def _columns(kwargs: dict[str, Any], table: Table) -> list[str]:
    named = [v for k, v in kwargs.items() if k in ("column", "column_A", "column_B")] + list(
        kwargs.get("column_list", ())
    )
    return [name for name in table.names if name in named] or [table.time]


def _to_results(verdicts: Sequence[Verdict], *, table: Table, stage: str, window: Window, source: str) -> pa.Table:
    columns = {
        "table_name": [table.name for _ in verdicts],
        "source": [source for _ in verdicts],
        "stage": [stage for _ in verdicts],
        "expectation": [v.expectation for v in verdicts],
        "window_start": [window.start for _ in verdicts],
        "window_end": [window.end for _ in verdicts],
        "expectation_severity": [v.severity for v in verdicts],
        "is_success": [v.verdict == "held" for v in verdicts],
        "observed_text": [v.observed for v in verdicts],
        "expected_text": [v.wanted for v in verdicts],
        "verdict": [v.verdict for v in verdicts],
        "owner_team": [v.owner for v in verdicts],
        "reason": [v.why for v in verdicts],
    }
    schema = QUALITY_RESULTS.to_arrow()
    arrays = {name: pa.array(values, schema.field(name).type) for name, values in columns.items()}
    return pa.table(arrays)
