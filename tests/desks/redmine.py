"""A real Redmine 5 behind a proxy that misbehaves."""

import secrets
import sqlite3

import servers_trackers

from desks.base import Response
from desks.proxy import ProxyDesk


class Desk(ProxyDesk):
    def __init__(self, folder=None):
        super().__init__(folder, servers_trackers.redmine())
        # tests use the same keys: those of earlier ones are gone
        with sqlite3.connect(self.server.database, timeout=30) as connection:
            connection.execute("DELETE FROM custom_values")
        self.project = f"p{secrets.token_hex(4)}"
        ids = self.server.ids
        self._person(
            "POST",
            "/projects.json",
            json={"project": {"name": self.project, "identifier": self.project, "is_public": False}},
        )
        member = {"user_id": ids["user"], "role_ids": [ids["role"]]}
        self._person("POST", f"/projects/{self.project}/memberships.json", json={"membership": member})

    def settings(self):
        ids = self.server.ids
        return {
            "url": self.url,
            "token": self.server.ours,
            "project": self.project,
            "key_field": ids["key"],
            "digest_field": ids["digest"],
            "tracker": "Bug",
        }

    def denied(self, headers):
        return headers | {"x-redmine-api-key": "0" * 40}

    def pretended(self, request):
        return Response(201, {"issue": {"id": 999999}}) if request.method == "POST" else Response(204)

    def everything(self):
        rows, offset = [], 0
        while True:
            asked = {"project_id": self.project, "status_id": "*", "sort": "id", "limit": 100, "offset": offset}
            answer = self._person("GET", "/issues.json", params=asked).json()
            rows += answer["issues"]
            offset += 100
            if offset >= answer["total_count"]:
                break
        return [
            {
                "key": next((f["value"] for f in row["custom_fields"] if f["name"] == "AIOpsKey"), ""),
                "remote_key": str(row["id"]),
                "title": row["subject"],
                "state": row["status"]["name"],
            }
            for row in rows
        ]

    def close(self, remote_key, duplicate_of=None):
        if duplicate_of:
            relation = {"issue_to_id": int(duplicate_of), "relation_type": "duplicates"}
            self._person("POST", f"/issues/{remote_key}/relations.json", json={"relation": relation})
        self._change(remote_key, status_id=6, notes="It was the *cable*.")
        assert self._person("GET", f"/issues/{remote_key}.json").json()["issue"]["status"]["name"] == "Rejected"

    def take(self, remote_key):
        """A person takes the ticket on."""
        self._change(remote_key, status_id=2)

    def _change(self, remote_key, **values):
        self._person("PUT", f"/issues/{remote_key}.json", json={"issue": values})

    def _person(self, method, path, **content):
        reply = self.http.request(method, path, headers={"X-Redmine-API-Key": self.server.person}, **content)
        assert reply.is_success, reply.text
        return reply
