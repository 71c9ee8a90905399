"""ASGI 3: each request and websocket in its caller's trace, or a new one; for any framework and server."""

import contextlib
import time
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from dataclasses import asdict
from typing import Any, Protocol, TypeVar

from ginkgo_logging import trace_headers
from ginkgo_logging.integrations import server_lines
from ginkgo_logging.integrations.request_line import KEY, RequestOptions, log_request
from ginkgo_logging.trace_headers import Trace

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

_STARTS = {"http.response.start", "websocket.accept", "websocket.http.response.start"}
_BODY = b"Internal Server Error"


class TraceMiddleware:
    """Bind the trace of ``X-Trace-ID`` or ``traceparent``, or a new one, for the time of a request.

    The response has it as ``X-Trace-ID``, one that reports an error too, and so has the acceptance of a
    websocket. With *log_requests* a request is one INFO line more: method, path template, status, duration.
    *log_category* is the category of its lines. With ``trust_headers=False``, for a service that strangers call,
    each request has a new trace. Afterwards what was bound before is back; lines that the server writes then
    about an error have the trace too.

    Make it outermost: ``app = TraceMiddleware(app)``, or `instrument` for Starlette and FastAPI. What their
    ``add_middleware`` adds is inside of their handler of unexpected errors, whose response has no header then.
    An exception that nobody but the server would answer is answered by 500 here, and goes on to the server.
    """

    def __init__(
        self,
        app: App,
        *,
        log_requests: bool = False,
        log_category: str | None = None,
        trust_headers: bool = True,
    ) -> None:
        self.app = app
        self._options = RequestOptions(
            log_requests=log_requests, log_category=log_category, trust_headers=trust_headers
        )
        server_lines.install()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request or websocket; other scopes (lifespan) pass as they are."""
        # Where there are two of us, the outer one does it.
        if scope["type"] not in ("http", "websocket") or KEY in scope:
            await self.app(scope, receive, send)
            return
        caller = trace_of(scope.get("headers") or ()) if self._options.trust_headers else None
        with server_lines.request(caller, log_category=self._options.log_category) as trace_id:
            request = _Request(scope, send, trace_id)
            # In the scope itself, not in a copy: a framework notes there, for us too, which route it took.
            scope[KEY] = request
            try:
                await self.app(scope, receive, request.send)
            except Exception as exc:
                server_lines.remember(exc)
                # It fails if the client is gone, say; the application's error is what counts.
                with contextlib.suppress(Exception):
                    await request.answer_error()
                raise
            finally:
                del scope[KEY]
                if self._options.log_requests:
                    request.log()


def trace_of(headers: Iterable[tuple[bytes, bytes]]) -> Trace | None:
    """Return the trace that the headers of a scope name; see `trace_headers.read`."""
    # Latin-1 as in HTTP: it decodes any bytes.
    return trace_headers.read_pairs(
        (name.decode("latin-1"), value.decode("latin-1")) for name, value in headers
    )


class _Request:
    """One request: what of its response went through, and how."""

    def __init__(self, scope: Scope, send: Send, trace_id: str) -> None:
        self._scope = scope
        self._send = send
        self._header = (trace_headers.TRACE_ID.lower().encode(), trace_id.encode("latin-1"))
        self._root = scope.get("root_path", "")
        # A framework that contains us answers errors, and better; Starlette and Litestar say so.
        self._is_outermost = scope.get("app") is None and scope.get("litestar_app") is None
        self._begin = time.perf_counter()
        self._status: int | None = None
        self.template: str | None = None  # noted by a framework that notes nothing in the scope

    async def send(self, message: Message) -> None:
        """Send *message*, with our header if a response begins with it."""
        kind = message["type"]
        if kind in _STARTS:
            self._status = message.get("status", 101)
            headers = list(message.get("headers") or ())
            if not any(name.lower() == self._header[0] for name, _ in headers):
                message = {**message, "headers": [*headers, self._header]}
        elif kind == "websocket.close" and self._status is None:
            self._status = 403
        await self._send(message)

    async def answer_error(self) -> None:
        """Answer for the server if it would have to, and could not name the trace."""
        if self._status is not None:
            return
        if not self._is_outermost or self._scope["type"] != "http":
            self._status = 500
            return
        headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"content-length", b"%d" % len(_BODY))]
        if str(self._scope.get("http_version", "1.1")).startswith("1."):  # servers close it after an error
            headers.append((b"connection", b"close"))
        await self.send({"type": "http.response.start", "status": 500, "headers": headers})
        # All of the body, and yet not its end: an error after the end is nothing that every server reports.
        await self._send({"type": "http.response.body", "body": _BODY, "more_body": True})

    def log(self) -> None:
        """Write the request's line."""
        method = self._scope.get("method", "WEBSOCKET")
        log_request(method, self._path(), self._status, time.perf_counter() - self._begin)

    def _path(self) -> str:
        """Return the template of the path where the framework tells it, else the path; without the query.

        Both begin after the root path that the server was given, such as a proxy's.
        """
        route = self._scope.get("route")
        # A mount, of static files say, has routes and its own path only.
        template = self.template or (None if hasattr(route, "routes") else getattr(route, "path", None))
        if not isinstance(template, str):
            return str(self._scope.get("path", "")).removeprefix(self._root)
        # A framework adds to root_path what the mounts on the way took of the path.
        return str(self._scope.get("root_path", "")).removeprefix(self._root) + template


class _Starlette(Protocol):
    """What `instrument` needs of an application."""

    middleware_stack: Any

    def build_middleware_stack(self) -> App:
        """Return the application with all of its middleware."""
        ...


_AppType = TypeVar("_AppType", bound=_Starlette)


def instrument(
    app: _AppType,
    *,
    log_requests: bool = False,
    log_category: str | None = None,
    trust_headers: bool = True,
) -> _AppType:
    """Put `TraceMiddleware` with these options around all of a Starlette or FastAPI application; return that.

    Outside of its handler of unexpected errors, so that those responses have the header too.
    """
    build = app.build_middleware_stack
    # Looked at here: the application calls its method with its first request.
    options = asdict(
        RequestOptions(log_requests=log_requests, log_category=log_category, trust_headers=trust_headers)
    )
    app.build_middleware_stack = lambda: TraceMiddleware(build(), **options)  # type: ignore[method-assign]
    if app.middleware_stack is not None:  # it was built by a first request
        app.middleware_stack = TraceMiddleware(app.middleware_stack, **options)
    return app
