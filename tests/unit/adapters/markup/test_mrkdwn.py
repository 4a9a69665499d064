"""Bodies as Block Kit: no mention, no link and no style comes out of what telemetry said, and every limit holds."""

import pytest
from desks.slack import block_problem, rung, texts_of, units
from hypothesis import given
from hypothesis import strategies as st

from aiops_jobs.adapters.markup.mrkdwn import MrkdwnRenderer, entities, literal, shortened
from aiops_jobs.core.tickets.limits import Limit
from aiops_jobs.core.tickets.markdown import code, escape

BODY = Limit(11_000, "utf16")
TELEMETRY = st.text(max_size=80) | st.sampled_from(
    [
        "<!channel> <!here|here> <!everyone>",
        "<@U012AB3CD> <#C012AB3CD|general>",
        "<https://evil.example|our page>",
        "<!date^1392734382^{date}|x>",
        "&lt;!channel&gt;",
        "*all* _of_ ~it~ `now`",
        "> quoted",
        ":fire: 02:14:00",
        "```\n<!channel>\n```",
        "결제 <!channel> 지연",
    ]
)


@given(st.lists(TELEMETRY, min_size=1, max_size=8), st.integers(60, 12_000))
def test_nothing_of_telemetry_rings_or_links_and_the_limits_hold(texts, size):
    body = "\n\n".join(
        f"**what** {escape(t)}\n\n- {code(t)}\n- {escape(t)}\n\n```\n{t.replace('```', '')}\n```\n\n## {escape(t)}"
        for t in texts
    )
    limit = Limit(size, "utf16")
    blocks = MrkdwnRenderer().render(body, limit)
    assert block_problem(blocks) is None
    told = texts_of(blocks)
    assert [hit for text in told for hit in rung(text)] == []
    assert sum(map(units, told)) <= size
    assert all("<http" not in text for text in told)


@given(st.text(max_size=60))
def test_text_keeps_its_words_and_loses_its_control_characters(text):
    told = entities(text)
    assert not set("<>") & set(told)
    assert told.count("&") == sum(told.count(entity) for entity in ("&amp;", "&lt;", "&gt;"))


@given(st.text(max_size=400), st.integers(0, 160), st.sampled_from(["chars", "bytes", "utf16"]))
def test_a_title_is_cut_by_what_is_sent(text, size, unit):
    told = shortened(text, Limit(size, unit))
    assert Limit(size, unit).holds(told)
    assert not set("<>") & set(told)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("node_cpu_seconds_total", "node_cpu_seconds_total"),
        ("*down* now", "∗down∗ now"),
        ("__init__", "ˍˍinitˍˍ"),
        ("a * b", "a ∗ b"),
        ("`rm`", "ˋrmˋ"),
        ("> 90 %", "＞ 90 %"),
        ("90 > 80 & 7 < 8", "90 &gt; 80 &amp; 7 &lt; 8"),
        (":fire: at 02:14:00", "꞉fire: at 02:14:00"),
        ("결제 지연", "결제 지연"),
    ],
)
def test_what_a_reader_sees_is_what_was_said(text, told):
    assert literal(text) == told


def test_blocks_say_what_the_body_says():
    body = "# Head\n\nwhat **is** `a<b`\n\n- a\n- b\n\n1. c\n\n---\n\n```\nx < y\n```\n\n[page](https://a.b/c?d=1&e=2)"
    first, rule, last = MrkdwnRenderer().render(body, BODY)
    assert first["text"]["text"] == "*Head*\n\nwhat *is* `a&lt;b`\n\n• a\n• b\n\n1. c"
    assert rule == {"type": "divider"}
    assert last["text"]["text"] == "```\nx &lt; y\n```\n\n<https://a.b/c?d=1&amp;e=2|page>"


@pytest.mark.parametrize(
    "body",
    ["가나다 **라** " * 50_000, "x\n\n" * 9_000, "- 항목 하나\n" * 5_000, "&" * 50_000, "```\n" + "<가>\n" * 9_000],
)
def test_a_long_body_fills_what_there_is_room_for(body):
    blocks = MrkdwnRenderer().render(body, BODY)
    told = texts_of(blocks)
    assert block_problem(blocks) is None
    assert sum(map(units, told)) <= BODY.size
    assert sum(map(units, told)) > 2_500
    assert told[-1].rstrip("`\n").endswith("…")
