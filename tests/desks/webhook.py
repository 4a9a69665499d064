"""A receiver of signed CloudEvents: it verifies, holds each event against the vendor-neutral schema, and drops repeats."""

import base64
import functools
import hashlib
import hmac
import json
import os
import time
from pathlib import Path

from jsonschema import Draft7Validator

from desks.base import Response
from desks.hooks import HookDesk

SECRET = "whsec_" + base64.b64encode(b"0123456789abcdef0123456789abcdef").decode()
OLD = "whsec_" + base64.b64encode(b"fedcba9876543210fedcba9876543210").decode()


class Desk(HookDesk):
    path = "/tickets/in/4f3c2b1a"
    drops_repeats = True

    def __init__(self, folder=None):
        super().__init__(folder)
        self.secret = SECRET

    def settings(self):
        return {"url": self.address, "secrets": [SECRET]}

    def asked(self, request):
        return Response(200, None, {"WebHook-Allowed-Origin": "aiops-jobs", "Allow": "POST"})

    def problem(self, request):
        if not request.headers["content-type"].startswith("application/cloudevents+json"):
            return "no structured CloudEvent"
        if not verified(self.secret, request.headers, request.body):
            return "the signature is wrong"
        event = request.json
        if event["id"] != request.headers["webhook-id"]:
            return "webhook-id is not the id of the event"
        told = schema()
        problems = [str(error.message) for error in Draft7Validator(told).iter_errors(event)] if told else []
        return "; ".join(problems) or None

    def kept(self, request):
        return {"event": request.json, "headers": request.headers, "body": request.body.decode()}

    def events(self, external_key):
        seen, ids = [], set()
        for post in self.state["posts"]:
            event = post["event"]
            if event["subject"] == external_key and not (self.drops_repeats and event["id"] in ids):
                action = {"triggered": "trigger", "updated": "update", "resolved": "resolve"}[
                    event["type"].split(".")[-2]
                ]
                seen.append({"action": action, "title": event["data"]["title"]})
            ids.add(event["id"])
        return seen


def verified(secret, headers, body, *, now=None):
    """Verify by Standard Webhooks; written apart from the sink, as a receiver would."""
    stamp = headers["webhook-timestamp"]
    if abs((now or time.time()) - int(stamp)) > 300:
        return False
    key = base64.b64decode(secret.removeprefix("whsec_"))
    mac = hmac.new(key, b".".join([headers["webhook-id"].encode(), stamp.encode(), body]), hashlib.sha256)
    wanted = base64.b64encode(mac.digest()).decode()
    given = [each.split(",", 1) for each in headers["webhook-signature"].split(" ")]
    return any(version == "v1" and hmac.compare_digest(wanted, value) for version, value in given)


@functools.cache
def schema():
    folder = os.environ.get("AIOPS_SHARED")
    path = Path(folder or Path(__file__).parents[3] / "shared") / "specs" / "cloudevents-1.0.schema.json"
    return json.loads(path.read_text()) if path.is_file() else None
