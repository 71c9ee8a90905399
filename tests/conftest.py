"""Fixtures that give each test a home, a logging configuration and a context of its own."""

import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest
import structlog

from ginkgo_logging import context, settings, uncaught
from ginkgo_logging.config import shutdown

# Started in the background or by nohup, the suite ignores these, and so would every program that a test starts.
for number, default in ((signal.SIGINT, signal.default_int_handler), (signal.SIGHUP, signal.SIG_DFL)):
    if signal.getsignal(number) is signal.SIG_IGN:
        signal.signal(number, default)

# Coverage makes a program several times slower; only the programs of these modules show what no other test does.
MEASURED = {"test_cli_demo", "test_cli_run", "test_uncaught", "test_queue_handler", "test_stream_handler"}


@pytest.fixture(autouse=True)
def measured(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let coverage look into the programs that a test starts only where that tells something new."""
    if request.module.__name__ not in MEASURED:
        monkeypatch.delenv("COVERAGE_PROCESS_CONFIG", raising=False)
        monkeypatch.delenv("COVERAGE_PROCESS_START", raising=False)


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A new HOME without configuration, and an environment without our variables."""
    for name in list(os.environ):
        if name.startswith(("LOGGING_", "LOKI_", "GINKGO_")):
            monkeypatch.delenv(name)
    monkeypatch.delenv("NO_COLOR", raising=False)
    directory = tmp_path / "home"
    directory.mkdir(mode=0o700)
    monkeypatch.setenv("HOME", str(directory))
    monkeypatch.setenv("LOGGING_MODE", "local")
    monkeypatch.chdir(directory)
    return directory


@pytest.fixture(autouse=True)
def clean_logging(home: Path) -> Iterator[None]:
    """Bring loggers, hooks, settings and context back to what they were."""
    before = {logger: _state_of(logger) for logger in _loggers()}
    hooks = sys.excepthook, threading.excepthook, sys.unraisablehook
    token = context._current.set(context.Context())
    logging.setLoggerClass(logging.Logger)  # structlog's LoggerFactory puts one of its own in its place
    yield
    shutdown()
    for logger in _loggers():
        handlers, level, propagate, disabled, filters = before.get(
            logger, ([], logging.NOTSET, True, False, [])
        )
        for handler in logger.handlers[:]:
            if handler not in handlers:
                logger.removeHandler(handler)
                handler.close()
        logger.handlers[:], logger.filters[:] = handlers, filters
        logger.setLevel(level)
        logger.propagate, logger.disabled = propagate, disabled
    sys.excepthook, threading.excepthook, sys.unraisablehook = hooks
    uncaught.uninstall()
    settings.activate(None)
    context._current.reset(token)
    structlog.contextvars.clear_contextvars()
    structlog.reset_defaults()


def _loggers() -> list[logging.Logger]:
    there = list(logging.Logger.manager.loggerDict.values())
    return [logging.getLogger(), *(logger for logger in there if isinstance(logger, logging.Logger))]


def _state_of(logger: logging.Logger) -> tuple[Any, ...]:
    return logger.handlers[:], logger.level, logger.propagate, logger.disabled, logger.filters[:]


@pytest.fixture
def read_rows() -> Callable[[Path], list[dict[str, Any]]]:
    """Read a file of JSON lines, strictly."""

    def read(path: Path) -> list[dict[str, Any]]:
        return [orjson.loads(line) for line in path.read_bytes().splitlines()]

    return read


@pytest.fixture
def shanghai(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The clock on the wall is that of Shanghai, eight hours east of UTC."""
    monkeypatch.setenv("TZ", "Asia/Shanghai")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()
