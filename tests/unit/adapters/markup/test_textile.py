"""Bodies for Redmine: what telemetry said links, calls, marks and runs nothing; the limit counts what is sent."""

import html
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiops_jobs.adapters.markup.textile import RedmineMarkdownRenderer, TextileRenderer, plain_textile
from aiops_jobs.core.tickets.limits import Limit
from aiops_jobs.core.tickets.markdown import code, escape
from aiops_jobs.core.tickets.richtext import parse, plain

TELEMETRY = st.text(max_size=60) | st.sampled_from(
    [
        "#12", "see #12-3", "r7 and r 7", "user:admin", "@admin", "[[Wiki|x]]", "{{include(x)}}", "!http://x.y/z.png!",
        '"x":http://y.z', "h1. head", "bq. quote", "||a|b|", "<pre>x</pre>", "commit:abc", "www.x.y", "API(y)", "a *b* _c_",
        "&#35;12", "결제 *지연* #3", "-gone-", "source:a/b", "x@y.z", "@checkout@", "==raw==", "fn1. note", "1. one",
    ]
)  # fmt: skip
# what Redmine 5 makes a link, a mention, a macro or an image of, in a line of our text
LINKED = re.compile(
    r"(?:^|[\s(,\-\[>])!?(?:[a-z0-9\-_]+:)?(?:attachment|document|version|forum|news|message|project|commit|source|export|user)?"
    r"(?:##?(?:\d+|note)|r\d+|:[^\"\s<>]|@[A-Za-z0-9_\-@.]+?)(?=[^\w]|$)"
)
MENTIONS = re.compile(r"(?:^|\W)@([A-Za-z0-9_\-@.]+?)(?=(?=[^\w\s][^A-Za-z0-9_/])|,|\.+$|\s|\]|<|$)")
ACTIVE = ("{{", "[[", "://", "<", "|", "==", "www.")


def test_every_kind_of_block_has_its_textile():
    body = "# Head\n\nwhat **is** `it`\n\n- a\n- b\n\n1. c\n\n---\n\n[page](https://a.b/c?d=1&e=2)"
    assert TextileRenderer().render(body, Limit(2000)).split("\n") == [
        "h1. Head",
        "",
        "what *is* @&#105;t@",
        "",
        "* a",
        "* b",
        "",
        "# c",
        "",
        "---",
        "",
        '"page":https://a.b/c?d=1&e=2',
    ]


def test_every_kind_of_block_has_its_markdown():
    body = "# Head\n\nwhat **is** `it`\n\n- a\n- b\n\n[page](https://a.b/c)"
    told = RedmineMarkdownRenderer().render(body, Limit(2000))
    assert [line.strip() for line in told.split("\n")] == [
        "# Head", "", "what **is** it", "", "- a", "- b", "", "[page](https://a.b/c)",
    ]  # fmt: skip


@given(TELEMETRY)
def test_a_text_is_shown_as_it_is_and_means_nothing(text):
    told = plain_textile(" ".join(text.split()))
    bare = re.sub(r"&#\d+;", "\0", told)
    assert not LINKED.search(bare.replace("\0", " ")), told
    assert not any(mark in told for mark in ACTIVE)
    assert not set(bare) & set('*@#`!"{}[]<>|^~=%?+')
    shown = html.unescape(told)
    assert [c for c in shown if c.isprintable() and not c.isspace()] == [
        c for c in text if c.isprintable() and not c.isspace()
    ]


@pytest.mark.parametrize("renderer", [TextileRenderer(), RedmineMarkdownRenderer()])
@given(st.lists(TELEMETRY, min_size=1, max_size=5), st.integers(40, 600), st.sampled_from(["chars", "bytes"]))
def test_nothing_comes_out_of_escaped_text_and_the_limit_holds(renderer, texts, size, unit):
    body = "\n\n".join(f"**what** {escape(text)}\n\n- {code(text)}x\n- {escape(text)}" for text in texts)
    limit = Limit(size, unit)
    told = renderer.render(body, limit)
    assert limit.holds(told)
    assert not [found for found in MENTIONS.findall(told) if found.strip("@")]
    assert not any(mark in told for mark in ("{{", "[[", "://", "<", "|", "www."))


@pytest.mark.parametrize("renderer", [TextileRenderer(), RedmineMarkdownRenderer()])
@pytest.mark.parametrize("text", ["가나다 " * 2000, "#12 " * 2000, "👨‍👩‍👧‍👦" * 300])
def test_a_long_text_keeps_its_beginning(renderer, text):
    told = renderer.render(text, Limit(500, "bytes"))
    assert Limit(500, "bytes").holds(told)
    assert len(told.encode()) > 400
    assert html.unescape(told).startswith(plain(parse(text))[:10])
    assert told.endswith("…")
