"""The ASGI middleware: driven by hand, inside Starlette and FastAPI, and under real servers."""

import asyncio
import logging
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import APIRouter, FastAPI, HTTPException
from fastapi.responses import JSONResponse, StreamingResponse
from lines import Collector, logger_with
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from third_parties.program import Output, Project
from websockets.sync.client import connect

from ginkgo_logging import GLOG, context, trace_headers
from ginkgo_logging.filters import ContextFilter
from ginkgo_logging.formatters import JsonFormatter
from ginkgo_logging.integrations import server_lines
from ginkgo_logging.integrations.asgi import App, Message, Receive, Scope, Send, TraceMiddleware, instrument
from ginkgo_logging.integrations.request_line import LOGGER

W3C = "4bf92f3577b34da6a3ce929d0e0e4736"


def _collector(name: str) -> Collector:
    handler = Collector(ContextFilter(), formatter=JsonFormatter())
    logger_with(handler, name=name)
    return handler


async def _drive(app: App, scope: Scope, *received: Message) -> list[Message]:
    """Return what *app* sends; it is given *received*."""
    sent: list[Message] = []
    messages = iter([*received, {"type": "http.disconnect"}])

    async def receive() -> Message:
        return next(messages)

    async def send(message: Message) -> None:
        sent.append(message)

    await app(scope, receive, send)
    return sent


def _request(*headers: tuple[bytes, bytes], kind: str = "http", path: str = "/orders") -> dict[str, Any]:
    scope = {"type": kind, "path": path, "headers": list(headers), "root_path": ""}
    return scope | ({"method": "GET"} if kind == "http" else {})


def _get(app: App, *headers: tuple[bytes, bytes]) -> list[Message]:
    return asyncio.run(_drive(app, _request(*headers)))


def _answering(seen: list[Any], *headers: tuple[bytes, bytes]) -> App:
    """An application that answers 200, and notes what is bound."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        seen.append(context.current())
        await send({"type": "http.response.start", "status": 200, "headers": list(headers)})
        await send({"type": "http.response.body", "body": b"ok"})

    return app


def _header(messages: list[Message]) -> str | None:
    for message in messages:
        for name, value in message.get("headers", ()):
            if name == b"x-trace-id":
                return str(value.decode())
    return None


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ([(b"X-Trace-ID", b"trace-1")], "trace-1"),
        ([(b"traceparent", f"00-{W3C}-00f067aa0ba902b7-01".encode())], W3C),
        ([(b"x-trace-id", b"bad id"), (b"traceparent", f"00-{W3C}-00f067aa0ba902b7-01".encode())], W3C),
    ],
)
def test_the_callers_trace_is_bound_and_sent_back(headers: list[tuple[bytes, bytes]], expected: str) -> None:
    """The trace of either header is that of the request, its lines and its response."""
    seen: list[Any] = []

    sent = _get(TraceMiddleware(_answering(seen)), *headers)

    assert expected == seen[0].trace_id == _header(sent)
    assert trace_headers.is_w3c_span_id(seen[0].span_id)
    assert "00f067aa0ba902b7" != seen[0].span_id


@pytest.mark.parametrize(
    "headers",
    [
        [],
        [(b"x-trace-id", b"a" * 129)],
        [(b"x-trace-id", b"\xff\xfe")],
        [(b"x-trace-id", b"a\r\nset-cookie: b")],
        [(b"x-trace-id", b"one"), (b"x-trace-id", b"two")],
        [(b"traceparent", f"00-{'0' * 32}-00f067aa0ba902b7-01".encode())],
    ],
)
def test_without_a_valid_header_the_trace_is_new(headers: list[tuple[bytes, bytes]]) -> None:
    """What a stranger sends in a wrong form is not taken; the trace is a valid one of W3C."""
    seen: list[Any] = []

    sent = _get(TraceMiddleware(_answering(seen)), *headers)

    assert trace_headers.is_w3c_trace_id(seen[0].trace_id)
    assert seen[0].trace_id == _header(sent)


def test_strangers_need_not_be_trusted() -> None:
    """With trust_headers=False a valid header is not taken either."""
    seen: list[Any] = []

    _get(TraceMiddleware(_answering(seen), trust_headers=False), (b"x-trace-id", b"trace-1"))

    assert "trace-1" != seen[0].trace_id


def test_a_header_that_the_application_sets_stays() -> None:
    """The application's own X-Trace-ID is not doubled."""
    sent = _get(TraceMiddleware(_answering([], (b"X-Trace-Id", b"its-own"))))

    assert [(b"X-Trace-Id", b"its-own")] == sent[0]["headers"]


def test_what_was_bound_before_is_back_afterwards() -> None:
    """A request in the caller's own task changes nothing for the caller, whatever the application binds."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        context.bind(left_behind=1)
        context.set_trace_id("other")
        if scope["path"] == "/broken":
            raise ValueError("broken")

    async def main() -> None:
        context.bind(trace_id="outer", job=1)
        before = context.current()
        await _drive(TraceMiddleware(app), _request())
        assert before == context.current()
        with pytest.raises(ValueError, match="broken"):
            await _drive(TraceMiddleware(app), _request(path="/broken"))
        assert before == context.current()

    asyncio.run(main())


def test_two_of_them_are_one() -> None:
    """An inner middleware leaves the request to the outer one; the next request is one of its own."""
    requests = _collector(LOGGER)
    seen: list[Any] = []
    app = TraceMiddleware(TraceMiddleware(_answering(seen), log_requests=True), log_requests=True)
    scope = _request()

    sent = [_header(asyncio.run(_drive(app, scope))) for _ in range(2)]

    assert [one.trace_id for one in seen] == sent
    assert seen[0].trace_id != seen[1].trace_id
    assert [one.trace_id for one in seen] == [row["trace_id"] for row in requests.rows]


def test_lifespan_passes_as_it_is() -> None:
    """A scope that is not a request gets the application's own receive and send."""
    given: list[Any] = []

    async def app(*arguments: Any) -> None:
        given.extend(arguments)

    async def receive() -> Message:
        return {}

    async def send(message: Message) -> None:
        del message

    scope = {"type": "lifespan"}
    asyncio.run(TraceMiddleware(app)(scope, receive, send))

    assert [scope, receive, send] == given


def test_an_error_that_only_the_server_would_answer_is_answered_with_the_trace() -> None:
    """A bare application's exception becomes a 500 that names the trace, and reaches the server."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        raise ValueError("broken")

    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    async def main() -> None:
        await TraceMiddleware(app)(_request((b"x-trace-id", b"trace-1")), _no_more, send)

    with pytest.raises(ValueError, match="broken"):
        asyncio.run(main())
    assert [500, b"Internal Server Error"] == [sent[0]["status"], sent[1]["body"]]
    assert "trace-1" == _header(sent)


def test_the_applications_error_counts_though_it_cannot_be_answered() -> None:
    """Where the client is gone and nothing can be sent, the server still gets what the application raised."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        raise ValueError("broken")

    async def send(message: Message) -> None:
        raise OSError("the client is gone")

    with pytest.raises(ValueError, match="broken"):
        asyncio.run(TraceMiddleware(app)(_request(), _no_more, send))


async def _no_more() -> Message:
    return {"type": "http.disconnect"}


def test_a_response_that_has_begun_is_not_answered_twice() -> None:
    """An exception within the body leaves the response as far as it came."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        raise ValueError("broken")

    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    with pytest.raises(ValueError, match="broken"):
        asyncio.run(TraceMiddleware(app)(_request(), _no_more, send))
    assert ["http.response.start"] == [message["type"] for message in sent]


def test_an_inner_one_leaves_errors_to_the_framework_around_it() -> None:
    """Where Starlette's own error handler is outside, it answers."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        raise ValueError("broken")

    requests = _collector(LOGGER)
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    scope = _request() | {"app": object()}
    with pytest.raises(ValueError, match="broken"):
        asyncio.run(TraceMiddleware(app, log_requests=True)(scope, _no_more, send))
    assert [] == sent
    assert [500] == [row["status"] for row in requests.rows]


@pytest.mark.parametrize(
    ("message", "status"),
    [
        ({"type": "websocket.accept"}, 101),
        ({"type": "websocket.http.response.start", "status": 404, "headers": [(b"a", b"b")]}, 404),
    ],
)
def test_a_websocket_is_accepted_with_the_trace(message: Message, status: int) -> None:
    """The header is on the acceptance of a websocket, and on the response of a refusal."""
    requests = _collector(LOGGER)

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send(message)
        await send({"type": "websocket.close"})

    scope = _request((b"x-trace-id", b"trace-1"), kind="websocket")
    sent = asyncio.run(_drive(TraceMiddleware(app, log_requests=True), scope))

    assert "trace-1" == _header(sent)
    assert "headers" not in sent[1]
    assert [("WEBSOCKET", status)] == [(row["method"], row["status"]) for row in requests.rows]


def test_a_websocket_that_is_refused_is_a_403() -> None:
    """Closed before it is accepted, a websocket is refused; there is no header to put the trace in."""
    requests = _collector(LOGGER)

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "websocket.close"})

    sent = asyncio.run(_drive(TraceMiddleware(app, log_requests=True), _request(kind="websocket")))

    assert [{"type": "websocket.close"}] == sent
    assert [403] == [row["status"] for row in requests.rows]


@pytest.mark.parametrize(("accepts", "status"), [(False, 500), (True, 101)])
def test_a_websocket_that_fails(accepts: bool, status: int) -> None:
    """A websocket that fails before it is accepted is a 500, as the server answers it."""
    requests = _collector(LOGGER)

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if accepts:
            await send({"type": "websocket.accept"})
        raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        asyncio.run(_drive(TraceMiddleware(app, log_requests=True), _request(kind="websocket")))

    assert [status] == [row["status"] for row in requests.rows]


def test_the_request_line() -> None:
    """Asked for, a request is one line with method, path without query, status and duration."""
    requests = _collector(LOGGER)
    app = TraceMiddleware(_answering([]), log_requests=True, log_category="web")

    _get(app, (b"x-trace-id", b"trace-1"))

    (row,) = requests.rows
    assert ("GET /orders 200", "info", "trace-1", "web") == (
        row["message"],
        row["level"],
        row["trace_id"],
        row["log_category"],
    )
    assert ("GET", "/orders", 200) == (row["method"], row["path"], row["status"])
    assert 0 <= row["duration_ms"] < 60_000


def test_a_request_whose_client_went_away_has_a_line_too() -> None:
    """A request that is cancelled before it is answered has a line without a status."""
    requests = _collector(LOGGER)

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(_drive(TraceMiddleware(app, log_requests=True), _request()))
    assert [("GET /orders -", None)] == [(row["message"], row["status"]) for row in requests.rows]


def test_requests_side_by_side_keep_their_traces() -> None:
    """Many requests of one loop, interleaved at every step, each see their own trace only."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        for _ in range(5):
            await asyncio.sleep(0)
            seen.append((scope["path"], context.get_trace_id()))
        await send({"type": "http.response.start", "status": 200})

    async def main() -> None:
        middleware = TraceMiddleware(app)
        await asyncio.gather(
            *(
                _drive(middleware, _request((b"x-trace-id", b"t%d" % number), path=f"t{number}"))
                for number in range(20)
            )
        )

    seen: list[tuple[str, str | None]] = []
    asyncio.run(main())

    assert 100 == len(seen)
    assert [] == [one for one in seen if one[0] != one[1]]


# --- server lines -----------------------------------------------------------------------------------------


def _error_that_crossed(**bound: Any) -> Exception:
    error = ValueError("broken")
    with context.bound(**bound):
        server_lines.remember(error)
    return error


def test_a_servers_line_about_an_error_has_what_was_bound_in_the_request() -> None:
    """After the request the server's own error line still carries its trace and fields, not the server's."""
    server_lines.install()
    lines = _collector("uvicorn.error")
    error = _error_that_crossed(trace_id="trace-1", order=7)
    server_lines.remember(error)  # the outer of two middlewares has nothing to add

    with GLOG.with_trace_id("of-the-server"):
        logging.getLogger("uvicorn.error").error("Exception in ASGI application", exc_info=error)
        logging.getLogger("uvicorn.error").info("something else")
        try:
            raise error
        except ValueError:
            logging.getLogger("uvicorn.error").error("its own traceback")  # noqa: TRY400 - as werkzeug does

    assert [("trace-1", 7), ("of-the-server", None), ("trace-1", 7)] == [
        (row["trace_id"], row.get("order")) for row in lines.rows
    ]


def test_one_error_that_is_raised_in_many_requests_has_the_trace_of_each() -> None:
    """A server's line about an object that is raised again has the later request's trace and fields."""
    lines = _collector("uvicorn.error")
    error = ValueError("broken")

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        context.bind(path=scope["path"])
        raise error

    async def serve(path: str) -> None:
        try:
            await _drive(TraceMiddleware(app), _request((b"x-trace-id", path.encode()), path=path))
        except ValueError:
            logging.getLogger("uvicorn.error").exception("Exception in ASGI application")

    for path in ("first", "second"):
        asyncio.run(serve(path))

    assert [("first", "first"), ("second", "second")] == [
        (row["trace_id"], row["path"]) for row in lines.rows
    ]


def test_an_error_of_a_request_within_another_is_the_inner_ones() -> None:
    """An application that calls another one in the same process leaves the error to that one's trace."""
    lines = _collector("uvicorn.error")

    async def inner(scope: Scope, receive: Receive, send: Send) -> None:
        raise ValueError("broken")

    async def outer(scope: Scope, receive: Receive, send: Send) -> None:
        await _drive(TraceMiddleware(inner), _request((b"x-trace-id", b"inner")))

    try:
        asyncio.run(_drive(TraceMiddleware(outer), _request((b"x-trace-id", b"outer"))))
    except ValueError:
        logging.getLogger("uvicorn.error").exception("Exception in ASGI application")

    assert ["inner"] == [row["trace_id"] for row in lines.rows]


def test_an_error_that_crossed_can_be_pickled() -> None:
    """Nothing that was bound keeps an exception from being sent to another process."""
    import pickle

    error = pickle.loads(pickle.dumps(_error_that_crossed(stubborn=lambda: None)))

    server_lines.install()
    lines = _collector("uvicorn.error")
    with GLOG.with_trace_id("here"):
        logging.getLogger("uvicorn.error").error("again", exc_info=error)
    assert ["here"] == [row["trace_id"] for row in lines.rows]


def test_an_error_that_refuses_attributes_does_no_harm() -> None:
    """An exception whose class forbids it is not remembered."""

    class Closed(Exception):  # noqa: N818
        def __setattr__(self, name: str, value: object) -> None:
            raise TypeError("closed")

    server_lines.remember(Closed())


@pytest.mark.parametrize(
    ("args", "expected"),
    [
        ({"{x-trace-id}o": "trace-1"}, "trace-1"),
        ({"{x-trace-id}o": "not valid"}, "of-the-server"),
        ({"{x-trace-id}o": "of-the-server"}, "of-the-server"),
        ({}, "of-the-server"),
        ("text", "of-the-server"),
    ],
)
def test_gunicorns_access_line_has_the_trace_of_the_response(args: Any, expected: str) -> None:
    """Where gunicorn logs the access outside of the request, the response's header tells the trace."""
    server_lines.install()
    lines = _collector("gunicorn.access")

    with GLOG.with_trace_id("of-the-server"):
        logging.getLogger("gunicorn.access").info("access %s", args)
        record = logging.LogRecord("gunicorn.access", 20, "", 0, "x", (), None)
        record.args = args
        logging.getLogger("gunicorn.access").handle(record)

    assert expected == lines.rows[1]["trace_id"]


# --- frameworks -------------------------------------------------------------------------------------------


def _shop() -> FastAPI:
    app = FastAPI()
    router = APIRouter(prefix="/shop")
    inner = FastAPI()

    @router.get("/orders/{order_id}")
    def order(order_id: int) -> dict[str, Any]:
        return {"trace_id": context.get_trace_id()}

    @app.get("/refused")
    async def refused() -> None:
        raise HTTPException(418)

    @app.get("/special")
    async def special() -> None:
        raise LookupError("no such thing")

    @app.get("/broken")
    async def broken() -> None:
        raise RuntimeError("broken")

    @app.get("/stream")
    async def stream() -> StreamingResponse:
        async def body() -> Any:
            for _ in range(2):
                yield f"{context.get_trace_id()} "

        return StreamingResponse(body())

    @inner.get("/items/{item}")
    async def item(item: str) -> str:
        return item

    @app.exception_handler(LookupError)
    async def handle(_: Any, error: LookupError) -> JSONResponse:
        return JSONResponse({"trace_id": context.get_trace_id()}, status_code=404)

    app.include_router(router)
    app.mount("/inner", inner)
    app.mount("/static", StaticFiles(directory=Path(__file__).parent))
    return app


def _ask(app: Any, path: str, trace_id: str = "trace-1", root_path: str = "") -> httpx.Response:
    async def main() -> httpx.Response:
        transport = httpx.ASGITransport(app, raise_app_exceptions=False, root_path=root_path)
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            return await client.get(path, headers={"X-Trace-ID": trace_id})

    return asyncio.run(main())


@pytest.mark.parametrize(
    ("path", "status", "template"),
    [
        ("/shop/orders/7?token=abc123", 200, "/shop/orders/{order_id}"),
        ("/refused", 418, "/refused"),
        ("/special", 404, "/special"),
        ("/broken", 500, "/broken"),
        ("/stream", 200, "/stream"),
        ("/inner/items/a", 200, "/inner/items/{item}"),
        ("/static/lines.py", 200, "/static/lines.py"),
        ("/nowhere", 404, "/nowhere"),
    ],
)
@pytest.mark.parametrize("root_path", ["", "/proxy"])
@pytest.mark.parametrize("wrap", [TraceMiddleware, instrument], ids=["outermost", "instrument"])
def test_every_response_of_fastapi_has_the_trace(
    wrap: Callable[..., Any], path: str, status: int, template: str, root_path: str
) -> None:
    """Responses of endpoints, streams, exception handlers and the handler of other errors have the header."""
    requests = _collector(LOGGER)
    app = wrap(_shop(), log_requests=True)

    response = _ask(app, root_path + path, root_path=root_path)

    assert (status, "trace-1") == (response.status_code, response.headers["x-trace-id"])
    (row,) = requests.rows
    assert (template, status, "trace-1") == (
        row["path"].removeprefix(root_path),
        row["status"],
        row["trace_id"],
    )
    if path in {"/shop/orders/7?token=abc123", "/special"}:
        assert {"trace_id": "trace-1"} == response.json()
    if path == "/stream":
        assert "trace-1 trace-1 " == response.text


def test_starlette_tells_templates_too() -> None:
    """The template of a route below a mount is whole; files of a mount have their path."""
    requests = _collector(LOGGER)

    async def endpoint(_: Any) -> PlainTextResponse:
        return PlainTextResponse("ok")

    routes = [
        Mount("/api", routes=[Route("/orders/{id}", endpoint)]),
        Mount("/static", StaticFiles(directory=Path(__file__).parent)),
    ]
    app = instrument(Starlette(routes=routes), log_requests=True)

    for path in ("/api/orders/7", "/static/lines.py"):
        assert 200 == _ask(app, path).status_code
    assert ["/api/orders/{id}", "/static/lines.py"] == [row["path"] for row in requests.rows]


@pytest.mark.parametrize(
    ("options", "fault"),
    [
        ({"log_requests": "yes"}, "log_requests must be true or false, got 'yes'"),
        ({"trust_headers": "false"}, "trust_headers must be true or false, got 'false'"),
        ({"log_category": 7}, "log_category must be a text or None, got 7"),
    ],
)
@pytest.mark.parametrize("wrap", [TraceMiddleware, instrument])
def test_a_wrong_option_is_refused_at_the_start(
    wrap: Callable[..., Any], options: dict[str, Any], fault: str
) -> None:
    """A switch that is a text would be taken as on; the refusal names the option and what it may be."""
    with pytest.raises(ValueError, match=fault):
        wrap(_shop(), **options)
    with pytest.raises(TypeError, match="log_requets"):
        wrap(_shop(), log_requets=True)


def test_instrument_after_the_first_request() -> None:
    """An application that has served already is instrumented all the same."""
    app = _shop()
    assert "x-trace-id" not in _ask(app, "/refused").headers

    assert app is instrument(app)

    assert "trace-1" == _ask(app, "/refused").headers["x-trace-id"]


# --- real servers -----------------------------------------------------------------------------------------

_APP = """
from ginkgo_logging import GLOG, setup
from ginkgo_logging.integrations.asgi import TraceMiddleware
setup()

async def serve(scope, receive, send):
    if scope["type"] == "lifespan":
        for answer in ("startup", "shutdown"):
            await receive()
            await send({"type": f"lifespan.{answer}.complete"})
    elif scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.accept"})
        GLOG.INFO("in the websocket")
        await send({"type": "websocket.close"})
    else:
        GLOG.bind_context(order_id=7)
        if scope["path"] == "/broken":
            raise RuntimeError("no connection with password=abc123")
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
        await send({"type": "http.response.body", "body": b"ok"})

app = TraceMiddleware(serve, log_category="web", log_requests=True)
"""


_GUNICORN = """
import yaml
from ginkgo_logging.config_files import shipped

logconfig_dict = yaml.safe_load(shipped("local").text)
for name in ("gunicorn.access", "gunicorn.error"):
    logconfig_dict["loggers"][name] = {"level": "INFO", "propagate": True}
"""


def _serve(directory: Path, *command: str, ready: str) -> Output:
    project = Project(directory)
    project.write("app.py", _APP)
    with project.start(sys.executable, "-m", *command):
        address = project.wait_for(ready)["message"]
        found = re.search(r"http://([\d.:]+)", address)
        assert found is not None
        with httpx.Client(base_url=f"http://{found[1]}") as client:
            for path, status in [("/ok", 200), ("/broken", 500)]:
                response = client.get(path, headers={"X-Trace-ID": f"trace-of-{path[1:]}"})
                assert (status, f"trace-of-{path[1:]}") == (
                    response.status_code,
                    response.headers["x-trace-id"],
                )
        with connect(f"ws://{found[1]}/ws", additional_headers={"X-Trace-ID": "trace-of-ws"}) as websocket:
            assert websocket.response is not None
            assert "trace-of-ws" == websocket.response.headers["x-trace-id"]
        project.wait_for("^in the websocket")
        project.wait_for("^WEBSOCKET /ws")
    return project.finished()


def test_uvicorns_own_lines_have_the_trace(tmp_path: Path) -> None:
    """Access lines, the error's line and a websocket's, of requests that come one after the other."""
    command = (
        "ginkgo_logging",
        "run",
        "-m",
        "uvicorn",
        "app:app",
        "--port",
        "0",
        "--ws",
        "websockets-sansio",
    )
    output = _serve(tmp_path / "uvicorn", *command, ready="^Uvicorn running on")

    error = output.one("^Exception in ASGI application")
    assert ("trace-of-broken", 7, "web") == (error["trace_id"], error["order_id"], error["log_category"])
    for path, pattern in {"ok": '"GET /ok ', "broken": '"GET /broken ', "ws": '"WebSocket /ws" '}.items():
        assert f"trace-of-{path}" == output.one(pattern)["trace_id"]
        assert f"trace-of-{path}" == output.one(f"^(GET|WEBSOCKET) /{path} ")["trace_id"]
    assert len({row["trace_id"] for row in output.rows if "trace_id" in row}) == 4
    assert "abc123" not in output.text


def test_gunicorns_own_lines_have_the_trace(tmp_path: Path) -> None:
    """gunicorn's own ASGI worker logs after the request has ended, and knows its trace all the same."""
    (tmp_path / "gunicorn").mkdir()
    (tmp_path / "gunicorn" / "gunicorn.conf.py").write_text(_GUNICORN, encoding="utf-8")
    command = ("gunicorn", "app:app", "-k", "asgi", "-b", "127.0.0.1:0", "--no-control-socket")
    output = _serve(tmp_path / "gunicorn", *command, ready="^Listening at")

    error = output.one("^Error in ASGI application")
    assert ("trace-of-broken", 7) == (error["trace_id"], error["order_id"])
    for path in ("ok", "broken"):
        assert f"trace-of-{path}" == output.one(f'"GET /{path} ')["trace_id"]
