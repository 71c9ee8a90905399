"""What one INFO line with four context fields costs, beside our peers, from one interleaved run.

    python benchmarks/pipe.py [--rounds 15] [--calls 5000] [--extra]

With --extra each call brings four fields of its own too: `extra=` or, in structlog and loguru, keywords. Each
contestant lives in a process of its own; see interleaved.py for how they are compared. All have the same
four fields bound and write to a file. What each one does and does not do is in the last column.
"""

import argparse
import functools
import inspect
import logging
import logging.config
import tempfile
from collections.abc import Callable
from contextvars import ContextVar
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import Any

from interleaved import Call, measure, ratios, spread, versions

FIELDS = {
    "trace_id": "4bf92f3577b34da6a3ce929d0e0e4736",
    "log_category": "backtest",
    "portfolio_id": "portfolio-aaa",
    "strategy_id": "strategy-momentum",
}
EXTRA = {"order_id": "order-4711", "side": "BUY", "quantity": 100, "price": 1688.5}
TEMPLATE, ARGUMENT = "Signal generated: BUY %s", "600519.SH"
BASE = "stdlib %(message)s"
OURS = "ours, logging.getLogger"
OURS_STRUCTLOG = "ours, structlog"
STRUCTLOG = "structlog through stdlib"


def _root(handler: logging.Handler, formatter: logging.Formatter) -> logging.Logger:
    handler.setFormatter(formatter)
    logging.basicConfig(level=logging.INFO, handlers=[handler])
    return logging.getLogger("ginkgo.strategy")


def _info(logger: logging.Logger, extra: dict[str, Any] | None) -> Call:
    if extra is None:
        return lambda: logger.info(TEMPLATE, ARGUMENT)
    return lambda: logger.info(TEMPLATE, ARGUMENT, extra=extra)


def _event(log: Any, extra: dict[str, Any] | None) -> Call:
    if extra is None:
        return lambda: log.info(TEMPLATE % ARGUMENT)
    return lambda: log.info(TEMPLATE % ARGUMENT, **extra)


def stdlib_message(log_file: Path, extra: dict[str, Any] | None = None) -> Call:
    """Only the message."""
    return _info(_root(logging.FileHandler(log_file), logging.Formatter("%(message)s")), extra)


def stdlib_asctime(log_file: Path, extra: dict[str, Any] | None = None) -> Call:
    """Time, level, name and message as text."""
    fmt = "%(asctime)s %(levelname)s %(name)s %(message)s"
    return _info(_root(logging.FileHandler(log_file), logging.Formatter(fmt)), extra)


def json_logger(log_file: Path, extra: dict[str, Any] | None = None) -> Call:
    """JSON, context, source; no masking, no throttle."""
    from pythonjsonlogger.orjson import OrjsonFormatter

    bound: ContextVar[dict[str, str]] = ContextVar("bound")
    bound.set(FIELDS)

    class FieldsFilter(logging.Filter):
        def filter(self, record: logging.LogRecord) -> bool:
            record.__dict__.update(bound.get())
            return True

    handler = logging.FileHandler(log_file)
    handler.addFilter(FieldsFilter())
    fmt = "%(asctime)s %(levelname)s %(name)s %(message)s %(filename)s %(lineno)d %(process)d"
    return _info(_root(handler, OrjsonFormatter(fmt)), extra)


def structlog_native(log_file: Path, extra: dict[str, Any] | None = None) -> Call:
    """JSON, context; no standard record, no source, no libraries' lines, no masking."""
    import orjson
    import structlog

    log = structlog.wrap_logger(
        structlog.BytesLogger(log_file.open("ab")),
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.JSONRenderer(serializer=orjson.dumps),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
    ).bind()
    structlog.contextvars.bind_contextvars(**FIELDS)
    return _event(log, extra)


def structlog_stdlib(log_file: Path, extra: dict[str, Any] | None = None) -> Call:
    """JSON, context; no source, no masking, no throttle (as structlog's documentation wires it)."""
    import orjson
    import structlog

    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=shared,
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.JSONRenderer(serializer=lambda *a, **k: orjson.dumps(*a, **k).decode()),
        ],
    )
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    _root(logging.FileHandler(log_file), formatter)
    log = structlog.get_logger("ginkgo.strategy")
    structlog.contextvars.bind_contextvars(**FIELDS)
    return _event(log, extra)


def loguru_json(log_file: Path, extra: dict[str, Any] | None = None) -> Call:
    """JSON, context, source; no masking, no throttle, no libraries' lines."""
    from loguru import logger

    logger.remove()
    logger.add(log_file, serialize=True, level="INFO", diagnose=False)
    return _event(logger.bind(**FIELDS), extra)


class Predecessor:
    """Does the steps of the logger that GLOG was before."""

    def __init__(self, log_file: Path) -> None:
        handler = RotatingFileHandler(log_file, maxBytes=2 * 1024**3, backupCount=3, encoding="utf-8")
        formatter = logging.Formatter("[%(asctime)s][%(levelname)s]:%(message)s", "%Y-%m-%d %H:%M:%S")
        self._logger = _root(handler, formatter)

    def INFO(self, message: str) -> None:  # noqa: N802
        if self._logger.isEnabledFor(logging.INFO):
            self._log("INFO", message)

    def _log(self, level: str, message: str) -> None:
        caller = inspect.stack()[2]
        caller.filename.rpartition("/")
        getattr(self._logger, level.lower())(message, stacklevel=4)


def predecessor(log_file: Path, extra: None = None) -> Call:
    """Text with time and level, the whole stack for every call; no context, no masking (a stand-in)."""
    glog = Predecessor(log_file)
    return lambda: glog.INFO(TEMPLATE % ARGUMENT)


def configure(log_file: Path) -> None:
    """Set up the shipped local file with its JSON file alone, and bind the fields of a real task."""
    import yaml

    from ginkgo_logging import context, setup
    from ginkgo_logging.config_files import shipped

    document: dict[str, Any] = yaml.safe_load(shipped("local").text)
    del document["handlers"]["console"]
    document["root"]["handlers"] = ["file"]
    setup(document, mode="local", file_path=log_file)
    context.bind(**FIELDS)


def ours(log_file: Path, extra: dict[str, Any] | None = None) -> Call:
    """JSON, context, source, seq, masking, throttle, rotating file for many processes (shipped local.yaml)."""
    configure(log_file)
    return _info(logging.getLogger("ginkgo.strategy"), extra)


def ours_glog(log_file: Path, extra: dict[str, Any] | None = None) -> Call:
    """The same."""
    from ginkgo_logging import GLOG

    configure(log_file)
    GLOG.INFO("first use")
    if extra is None:
        return lambda: GLOG.INFO(TEMPLATE, ARGUMENT)
    return lambda: GLOG.INFO(TEMPLATE, ARGUMENT, extra=extra)


def ours_structlog(log_file: Path, extra: dict[str, Any] | None = None) -> Call:
    """The same."""
    import structlog

    configure(log_file)
    return _event(structlog.get_logger("ginkgo.strategy"), extra)


CONTESTANTS: dict[str, Callable[..., Call]] = {
    BASE: stdlib_message,
    "stdlib asctime": stdlib_asctime,
    "python-json-logger + orjson": json_logger,
    "structlog native + orjson": structlog_native,
    STRUCTLOG: structlog_stdlib,
    "loguru serialize=True": loguru_json,
    "GLOG's predecessor": predecessor,
    OURS: ours,
    "ours, GLOG": ours_glog,
    OURS_STRUCTLOG: ours_structlog,
}


def show(spent: dict[str, list[float]]) -> None:
    """Print the ratios of each contestant to the plainest text line, and ours to each peer."""
    print(versions("orjson", "python-json-logger", "structlog", "loguru"))
    print(f"\n{'contestant':30} {'ratio':>6} {'min':>6} {'max':>6}   what it does")
    for name, numbers in spent.items():
        print(f"{name:30} {spread(ratios(numbers, spent[BASE]))}   {CONTESTANTS[name].__doc__}")
    print(
        f"\nratio: time of a call divided by that of {BASE!r} in the same round; median, min, max of the rounds"
    )
    print(f"\n{OURS!r} divided by")
    for name, numbers in spent.items():
        if not name.startswith("ours"):
            print(f"  {name:28} {spread(ratios(spent[OURS], numbers))}")
    if STRUCTLOG in spent:
        print(f"{OURS_STRUCTLOG!r} divided by\n  {STRUCTLOG:28} ", end="")
        print(spread(ratios(spent[OURS_STRUCTLOG], spent[STRUCTLOG])))


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--calls", type=int, default=5000, help="calls of a contestant in a round")
    parser.add_argument("--extra", action="store_true", help="four fields of its own with each call")
    options = parser.parse_args()
    extra = EXTRA if options.extra else None
    contestants = {name: functools.partial(make, extra=extra) for name, make in CONTESTANTS.items()}
    if options.extra:
        del contestants["GLOG's predecessor"]  # which takes none
    with tempfile.TemporaryDirectory() as directory:
        show(measure(contestants, Path(directory), options.rounds, options.calls))


if __name__ == "__main__":
    main()
