"""A ServiceNow instance: every value a string, what it does not know it ignores, what it cannot assign it leaves blank.

It enforces the data policy of resolving, the rights of a closed incident, priority by impact and urgency; it ignores a
condition on a field that is unknown or hidden (``hidden_fields``) and answers with all rows; its limit comes before the
access rules (``hidden_rows``); version 1 answers 404 to an empty list.
"""

import base64
import re
from datetime import UTC, datetime, timedelta

from desks.base import HttpDesk, Response
from desks.contract import Contract

USER, PASSWORD = "aiops", "s3cret"
BEGAN = datetime(2026, 11, 20, tzinfo=UTC)
MATRIX = {("1", "1"): "1", ("1", "2"): "2", ("2", "1"): "2", ("1", "3"): "3", ("2", "2"): "3", ("3", "1"): "3"}
MATRIX |= {("2", "3"): "4", ("3", "2"): "4", ("3", "3"): "5"}
LENGTHS = {"short_description": 160, "description": 4000, "correlation_id": 100, "correlation_display": 100}
REFERENCES = {
    "assignment_group": ("sys_user_group", "name"),
    "assigned_to": ("sys_user", "name"),
    "caller_id": ("sys_user", "name"),
    "resolved_by": ("sys_user", "name"),
    "closed_by": ("sys_user", "name"),
    "parent_incident": ("incident", "number"),
    "problem_id": ("problem", "number"),
    "cmdb_ci": ("cmdb_ci", "name"),
    "user": ("sys_user", "name"),
    "role": ("sys_user_role", "name"),
}
WRITABLE = {
    *LENGTHS,
    *("impact", "urgency", "state", "close_code", "close_notes", "category", "contact_type", "cause"),
    *("assignment_group", "assigned_to", "caller_id", "parent_incident", "problem_id", "cmdb_ci"),
}
JOURNALS = {"work_notes", "comments"}
BLANK = dict.fromkeys([*sorted(WRITABLE), "resolved_at", "closed_at", "resolved_by", "closed_by", "opened_at"], "")


def sys_id(text):
    return text.encode().hex()[-32:].rjust(32, "0")


def row(ident, /, **values):
    return {"sys_id": sys_id(ident), **values}


class Desk(HttpDesk):
    contract = Contract("servicenow.min")

    def __init__(self, folder=None):
        super().__init__(folder)
        self.hidden_fields, self.hidden_rows = set(), set()
        self.now = None
        """A clock of the test's; default: a second for each write."""
        self.state = {
            "writes": 0,
            "journal": [],
            "incident": [],
            "problem": [row("prb1", number="PRB0040001")],
            "cmdb_ci": [row("ci1", name="checkout")],
            "sys_user": [row("u1", user_name=USER, name="AIOps"), row("u2", user_name="kim.l", name="Kim Lee")],
            "sys_user_group": [row("g1", name="payments"), row("g2", name="platform (결제)")],
            "sys_user_role": [row("r1", name="itil"), row("r2", name="evt_mgmt_integration")],
            "sys_user_has_role": [
                row("h1", user=sys_id("u1"), role=sys_id("r1")),
                row("h2", user=sys_id("u1"), role=sys_id("r2")),
            ],
            "sys_choice": [
                row("c1", name="incident", element="close_code", value="Solution provided", inactive="false"),
                row("c2", name="incident", element="close_code", value="Duplicate", inactive="false"),
            ],
        }

    def settings(self):
        return {"url": self.url, "user": USER, "password": PASSWORD}

    def denial(self, request):
        return failure(401, "User is not authenticated", "Required to provide Auth information")

    def answer(self, request):
        token = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
        if request.headers.get("authorization") != f"Basic {token}":
            return self.denial(request)
        path = re.sub(r"^/api/now/v\d+/", "/api/now/", request.path)
        problem = self.contract.problem(
            type(request)(request.method, path, request.query, request.headers, request.body)
        )
        if problem:
            self.breaches.append(f"{request.method} {request.path}: {problem}")
            return failure(400, "Bad request", problem)
        return self.serve(request, path)

    def serve(self, request, path):
        match request.method, path.strip("/").split("/"):
            case "GET", ["api", "now", "table", table]:
                return self._list(request, table)
            case "GET", ["api", "now", "table", table, one]:
                found = self._stored(table, one)
                return Response(200, {"result": self._shown(table, found, request)}) if found else missing()
            case "POST", ["api", "now", "table", "incident"]:
                return self._insert(request)
            case "PATCH", ["api", "now", "table", "incident", one]:
                return self._patch(request, one)
        return failure(400, "Requested URI does not represent any resource", None)

    # --- what people do there ---------------------------------------------------------------------------------------

    def tickets(self, external_key):
        return [
            {"remote_key": r["number"], "title": r["short_description"], "state": r["state"]}
            for r in self.state["incident"]
            if r["correlation_id"] == external_key
        ]

    def close(self, remote_key, duplicate_of=None):
        found, now = self.incident(remote_key), self._now()
        done = {"state": "7", "resolved_at": now, "closed_at": now, "closed_by": sys_id("u2"), "sys_updated_on": now}
        found.update(done | {"close_code": "Solution provided", "close_notes": "restarted it"})
        if duplicate_of:
            found.update(close_code="Duplicate", parent_incident=self.incident(duplicate_of)["sys_id"])

    def resolve(self, remote_key):
        found, now = self.incident(remote_key), self._now()
        found.update(state="6", resolved_at=now, resolved_by=sys_id("u2"), close_code="Solution provided")

    def incident(self, number):
        return next(r for r in self.state["incident"] if r["number"] == number)

    def notes(self, number):
        one = self.incident(number)["sys_id"]
        return [entry["value"] for entry in self.state["journal"] if entry["element_id"] == one]

    # --- reading ----------------------------------------------------------------------------------------------------

    def _list(self, request, table):
        if table not in self.state:
            return failure(400, f"Invalid table {table}", None)
        rows = list(self.state[table])
        for condition in request.query.get("sysparm_query", "").split("^"):
            field, equal, value = condition.partition("=")
            if not equal or field in self.hidden_fields or not any(field in r for r in self.state[table]):
                continue  # an order; or a condition that it does not understand, and ignores
            if value == "javascript:gs.getUserID()":
                value = sys_id("u1")
            rows = [r for r in rows if r.get(field, "").strip().casefold() == value.strip().casefold()]
        offset, limit = int(request.query.get("sysparm_offset", 0)), int(request.query.get("sysparm_limit", 10_000))
        page = rows[offset : offset + limit]
        seen = [self._shown(table, r, request) for r in page if r["sys_id"] not in self.hidden_rows]
        if not seen and re.match(r"/api/now/v1/", request.path):
            return missing()
        headers = {"X-Total-Count": str(len(rows))}
        if offset + limit < len(rows):
            headers["Link"] = f'<{self.url}{request.path}?sysparm_offset={offset + limit}>;rel="next"'
        return Response(200, {"result": seen}, headers)

    def _shown(self, table, found, request):
        wanted = [f for f in request.query.get("sysparm_fields", "").split(",") if f] or list(found)
        shown = {}
        for field in wanted:
            name, _, further = field.partition(".")
            if name in self.hidden_fields or name not in found:
                continue
            shown[field] = found[name]
            if further:
                target = self._stored(REFERENCES[name][0], found[name])
                shown[field] = target.get(further, "") if target else ""
        return shown

    def _stored(self, table, one):
        return next((r for r in self.state[table] if r["sys_id"] == one), None)

    # --- writing ----------------------------------------------------------------------------------------------------

    def _insert(self, request):
        self.state["writes"] += 1
        count, now = len(self.state["incident"]) + 1, self._now()
        made = {"sys_id": sys_id(f"inc{count}"), "number": f"INC{count:07d}", **BLANK, "state": "1"}
        made |= {"impact": "3", "urgency": "3", "reopen_count": "0", "sys_mod_count": "0", "sys_created_on": now}
        made |= {"sys_updated_on": now, "opened_at": now} | self._values(request, made["sys_id"])
        made["priority"] = MATRIX[made["impact"], made["urgency"]]
        self.state["incident"].append(made)
        return Response(201, {"result": self._shown("incident", made, request)})

    def _patch(self, request, one):
        found = self._stored("incident", one)
        if found is None:
            return missing()
        self.state["writes"] += 1
        before = len(self.state["journal"])
        wanted = {k: v for k, v in self._values(request, one).items() if found[k] != v}
        after = found | wanted
        if found["state"] in {"7", "8"}:
            del self.state["journal"][before:]
            return failure(403, "Operation Failed", "ACL Exception Update Failed due to security constraints")
        if after["state"] == "6" and not (after["close_code"] and after["close_notes"]):
            del self.state["journal"][before:]
            what = "The following mandatory fields are not filled in: Resolution code, Resolution notes"
            return failure(403, "Operation Failed", f"Data Policy Exception: {what}")
        if not wanted and len(self.state["journal"]) == before:
            return Response(200, {"result": self._shown("incident", found, request)})
        now = self._now()
        if wanted.get("state") == "6":
            wanted |= {"resolved_at": now, "resolved_by": sys_id("u1")}
        elif found["state"] == "6" and "state" in wanted:
            count = str(int(found["reopen_count"]) + 1)
            wanted |= {"resolved_at": "", "resolved_by": "", "reopen_count": count}
        found.update(wanted, sys_updated_on=now, sys_mod_count=str(int(found["sys_mod_count"]) + 1))
        found["priority"] = MATRIX[found["impact"], found["urgency"]]
        return Response(200, {"result": self._shown("incident", found, request)})

    def _values(self, request, one):
        """What is stored of what was sent: known fields, cut, references resolved; journals are kept elsewhere."""
        by_display = request.query.get("sysparm_input_display_value") == "true"
        values = {}
        for name, value in request.json.items():
            if name in JOURNALS and value:
                self.state["journal"].append({"element_id": one, "element": name, "value": value})
            if name not in WRITABLE:
                continue
            if name in REFERENCES and value:
                table, display = REFERENCES[name]
                key = display if by_display else "sys_id"
                values[name] = next((r["sys_id"] for r in self.state[table] if r.get(key) == value), "")
            else:
                values[name] = value[: LENGTHS.get(name, len(value))]
        return values

    def _now(self):
        at = self.now() if self.now else BEGAN + timedelta(seconds=self.state["writes"])
        return f"{at:%Y-%m-%d %H:%M:%S}"


def failure(status, message, detail):
    return Response(status, {"error": {"message": message, "detail": detail}, "status": "failure"})


def missing():
    return failure(404, "No Record found", "Record doesn't exist or ACL restricts the record retrieval")
