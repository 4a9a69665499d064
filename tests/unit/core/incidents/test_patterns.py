import json
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from aiops_jobs.core.columns import SECOND, to_micros
from aiops_jobs.core.incidents.patterns import Episodes, propose_rules, why_not_an_identifier
from aiops_jobs.core.policies import CorrelationRule, PatternPolicy
from aiops_jobs.window import Window

MONTH = Window(datetime(2026, 10, 1, tzinfo=UTC), datetime(2026, 10, 31, tzinfo=UTC))
START = to_micros(MONTH.start)
POLICY = PatternPolicy()
HOUR = 3600


def past(*rows):
    """Rows are (second, name, service, incident, cause)."""
    columns = list(zip(*sorted(rows, key=str), strict=True))
    return Episodes(np.array(columns[0], np.int64) * SECOND + START, *columns[1:])


def proposals(*rows, **changes):
    policy = PatternPolicy(**changes)
    return propose_rules(past(*rows), MONTH, policy=policy, policy_version="patterns-x").to_pylist()


def recurring(count=60, *, every=12 * HOUR, after=300, follows=lambda _: True, same_cause=True):
    """A in shop, and within minutes B in mail, twice a day; their incidents are two."""
    rows = []
    for n in range(count):
        rows.append((n * every, "PoolFull", "shop", f"a{n}", "database/db"))
        if follows(n):
            rows.append((n * every + after, "MailSlow", "mail", f"b{n}", "database/db" if same_cause else "host/h"))
    return rows


def noise(seed=0, count=200):
    rng = np.random.default_rng(seed)
    names = [f"Rule{i}" for i in range(10)]
    return [
        (int(rng.integers(0, 30 * 86400)), names[rng.integers(0, 10)], f"s{rng.integers(0, 3)}", f"n{i}", None)
        for i in range(count)
    ]


def test_what_follows_again_and_again_is_proposed_with_its_effect_on_the_rest():
    (row,) = proposals(*recurring(), *noise())
    assert (row["proposal_status"], row["support_count"], row["confidence_ratio"]) == ("proposed", 40, 1.0)
    assert row["lift"] == pytest.approx(1 / (1 - np.exp(-40 * 900 / (20 * 86400))), rel=1e-6)
    assert json.loads(row["effect"]) == {
        "later_occurrences": 20,
        "later_support": 20,
        "later_confidence_ratio": 1.0,
        "later_lift": pytest.approx(1 / (1 - np.exp(-20 * 900 / (10 * 86400)))),
        "pairs_in_one_incident_already": 0,
        "incident_pairs_merged": 20,
        "merged_with_known_causes": 20,
        "merged_of_one_cause": 20,
    }
    assert (row["window_start"], row["window_end"]) == (MONTH.start, MONTH.end)


def test_the_effect_says_when_the_causes_were_others():
    (row,) = proposals(*recurring(same_cause=False))
    effect = json.loads(row["effect"])
    assert (effect["merged_with_known_causes"], effect["merged_of_one_cause"]) == (20, 0)


def test_a_proposed_rule_is_one_the_policy_takes():
    (row,) = proposals(*recurring())
    rule = json.loads(row["spec"])["rule"]
    made = CorrelationRule(**rule)
    assert made.filter == {"name": ["MailSlow", "PoolFull"], "service_name": ["mail", "shop"]}
    assert made.min_distinct_rules == 2


def test_what_held_only_at_first_is_rejected_with_its_reason():
    (row,) = proposals(*recurring(follows=lambda n: n < 40))
    assert row["proposal_status"] == "rejected"
    assert "0 of 20 were followed" in row["reason"]


def test_chance_proposes_nothing():
    for seed in range(5):
        assert [row for row in proposals(*noise(seed, 600)) if row["proposal_status"] == "proposed"] == []


def test_support_is_of_occurrences_not_of_repetitions():
    storm = [(n, "PoolFull", "shop", "a", None) for n in range(100)]
    storm += [(n + 30, "MailSlow", "mail", "b", None) for n in range(100)]
    (row,) = proposals(*storm)
    assert "2 distinct values in 2 occurrences" in row["reason"]


@pytest.mark.parametrize(("missing", "count"), [("confidence", 0), ("nothing", 1)])
def test_half_of_the_cases_are_the_least(missing, count):
    follows = (lambda n: n % 3 == 0) if missing == "confidence" else (lambda n: n % 3 > 0)
    assert len(proposals(*recurring(follows=follows))) == count


def test_what_names_no_service_teaches_nothing():
    (row,) = proposals(*[(s, name, None, i, c) for s, name, _, i, c in recurring()])
    assert (row["proposal_status"], "nothing names it" in row["reason"]) == ("rejected", True)


@pytest.mark.parametrize(
    ("distinct", "rows", "wanted"),
    [(91, 100, "> 0.9"), (90, 100, None), (1, 100, None), (1, 101, "< 0.01"), (0, 0, "nothing names it")],
)
def test_an_identifier_too_rare_or_too_common_is_refused_with_a_reason(distinct, rows, wanted):
    values = [f"v{i % distinct}" for i in range(rows)]
    reason = why_not_an_identifier(values, POLICY)
    assert (reason is None) if wanted is None else (wanted in str(reason))


def test_a_refused_identifier_is_a_rejected_row():
    rows = [(i * HOUR, f"Rule {i}", "shop", None, None) for i in range(50)]
    (row,) = proposals(*rows)
    assert row["proposal_status"] == "rejected"
    assert (
        "service and alert rule or metric cannot identify patterns: 50 distinct values in 50 occurrences"
        in row["reason"]
    )


def test_order_of_rows_does_not_matter():
    rows = [*recurring(), *noise()]
    forward = past(*rows)
    back = Episodes(
        forward.start[::-1], *(list(c)[::-1] for c in (forward.name, forward.service, forward.incident, forward.cause))
    )
    told = [propose_rules(e, MONTH, policy=POLICY, policy_version="p").to_pylist() for e in (forward, back)]
    assert told[0] == told[1]


def test_nothing_of_the_later_part_is_used_to_learn():
    late = [row for row in recurring() if row[0] >= 20 * 86400]
    assert proposals(*late) == []
    assert timedelta(seconds=POLICY.lookback_s) == MONTH.duration
