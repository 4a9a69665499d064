"""Runbooks from YAML files: those shipped with the package, and those of the operator beside or instead of them."""

from __future__ import annotations

from importlib import resources
from pathlib import Path
from typing import Any

import yaml

from aiops_jobs.core.runbooks.runbook import Runbook, runbook_of
from aiops_jobs.errors import ConfigurationError

MOST_BYTES = 256 << 10
"""A larger file is no runbook."""


class _Loader(yaml.SafeLoader):
    """Plain data only, and no key twice."""


def _mapping(loader: yaml.SafeLoader, node: yaml.MappingNode) -> dict[Any, Any]:
    pairs = [(loader.construct_object(k, deep=True), loader.construct_object(v, deep=True)) for k, v in node.value]  # type: ignore[no-untyped-call]
    seen: dict[Any, Any] = {}
    for key, value in pairs:
        if key in seen:
            raise yaml.constructor.ConstructorError(None, None, f"`{key}` is there twice", node.start_mark)
        seen[key] = value
    return seen


_Loader.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _mapping)


def load_runbooks(folder: Path | None = None) -> tuple[Runbook, ...]:
    """Return the shipped runbooks and those of ``folder``, by id; one of the folder replaces a shipped one of its id.

    Raises:
        ConfigurationError: A file is no runbook, or two files of one folder have one id.
    """
    shipped = _folder(Path(str(resources.files("aiops_jobs"))) / "runbooks")
    own = _folder(folder) if folder else {}
    return tuple(runbook for _, runbook in sorted({**shipped, **own}.items()))


def _folder(folder: Path) -> dict[str, Runbook]:
    if not folder.is_dir():
        raise ConfigurationError(
            "runbooks", f"names `{folder}`, which is no folder", remedy="Name a folder of YAML files."
        )
    found: dict[str, Runbook] = {}
    for path in sorted(folder.glob("*.yaml")):
        runbook = runbook_of(_read(path), place=str(path))
        if runbook.id in found:
            raise ConfigurationError(
                f"runbook {runbook.id}", "is there twice", remedy="Give one another id.", place=str(path)
            )
        found[runbook.id] = runbook
    return found


def _read(path: Path) -> Any:
    try:
        if path.stat().st_size > MOST_BYTES:
            raise ConfigurationError("runbook", "is too large", remedy="A runbook is a page.", place=str(path))
        return yaml.load(path.read_text("utf-8"), Loader=_Loader)  # noqa: S506 - a SafeLoader
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ConfigurationError(
            "runbook", f"is no YAML: {error}", remedy="Mend that line.", place=str(path)
        ) from error
