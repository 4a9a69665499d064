"""Bodies as elements of a card: runs of literal text, nothing a card would replace, bytes of JSON within the limit."""

import json

import pytest
from desks.teams import wrong
from hypothesis import given
from hypothesis import strategies as st

from aiops_jobs.adapters.markup.adaptive_card import AdaptiveCardRenderer
from aiops_jobs.core.tickets.limits import Limit
from aiops_jobs.core.tickets.markdown import code, escape

TELEMETRY = st.text(max_size=60) | st.sampled_from(
    [
        "<at>everyone</at>",
        "{{DATE(2026-11-20T02:14:00Z)}}",
        "[x](https://evil.example)",
        "**bold**",
        "결제 지연",
        "{{{{",
    ]
)


def size(elements):
    return len(json.dumps(elements, ensure_ascii=False, separators=(",", ":")).encode())


def urls(element):
    if isinstance(element, dict):
        return [v for k, v in element.items() if k == "url"] + [u for v in element.values() for u in urls(v)]
    return [u for each in element for u in urls(each)] if isinstance(element, list) else []


@given(st.lists(TELEMETRY, min_size=1, max_size=6), st.integers(200, 20_000))
def test_nothing_of_telemetry_becomes_a_link_or_is_replaced_and_the_limit_holds(texts, bytes_):
    body = "\n\n".join(f"# {escape(t)}\n\n**what** {escape(t)}\n\n- {code(t)}\n\n---" for t in texts)
    elements = AdaptiveCardRenderer().render(body, Limit(bytes_, "bytes"))
    assert [wrong(each) for each in elements if wrong(each)] == []
    assert urls(elements) == []
    assert {each["type"] for each in elements} <= {"RichTextBlock"}
    assert size(elements) <= bytes_


@pytest.mark.parametrize("body", ["가나다 **라** " * 20_000, "x\n\n" * 3_000, '"\\' * 20_000, "- 항목\n" * 9_000])
def test_a_long_body_keeps_its_beginning(body):
    elements = AdaptiveCardRenderer().render(body, Limit(20_000, "bytes"))
    assert 15_000 < size(elements) <= 20_000
    assert elements[-1]["inlines"][-1]["text"].endswith("…")


def test_links_lists_and_code_keep_their_form():
    body = "**b** `c` [page](https://a.b/c)\n\n1. one\n2. two\n\n```\nx\n```"
    text, numbers, code_block = AdaptiveCardRenderer().render(body, Limit(5_000, "bytes"))
    assert urls(text) == ["https://a.b/c"]
    assert "".join(each["text"] for each in numbers["inlines"]) == "1. one\n2. two"
    assert code_block["inlines"][0]["fontType"] == "Monospace"
