from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiops_jobs.core.estate import catalogue as cat
from aiops_jobs.core.estate.disks import SMART_METRICS
from aiops_jobs.core.estate.load import shape
from aiops_jobs.core.estate.signals import FAMILIES
from aiops_jobs.core.estate.spec import DAY_S, EstateSpec, Grid
from aiops_jobs.core.estate.world import build_world, to_configuration_items, to_topology_edges
from aiops_jobs.core.features.roles import roles_of
from aiops_jobs.core.policies import Policies
from aiops_jobs.errors import ConfigurationError
from aiops_jobs.window import Window

WEEK = Window.parse("2026-11-09T00:00:00Z", "2026-11-16T00:00:00Z")


def test_every_dependency_leads_from_a_known_item_to_a_known_item():
    world = build_world(EstateSpec("demo", 1, WEEK))
    known = set(world.item)
    assert {end for source, target, _ in world.edges for end in (source, target)} <= known
    assert len(set(world.edges)) == len(world.edges)


def test_the_estate_has_the_size_that_was_asked_for():
    world = build_world(EstateSpec("demo", 1, WEEK, app_hosts=9, storage_hosts=3, disks_per_host=5))
    kinds = [item.kind for item in world.items]
    assert kinds.count("disk") == 15
    assert kinds.count("host") == 9 + 3 + len(cat.DATABASES) + len(cat.GATEWAYS) + 2
    assert 12 <= kinds.count("service") <= 14


def test_services_are_listed_callees_first_so_that_trouble_spreads_in_one_pass():
    place = {service.name: number for number, service in enumerate(cat.SERVICES)}
    assert all(place[callee] < place[caller] for caller, callee, _, _ in cat.CALLS)


def test_every_service_runs_on_as_many_hosts_as_it_has_replicas():
    world = build_world(EstateSpec("demo", 1, WEEK))
    assert [len(world.hosts_of(service.name)) for service in cat.SERVICES] == [s.replicas for s in cat.SERVICES]
    np.testing.assert_allclose(world.placement.sum(axis=1), 1.0)


def test_gateway_nodes_can_stand_in_for_each_other():
    world = build_world(EstateSpec("demo", 1, WEEK))
    assert {world.item[f"gateway/{name}"].redundancy_group for name in cat.GATEWAYS} == {"card-gateway"}


def test_a_change_of_owner_and_a_cut_dependency_end_one_version_and_leave_the_other():
    spec = EstateSpec("demo", 1, WEEK)
    world = build_world(spec)
    mail = [r for r in to_configuration_items(world, spec).to_pylist() if r["entity_id"] == "service/mail"]
    assert mail[0]["valid_to"] == mail[1]["valid_from"] < WEEK.start
    assert mail[0]["owner_team"] != mail[1]["owner_team"]
    ended = [r for r in to_topology_edges(world, spec).to_pylist() if r["valid_to"]]
    assert [(r["from_entity_id"], r["to_entity_id"]) for r in ended] == [
        ("service/recommendation", "database/accounts-db")
    ]


@pytest.mark.parametrize(
    ("metric", "role", "limit"),
    [
        ("http_requests_per_second", "traffic", None),
        ("http_request_error_ratio", "errors", None),
        ("http_request_duration_p99_seconds", "latency", None),
        ("card_approval_ratio", "errors", None),
        ("container_memory_utilization_ratio", "saturation", 1.0),
        ("container_restarts", "availability", None),
        ("gateway_worker_restarts", "availability", None),
        ("db_connection_pool_utilization_ratio", "saturation", 1.0),
        ("db_connection_wait_seconds", "latency", None),
        ("db_queries_per_second", "traffic", None),
        ("queue_depth_messages", "saturation", None),
        ("queue_utilization_ratio", "saturation", 1.0),
        ("node_cpu_utilization_ratio", "saturation", None),
        ("node_filesystem_utilization_ratio", "saturation", 1.0),
        ("node_memory_utilization_ratio", "saturation", 1.0),
        ("node_network_packet_loss_ratio", "saturation", None),
        *((name, "hardware", None) for name, _ in SMART_METRICS),
    ],
)
def test_the_default_policy_understands_every_metric_of_the_estate(metric, role, limit):
    assert metric in {family.metric_name for family in FAMILIES.values()} | {name for name, _ in SMART_METRICS}
    found = roles_of([metric], Policies().roles)[0]
    assert (found.role, found.limit) == (role, limit)


def test_days_have_a_quiet_night_and_a_busy_noon_and_weekends_are_calmer():
    monday = int(datetime(2026, 11, 9, tzinfo=UTC).timestamp())
    hours = shape(monday + 3600 * np.arange(7 * 24)).reshape(7, 24)
    assert (hours.argmin(axis=1) <= 5).all()
    assert ((hours.argmax(axis=1) >= 11) & (hours.argmax(axis=1) <= 14)).all()
    assert (hours.max(axis=1) > 2.5 * hours.min(axis=1)).all()
    assert hours[5:].sum(axis=1).max() < hours[:5].sum(axis=1).min()


@given(st.integers(0, 10**9), st.sampled_from([60, 300, 600]), st.integers(1, 500))
def test_a_grid_index_is_the_first_sample_not_before_the_instant(offset, step, size):
    grid = Grid(1_700_000_400 // step * step, step, size)
    instant = grid.at(0) + timedelta(microseconds=offset)
    index = grid.index(instant)
    assert 0 <= index <= size
    if index < size:
        assert grid.at(index) >= instant
    if index > 0:
        assert grid.at(index - 1) < instant


def test_a_grid_begins_and_ends_inside_its_window():
    grid = Grid.over(Window.parse("2026-11-09T00:01:00Z", "2026-11-09T00:16:00Z"), 300)
    assert [grid.at(i).minute for i in range(grid.size)] == [5, 10, 15]


@pytest.mark.parametrize(
    ("wrong", "setting"),
    [
        ({"scenario": "black_fridy"}, "scenario"),
        ({"step_s": 7}, "step_s"),
        ({"step_s": 0}, "step_s"),
        ({"app_hosts": 2}, "app_hosts"),
        ({"disks_per_host": 40}, "disks_per_host"),
        ({"window": Window.parse("2026-11-09T00:00:00Z", "2026-11-09T12:00:00Z")}, "window"),
        ({"window": Window.parse("2026-11-09T06:00:00Z", "2026-11-10T06:00:00Z")}, "window"),
    ],
)
def test_a_spec_that_cannot_be_simulated_names_what_is_wrong(wrong, setting):
    with pytest.raises(ConfigurationError, match=setting):
        EstateSpec(**{"scenario": "demo", "seed": 1, "window": WEEK, **wrong})


def test_what_is_drawn_for_one_topic_does_not_shift_another():
    spec = EstateSpec("demo", 3, WEEK)
    before = spec.rng("a").random(3)
    spec.rng("b").random(100)
    np.testing.assert_array_equal(before, spec.rng("a").random(3))
    assert not np.array_equal(before, spec.rng("b").random(3))
    assert DAY_S % spec.step_s == 0
