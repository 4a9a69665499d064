"""Pieces of evidence: each a sentence with its number, and the question that shows it again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from aiops_jobs.core.columns import SECOND
from aiops_jobs.core.incidents.case import Case, lead
from aiops_jobs.core.incidents.words import capitalised, duration, moment, observed_words, plural


@dataclass(frozen=True, slots=True)
class Proof:
    """One piece of evidence.

    Args:
        kind: One of ``EVIDENCE_KINDS``.
        statement: What it shows.
        table: Where it can be seen again.
        where: Columns and the values to look for.
        start: Begin of the window to look at, microseconds.
        end: Its end, exclusive.
        value: The number in the statement, if any.
    """

    kind: str
    statement: str
    table: str
    where: Mapping[str, Any]
    start: int
    end: int
    value: float | None = None


def seen_proof(case: Case, member: int) -> Proof:
    """Return what a member of an incident shows."""
    members = case.members
    node, start = members.nodes[member], int(members.start[member])
    end = max(min(int(members.end[member]), case.world.until), start + SECOND)
    if members.is_alert[member]:
        text = f"Alert {members.name[member]} fired for `{node}` at {moment(start)}, {when(case, start)}."
        return Proof("alert", text, "alerts", {"alert_id": members.ids[member]}, start, end)
    label = members.meaning[member].label or members.name[member]
    details = members.details[member]
    what = f"{capitalised(label)} of `{node}`: {observed_words(details)}"
    text = f"{what} from {moment(start)} on, {when(case, start)}."
    where = {"series_id": details["series_id"]} if details else {"entity_id": node}
    return Proof("metric", text, "metric_points", where, start, end, float(details["observed"]) if details else None)


def when(case: Case, start: int) -> str:
    """Return when something began, compared with the first symptom."""
    ahead = int(lead(case, start) * SECOND)
    if not ahead:
        return "with the first symptom"
    return f"{duration(ahead)} {'before' if ahead > 0 else 'after'} the first symptom"


def alone_proof(case: Case, node: str, others: int) -> Proof:
    """Return that a node suffers while others that can stand in for it do not."""
    group = case.topology.said(node, "redundancy_group")
    text = f"{plural(others, 'other')} of `{group}` can stand in for `{node}` and show nothing."
    where = {"redundancy_group": group}
    return Proof("topology", text, "configuration_items", where, case.began, case.began + SECOND, float(others))


def change_proof(case: Case, row: Mapping[str, Any], node: str, began: int, hops: int, rivals: int) -> Proof:
    """Return that something was changed, where, when, and how common that is there."""
    where = "on what suffers" if not hops else f"{plural(hops, 'step')} below what suffers"
    text = (
        f"{row['change_type']} {row['change_id']} on `{node}` ({where}), {when(case, began)}; "
        f"{plural(rivals, 'change')} there in the look-back."
    )
    return Proof("change", text, "changes", {"change_id": row["change_id"]}, began, began + SECOND, float(rivals))
