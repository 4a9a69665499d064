"""What the estate's company runs: its services, databases, queues and gateways, as plain data."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Service:
    """A service of the shop."""

    name: str
    criticality: str
    team: str
    replicas: int
    share: float
    """Requests it gets for one request at the front door, through all callers."""
    latency_s: float
    """Its 99 % quantile on a calm day."""
    error_ratio: float


@dataclass(frozen=True, slots=True)
class Store:
    """A database or a queue, with the services that use it."""

    name: str
    owner: str
    users: tuple[str, ...]
    hosts: int = 1


FRONT_RATE = 90.0
"""Requests per second at the front door, at the daily peak of a weekday."""

# Callees stand before their callers: the physics walks this order.
SERVICES: tuple[Service, ...] = (
    Service("mail", "low", "messaging", 2, 0.09, 0.350, 0.0020),
    Service("media", "medium", "content", 2, 0.60, 0.080, 0.0008),
    Service("inventory", "high", "supply", 3, 0.45, 0.060, 0.0010),
    Service("accounts", "high", "identity", 2, 0.33, 0.090, 0.0010),
    Service("card-auth", "critical", "payments", 2, 0.11, 0.420, 0.0020),
    Service("shipping", "medium", "supply", 2, 0.10, 0.150, 0.0015),
    Service("payments", "critical", "payments", 3, 0.13, 0.500, 0.0020),
    Service("catalog", "high", "content", 3, 0.80, 0.110, 0.0008),
    Service("search", "medium", "discovery", 2, 0.30, 0.180, 0.0010),
    Service("recommendation", "low", "discovery", 2, 0.40, 0.140, 0.0020),
    Service("orders", "critical", "ordering", 3, 0.14, 0.200, 0.0012),
    Service("cart", "high", "ordering", 2, 0.40, 0.120, 0.0010),
    Service("checkout", "critical", "ordering", 3, 0.16, 0.380, 0.0015),
    Service("web", "critical", "storefront", 3, 1.00, 0.450, 0.0010),
)

# caller, callee, share of the caller's requests that need the callee, how much of the callee's delay the caller feels
CALLS: tuple[tuple[str, str, float, float], ...] = (
    ("web", "catalog", 0.50, 0.9),
    ("web", "search", 0.30, 0.4),
    ("web", "cart", 0.30, 0.8),
    ("web", "checkout", 0.16, 0.8),
    ("web", "accounts", 0.25, 0.8),
    ("web", "recommendation", 0.05, 0.1),
    ("web", "media", 0.05, 0.1),
    ("checkout", "cart", 0.50, 0.8),
    ("checkout", "orders", 0.85, 0.9),
    ("checkout", "payments", 0.80, 0.9),
    ("checkout", "accounts", 0.40, 0.7),
    ("cart", "inventory", 0.40, 0.8),
    ("orders", "inventory", 0.90, 0.9),
    ("orders", "shipping", 0.30, 0.6),
    ("payments", "card-auth", 0.85, 0.9),
    ("search", "catalog", 0.30, 0.7),
    ("recommendation", "catalog", 0.60, 0.8),
    ("catalog", "inventory", 0.20, 0.6),
)

DATABASES: tuple[Store, ...] = (
    Store("orders-db", "orders", ("orders",)),
    Store("payments-db", "payments", ("payments",)),
    Store("catalog-db", "catalog", ("catalog", "search")),
    Store("accounts-db", "accounts", ("accounts",)),
    Store("inventory-db", "inventory", ("inventory",)),
)

# The first user drains the queue, the others fill it.
QUEUES: tuple[Store, ...] = (
    Store("mail", "mail", ("mail", "accounts", "shipping")),
    Store("order-events", "shipping", ("shipping", "orders")),
    Store("search-index", "search", ("search", "catalog")),
)

GATEWAYS = ("gw-1", "gw-2", "gw-3")
GATEWAY_SERVICE = "card-auth"
OBJECT_STORE_SERVICE = "media"

GROUPS: dict[str, str] = {
    "messaging": "Messaging Operations",
    "content": "Content Platform",
    "supply": "Supply Chain Systems",
    "identity": "Identity and Access",
    "payments": "Payment Operations",
    "discovery": "Search and Discovery",
    "ordering": "Order Management",
    "storefront": "Web Operations",
    "databases": "Database Administration",
    "platform": "Platform Operations",
    "storage": "Storage Operations",
    "network": "Network Operations",
}
"""Assignment group of each team."""


def on_call(team: str) -> str:
    """Return whom ticket systems know as the person on call of a team."""
    return f"{team}.on-call@example.com"
