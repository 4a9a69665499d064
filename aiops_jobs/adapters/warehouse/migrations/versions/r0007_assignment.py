"""Who gets a ticket and why, and how likely it is solved too late."""

from __future__ import annotations

from aiops_jobs.adapters.warehouse.migrations.notation import add_columns

revision = "0007"
down_revision = "0006"

COLUMNS = "assigned_by:text assignment_reason:text routing_model_version:text"
COLUMNS += " sla_miss_probability_ratio:number sla_model_version:text"


def upgrade() -> None:
    """Add the columns."""
    add_columns("ticket_suggestions", COLUMNS)
