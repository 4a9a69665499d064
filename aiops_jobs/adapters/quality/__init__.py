"""The quality gate: contracts and ``expectations/*.yaml``, judged by Great Expectations.

To add an expectation: write it in ``expectations/<table>.yaml``, with owner and why; nothing else changes.
"""

from __future__ import annotations

from aiops_jobs.adapters.quality.gate import ExpectationsGate

__all__ = ["ExpectationsGate"]
