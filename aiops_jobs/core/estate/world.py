"""What exists in the estate: configuration items and the dependencies between them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pyarrow as pa

from aiops_jobs.contracts.telemetry import CONFIGURATION_ITEMS, TOPOLOGY_EDGES
from aiops_jobs.core.estate import catalogue as cat
from aiops_jobs.core.estate.spec import EstateSpec, Floats, Row
from aiops_jobs.identity import canonical_json

REPLICA_STRIDE = 5
"""Replicas of one service lie this many hosts apart, so that neighbours on a host differ from host to host."""


@dataclass(frozen=True, slots=True)
class Item:
    """One configuration item."""

    entity_id: str
    kind: str
    service_name: str | None
    host_name: str | None
    criticality: str
    team: str
    redundancy_group: str | None = None
    attributes: str | None = None


@dataclass(frozen=True)
class World:
    """All items, and who depends on whom; matrices are (depending x depended-on), values are shares of requests."""

    app_hosts: tuple[str, ...]
    storage_hosts: tuple[str, ...]
    disks_per_host: int

    @cached_property
    def services(self) -> tuple[str, ...]:
        """Service names, callees before callers."""
        return tuple(service.name for service in cat.SERVICES)

    @cached_property
    def databases(self) -> tuple[str, ...]:
        """Database names."""
        return tuple(store.name for store in cat.DATABASES)

    @cached_property
    def queues(self) -> tuple[str, ...]:
        """Queue names."""
        return tuple(store.name for store in cat.QUEUES)

    @cached_property
    def db_hosts(self) -> tuple[str, ...]:
        """One host for each database, in the order of the databases."""
        return tuple(f"db-{n:02d}" for n in range(1, len(cat.DATABASES) + 1))

    @cached_property
    def gw_hosts(self) -> tuple[str, ...]:
        """One host for each gateway node."""
        return tuple(name.replace("-", "-0") for name in cat.GATEWAYS)

    @cached_property
    def mq_hosts(self) -> tuple[str, ...]:
        """Hosts of the message broker."""
        return ("mq-01", "mq-02")

    @cached_property
    def hosts(self) -> tuple[str, ...]:
        """All host names, storage last."""
        return (*self.app_hosts, *self.db_hosts, *self.gw_hosts, *self.mq_hosts, *self.storage_hosts)

    @cached_property
    def disks(self) -> tuple[str, ...]:
        """Disk names, ``host:device``."""
        letters = "abcdefghijklmnopqrstuvwxyz"[: self.disks_per_host]
        return tuple(f"{host}:sd{letter}" for host in self.storage_hosts for letter in letters)

    @cached_property
    def placement(self) -> Floats:
        """Services x hosts: share of the service's replicas that runs on the host."""
        shares = np.zeros((len(self.services), len(self.hosts)))
        for row, service in enumerate(cat.SERVICES):
            for replica in range(service.replicas):
                shares[row, (3 * row + REPLICA_STRIDE * replica) % len(self.app_hosts)] += 1 / service.replicas
        return shares

    @cached_property
    def database_users(self) -> Floats:
        """Services x databases: 1 where the service uses the database."""
        return _users(self.services, cat.DATABASES)

    @cached_property
    def queue_users(self) -> Floats:
        """Services x queues: 1 for the consumer, 0.05 for a producer, which only hands over."""
        used = _users(self.services, cat.QUEUES)
        for column, queue in enumerate(cat.QUEUES):
            producers = [self.services.index(user) for user in queue.users[1:]]
            used[producers, column] = 0.05
        return used

    def hosts_of(self, service: str) -> tuple[str, ...]:
        """Return the hosts a service runs on."""
        row = self.placement[self.services.index(service)]
        return tuple(self.hosts[i] for i in np.flatnonzero(row))

    def services_on(self, host: str) -> tuple[str, ...]:
        """Return the services with a replica on a host."""
        column = self.placement[:, self.hosts.index(host)]
        return tuple(self.services[i] for i in np.flatnonzero(column))

    @cached_property
    def items(self) -> tuple[Item, ...]:
        """All configuration items, sorted by id."""
        return tuple(sorted([*_services(), *_stores(self), *_gateways(self), *_machines(self)], key=_by_id))

    @cached_property
    def item(self) -> dict[str, Item]:
        """Items by id."""
        return {item.entity_id: item for item in self.items}

    @cached_property
    def edges(self) -> tuple[tuple[str, str, str], ...]:
        """All dependencies: from (depends), to, type; sorted."""
        found = [(f"service/{a}", f"service/{b}", "calls") for a, b, _, _ in cat.CALLS]
        found += [(f"service/{s}", f"host/{h}", "runs_on") for s in self.services for h in self.hosts_of(s)]
        for number, store in enumerate(cat.DATABASES):
            found += [(f"service/{user}", f"database/{store.name}", "calls") for user in store.users]
            found.append((f"database/{store.name}", f"host/{self.db_hosts[number]}", "runs_on"))
        for number, store in enumerate(cat.QUEUES):
            found += [(f"service/{user}", f"queue/{store.name}", "calls") for user in store.users]
            found.append((f"queue/{store.name}", f"host/{self.mq_hosts[number % 2]}", "runs_on"))
        for name, host in zip(cat.GATEWAYS, self.gw_hosts, strict=True):
            found.append((f"service/{cat.GATEWAY_SERVICE}", f"gateway/{name}", "calls"))
            found.append((f"gateway/{name}", f"host/{host}", "runs_on"))
        found += [(f"service/{cat.OBJECT_STORE_SERVICE}", f"host/{h}", "stores_on") for h in self.storage_hosts]
        found += [(f"host/{disk.split(':')[0]}", f"disk/{disk}", "contains") for disk in self.disks]
        return tuple(sorted(found))


def build_world(spec: EstateSpec) -> World:
    """Return the world of a spec; it depends on the sizes, not on the seed."""
    return World(
        app_hosts=tuple(f"app-{n:02d}" for n in range(1, spec.app_hosts + 1)),
        storage_hosts=tuple(f"storage-{n:02d}" for n in range(1, spec.storage_hosts + 1)),
        disks_per_host=spec.disks_per_host,
    )


def to_configuration_items(world: World, spec: EstateSpec) -> pa.Table:
    """Return ``configuration_items``; one service changed its owner within the history, so it has two versions."""
    born = spec.window.start - spec.wear_history
    moved = spec.window.start - spec.history / 2
    rows = []
    for item in world.items:
        row = {
            "entity_id": item.entity_id,
            "entity_kind": item.kind,
            "service_name": item.service_name,
            "host_name": item.host_name,
            "service_criticality": item.criticality,
            "owner_team": item.team,
            "assignment_group": cat.GROUPS[item.team],
            "on_call": cat.on_call(item.team),
            "redundancy_group": item.redundancy_group,
            "attributes": item.attributes,
            "source": spec.source,
        }
        if item.entity_id == "service/mail":
            team = "platform"
            former = {"owner_team": team, "assignment_group": cat.GROUPS[team], "on_call": cat.on_call(team)}
            rows.append({**row, **former, "valid_from": born, "valid_to": moved})
            rows.append({**row, "valid_from": moved, "valid_to": None})
        else:
            rows.append({**row, "valid_from": born, "valid_to": None})
    return _table(rows, CONFIGURATION_ITEMS.to_arrow())


def to_topology_edges(world: World, spec: EstateSpec) -> pa.Table:
    """Return ``topology_edges``; one dependency was cut within the history and is no longer true."""
    born = spec.window.start - spec.wear_history
    cut = spec.window.start - spec.history / 2
    former = ("service/recommendation", "database/accounts-db", "calls")
    frame = sorted([*((edge, None) for edge in world.edges), (former, cut)])
    rows = [
        {
            "valid_from": born,
            "from_entity_id": source,
            "to_entity_id": target,
            "edge_type": edge_type,
            "valid_to": valid_to,
            "confidence_ratio": 1.0,
            "source": spec.source,
        }
        for (source, target, edge_type), valid_to in frame
    ]
    return _table(rows, TOPOLOGY_EDGES.to_arrow())


def _by_id(item: Item) -> str:
    return item.entity_id


def _users(services: tuple[str, ...], stores: tuple[cat.Store, ...]) -> Floats:
    used = np.zeros((len(services), len(stores)))
    for column, store in enumerate(stores):
        used[[services.index(user) for user in store.users], column] = 1.0
    return used


def _services() -> list[Item]:
    return [Item(f"service/{s.name}", "service", s.name, None, s.criticality, s.team) for s in cat.SERVICES]


def _stores(world: World) -> list[Item]:
    grade = {s.name: s.criticality for s in cat.SERVICES}
    items = [
        Item(f"database/{d.name}", "database", d.owner, host, grade[d.owner], "databases")
        for d, host in zip(cat.DATABASES, world.db_hosts, strict=True)
    ]
    for number, queue in enumerate(cat.QUEUES):
        host = world.mq_hosts[number % 2]
        items.append(Item(f"queue/{queue.name}", "queue", queue.owner, host, grade[queue.owner], "platform"))
    return items


def _gateways(world: World) -> list[Item]:
    return [
        Item(f"gateway/{n}", "gateway", cat.GATEWAY_SERVICE, host, "critical", "payments", "card-gateway")
        for n, host in zip(cat.GATEWAYS, world.gw_hosts, strict=True)
    ]


def _machines(world: World) -> list[Item]:
    pools = (
        (world.app_hosts, "platform", "high", "app-pool"),
        (world.db_hosts, "databases", "high", None),
        (world.gw_hosts, "network", "high", "gateway-pool"),
        (world.mq_hosts, "platform", "medium", "broker-pool"),
        (world.storage_hosts, "storage", "medium", "object-store"),
    )
    items = [
        Item(f"host/{host}", "host", None, host, grade, team, group)
        for hosts, team, grade, group in pools
        for host in hosts
    ]
    model = canonical_json({"model": "ST16000NM", "size_bytes": 16_000_900_661_248})
    items += [
        Item(f"disk/{disk}", "disk", None, disk.split(":")[0], "low", "storage", "object-store", model)
        for disk in world.disks
    ]
    return items


def _table(rows: list[Row], schema: pa.Schema) -> pa.Table:
    return pa.Table.from_pylist(rows, schema=schema)
