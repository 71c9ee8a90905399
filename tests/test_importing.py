"""A function is called when a module is first imported, and nothing else about imports changes."""

import importlib
import importlib.util
import logging
import os
import subprocess
import sys
import textwrap
import threading
import zipfile
from collections.abc import Callable
from importlib.machinery import SourceFileLoader
from pathlib import Path

import pytest

from ginkgo_logging.importing import forget, when_imported

ROOT = Path(__file__).parent.parent


@pytest.fixture
def library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Path]:
    """Make a package ``lib`` with a submodule ``lib.part``, not imported yet."""
    monkeypatch.syspath_prepend(tmp_path)

    def make(source: str = "value = 1\n") -> Path:
        package = tmp_path / "lib"
        package.mkdir()
        (package / "__init__.py").write_text(source)
        (package / "part.py").write_text("import lib\n")
        importlib.invalidate_caches()
        return package

    yield make
    forget("lib")
    forget("lib.part")
    for name in [name for name in sys.modules if name.partition(".")[0] in {"lib", "lib_neighbour"}]:
        del sys.modules[name]


def test_called_after_the_import(library: Callable[..., Path]) -> None:
    """
    The call comes once, after the module was executed and before the import statement ends.
    """
    library()
    seen: list[object] = []
    when_imported("lib", lambda: seen.append(sys.modules["lib"].value))

    import lib  # type: ignore[import-not-found]

    importlib.import_module("lib")
    assert [lib.value] == seen


def test_called_at_once_where_imported_already(library: Callable[..., Path]) -> None:
    """
    There is nothing to wait for.
    """
    library()
    importlib.import_module("lib")
    seen: list[str] = []

    when_imported("lib", lambda: seen.append("called"))

    assert ["called"] == seen


@pytest.mark.parametrize("end", ["import", "forget"])
def test_import_system_is_clean_afterwards(library: Callable[..., Path], end: str) -> None:
    """
    sys.meta_path is what it was, after the import as after `forget`.
    """
    library()
    before = list(sys.meta_path)
    when_imported("lib", int)
    during = list(sys.meta_path)

    importlib.import_module("lib") if end == "import" else forget("lib")

    assert before == list(sys.meta_path) != during


@pytest.mark.parametrize("name", ["lib", "lib.part"])
def test_nothing_of_ours_stays_on_the_module(library: Callable[..., Path], name: str) -> None:
    """
    Loader, spec and file of the module are what they are without us.
    """
    library()
    when_imported(name, int)

    module = importlib.import_module(name)

    assert SourceFileLoader is type(module.__loader__)
    assert module.__spec__ is not None
    assert module.__spec__.loader is module.__loader__
    assert {"name", "path"} == set(vars(module.__loader__))
    assert module.__file__ == module.__spec__.origin


def test_submodule_first(library: Callable[..., Path]) -> None:
    """
    Importing a submodule imports its package, and counts.
    """
    library()
    seen: list[str] = []
    when_imported("lib", lambda: seen.append("lib"))

    importlib.import_module("lib.part")

    assert ["lib"] == seen


def test_from_import(library: Callable[..., Path]) -> None:
    """
    What `from lib import value` needs is there.
    """
    library()
    seen: list[str] = []
    when_imported("lib", lambda: seen.append("lib"))

    from lib import value

    assert (1, ["lib"]) == (value, seen)


def test_looking_without_importing(library: Callable[..., Path]) -> None:
    """
    `importlib.util.find_spec` tells the truth, calls nothing and costs us nothing.
    """
    package = library()
    seen: list[str] = []
    when_imported("lib", lambda: seen.append("lib"))

    specs = [importlib.util.find_spec("lib") for _ in range(2)]

    assert [str(package / "__init__.py")] * 2 == [spec.origin for spec in specs if spec]
    assert all(isinstance(spec.loader, SourceFileLoader) for spec in specs if spec)
    assert [] == seen
    importlib.import_module("lib")
    assert ["lib"] == seen


def test_loading_by_hand_and_importing(library: Callable[..., Path]) -> None:
    """
    A module loaded several times, from specs found before, is still one call.
    """
    library()
    seen: list[str] = []
    when_imported("lib", lambda: seen.append("lib"))
    specs = [spec for _ in range(2) if (spec := importlib.util.find_spec("lib"))]

    for spec in specs:
        assert spec.loader is not None
        spec.loader.exec_module(importlib.util.module_from_spec(spec))
    importlib.import_module("lib")

    assert ["lib"] == seen


def test_reload(library: Callable[..., Path]) -> None:
    """
    A reload is no first import.
    """
    library()
    seen: list[str] = []
    when_imported("lib", lambda: seen.append("lib"))
    module = importlib.import_module("lib")

    importlib.reload(module)

    assert ["lib"] == seen


def test_missing_module(library: Callable[..., Path]) -> None:
    """
    What is not installed is missing as ever, each time.
    """
    when_imported("lib", int)

    for _ in range(2):
        with pytest.raises(ModuleNotFoundError, match="No module named 'lib'"):
            importlib.import_module("lib")


def test_failing_module(library: Callable[..., Path]) -> None:
    """
    An import that fails is not the first import; the one that works is.
    """
    package = library("1 / 0")
    seen: list[str] = []
    when_imported("lib", lambda: seen.append("lib"))
    with pytest.raises(ZeroDivisionError):
        importlib.import_module("lib")
    (package / "__init__.py").write_text("value = 'mended'\n")
    importlib.invalidate_caches()

    importlib.import_module("lib")

    assert ["lib"] == seen


def test_failing_call(library: Callable[..., Path], caplog: pytest.LogCaptureFixture) -> None:
    """
    The program's import works whatever we make of it; a warning tells.
    """
    library()
    when_imported("lib", lambda: 1 / 0)

    with caplog.at_level(logging.WARNING):
        importlib.import_module("lib")

    assert ["lib is not set up for logging"] == [record.getMessage() for record in caplog.records]


def test_later_call_counts(library: Callable[..., Path]) -> None:
    """
    Asked twice for one module, we do the later thing.
    """
    library()
    seen: list[str] = []
    when_imported("lib", lambda: seen.append("first"))
    when_imported("lib", lambda: seen.append("second"))

    importlib.import_module("lib")

    assert ["second"] == seen


def test_zip_archive(library: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    In a zip archive, whose modules share one loader, only the module asked for counts.
    """
    with zipfile.ZipFile(tmp_path / "lib.zip", "w") as archive:
        archive.writestr("lib/__init__.py", "import lib_neighbour\ncomplete = True")
        archive.writestr("lib_neighbour.py", "")
        archive.writestr("lib/data.txt", "data")
    monkeypatch.syspath_prepend(tmp_path / "lib.zip")
    seen: list[bool] = []
    when_imported("lib", lambda: seen.append(hasattr(sys.modules["lib"], "complete")))
    for _ in range(sys.getrecursionlimit()):
        importlib.util.find_spec("lib")

    module = importlib.import_module("lib")

    assert [True] == seen
    assert b"data" == module.__loader__.get_data(str(tmp_path / "lib.zip" / "lib" / "data.txt"))
    assert "exec_module" not in vars(module.__loader__)


def test_many_threads(library: Callable[..., Path], tmp_path: Path) -> None:
    """
    Threads that import it and other modules at once all succeed, and the call comes once.
    """
    library("import time\ntime.sleep(0.02)\nvalue = 1\n")
    for number in range(16):
        (tmp_path / f"other_{number}.py").write_text("import lib\nvalue = lib.value\n")
    importlib.invalidate_caches()
    seen: list[str] = []
    values: list[int] = []
    barrier = threading.Barrier(16)
    when_imported("lib", lambda: seen.append("lib"))

    def load(number: int) -> None:
        barrier.wait()
        values.append(importlib.import_module(f"other_{number}" if number % 2 else "lib").value)

    threads = [threading.Thread(target=load, args=(number,)) for number in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    for number in range(16):
        sys.modules.pop(f"other_{number}", None)
    assert (["lib"], [1] * 16) == (seen, values)


# --- structlog, in processes that have not imported it -------------------------------------------------------


def _run(source: str, python_path: Path = ROOT) -> str:
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(source)],
        env={**os.environ, "PYTHONPATH": f"{python_path}:{ROOT}"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert 0 == done.returncode, done.stderr
    return done.stdout


STATEMENTS = [
    "import structlog",
    "import structlog.contextvars",
    "import structlog.stdlib as s",
    "from structlog import get_logger",
    "from structlog.stdlib import BoundLogger",
    "__import__('structlog')",
    "import importlib; importlib.import_module('structlog.processors')",
    "import importlib.util; importlib.util.find_spec('structlog'); import structlog",
    "import importlib, structlog; importlib.reload(structlog)",
    "import threading; t = threading.Thread(target=__import__, args=('structlog',)); t.start(); t.join()",
]


@pytest.mark.parametrize("statement", STATEMENTS)
def test_structlog_imported_after_setup(statement: str) -> None:
    """
    However structlog is imported after setup(), its events go through our handlers.
    """
    out = _run(
        f"""
        import sys
        from ginkgo_logging import setup
        setup("container", mode="container", uncaught_exceptions=False)
        assert "structlog" not in sys.modules, "setup() imported structlog"
        {statement}
        structlog = sys.modules["structlog"]
        structlog.get_logger("mine").info("event", key="value")
        assert "structlog" not in [getattr(finder, "name", None) for finder in sys.meta_path]
        import importlib.resources
        assert importlib.resources.files("structlog").joinpath("py.typed").is_file()
        """
    )

    assert '"logger_name":"mine","message":"event"' in out
    assert '"key":"value"' in out


def test_structlog_is_not_wanted() -> None:
    """
    With structlog=False we leave structlog alone, also after a setup() that did not.
    """
    out = _run(
        """
        from ginkgo_logging import setup
        setup()
        setup(structlog=False)
        import structlog
        print(structlog.is_configured())
        """
    )

    assert "False\n" == out


def test_structlog_is_not_installed(tmp_path: Path) -> None:
    """
    Without structlog everything else works, and its import fails as ever.
    """
    (tmp_path / "sitecustomize.py").write_text(
        textwrap.dedent(
            """
            import sys
            class Missing:
                def find_spec(self, name, path=None, target=None):
                    if name.partition(".")[0] == "structlog":
                        raise ModuleNotFoundError(f"No module named {name!r}", name=name)
            sys.meta_path.insert(0, Missing())
            """
        )
    )

    out = _run(
        """
        from ginkgo_logging import GLOG, setup
        setup(mode="container")
        for _ in range(2):
            try:
                import structlog
            except ModuleNotFoundError as exc:
                print(exc)
        with GLOG.with_trace_id("t"):
            GLOG.INFO("works")
        """,
        tmp_path,
    )

    assert 2 == out.count("No module named 'structlog'")
    assert '"message":"works"' in out
