"""What an issue of Jira is to say: the fields of a new one, and what differs in one that is there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import orjson

from aiops_jobs.adapters.http import Reply
from aiops_jobs.adapters.sinks._jira_issue import PROPERTY, Issue, property_of
from aiops_jobs.core.tickets.limits import Limit, cut
from aiops_jobs.core.tickets.richtext import parse
from aiops_jobs.ports import Draft, Renderer

if TYPE_CHECKING:
    from aiops_jobs.adapters.sinks.jira import Settings

TITLE = Limit(255, "utf16")
BODY = Limit(32_767, "utf16")
GROUP_LABEL = "team-"
_NEEDED = {"summary", "project", "issuetype", "description", "labels"}


def new_issue(settings: Settings, renderer: Renderer, draft: Draft) -> dict[str, Any]:
    """Return the body that creates the issue of a draft."""
    group = _group(settings, draft)
    labels = [*settings.labels, settings.label_prefix + draft.external_key]
    fields = {
        **settings.fields,
        "project": {"key": settings.project},
        "issuetype": {"name": settings.issue_type},
        "summary": _title(draft),
        "description": renderer.render(draft.body, BODY),
        **_priority(settings, draft),
        **group,
        "labels": [*labels, group["labels"]] if "labels" in group else labels,
    }
    return {"fields": fields, "properties": [_property(draft)]}


def differing(settings: Settings, renderer: Renderer, issue: Issue, draft: Draft) -> dict[str, Any]:
    """Return the body that makes an issue say what a draft says, or nothing where it says it all.

    The description is written when the digest of what we last wrote differs: Jira stores its own form of it.
    """
    fields, written = issue["fields"], property_of(issue)
    wanted: dict[str, Any] = {"summary": _title(draft), **_priority(settings, draft)}
    changed = {name: value for name, value in wanted.items() if not _says(fields.get(name), value)}
    sha = draft.fields.get("content_sha256")
    if sha is None or written.get("content_sha256") != sha:
        body = renderer.render(draft.body, BODY)
        changed |= {"description": body} if fields.get("description") != body else {}
    update: dict[str, Any] = {}
    for name, value in _group(settings, draft).items():
        if name == "labels" and value not in (fields.get("labels") or ()):
            update["labels"] = [{"add": value}]
        elif name != "labels" and not _says(fields.get(name), value):
            changed[name] = value
    if not changed and not update and written.get("content_sha256") == sha:
        return {}
    return {"fields": changed, **({"update": update} if update else {}), "properties": [_property(draft)]}


def page_link(draft: Draft) -> dict[str, Any] | None:
    """Return the link to our page about a draft, if there is one; its id makes a second one the first."""
    links = (span.url for block in parse(draft.body) for line in block.lines for span in line if span.url)
    url = draft.fields.get("report_url") or next(links, None)
    if not url:
        return None
    shown = {"url": url, "title": "Page of this incident"}
    return {"globalId": f"aiops={draft.external_key}", "relationship": "is explained by", "object": shown}


def droppable(reply: Reply, fields: Mapping[str, Any]) -> set[str]:
    """Return the fields an answer of 400 complains of, if an issue is a ticket without them; else nothing."""
    try:
        said = orjson.loads(reply.body)
    except orjson.JSONDecodeError:
        return set()
    errors = said.get("errors") if isinstance(said, dict) else None
    refused = set(errors) if isinstance(errors, dict) else set()
    return refused if refused <= set(fields) - _NEEDED else set()


def _title(draft: Draft) -> str:
    return cut(" ".join(draft.title.splitlines()), TITLE)


def _property(draft: Draft) -> dict[str, Any]:
    kept = {"key": draft.external_key, "content_sha256": draft.fields.get("content_sha256"), "priority": draft.priority}
    more = {n: draft.fields[n] for n in ("incident_id", "finding_id", "service_name") if n in draft.fields}
    return {"key": PROPERTY, "value": {**more, **kept}}


def _says(there: Any, wanted: Any) -> bool:
    """Tell whether a field holds what is wanted, whatever more Jira tells about it."""
    if isinstance(wanted, Mapping):
        return isinstance(there, Mapping) and all(there.get(name) == value for name, value in wanted.items())
    if isinstance(wanted, list):
        return isinstance(there, list) and all(any(_says(item, each) for item in there) for each in wanted)
    return bool(there == wanted)


def _priority(settings: Settings, draft: Draft) -> dict[str, Any]:
    name = settings.priorities.get(draft.priority)
    return {"priority": {"name": name}} if name else {}


def _group(settings: Settings, draft: Draft) -> dict[str, Any]:
    where, group = settings.group_field, draft.assignment_group
    if not where or not group:
        return {}
    if where == "labels":
        return {"labels": GROUP_LABEL + "-".join(group.split())}
    if where == "components":
        return {"components": [{"name": group}]}
    return {where: group if settings.group_as == "text" else {settings.group_as: group}}
