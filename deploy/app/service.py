"""A sample service for the container stack: backtests over HTTP and in the background, logged in every way.

Nothing in it knows where its lines go. It uses `ginkgo_logging` only as any program may: ``GLOG``, standard
loggers, structlog, and ids that arrive in a header.

    GET /healthz                     200, nothing logged
    GET /backtests/<portfolio_id>    runs one; X-Trace-ID is taken over, or a new trace begins
    GET /errors/<portfolio_id>       an exception, logged with its traceback
"""

import logging
import os
import signal
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import structlog

from ginkgo_logging import GLOG, setup

PORTFOLIOS = {
    "portfolio-aaa": "550e8400-e29b-41d4-a716-446655440000",
    "portfolio-bbb": "550e8400-e29b-41d4-a716-446655440000",
    "portfolio-ccc": "6fa459ea-ee8a-3ca4-894e-db77e160355e",
}
INTERVAL = float(os.environ.get("BACKTEST_INTERVAL", "5"))
"""Seconds between two rounds of backtests in the background; 0 for none."""

log = logging.getLogger("ginkgo.web")
signals = structlog.get_logger("ginkgo.signals")


def run_backtest(portfolio_id: str, task_id: str) -> None:
    """Run one backtest; every line of it, by whichever logger, says whose it is."""
    strategy_id = PORTFOLIOS.get(portfolio_id)
    ids = {"strategy_id": strategy_id, "engine_id": "engine-1", "task_id": task_id}
    with GLOG.context(log_category="backtest", portfolio_id=portfolio_id, **ids):
        GLOG.INFO(f"Engine started for {portfolio_id}")
        signals.info("Signal generated", symbol="000001.SZ", direction="BUY", quantity=100)
        logging.getLogger("ginkgo.engine").warning("数据缺失 %d 天", 3)
        GLOG.INFO(f"Engine completed for {portfolio_id}")


def connect(host: str) -> None:
    """Fail, as databases do."""
    raise ConnectionError(f"no route to {host}, password=hunter2")


def run_broken_backtest(portfolio_id: str) -> None:
    """Log an exception with its traceback; the password in it is masked on its way."""
    with GLOG.context(log_category="backtest", portfolio_id=portfolio_id):
        try:
            connect("database")
        except ConnectionError:
            logging.getLogger("ginkgo.engine").exception("database connection failed")


def run_round(number: int) -> None:
    """Run all portfolios side by side, each in a trace of its own."""

    def run(portfolio_id: str) -> None:
        with GLOG.with_trace_id():
            run_backtest(portfolio_id, f"task-{number}")

    with ThreadPoolExecutor(max_workers=len(PORTFOLIOS)) as executor:
        list(executor.map(run, PORTFOLIOS))


class Handler(BaseHTTPRequestHandler):
    """Answers requests, each in the trace that its caller names."""

    def do_GET(self) -> None:
        """Find out what is asked for, and do it."""
        _, _, rest = self.path.partition("/")
        what, _, portfolio_id = rest.partition("/")
        if what == "healthz":
            self._answer(HTTPStatus.OK, "ok")
            return
        with GLOG.with_trace_id(self.headers.get("X-Trace-ID")) as trace_id:
            self._answer(*self._handle(what, portfolio_id), trace_id=trace_id)

    def _handle(self, what: str, portfolio_id: str) -> tuple[HTTPStatus, str]:
        log.info("GET /%s", what)
        if what == "backtests" and portfolio_id:
            run_backtest(portfolio_id, "task-web")
            return HTTPStatus.OK, "done"
        if what == "errors" and portfolio_id:
            run_broken_backtest(portfolio_id)
            return HTTPStatus.INTERNAL_SERVER_ERROR, "failed"
        return HTTPStatus.NOT_FOUND, "no such page"

    def _answer(self, status: HTTPStatus, text: str, trace_id: str | None = None) -> None:
        body = f"{text}\n".encode()
        self.send_response(status)
        self.send_header("Content-Type", "text/plain; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        if trace_id:
            self.send_header("X-Trace-ID", trace_id)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        """Say nothing on stderr: the access log is in `do_GET`."""


def main() -> None:
    """Serve until SIGTERM."""
    setup()
    server = ThreadingHTTPServer(("0.0.0.0", int(os.environ.get("PORT", "8000"))), Handler)  # noqa: S104
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    signal.signal(signal.SIGINT, lambda *_: stop.set())
    # Not JSON, as crashes and libraries that print leave lines behind: the collector keeps it and marks it.
    sys.stdout.write(f"listening on port {server.server_port}\n")
    sys.stdout.flush()
    GLOG.INFO("Engine room open")
    threading.Thread(target=server.serve_forever, name="http", daemon=True).start()
    number, due = 0, time.monotonic()
    while not stop.wait(max(0.0, due - time.monotonic()) if INTERVAL else None):
        number, due = number + 1, time.monotonic() + INTERVAL
        run_round(number)
    GLOG.INFO("Stopping")
    server.shutdown()
    server.server_close()


if __name__ == "__main__":
    sys.exit(main())
