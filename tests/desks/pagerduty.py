"""A PagerDuty account: one open incident of a key on a service, texts that cannot be changed, notes, merges, a log.

The search by key looks at the alerts of incidents too, and at the last month alone unless ``date_range=all`` is said.
"""

from datetime import UTC, datetime, timedelta

from desks.base import HttpDesk, Response
from desks.contract import Contract

KEY, SERVICE, USER = "k3y", "PSERV01", "aiops@example.com"
BEGAN = datetime(2026, 11, 20, tzinfo=UTC)
PRIORITIES = {f"PRIO0{n}": f"P{n}" for n in range(1, 6)}


def _tweak(told):
    """Mend what the document says against its own examples and descriptions."""
    told["components"]["schemas"]["IncidentBody"]["properties"]["details"] = {}
    for name in ("id", "type"):  # read-only, and required of every reference that is written
        told["components"]["schemas"]["Hoisted2"]["properties"][name].pop("readOnly")
    for name in ("include_incident", "include_incidents"):
        told["components"]["parameters"][name]["schema"]["enum"].append("body")


class Desk(HttpDesk):
    contract = Contract("pagerduty-rest.trimmed", tweak=_tweak)

    def __init__(self, folder=None):
        super().__init__(folder)
        self.now = None
        self.may_write = True
        self.reset_s = None
        """Seconds until requests are taken again; null: they are taken."""
        self.state = {"writes": 0, "incidents": [], "notes": [], "log": []}

    def settings(self):
        told = {"url": self.url, "api_key": KEY, "from_email": USER, "service": SERVICE}
        return told | {"priorities": {name: ident for ident, name in PRIORITIES.items()}}

    def denial(self, request):
        return failure(401, "Unauthorized", 2006)

    def answer(self, request):
        if request.headers.get("authorization") != f"Token token={KEY}":
            return self.denial(request)
        if self.reset_s is not None:
            headers = {"ratelimit-limit": "960", "ratelimit-remaining": "0", "ratelimit-reset": str(self.reset_s)}
            return Response(429, {"error": {"message": "Rate Limit Exceeded", "code": 2020}}, headers)
        problem = self.contract.problem(request)
        if problem:
            self.breaches.append(f"{request.method} {request.path}: {problem}")
            return failure(400, "Invalid Input Provided", 2001, problem)
        if "version=2" not in request.headers.get("accept", ""):
            return failure(406, "Not Acceptable", 2003)
        if request.method != "GET":
            if not self.may_write:
                return failure(403, "Access Denied", 2010)
            if request.headers.get("from") != USER:
                return failure(400, "Invalid Input Provided", 2001, "Requester User Not Found")
            self.state["writes"] += 1
        response = self._route(request)
        response.headers |= {"ratelimit-limit": "960", "ratelimit-remaining": "959", "ratelimit-reset": "12"}
        return response

    def _route(self, request):
        match request.method, request.path.strip("/").split("/"):
            case "GET", ["services", one]:
                service = {"id": SERVICE, "type": "service", "name": "Checkout", "status": "active"}
                return Response(200, {"service": service}) if one == SERVICE else failure(404, "Not Found", 2100)
            case "GET", ["priorities"]:
                rows = [{"id": ident, "type": "priority", "name": name} for ident, name in PRIORITIES.items()]
                return self._page(request, "priorities", rows)
            case "GET", ["incidents"]:
                return self._page(request, "incidents", [public(i) for i in self._found(request.query)])
            case "PUT", ["incidents"]:
                return Response(200, {"incidents": []})
            case "POST", ["incidents"]:
                return self._create(request.json["incident"])
            case _, ["incidents", one, *rest]:
                incident = next((i for i in self.state["incidents"] if i["id"] == one), None)
                return self._about(request, incident, rest) if incident else failure(404, "Not Found", 2100)
        return failure(404, "Not Found", 2100)

    def _about(self, request, incident, rest):
        match request.method, rest:
            case "GET", []:
                return Response(200, {"incident": public(incident, request.query.get("include[]") == "body")})
            case "PUT", []:
                return self._change(incident, request.json["incident"])
            case "GET", ["notes"]:
                return Response(200, {"notes": [n for n in self.state["notes"] if n["incident"] == incident["id"]]})
            case "POST", ["notes"]:
                note = {"id": f"N{len(self.state['notes'])}", "created_at": self._now(), "incident": incident["id"]}
                self.state["notes"].append(note | {"content": request.json["note"]["content"]})
                return Response(201, {"note": self.state["notes"][-1]})
            case "GET", ["log_entries"]:
                log = [entry for entry in self.state["log"] if entry["incident"] == incident["id"]]
                return self._page(request, "log_entries", log[::-1])
        return failure(404, "Not Found", 2100)

    # --- what people do there ---------------------------------------------------------------------------------------

    def tickets(self, external_key):
        return [
            {"remote_key": i["id"], "title": i["title"], "state": i["status"]}
            for i in self.state["incidents"]
            if i["incident_key"] == external_key
        ]

    def close(self, remote_key, duplicate_of=None):
        incident = self.incident(remote_key)
        self._resolve(incident, "Kim Lee", "restarted it")
        if duplicate_of:
            master = {"id": duplicate_of, "type": "incident_reference"}
            incident["resolve_reason"] = {"type": "merge_resolve_reason", "incident": master}

    def acknowledge(self, remote_key):
        incident, at = self.incident(remote_key), self._now()
        who = {"id": "PUSER2", "type": "user_reference", "summary": "Kim Lee"}
        incident.update(status="acknowledged", acknowledgements=[{"at": at, "acknowledger": who}], updated_at=at)
        incident["assignments"] = [{"at": at, "assignee": who}]
        self._log(incident, "acknowledge_log_entry")

    def incident(self, ident):
        return next(i for i in self.state["incidents"] if i["id"] == ident)

    def notes(self, ident):
        return [n["content"] for n in self.state["notes"] if n["incident"] == ident]

    # --- inside -----------------------------------------------------------------------------------------------------

    def _found(self, query):
        since = self._at() - timedelta(days=30)
        for incident in self.state["incidents"]:
            is_old = datetime.fromisoformat(incident["created_at"]) < since
            keys = {incident["incident_key"], *incident["alert_keys"]}
            if (is_old and query.get("date_range") != "all") or query.get(
                "incident_key", incident["incident_key"]
            ) not in keys:
                continue
            yield incident

    def _page(self, request, name, rows):
        offset, limit = int(request.query.get("offset", 0)), min(100, int(request.query.get("limit", 25)))
        more = offset + limit < len(rows)
        return Response(200, {name: rows[offset : offset + limit], "offset": offset, "limit": limit, "more": more})

    def _create(self, said):
        if said["service"]["id"] != SERVICE or not said["title"] or len(said["title"]) > 1024:
            return failure(400, "Invalid Input Provided", 2001, "Service or title is not accepted")
        if "assignments" in said and "escalation_policy" in said:
            return failure(400, "Invalid Input Provided", 2001, "Assignments with an escalation policy")
        if self._is_taken(said.get("incident_key")):
            what = "Open incident with matching dedup key already exists on this service"
            return failure(400, "Arguments Caused Error", 2002, what)
        now, ident = self._now(), f"PINC{len(self.state['incidents']) + 1:03d}"
        policy = said.get("escalation_policy") or {"id": "PPOL", "type": "escalation_policy_reference"}
        made = {
            "id": ident,
            "type": "incident",
            "html_url": f"https://acme.example/incidents/{ident}",
            "title": said["title"],
            "status": "triggered",
            "incident_key": said.get("incident_key"),
            "alert_keys": [],
            "urgency": said.get("urgency", "high"),
            "priority": priority(said.get("priority")),
            "service": {"id": SERVICE, "type": "service_reference", "summary": "Checkout"},
            "escalation_policy": policy | {"summary": "Default"},
            "assignments": said.get("assignments", []),
            "acknowledgements": [],
            "resolve_reason": None,
            "body": said.get("body"),
            **dict.fromkeys(("created_at", "updated_at", "last_status_change_at"), now),
            "resolved_at": None,
            "last_status_change_by": {"id": SERVICE, "summary": "Checkout"},
        }
        self.state["incidents"].append(made)
        self._log(made, "trigger_log_entry")
        return Response(201, {"incident": public(made)})

    def _change(self, incident, said):
        status = said.get("status", incident["status"])
        if incident["status"] == "resolved" and status == "resolved":
            return failure(400, "Invalid Input Provided", 2001, "Incident Already Resolved")
        if incident["status"] == "resolved" and self._is_taken(incident["incident_key"]):
            return failure(400, "Invalid Input Provided", 2001, "Another incident of the key is open")
        if status == "resolved":
            self._resolve(incident, "AIOps", said.get("resolution"))
        else:
            incident.update(status=status, resolved_at=None, resolve_reason=None)
        incident.update({name: said[name] for name in ("title", "urgency") if name in said}, updated_at=self._now())
        if "priority" in said:
            incident["priority"] = priority(said["priority"])
        return Response(200, {"incident": public(incident)})

    def _is_taken(self, key):
        return key and any(i["incident_key"] == key and i["status"] != "resolved" for i in self.state["incidents"])

    def _resolve(self, incident, who, note):
        now = self._now()
        incident.update(status="resolved", resolved_at=now, last_status_change_at=now, updated_at=now)
        incident.update(acknowledgements=[], assignments=[], last_status_change_by={"id": "P", "summary": who})
        self._log(incident, "resolve_log_entry", note=note)

    def _log(self, incident, kind, **more):
        self.state["log"].append({"type": kind, "created_at": self._now(), "incident": incident["id"], **more})

    def _at(self):
        return self.now() if self.now else BEGAN + timedelta(seconds=self.state["writes"])

    def _now(self):
        return f"{self._at():%Y-%m-%dT%H:%M:%SZ}"


def priority(said):
    return {"id": said["id"], "type": "priority_reference", "summary": PRIORITIES[said["id"]]} if said else None


def public(incident, has_body=False):
    return {k: v for k, v in incident.items() if k != "alert_keys" and (k != "body" or has_body)}


def failure(status, message, code, *errors):
    return Response(status, {"error": {"message": message, "code": code, "errors": list(errors)}})
