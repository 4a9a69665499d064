"""Two faults at the same time stay two incidents, although the front door suffers from both.

A component of related sessions may hold several roots: sessions that nothing explains. What is explained by more than
one root is *shared*. If taking the shared sessions away leaves two or more pieces that each have symptoms of their own,
these are faults of their own, and each shared session goes to the piece closest to it. Pieces that are all driven by
the same surge of load stay together: there the load is what they have in common.
"""

from __future__ import annotations

import numpy as np
from scipy import sparse
from scipy.sparse import csgraph

from aiops_jobs.core.columns import Bools, Ints
from aiops_jobs.core.incidents.relations import CONTEXT, DEPENDS, Links
from aiops_jobs.core.incidents.sessions import Sessions

MAX_ROOTS = 64
"""With more roots at once it is one large event, whatever it is; nobody wants as many tickets."""


def keep_apart(sessions: Sessions, component: Ints, links: Links) -> tuple[Ints, Links]:
    """Return components and links with unrelated faults separated.

    Args:
        sessions: All sessions.
        component: Number of the component of each.
        links: What relates them.
    """
    size = len(sessions)
    label = component.copy()
    directed = links.kind == DEPENDS
    roots = np.ones(size, bool)
    roots[links.child[directed]] = False
    roots &= ~sessions.is_faint
    counts = np.bincount(component[roots], minlength=int(component.max()) + 1 if size else 0)
    fresh = int(component.max()) + 1 if size else 0
    felt = np.bincount(component[sessions.has_symptom], minlength=len(counts))
    for number in np.flatnonzero((counts > 1) & (counts <= MAX_ROOTS) & (felt > 1)):
        own = np.flatnonzero(component == number)
        inside = np.flatnonzero(component[links.child] == number)
        pieces = _pieces(sessions, own, links.taken(inside), roots)
        if pieces is not None:
            label[own] = fresh + pieces
            fresh += int(pieces.max()) + 1
    keep = np.flatnonzero(label[links.child] == label[links.parent])
    _, label = np.unique(label, return_inverse=True)
    return label.astype(np.int64), links.taken(keep)


def _pieces(sessions: Sessions, own: Ints, links: Links, roots: Bools) -> Ints | None:
    """Return the number of the piece of each session of one component, or nothing where it is one fault."""
    place = np.full(len(sessions), -1, np.int64)
    place[own] = np.arange(len(own))
    child, parent = place[links.child], place[links.parent]
    directed = links.kind == DEPENDS
    ancestry = _ancestry(len(own), child[directed], parent[directed], np.flatnonzero(roots[own]))
    shared = ancestry.sum(axis=0) > 1
    alone = ~shared[child] & ~shared[parent] & (links.kind != CONTEXT)
    piece = _connected(len(own), child[alone], parent[alone])
    felt = np.flatnonzero(~shared & sessions.has_symptom[own])
    strong = np.unique(piece[felt])
    if len(strong) < 2 or _same_surge(sessions, links, place, piece, strong):
        return None
    return _assigned(piece, strong, links, child, parent)


def _ancestry(size: int, child: Ints, parent: Ints, roots: Ints) -> Bools:
    """Return [R, S]: whether a root explains a session, directly or through others."""
    step = sparse.csr_array((np.ones(len(child), np.int32), (parent, child)), shape=(size, size))
    front = sparse.csr_array((np.ones(len(roots), np.int32), (np.arange(len(roots)), roots)), shape=(len(roots), size))
    seen = front.toarray() > 0
    while True:
        following = (front @ step).toarray() > 0
        following &= ~seen
        if not following.any():
            return np.asarray(seen)
        seen |= following
        front = sparse.csr_array(following.astype(np.int32))


def _connected(size: int, child: Ints, parent: Ints) -> Ints:
    graph = sparse.csr_array((np.ones(len(child), np.int8), (child, parent)), shape=(size, size))
    return np.asarray(csgraph.connected_components(graph, directed=False)[1], dtype=np.int64)


def _same_surge(sessions: Sessions, links: Links, place: Ints, piece: Ints, strong: Ints) -> bool:
    """Tell whether every strong piece carries load out of the ordinary."""
    load = (links.kind == CONTEXT) & sessions.has_load[links.child]
    loaded = set(piece[place[links.parent[load]]].tolist())
    return all(int(number) in loaded for number in strong)


def _assigned(piece: Ints, strong: Ints, links: Links, child: Ints, parent: Ints) -> Ints:
    """Give every session to a strong piece: its own, else that of its closest neighbour, spreading outwards."""
    label = np.where(np.isin(piece, strong), piece, -1)
    ends = np.concatenate([np.stack([child, parent], 1), np.stack([parent, child], 1)])
    closeness = np.lexsort((np.tile(links.gap, 2), np.tile(links.hops, 2)))
    while (label < 0).any():
        before = label.copy()
        for one, other in ends[closeness]:
            if before[one] >= 0 and label[other] < 0:
                label[other] = before[one]
        if (label == before).all():
            break
    label[label < 0] = strong[0]
    return np.unique(label, return_inverse=True)[1].astype(np.int64)
