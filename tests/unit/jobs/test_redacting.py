"""Whichever job stores a text, what is sensitive in it is gone; addresses by the policy."""

from types import SimpleNamespace

import pyarrow as pa
import pytest

from aiops_jobs.contracts.results import FINDINGS
from aiops_jobs.contracts.telemetry import LOG_RECORDS
from aiops_jobs.core.policies import Policies
from aiops_jobs.core.policies.reporting import TicketPolicy
from aiops_jobs.jobs.redacting import redacted


@pytest.mark.parametrize(("table", "column"), [(FINDINGS, "title"), (FINDINGS, "summary"), (LOG_RECORDS, "body")])
@pytest.mark.parametrize(("mask", "host"), [(False, "10.0.0.1"), (True, "[ip]")])
def test_sensitive_columns_are_clean_and_addresses_follow_the_policy(table, column, mask, host):
    context = SimpleNamespace(policies=Policies(tickets=TicketPolicy(mask_ip_addresses=mask)))
    rows = pa.table({column: ["login of kim@example.com from 10.0.0.1, password=hunter2", None]})
    told = redacted(context, table, rows)[column].to_pylist()
    assert told == [f"login of [email] from {host}, password=[secret]", None]
