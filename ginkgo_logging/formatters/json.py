"""JsonFormatter: one record, one line of strict JSON with the keys of `ginkgo_logging.fields`."""

import logging
import os
import time
from collections.abc import Callable, Sequence
from typing import Any

from ginkgo_logging import fields
from ginkgo_logging.arguments import whole_number
from ginkgo_logging.environment import host_metadata
from ginkgo_logging.fields import (
    HOSTNAME,
    LEVEL,
    LOG_CATEGORY,
    LOGGER_NAME,
    MESSAGE,
    PID,
    SEQ,
    SOURCE,
    SPAN_ID,
    TIMESTAMP,
    TRACE_ID,
)
from ginkgo_logging.formatters.line_parts import CLOCK_ERROR, LineParts
from ginkgo_logging.json_line import encode_capped
from ginkgo_logging.record_state import RecordState
from ginkgo_logging.record_text import ErrorText, error_of
from ginkgo_logging.records import message_in, rename_taken, state_of

_CONTAINER_METADATA = (fields.CONTAINER_ID, fields.POD_NAME, fields.NAMESPACE)


class JsonFormatter(logging.Formatter):
    """Format each record as the JSON line of the contract.

    The options are python-json-logger's: *fmt* names attributes of the record to add (``%(processName)s``
    or a list), *rename_fields* renames keys of the line, *static_fields* and *defaults* add keys,
    *reserved_attrs* leaves keys out. A core key keeps its value: what another option brings under its name is
    kept under ``<name>_``. A line with *prefix* and newline is at most *max_bytes* long, long fields are cut
    with a marker; container runtimes split lines above 16 KiB. Never raises for a value that cannot be
    printed. Thread-safe.
    """

    def __init__(
        self,
        fmt: str | Sequence[str] | None = None,
        datefmt: str | None = None,
        style: str = "%",
        validate: bool = True,  # noqa: FBT001, FBT002 - the order of logging.Formatter's arguments
        *,
        max_bytes: int = 256 * 1024,
        prefix: str = "",
        rename_fields: dict[str, str] | None = None,
        static_fields: dict[str, Any] | None = None,
        defaults: dict[str, Any] | None = None,
        reserved_attrs: Sequence[str] | None = None,
        exc_info_as_array: bool = False,
        stack_info_as_array: bool = False,
        json_default: Callable[[Any], Any] | None = None,
    ) -> None:
        super().__init__(datefmt=datefmt)
        self._named = _named_in(fmt, style, validate=validate) if isinstance(fmt, str) else list(fmt or ())
        self.rename_fields = _resolved(rename_fields or {})
        self.static_fields = _resolved(static_fields or {})
        self.defaults = defaults or {}
        self.exc_info_as_array = exc_info_as_array
        self.stack_info_as_array = stack_info_as_array
        self.json_default = json_default
        self._prefix = prefix.encode()
        self.max_bytes = whole_number("max_bytes", max_bytes, least=1024 + len(self._prefix))
        self._room = max_bytes - len(self._prefix)
        self._core = fields.CORE.union(self.rename_fields.get(name, name) for name in fields.CORE)
        self._left_out = _left_out_by(reserved_attrs) if reserved_attrs else frozenset()
        self._has_options = bool(self._named or rename_fields or static_fields or defaults or self._left_out)
        metadata = host_metadata()
        self._hostname = metadata.hostname
        self._container = {
            name: value for name in _CONTAINER_METADATA if (value := getattr(metadata, name)) is not None
        }
        self._second = (0.0, "1970-01-01T00:00:00")
        self.parts = None if self._has_options or prefix or json_default else LineParts(metadata, self._room)

    def format(self, record: logging.LogRecord) -> str:
        """Return the line as text, without its newline."""
        return self.format_bytes(record)[:-1].decode()

    def format_bytes(self, record: logging.LogRecord) -> bytes:
        """Return the line as UTF-8 with its newline."""
        state = state_of(record)
        if self.parts is not None and (line := self.parts.of_record(record, state)) is not None:
            return line
        content = self._line(record, state)
        if self._has_options:
            content = self._with_options(content, record)
        data, truncated = encode_capped(content, self._room, self._core, self.json_default)
        if truncated:
            state.truncated = True
        return self._prefix + data if self._prefix else data

    def _line(self, record: logging.LogRecord, state: RecordState) -> dict[str, Any]:
        attributes = record.__dict__
        try:
            timestamp = self._timestamp(record.created)
        except (TypeError, ValueError, OverflowError, OSError):  # a record made by hand
            timestamp = self._timestamp(time.time())
        # One literal: a dict that grows key by key takes half as long again.
        line: dict[str, Any] = {
            TIMESTAMP: timestamp,
            LEVEL: str(record.levelname).lower(),
            LOGGER_NAME: record.name,
            MESSAGE: message_in(record, state),
            LOG_CATEGORY: attributes["log_category"],
            TRACE_ID: attributes["trace_id"],
            SPAN_ID: attributes["span_id"],
            **state.fields,
            SOURCE: f"{record.filename}:{record.lineno}",
            SEQ: state.seq,
            HOSTNAME: self._hostname,
            PID: record.process or os.getpid(),
        }
        if not line[TRACE_ID]:
            del line[TRACE_ID]
        if not line[SPAN_ID]:
            del line[SPAN_ID]
        if self._container:
            line.update(self._container)
        # A queue's prepare() removes the exception from the record; a masking filter before it has kept the text.
        if record.exc_info or record.exc_text or state.error is not None:
            self._add_error(line, state.error or error_of(record))
        if record.stack_info:
            stack = self.formatStack(record.stack_info)
            line[fields.STACK_INFO] = stack.splitlines() if self.stack_info_as_array else stack
        if state.suppressed_count is not None:
            line[fields.SUPPRESSED_COUNT] = state.suppressed_count
        return line

    def _timestamp(self, created: float) -> str:
        seconds = created // 1
        micros = min(int((created - seconds) * 1e6 + CLOCK_ERROR), 999_999)
        second, text = self._second
        if seconds != second:
            text = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds))
            self._second = seconds, text
        return f"{text}.{micros:06d}Z"

    def _add_error(self, line: dict[str, Any], error: ErrorText | None) -> None:
        if error is None:
            return
        if error.type:
            line[fields.ERROR_TYPE] = error.type
            line[fields.ERROR_MESSAGE] = error.message
        trace = error.stack_trace
        line[fields.STACK_TRACE] = trace.splitlines() if self.exc_info_as_array else trace

    def _with_options(self, line: dict[str, Any], record: logging.LogRecord) -> dict[str, Any]:
        """Apply python-json-logger's options; a core key keeps its value whatever they say."""
        more = dict(self.defaults)
        if "asctime" in self._named:
            record.asctime = self.formatTime(record, self.datefmt)
        for name in self._named:
            if name not in fields.CORE and (name in record.__dict__ or name not in more):
                more[name] = record.__dict__.get(name)
        more.update(self.static_fields)
        for name, value in rename_taken(more, fields.CORE).items():
            line.setdefault(name, value)
        result: dict[str, Any] = {}
        for name, value in line.items():
            if name in self._left_out:
                continue
            new = self.rename_fields.get(name, name)
            while new in result or (new != name and new in fields.CORE):
                new += "_"
            result[new] = value
        return result


# --- python-json-logger's options, and its import, which a formatter without them does not pay for ------------


def _named_in(fmt: str, style: str, *, validate: bool) -> list[str]:
    """Return the names of the attributes that *fmt* names."""
    from pythonjsonlogger.orjson import OrjsonFormatter

    return OrjsonFormatter(fmt, style=style, validate=validate).parse()


def _left_out_by(reserved_attrs: Sequence[str]) -> frozenset[str]:
    """Return the keys that are left out; an attribute of every record is not in the line by that name."""
    from pythonjsonlogger.core import RESERVED_ATTRS

    return frozenset(reserved_attrs) - frozenset(RESERVED_ATTRS)


def _resolved(options: dict[str, Any]) -> dict[str, Any]:
    """Return a copy; dictConfig resolves a value such as ``ext://...`` when it is asked for by its key."""
    return {key: options[key] for key in options}
