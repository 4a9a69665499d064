"""Issues of Jira Data Center (REST API v2); settings as for ``jira``, with a personal access token as ``token``.

It differs from Jira Cloud in four things: the search is paged by position, bodies are wiki markup, users are known by
name, and its index lags by seconds only.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from pydantic import Field

from aiops_jobs.adapters.markup.jira_wiki import JiraWikiRenderer
from aiops_jobs.adapters.sinks import jira
from aiops_jobs.adapters.sinks._reading import told
from aiops_jobs.errors import ConnectorError

PAGE = 50


class Settings(jira.Settings):
    """Settings of a Jira Data Center."""

    kind: Literal["jira_dc"] = "jira_dc"  # type: ignore[assignment]
    """Always ``jira_dc``."""
    search_delay_s: float = Field(default=10.0, ge=0)
    """How long a new issue may stay invisible to the search; nodes of a cluster index on their own."""


class JiraDataCenterSink(jira.JiraSink):
    """Keeps issues."""

    api = "/rest/api/2"
    renderer = JiraWikiRenderer()
    markup = "jira_wiki"
    asked_by, account_field = "username", "name"

    def _search(self, jql: str, made: Sequence[str]) -> list[str]:
        """Return the ids of the issues a search finds, and of those made here that it may not find yet."""
        found: list[str] = []
        for _ in range(jira.MOST_PAGES):
            body = {"jql": jql, "fields": ["labels"], "maxResults": PAGE, "startAt": len(found)}
            page = told(self._http.post(f"{self.api}/search", json=body, is_write=False), "issues", "total")
            found += [str(issue["id"]) for issue in page["issues"]]
            if not page["issues"] or len(found) >= page["total"]:
                return list(dict.fromkeys([*found, *made]))
        raise ConnectorError(self.name, f"more than {len(found)} issues carry one label; look for: {jql}")
