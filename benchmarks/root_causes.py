"""Functions the scorers of root cause data call: bare tables go to `aiops_jobs.core.causes`, ranked names come back.

One configuration for all: nothing here is set for a data set, and no method sees its name.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from aiops_jobs.core.causes.blame import blame, excess
from aiops_jobs.core.causes.deviation import deviations, strongest
from aiops_jobs.core.causes.fusion import fused
from aiops_jobs.core.causes.profiles import Counted, kinds_of, surprise
from aiops_jobs.core.causes.waits import blamed_for_waits

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

MOST_LINES = 8000
"""Log lines of the calm side that are looked at; evenly spread over it."""
MOST_ROWS = 300
"""Rows of a calm metric that are looked at, as evenly."""
CALLS = "requests"
SUCCEEDS = "availability"
SYMPTOMS = ("latency", "success", "error")
"""A metric with such a word in its name says how somebody suffers, not why."""


def rca_sockshop(normal: pd.DataFrame, anomalous: pd.DataFrame) -> list[str]:
    """Return the metrics of a system by how far they moved, the farthest first; one row a step of time."""
    moved = deviations(normal.to_numpy(dtype=np.float64), anomalous.to_numpy(dtype=np.float64))
    return [str(normal.columns[place]) for place in np.argsort(-moved, kind="stable")]


def rca_petshop(
    graph: pd.DataFrame, node: str, metric: str, stat: str, normal: pd.DataFrame, abnormal: pd.DataFrame
) -> list[str]:
    """Return the components that explain what a component suffers, the most suspect first; none if nothing is wrong.

    Args:
        graph: Who (row) calls whom (column).
        node: The component that complains.
        metric: ``latency`` or ``availability``.
        stat: Which statistic of the metric.
        normal: Rows while all was well; columns (component, metric, statistic).
        abnormal: Rows of the complaint.
    """
    names = sorted({*graph.index, *graph.columns, node})
    calls = graph.reindex(index=names, columns=names).fillna(0).to_numpy() > 0
    calm, sick = (_of_metric(rows, names, metric, stat) for rows in (normal, abnormal))
    asked = [_of_metric(rows, names, CALLS, "Sum") for rows in (normal, abnormal)]
    told = ~np.isnan(calm).all(axis=0)
    usual = np.full(len(names), 0.0 if metric != SUCCEEDS else 100.0)
    usual[told] = np.nanmedian(calm[:, told], axis=0)
    rises = metric != SUCCEEDS
    found = blame(
        excess(calm, asked[0], usual, rises=rises),
        excess(sick, asked[1], usual, rises=rises),
        calls,
        names.index(node),
    )
    if not found.is_certain:
        return []
    order = np.argsort(-found.beyond_chance, kind="stable")
    return [names[place] for place in order if found.beyond_chance[place] > 0]


def _of_metric(rows: pd.DataFrame, names: Sequence[str], metric: str, stat: str) -> Floats:
    place = {name: i for i, name in enumerate(names)}
    found = np.full((len(rows), len(names)), np.nan)
    for column, (name, what, how) in enumerate(rows.columns):
        if what == metric and how == stat and name in place:
            found[:, place[name]] = rows.iloc[:, column].to_numpy(dtype=np.float64)
    return found


def rca_nezha(win: Mapping[str, Any]) -> list[str]:
    """Return the services of a window by the evidence of metrics, waits, and logs or calls; none without any data.

    Logs and calls tell the same story, what a service no longer does, so only one of them is heard: logs are closer.
    """
    tables = [win[name] for name in ("metrics_normal", "metrics_anom", "traces_normal", "traces_anom")]
    services = sorted({str(name) for table in tables for name in table["service"].unique()})
    place = {name: i for i, name in enumerate(services)}
    told = [("metrics", _metrics(win, place))]
    lines = win["raw_logs_normal"], win["raw_logs_anom"]
    has_lines = all(side is not None and len(side) for side in lines)
    if len(win["traces_anom"]) and len(win["traces_normal"]):
        told.append(("waits", _waits(win, place)))
        if not has_lines:
            told.append(("calls", _calls(win, place)))
    if has_lines:
        told.append(("logs", _logs(*lines, place)))
    score = fused(told)
    return [services[i] for i in np.argsort(-score, kind="stable")] if score.any() else []


def _metrics(win: Mapping[str, Any], place: Mapping[str, int]) -> Floats:
    calm, sick = win["metrics_normal"], win["metrics_anom"]
    if not len(sick):
        return np.zeros(len(place))
    names = [
        c
        for c in calm.columns
        if c not in {"timestamp", "podname", "service"}
        and not c.startswith("node")
        and not any(word in c for word in SYMPTOMS)
    ]
    after = {s: rows[names].to_numpy(dtype=np.float64) for s, rows in sick.groupby("service", sort=False)}
    found = np.zeros(len(place))
    for service, rows in calm.groupby("service", sort=False):
        if service in after and service in place:
            moved = deviations(_thinned(rows, MOST_ROWS)[names].to_numpy(dtype=np.float64), after[service])
            found[place[service]] = strongest(moved, np.zeros(len(moved), dtype=np.int64), 1)[0]
    return found


def _waits(win: Mapping[str, Any], place: Mapping[str, int]) -> Floats:
    """Read waits from durations: spans of one operation at two services are the two ends of one call."""
    calm, sick = (_durations(win[name], how) for name, how in (("traces_normal", "median"), ("traces_anom", "max")))
    both = calm.join(sick, how="inner", lsuffix="_calm", rsuffix="_sick").reset_index()
    ends = both.join(_callees(both, "dur_mean_calm").add_prefix("callee_"), on="call")
    ends = ends[ends["service"] != ends["callee_service"]]
    lost = [(ends[f"dur_mean_{t}"] - ends[f"callee_dur_mean_{t}"]).clip(lower=1.0) for t in ("calm", "sick")]
    growth = np.log(lost[1] / lost[0]).groupby([ends["service"], ends["callee_service"]]).median()
    caller, called = (growth.index.get_level_values(i).map(place).to_numpy(dtype=np.int64) for i in range(2))
    return blamed_for_waits(caller, called, growth.to_numpy(dtype=np.float64), count=len(place))


def _callees(spans: pd.DataFrame, duration: str) -> pd.DataFrame:
    """Return the inner end of each call, the shorter one; adds the name of the call to the spans.

    Only qualified names (``package.Service/Method``) tell calls apart; a bare ``HTTP GET`` is everybody's.
    """
    names = spans["operationname"]
    spans["call"] = names.str.removeprefix("/").str.removeprefix("grpc.").where(names.str.contains("/", regex=False))
    ordered = spans.dropna(subset="call").sort_values(["call", duration, "service"], kind="stable")
    return ordered.groupby("call", sort=False).first()


def _thinned(rows: pd.DataFrame, most: int) -> pd.DataFrame:
    """Return at most so many rows, evenly spread."""
    return rows if len(rows) <= most else rows.iloc[np.linspace(0, len(rows) - 1, most).astype(np.int64)]


def _durations(traces: pd.DataFrame, how: str) -> pd.DataFrame:
    return traces.groupby(["service", "operationname"], sort=False)[["dur_mean"]].agg(how)


def _calls(win: Mapping[str, Any], place: Mapping[str, int]) -> Floats:
    """Compare what services do; what others ask of them is the others' doing and left out."""
    sides = [win[name] for name in ("traces_normal", "traces_anom")]
    known = _durations(sides[0], "median").reset_index()
    callees = _callees(known, "dur_mean")
    callees = callees[known["call"].value_counts().reindex(callees.index) > 1]
    asked = pd.MultiIndex.from_frame(callees[["service", "operationname"]])
    sides = [side[~pd.MultiIndex.from_frame(side[["service", "operationname"]]).isin(asked)] for side in sides]
    kinds = pd.Index(np.unique(np.concatenate([side["operationname"].unique() for side in sides])))
    counted = [
        _counted(side["service"], kinds.get_indexer(side["operationname"]), side["spans"], place) for side in sides
    ]
    return _surprising(counted[0], counted[1], kinds=len(kinds), count=len(place))


def _logs(calm: pd.DataFrame, sick: pd.DataFrame, place: Mapping[str, int]) -> Floats:
    if len(calm) > MOST_LINES:
        calm = _thinned(calm, MOST_LINES)
    lines = pa.concat_arrays(pa.array(side["Log"].to_numpy(dtype=object), pa.string()) for side in (calm, sick))
    encoded = kinds_of(lines).dictionary_encode()
    codes = encoded.indices.to_numpy(zero_copy_only=False).astype(np.int64)
    counted = [
        _counted(_services(side["PodName"]), part, pd.Series(np.ones(len(side))), place)
        for side, part in ((calm, codes[: len(calm)]), (sick, codes[len(calm) :]))
    ]
    return _surprising(counted[0], counted[1], kinds=len(encoded.dictionary), count=len(place))


def _services(pods: pd.Series) -> pd.Series:
    """Return the service of each pod: its name without the two hashes a deployment adds."""
    names = pods.astype("category").cat
    words = [str(pod).rsplit("-", 2)[0] for pod in names.categories]
    return pd.Series(np.array(words, dtype=object)[names.codes.to_numpy()])


def _counted(services: pd.Series, kinds: Ints, amounts: pd.Series, place: Mapping[str, int]) -> Counted:
    coded, words = pd.factorize(services)
    owner = np.array([place.get(str(word), -1) for word in words], dtype=np.int64)[coded]
    keep = owner >= 0
    return owner[keep], kinds[keep], amounts.to_numpy(dtype=np.float64)[keep]


def _surprising(before: Counted, after: Counted, *, kinds: int, count: int) -> Floats:
    found = surprise(before, after, kinds=kinds)
    return strongest(np.abs(found.sigmas), found.owner, count)
