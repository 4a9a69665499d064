"""Where Alembic runs the migrations: on the connection, and inside the transaction, of whoever asked."""

from __future__ import annotations

from alembic import context

from aiops_jobs.adapters.warehouse.migration import comparison
from aiops_jobs.adapters.warehouse.schema import warehouse_metadata

attributes = context.config.attributes
context.configure(
    connection=attributes["connection"],
    target_metadata=warehouse_metadata(),
    render_item=attributes.get("render_item"),
    **comparison(),
)
with context.begin_transaction():
    context.run_migrations()
