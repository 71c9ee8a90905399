"""README and docs say what is so: their examples run, their tables match the code, their links lead somewhere."""

import ast
import importlib
import inspect
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from ginkgo_logging import filters, formatters, handlers, settings, setup

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
# quickstart: test_quickstart.py runs it block by block; frameworks: tests/third_parties/ runs it.
EXAMPLES = [page for page in PAGES if page.name not in {"quickstart.zh-CN.md", "frameworks.md"}]


def _blocks(page: Path, language: str) -> list[str]:
    return re.findall(
        rf"^```{language}\n(.*?)^```", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL
    )


@pytest.mark.parametrize("page", EXAMPLES, ids=lambda page: page.name)
def test_python_examples_run(page: Path) -> None:
    """
    Each Python example of a page runs by itself, with nothing but log lines on stderr.
    """
    for code in _blocks(page, "python"):
        done = subprocess.run(
            [sys.executable, "-W", "error", "-W", "ignore::ResourceWarning", "-c", code],
            cwd=ROOT,
            env=os.environ | {"PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        strange = [line for line in done.stderr.splitlines() if not re.match(r"\d{4}-\d\d-\d\d ", line)]
        assert (0, []) == (done.returncode, strange), code


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_yaml_examples_are_yaml_and_name_what_exists(page: Path) -> None:
    """
    Each YAML example parses, and each class of ours that it names can be imported.
    """
    for text in _blocks(page, "yaml"):
        yaml.safe_load(text)
        for path in re.findall(r"ginkgo_logging(?:\.\w+)+", text):
            module, _, name = path.rpartition(".")
            assert hasattr(importlib.import_module(module), name), path


def test_every_option_is_in_the_settings_table() -> None:
    """
    The table of settings lists every option under its key and its variable, and no other.
    """
    text = (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8")
    rows = set(re.findall(r"^\| `((?:logging|loki)\.[\w.]+)` \| `(\w+)` \|", text, re.MULTILINE))

    assert {(o.key, o.variable) for o in settings.OPTIONS} == rows


CONFIGURATION = (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8")
TABLES = dict(re.findall(r"^### `(\w+)`\n(.*?)(?=^##|\Z)", CONFIGURATION, re.MULTILINE | re.DOTALL))
OF_DICTCONFIG = {"level"}
CLASSES = {name: getattr(part, name) for part in (handlers, filters, formatters) for name in part.__all__}


def _options(factory: Callable[..., object]) -> dict[str, inspect.Parameter]:
    parameters = inspect.signature(factory).parameters
    return {name: one for name, one in parameters.items() if name not in OF_DICTCONFIG}


@pytest.mark.parametrize("name", sorted(CLASSES))
def test_tables_have_every_option_of_a_class_and_its_default(name: str) -> None:
    """
    A default in code type is that of the code; plain words stand where the code has none.
    """
    rows = re.findall(r"^\| `(\w+)` \| (.*?) \| ", TABLES.get(name, ""), re.MULTILINE)
    options = _options(CLASSES[name])

    assert list(options) == [option for option, _ in rows]
    for option, shown in rows:
        default = options[option].default
        if default is inspect.Parameter.empty:
            assert "required" == shown, option
        elif default is None:
            assert "`" not in shown, option
            assert "required" != shown, option
        else:
            value = yaml.safe_load(shown.strip("`"))
            value = int(value, 8) if option == "mode" else tuple(value) if isinstance(value, list) else value
            assert default == value, option


def test_table_has_every_argument_of_setup() -> None:
    """
    And no other.
    """
    table = CONFIGURATION.partition("## Arguments of setup()")[2]
    cells = re.findall(r"^\| (`.*?`) \| ", table, re.MULTILINE)

    assert set(inspect.signature(setup).parameters) == set(re.findall(r"`(\w+)`", " ".join(cells)))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_and_files_exist(page: Path) -> None:
    """
    Each relative link leads to a file of this repository.
    """
    for target in re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text(encoding="utf-8")):
        assert (page.parent / target).exists(), target


def test_modules_of_the_design_exist() -> None:
    """
    The picture of the package names modules that exist, and leaves none out.
    """
    picture = (ROOT / "docs" / "design.md").read_text(encoding="utf-8").partition("## The shape")[2]
    named = set(re.findall(r"^ \d (\w+)", picture, re.MULTILINE))
    package = ROOT / "ginkgo_logging"
    there = {
        path.stem for path in package.iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()
    }

    assert there - {"__init__", "__main__"} == named


def _public() -> set[tuple[str, str]]:
    """Return module and name of all that docs/design.md says is public."""
    section = (ROOT / "docs" / "design.md").read_text(encoding="utf-8").partition("## What is public")[2]
    rows = re.findall(r"^\| `([\w.]+)` \| (.+) \|$", section, re.MULTILINE)
    return {(module, name) for module, names in rows for name in re.findall(r"`(\w+)`", names)}


def test_what_is_public_is_what_modules_offer() -> None:
    """
    The list of what is public has the names of each module's ``__all__``, and none that does not exist.
    """
    listed: dict[str, set[str]] = {}
    for module, name in _public():
        listed.setdefault(module, set()).add(name)

    for path, names in listed.items():
        module = importlib.import_module(path)
        assert names == set(getattr(module, "__all__", names)), path
        assert [] == [name for name in names if not hasattr(module, name)], path


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_what_examples_use_is_public(page: Path) -> None:
    """
    Whatever an example imports of ours, or names in YAML, is on the list of what is public.
    """
    public = _public()
    modules = {module for module, _ in public} | {"ginkgo.services"}
    for code in _blocks(page, "python"):
        for node in ast.walk(ast.parse(code)):
            if isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] in {
                "ginkgo",
                "ginkgo_logging",
            }:
                for name in node.names:
                    used = (node.module or "", name.name)
                    assert used in public or ".".join(used) in modules, used
    for text in _blocks(page, "yaml"):
        for path in re.findall(r"ginkgo_logging(?:\.\w+)+", text):
            module, _, name = path.rpartition(".")
            assert (module, name) in public or module == "ginkgo_logging.settings", path


def test_every_yaml_path_of_the_shipped_files_is_public() -> None:
    """
    The files in logging.d name no class that is not public.
    """
    paths = {
        tuple(path.rsplit(".", 1))
        for file in (ROOT / "logging.d").glob("*.yaml")
        for path in re.findall(r"[:=] (ginkgo_logging(?:\.\w+)+)", file.read_text(encoding="utf-8"))
    }

    assert ("ginkgo_logging.filters", "MaskingFilter") in paths
    assert set() == paths - _public()
