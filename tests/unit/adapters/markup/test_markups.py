"""Bodies for Jira and GitHub: what telemetry said stays text, and the limit holds in the vendor's unit."""

import html
import re

import jsonschema
import pytest
from desks.jira import adf_schema
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from aiops_jobs.adapters.markup.adf import AdfRenderer, text_of
from aiops_jobs.adapters.markup.github_markdown import BREAK, GithubMarkdownRenderer
from aiops_jobs.adapters.markup.jira_wiki import JiraWikiRenderer
from aiops_jobs.core.tickets.limits import Limit
from aiops_jobs.core.tickets.markdown import bullets, code, escape

WIDE = Limit(32_767, "utf16")
EVIL = (
    "@team #12 owner/repo#3 fixes #4 GH-7 http://x.y www.x.y a@b.c <script>alert(1)</script> <!-- aiops:inc-9 -->",
    "[~kim] [x|http://y] {code} !http://p.png! ??cite?? h1. head ---- *b* _i_ -s- +u+ ^a^ ~b~ || OPS-12 \\\\ :D (!) {{m}}",
    "**b** `c` [x](http://y) ![p](http://z) | a | $x$ :smile: ~~s~~ &lt;b&gt; 1. one",
    "결제 서비스 지연 <b>6배</b> @모두",
)
TEXTS = st.one_of(st.sampled_from(EVIL), st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=60))
BODIES = st.lists(TEXTS, min_size=1, max_size=6).map(
    lambda texts: "\n\n".join(
        ["**Cause:** " + escape(texts[0]), bullets([escape(t) for t in texts]), code(texts[-1]), "---"]
    )
)


def nodes(node):
    yield node
    for child in node.get("content") or ():
        yield from nodes(child)


@settings(deadline=None)
@given(BODIES, st.sampled_from([Limit(30, "utf16"), Limit(200, "utf16"), WIDE]))
def test_a_document_holds_text_only_and_fits(body, limit):
    document = AdfRenderer().render(body, limit)
    if adf_schema():
        jsonschema.Draft4Validator(adf_schema()).validate(document)
    assert not {n["type"] for n in nodes(document)} & {"mention", "inlineCard", "blockCard", "media", "emoji"}
    assert not any(mark["type"] == "link" for n in nodes(document) for mark in n.get("marks") or ())
    assert all(n["text"] for n in nodes(document) if n["type"] == "text")
    assert limit.holds("".join(n.get("text", "") for n in nodes(document)))


@settings(deadline=None)
@given(BODIES, st.sampled_from([Limit(40, "utf16"), Limit(300, "utf16"), WIDE]))
def test_wiki_markup_of_telemetry_is_entities_and_fits(body, limit):
    told = JiraWikiRenderer().render(body, limit)
    assert limit.holds(told)
    ours = re.sub(r"\{\{.*?\}\}", lambda found: found[0][2:-2], told)
    ours = re.sub(r"^(\* |----$)|\*Cause:\*", "", ours, flags=re.MULTILINE)
    assert not re.search(r"[\[\]{}!|~^*+?@\\<>]|https?://|^h[1-6]\.|\b[A-Z][A-Z0-9]+-\d", ours, re.MULTILINE), told


@pytest.mark.parametrize("text", EVIL)
def test_a_reader_of_the_wiki_sees_what_was_said(text):
    told = html.unescape(JiraWikiRenderer().render(escape(text), WIDE))
    assert told.strip() == text.replace("@", "(at)")


@settings(deadline=None)
@given(BODIES, st.sampled_from([Limit(40), Limit(300), Limit(65_536)]))
def test_markdown_of_telemetry_makes_no_link_tag_mention_or_reference(body, limit):
    told = GithubMarkdownRenderer().render(body, limit)
    assert limit.holds(told)
    shown = MarkdownIt("gfm-like", {"linkify": False, "html": True}).render(told)
    assert set(re.findall(r"</?([a-z0-9]+)", shown)) <= {"p", "ul", "li", "strong", "code", "hr"}, told
    outside = html.unescape(re.sub(r"<code>.*?</code>|<[^>]*>", " ", shown, flags=re.DOTALL))
    assert not re.search(r"@\w|#\d|GH-\d|://|www\.", outside), told


@pytest.mark.parametrize("text", EVIL)
def test_a_reader_of_markdown_sees_what_was_said(text):
    told = GithubMarkdownRenderer().render(escape(text), Limit(65_536))
    shown = html.unescape(re.sub(r"<[^>]*>", "", MarkdownIt("gfm-like", {"linkify": False}).render(told)))
    assert shown.replace(BREAK, "").strip() == text.replace("@", "(at)")


@pytest.mark.parametrize("renderer", [AdfRenderer(), JiraWikiRenderer(), GithubMarkdownRenderer()])
def test_our_own_markup_and_korean_arrive(renderer):
    body = "# 장애\n\n**원인:** `db_01`\n\n1. 하나\n2. 둘\n\n[Page](https://aiops.example/r/inc-1.html)\n\n```\n{noformat} x\n```"
    told = renderer.render(body, WIDE)
    seen = text_of(told) if isinstance(told, dict) else told
    assert {"장애", "원인", "db_01", "하나", "둘", "Page"} <= set(re.findall(r"[\w]+", seen))
    assert "https://aiops.example/r/inc-1.html" in str(told)


def test_text_cannot_end_a_block_of_code():
    told = JiraWikiRenderer().render("```\na {noformat} [~kim]\n```", WIDE)
    assert told.count("{noformat}") == 2
    shown = GithubMarkdownRenderer().render("~~~\n``` <b>\n~~~", Limit(1000))
    assert MarkdownIt().render(shown).startswith("<pre><code>``` &lt;b&gt;")
