"""Titles without what changes from one alert to the next, and how much two of them resemble each other.

Numbers, ids, addresses and hashes are masked, so that "disk 3 of web-17 is full" and "disk 4 of web-2 is full" have one
template. Templates are compared by the cosine of their letter triples (Salton, Wong and Yang 1975: A Vector Space Model
for Automatic Indexing). Triples are hashed and not weighted by how rare they are: a weight would depend on which other
titles a run happens to see, and halves of a window would not say what the whole says.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from scipy import sparse

from aiops_jobs.core.columns import Floats, Ints

MASKS: tuple[tuple[str, str], ...] = (
    (r"(?i)\b[a-z][a-z0-9+.]*://\S+", "<url>"),
    (r"(?i)\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b", "<id>"),
    (r"\b\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:[.,]\d+)?)?(?:Z|[+-]\d\d:?\d\d)?)?\b", "<time>"),
    (r"\b\d{1,3}(?:\.\d{1,3}){3}(?::\d+)?(?:/\d{1,2})?\b", "<ip>"),
    (r"(?i)\b(?:[0-9a-f]{1,4}:){3,7}[0-9a-f]{1,4}\b", "<ip>"),
    (r"(?i)\b0x[0-9a-f]+\b", "<id>"),
    (r"\b\d+(?:[.,]\d+)*\b", "<n>"),
    (r"(?i)\b[0-9a-f]{6,}[0-9][0-9a-f]*\b", "<id>"),
    (r"(?i)\b(?:[a-z]+[0-9]+|[0-9]+[a-z]+[0-9])[a-z0-9]*(?:[0-9][a-z]|[a-z][0-9])[a-z0-9]*\b", "<id>"),
    (r"\d+(?:[.,]\d+)*", "<n>"),
    (r"\s+", " "),
)
"""What is masked, in this order (RE2 syntax)."""
FEATURES = 2**18
BLOCK = 128
"""Templates that are compared with all others at once."""


def mask(titles: pa.Array) -> pa.Array:
    """Return titles with their volatile parts masked; nulls stay nulls.

    Example:
        >>> mask(pa.array(["disk 3 of 10.0.0.7:9100 at 97.5 %"]))[0].as_py()
        'disk <n> of <ip> at <n> %'
    """
    encoded = titles.dictionary_encode()
    words = encoded.dictionary
    for pattern, name in MASKS:
        words = pc.replace_substring_regex(words, pattern, name)
    return pc.take(pc.utf8_trim_whitespace(words), encoded.indices)


def vectors(templates: Sequence[str]) -> Any:
    """Return letter triples of templates as unit vectors, [N, FEATURES], sparse."""
    from sklearn.feature_extraction.text import HashingVectorizer

    hasher = HashingVectorizer(analyzer="char_wb", ngram_range=(3, 3), n_features=FEATURES, alternate_sign=False)
    return sparse.csr_array(hasher.transform(templates)) if len(templates) else sparse.csr_array((0, FEATURES))


def similar_pairs(units: Any, at_least: float) -> tuple[Ints, Ints]:
    """Return the pairs ``(i, j)``, ``i < j``, of vectors whose cosine reaches a threshold above 0.

    Args:
        units: Unit vectors, [N, F], sparse.
        at_least: Cosine.
    """
    left: list[Ints] = []
    right: list[Ints] = []
    flipped = units.T.tocsc()
    for first in range(0, units.shape[0], BLOCK):
        close = (units[first : first + BLOCK] @ flipped).tocoo()
        i, j = close.coords[0] + first, close.coords[1]
        keep = (close.data >= at_least - 1e-9) & (i < j)
        left.append(i[keep].astype(np.int64))
        right.append(j[keep].astype(np.int64))
    none = np.zeros(0, np.int64)
    return np.concatenate([none, *left]), np.concatenate([none, *right])


def cosines(units: Any, i: Ints, j: Ints) -> Floats:
    """Return the cosine of each pair of vectors."""
    if not len(i):
        return np.zeros(0)
    return np.clip(np.asarray(units[i].multiply(units[j]).sum(axis=1), dtype=np.float64).ravel(), 0.0, 1.0)
