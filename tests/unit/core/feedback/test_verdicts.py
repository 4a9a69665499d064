"""How a ticket was resolved becomes a verdict: by the policy's lists, never by a guess."""

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiops_jobs.core.feedback.verdicts import cause_of, normalised, verdict_of
from aiops_jobs.core.policies import FeedbackPolicy

POLICY = FeedbackPolicy()
LISTS = {
    "true": POLICY.true_codes,
    "false": POLICY.false_codes,
    "duplicate": POLICY.duplicate_codes,
    "insufficient_data": POLICY.insufficient_codes,
}
LISTED = [(name, code) for name, codes in LISTS.items() for code in codes]
ENTITIES = ["database/orders-db", "service/web", "disk/db-01:sda", "host/db-01"]


def said(code=None, note=None, *, is_duplicate=False):
    return verdict_of(code, note, is_duplicate=is_duplicate, policy=POLICY)


@pytest.mark.parametrize(
    ("code", "verdict"),
    [
        ("Solved (Permanently)", "true"),
        ("Solved (Work Around)", "true"),
        ("Workaround provided", "true"),
        ("Not Solved (Not Reproducible)", "false"),
        ("Not Solved (Too Costly)", "insufficient_data"),
        ("Closed/Resolved by Caller", "insufficient_data"),
        ("Cannot Reproduce", "false"),
        ("Won't Do", "insufficient_data"),
        ("Won\N{RIGHT SINGLE QUOTATION MARK}t Fix", "insufficient_data"),
        ("Known Error", "true"),
        ("Duplicate", "duplicate"),
        ("Rejected", "false"),
        ("completed", "true"),
        ("not_planned", "insufficient_data"),
        ("오탐", "false"),
        ("조치 완료", "true"),
        ("중복", "duplicate"),
        ("quite another thing", "insufficient_data"),
        ("", "insufficient_data"),
        (None, "insufficient_data"),
    ],
)
def test_codes_of_the_vendors_are_understood(code, verdict):
    assert said(code).name == verdict


def test_no_code_and_no_note_says_two_things():
    plain = [normalised(code) for _, code in LISTED]
    assert len(plain) == len(set(plain))
    assert set(map(normalised, POLICY.weak_codes)) <= set(plain)
    notes = [normalised(n) for ns in (POLICY.true_notes, POLICY.false_notes, POLICY.duplicate_notes) for n in ns]
    assert len(notes) == len(set(notes))


@given(st.sampled_from(LISTED), st.sampled_from([str.upper, str.title, str.lower]), st.sampled_from(" -_./"))
def test_case_width_and_punctuation_make_no_difference(listed, spelt, separator):
    name, code = listed
    written = spelt(code.replace("_", separator))
    wide = "".join(chr(ord(c) + 0xFEE0) if c in string.ascii_letters + string.digits else c for c in written)
    assert said(code).name == said(f" {written}. ").name == said(wide).name == name


@given(st.text(max_size=60), st.text(max_size=200), st.booleans())
def test_a_verdict_is_always_one_of_four_and_as_sure_as_the_policy_says(code, note, is_duplicate):
    found = said(code, note, is_duplicate=is_duplicate)
    sure = {POLICY.code_confidence_ratio, POLICY.note_confidence_ratio, POLICY.weak_confidence_ratio}
    assert found.name in LISTS
    assert found.confidence in sure if found.name != "insufficient_data" else found.confidence == 0.0
    if is_duplicate:
        assert found.name == "duplicate"


@given(st.text(alphabet="xyz ", min_size=1, max_size=20))
def test_what_nobody_listed_is_never_guessed(words):
    assert said(words, words).name == "insufficient_data"


def test_a_note_counts_only_where_it_begins_so():
    assert said(None, "False alarm: the probe was wrong").name == "false"
    assert said(None, "오탐, 점검 작업이었음").name == "false"
    assert said(None, "This was not a false alarm").name == "insufficient_data"
    assert said("fixed", "False alarm").name == "true"
    assert said("Done", "False alarm").name == "false", "a person's words stand above a code that is set by itself"


def test_the_cause_is_the_one_item_a_text_names():
    assert cause_of("Pool of database/orders-db was full.", ENTITIES) == "database/orders-db"
    assert cause_of("restarted orders-db", ENTITIES) == "database/orders-db"
    assert cause_of("disk/db-01:sda replaced on db-01", ENTITIES) == "disk/db-01:sda"
    assert cause_of("host/db-01 and database/orders-db", ENTITIES) is None
    assert cause_of("the web team restarted it", ENTITIES) is None
    assert cause_of(None, ENTITIES) is None
