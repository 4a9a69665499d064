"""Grouping in stages: rules before the topology, rules beside it, rules for what it has related to nothing.

Every member ends in one incident. Within a stage relations add up: what two rules share is one incident, unless that
would become too large or too long; then the rules are followed one after the other, each as far as the limits allow
(a guard against chaining). Without any rule, the topology alone decides.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa
from scipy import sparse
from scipy.sparse import csgraph

from aiops_jobs.core.columns import SECOND, Bools, Ints, Words
from aiops_jobs.core.incidents.attributes import Attributes
from aiops_jobs.core.incidents.group import Group, Grouping, group_members, incident_ids
from aiops_jobs.core.incidents.members import Members
from aiops_jobs.core.incidents.relations import joined, no_links
from aiops_jobs.core.incidents.rules import Bunches, Ruled, bunches_of, matching
from aiops_jobs.core.incidents.topology import TopologyHistory
from aiops_jobs.core.policies import CorrelationPolicy


def group_in_stages(
    members: Members,
    history: TopologyHistory,
    attributes: Attributes,
    *,
    policy: CorrelationPolicy,
    known: pa.Table | None = None,
) -> Grouping:
    """Group members into incidents, by topology and by the rules of the policy.

    Args:
        members: Alert episodes and anomalies.
        history: Topology at any instant; it must hold the nodes of the members.
        attributes: What the rules may ask of the members.
        policy: Rules and limits.
        known: ``incident_alerts`` published before, so that ids stay.
    """
    if not policy.rules or not len(members):
        return group_members(members, history, policy=policy, known=known)
    work = _Stages(members, attributes, policy)
    label = work.before(np.arange(len(members)))
    hidden = (label != np.arange(len(members))) | work.taken | work.alone
    base = group_members(_without_place(members, hidden), history, policy=replace(policy, min_members=1))
    label = work.beside(label, base, hidden)
    label = work.after(label, base, hidden)
    return work.grouping(base, label, known)


class _Stages:
    """The stages over one set of members; a label is the position of the first member of a group."""

    def __init__(self, members: Members, attributes: Attributes, policy: CorrelationPolicy) -> None:
        self.members = members
        self.attributes = attributes
        self.policy = policy
        self.found: list[Bunches] = []
        self.taken = np.zeros(len(members), bool)
        self.lacking = np.full(len(members), -1, np.int64)
        self.whole: list[Bools] = []
        for number, rule in enumerate(policy.rules):
            about, whole = matching(rule, attributes, len(members))
            self.whole.append(whole)
            if rule.on_missing_key == "ungroupable":
                self.lacking[about & ~whole & (self.lacking < 0)] = number

    @property
    def alone(self) -> Bools:
        """Members that stay alone for good."""
        return np.asarray(self.lacking >= 0)

    def before(self, label: Ints) -> Ints:
        """Return the groups that rules find before the topology is looked at, and mark their members as taken."""
        for stage in sorted({rule.stage for rule in self.policy.rules if rule.stage < 0}):
            label = self._joined(stage, label, ~self.taken & ~self.alone)
            self.taken |= np.bincount(label, minlength=len(label))[label] > 1
        return label

    def beside(self, label: Ints, base: Grouping, hidden: Bools) -> Ints:
        """Return the groups of topology and of the rules of its stage together."""
        for group in base.groups:
            if not hidden[group.members[0]]:
                label[group.members] = group.members[0]
        self.atom = np.where(self.taken, np.arange(len(label)), label)
        return self._joined(0, label, ~hidden)

    def after(self, label: Ints, base: Grouping, hidden: Bools) -> Ints:
        """Return the groups after the rules for what has been related to nothing."""
        loose = np.zeros(len(label), bool)
        for group in base.groups:
            loose[group.members] = len(group.sessions) <= 1
        for stage in sorted({rule.stage for rule in self.policy.rules if rule.stage > 0}):
            sole = np.bincount(label, minlength=len(label)) == np.bincount(self.atom, minlength=len(label))
            label = self._joined(stage, label, loose & ~hidden & sole[label])
        return label

    def _joined(self, stage: int, label: Ints, among: Bools) -> Ints:
        own = [
            bunches_of(number, rule, self.members, self.attributes, among & self.whole[number])
            for number, rule in enumerate(self.policy.rules)
            if rule.stage == stage
        ]
        self.found += own
        return unite(label, own, self.members.start, self.policy)

    def grouping(self, base: Grouping, label: Ints, known: pa.Table | None) -> Grouping:
        """Return the incidents with their ids, and why rules made members belong."""
        placed = {group.members[0]: group for group in base.groups if group.sessions}
        order = np.argsort(label, kind="stable")
        edges = np.flatnonzero(np.diff(label[order], prepend=-1))
        parts = np.split(order, edges[1:])
        loud = ~self.members.is_faint
        merged = []
        for part in parts:
            own = part.tolist()
            anchor = next((m for m in own if loud[m]), own[0])
            atoms = [placed[first] for first in np.unique(self.atom[part]).tolist() if first in placed]
            links = joined([no_links(), *(group.links for group in atoms)])
            sessions = np.unique([s for group in atoms for s in group.sessions]).astype(np.int64)
            merged.append(Group("", anchor, part, sessions, links))
        merged.sort(key=lambda group: (group.anchor, group.members))
        ids = incident_ids(self.members, [(g.anchor, g.member_places, g.session_places) for g in merged], known)
        groups = [replace(group, incident_id=name) for name, group in zip(ids, merged, strict=True)]
        ruled = self._ruled(groups, label)
        kept = [group for group in groups if len(group.members) >= self.policy.min_members]
        return replace(base, members=self.members, groups=kept, ruled=ruled)

    def _ruled(self, groups: Sequence[Group], label: Ints) -> Ruled:
        size = len(label)
        near_anchor = np.zeros(size, bool)
        for group in groups:
            near_anchor[group.members] = self.atom[group.members] == self.atom[group.anchor]
        rule, partner, similarity = np.full(size, -1, np.int64), np.full(size, -1, np.int64), np.full(size, np.nan)
        for bunches in self.found:
            if not len(bunches.member):
                continue
            heads = bunches.heads
            other = np.where(heads == np.arange(len(heads)), heads + 1, heads)
            mate = bunches.member[np.minimum(other, len(heads) - 1)]
            own = bunches.member
            counts = (label[own] == label[mate]) & ~near_anchor[own] & (rule[own] < 0)
            rule[own[counts]], partner[own[counts]] = bunches.rule, mate[counts]
            alike = np.where(heads == np.arange(len(heads)), bunches.similarity[np.minimum(other, len(heads) - 1)], 0)
            similarity[own[counts]] = np.where(heads == np.arange(len(heads)), alike, bunches.similarity)[counts]
        keys = {key: self.attributes.coded(key) for r in self.policy.rules for key in r.keys}
        return Ruled(self.policy.rules, rule, partner, similarity, self.lacking, keys)


def unite(label: Ints, found: Sequence[Bunches], start: Ints, policy: CorrelationPolicy) -> Ints:
    """Return groups joined where bunches share members, within ``max_members`` and ``max_duration_s``.

    Args:
        label: Group of each member: the position of its first.
        found: What belongs together, in the order in which it counts where not all of it can be had.
        start: Begins of the members, sorted, microseconds.
        policy: The limits.
    """
    edges = [(label[b.member], label[b.member[b.heads]]) for b in found if len(b.member)]
    if not edges:
        return label
    one, other = np.concatenate([e[0] for e in edges]), np.concatenate([e[1] for e in edges])
    size = len(label)
    graph = sparse.csr_array((np.ones(len(one), np.int8), (one, other)), shape=(size, size))
    component = csgraph.connected_components(graph, directed=False)[1][label]
    span = _Extent(component, start)
    limit = int(policy.max_duration_s * SECOND)
    parts = np.bincount(component[np.unique(label)], minlength=size)
    fits = (parts == 1) | ((span.count <= policy.max_members) & (span.last - span.first < limit))
    joint = np.where(fits[component], span.head[component], label)
    if fits[component].all():
        return joint
    return _carefully(joint, found, start, policy, ~fits[component])


class _Extent:
    """Size, first and last begin, and first member of each of some groups; arrays have one entry a number."""

    def __init__(self, group: Ints, start: Ints) -> None:
        size = len(group)
        self.count = np.bincount(group, minlength=size)
        self.head = np.full(size, size, np.int64)
        np.minimum.at(self.head, group, np.arange(size))
        tail = np.zeros(size, np.int64)
        np.maximum.at(tail, group, np.arange(size))
        self.first = start[np.minimum(self.head, size - 1)]
        self.last = start[tail]


def _carefully(label: Ints, found: Sequence[Bunches], start: Ints, policy: CorrelationPolicy, where: Bools) -> Ints:
    """Return groups joined one after the other, for those (few) that would become too large all together."""
    extent = _Extent(label, start)
    limit = int(policy.max_duration_s * SECOND)
    sizes = {int(g): _Room(int(extent.count[g]), int(extent.first[g]), int(extent.last[g])) for g in np.unique(label)}
    parent = {group: group for group in sizes}

    def root(group: int) -> int:
        while parent[group] != group:
            parent[group] = parent[parent[group]]
            group = parent[group]
        return group

    for bunches in found:
        current, number = -1, -1
        for entry in np.flatnonzero(where[bunches.member]).tolist():
            group = root(int(label[bunches.member[entry]]))
            if bunches.bunch[entry] != number:
                current, number = group, int(bunches.bunch[entry])
                continue
            current = root(current)
            if group == current:
                continue
            whole = sizes[group].joined(sizes[current])
            if whole.count <= policy.max_members and whole.last - whole.first < limit:
                low, high = min(group, current), max(group, current)
                parent[high], sizes[low] = low, whole
                current = low
            else:
                current = group
    return np.array([root(int(group)) for group in label], np.int64)


@dataclass(frozen=True, slots=True)
class _Room:
    count: int
    first: int
    last: int

    def joined(self, other: _Room) -> _Room:
        return _Room(self.count + other.count, min(self.first, other.first), max(self.last, other.last))


def _without_place(members: Members, hidden: Bools) -> Members:
    """Return members of which some name no node, so that the topology leaves them alone."""
    if not hidden.any():
        return members

    def shown(values: Words[str | None]) -> Words[str | None]:
        return Words(np.where(hidden, len(values.values), values.codes), [*values.values, None]).unified()

    return replace(members, entity=shown(members.entity), service=shown(members.service), host=shown(members.host))
