"""What questions to a log file of a million lines cost, in times of `grep -c` on the same file, beside our peers.

    python benchmarks/query.py [--rounds 5] [--lines 1000000]

It writes its log file, of 14 hours and about 340 MB, into a temporary directory and deletes it. grep counts the
lines of one trace (somebody reads its output, for it stops at the first line when nobody does). A round runs
all, one after the other in a new random order, each in a process of its own that has been started before; a
ratio compares two of one round, so that a drift of the machine's speed meets both. Who needs less than a second
answers again until another second has passed, and the fastest of these answers counts, grep's as everybody's:
nobody pays for caches that the one before has filled, and a single answer of twenty milliseconds says more of
the machine's other guests, which only ever make it slower, than of who gave it. All read the same file from the
page cache, and nobody has an index of it. jq starts anew for each question, as it does for its
users; DuckDB and polars use all cores, the others one. Peers that are not installed are left out: jq is taken
from PATH, DuckDB and polars come with the extra `benchmarks`.

The questions: all lines of one trace; the last 100 errors; the number of errors; all lines of five minutes. We
and polars answer with dicts, DuckDB with tuples, jq with text. Nobody but we takes torn and foreign lines as they
come (jq stops there, polars fails, DuckDB is told to skip them); the file has none.
"""

import argparse
import multiprocessing
import random
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from importlib.metadata import PackageNotFoundError, version
from multiprocessing.connection import Connection
from pathlib import Path

import orjson

BEGIN = datetime(2026, 2, 26, 1, tzinfo=UTC)
HOURS = 14
FROM, TO = "2026-02-26T08:00:00.000000Z", "2026-02-26T08:05:00.000000Z"
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
QUESTIONS = ("trace", "last 100 errors", "count of errors", "five minutes")
AIMS = dict(zip(QUESTIONS, (1.5, 0.2, 4.0, 0.3), strict=True))
GREP = "grep -c"
TRACEBACK = (
    'Traceback (most recent call last):\n  File "/srv/app/orders.py", line 42, in place\nValueError: no price'
)

Answers = dict[str, Callable[[], int]]
"""What answers each question: a call that returns how many lines, or the count."""


def write(path: Path, lines: int) -> None:
    """Write a log file as a strategy's run might leave it: 50 lines a trace, two errors in a hundred lines."""
    chance = random.Random(1)
    traces = [f"{chance.getrandbits(128):032x}" for _ in range(max(1, lines // 50))]
    traces[0] = TRACE
    step = timedelta(hours=HOURS) / lines
    with path.open("wb", 1 << 20) as file:
        for number in range(lines):
            level = chance.choices(["debug", "info", "warning", "error", "critical"], [20, 70, 8, 1.8, 0.2])[
                0
            ]
            row = {
                "timestamp": (BEGIN + step * number).strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
                "level": level,
                "logger_name": "ginkgo.strategy",
                "message": f"Signal generated: BUY 600519.SH at {chance.random() * 100:.2f}",
                "log_category": "backtest",
                "trace_id": chance.choice(traces),
                "portfolio_id": f"portfolio-{chance.randrange(200):03}",
                "strategy_id": "strategy-momentum",
                "source": "strategy.py:123",
                "seq": number,
                "hostname": "host-1",
                "pid": 4242,
            }
            if level == "error":
                row |= {"error_type": "ValueError", "error_message": "no price", "stack_trace": TRACEBACK}
            file.write(orjson.dumps(row) + b"\n")


# --- who answers --------------------------------------------------------------------------------------------


def grep(path: Path) -> Answers:
    """Count the lines that contain the trace's id, as bytes."""

    def count() -> int:
        done = subprocess.run(["grep", "-c", TRACE, str(path)], check=True, capture_output=True)
        return int(done.stdout)

    return {"trace": count}


def ours(path: Path) -> Answers:
    """LogService over local files."""
    from ginkgo_logging.query import FilesBackend, LogService

    service = LogService(FilesBackend(path))
    return {
        "trace": lambda: len(service.query_by_trace_id(TRACE)),
        "last 100 errors": lambda: len(service.query_errors(limit=100)),
        "count of errors": lambda: service.get_log_count(level=["error", "critical"]),
        "five minutes": lambda: len(service.query_logs(limit=None, start_time=FROM, end_time=TO)),
    }


def jq(path: Path) -> Answers:
    """Select; the last 100 by tail."""
    if shutil.which("jq") is None:
        raise ImportError("no jq in PATH")

    def run(condition: str, last: int | None = None) -> int:
        command = ["jq", "-c", f"select({condition})", str(path)]
        lines = subprocess.run(command, check=True, capture_output=True).stdout.splitlines()
        return len(lines[-last:] if last else lines)

    errors = '.level == "error" or .level == "critical"'
    return {
        "trace": lambda: run(f'.trace_id == "{TRACE}"'),
        "last 100 errors": lambda: run(errors, 100),
        "count of errors": lambda: run(errors),
        "five minutes": lambda: run(f'.timestamp >= "{FROM}" and .timestamp < "{TO}"'),
    }


def duckdb(path: Path) -> Answers:
    """read_json with its detection of columns, then SQL; rows as tuples."""
    import duckdb as engine

    def run(what: str, rest: str) -> list[tuple[object, ...]]:
        # Times are left as the texts that they are, as for all others.
        source = f"read_json('{path}', format='newline_delimited', timestampformat='%c', ignore_errors=true)"
        with engine.connect() as connection:
            return connection.sql(f"select {what} from {source} {rest}").fetchall()

    errors = "where level in ('error', 'critical')"
    times = f"where timestamp >= '{FROM}' and timestamp < '{TO}' order by timestamp desc, seq desc"
    return {
        "trace": lambda: len(run("*", f"where trace_id = '{TRACE}' order by timestamp, seq")),
        "last 100 errors": lambda: len(run("*", f"{errors} order by timestamp desc, seq desc limit 100")),
        "count of errors": lambda: int(str(run("count(*)", errors)[0][0])),
        "five minutes": lambda: len(run("*", times)),
    }


def polars(path: Path) -> Answers:
    """scan_ndjson, filtered and collected; rows as dicts."""
    import polars as pl

    def run(condition: pl.Expr) -> pl.LazyFrame:
        return pl.scan_ndjson(path).filter(condition)

    errors = pl.col("level").is_in(["error", "critical"])
    times = (pl.col("timestamp") >= FROM) & (pl.col("timestamp") < TO)
    order = ["timestamp", "seq"]
    return {
        "trace": lambda: len(run(pl.col("trace_id") == TRACE).sort(order).collect().to_dicts()),
        "last 100 errors": lambda: len(run(errors).sort(order).tail(100).collect().to_dicts()),
        "count of errors": lambda: int(run(errors).select(pl.len()).collect().item()),
        "five minutes": lambda: len(run(times).sort(order, descending=True).collect().to_dicts()),
    }


CONTESTANTS: dict[str, Callable[[Path], Answers]] = {
    GREP: grep,
    "ours": ours,
    "jq": jq,
    "DuckDB": duckdb,
    "polars": polars,
}


# --- measuring ----------------------------------------------------------------------------------------------


def work(name: str, path: Path, pipe: Connection) -> None:
    """Answer each question that comes through *pipe* with seconds, number and peak memory in MiB."""
    try:
        answers = CONTESTANTS[name](path)
    except ImportError as error:
        pipe.send(error)
        return
    pipe.send(list(answers))
    while question := pipe.recv():
        seconds, number = fastest(answers[question])
        usage = max(
            resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
        )
        pipe.send((seconds, number, usage / (1024 * 1024 if sys.platform == "darwin" else 1024)))


def fastest(call: Callable[[], int]) -> tuple[float, int]:
    """Return the seconds of the only answer, or of the fastest within a second after one that took less."""
    seconds, number = timed(call)
    if seconds < 1:
        end = time.perf_counter() + 1
        seconds, number = timed(call)
        while time.perf_counter() < end:
            seconds = min(seconds, timed(call)[0])
    return seconds, number


def timed(call: Callable[[], int]) -> tuple[float, int]:
    """Return the seconds that *call* took, and its result."""
    start = time.perf_counter()
    result = call()
    return time.perf_counter() - start, result


class Results:
    """Seconds of each round, by question and contestant, and the peak memory of each contestant."""

    def __init__(self) -> None:
        self.seconds: dict[tuple[str, str], list[float]] = {}
        self.numbers: dict[str, set[int]] = {}
        self.memory: dict[str, float] = {}


def measure(path: Path, rounds: int) -> Results:
    """Ask everybody everything, *rounds* times."""
    spawn = multiprocessing.get_context("spawn")
    pipes: dict[str, Connection] = {}
    pairs: list[tuple[str, str]] = []
    for name in CONTESTANTS:
        pipe, theirs = spawn.Pipe()
        spawn.Process(target=work, args=(name, path, theirs), daemon=True).start()
        if isinstance(answer := pipe.recv(), ImportError):
            print(f"{name}: left out: {answer}")
            continue
        pipes[name] = pipe
        pairs += [(question, name) for question in answer]
    results = Results()
    for number in range(-1, rounds):  # the first round warms up
        random.shuffle(pairs)
        for question, name in pairs:
            pipes[name].send(question)
            seconds, count, memory = pipes[name].recv()
            results.numbers.setdefault(question, set()).add(count)
            results.memory[name] = memory
            if number >= 0:
                results.seconds.setdefault((question, name), []).append(seconds)
    for pipe in pipes.values():
        pipe.send("")
    return results


def show(results: Results) -> None:
    """Print how many times as long as grep each answer took."""
    base = results.seconds["trace", GREP]
    packages = [f"{package} {_version(package)}" for package in ("orjson", "duckdb", "polars")]
    print(", ".join([f"CPython {sys.version.split()[0]}", *packages, _first_line("grep"), _first_line("jq")]))
    millis = [f"{seconds * 1000:.0f}" for seconds in (statistics.median(base), min(base), max(base))]
    print(f"{GREP}: median {millis[0]}, min {millis[1]}, max {millis[2]} ms")
    print(f"\n{'question':16} {'who':8} {'ratio':>7} {'min':>7} {'max':>7} {'aim':>5} {'MiB':>6}")
    for question in QUESTIONS:
        for name in CONTESTANTS:
            spent = results.seconds.get((question, name))
            if spent is None or name == GREP:
                continue
            ratios = [one / other for one, other in zip(spent, base, strict=True)]
            aim = f"{AIMS[question]:5.1f}" if name == "ours" else ""
            print(
                f"{question:16} {name:8} {statistics.median(ratios):7.2f} {min(ratios):7.2f} {max(ratios):7.2f} "
                f"{aim:5} {results.memory[name]:6.0f}"
            )
    print(f"\nratio: seconds divided by those of {GREP!r} in the same round; median, min, max of the rounds")
    print("MiB: the greatest memory of the process, over all of its questions")
    for question, numbers in results.numbers.items():
        if len(numbers) > 1:
            print(f"{question}: the answers differ: {sorted(numbers)}")


def _first_line(command: str) -> str:
    try:
        done = subprocess.run([command, "--version"], check=False, capture_output=True, text=True)
    except FileNotFoundError:
        return f"{command} (not installed)"
    return done.stdout.partition("\n")[0]


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "(not installed)"


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--lines", type=int, default=1_000_000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        if shutil.disk_usage(directory).free < 1000 * options.lines:
            sys.exit(f"{directory}: too little room for {options.lines:,} lines")
        path = Path(directory, "app.log")
        write(path, options.lines)
        print(f"{options.lines:,} lines, {path.stat().st_size / 1e6:.0f} MB")
        show(measure(path, options.rounds))


if __name__ == "__main__":
    main()
