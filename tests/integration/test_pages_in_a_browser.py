"""Pages in a real browser: no complaint in its console, and nothing wider than the screen, on a desk and on a phone."""

import sys
from pathlib import Path

import pytest
from browser import look

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "unit" / "core" / "reports"))
import report_sample as s
from test_incident_page import storm
from test_page import poisoned

from aiops_jobs.core.reports import build_index, render_incident, render_index, render_page

pytestmark = [pytest.mark.servers, pytest.mark.slow, pytest.mark.xdist_group("browser")]

LONG = "x" * 400


def texts():
    """Return pages by name: known cause, abstained, a storm, text without a space in it, the overview, the index."""
    hostile = s.pages(poisoned(LONG), estate=LONG)
    return {
        "known": render_incident(s.pages()["inc-black"]),
        "abstained": render_incident(s.pages()["inc-mail"]),
        "storm": render_incident(s.pages(storm(300))["inc-black"]),
        "unbroken": render_incident(hostile[f"{LONG}inc-black"]),
        "window": render_page(s.view()),
        "unbroken-window": render_page(s.view(poisoned(LONG), estate=LONG, run_id=LONG, code_version=LONG)),
        "index": render_index("shop estate", build_index([s.WINDOW], s.facts().tables["incidents"])),
    }


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pages")
    for name, text in texts().items():
        (folder / f"{name}.html").write_text(text, encoding="utf-8")
    return folder


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("name", ["known", "abstained", "storm", "unbroken", "window", "unbroken-window", "index"])
def test_a_page_fits_and_the_console_is_silent(pages, name, width):
    measured, complaints = look(pages / f"{name}.html", pages, width=width)
    assert complaints == []
    assert measured["wide"] == []
    assert measured["scroll"] <= measured["client"]
    assert measured["client"] >= width - 20
    assert measured["height"] > 300
    assert measured["background"] in ("rgb(246, 245, 241)", "rgb(18, 21, 24)")  # the style is in force


def test_what_is_too_wide_and_what_the_policy_forbids_would_be_seen(tmp_path):
    page = tmp_path / "bad.html"
    page.write_text(
        "<!DOCTYPE html><meta http-equiv='Content-Security-Policy' content=\"default-src 'none'\">"
        "<body><pre>" + LONG + "</pre><script>alert(1)</script>",
        encoding="utf-8",
    )
    measured, complaints = look(page, tmp_path, width=390)
    assert measured["scroll"] > measured["client"]
    assert any("Content Security Policy" in line for line in complaints)
