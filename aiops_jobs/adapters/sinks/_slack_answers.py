"""What Slack's answers mean: errors come with status 200, ``ok: false`` and a code."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aiops_jobs.adapters.http import RateLimited, Reply
from aiops_jobs.errors import AmbiguousDelivery, ConnectorError, ConnectorUnavailable, CredentialsRefused

UNREADABLE = frozenset(
    {"missing_scope", "not_in_channel", "channel_not_found", "no_permission", "not_allowed_token_type"}
)
"""We may not read there, and may still be allowed to write."""
REFUSED = UNREADABLE | {
    "access_denied",
    "account_inactive",
    "ekm_access_denied",
    "invalid_auth",
    "is_archived",
    "is_inactive",
    "not_authed",
    "org_login_required",
    "restricted_action",
    "team_access_not_granted",
    "token_expired",
    "token_revoked",
}
"""Nothing else will work either: the token, what it may do, or the one channel of the sink."""
LATER = frozenset({"ratelimited", "rate_limited", "message_limit_exceeded"})
NOT_NOW = frozenset({"service_unavailable", "request_timeout"})
"""Surely not done: Slack did not read the whole request, or did not take it on."""
IN_DOUBT = frozenset({"fatal_error", "internal_error"})
"""Slack says of these that part of the call may have been done."""
GONE = "message_not_found"
FROZEN = frozenset({"edit_window_closed", "cant_update_message"})
"""The workspace does not let this message be changed (any more)."""
WAIT_S = 30.0
"""Where Slack limits us and does not say for how long."""


class Refusal(ConnectorError):  # noqa: N818 - names what it is
    """Slack refuses this call, by a code of its own."""

    def __init__(self, connector: str, problem: str, code: str) -> None:
        super().__init__(connector, problem)
        self.code = code


class Denial(CredentialsRefused):
    """Slack refuses every call, by a code of its own."""

    def __init__(self, connector: str, problem: str, code: str) -> None:
        super().__init__(connector, problem)
        self.code = code


def understood(connector: str, reply: Reply) -> dict[str, Any]:
    """Return an answer with ``ok: true``.

    Raises:
        Denial: No call will work until somebody acts.
        Refusal: This call is refused, now and later.
        RateLimited: Slack wants to be left alone for a while.
        ConnectorUnavailable: It was surely not done.
        AmbiguousDelivery: It may have been done, or what was answered to a write cannot be understood.
    """
    in_doubt = AmbiguousDelivery if reply.is_write else ConnectorUnavailable
    told = reply.json()
    if not isinstance(told, dict) or not isinstance(told.get("ok"), bool):
        raise in_doubt(connector, f"{reply.url} does not say whether it is ok")
    if told["ok"]:
        return told
    code = str(told.get("error") or "unknown_error")
    problem = f"{reply.url} says: {code}{_more(told)}"
    if code in LATER:
        asked = reply.headers.get("retry-after", "")
        raise RateLimited(connector, problem, retry_after_s=float(asked) if asked.isdigit() else WAIT_S)
    if code in NOT_NOW:
        raise ConnectorUnavailable(connector, problem)
    if code in IN_DOUBT:
        raise in_doubt(connector, problem)
    raise (Denial if code in REFUSED else Refusal)(connector, problem, code)


def _more(told: Mapping[str, Any]) -> str:
    needed = f" (it needs {told['needed']})" if told.get("needed") else ""
    said = "; ".join(str(line) for line in (told.get("response_metadata") or {}).get("messages") or ())
    return needed + (f": {said[:300]}" if said else "")
