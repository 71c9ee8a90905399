"""``ginkgo-logging demo``: a small backtest and real libraries, through the shipped files, in two seconds."""

import argparse
import collections
import http.server
import importlib.util
import json
import logging
import os
import random
import shlex
import shutil
import sys
import tempfile
import threading
import warnings
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Literal

from ginkgo_logging import context, fields
from ginkgo_logging.accounting import stats
from ginkgo_logging.config import setup, shutdown
from ginkgo_logging.config_files import shipped
from ginkgo_logging.glog import GLOG

_PORTFOLIOS = {
    "portfolio-aaa": "strategy-momentum",
    "portfolio-bbb": "strategy-mean",
    "portfolio-ccc": "strategy-grid",
}
_Row = dict[str, Any]

_WORTH_SEEING: tuple[tuple[str, Callable[[_Row], object]], ...] = (
    ("Business fields, bound once, are on every line of their thread:", lambda row: "portfolio_id" in row),
    (
        "A library that knows nothing of us: our trace, and its secret is masked:",
        lambda row: _is_masked_url(row),
    ),
    ("structlog, through the same pipe:", lambda row: "order" in row),
    ("An exception is one line:", lambda row: fields.STACK_TRACE in row),
    ("A warning is a line too:", lambda row: row[fields.LOGGER_NAME] == "py.warnings"),
    (
        "Of 40 errors of one kind, five came through; this tells of the rest:",
        lambda row: "suppressed_count" in row,
    ),
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("--directory", type=Path, help="where to write (default: a new temporary directory)")
    parser.add_argument("--mode", choices=["local", "container"], default="local", help="the mode to show")
    parser.set_defaults(execute=execute)


def execute(options: argparse.Namespace) -> int:
    """Run the workload, then show what it wrote, and where."""
    directory = options.directory or Path(tempfile.mkdtemp(prefix="ginkgo-logging-demo-"))
    log_file = Path(directory).absolute() / "demo.log"
    start = log_file.stat().st_size if log_file.exists() else 0
    _set_up(options.mode, log_file)
    where = "JSON lines on stdout, for the platform" if options.mode == "container" else "this, on stderr"
    _say(f"1. A small backtest logs as it always did. In {options.mode} mode it writes {where}:\n")
    with context.with_trace_id() as trace_id:
        _run_workload()
    counted = stats()
    shutdown()
    if options.mode == "local":
        _show_file(log_file, start, trace_id)
    _show_accounts(counted)
    if options.mode == "local":
        _say(f"Read them all:  {_command()} trace {trace_id} --file {shlex.quote(str(log_file))}")
    _say(f"Your program:   {_command()} run your_script.py ARGS...")
    return 0


def _set_up(mode: Literal["local", "container"], log_file: Path) -> None:
    """Use the shipped file and the defaults: what the user has configured is for the user's programs."""
    for name in [name for name in os.environ if name.startswith("LOGGING_")]:
        del os.environ[name]
    os.environ["GINKGO_DIR"] = str(log_file.parent)
    setup(shipped(mode).document, mode=mode, file_path=log_file)


def _show_file(log_file: Path, start: int, trace_id: str) -> None:
    lines = log_file.read_bytes()[start:].splitlines()
    rows: list[_Row] = [json.loads(line) for line in lines]
    _say(f"\n2. The same, and DEBUG, as JSON lines for machines: {len(rows)} lines in {log_file}\n")
    for caption, is_it in _WORTH_SEEING:
        for row in [row for row in rows if is_it(row)][:1]:
            _say(f"   {caption}\n   {json.dumps(_shortened(row), ensure_ascii=False)}\n")
    own = collections.Counter(row[fields.LOGGER_NAME] for row in rows if row.get(fields.TRACE_ID) == trace_id)
    _say(f"3. One trace, {trace_id}, through threads and libraries: {own.total()} lines\n")
    _say("   " + ", ".join(f"{name} {count}" for name, count in own.most_common()))


def _show_accounts(counted: dict[str, dict[str, int]]) -> None:
    _say("\nEvery record is accounted for: seen = written + suppressed + sampled_out + failed\n")
    for name, numbers in counted.items():
        _say(f"   {name:<8} " + "  ".join(f"{what} {number}" for what, number in numbers.items()))
    _say("")


def _command() -> str:
    """Return what a shell takes for this command, which may lie in an environment that is not activated."""
    if shutil.which("ginkgo-logging"):
        return "ginkgo-logging"
    if Path(sys.argv[0]).name == "ginkgo-logging":
        return shlex.quote(sys.argv[0])
    return f"{shlex.quote(sys.executable)} -m ginkgo_logging"


def _is_masked_url(row: _Row) -> bool:
    return row[fields.LOGGER_NAME].startswith("urllib3") and "***" in row[fields.MESSAGE]


def _shortened(row: _Row) -> _Row:
    return {
        key: f"{v[:30]}...{v[-50:]}" if isinstance(v, str) and len(v) > 90 else v for key, v in row.items()
    }


def _say(text: str) -> None:
    print(text, flush=True)  # noqa: T201


# --- the workload: knows nothing of ginkgo_logging but GLOG -------------------------------------------------


def _run_workload() -> None:
    GLOG.INFO("Engine started")
    trace_id = GLOG.get_trace_id()
    with ThreadPoolExecutor(max_workers=3, thread_name_prefix="backtest") as pool:
        for portfolio, strategy in _PORTFOLIOS.items():
            pool.submit(_backtest, portfolio, strategy, trace_id)
    _third_parties()
    logging.getLogger("broker.client").warning("login failed for %s, password=%s", "trader-7", "hunter2")
    for attempt in range(40):
        GLOG.ERROR(f"order {1000 + attempt} rejected: price {random.uniform(1, 9):.2f} out of range")  # noqa: S311
    try:
        int("12,5")
    except ValueError:
        GLOG.exception("could not read the quantity")
    with warnings.catch_warnings():
        warnings.simplefilter("always")  # -W error or -W ignore are no part of what is shown
        warnings.warn("the daily bar feed ends in December", FutureWarning, stacklevel=1)
    GLOG.INFO("Engine completed")


def _backtest(portfolio: str, strategy: str, trace_id: str | None) -> None:
    random_prices = random.Random(portfolio)  # noqa: S311
    with GLOG.with_trace_id(trace_id), GLOG.context(portfolio_id=portfolio, strategy_id=strategy):
        GLOG.set_log_category("backtest")
        for symbol in ("600519.SH", "000001.SZ", "AAPL"):
            GLOG.INFO(f"Signal generated: BUY {symbol} 价格 {random_prices.uniform(10, 1800):.2f}")
        logging.getLogger("ginkgo.portfolio").debug("settled")


def _third_parties() -> None:
    """Use libraries that log by themselves; those that are not installed are named."""
    import structlog

    structlog.get_logger("ginkgo.broker").info("order accepted", order=4711, quantity=100)
    for library, use in (("urllib3", _use_urllib3), ("sqlalchemy", _use_sqlalchemy)):
        if importlib.util.find_spec(library) is None:
            GLOG.WARN(f"{library} is not installed, so it does not log here; the extra 'demo' brings it")
        else:
            use()


def _use_urllib3() -> None:
    import urllib3

    class Quotes(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: object) -> None: ...

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Quotes) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        with urllib3.PoolManager() as pool:
            pool.request("GET", f"http://127.0.0.1:{server.server_port}/quotes?token=abc123")
        server.shutdown()


def _use_sqlalchemy() -> None:
    import sqlalchemy

    logging.getLogger("sqlalchemy.engine").setLevel(logging.INFO)
    engine = sqlalchemy.create_engine("sqlite://")
    with engine.connect() as connection:
        connection.execute(sqlalchemy.text("select 42 as answer"))
    engine.dispose()
