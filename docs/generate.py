"""Write the reference pages from the code: ``make docs``. A test fails when one is not current."""

from __future__ import annotations

import ast
import inspect
import re
from pathlib import Path

from aiops_jobs import errors
from aiops_jobs.adapters.executors import EXECUTORS
from aiops_jobs.adapters.sinks import SINKS
from aiops_jobs.adapters.sources import SOURCES
from aiops_jobs.cli import app
from aiops_jobs.contracts import TABLES
from aiops_jobs.contracts.render import reference_page

ROOT = Path(__file__).resolve().parents[1]
OUT = ROOT / "docs" / "reference"
WHERE = """In `aiops.toml`, or as `AIOPS_<NAME>` in the environment with `__` between levels; the environment wins. The
file is `$AIOPS_CONFIG`, else `./aiops.toml`, else `aiops.toml` in the home folder. Secrets belong in the environment.
"""
NOTE = "<!-- Written by `make docs` from the code; do not edit. -->\n\n"


def pages() -> dict[str, str]:
    """Return every generated page by file name."""
    return {
        "tables.md": NOTE + reference_page(TABLES),
        "settings.md": NOTE + settings_page(),
        "errors.md": NOTE + errors_page(),
        "cli.md": NOTE + cli_page(),
    }


def settings_page() -> str:
    """Return the reference of ``aiops.toml``: settings, connectors, policies."""
    package = ROOT / "aiops_jobs"
    parts = [
        "# Settings\n",
        WHERE,
        "## Top level\n",
        _fields(package / "settings.py", ["Settings"]),
    ]
    for section, registry in (("sources", SOURCES), ("sinks", SINKS), ("executors", EXECUTORS)):
        for kind, reference in sorted(registry.items()):
            module = ROOT / (reference.partition(":")[0].replace(".", "/") + ".py")
            doc = ast.get_docstring(ast.parse(module.read_text("utf-8"))) or ""
            parts += [f'## `[{section}.<name>]` with `kind = "{kind}"`\n', doc.split("\n\n")[0] + "\n"]
            parts.append(_fields(module, ["Settings", "FileTable"]))
    parts.append(
        "## Policies\n\nEach is a table `[policies.<name>]`; `roles` is a list of tables `[[policies.roles]]`.\n"
    )
    for policies in sorted((package / "core" / "policies").glob("[!_]*.py")):
        classes = [n.name for n in ast.parse(policies.read_text("utf-8")).body if isinstance(n, ast.ClassDef)]
        parts.append(_fields(policies, classes))
    return "\n".join(parts)


def errors_page() -> str:
    """Return the table of error classes with their exit codes."""
    kinds = [k for k in vars(errors).values() if inspect.isclass(k) and issubclass(k, errors.AiopsError)]
    rows = []
    for kind in kinds:
        retried = "yes" if issubclass(kind, errors.Retryable) else "no"
        rows.append(f"| `{kind.__name__}` | {kind.exit_code} | {retried} | {inspect.getdoc(kind)} |")
    rows.sort(key=lambda row: (int(row.split("|")[2]), row))
    head = "# Errors\n\n| class | exit code | retried | meaning |\n| --- | ---: | --- | --- |\n"
    return head + "\n".join(rows) + "\n"


def cli_page() -> str:
    """Return the reference of the command line."""
    text: str = app.generate_docs(output_format="markdown")
    # where Python itself was started with -m, its usage lines say so
    return re.sub(r"^(aiops(?: [\w-]+)*) -m \S+", r"\1", text.rstrip(), flags=re.MULTILINE) + "\n"


def _fields(path: Path, classes: list[str]) -> str:
    lines = []
    for node in ast.parse(path.read_text("utf-8")).body:
        if not isinstance(node, ast.ClassDef) or node.name not in classes:
            continue
        if len(classes) > 1:
            lines.append(f"### {node.name}\n\n{ast.get_docstring(node) or ''}\n")
        lines += ["| setting | type | default | meaning |", "| --- | --- | --- | --- |"]
        lines += _rows(path, node).values()
        lines.append("")
    return "\n".join(lines)


def _rows(path: Path, node: ast.ClassDef) -> dict[str, str]:
    """Return one table row for each field of a class, by name; its own first, then what it inherits from ours."""
    rows: dict[str, str] = {}
    for item, after in zip(node.body, [*node.body[1:], None], strict=True):
        if not isinstance(item, ast.AnnAssign) or not isinstance(item.target, ast.Name):
            continue
        text = ""
        if isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant):
            text = " ".join(str(after.value.value).split())
        default = ast.unparse(item.value) if item.value else "required"
        default = default if len(default) <= 60 else "see the source"
        cells = (f"`{item.target.id}`", f"`{ast.unparse(item.annotation)}`", f"`{default}`", text)
        rows[item.target.id] = "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"
    for base in node.bases:
        found = _definition(path, base.id) if isinstance(base, ast.Name) else None
        inherited = _rows(*found) if found else {}
        rows |= {name: row for name, row in inherited.items() if name not in rows}
    return rows


def _definition(path: Path, name: str) -> tuple[Path, ast.ClassDef] | None:
    """Return where a module takes a class of ours from, and the class; nothing for the classes of others."""
    body = ast.parse(path.read_text("utf-8")).body
    for node in body:
        if isinstance(node, ast.ClassDef) and node.name == name:
            return path, node
        if isinstance(node, ast.ImportFrom) and name in {alias.name for alias in node.names}:
            module = ROOT / f"{(node.module or '').replace('.', '/')}.py"
            return _definition(module, name) if module.exists() else None
    return None


if __name__ == "__main__":
    OUT.mkdir(parents=True, exist_ok=True)
    for name, text in pages().items():
        (OUT / name).write_text(text, "utf-8")
