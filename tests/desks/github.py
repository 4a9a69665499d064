"""GitHub: labels that are dropped in silence, people who may not be assigned, limits that come as 403."""

import time
from datetime import UTC, datetime

from desks.base import HttpDesk, Response
from desks.contract import Contract

TOKEN = "github_pat_x"
REPO = "/repos/acme/ops"
ASSIGNABLE = {"kim", "aiops-bot"}


class Desk(HttpDesk):
    def __init__(self, folder=None, *, search_lag_s=0.0):
        super().__init__(folder)
        self.search_lag_s = search_lag_s
        self.may_push = True
        self.limit = None
        """The next request is told to wait: ``retry-after`` | ``spent`` | ``secondary``."""
        self.page_size = 100
        self.state = {"issues": [], "comments": [], "events": []}
        self._contract = Contract("github-issues.trimmed")

    def settings(self):
        lag = self.search_lag_s
        return {"url": self.url, "token": TOKEN, "repository": "acme/ops", "search_delay_s": lag}

    def tickets(self, external_key):
        return [
            {
                "remote_key": str(i["number"]),
                "title": i["title"],
                "state": "closed" if i["state"] == "closed" else "new",
            }
            for i in self.state["issues"]
            if f"<!-- aiops:{external_key} " in i["body"] and "aiops" in i["labels"]
        ]

    def close(self, remote_key, duplicate_of=None):
        reason = "duplicate" if duplicate_of else "completed"
        self._set(self._issue(remote_key), {"state": "closed", "state_reason": reason}, "kim")
        if duplicate_of:
            self.say(remote_key, f"Duplicate of #{duplicate_of}")

    def say(self, remote_key, text, who="kim"):
        comment = {
            "id": len(self.state["comments"]) + 1,
            "issue": int(remote_key),
            "body": text,
            "user": {"login": who},
        }
        self.state["comments"].append(comment)
        return Response(201, comment)

    def answer(self, request):
        if request.headers.get("authorization") != f"Bearer {TOKEN}":
            return self.denial(request)
        if self.limit:
            return self._limited()
        if request.path == REPO:  # not in the trimmed document
            return Response(
                200, {"full_name": "acme/ops", "permissions": {"push": self.may_push, "triage": self.may_push}}
            )
        problem = self._contract.problem(request)
        if problem:
            self.breaches.append(f"{request.method} {request.path}: {problem}")
            return Response(422, {"message": "Validation Failed", "errors": [{"message": problem}]})
        if request.path == "/user":
            return Response(200, {"login": "aiops-bot"})
        return self._repository(request, request.path.removeprefix(REPO).strip("/").split("/"))

    def denial(self, request):
        return Response(401, {"message": "Bad credentials"})

    def _limited(self):
        kind, self.limit = self.limit, None
        headers = {
            "retry-after": {"Retry-After": "60"},
            "spent": {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": str(int(time.time()) + 90)},
            "secondary": {"X-RateLimit-Remaining": "4000", "X-RateLimit-Reset": str(int(time.time()) + 3000)},
        }[kind]
        return Response(403, {"message": "You have exceeded a secondary rate limit."}, headers)

    def _repository(self, request, parts):
        match request.method, parts:
            case "GET", ["issues"]:
                return self._paged(request, self._listed(request.query))
            case "POST", ["issues"]:
                return self._create(request.json)
            case method, ["issues", number, *rest]:
                issue = self._issue(number)
                if issue is None:
                    return Response(404, {"message": "Not Found"})
                return self._about(issue, method, rest, request)
        return Response(404, {"message": "Not Found"})

    def _about(self, issue, method, rest, request):
        number = issue["number"]
        match method, rest:
            case "GET", []:
                return Response(200, self._told(issue))
            case "PATCH", []:
                return self._problem(request.json) or Response(
                    200, self._told(self._set(issue, request.json, "aiops-bot"))
                )
            case "GET", ["comments" | "events" as what]:
                return self._paged(request, [each for each in self.state[what] if each["issue"] == number])
            case "POST", ["comments"]:
                return self.say(number, request.json["body"], "aiops-bot")
        return Response(404, {"message": "Not Found"})

    def _listed(self, query):
        since, seen = query.get("since", ""), time.time() - self.search_lag_s
        return [
            self._told(i)
            for i in self.state["issues"]
            if query.get("labels") in i["labels"]
            and i["updated_at"] >= since
            and query.get("state", "open") in {"all", i["state"]}
            and (not self.search_lag_s or i["made"] <= seen)
        ]

    def _paged(self, request, rows):
        size, page = min(self.page_size, int(request.query.get("per_page", 30))), int(request.query.get("page", 1))
        more = len(rows) > page * size
        link = {"Link": f'<{self.url}{request.path}?page={page + 1}>; rel="next"'} if more else {}
        return Response(200, rows[(page - 1) * size : page * size], link)

    def _issue(self, number):
        return next((i for i in self.state["issues"] if str(i["number"]) == str(number)), None)

    def _problem(self, asked):
        errors = []
        if not 0 < len(asked.get("title", "-")) <= 256:
            errors.append({"resource": "Issue", "field": "title", "code": "custom"})
        if len(asked.get("body") or "") > 65_536:
            errors.append({"resource": "Issue", "field": "body", "code": "custom"})
        if any(len(label) > 50 for label in asked.get("labels") or ()):
            errors.append({"resource": "Label", "field": "name", "code": "custom"})
        if "ghost" in (asked.get("assignees") or ()):
            errors.append({"resource": "Issue", "field": "assignees", "code": "invalid", "value": "ghost"})
        return Response(422, {"message": "Validation Failed", "errors": errors}) if errors else None

    def _create(self, asked):
        problem = self._problem(asked)
        if problem:
            return problem
        now = moment()
        blank = {"number": len(self.state["issues"]) + 1, "state": "open", "state_reason": None, "closed_at": None}
        issue = {
            **blank,
            "closed_by": None,
            "created_at": now,
            "updated_at": now,
            "made": time.time(),
            "labels": [],
            "assignees": [],
        }
        issue |= {"title": asked["title"], "body": asked.get("body") or ""}
        self.state["issues"].append(issue)
        self._set(issue, {n: asked[n] for n in ("labels", "assignees") if n in asked}, "aiops-bot")
        return Response(201, self._told(issue))

    def _set(self, issue, asked, who):
        if not self.may_push:
            asked = {n: v for n, v in asked.items() if n not in {"labels", "assignees"}}
        if "assignees" in asked:
            asked = asked | {"assignees": [a for a in asked["assignees"] if a in ASSIGNABLE]}
        if asked.get("state", issue["state"]) == issue["state"]:
            asked = {n: v for n, v in asked.items() if n != "state_reason"}
        else:
            is_closed = asked["state"] == "closed"
            issue |= {"closed_at": moment() if is_closed else None, "closed_by": who if is_closed else None}
            self._event(issue, "closed" if is_closed else "reopened", who)
        issue |= asked | {"updated_at": moment()}
        return issue

    def _event(self, issue, event, who):
        self.state["events"].append(
            {"id": 1, "issue": issue["number"], "event": event, "actor": {"login": who}, "created_at": moment()}
        )

    def _told(self, issue):
        told = {n: v for n, v in issue.items() if n != "made"}
        told["labels"] = [{"name": name} for name in issue["labels"]]
        told["assignees"] = [{"login": login} for login in issue["assignees"]]
        told["closed_by"] = {"login": issue["closed_by"]} if issue["closed_by"] else None
        return told | {"html_url": f"https://github.example/acme/ops/issues/{issue['number']}"}


def moment():
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
