"""What every test relies on: a clean environment, and no state shared between tests."""

import os
import sys
from pathlib import Path

import pytest
from hypothesis import settings

# Examples are drawn anew on a developer's machine; where a run decides what lands, the same ones every time.
settings.register_profile("decides", derandomize=True, deadline=None)
if os.environ.get("CI"):
    settings.load_profile("decides")

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

for _name, _value in {
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "DO_NOT_TRACK": "1",
    "GX_ANALYTICS_ENABLED": "false",
    "OMP_NUM_THREADS": "1",
}.items():
    os.environ.setdefault(_name, _value)


@pytest.fixture(autouse=True)
def _no_settings_leak(monkeypatch):
    """No test sees the operator's settings, nor another test's."""
    keep = {"AIOPS_REQUIRE_SERVERS", "AIOPS_SHARED"}
    for name in list(os.environ):
        if name.startswith("AIOPS_") and name not in keep and not name.startswith("AIOPS_TEST_"):
            monkeypatch.delenv(name)
