"""What a task of ClickUp is to say: a new one, and what differs in one that is there."""

from __future__ import annotations

import re
from typing import Any

from aiops_jobs.adapters.sinks._clickup_task import PRIORITIES, Reading, Task, priority_of, value_of
from aiops_jobs.core.tickets.limits import Limit, cut
from aiops_jobs.ports import Draft, Renderer

TITLE = Limit(255, "utf16")
BODY = Limit(60_000, "utf16")
"""ClickUp documents no limit; these are taken by every kind of task."""


def said(draft: Draft, renderer: Renderer) -> dict[str, Any]:
    """Return name, text and priority."""
    return {
        "name": cut(" ".join(draft.title.splitlines()), TITLE),
        "markdown_content": renderer.render(draft.body, BODY),
        "priority": PRIORITIES[draft.priority],
    }


def differing(task: Task, draft: Draft, digest_field: str | None, renderer: Renderer) -> dict[str, Any]:
    """Return what of it a task does not say yet.

    The text is compared by the digest of what we last wrote; without one by its letters, because ClickUp stores its own
    form of it.
    """
    wanted, sha = said(draft, renderer), draft.fields.get("content_sha256")
    changed: dict[str, Any] = {}
    if task.get("name") != wanted["name"]:
        changed["name"] = wanted["name"]
    if priority_of(task) != wanted["priority"]:
        changed["priority"] = wanted["priority"]
    if digest_field is None or sha is None or value_of(task, digest_field) != sha:
        there = task.get("markdown_description") or task.get("description") or ""
        if _letters(there) != _letters(wanted["markdown_content"]):
            changed["markdown_content"] = wanted["markdown_content"]
    return changed


def kept(reading: Reading, draft: Draft) -> dict[str, str]:
    """Return the values of our custom fields, by their ids."""
    sha = draft.fields.get("content_sha256")
    digest = {reading.digest_field: str(sha)} if reading.digest_field and sha else {}
    return {reading.key_field: draft.external_key, **digest}


def group_tags(prefix: str, draft: Draft) -> list[str]:
    """Return the tag of the assignment group, if it is to have one."""
    return [prefix + draft.assignment_group] if prefix and draft.assignment_group else []


def _letters(text: str) -> str:
    return re.sub(r"[\W_]+", "", text)
