"""A real Request Tracker 5 behind a proxy that misbehaves."""

import json
import secrets
import sqlite3

import servers_trackers

from desks.base import Response
from desks.proxy import ProxyDesk

FIELDS = "Subject,Status,CustomFields,EffectiveId"


class Desk(ProxyDesk):
    def __init__(self, folder=None):
        super().__init__(folder, servers_trackers.rt())
        # tests use the same keys: those of earlier ones are gone
        with sqlite3.connect(self.server.database, timeout=30) as connection:
            connection.execute("DELETE FROM ObjectCustomFieldValues")
        self.queue = f"It's {secrets.token_hex(4)}"
        self._person("POST", "/queue", json={"Name": self.queue, "Lifecycle": "default"})

    def settings(self):
        return {"url": self.url, "token": self.server.ours, "queue": self.queue, "digest_field": "AIOpsDigest"}

    def denied(self, headers):
        return headers | {"authorization": "token 1-27-0123456789abcdef0123456789abcdef"}

    def pretended(self, request):
        if request.path.endswith("/ticket"):
            return Response(201, {"type": "ticket", "id": "999999", "_url": f"{self.url}/REST/2.0/ticket/999999"})
        if request.method == "POST":
            return Response(201, ["Comments added"])
        return Response(200, ["Ticket 1: Subject changed"])

    def everything(self):
        queue = self.queue.replace("'", "\\'")
        asked = {"query": f"Queue = '{queue}' AND EffectiveId > 0", "fields": FIELDS, "per_page": 100, "orderby": "id"}
        page, rows = 1, []
        while True:
            items = self._person("GET", "/tickets", params=asked | {"page": page}).json()["items"]
            rows += items
            if len(items) < 100:
                break
            page += 1
        return [
            {
                "key": next(
                    iter(f["values"][0] for f in row["CustomFields"] if f["name"] == "AIOpsKey" and f["values"]), ""
                ),
                "remote_key": row["id"],
                "title": row["Subject"],
                "state": row["Status"],
            }
            for row in rows
        ]

    def close(self, remote_key, duplicate_of=None):
        if duplicate_of:
            self._person("PUT", f"/ticket/{remote_key}", json={"MergeInto": int(duplicate_of)})
        else:
            self._person("PUT", f"/ticket/{remote_key}", json={"Status": "rejected"})

    def take(self, remote_key):
        """A person takes the ticket on."""
        self._person("PUT", f"/ticket/{remote_key}", json={"Owner": "kim", "Status": "open"})

    def _person(self, method, path, **content):
        headers = {"Authorization": f"token {self.server.person}"}
        reply = self.http.request(method, f"/REST/2.0{path}", headers=headers, **content)
        reply.raise_for_status()
        refused = [said for said in json.loads(reply.content) if "denied" in said or "nvalid" in said]
        assert not refused, refused
        return reply
