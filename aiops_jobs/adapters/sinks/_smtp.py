"""One SMTP session, step by step: which answer came to which step decides whether a mail may have been taken."""

from __future__ import annotations

import re
import smtplib
import socket
import ssl
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Timer
from types import TracebackType
from typing import NoReturn, Self, TypeVar

from pydantic import SecretStr

from aiops_jobs.adapters.http_text import Redactor, told_by
from aiops_jobs.errors import AmbiguousDelivery, ConnectorError, ConnectorUnavailable, CredentialsRefused

REFUSED_US = frozenset({530, 534, 535, 538})
"""Replies about who we are (RFC 4954)."""
GO_ON, LATER, NEVER = 354, 400, 500
Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True)
class Server:
    """Where mail is handed in."""

    host: str
    port: int
    security: str
    """starttls | tls | none"""
    user: str
    password: SecretStr
    ca_file: Path | None
    timeout_s: float


class Session:
    """A logged-in connection with a deadline for all of it.

    Raises:
        ConnectorUnavailable: The server is not there, or says that it is busy.
        CredentialsRefused: It does not know us, or offers no encryption where it is asked for.
    """

    def __init__(self, name: str, server: Server) -> None:
        self._name, self._server = name, server
        self._redactor = Redactor([server.password.get_secret_value()])
        self._smtp = self._connected()
        self._timer = Timer(server.timeout_s, self._cut_off)
        self._timer.daemon = True
        self._timer.start()

    def __enter__(self) -> Self:
        """Encrypt and log in."""
        try:
            self._log_in()
        except ConnectorError:
            self._leave()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """Say goodbye; that nobody answers to it changes nothing."""
        self._leave()

    def sender(self, address: str) -> None:
        """Name the sender."""
        self._refuse_unless_taken(*self._step(lambda: self._smtp.mail(address)), "MAIL")

    def recipients(self, addresses: Sequence[str]) -> None:
        """Name the recipients: all that are not refused for good; a single *later* makes all of it later."""
        answers = [self._step(lambda address=address: self._smtp.rcpt(address)) for address in addresses]  # type: ignore[misc]
        later = next((a for a in answers if LATER <= a[0] < NEVER), None)
        if later or all(code >= NEVER for code, _ in answers):
            self._refuse_unless_taken(*(later or answers[0]), "RCPT")

    def send(self, mail: bytes) -> None:
        """Send the mail.

        Raises:
            AmbiguousDelivery: The line broke while it was sent, or before it was answered.
        """
        code, text = self._step(lambda: self._smtp.docmd("DATA"))
        if code != GO_ON:
            self._refuse_unless_taken(max(code, LATER), text, "DATA")
        stuffed = re.sub(rb"(?m)^\.", b"..", mail)
        ending = b".\r\n" if stuffed.endswith(b"\r\n") else b"\r\n.\r\n"
        try:
            self._smtp.send(stuffed + ending)
            code, text = self._smtp.getreply()
        except (smtplib.SMTPException, OSError) as error:
            problem = f"{self._server.host} broke off before it answered to the mail: {self._clean(str(error))}"
            raise AmbiguousDelivery(self._name, problem) from error
        self._refuse_unless_taken(code, text, "mail")

    def _connected(self) -> smtplib.SMTP:
        server = self._server
        try:
            if server.security == "tls":
                return smtplib.SMTP_SSL(server.host, server.port, timeout=server.timeout_s, context=self._context())
            return smtplib.SMTP(server.host, server.port, timeout=server.timeout_s)
        except (smtplib.SMTPException, OSError) as error:
            self._unreachable(error)

    def _log_in(self) -> None:
        server, smtp = self._server, self._smtp
        self._refuse_unless_taken(*self._step(smtp.ehlo), "EHLO")
        if server.security == "starttls":
            if not smtp.has_extn("starttls"):
                raise CredentialsRefused(self._name, f"{server.host} offers no STARTTLS; nothing is sent in the clear")
            self._refuse_unless_taken(*self._step(lambda: smtp.starttls(context=self._context())), "STARTTLS")
        if not server.user:
            return
        try:
            self._step(lambda: smtp.login(server.user, server.password.get_secret_value()))
        except smtplib.SMTPAuthenticationError as error:
            if error.smtp_code < NEVER:
                self._refuse_unless_taken(error.smtp_code, _bytes(error.smtp_error), "AUTH")
            raise CredentialsRefused(
                self._name, self._says(error.smtp_code, _bytes(error.smtp_error), "AUTH")
            ) from error
        except (smtplib.SMTPNotSupportedError, smtplib.SMTPException) as error:
            raise CredentialsRefused(self._name, f"{server.host}: {self._clean(str(error))}") from error

    def _step(self, do: Callable[[], Answer]) -> Answer:
        """Do a step before the mail itself: a line that breaks here has taken nothing."""
        try:
            return do()
        except (smtplib.SMTPServerDisconnected, smtplib.SMTPConnectError, smtplib.SMTPHeloError) as error:
            self._unreachable(error)
        except smtplib.SMTPException:
            raise
        except OSError as error:
            self._unreachable(error)

    def _refuse_unless_taken(self, code: int, text: bytes, step: str) -> None:
        if 0 < code < LATER:
            return
        problem = self._says(code, text, step)
        if code in REFUSED_US:
            raise CredentialsRefused(self._name, problem)
        raise (ConnectorError if code >= NEVER else ConnectorUnavailable)(self._name, problem)

    def _says(self, code: int, text: bytes, step: str) -> str:
        return f"{self._server.host} answers {code} to {step}: {self._clean(told_by(text, '') or 'no reason')}"

    def _unreachable(self, error: Exception) -> NoReturn:
        problem = f"{self._server.host}:{self._server.port} cannot be reached: {self._clean(str(error))}"
        raise ConnectorUnavailable(self._name, problem) from error

    def _clean(self, text: str) -> str:
        return self._redactor.clean(told_by(text.encode("utf-8", "replace"), ""))

    def _context(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=self._server.ca_file)

    def _cut_off(self) -> None:
        """End the session from outside: the deadline has passed, however busy the server looks."""
        held = self._smtp.sock
        if held is not None:
            try:
                held.shutdown(socket.SHUT_RDWR)
            except OSError:
                return

    def _leave(self) -> None:
        self._timer.cancel()
        try:
            self._smtp.quit()
        except (smtplib.SMTPException, OSError):
            self._smtp.close()


def _bytes(text: bytes | str) -> bytes:
    return text if isinstance(text, bytes) else text.encode("utf-8", "replace")
