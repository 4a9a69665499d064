"""What a metric stands for is decided by the first pattern that fits its name."""

import pytest

from aiops_jobs.core.features.roles import label_of, roles_of
from aiops_jobs.core.policies import DEFAULT_ROLES, MetricRole
from aiops_jobs.errors import ConfigurationError


@pytest.mark.parametrize(
    ("metric", "role"),
    [
        ("http_server_request_duration_seconds", "latency"),
        ("db_client_connections_wait_time", "latency"),
        ("http_request_error_ratio", "errors"),
        ("card_approval_ratio", "errors"),
        ("db_client_connections_utilization", "saturation"),
        ("system_filesystem_utilization", "saturation"),
        ("system_cpu_utilization", "saturation"),
        ("k8s_container_restarts", "availability"),
        ("up", "availability"),
        ("smart_5_reallocated_sectors", "hardware"),
        ("http_requests_per_second", "traffic"),
        ("room_temperature", None),
    ],
)
def test_the_default_roles_know_common_names(metric, role):
    (found,) = roles_of([metric], DEFAULT_ROLES)
    assert (found.role if found else None) == role


def test_the_first_pattern_that_fits_decides_and_names_may_repeat():
    roles = [MetricRole("wait", "latency"), MetricRole("(wait|queue)", "saturation")]
    found = roles_of(["queue_wait", "queue", "x", "queue_wait"], roles)
    assert [role.role if role else None for role in found] == ["latency", "saturation", None, "latency"]


def test_no_names_have_no_roles():
    assert roles_of([], DEFAULT_ROLES) == []


def test_a_pattern_that_is_no_re2_is_the_operators_mistake():
    with pytest.raises(ConfigurationError, match=r"policies.roles\[1\].pattern") as caught:
        roles_of(["a"], [MetricRole("a", "latency"), MetricRole("(?=a)", "errors")])
    assert caught.value.exit_code == 2


def test_a_metric_is_called_by_its_role_or_by_its_name():
    assert label_of("pool_usage", MetricRole("pool", "saturation", label="connection pool")) == "connection pool"
    assert label_of("pool_usage", MetricRole("pool", "saturation")) == "pool_usage"
    assert label_of("pool_usage", None) == "pool_usage"
