"""The page of one incident: what to do first, everything it rests on, and honest words where there is nothing."""

import json
from collections import Counter
from dataclasses import replace
from datetime import timedelta

import pyarrow as pa
import pytest
import report_sample as s
from test_markup import PAYLOADS
from test_page import HANDLER, LOCAL, TAGS, poisoned

from aiops_jobs.contracts import knowledge as k
from aiops_jobs.contracts import operations as o
from aiops_jobs.contracts import results as r
from aiops_jobs.contracts import telemetry as t
from aiops_jobs.core.reports import page_name, render_incident
from aiops_jobs.core.reports.incident.causes import shared_out
from aiops_jobs.core.reports.markup import clean
from aiops_jobs.core.reports.shell import POLICY


def without(*contracts):
    """Return the night without the rows of some tables."""
    facts = s.facts()
    gone = {contract.name for contract in contracts}
    return replace(facts, tables={name: rows for name, rows in facts.tables.items() if name not in gone})


def words(element):
    return " ".join("".join(element.itertext()).split())


def sections(page):
    """Return the sections of a page by the anchor each has."""
    tree = s.tree(render_incident(page))
    return tree, {e.attrib["id"]: e for e in tree.iter("section") if "id" in e.attrib}


def has_class(element, name):
    return [e for e in element.iter() if name in e.attrib.get("class", "").split()]


@pytest.fixture(scope="module")
def black():
    return sections(s.pages()["inc-black"])


@pytest.fixture(scope="module")
def mail():
    return sections(s.pages()["inc-mail"])


# --- headline and what to do ----------------------------------------------------------------------------------------


def test_the_headline_tells_what_since_when_why_and_who_was_told(black):
    tree, _ = black
    (case,) = has_class(tree, "case")
    assert [words(h) for h in case.iter("h1")] == ["web-shop: latency and error rate, 1 more service affected"]
    assert [words(e) for e in has_class(case, "badge")] == ["P1"]
    tiles = {words(tile.find("dt")): [words(dd) for dd in tile.iter("dd")] for tile in has_class(case, "tile")}
    assert tiles["Cause"] == ["orders-db capacity", "84 % sure"]
    assert tiles["Since, UTC"] == ["27 Nov 19:05", "open for 4 h 55 min"]
    assert tiles["Affected"][0] == "checkout, web-shop"
    assert tiles["Tickets"] == ["ticket desk DESK-1042: new"]
    assert "open" in case.attrib["class"].split()


def test_a_cause_that_is_not_known_is_called_so_and_places_to_look_are_named(mail):
    tree, parts = mail
    (case,) = has_class(tree, "case")
    tiles = {words(tile.find("dt")): [words(dd) for dd in tile.iter("dd")] for tile in has_class(case, "tile")}
    assert tiles["Cause"] == ["unknown", "the best guess reaches only 12 %"]
    assert "over" in case.attrib["class"].split()
    assert "No cause is named. The best candidate reaches 12 %, and 25 % is needed." in words(parts["causes"])
    assert not has_class(parts["causes"], "first")
    assert "Where to look, best firstNo candidate explains the queue of mail (12 %)" in words(parts["now"])


def test_what_to_do_is_the_step_of_the_ticket_the_runbook_and_the_changes_to_undo(black):
    _, parts = black
    (step,) = has_class(parts["now"], "next")
    assert words(step) == "Give database/orders-db more room or take load off it, then check that the symptoms go."
    first, second = has_class(parts["now"], "runbook")
    for said in (
        "Connection pool exhausted",
        "risk: medium",
        "The cause is a connection pool at its limit",
        "limit=400",
    ):
        assert said in words(first), said
    assert "aiops runbooks show db-pool-exhausted" in words(first)
    assert "Shed load at the gateway" in words(second)
    (change,) = [e for e in parts["now"].iter("li") if "CHG-4811" in words(e)]
    assert "11 % sure" in words(change)


def test_an_announced_event_is_nothing_to_roll_back():
    causes = [{**s.CAUSES[2], "change_id": "EVT-12", "cause_rank": 1}]
    page = s.pages(s.facts(root_causes=s.table(r.ROOT_CAUSES, causes)))["inc-black"]
    assert page.rollbacks == ()
    assert {c.change_id for c in page.incident.changes} >= {"EVT-12"}


def test_a_change_that_is_hardly_the_cause_is_not_put_up_for_undoing():
    causes = [{**row, "confidence_ratio": 0.02} if row.get("change_id") == "CHG-4811" else row for row in s.CAUSES]
    page = s.pages(s.facts(root_causes=s.table(r.ROOT_CAUSES, causes)))["inc-black"]
    assert page.rollbacks == ()
    assert "CHG-4811" in {c.change_id for c in page.incident.changes}


# --- sections -------------------------------------------------------------------------------------------------------


def test_the_timeline_holds_members_changes_suppressions_and_moments(black):
    _, parts = black
    found = parts["timeline"]
    assert len(has_class(found, "lane")) == 3
    assert len([e for e in has_class(found, "bar-finding") if e.tag == "rect" and e.find("title") is not None]) == 4
    assert len([e for e in has_class(found, "bar-alert") if e.find("title") is not None]) == 3
    assert len([e for e in has_class(found, "bar-quiet") if e.find("title") is not None]) == 2
    assert [words(e) for e in has_class(found, "moment-label")] == ["began", "detected", "first symptom", "ticket"]
    marks = [words(e.find("title")) for e in has_class(found, "change-mark") if e.find("title") is not None]
    assert any("CHG-4811" in mark for mark in marks)


def test_planned_work_is_a_stretch_of_its_lane():
    planned = {**s.CHANGES[1], "planned_start_at": s.at(18, 20), "planned_end_at": s.at(19, 20)}
    page = s.pages(s.facts(changes=s.table(t.CHANGES, [planned])))["inc-black"]
    _, parts = sections(page)
    assert [words(e) for e in has_class(parts["timeline"], "stretch") if words(e)] == [
        "planned: CHG-4811, 27 Nov 18:20 to 27 Nov 19:20"
    ]


def test_the_map_tells_cause_symptoms_and_the_silent_between_from_callers_to_callees(black):
    _, parts = black
    states = {}
    for group in parts["services"].iter("g"):
        names = has_class(group, "node-name")
        if names:
            (box,) = has_class(group, "node")
            states[words(names[0])] = (box.attrib["class"].split()[1], float(box.attrib["x"]))
    assert {n: state for n, (state, _) in states.items()} == {
        "orders-db": "cause",
        "web-shop": "ill",
        "checkout": "ill",
        "cart": "silent",
        "search": "calm",
        "front": "calm",
    }
    x = {n: place for n, (_, place) in states.items()}
    assert x["front"] < x["web-shop"] < x["checkout"] < x["orders-db"]
    edges = {words(title) for title in parts["services"].iter("title") if "→" in words(title)}
    assert edges == {
        "front → web-shop",
        "web-shop → checkout",
        "checkout → web-shop",
        "web-shop → search",
        "web-shop → cart",
        "cart → orders-db",
        "checkout → orders-db",
    }


def test_what_stands_between_and_sends_no_data_is_not_called_silent():
    gone = {**s.DISK_FINDING, "finding_id": "fnd-gone", "finding_kind": "data_quality", "entity_id": "service/cart"}
    rows = [*(s.finding(row) for row in s.ANOMALIES), {**gone, "started_at": s.at(18)}]
    page = s.pages(s.facts(findings=s.table(r.FINDINGS, rows)))["inc-black"]
    assert {p.node.entity_id: p.node.state for p in page.map.places}["service/cart"] == "blind"
    assert any(gap.startswith("orders-db-1:data fills up") for gap in page.gaps)  # its title, as sources tell it


def test_causes_stand_with_evidence_pictures_and_why_others_are_not_named(black):
    _, parts = black
    first, second, third = has_class(parts["causes"], "candidate")
    assert "first" in first.attrib["class"].split()
    assert [words(e) for e in has_class(first, "kind")] == ["metric", "log", "topology"]
    assert "84 %" in words(first)
    assert [words(e.find("figcaption").find("b")) for e in first.iter("figure")] == ["Connection pool of orders-db"]
    assert len(has_class(first, "band")) == 2  # the picture and its legend
    assert "Not named: at 11 % it explains less than an unknown cause would." in words(second)
    assert [words(e.find("figcaption").find("b")) for e in second.iter("figure")] == ["Latency of checkout"]
    assert "No evidence is stored for it." in words(third)
    steps = [words(e) for e in has_class(parts["causes"], "chain")[0].iter("li")]
    assert steps[0] == "Connection pool of orders-db at 98.5 %"


def test_a_change_that_is_the_cause_is_marked_in_every_picture():
    causes = [{**s.CAUSES[1], "cause_rank": 1, "confidence_ratio": 0.7, "score": 3.0}]
    facts = s.facts(
        root_causes=s.table(r.ROOT_CAUSES, causes),
        incidents=s.table(
            r.INCIDENTS, [{**s.INCIDENTS[0], "cause_kind": "change", "cause_entity_id": "service/checkout"}]
        ),
    )
    tree, parts = sections(s.pages(facts)["inc-black"])
    pictures = list(tree.iter("figure"))
    assert len(pictures) == 4
    for picture in pictures:
        assert [words(e) for e in has_class(picture, "change-label")] == ["CHG-4811"]
    assert "Roll back CHG-4811" in words(parts["now"])


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ({"score": 1.2, "confidence_ratio": 0.3}, "Behind the first: 30 % against 84 %."),
        ({"cause_status": "rejected"}, "Rejected by a person."),
    ],
)
def test_why_a_candidate_is_not_named(more, told):
    causes = [s.CAUSES[0], {**s.CAUSES[1], **more}]
    _, parts = sections(s.pages(s.facts(root_causes=s.table(r.ROOT_CAUSES, causes)))["inc-black"])
    assert told in words(has_class(parts["causes"], "candidate")[1])


def test_every_picture_is_shown_once():
    page = s.pages()["inc-black"]
    shown = [
        plot.finding_id for _, plots in shared_out(page.incident.candidates, page.incident.plots) for plot in plots
    ]
    tree = s.tree(render_incident(page))
    assert len(list(tree.iter("figure"))) == len(page.incident.plots) == 4
    assert len(shown) == len(set(shown))


def test_the_resolution_of_a_similar_incident_comes_right_after_its_name(black):
    _, parts = black
    first, second = has_class(parts["similar"], "similar")[0]
    assert words(first).startswith(
        "Shop slow, pool of orders-db full82 %How it was resolved config changed Raised max_connections to 400"
    )
    assert "How it was resolved is not recorded." in words(second)


def test_alerts_kept_quiet_are_told_with_reason_and_harm_the_harmful_first(black):
    _, parts = black
    rows = [[words(cell) for cell in row] for row in parts["quiet"].find(".//tbody")]
    assert [row[0] for row in rows] == ["WebLatencyHigh", "ConnectionsNearLimit"]
    assert "harm: an incident was hidden or delayed" in rows[0][-1]
    assert "told 6 min later" in rows[0][-1]
    assert rows[1][-1] == "Planned work on orders-db. (CHG-4790)"


def test_members_priority_and_lineage_are_told(black):
    _, parts = black
    members = [[words(cell) for cell in row] for row in parts["members"].find(".//tbody")]
    assert len(members) == 7
    assert members[0][-1] == "the first to suffer; web-shop calls it over checkout"
    assert [[words(c) for c in row] for row in parts["priority"].find(".//tbody")] == [
        ["impact", "critical service", "1", "1"],
        ["urgency", "errors felt", "1", "1"],
    ]
    assert "Impact high, urgency high." in words(parts["priority"])
    assert "aiops explain inc-black" in words(parts["lineage"])
    assert "run-detect" in words(parts["lineage"])
    assert "policy-1" in words(parts["lineage"])


def test_expected_cost_is_told_where_it_is_known():
    rows = [{**s.INCIDENTS[0], "expected_cost": 12_400.0, "actionable_probability_ratio": 0.93}]
    _, parts = sections(s.pages(s.facts(incidents=s.table(r.INCIDENTS, rows)))["inc-black"])
    assert "If nobody acts it is expected to cost 12.4 k." in words(parts["priority"])
    assert "with probability 93 %" in words(parts["priority"])


def test_missing_data_stands_before_what_to_do(black):
    tree, _ = black
    main = tree.find(".//main")
    order = [e.attrib.get("class", "").split() for e in main]
    assert order[1] == ["gaps"]
    assert "todo" in order[2]
    assert "ticket_history from itsm could not be read" in words(main[1])


# --- what became of it ----------------------------------------------------------------------------------------------


def test_the_page_tells_what_people_did_as_known_then_and_unknown_times_are_no_zeros(mail, black):
    told = words(mail[1]["outcome"])
    assert "It was real" in told
    assert "the queue's <b>consumer</b> hung" in told
    assert "Time to acknowledge25 min" in told
    assert "Time to resolve2 h" in told
    assert "outcome" not in black[1]
    early = s.facts()
    rows = early.tables["incident_outcomes"].slice(0, 1)
    early = sections(s.pages(replace(early, tables={**early.tables, "incident_outcomes": rows}))["inc-mail"])[1]
    assert "Time to resolvenot known" in words(early["outcome"])
    assert "It was" not in words(early["outcome"])


# --- nothing there --------------------------------------------------------------------------------------------------


def test_where_there_is_nothing_the_page_says_so():
    bare = without(
        k.SIMILAR_INCIDENTS, k.RUNBOOK_RECOMMENDATIONS, k.ALERT_SUPPRESSIONS, t.CHANGES, t.TOPOLOGY_EDGES,
        r.ROOT_CAUSES, r.EVIDENCE, r.PRIORITY_FACTORS, o.TICKETS, o.TICKET_OUTBOX,
    )  # fmt: skip
    tree, parts = sections(s.pages(replace(bare, bands={}))["inc-black"])
    for anchor, told in (
        ("now", "No runbook fits this incident."),
        ("now", "No change is suspected."),
        ("services", "The topology knows no dependency of what is affected."),
        ("causes", "No cause could be named"),
        ("measured", "No picture: no series of it left its expected range"),
        ("changes", "Nothing was changed on what is affected"),
        ("similar", "Nothing like it is known."),
        ("quiet", "No alert of it was kept from people."),
    ):
        assert told in words(parts[anchor]), anchor
    assert "nobody was told by a ticket" in words(tree)
    assert "no candidate was found" in words(tree)


def test_an_incident_without_anything_else_still_has_a_page():
    facts = s.facts()
    only = replace(facts, tables={"incidents": facts.tables["incidents"]}, bands={}, asked=())
    tree, _ = sections(s.pages(only)["inc-mail"])
    assert "No source was read for this window." in words(tree)


# --- many, hostile, the same ----------------------------------------------------------------------------------------


def storm(size):
    """Return the night with ``size`` more alerts on forty services in its first incident."""
    start = s.at(19, 20)
    alerts = [
        s.alert(
            f"storm-{i:04}",
            f"Rule{i % 17}",
            f"service/svc-{i % 40:02}",
            start + timedelta(seconds=i),
            s.at(21, i % 60),
        )
        for i in range(size)
    ]
    members = [s.member("inc-black", row["alert_id"], "alert", row["started_at"]) for row in alerts]
    edges = [s.edge("service/web-shop", f"service/svc-{i:02}", "calls") for i in range(40)]
    return s.facts(
        alerts=s.table(r.ALERTS, [*s.ALERTS, *alerts]),
        incident_alerts=s.table(r.INCIDENT_ALERTS, [*s.MEMBERS, *members]),
        topology_edges=s.table(t.TOPOLOGY_EDGES, [*s.EDGES, *edges]),
    )


@pytest.mark.parametrize("size", [300, 3000])
def test_a_storm_stays_readable_and_small(size):
    page = s.pages(storm(size))["inc-black"]
    text = render_incident(page)
    assert len(text.encode()) < 1_000_000
    tree = s.tree(text)
    lanes = page.incident.timeline.lanes
    assert len(lanes) == 14
    assert lanes[-1].label == "30 more items"
    drawn = [e for e in has_class(tree, "bar-alert") if e.find("title") is not None]
    assert len(drawn) <= 14 * 13
    assert sum(bar.count for lane in lanes for bar in lane.bars if bar.kind == "alert") == size + 3
    assert len(page.map.places) == 40
    assert page.map.hidden == 3
    assert {"service/web-shop", "service/checkout", "database/orders-db"} <= {p.node.entity_id for p in page.map.places}
    assert ("service/web-shop", "service/svc-00") in page.map.edges
    assert page.map.height < 900
    assert "3 more affected items are not drawn." in words(tree)
    body = sum(len(list(e)) for e in tree.iter("tbody"))
    assert body < 700
    if size == 3000:
        assert "2 607 more are in the warehouse: aiops explain inc-black" in words(tree)


@pytest.mark.parametrize("payload", [p for p in PAYLOADS if p.encode("utf-8", "ignore").decode() == p])
def test_no_text_from_telemetry_becomes_markup(payload):
    ordinary = Counter(e.tag for e in s.tree(render_incident(s.pages()["inc-black"])).iter())
    pages = s.pages(poisoned(payload), estate=payload)
    for page in pages.values():
        tree = s.tree(render_incident(page))
        assert {e.tag for e in tree.iter()} <= TAGS
        for element in tree.iter():
            for name, value in element.attrib.items():
                assert not HANDLER.fullmatch(name), name
                assert name not in ("src", "style")
                if name == "href":
                    assert value.startswith("#") or LOCAL.fullmatch(value)
        assert clean(payload) in "".join(tree.itertext())
    found = Counter(e.tag for e in s.tree(render_incident(pages[payload + "inc-black"])).iter())
    for tag in ("a", "svg", "table", "section", "figure", "h1", "h2"):
        assert found[tag] == ordinary[tag], tag


def test_the_page_loads_and_runs_nothing(black):
    tree, _ = black
    (policy,) = [
        e.attrib["content"] for e in tree.iter("meta") if e.attrib.get("http-equiv") == "Content-Security-Policy"
    ]
    assert policy == POLICY
    assert not list(tree.iter("script"))
    assert not list(tree.iter("img"))


def test_anchors_are_unique_and_every_link_of_the_page_resolves(black):
    tree, _ = black
    ids = [e.attrib["id"] for e in tree.iter() if "id" in e.attrib]
    assert len(ids) == len(set(ids))
    targets = {e.attrib["href"] for e in tree.iter("a")} | {
        f"#{e.attrib['aria-labelledby']}" for e in tree.iter() if "aria-labelledby" in e.attrib
    }
    assert targets - {f"#{i}" for i in ids} == {"index.html"}


def test_the_order_of_rows_changes_not_one_byte():
    facts = s.facts()
    turned = replace(
        facts,
        tables={name: rows.take(pa.array(range(rows.num_rows - 1, -1, -1))) for name, rows in facts.tables.items()},
    )
    assert {key: render_incident(p) for key, p in s.pages(turned).items()} == {
        key: render_incident(p) for key, p in s.pages().items()
    }


def test_nothing_learned_after_the_knowledge_cut_is_told():
    later = s.WINDOW.end + timedelta(hours=1)
    late = s.table(k.RUNBOOK_RECOMMENDATIONS, s.RUNBOOKS, as_of=later)
    assert s.pages(s.facts(runbook_recommendations=late))["inc-black"].runbooks == ()
    assert s.pages(s.facts(runbook_recommendations=late), as_of=later)["inc-black"].runbooks


def test_the_name_of_a_page_is_the_id_and_never_leads_elsewhere():
    assert page_name("inc-1069cf15710c1ead7c62") == "inc-1069cf15710c1ead7c62.html"
    assert page_name("../../etc/passwd") == "______etc_passwd.html"


def test_parameters_of_a_runbook_may_be_anything_json_can_say():
    rows = [{**s.RUNBOOKS[0], "parameters": json.dumps({"hosts": ["a", "b"], "n": 2}), "matched_on": None}]
    page = s.pages(s.facts(runbook_recommendations=s.table(k.RUNBOOK_RECOMMENDATIONS, rows)))["inc-black"]
    assert page.runbooks[0].parameters == (("hosts", '["a", "b"]'), ("n", "2"))


def test_an_alert_that_comes_and_goes_a_thousand_times_is_drawn_in_few_bars():
    times = [s.at(19) + timedelta(seconds=10 * i) for i in range(1000)]
    alerts = [
        s.alert(f"flap-{i:04}", "Flap", "service/checkout", at, at + timedelta(seconds=1)) for i, at in enumerate(times)
    ]
    alerts.append(s.alert("late", "Flap", "service/checkout", s.at(23), s.at(23, 5)))
    members = [s.member("inc-black", row["alert_id"], "alert", row["started_at"]) for row in alerts]
    facts = s.facts(alerts=s.table(r.ALERTS, alerts), incident_alerts=s.table(r.INCIDENT_ALERTS, members))
    (bars,) = [lane.bars for lane in s.pages(facts)["inc-black"].incident.timeline.lanes if lane.label == "checkout"]
    assert [bar.count for bar in bars] == [1000, 1]
