"""Bodies as plain text: every character stays, no token of a system comes out of telemetry, and the limit holds."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiops_jobs.adapters.markup.text import TextRenderer
from aiops_jobs.core.tickets.limits import Limit
from aiops_jobs.core.tickets.markdown import code, escape
from aiops_jobs.core.tickets.richtext import parse, plain

JOURNAL = TextRenderer(broken=("code",))
TELEMETRY = st.text(max_size=40) | st.sampled_from(
    [
        "[code]<script>x()</script>[/code]",
        "[CODE]<b>",
        "[[code]code]",
        "[co\x00de]<i>",
        "[co\u202ede]",
        "[code ]",
        "[",
        "code]",
        "**[co** **de]**",
        "결제 [code]지연[/code]",
    ]
)


def test_every_kind_of_block_is_written_and_links_are_written_out():
    body = "# Head\n\nwhat **is** `it`\n\n- a\n- b\n\n1. c\n\n---\n\n```\nx < y\n```\n\n[Page](https://a.b/c?d=1)"
    assert TextRenderer().render(body, Limit(2000)) == (
        "Head\n\nwhat is it\n\n- a\n- b\n\n1. c\n\nx < y\n\nPage: https://a.b/c?d=1"
    )


@given(st.lists(TELEMETRY, min_size=1, max_size=6), st.integers(0, 300), st.sampled_from(["chars", "bytes", "utf16"]))
def test_no_token_comes_out_of_telemetry_and_the_limit_holds(texts, size, unit):
    body = "\n\n".join(f"**what** {escape(text)}{escape(text)}\n\n- {code(text)}\n- {text}" for text in texts)
    limit = Limit(size, unit)
    told = JOURNAL.render(body, limit)
    assert limit.holds(told)
    assert not re.search(r"\[/?code\b", told, re.IGNORECASE)
    assert not re.search("[\x00-\x08\x1b\u202e\ud800-\udfff]", told)
    told.encode()


@given(st.text(alphabet=st.characters(exclude_categories=["Cs", "Cc", "Cf", "Zl", "Zp", "Cn"]), max_size=60))
def test_a_reader_sees_the_characters_that_were_written(text):
    body = escape(text)
    told = TextRenderer().render(body, Limit(10_000))
    assert "".join(told.split()) == "".join(plain(parse(body)).split())


@pytest.mark.parametrize("unit", ["chars", "bytes", "utf16"])
@pytest.mark.parametrize("text", ["가나다 " * 2000, "👨‍👩‍👧‍👦" * 300, "a\n\n" * 2000])
def test_a_long_text_keeps_its_beginning(text, unit):
    limit = Limit(500, unit)
    told = TextRenderer().render(text, limit)
    assert limit.holds(told)
    assert limit.length(told) > 400
    assert told.endswith("…")


def test_what_does_not_fit_gives_its_beginning():
    assert TextRenderer().render("first\n\nsecond one", Limit(12)) == "first\n\nseco…"
    assert TextRenderer().render("first\n\nsecond one", Limit(7)) == "first…"
    assert TextRenderer().render("first", Limit(5)) == "first"
