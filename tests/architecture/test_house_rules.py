"""The rules of the house, checked by a script."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SOURCES = sorted(p for d in ("aiops_jobs", "flows") for p in (ROOT / d).rglob("*.py"))
LONG_ON_PURPOSE = {"columns.py"}  # a dictionary: one entry a line


def _id(path):
    return str(path.relative_to(ROOT))


def test_imports_point_downwards_and_the_core_is_pure():
    done = subprocess.run(
        [Path(sys.executable).with_name("lint-imports"), "--no-cache"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-4000:]
    assert "0 broken" in done.stdout


@pytest.mark.parametrize("path", SOURCES, ids=_id)
def test_a_module_is_short_and_says_what_it_is_for(path):
    text = path.read_text("utf-8")
    tree = ast.parse(text)
    assert ast.get_docstring(tree), f"{path.name} has no opening docstring"
    if path.name not in LONG_ON_PURPOSE:
        assert text.count("\n") <= 300, f"{path.name} has {text.count(chr(10))} lines; split it"


def _blanket(handler):
    names = handler.type
    if names is None:
        return True
    nodes = names.elts if isinstance(names, ast.Tuple) else [names]
    return any(isinstance(n, ast.Name) and n.id in {"Exception", "BaseException"} for n in nodes)


def test_nobody_catches_everything():
    found = [
        f"{_id(path)}:{node.lineno}"
        for path in SOURCES
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.ExceptHandler) and _blanket(node)
    ]
    assert found == []


def test_nothing_loads_code_from_data():
    banned = {"pickle", "joblib", "dill", "cloudpickle", "shelve", "marshal"}
    found = []
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            names = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                names = [node.module or ""]
            elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in {"eval", "exec"}:
                found.append(f"{_id(path)}:{node.lineno} {node.func.id}")
            found += [f"{_id(path)}:{node.lineno} {n}" for n in names if n.split(".")[0] in banned]
    assert found == []


def test_contracts_and_core_load_without_any_heavy_library():
    code = (
        "import sys, importlib, pkgutil, aiops_jobs.core, aiops_jobs.contracts, aiops_jobs.ports\n"
        "for p in (aiops_jobs.core, aiops_jobs.contracts):\n"
        "    for m in pkgutil.walk_packages(p.__path__, p.__name__ + '.'): importlib.import_module(m.name)\n"
        "bad = {'prefect','great_expectations','sqlalchemy','httpx','deltalake','alembic'} & set(sys.modules)\n"
        "assert not bad, bad\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]


def test_a_command_that_does_not_orchestrate_does_not_load_prefect_or_great_expectations(tmp_path):
    code = (
        "import sys\nsys.argv = ['aiops', 'tables']\nfrom aiops_jobs.cli import main\n"
        "try:\n    main()\nexcept SystemExit as e:\n    assert not e.code, e.code\n"
        "bad = {'prefect','great_expectations'} & set(sys.modules)\nassert not bad, bad\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    assert "metric_points" in done.stdout


def test_the_repository_names_no_machine_and_no_registry():
    words = [
        "/work" + "/main",
        "/work" + "/shared",
        "pypi" + ".org",
        "files.pythonhosted" + ".org",
        "registry.npmjs" + ".org",
    ]
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
    found = [
        f"{name}: {word}"
        for name in tracked
        if (ROOT / name).is_file()
        for word in words
        if word in (ROOT / name).read_text("utf-8", errors="ignore")
    ]
    assert found == []
