"""The rooms, held by a test: who imports whom, how long things are, and what every module must say."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
ROOMS = ("api", "benchmarks", "cli", "migrations", "shared", "worker")
OURS = ("api", "benchmarks", "cli", "migrations", "shared", "tests", "worker")
DATABASE = ("sqlalchemy", "alembic", "psycopg")
BROKER = ("celery", "kombu", "redis", "valkey")
HTTP = ("fastapi", "starlette", "uvicorn", "httpx")
TENSORS = ("torch", "numpy", "matplotlib", "safetensors", "skyfield", "onnx")

FILE_LINES, TEST_FILE_LINES, FUNCTION_LINES = 300, 400, 60
GRAB_BAGS = {"utils", "util", "common", "helpers", "helper", "base", "misc"}


@dataclass(frozen=True)
class Rule:
    """What the modules of one place must not import, and what of ours they may."""

    place: str
    """Dotted prefix."""
    never: tuple[str, ...] = ()
    ours: tuple[str, ...] | None = None
    """Prefixes of our own that may be imported; anything where None."""


RULES = (
    Rule("shared", ("torch", "numpy", *HTTP, "cli", "worker"), ours=("shared",)),
    Rule("shared.specs", DATABASE, ours=("shared.specs", "shared.errors")),
    Rule("shared.errors", (*DATABASE, "pydantic"), ours=()),
    Rule("api", (*TENSORS, "httpx"), ours=("api", "shared", "migrations")),
    Rule("api.maintenance", HTTP, ours=("api.maintenance", "shared")),
    Rule("cli", (*TENSORS, *DATABASE, *BROKER), ours=("cli", "shared")),
    Rule("cli.embedded", ("httpx", "rich", "pydantic"), ours=("cli.embedded", "cli.errors", "cli.exits")),
    Rule("migrations", (*TENSORS, *HTTP, "shared.models", "shared.tables"), ours=("shared", "migrations")),
    Rule("worker.protocol", (*TENSORS, *DATABASE, *BROKER, *HTTP), ours=()),
    Rule("worker.recovery", (*TENSORS, *DATABASE, *BROKER, *HTTP), ours=("shared.specs",)),
    Rule("worker.hostmem", (*TENSORS, *DATABASE, *BROKER, *HTTP), ours=()),
    Rule("worker.jobmem", (*TENSORS, *DATABASE, *BROKER, *HTTP), ours=("worker.hostmem",)),
    Rule(
        "worker.supervision",
        (*TENSORS, *HTTP),
        ours=(
            "shared",
            "worker.supervision",
            "worker.protocol",
            "worker.recovery",
            "worker.hostmem",
            "worker.deathsig",
        ),
    ),
    Rule(
        "worker.training",
        (*DATABASE, *BROKER, *HTTP, "prometheus_client"),
        ours=(
            "shared.clock",
            "shared.errors",
            "shared.failpoints",
            "shared.log",
            "shared.rundir",
            "shared.specs",
            "worker.deathsig",
            "worker.hostmem",
            "worker.jobmem",
            "worker.protocol",
            "worker.recovery",
            "worker.training",
            "worker.workloads.interface",
        ),
    ),
    Rule(
        "worker.workloads",
        (*DATABASE, *BROKER, *HTTP),
        ours=("shared.errors", "shared.specs", "worker.evaluation", "worker.layers", "worker.workloads"),
    ),
    Rule("worker.workloads.interface", ours=()),
    Rule("worker.layers", (*DATABASE, *BROKER, *HTTP), ours=("worker.layers",)),
    Rule("worker.evaluation", (*DATABASE, *BROKER, *HTTP), ours=("worker.evaluation",)),
)

ROOM_LEAKS = {
    "shared.specs.catalogue": ("torch", "numpy", "sqlalchemy", "fastapi"),
    "shared.jobs.store": ("torch", "numpy", "fastapi"),
    "api.app": ("torch", "numpy", "worker", "celery"),
    "api.__main__": ("torch", "numpy", "worker", "celery"),
    "api.maintenance.__main__": ("torch", "numpy", "worker", "fastapi", "celery"),
    "cli.main": ("torch", "httpx", "rich", "pydantic", "sqlalchemy"),
    "cli.verbs.up": ("torch", "httpx", "rich", "sqlalchemy"),
    "worker.__main__": ("torch", "numpy", "fastapi", "celery"),
    "worker.tasks": ("torch", "numpy", "fastapi"),
    "worker.training.main": ("sqlalchemy", "celery", "redis", "fastapi", "prometheus_client"),
    "worker.workloads.ecg.workload": ("wfdb", "sklearn", "scipy", "pandas", "matplotlib", "worker.training"),
    "worker.workloads.engraving.workload": ("PIL", "resvg_py", "matplotlib", "scipy", "worker.training"),
    "worker.workloads.celestial.workload": ("sqlalchemy", "fastapi", "worker.training", "worker.supervision"),
}
"""Module -> what must not be loaded once it was imported, however many imports lie between."""


@dataclass(frozen=True)
class Module:
    """One file of ours."""

    name: str
    path: Path
    tree: ast.Module
    lines: int

    @property
    def imports(self) -> Iterator[str]:
        """Dotted names, of `from a import b` both a and a.b, for b may be a module."""
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Import):
                yield from (alias.name for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and node.module:
                yield from (f"{node.module}.{alias.name}" for alias in node.names)


@cache
def modules() -> tuple[Module, ...]:
    files = (path for room in (*ROOMS, "tests") for path in sorted((ROOT / room).rglob("*.py")))
    return tuple(_module(path) for path in files)


def test_the_walk_finds_every_room() -> None:
    assert {module.name.split(".")[0] for module in modules()} >= {"api", "cli", "shared", "worker", "tests"}


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.place)
def test_a_room_imports_only_what_its_sign_allows(rule: Rule) -> None:
    offences = [
        f"{module.name} imports {imported}"
        for module in modules()
        if _beneath(module.name, rule.place)
        for imported in module.imports
        if not _allowed(imported, rule)
    ]
    assert not offences, "\n".join(offences)


def test_nothing_but_tests_imports_tests() -> None:
    assert not [module.name for module in modules() if _room(module) != "tests" and _imports(module, "tests")]


def test_only_the_edges_know_the_broker() -> None:
    edges = ("shared.broker", "worker.app", "worker.tasks", "worker.stack", "tests")
    assert not [
        module.name
        for module in modules()
        if not any(_beneath(module.name, edge) for edge in edges)
        and any(_imports(module, place) for place in BROKER)
    ]


def test_no_service_module_reads_a_setting_past_the_settings() -> None:
    assert not [
        f"{module.name}:{node.lineno} {node.value}"
        for module in modules()
        if _room(module) in ("api", "shared", "worker")
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and re.fullmatch(r"EPOCHD_[A-Z_]+", node.value)
    ]


@pytest.mark.parametrize("name", ROOM_LEAKS)
def test_importing_a_room_loads_nothing_of_another(name: str) -> None:
    code = f"import importlib, sys; importlib.import_module({name!r}); print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.split()
    assert not [module for module in loaded for leak in ROOM_LEAKS[name] if _beneath(module, leak)][:5]


def test_no_file_is_too_long_to_be_one_idea() -> None:
    caps = {"tests": TEST_FILE_LINES}
    assert not [
        f"{module.name}: {module.lines} lines"
        for module in modules()
        if module.lines > caps.get(_room(module), FILE_LINES)
    ]


def test_no_function_is_too_long_to_be_read_in_one_look() -> None:
    assert not [
        f"{module.name}.{function.name}: {length} lines"
        for module in modules()
        for function in ast.walk(module.tree)
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef)
        and (length := (function.end_lineno or 0) - function.lineno + 1) > FUNCTION_LINES
    ]


def test_the_scripts_of_the_page_are_as_short_and_say_what_lives_there() -> None:
    scripts = [path for path in (ROOT / "api" / "web").rglob("*.js") if "vendor" not in path.parts]
    texts = {path.relative_to(ROOT): path.read_text(encoding="utf-8").splitlines() for path in scripts}
    assert not [name for name, lines in texts.items() if len(lines) > FILE_LINES or lines[0][:3] != "// "]
    assert not [
        f"{name}:{first}: {length} lines"
        for name, lines in texts.items()
        for first, length in _blocks(lines)
        if length > FUNCTION_LINES
    ]


def test_every_module_says_in_its_first_line_what_lives_there() -> None:
    silent = [
        module.name
        for module in modules()
        if not (ast.get_docstring(module.tree) or (_room(module) == "tests" and _is_package(module)))
    ]
    assert not silent


def test_packages_hold_no_code_in_their_init() -> None:
    assert not [
        module.name
        for module in modules()
        if _is_package(module) and len(module.tree.body) > (ast.get_docstring(module.tree) is not None)
    ]


def test_no_module_is_a_grab_bag() -> None:
    assert not [module.name for module in modules() if module.name.split(".")[-1] in GRAB_BAGS]


@pytest.mark.parametrize(
    ("imported", "allowed"),
    [
        ("json", True),
        ("shared.specs.job.JobSpec", True),
        ("shared.models.Job", False),
        ("sqlalchemy.orm.Session", False),
        ("sqlalchemyx", True),
        ("worker.training.fit", False),
        ("worker.layers.norm", True),
    ],
)
def test_the_rule_itself_tells_allowed_from_forbidden(imported: str, allowed: bool) -> None:
    rule = next(rule for rule in RULES if rule.place == "worker.workloads")
    assert _allowed(imported, rule) is allowed


def _blocks(lines: list[str]) -> Iterator[tuple[int, int]]:
    """First line and length of each block of a script but classes, told by its indentation."""
    for number, line in enumerate(lines, 1):
        if line.endswith("{") and not re.match(r"(export )?class ", line):
            inner = " " * (len(line) - len(line.lstrip()) + 1)
            ends = (at for at, later in enumerate(lines[number:], 2) if later and not later.startswith(inner))
            yield number, next(ends)


def _module(path: Path) -> Module:
    text = path.read_text(encoding="utf-8")
    dotted = ".".join(path.relative_to(ROOT).with_suffix("").parts)
    return Module(dotted.removesuffix(".__init__"), path, ast.parse(text), len(text.splitlines()))


def _allowed(imported: str, rule: Rule) -> bool:
    if any(_beneath(imported, forbidden) for forbidden in rule.never):
        return False
    is_ours = any(_beneath(imported, room) for room in OURS)
    return not is_ours or rule.ours is None or any(_beneath(imported, place) for place in rule.ours)


def _beneath(name: str, place: str) -> bool:
    return name == place or name.startswith(place + ".")


def _imports(module: Module, place: str) -> bool:
    return any(_beneath(imported, place) for imported in module.imports)


def _room(module: Module) -> str:
    return module.name.split(".")[0]


def _is_package(module: Module) -> bool:
    return module.path.name == "__init__.py"


def test_p7_nothing_but_the_terminal_prints() -> None:
    """Ruff forbids it too; this holds where somebody excuses a line."""
    printing = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for room in ("api", "migrations", "shared", "worker")
        for path in sorted((ROOT / room).rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print"
    ]
    assert printing == []
