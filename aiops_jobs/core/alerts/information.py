"""How much the words of an alert tell, learned from how often each was used before.

As Moogsoft has it: a word never seen is worth 1, and the less the more often it came; an alert is worth the mean of its
words. What is different each time (numbers, addresses, ids) is no word.
"""

from __future__ import annotations

import re

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from scipy import sparse

from aiops_jobs.core.alerts.past import Past
from aiops_jobs.core.alerts.stretches import Stretches
from aiops_jobs.core.alerts.subjects import Subjects, shared_codes
from aiops_jobs.core.columns import OPEN, Bools, Floats, plain
from aiops_jobs.core.policies.suppression import InformationPolicy

RULE_ID = "share_excluded"
APART = re.compile(r"[^0-9A-Za-z\u00c0-\uffff]+|(?<=[a-z])(?=[A-Z])")


def words_of(text: str) -> list[str]:
    """Return the different words of a text in lower case, sorted, without what is volatile.

    Example:
        >>> words_of("HighLatency: 99 % of web-07 at 10.0.0.7 (id 3f9ac2)")
        ['at', 'high', 'id', 'latency', 'of', 'web']
    """
    parts = {part.lower() for part in APART.split(text)}
    return sorted(part for part in parts if len(part) > 1 and not any(c.isdigit() for c in part))


def informativeness(past: Past, share: float) -> tuple[Floats, Floats]:
    """Return how much each alert tells, from 0 to 1, and the worth below which ``share`` of the past before it lies.

    Both are NaN where nothing was known before the day of the alert.
    """
    (now, then), texts = shared_codes(_texts(past.now), _texts(past.then))
    told = _incidence([text or "" for text in texts])
    size = np.maximum(told.sum(axis=1), 1)
    worth, limit = np.full(len(past.now), np.nan), np.full(len(past.now), np.nan)
    for _, picked, known in past.days():
        total = int(known.sum())
        if not total:
            continue
        used = np.bincount(then[known], minlength=len(texts)) @ told
        value = 1.0 - np.log1p(used) / np.log1p(total)
        each = (told @ np.clip(value, 0.0, 1.0)) / size
        worth[picked] = each[now[picked]]
        limit[picked] = np.quantile(each[then[known]], share)
    return worth, limit


def low_information(past: Past, may_be_quiet: Bools, policy: InformationPolicy) -> tuple[Stretches, Floats]:
    """Return the stretches in which alerts say too little to be told, and how much each says."""
    worth, limit = informativeness(past, policy.share_excluded)
    alert = np.flatnonzero((worth < limit) & may_be_quiet)
    found = Stretches(
        alert,
        past.now.start[alert],
        np.full(len(alert), OPEN),
        [RULE_ID] * len(alert),
        [
            f"Its words tell {own:.2f} of 1; {policy.share_excluded:.0%} of all past alerts tell less than {least:.2f}."
            for own, least in zip(worth[alert].tolist(), limit[alert].tolist(), strict=True)
        ],
        [None] * len(alert),
    )
    return found, worth


def _texts(subjects: Subjects) -> pa.Array:
    return pc.binary_join_element_wise(
        plain(subjects.alerts["alert_name"]), plain(subjects.alerts["summary"]).fill_null(""), " "
    )


def _incidence(texts: list[str]) -> sparse.csr_array:
    """Return which text [T] holds which word [W], sparse."""
    words: dict[str, int] = {}
    rows, columns = [], []
    for row, text in enumerate(texts):
        for word in words_of(text):
            rows.append(row)
            columns.append(words.setdefault(word, len(words)))
    shape = (len(texts), max(len(words), 1))
    return sparse.csr_array((np.ones(len(rows)), (rows, columns)), shape=shape)
