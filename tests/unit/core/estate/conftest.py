"""Small estates, simulated once for each worker."""

from datetime import timedelta
from functools import lru_cache

import pytest

from aiops_jobs.core.estate import Estate, EstateSpec, simulate
from aiops_jobs.window import Window

WEEK = Window.parse("2026-11-09T00:00:00Z", "2026-11-16T00:00:00Z")


def spec_of(scenario: str, seed: int = 1, window: Window = WEEK, **sizes) -> EstateSpec:
    small = {
        "history": timedelta(days=8),
        "wear_history": timedelta(days=70),
        "app_hosts": 8,
        "storage_hosts": 4,
        "disks_per_host": 12,
        "logs_per_day": 1500,
        "traces_per_day": 1900,
    }
    return EstateSpec(scenario, seed, window, **{**small, **sizes})


@lru_cache(maxsize=24)
def _estate(scenario: str, seed: int) -> Estate:
    return simulate(spec_of(scenario, seed))


@pytest.fixture
def estate():
    """Return a function from scenario and seed to a small estate over the same week."""
    return lambda scenario, seed=1: _estate(scenario, seed)


@pytest.fixture
def small_spec():
    """Return a function from scenario, seed, window and sizes to a spec of a small estate."""
    return spec_of
