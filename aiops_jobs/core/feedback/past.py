"""Verdicts as rows like those of closed tickets, for everything that learns from these.

A duplicate is left out: the incident it repeats counts already. So is what we have resolved ourselves, what says
neither, and, for models, what is not sure enough.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from aiops_jobs.core.feedback.verdicts import FALSE, TRUE, normalised

Row = Mapping[str, Any]
FALSE_CODE, TRUE_CODE = "false_alarm", "true_positive"
"""Resolution codes of verdicts that came without one."""


def tickets_of(held: Iterable[Row], *, least: float = 0.0) -> list[dict[str, Any]]:
    """Return a row like one of ``ticket_history`` for each true or false verdict that holds.

    Args:
        held: Labels that hold, one a subject.
        least: Less sure ones are left out.
    """
    return [
        {
            "ticket_key": row["remote_key"] or row["label_id"],
            "opened_at": row["started_at"],
            "resolved_at": max(row["labelled_at"], row["started_at"]),
            "resolution_code": FALSE_CODE
            if row["label_verdict"] == FALSE
            else normalised(row["resolution_code"]) or TRUE_CODE,
            "cause_entity_id": None if row["label_verdict"] == FALSE else row["cause_entity_id"],
            "service_name": row["service_name"],
            "entity_id": row["entity_id"],
        }
        for row in sorted(held, key=lambda row: (row["started_at"], row["subject_id"]))
        if _counts(row, least)
    ]


def spoken_of(held: Iterable[Row]) -> set[str]:
    """Return the keys of the tickets about which a label holds: what their own row says is not counted again."""
    return {row["remote_key"] for row in held if row["remote_key"] and not row["is_self_generated"]}


def _counts(row: Row, least: float) -> bool:
    return not row["is_self_generated"] and row["label_verdict"] in {TRUE, FALSE} and row["confidence_ratio"] >= least
