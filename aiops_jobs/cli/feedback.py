"""``aiops label``: what a person says about an incident or a finding, where no ticket system says it."""

from __future__ import annotations

import getpass

from aiops_jobs.cli.output import say, show_rows

SHOWN = ("label_id", "subject_id", "label_verdict", "cause_entity_id", "cause_text", "author", "known_at")


def label(
    subject: str,
    /,
    *,
    verdict: str,
    cause: str | None = None,
    words: str | None = None,
    author: str | None = None,
    json: bool = False,
) -> None:
    """Say what an incident or a finding turned out to be; it counts from now on.

    Parameters
    ----------
    subject:
        Id of an incident (inc-…) or of a finding (fnd-…).
    verdict:
        true, false, duplicate or insufficient_data.
    cause:
        What it was: a configuration item as kind/name, or words.
    words:
        Further words.
    author:
        Who says so; default: the user of this process.
    json:
        Print JSON.
    """
    from aiops_jobs.bootstrap import bootstrap
    from aiops_jobs.jobs.feedback import label as write_down

    row = write_down(bootstrap(), subject, verdict, author=author or getpass.getuser(), cause=cause, note=words)
    show_rows([{name: row[name] for name in SHOWN}], as_json=json, title="Label")
    say("judgements of what happens from now on take it into account; what was said before stays as it was")
