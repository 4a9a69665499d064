"""The example of the how-to page is a valid configuration, and does what the page says."""

import re
import tomllib
from pathlib import Path

from incident_world import correlated, event, facts

from aiops_jobs.settings import Settings, load_policies

PAGE = Path(__file__).resolve().parents[2] / "docs" / "how-to" / "group-alerts.md"


def policies_of_the_page():
    (example,) = re.findall(r"```toml\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
    return load_policies(Settings(**tomllib.loads(example)))


def told(minutes, name, **more):
    return event(minutes, name, None, severity="critical", **more)


def test_the_example_is_valid_and_groups_as_it_says():
    policies = policies_of_the_page()
    assert [rule.rule_id for rule in policies.correlation.rules] == ["one-customer", "storage", "same-words"]
    acme = {"labels": '{"customer": "acme"}'}
    seen = facts(
        [
            {**told(0, "PaymentsFail", service="pay"), **acme},
            {**told(5, "MailStuck", service="mail"), **acme},
            told(1, "DiskFull", host="h1"),
            told(4, "RaidDegraded", host="h1"),
            told(2, "DiskFull"),
            told(3, "Odd", service="x", summary="Job 17 failed"),
            told(6, "Odd", service="y", summary="Job 18 failed"),
        ]
    )
    rows = correlated(seen, policies=policies).incident_alerts.to_pylist()
    sizes = {}
    for row in rows:
        sizes[row["incident_id"]] = sizes.get(row["incident_id"], 0) + 1
    assert sorted(sizes.values()) == [1, 2, 2, 2]
    assert {row["correlation_rule"] for row in rows} == {None, "one-customer", "topology", "same-words"}
