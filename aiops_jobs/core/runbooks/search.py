"""Finding what is known by words: runbooks, past incidents, past tickets. Offline, for English and Korean questions.

Documents and questions are vectors of TF-IDF over words and over pieces of words; a document's score is the mean of the
two cosines. Pieces (2 to 4 letters inside a word) make inflections, compounds and Korean particles meet.

Reference: Salton and Buckley, *Term-weighting approaches in automatic text retrieval*, 1988 (sublinear TF, cosine).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from aiops_jobs.core.runbooks.runbook import Runbook

_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_WORD = re.compile(r"[a-z0-9]+|[\uac00-\ud7a3]+")
TITLE_WEIGHT = 2
"""A title counts as often as this."""
WRITTEN_OUT = {
    "k8s": "kubernetes",
    "db": "database",
    "oom": "out of memory",
    "oomkilled": "out of memory killed",
    "cert": "certificate",
    "lb": "load balancer",
    "mq": "message queue",
    "fs": "filesystem",
    "config": "configuration",
    "conn": "connection",
    "mem": "memory",
    "repl": "replication",
}
"""Short forms of the field, written out in questions and documents alike."""
_LITTLE_WORDS = """
a an and are as at be because been but by can could do does for from had has have how i if in into is it its just me my
no not of on one only or our out so some than that the their them then there they this to too up was we were what when
which while who why will with you your
"""
COMMON = frozenset(_LITTLE_WORDS.split())
"""Words that tell nothing."""


@dataclass(frozen=True, slots=True)
class Document:
    """Something that can be found."""

    id: str
    kind: str
    """runbook | incident | ticket"""
    title: str
    text: str


@dataclass(frozen=True, slots=True)
class Hit:
    """A document that was found, with the words it shares with the question."""

    document: Document
    score: float
    matched: tuple[str, ...]


def words_of(text: str) -> list[str]:
    """Return the words of a text: NFKC, CamelCase taken apart and kept whole, lower case, short forms written out.

    Example:
        >>> words_of("CrashLoopBackOff of the DB")
        ['crash', 'loop', 'back', 'off', 'crashloopbackoff', 'database']
    """
    found: list[str] = []
    for raw in re.split(r"\s+", unicodedata.normalize("NFKC", text)):
        parts = _WORD.findall(_HUMP.sub(" ", raw).lower())
        whole = _WORD.findall(raw.lower())
        for word in [*parts, *(w for w in whole if w not in parts)]:
            found += WRITTEN_OUT.get(word, word).split()
    return [word for word in found if word not in COMMON]


def runbook_document(runbook: Runbook) -> Document:
    """Return a runbook as a document: what an engineer sees, what it does, and further words to find it by."""
    names = [step.name for step in runbook.steps]
    parts = [runbook.summary, *runbook.symptoms, *runbook.keywords, *names, runbook.id.replace("-", " ")]
    return Document(runbook.id, "runbook", runbook.title, ". ".join(parts))


class Library:
    """Documents made ready to be searched.

    Invariants: the same documents, in any order, give the same hits.

    Args:
        documents: What can be found; ids are unique within a kind.
    """

    def __init__(self, documents: Sequence[Document]) -> None:
        from sklearn.feature_extraction.text import TfidfVectorizer

        self.documents = sorted(documents, key=lambda d: (d.kind, d.id))
        self._words = [words_of(f"{(d.title + ' ') * TITLE_WEIGHT}{d.text}") for d in self.documents]
        texts = [" ".join(words) for words in self._words]
        common: dict[str, Any] = {"sublinear_tf": True, "norm": "l2"}
        self._models = [
            TfidfVectorizer(analyzer="word", token_pattern=r"\S+", ngram_range=(1, 2), **common),  # noqa: S106
            TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 4), **common),
        ]
        self._matrices = [model.fit_transform(texts) for model in self._models] if any(texts) else []

    def search(self, question: str, *, limit: int = 5) -> list[Hit]:
        """Return the best documents for a question, best first; those that share nothing with it are left out."""
        asked = words_of(question)
        if not asked or not self._matrices:
            return []
        text = " ".join(asked)
        cosines = [
            np.asarray((matrix @ model.transform([text]).T).todense()).ravel()
            for model, matrix in zip(self._models, self._matrices, strict=True)
        ]
        scores = np.mean(cosines, axis=0)
        order = sorted(range(len(scores)), key=lambda place: (-scores[place], place))[:limit]
        return [
            Hit(self.documents[place], float(scores[place]), self._matched(place, asked))
            for place in order
            if scores[place] > 0
        ]

    def _matched(self, place: int, asked: Sequence[str]) -> tuple[str, ...]:
        """Return the words of the question that the document holds, whole or as the begin of another."""
        held = set(self._words[place])
        return tuple(dict.fromkeys(word for word in asked if word in held or _kin(word, held)))


def _kin(word: str, held: set[str]) -> bool:
    shortest = 2 if "\uac00" <= word[0] <= "\ud7a3" else 4
    return len(word) >= shortest and any(
        len(other) >= shortest and (other.startswith(word) or word.startswith(other)) for other in held
    )
