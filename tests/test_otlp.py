"""Lines over OTLP/HTTP: a server is sent what a container's stdout would have shown, and what is beside it."""

import contextlib
import gzip
import http.server
import itertools
import json
import logging
import logging.config
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import collector
import pytest
import yaml
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from waiting import until

from ginkgo_logging import GLOG, context, setup, shutdown
from ginkgo_logging.accounting import stats
from ginkgo_logging.errors import ConfigError
from ginkgo_logging.filters import ContextFilter, MaskingFilter
from ginkgo_logging.formatters import JsonFormatter
from ginkgo_logging.integrations.otlp import OtlpHandler

ROOT = Path(__file__).parent.parent
SHIPPED = ROOT / "logging.d" / "otlp.yaml"
LOKI_URL = os.environ.get("LOKI_URL", "").rstrip("/")  # at import: the fixture `home` takes it away
TRACE_ID = "0af7651916cd43dd8448eb211c80319c"
SPAN_ID = "b7ad6b7169203331"


class Received:
    """What a server has been sent."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.requests: list[tuple[str, dict[str, str]]] = []
        self.resources: list[dict[str, str]] = []
        self.records: list[Any] = []
        self.status = 200

    @property
    def rows(self) -> list[dict[str, Any]]:
        """The bodies."""
        return [json.loads(record.body.string_value) for record in self.records]

    @property
    def attributes(self) -> list[dict[str, str]]:
        """What is beside them."""
        return [_plain(record.attributes) for record in self.records]


def _plain(attributes: Any) -> dict[str, str]:
    return {attribute.key: attribute.value.string_value for attribute in attributes}


@pytest.fixture
def server() -> Iterator[Received]:
    """An OTLP/HTTP server on loopback."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.headers.get("Content-Encoding") == "gzip":
                body = gzip.decompress(body)
            received.requests.append((self.path, {k.lower(): v for k, v in self.headers.items()}))
            for resource in ExportLogsServiceRequest.FromString(body).resource_logs:
                received.resources.append(_plain(resource.resource.attributes))
                received.records += [record for scope in resource.scope_logs for record in scope.log_records]
            self.send_response(received.status)
            self.end_headers()

        def log_message(self, *_: object) -> None: ...

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as listening:
        received = Received(f"http://127.0.0.1:{listening.server_port}/otlp/v1/logs")
        threading.Thread(target=listening.serve_forever, args=[0.01], daemon=True).start()
        yield received
        listening.shutdown()


@pytest.fixture
def logger(server: Received) -> Iterator[Callable[..., logging.Logger]]:
    """Makes a logger whose only handler sends to the server, with the filters that the shipped file lists."""
    with contextlib.ExitStack() as stack:

        def make(**options: Any) -> logging.Logger:
            handler = OtlpHandler(**{"endpoint": server.url, **options})
            stack.callback(handler.close)
            handler.setFormatter(JsonFormatter())
            for one in (ContextFilter(), MaskingFilter()):
                handler.addFilter(one)
            log = logging.getLogger("ginkgo.engine")
            log.handlers, log.propagate = [handler], False
            log.setLevel(logging.DEBUG)
            return log

        yield make


def sent(log: logging.Logger) -> None:
    """Wait until all that was logged has been sent."""
    log.handlers[0].flush()


PROGRAM = f"""
import logging, logging.config, pathlib, yaml
logging.config.dictConfig(yaml.safe_load(pathlib.Path({str(SHIPPED)!r}).read_text()))
from ginkgo_logging import GLOG
with GLOG.context(portfolio_id="portfolio-aaa", log_category="backtest"), GLOG.with_trace_id("trace-123"):
    logging.getLogger("ginkgo.engine").info("password=hunter2, 数据 %d", 1)
    for number in range(7):
        GLOG.ERROR(f"error {{number}}")
    try:
        raise ConnectionError("token=hunter2")
    except ConnectionError:
        GLOG.CRITICAL("lost", exc_info=True)
"""


def run(home: Path, **variables: str) -> "subprocess.CompletedProcess[str]":
    """Run `PROGRAM` with plain dictConfig and nothing else of ours called."""
    environ = os.environ | {"PYTHONPATH": str(ROOT), "OTEL_SERVICE_NAME": "otlp-test", **variables}
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", PROGRAM],
        cwd=home,
        env=environ,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_a_program_with_the_shipped_file(home: Path, server: Received) -> None:
    """
    Plain dictConfig loads the file; every line arrives, masked, with the throttle's summary; stderr is silent.
    """
    done = run(home, OTEL_EXPORTER_OTLP_LOGS_ENDPOINT=server.url)

    assert (0, "") == (done.returncode, done.stderr)
    assert ["otlp-test"] == list({resource["service.name"] for resource in server.resources})
    messages = [row["message"] for row in server.rows]
    assert ["password=***, 数据 1", *(f"error {n}" for n in range(5)), "lost"] == messages[:-1]
    assert 2 == server.rows[-1]["suppressed_count"]
    assert "hunter2" not in str(server.records)
    assert {"portfolio-aaa"} == {one.get("portfolio_id") for one in server.attributes[:-1]}
    assert ("/otlp/v1/logs", "gzip") == (server.requests[0][0], server.requests[0][1]["content-encoding"])


def test_a_program_whose_endpoint_is_away(home: Path) -> None:
    """
    Lines that cannot be sent do not stop the program, and stderr tells of them.
    """
    done = run(
        home, OTEL_EXPORTER_OTLP_LOGS_ENDPOINT="http://127.0.0.1:1/", OTEL_EXPORTER_OTLP_LOGS_TIMEOUT="1"
    )

    assert 0 == done.returncode
    assert "Failed to export logs batch" in done.stderr
    assert "Traceback" not in done.stderr


def test_setup_by_name(server: Received, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    setup("otlp") takes the shipped file, and shutdown() sends what waits.
    """
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_LOGS_ENDPOINT", server.url)
    setup("otlp")
    GLOG.INFO("hello")

    shutdown()

    until(lambda: server.records, "the endpoint has records")
    assert ["hello"] == [row["message"] for row in server.rows]


def test_uvicorn_takes_the_shipped_file(server: Received, home: Path) -> None:
    """
    ``uvicorn --log-config`` loads the file as it is.
    """
    code = f"import logging, uvicorn; uvicorn.Config('app:app', log_config={str(SHIPPED)!r}).load()"
    (home / "app.py").write_text(
        "import logging\nasync def app(*_): ...\nlogging.getLogger('uvicorn.error').info('loaded')"
    )
    environ = os.environ | {"PYTHONPATH": f"{ROOT}:{home}", "OTEL_EXPORTER_OTLP_LOGS_ENDPOINT": server.url}

    subprocess.run([sys.executable, "-c", code], cwd=home, env=environ, timeout=60, check=True)

    assert "loaded" in [row["message"] for row in server.rows]


def test_the_body_is_the_json_line(server: Received, logger: Callable[..., logging.Logger]) -> None:
    """
    The body is the same line as on a container's stdout, with the traceback and fields that are no attribute.
    """
    log = logger()
    with context.bound(symbol="000001.SZ"):
        try:
            raise ValueError("too low")
        except ValueError:
            log.exception("refused %d", 3, extra={"quantity": 100})

    sent(log)

    (row,) = server.rows
    assert ("refused 3", "000001.SZ", 100, "ValueError") == (
        row["message"], row["symbol"], row["quantity"], row["error_type"],
    )  # fmt: skip
    assert {"level", "log_category", "logger_name"} == server.attributes[0].keys()


def test_what_is_beside_the_line(server: Received, logger: Callable[..., logging.Logger]) -> None:
    """
    Beside the line is what the collectors make label or metadata, as text.
    """
    log = logger()
    with GLOG.context(log_category="backtest", portfolio_id="p", strategy_id=7, engine_id=None, other="x"):
        with GLOG.with_trace_id("trace-123"):
            log.warning("hello", extra={"task_id": "t"})

    sent(log)

    assert [
        {
            "level": "warning",
            "log_category": "backtest",
            "logger_name": "ginkgo.engine",
            "trace_id": "trace-123",
            "portfolio_id": "p",
            "strategy_id": "7",
            "task_id": "t",
        }
    ] == server.attributes
    assert b"" == server.records[0].trace_id
    assert "WARN" == server.records[0].severity_text


@pytest.mark.parametrize(
    ("span_id", "sent_span", "beside"),
    [(SPAN_ID, bytes.fromhex(SPAN_ID), {}), ("span-1", b"", {"span_id": "span-1"}), (None, b"", {})],
)
def test_ids_of_w3c_are_those_of_the_protocol(
    server: Received,
    logger: Callable[..., logging.Logger],
    span_id: str | None,
    sent_span: bytes,
    beside: dict[str, str],
) -> None:
    """
    Ids that the protocol has a place for are there, and nowhere else.
    """
    log = logger(attributes=["trace_id", "span_id"])
    with GLOG.with_trace_id(TRACE_ID), GLOG.with_span_id(span_id) if span_id else contextlib.nullcontext():
        log.info("hello")

    sent(log)

    (record,) = server.records
    assert (bytes.fromhex(TRACE_ID), sent_span) == (record.trace_id, record.span_id)
    assert [beside] == server.attributes


def test_a_zero_trace_id_is_only_text(server: Received, logger: Callable[..., logging.Logger]) -> None:
    """
    An id that the protocol takes for none stays beside the line.
    """
    log = logger(attributes=["trace_id"])
    log.info("hello", extra={"trace_id": "0" * 32})

    sent(log)

    assert [{"trace_id": "0" * 32}] == server.attributes


def test_one_odd_value_does_not_cost_the_batch(
    server: Received, logger: Callable[..., logging.Logger]
) -> None:
    """
    Lone surrogates, values that do not print, endless ones: every line arrives.
    """

    class Odd:
        def __str__(self) -> str:
            raise ValueError("no")

    log = logger()
    for value in ("\ud800", Odd(), "x" * 100_000, "数据"):
        log.info("hello %s", value, extra={"portfolio_id": value})

    sent(log)

    assert ["\\ud800", "<unprintable Odd>", "x" * 1024, "数据"] == [
        one["portfolio_id"] for one in server.attributes
    ]
    assert 4 == len(server.rows)


def test_sending_is_not_logged_over_itself(server: Received, logger: Callable[..., logging.Logger]) -> None:
    """
    What the HTTP client logs while lines are sent is no line to send.
    """
    log = logger()
    client = logging.getLogger("urllib3")
    client.handlers, client.propagate, client.level = log.handlers[:], False, logging.DEBUG
    few = itertools.count()
    log.handlers[0].addFilter(lambda _: next(few) < 20)  # or each line sent would bring another for ever
    client.debug("of another request")

    sent(log)

    assert ["of another request"] == [row["message"] for row in server.rows]


def test_each_record_is_counted(server: Received, logger: Callable[..., logging.Logger]) -> None:
    """
    stats() tells what was handed over, and how much of it was masked or cut.
    """
    log = logger()
    log.handlers[0].name = "sender"
    log.handlers[0].setFormatter(JsonFormatter(max_bytes=2000))

    log.info("password=hunter2")
    log.info("x" * 5000)
    log.info("plain")

    counts = stats()["sender"]
    assert (3, 3, 1, 1) == (counts["seen"], counts["written"], counts["masked"], counts["truncated"])


def test_options_of_the_handler(server: Received, logger: Callable[..., logging.Logger]) -> None:
    """
    Headers, compression and resource are those of the dictConfig file.
    """
    log = logger(headers={"X-Scope-OrgID": "ginkgo"}, compression="none", resource={"service.name": "engine"})
    log.info("hello")

    sent(log)

    ((_, headers),) = server.requests
    assert "ginkgo" == headers["x-scope-orgid"]
    assert "content-encoding" not in headers
    assert "engine" == server.resources[0]["service.name"]


CLOSED_WHILE_SENDING = """
import logging, sys, threading, time
from ginkgo_logging.integrations.otlp import OtlpHandler
from ginkgo_logging.transaction import lock

def sender_waits():
    own = threading.get_ident()
    waiting = {"isEnabledFor", "_acquireLock"}
    return any(f.f_code.co_name in waiting for t, f in sys._current_frames().items() if t != own)

handler = OtlpHandler(endpoint=sys.argv[1])
logging.getLogger("ginkgo").addHandler(handler)
with lock:
    for number in range(600):  # more than a batch: the sender wakes up
        logging.getLogger("ginkgo").warning("hello %d", number)
    while not sender_waits():
        time.sleep(0.001)
    handler.flush()
    handler.close()
print("closed")
"""


def test_dictconfig_may_close_it_while_it_sends(server: Received, home: Path) -> None:
    """
    Closed under logging's lock, for which its sender waits, it waits for nobody, and all lines are sent.
    """
    done = subprocess.run(
        [sys.executable, "-c", CLOSED_WHILE_SENDING, server.url],
        cwd=home,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )

    assert ("closed\n", "") == (done.stdout, done.stderr)
    assert [f"hello {n}" for n in range(600)] == [record.body.string_value for record in server.records]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"compression": "zstd"}, "compression must be one of none, deflate, gzip, got 'zstd'"),
        ({"attributes": "trace_id"}, "attributes must be a list of names, got 'trace_id'"),
        ({"attributes": 3}, "attributes must be a list of names, got 3"),
        ({"level": "LOUD"}, "Unknown level: 'LOUD'"),
    ],
)
def test_wrong_options_are_refused(options: dict[str, Any], message: str) -> None:
    """
    A wrong value in a dictConfig file fails at start-up, and says what is allowed.
    """
    document = yaml.safe_load(SHIPPED.read_text(encoding="utf-8"))
    document["handlers"]["otlp"] |= options

    with pytest.raises(ConfigError, match=message):
        setup(document)


WITHOUT_THE_EXTRA = """
import sys
class Without:
    def find_spec(self, name, path=None, target=None):
        if name.startswith("opentelemetry."):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
sys.meta_path.insert(0, Without())
from ginkgo_logging import setup
from ginkgo_logging.errors import ConfigError
try:
    setup("otlp")
except ConfigError as error:
    print(error)
"""


def test_without_the_extra_it_says_what_to_install(home: Path) -> None:
    """
    Where OpenTelemetry is missing, the error names the extra that brings it.
    """
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_THE_EXTRA],
        cwd=home,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )

    assert (0, "") == (done.returncode, done.stderr)
    assert "ginkgo-logging[otlp]" in done.stdout


@pytest.mark.parametrize(("status", "again"), [(400, False), (401, False), (429, True), (503, True)])
def test_what_is_tried_again(home: Path, server: Received, status: int, again: bool) -> None:
    """
    An endpoint that is busy is asked again until the timeout; one that refuses has the batch lost at once.
    """
    server.status = status

    done = run(home, OTEL_EXPORTER_OTLP_LOGS_ENDPOINT=server.url, OTEL_EXPORTER_OTLP_LOGS_TIMEOUT="3")

    messages = [row["message"] for row in server.rows]
    assert again is (messages.count("lost") > 1)
    assert messages.count("lost") >= 1
    assert "Failed to export logs batch" in done.stderr


@pytest.mark.skipif(not LOKI_URL, reason="LOKI_URL names no Loki to ask")
def test_loki_finds_the_lines(home: Path) -> None:
    """
    What a real Loki has been sent over OTLP answers the queries of the page.
    """
    service = f"otlp-{time.time_ns()}"
    done = run(home, OTEL_EXPORTER_OTLP_LOGS_ENDPOINT=f"{LOKI_URL}/otlp/v1/logs", OTEL_SERVICE_NAME=service)
    assert (0, "") == (done.returncode, done.stderr)
    query = (
        f'{{service_name="{service}"}} | trace_id="trace-123" | level="error" | portfolio_id="portfolio-aaa"'
    )

    status, text = collector.ask(LOKI_URL, "query_range", query=query)

    lines = [line for stream in json.loads(text)["data"]["result"] for _, line in stream["values"]]
    assert (200, {f"error {n}" for n in range(5)}) == (
        status,
        {json.loads(line)["message"] for line in lines},
    )
