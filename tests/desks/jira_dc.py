"""Jira Data Center: the issues of `desks.jira`, searched by position, in wiki markup, with users known by name."""

from desks import jira
from desks.base import Response

TOKEN = "pat-t0ken"


class Desk(jira.Desk):
    api = "/rest/api/2"
    contract = None
    """The vendor's document is of Jira Cloud."""

    def settings(self):
        return {"url": self.url, "token": TOKEN, "project": "OPS", "search_delay_s": self.search_lag_s}

    def _knows(self, request):
        return request.headers.get("authorization") == f"Bearer {TOKEN}"

    def document(self, text):
        return text

    def asked_for(self, request):
        return request.query["username"]

    def search(self, method, rest, request):
        if rest or method != "POST":
            return jira.refusal("null for uri", status=404)
        asked = request.json
        if "nextPageToken" in asked or "reconcileIssues" in asked:
            return jira.refusal("Unrecognized field")
        found = self.found(asked["jql"])
        if found is None:
            return jira.refusal(f"Error in the JQL Query: {asked['jql']}")
        first = asked.get("startAt", 0)
        page = found[first : first + min(self.page_size, asked.get("maxResults", 50))]
        issues = [{"id": i["id"], **self._narrow(i, asked.get("fields"))} for i in page]
        return Response(200, {"startAt": first, "maxResults": len(page), "total": len(found), "issues": issues})

    def _person(self, asked):
        return next((p for p in jira.PEOPLE if p["name"] == asked.get("name") and p["active"]), None)

    def body_problem(self, body):
        if not isinstance(body, str):
            return "Operation value must be a string"
        return "The entered text is too long." if len(body.encode("utf-16-le")) // 2 > 32_767 else None
