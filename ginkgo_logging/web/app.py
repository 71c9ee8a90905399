"""The application that `ginkgo-logging web` serves: the routes, the page, and who may ask."""

from collections.abc import Sequence

from fastapi import FastAPI, Response
from fastapi.responses import RedirectResponse
from starlette.middleware.trustedhost import TrustedHostMiddleware

from ginkgo_logging.query import AsyncLogService, LogService
from ginkgo_logging.web.router import log_routes
from ginkgo_logging.web.stream import Streams

LOOPBACK: Sequence[str] = ("localhost", "127.0.0.1", "[::1]")
"""The names by which a browser on this machine calls it."""


def create_app(
    service: LogService | AsyncLogService, streams: Streams, allowed_hosts: Sequence[str] = LOOPBACK
) -> FastAPI:
    """Return the application; requests for another host than *allowed_hosts* are refused.

    On loopback that keeps out other people's pages, whose names may be made to lead here (DNS rebinding).
    ``*`` allows all.
    """
    # Its own documentation pages would load scripts from elsewhere.
    app = FastAPI(title="ginkgo-logging", docs_url=None, redoc_url=None)
    app.add_middleware(TrustedHostMiddleware, allowed_hosts=list(allowed_hosts), www_redirect=False)
    app.include_router(log_routes(service, streams))

    @app.get("/", include_in_schema=False)
    async def redirect_to_page() -> Response:
        return RedirectResponse("logs/ui/")

    return app
