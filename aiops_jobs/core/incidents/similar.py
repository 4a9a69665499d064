"""Which incidents and tickets of the past resemble an incident: the same words, the same place, the same cause.

Words are compared by the cosine of their TF-IDF vectors (Salton & Buckley, 1988), after everything with a digit in it
has been masked. How rare a word is follows, for each incident, from what was over before it began: nothing learned
later takes part, and it does not matter which window a run was asked for. What two have in common besides is added with
the policy's weights, over the weights of what both could have in common. What has a recorded resolution and
cause comes before what resembles as much and has neither.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from scipy import sparse
from sklearn.feature_extraction.text import CountVectorizer

from aiops_jobs.contracts.knowledge import SIMILAR_INCIDENTS
from aiops_jobs.core.columns import Floats, Ints, rows_from_records
from aiops_jobs.core.policies import SimilarityPolicy
from aiops_jobs.identity import canonical_json

Codes = npt.NDArray[np.int32]
FACETS = ("cause", "entity", "service", "entity_kind", "cause_kind", "alert_rule")
EVERYBODYS = FACETS[:4]
"""What tickets and incidents both have, or should: not to have it is to differ. The rest only incidents have."""
TOKEN = r"(?u)[^\W\d_]{2,}"  # noqa: S105 - a pattern of words
MASKED = r"[\w.:/@-]*\d[\w.:/@-]*"
"""Numbers, addresses, ids, and the names of single machines: what differs between two tellings of the same trouble."""
NOTHING = -1
SAID_ALIKE = 0.15
"""Cosine from which on `words` is told as something two have in common."""


@dataclass(frozen=True)
class Subject:
    """An incident as it is compared: its words, and the names by which it may resemble others."""

    incident_id: str
    started_at: Any
    began: int
    """Microseconds."""
    text: str
    facets: Mapping[str, frozenset[str]]
    """Names by facet (`FACETS`); an incident may touch several entities and alert rules."""


@dataclass(frozen=True)
class Past:
    """What is over, one entry a document; all columns are equally long."""

    rows: pa.Table
    """``similar_id, similar_kind, title, opened_at, resolution_code, resolution, cause_entity_id``."""
    ended: Ints
    """When it was over, microseconds."""
    texts: pa.Array
    facets: Mapping[str, pa.Array]
    """One name a document, or null, by facet."""


@dataclass(frozen=True)
class Corpus:
    """The past, made ready for comparisons: every text that differs once, and codes for names."""

    past: Past
    vectorizer: CountVectorizer | None
    counts: sparse.csr_matrix | None
    """Damped word counts of each distinct text."""
    text_of: Ints
    """Distinct text of each document."""
    codes: Mapping[str, Codes]
    words: Mapping[str, Mapping[str, int]]
    is_settled: Floats
    """1 where both resolution and cause are recorded."""


def to_similar_incidents(
    subjects: Sequence[Subject], past: Past, *, policy: SimilarityPolicy, policy_version: str
) -> pa.Table:
    """Return rows of ``similar_incidents`` (lineage left out): at most ``policy.most`` for each incident.

    Cost: one pass over the distinct texts of the past, then a few sparse products per incident.
    """
    corpus = to_corpus(past)
    rows: list[dict[str, Any]] = []
    for subject in sorted(subjects, key=lambda s: s.incident_id):
        rows += [{**row, "policy_version": policy_version} for row in closest(subject, corpus, policy)]
    return rows_from_records(SIMILAR_INCIDENTS, rows)


def to_corpus(past: Past) -> Corpus:
    """Index the past."""
    encoded = pc.dictionary_encode(masked(past.texts))
    vectorizer, counts = None, None
    if len(encoded.dictionary):
        vectorizer = CountVectorizer(token_pattern=TOKEN, lowercase=False, dtype=np.float64)
        try:
            counts = _damped(vectorizer.fit_transform(encoded.dictionary.to_pylist()))
        except ValueError:  # scikit-learn's word for texts without a single word
            vectorizer = None
    codes, words = {}, {}
    for facet, column in past.facets.items():
        named = pc.dictionary_encode(column)
        codes[facet] = np.asarray(named.indices.fill_null(NOTHING).to_numpy(zero_copy_only=False), np.int32)
        words[facet] = {name: code for code, name in enumerate(named.dictionary.to_pylist())}
    has_code = past.rows["resolution_code"].is_valid()
    settled = pc.and_(has_code, past.rows["cause_entity_id"].is_valid()).cast(pa.float64())
    text_of = np.asarray(encoded.indices.to_numpy(zero_copy_only=False), np.int64)
    return Corpus(past, vectorizer, counts, text_of, codes, words, np.asarray(settled.to_numpy()))


def masked(texts: pa.Array) -> pa.Array:
    """Return texts in small letters, without what differs between two tellings of the same trouble."""
    return pc.replace_substring_regex(pc.utf8_lower(texts.cast(pa.string()).fill_null("")), MASKED, " ")


def closest(subject: Subject, corpus: Corpus, policy: SimilarityPolicy) -> list[dict[str, Any]]:
    """Return the rows about one incident, without policy version; it is never compared with itself."""
    known = np.flatnonzero(corpus.past.ended <= subject.began)
    if not len(known):
        return []
    similarity, shared = _similarity(subject, corpus, known, policy)
    order = similarity + policy.resolved_bonus * corpus.is_settled[known]
    near = np.flatnonzero(similarity >= policy.min_similarity)
    if len(near) > 4 * policy.most:  # ties at the edge are settled by name, so a few more are sorted
        edge = np.partition(order[near], -policy.most)[-policy.most]
        near = near[order[near] >= edge - 1e-9]
    rows = corpus.past.rows.take(pa.array(known[near])).to_pylist()
    ranked = sorted(
        zip(near.tolist(), rows, strict=True),
        key=lambda pair: (-round(float(order[pair[0]]), 9), -pair[1]["opened_at"].timestamp(), pair[1]["similar_id"]),
    )
    return [
        {
            **row,
            "incident_id": subject.incident_id,
            "similar_rank": rank,
            "started_at": subject.started_at,
            "similarity_ratio": round(float(similarity[place]), 9),
            "matched_on": canonical_json(sorted(name for name, same in shared.items() if same[place])),
        }
        for rank, (place, row) in enumerate(ranked[: policy.most], start=1)
    ]


def _similarity(
    subject: Subject, corpus: Corpus, known: Ints, policy: SimilarityPolicy
) -> tuple[Floats, dict[str, npt.NDArray[np.bool_]]]:
    """Return how similar each known document is, and what it shares with the incident."""
    cosine = _cosine(subject.text, corpus, known)
    total = policy.words_weight * cosine
    possible = np.full(len(known), policy.words_weight)
    shared = {"words": cosine >= SAID_ALIKE}
    weights = {"cause": policy.cause_weight, "entity": policy.place_weight}
    for facet in FACETS:
        names = subject.facets.get(facet, frozenset())
        if not names or facet not in corpus.codes:
            continue
        weight = weights.get(facet, policy.context_weight)
        codes = corpus.codes[facet][known]
        wanted = [corpus.words[facet][name] for name in names if name in corpus.words[facet]]
        same = np.isin(codes, wanted)
        shared[facet] = same
        total += weight * same
        possible += weight if facet in EVERYBODYS else weight * (codes != NOTHING)
    return total / np.maximum(possible, 1e-12), shared


def _cosine(text: str, corpus: Corpus, known: Ints) -> Floats:
    """Return the TF-IDF cosine of a text and each known document, with words as rare as they are among these."""
    if corpus.vectorizer is None or corpus.counts is None:
        return np.zeros(len(known))
    said = masked(pa.array([text])).to_pylist()
    query = _damped(corpus.vectorizer.transform(said))
    strange = Counter(w for w in corpus.vectorizer.build_analyzer()(said[0]) if w not in corpus.vectorizer.vocabulary_)
    counts = corpus.counts
    copies = np.bincount(corpus.text_of[known], minlength=counts.shape[0]).astype(np.float64)
    holds = np.repeat(copies, np.diff(counts.indptr))
    frequency = np.bincount(counts.indices, weights=holds, minlength=counts.shape[1])
    rarity = np.log((1.0 + len(known)) / (1.0 + frequency)) + 1.0
    squared = rarity * rarity
    weighted = np.asarray(query.toarray()).ravel() * squared
    unheard = sum((1.0 + np.log(n)) ** 2 for n in strange.values()) * (np.log(1.0 + len(known)) + 1.0) ** 2
    norm = np.sqrt(float(np.asarray(query.multiply(query) @ squared).ravel()[0]) + unheard)
    norms = np.sqrt(counts.multiply(counts) @ squared)
    found = np.asarray(counts @ weighted) / np.maximum(norms * norm, 1e-12)
    return np.asarray(np.clip(found, 0.0, 1.0))[corpus.text_of[known]]


def _damped(counts: Any) -> sparse.csr_matrix:
    """Return counts as ``1 + log(count)``: a word said ten times is not ten times as telling."""
    damped = sparse.csr_matrix(counts, dtype=np.float64)
    damped.data = 1.0 + np.log(damped.data)
    return damped
