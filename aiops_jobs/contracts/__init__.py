"""What every table is. The narrow waist of the house: both banks know only this.

To add a table: write a ``Table`` in the module of its shelf and list it there; everything else is derived.
"""

from __future__ import annotations

from aiops_jobs.contracts import feedback, knowledge, operations, outcomes, remediation, results, telemetry
from aiops_jobs.contracts.table import Column, Kind, Table

HANDED_ON = (results.FINDINGS, results.ANOMALIES)
"""Results that later jobs read: kept in the lake too, where every version can be read as of its time."""
LAKE_TABLES: dict[str, Table] = {t.name: t for t in (*telemetry.LAKE_TABLES, *HANDED_ON)}
WAREHOUSE_TABLES: dict[str, Table] = {
    t.name: t
    for t in (
        *results.RESULT_TABLES,
        *knowledge.KNOWLEDGE_TABLES,
        *outcomes.OUTCOME_TABLES,
        *feedback.FEEDBACK_TABLES,
        *operations.OPERATION_TABLES,
        *remediation.REMEDIATION_TABLES,
    )
}
TABLES: dict[str, Table] = {**LAKE_TABLES, **WAREHOUSE_TABLES}

__all__ = ["HANDED_ON", "LAKE_TABLES", "TABLES", "WAREHOUSE_TABLES", "Column", "Kind", "Table"]
