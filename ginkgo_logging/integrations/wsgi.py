"""WSGI (PEP 3333): each request in its caller's trace, or a new one, until its response is closed."""

import contextlib
import contextvars
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from ginkgo_logging import context, trace_headers
from ginkgo_logging.integrations import server_lines
from ginkgo_logging.integrations.request_line import KEY, RequestOptions, log_error, log_request
from ginkgo_logging.trace_headers import Trace

Environ = dict[str, Any]
App = Callable[[Environ, Callable[..., Any]], Iterable[bytes]]

_HEADER = trace_headers.TRACE_ID
_PRESERVE = "werkzeug.debug.preserve_context"
_BODY = b"Internal Server Error"
_open_here: contextvars.ContextVar["_Response | None"] = contextvars.ContextVar(
    "ginkgo_logging_open_here", default=None
)


class TraceMiddleware:
    """Bind the trace of ``X-Trace-ID`` or ``traceparent``, or a new one, until the response is closed.

    The application, the iteration of its response and its ``close()`` run in one copy of the server's context,
    in whatever thread the server calls them: what is bound there is seen in all of the request, never after it.
    In the server's own context the trace is bound until ``close()``, for its access line.

    The response has the trace as ``X-Trace-ID``. With *log_requests* a request is one INFO line more: method,
    path template, status and duration until ``close()``. *log_category* is the category of its
    lines. With ``trust_headers=False``, for a service that strangers call, each request has a new trace.

    An exception that nobody but the server would answer becomes a 500 and one ERROR line here.
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

    def __call__(self, environ: Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
        """Begin to serve one request."""
        if KEY in environ:  # there are two of us; the outer one does it
            return self.app(environ, start_response)
        caller = trace_of(environ) if self._options.trust_headers else None
        response = _Response(environ, start_response, self._options)
        environ[KEY] = response
        response.begin(self.app, caller)
        return response


def trace_of(environ: Environ) -> Trace | None:
    """Return the trace that the headers of a request name; see `trace_headers.read`."""

    def get(name: str) -> str | None:
        value = environ.get(f"HTTP_{name.upper().replace('-', '_')}")
        return value if isinstance(value, str) else None

    return trace_headers.read(get)


class _Response:
    """One request: the application's response, with the request's context around each step of the server's."""

    def __init__(self, environ: Environ, start_response: Callable[..., Any], options: RequestOptions) -> None:
        self._environ = environ
        self._start_response = start_response
        self._method = str(environ.get("REQUEST_METHOD", "-"))
        self.template: str | None = None  # noted by a framework that notes nothing in environ
        self._path = _path(environ)
        self._options = options
        self._began = time.perf_counter()
        self._in_server: tuple[Any, Any] | None = None
        self._body: Iterable[bytes] = ()
        self._iterator: Iterator[bytes] | None = None
        self._status: int | None = None
        self._is_sent = self._is_closed = False

    def begin(self, app: App, caller: Trace | None) -> None:
        """Call *app* in the request's context."""
        unclosed = _open_here.get()
        if unclosed is not None:
            # It was closed in another thread or not at all: its trace is still bound here.
            unclosed._leave_server()
        # Flask's client for tests and werkzeug's debugger look into the request from outside.
        is_looked_into = _PRESERVE in self._environ
        self._run = _directly if is_looked_into else contextvars.copy_context().run
        self._run(self._enter, caller)
        if not is_looked_into:
            self._enter_server()
        try:
            self._run(self._call, app)
        except BaseException:
            self.close()
            raise

    def _enter(self, caller: Trace | None) -> None:
        self._bound = server_lines.request(caller, log_category=self._options.log_category)
        self._trace_id = self._bound.__enter__()

    def _enter_server(self) -> None:
        ids = self._run(context.current)
        bound = context.bound(trace_id=ids.trace_id, span_id=ids.span_id, log_category=ids.log_category)
        bound.__enter__()
        self._in_server = bound, _open_here.set(self)

    def _leave_server(self) -> None:
        if self._in_server is not None:
            (bound, token), self._in_server = self._in_server, None
            bound.__exit__(None, None, None)
            with contextlib.suppress(ValueError):  # in another thread: both leave that one as it is
                _open_here.reset(token)

    def _call(self, app: App) -> None:
        try:
            self._body = app(self._environ, self._start)
        except Exception as exc:  # noqa: BLE001 - it is answered and logged, or raised again
            self._iterator = self._answer(exc)

    def _start(self, status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Any:
        """Be the application's ``start_response``."""
        self._status = int(status[:3])
        # Here: Flask forgets what the template was when it is done.
        self._path = _path(self._environ, self.template)
        if not any(name.lower() == _HEADER.lower() for name, _ in headers):
            headers = [*headers, (_HEADER, self._trace_id)]
        return self._start_response(status, headers, *([exc_info] if exc_info else []))

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        return self._run(self._next)

    def _next(self) -> bytes:
        try:
            if self._iterator is None:
                self._iterator = iter(self._body)
            chunk = next(self._iterator)
        except StopIteration:
            raise
        except Exception as exc:  # noqa: BLE001 - as in _call
            self._iterator = self._answer(exc)
            chunk = next(self._iterator)
        self._is_sent = self._is_sent or bool(chunk)
        return chunk

    def _answer(self, error: Exception) -> Iterator[bytes]:
        """Answer and log *error* as the server would, but naming the trace.

        Raises *error* where somebody else answers it, or it is too late.
        """
        server_lines.remember(error)
        # A client for tests wants the exception, and so does werkzeug's debugger.
        is_served = "SERVER_SOFTWARE" in self._environ and _PRESERVE not in self._environ
        if self._is_sent or not is_served:
            self._status = self._status if self._is_sent else 500
            raise error
        headers = [("Content-Type", "text/plain; charset=utf-8"), ("Content-Length", str(len(_BODY)))]
        self._start("500 Internal Server Error", headers, (type(error), error, error.__traceback__))
        log_error(self._method, self._path, error)
        # To raise it too would make servers close the connection, which the client has been told it may keep.
        return iter([b"" if self._method == "HEAD" else _BODY])

    def close(self) -> None:
        """Close the application's response, write the request's line, and put back what was bound before."""
        if not self._is_closed:
            self._is_closed = True
            try:
                self._run(self._close)
            finally:
                self._leave_server()

    def _close(self) -> None:
        try:
            close = getattr(self._body, "close", None)
            if close is not None:
                close()
        finally:
            if self._options.log_requests:
                log_request(self._method, self._path, self._status, time.perf_counter() - self._began)
            self._bound.__exit__(None, None, None)


def _directly(step: Callable[..., Any], *arguments: Any) -> Any:
    return step(*arguments)


def _path(environ: Environ, template: str | None = None) -> str:
    rule = template or getattr(getattr(environ.get("werkzeug.request"), "url_rule", None), "rule", None)
    if isinstance(rule, str):
        return str(environ.get("SCRIPT_NAME", "")) + rule
    path = f"{environ.get('SCRIPT_NAME', '')}{environ.get('PATH_INFO', '')}"
    return path.encode("latin-1", "replace").decode("utf-8", "replace")  # as PEP 3333 has it
