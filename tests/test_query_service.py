"""`LogService` and `AsyncLogService`: which store they ask, and how."""

import asyncio
import inspect
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Generator, Iterator
from contextlib import aclosing, closing
from pathlib import Path
from typing import Any

import pytest
from loki_server import LokiServer, running
from query_lines import line

from ginkgo_logging import context, settings
from ginkgo_logging.errors import ConfigError, QueryError, ServiceUnavailable
from ginkgo_logging.query import AsyncLogService, FilesBackend, LogService, Query, log_service
from ginkgo_logging.query.loki import LokiBackend
from ginkgo_logging.query.model import NAMED_FIELDS


@pytest.fixture
def server() -> Iterator[LokiServer]:
    """A Loki on loopback."""
    with running() as one:
        yield one


@pytest.fixture(autouse=True)
def no_service_yet() -> Iterator[None]:
    """Forget the process's service."""
    log_service.cache_clear()
    yield
    log_service.cache_clear()


class Remembering:
    """A store of ten rows that keeps what it was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[Any, ...]] = []
        self.given = 0
        self.closed = 0
        self.threads: set[str] = set()
        self.trace_ids: list[str | None] = []

    def rows(self, query: Query, order: str) -> Generator[dict[str, Any], None, None]:
        self.asked.append((query, order))
        self.threads.add(threading.current_thread().name)
        self.trace_ids.append(context.get_trace_id())
        try:
            for number in range(10):
                self.given += 1
                yield {"n": number}
        finally:
            self.closed += 1

    def count(self, query: Query) -> int:
        self.asked.append((query,))
        return 12_345

    def count_by(self, query: Query, field: str) -> dict[str, int]:
        self.asked.append((query, field))
        return {"b": 1, "a": 1, "": 7}

    def histogram(self, query: Query, step: int) -> dict[int, dict[str, int]]:
        self.asked.append((query, step))
        return {0: {"info": 1}}

    def tail(self, query: Query) -> Generator[dict[str, Any] | None, None, None]:
        try:
            yield None
            yield {"n": 1}
            while True:
                yield None
        finally:
            self.closed += 1

    def close(self) -> None:
        self.closed += 1


# --- which store --------------------------------------------------------------------------------------------


def test_local_files_are_the_default(home: Path) -> None:
    """
    Without a Loki in the settings, the file that local mode writes is asked.
    """
    path = home / ".ginkgo" / "logs" / "ginkgo.log"
    path.parent.mkdir(parents=True)
    path.write_text('{"timestamp":"2026-02-26T10:30:00Z","level":"info","message":"here"}\n')

    with LogService() as service:
        assert isinstance(service.backend, FilesBackend)
        assert ["here"] == [row["message"] for row in service.query_logs()]


@pytest.mark.parametrize("where", ["variable", "file"])
def test_a_loki_in_the_settings_is_asked(
    server: LokiServer, home: Path, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    """
    LOKI_URL, or loki.url in config.yaml, means Loki, with tenant and credentials.
    """
    if where == "variable":
        for name, value in {"URL": server.url, "TENANT": "team", "TOKEN": "t0ken"}.items():
            monkeypatch.setenv(f"LOKI_{name}", value)
    else:
        (home / ".ginkgo").mkdir()
        (home / ".ginkgo" / "config.yaml").write_text(
            f"loki: {{url: '{server.url}/', tenant: team, token: t0ken}}"
        )

    with LogService() as service:
        assert isinstance(service.backend, LokiBackend)
        assert [] == service.query_logs()

    headers = server.requests[0].headers
    assert ("team", "Bearer t0ken") == (headers["x-scope-orgid"], headers["authorization"])


def test_the_platforms_service(server: LokiServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    The platform reaches the process's one service, and the error to catch, under the names it knows.
    """
    from ginkgo import services
    from ginkgo.libs.exceptions import ServiceUnavailable as Caught

    monkeypatch.setenv("LOKI_URL", "http://127.0.0.1:1")
    monkeypatch.setenv("LOKI_TIMEOUT", "0.2")

    found = services.logging.log_service()

    assert found is log_service()
    assert Caught is ServiceUnavailable
    with pytest.raises(Caught, match=r"^http://127\.0\.0\.1:1: "):
        found.query_by_portfolio(portfolio_id="xxx")


def test_a_missing_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    A Loki in the settings without httpx is an error that says what to install.
    """
    monkeypatch.setenv("LOKI_URL", "http://loki:3100")
    monkeypatch.setitem(sys.modules, "httpx", None)
    for name in ("loki", "loki_access", "loki_client"):
        monkeypatch.delitem(sys.modules, f"ginkgo_logging.query.{name}", raising=False)

    with pytest.raises(ConfigError, match=r"ginkgo-logging\[loki\]"):
        LogService()


def test_wrong_settings_are_no_empty_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    A setting that is wrong is an error, not another store.
    """
    monkeypatch.setenv("LOKI_URL", "loki:3100")

    with pytest.raises(ConfigError, match="LOKI_URL"):
        log_service()


def test_files_need_no_httpx() -> None:
    """
    Who asks local files does not import httpx, and who only logs imports nothing that asks.
    """
    code = """if True:
        import sys, ginkgo_logging
        assert not any("query" in name for name in sys.modules if name.startswith("ginkgo_logging"))
        from ginkgo_logging.query import log_service
        log_service().query_logs()
        assert "httpx" not in sys.modules
    """
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


# --- calls --------------------------------------------------------------------------------------------------


def test_pages() -> None:
    """
    A page is what lies between offset and offset + limit; no more is taken from the store, which is let go.
    """
    store = Remembering()

    assert [{"n": 2}, {"n": 3}, {"n": 4}] == LogService(store).query_logs(limit=3, offset=2)
    assert (5, 1) == (store.given, store.closed)
    assert [] == LogService(store).query_logs(offset=10)
    assert 10 == len(LogService(store).query_logs(limit=None))
    assert [] == LogService(store).query_logs(limit=0)


def test_by_id() -> None:
    """
    The calls by id ask for that id; a trace is asked for whole and in the order of time.
    """
    store = Remembering()
    service = LogService(store)

    service.query_by_portfolio("p", limit=1)
    service.query_by_strategy(strategy_id="s", level="info")
    service.query_by_trace_id("t")
    service.query_by_trace_id("t", limit=1, order="desc")
    service.query_errors(portfolio_id="p")

    assert [
        (Query(equal=(("portfolio_id", "p"),)), "desc"),
        (Query(equal=(("strategy_id", "s"),), levels=("info",)), "desc"),
        (Query(equal=(("trace_id", "t"),)), "asc"),
        (Query(equal=(("trace_id", "t"),)), "desc"),
        (Query(equal=(("portfolio_id", "p"),), levels=("error", "critical")), "desc"),
    ] == store.asked


def test_counts() -> None:
    """
    Counts are the store's; those by a field are ordered by number, then by value.
    """
    service = LogService(Remembering())

    assert 12_345 == service.get_log_count(level="error")
    assert ["", "a", "b"] == list(service.count_by("kind"))


def test_listing_is_lazy() -> None:
    """
    iter_logs takes from the store what its caller takes.
    """
    store = Remembering()

    with closing(LogService(store).iter_logs(order="asc")) as rows:
        next(rows)

    assert (1, 1) == (store.given, store.closed)


def test_tail_leaves_out_none_and_lets_go() -> None:
    """
    tail yields rows only; closing it closes the store's.
    """
    store = Remembering()

    with closing(LogService(store).tail()) as rows:
        assert {"n": 1} == next(rows)

    assert 1 == store.closed


# --- asyncio ------------------------------------------------------------------------------------------------


def test_async_calls_answer_the_same() -> None:
    """
    Each call of the asynchronous service gives what that of the other gives.
    """
    store = Remembering()
    one = LogService(store)
    step = {"start_time": "2026-02-26T10:00:00Z", "end_time": "2026-02-26T11:00:00Z"}
    from datetime import timedelta

    async def main() -> list[Any]:
        async with AsyncLogService(one) as service:
            return [
                await service.query_logs(limit=2),
                await service.query_by_portfolio("p"),
                await service.query_by_strategy("s"),
                await service.query_by_trace_id("t"),
                await service.query_errors(),
                await service.get_log_count(),
                await service.count_by("kind"),
                await service.histogram(timedelta(minutes=1), **step),
            ]

    found = asyncio.run(main())

    assert [
        one.query_logs(limit=2),
        one.query_by_portfolio("p"),
        one.query_by_strategy("s"),
        one.query_by_trace_id("t"),
        one.query_errors(),
        one.get_log_count(),
        one.count_by("kind"),
        one.histogram(timedelta(minutes=1), **step),
    ] == found


def test_async_errors_reach_the_caller() -> None:
    """
    A malformed question raises at its await.
    """

    async def main() -> None:
        async with AsyncLogService(Remembering()) as service:
            with pytest.raises(QueryError, match="limit"):
                await service.query_logs(limit=-1)
            with pytest.raises(QueryError, match="level"):
                async for _ in service.tail(level="loud"):
                    pass

    asyncio.run(main())


def test_async_calls_run_at_once_in_threads_of_their_own(server: LokiServer) -> None:
    """
    Slow answers do not wait for each other, and not in the threads that others use; the context goes along.
    """
    together = threading.Barrier(4, timeout=10)

    class Waiting(Remembering):
        def rows(self, query: Query, order: str) -> Generator[dict[str, Any], None, None]:
            together.wait()
            yield from super().rows(query, order)

    store = Waiting()

    async def main() -> None:
        async with AsyncLogService(store) as service:
            context.set_trace_id("mine")
            await asyncio.gather(*(service.query_logs() for _ in range(4)))

    asyncio.run(main())

    assert {"ginkgo-logging-query"} == {name.rpartition("_")[0] for name in store.threads}
    assert ["mine"] * 4 == store.trace_ids


def test_a_cancelled_call_lets_the_loop_go_on() -> None:
    """
    Cancelling a call raises at once, whatever the store is doing.
    """
    started, leave = threading.Event(), threading.Event()

    class Slow(Remembering):
        def count(self, query: Query) -> int:
            started.set()
            leave.wait(10)
            return 0

    async def main() -> None:
        service = AsyncLogService(Slow())
        task = asyncio.create_task(service.get_log_count())
        await asyncio.to_thread(started.wait, 10)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        leave.set()
        await service.close()

    asyncio.run(main())


@pytest.mark.parametrize("end", ["break", "cancel"])
def test_async_tail_is_let_go(end: str) -> None:
    """
    Leaving the loop over tail, or cancelling its task, closes the store's generator.
    """
    closed = threading.Event()

    class Tailing(Remembering):
        def tail(self, query: Query) -> Generator[dict[str, Any] | None, None, None]:
            try:
                yield from super().tail(query)
            finally:
                closed.set()

    async def follow(service: AsyncLogService, seen: asyncio.Event) -> None:
        async with aclosing(service.tail()) as rows:
            async for row in rows:
                assert {"n": 1} == row
                seen.set()
                if end == "break":
                    break

    async def main() -> None:
        async with AsyncLogService(Tailing()) as service:
            seen = asyncio.Event()
            task = asyncio.create_task(follow(service, seen))
            await seen.wait()
            if end == "cancel":
                task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            assert await asyncio.to_thread(closed.wait, 10)

    asyncio.run(main())


def test_async_tail_ends_with_the_stores() -> None:
    """
    A store whose rows end ends the loop.
    """

    class Ending(Remembering):
        def tail(self, query: Query) -> Generator[dict[str, Any] | None, None, None]:
            yield {"n": 1}

    async def main() -> list[Any]:
        async with AsyncLogService(LogService(Ending())) as service:
            rows: AsyncIterator[Any] = service.tail()
            return [row async for row in rows]

    assert [{"n": 1}] == asyncio.run(main())


def test_settings_in_force_are_used(server: LokiServer) -> None:
    """
    The service follows the settings that `setup()` has put in force.
    """
    settings.activate(settings.Settings(loki_url=server.url))

    with LogService() as service:
        assert 0 == service.get_log_count()


def test_both_services_have_the_same_calls() -> None:
    """
    Whatever can be asked can be awaited.
    """
    calls = {name for name in dir(LogService) if not name.startswith("_")}

    assert calls <= set(dir(AsyncLogService))


def test_async_rows_one_at_a_time(tmp_path: Path) -> None:
    """
    Every row comes, one at a time, and a loop that is left ends the reading.
    """
    (tmp_path / "a.log").write_bytes(b"".join(line(n, n) for n in range(100)))

    async def ask() -> tuple[list[int], int]:
        async with AsyncLogService(FilesBackend(tmp_path)) as service:
            every = [row["seq"] async for row in service.iter_logs(order="asc")]
            async with aclosing(service.iter_logs()) as rows:
                async for row in rows:
                    return every, row["seq"]
        raise AssertionError

    assert (list(range(100)), 99) == asyncio.run(ask())


def test_the_contract_is_in_the_signature() -> None:
    """
    What a question may name stands where an editor and `help` find it.
    """
    named = {*NAMED_FIELDS, "level", "contains", "regex", "start_time", "end_time", "order", "where"}

    assert named | {"limit", "offset"} <= set(inspect.signature(LogService.query_logs).parameters)
    assert named <= set(inspect.signature(LogService.iter_logs).parameters)
