"""What a metric stands for: latency and errors are symptoms, saturation may be a cause.

The first role whose pattern (RE2, searched in the name) fits decides, so an operator's order is the meaning.
"""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa
import pyarrow.compute as pc

from aiops_jobs.core.policies import MetricRole
from aiops_jobs.errors import ConfigurationError

SYMPTOM_ROLES = frozenset({"latency", "errors"})
"""What users feel. A symptom is never a cause."""
UNJUDGED_ROLES = frozenset({"hardware"})
"""Not judged by their season: daily counters of wear, which the failure model reads."""


def roles_of(metric_names: Sequence[str], roles: Sequence[MetricRole]) -> list[MetricRole | None]:
    """Return the role of each metric, in order; ``None`` where no pattern fits.

    Names may repeat: each distinct name is matched once.

    Raises:
        ConfigurationError: A pattern is no RE2 expression.

    Example:
        >>> roles_of(["db_wait_s", "color"], [MetricRole("(latency|wait)", "latency")])[1] is None
        True
    """
    if not metric_names:
        return []
    encoded = pa.array(metric_names, pa.string()).dictionary_encode()
    names = encoded.dictionary
    found: list[MetricRole | None] = [None] * len(names)
    for place, role in enumerate(roles):
        try:
            fits = pc.match_substring_regex(names, role.pattern).to_pylist()
        except pa.ArrowInvalid as error:
            raise ConfigurationError(
                f"policies.roles[{place}].pattern",
                f"is no RE2 expression: {error}",
                remedy="Look-around and back-references do not exist in RE2.",
            ) from error
        found = [known or (role if fit else None) for known, fit in zip(found, fits, strict=True)]
    return [found[code] for code in encoded.indices.to_pylist()]


def label_of(metric_name: str, role: MetricRole | None) -> str:
    """Return what a person calls the metric: the label of its role, or its name."""
    return role.label if role and role.label else metric_name
