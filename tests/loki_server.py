"""A Loki on loopback, over real HTTP: recordings of a real one, byte for byte, or one in memory."""

import gzip
import json
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from loki_memory import BadRequestError, Memory

RECORDINGS = Path(__file__).with_name("loki-recordings")
PLAIN = "text/plain; charset=utf-8"
JSON = "application/json; charset=UTF-8"


@dataclass
class Reply:
    """What the server says, and how badly; *cut* is how many bytes less than announced it sends."""

    body: str | bytes = ""
    status: int = 200
    content_type: str = PLAIN
    headers: dict[str, str] = field(default_factory=dict)
    delay: float = 0.0
    cut: int = 0
    drip: float = 0.0
    drip_head: float = 0.0
    hang_up: bool = False


@dataclass
class Request:
    """What a client asked."""

    method: str
    path: str
    parameters: dict[str, str]
    headers: dict[str, str]


def recording(name: str) -> dict[str, Any]:
    """Return a recorded exchange."""
    document: dict[str, Any] = json.loads((RECORDINGS / f"{name}.json").read_text(encoding="utf-8"))
    return document


def recorded_reply(name: str) -> Reply:
    """Return the reply of a recorded exchange."""
    response = recording(name)["response"]
    return Reply(response["body"], response["status"], response["headers"].get("Content-Type", PLAIN))


class LokiServer(ThreadingHTTPServer):
    """Answers with the next of *replies*; when there are none, from *memory*."""

    daemon_threads = True
    block_on_close = False

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.memory = Memory()
        self.replies: list[Reply] = []
        self.always: Reply | None = None
        self.requests: list[Request] = []
        self.connections = 0
        self.tenant: str | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def answer(self, request: Request) -> Reply:
        if self.replies:
            return self.replies.pop(0)
        if self.always is not None:
            return self.always
        if self.tenant is not None and request.headers.get("x-scope-orgid") != self.tenant:
            return recorded_reply("error-no-tenant")
        try:
            return self._from_memory(request)
        except BadRequestError as error:
            return Reply(str(error), 400)

    def _from_memory(self, request: Request) -> Reply:
        now = str(time.time_ns())
        given = {"start": now, "end": now, "time": now} | request.parameters
        match request.path.rpartition("/loki/api/v1/")[2]:
            case "push":
                self.memory.push(json.loads(given["body"]))
                return Reply(status=204)
            case "query_range":
                data = self.memory.query_range(
                    given["query"],
                    start=_nanoseconds(given["start"]),
                    end=_nanoseconds(given["end"]),
                    limit=int(given.get("limit", "100")),
                    backward=given.get("direction", "backward") == "backward",
                    categorize="categorize-labels"
                    in request.headers.get("x-loki-response-encoding-flags", ""),
                )
            case "query":
                data = self.memory.query(given["query"], time=_nanoseconds(given["time"]))
            case _:
                return recorded_reply("error-unknown-path")
        return Reply(json.dumps({"status": "success", "data": data}, ensure_ascii=False), content_type=JSON)

    def process_request(self, request: Any, client_address: Any) -> None:
        self.connections += 1
        super().process_request(request, client_address)

    def handle_error(self, *_: object) -> None: ...


def _nanoseconds(text: str) -> int:
    return int(text) * 10**9 if len(text) <= 10 else int(text)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = (
        -1
    )  # head and body in one packet; in two, the second would wait for the client's acknowledgement
    server: LokiServer

    def do_GET(self) -> None:
        target = urlsplit(self.path)
        self._reply("GET", target.path, dict(parse_qsl(target.query, keep_blank_values=True)))

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", "0"))).decode()
        if self.headers.get("Content-Type", "").startswith("application/json"):
            self._reply("POST", self.path, {"body": body})
        else:
            self._reply("POST", self.path, dict(parse_qsl(body, keep_blank_values=True)))

    def _reply(self, method: str, path: str, parameters: dict[str, str]) -> None:
        headers = {name.lower(): value for name, value in self.headers.items()}
        request = Request(method, path, parameters, headers)
        self.server.requests.append(request)
        reply = self.server.answer(request)
        time.sleep(reply.delay)
        if reply.hang_up:
            self.close_connection = True
            return
        if reply.drip_head:
            self._drip_a_head(reply.drip_head)
            return
        body = reply.body.encode() if isinstance(reply.body, str) else reply.body
        self.send_response(reply.status)
        if "gzip" in headers.get("accept-encoding", "") and reply.content_type == JSON and not reply.cut:
            body = gzip.compress(body, 1)
            self.send_header("Content-Encoding", "gzip")
        for name, value in ({"Content-Type": reply.content_type} | reply.headers).items():
            self.send_header(name, value)
        if reply.status != 204:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if reply.cut:
            body = body[: -reply.cut]
            self.close_connection = True
        if reply.drip:
            for at in range(len(body)):
                self.wfile.write(body[at : at + 1])
                self.wfile.flush()
                time.sleep(reply.drip)
        else:
            self.wfile.write(body)

    def _drip_a_head(self, pause: float) -> None:
        self.close_connection = True
        with suppress(OSError):
            for character in b"HTTP/1.1 200 OK\r\nX-Slow: " + b"a" * 100:
                self.wfile.write(bytes([character]))
                self.wfile.flush()
                time.sleep(pause)

    def log_message(self, *_: object) -> None: ...


@contextmanager
def running() -> Iterator[LokiServer]:
    """Run a server in a thread."""
    server = LokiServer()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def push(url: str, streams: list[dict[str, Any]]) -> None:
    """Send lines to a Loki, as a collector does."""
    body = json.dumps({"streams": streams}, ensure_ascii=False).encode()
    request = urllib.request.Request(f"{url}/loki/api/v1/push", body, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=10) as response:
        assert 204 == response.status
