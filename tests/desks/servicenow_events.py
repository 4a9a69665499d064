"""Event Management of a ServiceNow instance: events of one message key are one alert, until it is cleared."""

import json

from desks import servicenow
from desks.base import Response

SHORT = ("source", "node", "type", "resource", "ci_type")


class Desk(servicenow.Desk):
    takes = "events"

    def __init__(self, folder=None):
        super().__init__(folder)
        self.state |= {"events": [], "alerts": []}

    def serve(self, request, path):
        if (request.method, path) != ("POST", "/api/global/em/jsonv2"):
            return super().serve(request, path)
        for record in request.json["records"]:
            info = json.loads(record.get("additional_info", "{}"))
            is_long = any(len(record.get(name, "")) > 100 for name in SHORT) or len(record["description"]) > 4000
            if is_long or not all(isinstance(value, str) for value in [*record.values(), *info.values()]):
                return servicenow.failure(400, "Bad request", "an event field has another type or is too long")
            self._fold(record)
        return Response(
            200, {"result": {"Default Bulk Endpoint": f"{len(request.json['records'])} events were inserted"}}
        )

    def events(self, external_key):
        return [
            {"action": "resolve" if a["severity"] == "0" else "trigger", "title": a["description"].split("\n")[0]}
            for a in self.state["alerts"]
            if a["message_key"] == external_key
        ]

    def _fold(self, record):
        self.state["events"].append(record)
        key = record.get("message_key") or "+".join(record.get(n, "") for n in ("source", "node", "type", "resource"))
        is_clear = record["severity"] == "0" or record.get("resolution_state") == "Closing"
        active = [a for a in self.state["alerts"] if a["message_key"] == key and a["severity"] != "0"]
        if active:
            active[0].update(record, severity="0" if is_clear else record["severity"])
        elif not is_clear:
            self.state["alerts"].append({**record, "message_key": key})
