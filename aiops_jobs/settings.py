"""Settings: ``aiops.toml`` for what is shared, environment variables for what is secret or local."""

from __future__ import annotations

import difflib
import os
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any, Literal, get_args, get_type_hints

from pydantic import BaseModel, ConfigDict, Field, SecretStr, TypeAdapter, ValidationError
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from aiops_jobs.core.policies import Policies
from aiops_jobs.errors import ConfigurationError

ENVIRONMENT_ONLY = frozenset(
    {"AIOPS_CONFIG", "AIOPS_FAULTS", "AIOPS_PERSON_KEY", "AIOPS_REQUIRE_SERVERS", "AIOPS_SHARED"}
)


class ConnectorSettings(BaseModel):
    """One configured source or sink; the adapter of its kind validates the rest."""

    model_config = ConfigDict(extra="allow", frozen=True, use_attribute_docstrings=True)

    kind: str
    """Which adapter, for example ``prometheus``."""


class Settings(BaseSettings):
    """Everything an operator can say. The environment (``AIOPS_…``, ``__`` between levels) wins over the file."""

    model_config = SettingsConfigDict(
        env_prefix="AIOPS_",
        env_nested_delimiter="__",
        extra="forbid",
        frozen=True,
        use_attribute_docstrings=True,
    )

    home: Path = Path(".aiops")
    """Folder of the state: lake, warehouse, models, pages."""
    lake_root: Path | None = None
    """Folder of the lake; default ``<home>/lake``."""
    warehouse_url: str | None = None
    """SQLAlchemy URL of the warehouse; default SQLite in ``<home>``. PostgreSQL: ``postgresql://user@host/name``."""
    expectations: Path | None = None
    """Folder of expectation files; default ``expectations/`` beside the package, when it is there."""
    runbooks: Path | None = None
    """Folder of own runbooks (YAML); one replaces a shipped one of the same id."""
    estate: str = "estate"
    """What the estate is called on pages and in tickets."""
    report_url: str | None = Field(default=None, pattern=r"^https?://[^\s\"'<>`\\()]+$")
    """Where the folder ``<home>/reports`` is served, as ``https://aiops.example/reports``: tickets then lead to the
    page of their incident."""
    language: Literal["en", "ko"] = "en"
    """Language of tickets and drafts; ``policies.tickets.language`` wins."""
    retry_delays_s: tuple[float, ...] = (10.0, 60.0, 300.0)
    """How long a flow waits before each new try of something that may heal by itself."""
    lag_s: float = 120.0
    """A scheduled run works up to this long before its scheduled time, so that late samples are in."""
    keep_s: float = 30 * 86400.0
    """How long replaced files of the lake stay readable by ``as_of``."""
    sources: dict[str, ConnectorSettings] = Field(default_factory=dict)
    """Systems telemetry is read from, by name."""
    sinks: dict[str, ConnectorSettings] = Field(default_factory=dict)
    """Systems tickets are delivered to, by name."""
    executors: dict[str, ConnectorSettings] = Field(default_factory=dict)
    """Systems that remediation may act on, by name; a shell's name is the host's."""
    people: dict[str, SecretStr] = Field(default_factory=dict)
    """Keys of those who may propose and approve remediation, by name; in the environment: ``AIOPS_PEOPLE__KIM``."""
    policies: dict[str, Any] = Field(default_factory=dict)
    """What differs from the default policies, by policy."""

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003 - the signature is pydantic's
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Environment over what the file said (given as init values)."""
        return env_settings, init_settings


def settings_file() -> Path | None:
    """Return the settings file in force: ``AIOPS_CONFIG``, ``./aiops.toml``, or ``aiops.toml`` in the home folder."""
    named = os.environ.get("AIOPS_CONFIG")
    if named:
        return Path(named)
    home = Path(os.environ.get("AIOPS_HOME", Settings.model_fields["home"].default))
    return next((p for p in (Path("aiops.toml"), home / "aiops.toml") if p.is_file()), None)


def load_settings(path: Path | None = None) -> Settings:
    """Return the settings of ``path`` (default: the file in force) and the environment.

    Raises:
        ConfigurationError: The file cannot be read, or a setting is unknown or wrong; the message names the
            setting, the file with its line, and the nearest valid name.
    """
    path = path or settings_file()
    place = str(path) if path else "the environment"
    said: dict[str, Any] = {}
    if path is not None:
        try:
            said = tomllib.loads(path.read_text("utf-8"))
        except OSError as error:
            raise ConfigurationError(
                "AIOPS_CONFIG", f"names `{path}`: {error.strerror}", remedy="Name a file."
            ) from error
        except tomllib.TOMLDecodeError as error:
            raise ConfigurationError(
                "aiops.toml", f"is not TOML: {error}", remedy="Mend that line.", place=place
            ) from error
    _refuse_unknown_environment()
    try:
        settings = Settings(**said)
    except ValidationError as error:
        raise explained(error, place=place, names=Settings.model_fields) from error
    if path is not None and "home" not in said and "AIOPS_HOME" not in os.environ and path.parent.name == ".aiops":
        settings = settings.model_copy(update={"home": path.parent})
    load_policies(settings, place=place)
    return settings


def load_policies(settings: Settings, *, place: str = "aiops.toml") -> Policies:
    """Return the policies in force.

    Raises:
        ConfigurationError: A policy or one of its fields is unknown or wrong.
    """
    said = dict(settings.policies)
    tickets = said.get("tickets", {})
    if settings.language != "en" and isinstance(tickets, Mapping):
        said["tickets"] = {"language": settings.language, **tickets}
    _refuse_unknown_fields(Policies, said, path="policies", place=place)
    try:
        return TypeAdapter(Policies).validate_python(said)
    except ValidationError as error:
        raise explained(error, place=place, prefix="policies") from error


def explained(error: ValidationError, *, place: str, prefix: str = "", names: Iterable[str] = ()) -> ConfigurationError:
    """Turn pydantic's first complaint into ours: setting, place, what to do."""
    first = error.errors()[0]
    setting = ".".join(str(part) for part in (*filter(None, [prefix]), *first["loc"]))
    last = str(first["loc"][-1]) if first["loc"] else setting
    variable = "AIOPS_" + setting.upper().replace(".", "__")
    if first["type"] == "extra_forbidden":
        return ConfigurationError(setting, "is unknown", remedy=_nearest(last, names), place=_line(place, last))
    if first["type"] == "missing":
        return ConfigurationError(setting, "is missing", remedy=f"Set it there or as {variable}.", place=place)
    problem = f"is wrong: {first['msg'].lower()}"
    return ConfigurationError(setting, problem, remedy=f"Mend it there or set {variable}.", place=_line(place, last))


def _nearest(word: str, names: Iterable[str]) -> str:
    known = sorted(names)
    close = difflib.get_close_matches(word, known, n=1, cutoff=0.5)
    return f"Did you mean `{close[0]}`?" if close else f"Use one of: {', '.join(known)}."


def _line(place: str, word: str) -> str:
    path = Path(place)
    if not path.is_file():
        return place
    for number, text in enumerate(path.read_text("utf-8").splitlines(), start=1):
        if text.lstrip("[ ").split("=")[0].rstrip("] ").endswith(word):
            return f"{place}, line {number}"
    return place


def _refuse_unknown_environment() -> None:
    known = {"AIOPS_" + name.upper() for name in Settings.model_fields} | ENVIRONMENT_ONLY
    for name in sorted(os.environ):
        if name.startswith("AIOPS_") and not name.startswith("AIOPS_TEST_") and name.split("__")[0] not in known:
            raise ConfigurationError(name, "is unknown", remedy=_nearest(name, known), place="the environment")


def _refuse_unknown_fields(kind: Any, said: Mapping[str, Any], *, path: str, place: str) -> None:
    known = get_type_hints(kind)
    for name, value in said.items():
        here = f"{path}.{name}"
        if name not in known:
            names = [f.name for f in fields(kind)]
            raise ConfigurationError(here, "is unknown", remedy=_nearest(name, names), place=_line(place, name))
        inner = known[name]
        if is_dataclass(inner) and isinstance(value, Mapping):
            _refuse_unknown_fields(inner, value, path=here, place=place)
        for part in get_args(inner):
            if is_dataclass(part) and isinstance(value, list):
                for item in value:
                    _refuse_unknown_fields(part, item, path=here, place=place)
