"""What desks share: a real HTTP server on loopback whose answers a subclass gives, and the ways it may misbehave.

A subclass keeps everything it knows in ``self.state`` (plain data: it is copied and restored), and says

* ``settings()``: what the sink's ``Settings`` need to reach it (with ``self.url``);
* ``answer(request)``: what the vendor would answer, as a `Response`; it enforces what the vendor enforces;
* ``denial(request)``: what the vendor says to a wrong key (default 401); ``self.denies`` switches it on;
* of a ticket desk ``tickets(external_key)``: the stored tickets, oldest first, each ``{"remote_key", "title", "state"}``,
  and ``close(remote_key, duplicate_of=None)``: what a person does there;
* of an event desk ``events(external_key)``: what people see, oldest first, each ``{"action", "title"}``; what was
  folded or changed in place counts once, as it is now.

``misbehave("lost")`` makes the next write go wrong, ``misbehave("limited", writes=False)`` the next request of any kind:

| fault       | done there | what the sink sees                             |
|-------------|------------|------------------------------------------------|
| lost        | yes        | the connection breaks                          |
| bad_gateway | yes        | 502                                            |
| dropped     | no         | the connection breaks                          |
| broken      | no         | 500                                            |
| limited     | no         | 429 with ``Retry-After: 7``                    |
| page        | no         | 200 with a proxy's HTML page                   |
| ignored     | no         | the answer of success                          |
| hushed      | no         | 429 without ``Retry-After``                    |
| slow        | yes        | the answer, after ``slow_s``                   |

``plan(seed, share)`` strikes a share of all requests, of any kind, with faults drawn from all of these. They are dealt
from shuffled decks, one for reads and one for writes, so that the share holds for a few dozen requests too and what a
test measures is its sink and not its luck. What it did is told at ``/_truth``, which never misbehaves:
``/_truth?keys=a,b`` also tells how many tickets or events each key has there.
"""

import copy
import json
import random
import socket
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, urlsplit

FAULTS = ("lost", "bad_gateway", "dropped", "broken", "limited", "page", "ignored", "hushed", "slow")
READS = {"GET", "HEAD", "OPTIONS"}
PAGE = b"<!doctype html><html><head><title>Gateway</title></head><body>We will be right back.</body></html>"


@dataclass
class Request:
    method: str
    path: str
    query: dict
    headers: dict
    """Names in lower case."""
    body: bytes

    @property
    def json(self):
        return json.loads(self.body or b"null")

    @property
    def form(self):
        return dict(parse_qsl(self.body.decode()))


@dataclass
class Response:
    status: int = 200
    content: object = None
    """Sent as JSON, unless it is bytes."""
    headers: dict = field(default_factory=dict)


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, _request, _address):
        """Say nothing when a client dies: that is what it is here for."""


class HttpDesk:
    """A system of the vendor's kind on loopback."""

    takes = "tickets"
    """tickets | events"""
    can_misbehave = True
    tells_wait = True
    """When it asks to wait it says for how long."""

    def __init__(self, folder):
        self.folder = folder
        self.state = {}
        self.denies = False
        self.requests = []
        self.breaches = []
        """What was asked against the vendor's document (`desks.contract`); the conformance kit fails on any."""
        self.lock = threading.RLock()
        self.slow_s = 0.15
        self.counts = Counter()
        self._faults = []
        self._random, self._share, self._planned, self._decks = None, 0.0, FAULTS, {}
        self._server = None

    # --- what a subclass says ---------------------------------------------------------------------------------------

    def settings(self):
        raise NotImplementedError

    def answer(self, request):
        raise NotImplementedError

    def denial(self, request):
        return Response(401, {"message": "Unauthorized"})

    def is_write(self, request):
        """Tell whether a request changes something; a subclass whose searches are POSTs overrides it."""
        return request.method not in READS

    # --- running ----------------------------------------------------------------------------------------------------

    def start(self):
        desk = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def _serve(self):
                desk._serve(self)

            do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = _serve  # noqa: N815 - names of http.server

            def log_message(self, *_):
                pass

        self._server = _Server(("127.0.0.1", 0), Handler)
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def stop(self):
        self._server.shutdown()
        self._server.server_close()

    @property
    def url(self):
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def misbehave(self, *faults, writes=True):
        """Let the next requests go wrong, one after the other; only writes, unless told otherwise."""
        assert set(faults) <= set(FAULTS)
        self._faults += [(fault, writes) for fault in faults]

    def plan(self, seed, share, faults=FAULTS):
        """Strike a share of all requests from now on."""
        self._random, self._share, self._planned = random.Random(seed), share, list(faults)
        self._decks = {True: [], False: []}

    def truth(self, keys=()):
        """Return what is stored, what was asked and what was asked against the document, as plain data.

        ``documents`` are the ones that requests were held against. Of the ``counts`` ``writes`` were asked and ``done`` of them were done here; ``write <method> <path>`` tells
        them apart by what they are.
        """
        stored = {key: len(self.tickets(key) if self.takes == "tickets" else self.events(key)) for key in keys}
        held = [getattr(self, name, None) for name in ("contract", "_contract")]
        documents = [each.document for each in held if getattr(each, "is_enforced", False)]
        told = {"state": self.state, "counts": self.counts, "stored": stored}
        return told | {"breaches": self.breaches, "documents": documents}

    def _serve(self, handler):
        parts = urlsplit(handler.path)
        request = Request(
            handler.command,
            parts.path,
            dict(parse_qsl(parts.query, keep_blank_values=True)),
            {name.lower(): value for name, value in handler.headers.items()},
            handler.rfile.read(int(handler.headers.get("Content-Length") or 0)),
        )
        with self.lock:
            if request.path == "/_truth":
                fault, response = None, Response(200, self.truth(_listed(request.query.get("keys"))))
            else:
                fault = self._next_fault(request)
                self.requests.append(request)
                self.counts.update(["requests", f"{request.method} {request.path.split('/')[1]}", f"fault {fault}"])
                if self.is_write(request):
                    self.counts.update(["writes", f"write {request.method} {_shape(request.path)}"])
                response = self._respond(request, fault)
        if fault == "slow":
            time.sleep(self.slow_s)
        if response is None:
            handler.close_connection = True
            handler.connection.shutdown(socket.SHUT_RDWR)
            return
        content = response.content if isinstance(response.content, bytes) else _encoded(response.content)
        handler.send_response(response.status)
        kind = "text/html" if content.startswith(b"<!doctype") else "application/json"
        for name, value in {"Content-Type": kind, "Content-Length": str(len(content)), **response.headers}.items():
            handler.send_header(name, value)
        handler.end_headers()
        handler.wfile.write(content)

    def _next_fault(self, request):
        for place, (fault, writes) in enumerate(self._faults):
            if not writes or self.is_write(request):
                del self._faults[place]
                return fault
        if not self._share:
            return None
        deck = self._decks[self.is_write(request)]
        if not deck:
            faults = self._planned * 2
            deck += faults + [None] * (round(len(faults) / self._share) - len(faults))
            self._random.shuffle(deck)
        return deck.pop()

    def _respond(self, request, fault):
        if self.denies:
            return self.denial(request)
        if fault == "dropped":
            return None
        refusals = {
            "broken": Response(500, {"message": "Internal error"}),
            "hushed": Response(429, {"message": "Slow down"}),
            "limited": Response(429, {"message": "Slow down"}, {"Retry-After": "7"}),
            "page": Response(200, PAGE),
        }
        if fault in refusals:
            return refusals[fault]
        before = copy.deepcopy(self.state) if fault == "ignored" else None
        response = self.answer(request)
        if fault == "ignored":
            self.state = before
        elif self.is_write(request) and response.status < 400:
            self.counts["done"] += 1
        if fault == "bad_gateway":
            return Response(502, PAGE)
        return None if fault == "lost" else response


def _listed(text):
    return text.split(",") if text else []


def _shape(path):
    """Return a path with a star for each part that holds a digit: it names one thing of many."""
    return "/".join("*" if any(map(str.isdigit, part)) else part for part in path.split("/"))


def _encoded(content):
    return b"" if content is None else json.dumps(content).encode()
