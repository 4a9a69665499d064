"""Detectors: ``fit`` on the past, ``anomaly_scores`` on the present, 1.0 is the boundary.

To add one: write a module with a class that keeps the promise in ``base.py``, made from an ``AnomalyPolicy`` and the
metric roles; add a line below; the conformance suite tests it.
"""

from __future__ import annotations

from importlib import import_module

from aiops_jobs.core.detectors.base import Detector
from aiops_jobs.core.policies import Policies
from aiops_jobs.errors import ConfigurationError

DETECTORS: dict[str, str] = {
    "robust_seasonal": "aiops_jobs.core.detectors.robust_seasonal:RobustSeasonal",
}


def detector_of(name: str, policies: Policies) -> Detector:
    """Return an unfitted detector.

    Raises:
        ConfigurationError: Nobody knows the name.
    """
    if name not in DETECTORS:
        known = ", ".join(sorted(DETECTORS))
        raise ConfigurationError("detector", f"is `{name}`, which is unknown", remedy=f"Use one of: {known}.")
    module, attribute = DETECTORS[name].split(":")
    made: Detector = getattr(import_module(module), attribute)(policies.anomaly, policies.roles)
    return made
