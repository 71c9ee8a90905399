"""find_caller: the place that the standard library finds, from any caller at any depth."""

import _thread
import logging
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from waiting import until

from ginkgo_logging import GinkgoLogger, caller, setup, shutdown
from ginkgo_logging.caller import find_caller
from ginkgo_logging.record_factory import make_record


class Places(logging.Handler):
    """Keeps where its records come from."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[Any, ...]] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.found.append((record.pathname, record.lineno, record.funcName, record.stack_info))


@pytest.fixture
def places() -> Iterator[Places]:
    """A root handler, between `setup` and `shutdown`."""
    setup("test")
    handler = Places()
    logging.getLogger().addHandler(handler)
    yield handler
    logging.getLogger().removeHandler(handler)
    shutdown()


def places_of(call: Callable[[logging.Logger], object]) -> list[tuple[Any, ...]]:
    """Return the place of *call* as a standard logger finds it, and as one with our method does."""
    places = Places()
    for quick in (False, True):
        logger = logging.Logger("test.caller")
        logger.addHandler(places)
        if quick:
            logger.findCaller = find_caller  # type: ignore[method-assign]
        call(logger)
    return places.found


def wrapper(logger: logging.Logger, **options: Any) -> None:
    logger.warning("x", **options)


CALLS: dict[str, Callable[[logging.Logger], object]] = {
    "direct": lambda logger: logger.warning("x"),
    "log": lambda logger: logger.log(logging.ERROR, "x"),
    "exception": lambda logger: logger.exception("x", exc_info=False),
    "adapter": lambda logger: logging.LoggerAdapter(logger, {}).warning("x"),
    "wrapper": lambda logger: wrapper(logger),
    "its caller": lambda logger: wrapper(logger, stacklevel=2),
    "beyond the first frame": lambda logger: wrapper(logger, stacklevel=1000),
    "no level": lambda logger: wrapper(logger, stacklevel=0),
    "stack": lambda logger: wrapper(logger, stack_info=True),
    "stack of its caller": lambda logger: wrapper(logger, stack_info=True, stacklevel=2),
    "exec": lambda logger: exec("logger.warning('x')", {"logger": logger}),
}


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_the_place_is_the_standard_librarys(call: Callable[[logging.Logger], object]) -> None:
    """
    File, line, function and stack of a record do not depend on who looks for them.
    """
    expected, quick = places_of(call)

    assert expected == quick


def test_loggers_of_any_age_find_their_callers_quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    From its second record on, a logger made before or after `setup` does not ask the standard library.
    """
    loggers = [logging.getLogger("test.caller.before"), logging.getLogger()]
    setup("test")
    loggers += [logging.getLogger("test.caller.after"), GinkgoLogger("test.caller.glog").logger]
    places = Places()
    logging.getLogger().addHandler(places)

    for logger in loggers:
        logger.warning("x")
    monkeypatch.setattr(logging.Logger, "findCaller", None)
    for logger in loggers:
        logger.warning("x")
    line = sys._getframe().f_lineno - 1

    assert [(__file__, line)] * 4 == [place[:2] for place in places.found[4:]]
    monkeypatch.undo()
    logging.getLogger().removeHandler(places)
    shutdown()


def test_shutdown_gives_loggers_their_method_back(places: Places) -> None:
    """
    Nothing of ours stays on the loggers of a program.
    """
    logger = logging.getLogger("test.caller.restored")
    logger.warning("x")
    during = logger.findCaller
    shutdown()

    assert during is find_caller
    assert logger.findCaller.__func__ is logging.Logger.findCaller  # type: ignore[attr-defined]
    assert len(places.found) == 1


def made_as(kind: type[logging.Logger], name: str) -> logging.Logger:
    """Return the logger *name*, made as one of *kind*."""
    before = logging.getLoggerClass()
    logging.setLoggerClass(kind)
    logger = logging.getLogger(name)
    logging.setLoggerClass(before)
    return logger


def with_own(method: str, kind: type[logging.Logger], on: str) -> logging.Logger:
    """Return a logger whose *method* is that of *kind*, which is its class or lends the method alone."""
    name = f"test.caller.{method}.{on}"
    if on == "its class":
        return made_as(kind, name)
    logger = logging.getLogger(name)
    setattr(logger, method, getattr(kind, method).__get__(logger))
    return logger


@pytest.mark.parametrize("on", ["its class", "the logger"])
def test_a_logger_with_a_way_of_its_own_keeps_it(places: Places, on: str) -> None:
    """
    A program's logger that finds callers in its own way is asked.
    """

    class Own(logging.Logger):
        def findCaller(self, *_: Any, **__: Any) -> Any:  # noqa: N802
            return "own.py", 1, "own", None

    logger = with_own("findCaller", Own, on)
    for _ in range(2):
        logger.warning("x")

    assert ["own.py"] * 2 == [place[0] for place in places.found]


@pytest.mark.parametrize("on", ["its class", "the logger"])
def test_a_logger_with_a_low_level_method_of_its_own_is_left_alone(places: Places, on: str) -> None:
    """
    Who takes the place of `Logger._log` may ask for the caller as that does; its own line is the answer.
    """

    class Own(logging.Logger):
        def _log(self, level: int, msg: object, args: Any, **_: Any) -> None:  # type: ignore[override]
            found = self.findCaller(False, 1)
            self.handle(self.makeRecord(self.name, level, *found[:2], msg, args, None, *found[2:]))

    logger = with_own("_log", Own, on)
    for _ in range(2):
        logger.warning("x")

    assert [(__file__, "_log")] * 2 == [(place[0], place[2]) for place in places.found]


@pytest.mark.parametrize("arguments", [(), (False,), (None, 1), (0, 1), (False, 1)], ids=repr)
def test_who_asks_a_logger_is_told_of_its_own_line(places: Places, arguments: tuple[Any, ...]) -> None:
    """
    A call that is not from logging names the line where it stands, as the standard library does.
    """
    logger = logging.getLogger("test.caller.asked")
    logger.warning("x")

    found = logger.findCaller(*arguments)
    line = sys._getframe().f_lineno - 1

    assert logger.findCaller is find_caller
    assert (__file__, line, sys._getframe().f_code.co_name, None) == found
    assert len(places.found) == 1


def test_the_outermost_frame_is_loggings_own(places: Places) -> None:
    """
    C code may call any method of a logger where no Python frame is.
    """
    logger = logging.getLogger("test.caller.outermost")
    logger.warning("x")

    for method, arguments in ((logger.error, ("x",)), (logger._log, (logging.ERROR, "x", ()))):
        known = len(places.found)
        _thread.start_new_thread(method, arguments)
        until(lambda known=known: len(places.found) > known, "a line from C code")  # type: ignore[misc]

    assert [(logging.__file__, "error"), (logging.__file__, "_log")] == [
        (place[0], place[2]) for place in places.found[1:]
    ]


def test_a_logger_that_refuses_the_attribute_logs(places: Places) -> None:
    """
    A logger class may forbid to be changed.
    """

    class Fixed(logging.Logger):
        def __setattr__(self, name: str, value: object) -> None:
            if name == "findCaller":
                raise AttributeError(name)
            super().__setattr__(name, value)

    logger = made_as(Fixed, "test.caller.fixed")
    for _ in range(2):
        wrapper(logger, stacklevel=2)
    line = sys._getframe().f_lineno - 1

    assert [(__file__, line)] * 2 == [place[:2] for place in places.found]


@pytest.mark.parametrize("name", ["", "test.caller", None, ["unhashable"]], ids=repr)
def test_a_record_of_no_known_logger(name: Any) -> None:
    """
    A name for which there is no logger, or only one above others, is a name like any other.
    """
    logging.getLogger("test.caller.child")

    record = make_record(name, logging.INFO, __file__, 1, "x", (), None)

    assert name is record.name


def test_the_table_of_names_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    A program that makes up names does not fill the memory.
    """
    monkeypatch.setattr(caller, "_MAX_NAMES", len(caller.known) + 1)

    for number in range(3):
        make_record(f"made.up.{number}", logging.INFO, __file__, 1, "x", (), None)

    assert len(caller.known) <= caller._MAX_NAMES


def test_a_method_put_in_the_place_of_loggings_is_kept() -> None:
    """
    A program may have done so before it imports this package.
    """
    program = (
        "import logging\n"
        "logging.Logger.findCaller = lambda *_, **__: ('own.py', 1, 'own', None)\n"
        "from ginkgo_logging import record_factory\n"
        "record_factory.install()\n"
        "logging.basicConfig(format='%(filename)s')\n"
        "for _ in range(2): logging.warning('x')\n"
    )

    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert "own.py\nown.py\n" == done.stderr
