"""What ticket sinks share: checks that never raise, keys that must have been kept, answers that must tell a ticket."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeVar

from aiops_jobs.contracts.columns import PRIORITIES
from aiops_jobs.errors import ConnectorError, ConnectorUnavailable
from aiops_jobs.ports import Check, Ticket

Theirs = TypeVar("Theirs")


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


def as_told(name: str, read: Callable[[], Ticket]) -> Ticket:
    """Return the ticket that ``read`` makes of an answer.

    Raises:
        ConnectorUnavailable: The answer lacks what a ticket always has: it is another system's, or a gateway's.
    """
    try:
        return read()
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        raise ConnectorUnavailable(name, f"does not tell a ticket as it should: {error!r}") from error


def all_priorities(theirs: Mapping[str, Theirs]) -> dict[str, Theirs]:
    """Return what P1 … P5 are called there, in this order.

    Raises:
        ValueError: One is missing, or there is another.
    """
    if set(theirs) != set(PRIORITIES):
        raise ValueError(f"priorities name {', '.join(PRIORITIES)}, each of them.")
    return {name: theirs[name] for name in PRIORITIES}
