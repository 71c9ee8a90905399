"""What makes a line dearer, and what does not: levels, handlers, loggers, fields, threads, queue, console.

    python benchmarks/hot_path.py [--rounds 9] [--calls 2000]

Each row compares two contestants of interleaved.py; the aim is the ratio that the project set itself. The last
rows start interpreters, and count memory, each in a process of its own. benchmarks/pipe.py compares a line with
our peers' lines, benchmarks/file_handlers.py the file.
"""

import argparse
import logging
import random
import resource
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from contextvars import ContextVar
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import pipe
from consoles import console, rich_console, structlog_console
from interleaved import Call, measure, ratios, spread, versions

BACKGROUND: list[ContextVar[int]] = []


class Row(NamedTuple):
    """One comparison: what it shows, the two contestants, and the ratio aimed at."""

    shows: str
    one: str
    other: str
    aim: float


def line(log_file: Path) -> Call:
    """One line of ours."""
    pipe.configure(log_file)
    logger = logging.getLogger("ginkgo.strategy")
    return lambda: logger.info(pipe.TEMPLATE, pipe.ARGUMENT)


def disabled(log_file: Path) -> Call:
    """A call of ours below the level."""
    from ginkgo_logging import GLOG

    pipe.configure(log_file)
    GLOG.INFO("first use")
    GLOG.set_level("INFO")
    return lambda: GLOG.DEBUG(pipe.TEMPLATE, pipe.ARGUMENT)


def stdlib_disabled(_log_file: Path) -> Call:
    """A call of the standard library's below the level."""
    logger = logging.getLogger("plain")
    logger.setLevel(logging.INFO)
    return lambda: logger.debug(pipe.TEMPLATE, pipe.ARGUMENT)


def two_handlers(log_file: Path) -> Call:
    """A line to two files with the same filters."""
    from ginkgo_logging.handlers import RotatingFileHandler

    call = line(log_file)
    first = logging.getLogger().handlers[0]
    second = RotatingFileHandler(filename=log_file.with_suffix(".second"))
    second.setFormatter(first.formatter)
    second.filters = list(first.filters)
    logging.getLogger().addHandler(second)
    return call


def format_and_write(log_file: Path) -> Call:
    """What the second handler of a record has to do whatever the first one did."""
    line(log_file)()
    handler: Any = logging.getLogger().handlers[0]
    record = logging.getLogger("x").makeRecord("x", 20, __file__, 1, pipe.TEMPLATE, (pipe.ARGUMENT,), None)
    handler.handle(record)

    def call() -> None:
        data = handler.formatter.format_bytes(record)
        with handler.lock:
            handler.write_line(data)

    return call


def loggers(number: int, log_file: Path) -> Call:
    """A line of ours by one of *number* loggers in turn."""
    pipe.configure(log_file)
    every = [logging.getLogger(f"ginkgo.part{n % 30}.module{n}") for n in range(number)]
    chosen = [random.choice(every) for _ in range(4096)]
    turn = iter(())

    def call() -> None:
        nonlocal turn
        logger = next(turn, None)
        if logger is None:
            turn = iter(chosen)
            logger = next(turn)
        logger.info(pipe.TEMPLATE, pipe.ARGUMENT)

    return call


def mask_fields(number: int, log_file: Path) -> Call:
    """A line of ours with *number* names of secrets to look for."""
    from ginkgo_logging.filters import ContextFilter, MaskingFilter

    call = line(log_file)
    handler = logging.getLogger().handlers[0]
    handler.filters = [ContextFilter(), MaskingFilter(fields=[f"secret_{n}_word{n}" for n in range(number)])]
    return call


def context_variables(number: int, log_file: Path) -> Call:
    """A line of ours where others have *number* context variables."""
    for n in range(number):
        BACKGROUND.append(ContextVar(f"foreign_{n}"))
        BACKGROUND[-1].set(n)
    return line(log_file)


def bound(number: int, log_file: Path) -> Call:
    """A line of ours with *number* fields bound."""
    from ginkgo_logging import context

    call = line(log_file)
    context.clear()
    context.bind(**{f"field_{n}": f"value-{n}" for n in range(number)})
    return call


def extra(number: int, log_file: Path) -> Call:
    """A line of ours with *number* fields in `extra`."""
    line(log_file)
    logger = logging.getLogger("ginkgo.strategy")
    fields = {f"field_{n}": f"value-{n}" for n in range(number)}
    return lambda: logger.info(pipe.TEMPLATE, pipe.ARGUMENT, extra=fields)


def hundred(log_file: Path) -> Call:
    """A hundred lines, as one call."""
    call = line(log_file)

    def together() -> None:
        for _ in range(100):
            call()

    return together


def hundred_queued(log_file: Path) -> Call:
    """A hundred lines, the caller's side; the hundred before them are thrown away first, in the time.

    What piled up further would cost the collector what it costs nobody in a program.
    """
    from ginkgo_logging.handlers import QueueHandler

    lines = hundred(log_file)
    root = logging.getLogger()
    file = root.handlers[0]
    handler = QueueHandler(target=file, capacity=1_000_000)
    handler.filters, file.filters = list(file.filters), []
    root.handlers = [handler]

    def together() -> None:
        handler.reset_after_fork()
        handler._thread = threading.main_thread()  # nobody reads meanwhile: only the caller is timed
        lines()

    return together


def threads(make: Callable[[Path], Call], number: int, log_file: Path) -> Call:
    """Eight thousand lines by *number* threads together, as one call."""
    call = make(log_file)

    def some() -> None:
        for _ in range(8000 // number):
            call()

    def together() -> None:
        workers = [threading.Thread(target=some) for _ in range(number)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()

    return together


def arithmetic(_log_file: Path) -> Call:
    """As long as a line, and no logging: what CPython itself loses by switching between threads."""

    def add() -> None:
        total = 0
        for number in range(300):
            total += number

    return add


CONTESTANTS: dict[str, Callable[[Path], Call]] = {
    "a line": line,
    "GLOG.DEBUG, disabled": disabled,
    "stdlib debug(), disabled": stdlib_disabled,
    "a line to two files": two_handlers,
    "formatting and writing": format_and_write,
    "1 logger": partial(loggers, 1),
    "1,000 loggers": partial(loggers, 1000),
    "3 mask fields": partial(mask_fields, 3),
    "100 mask fields": partial(mask_fields, 100),
    "1,000 foreign context variables": partial(context_variables, 1000),
    "4 bound fields": partial(bound, 4),
    "50 bound fields": partial(bound, 50),
    "4 fields of extra": partial(extra, 4),
    "50 fields of extra": partial(extra, 50),
    "console on a terminal": console,
    "RichHandler": rich_console,
    "structlog ConsoleRenderer": structlog_console,
}
HUNDREDS: dict[str, Callable[[Path], Call]] = {
    "a hundred lines": hundred,
    "a hundred lines to a queue, the caller's side": hundred_queued,
}
THREADED: dict[str, Callable[[Path], Call]] = {
    f"{whose}, {number} threads": partial(threads, make, number)
    for whose, make in (("ours", line), ("stdlib", pipe.stdlib_message), ("no logging", arithmetic))
    for number in (1, 8)
}

ROWS = (
    Row("a disabled call", "GLOG.DEBUG, disabled", "stdlib debug(), disabled", 1.05),
    Row("loggers do not matter", "1,000 loggers", "1 logger", 1.1),
    Row("mask fields do not matter", "100 mask fields", "3 mask fields", 1.1),
    Row("foreign variables do not matter", "1,000 foreign context variables", "a line", 1.1),
    Row("fields, bound", "50 bound fields", "4 bound fields", 3.0),
    Row("fields, in extra", "50 fields of extra", "4 fields of extra", 3.0),
    Row("console, beside Rich", "console on a terminal", "RichHandler", 0.06),
    Row("console, beside structlog", "console on a terminal", "structlog ConsoleRenderer", 1.0),
    Row("queue", "a hundred lines to a queue, the caller's side", "a hundred lines", 0.5),
)

FIRST_LINE = """
import ginkgo_logging, logging
ginkgo_logging.setup(mode="container", structlog=False)
logging.getLogger("x").warning("first")
"""
STARTS = {
    "import logging.config, yaml": "import logging.config, yaml",
    "ours, to the first JSON line": FIRST_LINE,
    "import structlog": "import structlog",
}


def start_up(rounds: int) -> None:
    """Print how long interpreters take from their start to the first line."""
    spent: dict[str, list[float]] = {name: [] for name in STARTS}
    for number in range(-1, rounds):
        for name in random.sample(list(STARTS), len(STARTS)):
            start = time.perf_counter()
            subprocess.run([sys.executable, "-c", STARTS[name]], check=True, capture_output=True)
            if number >= 0:
                spent[name].append(time.perf_counter() - start)
    base = spent["import logging.config, yaml"]
    for name, aim in (("ours, to the first JSON line", "2.0"), ("import structlog", "")):
        numbers = spread(ratios(spent[name], base))
        print(f"{'start, ' + name:34} {numbers}  {aim:>5}   beside import logging.config, yaml")


def memory(records: int, log_file: Path) -> None:
    """Print by how much the process grew while it logged *records* records of 1,000 kinds."""
    pipe.configure(log_file)
    every = [logging.getLogger(f"ginkgo.module{n}") for n in range(1000)]
    before = 0
    for number in range(records):
        if number == records // 10:
            before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        every[number % 1000].warning("order %d of %s", number, f"text-{number}")
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    print(f"memory: {grown} KiB more after {records:,} records than after a tenth of them (aim: no growth)")


def show(spent: dict[str, list[float]]) -> None:
    """Print a row for each comparison."""
    print(versions("orjson", "structlog", "rich"))
    print(f"\n{'what it shows':34} {'ratio':>6} {'min':>6} {'max':>6}  {'aim':>5}   what is compared")
    for row in ROWS:
        if row.one in spent and row.other in spent:
            numbers = ratios(spent[row.one], spent[row.other])
            print(f"{row.shows:34} {spread(numbers)}  {row.aim:5}   {row.one} / {row.other}")
    added = [two - one for two, one in zip(spent["a line to two files"], spent["a line"], strict=True)]
    numbers = ratios(added, spent["formatting and writing"])
    print(f"{'second handler':34} {spread(numbers)}  {1.0:5}   what it adds / formatting and writing alone")


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--calls", type=int, default=2000, help="calls of a contestant in a round")
    parser.add_argument("--records", type=int, default=1_000_000, help="records to look at memory with")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        spent = measure(CONTESTANTS, Path(directory), options.rounds, options.calls)
        spent |= measure(HUNDREDS, Path(directory), options.rounds, max(1, options.calls // 100))
        show(spent)
        spent = measure(THREADED, Path(directory), options.rounds, max(1, options.calls // 2000))
        for whose, aim in (("ours", "1.0"), ("stdlib", ""), ("no logging", "")):
            numbers = spread(ratios(spent[f"{whose}, 1 threads"], spent[f"{whose}, 8 threads"]))
            print(f"{'threads, ' + whose:34} {numbers}  {aim:>5}   calls per second, 8 threads / 1 thread")
        start_up(options.rounds)
        memory(options.records, Path(directory) / "memory.log")


if __name__ == "__main__":
    main()
