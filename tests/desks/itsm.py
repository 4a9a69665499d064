"""A ticket system as they are: it keeps no key unique, its search may lag, and it trims titles in silence."""

import time

from desks.base import HttpDesk, Response

TITLE_BYTES = 200
FINAL = {"resolved", "closed"}


class Desk(HttpDesk):
    def __init__(self, folder=None, *, search_lag_s=0.0, is_keyed=False):
        super().__init__(folder)
        self.search_lag_s = search_lag_s
        self.is_keyed = is_keyed
        self.state = {"tickets": [], "events": []}

    def settings(self):
        return {"url": self.url, "token": "t0ken"}

    def answer(self, request):
        match request.method, request.path.strip("/").split("/"):
            case "GET", ["me"]:
                return Response(200, {"login": "aiops", "may": ["read", "write"]})
            case "GET", ["tickets"]:
                seen = time.time() - self.search_lag_s
                hits = [t for t in self.state["tickets"] if t["key"].startswith(request.query["key"])]
                return Response(200, [t for t in hits if t["made"] <= seen or not self.search_lag_s])
            case "POST", ["events"]:
                self.state["events"].append(request.json)
                return Response(202, {})
            case "POST", ["tickets"]:
                return Response(201, {"id": self._create(request.json)["id"]})
            case "GET", ["tickets", number]:
                return self._one(number) or Response(404, {"message": "no such ticket"})
            case "PATCH", ["tickets", number]:
                return self._change(number, request.json)
            case "POST", ["tickets", number, "comments" | "links" as what]:
                ticket = self._stored(number)
                if request.json not in ticket[what] or what == "comments":
                    ticket[what].append(request.json)
                return Response(201, {})
        return Response(404, {"message": "no such page"})

    def tickets(self, external_key):
        return [
            {"remote_key": t["id"], "title": t["title"], "state": t["state"]}
            for t in self.state["tickets"]
            if t["key"] == external_key
        ]

    def work(self, remote_key, **values):
        """What a person does there: fields of the ticket as it is read back."""
        ticket = self._stored(remote_key)
        if ticket["state"] in FINAL and values.get("state", "closed") not in FINAL:
            values |= {"resolved_at": None, "reopen_count": ticket.get("reopen_count", 0) + 1}
        told = {name: v.timestamp() if hasattr(v, "timestamp") else v for name, v in values.items()}
        names = {"resolved_at": "closed", "merged_into": "duplicate_of"}
        ticket.update({names.get(name, name): value for name, value in told.items() if name != "is_duplicate"})

    def close(self, remote_key, duplicate_of=None):
        self._stored(remote_key).update(state="closed", duplicate_of=duplicate_of, closed=time.time())

    def _create(self, said):
        if self.is_keyed:
            same = [t for t in self.state["tickets"] if t["key"] == said["key"]]
            if same:
                return same[0]
        now = time.time()
        title = said["title"].encode()[:TITLE_BYTES].decode(errors="ignore")
        blank = {"id": str(len(self.state["tickets"]) + 1), "state": "new", "made": now, "changed": now, "closed": None}
        made = {**blank, "duplicate_of": None, "comments": [], "links": [], **said, "title": title}
        self.state["tickets"].append(made)
        return made

    def _stored(self, number):
        return next(t for t in self.state["tickets"] if t["id"] == number)

    def _one(self, number):
        found = [t for t in self.state["tickets"] if t["id"] == number]
        return Response(200, found[0]) if found else None

    def _change(self, number, said):
        ticket = self._stored(number)
        now = time.time()
        closed = now if said.get("state") in FINAL else None if "state" in said else ticket["closed"]
        ticket.update(said | {"changed": now, "closed": closed})
        return Response(204)
