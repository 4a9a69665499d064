from datetime import UTC, datetime

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from incident_world import LONG_AGO, at, edge, edges, item, table

from aiops_jobs.contracts.telemetry import CONFIGURATION_ITEMS, TOPOLOGY_EDGES
from aiops_jobs.core.columns import to_micros
from aiops_jobs.core.incidents.topology import TopologyHistory, implied_edges


def history(links, items=()):
    return TopologyHistory(table(CONFIGURATION_ITEMS, list(items)), table(TOPOLOGY_EDGES, links))


def test_an_edge_counts_only_while_it_is_valid():
    links = [edge("service/a", "service/b", valid_from=at(0), valid_to=at(10)), *edges("service/b > service/c")]
    known = history(links)
    assert known.at(to_micros(at(-1))).distances("service/a", max_hops=3) == {}
    assert known.at(to_micros(at(0))).distances("service/a", max_hops=3) == {"service/b": 1, "service/c": 2}
    assert known.at(to_micros(at(10))).distances("service/a", max_hops=3) == {}


def test_distances_upwards_are_the_dependents():
    topology = history(edges("service/web > service/app > database/db", "service/jobs > database/db")).at(
        to_micros(at(0))
    )
    assert topology.distances("database/db", max_hops=1, upwards=True) == {"service/app": 1, "service/jobs": 1}
    assert topology.distances("database/db", max_hops=2, upwards=True)["service/web"] == 2
    assert topology.distances("nobody/knows", max_hops=2) == {}


def test_the_later_version_of_an_item_counts_and_stand_ins_are_of_the_same_kind():
    rows = [
        item("gateway/gw-1", group="edge"),
        item("gateway/gw-2", group="edge"),
        item("host/gw-2", group="edge"),
        item("gateway/gw-3", group=None),
        {**item("gateway/gw-3", group="edge"), "valid_from": datetime(2026, 1, 1, tzinfo=UTC)},
    ]
    known = history([], rows)
    assert known.at(to_micros(at(0))).stand_ins("gateway/gw-1") == ["gateway/gw-2", "gateway/gw-3"]
    assert known.at(to_micros(LONG_AGO)).stand_ins("gateway/gw-1") == ["gateway/gw-2"]
    assert known.at(to_micros(at(0))).stand_ins("gateway/unknown") == []


def test_rows_that_name_an_entity_and_a_host_imply_who_depends_on_whom():
    implied = implied_edges(
        ["disk/web-1:sda", "database/db", None, "host/web-1"],
        [None, "orders", "web", "web"],
        ["web-1", "db-1", "web-1", "web-1"],
    )
    assert implied == (
        ("database/db", "host/db-1"),
        ("host/web-1", "disk/web-1:sda"),
        ("service/orders", "database/db"),
        ("service/web", "host/web-1"),
    )


pairs = st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)).filter(lambda p: p[0] != p[1]), max_size=25)


@given(pairs, st.integers(1, 4))
@settings(max_examples=100, deadline=None)
def test_both_ways_of_counting_hops_agree_with_walking_every_path(links, most):
    topology = history([edge(f"service/{a}", f"service/{b}") for a, b in set(links)]).at(to_micros(at(0)))
    if not topology.names:
        return
    reached = topology.hops(np.arange(len(topology.names)), most).toarray()
    for row, name in enumerate(topology.names):
        best = {name: 0}
        front = {name}
        for distance in range(1, most + 1):
            front = {f"service/{b}" for a, b in links if f"service/{a}" in front} - best.keys()
            best.update(dict.fromkeys(front, distance))
        expected = {other: d for other, d in best.items() if d}
        assert topology.distances(name, max_hops=most) == expected
        assert {topology.names[c]: int(d) for c, d in enumerate(reached[row]) if d} == expected
