"""Every answer becomes the right error with the server's own words, in bounded time and space, and without secrets."""

import contextlib
import gzip
import json
import logging
import socket
import threading
import time

import httpx
import pytest
from pydantic import SecretStr

from aiops_jobs.adapters.http import HTTPClient, RateLimited
from aiops_jobs.adapters.http_text import SHOWN_CHARACTERS, Redactor, told_by
from aiops_jobs.errors import AmbiguousDelivery, ConnectorError, ConnectorUnavailable, Retryable

CANARY = "AIOPS-CANARY-7f3a"
NOW = "Fri, 20 Nov 2026 02:14:00 GMT"


def client(answer, **more):
    handler = answer if callable(answer) else lambda _: answer
    return HTTPClient("desk", "https://desk.example/api", transport=httpx.MockTransport(handler), **more)


def failing(error):
    def handler(request):
        raise error("it broke", request=request)

    return handler


# --- what an answer means -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [408, 425, 429])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_come_back_later_is_rate_limited_whether_reading_or_writing(status, method):
    answer = httpx.Response(status, headers={"Retry-After": "30"}, json={"message": "slow down"})
    with pytest.raises(RateLimited, match=r"desk.example says: slow down; it asks to wait 30 s") as caught:
        client(answer).request(method, "x")
    assert (caught.value.connector, caught.value.status, caught.value.retry_after_s) == ("desk", status, 30.0)


@pytest.mark.parametrize(
    ("headers", "wait_s"),
    [
        ({"Retry-After": "Fri, 20 Nov 2026 02:15:30 GMT", "Date": NOW}, 90.0),
        ({"Retry-After": "Fri, 20 Nov 2026 02:00:00 GMT", "Date": NOW}, 0.0),
        ({"Retry-After": "soon", "Date": NOW}, None),
        ({"Retry-After": "Fri, 20 Nov 2026 02:15:30 GMT"}, None),
        ({}, None),
    ],
)
def test_how_long_to_wait_is_read_by_the_servers_own_clock(headers, wait_s):
    with pytest.raises(RateLimited) as caught:
        client(httpx.Response(429, headers=headers)).get("x")
    assert caught.value.retry_after_s == wait_s


@pytest.mark.parametrize("status", [500, 502, 503, 504, 507])
def test_a_server_error_while_reading_is_unavailable_and_while_writing_ambiguous(status):
    answer = httpx.Response(status, text="<html><title>502 Bad Gateway</title></html>")
    with pytest.raises(ConnectorUnavailable, match="502 Bad Gateway"):
        client(answer).get("x")
    with pytest.raises(ConnectorUnavailable):
        client(answer).post("x", is_write=False)
    for method in ("POST", "PUT", "PATCH", "DELETE"):
        with pytest.raises(AmbiguousDelivery) as caught:
            client(answer).request(method, "x")
        assert caught.value.status == status


@pytest.mark.parametrize("status", [400, 403, 404, 409, 410, 413, 422])
def test_a_refusal_is_final(status):
    with pytest.raises(ConnectorError, match=f"no way .HTTP {status}.") as caught:
        client(httpx.Response(status, json={"error": "no way"})).get("x")
    assert type(caught.value) is ConnectorError
    assert client(httpx.Response(status)).get("x", accept={status}).status == status


@pytest.mark.parametrize("error", [httpx.ConnectError, httpx.ConnectTimeout])
def test_who_cannot_be_reached_has_done_nothing(error):
    for method in ("GET", "POST"):
        with pytest.raises(ConnectorUnavailable, match=r"`desk`: desk.example cannot be reached"):
            client(failing(error)).request(method, "x")


@pytest.mark.parametrize("error", [httpx.ReadTimeout, httpx.ReadError, httpx.RemoteProtocolError, httpx.WriteError])
def test_a_lost_answer_is_ambiguous_only_for_writes(error):
    with pytest.raises(ConnectorUnavailable, match=r"broke off: it broke|did not answer within"):
        client(failing(error)).get("x")
    with pytest.raises(AmbiguousDelivery):
        client(failing(error)).post("x")


def test_json_is_given_and_a_proxys_page_is_an_error():
    assert client(httpx.Response(200, json={"a": [1]})).get("x").json() == {"a": [1]}
    page = httpx.Response(200, html="<html><head><title>Sign in</title></head></html>")
    with pytest.raises(ConnectorError, match=r"https://desk.example/api/x did not answer in JSON: Sign in"):
        client(page).get("x", params={"token": CANARY}).json()


# --- hosts and redirects --------------------------------------------------------------------------------------------


def test_a_redirect_on_the_same_host_is_followed_and_one_elsewhere_is_not():
    def handler(request):
        if request.url.path == "/api/old":
            return httpx.Response(307, headers={"Location": "/api/new"})
        if request.url.path == "/api/away":
            return httpx.Response(302, headers={"Location": "http://169.254.169.254/latest?x=1"})
        if request.url.path == "/api/round":
            return httpx.Response(302, headers={"Location": "/api/round"})
        return httpx.Response(200, json=request.url.path)

    asked = client(handler)
    assert asked.get("old").json() == "/api/new"
    with pytest.raises(ConnectorError, match=r"points to another host: http://169.254.169.254/latest; set"):
        asked.get("away")
    with pytest.raises(ConnectorError, match="in circles"):
        asked.get("round")
    with pytest.raises(ConnectorError, match="redirects a write"):
        asked.post("old")


def test_an_absolute_address_must_be_on_the_same_host():
    seen = []

    def handler(request):
        seen.append(str(request.url))
        return httpx.Response(200)

    asked = client(handler)
    asked.get("https://desk.example/api/page?after=7")
    for elsewhere in ("https://desk.example.evil.net/", "http://desk.example/", "https://desk.example:8443/"):
        with pytest.raises(ConnectorError, match="another host"):
            asked.get(elsewhere)
    assert seen == ["https://desk.example/api/page?after=7"]


@pytest.mark.parametrize("url", ["ftp://desk.example", "desk.example", "", "file:///etc/passwd", "https://"])
def test_only_http_addresses_are_taken(url):
    with pytest.raises(ValueError, match="no http"):
        HTTPClient("desk", url)


# --- secrets --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "options",
    [
        {"bearer": SecretStr(CANARY)},
        {"auth": ("robot", SecretStr(CANARY))},
        {"headers": {"X-Api-Key": SecretStr(CANARY)}},
        {"secrets": [CANARY]},
    ],
)
def test_no_secret_reaches_an_error_or_a_log(options, caplog):
    caplog.set_level(logging.DEBUG)
    sent = []

    def echoing(request):
        sent.append(request)
        return httpx.Response(400, json={"error": f"bad: {CANARY} {request.headers.get('authorization')}"})

    with pytest.raises(ConnectorError) as caught:
        client(echoing, **options).get("x", params={"q": CANARY})
    assert CANARY not in str(caught.value)
    assert CANARY not in caplog.text
    assert "bad: ***" in str(caught.value)
    assert len(sent) == 1


def test_credentials_in_the_address_are_used_and_not_shown():
    def handler(request):
        assert request.headers["authorization"].startswith("Basic ")
        raise httpx.ReadError(f"while reading {request.url}", request=request)

    asked = HTTPClient("desk", f"https://robot:{CANARY}@desk.example", transport=httpx.MockTransport(handler))
    with pytest.raises(ConnectorUnavailable) as caught:
        asked.get("x")
    assert CANARY not in str(caught.value)
    assert asked.host == "desk.example"


def test_texts_that_look_like_credentials_are_hidden_even_if_nobody_named_them():
    cleaned = Redactor().clean("GET https://u:pw123@h/x failed; Authorization: Bearer abc.def; password=hunter22, ok")
    assert "pw123" not in cleaned
    assert "abc.def" not in cleaned
    assert "hunter22" not in cleaned
    assert cleaned.endswith(", ok")


# --- what a server said ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (b'{"status":"error","errorType":"bad_data","error":"parse error"}', "parse error"),
        (b'{"errorMessages":["a"],"errors":{"summary":"too long"}}', "summary: too long; a"),
        (b'{"error":{"message":"m","detail":"d"},"status":"failure"}', "m; d"),
        (b'"at least one label pair required"', "at least one label pair required"),
        (b'{"errors":[]}', '{"errors":[]}'),
        (b"<!doctype html><h1>Nope</h1><script>alert(1)</script>", "Nope"),
        (b"plain\r\n\x1b[31mtext\x00\xe2\x80\xae", "plain [31mtext"),
        (b"\xff\xfe\xfa", "���"),
        (b"", ""),
    ],
)
def test_a_message_is_found_in_any_body(body, told):
    assert told_by(body, "") == told


def test_a_message_is_one_line_of_bounded_length():
    told = told_by(json.dumps({"error": "x\n" * 5000}).encode(), "application/json")
    assert len(told) == SHOWN_CHARACTERS
    assert "\n" not in told
    assert len(told_by(b"<" * 100_000, "text/html")) <= SHOWN_CHARACTERS


# --- limits, on a real socket ---------------------------------------------------------------------------------------


@contextlib.contextmanager
def serving(say):
    """Answer one connection by calling ``say`` with the socket."""
    listener = socket.create_server(("127.0.0.1", 0))

    def accept():
        with contextlib.suppress(OSError):
            connection, _ = listener.accept()
            with connection, contextlib.suppress(OSError):
                connection.recv(65536)
                say(connection)

    thread = threading.Thread(target=accept, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        listener.close()
        thread.join(5)


def dripping(head, drop):
    def say(connection):
        connection.sendall(head)
        for _ in range(100):
            connection.sendall(drop)
            time.sleep(0.05)

    return say


@pytest.mark.parametrize(
    ("head", "drop"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n", b"x"),
        (b"HTTP/1.1 200 OK\r\nX-Slow: ", b"x"),
        (b"", b""),
    ],
    ids=["a byte of the body now and then", "a byte of a header now and then", "nothing at all"],
)
def test_the_deadline_holds_however_slowly_a_server_drips(head, drop):
    with serving(dripping(head, drop)) as url:
        asked = HTTPClient("slow", url, timeout_s=0.4)
        begin = time.monotonic()
        with pytest.raises(ConnectorUnavailable, match=r"did not answer within 0.4 s"):
            asked.get("/")
        assert time.monotonic() - begin < 2
        asked.close()


def test_time_the_caller_spends_between_pieces_does_not_count():
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"

    def say(connection):
        connection.sendall(head + b"1\r\na\r\n")
        time.sleep(0.2)
        connection.sendall(b"1\r\nb\r\n0\r\n\r\n")

    with serving(say) as url:
        asked = HTTPClient("s", url, timeout_s=0.5)
        with asked.stream("GET", "/") as (_, pieces):
            got = []
            for piece in pieces:
                got.append(piece)
                time.sleep(0.5)
        assert got == [b"a", b"b"]
        asked.close()


def test_a_connection_cut_in_the_middle_is_unavailable():
    with serving(lambda c: c.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc")) as url:
        asked = HTTPClient("cut", url)
        with pytest.raises(ConnectorUnavailable, match="broke off"):
            asked.get("/")
        asked.close()


def test_a_body_beyond_the_cap_is_refused_packed_or_not():
    big = httpx.Response(200, content=b"x" * 1001)
    with pytest.raises(ConnectorError, match="more than 1000 bytes"):
        client(big, max_body_bytes=1000).get("x")
    bomb = httpx.Response(200, content=gzip.compress(b"\0" * 5_000_000), headers={"Content-Encoding": "gzip"})
    with pytest.raises(ConnectorError, match="more than 1000000 bytes"):
        client(bomb, max_body_bytes=1_000_000).get("x")
    assert client(httpx.Response(200, content=b"x" * 1000), max_body_bytes=1000).get("x").body == b"x" * 1000


def test_a_body_that_is_not_packed_as_it_says_is_unavailable():
    with pytest.raises(ConnectorUnavailable, match="broke off"):
        client(
            lambda _: httpx.Response(200, stream=httpx.ByteStream(b"junk"), headers={"Content-Encoding": "gzip"})
        ).get("x")


def test_an_endless_error_body_is_read_only_as_far_as_needed():
    def endless():
        while True:
            yield b"why " * 1000

    with pytest.raises(ConnectorError, match="why why"):
        client(httpx.Response(400, content=endless())).get("x")


def test_nobody_is_there_at_all():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port = s.getsockname()[1]
    with pytest.raises(ConnectorUnavailable, match=f"127.0.0.1:{port} cannot be reached"):
        HTTPClient("gone", f"http://127.0.0.1:{port}").get("/")


def test_a_name_nobody_knows_is_unavailable():
    with pytest.raises(ConnectorUnavailable, match=r"no-such-host.invalid cannot be reached"):
        HTTPClient("gone", "http://no-such-host.invalid").get("/")


SPENT = {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "1795399242", "Date": "Mon, 23 Nov 2026 02:00:00 GMT"}


@pytest.mark.parametrize("status", [403, 429])
def test_a_spent_budget_is_waited_for_until_its_reset_also_behind_a_403(status):
    with pytest.raises(RateLimited) as caught:
        client(httpx.Response(status, headers=SPENT)).get("x")
    assert caught.value.retry_after_s == 42


def test_a_403_that_asks_for_no_wait_is_a_refusal_whatever_budget_is_left():
    with pytest.raises(ConnectorError) as caught:
        client(httpx.Response(403, headers=SPENT | {"X-RateLimit-Remaining": "7"})).get("x")
    assert not isinstance(caught.value, Retryable)
