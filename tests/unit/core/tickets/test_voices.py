"""Tickets in English and Korean: every key in both, nothing English left in a Korean one, particles that fit."""

import re
import string
from dataclasses import fields
from datetime import timedelta

import pytest

from aiops_jobs.core.policies.reporting import TicketPolicy
from aiops_jobs.core.tickets.draft import (
    IncidentFacts,
    Target,
    digest_text,
    incident_text,
    resolution_text,
    risk_text,
)
from aiops_jobs.core.tickets.owners import Assignment
from aiops_jobs.core.tickets.voices import LANGUAGES, voice_of
from aiops_jobs.core.tickets.voices.korean import with_particles
from aiops_jobs.core.tickets.voices.phrases import Phrases
from tests.unit.core.tickets.test_suggestions import T0, cause, evidence, factor, incident, over

KOREAN = voice_of("ko", "Asia/Seoul")


def holes(text):
    return sorted(name for _, name, _, _ in string.Formatter().parse(text) if name)


@pytest.mark.parametrize("key", [f.name for f in fields(Phrases) if f.name != "retells"])
def test_every_key_stands_in_every_language_with_the_same_holes(key):
    english, korean = (getattr(LANGUAGES[name], key) for name in ("en", "ko"))
    if isinstance(english, str):
        assert korean
        assert holes(english) == holes(korean)
    else:
        assert set(english) == set(korean)
        assert all(holes(english[name]) == holes(korean[name]) for name in english)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("결제⟨을/를⟩", "결제를"),
        ("배포 작업⟨을/를⟩", "배포 작업을"),
        ("`host/web-01`⟨이/가⟩", "`host/web-01`이"),
        ("`db-2`⟨은/는⟩", "`db-2`는"),
        ("`mysql`⟨으로/로⟩", "`mysql`로"),
        ("`admin`⟨으로/로⟩", "`admin`으로"),
        ("`billing`⟨을/를⟩", "`billing`을"),
        ("40%⟨이/가⟩", "40%가"),
        ("⟨을/를⟩", "를"),
    ],
)
def test_the_particle_follows_the_last_sound(text, expected):
    assert with_particles(text) == expected


def english_left(text):
    bare = re.sub(r"`[^`]*`|\]\([^)]*\)", "", text)
    return set(re.findall(r"[A-Za-z]{2,}", bare)) - {"KST", "UTC"}


@pytest.mark.parametrize("kind", LANGUAGES["ko"].causes)
def test_nothing_english_is_left_in_a_korean_ticket_but_names(kind):
    row = incident(cause_kind=kind, title="web: latency, 2 more services affected", services_affected='["web","a","b"]')
    facts = IncidentFacts(
        row,
        causes=[cause(cause_kind=kind), cause(cause_rank=2, change_id="CHG-7", cause_kind="change")],
        evidence=[evidence("Pool of `database/orders-db`: 98 %", evidence_value=0.98)],
        factors=[factor("announced_event", "EVT-1: Sale")],
        runbook="Add connections (pool-scale-out). The pool is full.",
        assigned=Assignment("결제팀", "catalogue", "The catalogue says so of `service/web`."),
        target=Target(0.4, is_at_risk=True),
        page_url="https://aiops.example/inc-1.html",
    )
    told = incident_text(facts, KOREAN)
    assert english_left(told.body) == set()
    assert told.title == "web: 응답 지연, 서비스 2개 추가 영향"
    assert "⟨" not in told.body
    assert "2026-11-20 19:00 KST (10:00 UTC)" in told.body
    assert "`pool-scale-out`" in told.body
    assert "[이 장애의 상세 페이지](https://aiops.example/inc-1.html)" in told.body


def test_closing_notes_risks_and_digests_are_korean_too():
    risk = {
        "finding_id": "fnd-1",
        "finding_kind": "capacity_risk",
        "entity_id": "disk/web-01:sda",
        "detected_at": T0,
        "title": "Disk fills",
        "summary": "Full in 3 days.",
        "confidence_ratio": 0.7,
    }
    for told in (resolution_text(over(), KOREAN), risk_text(risk, voice=KOREAN), digest_text([], 3, KOREAN)):
        assert english_left(told.body) == set()
        assert re.search("[가-힣]", told.title)


def test_an_instant_on_another_day_there_tells_both_days():
    late = T0 + timedelta(hours=8)
    assert KOREAN.plain_moment(late) == "2026-11-21 03:00 KST (2026-11-20 18:00 UTC)"
    assert voice_of("en").plain_moment(late) == "2026-11-20 18:00 UTC"


def test_a_zone_that_is_not_known_is_refused():
    with pytest.raises(ValueError, match="no time zone"):
        TicketPolicy(time_zone="Mars/Olympus")
