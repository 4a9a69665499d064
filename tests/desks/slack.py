"""Slack as it is: errors with status 200, Block Kit by its vendor's own models, limits, scopes, edits and threads.

Required parameters and error codes by the vendor's (archived) document, read by hand; ``msg_blocks_too_long`` beyond
13 200 characters is on no page of Slack's and is enforced all the same. Whatever would ring, mention or link somebody
is kept in ``state["rang"]``.
"""

import json
import re
import time

from slack_sdk.errors import SlackObjectFormationError
from slack_sdk.models.blocks import Block

from desks.base import HttpDesk, Response

TOKEN = "xoxb-1-desk"
CHANNEL = "C024BE91L"
MOST_BLOCKS, MOST_TEXT, MOST_SUM = 50, 40_000, 13_200
REQUIRED = {
    "chat.postMessage": ["channel"],
    "chat.update": ["channel", "ts"],
    "chat.getPermalink": ["channel", "message_ts"],
    "conversations.history": ["channel"],
    "conversations.replies": ["channel", "ts"],
    "auth.test": [],
}
WRITES = {"chat.postMessage", "chat.update"}
CONTROL = re.compile(r"<[^<>]*>")
LINK = re.compile(r"<https?://[^|<>]+\|[^<>]+>")


class Desk(HttpDesk):
    takes = "events"

    def __init__(self, folder=None):
        super().__init__(folder)
        self.scopes = {"chat:write", "channels:history"}
        self.is_member, self.is_editable = True, True
        self.is_commercial = False
        """Outside the Marketplace: 15 messages, once a minute."""
        self.says = []
        """Error codes of the next writes, instead of doing them."""
        self.state = {"messages": [], "number": 0, "rang": []}

    def settings(self):
        return {"url": f"{self.url}/api", "token": TOKEN, "channel": CHANNEL}

    def denial(self, request):
        return no("invalid_auth")

    def is_write(self, request):
        return request.path.rsplit("/", 1)[-1] in WRITES

    def answer(self, request):
        method = request.path.removeprefix("/api/")
        if request.headers.get("authorization") != f"Bearer {TOKEN}":
            return no("invalid_auth")
        if method not in REQUIRED:
            return no("unknown_method")
        if method in WRITES and self.says:
            return no(self.says.pop(0))
        said = (request.json or {}) if request.method == "POST" else request.query
        if any(not said.get(name) for name in REQUIRED[method]):
            return no("invalid_arguments")
        if said.get("channel", CHANNEL) != CHANNEL:
            return no("channel_not_found")
        return getattr(self, f"_{method.replace('.', '_').lower()}")(said)

    def events(self, external_key):
        seen = []
        for message in self.state["messages"]:
            payload = message["metadata"]["event_payload"]
            if payload["key"] == external_key and "thread_ts" not in message:
                header = next(b["text"]["text"] for b in message["blocks"] if b["type"] == "header")
                seen.append({"action": payload["action"], "title": header})
        return seen

    def delete(self, number=0):
        """What a person does there."""
        del self.state["messages"][number]

    # --- methods ----------------------------------------------------------------------------------------------------

    def _auth_test(self, _said):
        told = {"ok": True, "url": "https://desk.slack.com/", "team": "Desk", "user": "aiops", "bot_id": "B1"}
        return Response(200, told, {"X-OAuth-Scopes": ",".join(sorted(self.scopes))})

    def _chat_postmessage(self, said):
        refusal = self._refusal(said)
        if refusal:
            return no(refusal)
        self.state["number"] += 1
        stamp = f"{int(time.time())}.{self.state['number']:06d}"
        self.state["messages"].append({"metadata": None, **said, "ts": stamp})
        return Response(200, {"ok": True, "channel": CHANNEL, "ts": stamp, "message": {"text": said.get("text")}})

    def _chat_update(self, said):
        refusal = self._refusal(said)
        found = [m for m in self.state["messages"] if m["ts"] == said["ts"]]
        if not refusal and not found:
            refusal = "message_not_found"
        if not refusal and not self.is_editable:
            refusal = "edit_window_closed"
        if refusal:
            return no(refusal)
        found[0].update(said)
        told = {"ok": True, "channel": CHANNEL, "ts": said["ts"], "text": said["text"], "message": {}}
        return Response(200, told)

    def _chat_getpermalink(self, said):
        link = f"https://desk.slack.com/archives/{CHANNEL}/p{said['message_ts'].replace('.', '')}"
        return Response(200, {"ok": True, "channel": CHANNEL, "permalink": link})

    def _conversations_history(self, said):
        oldest = float(said.get("oldest", 0))
        found = [m for m in self.state["messages"] if "thread_ts" not in m and float(m["ts"]) >= oldest]
        return self._page(sorted(found, key=lambda m: m["ts"], reverse=True), said)

    def _conversations_replies(self, said):
        found = [m for m in self.state["messages"] if said["ts"] in {m["ts"], m.get("thread_ts")}]
        return self._page(found, said)

    def _page(self, found, said):
        if not self.scopes & {"channels:history", "groups:history"}:
            return no("missing_scope", needed="channels:history")
        if not self.is_member:
            return no("not_in_channel")
        begin, size = int(said.get("cursor", 0)), int(said.get("limit", 100))
        if self.is_commercial and begin:
            return Response(429, {"ok": False, "error": "ratelimited"}, {"Retry-After": "60"})
        size = min(size, 15) if self.is_commercial else size
        hidden = {"blocks"} if said.get("include_all_metadata") == "true" else {"blocks", "metadata"}
        page = [{k: v for k, v in m.items() if k not in hidden} for m in found[begin : begin + size]]
        more = str(begin + size) if begin + size < len(found) else ""
        told = {"ok": True, "messages": page, "has_more": bool(more), "response_metadata": {"next_cursor": more}}
        return Response(200, told)

    # --- rules ------------------------------------------------------------------------------------------------------

    def _refusal(self, said):
        if "chat:write" not in self.scopes:
            return "missing_scope"
        if not self.is_member and "chat:write.public" not in self.scopes:
            return "not_in_channel"
        blocks = said.get("blocks", [])
        if not said.get("text") and not blocks:
            return "no_text"
        if len(said.get("text", "")) > MOST_TEXT:
            return "msg_too_long"
        texts = texts_of(blocks)
        if sum(map(units, texts)) > MOST_SUM:
            return "msg_blocks_too_long"
        problem = block_problem(blocks)
        if problem:
            self.breaches.append(problem)
            return "invalid_blocks"
        self.state["rang"] += [hit for text in [said.get("text", ""), *texts] for hit in rung(text)]
        if said.get("unfurl_links") is not False or said.get("parse") != "none":
            self.breaches.append("plain addresses would become links")
        return None


def no(code, **more):
    return Response(200, {"ok": False, "error": code, **more})


def units(text):
    return len(text.encode("utf-16-le")) // 2


def texts_of(blocks):
    held = [b.get("text") or {} for b in blocks] + [e for b in blocks for e in b.get("elements", [])]
    return [each["text"] for each in held if "text" in each]


def block_problem(blocks):
    """Return what is wrong with blocks by the vendor's models, or None."""
    if len(blocks) > MOST_BLOCKS:
        return f"{len(blocks)} blocks"
    for block in blocks:
        parsed = Block.parse(block)
        if parsed is None:
            return f"no such block: {json.dumps(block)[:200]}"
        try:
            parsed.to_dict()
        except SlackObjectFormationError as error:
            return str(error)
        text = block.get("text", {})
        if block["type"] == "section" and text["type"] == "mrkdwn" and text.get("verbatim") is not True:
            return "a section that is not verbatim"
    return None


def rung(text):
    """Return what Slack would read as a mention, a channel, a date or a link that is not ours."""
    return [hit for hit in CONTROL.findall(text) if not LINK.fullmatch(hit)]
