"""What a correlation rule finds together: members with equal keys, near each other in time, with titles alike.

All on event time and without a loop over members: a storm of a million alerts is sorted once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import sparse
from scipy.sparse import csgraph

from aiops_jobs.core.alerts.title_templates import cosines, similar_pairs, vectors
from aiops_jobs.core.columns import SECOND, Bools, Floats, Ints
from aiops_jobs.core.incidents.attributes import Attributes
from aiops_jobs.core.incidents.members import Members
from aiops_jobs.core.policies.grouping import CorrelationRule


@dataclass(frozen=True)
class Bunches:
    """What one rule finds together; arrays have one entry a member of a bunch, sorted by bunch and begin.

    Args:
        rule: Position of the rule.
        member: Position in `Members`.
        bunch: Number of the bunch, from 0, without holes.
        similarity: Cosine of the title with that of the bunch's first member; NaN where the rule does not ask.
    """

    rule: int
    member: Ints
    bunch: Ints
    similarity: Floats

    @property
    def heads(self) -> Ints:
        """Position, among the entries, of the first of each entry's bunch."""
        return np.flatnonzero(np.diff(self.bunch, prepend=-1))[self.bunch]


@dataclass(frozen=True)
class Ruled:
    """Why rules made members belong; arrays have one entry a member.

    Args:
        rules: The rules; -1 stands for none.
        rule: The rule that grouped a member.
        partner: The member it was grouped with.
        similarity: How alike their titles are; NaN where nobody asked.
        lacking: The rule whose key it lacks, which keeps it alone.
        keys: Codes and texts of every field that is a key.
    """

    rules: Sequence[CorrelationRule]
    rule: Ints
    partner: Ints
    similarity: Floats
    lacking: Ints
    keys: Mapping[str, tuple[Ints, list[str]]]

    def name(self, member: int) -> str | None:
        """Return the id of the rule that grouped a member, if one did."""
        return self.rules[int(self.rule[member])].rule_id if self.rule[member] >= 0 else None

    def alike(self, member: int) -> float | None:
        """Return how alike the titles are, if a rule asked."""
        value = float(self.similarity[member])
        return None if np.isnan(value) else value

    def sentence(self, member: int) -> str:
        """Return in words what a grouped member has in common with its partner."""
        rule = self.rules[int(self.rule[member])]
        same = [f"{key} `{self.keys[key][1][int(self.keys[key][0][member])]}`" for key in rule.keys]
        alike = self.alike(member)
        parts = [f"the same {' and '.join(same)}"] if same else []
        parts += [f"titles alike to {alike:.0%}"] if alike is not None else []
        return f"Rule `{rule.rule_id}`: {', '.join(parts) or 'near in time'}"

    def excuse(self, member: int) -> str:
        """Return in words why a member stays alone."""
        rule = self.rules[int(self.lacking[member])]
        missing = next(key for key in rule.keys if self.keys[key][0][member] < 0)
        return f"It lacks `{missing}`, which rule `{rule.rule_id}` needs, so it is never grouped with others."


def matching(rule: CorrelationRule, attributes: Attributes, count: int) -> tuple[Bools, Bools]:
    """Return which of ``count`` members a rule is about, and which of those have all its keys."""
    about = np.ones(count, bool)
    for name in sorted(rule.filter):
        about &= attributes.fitting(name, rule.filter[name])
    whole = about.copy()
    for name in rule.keys:
        whole &= attributes.coded(name)[0] >= 0
    return about, whole


def bunches_of(number: int, rule: CorrelationRule, members: Members, attributes: Attributes, among: Bools) -> Bunches:
    """Return what a rule finds together.

    Args:
        number: Position of the rule.
        rule: The rule.
        members: All members.
        attributes: Their fields.
        among: Which may be grouped; all have the keys.
    """
    own = np.flatnonzero(among)
    key = np.zeros(len(own), np.int64)
    for name in rule.keys:
        codes, words = attributes.coded(name)
        key = np.unique(key * (len(words) + 1) + codes[own], return_inverse=True)[1].astype(np.int64)
    order = np.lexsort((own, members.start[own], key))
    own, session = own[order], sessionise(key[order], members.start[own[order]], rule)
    if rule.similarity is None:
        return _worthy(number, rule, members, own, session, None)
    texts, words = attributes.coded("template")
    units = vectors(words)
    own, session, text = own[texts[own] >= 0], session[texts[own] >= 0], texts[own][texts[own] >= 0]
    cluster = _alike(session, text, units, rule.similarity)
    order = np.lexsort((own, members.start[own], cluster))
    own, text = own[order], text[order]
    return _worthy(number, rule, members, own, sessionise(cluster[order], members.start[own], rule), (text, units))


def sessionise(key: Ints, start: Ints, rule: CorrelationRule) -> Ints:
    """Return the number of the session of each row: a new one after a pause, at the end of its life, or when full.

    Args:
        key: What the rows of a session share; sorted.
        start: Begins, microseconds; sorted within a key.
        rule: Gap, lifetime, what it counts from, largest size.
    """
    size = len(key)
    if not size:
        return np.zeros(0, np.int64)
    pause = np.diff(start, prepend=start[:1]) > int(rule.gap_s * SECOND)
    run = np.cumsum((np.diff(key, prepend=key[0] - 1) != 0) | pause) - 1
    edges = np.flatnonzero(np.diff(run, prepend=-1))
    ends = np.append(edges[1:], size)
    base, limit = int(start.min()), int(rule.max_lifetime_s * SECOND)
    width = int(start.max()) - base + limit + 2
    place = run * width + (start - base)
    fresh = np.zeros(size, bool)
    heads, last = edges, ends
    while len(heads):
        fresh[heads] = True
        birth = heads if rule.lifetime_from == "first" else np.minimum(heads + 1, last - 1)
        death = np.searchsorted(place, place[birth] + limit, side="left")
        heads = np.minimum(death, heads + rule.max_size)
        heads, last = heads[heads < last], last[heads < last]
    return np.asarray(np.cumsum(fresh) - 1, dtype=np.int64)


def _alike(session: Ints, text: Ints, units: sparse.csr_array, at_least: float) -> Ints:
    """Return the cluster of each row: same session, and titles alike, directly or through others of the session."""
    if not len(session):
        return session
    pairs, place = np.unique(np.stack([session, text], 1), axis=0, return_inverse=True)
    used = np.unique(text)
    i, j = similar_pairs(units[used], at_least)
    shape = (int(session.max()) + 1, units.shape[0])
    holds = sparse.csc_array((np.arange(1, len(pairs) + 1), (pairs[:, 0], pairs[:, 1])), shape=shape)
    left, right = holds[:, used[i]], holds[:, used[j]]
    both = left.astype(bool).multiply(right.astype(bool))
    one, other = left.multiply(both).tocoo().data - 1, right.multiply(both).tocoo().data - 1
    graph = sparse.csr_array((np.ones(len(one), np.int8), (one, other)), shape=(len(pairs), len(pairs)))
    cluster = csgraph.connected_components(graph, directed=False)[1]
    return np.asarray(cluster[place.ravel()], dtype=np.int64)


def _worthy(
    number: int,
    rule: CorrelationRule,
    members: Members,
    own: Ints,
    session: Ints,
    titles: tuple[Ints, sparse.csr_array] | None,
) -> Bunches:
    """Return the sessions that are large and various enough, with the similarity of each member's title."""
    similarity = np.full(len(own), np.nan)
    if titles is not None and len(own):
        text, units = titles
        first = text[np.flatnonzero(np.diff(session, prepend=-1))][session]
        similarity = cosines(units, text, first)
    count = np.bincount(session, minlength=1)
    enough = count >= rule.min_size
    if rule.min_distinct_rules > 1 and len(own):
        names = np.unique([members.name[m] for m in own.tolist()], return_inverse=True)[1]
        told = np.unique(np.stack([session, names], 1), axis=0)[:, 0]
        enough &= np.bincount(told, minlength=len(count)) >= rule.min_distinct_rules
    keep = enough[session] if len(own) else np.zeros(0, bool)
    bunch = np.unique(session[keep], return_inverse=True)[1].astype(np.int64)
    return Bunches(number, own[keep], bunch, similarity[keep])
