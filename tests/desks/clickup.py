"""ClickUp: a filter that means *contains* by ``=``, statuses of each List, moments in milliseconds, codes of errors."""

import json
import time

from desks.base import HttpDesk, Response
from desks.contract import Contract

TOKEN = "pk_123_ABC"
LIST = "901"
KEY, DIGEST, CAUSE = "f-key", "f-digest", "f-cause"
FIELDS = [
    {"id": "f-drop", "name": "AIOps Key", "type": "drop_down", "type_config": {}},
    {"id": KEY, "name": "AIOps key", "type": "short_text", "type_config": {}},
    {"id": DIGEST, "name": "aiops digest", "type": "short_text", "type_config": {}},
    {"id": CAUSE, "name": "Cause", "type": "text", "type_config": {}},
]
MEMBERS = [
    {"id": 812, "username": "Kim Min-jun", "email": "kim@example.com"},
    {"id": 813, "username": "Lee", "email": None},
]
STATUSES = [
    {"status": "to do", "type": "open", "orderindex": 0},
    {"status": "doing", "type": "custom", "orderindex": 1},
    {"status": "shipped", "type": "done", "orderindex": 2},
    {"status": "complete", "type": "closed", "orderindex": 3},
]
STATES = {"open": "new", "custom": "in_progress", "done": "resolved", "closed": "closed"}


class Desk(HttpDesk):
    def __init__(self, folder=None, *, search_lag_s=0.0):
        super().__init__(folder)
        self.search_lag_s = search_lag_s
        self.page_size = 100
        self.fields = FIELDS
        self.level = "create"
        self.is_limited = False
        self.state = {"tasks": [], "comments": []}
        self._contract = Contract("clickup-v2.trimmed")

    def settings(self):
        return {"url": self.url, "token": TOKEN, "list_id": LIST, "search_delay_s": self.search_lag_s}

    def tickets(self, external_key):
        return [
            {"remote_key": t["id"], "title": t["name"], "state": STATES[t["status"]["type"]]}
            for t in self.state["tasks"]
            if t["values"].get(KEY) == external_key
        ]

    def close(self, remote_key, duplicate_of=None):
        task = self._task(remote_key)
        self._set(task, {"status": "complete"})
        if duplicate_of:
            task["tags"].append("duplicate")
            task["links"].append({"task_id": remote_key, "link_id": duplicate_of, "userid": "812"})

    def say(self, remote_key, text, user=812):
        self.state["comments"].append(
            {
                "id": str(len(self.state["comments"])),
                "task": remote_key,
                "comment_text": text,
                "user": {"id": user},
                "date": moment(),
            }
        )

    def denial(self, request):
        return Response(401, {"err": "Token invalid", "ECODE": "OAUTH_025"})

    def answer(self, request):
        if request.headers.get("authorization") != TOKEN:
            return self.denial(request)
        if self.is_limited:
            self.is_limited = False
            headers = {
                "X-RateLimit-Limit": "100",
                "X-RateLimit-Remaining": "0",
                "X-RateLimit-Reset": str(int(time.time()) + 42),
            }
            return Response(429, {"err": "Rate limit reached", "ECODE": "APP_002"}, headers)
        problem = self._contract.problem(request)
        if problem:
            self.breaches.append(f"{request.method} {request.path}: {problem}")
            return Response(400, {"err": problem, "ECODE": "INPUT_001"})
        parts = request.path.removeprefix("/v2").strip("/").split("/")
        match request.method, parts:
            case "GET", ["user"]:
                return Response(200, {"user": {"id": 99, "username": "AIOps", "email": "aiops@example.com"}})
            case method, ["list" | "team", number, *rest]:
                return self._in_list(method, number, rest, request)
            case method, ["task", number, *rest]:
                task = self._task(number)
                if task is None:
                    return Response(404, {"err": "Task not found, deleted", "ECODE": "ITEM_013"})
                return self._about(task, method, rest, request)
        return Response(404, {"err": "Route not found", "ECODE": "APP_001"})

    def _in_list(self, method, number, rest, request):
        if number not in {LIST, "7"}:
            return Response(401, {"err": "Team not authorized", "ECODE": "OAUTH_027"})
        match method, rest:
            case "GET", []:
                return Response(
                    200, {"id": LIST, "name": "Operations", "statuses": STATUSES, "permission_level": self.level}
                )
            case "GET", ["field"]:
                return Response(200, {"fields": self.fields})
            case "GET", ["member"]:
                return Response(200, {"members": MEMBERS})
            case "GET", ["task"]:
                return self._filtered(request.query)
            case "POST", ["task"]:
                return self._create(request.json)
        return Response(404, {"err": "Route not found", "ECODE": "APP_001"})

    def _filtered(self, query):
        """Conditions it cannot read are passed over."""
        conditions = json.loads(query.get("custom_fields", "[]"))
        found = []
        for task in self.state["tasks"]:
            hidden = task["status"]["type"] == "closed" and query.get("include_closed") != "true"
            late = self.search_lag_s and task["made"] > time.time() - self.search_lag_s
            if not hidden and not late and all(self._holds(task, c) for c in conditions):
                found.append(self._told(task))
        first = int(query.get("page", 0)) * self.page_size
        return Response(
            200, {"tasks": found[first : first + self.page_size], "last_page": first + self.page_size >= len(found)}
        )

    def _holds(self, task, condition):
        value = task["values"].get(condition["field_id"]) or ""
        return condition["value"] in value if condition["operator"] == "=" else condition["value"] == value

    def _task(self, number):
        return next((t for t in self.state["tasks"] if t["id"] == number), None)

    def _create(self, asked):
        now = moment()
        task = {
            "id": f"86c{len(self.state['tasks']):03d}",
            "made": time.time(),
            "date_created": now,
            "date_updated": now,
        }
        task |= {
            "date_done": None,
            "date_closed": None,
            "status": STATUSES[0],
            "priority": None,
            "values": {},
            "links": [],
        }
        task |= {"tags": [tag.lower() for tag in asked.get("tags") or ()], "assignees": asked.get("assignees") or []}
        task["values"] = {
            f["id"]: f["value"] for f in asked.get("custom_fields") or () if f["id"] in {f["id"] for f in self.fields}
        }
        problem = self._set(task, {n: asked[n] for n in ("name", "markdown_content", "priority") if n in asked})
        if problem:
            return problem
        self.state["tasks"].append(task)
        return Response(200, self._told(task))

    def _set(self, task, asked):
        if "status" in asked:
            status = next((s for s in STATUSES if s["status"] == asked["status"]), None)
            if status is None:
                return Response(400, {"err": "Status does not exist", "ECODE": "CRTSK_001"})
            is_done = status["type"] in {"done", "closed"}
            task |= {"status": status, "date_done": moment() if is_done else None}
            task["date_closed"] = moment() if status["type"] == "closed" else None
        if asked.get("priority", 4) not in {1, 2, 3, 4}:
            return Response(400, {"err": "Priority invalid", "ECODE": "INPUT_005"})
        if "assignees" in asked:
            task["assignees"] = [*task["assignees"], *asked["assignees"]["add"]]
        task |= {n: asked[n] for n in ("name", "markdown_content", "priority") if n in asked} | {
            "date_updated": moment()
        }
        return None

    def _about(self, task, method, rest, request):
        match method, rest:
            case "GET", []:
                return Response(200, self._told(task))
            case "PUT", []:
                return self._set(task, request.json) or Response(200, self._told(task))
            case "POST", ["field", field]:
                task["values"][field] = request.json["value"]
            case "POST", ["tag", tag]:
                task["tags"].append(tag.replace("%20", " ").lower())
            case "DELETE", ["tag", tag]:
                task["tags"].remove(tag.replace("%20", " "))
            case "POST", ["link", other]:
                task["links"].append({"task_id": task["id"], "link_id": other, "userid": "99"})
            case "GET", ["comment"]:
                return Response(200, {"comments": [c for c in self.state["comments"] if c["task"] == task["id"]][::-1]})
            case "POST", ["comment"]:
                self.say(task["id"], request.json["comment_text"], user=99)
                return Response(200, {"id": 1, "hist_id": "x", "date": int(moment())})
        return Response(200, {})

    def _told(self, task):
        told = {n: v for n, v in task.items() if n not in {"made", "values", "links", "markdown_content"}}
        told["priority"] = {"id": str(task["priority"]), "priority": "?"} if task["priority"] else None
        told["custom_fields"] = [
            f | ({"value": task["values"][f["id"]]} if f["id"] in task["values"] else {}) for f in self.fields
        ]
        told["tags"] = [{"name": tag} for tag in task["tags"]]
        told["assignees"] = [p for p in MEMBERS if p["id"] in task["assignees"]]
        more = {"list": {"id": LIST}, "url": f"https://app.example/t/{task['id']}", "linked_tasks": task["links"]}
        return told | more | {"markdown_description": task.get("markdown_content", "")}


def moment():
    return str(int(time.time() * 1000))
