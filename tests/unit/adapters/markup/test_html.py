"""Bodies as HTML: what telemetry said stays text, whatever it says, and the limit counts what is sent."""

from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiops_jobs.adapters.markup.html import HtmlRenderer, text_html
from aiops_jobs.core.tickets.limits import Limit
from aiops_jobs.core.tickets.markdown import code, escape
from aiops_jobs.core.tickets.richtext import parse, plain

OURS = {"p", "b", "code", "pre", "a", "ul", "ol", "li", "br", "hr", *(f"h{n}" for n in range(1, 7))}
TELEMETRY = st.text(max_size=60) | st.sampled_from(
    [
        '<script>alert("x")</script>',
        "&lt;b&gt;",
        '" onload="x',
        "</p><img src=x onerror=y>",
        "<!--",
        "결제 <b>지연",
        "&#60;",
    ]
)


class Seen(HTMLParser):
    def __init__(self, fragment):
        super().__init__(convert_charrefs=True)
        self.tags, self.open, self.text = [], [], ""
        self.feed(fragment)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in {"br", "hr"}:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data

    def handle_comment(self, data):
        pytest.fail(f"a comment came out: {data}")


def test_every_kind_of_block_has_its_tags():
    body = "# Head\n\nwhat **is** `it`\n\n- a\n- b\n\n1. c\n\n---\n\n```\nx < y\n```\n\n[page](https://a.b/c?d=1&e=2)"
    seen = Seen(HtmlRenderer().render(body, Limit(2000)))
    assert [tag for tag, _ in seen.tags] == [
        "h1", "p", "b", "code", "ul", "li", "li", "ol", "li", "hr", "pre", "p", "a",
    ]  # fmt: skip
    assert seen.tags[-1][1]["href"] == "https://a.b/c?d=1&e=2"
    assert "x < y" in seen.text
    assert seen.open == []


@given(st.lists(TELEMETRY, min_size=1, max_size=6), st.integers(20, 400), st.sampled_from(["chars", "bytes", "utf16"]))
def test_no_tag_comes_out_of_escaped_text_and_the_limit_holds(texts, size, unit):
    body = "\n\n".join(f"**what** {escape(text)}\n\n- {code(text)}\n- {escape(text)}" for text in texts)
    limit = Limit(size, unit)
    fragment = HtmlRenderer().render(body, limit)
    assert limit.holds(fragment)
    seen = Seen(fragment)
    assert {tag for tag, _ in seen.tags} <= OURS
    assert all(not attrs for tag, attrs in seen.tags if tag != "a")
    assert not [tag for tag, _ in seen.tags if tag == "a"], "no link comes from telemetry"
    assert seen.open == []


@given(st.text(alphabet=st.characters(exclude_categories=["Cs", "Cc"]), max_size=40).map(str.strip))
def test_a_reader_sees_the_characters_that_were_written(text):
    body = escape(text)
    seen = Seen(HtmlRenderer().render(body, Limit(10_000)))
    assert "".join(seen.text.split()) == "".join(plain(parse(body)).split())


@pytest.mark.parametrize("unit", ["chars", "bytes", "utf16"])
@pytest.mark.parametrize("text", ["가나다 " * 2000, "&<>" * 2000, "👨‍👩‍👧‍👦" * 300])
def test_a_long_text_keeps_its_beginning(text, unit):
    limit = Limit(500, unit)
    fragment = HtmlRenderer().render(text, limit)
    assert limit.holds(fragment)
    assert limit.length(fragment) > 400
    assert fragment.endswith("…</p>")
    fragment.encode()


def test_text_for_an_attribute_cannot_leave_it():
    assert text_html("\" onload='x' \x00\x1b") == "&quot; onload=&#x27;x&#x27;   "
