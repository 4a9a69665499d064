"""``aiops check``: every part that is configured is asked, and one that will not work is named with its remedy."""

import json

import pytest

from aiops_jobs.cli.run import check
from aiops_jobs.errors import ConfigurationError

SETTINGS = """
[sinks.desk]
kind = "file"
path = "{folder}/tickets"

[executors.here]
kind = "shell"
{shell}
"""


@pytest.fixture
def house(tmp_path, monkeypatch):
    def made(shell):
        path = tmp_path / "aiops.toml"
        path.write_text(SETTINGS.format(folder=tmp_path, shell=shell))
        monkeypatch.setenv("AIOPS_CONFIG", str(path))
        monkeypatch.setenv("AIOPS_HOME", str(tmp_path / "home"))

    return made


def test_every_part_is_asked(house, capsys):
    house('programs = ["uptime"]')
    check(json=True)
    rows = json.loads(capsys.readouterr().out)
    assert {"warehouse", "sink desk", "executor here"} <= {row["part"] for row in rows}
    assert {row["result"] for row in rows} == {"ok"}


def test_an_executor_that_may_not_even_look_is_named(house, capsys):
    house('programs = ["true"]')
    with pytest.raises(ConfigurationError, match="executor here"):
        check(json=True)
    rows = json.loads(capsys.readouterr().out)
    assert [row["remedy"] != "" for row in rows if row["result"] != "ok"] == [True]
