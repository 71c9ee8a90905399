"""CountingHandler and LineHandler: from the filters' verdict to the counted write of one line."""

import logging
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable
from threading import get_ident
from time import sleep
from typing import Any

from ginkgo_logging import accounting
from ginkgo_logging.formatters import JsonFormatter
from ginkgo_logging.formatters.line_parts import LineParts
from ginkgo_logging.handlers.fast_path import EmptyLine, FastPath
from ginkgo_logging.records import known_state

_MOST_NESTED = 5
_TURN_SECONDS = 0.0001
_MOST_TURNS = 100

_Fast = tuple[list[object], logging.Formatter | None, FastPath | None]
"""The filters and the formatter that a handler had last, and the fast path that they allow."""


class _Nesting(threading.local):
    """The records that handlers of this thread are at, from the outermost log call to the innermost."""

    def __init__(self) -> None:
        self.records: list[logging.LogRecord] = []


_nesting = _Nesting()


class CountingHandler(logging.Handler):
    """Filter each record, give it to `emit`, and count in ``counts`` what became of it.

    A handler never raises into the program: a record whose filters or `emit` raise is counted as failed and
    reported on stderr at most once a minute; so is one logged inside five other log calls, as by an object that
    logs itself when it is printed. A record that a filter of another package refuses is none of ours and not
    counted. `emit` runs without the handler's lock.
    """

    _counts_lock: Any = None
    """What to hold while ``counts`` are changed, where it is not the handler's lock."""

    def __init__(self, *, level: int | str = logging.NOTSET) -> None:
        self.counts = accounting.Counts()
        # In one tuple: another thread must not meet a fast path beside filters that it does not stand for.
        self._fast: _Fast = ([], None, None)
        logging.Handler.__init__(self, level)  # not super(): beside this class there may be another handler
        accounting.register(self)

    def handle(self, record: logging.LogRecord) -> bool:
        """Filter *record* and emit it; return whether the filters let it pass."""
        records = _nesting.records
        records += [record]  # not a call, here and below, which may fail at the end of the stack
        try:
            # A handler that passes its record on to another one is no log call of its own.
            if len(records) > _MOST_NESTED and len(set(map(id, records))) > _MOST_NESTED:
                raise RecursionError("log calls inside log calls")  # noqa: TRY301 - it is counted below
            verdict = self.filter(record)
            if verdict:
                # CPython 3.12 and later: a filter may replace the record.
                self.emit(verdict if isinstance(verdict, logging.LogRecord) else record)
                return True
            state = known_state(record)
            if state is not None and state.verdict is not None:
                self.count(state.verdict)
        except Exception as exc:  # noqa: BLE001 - a log call cannot hurt the program
            self.count_failed(exc, record)
        finally:
            del records[-1]
        return False

    def setFormatter(self, fmt: logging.Formatter | None) -> None:  # noqa: N802 - logging's name
        """Use *fmt* for the records of this handler."""
        super().setFormatter(fmt)
        self._choose_fast_path()

    def _line_parts(self, formatter: logging.Formatter | None) -> LineParts | EmptyLine | None:
        """Return what makes this handler's lines on the fast path; None if it has no such path."""
        return None

    def _renewed_fast_path(self) -> FastPath | None:
        """Return the fast path chosen anew, for filters or a formatter that have changed; None if there is none.

        Programs put filters into the list itself, and assign a formatter.
        """
        if self.formatter is not self._fast[1]:
            self.setFormatter(self.formatter)
        else:
            self._choose_fast_path()
        return self._fast[-1]

    def _choose_fast_path(self) -> None:
        filters: list[object] = [*self.filters]
        formatter = self.formatter
        path = FastPath.of(filters, self._line_parts(formatter))
        if not self._keeps(logging.Handler.filter):
            path = None
        self._fast = filters, formatter, path

    def _keeps(self, method: Callable[..., object]) -> bool:
        """Return whether *method* is still what it was, in subclasses and on the handler itself."""
        # Not by its __dict__: who asks for that once makes every attribute of the object slower for good, which
        # is a tenth of the cost of a line.
        return getattr(getattr(self, method.__name__), "__func__", None) is method

    def count(self, became: str) -> None:
        """Count one more record, which became *became*: the name of one of the numbers of ``counts``."""
        counts = self.counts
        # The handler's lock is None only if a subclass forgoes it.
        with self._counts_lock or self.lock:  # type: ignore[union-attr]
            # `+=` is one step to a signal handler that counts, too, and no call, which may fail at the end of
            # the stack.
            if became == "failed":
                counts.failed += 1
            elif became == "written":
                counts.written += 1
            elif became == "suppressed":
                counts.suppressed += 1
            else:
                counts.sampled_out += 1

    def count_failed(self, error: BaseException, record: logging.LogRecord | None = None) -> None:
        """Count *record* as lost to *error*, and report it at most once a minute."""
        try:
            self.count("failed")
            state = known_state(record) if record is not None else None
            if state is not None:
                state.truncated = False  # the next handler's formatter decides for itself
            self._report(error)
        except Exception:  # noqa: BLE001, S110 - the end of the stack, or of the interpreter
            pass

    def _report(self, error: BaseException) -> None:
        accounting.reporter.report(f"handler {self.name or type(self).__name__!r}", error)


class LineHandler(CountingHandler, ABC):
    """Write each record as one line of bytes.

    A formatter that has ``format_bytes`` is asked for bytes, any other for text. Thread-safe; formatting
    happens outside the lock. A subclass may override any method; one that is replaced on a handler itself
    (a mock) is noticed when the handler's filters or formatter change.

    Threads do not queue up for the lock: one that is woken with the lock in its hands, and waits for the
    interpreter's, makes all others wait, for each line anew. They sleep while ``_writing`` says that another is
    inside; eight threads together write 1.7 times the lines. Only the lock keeps lines apart.
    """

    _writing = 0
    """The number of the thread that came last to write a line; 0 once any has left. No more than a hint."""

    def __init__(self, *, level: int | str = logging.NOTSET) -> None:
        self._format_line: Callable[[logging.LogRecord], bytes] = self._encode
        super().__init__(level=level)

    @abstractmethod
    def write_line(self, line: bytes) -> None:
        """Write *line*, which ends in a newline, whole or raise OSError. Called with the lock held."""

    def _wait_for_turn(self) -> None:
        """Wait until no other thread is writing, but not for long: a fork may have left the mark behind."""
        for _ in range(_MOST_TURNS):
            sleep(_TURN_SECONDS)
            if not self._writing:
                return

    def setFormatter(self, fmt: logging.Formatter | None) -> None:  # noqa: N802 - logging's name
        """Use *fmt* for the lines of this handler."""
        self._format_line = getattr(fmt, "format_bytes", self._encode)
        super().setFormatter(fmt)

    def _line_parts(self, formatter: logging.Formatter | None) -> LineParts | EmptyLine | None:
        """Return what assembles the lines of this handler; None if its formatter has to be asked for each."""
        ours = self._keeps(logging.Handler.format) and self._keeps(LineHandler.emit)
        return formatter.parts if ours and type(formatter) is JsonFormatter else None

    def handle(self, record: logging.LogRecord) -> bool:
        """Filter *record* and emit it; return whether the filters let it pass."""
        try:
            try:
                # Here and in QueueHandler, and not in a method: that would be a call for each line.
                filters, formatter, path = self._fast
                if self.formatter is not formatter or self.filters != filters:
                    path = self._renewed_fast_path()
                line = path.line(record) if path is not None else None
            except Exception:  # noqa: BLE001 - what is bound may raise; the filters know what to do about it
                line = None
            if line is None:
                return CountingHandler.handle(self, record)  # super() takes as long as a call
            # What `emit` does too, and not a method of both, which would take 1,300 instructions: 2 % of a line.
            counts, lock, thread = self.counts, self.lock, get_ident()
            # Not for this thread itself, in whose write a signal handler or finalizer logs.
            if self._writing and self._writing != thread:
                self._wait_for_turn()
            self._writing = thread
            # In half the time of `with`. What a signal handler raises comes out of a call: of acquire() when it
            # has the lock, and then `finally` gives it back, or while it waits, and then release() refuses.
            try:
                lock.acquire()  # type: ignore[union-attr]
                self.write_line(line)
                counts.written += 1
            finally:
                self._writing = 0
                try:  # noqa: SIM105 - quicker than suppress()
                    lock.release()  # type: ignore[union-attr]
                except RuntimeError:  # it was not acquired
                    pass
        except Exception as exc:  # noqa: BLE001 - a log call cannot hurt the program
            self.count_failed(exc, record)
        return True

    def emit(self, record: logging.LogRecord) -> None:
        """Format and write *record*, which has passed the filters."""
        counts = self.counts
        try:
            line = self._format_line(record)
            state = known_state(record)
            # Before it is written: what stands in the state's place may be something else, which has neither.
            masked, truncated = (state.masked, state.truncated) if state is not None else (False, False)
            thread = get_ident()
            if self._writing and self._writing != thread:
                self._wait_for_turn()
            self._writing = thread
            try:
                with self.lock:  # type: ignore[union-attr]
                    self.write_line(line)
                    counts.written += 1
                    counts.masked += masked
                    counts.truncated += truncated
                    if truncated:
                        state.truncated = False  # type: ignore[union-attr]
            finally:
                self._writing = 0
        except Exception as exc:  # noqa: BLE001 - a log call cannot hurt the program
            self.count_failed(exc, record)

    def _encode(self, record: logging.LogRecord) -> bytes:
        return self.format(record).encode("utf-8", "backslashreplace") + b"\n"
