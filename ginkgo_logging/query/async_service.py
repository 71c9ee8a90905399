"""`AsyncLogService`: the calls of `LogService` for programs with an event loop."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing
from contextvars import copy_context
from datetime import timedelta
from functools import partial
from typing import Any, Final, Self, TypeVar

from ginkgo_logging.query.model import Backend, Row
from ginkgo_logging.query.service import LogService

Answer = TypeVar("Answer")

_AT_ONCE: Final = 8
_END: Final[Any] = object()


class AsyncLogService:
    """`LogService` for programs with an event loop: the same calls, awaited.

    The work is done in threads: the stores are read by one piece of code, and a file's lines are not
    a thing that an event loop could wait for. They are threads of its own, so that a slow store does not
    hold up what else the program does in threads. A cancelled call ends by its own timeout in its thread.
    """

    def __init__(self, service: LogService | Backend | None = None) -> None:
        """*service*: what to ask; None is the store that the settings name."""
        self.service = service if isinstance(service, LogService) else LogService(service)
        self._threads = ThreadPoolExecutor(_AT_ONCE, "ginkgo-logging-query")

    async def query_logs(self, **arguments: Any) -> list[Row]:
        """Return rows as `LogService.query_logs` does."""
        return await self._ask(self.service.query_logs, **arguments)

    async def iter_logs(self, **filters: Any) -> AsyncGenerator[Row, None]:
        """Yield every row lazily, as `LogService.iter_logs` does; each call has a thread of its own."""
        async with aclosing(_in_thread(self.service.iter_logs(**filters))) as rows:
            async for row in rows:
                yield row

    async def query_by_portfolio(self, portfolio_id: str, **filters: Any) -> list[Row]:
        """Return rows as `LogService.query_by_portfolio` does."""
        return await self._ask(self.service.query_by_portfolio, portfolio_id, **filters)

    async def query_by_strategy(self, strategy_id: str, **filters: Any) -> list[Row]:
        """Return rows as `LogService.query_by_strategy` does."""
        return await self._ask(self.service.query_by_strategy, strategy_id, **filters)

    async def query_by_trace_id(self, trace_id: str, **filters: Any) -> list[Row]:
        """Return rows as `LogService.query_by_trace_id` does."""
        return await self._ask(self.service.query_by_trace_id, trace_id, **filters)

    async def query_errors(self, **filters: Any) -> list[Row]:
        """Return rows as `LogService.query_errors` does."""
        return await self._ask(self.service.query_errors, **filters)

    async def get_log_count(self, **filters: Any) -> int:
        """Return how many rows there are, as `LogService.get_log_count` does."""
        return await self._ask(self.service.get_log_count, **filters)

    async def count_by(self, field: str, **filters: Any) -> dict[str, int]:
        """Return counts as `LogService.count_by` does."""
        return await self._ask(self.service.count_by, field, **filters)

    async def histogram(self, step: timedelta, **filters: Any) -> dict[int, dict[str, int]]:
        """Return counts as `LogService.histogram` does."""
        return await self._ask(self.service.histogram, step, **filters)

    async def tail(self, **filters: Any) -> AsyncGenerator[Row, None]:
        """Yield rows as they are written, from now on and for ever."""
        async with aclosing(self.follow(**filters)) as rows:
            async for row in rows:
                if row is not None:
                    yield row

    async def follow(self, **filters: Any) -> AsyncGenerator[Row | None, None]:
        """Yield as `LogService.follow` does; each call has a thread of its own while it lasts."""
        async with aclosing(_in_thread(self.service.follow(**filters))) as rows:
            async for row in rows:
                yield row

    async def close(self) -> None:
        """Give back connections, files and threads; calling it again does nothing."""
        await asyncio.to_thread(self.service.close)
        self._threads.shutdown(wait=False)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def _ask(self, call: Callable[..., Answer], /, *args: Any, **kwargs: Any) -> Answer:
        context = copy_context()
        asked = partial(context.run, call, *args, **kwargs)
        return await asyncio.get_running_loop().run_in_executor(self._threads, asked)


async def _in_thread(rows: Generator[Answer, None, None]) -> AsyncGenerator[Answer, None]:
    """Yield *rows*, each step taken in one thread."""
    loop = asyncio.get_running_loop()
    thread = ThreadPoolExecutor(1, "ginkgo-logging-rows")
    try:
        while (row := await loop.run_in_executor(thread, next, rows, _END)) is not _END:
            yield row
    finally:
        # One thread does both, so that the generator is closed after its last step and never within it.
        thread.submit(rows.close)
        thread.shutdown(wait=False)
