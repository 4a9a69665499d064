"""Policies: every number an operator may want to change, with its unit, its default and its reason.

A policy is data. Its version is the digest of its values, so a result joins to exactly the policy it followed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field

from aiops_jobs.core.metric_roles import DEFAULT_ALERT_ROLES, DEFAULT_ROLES, OTHER, MetricRole
from aiops_jobs.core.policies.correlation import AlertPolicy, BackgroundPolicy, CorrelationPolicy, PriorityPolicy
from aiops_jobs.core.policies.cost import CostPolicy
from aiops_jobs.core.policies.delivery import DeliveryPolicy
from aiops_jobs.core.policies.feedback import FeedbackPolicy
from aiops_jobs.core.policies.grouping import CorrelationRule, PatternPolicy
from aiops_jobs.core.policies.ingestion import IngestPolicy
from aiops_jobs.core.policies.judging import AnomalyPolicy, CapacityPolicy, FailurePolicy
from aiops_jobs.core.policies.knowledge import OutcomePolicy, SimilarityPolicy
from aiops_jobs.core.policies.remediation import Allowed, RemediationPolicy, RunbookPolicy
from aiops_jobs.core.policies.reporting import ReportPolicy, TicketPolicy
from aiops_jobs.core.policies.routing import RoutingPolicy, RoutingRule
from aiops_jobs.core.policies.suppression import SuppressionPolicy
from aiops_jobs.identity import canonical_json, digest

__all__ = [
    "DEFAULT_ALERT_ROLES",
    "DEFAULT_ROLES",
    "OTHER",
    "AlertPolicy",
    "Allowed",
    "AnomalyPolicy",
    "BackgroundPolicy",
    "CapacityPolicy",
    "CorrelationPolicy",
    "CorrelationRule",
    "CostPolicy",
    "DeliveryPolicy",
    "FailurePolicy",
    "FeedbackPolicy",
    "IngestPolicy",
    "MetricRole",
    "OutcomePolicy",
    "PatternPolicy",
    "Policies",
    "PriorityPolicy",
    "RemediationPolicy",
    "ReportPolicy",
    "RoutingPolicy",
    "RoutingRule",
    "RunbookPolicy",
    "SimilarityPolicy",
    "SuppressionPolicy",
    "TicketPolicy",
]


@dataclass(frozen=True, slots=True)
class Policies:
    """All policies in force."""

    anomaly: AnomalyPolicy = field(default_factory=AnomalyPolicy)
    capacity: CapacityPolicy = field(default_factory=CapacityPolicy)
    failure: FailurePolicy = field(default_factory=FailurePolicy)
    alerts: AlertPolicy = field(default_factory=AlertPolicy)
    suppression: SuppressionPolicy = field(default_factory=SuppressionPolicy)
    correlation: CorrelationPolicy = field(default_factory=CorrelationPolicy)
    patterns: PatternPolicy = field(default_factory=PatternPolicy)
    priority: PriorityPolicy = field(default_factory=PriorityPolicy)
    similarity: SimilarityPolicy = field(default_factory=SimilarityPolicy)
    outcomes: OutcomePolicy = field(default_factory=OutcomePolicy)
    feedback: FeedbackPolicy = field(default_factory=FeedbackPolicy)
    cost: CostPolicy = field(default_factory=CostPolicy)
    tickets: TicketPolicy = field(default_factory=TicketPolicy)
    routing: RoutingPolicy = field(default_factory=RoutingPolicy)
    delivery: DeliveryPolicy = field(default_factory=DeliveryPolicy)
    ingest: IngestPolicy = field(default_factory=IngestPolicy)
    report: ReportPolicy = field(default_factory=ReportPolicy)
    runbooks: RunbookPolicy = field(default_factory=RunbookPolicy)
    remediation: RemediationPolicy = field(default_factory=RemediationPolicy)
    roles: tuple[MetricRole, ...] = DEFAULT_ROLES

    def as_dict(self) -> dict[str, object]:
        """Return every policy as plain data, by name."""
        return asdict(self)

    def specs(self) -> Mapping[str, str]:
        """Return each policy's canonical JSON, by name."""
        return {name: canonical_json(spec) for name, spec in self.as_dict().items()}

    def version(self, name: str) -> str:
        """Return the version of one policy: its name and the digest of its values and of the metric roles."""
        return f"{name}-{digest([self.as_dict()[name], self.as_dict()['roles']])[:12]}"

    @property
    def config_hash(self) -> str:
        """Digest of everything."""
        return digest(self.as_dict())
