"""The summary says the same as the page, and nothing in it means anything to Markdown."""

import re
from dataclasses import replace

import pytest
import report_sample as s
from test_page import poisoned

from aiops_jobs.core.reports import render_markdown, summary_rows
from aiops_jobs.core.reports.summary import escaped

MARKDOWN = [
    "[click](javascript:alert(1))",
    "![x](https://evil.example/x.png)",
    "<script>alert(1)</script>",
    "# heading",
    "| cell | cell |",
    "```\n# out of the fence\n```",
    "line\n\n## other",
    "\u202ereversed",
]


def test_the_summary_leads_with_the_verdict_and_lists_the_incidents():
    text = render_markdown(s.view())
    assert text.startswith("## ACT NOW: P1 is open")
    assert "### Missing or incomplete data" in text
    assert text.count("\n| P") == 2
    assert "84 %" in text
    assert "disk/store-07:sdc: 41 % in 14 d, act" in text
    assert text.endswith("\n")


def test_a_quiet_summary_is_short_and_honest():
    assert render_markdown(s.quiet()).startswith("## CALM: Nothing needs you")
    assert render_markdown(s.quiet(state="silent")).startswith("## DATA MISSING: Calm cannot be confirmed")


@pytest.mark.parametrize("payload", MARKDOWN)
def test_no_text_becomes_a_link_an_image_html_a_heading_or_a_cell(payload):
    view = s.view(poisoned(payload), estate=payload)
    outside = re.sub(r"(`{3,})text\n.*?\n\1\n", "", render_markdown(view), flags=re.DOTALL)
    assert not re.search(r"(?<!\\)\]\(", outside)
    assert not re.search(r"<[a-zA-Z/!]", outside)
    headings = [line for line in outside.splitlines() if line.startswith("#")]
    assert {h.split(":")[0] for h in headings} <= {
        "## ACT NOW",
        "### Missing or incomplete data",
        "### Incidents",
        "### Capacity",
        "### Failure risks",
    }
    rows = [line for line in outside.splitlines() if line.startswith("|")]
    assert {len(re.findall(r"(?<!\\)\|", row)) for row in rows} == {7}
    assert "\u202e" not in outside


def test_a_fence_is_longer_than_any_run_of_backticks_in_it():
    text = render_markdown(s.view(poisoned("`````")))
    blocks = re.findall(r"^(`{3,})text\n(.*?)\n\1$", text, flags=re.MULTILINE | re.DOTALL)
    assert len(blocks) == 3
    longest = [max((len(run) for run in re.findall("`+", body)), default=0) for _, body in blocks]
    assert max(longest) >= 5
    assert all(len(fence) > run for (fence, _), run in zip(blocks, longest, strict=True))


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("a*b_c", r"a\*b\_c"),
        ("<b>", "&lt;b&gt;"),
        ("two\n lines", "two lines"),
        ("100 %", "100 %"),
        ("C:\\x", "C:\\\\x"),
    ],
)
def test_escaping_takes_the_meaning_from_signs(text, wanted):
    assert escaped(text) == wanted


def test_the_table_has_one_row_an_incident_and_one_where_there_is_none():
    rows = summary_rows(s.view())
    assert [row["priority"] for row in rows] == ["P1", "P3"]
    assert rows[0]["tickets"] == "desk DESK-1042"
    assert rows[1]["tickets"] == "desk delivery dead"
    (nothing,) = summary_rows(s.quiet())
    assert nothing["incident"] == "Nothing needs you"
    assert set(nothing) == set(rows[0])
    assert all(isinstance(value, str) for row in (*rows, nothing) for value in row.values())


def test_an_incident_without_candidates_has_no_cause_in_the_table():
    facts = s.facts()
    tables = {n: rows for n, rows in facts.tables.items() if n not in ("root_causes", "evidence")}
    assert summary_rows(s.view(replace(facts, tables=tables)))[0]["probable cause"] == "–"
