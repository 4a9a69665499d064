"""How sinks are doing, what people have stopped, and when a call was decided, meant and settled."""

from __future__ import annotations

from aiops_jobs.adapters.warehouse.migrations.notation import add_columns, create_tables

revision = "0004"
down_revision = "0003"

SCHEMA = """
sink_states: endpoint
    index updated_at
    endpoint:text! sink_state:text! failure_count:integer! refusal_count:integer! retry_tokens:number! retry_at:instant
    reason:text! updated_at:instant!

switches: switch_name
    index updated_at
    switch_name:text! is_stopped:flag! reason:text! changed_by:text updated_at:instant!
"""
COLUMNS = "target_key:text told_until:instant enqueued_at:instant settled_at:instant"


def upgrade() -> None:
    """Add the tables and columns."""
    create_tables(SCHEMA)
    add_columns("ticket_outbox", COLUMNS)
