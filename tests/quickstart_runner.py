"""Runs the Python blocks of one quickstart document in order, in one namespace, as a reader would.

Prints, as JSON, for each block its heading, the rows that it wrote to the log file and the answers that it got
to its questions. Names that the document
takes from the reader's program (a strategy, a url, a request) are supplied here, and the functions that a
block defines are called. Used by test_quickstart.py.
"""

import asyncio
import http.server
import json
import multiprocessing
import re
import sys
import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar

BLOCK = re.compile(r"^(#{2,4} [^\n]*)$|^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks(text: str) -> list[tuple[str, str]]:
    """Return heading and code of each Python block."""
    result, heading = [], ""
    for match in BLOCK.finditer(text):
        if match.group(1):
            heading = match.group(1).lstrip("# ").strip()
        else:
            result.append((heading, match.group(2)))
    return result


class _Service(http.server.BaseHTTPRequestHandler):
    """Service B: answers, and remembers the headers it got."""

    trace_ids: ClassVar[list[str | None]] = []

    def do_GET(self) -> None:
        self.trace_ids.append(self.headers.get("X-Trace-ID"))
        self.send_response(204)
        self.end_headers()

    do_POST = do_GET  # noqa: N815 - the name that http.server calls

    def log_message(self, *_: object) -> None: ...


ANSWERS = ("logs", "errors", "page1", "page2", "trace_logs", "error_count", "answer")
"""The names by which the sections on querying keep what they got."""


def _log_something_to_find(names: dict[str, Any]) -> None:
    """Write what makes the answers worth looking at: more than a page of one portfolio, some of it errors."""
    with names["GLOG"].context(portfolio_id=names["portfolio"].uuid):
        for number in range(150):
            names["GLOG"].INFO(f"order {number}")
        names["GLOG"].ERROR("order rejected")
        names["GLOG"].CRITICAL("broker is gone")


def _call_what_is_defined(heading: str, code: str, names: dict[str, Any]) -> None:
    """Use the functions of a block as their names say."""
    portfolio, request = names["portfolio"], names["request"]
    if "def process_request" in code:
        names["process_request"]()
        takes_request = "def handle_request(request)" in code
        names["handle_request"](*([request] if takes_request else []))
        names["GLOG"].clear_trace_id()
    elif "async def handle_request" in code and "asyncio.run" not in code:
        asyncio.run(names["handle_request"]("trace-async"))
    elif "def handle_request(request_id)" in code:
        names["process_request"] = lambda: names["GLOG"].INFO("processing")
        names["handle_request"]("request-1")
    elif "def handle_backtest" in code:
        names["handle_backtest"]("strategy-1", portfolio.uuid)
    elif "class EngineHistoric" in code and ".run(portfolio)" not in code:
        engine = names["EngineHistoric"]()
        engine.uuid, engine._run_backtest = "engine-1", lambda: None
        engine.run(portfolio)
    elif "def get_backtest_logs" in code:
        names["answer"] = asyncio.run(names["get_backtest_logs"](portfolio.uuid, limit=2))
    elif "processes" in code:
        for process in names["processes"]:
            process.join()
    elif "def custom_processor" in code and "render_to_log_kwargs" not in code:
        import structlog

        structlog.configure(processors=[names["custom_processor"], structlog.stdlib.render_to_log_kwargs])
        structlog.get_logger().info("with app_name")
    elif "def sampling_processor" in code and "render_to_log_kwargs" not in code:
        import structlog

        for rate in (0.0, 1.1):
            chain = [names["sampling_processor"](rate), structlog.stdlib.render_to_log_kwargs]
            structlog.configure(processors=chain)
            structlog.get_logger().info(f"sampled at {rate}")


def main() -> None:
    """Run the document named by the argument."""
    multiprocessing.set_start_method("fork")  # the functions of a block live in no importable module
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Service)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    names: dict[str, Any] = {
        "__name__": "reader",
        "strategy": SimpleNamespace(uuid="strategy-1"),
        "portfolio": SimpleNamespace(uuid="portfolio-1"),
        "symbol": "600519.SH",
        "url": f"http://127.0.0.1:{server.server_port}/",
        "request": SimpleNamespace(headers={"X-Trace-ID": "trace-from-a"}),
        "generate_trace_id": lambda request_id: f"trace-{request_id}",
        "run_backtest": lambda: None,
    }
    exec("import os, uuid, requests", names)
    log_file = Path.home() / ".ginkgo" / "logs" / "ginkgo.log"
    seen, report = 0, []
    document = Path(sys.argv[1])
    for heading, code in blocks(document.read_text(encoding="utf-8")):
        if "services.logging.log_service()" in code and "log_service" not in names:
            _log_something_to_find(names)
            seen += 152
        filename = f"{document.name}: {heading}"
        exec(compile(code, filename, "exec"), names)
        _call_what_is_defined(heading, code, names)
        lines = log_file.read_bytes().splitlines() if log_file.exists() else []
        answers = {name: names.pop(name) for name in ANSWERS if name in names}
        rows = [json.loads(line) for line in lines[seen:]]
        report.append({"heading": heading, "code": code, "rows": rows, "answers": answers})
        seen = len(lines)
    report.append(
        {"heading": "headers that service B got", "code": "", "rows": [{"ids": _Service.trace_ids}]}
    )
    sys.__stdout__.write("\nREPORT " + json.dumps(report))


if __name__ == "__main__":
    main()
