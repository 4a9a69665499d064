"""What labels say in our words: service, host, configuration item, and what remains of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pydantic import BaseModel, ConfigDict

from aiops_jobs.identity import canonical_json, fingerprint

ALERT_SEVERITIES = {
    **dict.fromkeys(("critical", "page", "emergency", "fatal", "disaster", "major", "high", "p1", "sev1"), "critical"),
    **dict.fromkeys(("warning", "warn", "error", "minor", "average", "medium", "moderate", "p2", "sev2"), "warning"),
    **dict.fromkeys(("info", "information", "informational", "notice", "none", "low", "debug", "ok"), "info"),
}
"""What common words of monitoring systems for a severity mean, in lower case."""


@dataclass(frozen=True, slots=True)
class LabelRules:
    """Which labels say what. The first label of a tuple that is there decides."""

    service: Sequence[str] = ("service", "service_name")
    host: Sequence[str] = ("host", "host_name", "instance")
    entity: Sequence[str] = ("entity_id", "entity")
    external: Sequence[str] = ()
    """Labels a server adds to everything it tells others: no part of the thing."""


class LabelSettings(BaseModel):
    """What the labels of a system mean."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    service_labels: tuple[str, ...] = ("service", "service_name")
    """Labels that name the service; the first that is there counts."""
    host_labels: tuple[str, ...] = ("host", "host_name", "instance")
    """Labels that name the host; a port is taken off."""
    entity_labels: tuple[str, ...] = ("entity_id", "entity")
    """Labels that name the configuration item as kind/name; without one it is the service, else the host."""
    external_labels: tuple[str, ...] = ()
    """Labels a server adds to all it tells others (``prometheus``, ``replica``): no part of the thing, dropped."""

    @property
    def rules(self) -> LabelRules:
        """The same, as `origin_of` reads them."""
        return LabelRules(self.service_labels, self.host_labels, self.entity_labels, self.external_labels)


@dataclass(frozen=True, slots=True)
class Origin:
    """Where something comes from."""

    service_name: str | None
    host_name: str | None
    entity_id: str | None
    labels: str | None
    """Remaining labels, as a JSON object with sorted keys; null where none remain."""


def origin_of(labels: Mapping[str, str], rules: LabelRules) -> Origin:
    """Return what ``labels`` say about service, host and configuration item.

    Example:
        >>> origin_of({"instance": "web-01:9100", "job": "node"}, LabelRules()).entity_id
        'host/web-01'
    """
    rest = {key: value for key, value in labels.items() if value and key not in rules.external}
    service = _first(rest, rules.service)
    host = _host(rest, rules.host)
    entity = _first(rest, rules.entity) or entity_of(service, host)
    return Origin(service, host, entity, canonical_json(rest) if rest else None)


def entity_of(service_name: str | None, host_name: str | None) -> str | None:
    """Return the configuration item of something that names none: its service, else its host."""
    if service_name:
        return f"service/{service_name}"
    return f"host/{host_name}" if host_name else None


def alert_fingerprint(
    *,
    source: str,
    alert_name: str | None,
    entity_id: str | None,
    service_name: str | None,
    host_name: str | None,
    labels: str | None,
) -> str:
    """Return what makes two notifications speak of the same alert; names, values and nulls all count."""
    return fingerprint(
        "alf",
        source=source,
        alert_name=alert_name,
        entity_id=entity_id,
        service_name=service_name,
        host_name=host_name,
        labels=labels,
    )


def _first(rest: dict[str, str], names: Sequence[str]) -> str | None:
    for name in names:
        if name in rest:
            return rest.pop(name)
    return None


def _host(rest: dict[str, str], names: Sequence[str]) -> str | None:
    """Take the host out of ``rest``; an address with a port stays there too, for the port tells exporters apart."""
    for name in names:
        if name in rest:
            host, colon, port = rest[name].rpartition(":")
            is_address = colon and port.isdigit() and (":" not in host or host.startswith("["))  # else bare IPv6
            return host.strip("[]") if is_address else rest.pop(name)
    return None
