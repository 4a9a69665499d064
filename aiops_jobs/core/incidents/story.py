"""An incident in words: title, summary, and the chain from its cause to what people feel."""

from __future__ import annotations

from aiops_jobs.core.incidents.case import FAR, Case
from aiops_jobs.core.incidents.causes import Verdict
from aiops_jobs.core.incidents.members import ALERT
from aiops_jobs.core.incidents.priority import affected_services
from aiops_jobs.core.incidents.words import listed, moment, plural, short

TITLE_LIMIT, SUMMARY_LIMIT = 250, 500
STEPS = (("latency", "latency"), ("errors", "error rate"))
"""Roles in the order in which trouble is felt: first slow, then failing."""


def main_node(case: Case) -> str | None:
    """Return the entity the incident is told about: the most critical service that suffers, else where it began."""
    services = affected_services(case)
    for service in services:
        if f"service/{service}" in case.suffering:
            return f"service/{service}"
    if case.suffering:
        return min(case.suffering, key=lambda node: (case.suffering[node], node))
    return min(case.by_node, key=lambda node: (case.by_node[node][0], node), default=None)


def title_of(case: Case) -> str:
    """Return symptom, service and scale, without numbers that change while it lasts."""
    node = main_node(case)
    loud = set(case.loud)
    places = [m for m in case.by_node.get(node or "", case.own) if m in loud] or case.own
    what = listed(_labels(case, places) or [f"alert {case.members.name[places[0]]}"])
    others = len(affected_services(case)) - 1
    scale = f", {plural(others, 'more service')} affected" if others > 0 else ""
    return f"{short(node)}: {what}{scale}"[:TITLE_LIMIT]


def summary_of(case: Case, verdict: Verdict) -> str:
    """Return what, how much, since when and why, in at most ``SUMMARY_LIMIT`` characters."""
    alerts = sum(bool(case.members.is_alert[m]) for m in case.own)
    parts = [plural(alerts, "alert") if alerts else "", plural(len(case.own) - alerts, "finding")]
    counted = listed([part for part in parts if part and not part.startswith("0 ")])
    best = verdict.best
    why = f"Likely cause ({best.confidence:.0%}): {best.candidate.statement}" if best else "The cause is not known."
    where = plural(max(1, len(case.by_node)), "component")
    return f"{counted} on {where} since {moment(case.began)}. {why}"[:SUMMARY_LIMIT]


def chain_of(case: Case, verdict: Verdict) -> list[str]:
    """Return sentences from the cause to the symptoms, in the order in which trouble travels."""
    best = verdict.best
    root = best.candidate.entity if best else None
    steps = [best.candidate.link if best else "cause unknown"]
    distance = case.topology.distances(root, max_hops=FAR, upwards=True) if root else {}
    for role, label in STEPS:
        nodes = _with_role(case, role, leave_out=root if _tells_the_same(verdict) else None)
        nodes.sort(key=lambda node: (distance.get(node, FAR), case.suffering.get(node, 0), node))
        if nodes:
            steps.append(f"{label} of {listed([short(node) for node in nodes])}")
    alerts = _with_role(case, ALERT, leave_out=None)
    if len(steps) == 1 and alerts:
        names = sorted({case.members.name[m] for n in alerts for m in case.by_node[n] if case.members.role[m] == ALERT})
        steps.append(f"alert {listed(names)} on {listed([short(node) for node in alerts])}")
    return steps


def _tells_the_same(verdict: Verdict) -> bool:
    return verdict.best is not None and verdict.best.candidate.cause_kind == "dependency"


def _with_role(case: Case, role: str, *, leave_out: str | None) -> list[str]:
    return sorted(
        node
        for node, places in case.by_node.items()
        if node != leave_out and any(case.members.role[m] == role for m in places)
    )


def _labels(case: Case, places: list[int]) -> list[str]:
    """Return what is wrong at a node: its symptoms, else all it shows."""
    members = case.members
    roles = {members.role[m] for m in places}
    felt = [label for role, label in STEPS[::-1] if role in roles]
    if felt:
        return felt
    return sorted(
        {members.meaning[m].label or _plain(members.name[m], is_alert=bool(members.is_alert[m])) for m in places}
    )


def _plain(name: str, *, is_alert: bool) -> str:
    return f"alert {name}" if is_alert else name
