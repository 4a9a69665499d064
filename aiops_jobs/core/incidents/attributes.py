"""What correlation rules may ask of members: their fields, labels and titles, as codes.

The fields are those of `aiops_jobs.core.policies.grouping.FIELDS`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from fnmatch import translate
from re import compile as compiled

import numpy as np
import pyarrow as pa

from aiops_jobs.contracts.columns import SEVERITIES
from aiops_jobs.core.alerts.title_templates import mask
from aiops_jobs.core.columns import Bools, Ints, texts_of
from aiops_jobs.core.incidents.members import Members
from aiops_jobs.core.policies.grouping import LABELS

Texts = Sequence[str | None]


class Attributes:
    """Fields of members, each read when a rule first asks for it.

    Args:
        members: Whose.
        alerts: ``alerts``: titles and labels of the members that are alerts.
        findings: ``findings``: titles of the others.
    """

    def __init__(self, members: Members, alerts: pa.Table, findings: pa.Table) -> None:
        self.members = members
        self._alerts = alerts
        self._findings = findings
        self._known: dict[str, tuple[Ints, list[str]]] = {}

    def coded(self, name: str) -> tuple[Ints, list[str]]:
        """Return a field of every member as codes (-1: missing or empty) and the sorted texts they stand for.

        Raises:
            KeyError: There is no such field.
        """
        if name not in self._known:
            texts = [text or None for text in self._texts(name)]
            words = sorted({text for text in texts if text})
            place = {word: i for i, word in enumerate(words)}
            codes = np.array([place[text] if text else -1 for text in texts], np.int64)
            self._known[name] = codes, words
        return self._known[name]

    def fitting(self, name: str, patterns: Sequence[str]) -> Bools:
        """Tell which members have a field that fits one of the patterns; a missing one fits none."""
        codes, words = self.coded(name)
        tests = [compiled(translate(pattern)) for pattern in patterns]
        fits = np.array([*(any(test.match(word) for test in tests) for word in words), False], dtype=bool)
        return np.asarray(fits[codes], dtype=bool)

    def _texts(self, name: str) -> Texts:
        if name.startswith(LABELS):
            return self._labels(name.removeprefix(LABELS))
        return _FIELDS[name](self)

    def _labels(self, name: str) -> Texts:
        said = texts_of(self._alerts["labels"])
        read = {text: _label(text, name) for text in set(said)}
        return self._by_member(self._alerts, "alert_id", [read[text] for text in said])

    def titles(self) -> Texts:
        """Return what each member says of itself: the summary of an alert, else its name; the title of a finding."""
        told = texts_of(self._alerts["summary"])
        names = texts_of(self._alerts["alert_name"])
        told = [text or name for text, name in zip(told, names, strict=True)]
        titles = self._by_member(self._alerts, "alert_id", told)
        found = self._by_member(self._findings, "finding_id", texts_of(self._findings["title"]))
        return [title or other for title, other in zip(titles, found, strict=True)]

    def templates(self) -> Texts:
        """Return the titles with their volatile parts masked."""
        templates: list[str | None] = mask(pa.array(self.titles(), pa.string())).to_pylist()
        return templates

    def _by_member(self, rows: pa.Table, key: str, values: Texts) -> Texts:
        said = dict(zip(texts_of(rows[key]), values, strict=True))
        return [said.get(member) for member in self.members.ids]

    def kinds(self) -> Texts:
        """Return the kind of each member's node."""
        return [node.partition("/")[0] if node else None for node in self.members.nodes]


_FIELDS: dict[str, Callable[[Attributes], Texts]] = {
    "entity_id": lambda own: own.members.entity,
    "entity_kind": lambda own: own.kinds(),
    "service_name": lambda own: own.members.service,
    "host_name": lambda own: own.members.host,
    "node": lambda own: own.members.nodes,
    "name": lambda own: own.members.name,
    "source": lambda own: own.members.source,
    "severity": lambda own: [SEVERITIES[code] for code in own.members.severity.tolist()],
    "member_kind": lambda own: ["alert" if alert else "finding" for alert in own.members.is_alert.tolist()],
    "cause_kind": lambda own: [meaning.cause for meaning in own.members.meaning],
    "title": lambda own: own.titles(),
    "template": lambda own: own.templates(),
}


def _label(labels: str | None, name: str) -> str | None:
    value = json.loads(labels).get(name) if labels else None
    return None if value is None else str(value)
