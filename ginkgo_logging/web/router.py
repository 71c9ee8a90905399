"""The routes under which an application offers its log lines."""

from collections.abc import Collection, Sequence
from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Path, Query, Response
from fastapi.params import Depends as Dependency

from ginkgo_logging import fields
from ginkgo_logging.query import AsyncLogService, LogService
from ginkgo_logging.query.model import nanoseconds, rfc3339
from ginkgo_logging.web.histogram import histogram_of
from ginkgo_logging.web.models import LogCount, LogHistogram, LogPage, LogTrace
from ginkgo_logging.web.page import add_page
from ginkgo_logging.web.parameters import (
    LINES,
    TIMED,
    Filters,
    Limit,
    LineFilters,
    Offset,
    Order,
    Steps,
    only,
)
from ginkgo_logging.web.problems import RESPONSES, LogRoute, json_response
from ginkgo_logging.web.stream import LogStream, Streams

_EVENTS = {
    "description": "Server-sent events: the `data` of each is one JSON line.",
    "content": {LogStream.media_type: {"schema": {"type": "string"}}},
}


def create_log_router(
    service: LogService | AsyncLogService,
    dependencies: Sequence[Dependency] = (),
    *,
    other_parameters: Collection[str] = (),
    page: bool = True,
    max_streams: int = 20,
    heartbeat: float = 15.0,
) -> APIRouter:
    """Return the routes of one log service.

    They are ``/logs``, ``/logs/count``, ``/logs/histogram``, ``/logs/stream`` and ``/traces/{trace_id}``;
    *page* adds the page that shows the lines, at ``/logs/ui/``. *dependencies* guard every one of
    them: there is no authorization but yours. *other_parameters* are the query parameters that they read, since
    a parameter that nobody knows is refused. *max_streams* bounds the streams that are open at once in this
    process; a stream without lines sends a comment each *heartbeat* seconds.
    """
    return log_routes(
        service,
        Streams(max_streams),
        dependencies,
        other_parameters=other_parameters,
        page=page,
        heartbeat=heartbeat,
    )


def log_routes(
    service: LogService | AsyncLogService,
    streams: Streams,
    dependencies: Sequence[Dependency] = (),
    *,
    other_parameters: Collection[str] = (),
    page: bool = True,
    heartbeat: float = 15.0,
) -> APIRouter:
    """Return the routes as `create_log_router` does, for a server that ends *streams* itself."""
    router = APIRouter(dependencies=list(dependencies), route_class=LogRoute, tags=["logs"])
    asked = service if isinstance(service, AsyncLogService) else AsyncLogService(service)
    others = frozenset(other_parameters)
    _add_search(router, asked, others)
    _add_counts(router, asked, others)
    _add_trace(router, asked, others)
    _add_stream(router, asked, streams, others, heartbeat)
    if page:
        add_page(router)
    return router


def _add_search(router: APIRouter, service: AsyncLogService, others: frozenset[str]) -> None:
    @router.get(
        "/logs",
        response_model=LogPage,
        responses=RESPONSES,
        dependencies=[Depends(only(TIMED | {"limit", "offset", "order"} | others))],
    )
    async def get_logs(
        filters: Filters, limit: Limit = 100, offset: Offset = 0, order: Order = "desc"
    ) -> Response:
        """Find log lines. Without an `end_time` the end is now: the answer names it, for the next page."""
        filters = _ended(filters)
        rows = await service.query_logs(limit=limit + 1, offset=offset, order=order, **filters)
        return json_response(
            {
                "rows": rows[:limit],
                "limit": limit,
                "offset": offset,
                "more": len(rows) > limit,
                "end_time": filters["end_time"],
            }
        )


def _add_counts(router: APIRouter, service: AsyncLogService, others: frozenset[str]) -> None:
    @router.get(
        "/logs/count",
        response_model=LogCount,
        responses=RESPONSES,
        dependencies=[Depends(only(TIMED | others))],
    )
    async def get_log_count(filters: Filters) -> Response:
        """Count log lines, exactly, in all and by level."""
        filters = _ended(filters)
        levels = await service.count_by(fields.LEVEL, **filters)
        return json_response(
            {"count": sum(levels.values()), "levels": levels, "end_time": filters["end_time"]}
        )

    @router.get(
        "/logs/histogram",
        response_model=LogHistogram,
        responses=RESPONSES,
        dependencies=[Depends(only(TIMED | {"steps"} | others))],
    )
    async def get_log_histogram(filters: Filters, steps: Steps = 60) -> Response:
        """Count log lines by time and level; without a `start_time`, from the first line to the last."""
        return json_response(await histogram_of(service, _ended(filters), steps))


def _add_trace(router: APIRouter, service: AsyncLogService, others: frozenset[str]) -> None:
    @router.get(
        "/traces/{trace_id:path}",
        response_model=LogTrace,
        responses=RESPONSES,
        dependencies=[Depends(only({"limit"} | others))],
    )
    async def get_trace(
        trace_id: Annotated[str, Path(min_length=1, max_length=500)],
        limit: Annotated[int, Query(ge=1, le=5000)] = 1000,
    ) -> Response:
        """Find the lines of one trace, the oldest first."""
        rows = await service.query_by_trace_id(trace_id, limit=limit + 1)
        return json_response({"trace_id": trace_id, "rows": rows[:limit], "truncated": len(rows) > limit})


def _add_stream(
    router: APIRouter, service: AsyncLogService, streams: Streams, others: frozenset[str], heartbeat: float
) -> None:
    @router.get(
        "/logs/stream",
        response_class=Response,
        responses={**RESPONSES, 200: _EVENTS},
        dependencies=[Depends(only(LINES | others))],
    )
    async def get_log_stream(
        filters: LineFilters, last_event_id: Annotated[str | None, Header(max_length=100)] = None
    ) -> Response:
        """Send log lines as they are written, from now on, or from the `Last-Event-ID` on.

        The event `gap` says that too many lines were missed to send them all, `unavailable` that the
        store has failed and the stream ends.
        """
        return LogStream(service, filters, streams, last_event_id=last_event_id, heartbeat=heartbeat)


def _ended(filters: dict[str, Any]) -> dict[str, Any]:
    """Return *filters* with an end, so that what is written meanwhile does not move the next page."""
    return {"end_time": rfc3339(nanoseconds(datetime.now(UTC))), **filters}
