"""What sinks share about answers: an answer that cannot be read, or lacks what it must tell, is not an answer."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from aiops_jobs.adapters.http import Reply
from aiops_jobs.errors import AmbiguousDelivery, ConnectorError, ConnectorUnavailable, CredentialsRefused

Read = TypeVar("Read")
MOST_REMEMBERED = 2000


@contextmanager
def reading_back(name: str) -> Iterator[None]:
    """Read within it what a write has made of a ticket: the write was accepted, whatever the reading says.

    Raises:
        AmbiguousDelivery: It cannot be read; a refusal of who we are passes through.
    """
    try:
        yield
    except (CredentialsRefused, AmbiguousDelivery):
        raise
    except ConnectorError as error:
        wait = getattr(error, "retry_after_s", None)
        problem = f"was accepted and cannot be read back: {error}"
        raise AmbiguousDelivery(name, problem, retry_after_s=wait) from error


def read_back(name: str, read: Callable[[], Read]) -> Read:
    """Return what ``read`` finds after a write that was accepted; errors as in `reading_back`."""
    with reading_back(name):
        return read()


def told(reply: Reply, *needs: str) -> dict[str, Any]:
    """Return an answer that must be an object with these members.

    Raises:
        ConnectorUnavailable: It is another one.
        AmbiguousDelivery: It is another one, and the call was to change something.
    """
    answer = reply.json()
    if isinstance(answer, dict) and all(need in answer for need in needs):
        return answer
    kind = AmbiguousDelivery if reply.is_write else ConnectorUnavailable
    raise kind(reply.connector, f"{reply.url} did not answer with {', '.join(needs) or 'an object'}")


def listed(reply: Reply) -> list[dict[str, Any]]:
    """Return an answer that must be a list of objects.

    Raises:
        ConnectorUnavailable: It is another one.
    """
    answer = reply.json()
    if isinstance(answer, list) and all(isinstance(item, dict) for item in answer):
        return answer
    raise ConnectorUnavailable(reply.connector, f"{reply.url} did not answer with a list")


class Remembered:
    """The tickets this process made, for a search that does not find them yet; the oldest are forgotten."""

    def __init__(self) -> None:
        self._made: OrderedDict[str, list[str]] = OrderedDict()

    def add(self, external_key: str, remote: str) -> None:
        """Remember a ticket of a key."""
        self._made.setdefault(external_key, []).append(remote)
        while len(self._made) > MOST_REMEMBERED:
            self._made.popitem(last=False)

    def of(self, external_key: str) -> list[str]:
        """Return the tickets of a key."""
        return list(self._made.get(external_key, ()))
