"""LineParts: the JSON line of an ordinary record, put together from parts that seldom change.

Half the cost of building a dict and serialising it, and a tenth of that of a whole log call (benchmarks/pipe.py).
"""

import logging
import os
import time
from typing import Literal

import orjson

from ginkgo_logging import fields
from ginkgo_logging.context import Context
from ginkgo_logging.environment import HostMetadata
from ginkgo_logging.json_line import encode
from ginkgo_logging.records import RecordState, is_unchangeable, message_of

_MAX_REMEMBERED = 10_000


class LineParts:
    """Remembers the parts of a line as JSON: level, logger and source of a call, what is bound, the host.

    Leaves a line that is longer than *max_bytes* to the general way. Thread-safe: each part is replaced in one
    step.
    """

    def __init__(self, metadata: HostMetadata, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        named = {name: getattr(metadata, name) for name in _HOST}
        self._host = {name: value for name, value in named.items() if value is not None}
        self._second = (-1, b"")
        self._calls: dict[tuple[str, str, str, int], tuple[bytes, bytes]] = {}
        self._tail = (-1, b"")

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
        message = state.message
        return self.assemble(record, message_of(record) if message is None else message, state.seq, part)

    def assemble(self, record: logging.LogRecord, message: str, seq: int, part: bytes) -> bytes | None:
        """Return the line with its newline, the same that the general way gives; None if that has to do it.

        *part* is the `json_part` of what is bound.
        """
        try:
            micros = int(record.created * 1_000_000)
            seconds = micros // 1_000_000
            second, text = self._second
            if seconds != second:
                text = time.strftime('{"timestamp":"%Y-%m-%dT%H:%M:%S.', time.gmtime(seconds)).encode()
                self._second = seconds, text
            pid, tail = self._tail
            if pid != record.process:
                tail = self._begin_process(record.process or os.getpid())
            call = record.levelname, record.name, record.filename, record.lineno
            head, source = self._calls.get(call) or self._call(*call)
            line = b"%b%06d%b%b%b%b%d%b" % (
                text,
                micros - seconds * 1_000_000,
                head,
                orjson.dumps(message),
                part,
                source,
                seq,
                tail,
            )
        except Exception:  # noqa: BLE001 - anything unusual takes the way that serves all records
            return None
        return line if len(line) <= self._max_bytes else None

    def _call(self, level: str, name: str, filename: str, lineno: int) -> tuple[bytes, bytes]:
        parts = (
            b'Z","level":%b,"logger_name":%b,"message":' % (orjson.dumps(level.lower()), orjson.dumps(name)),
            b',"source":%b,"seq":' % orjson.dumps(f"{filename}:{lineno}"),
        )
        if len(self._calls) < _MAX_REMEMBERED:
            self._calls[level, name, filename, lineno] = parts
        return parts

    def _begin_process(self, pid: int) -> bytes:
        host = dict(self._host)
        line = {fields.HOSTNAME: host.pop(fields.HOSTNAME), fields.PID: pid, **host}
        tail = b",%b}\n" % orjson.dumps(line)[1:-1]
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
