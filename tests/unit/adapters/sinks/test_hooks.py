"""Webhooks: the address is a secret, what is posted is within limits, events are signed and the same at every try."""

import importlib
import json
import logging
import traceback
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from desks import desk_for
from desks.base import Response
from desks.webhook import OLD, SECRET, verified
from pydantic import ValidationError

from aiops_jobs.adapters import clock
from aiops_jobs.adapters.sinks import SINKS
from aiops_jobs.adapters.sinks.teams import MESSAGE, message
from aiops_jobs.adapters.sinks.webhook import PREFIX, key_of, signature
from aiops_jobs.errors import AmbiguousDelivery, ConnectorError, CredentialsRefused
from aiops_jobs.ports import Draft, Event, all_ok

KINDS = ["slack_webhook", "teams", "webhook"]


@pytest.fixture(params=KINDS)
def kind(request):
    return request.param


@pytest.fixture
def desk(kind):
    desk = desk_for(kind, None)
    yield desk
    desk.stop()
    assert not desk.breaches


def built(kind, **settings):
    module_name, _, class_name = SINKS[kind].partition(":")
    module = importlib.import_module(module_name)
    return getattr(module, class_name)("hook", module.Settings(**settings))


def event(action="trigger", event_id="out-1", **draft):
    said = {"title": "checkout 6x", "body": "what **is**", "priority": "P1", "assignment_group": "payments"} | draft
    made = Draft(external_key="inc-1", started_at=datetime(2026, 11, 20, tzinfo=UTC), **said)
    return Event(action, event_id, made, note="over" if action == "resolve" else None)


def secrets_of(desk):
    parts = desk.address.removeprefix(desk.url)
    return [
        desk.address,
        parts,
        *(p for p in parts.replace("?", "/").replace("&", "/").replace("=", "/").split("/") if len(p) > 10),
    ]


@pytest.mark.parametrize("status", [400, 401, 403, 404, 410, 413, 429, 500, 502, 302])
def test_the_address_is_in_no_error_and_no_log(kind, desk, monkeypatch, caplog, status):
    caplog.set_level(logging.DEBUG)
    sink = built(kind, **desk.settings())
    echo = {"message": f"no {desk.address} {desk.address.removeprefix(desk.url)}"}
    monkeypatch.setattr(desk, "answer", lambda _: Response(status, echo, {"Location": f"{desk.address}/elsewhere"}))
    with pytest.raises(ConnectorError) as caught:
        sink.emit(event())
    told = "".join(traceback.format_exception(caught.value)) + caplog.text + repr(sink.__dict__) + str(sink.check())
    told += str(caught.value.attrs())
    assert not [secret for secret in secrets_of(desk) if secret in told]
    if status in {401, 403, 404, 410}:
        assert isinstance(caught.value, CredentialsRefused)


def test_a_wrong_address_is_refused_without_being_repeated(kind):
    more = {"secrets": [SECRET]} if kind == "webhook" else {}
    with pytest.raises(ValidationError) as caught:
        built(kind, url="ftp://example.org/s3cret-path", **more)
    assert "s3cret-path" not in str(caught.value)
    assert "no http(s) address" in str(caught.value)


def test_a_page_is_no_receiver(kind, desk):
    sink = built(kind, **desk.settings())
    desk.misbehave("page")
    with pytest.raises(AmbiguousDelivery):
        sink.emit(event())


def test_begin_and_end_are_told(kind, desk):
    sink = built(kind, **desk.settings())
    sink.emit(event())
    sink.emit(event("resolve", "out-2"))
    assert [told["action"] for told in desk.events("inc-1")] == ["trigger", "resolve"]
    assert sink.traits.can_update is (kind == "webhook")


@pytest.mark.parametrize("path", ["/services/T0/B0/wrong-one", "/workflows/unknown/triggers"])
def test_the_check_knows_an_address_that_is_none(kind, desk, path):
    if kind == "webhook":
        pytest.skip("a receiver of one's own need not answer to OPTIONS")
    sink = built(kind, **desk.settings() | {"url": f"{desk.url}{path}"})
    assert not all_ok(sink.check())
    assert desk.state["posts"] == []


# --- Teams ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "url", ["https://contoso.webhook.office.com/webhookb2/s3cret", "https://outlook.office.com/webhook/s3cret"]
)
def test_a_retired_connector_is_refused_with_a_reason_and_without_its_address(url):
    with pytest.raises(ValidationError, match="retired in May 2026") as caught:
        built("teams", url=url)
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize(
    "text", ["가" * 60_000, '"\\' * 30_000, "👨‍👩‍👧‍👦" * 5_000, "{{DATE(x)}} " * 5_000, "- 항목\n" * 9_000]
)
def test_a_card_of_any_text_stays_below_what_teams_takes(text):
    flat = text.replace("\n", " ")
    told = event("resolve", title=flat, body=text, assignment_group=flat, assignee=flat, fields={"service_name": flat})
    size = len(json.dumps(message(replace(told, note=text)), ensure_ascii=False, separators=(",", ":")).encode())
    assert 15_000 < size <= MESSAGE.size


# --- CloudEvents ----------------------------------------------------------------------------------------------------


def test_the_signature_is_that_of_the_standards_example():
    key = key_of("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    told = signature(key, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}')
    assert told == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


@pytest.fixture
def receiver():
    desk = desk_for("webhook", None)
    yield desk
    desk.stop()


def test_every_try_of_an_event_has_the_same_id_and_the_same_body(receiver):
    sink = built("webhook", **receiver.settings())
    receiver.misbehave("lost")
    with pytest.raises(AmbiguousDelivery):
        sink.emit(event())
    sink.emit(event())
    first, second = receiver.state["posts"]
    assert first["body"] == second["body"]
    assert first["headers"]["webhook-id"] == second["headers"]["webhook-id"] == "out-1"
    assert len(receiver.events("inc-1")) == 1
    assert first["event"]["type"] == f"{PREFIX}.triggered.v1"
    assert first["event"]["subject"] == "inc-1"


def test_while_a_secret_is_changed_old_and_new_receivers_are_content(receiver):
    sink = built("webhook", **receiver.settings() | {"secrets": [SECRET, OLD]})
    for secret in (SECRET, OLD):
        receiver.secret = secret
        sink.emit(event())
    assert not receiver.breaches
    (one, _) = receiver.state["posts"]
    assert len(one["headers"]["webhook-signature"].split(" ")) == 2


def test_what_was_changed_on_the_way_or_is_old_is_not_verified(receiver):
    built("webhook", **receiver.settings()).emit(event())
    (post,) = receiver.state["posts"]
    body, headers = post["body"].encode(), post["headers"]
    assert verified(SECRET, headers, body)
    assert not verified(SECRET, headers, body.replace(b"P1", b"P5"))
    assert not verified(OLD, headers, body)
    assert not verified(SECRET, {**headers, "webhook-id": "out-2"}, body)
    assert not verified(SECRET, headers, body, now=clock.now().timestamp() + 301)


@pytest.mark.parametrize("secret", ["whsec_c2hvcnQ=", "not base64 at all", ""])
def test_a_weak_secret_is_refused_and_not_repeated(secret):
    with pytest.raises(ValidationError, match="at least 24 bytes") as caught:
        built("webhook", url="https://example.org/hook", secrets=[secret])
    assert not secret or f"'{secret}'" not in str(caught.value)
    with pytest.raises(ValidationError, match="at least one"):
        built("webhook", url="https://example.org/hook", secrets=[])
