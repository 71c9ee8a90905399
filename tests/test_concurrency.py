"""Context and configuration reach the work in threads, pools and processes, and go no further."""

import asyncio
import contextlib
import json
import logging
import multiprocessing
import pickle
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import structlog
from third_parties.program import Project

from ginkgo_logging import GLOG, config, context, settings, setup
from ginkgo_logging.concurrency import (
    ContextProcessPoolExecutor,
    ContextThreadPoolExecutor,
    child_initializer,
    propagate,
)


def _seen() -> tuple[str | None, dict[str, Any]]:
    return context.get_trace_id(), context.get_bound()


def _bind_and_see(job: int) -> tuple[str | None, dict[str, Any]]:
    before = _seen()
    context.bind(left_behind=job)
    context.set_trace_id(f"of-job-{job}")
    return before


# --- threads ----------------------------------------------------------------------------------------------


def test_submit_runs_in_the_submitters_context() -> None:
    """Each task sees what was bound where it was submitted, and nothing that an earlier task bound."""
    with ContextThreadPoolExecutor(max_workers=1) as executor:
        with GLOG.with_trace_id("trace-1"), GLOG.context(job=1):
            first = executor.submit(_bind_and_see, 1)
        with GLOG.with_trace_id("trace-2"):
            second = executor.submit(_bind_and_see, job=2)
        third = executor.submit(_bind_and_see, 3)

    assert [("trace-1", {"job": 1}), ("trace-2", {}), (None, {})] == [
        one.result() for one in (first, second, third)
    ]


def test_map_runs_in_the_callers_context() -> None:
    """The items of map share the caller's context and not each other's."""
    with ContextThreadPoolExecutor(max_workers=2) as executor, GLOG.with_trace_id("trace-1"):
        assert [("trace-1", {})] * 4 == list(executor.map(_bind_and_see, range(4)))


def test_run_in_executor_runs_in_the_tasks_context() -> None:
    """Two asyncio tasks that use one executor have each their own context in it."""

    async def main() -> list[Any]:
        loop = asyncio.get_running_loop()

        async def one(trace_id: str) -> Any:
            context.set_trace_id(trace_id)
            return await loop.run_in_executor(executor, _bind_and_see, 1)

        return await asyncio.gather(one("trace-1"), one("trace-2"))

    with ContextThreadPoolExecutor(max_workers=1) as executor:
        assert [("trace-1", {}), ("trace-2", {})] == asyncio.run(main())


def test_an_exception_of_a_task_is_its_futures() -> None:
    """What a task raises arrives as with the standard executor."""
    with ContextThreadPoolExecutor() as executor:
        assert isinstance(executor.submit(int, "x").exception(), ValueError)


def test_structlogs_fields_reach_the_thread() -> None:
    """What is bound through structlog's contextvars goes along."""
    structlog.contextvars.bind_contextvars(portfolio_id="p-1")
    with ContextThreadPoolExecutor() as executor:
        assert (None, {"portfolio_id": "p-1"}) == executor.submit(_seen).result()


@pytest.mark.parametrize(
    "start",
    [
        lambda work: threading.Thread(target=work),
        lambda work: threading.Timer(0, work),
        lambda work: threading.Thread(target=lambda: ThreadPoolExecutor().submit(work).result()),
    ],
    ids=["Thread", "Timer", "ThreadPoolExecutor"],
)
def test_propagate_takes_the_context_along(start: Callable[[Callable[[], None]], threading.Thread]) -> None:
    """Work for a thread or timer sees what was bound where it was wrapped, not where it was started."""
    seen: list[Any] = []
    with GLOG.with_trace_id("trace-1"), GLOG.context(job=1):
        thread = start(propagate(lambda: seen.append(_seen())))
    thread.start()
    thread.join()

    assert [("trace-1", {"job": 1})] == seen


def test_propagated_calls_do_not_see_each_other() -> None:
    """One wrapped function may run many times, at the same time too; what one call binds no other sees."""
    barrier = threading.Barrier(3)

    def work(job: int) -> Any:
        barrier.wait(10)
        before = _bind_and_see(job)
        barrier.wait(10)
        return before

    with GLOG.with_trace_id("trace-1"):
        wrapped = propagate(work)
    with ThreadPoolExecutor(3) as executor:
        assert [("trace-1", {})] * 6 == list(executor.map(wrapped, range(6)))
    assert None is context.get_trace_id()


def test_propagate_looks_like_its_function_and_can_be_nested() -> None:
    """The name stays, for the names of threads and tasks; the innermost wrapping decides."""
    with GLOG.with_trace_id("inner"):
        inner = propagate(_seen)
    with GLOG.with_trace_id("outer"):
        outer = propagate(inner)

    assert "_seen" == outer.__name__  # type: ignore[attr-defined]
    assert ("inner", {}) == outer()


async def _coroutine() -> None: ...


async def _async_generator() -> Any:
    yield


def _generator() -> Any:
    yield


@pytest.mark.parametrize("function", [_coroutine, _async_generator, _generator, partial(_coroutine)])
def test_propagate_refuses_what_does_not_run_when_it_is_called(function: Callable[[], Any]) -> None:
    """Its body would run later, in another context; asyncio has its own way."""
    with pytest.raises(TypeError, match="asyncio tasks inherit what is bound"):
        propagate(function)


def _echo(**arguments: object) -> dict[str, object]:
    return arguments


def test_arguments_of_the_users_function_may_have_any_name() -> None:
    """No name of ours is taken, neither in a thread nor on the way to another process."""
    arguments = {"self": 1, "fn": 2, "function": 3, "carried": 4, "args": 5}

    with ContextThreadPoolExecutor() as threads:
        assert arguments == threads.submit(_echo, **arguments).result()
    with ContextProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as processes:
        assert arguments == processes.submit(_echo, **arguments).result(30)
    wrapped = propagate(_echo)
    assert arguments == wrapped(**arguments) == pickle.loads(pickle.dumps(wrapped))(**arguments)


# --- what is carried to another process -------------------------------------------------------------------


class _Stubborn:
    def __reduce__(self) -> Any:
        raise TypeError("no")

    def __str__(self) -> str:
        return "stubborn"


class _Fragile:
    def __init__(self, arriving: bool = False) -> None:
        if arriving:
            raise LookupError("not here")

    def __reduce__(self) -> Any:
        return _Fragile, (True,)

    def __str__(self) -> str:
        return "fragile"


def test_pickled_propagate_carries_what_is_bound() -> None:
    """Ids, category and fields arrive as they were; what cannot be pickled or unpickled arrives as text."""
    with context.bound(
        trace_id="trace-1", span_id="s", log_category="c", price=Decimal(1), a=_Stubborn(), b=_Fragile()
    ):
        sent = pickle.dumps(propagate(context.current))
    with context.bound(job=2, trace_id="trace-2"):
        arrived = pickle.loads(sent)()
        again = pickle.loads(pickle.dumps(pickle.loads(sent)))()

    expected = ("trace-1", "s", "c", {"price": Decimal(1), "a": "stubborn", "b": "fragile"})
    assert expected == tuple(arrived)
    assert expected == tuple(again)


def test_carried_context_replaces_all_that_is_bound() -> None:
    """Nothing of the receiving process shows through, structlog's fields included; afterwards it is back."""
    sent = pickle.dumps(propagate(_seen))
    structlog.contextvars.bind_contextvars(job=2)
    context.set_trace_id("trace-2")

    assert (None, {}) == pickle.loads(sent)()
    assert ("trace-2", {"job": 2}) == _seen()


def _sent_to_a_child(begin: Callable[[], None]) -> Callable[[], None]:
    """Send *begin* to a process without configuration; it is this one afterwards."""
    sent = pickle.dumps(begin)
    config.shutdown()
    context.clear_trace_id()
    arrived: Callable[[], None] = pickle.loads(sent)
    return arrived


def test_child_is_configured_by_the_arguments_of_setup(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A process without configuration calls setup as its parent did, in the directory where it did."""
    (home / "logging.d").mkdir()
    incremental = "version: 1\nincremental: true\nloggers: {app.carried: {level: ERROR}}"
    (home / "logging.d" / "local.yaml").write_text(incremental, encoding="utf-8")
    setup(file_path=home / "mine.log", mask_fields=["pin"])
    begin = _sent_to_a_child(child_initializer())
    logging.getLogger("app.carried").setLevel(logging.NOTSET)
    monkeypatch.chdir(home.parent)

    begin()

    assert (home / "mine.log", ("pin",)) == (settings.active().log_file, settings.active().mask_fields)
    assert logging.ERROR == logging.getLogger("app.carried").level
    assert home.parent == Path.cwd()


def test_child_that_is_configured_stays_as_it_is(home: Path) -> None:
    """A child that was forked, or configured by the import of its main module, is not configured again."""
    setup(file_path=home / "parents.log")
    begin = _sent_to_a_child(child_initializer())
    setup(file_path=home / "own.log")
    handlers = logging.getLogger().handlers[:]

    begin()

    assert handlers == logging.getLogger().handlers


def test_child_of_a_program_that_does_without_setup_is_left_alone() -> None:
    """Who configured logging by other means, or not at all, finds it so in the child."""
    child_initializer()()

    assert None is config.last_setup()


def test_child_that_cannot_be_configured_like_its_parent_says_so(home: Path, read_rows: Any) -> None:
    """With a configuration that cannot be sent, the child logs with its settings and one warning."""
    with (home / "stream").open("w") as stream:
        handlers = {"h": {"class": "logging.StreamHandler", "stream": stream}}
        setup({"version": 1, "handlers": handlers, "root": {"handlers": ["h"]}})
        begin = _sent_to_a_child(child_initializer())

    begin()

    (row,) = read_rows(settings.active().log_file)
    assert ("warning", "ginkgo_logging.concurrency") == (row["level"], row["logger_name"])
    assert "not configured for logging as its parent was" in row["message"]


def test_child_is_configured_though_the_directory_is_gone(home: Path, tmp_path: Path) -> None:
    """A child whose parent's directory was deleted since looks in its own."""
    (tmp_path / "gone").mkdir()
    with contextlib.chdir(tmp_path / "gone"):
        setup(file_path=home / "mine.log")
        (tmp_path / "gone").rmdir()
    begin = _sent_to_a_child(child_initializer())

    begin()

    assert home / "mine.log" == settings.active().log_file


def test_child_initializer_binds_and_calls_the_programs_own() -> None:
    """The program's own initializer runs last, with its arguments and with what was bound."""
    seen: list[Any] = []
    with GLOG.with_trace_id("trace-1"), GLOG.context(job=1):
        begin = child_initializer(lambda number: seen.append((number, _seen())), 7)

    begin()

    assert [(7, ("trace-1", {"job": 1}))] == seen


# --- real processes ---------------------------------------------------------------------------------------

_PROGRAM = """
import logging
import multiprocessing
import sys
import threading
from ginkgo_logging import GLOG, setup
from ginkgo_logging.concurrency import ContextProcessPoolExecutor, child_initializer, propagate

logger = logging.getLogger("worker")

def work(name):
    logger.warning("%s password=abc123", name)
    GLOG.bind_context(left_behind=name)
    GLOG.set_trace_id("left-behind")
    return name

def own_initializer(name):
    logger.warning(name)

def log_all_the_time(stop):
    while not stop.is_set():
        logging.getLogger("noise").debug("holding locks")

def main(method):
    setup(file_path="mine.log")
    stop = threading.Event()
    noise = threading.Thread(target=log_all_the_time, args=(stop,))
    noise.start()
    methods = multiprocessing.get_context(method)
    try:
        with GLOG.with_trace_id("of-process"), GLOG.context(job=1):
            process = methods.Process(target=propagate(work), args=("process",))
        process.start()
        process.join()
        assert process.exitcode == 0
        with GLOG.with_trace_id("of-pool"), methods.Pool(1, initializer=child_initializer()) as pool:
            with GLOG.with_trace_id("of-map"):
                pool.map(propagate(work), ["map-1", "map-2"], chunksize=1)
            pool.apply(work, ("apply",))
        with GLOG.with_trace_id("of-executor"):
            executor = ContextProcessPoolExecutor(1, methods, own_initializer, ("initializer",))
            with executor, GLOG.with_trace_id("of-submit"):
                executor.submit(work, "submit").result()
                with GLOG.context(job=2):
                    assert ["each-1", "each-2"] == list(executor.map(work, ["each-1", "each-2"]))
    finally:
        stop.set()
        noise.join()

if __name__ == "__main__":
    main({method!r})
"""
_TRACES = {
    "process": ("of-process", 1),
    "map-1": ("of-map", None),
    "map-2": ("of-map", None),
    "apply": ("of-pool", None),
    "initializer": ("of-executor", None),
    "submit": ("of-submit", None),
    "each-1": ("of-submit", 2),
    "each-2": ("of-submit", 2),
}


@pytest.mark.parametrize("method", ["fork", "forkserver", "spawn"])
def test_children_log_like_their_parent(tmp_path: Path, method: str) -> None:
    """Children of every kind write into the parent's file, masked, with the context of their own work only.

    A thread of the parent logs all the time: no child finds a lock held for ever.
    """
    project = Project(tmp_path / "project")
    project.write("main.py", _PROGRAM.replace("{method!r}", repr(method)))
    with project.start(sys.executable, "main.py") as process:
        assert 0 == process.wait(30), project.output().text

    (file,) = project.directory.rglob("mine.log")
    lines = file.read_text(encoding="utf-8").splitlines()
    rows = [json.loads(line) for line in lines if '"worker"' in line]
    found = {row["message"].split()[0]: (row["trace_id"], row.get("job")) for row in rows}
    assert _TRACES == found
    assert len(_TRACES) == len(rows)
    assert process.pid not in {row["pid"] for row in rows}
    assert not any("left_behind" in row for row in rows)
    assert not any("abc123" in line for line in lines)


def test_process_pool_returns_what_a_task_returns_and_raises() -> None:
    """Results and exceptions come back as from the standard executor."""
    # Not by fork: the process that runs the tests may have threads.
    with ContextProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as executor:
        assert 3 == executor.submit(abs, -3).result(30)
        assert isinstance(executor.submit(int, "x").exception(30), ValueError)
