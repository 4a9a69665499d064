"""The how-to page about feedback says what the code does."""

import re
import tomllib
from pathlib import Path

from aiops_jobs.core.feedback.verdicts import verdict_of
from aiops_jobs.core.policies import FeedbackPolicy
from aiops_jobs.settings import Settings, load_policies

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "how-to" / "feedback.md").read_text("utf-8")


def test_the_codes_and_notes_of_the_table_are_mapped_as_it_says():
    rows = re.findall(r"^\| `(\w+)` \| ([^|]+) \|([^|]*)\|$", PAGE, re.MULTILINE)
    assert [name for name, _, _ in rows] == ["true", "false", "duplicate", "insufficient_data"]
    for name, codes, notes in rows:
        for code in codes.partition(";")[0].split(", "):
            assert verdict_of(code, None, is_duplicate=False, policy=FeedbackPolicy()).name == name, code
        for note in filter(None, (part.strip() for part in notes.split(","))):
            assert verdict_of(None, f"{note}: x", is_duplicate=False, policy=FeedbackPolicy()).name == name, note


def test_the_example_replaces_a_list():
    (example,) = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)
    policy = load_policies(Settings(**tomllib.loads(example))).feedback
    assert verdict_of("Probe error", None, is_duplicate=False, policy=policy).name == "false"
    assert verdict_of("rejected", None, is_duplicate=False, policy=policy).name == "insufficient_data"
