"""make_record: a standard record, made faster; every attribute has the value that logging.LogRecord gives it."""

import asyncio
import logging
import multiprocessing
import os
import sys
import threading
import weakref
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from ginkgo_logging import record_factory, setup, shutdown
from ginkgo_logging.record_factory import make_record

CALLS: dict[str, tuple[Any, ...]] = {
    "plain": ("app", logging.INFO, "/srv/app/orders.py", 7, "text", (), None, "place", None),
    "args": ("app", logging.ERROR, "/srv/app/orders.py", 7, "%s %d", ("a", 1), None),
    "one text": ("app", logging.INFO, "orders", 7, "%s", ("a",), None),
    "mapping": ("app", logging.INFO, "/a.b/c.d.py", 7, "%(a)s", ({"a": 1},), None),
    "empty mapping": ("app", logging.INFO, "c.py", 7, "%s", ({},), None),
    "custom level": ("app", 17, "c.py", 7, "text", None, None),
    "a list as path": ("app", logging.INFO, ["c.py"], 7, "text", (), None),
    "no path": ("app", logging.INFO, None, 0, "text", (), None),
    "exception": ("app", logging.ERROR, "c.py", 7, "text", (), (ValueError, ValueError("x"), None)),
    "stack": ("app", logging.INFO, "c.py", 7, "text", (), None, None, "Stack (most recent call last):"),
}
CLOCKED = {"created", "msecs", "relativeCreated"}


@pytest.mark.parametrize("call", CALLS)
def test_same_attributes_as_the_standard_record(call: str) -> None:
    """
    Names, order and values of all attributes are those of logging.LogRecord, the clock's aside.
    """
    theirs, ours = logging.LogRecord(*CALLS[call]).__dict__, make_record(*CALLS[call]).__dict__

    assert list(theirs) == list(ours)
    assert {name: theirs[name] for name in theirs.keys() - CLOCKED} == {
        name: ours[name] for name in ours.keys() - CLOCKED
    }


def test_clock() -> None:
    """
    The times agree with each other and with those of a standard record made in the same moment.
    """
    before = logging.LogRecord(*CALLS["plain"])
    record = make_record(*CALLS["plain"])
    after = logging.LogRecord(*CALLS["plain"])

    assert before.created <= record.created <= after.created
    assert before.relativeCreated - 1 <= record.relativeCreated <= after.relativeCreated + 1
    assert abs(record.created % 1 * 1000 - record.msecs) < 1.001


@pytest.mark.parametrize("switch", ["logThreads", "logProcesses", "logMultiprocessing", "logAsyncioTasks"])
def test_switches_of_the_standard_library(switch: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    What the standard library lets a program switch off is None here too.
    """
    if not hasattr(logging, switch):
        pytest.skip(f"logging.{switch} came with CPython 3.12")
    monkeypatch.setattr(logging, switch, False)

    theirs, ours = logging.LogRecord(*CALLS["plain"]).__dict__, make_record(*CALLS["plain"]).__dict__

    names = ("thread", "threadName", "process", "processName", "taskName")
    assert {name: theirs.get(name) for name in names} == {name: ours.get(name) for name in names}


def test_thread_name() -> None:
    """
    The name is that of the running thread, at the time of the call.
    """
    names: list[str | None] = []
    thread = threading.Thread(
        target=lambda: names.append(make_record(*CALLS["plain"]).threadName), name="worker-7"
    )

    thread.start()
    thread.join()

    assert ["worker-7"] == names


def test_process_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    The name is multiprocessing's, once that is imported; one that is half imported does no harm.
    """
    assert multiprocessing.current_process().name == make_record(*CALLS["plain"]).processName
    monkeypatch.setitem(sys.modules, "multiprocessing", object())
    assert make_record(*CALLS["plain"]).processName == "MainProcess"
    monkeypatch.delitem(sys.modules, "multiprocessing")
    assert make_record(*CALLS["plain"]).processName == "MainProcess"


@pytest.mark.skipif(sys.version_info < (3, 12), reason="taskName came with CPython 3.12")
def test_task_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    The name is that of the running task, None outside a loop or without asyncio.
    """

    async def log() -> object:
        return make_record(*CALLS["plain"]).__dict__["taskName"]

    async def named() -> object:
        return await asyncio.create_task(log(), name="task-7")

    assert asyncio.run(named()) == "task-7"
    assert make_record(*CALLS["plain"]).__dict__["taskName"] is None
    monkeypatch.delitem(sys.modules, "asyncio")
    assert make_record(*CALLS["plain"]).__dict__["taskName"] is None


def test_a_forked_child_has_its_own_pid() -> None:
    """
    The remembered process number is renewed after a fork.
    """
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(writer, str(make_record(*CALLS["plain"]).process).encode())
        os._exit(0)
    os.waitpid(child, 0)

    assert str(child).encode() == os.read(reader, 20)


class _Undecided(Mapping[str, int]):
    """A mapping whose truth cannot be told."""

    def __len__(self) -> int:
        raise ValueError("no length")

    def __iter__(self) -> Iterator[str]:
        return iter(())

    def __getitem__(self, name: str) -> int:
        raise KeyError(name)


def test_a_mapping_without_truth_does_not_raise_into_the_caller() -> None:
    """
    The standard record raises here; this one keeps the arguments as they were given.
    """
    mapping = _Undecided()

    record = make_record("app", logging.INFO, "c.py", 7, "%s", (mapping,), None)

    assert (mapping,) == record.args


def test_setup_installs_and_shutdown_takes_back() -> None:
    """
    The factory is in force between setup() and shutdown().
    """
    setup("test")
    during = logging.getLogRecordFactory()
    shutdown()

    assert (make_record, logging.LogRecord) == (during, logging.getLogRecordFactory())


def test_a_factory_of_the_program_stays() -> None:
    """
    A program that has set a record factory keeps it.
    """

    class Own(logging.LogRecord):
        pass

    logging.setLogRecordFactory(Own)
    try:
        record_factory.install()
        record_factory.uninstall()
        assert Own is logging.getLogRecordFactory()
    finally:
        logging.setLogRecordFactory(logging.LogRecord)


def test_the_table_of_paths_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    A program that makes up paths does not fill the memory.
    """
    monkeypatch.setattr(record_factory, "_MAX_PATHS", len(record_factory._files) + 1)

    names = [
        make_record("app", logging.INFO, f"/new/{number}.py", 7, "text", (), None).filename
        for number in range(3)
    ]

    assert ["0.py", "1.py", "2.py"] == names
    assert len(record_factory._files) <= record_factory._MAX_PATHS


def test_a_dead_weak_proxy_does_not_raise_into_the_caller() -> None:
    """
    The only argument may be an object that does not even tell its class.
    """

    class Order:
        pass

    proxy = weakref.proxy(Order())

    record = make_record("app", logging.INFO, "c.py", 7, "%s", (proxy,), None)

    assert 1 == len(record.args or ())


def test_a_program_may_derive_a_class_from_the_factory() -> None:
    """
    The standard library's factory is a class, and `class Own(logging.getLogRecordFactory())` works with ours.
    """

    class Own(make_record):  # type: ignore[misc, valid-type]
        def __init__(self, *args: Any) -> None:
            super().__init__(*args)
            self.tenant = "t-1"

    record = Own(*CALLS["plain"])

    assert ("text", "t-1", True) == (
        record.getMessage(),
        record.tenant,
        isinstance(record, logging.LogRecord),
    )
