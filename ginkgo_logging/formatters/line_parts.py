"""LineParts: the JSON line of a plain record, put together from parts that seldom change.

Half the cost of building a dict and serialising it, and a tenth of that of a whole log call (benchmarks/pipe.py).
"""

import logging
import os
import time
from collections.abc import Callable
from typing import Literal

from orjson import dumps

from ginkgo_logging import fields
from ginkgo_logging.context import Context
from ginkgo_logging.environment import HostMetadata
from ginkgo_logging.json_line import encode
from ginkgo_logging.masking import Masker
from ginkgo_logging.record_state import RecordState, is_unchangeable
from ginkgo_logging.records import message_in

Call = tuple[str, str, str, int]
"""Level, logger, file and line of a call."""

CLOCK_ERROR = 0.125
"""Microseconds by which a time of our days may be off as a float: .123456 is not to print as .123455."""

_MAX_REMEMBERED = 10_000
_THREE_DIGITS = [b"%03d" % number for number in range(1000)]


class LineParts:
    """Remembers the parts of a line as JSON: level, logger and source of a call, what is bound, the host.

    Leaves a line that is longer than *max_bytes*, and a logger whose name *is_clean* refuses, to the general
    path. Thread-safe: each part is replaced in one step.
    """

    def __init__(
        self, metadata: HostMetadata, max_bytes: int, is_clean: Callable[[str], bool] | None = None
    ) -> None:
        self._metadata = metadata
        self._is_clean = is_clean
        self._max_bytes = max_bytes
        named = {name: getattr(metadata, name) for name in _HOST}
        self._host = {name: value for name, value in named.items() if value is not None}
        self._second = self._begin_second(0.0)
        self._calls: dict[Call, tuple[bytes, bytes]] = {}
        self._tail = (-1, b"")
        self._with_clean_names: tuple[object, LineParts | None] = None, None

    def with_clean_names(self, masker: Masker) -> "LineParts":
        """Return parts that leave a logger's name to the general path if *masker* would change it.

        The same ones for the same masker, so that handlers can share a line.
        """
        known, parts = self._with_clean_names
        if parts is None or known is not masker:
            # Not a copy of this one: copying makes every attribute slower for good.
            parts = LineParts(self._metadata, self._max_bytes, masker.is_clean)
            self._with_clean_names = masker, parts
        return parts

    def of_record(self, record: logging.LogRecord, state: RecordState) -> bytes | None:
        """Return the line of *record*, which filters completed; None if it says more than `assemble` can."""
        context = state.context
        if (
            context is None
            or state.fields is not context.fields
            or record.exc_info
            or record.exc_text
            or record.stack_info
            or state.error is not None
            or state.suppressed_count is not None
        ):
            return None
        attributes = record.__dict__
        if (
            attributes["trace_id"] != (context.trace_id or "")
            or attributes["span_id"] != (context.span_id or "")
            or attributes["log_category"] != (context.log_category or fields.DEFAULT_CATEGORY)
        ):
            return None
        part = json_part(context) if context.json_part is None else context.json_part
        if not part:
            return None
        message = message_in(record, state)
        call = record.levelname, record.name, record.filename, record.lineno
        return self.assemble(call, record.created, record.process, message, state.seq, part)

    def assemble(
        self, call: Call, created: float, process: int | None, message: str, seq: int, part: bytes
    ) -> bytes | None:
        """Return the line with its newline, the same that the general path gives; None if that has to do it.

        *part* is the `json_part` of what is bound.
        """
        try:
            second, text = self._second
            elapsed = created - second
            if not 0.0 <= elapsed < 1.0:
                second, text = self._begin_second(created)
                elapsed = created - second
            micros = int(elapsed * 1e6 + CLOCK_ERROR)
            pid, tail = self._tail
            if pid != process:
                tail = self._begin_process(process or os.getpid())
            try:
                head, source = self._calls[call]
            except KeyError:
                head, source = self._call(*call)
            line = b"".join(
                (
                    text,
                    _THREE_DIGITS[micros // 1000],
                    _THREE_DIGITS[micros % 1000],
                    head,
                    dumps(message),
                    part,
                    source,
                    dumps(seq),
                    tail,
                )
            )
        except Exception:  # noqa: BLE001 - anything unusual takes the path that serves all records
            return None
        return line if len(line) <= self._max_bytes else None

    def _begin_second(self, created: float) -> tuple[float, bytes]:
        second = created // 1
        text = time.strftime('{"timestamp":"%Y-%m-%dT%H:%M:%S.', time.gmtime(second)).encode()
        # Not what is kept there when this returns: another thread may have begun another second.
        self._second = begun = second, text
        return begun

    def _call(self, level: str, name: str, filename: str, lineno: int) -> tuple[bytes, bytes]:
        if self._is_clean is not None and not self._is_clean(name):
            raise ValueError("the name of a logger holds a secret")
        parts = (
            b'Z","level":%b,"logger_name":%b,"message":' % (dumps(level.lower()), dumps(name)),
            b',"source":%b,"seq":' % dumps(f"{filename}:{lineno}"),
        )
        if len(self._calls) < _MAX_REMEMBERED:
            self._calls[level, name, filename, lineno] = parts
        return parts

    def _begin_process(self, pid: int) -> bytes:
        host = dict(self._host)
        line = {fields.HOSTNAME: host.pop(fields.HOSTNAME), fields.PID: pid, **host}
        tail = b",%b}\n" % dumps(line)[1:-1]
        self._tail = pid, tail
        return tail


def json_part(context: Context) -> bytes | Literal[False]:
    """Return the part of a line for what is bound, and keep it there; False if one cannot be remembered."""
    part: bytes | Literal[False] = False
    # A new dict: what is bound may be a mapping that changes while it is read.
    own = dict(context.fields)
    if all(map(is_unchangeable, own.values())):
        line = {
            fields.LOG_CATEGORY: context.log_category or fields.DEFAULT_CATEGORY,
            fields.TRACE_ID: context.trace_id,
            fields.SPAN_ID: context.span_id,
        }
        part = b",%b" % encode({name: value for name, value in line.items() if value} | own)[1:-2]
    context.json_part = part
    return part


_HOST = (fields.HOSTNAME, fields.CONTAINER_ID, fields.POD_NAME, fields.NAMESPACE)
