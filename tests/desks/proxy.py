"""A desk in front of a real server: it hands requests on, and misbehaves as every desk does."""

import httpx

from desks.base import HttpDesk, Response

HANDED_ON = ("authorization", "x-redmine-api-key", "content-type", "accept", "if-match")
TOLD = ("content-type", "etag", "location", "retry-after")


class ProxyDesk(HttpDesk):
    """A subclass says besides: ``denied(headers)``: the headers with a wrong key; ``pretended(request)``: the answer of
    success to a write that is not done.
    """

    def __init__(self, folder, server):
        super().__init__(folder)
        self.server = server
        self.http = httpx.Client(base_url=server.url, timeout=60, trust_env=False)

    def stop(self):
        super().stop()
        self.http.close()

    def answer(self, request):
        return self._forward(request, {name: request.headers[name] for name in HANDED_ON if name in request.headers})

    def denial(self, request):
        """Let the server itself answer to a wrong key: what it says then is what matters."""
        headers = {name: request.headers[name] for name in HANDED_ON if name in request.headers}
        return self._forward(request, self.denied(headers))

    def truth(self, keys=()):
        return {"state": {"tickets": self.everything()}, "counts": self.counts}

    def tickets(self, external_key):
        found = [ticket for ticket in self.everything() if ticket["key"] == external_key]
        return [{name: t[name] for name in ("remote_key", "title", "state")} for t in found]

    def _forward(self, request, headers):
        reply = self.http.request(
            request.method, request.path, params=request.query, content=request.body, headers=headers
        )
        kept = {name.title(): reply.headers[name] for name in TOLD if name in reply.headers}
        return Response(reply.status_code, reply.content, kept)

    def _respond(self, request, fault):
        if fault == "ignored" and self.is_write(request) and not self.denies:
            return self.pretended(request)
        return super()._respond(request, None if fault == "ignored" else fault)
