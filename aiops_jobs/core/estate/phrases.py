"""The words the estate logs in: ordinary lines, lines of each kind of fault, and what stands in their blanks.

Some ordinary lines hold what must never leave the house (addresses, card numbers, tokens, passwords); all of it is made
up and reserved for examples.
"""

from __future__ import annotations

import re
from collections.abc import Callable

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

PEOPLE = ("anna.kim", "bo.larsen", "chloe.martin", "daniel.park", "elif.kaya", "farid.nasser", "grace.lee")
DOMAINS = ("example.com", "example.org", "example.net")
CARDS = ("4111 1111 1111 1111", "5555-5555-5555-4444", "378282246310005")
TOKENS = ("eyJhbGciOiJub25lIn0.eyJzdWIiOiJkZW1vIn0.", "tok_example_51Hq0aZ", "AKIAIOSFODNN7EXAMPLE")

# severity, share of all ordinary lines, text
ORDINARY: tuple[tuple[str, float, str], ...] = (
    ("INFO", 0.40, "GET /{service}/{word}/{number} 200 in {ms} ms"),
    ("INFO", 0.16, "POST /{service}/{word} 201 in {ms} ms request_id={hex}"),
    ("INFO", 0.10, "Cache refreshed: {number} entries in {ms} ms"),
    ("INFO", 0.06, "Session {hex} of user {email} extended"),
    ("INFO", 0.05, "Health probe answered in {ms} ms"),
    ("INFO", 0.03, "Configuration reloaded, revision {hex}"),
    ("DEBUG", 0.06, "Connection {number} returned to the pool after {ms} ms"),
    ("DEBUG", 0.01, "Outgoing header Authorization: Bearer {token}"),
    ("WARN", 0.04, "Slow request: {ms} ms for /{service}/{word}/{number}"),
    ("WARN", 0.03, "Login failed for {email} from {ip}: wrong password"),
    ("WARN", 0.02, "Retry 1 of 3 after timeout talking to {ip}"),
    ("WARN", 0.01, "Card {card} rejected by the format check"),
    ("WARN", 0.01, "Deprecated parameter password={word}{number} in query string of /{service}"),
    ("ERROR", 0.015, "Client {ip} closed the connection after {ms} ms"),
    ("ERROR", 0.005, "Unhandled value `{word}` in request {hex}"),
)

# What the root of a fault says about itself.
ROOT_LINES: dict[str, tuple[tuple[str, str], ...]] = {
    "pool_exhausted": (
        (
            "ERROR",
            "HikariPool-1 - Connection is not available, request timed out after 30{number}ms (active=50, idle=0)",
        ),
        ("ERROR", "FATAL: remaining connection slots are reserved (client {ip})"),
        ("WARN", "Connection leak suspected: connection {hex} checked out {number} s ago"),
    ),
    "bad_deployment": (
        ("ERROR", "NullPointerException in PriceRuleMapper.apply at request {hex}"),
        ("ERROR", "Request {hex} failed: unknown column `discount_v2`"),
    ),
    "queue_backlog": (
        ("WARN", "Consumer lag grows: {number}00 messages, last acknowledged {number} s ago"),
        ("ERROR", "Consumer group rebalanced without assignment, generation {number}"),
    ),
    "cpu_saturation": (
        ("WARN", "kernel: rcu_sched self-detected stall on CPU {digit}"),
        ("WARN", "systemd-journald: runaway process 'reindex-batch' uses {number} s of CPU time"),
    ),
    "gateway_node": (
        ("ERROR", "worker {digit} exited on signal 11 while forwarding authorization {hex}"),
        ("ERROR", "upstream acquirer closed connection: TLS handshake failed on node, card {card}"),
        ("WARN", "respawning worker {digit}, {number} requests lost"),
    ),
    "memory_leak": (
        ("WARN", "GC overhead: {number} ms pause, heap after collection 97 %"),
        ("FATAL", "java.lang.OutOfMemoryError: Java heap space in request {hex}"),
    ),
    "network_loss": (
        ("WARN", "kernel: eth0: {number} packets dropped, rx_crc_errors rising"),
        ("WARN", "TCP retransmission timeout towards {ip} after {ms} ms"),
    ),
    "filesystem_full": (
        ("ERROR", "write /var/lib/data/segment-{number}: No space left on device"),
        ("ERROR", "Checkpoint failed: could not extend file base/{number}: No space left on device"),
    ),
}

VICTIM_LINES: tuple[tuple[str, str], ...] = (
    ("ERROR", "Upstream timeout after {ms} ms, request {hex} answered with 504"),
    ("ERROR", "Request {hex} of {email} failed with 500"),
    ("WARN", "Circuit breaker half open after {number} failures"),
)
SPAN_LINE = "Request answered with 5xx, see trace"

_BLANK = re.compile(r"\{(\w+)\}")


def render(rng: np.random.Generator, text: str, count: int, given: dict[str, pa.Array]) -> pa.Array:
    """Return ``count`` lines of a text with its blanks filled, from ``given`` or at random."""
    pieces = _BLANK.split(text)
    columns: list[pa.Array | str] = []
    for position, piece in enumerate(pieces):
        if position % 2:
            columns.append(given[piece] if piece in given else BLANKS[piece](rng, count))
        elif piece:
            columns.append(pa.scalar(piece))
    if all(isinstance(column, pa.Scalar) for column in columns):
        return pa.array([text] * count, pa.string())
    return pc.binary_join_element_wise(*columns, "")


def hex_ids(rng: np.random.Generator, count: int, width: int) -> pa.Array:
    """Return random lower-case hex of ``width`` digits."""
    digits = rng.bytes(count * width // 2).hex().encode()
    return pa.array(np.frombuffer(digits, dtype=f"S{width}"), pa.binary()).cast(pa.string())


def pick(rng: np.random.Generator, words: tuple[str, ...], count: int) -> pa.Array:
    """Return words drawn at random."""
    return pa.array(words).take(pa.array(rng.integers(0, len(words), count)))


def _whole(low: int, high: int) -> Callable[[np.random.Generator, int], pa.Array]:
    return lambda rng, count: pa.array(rng.integers(low, high, count)).cast(pa.string())


def _ip(rng: np.random.Generator, count: int) -> pa.Array:
    """Return addresses of the ranges reserved for documentation."""
    return pc.binary_join_element_wise(
        pick(rng, ("192.0.2", "198.51.100", "203.0.113"), count), _whole(1, 255)(rng, count), "."
    )


BLANKS: dict[str, Callable[[np.random.Generator, int], pa.Array]] = {
    "ms": _whole(3, 950),
    "number": _whole(10, 1000),
    "digit": _whole(0, 8),
    "hex": lambda rng, count: hex_ids(rng, count, 12),
    "word": lambda rng, count: pick(rng, ("items", "basket", "address", "invoice", "offer", "status"), count),
    "email": lambda rng, count: pc.binary_join_element_wise(pick(rng, PEOPLE, count), pick(rng, DOMAINS, count), "@"),
    "ip": _ip,
    "card": lambda rng, count: pick(rng, CARDS, count),
    "token": lambda rng, count: pick(rng, TOKENS, count),
}
