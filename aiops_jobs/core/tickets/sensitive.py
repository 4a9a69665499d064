r"""What personal data and secrets look like: RE2 patterns by kind, and numbers that a check digit tells apart.

RE2 knows no look-around: where a neighbour matters it is matched and put back (``\1``). What a pattern alone would find
too often (a card, an IBAN) is only a candidate; a checksum decides. Names and street addresses have no shape: they are
not found.

References: resident registration number, Enforcement Rule of the Resident Registration Act (South Korea), Article 2
(since October 2020 the last six digits are drawn, so the check digit proves nothing against one); ISO/IEC 7812-1 (card
numbers); ISO 13616-1 (IBAN); ITU-T E.164 (telephone numbers); RFC 7519 (JWT); RFC 7468 (textual encoding of keys).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

SECRET, EMAIL, RRN, PHONE, CARD, IBAN, SSN, LICENCE, PASSPORT, ADDRESS = (
    "secret",
    "email",
    "rrn",
    "phone",
    "card",
    "iban",
    "ssn",
    "licence",
    "passport",
    "ip",
)


@dataclass(frozen=True, slots=True)
class Pattern:
    r"""One pattern of one kind.

    Args:
        kind: What it finds; a reader sees ``[kind]`` in its place.
        regex: RE2.
        replacement: With ``\\1`` where a part is put back.
        hint: A text without a match of this cheaper expression has none of ``regex``.
    """

    kind: str
    regex: str
    replacement: str
    hint: str


@dataclass(frozen=True, slots=True)
class Checked:
    """A shape that only a second look proves.

    Args:
        kind: What it finds.
        regex: Both of RE2 and of Python; without unbounded repetition.
        holds: Whether a match is one.
    """

    kind: str
    regex: str
    holds: Callable[[str], bool]


WORDS_HINT = (
    r"(?i)pass|pwd|secret|key|token|cookie|authorization|bearer|basic\s|sessionid|connect\.sid|contrase|비밀|비번|암호|패스"
    r"|인증|curl\s|://[^\s/]*@|-----begin|webhook|hooks\.slack|[?&](?:sig|hmac|code)|주민|외국인|\brrn|resident|면허"
    r"|licen[cs]e|여권|\btel|phone|mobile|\bfax|전화|휴대|핸드폰|연락처|\bssn|social security"
)
NUMBERS_HINT = (
    r"\d{6}\s?[-–]\s?\d{7}\b|\d{2}-\d{6}-\d{2}\b|\b[MSROD]\d{3}[A-Z]\d{4}\b|\d{2,4}[ .-]\d{4}"
    r"|010[ .-]?\d{8}\b|\+82|\b0082"
)
_HINTS = {"words": WORDS_HINT, "numbers": NUMBERS_HINT, "at": "@|%40", "": ""}


def _mask(kind: str, regex: str, *, before: bool = False, hint: str = "words") -> Pattern:
    return Pattern(kind, regex, rf"\1[{kind}]" if before else f"[{kind}]", _HINTS[hint])


_WORDS = (
    r"password|passwd|passphrase|pass[_-]?word|(?:db|database|key|user|admin|root)[_-]?pass(?:wd)?|secret"
    r"|(?:api|auth|service|account|db|database|priv|private|client|access|signing|encryption|master)[_-]?key"
    r"|shared[_-]?access[_-]?key|contrase[nñ]a|비밀번호|비번|암호|패스워드|인증키"
)
_SUFFIX = r"(?:[_-]?(?:id|key|value|string))?"
_NAME = r"[a-z0-9_.-]*(?:" + _WORDS + r")" + _SUFFIX
SECRET_NAME = re.compile(_NAME, re.IGNORECASE)
"""Names of fields whose value is a secret."""
_VALUE = r"""[^\s"'`,;&)\]\[}{<\\][^\s"'`,;&)\]\[}{<]*"""
_TAIL = r"(\[secret\])[,;&)\]}]+[^\s=:\"'`<,;&)\]}][^\s=:\"'`<]*([\s\"')]|$)"
"""What is left of a value with such a sign inside; a name that begins a new pair is none."""
_LONG = r"(?:[a-z._~+/-]*\d[a-z0-9._~+/-]{5,}|[a-z0-9._~+/-]{16,})=*"
"""What is no word of prose."""
_PRIVATE = r"[A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?-----"
_DATE = r"\d{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])"
_AREA = r"(?:2|[3-6][1-5]|70|80|50\d?)"
_APART = r"(^|[^\w.+-])"
"""In front of a number: nothing that would make it a part of a longer one."""

TOKENS = (
    r"(?:A3T[A-Z0-9]|AKIA|ASIA|AGPA|AIDA|AROA|ABIA|ACCA|ANPA|ANVA)[0-9A-Z]{16}\b",
    r"gh[pousr]_\w{20,}|github_pat_\w{20,}|ATATT3[\w=-]{30,}|ATCTT3[\w=-]{30,}",
    r"gl(?:pat|dt|ft|rt|soat|cbt|imt|ptt|agent|oas|ffct)-[\w-]{16,}|GR1348941[\w-]{20,}",
    r"xox[abceoprs]-[\w-]{10,}|xapp-\d-[\w-]{10,}",
    r"(?:sk|pk|rk)_(?:live|test|prod)_\w{8,}|sq0[a-z]{3}-[\w-]{22,}|EAAA[\w-]{60}",
    r"AIza[\w-]{30,}|ya29\.[\w-]{20,}|GOCSPX-[\w-]{20,}",
    r"SG\.[\w-]{16,}\.[\w-]{30,}|npm_[A-Za-z0-9]{30,}|pypi-[\w-]{50,}|rubygems_[0-9a-f]{40,}|dckr_pat_[\w-]{20,}",
    r"sk-[A-Za-z0-9_-]{20,}|hf_[A-Za-z]{30,}|LTAI[A-Za-z0-9]{17,21}\b|AKC[A-Za-z0-9]{20,}",
    r"(?:SK|AC)[0-9a-z]{32}\b|[0-9a-z]{32}-us\d{1,2}\b|\d{8,10}:[\w-]{35}\b|key-[0-9a-f]{32}\b",
    r"[MNO][\w-]{23,25}\.[\w-]{6}\.[\w-]{27,}",
    r"do[opr]_v1_[0-9a-f]{40,}|hv[sbr]\.[\w-]{20,}|dapi[0-9a-f]{32}|dp\.[a-z]{2,5}\.[\w-]{30,}|pscale_\w+_[\w.-]{20,}",
    r"shp(?:at|ca|pa|ss)_[0-9a-fA-F]{32}|gl(?:c|sa)_[\w+/=]{30,}|AGE-SECRET-KEY-1[0-9A-Z]{50,}|xkeysib-[\w-]{40,}",
    r"PMAK-[\w-]{30,}|NRAK-\w{20,}|lin_api_\w{30,}|pul-[0-9a-f]{40}|figd_[\w-]{20,}",
)
"""Beginnings by which the systems that give out keys mark them."""

PATTERNS: tuple[Pattern, ...] = (
    # what contains others comes first
    _mask(SECRET, r"(?s)-----BEGIN " + _PRIVATE + r".*?(?:-----END " + _PRIVATE + r"|$)"),
    _mask(SECRET, r"\beyJ[\w=-]{5,}(?:\.[\w=-]{5,}(?:\.[\w=-]*)*|[\w+/-]{30,}={0,2})", hint=""),
    _mask(SECRET, r"(?i)\b((?:set-)?cookie[\"']?\s*[:=]\s*[\"']?)[^\s\"'`=\[]{1,100}=[^\n\r\"'`]+", before=True),
    _mask(SECRET, r"(?i)\b((?:jsessionid|phpsessid|asp\.net_sessionid|connect\.sid)=)" + _VALUE, before=True),
    _mask(SECRET, r"(?i)((?:proxy-)?authorization[\"']?\s*[:=]\s*[\"']?digest\s+)[^\n\r]+", before=True),
    _mask(
        SECRET,
        r"(?i)((?:proxy-)?authorization[\"']?\s*[:=]\s*[\"']?(?:(?:bearer|basic|negotiate|api-?key|token|aws4-hmac-sha256"
        r")\s+)?)" + _VALUE,
        before=True,
    ),
    _mask(SECRET, r"(?i)\b(bearer\s+)(?:[a-z._~+/-]*\d[a-z0-9._~+/-]{4,}|[a-z0-9._~+/-]{20,})=*", before=True),
    _mask(SECRET, r"(?i)\b(basic\s+)(?:[a-z+/]*\d[a-z0-9+/]{6,}|[a-z0-9+/]{16,}={1,2}|[a-z0-9+/]{24,})=*", before=True),
    _mask(SECRET, r"\b(?:" + "|".join(TOKENS) + r")", hint=""),
    _mask(SECRET, r"(hooks\.slack\.com/(?:services|workflows|triggers)/)[\w/+-]+", before=True),
    _mask(SECRET, r"(discord(?:app)?\.com/api/webhooks/\d+/)[\w-]+", before=True),
    _mask(SECRET, r"(webhook\.office\.com/webhookb2/)[\w@/-]+", before=True),
    Pattern(SECRET, r"(?i)\b([a-z][a-z0-9+.-]*://)[^\s/:@\"'<>]*:[^\s/\"'<>]+@", r"\1[secret]@", WORDS_HINT),
    _mask(SECRET, r"(?i)(<[a-z:_-]*(?:" + _WORDS + r")[a-z_-]*>)[^<\n]+", before=True),
    _mask(SECRET, r"(?i)(" + _NAME + r"[\"']?\s*(?:[:=]|=>|:=)\s*\")[^\"\n]+", before=True),
    _mask(SECRET, r"(?i)(" + _NAME + r"[\"']?\s*(?:[:=]|=>|:=)\s*')[^'\n]+", before=True),
    _mask(SECRET, r"(?i)(" + _NAME + r"[\"']?\s*(?:[:=]|=>|:=)\s*[\"']?)" + _VALUE, before=True),
    _mask(SECRET, r"(?i)([a-z0-9_.-]*token" + _SUFFIX + r"[\"']?\s*(?:[:=]|=>|:=)\s*[\"']?)" + _LONG, before=True),
    _mask(
        SECRET, r"(?i)([a-z0-9_.-]*pwd[\"']?\s*[:=]\s*[\"']?)[^\s\"'`,;&)\]\[}{</\\][^\s\"'`,;&)\]\[}{<]*", before=True
    ),
    _mask(SECRET, r"(?i)(\s--?(?:password|passwd|token|secret|api-?key|auth-token)[ =][\"']?)" + _VALUE, before=True),
    _mask(SECRET, r"(?i)(\scurl\s[^\n]{0,400}?\s(?:-u|--user)[ =]{0,3}[\"']?)[^\s\"':]{0,200}:[^\s\"']+", before=True),
    _mask(SECRET, r"(?i)^(curl\s[^\n]{0,400}?\s(?:-u|--user)[ =]{0,3}[\"']?)[^\s\"':]{0,200}:[^\s\"']+", before=True),
    _mask(SECRET, r"(?i)([?&](?:key|sig|signature|hmac|code)=)[^\s&\"'#`<]{12,}", before=True),
    _mask(
        SECRET,
        r"(?i)(\b(?:password|passwd|passphrase)\s+(?:is|was|to)\s+[\"'`]?)[^\s\"'`,;]*[0-9!@#$%^*][^\s\"'`,;]*",
        before=True,
    ),
    _mask(SECRET, r"((?:비밀번호|비번|암호|패스워드)(?:은|는|가|이)\s*[\"'`]?)[!-_a-~]{4,}", before=True),
    Pattern(SECRET, _TAIL, r"\1\2", WORDS_HINT),
    _mask(
        EMAIL,
        r"(?i)[\p{L}0-9._%+'-]*[\p{L}0-9_%+-](?:@|%40)(?:[\p{L}0-9-]+\.)*[\p{L}0-9-]+\.\p{L}[\p{L}0-9-]+",
        hint="at",
    ),
    _mask(RRN, r"\b" + _DATE + r"\s?[-–]\s?[1-8]\d{6}\b", hint="numbers"),
    _mask(
        RRN,
        r"(?i)((?:주민(?:등록)?(?:번호)?|외국인등록(?:번호)?|\brrn\b|resident (?:registration )?(?:no|number))"
        r"\D{0,10})\d{13}\b",
        before=True,
    ),
    _mask(
        LICENCE,
        r"(?i)((?:운전면허|면허증?\s?번호|driver'?s? licen[cs]e)\D{0,16})\d{2}[- ]?\d{2}[- ]?\d{6}[- ]?\d{2}\b",
        before=True,
    ),
    _mask(LICENCE, _APART + r"(?:1[1-9]|2[0-68])-\d{2}-\d{6}-\d{2}\b", before=True, hint="numbers"),
    _mask(PASSPORT, r"\b[MSROD]\d{3}[A-Z]\d{4}\b", hint="numbers"),
    _mask(PASSPORT, r"(?i)((?:여권|passport)[^\d\n]{0,16}?\b)(?:[a-z]{1,2}\d{7,8}|\d{9})\b", before=True),
    _mask(
        PHONE,
        r"(?:\+|\b00)82[ .-]?\(?0?\)?[ .-]?(?:1[016789]|" + _AREA + r")[ .-]?\d{3,4}[ .-]?\d{4}\b",
        hint="numbers",
    ),
    _mask(
        PHONE, _APART + r"(?:010[ .-]?\d{4}[ .-]?\d{4}|01[016789][ .-]\d{3,4}[ .-]\d{4})\b", before=True, hint="numbers"
    ),
    _mask(
        PHONE, _APART + r"(?:0" + _AREA + r"-|\(0" + _AREA + r"\)\s?)\d{3,4}[ -]\d{4}\b", before=True, hint="numbers"
    ),
    _mask(PHONE, _APART + r"0" + _AREA + r"(?: \d{3,4} |\.\d{3,4}\.)\d{4}\b", before=True, hint="numbers"),
    _mask(PHONE, _APART + r"0[789]0-\d{4}-\d{4}\b", before=True, hint="numbers"),
    _mask(
        PHONE,
        r"(^|[^\w.+/-])(?:(?:\+?1|001)[ .-]?)?(?:\([2-9]\d{2}\)[ .-]?|[2-9]\d{2}[.-])[2-9]\d{2}[.-]\d{4}"
        r"(?:\s?(?:x|ext\.?)\s?\d{1,6})?\b",
        before=True,
        hint="numbers",
    ),
    _mask(
        PHONE,
        r"(?i)((?:\b(?:phone|mobile|tel|telephone|fax)(?:[ _-]?(?:no|number))?"
        r"|전화(?:번호)?|휴대(?:폰|전화)|핸드폰|연락처)[\"']?[.:=\s]{1,4}[\"']?)\+?\(?\d[\d ()-]{5,17}\d\b",
        before=True,
    ),
    _mask(
        SSN,
        r"(^|[^\w.+/-])(?:00[1-9]|0[1-9]\d|[1-57-8]\d{2}|6[0-57-9]\d|66[0-57-9])-(?:0[1-9]|[1-9]\d)-"
        r"(?:000[1-9]|00[1-9]\d|0[1-9]\d{2}|[1-9]\d{3})\b",
        before=True,
        hint="numbers",
    ),
    _mask(
        SSN,
        r"(?i)(\b(?:ssn|social security(?: (?:no|number))?)\b\D{0,6})\d{3}[ .-]?\d{2}[ .-]?\d{4}\b",
        before=True,
    ),
)

IP_ADDRESS = Pattern(ADDRESS, r"\b(?:\d{1,3}\.){3}\d{1,3}\b|\b(?:[0-9a-fA-F]{1,4}:){4,7}[0-9a-fA-F]{1,4}\b", "[ip]", "")
"""Only where the policy says so: who is on call needs addresses."""


def passes_luhn(text: str) -> bool:
    """Tell whether the digits of a text carry a valid check digit.

    Reference: ISO/IEC 7812-1, annex B.
    """
    digits = [int(c) for c in text if c.isdigit()]
    doubled = [d * 2 - 9 if d > 4 else d * 2 for d in digits[-2::-2]]
    return (sum(digits[-1::-2]) + sum(doubled)) % 10 == 0


_ISSUERS = (
    (re.compile(r"4"), (13, 16, 19)),
    (re.compile(r"5[1-5]|222[1-9]|22[3-9]|2[3-6]|27[01]|2720"), (16,)),
    (re.compile(r"3[47]|1800|2131"), (15,)),
    (re.compile(r"6011|65|64[4-9]"), (16, 19)),
    (re.compile(r"35"), (16,)),
    (re.compile(r"30[0-5]|3[689]"), (14, 16)),
    (re.compile(r"62"), (16, 17, 18, 19)),
    (re.compile(r"50|5[6-8]|6"), (12, 13, 14, 15, 16)),
    (re.compile(r"9"), (16,)),
)
"""Beginnings of card numbers with their lengths; those beginning with 9 are of Korea only."""
_PLAIN = 14
"""Fewer digits without gaps are as likely an article number, or any number: every tenth has the check digit."""


def is_card(text: str) -> bool:
    """Tell whether a text is a card number: an issuer's beginning and length, and the check digit."""
    digits = "".join(c for c in text if c.isdigit())
    known = any(begin.match(digits) and len(digits) in lengths for begin, lengths in _ISSUERS)
    return known and (len(digits) >= _PLAIN or digits != text) and passes_luhn(digits)


def is_iban(text: str) -> bool:
    """Tell whether a text is an International Bank Account Number: remainder 1 of 97.

    Reference: ISO 13616-1; ISO/IEC 7064, MOD 97-10.
    """
    said = text.replace(" ", "")
    if not 15 <= len(said) <= 34:
        return False
    return int("".join(str(int(c, 36)) for c in said[4:] + said[:4])) % 97 == 1


def is_plain_rrn(text: str) -> bool:
    """Tell whether 13 digits without a hyphen are a resident registration number.

    The check digit must hold, and milliseconds since 1970 of our days (which begin with 10 … 21) stay what they are.
    """
    if "10" <= text[:2] <= "21":
        return False
    weighed = sum(int(c) * w for c, w in zip(text, (2, 3, 4, 5, 6, 7, 8, 9, 2, 3, 4, 5), strict=False))
    return (11 - weighed % 11) % 10 == int(text[12])


_FLOAT = re.compile(r"\+\d+\.\d+")


def is_international(text: str) -> bool:
    """Tell whether a text is a telephone number in international form: 8 to 15 digits, and no decimal number."""
    return 8 <= sum(c.isdigit() for c in text) <= 15 and not _FLOAT.fullmatch(text)


_BEFORE = r"(?<![\w.+-])"
CHECKED: tuple[Checked, ...] = (
    Checked(IBAN, r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?\b", is_iban),
    Checked(CARD, r"\b[1-69]\d{3}[ -]?(?:\d[ -]?){7,14}\d\b", is_card),
    Checked(RRN, r"\b" + _DATE + r"[1-8]\d{6}\b", is_plain_rrn),
    Checked(PHONE, r"\+[1-9]\d{0,2}[ .-]?[\d(][\d ().-]{4,18}\d\b", is_international),
)
