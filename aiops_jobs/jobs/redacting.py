"""What every job does to text before it is stored, whichever job made it."""

from __future__ import annotations

import pyarrow as pa

from aiops_jobs.contracts import Table
from aiops_jobs.core.tickets.redact import redact_columns
from aiops_jobs.ports import Context


def redacted(context: Context, table: Table, rows: pa.Table) -> pa.Table:
    """Return rows without personal data and secrets in their sensitive columns, as the policy says."""
    return redact_columns(table, rows, mask_ip=context.policies.tickets.mask_ip_addresses)
