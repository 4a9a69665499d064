"""Order statistics of many short lists at once, missing values allowed: what outliers cannot move.

Everything works along the last axis and knows NaN as *not there*; a list without a value gives NaN, never a warning.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Singles = npt.NDArray[np.float32]
Counts = npt.NDArray[np.int64]


def ordered(values: Singles) -> tuple[Singles, Counts]:
    """Return ``values`` sorted along the last axis, missing ones last, and how many are there."""
    return np.sort(values, axis=-1), np.isfinite(values).sum(axis=-1)


def quantile(sorted_values: Singles, counts: Counts, q: float | npt.NDArray[np.float64]) -> Singles:
    """Return the ``q`` quantile of the first ``counts`` of each sorted list, linear between neighbours."""
    place = np.maximum(counts - 1, 0) * q
    low = np.floor(place).astype(np.int64)
    high = np.minimum(low + 1, np.maximum(counts - 1, 0))
    share = (place - low).astype(np.float32)
    at_low, at_high = pick(sorted_values, low), pick(sorted_values, high)
    return np.where(share > 0, at_low + share * (at_high - at_low), at_low).astype(np.float32)


def median(values: Singles) -> Singles:
    """Return the median along the last axis."""
    return quantile(*ordered(values), 0.5)


def pick(values: Singles, index: Counts) -> Singles:
    """Return one element of each list along the last axis."""
    return np.take_along_axis(values, index[..., None], axis=-1)[..., 0]


def medians_without_each(values: Singles) -> tuple[Singles, Singles]:
    """Return the median of each list, and the median it has without each one of its elements.

    Leaving an element out moves the median by at most one place, so one sort serves all of them.

    Args:
        values: [..., n]

    Returns:
        The medians, [...], and for each element the median of the *other* elements, [..., n]: NaN where there is
        no other; the plain median at the place of a missing element.
    """
    lists, counts = ordered(values)
    low, high = np.maximum(counts - 2, 0) // 2, np.maximum(counts - 1, 0) // 2
    last = max(values.shape[-1] - 1, 0)
    without = (_skipping(values, lists, low, last) + _skipping(values, lists, high, last)) * np.float32(0.5)
    whole = quantile(lists, counts, 0.5)
    without[counts < 2] = np.nan
    return whole, np.where(np.isfinite(values), without, whole[..., None]).astype(np.float32)


def _skipping(values: Singles, lists: Singles, place: Counts, last: int) -> Singles:
    """Return the element at ``place`` of the sorted list from which each value was removed in turn."""
    here = pick(lists, place)[..., None]
    after = pick(lists, np.minimum(place + 1, last))[..., None]
    return np.where(values <= here, after, here)


def smoothed(values: Singles, weights: tuple[float, ...]) -> Singles:
    """Return the weighted mean of neighbours along the last axis, over those that are there.

    Args:
        weights: Centre first, then the neighbour on either side, and so on.
    """
    there = np.isfinite(values)
    complete = bool(there.all())
    filled = values if complete else np.where(there, values, np.float32(0))
    total = filled * np.float32(weights[0])
    mass = there * np.float32(weights[0]) if not complete else None
    reach = len(weights) - 1
    padded = _edges(filled, reach)
    shares = None if mass is None else _edges(there.astype(np.float32), reach)
    n = values.shape[-1]
    for distance in range(1, reach + 1):
        for shift in (reach - distance, reach + distance):
            total = total + padded[..., shift : shift + n] * np.float32(weights[distance])
            if mass is not None and shares is not None:
                mass = mass + shares[..., shift : shift + n] * np.float32(weights[distance])
    if mass is None:
        return total / np.float32(weights[0] + 2 * sum(weights[1:]))
    return np.where(mass > 0, total / np.where(mass > 0, mass, 1), np.nan).astype(np.float32)


def room(values: Singles, reach: int) -> tuple[Singles, Singles]:
    """Return how far neighbours within ``reach`` along the last axis lie above and below each value, at most."""
    padded = _edges(values, reach)
    n = values.shape[-1]
    highest, lowest = values, values
    for shift in range(2 * reach + 1):
        near = padded[..., shift : shift + n]
        highest, lowest = np.fmax(highest, near), np.fmin(lowest, near)
    return highest - values, values - lowest


def _edges(values: Singles, reach: int) -> Singles:
    """Return ``values`` continued beyond both ends by their first and last column."""
    first, final = values[..., :1], values[..., -1:]
    return np.concatenate([*[first] * reach, values, *[final] * reach], axis=-1)
