"""Tickets of a service desk through the router and the model of their targets: groups, risks, hours."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from aiops_jobs.core.features.tickets import Tickets, to_tickets
from aiops_jobs.core.models.routing import fit_router
from aiops_jobs.core.models.sla_risk import Promises, fit_sla_risk
from aiops_jobs.core.models.solved import to_solved
from aiops_jobs.core.policies import Policies

UNKNOWN = "?"


@dataclass(frozen=True, slots=True)
class Plan:
    """What the protocol lets a method see.

    Args:
        columns: Columns of a ticket's first row that are known when it is opened.
        share: Without other tickets to be asked about: share of the tickets, oldest first, before the cut.
    """

    columns: tuple[str, ...]
    share: float


def predict(folders: list[Path], out: Path, *, plan: Plan) -> None:
    """Write ``number,group1,group2,group3,sla_score,ttr_hours``; a second folder holds the tickets asked about."""
    known, *asked = (cases(pd.read_parquet(folder / "events.parquet"), plan) for folder in folders)
    if asked:
        later = pd.concat(asked)
        cut = later["opened_at"].min()
    else:
        cut = known["opened_at"].iloc[int(len(known) * plan.share)]
        later = known[known["opened_at"] >= cut]
    answers(known, later, cut, plan).to_csv(out, index=False)


def cases(events: pd.DataFrame, plan: Plan) -> pd.DataFrame:
    """Return one row a ticket: its first row's columns, and what became of it."""
    events = events.assign(order=events["sys_mod_count"].astype(int))
    events = events.sort_values(["number", "sys_updated_at", "order"], kind="stable")
    each = events.groupby("number")
    first, last = each.first(), each.last()
    found = first[list(plan.columns)].astype(object)
    found["opened_at"] = each["opened_at"].min()
    for name in ("assignment_group", "made_sla", "closed_at", "resolved_at"):
        found[name] = last[name]
    return found.sort_values("opened_at", kind="stable")


def answers(known: pd.DataFrame, later: pd.DataFrame, cut: pd.Timestamp, plan: Plan) -> pd.DataFrame:
    """Return the three likeliest groups, the risk and the usual hours of each later ticket."""
    policy = Policies().routing
    past = known[(known["opened_at"] < cut) & (known["closed_at"] < cut)]
    now_s = float(_seconds(pd.Series([cut]))[0])
    tickets = _tickets(past, plan)
    groups = [None if group == UNKNOWN else str(group) for group in past["assignment_group"]]
    solved = to_solved(tickets, groups, _seconds(past["closed_at"]))
    router = fit_router(solved, now_s, precision=policy.precision_ratio, least=policy.min_examples)
    place = {name: code for code, name in enumerate(router.groups)}
    codes = np.array([place.get(group or "", -1) for group in groups], dtype=np.int64)
    is_missed = (past["made_sla"].astype(str).str.lower() == "false").to_numpy()
    promises = Promises(tickets, is_missed, _seconds(past["closed_at"]), codes, router.groups)
    asked = _tickets(later, plan)
    verdicts = router.assign(asked)
    risk = fit_sla_risk(promises, now_s).probability(asked, (router.groups, verdicts.probability))
    best = np.array(router.groups, dtype=object)[verdicts.order[:, :3]]
    hours = (past["resolved_at"] - past["opened_at"]).dt.total_seconds() / 3600
    table = pd.DataFrame({"number": later.index, "sla_score": risk, "ttr_hours": float(hours[hours >= 0].median())})
    return table.assign(**{f"group{rank + 1}": best[:, rank] for rank in range(3)})


def _tickets(rows: pd.DataFrame, plan: Plan) -> Tickets:
    columns = {name: rows[name].astype(str).tolist() for name in plan.columns}
    return to_tickets(columns, [None] * len(rows), _seconds(rows["opened_at"]))


def _seconds(times: pd.Series) -> np.ndarray:
    return times.to_numpy().astype("datetime64[s]").astype(np.int64).astype(np.float64)
