"""Drafts: every number leads to the row it comes from, in both languages; the same rows are the same bytes."""

import re
from datetime import timedelta

import pyarrow as pa
import pytest

from aiops_jobs.contracts import knowledge as k
from aiops_jobs.contracts import operations as o
from aiops_jobs.contracts import remediation as m
from aiops_jobs.contracts import results as r
from aiops_jobs.core.reports.drafts import KINDS, build_draft, draft_name, to_html, to_markdown
from aiops_jobs.core.reports.drafts.words import WORDS
from aiops_jobs.core.reports.facts import Facts
from aiops_jobs.core.tickets.voices import voice_of
from tests.unit.core.tickets.test_suggestions import T0, cause, evidence, over

LATER = T0 + timedelta(minutes=7)


def rows(table, *records):
    blank = dict.fromkeys(table.names)
    schema = pa.schema([field.with_nullable(True) for field in table.to_arrow()])
    plain = pa.schema([(f.name, f.type.value_type if pa.types.is_dictionary(f.type) else f.type) for f in schema])
    return pa.Table.from_pylist([blank | record for record in records], schema=plain)


def facts(**more):
    tables = {
        r.INCIDENTS: [over(run_id="run-9", **more)],
        r.INCIDENT_ALERTS: [{"incident_id": "inc-1", "member_id": name} for name in ("fnd-1", "alr-1")],
        r.ALERTS: [{"alert_id": "alr-1", "alert_name": "HighLatency", "started_at": T0 + timedelta(minutes=3)}],
        r.FINDINGS: [{"finding_id": "fnd-1", "entity_id": "service/web", "started_at": T0 + timedelta(minutes=1)}],
        r.ROOT_CAUSES: [cause(), cause(cause_rank=2, cause_kind="change", change_id="CHG-7", confidence_ratio=0.11)],
        r.EVIDENCE: [evidence("Pool of `database/orders-db`: 98 % (usually 35 %)", evidence_value=0.98)],
        k.SIMILAR_INCIDENTS: [
            {
                "incident_id": "inc-1",
                "similar_rank": 1,
                "similar_id": "INC0042",
                "similarity_ratio": 0.73,
                "title": "pool exhausted <b>2</b>",
                "resolution": "Raised the pool to 80.",
            }
        ],
        o.TICKETS: [
            {
                "subject_id": "inc-1",
                "endpoint": "desk",
                "external_key": "inc-1",
                "remote_key": "T-5",
                "opened_at": LATER,
            }
        ],
        m.REMEDIATION_ACTIONS: [
            {"action_id": "act-1", "runbook_id": "scale-out", "subject_id": "inc-1", "proposed_at": LATER}
        ],
        m.REMEDIATION_STEPS: [
            {
                "action_id": "act-1",
                "step_kind": "step",
                "step_number": 0,
                "step_name": "scale out",
                "step_state": "done",
                "started_at": LATER,
            }
        ],
        m.AUDIT_LOG: [
            {
                "audit_number": 4,
                "recorded_at": LATER,
                "actor": "kim",
                "audit_event": "approved",
                "audited_action_id": "act-1",
            }
        ],
    }
    return Facts({table.name: rows(table, *records) for table, records in tables.items()})


def resolved(citation, known, zone):
    """Return the value of the row a citation leads to, as the text says it."""
    found = [
        row
        for row in known.tables[citation.table].to_pylist()
        if all(row[name] == value for name, value in citation.key.items())
    ]
    assert len(found) == 1, citation
    (row,) = found
    if citation.column == "ended_at - started_at":
        minutes = f"{(row['ended_at'] - row['started_at']).total_seconds() / 60:.0f}"
        return {f"{minutes} min", f"{minutes}분"}
    value = row[citation.column]
    if hasattr(value, "year"):
        return {voice_of("en", zone).plain_moment(value)}
    if isinstance(value, float):
        return {f"{value:.0%}", f"{value:.3g}"}
    levels = voice_of("ko").phrases.levels
    text = str(value)
    return {
        text,
        levels.get(text, text),
        ", ".join(re.findall(r'"([^"]*)"', text)),
        {"resolved": "종료"}.get(text, text),
    }


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("language", "zone"), [("en", "UTC"), ("ko", "Asia/Seoul")])
def test_every_number_is_followed_by_a_citation_that_leads_to_that_value(kind, language, zone):
    known = facts(expected_cost=1234.5)
    draft = build_draft(known, "inc-1", kind, language=language, zone=zone)
    cited = 0
    for section in draft.sections:
        for said in (said for line in section.lines for said in line):
            if said.citation is None:
                assert said.is_name or not re.search(r"\d", said.text), said
            else:
                cited += 1
                assert said.citation.said == said.text
                assert said.text in resolved(said.citation, known, zone), said
                assert said.citation in draft.citations
    assert cited > 15
    assert [c.number for c in draft.citations] == list(range(1, len(draft.citations) + 1))
    markdown, page = to_markdown(draft), to_html(draft)
    marks = set(re.findall(r"\[\^(\d+)\](?!:)", markdown))
    assert marks == set(re.findall(r"^\[\^(\d+)\]:", markdown, re.MULTILINE))
    assert set(re.findall(r'href="#source-(\d+)"', page)) == marks == set(re.findall(r'id="source-(\d+)"', page))


def test_the_timeline_is_in_order_and_tells_ticket_and_remedy():
    draft = build_draft(facts(), "inc-1", "rca")
    (timeline,) = [section for section in draft.sections if section.title == "Timeline"]
    told = ["".join(said.text for said in line) for line in timeline.lines]
    assert told == sorted(told, key=lambda line: line[:16])
    wanted = [
        "first sign: service/web",
        "alert: HighLatency",
        "ticket opened: T-5",
        "scale-out: approved (kim)",
        "recovered",
    ]
    places = [next(i for i, line in enumerate(told) if part in line) for part in wanted]
    assert places == sorted(places)


def test_what_only_people_know_is_a_blank_in_the_language_of_the_reader():
    english = to_markdown(build_draft(facts(), "inc-1", "postmortem"))
    korean = to_markdown(build_draft(facts(), "inc-1", "postmortem", language="ko", zone="Asia/Seoul"))
    assert english.count("‹to be filled in: action, owner, due date›") == 3
    assert korean.count("‹작성 필요: 조치 내용, 담당자, 기한›") == 3
    assert "장애 회고 (초안)" in korean
    assert "What went well" not in korean


def test_the_same_rows_are_the_same_bytes_in_any_order_and_text_from_outside_stays_text():
    known = facts()
    turned = Facts({name: table.take(list(range(table.num_rows))[::-1]) for name, table in known.tables.items()})
    for write in (to_markdown, to_html):
        assert write(build_draft(known, "inc-1", "rca")) == write(build_draft(turned, "inc-1", "rca"))
    page = to_html(build_draft(known, "inc-1", "rca"))
    assert "<b>2</b>" not in page
    assert "&lt;b&gt;2" in page
    assert "Raised the pool to 80." in page


def test_a_cause_that_is_not_known_is_said_to_be_so_and_candidates_are_listed_apart():
    draft = build_draft(facts(cause_kind="unknown"), "inc-1", "rca")
    parts = {section.title: section for section in draft.sections}
    assert parts["Causes"].lines[0][0].text == "No cause was convincing."
    assert len(parts["Considered, and not held to be the cause"].lines) == 2


def test_both_languages_have_the_same_words():
    assert WORDS["en"].keys() == WORDS["ko"].keys()


def test_the_name_of_a_file_never_leads_out_of_the_folder():
    assert draft_name("inc-1/../x", "rca", "html") == "rca-inc-1____x.html"
