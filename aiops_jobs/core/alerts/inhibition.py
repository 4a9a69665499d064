"""What is quiet because something that explains it fires: inhibition with the semantics of Prometheus Alertmanager.

A target alert is quiet while a source alert fires that has the same values for all ``equal`` labels. A missing label is
an empty one, so two alerts that both lack it are equal. An alert that matches both sides is not inhibited by one of
which the same is true, itself included (https://prometheus.io/docs/alerting/latest/configuration/#inhibit_rule).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

import numpy as np

from aiops_jobs.core.alerts.stretches import Stretches, joined, merged, overlaps
from aiops_jobs.core.alerts.subjects import Subjects
from aiops_jobs.core.columns import Bools, Ints, texts_of
from aiops_jobs.core.policies.suppression import MATCHER, InhibitionRule


def inhibited(subjects: Subjects, rules: Sequence[InhibitionRule]) -> Stretches:
    """Return the stretches in which alerts are inhibited by others."""
    return joined([part for rule in rules for part in _of_rule(subjects, rule)])


def _of_rule(subjects: Subjects, rule: InhibitionRule) -> list[Stretches]:
    is_source, is_target = (_matches(subjects, m) for m in (rule.source_matchers, rule.target_matchers))
    key = _keys(subjects, rule.equal)
    one_sided = _mute(subjects, rule, key, is_source & ~is_target, is_target & is_source)
    any_sided = _mute(subjects, rule, key, is_source, is_target & ~is_source)
    return [one_sided, any_sided]


def _mute(subjects: Subjects, rule: InhibitionRule, key: Ints, sources: Bools, targets: Bools) -> Stretches:
    loud, muted = np.flatnonzero(sources), np.flatnonzero(targets)
    whole, heads = merged(key[loud], subjects.start[loud], subjects.end[loud])
    question, hit = overlaps(whole, key[muted], subjects.start[muted], subjects.end[muted])
    alert = muted[question]
    by = loud[heads[hit]]
    ids, names = texts_of(subjects.alerts["alert_id"]), texts_of(subjects.alerts["alert_name"])
    nodes = subjects.node
    return Stretches(
        alert,
        np.maximum(whole.start[hit], subjects.start[alert]),
        whole.end[hit],
        [rule.name] * len(alert),
        [f"`{names[i]}` of `{nodes[int(i)].as_py() or 'nothing named'}` fires and explains it." for i in by],
        [ids[i] for i in by],
    )


def _matches(subjects: Subjects, matchers: Sequence[str]) -> Bools:
    held = np.ones(len(subjects), bool)
    for text in matchers:
        label, holds = _read(text)
        values = subjects.label(label)
        known = {value: holds(value) for value in set(values)}
        held &= np.array([known[value] for value in values], dtype=bool)
    return held


def _read(matcher: str) -> tuple[str, Callable[[str], bool]]:
    """Return the label of a matcher, and the test of its value; the policy has refused what cannot be read."""
    found = re.match(MATCHER, matcher)
    label, operator, wanted = found.groups() if found else ("", "=", "")
    pattern = re.compile(wanted if "~" in operator else re.escape(wanted))
    negated = operator.startswith("!")
    return label, lambda value: (pattern.fullmatch(value) is None) == negated


def _keys(subjects: Subjects, labels: Sequence[str]) -> Ints:
    """Return a number for each combination of the labels that must be equal."""
    numbers: dict[tuple[str, ...], int] = {}
    columns = [subjects.label(name) for name in labels]
    rows = zip(*columns, strict=True) if columns else iter([()] * len(subjects))
    return np.array([numbers.setdefault(row, len(numbers)) for row in rows], np.int64)
