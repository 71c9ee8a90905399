"""caller_finder: the place that the standard library finds, from any caller at any depth."""

import logging
import sys
from collections.abc import Callable
from typing import Any

import pytest

from ginkgo_logging import GinkgoLogger
from ginkgo_logging.caller import caller_finder


class Places(logging.Handler):
    """Keeps where its records come from."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[Any, ...]] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.found.append((record.pathname, record.lineno, record.funcName, record.stack_info))


def places_of(call: Callable[[logging.Logger], object]) -> list[tuple[Any, ...]]:
    """Return the place of *call* as a standard logger finds it, and as one with our method does."""
    places = Places()
    for quick in (False, True):
        logger = logging.Logger("test.caller")
        logger.addHandler(places)
        if quick:
            logger.findCaller = caller_finder(logger)  # type: ignore[method-assign]
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


def test_glog_looks_for_its_callers_quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    A line of GLOG has the place of the call, and the standard library is not asked for it.
    """
    glog = GinkgoLogger("test.caller.glog")
    places = Places()
    glog.logger.addHandler(places)
    glog.logger.setLevel(logging.INFO)
    monkeypatch.setattr(logging.Logger, "findCaller", None)

    glog.INFO("x")
    line = sys._getframe().f_lineno - 1

    assert [(__file__, line)] == [place[:2] for place in places.found]


def test_a_logger_class_with_a_method_of_its_own_keeps_it() -> None:
    """
    A program's logger class that finds callers in its own way is asked.
    """

    class Own(logging.Logger):
        def findCaller(self, *_: Any, **__: Any) -> Any:  # noqa: N802
            return "own.py", 1, "own", None

    before = logging.getLoggerClass()
    logging.setLoggerClass(Own)
    try:
        glog = GinkgoLogger("test.caller.own")
    finally:
        logging.setLoggerClass(before)
    places = Places()
    glog.logger.addHandler(places)
    glog.logger.setLevel(logging.INFO)

    glog.INFO("x")

    assert ["own.py"] == [place[0] for place in places.found]


def test_two_adapters_of_one_logger_find_its_callers() -> None:
    """
    A second GinkgoLogger of the same name changes nothing.
    """
    glogs = [GinkgoLogger("test.caller.twice") for _ in range(2)]
    places = Places()
    glogs[0].logger.addHandler(places)
    glogs[0].logger.setLevel(logging.INFO)

    wrapper(glogs[0].logger, stacklevel=2)
    wrapper(glogs[1].logger, stacklevel=2)
    line = sys._getframe().f_lineno - 1

    assert [(__file__, line - 1), (__file__, line)] == [place[:2] for place in places.found]
