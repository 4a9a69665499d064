"""Places the items around an incident in layers: callers left, what they call right, few crossings.

The method is that of Sugiyama, Tagawa and Toda (1981): break cycles, layer by longest path, order each layer by the
mean place of its neighbours, a few times in both directions. Ties go to names, so the same graph has the same picture.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

WIDTH, HEIGHT, ACROSS, DOWN, EDGE = 176, 46, 54, 14, 6
"""Size of a node, the room between layers and between nodes of a layer, and around all."""
SWEEPS = 6


@dataclass(frozen=True, slots=True)
class Node:
    """An item of the estate and how it stands."""

    entity_id: str
    state: str
    """cause | ill | silent | calm | blind"""
    alerts: int = 0
    findings: int = 0


@dataclass(frozen=True, slots=True)
class Place:
    """Where a node stands."""

    node: Node
    x: float
    y: float


@dataclass(frozen=True, slots=True)
class Map:
    """Nodes in their places and the dependencies between them."""

    places: tuple[Place, ...]
    edges: tuple[tuple[str, str], ...]
    """From the caller to the callee."""
    width: float
    height: float
    hidden: int = 0
    """Affected items that are not drawn."""


def place(nodes: Sequence[Node], edges: Iterable[tuple[str, str]], *, hidden: int = 0) -> Map:
    """Return every node at its place.

    Args:
        nodes: Each entity once.
        edges: Dependencies; those of other entities, and those on itself, are left out.
        hidden: How many items are not among the nodes.
    """
    by_name = {node.entity_id: node for node in nodes}
    kept = sorted({(a, b) for a, b in edges if a in by_name and b in by_name and a != b})
    layers = _ordered(_layers(sorted(by_name), _acyclic(sorted(by_name), kept)), kept, by_name)
    tallest = max((len(layer) for layer in layers), default=0)
    height = tallest * (HEIGHT + DOWN) - DOWN + 2 * EDGE if tallest else 0
    places = []
    for number, layer in enumerate(layers):
        own = len(layer) * (HEIGHT + DOWN) - DOWN
        top = (height - own) / 2
        places += [
            Place(by_name[name], EDGE + number * (WIDTH + ACROSS), top + row * (HEIGHT + DOWN))
            for row, name in enumerate(layer)
        ]
    width = len(layers) * (WIDTH + ACROSS) - ACROSS + 2 * EDGE if layers else 0
    return Map(tuple(places), tuple(kept), width, height, hidden)


def _acyclic(names: Sequence[str], edges: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    """Return the edges without those that close a cycle, found by walking in depth in the order of names."""
    after: dict[str, list[str]] = {name: [] for name in names}
    for a, b in edges:
        after[a].append(b)
    called = {b for _, b in edges}
    state: dict[str, int] = {}
    kept: list[tuple[str, str]] = []
    for root in sorted(names, key=lambda n: (n in called, n)):
        stack = [(root, iter(after[root]))] if root not in state else []
        state.setdefault(root, 1)
        while stack:
            name, rest = stack[-1]
            following = next(rest, None)
            if following is None:
                state[name] = 2
                stack.pop()
                continue
            if state.get(following) == 1:
                continue  # it closes a cycle
            kept.append((name, following))
            if following not in state:
                state[following] = 1
                stack.append((following, iter(after[following])))
    return kept


def _layers(names: Sequence[str], edges: Sequence[tuple[str, str]]) -> list[list[str]]:
    """Return names by layer: as far right as their callers push them, callers of the deep close to what they call."""
    callers: dict[str, list[str]] = {name: [] for name in names}
    callees: dict[str, list[str]] = {name: [] for name in names}
    for a, b in edges:
        callers[b].append(a)
        callees[a].append(b)
    waiting = {name: len(callers[name]) for name in names}
    ready = [name for name in names if not waiting[name]]
    layer = dict.fromkeys(names, 0)
    for name in ready:  # grows while it is walked: Kahn's order
        for following in callees[name]:
            layer[following] = max(layer[following], layer[name] + 1)
            waiting[following] -= 1
            if not waiting[following]:
                ready.append(following)
    for name in reversed(ready):
        if callees[name] and not callers[name]:
            layer[name] = min(layer[b] for b in callees[name]) - 1
    return [[n for n in names if layer[n] == depth] for depth in sorted(set(layer.values()))]


def _ordered(layers: list[list[str]], edges: Sequence[tuple[str, str]], nodes: Mapping[str, Node]) -> list[list[str]]:
    """Return each layer in the order of the mean place of its neighbours, what is ill in the middle of ties."""
    beside: dict[str, list[str]] = {name: [] for name in nodes}
    for a, b in edges:
        beside[a].append(b)
        beside[b].append(a)
    rank = {"cause": 0, "ill": 1, "silent": 2, "blind": 3, "calm": 4}
    layers = [sorted(layer, key=lambda n: (rank[nodes[n].state], n)) for layer in layers]
    for sweep in range(SWEEPS):
        numbers = range(len(layers)) if sweep % 2 == 0 else range(len(layers) - 1, -1, -1)
        for number in numbers:
            at = {n: row - (len(layer) - 1) / 2 for layer in layers for row, n in enumerate(layer)}
            own = set(layers[number])
            means = {}
            for name in layers[number]:
                around = [at[n] for n in beside[name] if n not in own]
                means[name] = sum(around) / len(around) if around else at[name]
            layers[number] = sorted(layers[number], key=lambda n: (round(means[n], 6), rank[nodes[n].state], n))
    return layers
