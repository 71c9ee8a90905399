"""Make standard log records in a third of the time that `logging.LogRecord` takes.

`logging.LogRecord.__init__` takes the calling file's path apart for every record and asks the system for what
seldom changes, which is a quarter of the cost of a log call. `make_record` sets the same attributes to the same
values. The record factory is the standard library's own hook, `logging.setLogRecordFactory`.
"""

import logging
import os
import sys
from collections.abc import Mapping
from threading import current_thread, get_ident
from time import time
from typing import Any

from ginkgo_logging import caller

_MAX_PATHS = 10_000
_new = object.__new__
_bare = logging.LogRecord("", logging.NOTSET, "", 0, "", (), None)
# relativeCreated counts from the moment when logging was imported, which logging keeps to itself.
_start = _bare.created * 1000 - _bare.relativeCreated
_has_task_name = hasattr(_bare, "taskName")

_files: dict[str, tuple[str, str]] = {}
_known_loggers = caller.known
_pid = os.getpid()


class Record(logging.LogRecord):
    """A standard record. `make_record` makes one faster than calling this class does."""

    _ginkgo: Any = None  # what `record_state` keeps on a record that a filter of ours has seen


def make_record(
    name: str,
    level: int,
    pathname: str,
    lineno: int,
    msg: object,
    args: Any,
    exc_info: Any,
    func: str | None = None,
    sinfo: str | None = None,
    **_: Any,
) -> Record:
    """Return what ``logging.LogRecord`` makes of the same arguments.

    One mapping as the only argument becomes the arguments, as there; one whose class or truth cannot be told (a
    dead weak proxy, a lazy object that fails) is left as it is, where `logging.LogRecord` raises into the caller.
    """
    record: Any = _new(Record)  # a function, because calling a class takes longer
    # The order of logging.LogRecord: formatters that list all attributes list them in this order.
    record.name = name
    try:
        if name not in _known_loggers:
            caller.quicken(name)
    except Exception:  # noqa: BLE001, S110 - a name may be anything, and refuse to be looked up
        pass
    record.msg = msg
    # Nearly all arguments are text or numbers, and asking an abstract base class takes ten times as long.
    if args and len(args) == 1 and type(args[0]) is not str:
        args = _unpacked(args)
    record.args = args
    record.levelname = logging.getLevelName(level)
    record.levelno = level
    record.pathname = pathname
    try:
        record.filename, record.module = _files[pathname]
    except (KeyError, TypeError):  # the second for a path that cannot be hashed, which logging takes too
        record.filename, record.module = _split(pathname)
    record.exc_info = exc_info
    record.exc_text = None
    record.stack_info = sinfo
    record.lineno = lineno
    record.funcName = func
    record.created = created = time()
    record.msecs = created % 1.0 * 1000.0 // 1.0  # float by float: numbers of two kinds take twice as long
    record.relativeCreated = created * 1000.0 - _start
    if logging.logThreads:
        record.thread = get_ident()
        record.threadName = current_thread().name
    else:
        record.thread = record.threadName = None
    process_name = None
    if logging.logMultiprocessing:
        process_name = "MainProcess"
        if "multiprocessing" in sys.modules:
            try:  # noqa: SIM105 - quicker than suppress()
                process_name = sys.modules["multiprocessing"].current_process().name
            except Exception:  # noqa: BLE001, S110 - it may be half imported; as in logging.LogRecord
                pass
    record.processName = process_name
    record.process = _pid if logging.logProcesses else None
    if _has_task_name:
        record.taskName = _task_name() if logging.logAsyncioTasks else None  # type: ignore[attr-defined]
    return record  # type: ignore[no-any-return]


# `class Own(logging.getLogRecordFactory())` is what some programs say, since the standard library's is a class.
make_record.__mro_entries__ = lambda _bases: (Record,)  # type: ignore[attr-defined]


def install() -> None:
    """Make all new records with `make_record`, unless the program has a record factory of its own."""
    if logging.getLogRecordFactory() is logging.LogRecord:
        logging.setLogRecordFactory(make_record)


def uninstall() -> None:
    """Go back to `logging.LogRecord`, unless the program has set another factory since."""
    if logging.getLogRecordFactory() is make_record:
        logging.setLogRecordFactory(logging.LogRecord)
    caller.restore()


def _unpacked(args: Any) -> Any:
    """Return the only argument if it is a mapping with anything in it, else *args*."""
    try:
        return args[0] if isinstance(args[0], Mapping) and args[0] else args
    except Exception:  # noqa: BLE001 - its class and its truth may raise anything
        return args


def _split(pathname: str) -> tuple[str, str]:
    try:
        filename = os.path.basename(pathname)
        names = filename, os.path.splitext(filename)[0]
    except (TypeError, ValueError, AttributeError):
        return pathname, "Unknown module"
    if len(_files) < _MAX_PATHS:
        _files[pathname] = names
    return names


def _task_name() -> str | None:
    asyncio = sys.modules.get("asyncio")
    try:
        # Asking current_task() outside a loop raises, which takes longer than the rest of the record.
        if asyncio is None or asyncio._get_running_loop() is None:
            return None
        name: str = asyncio.current_task().get_name()
    except Exception:  # noqa: BLE001 - no task is running; as in logging.LogRecord
        return None
    return name


def _renew_pid() -> None:
    global _pid
    _pid = os.getpid()


os.register_at_fork(after_in_child=_renew_pid)
