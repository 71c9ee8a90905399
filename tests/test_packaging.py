"""The package works wherever it lies: wheel, editable install, unpacked source, zip of the source."""

import json
import os
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import venv
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SHIPPED = sorted(path.name for path in (ROOT / "logging.d").iterdir())
# These directories are the source of packages of other names.
PORTIONS = ("compat/ginkgo/", "compat/pytest_ginkgo_logging/")

Run = Callable[..., str]


def run(*command: object, cwd: Path, **variables: str) -> str:
    """Run *command* away from the checkout, with a home of its own, and return what it printed on stdout."""
    environ = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("LOGGING_", "LOKI_", "GINKGO_", "PYTHON"))
    }
    environ |= {
        "HOME": str(cwd),
        "LOGGING_MODE": "container",
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
    } | variables
    done = subprocess.run(
        [str(part) for part in command], cwd=cwd, env=environ, capture_output=True, text=True, check=False
    )
    assert 0 == done.returncode, done.stderr
    return done.stdout


def pip(*arguments: object, cwd: Path) -> None:
    """Run pip without the network: what a build needs is in this interpreter."""
    run(sys.executable, "-m", "pip", *arguments, cwd=cwd)


@pytest.fixture(scope="session")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the checkout, since builds leave things behind."""
    copy = tmp_path_factory.mktemp("packaging") / "ginkgo-logging-main"
    ignored = shutil.ignore_patterns(".*", "__pycache__", "*.egg-info", "build", "dist")
    shutil.copytree(ROOT, copy, ignore=ignored)
    return copy


@pytest.fixture(scope="session")
def wheel(source: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of the copy."""
    directory = tmp_path_factory.mktemp("wheel")
    pip("wheel", "-q", "--no-deps", "--no-build-isolation", "-w", directory, source, cwd=directory)
    (built,) = directory.glob("*.whl")
    return built


def new_environment(directory: Path, *install: object) -> Path:
    """Make an environment that sees this interpreter's libraries and has *install*; return its interpreter."""
    venv.create(directory, with_pip=False)
    python = directory / "bin" / "python"
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    own = directory / "lib" / version / "site-packages"
    # A line in a .pth file adds the directory without reading the .pth files in it: an editable install of this
    # very checkout stays invisible.
    paths = dict.fromkeys(sysconfig.get_paths()[name] for name in ("purelib", "platlib"))
    (own / "libraries.pth").write_text("\n".join(paths))
    pip(
        "--python",
        python,
        "install",
        "-q",
        "--no-deps",
        "--no-build-isolation",
        "--ignore-installed",
        *install,
        cwd=directory,
    )
    return python


@pytest.fixture(scope="session")
def wheel_python(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An interpreter with the wheel installed."""
    return new_environment(tmp_path_factory.mktemp("wheel-environment"), wheel)


@pytest.fixture(scope="session")
def editable_python(source: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An interpreter with the copy installed by ``pip install -e``."""
    return new_environment(tmp_path_factory.mktemp("editable-environment"), "-e", source)


@pytest.fixture
def installed_by(request: pytest.FixtureRequest, home: Path) -> Callable[[str], Run]:
    """Runs code in an interpreter with the package installed in the way that is asked for."""

    def choose(way: str) -> Run:
        python = request.getfixturevalue(f"{way}_python")
        return lambda code, **variables: run(python, "-c", code, cwd=home, **variables)

    return choose


@pytest.fixture(params=["wheel", "editable"])
def installed(request: pytest.FixtureRequest, installed_by: Callable[[str], Run]) -> Run:
    """Runs code in an interpreter with the package installed, one way or the other."""
    return installed_by(request.param)


@pytest.fixture(params=["wheel", "editable", "unpacked", "zip", "zip-with-top-directory"])
def anywhere(
    request: pytest.FixtureRequest, installed_by: Callable[[str], Run], home: Path, source: Path
) -> Run:
    """Runs code in an interpreter that finds the package: installed, or through PYTHONPATH alone."""
    if request.param in {"wheel", "editable"}:
        return installed_by(request.param)
    path = source
    if request.param.startswith("zip"):
        top = source.name if request.param.endswith("directory") else "."
        archive = home / "source.zip"
        with zipfile.ZipFile(archive, "w") as file:
            for name in sorted(source.rglob("*")):
                if {"build", "__pycache__"}.isdisjoint(name.parts):
                    file.write(name, Path(top) / name.relative_to(source))
        path = archive / top if top != "." else archive

    def execute_from_path(code: str) -> str:
        return run(sys.executable, "-c", code, cwd=home, PYTHONPATH=str(path))

    return execute_from_path


def test_shipped_files_are_found(anywhere: Run, source: Path) -> None:
    """
    The dictConfig files that come with the package are found, and they are those of logging.d/.
    """
    code = """if True:
        import json
        from ginkgo_logging.config_files import ENVIRONMENTS, shipped
        print(json.dumps({name + ".yaml": shipped(name).text for name in ENVIRONMENTS}))"""

    found = json.loads(anywhere(code))

    assert {"container.yaml", "local.yaml", "test.yaml"} <= set(SHIPPED)
    assert {name: (source / "logging.d" / name).read_text() for name in SHIPPED} == found


def test_first_line(anywhere: Run) -> None:
    """
    The first use of GLOG writes a line, wherever the package lies.
    """
    line = anywhere("from ginkgo_logging import GLOG; GLOG.INFO('here')")

    assert "here" == json.loads(line)["message"]


def test_wheel_holds_package_and_nothing_else(wheel: Path, source: Path) -> None:
    """
    The wheel holds each module, the YAML files, the web page and the marker for type checkers, and no tests.
    """
    package = source / "ginkgo_logging"
    names = {
        str(name.relative_to(package))
        for name in package.rglob("*")
        if name.suffix in {".py", ".typed", ".yaml"} or name.parent.name == "assets"
    }
    expected = {
        name.removeprefix("compat/") if name.startswith(PORTIONS) else f"ginkgo_logging/{name}"
        for name in names
    }
    expected |= {f"ginkgo_logging/logging_d/{name}" for name in SHIPPED}

    found = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}

    assert expected == found


def test_source_archive_builds_the_same_wheel(wheel: Path, source: Path, tmp_path: Path) -> None:
    """
    The source archive holds the tests and logging.d/, and what it builds is what the checkout builds.
    """
    build = "import sys; from setuptools import build_meta; build_meta.build_sdist(sys.argv[1])"
    run(sys.executable, "-c", build, tmp_path, cwd=source)
    (archive,) = tmp_path.glob("*.tar.gz")
    with tarfile.open(archive) as file:
        file.extractall(tmp_path, filter="data")
    unpacked = archive.with_name(archive.name.removesuffix(".tar.gz"))
    pip("wheel", "-q", "--no-deps", "--no-build-isolation", "-w", tmp_path, unpacked, cwd=tmp_path)
    (again,) = tmp_path.glob("*.whl")

    assert (unpacked / "tests" / "conftest.py").is_file()
    assert contents(wheel) == contents(again)


def contents(archive: Path) -> dict[str, bytes]:
    """Return what *archive* holds, by name."""
    with zipfile.ZipFile(archive) as file:
        return {name: file.read(name) for name in file.namelist()}


def test_every_package_says_that_it_is_typed(wheel: Path) -> None:
    """
    Type checkers look for the mark in each part of a namespace package.
    """
    marked = {name for name in contents(wheel) if name.endswith("py.typed")}

    assert {
        f"{package}/py.typed" for package in ("ginkgo/libs", "ginkgo/services", "ginkgo_logging")
    } == marked


def test_command(wheel_python: Path, home: Path) -> None:
    """
    The command ``ginkgo-logging`` is installed and runs a program.
    """
    (home / "program.py").write_text("import logging; logging.getLogger('some.library').warning('from it')")

    line = run(wheel_python.with_name("ginkgo-logging"), "run", "program.py", cwd=home)

    assert "some.library" == json.loads(line)["logger_name"]


def test_module_is_the_command(wheel_python: Path, home: Path) -> None:
    """
    ``python -m ginkgo_logging`` is the same command.
    """
    (home / "program.py").write_text("import logging; logging.getLogger('some.library').warning('from it')")

    line = run(wheel_python, "-m", "ginkgo_logging", "run", "program.py", cwd=home)

    assert "some.library" == json.loads(line)["logger_name"]


def test_pytest_finds_the_plugin(wheel_python: Path, home: Path) -> None:
    """
    Where the wheel is installed, pytest knows the fixture without being told.
    """
    (home / "test_it.py").write_text("def test_it(ginkgo_logs): assert [] == ginkgo_logs")

    assert "1 passed" in run(wheel_python, "-m", "pytest", "-p", "no:cacheprovider", "test_it.py", cwd=home)


# --- the namespace portion ginkgo ----------------------------------------------------------------------------


def test_namespace_portion(installed: Run) -> None:
    """
    Without a host application, the names that the platform's modules import are there.
    """
    code = """if True:
        from ginkgo import services
        from ginkgo.libs import GCONF, GLOG, GinkgoLogger
        from ginkgo.libs.exceptions import ServiceUnavailable
        import ginkgo, ginkgo_logging
        print(GLOG is ginkgo_logging.GLOG, GinkgoLogger is ginkgo_logging.GinkgoLogger,
              ServiceUnavailable is ginkgo_logging.ServiceUnavailable, GCONF.LOGGING_FORMAT,
              services.logging.__name__, getattr(ginkgo, "__file__", None))"""

    assert "True True True json ginkgo.services.logging None\n" == installed(code)


@pytest.mark.parametrize("position", [0, 1000], ids=["earlier", "later"])
def test_host_application_wins(installed: Run, home: Path, position: int) -> None:
    """
    A host application's own regular package ginkgo is the one imported, wherever it stands on sys.path.
    """
    package = home / "host" / "ginkgo" / "libs"
    package.mkdir(parents=True)
    package.with_name("__init__.py").touch()
    (package / "__init__.py").write_text("GLOG = 'the host application'")

    code = f"import sys; sys.path.insert({position}, 'host'); from ginkgo.libs import GLOG; print(GLOG)"

    assert "the host application\n" == installed(code)


def test_host_portion_joins(installed: Run, home: Path) -> None:
    """
    A host application that is a namespace package too, and has other parts, is joined.
    """
    package = home / "host" / "ginkgo" / "engine"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("NAME = 'engine'")

    code = "from ginkgo.engine import NAME; from ginkgo.libs import GLOG; print(NAME, type(GLOG).__name__)"

    assert "engine GinkgoLogger\n" == installed(code, PYTHONPATH="host")


def test_no_package_lies_at_the_top() -> None:
    """
    The checkout has no directory ginkgo/, which would hide a host application's when run from here.
    """
    assert not (ROOT / "ginkgo").exists()
