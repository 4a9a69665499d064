"""What ticket sinks share about trying: checks that never raise, and keys that must have been kept."""

from __future__ import annotations

from collections.abc import Callable

from aiops_jobs.errors import ConnectorError
from aiops_jobs.ports import Check, Ticket


class Failed(Exception):  # noqa: N818 - names the finding
    """A check found something wrong that is no error of the connection."""

    def __init__(self, detail: str, remedy: str) -> None:
        self.remedy = remedy
        super().__init__(detail)


def tried(name: str, ask: Callable[[], str], *, remedy: str) -> Check:
    """Return what ``ask`` finds as a check; it returns the detail, or raises what is wrong.

    Args:
        remedy: What is to be done if the system refuses or does not answer.
    """
    try:
        return Check(name, is_ok=True, detail=ask())
    except Failed as failed:
        return Check(name, is_ok=False, detail=str(failed), remedy=failed.remedy)
    except ConnectorError as error:
        return Check(name, is_ok=False, detail=str(error), remedy=remedy)


def kept_key(name: str, ticket: Ticket, key: str, place: str) -> Ticket:
    """Return a new ticket that carries our key.

    Raises:
        ConnectorError: It does not: it could never be found again, and trying again would make a second one.
    """
    if ticket.external_key == key:
        return ticket
    problem = f"ticket {ticket.remote_key} was created without its key: {place} does not take it there"
    raise ConnectorError(name, f"{problem}; mend that, close the ticket, then `aiops tickets retry`")
