"""Text stays text, whatever it says."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from report_sample import tree as tree_of

from aiops_jobs.core.reports.markup import REPLACEMENT, clean, el, escape, render, safe_link

PAYLOADS = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "' onmouseover='alert(1)",
    "</style><script>alert(1)</script>",
    "]]><svg onload=alert(1)>",
    "&lt;b&gt; & &amp;",
    "javascript:alert(1)",
    "\u202eevil\u202c \u200bhidden\ufeff",
    "\x00\x07\x1b[31mred\x1b[0m",
    "{{7*7}} ${7*7} <%= 7*7 %>",
    "\ud800 lonely",
]


@pytest.mark.parametrize("payload", PAYLOADS)
def test_a_payload_is_inert_as_text_and_as_attribute(payload):
    tree = tree_of(render(el("p", payload, title=payload)))
    assert tree.tag == "p"
    assert set(tree.attrib) == {"title"}
    assert len(tree) == 0
    assert tree.text == clean(payload)
    assert tree.attrib["title"].split() == clean(payload).split()


@given(st.text(alphabet=st.characters(codec=None)), st.text())
def test_anything_written_comes_back_as_it_was_cleaned(text, attribute):
    tree = tree_of(render(el("p", el("b", text), data_x=attribute)))
    assert (tree[0].text or "") == clean(text).replace("\r", "\n")
    assert not set(escape(text)) & set("<>\"'")


def test_invisible_and_turning_characters_are_shown():
    assert clean("a\u202eb\u200bc\x00d\ne\tf") == f"a{REPLACEMENT}b{REPLACEMENT}c{REPLACEMENT}d\ne\tf"
    assert clean("결제 오류 é 日本") == "결제 오류 é 日本"


def test_attributes_are_named_from_python_names_and_left_out_where_they_are_none():
    assert render(el("a", class_="x", aria_label="y", hidden=None, open=True, wide=False)) == (
        '<a class="x" aria-label="y" open=""></a>'
    )
    assert render(el("line", x1=1.005, y1=2.0, x2=3)) == '<line x1="1" y1="2" x2="3"/>'


def test_children_may_be_nested_and_nothing_is_nothing():
    assert render(el("ul", [el("li", "a"), None, [el("li", "b")]])) == "<ul><li>a</li><li>b</li></ul>"
    assert render(None) == ""
    assert render(el("meta", charset="utf-8")) == '<meta charset="utf-8"/>'


@pytest.mark.parametrize(
    ("url", "is_safe"),
    [
        ("https://desk.example/T-1?x=1#y", True),
        ("http://desk.example/", True),
        ("javascript:alert(1)", False),
        ("JaVaScRiPt:alert(1)", False),
        (" https://desk.example", False),
        ("data:text/html,x", False),
        ("//desk.example", False),
        ('https://x" onclick="y', False),
        ("https://x/\u202etxt.exe", False),
        ("https://", False),
        (None, False),
    ],
)
def test_only_plain_web_links_lead_anywhere(url, is_safe):
    assert safe_link(url) == (url if is_safe else None)
