"""``ginkgo-logging demo``: a small backtest and real libraries, through the shipped files, in ten seconds."""

import argparse
import http.server
import importlib.util
import json
import logging
import random
import tempfile
import threading
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from ginkgo_logging import context, fields
from ginkgo_logging.accounting import stats
from ginkgo_logging.config import setup, shutdown
from ginkgo_logging.glog import GLOG

_PORTFOLIOS = {
    "portfolio-aaa": "strategy-momentum",
    "portfolio-bbb": "strategy-mean",
    "portfolio-ccc": "strategy-grid",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("--directory", type=Path, help="where to write (default: a new temporary directory)")
    parser.add_argument("--mode", choices=["local", "container"], default="local", help="the mode to show")
    parser.set_defaults(execute=execute)


def execute(options: argparse.Namespace) -> int:
    """Run the workload, then show what it wrote, and where."""
    directory = options.directory or Path(tempfile.mkdtemp(prefix="ginkgo-logging-demo-"))
    log_file = Path(directory) / "demo.log"
    _say(f"1. A program logs as it always did (mode {options.mode}); this is what the person at it sees:\n")
    setup(mode=options.mode, file_path=log_file)
    with context.with_trace_id() as trace_id:
        _run_workload()
    counted = stats()
    shutdown()
    _say(
        "\n2. What became of its records, per handler (seen = written + suppressed + sampled out + failed):\n"
    )
    for name, numbers in counted.items():
        _say(f"   {name}: " + ", ".join(f"{what} {number}" for what, number in numbers.items() if number))
    if options.mode == "local":
        _show_file(log_file, trace_id)
    return 0


def _show_file(log_file: Path, trace_id: str) -> None:
    rows = [json.loads(line) for line in log_file.read_text(encoding="utf-8").splitlines()]
    own = [row for row in rows if row.get(fields.TRACE_ID) == trace_id]
    _say(
        f"\n3. The same records as JSON lines, for machines: {len(rows)} lines in {log_file}\n   Some of them:\n"
    )
    for row in _one_of_each(rows):
        _say("   " + json.dumps(_shortened(row), ensure_ascii=False))
    loggers = sorted({row[fields.LOGGER_NAME] for row in own})
    _say(f"\n4. One trace, {trace_id}: {len(own)} lines, of {len(loggers)} loggers in threads and libraries:")
    _say("   " + ", ".join(loggers))
    _say(f"\nRead them all:  grep {trace_id} {log_file}")
    _say("Your program:   ginkgo-logging run your_script.py ARGS...")


def _one_of_each(rows: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Yield one line for each thing worth seeing."""
    wanted: tuple[Callable[[dict[str, Any]], object], ...] = (
        lambda row: "portfolio_id" in row,
        lambda row: row[fields.LOGGER_NAME].startswith(("urllib3", "sqlalchemy")),
        lambda row: "order" in row,
        lambda row: "***" in row[fields.MESSAGE],
        lambda row: fields.STACK_TRACE in row,
        lambda row: fields.SUPPRESSED_COUNT in row,
    )
    for is_it in wanted:
        yield from [row for row in rows if is_it(row)][:1]


def _shortened(row: dict[str, Any]) -> dict[str, Any]:
    return {key: f"{v[:60]}..." if isinstance(v, str) and len(v) > 64 else v for key, v in row.items()}


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
    warnings.warn("the daily bar feed is deprecated", DeprecationWarning, stacklevel=1)
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

    class Quotes(http.server.SimpleHTTPRequestHandler):
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
