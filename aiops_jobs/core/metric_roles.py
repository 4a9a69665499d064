"""What metrics and alert rules stand for by default: which are symptoms, which may be causes, and when they matter."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class MetricRole:
    """What a metric stands for. The first pattern (RE2, searched in the metric name) that fits decides."""

    pattern: str
    role: str
    """latency | errors (symptoms); traffic; saturation; hardware; availability; other"""
    limit: float | None = None
    """Value at which the resource is full; only saturation metrics with a limit are forecast."""
    direction: str = "both"
    """up | down | both: on which side a deviation is bad."""
    min_deviation: float = 0.0
    """Smallest deviation from expected, in the unit of the metric, that may matter to anybody."""
    min_rel_deviation: float = 0.0
    """Smallest deviation as a share of |expected| that may matter to anybody."""
    cause: str = "unknown"
    """cause_kind a deviation of this metric points to: capacity | infra | traffic | dependency | data | unknown."""
    label: str = ""
    """What a person calls it, for titles: `connection pool`."""


DEFAULT_ROLES: tuple[MetricRole, ...] = (
    MetricRole(
        r"(duration|latency|response_time|wait)",
        "latency",
        direction="up",
        min_deviation=0.02,
        min_rel_deviation=0.1,
        label="latency",
    ),
    MetricRole(r"(error|failure|failed|declin)", "errors", direction="up", min_deviation=0.005, label="error rate"),
    MetricRole(r"(approv|success)", "errors", direction="down", min_deviation=0.005, label="success rate"),
    MetricRole(
        r"(connections?_utilization|pool_utilization|pool_usage)",
        "saturation",
        limit=1.0,
        direction="up",
        min_deviation=0.1,
        cause="capacity",
        label="connection pool",
    ),
    MetricRole(
        r"filesystem.*(utilization|used_ratio)",
        "saturation",
        limit=1.0,
        direction="up",
        min_deviation=0.03,
        cause="capacity",
        label="file system",
    ),
    MetricRole(
        r"memory.*(utilization|used_ratio)",
        "saturation",
        limit=1.0,
        direction="up",
        min_deviation=0.1,
        cause="capacity",
        label="memory",
    ),
    MetricRole(
        r"queue.*(utilization|used_ratio)",
        "saturation",
        limit=1.0,
        direction="up",
        min_deviation=0.1,
        cause="capacity",
        label="queue",
    ),
    MetricRole(
        r"queue_(depth|length|messages)",
        "saturation",
        direction="up",
        min_deviation=50,
        cause="capacity",
        label="queue",
    ),
    MetricRole(
        r"cpu.*(utilization|used_ratio)",
        "saturation",
        direction="up",
        min_deviation=0.15,
        cause="capacity",
        label="CPU",
    ),
    MetricRole(
        r"(restart|crash|(^|_)oom)",
        "availability",
        direction="up",
        min_deviation=0.5,
        cause="infra",
        label="restarts",
    ),
    MetricRole(
        r"(^up$|_up$|heartbeat)",
        "availability",
        direction="down",
        min_deviation=0.5,
        cause="infra",
        label="availability",
    ),
    MetricRole(
        r"(packet_?loss|retrans|drop)",
        "saturation",
        direction="up",
        min_deviation=0.005,
        cause="infra",
        label="network loss",
    ),
    MetricRole(
        r"(smart_|reallocated|pending_sector|uncorrect)",
        "hardware",
        direction="up",
        cause="infra",
        label="disk health",
    ),
    MetricRole(
        r"(requests?|queries|transactions|operations)_(per_second|rate|total)",
        "traffic",
        direction="both",
        min_rel_deviation=0.1,
        cause="traffic",
        label="traffic",
    ),
)
OTHER = MetricRole("", "other", min_rel_deviation=0.1)
"""What is assumed of a metric that no role fits."""
DEFAULT_ALERT_ROLES: tuple[MetricRole, ...] = (
    MetricRole(r"(connection|pool)", "saturation", direction="up", cause="capacity", label="connection pool"),
    MetricRole(r"(cpu|processor)", "saturation", direction="up", cause="capacity", label="CPU"),
    MetricRole(r"(memory|heap|swap)", "saturation", direction="up", cause="capacity", label="memory"),
    MetricRole(
        r"(file_?system|disk_?space|disk_?(almost_)?full|inode)",
        "saturation",
        direction="up",
        cause="capacity",
        label="file system",
    ),
    MetricRole(r"(queue|backlog|consumer_lag)", "saturation", direction="up", cause="capacity", label="queue"),
    MetricRole(
        r"(_down$|unreachable|not_ready|target_missing)",
        "availability",
        direction="down",
        cause="infra",
        label="availability",
    ),
    MetricRole(
        r"(workload|throughput|_(ops|rps|qps)$|(receive|received|transmit|transmitted|sent)_?bytes|syscall)",
        "traffic",
        cause="traffic",
        label="traffic",
    ),
    MetricRole(r"(network|packet|interface)", "saturation", direction="up", cause="infra", label="network"),
)
"""What alert rules stand for, by their name in snake_case; the roles of metrics are tried first."""
