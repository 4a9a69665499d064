"""When what a source delivered is not fit to be published."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class IngestPolicy:
    """When what a source delivered is not fit to be published; the data known before stays then."""

    max_quarantined_ratio: float = 0.05
    """Beyond this share of bad rows the source has changed, rather than its data: a new format, another unit."""
    min_quarantined_count: int = 20
    """Fewer bad rows than this never hold back a window: two of nine tell nothing about the source."""
    max_duplicate_ratio: float = 0.5
    """Beyond this share of repeated rows the source has lost its place and delivers pages twice."""
    partial_above_ratio: float = 0.001
    """From this share of bad rows on the window counts as incomplete; a stray row does not."""
