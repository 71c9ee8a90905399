"""Servers that configure logging by themselves, in this process; tests/third_parties/ starts the real ones."""

import copy
import logging
import logging.config
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import uvicorn
import uvicorn.config
import yaml
from gunicorn.config import Config as GunicornConfig
from gunicorn.config import LoggerClass
from gunicorn.glogging import Logger as PlainLogger
from werkzeug import serving

import ginkgo_logging
from ginkgo_logging import GLOG, ConfigError, setup, shutdown
from ginkgo_logging.integrations import servers as our_servers
from ginkgo_logging.integrations.gunicorn import Logger

Read = Callable[[Path], list[dict[str, Any]]]

SETUP_FILE = Path(ginkgo_logging.__file__).with_name("setup.yaml")


@pytest.fixture(autouse=True)
def servers() -> Iterator[None]:
    """Each server is after shutdown() as it was before."""
    document = copy.deepcopy(uvicorn.config.LOGGING_CONFIG)
    before = document, LoggerClass.default, serving._log_add_style
    levels = logging._levelToName.copy(), logging._nameToLevel.copy()
    yield
    shutdown()
    # uvicorn adds a level TRACE.
    for table, names in zip((logging._levelToName, logging._nameToLevel), levels, strict=True):
        table.clear()
        table.update(names)
    assert before == (uvicorn.config.LOGGING_CONFIG, LoggerClass.default, serving._log_add_style)


async def _app(*_: object) -> None: ...


def _kinds(logger: logging.Logger) -> list[str]:
    return [type(handler).__name__ for handler in logger.handlers]


@pytest.mark.parametrize("use_colors", [None, True])
def test_uvicorn_leaves_its_lines_and_ours_to_the_pipe(
    monkeypatch: pytest.MonkeyPatch, use_colors: bool | None
) -> None:
    """A program that has called setup() and starts uvicorn keeps its configuration, arguments included."""
    setup(console_level="ERROR")
    setup(console_level="ERROR")

    with monkeypatch.context() as patch:
        for name in ("default", "access"):  # where uvicorn itself keeps it
            patch.setitem(uvicorn.config.LOGGING_CONFIG["formatters"][name], "use_colors", None)
        uvicorn.Config(_app, log_level="warning", use_colors=use_colors)

    assert ["ConsoleHandler", "RotatingFileHandler"] == _kinds(logging.getLogger())
    assert "ERROR" == GLOG.get_current_levels()["handlers"]["console"]
    for name in ("uvicorn", "uvicorn.access"):
        assert ([], True) == (_kinds(logging.getLogger(name)), logging.getLogger(name).propagate)
    assert logging.WARNING == logging.getLogger("uvicorn.error").level


def test_what_a_program_has_changed_in_uvicorns_configuration_stays() -> None:
    """A handler that the program chose for uvicorn's lines is there, beside the pipe."""
    chosen = uvicorn.config.LOGGING_CONFIG["loggers"]["uvicorn"] | {"handlers": ["default", "access"]}
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(uvicorn.config.LOGGING_CONFIG["loggers"], "uvicorn", chosen)
        setup()
        uvicorn.Config(_app)

    assert ["StreamHandler", "StreamHandler"] == _kinds(logging.getLogger("uvicorn"))
    assert not logging.getLogger("uvicorn").propagate


def test_access_lines_that_uvicorn_has_silenced_stay_silent() -> None:
    """``access_log=False`` holds when logging is configured again, until a file names handlers for them."""
    setup()
    uvicorn.Config(_app, access_log=False)
    setup()
    silent = logging.getLogger("uvicorn.access").hasHandlers()
    logger = {"uvicorn.access": {"handlers": ["out"]}}
    setup({"version": 1, "handlers": {"out": {"class": "logging.StreamHandler"}}, "loggers": logger})

    assert not silent
    assert logging.getLogger("uvicorn.access").hasHandlers()


def test_what_a_file_silences_a_file_may_let_speak_again() -> None:
    """A logger that a dictConfig file of ours has silenced speaks again when the next one says so."""
    setup({"version": 1, "loggers": {"app": {"propagate": False}}})
    silent = not logging.getLogger("app").hasHandlers()
    setup({"version": 1, "loggers": {"app": {"propagate": True}}})

    assert (True, True) == (silent, logging.getLogger("app").propagate)


def test_gunicorns_lines_are_in_the_pipe(home: Path, read_rows: Read) -> None:
    """Lines of server and access are written once, by root's handlers of the moment; a file gets them too."""
    config = GunicornConfig()
    config.set("accesslog", str(home / "access.log"))
    logger = Logger(config)
    logger.setup(config)
    setup(console_level="ERROR")

    logger.info("Starting")
    logger.access_log.info("GET /")
    shutdown()

    rows = read_rows(home / ".ginkgo" / "logs" / "ginkgo.log")
    assert [("gunicorn.error", "Starting"), ("gunicorn.access", "GET /")] == [
        (row["logger_name"], row["message"]) for row in rows
    ]
    assert "GET /\n" == (home / "access.log").read_text()


def test_gunicorns_access_lines_are_asked_for() -> None:
    """Without ``--access-logfile`` nothing takes access lines, as uvicorn's worker looks for it here."""
    logger = Logger(GunicornConfig())

    assert (["_ToRoot"], []) == (_kinds(logger.error_log), _kinds(logger.access_log))


def test_gunicorn_configures_logging_where_it_is_told_to() -> None:
    """With ``logconfig_dict`` nothing is changed."""
    config = GunicornConfig()
    config.set("logconfig_dict", {"loggers": {}, "root": {"handlers": ["console"]}})

    logger = Logger(config)

    assert (["StreamHandler"], ["StreamHandler"]) == (_kinds(logger.error_log), _kinds(logging.getLogger()))


def test_ours_is_gunicorns_default_after_setup_only() -> None:
    """setup() makes our class the default of ``logger_class``; another one that is named counts."""
    config = GunicornConfig()
    config.set("logger_class", PlainLogger)
    setup()

    assert Logger is GunicornConfig().logger_class
    assert PlainLogger is config.logger_class


def test_werkzeugs_lines_have_no_colour_codes() -> None:
    """The development server does not colour its lines."""
    setup()

    assert not serving._log_add_style


def test_a_werkzeug_without_the_switch_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where another release of werkzeug has no such switch, none is made."""
    with monkeypatch.context() as patch:
        patch.delattr(serving, "_log_add_style")
        setup()
        shutdown()

        assert not hasattr(serving, "_log_add_style")


def test_the_file_for_servers_says_what_the_mapping_says() -> None:
    """setup.yaml is the same for programs that take a file."""
    assert our_servers.MAPPING == yaml.safe_load(SETUP_FILE.read_text(encoding="utf-8"))


def test_the_file_for_servers_does_what_setup_does() -> None:
    """Applied by the standard library it sets logging up; the second time as the program did meanwhile."""
    document = yaml.safe_load(SETUP_FILE.read_text(encoding="utf-8"))
    logging.config.dictConfig(document)
    first = _kinds(logging.getLogger())
    setup("container", console_level="ERROR")
    logging.config.dictConfig(document)

    assert ["ConsoleHandler", "RotatingFileHandler"] == first
    assert ["JsonStreamHandler"] == _kinds(logging.getLogger())
    assert logging.ERROR == logging.getLogger().handlers[0].level


def test_the_file_for_servers_is_none_for_setup(monkeypatch: pytest.MonkeyPatch) -> None:
    """setup() with the file that calls setup() is refused, and not repeated for ever."""
    monkeypatch.setenv("LOGGING_CONFIG", str(SETUP_FILE))

    with pytest.raises(ConfigError, match="cannot call setup"):
        setup()
