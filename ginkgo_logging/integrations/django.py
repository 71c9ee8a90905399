"""Django: the path of a request's line is the route that urls.py has for it."""

from collections.abc import Callable
from typing import Any

from asgiref.sync import iscoroutinefunction, markcoroutinefunction

from ginkgo_logging.integrations.request_line import note_template


class RouteMiddleware:
    """Note the route that a request took for the line of the ASGI or WSGI `TraceMiddleware` around Django.

    List it in ``MIDDLEWARE``, anywhere. The route is as urls.py has it (``orders/<int:id>``), and so is the
    regular expression of a ``re_path``. A request that finds no route keeps its path.
    """

    sync_capable = async_capable = True

    def __init__(self, get_response: Callable[[Any], Any]) -> None:
        self._get_response = get_response
        self._is_async = iscoroutinefunction(get_response)
        if self._is_async:
            markcoroutinefunction(self)

    def __call__(self, request: Any) -> Any:
        """Return the response, or what awaits it."""
        if self._is_async:
            return self._respond(request)
        response = self._get_response(request)
        _note_route(request)
        return response

    async def _respond(self, request: Any) -> Any:
        response = await self._get_response(request)
        _note_route(request)
        return response


def _note_route(request: Any) -> None:
    route = getattr(request.resolver_match, "route", None)
    if route is not None:
        carrier = request.scope if hasattr(request, "scope") else request.environ
        note_template(carrier, "/" + route.removeprefix("^"))
