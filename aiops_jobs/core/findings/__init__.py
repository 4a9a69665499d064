"""From scores to findings: episodes with a begin, an end and a sentence a person understands; silence is one too."""

from __future__ import annotations

from aiops_jobs.core.findings.anomalies import to_anomalies, to_findings
from aiops_jobs.core.findings.episodes import Episodes, in_progress, to_episodes
from aiops_jobs.core.findings.silences import silent_series, to_silences

__all__ = ["Episodes", "in_progress", "silent_series", "to_anomalies", "to_episodes", "to_findings", "to_silences"]
