"""What desks of webhooks share: one secret address, and whatever is posted to it is kept as it came."""

from types import MappingProxyType

from desks.base import HttpDesk, Response


class HookDesk(HttpDesk):
    takes = "events"
    path = "/hook"
    query = MappingProxyType({})

    def __init__(self, folder=None):
        super().__init__(folder)
        self.state = {"posts": []}

    @property
    def address(self):
        asked = "&".join(f"{name}={value}" for name, value in self.query.items())
        return f"{self.url}{self.path}" + (f"?{asked}" if asked else "")

    def settings(self):
        return {"url": self.address}

    def answer(self, request):
        if request.path != self.path or request.query != self.query:
            return self.unknown(request)
        if request.method != "POST":
            return self.asked(request)
        problem = self.problem(request)
        if problem:
            self.breaches.append(problem)
            return Response(400, {"error": {"code": "BadRequest", "message": problem}})
        self.state["posts"].append(self.kept(request))
        return self.taken()

    def unknown(self, request):
        return Response(404, {"message": "not found"})

    def asked(self, request):
        return Response(405, {"message": "POST only"})

    def kept(self, request):
        return request.json

    def taken(self):
        return Response(202)
