import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiops_jobs.core.tickets.markdown import bullets, code, escape, one_line, prose

HOSTILE = [
    "<script>alert(1)</script>",
    "![x](http://evil/x.png)",
    "[click](javascript:alert(1))",
    "@channel @here",
    "https://evil.example/path",
    "www.evil.example",
    "# heading",
    "| a | b |",
    "```\nfence\n```",
    "a\r\nb\x1b[31m\u202eevil",
    "&lt;b&gt;",
]


@pytest.mark.parametrize("text", HOSTILE)
def test_text_from_telemetry_stays_text(text):
    for shown in (escape(text), prose(text), prose(f"`{text}`"), prose(f"x {text} `y` {text}")):
        outside = re.sub(r"(`+)(?!`).*?(?<!`)\1(?!`)", "", shown)
        assert "\n" not in shown
        assert not re.search(r"(?<!\\)[<>\[\]|#!]", outside)
        assert "@" not in shown
        assert not re.search(r"(?<!\\)://|www\.(?<!\\\.)", outside.replace(r"www\.", ""))
        assert not re.search(r"[\x00-\x1f\u202a-\u202e]", shown)


@given(st.text(max_size=60))
def test_a_code_span_cannot_be_left(text):
    shown = code(text)
    fence = re.match(r"`+", shown).group()
    inner = shown[len(fence) : -len(fence)]
    assert shown.endswith(fence)
    assert fence not in re.findall(r"`+", inner)


@given(st.text(max_size=80))
def test_prose_has_balanced_fences_whatever_names_contain(text):
    unescaped = re.sub(r"\\`", "", prose(text))
    assert len(re.findall(r"`+", unescaped)) % 2 == 0


def test_names_between_backticks_stay_code_and_words_around_keep_their_spaces():
    assert prose("Pool of `database/orders-db` is *full*.") == r"Pool of `database/orders-db` is \*full\*."


def test_one_line_is_cut_and_flat():
    assert one_line("a\n b\t c", limit=10) == "a b c"
    assert one_line("x" * 20, limit=10) == "x" * 9 + "…"


def test_lists_are_lists():
    assert bullets(["a", "b"]) == "- a\n- b"
    assert bullets(["a", "b"], numbered=True) == "1. a\n2. b"
