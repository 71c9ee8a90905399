"""httpx, requests and Kafka carry the sender's trace; an OpenTelemetry span is one where there is no other."""

import asyncio
import logging
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import httpx
import pytest
import requests
from lines import Collector, logger_with
from opentelemetry import trace as otel
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF
from requests.adapters import HTTPAdapter

from ginkgo_logging import GLOG, context, propagation, setup, shutdown, trace_headers
from ginkgo_logging.filters import ContextFilter
from ginkgo_logging.formatters import JsonFormatter
from ginkgo_logging.integrations import httpx as our_httpx
from ginkgo_logging.integrations import kafka, opentelemetry
from ginkgo_logging.integrations import requests as our_requests
from ginkgo_logging.trace_headers import SAMPLED, Trace

W3C = "4bf92f3577b34da6a3ce929d0e0e4736"
SPAN = "00f067aa0ba902b7"
PARENT = f"00-{W3C}-{SPAN}-01"


class _Server(HTTPServer):
    """Keeps the headers of each request; ``/away`` leads to ``/here``."""

    received: list[tuple[str, str | None, str | None]]

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        assert isinstance(self.server, _Server)
        headers = self.headers
        self.server.received.append((self.path, headers["X-Trace-ID"], headers["traceparent"]))
        self.send_response(302 if self.path == "/away" else 200)
        self.send_header("Location", "/here")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        pass


@pytest.fixture
def server() -> Iterator[_Server]:
    """A real server on this host."""
    with _Server(("127.0.0.1", 0), _Handler) as server:
        server.received = []
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def _httpx(address: str, *paths: str, **headers: str) -> None:
    with our_httpx.instrument(
        our_httpx.instrument(httpx.Client(base_url=address, headers=headers))
    ) as client:
        for path in paths:
            client.get(path, follow_redirects=True)


def _httpx_async(address: str, *paths: str, **headers: str) -> None:
    async def main() -> None:
        client = httpx.AsyncClient(base_url=address, headers=headers)
        async with our_httpx.instrument(our_httpx.instrument(client)):
            for path in paths:
                await client.get(path, follow_redirects=True)

    asyncio.run(main())


def _requests(address: str, *paths: str, **headers: str) -> None:
    with our_requests.instrument(our_requests.instrument(requests.Session())) as session:
        session.headers.update(headers)
        for path in paths:
            session.get(address + path)


CLIENTS = pytest.mark.parametrize("get", [_httpx, _httpx_async, _requests])


@CLIENTS
def test_a_request_carries_the_trace(get: Any, server: _Server) -> None:
    """Both headers name the trace that is bound when the request is sent, after a redirect too."""
    with context.with_trace_id(W3C), context.with_span_id(SPAN):
        get(server.address, "/away")

    assert [("/away", W3C, PARENT), ("/here", W3C, PARENT)] == server.received


@CLIENTS
def test_a_request_without_a_trace_carries_none(get: Any, server: _Server) -> None:
    """Where nothing is bound nothing is sent."""
    get(server.address, "/")

    assert [("/", None, None)] == server.received


@CLIENTS
def test_headers_of_the_caller_stay(get: Any, server: _Server) -> None:
    """What the caller has set, in whatever case, is not overwritten; what it has not is added."""
    with context.with_trace_id(W3C), context.with_span_id(SPAN):
        get(server.address, "/", **{"x-trace-id": "its-own"})

    assert [("/", "its-own", PARENT)] == server.received


@CLIENTS
@pytest.mark.parametrize("trace_id", ["a\r\nX-Evil: 1", "跟踪", "a" * 129])
def test_an_id_that_could_do_harm_is_not_sent(get: Any, server: _Server, trace_id: str) -> None:
    """The request goes out without the header rather than failing."""
    with context.with_trace_id(trace_id):
        get(server.address, "/")

    assert [("/", None, None)] == server.received


def test_a_request_of_httpx_that_is_sent_again_carries_the_new_trace(server: _Server) -> None:
    """A request object may be sent in one trace after the other, and then in none."""
    with our_httpx.instrument(httpx.Client()) as client:
        request = client.build_request("GET", server.address)
        for trace_id in ("trace-1", "trace-2"):
            with context.with_trace_id(trace_id):
                client.send(request)
        client.send(request)

    assert ["trace-1", "trace-2", None] == [trace_id for _, trace_id, _ in server.received]


def test_a_request_of_requests_that_is_sent_again_carries_the_new_trace(server: _Server) -> None:
    """A prepared request is not changed by being sent."""
    with our_requests.instrument(requests.Session()) as session:
        prepared = requests.Request("GET", server.address).prepare()
        for trace_id in ("trace-1", "trace-2"):
            with context.with_trace_id(trace_id):
                session.send(prepared)

    assert ["trace-1", "trace-2"] == [trace_id for _, trace_id, _ in server.received]
    assert "X-Trace-ID" not in prepared.headers


def test_adapters_of_a_session_go_on_doing_the_work(server: _Server) -> None:
    """An adapter of the program's own, with its pools and retries, is used; one of ours is not wrapped twice."""

    class Counting(HTTPAdapter):
        sent = closed = 0

        def send(self, *args: Any, **options: Any) -> requests.Response:
            self.sent += 1
            return super().send(*args, **options)

        def close(self) -> None:
            self.closed += 1
            super().close()

    adapter = Counting()
    session = requests.Session()
    session.mount(server.address, adapter)
    session.mount("http://only.here", own := our_requests.TraceAdapter())
    with our_requests.instrument(session):
        session.get(server.address)

    assert own is session.get_adapter("http://only.here/")
    assert (1, 1) == (adapter.sent, adapter.closed)


# --- Kafka ------------------------------------------------------------------------------------------------


def test_kafka_headers_go_out_and_come_in() -> None:
    """What is injected into a message's headers is what is bound where it is handled."""
    with context.with_trace_id(W3C):
        sent = kafka.inject([("schema", b"7")])

    assert ("schema", b"7") == sent[0]
    assert all(isinstance(value, bytes) for _, value in sent)
    with kafka.extract(sent, log_category="orders") as trace_id:
        assert (W3C, W3C, "orders") == (trace_id, context.get_trace_id(), context.get_log_category())


def test_kafka_headers_of_the_caller_stay() -> None:
    """Headers that are there already are kept, and the caller's list is not changed."""
    given: list[tuple[str, Any]] = [("x-trace-id", b"its-own")]
    with context.with_trace_id("trace-1"):
        assert given == kafka.inject(given)
        assert [("X-Trace-ID", b"trace-1")] == kafka.inject()
    assert [("x-trace-id", b"its-own")] == given


@pytest.mark.parametrize(
    "headers",
    [
        None,
        [],
        [("X-Trace-ID", None)],
        [("X-Trace-ID", b"\xff")],
        [("X-Trace-ID", b"one"), ("x-trace-id", "two")],
        [(b"X-Trace-ID", b"trace-1"), "X-Trace-ID", ("X-Trace-ID",), None, ("X-Trace-ID", 7)],
    ],
)
def test_bad_kafka_headers_are_overlooked(headers: Any) -> None:
    """A message whose headers are of no use has a new trace, and the next one does not see its fields."""
    with kafka.extract(headers) as trace_id:
        assert trace_headers.is_w3c_trace_id(trace_id)
        context.bind(order=7)

    assert (None, {}) == (context.get_trace_id(), context.get_bound())


def test_kafka_headers_may_be_text_and_of_any_case() -> None:
    """Clients differ in what they hand out for a value, and producers in how they write a name."""
    with kafka.extract([("TraceParent", PARENT)]) as trace_id:
        assert W3C == trace_id


# --- OpenTelemetry ----------------------------------------------------------------------------------------


@pytest.fixture
def span_ids() -> Iterator[tuple[str, str]]:
    """The ids of an active span, under our `setup`."""
    setup()
    with TracerProvider().get_tracer("tests").start_as_current_span("work") as span:
        ids = span.get_span_context()
        yield otel.format_trace_id(ids.trace_id), otel.format_span_id(ids.span_id)


def test_lines_in_a_span_have_its_ids(span_ids: tuple[str, str]) -> None:
    """With setup() alone, a line within a span carries its trace_id and span_id."""
    handler = Collector(ContextFilter(), formatter=JsonFormatter())
    logger_with(handler).info("hello")

    assert [span_ids] == [(row["trace_id"], row["span_id"]) for row in handler.rows]
    assert span_ids == (GLOG.get_trace_id(), GLOG.get_span_id())


def test_lines_of_one_span_share_what_is_bound_and_those_of_the_next_do_not(
    span_ids: tuple[str, str],
) -> None:
    """What is found out about the context, for the next line's sake, holds within a span and for it only."""
    with context.bound(order=7):
        first = context.current()
        assert first is context.current()
        with otel.use_span(otel.INVALID_SPAN):
            assert None is context.get_trace_id()
        with TracerProvider().get_tracer("tests").start_as_current_span("inner"):
            assert (span_ids[0], {"order": 7}) == (context.get_trace_id(), context.get_bound())
            assert span_ids[1] != context.get_span_id()


def test_a_trace_of_ours_comes_before_a_span(span_ids: tuple[str, str]) -> None:
    """What the program has bound stays, without the span of another trace."""
    with context.with_trace_id("trace-1"):
        assert ("trace-1", None) == (context.get_trace_id(), context.get_span_id())
    with context.with_trace_id(span_ids[0]), context.with_span_id():
        assert span_ids == (context.get_trace_id(), context.get_span_id())


def test_what_is_sent_within_a_span_names_it(span_ids: tuple[str, str]) -> None:
    """The receiver's parent is the active span."""
    sent = propagation.inject()

    assert span_ids[0] == sent["X-Trace-ID"]
    assert Trace(*span_ids, flags=SAMPLED) == _parsed(sent)


def test_a_span_that_is_not_sampled_is_sent_so() -> None:
    """The decision not to record is handed on."""
    setup()
    with TracerProvider(sampler=ALWAYS_OFF).get_tracer("tests").start_as_current_span("work"):
        assert 0 == _parsed(propagation.inject()).flags


def _parsed(sent: dict[str, str]) -> Trace:
    parsed = trace_headers.parse_traceparent(sent["traceparent"])
    assert parsed is not None
    return parsed._replace(flags=parsed.flags & SAMPLED)  # newer OpenTelemetry sets that of Level 2, too


def test_a_request_within_a_span_begins_no_other_trace(span_ids: tuple[str, str]) -> None:
    """Where a tracing library outside of us has begun a trace, the request is in that one."""
    with propagation.received({}.get) as trace_id:
        assert span_ids == (trace_id, context.get_span_id())


def test_outside_of_a_span_and_after_shutdown_nothing_is_bound(span_ids: tuple[str, str]) -> None:
    """No span, or no pipe, no ids."""
    shutdown()
    assert None is context.get_trace_id()
    opentelemetry.instrument()
    assert span_ids[0] == context.get_trace_id()
    for nothing in (otel.INVALID_SPAN, otel.NonRecordingSpan(otel.INVALID_SPAN_CONTEXT)):
        with otel.use_span(nothing):
            assert None is context.get_trace_id()
    opentelemetry.uninstrument()
    opentelemetry.uninstrument()
    assert None is context.get_trace_id()
    logging.getLogger("tests").debug("no harm")
