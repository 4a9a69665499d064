"""The one place that knows both banks: settings in, context out."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from functools import cache
from importlib import import_module, resources
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from aiops_jobs import __version__
from aiops_jobs.errors import ConfigurationError
from aiops_jobs.identity import digest
from aiops_jobs.ports import Context, QualityGate
from aiops_jobs.ports.remediation import Remediation
from aiops_jobs.settings import ConnectorSettings, Settings, explained, load_policies, load_settings, settings_file

STOP_FILE = "stop-remediation"
"""A file of this name in the home folder stops all remediation, also where the warehouse is away."""
SECRET_WORDS = ("token", "password", "secret", "key", "authorization")


def bootstrap(settings: Settings | None = None, *, progress: Callable[[str], None] | None = None) -> Context:
    """Return everything a job may touch, from ``settings`` (default: the file in force and the environment).

    The warehouse is brought to the newest schema; nothing else is contacted.

    Raises:
        ConfigurationError: A setting, a source or a sink is wrong; the message names it.
    """
    from aiops_jobs.adapters.kill_switch import KillSwitch
    from aiops_jobs.adapters.lake import DeltaLake
    from aiops_jobs.adapters.model_store import SkopsModelStore
    from aiops_jobs.adapters.pages import FolderPages
    from aiops_jobs.adapters.runbook_files import load_runbooks
    from aiops_jobs.adapters.sinks import SINKS
    from aiops_jobs.adapters.sources import SOURCES
    from aiops_jobs.adapters.warehouse import SqlWarehouse

    settings = settings or load_settings()
    home = settings.home.resolve()
    home.mkdir(parents=True, exist_ok=True)
    policies = load_policies(settings)
    sources = connect("sources", SOURCES, settings.sources)
    sinks = connect("sinks", SINKS, settings.sinks)
    warehouse = SqlWarehouse(warehouse_url(settings))
    warehouse.migrate()
    return Context(
        lake=DeltaLake(settings.lake_root or home / "lake"),
        warehouse=warehouse,
        quality=_gate(expectations_folder(settings)),
        models=SkopsModelStore(home / "models"),
        pages=FolderPages(home / "reports"),
        sources=sources,
        sinks=sinks,
        policies=policies,
        code_version=code_version(),
        config_hash=policies.config_hash,
        source_hashes={name: digest(without_secrets(entry.model_dump())) for name, entry in settings.sources.items()},
        runbooks=load_runbooks(settings.runbooks),
        estate=settings.estate,
        stopped=KillSwitch("tickets", home, warehouse),
        report_url=settings.report_url,
        progress=progress or (lambda _: None),
    )


def remediation(settings: Settings | None = None, *, progress: Callable[[str], None] | None = None) -> Remediation:
    """Return everything remediation may touch, from ``settings`` (default: the file in force and the environment).

    Raises:
        ConfigurationError: A setting, a runbook or an executor is wrong; the message names it.
    """
    import time

    from aiops_jobs.adapters import clock
    from aiops_jobs.adapters.estate_places import Places
    from aiops_jobs.adapters.warehouse import SqlWarehouse
    from aiops_jobs.adapters.warehouse.remediation import SqlRemediationStore
    from aiops_jobs.core.runbooks.runbook import by_id
    from aiops_jobs.core.tickets.redact import redact_text

    settings = settings or load_settings()
    context = bootstrap(settings, progress=progress)
    warehouse = context.warehouse
    if not isinstance(warehouse, SqlWarehouse):
        raise TypeError("remediation keeps its log in a SQL warehouse")
    file = settings.home.resolve() / STOP_FILE
    return Remediation(
        store=SqlRemediationStore(warehouse),
        executors=executors(settings),
        runbooks=by_id(context.runbooks),
        policy=context.policies.remediation,
        people=settings.people,
        now=clock.now,
        wait=time.sleep,
        stop_file=lambda: f"stopped: the file {file.name} is in the home folder" if file.exists() else None,
        place=Places(context.lake, clock.now).place,
        redact=redact_text,
        progress=context.progress,
    )


def executors(settings: Settings) -> dict[str, Any]:
    """Return every executor remediation may act through, by name; none of them is contacted.

    Raises:
        ConfigurationError: An executor's settings are wrong.
    """
    from aiops_jobs.adapters.executors import EXECUTORS

    return connect("executors", EXECUTORS, settings.executors)


@cache
def _gate(folder: Path | None) -> QualityGate:
    """Return the gate of one folder: Great Expectations is started once in a process, not once a flow."""
    from aiops_jobs.adapters.quality import ExpectationsGate

    return ExpectationsGate(folder)


def warehouse_url(settings: Settings) -> str:
    """Return the URL of the warehouse: as set, else SQLite in the home folder."""
    return settings.warehouse_url or f"sqlite:///{settings.home.resolve() / 'warehouse.db'}"


def expectations_folder(settings: Settings) -> Path | None:
    """Return the folder of expectation files: as set, else the one beside the package, else none."""
    beside = Path(__file__).resolve().parent.parent / "expectations"
    return settings.expectations or (beside if beside.is_dir() else None)


def connect(section: str, registry: Mapping[str, str], configured: Mapping[str, ConnectorSettings]) -> dict[str, Any]:
    """Build every configured connector of one section, by name.

    Raises:
        ConfigurationError: A kind is unknown, or a connector's own settings are wrong.
    """
    return {name: _connector(section, name, registry, entry) for name, entry in sorted(configured.items())}


def _connector(section: str, name: str, registry: Mapping[str, str], entry: ConnectorSettings) -> Any:
    place = str(settings_file() or "the environment")
    if entry.kind not in registry:
        raise ConfigurationError(
            f"{section}.{name}.kind",
            f"is `{entry.kind}`, which is unknown",
            remedy=f"Use one of: {', '.join(sorted(registry))}.",
            place=place,
        )
    module_name, _, class_name = registry[entry.kind].partition(":")
    module = import_module(module_name)
    model: type[BaseModel] = module.Settings
    try:
        own = model.model_validate(entry.model_dump())
    except ValidationError as error:
        raise explained(error, place=place, prefix=f"{section}.{name}", names=model.model_fields) from error
    return getattr(module, class_name)(name, own)


def without_secrets(value: Any) -> Any:
    """Return settings without what must not leave the process, nor change a digest."""
    if isinstance(value, Mapping):
        return {k: without_secrets(v) for k, v in value.items() if not any(w in str(k).lower() for w in SECRET_WORDS)}
    if isinstance(value, (list, tuple)):
        return [without_secrets(item) for item in value]
    return value if isinstance(value, (str, int, float, bool, type(None))) else str(value)


@cache
def code_version() -> str:
    """Return version and digest of the package's source: two runs with one code version ran the same code."""
    seen = hashlib.sha256()
    root = resources.files("aiops_jobs")
    paths = sorted(p for p in Path(str(root)).rglob("*") if p.suffix in {".py", ".yaml", ".html", ".css"})
    for path in paths:
        seen.update(str(path.relative_to(str(root))).encode())
        seen.update(path.read_bytes())
    return f"{__version__}+{seen.hexdigest()[:12]}"
