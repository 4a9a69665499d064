"""Texts are cut between letters in the unit asked for, and what was escaped comes back as the characters it was."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiops_jobs.core.tickets.limits import Limit, cut
from aiops_jobs.core.tickets.markdown import code, escape, one_line, prose
from aiops_jobs.core.tickets.richtext import Block, Span, fitted, parse, plain, spans

TEXTS = st.text(st.characters(codec="utf-8", exclude_categories=("Cs",)), max_size=80)
UNITS = st.sampled_from(["chars", "bytes", "utf16"])


@given(TEXTS, st.integers(0, 60), UNITS)
def test_a_cut_text_fits_and_is_a_beginning(text, size, unit):
    limit = Limit(size, unit)
    short = cut(text, limit)
    assert limit.holds(short)
    assert short == text or text.startswith(short.removesuffix("…"))
    assert cut(short, limit) == short


@pytest.mark.parametrize(
    ("text", "size", "unit", "expected"),
    [
        ("결제 지연", 11, "bytes", "결제…"),
        ("결제 지연", 4, "chars", "결제…"),
        ("\uac00\u11a8" * 3, 5, "chars", "\uac00\u11a8" * 2 + "…"),
        ("결제 지연" * 9, 7, "chars", "결제 지연결…"),
        ("e\u0301" * 4, 4, "chars", "e\u0301…"),
        ("👨‍👩‍👧x" * 2, 8, "chars", "👨‍👩‍👧x…"),
        ("🇰🇷🇰🇷🇰🇷", 4, "chars", "🇰🇷…"),
        ("🇰🇷🇰🇷🇰🇷", 6, "utf16", "🇰🇷…"),
        ("👍🏽👍🏽", 3, "chars", "👍🏽…"),
        ("abc", 0, "chars", ""),
        ("\u1112\u1161\u11ab\u1112\u1161\u11ab", 5, "chars", "\u1112\u1161\u11ab…"),
    ],
)
def test_no_letter_is_split(text, size, unit, expected):
    assert cut(text, Limit(size, unit)) == expected


def test_an_unknown_unit_is_refused():
    with pytest.raises(ValueError, match="no unit of length"):
        Limit(3, "words")


@given(TEXTS)
def test_what_was_escaped_is_one_piece_of_text_again(text):
    told = spans(escape(text))
    assert {s.style for s in told} <= {"text"}
    expected = one_line(text, limit=2000).replace("@", "(at)")
    assert "".join(s.text for s in told) == expected


@given(st.text(st.sampled_from("`ab *[]()|<>&@\\\u20ac"), min_size=1, max_size=12))
def test_a_code_span_of_ours_is_one_span_again(text):
    flat = one_line(text, limit=2000).replace("@", "(at)")
    if not flat:
        return
    (block,) = parse(code(text))
    (span,) = block.lines[0]
    assert span == Span(flat, "code")


@given(TEXTS)
def test_prose_about_hostile_names_makes_no_link_and_no_bold(text):
    for block in parse(prose(f"disk of `{text}` is full: {text}")):
        assert all(span.style in {"text", "code"} for line in block.lines for span in line)


def test_a_body_is_read_into_blocks():
    body = (
        "## Head\n\nIt is **6x** `slow`,\nsince 02:14.\n\n1. one\n2. two\n   and more\n\n- a\n- [page](https://x.y/z)"
        "\n\n---\n\n```text\nraw *x*\n```"
    )
    blocks = parse(body)
    assert [b.kind for b in blocks] == ["heading", "paragraph", "numbers", "bullets", "rule", "code"]
    assert blocks[1].text == "It is 6x slow, since 02:14."
    assert blocks[2].text == "1. one\n2. two and more"
    assert blocks[3].lines[1] == (Span("page", "link", "https://x.y/z"),)
    assert blocks[5].lines == ((Span("raw *x*", "code"),),)
    assert plain(blocks).startswith("Head\n\nIt is 6x slow")


def test_a_long_body_keeps_whole_blocks_and_says_that_it_goes_on():
    blocks = parse("\n\n".join(f"paragraph {n} 결제" for n in range(50)))
    kept = fitted(blocks, Limit(100, "bytes"), overhead=2)
    assert kept[0] == blocks[0]
    assert plain(kept).endswith("…")
    assert sum(len(b.text.encode()) + 2 for b in kept) <= 100
    assert plain(fitted([Block("bullets", ((Span("x" * 50),),))], Limit(10))) == "- xxxxxxx…"


def test_normal_forms_are_left_alone():
    text = unicodedata.normalize("NFD", "결제")
    assert cut(text, Limit(20)) == text
