"""The command that shows what the past proposes."""

from __future__ import annotations

from json import loads

from aiops_jobs.cli.output import pick, show_rows

COLUMNS = (
    "proposal_status",
    "support_count",
    "lift",
    "confidence_ratio",
    "reason",
    "effect",
    "spec",
    "window_end",
    "proposal_id",
)


def proposals(*, rejected: bool = False, json: bool = False) -> None:
    """List the correlation rules that the past proposes, with what they would have done. None is in force by itself.

    Parameters
    ----------
    rejected:
        Show also what was learned and did not hold up, with the reason.
    json:
        Print JSON, with the rule as it would stand in the settings.
    """
    from aiops_jobs.bootstrap import bootstrap
    from aiops_jobs.contracts.knowledge import CORRELATION_PROPOSALS

    rows = pick(bootstrap().warehouse.read(CORRELATION_PROPOSALS, order_by=["window_end", "proposal_id"]), *COLUMNS)
    latest = max((row["window_end"] for row in rows), default=None)
    told = [row for row in rows if row["window_end"] == latest and (rejected or row["proposal_status"] == "proposed")]
    for row in told:
        effect = loads(row.pop("effect") or "{}")
        row["would_merge"] = effect.get("incident_pairs_merged")
        row["of_one_cause"] = effect.get("merged_of_one_cause")
        row["causes_known"] = effect.get("merged_with_known_causes")
        if not json:
            del row["spec"]
    show_rows(told, as_json=json, title="Proposed correlation rules")
