"""How busy the estate is: the shape of days and weeks, and noise as monitoring systems see it."""

from __future__ import annotations

import numpy as np
from scipy.signal import lfilter

from aiops_jobs.core.estate.spec import DAY_S, EstateSpec, Floats, Grid, Ints

WEEKDAY_FACTOR = np.array([1.0, 0.98, 1.0, 1.02, 1.05, 0.86, 0.90])
"""Monday first."""
TAIL_DEGREES = 8
"""Degrees of freedom of the noise: tails heavier than normal, as measured latencies have, yet with a variance."""


def shape(seconds: Ints) -> Floats:
    """Return the load at instants (seconds since the epoch): about 1 at a weekday's noon, 0.3 at night."""
    hour = (seconds % DAY_S) / 3600.0
    weekday = ((seconds // DAY_S) + 3) % 7
    noon = np.exp(-0.5 * ((hour - 12.5) / 3.4) ** 2)
    evening = 0.75 * np.exp(-0.5 * ((hour - 19.8) / 2.1) ** 2)
    late = 0.75 * np.exp(-0.5 * ((hour + 24 - 19.8) / 2.1) ** 2)
    return np.asarray((0.28 + 0.72 * (noon + evening + late)) * WEEKDAY_FACTOR[weekday])


def drift(rng: np.random.Generator, size: tuple[int, int], *, sigma: float, memory: float = 0.97) -> Floats:
    """Return slowly wandering noise (rows x time) of standard deviation ``sigma``: a first-order autoregression."""
    steps = rng.standard_normal(size) * np.sqrt(1 - memory**2)
    steps[:, :1] /= np.sqrt(1 - memory**2)
    return np.asarray(sigma * lfilter([1.0], [1.0, -memory], steps, axis=1))


def jitter(rng: np.random.Generator, size: tuple[int, int], *, sigma: float) -> Floats:
    """Return noise from sample to sample with heavy tails, of standard deviation ``sigma``."""
    scale = np.sqrt((TAIL_DEGREES - 2) / TAIL_DEGREES)
    return np.asarray(sigma * scale * rng.standard_t(TAIL_DEGREES, size))


def spikes(rng: np.random.Generator, size: tuple[int, int], *, share: float = 4e-4) -> Floats:
    """Return factors that are 1 but for rare single samples up to 2.5: a garbage collection, a cold cache."""
    return np.where(rng.random(size) < share, rng.uniform(1.3, 2.5, size), 1.0)


def service_load(spec: EstateSpec, grid: Grid, services: int) -> Floats:
    """Return services x time: load relative to the service's weekday peak; correlated, for all live off one door."""
    rng = spec.rng("load")
    common = drift(rng, (1, grid.size), sigma=0.03)
    own = drift(rng, (services, grid.size), sigma=0.015)
    rough = jitter(rng, (services, grid.size), sigma=0.02)
    return np.asarray(shape(grid.seconds) * np.exp(common + own + rough))
