"""Divides what a source delivered into rows to publish and rows put aside, so that nothing disappears.

For every window ``rows_in = published + quarantined + duplicate + late``: a row is published, or it is in the
quarantine with its reason, or it repeats another row exactly.
"""

from __future__ import annotations

from aiops_jobs.core.ingestion.quarantine import Redaction
from aiops_jobs.core.ingestion.splitting import Received, Rejected, Split, split

__all__ = ["Received", "Redaction", "Rejected", "Split", "split"]
