"""From an error to the answer that a client may see: never an address, a credential or a store's own words."""

import logging
from collections.abc import Callable, Coroutine
from typing import Any, Final

from fastapi import Request, Response
from fastapi.routing import APIRoute

from ginkgo_logging.errors import QueryError, ServiceUnavailable
from ginkgo_logging.json_line import encode
from ginkgo_logging.query.model import NAMED_FIELDS
from ginkgo_logging.web.models import Problem

_PARAMETERS: Final = {
    *NAMED_FIELDS,
    "level",
    "contains",
    "field",
    "start_time",
    "end_time",
    "limit",
    "offset",
    "order",
    "steps",
}

RESPONSES: Final[dict[int | str, dict[str, Any]]] = {
    400: {"model": Problem, "description": "A parameter is wrong, or there is no such parameter"},
    503: {"model": Problem, "description": "The log store cannot answer now"},
}

_logger = logging.getLogger(__name__)


class BadParameterError(QueryError):
    """A parameter that only the routes know is wrong."""

    def __init__(self, parameter: str, problem: str) -> None:
        super().__init__(f"{parameter}: {problem}")
        self.parameter = parameter


class Outage:
    """Whether the store cannot answer: the first failure is logged as a warning, and that it is over."""

    def __init__(self) -> None:
        self._is_on = False

    def begin(self, error: ServiceUnavailable) -> None:
        """Log *error*; what follows it before the end is logged as debug."""
        # A page that is open asks again and again.
        level = logging.DEBUG if self._is_on else logging.WARNING
        self._is_on = True
        _logger.log(level, "the log store cannot answer: %s", error)

    def end(self) -> None:
        """The store has answered."""
        if self._is_on:
            self._is_on = False
            _logger.info("the log store answers again")


class LogRoute(APIRoute):
    """A route whose errors become answers, whatever handlers the application has."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return the handler, wrapped."""
        handle = super().get_route_handler()
        outage = Outage()

        async def answer(request: Request) -> Response:
            try:
                response = await handle(request)
            except (QueryError, ServiceUnavailable) as error:
                return problem_of(error, outage)
            outage.end()
            return response

        return answer


def problem_of(error: QueryError | ServiceUnavailable, outage: Outage) -> Response:
    """Return the answer; what the client may not see is logged, of an *outage* as a warning once."""
    if isinstance(error, ServiceUnavailable):
        outage.begin(error)
        return problem(503, "unavailable", "the log store cannot answer now")
    parameter = error.parameter if isinstance(error, BadParameterError) else str(error).partition(":")[0]
    if parameter in _PARAMETERS or isinstance(error, BadParameterError):
        return problem(400, "bad_request", str(error), parameter)
    _logger.warning("the log store refused a question: %s", error)
    return problem(400, "bad_request", "the log store refused the question")


def problem(status: int, error: str, detail: str, parameter: str | None = None) -> Response:
    """Return the answer that tells of an error."""
    body = {"error": error, "detail": detail, "parameter": parameter}
    return json_response(body, status, {"Retry-After": "5"} if status == 503 else {})


def json_response(body: dict[str, Any], status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """Return *body*, whatever the rows in it hold, as an answer that nobody keeps."""
    fixed = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
    return Response(encode(body), status, {**fixed, **(headers or {})}, "application/json")
