from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from incident_world import (
    DAY,
    POLICIES,
    anomaly,
    at,
    correlated,
    edge,
    edges,
    entities_of,
    event,
    facts,
    groups_of,
    item,
    table,
)

from aiops_jobs.contracts.results import INCIDENT_ALERTS
from aiops_jobs.core.incidents.correlation import CorrelationResult
from aiops_jobs.identity import fingerprint
from aiops_jobs.window import Window

LATENCY, ERRORS, CPU = "request_duration_seconds", "request_error_ratio", "node_cpu_utilization_ratio"


def policies(**changes):
    return replace(POLICIES, correlation=replace(POLICIES.correlation, **changes))


def slow(minutes, entity, **more):
    return anomaly(minutes, entity, LATENCY, unit="s", **more)


def groups(seen, **more):
    return entities_of(correlated(seen, **more), seen)


def test_servicenow_example_gap_and_lifetime():
    """Alerts at 01:00 … 01:43 on one component, gap 10 minutes, lifetime 30: the first and the last stay alone."""
    minutes = [0, 11, 13, 16, 25, 34, 43]
    told = []
    for m in minutes:
        told += [
            event(m, f"Rule{m}", severity="critical"),
            event(m, f"Rule{m}", severity="critical", status="resolved"),
        ]
    seen = facts(told)
    result = correlated(seen, policies=policies(gap_s=600, max_duration_s=1800))
    begins = {row["alert_id"]: row["started_at"] for row in result.alerts.to_pylist()}
    found = sorted(sorted(begins[m] for m in ids) for ids in groups_of(result).values())
    assert found == [[at(0)], [at(11), at(13), at(16), at(25), at(34)], [at(43)]]


def test_a_chain_of_relations_is_one_incident():
    """A~B and B~C make {A, B, C}, although A and C are too far apart for each other."""
    links = edges("service/a > service/b > service/c > service/d > service/e")
    seen = facts(anomalies=[slow(0, "service/e"), slow(10, "service/c"), slow(20, "service/a")], links=links)
    assert groups(seen) == [{"service/a", "service/c", "service/e"}]


def test_a_silent_component_in_the_middle_does_not_split():
    links = edges("service/web > service/app > database/db")
    seen = facts(anomalies=[slow(0, "database/db"), slow(5, "service/web")], links=links)
    assert groups(seen) == [{"service/web", "database/db"}]
    assert len(groups(seen, policies=policies(max_hops=1))) == 2


def test_a_dependency_that_did_not_exist_then_relates_nothing():
    members = [slow(0, "database/db"), slow(5, "service/web")]
    later = facts(anomalies=members, links=[edge("service/web", "database/db", valid_from=at(60))])
    earlier = facts(anomalies=members, links=[edge("service/web", "database/db", valid_to=at(-60))])
    now = facts(anomalies=members, links=[edge("service/web", "database/db", valid_from=at(-60), valid_to=at(60))])
    assert [len(groups(seen)) for seen in (later, earlier, now)] == [2, 2, 1]


def test_a_storm_of_a_thousand_alerts_is_one_incident():
    links = edges(*(f"host/h{i} > gateway/switch" for i in range(100)))
    storm = [
        event(1 + i % 10, f"Rule{i % 10}", f"host/h{i % 100}", severity="critical", key=f"fp{i}") for i in range(1000)
    ]
    seen = facts([event(0, "SwitchDown", "gateway/switch", severity="critical"), *storm], links=links)
    result = correlated(seen)
    assert result.alerts.num_rows == 1001
    (row,) = result.incidents.to_pylist()
    assert row["alert_count"] == 1001
    assert row["cause_entity_id"] == "gateway/switch"


def test_unrelated_faults_at_the_same_moment_stay_apart():
    links = edges("service/shop > database/shop-db", "service/blog > database/blog-db")
    pool = "db_connection_pool_utilization_ratio"
    seen = facts(
        anomalies=[
            anomaly(0, "database/shop-db", pool, observed=1.0),
            anomaly(0, "database/blog-db", pool, observed=1.0),
            slow(5, "service/shop"),
            slow(5, "service/blog"),
        ],
        links=links,
    )
    assert groups(seen) == [{"service/blog", "database/blog-db"}, {"service/shop", "database/shop-db"}]


def test_a_silent_host_that_everything_touches_does_not_merge_the_world():
    links = edges(*(f"service/s{i} > host/h" for i in range(8)))
    seen = facts(anomalies=[slow(0, "service/s1"), slow(1, "service/s5")], links=links)
    assert len(groups(seen)) == 2


def test_a_silent_component_of_which_nearly_all_users_suffer_is_what_they_share():
    links = edges(*(f"service/s{i} > host/h" for i in range(4)))
    seen = facts(anomalies=[slow(i, f"service/s{i}") for i in range(3)], links=links)
    result = correlated(seen)
    assert len(groups_of(result)) == 1
    reasons = [row["reason"] for row in result.incident_alerts.to_pylist()]
    assert any("both depend on `host/h`" in reason for reason in reasons)


def test_a_redundancy_group_that_suffers_as_a_whole_is_one_incident():
    group = [item(f"gateway/gw-{i}", group="edge") for i in range(3)]
    all_ill = facts(anomalies=[slow(i, f"gateway/gw-{i}") for i in range(3)], items=group)
    assert len(groups(all_ill)) == 1
    assert len(groups(facts(anomalies=[slow(i, f"gateway/gw-{i}") for i in range(2)], items=group))) == 2


def test_a_shared_host_that_suffers_itself_links_its_users():
    links = edges(*(f"service/s{i} > host/h" for i in range(8)))
    seen = facts(
        anomalies=[anomaly(0, "host/h", CPU, observed=0.99), slow(5, "service/s1"), slow(6, "service/s5")], links=links
    )
    assert groups(seen) == [{"host/h", "service/s1", "service/s5"}]


def test_two_faults_below_one_front_door_stay_two_incidents_and_the_door_goes_to_the_nearer():
    links = edges("service/web > service/cart > database/cart-db", "service/web > service/search > database/search-db")
    seen = facts(
        anomalies=[
            slow(0, "database/cart-db"),
            slow(5, "service/cart"),
            slow(8, "database/search-db"),
            slow(12, "service/search"),
            slow(13, "service/web"),
        ],
        links=links,
    )
    assert groups(seen) == [
        {"service/search", "database/search-db", "service/web"},
        {"service/cart", "database/cart-db"},
    ]


def test_a_lesser_sign_at_a_neighbour_is_context_and_splits_nothing():
    links = edges("service/web > service/app > database/db", "service/web > queue/mail")
    seen = facts(
        [event(9, "DeadLetterGrowing", "queue/mail", severity="info")],
        [
            anomaly(0, "database/db", "db_connection_pool_utilization_ratio"),
            slow(5, "service/app"),
            slow(10, "service/web"),
        ],
        links=links,
    )
    assert groups(seen) == [{"database/db", "service/app", "service/web", "queue/mail"}]


def test_more_load_is_no_begin_of_an_incident():
    rate = anomaly(-60, "service/web", "http_requests_per_second", lasts=300, unit="1/s")
    seen = facts(anomalies=[rate, slow(0, "service/web")])
    (row,) = correlated(seen).incidents.to_pylist()
    assert row["started_at"] == at(0)
    assert row["finding_count"] == 2


def test_members_without_any_key_are_never_merged_with_strangers():
    alone = [event(i, f"Rule{i}", None, severity="critical") for i in range(3)]
    seen = facts([*alone, event(1, "Other", "service/web", severity="critical")])
    result = correlated(seen)
    assert sorted(len(ids) for ids in groups_of(result).values()) == [1, 1, 1, 1]
    reasons = [row["reason"] for row in result.incident_alerts.to_pylist()]
    assert sum("never grouped" in reason for reason in reasons) == 3


def test_a_service_and_its_host_named_by_one_alert_are_related():
    seen = facts(
        [event(0, "A", None, service="web", host="web-1", severity="critical")],
        [anomaly(3, "host/web-1", CPU, observed=0.99)],
    )
    assert len(groups_of(correlated(seen))) == 1


def test_no_incident_takes_members_longer_than_its_limit():
    seen = facts([event(m, f"Rule{m}", severity="critical") for m in range(0, 180, 10)])
    result = correlated(seen, policies=policies(max_duration_s=3600))
    begins = {row["alert_id"]: row["started_at"] for row in result.alerts.to_pylist()}
    spans = [max(begins[m] for m in ids) - min(begins[m] for m in ids) for ids in groups_of(result).values()]
    assert len(spans) == 3
    assert max(spans) < timedelta(hours=1)


def test_a_dependency_that_fell_ill_long_before_and_still_is_explains_what_begins_now():
    links = edges("service/web > database/db")
    ill = anomaly(0, "database/db", "db_connection_pool_utilization_ratio", lasts=300)
    well_again = anomaly(0, "database/db", "db_connection_pool_utilization_ratio", lasts=30)
    assert len(groups(facts(anomalies=[ill, slow(90, "service/web")], links=links))) == 1
    assert len(groups(facts(anomalies=[well_again, slow(90, "service/web")], links=links))) == 2
    assert len(groups(facts(anomalies=[slow(0, "service/web", lasts=300), slow(90, "database/db")], links=links))) == 2


def test_the_same_trouble_of_a_resource_soon_back_is_the_same_incident():
    leak = "container_memory_utilization_ratio"
    seen = facts(anomalies=[anomaly(m, "service/app", leak, lasts=60, observed=1.0) for m in (0, 100, 200)])
    assert len(groups_of(correlated(seen))) == 1
    felt = facts(anomalies=[slow(m, "service/app", lasts=60) for m in (0, 100, 200)])
    assert len(groups_of(correlated(felt))) == 3


# --- ids ------------------------------------------------------------------------------------------------------------


def known_from(result: CorrelationResult):
    rows = result.incident_alerts.to_pylist()
    stamp = {"run_id": "r", "as_of": at(0), "code_version": "c", "config_hash": "h", "input_manifest_id": None}
    return table(INCIDENT_ALERTS, [{**row, **stamp} for row in rows])


def test_the_id_is_made_of_the_first_member():
    result = correlated(facts(anomalies=[slow(0, "service/web"), slow(5, "service/web")]))
    (row,) = result.incidents.to_pylist()
    primary = next(r for r in result.incident_alerts.to_pylist() if r["role"] == "primary")
    assert row["incident_id"] == fingerprint("inc", anchor=primary["member_id"])
    assert primary["started_at"] == row["started_at"] == at(0)


def test_a_late_alert_before_the_first_revises_the_incident_and_never_renumbers_it():
    first = correlated(facts(anomalies=[slow(0, "service/web")]))
    late = facts([event(-5, severity="critical")], [slow(0, "service/web")])
    (old,), (new,) = first.incidents.to_pylist(), correlated(late, known=known_from(first)).incidents.to_pylist()
    assert new["incident_id"] == old["incident_id"]
    assert new["started_at"] == at(-5)
    assert correlated(late).incidents.to_pylist()[0]["incident_id"] != old["incident_id"]


def test_two_known_incidents_that_turn_out_to_be_one_keep_the_earlier_id():
    links = edges("service/web > service/app > database/db")
    parts = facts(anomalies=[slow(0, "service/web"), slow(8, "database/db")])
    apart = correlated(parts)
    assert apart.incidents.num_rows == 2
    earlier = min(apart.incidents.to_pylist(), key=lambda row: row["started_at"])
    whole = facts(anomalies=[slow(0, "service/web"), slow(8, "database/db")], links=links)
    (row,) = correlated(whole, known=known_from(apart)).incidents.to_pylist()
    assert row["incident_id"] == earlier["incident_id"]


def test_a_known_incident_that_turns_out_to_be_two_gives_its_id_to_one_of_them_only():
    links = edges("service/web > service/app > database/db")
    members = [slow(0, "service/web"), slow(8, "database/db")]
    whole = correlated(facts(anomalies=members, links=links))
    rows = correlated(facts(anomalies=members), known=known_from(whole)).incidents.to_pylist()
    ids = {row["incident_id"] for row in rows}
    assert len(ids) == 2
    assert whole.incidents.to_pylist()[0]["incident_id"] in ids


# --- invariance -----------------------------------------------------------------------------------------------------

NODES = ["service/web", "service/app", "service/search", "database/db", "host/h", None]
LINKS = edges("service/web > service/app > database/db > host/h", "service/web > service/search > host/h")
told = st.lists(
    st.builds(
        event,
        st.integers(0, 300),
        st.sampled_from(["HighLatency", "HostHighCpu", "Odd"]),
        st.sampled_from(NODES),
        status=st.sampled_from(["firing", "firing", "resolved"]),
        severity=st.sampled_from(["info", "warning", "critical"]),
    ),
    max_size=15,
    unique_by=lambda row: row["event_id"],
)
seen_lists = st.lists(
    st.builds(
        anomaly,
        st.integers(0, 300),
        st.sampled_from([n for n in NODES if n]),
        st.sampled_from([LATENCY, ERRORS, CPU, "http_requests_per_second"]),
        lasts=st.sampled_from([10, 120, None]),
        severity=st.sampled_from(["warning", "critical"]),
    ),
    max_size=15,
    unique_by=lambda row: row["finding_id"],
)


def tables_of(result):
    return {
        name: getattr(result, name).to_pylist()
        for name in ("alerts", "incidents", "incident_alerts", "priority_factors", "root_causes", "evidence")
    }


@given(told, seen_lists, st.randoms(use_true_random=False))
@settings(max_examples=80, deadline=None)
def test_the_order_of_the_input_does_not_matter(alerts, anomalies, random):
    one = correlated(facts(alerts, anomalies, links=LINKS))
    alerts, anomalies, links = list(alerts), list(anomalies), list(LINKS)
    for rows in (alerts, anomalies, links):
        random.shuffle(rows)
    assert tables_of(one) == tables_of(correlated(facts(alerts, anomalies, links=links)))


@given(told, seen_lists)
@settings(max_examples=80, deadline=None)
def test_every_member_is_in_exactly_one_incident_and_counts_agree(alerts, anomalies):
    result = correlated(facts(alerts, anomalies, links=LINKS))
    members = [row["member_id"] for row in result.incident_alerts.to_pylist()]
    assert len(members) == len(set(members))
    sizes = {incident: len(ids) for incident, ids in groups_of(result).items()}
    for row in result.incidents.to_pylist():
        assert row["alert_count"] + row["finding_count"] == sizes.pop(row["incident_id"])
        assert row["ended_at"] is None or row["ended_at"] >= row["started_at"]
        assert (row["ended_at"] is None) == (row["incident_state"] == "open")
    assert sizes == {}
    for row in result.incident_alerts.to_pylist():
        assert row["reason"].endswith(".")


def by_anchor(result):
    """All rows, each incident named by its first member instead of its id."""
    rows = tables_of(result)
    anchor = {row["incident_id"]: row["member_id"] for row in rows["incident_alerts"] if row["role"] == "primary"}
    for row in (row for name in rows if name != "alerts" for row in rows[name]):
        row["incident_id"] = anchor[row["incident_id"]]
        row.pop("evidence_id", None)
    return {name: sorted(map(str, told)) for name, told in rows.items()}


@given(told, seen_lists, st.integers(30, 270))
@settings(max_examples=80, deadline=None)
def test_a_window_in_two_halves_ends_in_the_same_rows_as_the_whole(alerts, anomalies, split):
    """The second half looks back over the first, so its word is the word about everything.

    An id that was published stays with its incident, even where a member turns out to belong to another one or to have
    had a predecessor that was not worth telling; all else is equal to the letter.
    """
    policy = replace(POLICIES, alerts=replace(POLICIES.alerts, resolve_timeout_s=600.0))
    seen = facts(alerts, anomalies, links=LINKS)
    whole = correlated(seen, policies=policy)
    first = correlated(seen, span=Window(DAY.start, at(split)), policies=policy)
    second = correlated(seen, policies=policy, known=known_from(first))
    assert by_anchor(second) == by_anchor(whole)
    published = {row["member_id"] for row in first.incident_alerts.to_pylist()}
    for incident, ids in groups_of(whole).items():
        if published.isdisjoint(ids):
            assert set(groups_of(second)[incident]) == set(ids)


# --- what is no incident --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("alerts", "count"),
    [
        ([event(0, "CertificateExpiresSoon", severity="info")], 0),
        ([event(0), event(10, status="resolved")], 0),
        ([event(0), event(20, status="resolved")], 1),
        ([event(0, severity="critical"), event(2, severity="critical", status="resolved")], 1),
        ([event(m, status="firing" if m % 8 == 0 else "resolved") for m in range(0, 40, 4)], 0),
        ([event(m, status="firing" if m % 8 == 0 else "resolved") for m in range(0, 100, 4)], 1),
        ([event(m, f"Rule{m}") for m in range(3)], 1),
    ],
    ids=["information", "over at once", "lasting", "critical", "flapping briefly", "flapping on", "many at once"],
)
def test_a_passing_mood_of_one_alert_rule_is_no_incident(alerts, count):
    assert correlated(facts(alerts)).incidents.num_rows == count


def test_findings_on_bad_data_are_no_members():
    assert correlated(facts(anomalies=[slow(0, "service/web", dq_status="stale")])).incidents.num_rows == 0


def test_busier_machines_during_an_announced_event_are_no_incident_but_an_exhausted_one_is():
    sale = [
        {
            "started_at": at(-10),
            "change_id": "EVT-1",
            "change_type": "event",
            "title": "Sale",
            "planned_start_at": at(-10),
            "planned_end_at": at(600),
            "source": "calendar",
        }
    ]
    busy = [
        anomaly(0, "host/h", CPU, observed=0.6, expected=0.3),
        anomaly(0, "service/web", "http_requests_per_second"),
    ]
    full = [anomaly(0, "database/db", "db_connection_pool_utilization_ratio", observed=1.0)]
    assert correlated(facts(anomalies=busy, changes=sale, links=LINKS)).incidents.num_rows == 0
    assert correlated(facts(anomalies=full, changes=sale, links=LINKS)).incidents.num_rows == 1
    assert correlated(facts(anomalies=busy, links=LINKS)).incidents.num_rows > 0


def test_only_incidents_with_a_member_in_the_span_are_told():
    seen = facts(anomalies=[slow(0, "service/web"), slow(600, "service/web")], items=[item("service/web")])
    (row,) = correlated(seen, span=Window(at(300), at(1000))).incidents.to_pylist()
    assert row["started_at"] == at(600)


def test_context_alone_is_no_incident_but_load_that_breaks_away_is():
    rate = "http_requests_per_second"
    more = anomaly(0, "service/web", rate, observed=900.0, expected=90.0)
    none = anomaly(0, "service/web", rate, observed=0.0, expected=90.0, direction="down")
    assert correlated(facts([event(2, severity="info")], [more])).incidents.num_rows == 0
    (row,) = correlated(facts([event(2, severity="info")], [none])).incidents.to_pylist()
    assert (row["alert_count"], row["finding_count"], row["started_at"]) == (1, 1, at(0))


# --- unrelated faults -----------------------------------------------------------------------------------------------


@st.composite
def faults_below_a_front_door(draw):
    """A tree of services over databases, two of which fail at about the same time; their ancestors suffer.

    Where each is felt below the door, the door may suffer, too. Returns the topology, the anomalies, and the nodes that
    only the one or the other fault explains.
    """
    depth = draw(st.integers(1, 3))
    width = draw(st.integers(2, 4))
    parents, chains = [("service/door", ())], []
    for level in range(depth):
        below = []
        for place, (name, path) in enumerate(parents):
            for child in range(width if level == 0 else draw(st.integers(1, 2))):
                kind = "database" if level == depth - 1 else "service"
                below.append((f"{kind}/n{level}-{place}-{child}", (*path, name)))
                chains.append(f"{name} > {below[-1][0]}")
        parents = below
    by_branch = {}
    for leaf, path in parents:
        by_branch.setdefault((*path, leaf)[1], []).append((leaf, path))
    branches = draw(st.permutations(sorted(by_branch)))[:2]
    own, anomalies = [], []
    for branch in branches:
        leaf, path = draw(st.sampled_from(by_branch[branch]))
        begin = draw(st.integers(0, 5))
        anomalies.append(anomaly(begin, leaf, "db_connection_pool_utilization_ratio", observed=1.0, lasts=120))
        anomalies += [slow(begin + 2 + up, name, lasts=90) for up, name in enumerate(reversed(path[1:]))]
        own.append({leaf, *path[1:]})
    both_felt = all(len(nodes) > 1 for nodes in own)
    if both_felt and draw(st.booleans()):
        anomalies.append(slow(12, "service/door", lasts=60))
    return edges(*chains), anomalies, own


@given(faults_below_a_front_door())
@settings(max_examples=80, deadline=None)
def test_two_faults_at_once_below_one_front_door_stay_apart(drawn):
    links, anomalies, (one, other) = drawn
    found = groups(facts(anomalies=anomalies, links=links))
    holders = [[group for group in found if group & own] for own in (one, other)]
    assert [len(found_of_one) for found_of_one in holders] == [1, 1]
    assert holders[0] != holders[1]


@given(st.integers(2, 5), st.integers(1, 4), st.integers(0, 10))
@settings(max_examples=30, deadline=None)
def test_faults_of_systems_that_share_nothing_are_as_many_incidents(systems, length, apart):
    links, anomalies = [], []
    for n in range(systems):
        names = [f"service/s{n}-{i}" for i in range(length)] + [f"database/d{n}"]
        links += edges(" > ".join(names))
        for i, name in enumerate(reversed(names)):
            anomalies.append(slow(n * apart / 10 + i * 3, name, lasts=90))
    found = groups(facts(anomalies=anomalies, links=links))
    assert len(found) == systems
    assert {len(group) for group in found} == {length + 1}
