"""Recall and false positives of redaction, on text that was not written for its patterns.

Personal data is drawn by `faker` (locales of Korea, the United States, Germany, France, Great Britain, Japan); secrets
are drawn from the expressions and the list of names that the scanner `detect-secrets` looks for. Each stands in a
sentence of `faker`. What must stay is drawn by `faker`, too (identifiers, hashes, times, addresses), and, where public
logs are at hand, every line of these.

A value counts as found only if no six characters in a row of it are left.
"""

from __future__ import annotations

import base64
import json
import random
import re
import string
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa
import rstr
from detect_secrets.plugins import (
    aws,
    azure_storage_key,
    discord,
    github_token,
    gitlab_token,
    keyword,
    mailchimp,
    openai,
    pypi_token,
    sendgrid,
    slack,
    square_oauth,
    stripe,
    telegram_token,
    twilio,
)
from faker import Faker

from aiops_jobs.core.tickets.redact import redact

SEED = 20261128
LEAK = 6
"""As many characters in a row give a value away."""
FRAMES = (
    "{0} {1} {2}",
    "{0} ({1}) {2}",
    "{0}: {1}",
    '{{"note": "{0}", "value": "{1}"}}',
    "{1}님의 요청: {0}",
    "{0},{1},{2}",
)
SCANNERS = {
    "AWS key": aws.AWSKeyDetector.denylist[:1],
    "Azure storage key": azure_storage_key.AzureStorageKeyDetector.denylist,
    "GitHub token": github_token.GitHubTokenDetector.denylist,
    "GitLab token": gitlab_token.GitLabTokenDetector.denylist,
    "Slack token": slack.SlackDetector.denylist,
    "other vendors' keys": [
        regex
        for scanner in (
            discord.DiscordBotTokenDetector,
            mailchimp.MailchimpDetector,
            openai.OpenAIDetector,
            pypi_token.PypiTokenDetector,
            sendgrid.SendGridDetector,
            square_oauth.SquareOAuthDetector,
            stripe.StripeDetector,
            telegram_token.TelegramBotTokenDetector,
            twilio.TwilioKeyDetector,
        )
        for regex in scanner.denylist
    ],
}


NAMES = sorted({word.replace("_?", gap) for word in keyword.DENYLIST for gap in ("", "_")})


@dataclass(frozen=True, slots=True)
class Score:
    """How one kind came out: of ``total`` drawn, so many were ``hits``; a few of the others as ``examples``."""

    kind: str
    hits: int
    total: int
    examples: tuple[str, ...] = ()

    @property
    def ratio(self) -> float:
        """Share of the hits."""
        return self.hits / self.total


def recall(amount: int = 400) -> list[Score]:
    """Return by kind how many of ``amount`` values are taken out."""
    drawn = _Drawn(SEED)
    return [_found(kind, [draw(i) for i in range(amount)], drawn) for kind, draw in sorted(drawn.harmful().items())]


def kept(amount: int = 400) -> list[Score]:
    """Return by kind how many of ``amount`` harmless values stay as they are."""
    drawn = _Drawn(SEED + 1)
    return [
        _kept(kind, [drawn.framed(draw()) for _ in range(amount)]) for kind, draw in sorted(drawn.harmless().items())
    ]


def kept_of_logs(folder: Path) -> list[Score]:
    """Return by file how many lines of public logs stay as they are."""
    files = sorted(folder.glob("*.log"))
    return [_kept(file.stem, file.read_text("utf-8", errors="replace").splitlines()) for file in files]


def _found(kind: str, values: Sequence[tuple[str, str]], drawn: _Drawn) -> Score:
    texts = [drawn.framed(said) for said, _ in values]
    after = redact(pa.array(texts, pa.string())).to_pylist()
    said = zip(after, texts, values, strict=True)
    left = [now for now, text, (whole, value) in said if _leaks(value, now, text.replace(whole, ""))]
    return Score(kind, len(values) - len(left), len(values), tuple(left[:5]))


def _leaks(value: str, text: str, around: str) -> bool:
    """Tell whether a part of a value is left in a text, other than what its surroundings say as well."""
    size = min(LEAK, len(value))
    parts = (value[i : i + size] for i in range(len(value) - size + 1))
    return any(part in text and part not in around for part in parts)


def _kept(kind: str, texts: Sequence[str]) -> Score:
    after = redact(pa.array(texts, pa.string())).to_pylist()
    changed = [now for text, now in zip(texts, after, strict=True) if text != now]
    return Score(kind, len(texts) - len(changed), len(texts), tuple(changed[:5]))


class _Drawn:
    """Draws values and sentences, the same for the same seed."""

    def __init__(self, seed: int) -> None:
        self._dice = random.Random(seed)
        self._en, self._ko = self._faker("en_US"), self._faker("ko_KR")
        self._abroad = [self._faker(name) for name in ("de_DE", "fr_FR", "en_GB", "ja_JP")]
        self._xeger = rstr.Rstr(self._dice)

    def _faker(self, locale: str) -> Any:
        fake = Faker(locale)
        fake.seed_instance(self._dice.randrange(2**32))
        return fake

    def framed(self, value: str) -> str:
        """Return a text in which the value stands."""
        before, after = self._en.sentence(nb_words=5), self._ko.bs() if self._dice.random() < 0.5 else self._en.bs()
        return self._dice.choice(FRAMES).format(before.rstrip("."), value, after)

    def harmful(self) -> dict[str, Callable[[int], tuple[str, str]]]:
        """Return by kind how to draw what is said and the part of it that may not stay."""
        anyone = [self._en, self._ko, *self._abroad]
        pick = self._dice.choice
        scanned = {kind: partial(self._scanned, regexes) for kind, regexes in SCANNERS.items()}
        return scanned | {
            "e-mail": lambda _: _whole(pick(anyone).email()),
            "telephone, Korea": lambda _: _whole(self._ko.phone_number()),
            "telephone, United States": lambda _: _whole(self._en.phone_number()),
            "telephone, international form": lambda _: _whole(
                self._until(lambda: pick(self._abroad).phone_number(), "+")
            ),
            "resident registration number": lambda _: _whole(self._born()),
            "JWT": lambda _: _whole(self._jwt()),
            "US social security number": lambda _: _whole(self._en.ssn()),
            "card number": lambda i: _whole(_grouped(self._en.credit_card_number(), i)),
            "IBAN": lambda i: _whole(_grouped(pick([self._en, *self._abroad[:3]]).iban(), i)),
            "key = value": self._assigned,
            "password in a URL": lambda _: self._in_url(),
            "private key": lambda _: self._private_key(),
            "full-width digits and invisible signs": lambda i: _hidden(self._ko.email() if i % 2 else self._born(), i),
        }

    def harmless(self) -> dict[str, Callable[[], str]]:
        """Return by kind how to draw what has to stay."""
        en, dice = self._en, self._dice
        return {
            "UUID": en.uuid4,
            "hash": lambda: str(dice.choice([en.md5, en.sha1, en.sha256])()),
            "IPv4 with port": lambda: f"{en.ipv4()}:{dice.randrange(1, 65536)}",
            "IPv6": en.ipv6,
            "MAC address": en.mac_address,
            "instant": lambda: en.date_time().isoformat() + dice.choice(["Z", "+09:00", ".123456Z", " +0900"]),
            "milliseconds since 1970": lambda: str(dice.randrange(1_500_000_000_000, 1_900_000_000_000)),
            "nanoseconds since 1970": lambda: str(dice.randrange(15 * 10**17, 19 * 10**17)),
            "number": lambda: str(dice.randrange(10 ** dice.randrange(1, 19))),
            "decimal number": lambda: f"{dice.choice(['', '+', '-'])}{dice.lognormvariate(0, 9):.6f}",
            "path": lambda: en.file_path(depth=4),
            "address of the web": en.url,
            "host": lambda: f"{en.hostname()}:{dice.randrange(1, 65536)}",
            "user agent": en.user_agent,
            "version": lambda: ".".join(str(dice.randrange(400)) for _ in range(dice.choice([3, 4]))),
            "article number": lambda: str(dice.choice([en.ean13, en.isbn13, en.isbn10])()),
            "trace and span": lambda: f"trace_id={dice.getrandbits(128):032x} span_id={dice.getrandbits(64):016x}",
        }

    def _until(self, draw: Callable[[], str], begin: str) -> str:
        return next(value for value in iter(draw, None) if value.startswith(begin))

    def _scanned(self, regexes: Sequence[re.Pattern[str]], i: int) -> tuple[str, str]:
        return _secret_of(self._drawn(regexes[i % len(regexes)]))

    def _drawn(self, regex: re.Pattern[str]) -> str:
        """Return a text the expression of a scanner finds; look-around is left out."""
        plain = re.sub(r"\(\?[!=<][^()]*\)|\\b|\$", "", regex.pattern).replace(r"\w", "[A-Za-z0-9_]")
        return str(self._xeger.xeger(re.compile(plain)))

    def _born(self) -> str:
        """Return a resident registration number of a possible day: `faker` draws month and day 00, too."""
        return next(value for value in iter(self._ko.ssn, None) if "00" not in (value[2:4], value[4:6]))

    def _jwt(self) -> str:
        claims = {"sub": self._en.uuid4(), "name": self._ko.name(), "iat": int(self._en.unix_time())}
        parts = [json.dumps({"alg": "HS256", "typ": "JWT"}), json.dumps(claims), self._en.sha256()]
        return ".".join(base64.urlsafe_b64encode(part.encode()).rstrip(b"=").decode() for part in parts)

    def _assigned(self, i: int) -> tuple[str, str]:
        name = self._dice.choice(NAMES)
        password = self._en.password(length=self._dice.randrange(10, 20))
        forms = ("{0}={1}", "{0}: {1}", '"{0}": "{1}"', "{0} = '{1}'", "db_{0}={1} retries=3")
        return forms[i % len(forms)].format(name, password), password

    def _in_url(self) -> tuple[str, str]:
        safe = string.ascii_letters + string.digits + "!$%*-._~+"
        password = "".join(self._dice.choices(safe, k=12))
        scheme = self._dice.choice(["postgresql", "redis", "amqp", "https", "mongodb+srv"])
        return f"{scheme}://{self._en.user_name()}:{password}@{self._en.hostname()}:5432/{self._en.word()}", password

    def _private_key(self) -> tuple[str, str]:
        kind = self._dice.choice(["RSA ", "EC ", "DSA ", "OPENSSH ", "ENCRYPTED ", ""])
        body = "\n".join(
            "".join(self._dice.choices(string.ascii_letters + string.digits + "+/", k=64)) for _ in range(4)
        )
        return f"-----BEGIN {kind}PRIVATE KEY-----\n{body}\n-----END {kind}PRIVATE KEY-----", body


def _secret_of(said: str) -> tuple[str, str]:
    """Return a text and what of it is secret: not the name in front of it, not the host of an address."""
    return said, re.split(r"AccountKey=|hooks\.slack\.com/services/", said, flags=re.IGNORECASE)[-1]


def _whole(value: str) -> tuple[str, str]:
    return value, value


def _grouped(number: str, i: int) -> str:
    """Return a number as it is, or in groups of four."""
    if i % 3 == 0:
        return number
    return (" " if i % 3 == 1 or number[0].isalpha() else "-").join(number[j : j + 4] for j in range(0, len(number), 4))


def _hidden(value: str, i: int) -> tuple[str, str]:
    """Return a value in full-width signs or with an invisible sign inside."""
    if i % 4 < 2:
        wide = "".join(chr(ord(c) + 0xFEE0) if "!" <= c <= "~" else c for c in value)
        return wide, wide
    middle = len(value) // 2
    return value[:middle] + "\u200b" + value[middle:], value[middle:]


def table(scores: Iterable[Score]) -> str:
    """Return scores as Markdown."""
    rows = [f"| {score.kind} | {score.ratio:.1%} | {score.total} |" for score in scores]
    return "\n".join(["| kind | share | n |", "| --- | --- | --- |", *rows])
