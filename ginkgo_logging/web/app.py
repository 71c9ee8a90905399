"""The application that `ginkgo-logging web` serves: the routes, the page, and who may ask."""

from collections.abc import Sequence
from typing import Final

from fastapi import FastAPI, Response
from fastapi.responses import RedirectResponse
from starlette.datastructures import Headers
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from ginkgo_logging.query import AsyncLogService, LogService
from ginkgo_logging.web.router import log_routes
from ginkgo_logging.web.stream import Streams

LOOPBACK: Sequence[str] = ("localhost", "127.0.0.1", "[::1]")
"""The names by which a browser on this machine calls it."""

_PAGE: Final = frozenset({"/", "/logs/ui", "/logs/ui/"})


class OwnPagesOnly:
    """ASGI middleware: refuse what a page of another site asks for, which costs a search for nothing.

    Browsers tell by Fetch Metadata (https://www.w3.org/TR/fetch-metadata/). Links to the page, and to nothing
    else, are let through, and so is who is no browser.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer 403, or let the application answer."""
        app = self.app
        if scope["type"] == "http":
            headers = Headers(scope=scope)
            is_own = headers.get("sec-fetch-site", "none") in {"none", "same-origin"}
            is_link = headers.get("sec-fetch-dest") == "document" and scope["path"] in _PAGE
            if not is_own and not is_link:
                app = PlainTextResponse("asked for by a page of another site", status_code=403)
        await app(scope, receive, send)


def create_app(
    service: LogService | AsyncLogService, streams: Streams, allowed_hosts: Sequence[str] = LOOPBACK
) -> FastAPI:
    """Return the application; requests for another host than *allowed_hosts* are refused.

    On loopback that keeps out other people's pages, whose names may be made to lead here (DNS rebinding).
    ``*`` allows all.
    """
    # Its own documentation pages would load scripts from elsewhere.
    app = FastAPI(title="ginkgo-logging", docs_url=None, redoc_url=None)
    app.add_middleware(OwnPagesOnly)
    app.add_middleware(TrustedHostMiddleware, allowed_hosts=list(allowed_hosts), www_redirect=False)
    app.include_router(log_routes(service, streams))

    @app.get("/", include_in_schema=False)
    async def redirect_to_page() -> Response:
        return RedirectResponse("logs/ui/")

    return app
