"""urllib3: requests and retries, without any wiring."""

import pytest

from third_parties.program import Output, Project, Wiring, documented

_PROGRAM = """
import socket, threading
from http.server import BaseHTTPRequestHandler, HTTPServer

class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *args):
        pass

server = HTTPServer(("127.0.0.1", 0), Handler)
threading.Thread(target=server.serve_forever, daemon=True).start()
http = urllib3.PoolManager()
http.request("GET", f"http://127.0.0.1:{server.server_port}/quotes?symbol=600519&token=abc123")
closed = socket.create_server(("127.0.0.1", 0))
port = closed.getsockname()[1]
closed.close()
try:
    http.request("GET", f"http://127.0.0.1:{port}/orders?token=abc123", retries=1)
except urllib3.exceptions.MaxRetryError:
    GLOG.exception("no orders")
server.shutdown()
"""
_BIND = documented("urllib3", "from ginkgo_logging").partition("setup()\n")[2]


@pytest.fixture(scope="module")
def output(wired_project: Project, wiring: Wiring) -> Output:
    """What one request, and one to a closed port, make urllib3 log."""
    # Imported first: loggers that exist before the configuration must not be disabled by it.
    return wired_project.run("import urllib3", wiring.code, _BIND, _PROGRAM)


def test_each_line_is_written_once_by_our_handlers_alone(output: Output) -> None:
    """A request and a retry are one line each, at urllib3's level, and nothing goes past the pipe."""
    assert ("debug", "urllib3.connectionpool") == _origin(output, '"GET /quotes')
    assert ("warning", "urllib3.connectionpool") == _origin(output, "^Retrying .*/orders")
    assert [] == output.stray


def _origin(output: Output, pattern: str) -> tuple[str, str]:
    row = output.one(pattern)
    return row["level"], row["logger_name"]


def test_lines_carry_the_applications_fields(output: Output) -> None:
    """urllib3's lines have what the application bound, and urllib3's file as source."""
    found = {
        (row["trace_id"], row["log_category"], row["portfolio_id"], row["source"].partition(":")[0])
        for row in output.of("urllib3.connectionpool")
    }
    assert {("trace-1", "market", "p-1", "connectionpool.py")} == found


def test_a_token_in_a_url_is_masked(output: Output) -> None:
    """A secret query parameter is hidden in urllib3's lines and in its exception; the others stay."""
    assert "/quotes?symbol=600519&token=***" in output.one('"GET /quotes')["message"]
    assert "MaxRetryError" in output.one("^no orders$")["stack_trace"]
    assert "abc123" not in output.text
