"""Log lines as server-sent events, while they are written."""

import asyncio
import hashlib
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import aclosing, contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import orjson
from fastapi import Response
from starlette.types import Receive, Scope, Send

from ginkgo_logging import fields
from ginkgo_logging.errors import QueryError, ServiceUnavailable
from ginkgo_logging.json_line import encode
from ginkgo_logging.query import AsyncLogService, Row
from ginkgo_logging.query.model import nanoseconds, rfc3339, timestamp_ns
from ginkgo_logging.web.problems import Outage, problem, problem_of

MOST_MISSED: Final = 1000
"""So many lines are sent at most to a client that comes back."""

_HEADERS: Final = {
    "Cache-Control": "no-store",
    "X-Accel-Buffering": "no",  # nginx would keep lines back
    "X-Content-Type-Options": "nosniff",
}
_RETRY: Final = b"retry: 1000\n\n"
_HEARTBEAT: Final = b": \n\n"
_JUST_NOW: Final = timedelta(seconds=1)


class Streams:
    """The streams that are open in this process: so many at most, and all of them can be ended.

    Setting ``ending`` ends each within a second. Of one event loop.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.open = 0
        self.ending = False
        self.outage = Outage()

    @contextmanager
    def place(self) -> Iterator[bool]:
        """Take a place while the block runs, if there is one; say whether there was."""
        if self.open >= self.limit:
            yield False
            return
        self.open += 1
        try:
            yield True
        finally:
            self.open -= 1


class LogStream(Response):
    """The answer: lines from now on, until the client leaves.

    ``id`` of an event is a place in time: a client that comes back with it as ``Last-Event-ID`` is first sent
    what it missed. All that the stream holds is taken and given back within the call, so nothing is left over
    however it ends.
    """

    media_type = "text/event-stream"

    def __init__(
        self,
        service: AsyncLogService,
        filters: dict[str, Any],
        streams: Streams,
        *,
        last_event_id: str | None,
        heartbeat: float,
    ) -> None:
        super().__init__(headers=_HEADERS)
        del self.headers["content-length"]
        self._service, self._filters, self._streams = service, filters, streams
        self._last_event_id, self._heartbeat = last_event_id, heartbeat

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send until the store fails, the client leaves or the server ends."""
        with self._streams.place() as there_is_one:
            if not there_is_one:
                full = problem(503, "too_many_streams", f"{self._streams.limit} streams are open; try later")
                await full(scope, receive, send)
                return
            tasks = {
                asyncio.create_task(self._send(scope, receive, send)),
                asyncio.create_task(_until_left(receive)),
            }
            try:
                done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
                for task in done:
                    task.result()
            finally:
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)

    async def _send(self, scope: Scope, receive: Receive, send: Send) -> None:
        async with aclosing(self._service.follow(**self._filters)) as rows:
            try:
                # Before the status is sent: a store that is down, or a wrong filter, has another one.
                first = await anext(rows)
                missed, is_cut = await self._missed()
            except (QueryError, ServiceUnavailable) as error:
                await problem_of(error, self._streams.outage)(scope, receive, send)
                return
            self._streams.outage.end()
            await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
            async with aclosing(self._events(first, rows, missed, is_cut=is_cut)) as events:
                async for event in events:
                    await send({"type": "http.response.body", "body": event, "more_body": True})
            await send({"type": "http.response.body", "body": b""})

    async def _events(
        self, first: Row | None, rows: AsyncIterator[Row | None], missed: list[Row], *, is_cut: bool
    ) -> AsyncGenerator[bytes, None]:
        yield _RETRY
        if is_cut:
            yield b"event: gap\ndata: {}\n\n"
        sent = set()
        for old in missed:
            sent.add(_mark(old))
            yield _event(old)
        clock = asyncio.get_running_loop().time
        said = clock()
        row: Row | None = first
        while not self._streams.ending:
            if row is not None and _mark(row) not in sent:
                yield _event(row)
                said = clock()
            elif clock() - said >= self._heartbeat:
                yield _HEARTBEAT
                said = clock()
            try:
                row = await anext(rows)
            except (ServiceUnavailable, QueryError) as error:
                yield (
                    b"event: unavailable\ndata: "
                    + bytes(problem_of(error, self._streams.outage).body)
                    + b"\n\n"
                )
                return

    async def _missed(self) -> tuple[list[Row], bool]:
        """Return what was written since the client's last event, and whether older lines are left out."""
        moment, _, mark = (self._last_event_id or "").partition("/")
        if not _is_moment(moment):
            # Nothing was missed; but a tail may begin before its store has answered anything, so it is asked.
            just_now = rfc3339(nanoseconds(datetime.now(UTC) - _JUST_NOW))
            await self._service.query_logs(start_time=just_now, limit=1, **self._filters)
            return [], False
        rows = await self._service.query_logs(start_time=moment, limit=MOST_MISSED, **self._filters)
        rows.reverse()
        marks = [_mark(row) for row in rows]
        known = mark in marks
        return rows[marks.index(mark) + 1 :] if known else rows, not known and len(rows) == MOST_MISSED


def _is_moment(text: str) -> bool:
    try:
        timestamp_ns(text)
    except ValueError:
        return False
    return True


def _event(row: Row) -> bytes:
    identity = f"{row[fields.TIMESTAMP]}/{_mark(row)}"
    return b"id: %b\ndata: %b\n" % (identity.encode(), encode(row))


def _mark(row: Row) -> str:
    return hashlib.blake2b(orjson.dumps(row, option=orjson.OPT_SORT_KEYS), digest_size=8).hexdigest()


async def _until_left(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
