"""A module imports only from lower floors, so that dependency order is reading order and no cycle can arise."""

import ast
import functools
import graphlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

PACKAGE = "ginkgo_logging"
DIRECTORY = Path(__file__).parents[1] / PACKAGE
DESIGN = (DIRECTORY.parent / "docs" / "design.md").read_text(encoding="utf-8")

# The floors, and on each from left to right: a module (or package) imports from what stands before it.
FLOORS = (
    # 0: know nothing of each other's business
    (
        "fields errors arguments lazy_pattern any_object masking error_patterns throttling sampling "
        "environment importing accounting forking stamps watching json_line options caller record_factory "
        "trace_headers transaction record_text record_state records yaml_file"
    ),
    # 1: what is bound, what was chosen
    "context propagation settings",
    # 2: what a dictConfig file names, and what else feeds the pipe
    "filters formatters handlers integrations uncaught captured_warnings",
    # 3: one configuration for the process
    "config_files applying config",
    # 4: the familiar calls
    "concurrency logger_handlers glog testing",
    # 5: the half that reads
    "query web",
    # 6: what people and programs call
    "compat checking cli __init__ __main__",
)
RANK = {name: rank for rank, name in enumerate(" ".join(FLOORS).split())}

NOT_AT_THE_TOP = {
    (
        "compat.pytest_ginkgo_logging",
        "ginkgo_logging.testing",
    ): "pytest imports its plugins at every start, and few tests use this one",
    (
        "config",
        "ginkgo_logging.integrations.structlog",
    ): "a program that does not use structlog does not import it",
    ("config", "ginkgo_logging.integrations.opentelemetry"): "the same for OpenTelemetry",
    ("config", "ginkgo_logging.watching"): "few programs watch their files",
    ("filters", "ginkgo_logging.filters.processor"): "few dictConfig files name this filter",
    ("filters", "ginkgo_logging.filters.sampling"): "the same",
    ("handlers", "ginkgo_logging.handlers.flight_recorder"): "few dictConfig files name this handler",
    ("handlers", "ginkgo_logging.handlers.queue"): "the same",
    ("integrations.otlp", "opentelemetry"): "an extra; without it the error says what to install",
    ("formatters.json", "pythonjsonlogger"): "slow to import, and needed for its options only",
    ("filters.processor", "structlog"): "slow to import, and few dictConfig files name this filter",
    (
        "query.service",
        "ginkgo_logging.query.loki",
    ): "an extra, and needed only where there is a Loki",
    ("handlers.console", "rich"): "slow to import, and needed on a terminal only",
    (
        "handlers.file_write",
        "ctypes",
    ): "an interpreter may be built without it; needed only where threads meet",
    ("cli", "importlib"): "slow to import, and needed for --version only",
    ("cli.web", "uvicorn"): "an extra; without it the command says what to install",
    ("cli.web", "ginkgo_logging.web.app"): "the same extra",
    ("cli.web", "ginkgo_logging.web.stream"): "the same extra",
    ("cli.flags", "ginkgo_logging.query.loki"): "an extra, and needed only where there is a Loki",
    ("cli.terminal", "rich"): "slow to import, and needed for colours and wide characters only",
    ("cli.progress", "rich"): "slow to import, and needed for long scans on a terminal only",
    ("cli.demo", "sqlalchemy"): "an extra of its own; the demo does without",
    ("cli.demo", "urllib3"): "an extra of its own; the demo does without",
    ("cli.demo", "structlog"): "imported as a program would that is already configured",
}

MAY_QUERY = {"query", "web", "cli", "compat"}


class Import(NamedTuple):
    """One import: in which module, of what, and whether it stands at the top of the file."""

    by: str
    of: str
    at_top: bool


def modules() -> dict[str, Path]:
    """Return every module of the package by its name below the package."""
    found = {}
    for path in sorted(DIRECTORY.rglob("*.py")):
        name = ".".join(path.relative_to(DIRECTORY).with_suffix("").parts)
        found[name.removesuffix(".__init__")] = path
    return found


@functools.cache
def imports() -> list[Import]:
    """Return every import in the package that happens at run time."""
    known = modules()
    return [
        Import(name, of, at_top)
        for name, path in known.items()
        for of, at_top in imports_of(ast.parse(path.read_text(encoding="utf-8")), name, path, known)
    ]


def imports_of(tree: ast.Module, name: str, path: Path, known: dict[str, Path]) -> Iterator[tuple[str, bool]]:
    only_for_types = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
        for inner in ast.walk(node)
    }
    for node in ast.walk(tree):
        if id(node) in only_for_types:
            continue
        if isinstance(node, ast.Import):
            targets = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = absolute(node, name, path)
            # `from package import module` imports the module.
            targets = [
                f"{base}.{alias.name}" if below(f"{base}.{alias.name}") in known else base
                for alias in node.names
            ]
        else:
            continue
        for target in targets:
            yield target, node in tree.body


def absolute(node: ast.ImportFrom, name: str, path: Path) -> str:
    """Return the full name of the module that a relative import names."""
    if not node.level:
        return node.module or ""
    parts = [PACKAGE, *name.split(".")]
    above = parts[: len(parts) - node.level + (path.name == "__init__.py")]
    return ".".join([*above, *filter(None, [node.module])])


def below(name: str) -> str | None:
    """Return *name* without the package in front; None for a module of somebody else's."""
    if name == PACKAGE:
        return "__init__"
    return name.removeprefix(f"{PACKAGE}.") if name.startswith(f"{PACKAGE}.") else None


def part(name: str) -> str:
    """Return that which has a floor: the module, or the package that it is in."""
    return name.partition(".")[0]


def test_every_module_has_a_floor() -> None:
    """
    The table of floors names every module and package there is, and no other.
    """
    assert sorted({part(name) for name in modules()}) == sorted(RANK)


def test_the_picture_of_the_design_is_the_table() -> None:
    """
    docs/design.md shows the same modules on the same floors, in the same order.
    """
    numbered = [
        (str(floor), name)
        for floor, names in enumerate(FLOORS)
        for name in names.split()
        if not name.startswith("__")
    ]

    assert numbered == re.findall(r"^ (\d) (\w+)", DESIGN, re.MULTILINE)


@pytest.mark.parametrize(
    ("package", "module"),
    [
        ("structlog", "structlog"),
        ("python-json-logger", "pythonjsonlogger"),
        ("Rich", "rich"),
        ("PyYAML", "yaml"),
        ("httpx", "httpx"),
        ("FastAPI", "fastapi"),
    ],
)
def test_a_third_party_is_imported_where_the_design_says(package: str, module: str) -> None:
    """
    The table of docs/design.md names every file that imports a third party, and no other.
    """
    row = re.search(rf"^\| {package} \| (.*) \|$", DESIGN, re.MULTILINE)
    files = modules()

    importing = {
        files[one.by].relative_to(DIRECTORY).as_posix() for one in imports() if part(one.of) == module
    }

    assert row is not None
    assert sorted(importing) == sorted(re.findall(r"`([^`]+)`", row[1]))


def test_imports_lead_downwards() -> None:
    """
    A module imports only from what stands before it in the table, or from its own package.
    """
    upwards = [
        (one.by, one.of)
        for one in imports()
        if (target := below(one.of)) is not None
        and part(target) != part(one.by)
        and RANK[part(target)] > RANK[part(one.by)]
    ]

    assert [] == upwards


def test_no_cycles() -> None:
    """
    Inside a package too, no two modules import each other, by whatever detour.
    """
    graph: dict[str, set[str]] = {}
    for one in imports():
        if (target := below(one.of)) is not None:
            graph.setdefault(one.by, set()).add(target)

    order = list(graphlib.TopologicalSorter(graph).static_order())

    assert order.index("fields") < order.index("__init__")


def test_imports_stand_at_the_top() -> None:
    """
    A file says at its top what it needs; the exceptions are listed here with their reasons.
    """
    hidden = {
        (one.by, one.of if one.of.startswith(PACKAGE) else part(one.of))
        for one in imports()
        if not one.at_top
    }

    assert sorted(NOT_AT_THE_TOP) == sorted(hidden)


@pytest.mark.parametrize("name", sorted(name for name in RANK if name not in MAY_QUERY))
def test_logging_knows_nothing_of_querying(name: str) -> None:
    """
    What only logs does not import the half that reads.
    """
    assert [] == [one for one in imports() if part(one.by) == name and part(below(one.of) or "") == "query"]


def test_querying_knows_nothing_of_logging() -> None:
    """
    The half that reads imports from the rest of the package what docs/design.md names, and nothing else.
    """
    sentence = re.search(r"outside itself, `query` imports (.*?) only", DESIGN, re.DOTALL)
    outside = {
        part(target)
        for one in imports()
        if part(one.by) == "query" and (target := below(one.of)) is not None and part(target) != "query"
    }

    assert sentence is not None
    assert sorted(outside) == sorted(re.findall(r"`(\w+)`", sentence[1]))
