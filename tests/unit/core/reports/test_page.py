"""A page is one well-formed file that loads nothing, runs nothing and can be read without colours."""

import json
import re
from collections import Counter
from dataclasses import replace

import pyarrow as pa
import pytest
import report_sample as s
from test_markup import PAYLOADS

from aiops_jobs.contracts import TABLES
from aiops_jobs.contracts.constraints import OneOf
from aiops_jobs.contracts.table import Kind
from aiops_jobs.core.reports import render_page
from aiops_jobs.core.reports.markup import clean
from aiops_jobs.core.reports.pieces import prose
from aiops_jobs.core.reports.shell import POLICY
from aiops_jobs.core.reports.style import stylesheet

OURS = {"table_name", "job"}
"""Names that the code gives, by which it looks things up."""
LOCAL = re.compile(r"[A-Za-z0-9_-]+\.html")
"""A page of ours, in the same folder."""
HANDLER = re.compile(r"on[a-z]+")
TAGS = {
    *("html", "head", "meta", "title", "style", "body", "main", "section", "article", "header", "footer", "nav", "div"),
    *("span", "p", "a", "b", "code", "h1", "h2", "h3", "h4", "ul", "ol", "li", "dl", "dt", "dd", "table", "caption"),
    *("thead", "tbody", "tr", "th", "td", "figure", "figcaption", "details", "summary"),
    *("svg", "g", "path", "line", "rect", "circle", "polygon", "polyline", "text", "tspan", "defs", "pattern"),
}  # fmt: skip


@pytest.fixture(scope="module")
def page():
    return render_page(s.view())


@pytest.fixture(scope="module")
def tree(page):
    return s.tree(page)


def poisoned(payload):
    """Return the night with ``payload`` before every free text of every table, ids included, so that they still join."""
    facts = s.facts()
    tables = {name: _poisoned_table(TABLES[name], rows, payload) for name, rows in facts.tables.items()}
    return replace(
        facts,
        tables=tables,
        bands={payload + key: rows for key, rows in facts.bands.items()},
        histories={payload + key: rows for key, rows in facts.histories.items()},
        units={payload + key: unit for key, unit in facts.units.items()},
        asked=[(payload + source, name) for source, name in facts.asked],
    )


def _poisoned_table(contract, rows, payload):
    columns = {}
    for column in contract.columns:
        values = rows[column.name].to_pylist()
        if column.kind is Kind.JSON:
            values = [None if v is None else json.dumps(_deep(json.loads(v), payload)) for v in values]
        elif column.kind in (Kind.STRING, Kind.LABEL) and not any(isinstance(r, OneOf) for r in column.constraints):
            values = [v if v is None or column.name in OURS else payload + v for v in values]
        columns[column.name] = pa.array(values, contract.to_arrow().field(column.name).type)
    return pa.table(columns)


def _deep(value, payload):
    if isinstance(value, str):
        return payload + value
    if isinstance(value, list):
        return [_deep(v, payload) for v in value]
    return {k: _deep(v, payload) for k, v in value.items()} if isinstance(value, dict) else value


@pytest.mark.parametrize("payload", [p for p in PAYLOADS if p.encode("utf-8", "ignore").decode() == p])
def test_no_text_from_telemetry_becomes_markup(payload, page):
    hostile = render_page(s.view(poisoned(payload), estate=payload, run_id=payload, code_version=payload))
    tree = s.tree(hostile)
    assert {element.tag for element in tree.iter()} <= TAGS
    for element in tree.iter():
        for name, value in element.attrib.items():
            assert not HANDLER.fullmatch(name), name
            if name == "href":
                assert value.startswith("#") or LOCAL.fullmatch(value), value
    assert clean(payload) in "".join(tree.itertext())
    ordinary = Counter(element.tag for element in s.tree(page).iter())
    found = Counter(element.tag for element in tree.iter())
    # prose sets what stands between backticks as code; nothing else may differ in kind or number
    ordinary.pop("code"), found.pop("code")
    assert found == ordinary


def test_the_page_declares_that_nothing_is_loaded_and_holds_to_it(page, tree):
    policies = [
        m.attrib["content"] for m in tree.iter("meta") if m.attrib.get("http-equiv") == "Content-Security-Policy"
    ]
    assert policies == [POLICY]
    assert "default-src 'none'" in POLICY
    assert "script-src" not in POLICY
    assert not re.search(r"https?://|//[a-z]|@import|url\((?!#)", page.split("<body", 1)[0])
    for element in tree.iter():
        assert "src" not in element.attrib
        assert "style" not in element.attrib
        assert not any(HANDLER.fullmatch(name) for name in element.attrib)


def test_a_ticket_is_linked_only_where_its_address_is_a_plain_web_address():
    def hrefs(url):
        rows = [{**row, "remote_url": url} for row in s.facts().tables["tickets"].to_pylist()]
        tree = s.tree(render_page(s.view(s.facts(tickets=s.table(TABLES["tickets"], rows)))))
        return {
            a.attrib["href"]
            for a in tree.iter("a")
            if not a.attrib["href"].startswith("#") and not LOCAL.fullmatch(a.attrib["href"])
        }

    assert hrefs("https://desk.example/DESK-1042") == {"https://desk.example/DESK-1042"}
    assert hrefs("javascript:alert(1)") == hrefs("data:text/html,x") == hrefs("file:///etc/passwd") == set()


def test_ids_are_unique_and_every_link_and_reference_resolves(tree):
    ids = [e.attrib["id"] for e in tree.iter() if "id" in e.attrib]
    assert len(ids) == len(set(ids))
    for element in tree.iter():
        for name in ("href", "aria-labelledby"):
            target = element.attrib.get(name)
            if target is not None and not LOCAL.fullmatch(target):
                assert target.removeprefix("#") in ids, target


def test_every_picture_says_what_it_shows_or_is_decoration(tree):
    pictures = list(tree.iter("svg"))
    assert len(pictures) > 20
    for svg in pictures:
        assert svg.attrib.get("aria-label") or svg.attrib.get("aria-hidden") == "true"
        assert svg.attrib.get("viewBox") or svg.attrib.get("class") == "defs"


def test_tables_have_captions_and_headers_with_scope(tree):
    tables = list(tree.iter("table"))
    assert len(tables) >= 7
    for table in tables:
        assert table.find("caption").text
        assert all(th.attrib["scope"] == "col" for th in table.find("thead").iter("th"))
        for row in table.find("tbody"):
            assert row[0].tag == "th"
            assert row[0].attrib["scope"] == "row"
            assert len(row) == len(table.find("thead")[0])


def test_headings_go_down_one_level_at_a_time(tree):
    levels = [int(e.tag[1]) for e in tree.iter() if re.fullmatch(r"h[1-4]", e.tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(b - a <= 1 for a, b in zip(levels, levels[1:], strict=False))


def test_states_are_told_in_words_and_shapes_not_by_colour_alone(tree):
    cells = [e for e in tree.iter("span") if "cell" in e.attrib.get("class", "").split()]
    shapes = {}
    for cell in cells:
        words = "".join(cell.itertext())
        assert words
        shapes.setdefault(words, set()).add(cell.find("svg").find("path").attrib["d"])
    assert {"complete", "unreachable", "never asked", "incomplete"} <= set(shapes)
    assert shapes["complete"].isdisjoint(shapes["unreachable"])


def test_missing_data_stands_before_the_incidents(page):
    assert page.index("Missing or incomplete data") < page.index('id="incidents"')
    assert "Missing or incomplete data" not in render_page(s.quiet())


def test_a_page_about_nothing_says_what_it_does_not_know():
    page = render_page(s.quiet(state="unreachable"))
    for words in (
        "Calm cannot be confirmed",
        "not a statement about the estate",
        "No capacity was forecast",
        "that risk is unknown",
        "No expectation was judged.",
        "No row came in, so none was put aside.",
    ):
        assert words in page, words
    assert "Nothing needs you" not in page


def test_numbers_of_the_night_are_on_the_page(page):
    for words in (
        "84 %",
        "DESK-1042",
        "7 Dec 02:00",
        "WRONG_TYPE",
        "man-31fb09",
        "failure_risk-7",
    ):
        assert words in page, words


def test_the_style_needs_no_escaping_and_knows_light_dark_and_paper():
    style = stylesheet()
    assert not set(style) & set("<>&\"'")
    for words in ("prefers-color-scheme:dark", "@media print", "max-width:820px", "prefers-reduced-motion"):
        assert words in style
    assert style.count("{") == style.count("}")
    used = set(re.findall(r"var\((--[a-z-]+)\)", style))
    for theme in ("light dark;", "prefers-color-scheme:dark"):
        declared = set(re.findall(r"(--[a-z-]+):", style.split(theme, 1)[1].split("}", 1)[0]))
        assert used - {"--tone", "--shadow"} <= declared | {"--shadow"}


@pytest.mark.parametrize("theme", ["light dark;", "prefers-color-scheme:dark){:root{"])
def test_text_has_enough_contrast_in_both_themes(theme):
    block = stylesheet().split(theme, 1)[1].split("}", 1)[0]
    colour = dict(re.findall(r"--([a-z-]+):(#[0-9a-f]{3,6})", block))
    pairs = [("ink", "card"), ("soft", "card"), ("soft", "bg"), ("soft", "raised"), ("link", "card"), ("link", "bg")]
    pairs += [("cause", "cause-bg"), ("ok", "ok-bg"), ("warn", "warn-bg"), ("bad", "bad-bg"), ("blind", "blind-bg")]
    pairs += [
        ("odd", "card"),
        ("limit", "card"),
        ("ok", "card"),
        ("warn", "card"),
        ("blind", "card"),
        ("ink", "blind-bg"),
    ]
    pairs += [("card", "bad"), ("card", "warn"), ("ink", "cause-bg"), ("soft", "cause-bg")]
    for front, back in pairs:
        assert contrast(colour[front], colour[back]) >= 4.5, (front, back)


def contrast(one, other):
    """Return the WCAG contrast ratio of two colours."""
    lighter, darker = sorted((luminance(one), luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def luminance(colour):
    digits = colour[1:] if len(colour) == 7 else "".join(c * 2 for c in colour[1:])
    parts = [int(digits[i : i + 2], 16) / 255 for i in (0, 2, 4)]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_a_full_page_stays_small():
    many = [{**s.INCIDENTS[0], "incident_id": f"inc-{i:03}"} for i in range(60)]
    page = render_page(s.view(s.facts(incidents=s.table(TABLES["incidents"], many))))
    assert len(page.encode()) < 1_500_000


def test_prose_sets_pairs_of_backticks_as_code_and_leaves_others_alone():
    assert [p if isinstance(p, str) else p.children[0] for p in prose("pool of `orders-db` full")] == [
        "pool of ",
        "orders-db",
        " full",
    ]
    assert prose("a ` alone") == ["a ` alone"]
