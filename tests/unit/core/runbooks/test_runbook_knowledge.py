"""Runbooks found by words: measured on questions phrased by symptom, English and Korean."""

from pathlib import Path

import pytest

from aiops_jobs.adapters.runbook_files import load_runbooks
from aiops_jobs.core.runbooks.search import Document, Library, runbook_document, words_of

QUESTIONS = Path(__file__).parents[3] / "fixtures" / "runbooks" / "questions.tsv"


@pytest.fixture(scope="module")
def library():
    return Library([runbook_document(runbook) for runbook in load_runbooks()])


def questions():
    return [line.split("\t") for line in QUESTIONS.read_text("utf-8").splitlines()]


def found(library, question, limit=3):
    return [hit.document.id for hit in library.search(question, limit=limit)]


def test_the_right_runbook_is_among_the_first_three_for_nine_questions_of_ten(library):
    asked = questions()
    assert len(asked) >= 60
    assert {wanted for _, wanted in asked} == {runbook.id for runbook in load_runbooks()}
    misses = [question for question, wanted in asked if wanted not in found(library, question)]
    assert 1 - len(misses) / len(asked) >= 0.9, misses


def test_korean_questions_do_as_well(library):
    korean = [(q, w) for q, w in questions() if any("\uac00" <= letter <= "\ud7a3" for letter in q)]
    assert len(korean) >= 15
    hits = [wanted in found(library, question) for question, wanted in korean]
    assert sum(hits) / len(hits) >= 0.9


def test_crash_loop_back_off_is_first_with_the_words_it_shares(library):
    hit = library.search("Pod CrashLoopBackOff")[0]
    assert hit.document.id == "crashloop-collect-rollback"
    assert {"pod", "crash", "loop"} <= set(hit.matched)


def test_past_incidents_do_not_push_the_runbook_away():
    incidents = [
        Document(f"inc-{n}", "incident", "web slow", f"checkout latency rose on host web-{n}") for n in range(300)
    ]
    library = Library([*map(runbook_document, load_runbooks()), *incidents])
    assert found(library, "Pod CrashLoopBackOff", 1) == ["crashloop-collect-rollback"]


def test_the_order_of_documents_does_not_matter(library):
    again = Library(library.documents[::-1])
    for question, _ in questions()[:20]:
        assert again.search(question) == library.search(question)


def test_nothing_in_common_finds_nothing(library):
    assert library.search("") == []
    assert library.search("the of and") == []
    assert Library([]).search("disk") == []


def test_words_are_taken_apart_and_written_out():
    assert words_of("ＤＢ connPool") == ["database", "connection", "pool", "connpool"]
