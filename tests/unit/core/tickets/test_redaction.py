import time
from dataclasses import replace

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aiops_jobs.contracts.columns import attributes
from aiops_jobs.contracts.results import EVIDENCE, INCIDENTS
from aiops_jobs.contracts.table import Table
from aiops_jobs.core.tickets.redact import passes_luhn, redact, redact_columns, redact_text
from aiops_jobs.core.tickets.sensitive import PATTERNS

LOOSE = Table(
    "loose", "one of anything", (replace(attributes, sensitive=True),), key=("attributes",), time="attributes"
)
JWT = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U"

HARMFUL = [
    # (text, what must not survive)
    ("user kim.min-su@example.co.kr could not log in", "kim.min-su@example.co.kr"),
    ("mailto:ops+night@example.com?subject=x", "ops+night@example.com"),
    ("수신자: 홍길동@회사.한국 실패", "홍길동@회사.한국"),
    ("zero width k\u200bim@exam\u200bple.com", "example.com"),
    ("full width ｋｉｍ＠ｅｘａｍｐｌｅ．ｃｏｍ", "ｋｉｍ"),
    ("주민등록번호 900101-1234567 조회", "900101-1234567"),
    ("rrn=9001011234567", "9001011234567"),
    ("외국인 850515 - 5234567", "5234567"),
    ("full width digits ９００１０１－１２３４５６７", "９００１０１"),
    ("call 010-1234-5678 now", "010-1234-5678"),
    ("call 01012345678 now", "01012345678"),
    ("연락처 02-345-6789", "02-345-6789"),
    ("연락처 (031) 123-4567", "123-4567"),
    ("+82 10-1234-5678", "1234-5678"),
    ("+821012345678", "1012345678"),
    ("+1 415-555-2671 rang", "555-2671"),
    ("card 4111 1111 1111 1111 declined", "4111 1111 1111 1111"),
    ("card 5555-5555-5555-4444 declined", "5555-5555-5555-4444"),
    ("amex 378282246310005 declined", "378282246310005"),
    (f"Authorization: Bearer {JWT}", "dozjgNryP4J3"),
    (f"cookie session={JWT};", "eyJzdWIi"),
    ("Authorization: Basic dXNlcjpwYXNzd29yZA==", "dXNlcjpwYXNzd29yZA"),
    ("Bearer tok_example_51Hq0aZ", "tok_example_51Hq0aZ"),
    ("password=hunter2 rejected", "hunter2"),
    ('{"db_password": "s3cr3t!x"}', "s3cr3t!x"),
    ("비밀번호: 별헤는밤1", "별헤는밤1"),
    ("?api_key=abcdef0123456789&x=1", "abcdef0123456789"),
    ("client-secret : zzTop99", "zzTop99"),
    ("export AWS_SECRET_ACCESS_KEY=wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "wJalrXUtnFEMI"),
    ("key AKIAIOSFODNN7EXAMPLE used", "AKIAIOSFODNN7EXAMPLE"),
    ("token ghp_16C7e42F292c6912E7710c838347Ae178B4a", "ghp_16C7e42F292c"),
    ("slack xoxb-123456789012-abcdefABCDEF", "xoxb-123456789012"),
    ("postgresql://app:pa55w0rd@db-1/orders", "pa55w0rd"),
    ("-----BEGIN RSA PRIVATE KEY-----\nMIIEow\n-----END RSA PRIVATE KEY-----", "MIIEow"),
]

HARMLESS = [
    "GET /orders/items/4711 200 in 35 ms",
    "trace 4bf92f3577b34da6a3ce929d0e0e4736 span 00f067aa0ba902b7",
    "2026-11-20T10:05:00.123456Z took 1763632800000 ms since epoch",
    "wrote segment 123456-7654321 to disk",
    "connection pool of orders-db exhausted: 98 % (usually 35 %)",
    "version 1.22.333-4444 deployed to app-03",
    "order 1234567890123456 shipped",
    "10.20.30.40:5432 refused after 3000 ms",
    "tokens: 500 of 1000 used, passwords policy unchanged",
    "retry @ 10:05, error rate 4.5e-3",
    "응답 시간이 3초를 넘었습니다 (checkout, 95 %)",
    "build 20261120-1 of main@abc123f",
]


@pytest.mark.parametrize(("text", "secret"), HARMFUL, ids=[text[:40] for text, _ in HARMFUL])
def test_personal_data_and_secrets_do_not_survive(text, secret):
    assert secret not in redact_text(text)
    assert "[" in redact_text(text)


@pytest.mark.parametrize("text", HARMLESS)
def test_what_an_operator_needs_stays(text):
    assert redact_text(text) == text


def test_the_words_around_stay_readable():
    assert redact_text("login of kim@example.com from 10.0.0.1 failed: password=x1 wrong") == (
        "login of [email] from 10.0.0.1 failed: password=[secret] wrong"
    )
    assert redact_text("postgresql://app:pa55@db-1/orders") == "postgresql://[secret]@db-1/orders"


def test_only_numbers_with_a_valid_check_digit_are_cards():
    assert passes_luhn("4111 1111 1111 1111")
    assert not passes_luhn("4111 1111 1111 1112")
    assert redact_text("4111 1111 1111 1112") == "4111 1111 1111 1112"


def test_columns_keep_their_length_order_and_nulls_dictionaries_included():
    texts = pa.chunked_array([["a@b.cd", None], ["plain", "a@b.cd"]])
    expected = ["[email]", None, "plain", "[email]"]
    assert redact(texts).to_pylist() == expected
    assert redact(texts.dictionary_encode()).to_pylist() == expected
    assert redact(pa.chunked_array([], pa.string())).to_pylist() == []


def test_every_sensitive_column_of_a_table_is_redacted_and_no_other():
    rows = pa.table({"evidence_id": ["a@b.cd"], "statement": ["from a@b.cd"]})
    assert redact_columns(EVIDENCE, rows).to_pylist() == [{"evidence_id": "a@b.cd", "statement": "from [email]"}]


@given(st.text(max_size=200))
@settings(max_examples=100, deadline=None)
def test_redacting_again_changes_nothing(text):
    once = redact_text(text)
    assert redact_text(once) == once


@given(st.lists(st.sampled_from([text for text, _ in HARMFUL] + HARMLESS), min_size=1, max_size=4))
@settings(max_examples=80, deadline=None)
def test_nothing_survives_among_other_texts(texts):
    joined = redact_text(" ; ".join(texts))
    for text, secret in HARMFUL:
        if text in texts and "BEGIN" not in text:
            assert secret not in joined


def test_a_line_of_ten_megabytes_takes_a_moment():
    begin = time.process_time()
    redact(pa.array(["a" * 5_000_000 + "@" + "1" * 5_000_000]))
    assert time.process_time() - begin < 10


@pytest.mark.parametrize("text", [text for text, _ in HARMFUL] + HARMLESS)
def test_a_text_without_the_hint_of_a_pattern_has_no_match_of_it(text):
    for pattern in PATTERNS:
        if pc.match_substring_regex(pa.array([text]), pattern.regex)[0].as_py():
            assert pc.match_substring_regex(pa.array([text]), pattern.hint)[0].as_py(), pattern.regex


def test_of_json_every_string_is_redacted_and_every_secret_by_its_name():
    rows = pa.table({"causal_chain": ['["from a@b.cd","-----BEGIN PRIVATE KEY-----\\nMII"]', None]})
    told = redact_columns(INCIDENTS, rows)["causal_chain"].to_pylist()
    assert told == ['["from [email]","[secret]"]', None]
    facts = pa.table({"attributes": ['{"db_password":"hunter2","host":"10.0.0.1","n":3}']})
    assert redact_columns(LOOSE, facts)["attributes"].to_pylist() == [
        '{"db_password":"[secret]","host":"10.0.0.1","n":3}'
    ]


def test_addresses_of_hosts_go_only_where_the_policy_says_so():
    said = "10.20.30.40:5432 and fe80:0:0:0:1:2:3:4 refused"
    assert redact_text(said) == said
    assert redact_text(said, mask_ip=True) == "[ip]:5432 and [ip] refused"


def test_text_in_which_nothing_is_found_stays_as_it_came_whatever_its_signs():
    for text in ("½ of ＡＢＣ", "결제 지연 ①", "a\u200bb"):
        assert redact_text(text) == text


@given(
    st.sampled_from(
        ["a", "1", " ", "@", ".", "-", "=", "password=", "eyJ", "+82", "4111 ", "curl -u ", "Bearer ", "암호"]
    ),
    st.sampled_from(["b", "9", "@", ".", ":", "=", "&", "/", " 1", "-----BEGIN PRIVATE KEY-----", "x@", "1-"]),
)
@settings(max_examples=10, deadline=None)
def test_time_grows_with_the_length_of_a_text_whatever_stands_in_it(head, tail):
    def took(size):
        text = pa.array([head + tail * (size // len(tail)), (head + tail) * (size // len(head + tail))])
        begin = time.process_time()
        redact(text)
        return time.process_time() - begin

    took(1_000)
    small = max(min(took(25_000) for _ in range(2)), 0.004)
    assert took(200_000) < 8 * 4 * small  # eight times as long; quadratic would be 64 times
