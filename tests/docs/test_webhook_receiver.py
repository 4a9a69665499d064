"""The receiver of the how-to page, run as it stands there, against events as they are sent."""

import re
from pathlib import Path

from desks.webhook import OLD, SECRET

from aiops_jobs.adapters import clock
from aiops_jobs.adapters.sinks.webhook import key_of, signature

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "tickets-webhook.md"


def test_the_receiver_of_the_page_takes_what_is_ours_and_nothing_else():
    (code,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(), flags=re.DOTALL)
    names = {}
    exec(code, names)  # noqa: S102 - our own page
    is_ours = names["is_ours"]
    stamp, body = int(clock.now().timestamp()), '{"title": "결제"}'.encode()

    def headers(*secrets, at=stamp):
        signed = " ".join(signature(key_of(secret), "out-1", at, body) for secret in secrets)
        return {"webhook-id": "out-1", "webhook-timestamp": str(at), "webhook-signature": signed}

    assert is_ours(SECRET, headers(SECRET), body)
    assert is_ours(OLD, headers(SECRET, OLD), body)
    assert not is_ours(OLD, headers(SECRET), body)
    assert not is_ours(SECRET, headers(SECRET), body + b" ")
    assert not is_ours(SECRET, headers(SECRET, at=stamp - 301), body)
    assert not is_ours(SECRET, {}, body)
