"""A workflow of Microsoft Teams: 202 and no id, a signature in the address, cards of known elements, 28 KB.

Rules by hand, from Microsoft's pages on Adaptive Cards 1.4 and on limits of messages.
"""

from types import MappingProxyType

from desks.base import Response
from desks.hooks import HookDesk

MOST_BYTES = 28_000
KNOWN = {
    "Container": {"type", "style", "bleed", "items", "separator"},
    "RichTextBlock": {"type", "inlines", "separator"},
    "TextRun": {"type", "text", "weight", "size", "isSubtle", "fontType", "selectAction", "underline"},
    "Action.OpenUrl": {"type", "url"},
}
STYLES = {"default", "emphasis", "good", "attention", "warning", "accent"}


class Desk(HookDesk):
    path = "/workflows/0a1b2c3d4e5f/triggers/manual/paths/invoke"
    query = MappingProxyType({"api-version": "2016-06-01", "sp": "%2Ftriggers", "sig": "s1gnatur3-of-the-address"})

    @property
    def address(self):
        return f"{self.url}{self.path}?api-version=2016-06-01&sp=%252Ftriggers&sig={self.query['sig']}"

    def denial(self, request):
        code = "DirectApiAuthorizationRequired"
        return Response(
            401, {"error": {"code": code, "message": "The request must be authenticated only by Shared Access scheme."}}
        )

    def unknown(self, request):
        if request.path != self.path:
            return Response(404, {"error": {"code": "WorkflowNotFound", "message": "The workflow could not be found."}})
        return self.denial(request)

    def problem(self, request):
        if len(request.body) > MOST_BYTES:
            return f"{len(request.body)} bytes"
        said = request.json
        if said["type"] != "message" or len(said["attachments"]) != 1:
            return "no message with one attachment"
        attachment = said["attachments"][0]
        if (
            attachment["contentType"] != "application/vnd.microsoft.card.adaptive"
            or attachment["contentUrl"] is not None
        ):
            return "no Adaptive Card"
        card = attachment["content"]
        if card["type"] != "AdaptiveCard" or card["version"] > "1.5" or "entities" in card.get("msteams", {}):
            return "no card Teams shows, or one that mentions somebody"
        return next(filter(None, map(wrong, card["body"])), None)

    def events(self, external_key):
        seen = []
        for said in self.state["posts"]:
            head = said["attachments"][0]["content"]["body"][0]
            title, context = (item["inlines"][0]["text"] for item in head["items"][:2])
            if external_key in context.split(" · "):
                seen.append({"action": "resolve" if head["style"] == "good" else "trigger", "title": title})
        return seen


def wrong(element):
    """Return what is wrong with an element of a card and all in it, or None."""
    kind = element.get("type")
    if kind not in KNOWN or set(element) - KNOWN[kind]:
        return f"{kind} with {sorted(element)}"
    if element.get("style", "default") not in STYLES:
        return f"style {element['style']}"
    if kind == "TextRun" and (not element["text"] or "{{" in element["text"]):
        return "a run without text, or one the card would replace"
    if kind == "Action.OpenUrl" and not element["url"].startswith(("https://", "http://")):
        return f"opens {element['url']}"
    inner = [*element.get("items", []), *element.get("inlines", []), *filter(None, [element.get("selectAction")])]
    return next(filter(None, map(wrong, inner)), None)
