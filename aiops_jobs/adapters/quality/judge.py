"""Great Expectations at arm's length: imported when something must be judged, never before (it costs 5 CPU seconds)."""

from __future__ import annotations

import logging
import os
import threading
import warnings
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd


@dataclass(frozen=True, slots=True)
class Outcome:
    """How one expectation ended; counts only, never values."""

    is_success: bool
    could_not: str | None = None
    """Name of the error that kept it from being evaluated."""
    unexpected_count: int | None = None
    element_count: int | None = None


class Judge:
    """Judges frames by suites of expectations.

    One ephemeral context and one batch definition serve the whole process, suites are kept by name: a judgement of
    thirty numbers costs about 0.05 CPU seconds. Calls are serialised; Great Expectations keeps global state.
    """

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._batches: Any = None
        self._suites: dict[Hashable, Any] = {}

    def judge(self, name: Hashable, expectations: Sequence[dict[str, Any]], frame: pd.DataFrame) -> list[Outcome]:
        """Return the outcome of each of ``expectations`` on ``frame``, in their order.

        Args:
            name: Identifies the suite: the same name always comes with the same expectations.
            expectations: Configurations ``{type, kwargs, severity}``.
            frame: What is judged.
        """
        if not expectations:
            return []
        with self._lock, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            suite = self._suite(name, expectations)
            batch = self._batch_definition().get_batch({"dataframe": frame})
            results = batch.validate(suite, result_format="BASIC").results
        found = {int(r.expectation_config.meta["number"]): r for r in results}
        return [_outcome(found.get(number)) for number in range(len(expectations))]

    def _suite(self, name: Hashable, expectations: Sequence[dict[str, Any]]) -> Any:
        if name not in self._suites:
            gx = _great_expectations()
            numbered = [{**expectation, "meta": {"number": number}} for number, expectation in enumerate(expectations)]
            self._batch_definition()
            self._suites[name] = gx.ExpectationSuite(name=repr(name), expectations=numbered)
        return self._suites[name]

    def _batch_definition(self) -> Any:
        if self._batches is None:
            gx = _great_expectations()
            context = gx.get_context(mode="ephemeral")
            from great_expectations.data_context.types.base import ProgressBarsConfig

            context.variables.progress_bars = ProgressBarsConfig(globally=False)
            asset = context.data_sources.add_pandas("frames").add_dataframe_asset("frame")
            self._batches = asset.add_batch_definition_whole_dataframe("whole")
        return self._batches


def _great_expectations() -> Any:
    os.environ.setdefault("GX_ANALYTICS_ENABLED", "false")
    import great_expectations

    logging.getLogger("great_expectations").setLevel(logging.WARNING)  # it tells of every folder it makes
    return great_expectations


def _outcome(result: Any) -> Outcome:
    if result is None:
        return Outcome(is_success=False, could_not="no result")
    raised = _raised(result.exception_info or {})
    if raised:
        return Outcome(is_success=False, could_not=raised)
    counts = result.result or {}
    return Outcome(
        is_success=bool(result.success),
        unexpected_count=_integer(counts.get("unexpected_count")),
        element_count=_integer(counts.get("element_count")),
    )


def _raised(info: dict[str, Any]) -> str | None:
    """Return the name of the first error; Great Expectations nests it by metric, or not, and may quote values."""
    entries = [info] if "raised_exception" in info else [v for v in info.values() if isinstance(v, dict)]
    for entry in entries:
        if entry.get("raised_exception"):
            lines = str(entry.get("exception_traceback") or "").strip().splitlines()
            name = lines[-1].split(":")[0].rsplit(".", maxsplit=1)[-1] if lines else ""
            return name if name.isidentifier() else "an error"
    return None


def _integer(value: Any) -> int | None:
    return None if value is None else int(value)
