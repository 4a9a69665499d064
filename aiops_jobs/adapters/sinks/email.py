"""E-mail, by SMTP: one thread a ticket, each event a mail with text and HTML.

Mail cannot be changed or taken back, and nobody tells whether it was read: an event is told at least once. What keeps
it in one thread: every mail of a ticket names the same root in ``References`` (made of the ticket's key), and the mail
before it in ``In-Reply-To``. ``Message-ID`` is made of the event's id, the same at every try: many servers and clients
drop a second mail with one id, none has to.

A server's words decide what happens next: 4xx is later, 5xx is never, 535 is who we are; a line that breaks after the
mail was sent and before it was answered leaves it open.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP as SMTP_POLICY
from email.utils import format_datetime
from pathlib import Path
from typing import Literal, Self

from pydantic import ConfigDict, Field, SecretStr, field_validator, model_validator

from aiops_jobs.adapters import clock
from aiops_jobs.adapters.markup.html import HtmlRenderer, text_html
from aiops_jobs.adapters.sinks._settings import SinkSettings
from aiops_jobs.adapters.sinks._smtp import Server, Session
from aiops_jobs.core.tickets.limits import Limit, cut
from aiops_jobs.core.tickets.markdown import one_line
from aiops_jobs.core.tickets.richtext import parse, plain
from aiops_jobs.errors import ConnectorError
from aiops_jobs.ports import Check, Event, Receipt, SinkTraits

SUBJECT = Limit(180)
BODY = Limit(60_000)
NOTE = Limit(4000)
DONE = "✅"
_ID = re.compile(r"[A-Za-z0-9._-]{1,120}")


class Settings(SinkSettings):
    """Settings of a mail server and of who is told."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True, hide_input_in_errors=True)

    kind: Literal["email"] = "email"
    """Always ``email``."""
    host: str
    """Name of the server, as in its certificate."""
    port: int = Field(default=587, gt=0, lt=65536)
    """587 with ``starttls``, 465 with ``tls``."""
    security: Literal["starttls", "tls", "none"] = "starttls"
    """``none`` sends in the clear: only for a server on this machine."""
    user: str = ""
    """User; empty for a server that knows this machine."""
    password: SecretStr = SecretStr("")
    """Password of the user; never sent in the clear."""
    sender: str
    """Address the mails come from."""
    recipients: tuple[str, ...]
    """Addresses that are told, at least one."""
    ca_file: Path | None = None
    """Certificates to trust instead of the system's."""
    timeout_s: float = Field(default=30.0, gt=0)
    """Deadline of one mail."""

    @field_validator("sender", "recipients")
    @classmethod
    def _are_addresses(cls, given: str | tuple[str, ...]) -> str | tuple[str, ...]:
        addresses = (given,) if isinstance(given, str) else given
        if not addresses:
            raise ValueError("needs at least one address")
        for address in addresses:
            if not re.fullmatch(r"[!-?A-~]{1,64}@[A-Za-z0-9.-]{1,250}", address):
                raise ValueError("is no plain address such as ops@example.org")
            Address(addr_spec=address)
        return given

    @model_validator(mode="after")
    def _keeps_the_password(self) -> Self:
        if self.user and self.security == "none":
            raise ValueError("security `none` would send the password in the clear; use `starttls` or `tls`")
        return self


class EmailSink:
    """Tells tickets by mail."""

    def __init__(self, name: str, settings: Settings) -> None:
        self.name = name
        self.traits = SinkTraits(
            mode=settings.mode,
            title_limit=SUBJECT,
            body_limit=BODY,
            markup="html",
            scopes=("send as the sender's address",),
        )
        self._settings = settings
        self._domain = settings.sender.rpartition("@")[2]
        self._server = Server(
            settings.host,
            settings.port,
            settings.security,
            settings.user,
            settings.password,
            ca_file=settings.ca_file,
            timeout_s=settings.timeout_s,
        )

    def check(self) -> Sequence[Check]:
        """Log in and ask whether the server takes mail from the sender; sends nothing."""
        try:
            with Session(self.name, self._server) as session:
                session.sender(self._settings.sender)
        except ConnectorError as error:
            remedy = "See host, port, security, user and password, and that the user may send as the sender."
            return [Check("mail server", is_ok=False, detail=str(error), remedy=remedy)]
        detail = f"{self._server.host}:{self._server.port} takes mail from {self._settings.sender}"
        return [Check("mail server", is_ok=True, detail=detail)]

    def emit(self, event: Event) -> Receipt:
        """Send one mail; what was refused for one recipient and taken for others is told to the others."""
        mail = self.mail(event)
        with Session(self.name, self._server) as session:
            session.sender(self._settings.sender)
            session.recipients(self._settings.recipients)
            session.send(mail.as_bytes(policy=SMTP_POLICY))
        return Receipt(mail["Message-ID"])

    def mail(self, event: Event) -> EmailMessage:
        """Return the mail of an event."""
        draft = event.draft
        root = f"<ticket.{_token(draft.external_key)}@{self._domain}>"
        mail = EmailMessage(policy=SMTP_POLICY)
        mail["From"] = Address(addr_spec=self._settings.sender)
        mail["To"] = [Address(addr_spec=address) for address in self._settings.recipients]
        mail["Subject"] = self._subject(event)
        mail["Date"] = format_datetime(clock.now())
        mail["Message-ID"] = f"<event.{_token(event.event_id)}@{self._domain}>"
        earlier = [event.previous] if event.previous and re.fullmatch(r"<[!-;=?-~]{1,250}>", event.previous) else []
        mail["In-Reply-To"] = (earlier or [root])[0]
        mail["References"] = " ".join([root, *earlier])
        mail["Auto-Submitted"] = "auto-generated"
        mail["X-AIOps-Key"] = _flat(draft.external_key, limit=100)
        mail["X-AIOps-Action"] = _flat(event.action, limit=20)
        text, html = self._bodies(event)
        mail.set_content(text)
        mail.add_alternative(html, subtype="html")
        return mail

    def _subject(self, event: Event) -> str:
        draft = event.draft
        mark = f"{DONE} " if event.action == "resolve" else ""
        return cut(f"{mark}[{_flat(draft.priority, limit=8)}] {_flat(draft.title, limit=400)}", SUBJECT)

    def _bodies(self, event: Event) -> tuple[str, str]:
        draft = event.draft
        service = draft.fields.get("service_name")
        said = [draft.priority, draft.assignment_group, draft.assignee, service, draft.external_key]
        context = " · ".join(_flat(part, limit=200) for part in said if isinstance(part, str) and part)
        note = cut(event.note, NOTE) if event.action == "resolve" and event.note else ""
        text = "\n\n".join(filter(None, [note, cut(plain(parse(draft.body)), BODY), context]))
        fragment = HtmlRenderer().render(draft.body, BODY)
        html = (f"<p>{text_html(note)}</p>\n" if note else "") + fragment + f"\n<p>{text_html(context)}</p>"
        return _lines(
            text
        ), f'<!DOCTYPE html>\n<html><head><meta charset="utf-8"></head><body>\n{html}\n</body></html>\n'


def _token(text: str) -> str:
    """Return text as it may stand in a message id; what may not is told by its digest."""
    return text if _ID.fullmatch(text) else hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:32]


def _flat(text: str, *, limit: int) -> str:
    """Return text as one clean line that can be encoded."""
    return one_line(text.encode("utf-8", "replace").decode(), limit=limit)


def _lines(text: str) -> str:
    """Return text of clean lines."""
    return "\n".join(_flat(line, limit=10_000) for line in text.splitlines()) + "\n"
