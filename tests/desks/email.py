"""A mail server, a real one (aiosmtpd), with STARTTLS and a user; it may be busy, refuse, or break off after a mail.

Faults as in `desks.base`: ``dropped`` breaks off at MAIL, ``broken`` is 451, ``limited`` and ``hushed`` are 421, ``lost``
and ``bad_gateway`` take the mail and break off without an answer. ``says`` is what it answers next, by step.
"""

import copy
import datetime as dt
import functools
import ipaddress
import socket
import ssl
import tempfile
from email import message_from_bytes, policy
from pathlib import Path

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

USER, PASSWORD = "aiops", "p4ssw0rd-of-the-desk"
HOST = "127.0.0.1"


class Desk:
    takes = "events"
    can_misbehave = True
    tells_wait = False

    def __init__(self, folder=None):
        self.state = {"mails": []}
        self.denies = False
        self.breaches = []
        self.says = {}
        self.unknown_recipients = set()
        self.busy_recipients = set()
        self._faults = []
        self._controller = None

    def start(self):
        self.port = _free_port()
        self._controller = Controller(
            self,
            hostname=HOST,
            port=self.port,
            tls_context=_contexts()[0],
            authenticator=self._authenticate,
            auth_required=True,
            auth_require_tls=True,
            data_size_limit=2_000_000,
        )
        self._controller.start()
        return self

    def stop(self):
        self._controller.stop()

    def settings(self):
        told = {"host": HOST, "port": self.port, "user": USER, "password": PASSWORD, "ca_file": _contexts()[1]}
        return told | {"sender": "aiops@example.org", "recipients": ["ops@example.org"], "timeout_s": 10}

    def misbehave(self, *faults, writes=True):
        self._faults += faults

    def mails(self):
        return [message_from_bytes(content, policy=policy.default) for content in self.state["mails"]]

    def events(self, external_key):
        mails = [mail for mail in self.mails() if mail["X-AIOps-Key"] == external_key]
        return [{"action": mail["X-AIOps-Action"], "title": mail["Subject"]} for mail in mails]

    # --- the server's questions -------------------------------------------------------------------------------------

    def _authenticate(self, _server, _session, _envelope, _mechanism, data):
        is_known = not self.denies and (data.login, data.password) == (USER.encode(), PASSWORD.encode())
        return AuthResult(success=is_known, handled=False)

    async def handle_MAIL(self, server, _session, envelope, address, _options):  # noqa: N802 - names of aiosmtpd
        fault = self._faults[0] if self._faults else None
        if fault in {"dropped", "broken", "limited", "hushed"}:
            self._faults.pop(0)
        if fault == "dropped":
            server.transport.abort()
            return "421 gone"
        if fault == "broken":
            return "451 4.3.0 try again later"
        if fault in {"limited", "hushed"}:
            return "421 4.7.0 too many connections"
        if "MAIL" in self.says:
            return self.says["MAIL"]
        envelope.mail_from = address
        return "250 OK"

    async def handle_RCPT(self, _server, _session, envelope, address, _options):  # noqa: N802
        if address in self.unknown_recipients:
            return "550 5.1.1 no such user"
        if address in self.busy_recipients:
            return "450 4.2.1 greylisted"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, _session, envelope):  # noqa: N802
        if "DATA" in self.says:
            return self.says["DATA"]
        self.state["mails"].append(copy.copy(envelope.content))
        self.breaches += [f"a bare line: {line[:60]}" for line in envelope.content.split(b"\r\n") if len(line) > 998]
        if self._faults and self._faults[0] in {"lost", "bad_gateway"}:
            self._faults.pop(0)
            server.transport.abort()
        return "250 OK"


def _free_port():
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return probe.getsockname()[1]


@functools.cache
def _contexts():
    """Return the server's TLS context and the file of the certificate a client must trust."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "desk")])
    begin = dt.datetime(2020, 1, 1, tzinfo=dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(begin)
        .not_valid_after(begin + dt.timedelta(days=365 * 100))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(HOST))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    folder = Path(tempfile.mkdtemp(prefix="desk-email-"))
    form = serialization.PrivateFormat.PKCS8
    secret = key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption())
    (folder / "cert.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    (folder / "both.pem").write_bytes(secret + made.public_bytes(serialization.Encoding.PEM))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "both.pem")
    return context, folder / "cert.pem"
