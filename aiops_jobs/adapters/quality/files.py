"""Reads ``expectations/<table>.yaml``: what a contract cannot say about a table, each with an owner and a reason."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from aiops_jobs.contracts.table import Table
from aiops_jobs.core.profile import MEASURES, NUMERIC, OF_NUMBERS, OF_THE_TABLE, RELATIONS, Measure
from aiops_jobs.errors import ConfigurationError

STAGES = ("ingest", "publish")
SEVERITIES = ("critical", "warning", "info")
FILE_KEYS = frozenset({"table", "may_be_empty", "expectations"})
COMMON_KEYS = frozenset({"severity", "stages", "from_rows", "up_to_window_s", "owner", "why"})
MEASURE_KEYS = COMMON_KEYS | {"measure", "column", "at", "values", "relation", "other", "min", "max"}
ROWS_KEYS = COMMON_KEYS | {"rows", "up_to_rows"}
UP_TO_ROWS = 200_000
"""Expectations on rows cost 40 times those on a profile: larger tables are not judged by them."""


@dataclass(frozen=True, slots=True)
class Expectation:
    """One expectation beyond the contract: about a measure of the table, or about its rows."""

    severity: str
    owner: str
    why: str
    stages: tuple[str, ...] = STAGES
    from_rows: int = 1
    """Tables with fewer rows are not judged by it."""
    up_to_window_s: float = float("inf")
    """Longer windows are not judged by it."""
    measure: Measure | None = None
    minimum: float | None = None
    maximum: float | None = None
    rows: Mapping[str, Any] | None = None
    """A Great Expectations configuration ``{type, kwargs}``."""
    up_to_rows: int = UP_TO_ROWS

    def concerns(self, *, stage: str, rows: int, window_s: float) -> bool:
        """Tell whether so many rows of such a window are judged by it at this stage."""
        return stage in self.stages and rows >= self.from_rows and window_s <= self.up_to_window_s

    @property
    def wanted(self) -> str:
        """What is wanted, in words."""
        if self.rows is not None:
            return "no row breaks it"
        if self.minimum is None:
            return f"at most {self.maximum:g}"
        if self.maximum is None:
            return f"at least {self.minimum:g}"
        return f"between {self.minimum:g} and {self.maximum:g}"

    @property
    def text(self) -> str:
        """The expectation in words; unique in its file."""
        if self.rows is None:
            return f"{self.measure} is {self.wanted}"
        kwargs = ", ".join(f"{k}={v}" for k, v in sorted(self.rows["kwargs"].items()))
        return f"{self.rows['type']}({kwargs})"


@dataclass(frozen=True, slots=True)
class ExpectationFile:
    """What one file says."""

    may_be_empty: bool
    """Whether a window without rows is a fact, not a failure."""
    expectations: tuple[Expectation, ...] = ()

    def about(self, measure: str, stage: str) -> Expectation | None:
        """Return the expectation on a measure of the whole table at one stage."""
        found = (e for e in self.expectations if e.measure is not None and e.measure.name == measure)
        return next((e for e in found if stage in e.stages), None)


class _UniqueKeys(yaml.SafeLoader):
    """Refuses a key written twice, which YAML would silently let win."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        keys = [self.construct_object(key, deep=deep) for key, _ in node.value]
        for key in keys:
            if keys.count(key) > 1:
                raise yaml.constructor.ConstructorError(None, None, f"`{key}` is written twice", node.start_mark)
        return super().construct_mapping(node, deep=deep)


def load_expectations(directory: Path | None, table: Table, *, may_be_empty: bool) -> ExpectationFile:
    """Return what ``<directory>/<table>.yaml`` says about ``table``; nothing where there is no such file.

    Args:
        directory: Folder of the files; ``None``: there is none.
        table: The contract.
        may_be_empty: What holds where the file does not say it.

    Raises:
        ConfigurationError: The file is not YAML, names something unknown, or an entry lacks its owner or its why.
    """
    path = None if directory is None else directory / f"{table.name}.yaml"
    if path is None or not path.is_file():
        return ExpectationFile(may_be_empty)
    try:
        said = yaml.load(path.read_text("utf-8"), Loader=_UniqueKeys)  # noqa: S506 - a SafeLoader
    except yaml.YAMLError as error:
        raise ConfigurationError(path.name, f"is not YAML: {error}", remedy="Mend it.", place=str(path)) from error
    reader = _Reader(table, path)
    return reader.read(said, may_be_empty=may_be_empty)


class _Reader:
    """Turns one parsed file into expectations, or says exactly what is wrong with it."""

    def __init__(self, table: Table, path: Path) -> None:
        self._table = table
        self._path = path

    def read(self, said: Any, *, may_be_empty: bool) -> ExpectationFile:
        """Return what the file says."""
        if not isinstance(said, Mapping):
            raise self._error("", "must be a mapping", f"Write {', '.join(sorted(FILE_KEYS))}.")
        self._known("", said, FILE_KEYS)
        if said.get("table") != self._table.name:
            raise self._error("table", f"must be `{self._table.name}`", "The file is named after its table.")
        items = tuple(self._item(f"expectations[{i}]", item) for i, item in enumerate(said.get("expectations") or ()))
        texts = [item.text for item in items]
        for i, text in enumerate(texts):
            if text in texts[:i]:
                raise self._error(f"expectations[{i}]", f"repeats `{text}`", "Say it once.")
        return ExpectationFile(bool(said.get("may_be_empty", may_be_empty)), items)

    def _item(self, at: str, item: Any) -> Expectation:
        if not isinstance(item, Mapping) or ("measure" in item) == ("rows" in item):
            raise self._error(at, "must have either `measure` or `rows`", "See expectations/README.md.")
        self._known(f"{at}.", item, MEASURE_KEYS if "measure" in item else ROWS_KEYS)
        for name in ("owner", "why"):
            if not isinstance(item.get(name), str) or not item[name].strip():
                raise self._error(f"{at}.{name}", "is missing", "Say who answers for it and why it is expected.")
        severity = self._choice(f"{at}.severity", item.get("severity", "warning"), SEVERITIES)
        stages = tuple(self._choice(f"{at}.stages", stage, STAGES) for stage in item.get("stages", STAGES))
        common: dict[str, Any] = {
            "severity": severity,
            "owner": item["owner"].strip(),
            "why": " ".join(item["why"].split()),
            "stages": stages,
            "from_rows": int(self._number(f"{at}.from_rows", item.get("from_rows")) or 1),
            "up_to_window_s": self._number(f"{at}.up_to_window_s", item.get("up_to_window_s")) or float("inf"),
        }
        if "rows" in item:
            rows = self._rows(f"{at}.rows", item["rows"])
            return Expectation(**common, rows=rows, up_to_rows=int(item.get("up_to_rows", UP_TO_ROWS)))
        measure = self._measure(at, item)
        minimum, maximum = (self._number(f"{at}.{side}", item.get(side)) for side in ("min", "max"))
        if minimum is None and maximum is None:
            raise self._error(at, "has neither `min` nor `max`", "Give a bound.")
        return Expectation(**common, measure=measure, minimum=minimum, maximum=maximum)

    def _measure(self, at: str, item: Mapping[str, Any]) -> Measure:
        name = self._choice(f"{at}.measure", item["measure"], MEASURES)
        if name in OF_THE_TABLE:
            return Measure(name)
        column = self._column(f"{at}.column", item.get("column"))
        if name in OF_NUMBERS and self._table.column(column).kind not in NUMERIC:
            raise self._error(f"{at}.column", f"is `{column}`, which is no number", f"`{name}` needs a number.")
        if name == "quantile":
            share = self._number(f"{at}.at", item.get("at"))
            if share is None or not 0 <= share <= 1:
                raise self._error(f"{at}.at", "must lie between 0 and 1", "Say which quantile.")
            return Measure(name, column, at=share)
        if name == "share":
            values = tuple(str(value) for value in item.get("values") or ())
            if not values:
                raise self._error(f"{at}.values", "is missing", "Say which values are counted.")
            return Measure(name, column, values=values)
        if name == "pair_count":
            relation = self._choice(f"{at}.relation", item.get("relation"), RELATIONS)
            return Measure(name, column, relation=relation, other=self._column(f"{at}.other", item.get("other")))
        return Measure(name, column)

    def _rows(self, at: str, said: Any) -> Mapping[str, Any]:
        is_shaped = (
            isinstance(said, Mapping) and set(said) == {"type", "kwargs"} and isinstance(said["kwargs"], Mapping)
        )
        if not is_shaped:
            raise self._error(at, "must have `type` and `kwargs`", "Write it as Great Expectations does.")
        columns = [v for k, v in said["kwargs"].items() if k in ("column", "column_A", "column_B")]
        for name in (*columns, *said["kwargs"].get("column_list", ())):
            self._column(at, name)
        return {"type": str(said["type"]), "kwargs": dict(said["kwargs"])}

    def _column(self, at: str, name: Any) -> str:
        return self._choice(at, name, self._table.names)

    def _choice(self, at: str, value: Any, known: Collection[str]) -> str:
        if not isinstance(value, str) or value not in known:
            raise self._error(at, f"is `{value}`, which is unknown", _nearest(str(value), known))
        return value

    def _number(self, at: str, value: Any) -> float | None:
        if value is None or (isinstance(value, (int, float)) and not isinstance(value, bool)):
            return None if value is None else float(value)
        raise self._error(at, f"is `{value}`, which is no number", "Give a number.")

    def _known(self, at: str, said: Mapping[str, Any], known: Collection[str]) -> None:
        for name in said:
            if name not in known:
                raise self._error(f"{at}{name}", "is unknown", _nearest(str(name), known))

    def _error(self, at: str, problem: str, remedy: str) -> ConfigurationError:
        setting = f"{self._path.name}: {at}" if at else self._path.name
        return ConfigurationError(setting, problem, remedy=remedy, place=str(self._path))


def _nearest(word: str, known: Collection[str]) -> str:
    close = difflib.get_close_matches(word, sorted(known), n=1, cutoff=0.5)
    return f"Did you mean `{close[0]}`?" if close else f"Use one of: {', '.join(sorted(known))}."
