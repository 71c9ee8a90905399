"""The WSGI middleware: driven by hand, inside Flask and Django, and under real servers."""

import contextvars
import logging
import re
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any
from wsgiref.util import setup_testing_defaults
from wsgiref.validate import validator

import flask
import httpx
import pytest
from lines import Collector, logger_with
from third_parties.program import Output, Project

from ginkgo_logging import context, trace_headers
from ginkgo_logging.filters import ContextFilter
from ginkgo_logging.formatters import JsonFormatter
from ginkgo_logging.integrations.request_line import LOGGER
from ginkgo_logging.integrations.wsgi import App, TraceMiddleware

W3C = "4bf92f3577b34da6a3ce929d0e0e4736"


@pytest.fixture
def requests() -> Collector:
    """What the logger of request lines writes."""
    handler = Collector(ContextFilter(), formatter=JsonFormatter())
    logger_with(handler, name=LOGGER)
    return handler


class Server:
    """The server's side of one request after the other, on the thread that calls."""

    def __init__(self, app: App) -> None:
        self.app = app
        self.status = ""
        self.headers: list[tuple[str, str]] = []
        self.error: BaseException | None = None

    def environ(self, *, served: bool = True, **given: Any) -> dict[str, Any]:
        environ: dict[str, Any] = {"PATH_INFO": "/orders", "QUERY_STRING": "", "SCRIPT_NAME": "", **given}
        setup_testing_defaults(environ)
        if served:
            environ["SERVER_SOFTWARE"] = "tests/1"
        return environ

    def start_response(
        self, status: str, headers: list[tuple[str, str]], exc_info: Any = None
    ) -> Callable[[bytes], object]:
        self.status, self.headers = status, headers
        if exc_info:
            self.error = exc_info[1]
        return lambda _: None

    def begin(self, **environ: Any) -> Any:
        return self.app(self.environ(**environ), self.start_response)

    def get(self, **environ: Any) -> bytes:
        response = self.begin(**environ)
        try:
            return b"".join(response)
        finally:
            response.close()

    @property
    def header(self) -> list[str]:
        return [value for name, value in self.headers if name.lower() == "x-trace-id"]


def _ok(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [str(context.get_trace_id()).encode()]


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({"HTTP_X_TRACE_ID": "trace-1"}, "trace-1"),
        ({"HTTP_TRACEPARENT": f"00-{W3C}-00f067aa0ba902b7-01"}, W3C),
        ({"HTTP_X_TRACE_ID": "bad id", "HTTP_TRACEPARENT": f"00-{W3C}-00f067aa0ba902b7-01"}, W3C),
    ],
)
def test_the_callers_trace_is_bound_and_sent_back(environ: dict[str, str], expected: str) -> None:
    """The trace of either header is that of the request and of its response."""
    server = Server(TraceMiddleware(validator(_ok)))

    assert expected.encode() == server.get(**environ)
    assert [expected] == server.header


@pytest.mark.parametrize("value", ["", "a" * 129, "\xff", "a\r\nset-cookie: b", "one,two", 7])
@pytest.mark.parametrize("trust", [True, False])
def test_without_a_valid_header_the_trace_is_new(value: Any, trust: bool) -> None:
    """What a stranger sends in a wrong form is not taken; the trace is a valid one of W3C."""
    server = Server(TraceMiddleware(_ok, trust_headers=trust))

    server.get(HTTP_X_TRACE_ID=value if trust else "trace-1")

    assert trace_headers.is_w3c_trace_id(server.header[0])


def test_the_trace_is_bound_until_the_response_is_closed() -> None:
    """The application's iteration and close see all that it bound; the server sees the trace, until the end."""
    seen: list[Any] = []

    class Body:
        def __iter__(self) -> Iterator[bytes]:
            for _ in range(2):
                seen.append((context.get_trace_id(), context.get_bound()))
                yield b"x"

        def close(self) -> None:
            seen.append((context.get_trace_id(), context.get_bound()))

    def app(environ: Any, start_response: Any) -> Iterable[bytes]:
        context.bind(order=7)
        start_response("200 OK", [])
        return Body()

    server = Server(TraceMiddleware(app))
    response = server.begin(HTTP_X_TRACE_ID="trace-1")
    for _ in response:
        assert ("trace-1", {}) == (context.get_trace_id(), context.get_bound())
    access_line = context.get_trace_id()
    response.close()
    response.close()

    assert [("trace-1", {"order": 7})] * 3 == seen
    assert ("trace-1", None) == (access_line, context.get_trace_id())


@pytest.mark.parametrize("elsewhere", ["thread", "context"])
def test_a_response_that_is_iterated_elsewhere_keeps_its_trace(elsewhere: str) -> None:
    """A server may iterate and close in another thread or context; that one stays as it was, too."""

    def app(environ: Any, start_response: Any) -> Iterable[bytes]:
        start_response("200 OK", [])
        for _ in range(2):
            yield str(context.get_trace_id()).encode()

    response = Server(TraceMiddleware(app)).begin(HTTP_X_TRACE_ID="trace-1")
    seen: list[Any] = []

    def serve() -> None:
        context.set_trace_id("of-the-other")
        seen.extend(response)
        response.close()
        seen.append(context.get_trace_id())

    if elsewhere == "thread":
        thread = threading.Thread(target=serve)
        thread.start()
        thread.join()
    else:
        contextvars.Context().run(serve)

    assert [b"trace-1", b"trace-1", "of-the-other"] == seen


def test_a_response_that_is_never_closed_leaves_nothing_to_the_next_request() -> None:
    """The next request on the thread begins with what was bound before the forgotten one, and so it ends."""

    def app(environ: Any, start_response: Any) -> Iterable[bytes]:
        start_response("200 OK", [])
        seen.append((context.get_trace_id(), context.get_bound()))
        context.bind(order=7)
        return []

    seen: list[Any] = []
    server = Server(TraceMiddleware(app))
    with context.bound(trace_id="of-the-server", worker=1):
        forgotten = server.begin(HTTP_X_TRACE_ID="trace-1")
        server.get(HTTP_X_TRACE_ID="trace-2")
        assert "of-the-server" == context.get_trace_id()
        forgotten.close()
        assert "of-the-server" == context.get_trace_id()

    assert [("trace-1", {"worker": 1}), ("trace-2", {"worker": 1})] == seen


def test_two_of_them_are_one() -> None:
    """An inner middleware leaves the request to the outer one."""
    server = Server(TraceMiddleware(TraceMiddleware(_ok)))

    server.get(HTTP_X_TRACE_ID="trace-1")

    assert ["trace-1"] == server.header


def test_a_header_that_the_application_sets_stays() -> None:
    """The application's own X-Trace-ID is not doubled."""

    def app(environ: Any, start_response: Any) -> Iterable[bytes]:
        start_response("200 OK", [("X-TRACE-ID", "its-own")])
        return []

    server = Server(TraceMiddleware(app))
    server.get()

    assert ["its-own"] == server.header


def _broken_at_once(environ: Any, start_response: Any) -> Iterable[bytes]:
    context.bind(order=7)
    raise ValueError("broken")


def _broken_after_start(environ: Any, start_response: Any) -> Iterable[bytes]:
    start_response("200 OK", [])
    raise ValueError("broken")


def _broken_generator(environ: Any, start_response: Any) -> Iterable[bytes]:
    start_response("200 OK", [])
    yield b""
    raise ValueError("broken")


@pytest.mark.parametrize("app", [_broken_at_once, _broken_after_start, _broken_generator])
@pytest.mark.parametrize(("method", "body"), [("GET", b"Internal Server Error"), ("HEAD", b"")])
def test_an_error_that_only_the_server_would_answer_is_answered_with_the_trace(
    app: App, method: str, body: bytes, requests: Collector
) -> None:
    """A bare application's exception becomes a 500 that names the trace, and one line with what was bound."""
    server = Server(TraceMiddleware(app, log_requests=True))

    assert body == server.get(HTTP_X_TRACE_ID="trace-1", REQUEST_METHOD=method)

    assert ("500 Internal Server Error", ["trace-1"]) == (server.status, server.header)
    error, request = requests.rows
    assert f"{method} /orders failed" == error["message"]
    assert ("ValueError", "broken") == (error["error_type"], error["error_message"])
    assert ("error", "trace-1", 500) == (error["level"], error["trace_id"], request["status"])
    assert (7 if app is _broken_at_once else None) == error.get("order")
    assert isinstance(server.error, ValueError)


@pytest.mark.parametrize(
    "environ",
    [{"served": False}, {"werkzeug.debug.preserve_context": print}],
    ids=["test client", "debugger"],
)
def test_an_error_that_somebody_else_answers_goes_to_them_at_once(
    environ: dict[str, Any], requests: Collector
) -> None:
    """A client for tests gets the exception, and werkzeug's debugger shows it."""
    server = Server(TraceMiddleware(_broken_at_once, log_requests=True))

    with pytest.raises(ValueError, match="broken"):
        server.begin(**environ)

    assert "" == server.status
    assert [500] == [row["status"] for row in requests.rows]
    assert None is context.get_trace_id()


def test_a_response_that_has_begun_is_not_answered_twice(requests: Collector) -> None:
    """An exception after the first bytes leaves the response as far as it came."""

    def app(environ: Any, start_response: Any) -> Iterable[bytes]:
        start_response("200 OK", [])
        yield b"x"
        raise ValueError("broken")

    server = Server(TraceMiddleware(app, log_requests=True))
    with pytest.raises(ValueError, match="broken"):
        server.get()

    assert "200 OK" == server.status
    assert [200] == [row["status"] for row in requests.rows]


def test_an_exit_ends_the_request() -> None:
    """SystemExit, as of a worker's timeout, is nobody's answer; nothing stays bound."""

    def app(environ: Any, start_response: Any) -> Iterable[bytes]:
        raise SystemExit(1)

    with pytest.raises(SystemExit):
        Server(TraceMiddleware(app)).begin()
    assert None is context.get_trace_id()


@pytest.mark.parametrize(
    ("options", "fault"),
    [
        ({"log_requests": "yes"}, "log_requests must be true or false, got 'yes'"),
        ({"trust_headers": "false"}, "trust_headers must be true or false, got 'false'"),
        ({"log_category": 7}, "log_category must be a text or None, got 7"),
    ],
)
def test_a_wrong_option_is_refused_at_the_start(options: dict[str, Any], fault: str) -> None:
    """A switch that is a text would be taken as on; the refusal names the option and what it may be."""
    with pytest.raises(ValueError, match=fault):
        TraceMiddleware(_ok, **options)


def test_the_request_line(requests: Collector) -> None:
    """Asked for, a request is one line with method, path without query, status and duration."""
    app = TraceMiddleware(_ok, log_requests=True, log_category="web")
    environ = {
        "SCRIPT_NAME": "/api",
        "PATH_INFO": "/\u00e9".encode().decode("latin-1"),
        "QUERY_STRING": "token=abc",
    }

    Server(app).get(HTTP_X_TRACE_ID="trace-1", **environ)

    (row,) = requests.rows
    assert ("GET /api/é 200", "trace-1", "web") == (row["message"], row["trace_id"], row["log_category"])
    assert ("GET", "/api/é", 200) == (row["method"], row["path"], row["status"])
    assert 0 <= row["duration_ms"] < 60_000


# --- Flask ------------------------------------------------------------------------------------------------


def _shop() -> flask.Flask:
    app = flask.Flask("shop")

    @app.get("/orders/<int:order_id>")
    def order(order_id: int) -> dict[str, Any]:
        return {"trace_id": context.get_trace_id()}

    @app.get("/stream")
    def stream() -> Any:
        return flask.Response(
            flask.stream_with_context(iter([str(context.get_trace_id()), flask.request.path]))
        )

    @app.get("/special")
    def special() -> None:
        raise LookupError("no such thing")

    @app.get("/broken")
    def broken() -> None:
        raise RuntimeError("broken")

    @app.errorhandler(LookupError)
    def handle(_: LookupError) -> tuple[dict[str, Any], int]:
        return {"trace_id": context.get_trace_id()}, 404

    return app


@pytest.mark.parametrize(
    ("path", "status", "template"),
    [
        ("/orders/7?token=abc123", 200, "/orders/<int:order_id>"),
        ("/special", 404, "/special"),
        ("/broken", 500, "/broken"),
        ("/stream", 200, "/stream"),
        ("/nowhere", 404, "/nowhere"),
    ],
)
def test_every_response_of_flask_has_the_trace(
    path: str, status: int, template: str, requests: Collector
) -> None:
    """Responses of views, streams, error handlers and of unexpected errors have the header."""
    app = _shop()
    app.logger.addHandler(logging.NullHandler())
    app.logger.propagate = False
    app.wsgi_app = TraceMiddleware(app.wsgi_app, log_requests=True)  # type: ignore[method-assign]

    with app.test_client() as client:
        response = client.get(path, headers={"X-Trace-ID": "trace-1"})
        text = response.text
        response.close()

    assert (status, "trace-1") == (response.status_code, response.headers["X-Trace-ID"])
    assert [(template, status)] == [(row["path"], row["status"]) for row in requests.rows]
    if path == "/stream":
        assert "trace-1/stream" == text
    if path in {"/orders/7?token=abc123", "/special"}:
        assert {"trace_id": "trace-1"} == response.json


def test_flasks_client_for_tests_still_raises() -> None:
    """With TESTING an exception of a view reaches the test, as without the middleware."""
    app = _shop()
    app.testing = True
    app.wsgi_app = TraceMiddleware(app.wsgi_app)  # type: ignore[method-assign]

    with pytest.raises(RuntimeError, match="broken"):
        app.test_client().get("/broken")


# --- real servers -----------------------------------------------------------------------------------------

_APP = """
from ginkgo_logging import GLOG, setup
from ginkgo_logging.integrations.wsgi import TraceMiddleware

def serve(environ, start_response):
    GLOG.bind_context(order_id=7)
    if environ["PATH_INFO"] == "/broken":
        raise RuntimeError("no connection with password=abc123")
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "2")])
    yield b"o"
    GLOG.INFO("streaming")
    yield b"k"

app = TraceMiddleware(serve, log_category="web", log_requests=True)
"""
_GUNICORN = """
import yaml
from ginkgo_logging.config_files import shipped

accesslog = "-"
logconfig_dict = yaml.safe_load(shipped("local").text)
for name in ("gunicorn.access", "gunicorn.error"):
    logconfig_dict["loggers"][name] = {"level": "INFO", "propagate": True}
"""
_DJANGO = """
import sys
import django.conf
from django.core.management import execute_from_command_line
from django.core.wsgi import get_wsgi_application
from django.http import HttpResponse
from django.urls import path
from ginkgo_logging import GLOG, setup
from ginkgo_logging.integrations.wsgi import TraceMiddleware

def ok(request):
    GLOG.bind_context(order_id=7)
    GLOG.INFO("streaming")
    return HttpResponse("ok")

def broken(request):
    raise RuntimeError("no connection with password=abc123")

urlpatterns = [path("ok", ok), path("broken", broken)]

if __name__ == "__main__":
    setup()
    django.conf.settings.configure(
        ROOT_URLCONF="app", ALLOWED_HOSTS=["127.0.0.1"], LOGGING_CONFIG=None, WSGI_APPLICATION="app.application"
    )
    execute_from_command_line([sys.argv[0], "runserver", "--noreload", "127.0.0.1:0"])
elif django.conf.settings.configured:
    application = TraceMiddleware(get_wsgi_application(), log_category="web", log_requests=True)
"""


def _ask(address: str, worker: str = "") -> None:
    with httpx.Client(base_url=address) as client:
        for path, status in [("/ok", 200), ("/broken", 500), ("/missing", None)]:
            response = client.get(path, headers={"X-Trace-ID": f"trace-of-{path[1:]}"})
            assert f"trace-of-{path[1:]}" == response.headers["x-trace-id"], path
            assert status in (None, response.status_code)


@pytest.mark.parametrize("worker", ["sync", "gthread"])
def test_gunicorns_own_lines_have_the_trace(tmp_path: Path, worker: str) -> None:
    """Access lines and the error's line, of requests that one worker serves one after the other."""
    project = Project(tmp_path / "project")
    project.write("app.py", _APP)
    project.write("gunicorn.conf.py", _GUNICORN)
    command = ("gunicorn", "app:app", "-k", worker, "-b", "127.0.0.1:0", "--no-control-socket")
    with project.start(sys.executable, "-m", *command):
        listening = project.wait_for("^Listening at")["message"]
        _ask(str(listening).split()[2])
        project.wait_for('"GET /missing')

    _check(project.finished(), "^GET /broken failed", '"GET /{} ')


def test_djangos_own_lines_have_the_trace(tmp_path: Path) -> None:
    """runserver's lines about a request, and Django's about its error, have the trace; no other line has it."""
    project = Project(tmp_path / "project")
    project.write("app.py", _DJANGO)
    with project.start(sys.executable, "app.py"):
        address = project.wait_for_stdout(r"server at (http://[\d.:]+)/")
        _ask(address)
        project.wait_for('^"GET ', count=3)

    _check(project.finished(), "^Internal Server Error: /broken", '^"GET /{} ')


def _check(output: Output, error: str, access: str) -> None:
    row = output.one(error)
    assert ("trace-of-broken", "RuntimeError") == (row["trace_id"], row["error_type"])
    assert "trace-of-ok" == output.rows[[r["message"] for r in output.rows].index("streaming")]["trace_id"]
    for path in ("ok", "broken", "missing"):
        assert f"trace-of-{path}" == output.one(access.format(path))["trace_id"]
        assert f"trace-of-{path}" == output.one(rf"^GET /{path} \d")["trace_id"]
    traces = {row["trace_id"] for row in output.rows if "trace_id" in row}
    assert {"trace-of-ok", "trace-of-broken", "trace-of-missing"} == traces
    assert not re.search("abc123", output.text)
