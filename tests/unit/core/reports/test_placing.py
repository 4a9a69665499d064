"""Callers stand left of what they call, nothing overlaps, and the same graph has the same picture."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiops_jobs.core.reports.incident.placing import HEIGHT, WIDTH, Node, place

NAMES = [f"service/{letter}" for letter in "abcdefghij"]
EDGES = st.lists(st.tuples(st.sampled_from(NAMES), st.sampled_from(NAMES)), max_size=30)


def placed(edges, names=NAMES):
    return place([Node(name, "calm") for name in names], edges)


@given(EDGES)
def test_every_node_has_its_own_room_inside_the_picture(edges):
    found = placed(edges)
    assert sorted(p.node.entity_id for p in found.places) == NAMES
    for p in found.places:
        assert 0 <= p.x <= found.width - WIDTH
        assert 0 <= p.y <= found.height - HEIGHT
    for a, b in itertools.combinations(found.places, 2):
        assert abs(a.x - b.x) >= WIDTH or abs(a.y - b.y) >= HEIGHT


@given(EDGES.map(lambda edges: [(a, b) for a, b in edges if a < b]))
def test_without_a_circle_every_caller_stands_left_of_what_it_calls(edges):
    found = placed(edges)
    x = {p.node.entity_id: p.x for p in found.places}
    assert all(x[a] < x[b] for a, b in found.edges)
    assert set(found.edges) == set(edges)


@given(EDGES, st.randoms(use_true_random=False))
def test_any_order_is_the_same_picture(edges, random):
    names, turned = list(NAMES), list(edges)
    random.shuffle(names)
    random.shuffle(turned)
    assert placed(turned, names) == placed(edges)


def test_edges_of_strangers_and_on_oneself_are_left_out():
    found = placed([("service/a", "service/a"), ("service/a", "service/x"), ("service/a", "service/b")])
    assert found.edges == (("service/a", "service/b"),)


@pytest.mark.parametrize(
    ("edges", "order"), [([("service/a", "service/b"), ("service/b", "service/a")], ["service/a", "service/b"])]
)
def test_a_circle_has_a_first(edges, order):
    x = {p.node.entity_id: p.x for p in placed(edges, NAMES[:2]).places}
    assert sorted(x, key=x.__getitem__) == order


def test_nothing_is_an_empty_picture():
    found = place([], [("service/a", "service/b")])
    assert (found.places, found.edges, found.width, found.height) == ((), (), 0, 0)
