"""GLOG: the platform's calls over a standard logger, configured by the first use."""

import gc
import json
import logging
import os
import pickle
import stat
import subprocess
import sys
import textwrap
import threading
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy
import pytest

from ginkgo_logging import GLOG, GinkgoLogger, glog, setup, shutdown
from ginkgo_logging.errors import ConfigError
from ginkgo_logging.handlers import ConsoleHandler, RotatingFileHandler

ROOT = Path(__file__).parents[1]
ReadRows = Callable[[Path], list[dict[str, Any]]]
Rows = Callable[[], list[dict[str, Any]]]
LEVELS = {
    "DEBUG": "debug", "INFO": "info", "WARN": "warning", "WARNING": "warning", "ERROR": "error",
    "CRITICAL": "critical", "exception": "error",
}  # fmt: skip
METHODS = {**LEVELS, **{name.lower(): level for name, level in LEVELS.items()}}


@pytest.fixture
def name(request: pytest.FixtureRequest) -> str:
    """The name of a logger that no other test uses."""
    return f"app.{request.node.name}"


@pytest.fixture
def log(name: str) -> GinkgoLogger:
    """A logger that nobody has used yet."""
    return GinkgoLogger(name)


@pytest.fixture
def rows(home: Path, read_rows: ReadRows) -> Rows:
    """Reads what is in the log file by now."""
    return lambda: read_rows(home / ".ginkgo" / "logs" / "ginkgo.log")


def own_rows(found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [row for row in found if row["logger_name"] != "ginkgo_logging"]


def program(home: Path, code: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run *code* in a new interpreter; it finds the package and nothing of this machine's settings."""
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    environ = {**os.environ, "PYTHONPATH": path, "HOME": str(home), **variables}
    file = home / "program.py"
    file.write_text(textwrap.dedent(code))
    done = subprocess.run(
        [sys.executable, str(file)], capture_output=True, text=True, env=environ, cwd=home, check=False
    )
    assert 0 == done.returncode, done.stderr
    return done


# --- importing, and the first use ----------------------------------------------------------------------------


def test_import_configures_nothing(home: Path) -> None:
    """
    Importing the package leaves logging, hooks, threads and files alone, and loads no slow library.
    """
    code = """
        import json, logging, os, sys, threading, warnings
        hooks = lambda: [sys.excepthook, threading.excepthook, sys.unraisablehook, warnings.showwarning,
                         logging.getLogRecordFactory(), sys.meta_path[:], len(os.listdir("/proc/self/fd"))]
        before = hooks()
        from ginkgo_logging import GLOG, GinkgoLogger
        own = GinkgoLogger("own", ["own.log"], True)
        loggers = [l for l in logging.Logger.manager.loggerDict.values() if isinstance(l, logging.Logger)]
        print(json.dumps([
            before == hooks(), [str(h) for l in [logging.getLogger(), *loggers] for h in l.handlers],
            threading.active_count(), os.listdir(os.environ["HOME"]),
            [name for name in ("structlog", "rich", "httpx", "requests", "asyncio", "ginkgo_logging.query") if name in sys.modules]]))
    """  # noqa: E501

    assert [True, [], 1, ["program.py"], []] == json.loads(program(home, code).stdout)


def test_first_line_in_a_container_loads_no_slow_library(home: Path) -> None:
    """
    A container's first line pays for neither Rich nor structlog, nor for parts of ours that it does not use.
    """
    code = """
        import sys
        from ginkgo_logging import GLOG
        GLOG.INFO("first")
        own = ["filters.processor", "handlers.queue", "sampling", "watching"]
        others = ["structlog", "rich", "httpx", "pythonjsonlogger"]
        seldom_used = [*others, *[f"ginkgo_logging.{name}" for name in own]]
        print([name for name in seldom_used if name in sys.modules])
    """

    first, modules = program(home, code, LOGGING_MODE="container").stdout.splitlines()

    assert ("first", "[]") == (json.loads(first)["message"], modules)


def test_first_use_configures(log: GinkgoLogger, rows: Rows, capsys: pytest.CaptureFixture[str]) -> None:
    """
    The first call sets logging up from the settings, and is itself a line.
    """
    logging.getLogger().handlers.clear()

    log.INFO("hello")

    assert ["hello"] == [row["message"] for row in rows()]
    assert "hello" in capsys.readouterr().err


def test_first_use_from_many_threads(home: Path, rows: Rows) -> None:
    """
    However many threads begin at once, logging is configured once and no line is lost or doubled.
    """
    code = """
        import threading
        import ginkgo_logging.glog as glog
        count, setup, start = [], glog.setup_or_defaults, threading.Barrier(16)
        glog.setup_or_defaults = lambda: count.append(1) or setup()
        info = glog.GLOG.INFO
        def use(number):
            start.wait()
            (info if number % 2 else glog.GLOG.info)("line %d", number)
        threads = [threading.Thread(target=use, args=(number,)) for number in range(16)]
        [thread.start() for thread in threads], [thread.join() for thread in threads]
        print(len(count))
    """

    assert "1\n" == program(home, code).stdout
    assert {f"line {number}" for number in range(16)} == {row["message"] for row in rows()}
    assert 16 == len(rows())


CONFIGURED = {
    "basicConfig": "logging.basicConfig(format='own %(message)s')",
    "dictConfig": """logging.config.dictConfig({
        "version": 1, "formatters": {"own": {"format": "own %(message)s"}}, "root": {"handlers": ["h"]},
        "handlers": {"h": {"class": "logging.StreamHandler", "formatter": "own"}}})""",
    "addHandler": """handler = logging.StreamHandler()
handler.setFormatter(logging.Formatter("own %(message)s"))
logging.getLogger("ginkgo").addHandler(handler)""",
}


@pytest.mark.parametrize("configure", CONFIGURED.values(), ids=list(CONFIGURED))
def test_configured_program_is_left_as_it_is(home: Path, configure: str) -> None:
    """
    A program that has configured logging by itself keeps its handlers, and gets no file.
    """
    code = f"import logging, logging.config\n{configure}\nfrom ginkgo_logging import GLOG\nGLOG.WARN('hello')"

    assert "own hello\n" == program(home, code).stderr
    assert not (home / ".ginkgo").exists()


def test_null_handler_is_no_configuration(log: GinkgoLogger, rows: Rows) -> None:
    """
    A library's NullHandler does not count as configured logging.
    """
    logging.getLogger().handlers.clear()
    logging.getLogger("app").addHandler(logging.NullHandler())

    log.INFO("hello")

    assert ["hello"] == [row["message"] for row in rows()]


def test_broken_settings_warn_once(home: Path, log: GinkgoLogger, rows: Rows) -> None:
    """
    With a broken config.yaml the program logs with the defaults, and is told once what is wrong.
    """
    logging.getLogger().handlers.clear()
    path = home / ".ginkgo" / "config.yaml"
    path.parent.mkdir()
    path.write_text("logging: {level: {file: LOUD}}")

    log.INFO("one")
    log.INFO("two")

    warning, *rest = rows()
    assert ("warning", "ginkgo_logging") == (warning["level"], warning["logger_name"])
    assert f"{path}:1: logging.level.file: 'LOUD' is not allowed" in warning["message"]
    assert ["one", "two"] == [row["message"] for row in rest]


def test_unwritable_directory_leaves_the_console(
    home: Path, log: GinkgoLogger, capsys: pytest.CaptureFixture[str]
) -> None:
    """
    Where no file can be written there are a warning and the console.
    """
    logging.getLogger().handlers.clear()
    (home / ".ginkgo").write_text("a file where a directory should be")

    log.INFO("hello")

    err = capsys.readouterr().err
    assert ("cannot be read" in err or "cannot write" in err, "INFO     app." in err) == (True, True)


def test_missing_dictconfig_file_warns(
    log: GinkgoLogger, rows: Rows, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    A LOGGING_CONFIG that leads nowhere does not stop the program.
    """
    logging.getLogger().handlers.clear()
    monkeypatch.setenv("LOGGING_CONFIG", "/nowhere.yaml")

    log.INFO("hello")

    warning, line = rows()
    assert (
        "keeps to its defaults where the settings are wrong: /nowhere.yaml: no such dictConfig file"
        in warning["message"]
    )
    assert "hello" == line["message"]


# --- the calls -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("use", ["first", "later", "captured"])
def test_level_and_source(log: GinkgoLogger, rows: Rows, method: str, use: str) -> None:
    """
    Each call logs at its level, and the source is the caller's line: at first, later, and by a captured method.
    """
    call = getattr(log, method) if hasattr(log, method) else None
    if call is None:
        pytest.skip(f"there is no {method}")
    logging.getLogger().handlers.clear()
    if use == "later":
        log.INFO("before")
        call = getattr(log, method)
    line = sys._getframe().f_lineno + 1
    call("hello %s", "there")
    call("again")

    *_, first, second = rows()
    assert (METHODS[method], "hello there", f"test_glog.py:{line}") == (
        first["level"],
        first["message"],
        first["source"],
    )
    assert (METHODS[method], f"test_glog.py:{line + 1}") == (second["level"], second["source"])


@pytest.mark.parametrize(
    ("level", "expected"),
    [
        (logging.ERROR, "error"), ("ERROR", "error"), ("warn", "warning"), (25, "level 25"),
        ("no such level", "info"), (None, "info"), (True, "info"), (2.5, "info"),
    ],
)  # fmt: skip
def test_log(log: GinkgoLogger, rows: Rows, level: Any, expected: str) -> None:
    """
    `log` takes a level by number or name; what is no level is INFO.
    """
    setup()
    line = sys._getframe().f_lineno + 1
    log.log(level, "hello %d", 1)

    (row,) = rows()
    assert (expected, "hello 1", f"test_glog.py:{line}") == (row["level"], row["message"], row["source"])


def test_stacklevel(log: GinkgoLogger, rows: Rows) -> None:
    """
    A wrapper's stacklevel counts from the wrapper, on the first use and later.
    """
    setup()

    def wrapper(text: str) -> None:
        log.INFO(text, stacklevel=2)

    line = sys._getframe().f_lineno + 1
    wrapper("first")
    wrapper("later")

    assert [f"test_glog.py:{line}", f"test_glog.py:{line + 1}"] == [row["source"] for row in rows()]


class Unprintable:
    def __str__(self) -> str:
        raise RuntimeError("no text")


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        (None, "None"),
        (42, "42"),
        (ValueError("broken"), "broken"),
        ("100 % of %s and %(name)s", "100 % of %s and %(name)s"),
        (["a", 1], "['a', 1]"),
        ("", ""),
        (Unprintable(), "<unprintable Unprintable>"),
        ("信号：买入", "信号：买入"),
    ],
    ids=["None", "int", "exception", "percent", "list", "empty", "unprintable", "chinese"],
)
def test_any_object_is_a_message(log: GinkgoLogger, rows: Rows, message: object, expected: str) -> None:
    """
    Whatever is logged is a line; a literal % is just text.
    """
    setup()

    log.ERROR(message)

    assert [expected] == [row["message"] for row in rows()]


def test_arguments_that_do_not_fit(log: GinkgoLogger, rows: Rows) -> None:
    """
    A template whose arguments do not fit loses neither text nor arguments.
    """
    setup()

    log.ERROR("%d of %d", "x")

    (row,) = rows()
    assert (True, True) == ("%d" in row["message"], "x" in row["message"])


@pytest.mark.parametrize("use", ["first", "later"])
def test_exc_info(log: GinkgoLogger, rows: Rows, use: str) -> None:
    """
    exc_info takes true or an exception; `exception` takes the one being handled.
    """
    setup()
    if use == "later":
        log.DEBUG("before")
    error = ValueError("broken")
    try:
        raise error
    except ValueError:
        log.WARN("one", exc_info=True)
        log.exception("two")
    log.ERROR("three", exc_info=error)

    found = [
        (row["message"], row["error_type"], row["error_message"])
        for row in rows()
        if row["message"] != "before"
    ]
    assert [(name, "ValueError", "broken") for name in ("one", "two", "three")] == found


@pytest.mark.parametrize("use", ["first", "later"])
def test_extra_may_have_any_name(log: GinkgoLogger, rows: Rows, use: str) -> None:
    """
    A field whose name logging or the line reserves is kept under another, and the record is untouched.
    """
    setup()
    if use == "later":
        log.DEBUG("before")

    log.INFO(
        "hello",
        extra={"name": "n", "args": 1, "message": "m", "level": "gold", "portfolio_id": "p", "_ginkgo": 7},
    )

    row = rows()[-1]
    expected = {
        "name_": "n",
        "args_": 1,
        "message_": "m",
        "level_": "gold",
        "portfolio_id": "p",
        "_ginkgo_": 7,
    }
    assert expected.items() <= row.items()
    assert ("hello", "info") == (row["message"], row["level"])


class FailingKeys:
    def keys(self) -> Any:
        raise RuntimeError("no keys")


class Gone:
    pass


ODD_EXTRAS = [lambda: numpy.arange(3), FailingKeys, lambda: weakref.proxy(Gone()), lambda: {(): 1}]


@pytest.mark.parametrize("make", ODD_EXTRAS)
def test_extra_that_fails(log: GinkgoLogger, rows: Rows, make: Callable[[], Any]) -> None:
    """
    Whatever is given as extra, the call does not raise and the line is there.
    """
    logging.getLogger().handlers.clear()
    log.INFO("first use")
    log.INFO("hello", extra=make())

    assert "hello" == rows()[-1]["message"]


def test_extra_that_is_no_mapping(log: GinkgoLogger, rows: Rows) -> None:
    """
    Even a wrong extra is a line.
    """
    setup()

    log.INFO("hello", extra=["a"])

    assert [["a"]] == [row["extra"] for row in rows()]


def test_context_of_the_platform(log: GinkgoLogger, rows: Rows) -> None:
    """
    Trace, span, category and business fields are on each line that follows, and can be taken back.
    """
    setup()

    token = log.set_trace_id("trace-1")
    log.set_log_category("backtest")
    log.bind_context(portfolio_id="p", strategy_id="s")
    log.INFO("one")
    log.unbind_context("strategy_id")
    with log.with_span_id("span-1"), log.context(task_id=3):
        log.INFO("two")
    log.clear_context()
    log.INFO("three")
    log.clear_trace_id(token)
    log.INFO("four")

    names = ("trace_id", "span_id", "log_category", "portfolio_id", "strategy_id", "task_id")
    assert [
        ("trace-1", None, "backtest", "p", "s", None),
        ("trace-1", "span-1", "backtest", "p", None, 3),
        ("trace-1", None, "system", None, None, None),
        (None, None, "system", None, None, None),
    ] == [tuple(row.get(name) for name in names) for row in rows()]


def test_no_other_public_names() -> None:
    """
    The contract's names are there, and none beside them.
    """
    context = {
        f"{verb}_{name}_id" for verb in ("get", "set", "clear", "with") for name in ("trace", "span")
    } | {
        "get_log_category",
        "set_log_category",
        "bind_context",
        "unbind_context",
        "clear_context",
        "get_context",
        "context",
    }
    levels = {"set_level", "set_console_level", "set_file_level", "get_current_levels"}
    errors = {"get_error_stats", "clear_error_stats"}
    files = {"add_file_handler", "remove_file_handler", "reset_logfile", "logger"}
    calls = (set(METHODS) | {"log"}) - {"EXCEPTION"}

    assert calls | context | levels | errors | files == {
        name for name in dir(GLOG) if not name.startswith("_")
    }


# --- levels --------------------------------------------------------------------------------------------------


def test_get_current_levels(log: GinkgoLogger) -> None:
    """
    The levels in force are told by name.
    """
    setup()

    assert {"logger": "DEBUG", "handlers": {"console": "INFO", "file": "DEBUG"}} == log.get_current_levels()


@pytest.mark.parametrize(
    ("handler_type", "expected"),
    [
        ("all", {"logger": "ERROR", "handlers": {"console": "ERROR", "file": "ERROR"}}),
        ("console", {"logger": "DEBUG", "handlers": {"console": "ERROR", "file": "DEBUG"}}),
        ("file", {"logger": "DEBUG", "handlers": {"console": "INFO", "file": "ERROR"}}),
        ("error", {"logger": "DEBUG", "handlers": {"console": "INFO", "file": "DEBUG"}}),
    ],
)
def test_set_level(log: GinkgoLogger, handler_type: str, expected: dict[str, Any]) -> None:
    """
    A level is set on the handlers of one type, or on all and the logger.
    """
    setup()

    log.set_level("error", handler_type)

    assert expected == log.get_current_levels()


def test_set_level_error(log: GinkgoLogger) -> None:
    """
    The error type is a handler of that name.
    """
    handler = {"class": "logging.NullHandler"}
    stream = {"class": "logging.StreamHandler", "level": "INFO"}
    setup(
        {
            "version": 1,
            "handlers": {"error_file": stream, "null": handler},
            "root": {"handlers": ["error_file", "null"]},
        }
    )

    log.set_level(logging.CRITICAL, "error")

    assert {"error_file": "CRITICAL"} == log.get_current_levels()["handlers"]


def test_debug_mode(
    log: GinkgoLogger, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    Lowering the console's level lets this logger's lines through to it, whatever the root's level.
    """
    monkeypatch.setenv("LOGGING_LOCAL_FILE_ENABLED", "false")
    setup()

    log.set_console_level("DEBUG")
    log.DEBUG("detail")
    logging.getLogger("other").debug("not asked for")

    err = capsys.readouterr().err
    assert ("detail" in err, "not asked for" in err) == (True, False)


@pytest.mark.parametrize(
    ("level", "handler_type"), [("LOUD", "all"), (None, "all"), (True, "all"), ("INFO", "screen")]
)
def test_set_level_refuses(log: GinkgoLogger, level: Any, handler_type: str) -> None:
    """
    An unknown level or type is refused with what is allowed.
    """
    with pytest.raises(ValueError, match="must be"):
        log.set_level(level, handler_type)


# --- error statistics ----------------------------------------------------------------------------------------


def test_error_stats(log: GinkgoLogger) -> None:
    """
    Errors are counted by pattern, those held back included, with a masked example.
    """
    setup()
    log.clear_error_stats()

    for number in range(8):
        log.ERROR("login %d failed, password=hunter2", number)
    log.ERROR("other")

    stats = log.get_error_stats()
    top, other = stats["top_error_patterns"]
    assert (2, 9) == (stats["total_error_patterns"], stats["total_error_count"])
    assert (log.logger.name, 8, 1) == (top["logger"], top["count"], other["count"])
    assert top["example"].endswith("failed, password=***")
    assert top["first"] <= top["last"]


def test_clear_error_stats(log: GinkgoLogger) -> None:
    """
    Counting begins anew.
    """
    setup()
    log.ERROR("one")

    log.clear_error_stats()

    assert {
        "total_error_patterns": 0,
        "total_error_count": 0,
        "top_error_patterns": [],
    } == log.get_error_stats()


def test_error_is_counted_once_with_a_file_of_its_own(log: GinkgoLogger) -> None:
    """
    A file added here counts no error a second time, after another setup() either.
    """
    setup()
    log.add_file_handler("own.log")
    setup()
    log.clear_error_stats()

    log.ERROR("one")

    assert 1 == log.get_error_stats()["total_error_count"]


@pytest.fixture
def no_collection() -> Iterator[None]:
    """Python collects no garbage by itself meanwhile."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


@pytest.mark.usefixtures("no_collection")
@pytest.mark.parametrize("end", [setup, shutdown])
def test_error_stats_end_with_their_configuration(log: GinkgoLogger, end: Callable[[], None]) -> None:
    """
    What an earlier configuration counted is gone with it, whether Python has collected its filters or not.
    """
    setup()
    log.ERROR("one")
    before = log.get_error_stats()["total_error_count"]

    end()

    counts = [log.get_error_stats()["total_error_count"]]
    gc.collect()
    counts.append(log.get_error_stats()["total_error_count"])
    assert (1, [0, 0]) == (before, counts)


@pytest.mark.usefixtures("no_collection")
def test_error_stats_survive_a_configuration_that_fails(log: GinkgoLogger) -> None:
    """
    The filters that stay in force go on counting, and those of the configuration that failed count nothing.
    """
    setup()
    log.ERROR("one")

    with pytest.raises(ConfigError):
        setup(_with_two_throttles("no.such.Handler"))
    log.ERROR("one")

    assert 2 == log.get_error_stats()["total_error_count"]


@pytest.mark.usefixtures("no_collection")
def test_error_that_two_filters_saw_is_one(log: GinkgoLogger) -> None:
    """
    With a throttle filter per handler an error still counts once.
    """
    setup(_with_two_throttles("logging.StreamHandler"))

    log.ERROR("one")
    log.ERROR("one")
    log.ERROR("other")

    stats = log.get_error_stats()
    assert (2, 3) == (stats["total_error_patterns"], stats["total_error_count"])
    assert [("one", 2), ("other", 1)] == [
        (row["example"], row["count"]) for row in stats["top_error_patterns"]
    ]


def _with_two_throttles(second_class: str) -> dict[str, Any]:
    throttle = {"()": "ginkgo_logging.filters.ThrottleFilter"}
    return {
        "version": 1,
        "filters": {"t1": throttle, "t2": throttle},
        "handlers": {
            "one": {"class": "logging.StreamHandler", "filters": ["t1"]},
            "two": {"class": second_class, "filters": ["t2"]},
        },
        "root": {"level": "DEBUG", "handlers": ["one", "two"]},
    }


# --- files of one logger -------------------------------------------------------------------------------------


def test_add_file_handler(home: Path, log: GinkgoLogger, rows: Rows, read_rows: ReadRows) -> None:
    """
    The file gets this logger's lines as JSON with context and masking, is its owner's only, and doubles nothing.
    """
    setup()
    log.add_file_handler("own.log", "WARNING")
    log.bind_context(portfolio_id="p")

    log.WARN("password=hunter2")
    log.INFO("too low")
    logging.getLogger("other").error("not this logger's")

    path = home / ".ginkgo" / "logs" / "own.log"
    (row,) = read_rows(path)
    assert ("password=***", "p") == (row["message"], row["portfolio_id"])
    assert 0o600 == stat.S_IMODE(path.stat().st_mode)
    assert ["password=***", "too low", "not this logger's"] == [row["message"] for row in rows()]
    assert {"own.log": "WARNING", "console": "INFO", "file": "DEBUG"} == log.get_current_levels()["handlers"]


def test_add_file_handler_masks_as_configured(home: Path, log: GinkgoLogger, read_rows: ReadRows) -> None:
    """
    What the user wants masked is masked there too, also after the configuration has changed.
    """
    setup()
    log.add_file_handler("own.log")
    setup(mask_fields=["pin"])

    log.INFO("pin=1234")

    assert ["pin=***"] == [row["message"] for row in read_rows(home / ".ginkgo" / "logs" / "own.log")]


def test_add_file_handler_in_a_foreign_configuration(
    home: Path, log: GinkgoLogger, read_rows: ReadRows
) -> None:
    """
    Where the program's own handlers have none of our filters, the file has them still.
    """
    logging.getLogger().handlers[:] = [logging.StreamHandler()]
    log.add_file_handler("own.log")
    log.set_trace_id("trace-1")

    log.ERROR("password=hunter2")

    (row,) = read_rows(home / ".ginkgo" / "logs" / "own.log")
    assert ("password=***", "trace-1") == (row["message"], row["trace_id"])


def test_add_file_handler_twice(home: Path, log: GinkgoLogger, read_rows: ReadRows) -> None:
    """
    The same name again sets the level.
    """
    setup()
    log.add_file_handler("own.log")

    log.add_file_handler("own.log", "ERROR")
    log.WARN("too low")
    log.ERROR("once")

    assert ["once"] == [row["message"] for row in read_rows(home / ".ginkgo" / "logs" / "own.log")]


def test_add_file_handler_of_the_configuration(log: GinkgoLogger, rows: Rows) -> None:
    """
    The file that dictConfig writes already is not written twice.
    """
    setup()

    log.add_file_handler("ginkgo.log")
    log.INFO("once")

    assert ["once"] == [row["message"] for row in rows()]


def test_add_file_handler_after_it_was_taken_away(home: Path, log: GinkgoLogger, read_rows: ReadRows) -> None:
    """
    A configuration that names the logger takes the file off it; it can be added again.
    """
    log.add_file_handler("own.log")
    setup({"version": 1, "loggers": {log.logger.name: {"level": "DEBUG"}}})

    log.add_file_handler("own.log")
    log.INFO("back")

    assert ["back"] == [row["message"] for row in read_rows(home / ".ginkgo" / "logs" / "own.log")]


def test_add_file_handler_refuses(log: GinkgoLogger, tmp_path: Path) -> None:
    """
    A file that cannot be written is an OSError, a level that does not exist a ValueError.
    """
    setup()

    with pytest.raises(OSError, match="directory"):
        log.add_file_handler(str(tmp_path))
    with pytest.raises(ValueError, match="level must be"):
        log.add_file_handler("own.log", "LOUD")


def test_remove_file_handler(home: Path, log: GinkgoLogger, read_rows: ReadRows) -> None:
    """
    Removed, the file gets no more lines and is closed; a name that was not added is ignored.
    """
    setup()
    log.add_file_handler("own.log")
    log.INFO("one")

    log.remove_file_handler("own.log")
    log.remove_file_handler("own.log")
    log.INFO("two")

    path = home / ".ginkgo" / "logs" / "own.log"
    assert ["one"] == [row["message"] for row in read_rows(path)]
    assert str(path) not in [
        os.path.realpath(f"/proc/self/fd/{name}") for name in os.listdir("/proc/self/fd")
    ]


def test_reset_logfile(home: Path, log: GinkgoLogger, read_rows: ReadRows) -> None:
    """
    Another file takes the place of those added before.
    """
    setup()
    log.add_file_handler("a.log")
    log.add_file_handler("b.log")

    log.reset_logfile("c.log")
    log.INFO("hello")

    found = [len(read_rows(home / ".ginkgo" / "logs" / f"{name}.log")) for name in "abc"]
    assert [0, 0, 1] == found


# --- loggers of the call sites' own --------------------------------------------------------------------------


@pytest.mark.parametrize(
    "arguments", [("ginkgo.log", True), (["ginkgo.log", "own.log"], True), (None, True), ((), False)]
)
def test_no_line_is_doubled(
    home: Path, name: str, rows: Rows, capsys: pytest.CaptureFixture[str], arguments: tuple[Any, ...]
) -> None:
    """
    Files and console asked for here do not double those of the configuration, whoever comes first.
    """
    logging.getLogger().handlers.clear()
    first = GinkgoLogger(name, *arguments)
    second = GinkgoLogger(name, *arguments)

    first.INFO("once")
    second.INFO("twice")

    err = capsys.readouterr().err
    assert ["once", "twice"] == [row["message"] for row in rows()]
    assert (1, 1) == (err.count("once"), err.count("twice"))
    assert all(2 == len(path.read_text().splitlines()) for path in (home / ".ginkgo" / "logs").iterdir())


def test_file_of_its_own_does_not_replace_the_configuration(
    home: Path, name: str, rows: Rows, read_rows: ReadRows
) -> None:
    """
    A logger with a file of its own configures logging all the same.
    """
    logging.getLogger().handlers.clear()

    GinkgoLogger(name, "own.log").INFO("hello")

    assert ["hello"] == [row["message"] for row in rows()]
    assert ["hello"] == [row["message"] for row in read_rows(home / ".ginkgo" / "logs" / "own.log")]


def test_console_where_there_is_none(home: Path, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    """
    console_log adds a console where the program's configuration writes to a file only.
    """
    logging.getLogger().handlers[:] = [RotatingFileHandler(filename=home / "only.log")]
    log = GinkgoLogger(name, console_log=True)

    log.WARN("hello")

    assert ["ConsoleHandler"] == [type(handler).__name__ for handler in log.logger.handlers]
    assert 1 == capsys.readouterr().err.count("hello")


def test_file_that_cannot_be_written_does_not_stop_the_program(home: Path, name: str, rows: Rows) -> None:
    """
    A file of a call site's own that cannot be written costs a warning.
    """
    logging.getLogger().handlers.clear()
    log = GinkgoLogger(name, [str(home), "own.log"])

    log.INFO("hello")

    warning, line = rows()
    assert (f"no log file '{home}'" in warning["message"], "hello") == (True, line["message"])
    assert (home / ".ginkgo" / "logs" / "own.log").exists()


def test_logger_property_is_a_use(name: str, rows: Rows) -> None:
    """
    Whoever takes the standard logger from GLOG gets one that is configured.
    """
    logging.getLogger().handlers.clear()

    GinkgoLogger(name).logger.info("hello")

    assert ["hello"] == [row["message"] for row in rows()]


@pytest.mark.parametrize("used", [False, True], ids=["unused", "used"])
def test_pickling(home: Path, name: str, rows: Rows, read_rows: ReadRows, used: bool) -> None:
    """
    A logger goes to another process by its name and arguments, and doubles no line where it was there already.
    """
    setup()
    log = GinkgoLogger(name, "own.log", True)
    if used:
        log.DEBUG("before")

    copy = pickle.loads(pickle.dumps(log))
    copy.INFO("hello")

    assert log.logger is copy.logger
    assert ["hello"] == [row["message"] for row in rows() if row["message"] != "before"]
    found = read_rows(home / ".ginkgo" / "logs" / "own.log")
    assert ["hello"] == [row["message"] for row in found if row["message"] != "before"]


def test_glog_is_the_platforms_logger() -> None:
    """
    GLOG is the logger named ginkgo.
    """
    assert ("ginkgo", True) == (GLOG._logger.name, GLOG is glog.GLOG)


def test_first_use_in_a_fork_of_a_thread_that_configures(home: Path) -> None:
    """
    A child forked while another thread configures logging can log.
    """
    code = """
        import os, threading
        import ginkgo_logging.glog as glog
        held, go = threading.Event(), threading.Event()
        setup = glog.setup_or_defaults
        def slow():
            held.set(); go.wait(); return setup()
        glog.setup_or_defaults = slow
        thread = threading.Thread(target=glog.GLOG.INFO, args=("parent",))
        thread.start(); held.wait()
        child = os.fork()
        if child == 0:
            glog.setup_or_defaults = setup
            glog.GLOG.INFO("child")
            os._exit(0)
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
        go.set(); thread.join()
    """

    assert "0\n" == program(home, code).stdout


def test_threads_share_one_logger(log: GinkgoLogger, rows: Rows) -> None:
    """
    What one thread binds is not on another's lines.
    """
    setup()

    def work(number: int) -> None:
        log.bind_context(task_id=number)
        log.INFO("task %d", number)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert {f"task {number}": number for number in range(8)} == {
        row["message"]: row["task_id"] for row in rows()
    }


def test_console_handler_is_recognised(log: GinkgoLogger) -> None:
    """
    A handler on a standard stream is a console, whoever made it.
    """
    logging.getLogger().handlers[:] = [
        console := ConsoleHandler(),
        plain := logging.StreamHandler(sys.stdout),
    ]

    log.set_level("CRITICAL", "console")

    assert [logging.CRITICAL, logging.CRITICAL] == [console.level, plain.level]


def test_fault_is_said_where_no_handler_takes_warnings(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """
    With a console for errors only, what is wrong with the settings is still said, on stderr.
    """
    for name, value in {"LEVEL_CONSOLE": "ERROR", "FORMAT": "xml", "LOCAL_FILE_ENABLED": "false"}.items():
        monkeypatch.setenv(f"LOGGING_{name}", value)
    logging.getLogger().handlers.clear()

    GinkgoLogger("tests.quiet").info("hello")

    assert "ginkgo_logging: logging keeps to its defaults" in capsys.readouterr().err
