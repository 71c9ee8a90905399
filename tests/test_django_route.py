"""Django's route in request lines, in this process; tests/third_parties/test_django.py starts real servers."""

import asyncio
from typing import Any

import django.conf
import httpx
import pytest
from django.core.asgi import get_asgi_application
from django.core.wsgi import get_wsgi_application
from django.http import HttpResponse
from django.urls import include, path, re_path
from lines import Collector, logger_with

from ginkgo_logging.filters import ContextFilter
from ginkgo_logging.formatters import JsonFormatter
from ginkgo_logging.integrations import asgi, wsgi
from ginkgo_logging.integrations.request_line import LOGGER


def _sync(request: Any, number: int) -> HttpResponse:
    return HttpResponse("ok")


async def _async(request: Any, name: str) -> HttpResponse:
    return HttpResponse("ok")


urlpatterns = [
    path("shop/", include([path("orders/<int:number>", _sync)])),
    re_path("^items/([a-z]+)$", _async),
]
PATHS = {
    "/shop/orders/7": "/shop/orders/<int:number>",
    "/items/tea": "/items/([a-z]+)$",
    "/missing": "/missing",
}


@pytest.fixture(scope="module", autouse=True)
def _configured() -> None:
    django.conf.settings.configure(
        ROOT_URLCONF=__name__,
        ALLOWED_HOSTS=["test"],
        LOGGING_CONFIG=None,
        MIDDLEWARE=["ginkgo_logging.integrations.django.RouteMiddleware"],
    )


@pytest.fixture
def requests() -> Collector:
    """What the logger of request lines writes."""
    handler = Collector(ContextFilter(), formatter=JsonFormatter())
    logger_with(handler, name=LOGGER)
    return handler


def _over_wsgi(*, is_ours_around: bool) -> None:
    app = get_wsgi_application()
    served = wsgi.TraceMiddleware(app, log_requests=True) if is_ours_around else app
    with httpx.Client(transport=httpx.WSGITransport(served), base_url="http://test") as client:
        for asked in PATHS:
            client.get(asked)


def _over_asgi(*, is_ours_around: bool) -> None:
    app = get_asgi_application()
    served = asgi.TraceMiddleware(app, log_requests=True) if is_ours_around else app

    async def ask() -> None:
        transport = httpx.ASGITransport(served)
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            for asked in PATHS:
                await client.get(asked)

    asyncio.run(ask())


@pytest.mark.parametrize("ask", [_over_wsgi, _over_asgi])
def test_the_path_is_the_route(ask: Any, requests: Collector) -> None:
    """A request's line has the route that it took, of sync and async views; else its path."""
    ask(is_ours_around=True)

    assert list(PATHS.values()) == [row["path"] for row in requests.rows]


@pytest.mark.parametrize("ask", [_over_wsgi, _over_asgi])
def test_without_our_middleware_around_it_there_is_nothing_to_note(ask: Any, requests: Collector) -> None:
    """Django serves as ever where nobody wants the route."""
    ask(is_ours_around=False)

    assert [] == requests.rows
