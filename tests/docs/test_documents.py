"""The documents say what the code does."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def test_the_generated_pages_are_current():
    sys.path.insert(0, str(ROOT))
    from docs.generate import OUT, pages

    stale = [n for n, t in pages().items() if not (OUT / n).exists() or (OUT / n).read_text("utf-8") != t]
    assert stale == [], "run `make docs`"


PAGES = sorted(p for p in ROOT.rglob("*.md") if not {".venv", "node_modules", ".aiops", ".demo"} & set(p.parts))


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_every_local_link_leads_somewhere(page):
    links = re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", page.read_text("utf-8"))
    missing = [link for link in links if "://" not in link and not (page.parent / link).exists()]
    assert missing == []


def test_every_command_in_the_readme_exists():
    text = (ROOT / "README.md").read_text("utf-8")
    commands = set(re.findall(r"aiops ([a-z]+)", text)) - {"jobs"}
    listed = subprocess.run(
        [sys.executable, "-m", "aiops_jobs", "--help"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert commands, "the README shows no command"
    assert [c for c in sorted(commands) if c not in listed.stdout] == []


def test_every_make_target_in_the_readme_exists():
    made = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text("utf-8"), flags=re.MULTILINE))
    asked = set(re.findall(r"\bmake ([a-z-]+)", (ROOT / "README.md").read_text("utf-8")))
    assert {"demo", "test"} <= asked
    assert asked - made == set()


def test_the_table_of_error_codes_has_no_gap():
    from aiops_jobs import errors

    codes = {v.exit_code for v in vars(errors).values() if isinstance(v, type) and issubclass(v, errors.AiopsError)}
    assert codes == set(range(1, max(codes) + 1))
