"""Jira Cloud as it is: a search that lags, workflows of their own, screens without a field, documents with a schema."""

import base64
import functools
import json
import os
import re
import time
from datetime import UTC, datetime
from pathlib import Path

import jsonschema

from desks.base import HttpDesk, Response
from desks.contract import Contract

USER, TOKEN = "aiops@example.com", "t0ken"
US = {"accountId": "acc-aiops", "name": "aiops", "displayName": "AIOps", "emailAddress": USER, "active": True}
KIM = {"accountId": "acc-kim", "name": "kim", "displayName": "Kim Min-jun", "emailAddress": "kim@example.com"}
PEOPLE = [
    US,
    KIM | {"active": True},
    {"accountId": "acc-lee-1", "name": "lee1", "displayName": "Lee", "active": True},
    {"accountId": "acc-lee-2", "name": "lee2", "displayName": "Lee", "active": True},
    {"accountId": "acc-gone", "name": "gone", "displayName": "Gone", "active": False},
]
PRIORITIES = ("Highest", "High", "Medium", "Low", "Lowest")
STATUSES = {"To Do": "new", "In Progress": "indeterminate", "Done": "done", "Rejected": "done", "Closed": "done"}
RESOLUTIONS = ("Duplicate", "Won't Do", "Fixed")
SCOPES = (
    "BROWSE_PROJECTS CREATE_ISSUES EDIT_ISSUES TRANSITION_ISSUES RESOLVE_ISSUES ASSIGN_ISSUES LINK_ISSUES ADD_COMMENTS"
)
LABEL = re.compile(r'labels = "((?:[^"\\]|\\.)*)"( ORDER BY created ASC)?')


class Desk(HttpDesk):
    api = "/rest/api/3"
    contract = "jira-platform-v3.trimmed"

    def __init__(self, folder=None, *, search_lag_s=0.0, workflow="screen"):
        super().__init__(folder)
        self.search_lag_s = search_lag_s
        self.workflow = workflow
        """``screen``: to be done asks for a resolution; ``simple``: it sets none; ``stuck``: nobody may move anything."""
        self.is_anonymous = False
        """The key has expired: searches answer as to anybody."""
        self.lacks = set()
        """Permissions we do not have."""
        self.no_screen = set()
        """Fields that are on no screen."""
        self.page_size = 50
        self.state = {"issues": [], "links": [], "number": 0}
        self._contract = Contract(self.contract) if self.contract else None

    def settings(self):
        return {"url": self.url, "user": USER, "password": TOKEN, "project": "OPS", "search_delay_s": self.search_lag_s}

    def is_write(self, request):
        return super().is_write(request) and "/search" not in request.path

    def tickets(self, external_key):
        return [
            {"remote_key": i["key"], "title": i["fields"]["summary"], "state": state_of(i)}
            for i in self.state["issues"]
            if f"aiops-{external_key}" in i["fields"]["labels"]
        ]

    def close(self, remote_key, duplicate_of=None):
        issue = self._issue(remote_key)
        self._move(issue, "Closed", KIM, resolution="Duplicate" if duplicate_of else "Fixed")
        if duplicate_of:
            self._link("Duplicate", remote_key, duplicate_of)

    def say(self, remote_key, text):
        """What a person comments."""
        self._comment(self._issue(remote_key), self.document(text), KIM)

    def document(self, text):
        return {
            "type": "doc",
            "version": 1,
            "content": [{"type": "paragraph", "content": [{"type": "text", "text": text}]}],
        }

    # --- answers ----------------------------------------------------------------------------------------------------

    def answer(self, request):
        if not self._knows(request):
            return Response(401, {"errorMessages": ["Client must be authenticated to access this resource."]})
        path = request.path.removeprefix(self.api)
        if self.is_anonymous:
            return self._to_anybody(path)
        known = path.startswith("/mypermissions")  # not in the trimmed document
        problem = None if known or not self._contract else self._contract.problem(request)
        if problem:
            self.breaches.append(f"{request.method} {request.path}: {problem}")
            return refusal(problem)
        return self._routed(request, path.strip("/").split("/"))

    def _routed(self, request, parts):
        match request.method, parts:
            case "GET", ["issue", "createmeta", "OPS", "issuetypes"]:
                return Response(200, {"issueTypes": [{"id": "1", "name": "Bug"}, {"id": "2", "name": "Task"}]})
            case method, ["search", *rest]:
                return self.search(method, rest, request)
            case "POST", ["issue"]:
                return self._create(request.json)
            case "POST", ["issueLink"]:
                return self._link_asked(request.json)
            case method, ["issue", key, *rest]:
                issue = self._issue(key)
                if issue is None:
                    return refusal("Issue does not exist or you do not have permission to see it.", status=404)
                return self._about(issue, method, rest, request)
        return self._site(request, parts)

    def _site(self, request, parts):
        match request.method, parts:
            case "GET", ["myself"]:
                return Response(200, US)
            case "GET", ["project", "OPS"]:
                return Response(200, {"key": "OPS", "name": "Operations"})
            case "GET", ["mypermissions"]:
                held = {
                    n: {"key": n, "havePermission": n not in self.lacks}
                    for n in request.query["permissions"].split(",")
                }
                return Response(200, {"permissions": held})
            case "GET", ["user", "search"]:
                asked = self.asked_for(request).casefold()
                return Response(
                    200, [p for p in PEOPLE if any(str(v).casefold().startswith(asked) for v in p.values())]
                )
        return refusal("no such page", status=404)

    def _link_asked(self, asked):
        if asked["type"]["name"] not in {"Relates", "Duplicate"}:
            return refusal(f"No issue link type with name '{asked['type']['name']}' found.", status=404)
        self._link(asked["type"]["name"], asked["inwardIssue"]["key"], asked["outwardIssue"]["key"])
        return Response(201)

    def _about(self, issue, method, rest, request):
        match method, rest:
            case "GET", []:
                return Response(200, self._told(issue, request.query))
            case "PUT", []:
                return self._change(issue, request.json)
            case "POST", ["comment"]:
                return self._comment(issue, request.json["body"], US)
            case "GET", ["transitions"]:
                return Response(200, {"transitions": self._transitions(issue, "expand" in request.query)})
            case "POST", ["transitions"]:
                return self._transit(issue, request.json)
            case "POST", ["remotelink"]:
                known = request.json.get("globalId") in issue["remote"]
                issue["remote"][request.json.get("globalId")] = request.json["object"]
                return Response(200 if known else 201, {"id": 1})
        return refusal("no such page", status=404)

    def _knows(self, request):
        return request.headers.get("authorization") == "Basic " + base64.b64encode(f"{USER}:{TOKEN}".encode()).decode()

    def denial(self, request):
        return Response(401, {"message": "Client must be authenticated to access this resource.", "status-code": 401})

    def _to_anybody(self, path):
        if path.startswith("/search"):
            return Response(
                200, {"issues": [], "total": 0, "isLast": True}, {"X-Seraph-LoginReason": "AUTHENTICATED_FAILED"}
            )
        return Response(404 if path.startswith("/issue/") else 401, {"errorMessages": ["nobody"], "errors": {}})

    def asked_for(self, request):
        return request.query["query"]

    def search(self, method, rest, request):
        if rest != ["jql"]:
            return Response(410, {"errorMessages": ["The requested API has been removed. Use /rest/api/3/search/jql."]})
        asked = request.json
        found = self.found(asked["jql"], asked.get("reconcileIssues") or ())
        if found is None:
            return refusal(f"Error in the JQL Query: {asked['jql']}")
        first = int(asked.get("nextPageToken") or 0)
        page = found[first : first + self.page_size]
        more = first + len(page) < len(found)
        issues = [{"id": i["id"], **self._narrow(i, asked.get("fields"))} for i in page]
        return Response(
            200, {"issues": issues, "isLast": not more} | ({"nextPageToken": str(first + len(page))} if more else {})
        )

    def found(self, jql, reconciled=()):
        """Return the issues a search sees; labels match in any case."""
        asked = LABEL.fullmatch(jql)
        if not asked:
            return None
        label = re.sub(r"\\(.)", r"\1", asked[1]).casefold()
        seen = time.time() - self.search_lag_s
        return [
            i
            for i in self.state["issues"]
            if (not self.search_lag_s or i["made"] <= seen or int(i["id"]) in reconciled)
            and label in [each.casefold() for each in i["fields"]["labels"]]
        ]

    def _narrow(self, issue, fields):
        """Nothing but the id is told of what was not named."""
        return {"key": issue["key"], "fields": {n: issue["fields"].get(n) for n in fields}} if fields else {}

    # --- issues -----------------------------------------------------------------------------------------------------

    def _issue(self, key):
        return next((i for i in self.state["issues"] if key in {i["key"], i["id"]}), None)

    def _create(self, asked):
        said = asked["fields"]
        problem = self._problems(said) or {
            n: f"{n} is required." for n in ("summary", "project", "issuetype") if n not in said
        }
        if problem or said["project"] != {"key": "OPS"} or said["issuetype"]["name"] not in {"Task", "Bug"}:
            return Response(
                400, {"errorMessages": [], "errors": problem or {"issuetype": "The issue type selected is invalid."}}
            )
        self.state["number"] += 1
        number, now = self.state["number"], moment()
        blank = {
            "priority": {"name": "Medium"},
            "assignee": None,
            "labels": [],
            "resolution": None,
            "resolutiondate": None,
        }
        fields = {
            **blank,
            **said,
            "created": now,
            "updated": now,
            "status": status("To Do"),
            "comment": {"comments": []},
        }
        issue = {
            "id": str(10_000 + number),
            "key": f"OPS-{number}",
            "fields": fields,
            "made": time.time(),
            "remote": {},
        }
        issue["properties"] = {p["key"]: p["value"] for p in asked.get("properties") or ()}
        issue["histories"] = []
        self.state["issues"].append(issue)
        return Response(
            201, {"id": issue["id"], "key": issue["key"], "self": f"{self.url}{self.api}/issue/{issue['id']}"}
        )

    def _problems(self, said):
        errors = {}
        for name in set(said) & self.no_screen:
            errors[name] = f"Field '{name}' cannot be set. It is not on the appropriate screen, or unknown."
        summary = said.get("summary", "-")
        if len(summary.encode("utf-16-le")) // 2 > 255 or "\n" in summary or not summary.strip():
            errors["summary"] = "Summary must be less than 255 characters, and of one line."
        if "description" in said and (problem := self.body_problem(said["description"])):
            errors["description"] = problem
        if any(re.search(r"\s", label) or len(label) > 255 for label in said.get("labels") or ()):
            errors["labels"] = "The label contains spaces which is invalid."
        if said.get("priority", {"name": "Low"}).get("name") not in PRIORITIES:
            errors["priority"] = "The priority selected is invalid."
        if said.get("assignee") and not self._person(said["assignee"]):
            errors["assignee"] = "Specify a valid value for assignee"
        if any(c.get("name") not in {"payments", "platform"} for c in said.get("components") or ()):
            errors["components"] = "Component name is not valid"
        return errors

    def _person(self, asked):
        return next((p for p in PEOPLE if p["accountId"] == asked.get("accountId") and p["active"]), None)

    def body_problem(self, body):
        schema = adf_schema()
        if schema and (error := next(iter(jsonschema.Draft4Validator(schema).iter_errors(body)), None)):
            self.breaches.append(f"not a document: {error.message[:200]}")
            return "INVALID_INPUT"
        told = "".join(_texts(body))
        return "CONTENT_LIMIT_EXCEEDED" if len(told.encode("utf-16-le")) // 2 > 32_767 else None

    def _change(self, issue, asked):
        said = asked.get("fields") or {}
        problem = self._problems(said)
        if problem:
            return Response(400, {"errorMessages": [], "errors": problem})
        if "assignee" in said:
            self._history(issue, US, "assignee", None, said["assignee"].get("accountId"))
        issue["fields"].update(said, updated=moment())
        for name, operations in (asked.get("update") or {}).items():
            issue["fields"][name] = [*issue["fields"][name], *(o["add"] for o in operations)]
        issue["properties"] |= {p["key"]: p["value"] for p in asked.get("properties") or ()}
        return Response(204)

    def _comment(self, issue, body, author):
        problem = self.body_problem(body)
        if problem:
            return refusal(problem)
        issue["fields"]["comment"]["comments"].append(
            {"id": str(len(issue["histories"])), "author": author, "body": body}
        )
        issue["fields"]["updated"] = moment()
        return Response(201, {"id": "1", "body": body})

    def _told(self, issue, query):
        named = query.get("fields", "*all").split(",")
        fields = {n: v for n, v in issue["fields"].items() if n in named or "*all" in named}
        for name in set(fields) & {"assignee"}:
            fields[name] = self._person(fields[name]) if fields[name] else None
        fields["issuelinks"] = [
            {
                "id": str(n),
                "type": {"name": kind},
                ("outwardIssue" if first == issue["key"] else "inwardIssue"): {"key": other},
            }
            for n, (kind, first, second) in enumerate(self.state["links"])
            if issue["key"] in {first, second}
            for other in ({first, second} - {issue["key"]})
        ]
        told = {"id": issue["id"], "key": issue["key"], "fields": fields}
        if "changelog" in query.get("expand", ""):
            histories = issue["histories"][::-1]
            told["changelog"] = {
                "startAt": 0,
                "maxResults": len(histories),
                "total": len(histories),
                "histories": histories,
            }
        if query.get("properties"):
            told["properties"] = {n: v for n, v in issue["properties"].items() if n in query["properties"].split(",")}
        return told

    # --- workflow ---------------------------------------------------------------------------------------------------

    def _transitions(self, issue, with_fields):
        """A project's own names, the tempting ones first."""
        if self.workflow == "stuck":
            return []
        is_done = issue["fields"]["status"]["statusCategory"]["key"] == "done"
        ways = (
            {"31": ("Back to work", "In Progress")}
            if is_done
            else {"21": ("Refuse", "Rejected"), "22": ("Finish", "Done")}
        )
        told = []
        for number, (name, target) in ways.items():
            way = {"id": number, "name": name, "to": status(target), "isAvailable": True, "fields": {}}
            if with_fields and self.workflow == "screen" and not is_done:
                allowed = [{"id": str(n), "name": r} for n, r in enumerate(RESOLUTIONS)]
                way["fields"] = {"resolution": {"required": True, "hasDefaultValue": False, "allowedValues": allowed}}
                if target == "Rejected":
                    way["fields"]["customfield_10050"] = {"required": True, "hasDefaultValue": False, "name": "Reason"}
            told.append(way)
        return told

    def _transit(self, issue, asked):
        way = next((t for t in self._transitions(issue, True) if t["id"] == asked["transition"]["id"]), None)
        if way is None:
            return refusal("It seems that you have tried to perform an illegal workflow operation.")
        fields = asked.get("fields") or {}
        errors = {n: f"{n} is required." for n, f in way["fields"].items() if f["required"] and n not in fields}
        errors |= {
            n: f"Field '{n}' cannot be set. It is not on the appropriate screen."
            for n in set(fields) - set(way["fields"])
        }
        resolution = (fields.get("resolution") or {}).get("name")
        if resolution not in {*RESOLUTIONS, None}:
            errors["resolution"] = "The resolution is invalid."
        if errors:
            return Response(400, {"errorMessages": [], "errors": errors})
        self._move(issue, way["to"]["name"], US, resolution=resolution)
        return Response(204)

    def _move(self, issue, target, who, resolution=None):
        fields, now = issue["fields"], moment()
        is_done = STATUSES[target] == "done"
        self._history(issue, who, "status", fields["status"]["name"], target)
        if (fields["resolution"] or {}).get("name") != resolution:
            self._history(issue, who, "resolution", (fields["resolution"] or {}).get("name"), resolution)
        fields.update(status=status(target), updated=now, resolution={"name": resolution} if resolution else None)
        fields["resolutiondate"] = now if is_done and resolution else None
        fields["statuscategorychangedate"] = now

    def _history(self, issue, who, field, old, new):
        item = {"field": field, "from": old, "fromString": old, "to": new, "toString": new}
        issue["histories"].append(
            {"id": str(len(issue["histories"])), "author": who, "created": moment(), "items": [item]}
        )

    def _link(self, kind, first, second):
        if [kind, first, second] not in self.state["links"]:
            self.state["links"].append([kind, first, second])


def state_of(issue):
    told = issue["fields"]["status"]
    return {"new": "new", "indeterminate": "in_progress", "done": "closed" if told["name"] == "Closed" else "resolved"}[
        told["statusCategory"]["key"]
    ]


def status(name):
    return {"name": name, "statusCategory": {"key": STATUSES[name]}}


def moment():
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "+0000"


def refusal(text, status=400):
    return Response(status, {"errorMessages": [text], "errors": {}})


def _texts(node):
    yield node.get("text", "")
    for child in node.get("content") or ():
        yield from _texts(child)


@functools.cache
def adf_schema():
    folder = os.environ.get("AIOPS_SHARED")
    path = Path(folder or Path(__file__).parents[3] / "shared") / "specs" / "adf-schema-v1-full.json"
    return json.loads(path.read_text()) if path.is_file() else None
