"""Make records and read lines as strictly as the strictest reader would."""

import json
import logging
import sys
from typing import Any, NoReturn

from ginkgo_logging.handlers import LineHandler


class Collector(LineHandler):
    """A handler of ours that keeps its lines."""

    def __init__(self, *filters: logging.Filter, formatter: logging.Formatter | None = None) -> None:
        super().__init__()
        self.lines: list[bytes] = []
        self.setFormatter(formatter)
        for one in filters:
            self.addFilter(one)

    def write_line(self, line: bytes) -> None:
        self.lines.append(line)

    @property
    def rows(self) -> list[dict[str, Any]]:
        return [strict(line) for line in self.lines]

    @property
    def text(self) -> str:
        return b"".join(self.lines).decode()


def strict(line: bytes | str) -> dict[str, Any]:
    """Parse one line of JSON; refuse NaN, infinities, doubled keys, invalid UTF-8 and a second line."""
    text = line.decode("utf-8", "strict") if isinstance(line, bytes) else line
    assert [text.removesuffix("\n")] == text.removesuffix("\n").split("\n")
    row = json.loads(text, object_pairs_hook=_without_doubles, parse_constant=_refuse)
    assert isinstance(row, dict)
    return row


def _without_doubles(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    assert len(pairs) == len(dict(pairs)), [key for key, _ in pairs]
    return dict(pairs)


def _refuse(constant: str) -> NoReturn:
    raise AssertionError(f"{constant} is not JSON")


def make_record(
    msg: object = "hello",
    args: Any = (),
    *,
    level: int = logging.INFO,
    name: str = "app.orders",
    exc_info: Any = None,
    sinfo: str | None = None,
    extra: dict[Any, Any] | None = None,
) -> logging.LogRecord:
    """Return a record as a log call makes it."""
    record = logging.LogRecord(name, level, "/srv/app/orders.py", 42, msg, args, exc_info, "place", sinfo)
    record.__dict__.update(extra or {})
    return record


def raised(error: BaseException) -> Any:
    """Return *error* with a traceback, as `sys.exc_info` gives it."""
    try:
        raise error
    except BaseException:
        return sys.exc_info()


def logger_with(*handlers: logging.Handler, name: str = "tests.pipe") -> logging.Logger:
    """Return a logger that writes to *handlers* only."""
    logger = logging.getLogger(name)
    logger.setLevel(logging.DEBUG)
    logger.propagate = False
    logger.handlers[:] = handlers
    return logger
