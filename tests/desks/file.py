"""The desk of the folder sink is the folder itself; it has no line that could break."""

import json
from datetime import UTC, datetime


class Desk:
    takes = "tickets"
    can_misbehave = False

    def __init__(self, folder):
        self._folder = folder / "desk"

    def start(self):
        return self

    def stop(self):
        pass

    def settings(self):
        return {"path": self._folder}

    def tickets(self, external_key):
        stored = [json.loads(path.read_text()) for path in sorted(self._folder.glob("TKT-*.json"))]
        return [
            {"remote_key": t["number"], "title": t["title"], "state": t["state"]}
            for t in stored
            if t["external_key"] == external_key
        ]

    def work(self, remote_key, **values):
        """What a person does there: fields of the ticket as it is read back."""
        path = self._folder / f"{remote_key}.json"
        stored = json.loads(path.read_text())
        if stored["state"] in {"resolved", "closed"} and values.get("state", "closed") not in {"resolved", "closed"}:
            values |= {"resolved_at": None, "history": [*stored["history"], {"at": "", "act": "reopened"}]}
        path.write_text(json.dumps(stored | values, default=str))

    def close(self, remote_key, duplicate_of=None):
        path = self._folder / f"{remote_key}.json"
        now = datetime(2026, 11, 20, 12, tzinfo=UTC).isoformat()
        more = {"is_duplicate": True, "merged_into": duplicate_of} if duplicate_of else {}
        path.write_text(json.dumps(json.loads(path.read_text()) | {"state": "closed", "resolved_at": now} | more))
