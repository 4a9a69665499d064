"""Every error this package raises on purpose.

    AiopsError                      exit 1
    |-- ConfigurationError          exit 2   the operator must change a setting
    |-- ContractError               exit 3   a table is not what its contract says
    |-- ConnectorError              exit 4   a source or a sink said no, for good
    |   |-- CredentialsRefused      exit 4   ... to whoever we say we are: nothing else will work there either
    |   |-- ConnectorUnavailable    exit 5   ... for now: retry (Retryable)
    |   `-- AmbiguousDelivery       exit 5   ... it may have happened: look before sending again (Retryable)
    |-- NotTrainedError             exit 6   a model was asked before it was fitted
    |-- ModelRejected               exit 7   a challenger did not earn its place
    |-- CorruptPartError            exit 8   a stored file is not what was written
    |-- Superseded                  exit 9   another run of the same window holds the lease or has finished
    |-- NotFoundError               exit 10  no such row: the id in the question is wrong
    `-- ActionRefused               exit 11  a gate of remediation is closed

Two questions decide the class: *who can fix it* (operator, data owner, vendor)
and *will the same call succeed later* (``Retryable``). Flows retry ``Retryable``
and nothing else.
"""

from __future__ import annotations

from collections.abc import Sequence


class Retryable:
    """Marks an error after which the same call may succeed unchanged."""


class AiopsError(Exception):
    """Base of all errors raised on purpose; its public attributes go to the run log."""

    exit_code = 1

    def attrs(self) -> dict[str, object]:
        """Return the values the message was made of, for structured logs."""
        return {k: v for k, v in vars(self).items() if not k.startswith("_")}


class ConfigurationError(AiopsError):
    """A setting is missing or wrong."""

    exit_code = 2

    def __init__(self, setting: str, problem: str, *, remedy: str, place: str | None = None) -> None:
        self.setting, self.problem, self.remedy, self.place = setting, problem, remedy, place
        where = f" in {place}" if place else ""
        super().__init__(f"Setting `{setting}`{where} {problem}. {remedy}")


class ContractError(AiopsError):
    """A table broke its contract."""

    exit_code = 3

    def __init__(self, table: str, problems: Sequence[str]) -> None:
        self.table, self.problems = table, tuple(problems)
        super().__init__(f"Table `{table}` broke its contract: {'; '.join(problems)}")


class ConnectorError(AiopsError):
    """A remote system refused the request and will refuse it again."""

    exit_code = 4

    def __init__(self, connector: str, problem: str, *, status: int | None = None) -> None:
        self.connector, self.problem, self.status = connector, problem, status
        suffix = f" (HTTP {status})" if status else ""
        super().__init__(f"`{connector}`: {problem}{suffix}")


class CredentialsRefused(ConnectorError):  # noqa: N818 - names the state
    """A remote system does not accept our credentials, or they lack a permission that every call needs."""


class ConnectorUnavailable(ConnectorError, Retryable):  # noqa: N818 - names the state, not the mistake
    """A remote system is overloaded, unreachable or rate-limiting us; nothing was done.

    Args:
        retry_after_s: How long it wants to be left alone, in seconds, if it said so.
    """

    exit_code = 5

    def __init__(
        self, connector: str, problem: str, *, status: int | None = None, retry_after_s: float | None = None
    ) -> None:
        self.retry_after_s = retry_after_s
        super().__init__(connector, problem, status=status)


class AmbiguousDelivery(ConnectorError, Retryable):  # noqa: N818 - names the state
    """A write may or may not have happened: look for it before sending it again.

    Args:
        retry_after_s: How long the system wants to be left alone, in seconds, if it said so.
    """

    exit_code = 5

    def __init__(
        self, connector: str, problem: str, *, status: int | None = None, retry_after_s: float | None = None
    ) -> None:
        self.retry_after_s = retry_after_s
        super().__init__(connector, problem, status=status)


class NotTrainedError(AiopsError):
    """A model was used before it was fitted."""

    exit_code = 6

    def __init__(self, model: str) -> None:
        self.model = model
        super().__init__(f"`{model}` is not fitted; run `aiops run train` first.")


class ModelRejected(AiopsError):  # noqa: N818 - names the verdict
    """A challenger did not reach the bar, or its training data did not."""

    exit_code = 7

    def __init__(self, model: str, measure: str, value: float, threshold: float) -> None:
        self.model, self.measure, self.value, self.threshold = model, measure, value, threshold
        super().__init__(f"`{model}` was rejected: {measure} is {value:.4g}, needed {threshold:.4g}.")


class CorruptPartError(AiopsError):
    """A stored file does not have the digest it was committed with."""

    exit_code = 8

    def __init__(self, path: str, expected: str, actual: str) -> None:
        self.path, self.expected, self.actual = path, expected, actual
        super().__init__(
            f"Part `{path}` is damaged: SHA-256 is {actual}, committed as {expected}. "
            "Move it away and run `aiops run ingest` for its window again."
        )


class Superseded(AiopsError):  # noqa: N818 - names the state
    """Another run of the same job and window holds the lease, or took it over."""

    exit_code = 9

    def __init__(self, lease: str, holder: str) -> None:
        self.lease, self.holder = lease, holder
        super().__init__(f"`{lease}` is held by {holder}; this run publishes nothing.")


class NotFoundError(AiopsError):
    """A question named something that does not exist."""

    exit_code = 10

    def __init__(self, what: str, name: str, *, remedy: str) -> None:
        self.what, self.name, self.remedy = what, name, remedy
        super().__init__(f"There is no {what} `{name}`. {remedy}")


class ActionRefused(AiopsError):  # noqa: N818 - names the verdict
    """A gate of remediation is closed: nothing was executed, and the refusal is in the audit log."""

    exit_code = 11

    def __init__(self, gate: str, reason: str) -> None:
        self.gate, self.reason = gate, reason
        super().__init__(f"Refused by the gate `{gate}`: {reason}")
