"""An incoming webhook of Slack: answers ``ok`` as text, nothing can be changed, Block Kit by its vendor's models."""

from desks.base import Response
from desks.hooks import HookDesk
from desks.slack import MOST_SUM, block_problem, rung, texts_of, units


class Desk(HookDesk):
    path = "/services/T00000000/B00000000/s3cretXXXXXXXXXXXXXXXX"

    def denial(self, request):
        return Response(403, b"invalid_token")

    def unknown(self, request):
        return Response(404, b"no_service")

    def asked(self, request):
        return Response(400, b"invalid_payload")

    def taken(self):
        return Response(200, b"ok")

    def problem(self, request):
        said = request.json
        texts = texts_of(said["blocks"])
        if sum(map(units, texts)) > MOST_SUM:
            return "msg_blocks_too_long"
        if [hit for text in [said["text"], *texts] for hit in rung(text)]:
            return "somebody would be called"
        return block_problem(said["blocks"])

    def events(self, external_key):
        seen = []
        for said in self.state["posts"]:
            if external_key in said["blocks"][-1]["elements"][0]["text"].split(" · "):
                title = said["blocks"][0]["text"]["text"]
                seen.append({"action": "resolve" if title.startswith("✅") else "trigger", "title": title})
        return seen
