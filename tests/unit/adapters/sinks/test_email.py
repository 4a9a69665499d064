"""E-mail against a real server: one thread a ticket, nothing gets into a header, and each answer means what it means."""

import smtplib
from dataclasses import replace
from datetime import UTC, datetime
from email import message_from_bytes, policy

import pytest
from desks.email import PASSWORD, Desk
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from aiops_jobs.adapters.sinks.email import EmailSink, Settings
from aiops_jobs.errors import AmbiguousDelivery, ConnectorError, ConnectorUnavailable, CredentialsRefused
from aiops_jobs.ports import Draft, Event, all_ok

OFFLINE = Settings(host="localhost", sender="aiops@example.org", recipients=["ops@example.org"])
HEADERS = {
    "from", "to", "subject", "date", "message-id", "in-reply-to", "references", "auto-submitted", "x-aiops-key",
    "x-aiops-action", "mime-version", "content-type", "content-transfer-encoding",
}  # fmt: skip


@pytest.fixture
def desk():
    desk = Desk().start()
    yield desk
    desk.stop()
    assert not desk.breaches


@pytest.fixture
def sink(desk):
    return EmailSink("mail", Settings(**desk.settings()))


def event(action="trigger", event_id="out-1", previous=None, **draft):
    said = {
        "title": "결제 서비스 지연 6배",
        "body": "what **is** `a<b`",
        "priority": "P1",
        "assignment_group": "결제",
    } | draft
    made = Draft(external_key=said.pop("external_key", "inc-1"), started_at=datetime(2026, 11, 20, tzinfo=UTC), **said)
    return Event(action, event_id, made, note="끝났음 <b>" if action == "resolve" else None, previous=previous)


def test_the_life_of_a_ticket_is_one_thread(desk, sink):
    first = sink.emit(event())
    second = sink.emit(event("update", "out-2", first.ref, title="worse"))
    sink.emit(event("resolve", "out-3", second.ref))
    begin, middle, end = desk.mails()
    assert begin["Message-ID"] == first.ref == "<event.out-1@example.org>"
    assert middle["In-Reply-To"] == first.ref
    assert end["In-Reply-To"] == second.ref
    root = begin["References"]
    assert root == "<ticket.inc-1@example.org>"
    assert middle["References"].split() == [root, first.ref]
    assert begin["Subject"] == "[P1] 결제 서비스 지연 6배"
    assert end["Subject"].startswith("✅ [P1]")


def test_a_mail_has_text_and_html_and_telemetry_is_text_in_both(desk, sink):
    sink.emit(event("resolve", body="up `<script>` \\<img src=x\\> 지연"))
    (mail,) = desk.mails()
    text, html = (mail.get_body([kind]).get_content() for kind in ("plain", "html"))
    assert "끝났음 <b>" in text
    assert "<script> <img src=x> 지연" in text
    assert "<code>&lt;script&gt;</code> &lt;img src=x&gt; 지연" in html
    assert "끝났음 &lt;b&gt;" in html


def test_every_try_of_an_event_has_the_same_message_id(desk, sink):
    desk.misbehave("lost")
    with pytest.raises(AmbiguousDelivery):
        sink.emit(event())
    sink.emit(event())
    first, second = desk.mails()
    assert first["Message-ID"] == second["Message-ID"]


@pytest.mark.parametrize(
    ("step", "answer", "error"),
    [
        ("MAIL", "421 4.3.2 closing", ConnectorUnavailable),
        ("MAIL", "451 4.3.0 local error", ConnectorUnavailable),
        ("MAIL", "550 5.7.1 not yours", ConnectorError),
        ("MAIL", "530 5.7.0 authenticate first", CredentialsRefused),
        ("DATA", "451 4.3.0 disk full", ConnectorUnavailable),
        ("DATA", "421 4.3.2 closing", ConnectorUnavailable),
        ("DATA", "552 5.3.4 too large", ConnectorError),
        ("DATA", "554 5.7.1 spam", ConnectorError),
    ],
)
def test_what_the_server_answers_decides(desk, sink, step, answer, error):
    desk.says = {step: answer}
    with pytest.raises(ConnectorError, match=answer[:3]) as caught:
        sink.emit(event())
    assert type(caught.value) is error


def test_a_wrong_password_is_who_we_are_and_is_not_shown(desk):
    sink = EmailSink("mail", Settings(**desk.settings() | {"password": "wr0ng-secret"}))
    with pytest.raises(CredentialsRefused, match="535") as caught:
        sink.emit(event())
    assert "wr0ng-secret" not in str(caught.value)
    (bad,) = sink.check()
    assert not bad.is_ok
    assert PASSWORD not in bad.detail


def test_one_unknown_recipient_stops_nobody_and_one_busy_one_stops_all(desk):
    many = ["a@example.org", "b@example.org", "c@example.org"]
    sink = EmailSink("mail", Settings(**desk.settings() | {"recipients": many}))
    desk.unknown_recipients = {many[0]}
    sink.emit(event())
    desk.busy_recipients = {many[1]}
    with pytest.raises(ConnectorUnavailable, match="450"):
        sink.emit(event())
    desk.busy_recipients, desk.unknown_recipients = set(), set(many)
    with pytest.raises(ConnectorError, match="550") as caught:
        sink.emit(event())
    assert type(caught.value) is ConnectorError
    assert len(desk.mails()) == 1


def test_the_check_sends_nothing(desk, sink):
    assert all_ok(sink.check())
    assert desk.mails() == []
    desk.says = {"MAIL": "550 5.7.1 not yours"}
    assert not all_ok(sink.check())


def test_a_certificate_nobody_signed_and_a_server_without_tls_get_no_password(desk, monkeypatch):
    untrusting = EmailSink("mail", Settings(**desk.settings() | {"ca_file": None}))
    with pytest.raises(ConnectorUnavailable, match="certificate"):
        untrusting.emit(event())
    monkeypatch.setattr(smtplib.SMTP, "has_extn", lambda *_: False)
    with pytest.raises(CredentialsRefused, match="no STARTTLS"):
        EmailSink("mail", Settings(**desk.settings())).emit(event())
    assert desk.mails() == []


def test_a_server_that_is_not_there_is_not_there(desk):
    desk.stop()
    sink = EmailSink("mail", Settings(**desk.settings()))
    with pytest.raises(ConnectorUnavailable, match="cannot be reached"):
        sink.emit(event())
    desk.start()


def test_a_server_that_hangs_is_left(desk, monkeypatch):
    import asyncio

    async def hang(*_):
        await asyncio.sleep(3)
        return "250 OK"

    monkeypatch.setattr(desk, "handle_DATA", hang)
    sink = EmailSink("mail", Settings(**desk.settings() | {"timeout_s": 1.0}))
    with pytest.raises(AmbiguousDelivery, match="before it answered"):
        sink.emit(event())


ODD = st.text(max_size=120) | st.sampled_from(
    ["a\r\nBcc: x@evil.example", "a\n\n<html>", "\x00\x1b[31m", "가" * 300, "=?utf-8?q?x?=", "\u2028Bcc: x", "\ud800"]
)


@settings(deadline=None, max_examples=60)
@given(ODD, ODD, ODD, ODD, ODD, st.sampled_from(["trigger", "update", "resolve"]))
def test_no_text_gets_into_a_header_of_its_own(title, body, group, key, previous, action):
    told = event(
        action, key, previous, title=title, body=body, assignment_group=group, priority=title, external_key=key
    )
    content = EmailSink("mail", OFFLINE).mail(replace(told, note=body)).as_bytes(policy=policy.SMTP)
    mail = message_from_bytes(content, policy=policy.default)
    names = [name.lower() for name in mail]
    assert set(names) <= HEADERS
    assert len(names) == len(set(names))
    assert mail["To"] == "ops@example.org"
    assert mail.get_content_type() == "multipart/alternative"
    assert [part.get_content_type() for part in mail.iter_parts()] == ["text/plain", "text/html"]


@pytest.mark.parametrize("address", ["a@b\r\nBcc: x@y", "no address", "", "Ops <ops@example.org>", "a@b, c@d"])
def test_an_address_is_plain(address):
    for wrong in ({"sender": address}, {"recipients": [address]}, {"recipients": []}):
        with pytest.raises(ValidationError, match="address"):
            Settings(**{"host": "h", "sender": "a@example.org", "recipients": ["b@example.org"]} | wrong)


def test_a_password_is_never_sent_in_the_clear():
    with pytest.raises(ValidationError, match="in the clear") as caught:
        Settings(host="h", sender="a@x.org", recipients=["b@x.org"], user="u", password="p4ss-secret", security="none")
    assert "p4ss-secret" not in str(caught.value)
