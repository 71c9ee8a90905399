"""Compare our rotating file with its peers: the cost of a record, and the lines lost when processes share it.

    python benchmarks/file_handlers.py [--rounds 15] [--records 4000] [--processes 4] [--lines 8000]

Every handler gets the same records with the same formatter (``%(message)s``). A round times all handlers one
after the other, in an order that changes, and its ratios are to ``logging.FileHandler`` in that round. Read
the ratios; the microseconds are those of one machine. The second table lets processes write to one file that
rolls over often, with room for all backups, and counts what is missing, double or no whole line.
"""

import argparse
import importlib.metadata
import logging
import logging.handlers
import multiprocessing
import platform
import statistics
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from ginkgo_logging.handlers.rotating import RotatingFileHandler

COST_BYTES = 10_000_000
SHARED_BYTES = 100_000
BACKUPS = 100
MESSAGE = "order %d of portfolio %s filled at %.2f"
ARGS = (42, "momentum-cn", 101.25)
BASE = "FileHandler"

Factory = Callable[[Path, int], logging.Handler]


def ours(path: Path, max_bytes: int) -> logging.Handler:
    """RotatingFileHandler of ours."""
    return RotatingFileHandler(filename=path, max_bytes=max_bytes, backup_count=BACKUPS)


def plain(path: Path, _max_bytes: int) -> logging.Handler:
    """The standard library's, without rollover."""
    return logging.FileHandler(path)


def watched(path: Path, _max_bytes: int) -> logging.Handler:
    """The standard library's, which notices external rotation."""
    return logging.handlers.WatchedFileHandler(path)


def standard(path: Path, max_bytes: int) -> logging.Handler:
    """The standard library's, for one process."""
    return logging.handlers.RotatingFileHandler(path, maxBytes=max_bytes, backupCount=BACKUPS)


def concurrent(path: Path, max_bytes: int) -> logging.Handler:
    """concurrent-log-handler's."""
    from concurrent_log_handler import ConcurrentRotatingFileHandler

    return ConcurrentRotatingFileHandler(str(path), maxBytes=max_bytes, backupCount=BACKUPS)


HANDLERS: dict[str, Factory] = {
    BASE: plain,
    "ginkgo_logging RotatingFileHandler": ours,
    "WatchedFileHandler": watched,
    "RotatingFileHandler": standard,
}
# These do not share a file that rolls over: they do not roll over.
WITHOUT_ROLLOVER = {BASE, "WatchedFileHandler"}


def time_records(handler: logging.Handler, records: int) -> float:
    """Return the microseconds that *handler* takes for one record."""
    record = logging.LogRecord("bench", logging.INFO, __file__, 1, MESSAGE, ARGS, None)
    handle = handler.handle
    start = time.perf_counter()
    for _ in range(records):
        handle(record)
    return (time.perf_counter() - start) / records * 1e6


def compare_cost(handlers: dict[str, Factory], rounds: int, records: int, directory: Path) -> None:
    """Print what a record costs with each of *handlers*."""
    opened = {
        name: make(directory / f"{number}.log", COST_BYTES)
        for number, (name, make) in enumerate(handlers.items())
    }
    for handler in opened.values():
        handler.setFormatter(logging.Formatter("%(message)s"))
        time_records(handler, records // 4)
    names = list(opened)
    times: dict[str, list[float]] = {name: [] for name in names}
    for turn in range(rounds):
        shift = turn % len(names)
        for name in names[shift:] + names[:shift]:
            times[name].append(time_records(opened[name], records))
    print(f"\n{'per record':38}{'median µs':>10}{'ratio':>8}   (least - most of {rounds} rounds)")
    for name in names:
        ratios = [mine / base for mine, base in zip(times[name], times[BASE], strict=True)]
        print(
            f"{name:38}{statistics.median(times[name]):10.2f}{statistics.median(ratios):8.2f}"
            f"   ({min(ratios):.2f} - {max(ratios):.2f})"
        )
    for handler in opened.values():
        handler.close()


def line_of(worker: int, number: int) -> str:
    """Return the line *number* of one worker."""
    return f"<{worker} {number} {'x' * 80}>"


def write_lines(make: Factory, path: Path, worker: int, lines: int, start: "multiprocessing.Barrier") -> None:
    """Write the lines of one worker when all are ready."""
    logging.raiseExceptions = False  # a peer that fails to rename says so for every line
    handler = make(path, SHARED_BYTES)
    start.wait()
    for number in range(lines):
        handler.handle(logging.LogRecord("b", logging.INFO, "", 1, line_of(worker, number), (), None))
    handler.close()


def compare_loss(handlers: dict[str, Factory], processes: int, lines: int, directory: Path) -> None:
    """Print how many lines are missing, double or torn after *processes* wrote to one file."""
    total = processes * lines
    print(f"\nFiles of {SHARED_BYTES} bytes are full.")
    print(f"{f'{processes} processes x {lines} lines':38}{'lost':>8}{'doubled':>9}{'torn':>6}{'seconds':>9}")
    context = multiprocessing.get_context("spawn")
    wanted = {line_of(worker, number) for worker in range(processes) for number in range(lines)}
    for number, (name, make) in enumerate(handlers.items()):
        folder = directory / f"shared-{number}"
        folder.mkdir()
        start = context.Barrier(processes + 1)
        workers = [
            context.Process(target=write_lines, args=(make, folder / "shared.log", worker, lines, start))
            for worker in range(processes)
        ]
        for worker in workers:
            worker.start()
        start.wait()
        began = time.perf_counter()
        for worker in workers:
            worker.join()
        seconds = time.perf_counter() - began
        found: Counter[str] = Counter()
        for file in folder.glob("shared.log*"):
            found.update(file.read_text(errors="replace").splitlines())
        lost = len(wanted - found.keys())
        doubled = sum(found[line] - 1 for line in wanted & found.keys())
        torn = sum(count for line, count in found.items() if line and line not in wanted)
        print(f"{name:38}{f'{lost / total:.1%}' if lost else '0':>8}{doubled:9}{torn:6}{seconds:9.2f}")


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--records", type=int, default=4000)
    parser.add_argument("--processes", type=int, default=4)
    parser.add_argument("--lines", type=int, default=8000)
    options = parser.parse_args()
    print(f"CPython {platform.python_version()}, {platform.system()}")
    handlers = dict(HANDLERS)
    try:
        version = importlib.metadata.version("concurrent-log-handler")
    except importlib.metadata.PackageNotFoundError:
        print("concurrent-log-handler is not installed: left out", file=sys.stderr)
    else:
        handlers[f"concurrent-log-handler {version}"] = concurrent
    with tempfile.TemporaryDirectory() as name:
        compare_cost(handlers, options.rounds, options.records, Path(name))
        rolling = {name: make for name, make in handlers.items() if name not in WITHOUT_ROLLOVER}
        compare_loss(rolling, options.processes, options.lines, Path(name))


if __name__ == "__main__":
    main()
