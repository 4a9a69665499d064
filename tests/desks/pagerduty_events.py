"""An integration of a PagerDuty service: events of one key are one alert until it is resolved."""

from desks.base import HttpDesk, Response
from desks.contract import Contract

KEY = "e93facc04764012d7bfb002500d5d1a6"
MOST_BYTES = 512_000


def _tweak(told):
    """``format: url`` is none that is registered, and the checker knows no loopback host by it."""
    told.pop("tags", None)


class Desk(HttpDesk):
    takes = "events"
    contract = Contract("pagerduty-events-v2", prefix="/v2", tweak=_tweak)

    def __init__(self, folder=None):
        super().__init__(folder)
        self.state = {"events": [], "alerts": []}

    def settings(self):
        return {"url": self.url, "routing_key": KEY}

    def denial(self, request):
        return invalid("Invalid routing key")

    def answer(self, request):
        if request.path != "/v2/enqueue":
            return Response(404, {"message": "Not Found"})
        problem = self.contract.problem(request)
        if problem:
            self.breaches.append(problem)
            return invalid(problem)
        event = request.json
        if event["routing_key"] != KEY:
            return self.denial(request)
        payload = event.get("payload")
        if len(request.body) > MOST_BYTES:
            return Response(413, {"message": "Payload too large"})
        if event["event_action"] == "trigger" and not (payload and payload["summary"]):
            return invalid("'payload.summary' is missing or blank")
        if payload and len(payload["summary"]) > 1024:
            return invalid("'payload.summary' is too long")
        if len(event["dedup_key"]) > 255:
            return invalid("'dedup_key' is too long")
        self._fold(event)
        return Response(202, {"status": "success", "message": "Event processed", "dedup_key": event["dedup_key"]})

    def events(self, external_key):
        return [
            {"action": a["action"], "title": a["payload"]["summary"]}
            for a in self.state["alerts"]
            if a["dedup_key"] == external_key
        ]

    def _fold(self, event):
        self.state["events"].append(event)
        told = {"action": event["event_action"], "dedup_key": event["dedup_key"]}
        is_open = [a for a in self.state["alerts"] if a["dedup_key"] == event["dedup_key"] and a["action"] != "resolve"]
        if is_open:
            is_open[0].update(told, payload=event.get("payload") or is_open[0]["payload"])
        elif event["event_action"] == "trigger":
            self.state["alerts"].append({**told, "payload": event["payload"]})


def invalid(*errors):
    return Response(400, {"status": "invalid event", "message": "Event object is invalid", "errors": list(errors)})
