"""OtlpHandler: records to an OTLP/HTTP endpoint, such as Loki's own, without a collector in between."""

import logging
import re
import threading
from collections.abc import Collection, Mapping

from ginkgo_logging import fields
from ginkgo_logging.environment import host_metadata
from ginkgo_logging.handlers.base import CountingHandler
from ginkgo_logging.record_state import ATTRIBUTES, RecordState
from ginkgo_logging.record_text import printable
from ginkgo_logging.records import state_of
from ginkgo_logging.transaction import lock

try:
    from opentelemetry import context as otel_context
    from opentelemetry.exporter.otlp.proto.http import Compression
    from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
    from opentelemetry.instrumentation.logging.handler import LoggingHandler
    from opentelemetry.instrumentation.utils import is_instrumentation_enabled
    from opentelemetry.sdk._logs import LoggerProvider
    from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags, set_span_in_context
except ImportError as error:
    raise ImportError("OtlpHandler needs OpenTelemetry: pip install 'ginkgo-logging[otlp]'") from error

COMPRESSIONS = tuple(one.value for one in Compression)

ATTRIBUTE_NAMES = (
    fields.LEVEL,
    fields.LOG_CATEGORY,
    fields.LOGGER_NAME,
    fields.TRACE_ID,
    fields.SPAN_ID,
    "portfolio_id",
    "strategy_id",
    "engine_id",
    "task_id",
    fields.CONTAINER_ID,
    fields.POD_NAME,
)
"""What a line says of itself beside its text: what the collectors of ``deploy/`` make label or metadata."""

_LONGEST = 1024  # characters of an attribute; Loki refuses a line whose attributes exceed 64 KB
_TRACE_ID = re.compile("(?!0{32})[0-9a-f]{32}")
_SPAN_ID = re.compile("(?!0{16})[0-9a-f]{16}")
_BODY_ATTRIBUTES = ATTRIBUTES - {"exc_info", "exc_text", "stack_info", "message"}


class OtlpHandler(CountingHandler):
    """Send records to an OTLP/HTTP endpoint, with OpenTelemetry's own handler, batching and exporter.

    The body of a record is what the formatter makes of it, so that with JsonFormatter a line in Loki is the same
    as from a container's stdout. Those of *attributes* that the record has go beside it; a trace id of 32 and
    a span id of 16 hexadecimal digits become those of the protocol.

    *endpoint*, *headers*, *timeout* (seconds a request may take, retries included) and *resource* (attributes
    of this process, such as ``service.name``) take what they lack from OpenTelemetry's environment variables.
    The caller only enqueues, but what the queue of 2048 records has no room for, and what the endpoint does
    not take, is lost: it counts as written here, and OpenTelemetry's loggers tell of it. List context, throttle
    and masking as filters. Emptied by `close`, which may take 30 seconds. Thread-safe and safe across forks.
    """

    def __init__(
        self,
        *,
        endpoint: str | None = None,
        headers: Mapping[str, str] | None = None,
        compression: str = "gzip",
        timeout: float | None = None,
        resource: Mapping[str, str] | None = None,
        attributes: Collection[str] = ATTRIBUTE_NAMES,
        level: int | str = logging.NOTSET,
    ) -> None:
        if compression not in COMPRESSIONS:
            raise ValueError(f"compression must be one of {', '.join(COMPRESSIONS)}, got {compression!r}")
        if isinstance(attributes, str) or not isinstance(attributes, Collection):
            raise ValueError(f"attributes must be a list of names, got {attributes!r}")  # noqa: TRY004
        self._attributes = tuple(attributes)
        metadata = host_metadata()
        self._of_host = {fields.CONTAINER_ID: metadata.container_id, fields.POD_NAME: metadata.pod_name}
        exporter = OTLPLogExporter(
            endpoint=endpoint,
            headers=None if headers is None else dict(headers),
            timeout=timeout,
            compression=Compression(compression),
        )
        # Its own hook would run before the last lines of a program, such as the throttle's summaries, are logged.
        self._provider = LoggerProvider(
            resource=Resource.create(dict(resource or {})), shutdown_on_exit=False
        )
        self._provider.add_log_record_processor(BatchLogRecordProcessor(exporter))
        self._sender = _Sender(logger_provider=self._provider)
        super().__init__(level=level)

    def emit(self, record: logging.LogRecord) -> None:
        """Enqueue *record*; one that the sending itself causes, as of the HTTP client, is dropped."""
        if not is_instrumentation_enabled():
            return
        state = state_of(record)
        named = self._named(record, state)
        # A copy: the sender takes every attribute of a record for one to send.
        carrier = logging.makeLogRecord({name: record.__dict__.get(name) for name in _BODY_ATTRIBUTES})
        carrier.name, carrier.msg, carrier.args = _valid(record.name), self.format(record), ()
        token = otel_context.attach(_context_of(named))
        try:
            carrier.__dict__.update(named)
            self._sender.emit(carrier)
        finally:
            otel_context.detach(token)
        self.count("written")
        if state.masked or state.truncated:
            with self.lock:  # type: ignore[union-attr]
                self.counts.masked += state.masked
                self.counts.truncated += state.truncated
            state.truncated = False

    def _named(self, record: logging.LogRecord, state: RecordState) -> dict[str, str]:
        """Return the attributes of *record* to send, those that it has."""
        own = record.__dict__
        core = {
            fields.LEVEL: record.levelname.lower(),
            fields.LOG_CATEGORY: own[fields.LOG_CATEGORY],
            fields.LOGGER_NAME: record.name,
            fields.TRACE_ID: own[fields.TRACE_ID],
            fields.SPAN_ID: own[fields.SPAN_ID],
            **self._of_host,
        }
        found = {name: core.get(name, state.fields.get(name)) for name in self._attributes}
        return {
            name: _valid(printable(value)[:_LONGEST])
            for name, value in found.items()
            if value is not None and value != ""
        }

    def flush(self) -> None:
        """Send what waits, and wait until it is sent or given up; does nothing while logging is configured."""
        if not lock._is_owned():
            self._provider.force_flush()

    def close(self) -> None:
        """Send what waits, for at most 30 seconds, and stop; while logging is configured, in a thread of its own.

        dictConfig closes handlers under logging's lock, which the HTTP client's loggers need, too.
        """
        super().close()
        if lock._is_owned():
            threading.Thread(target=self._provider.shutdown, name=f"ginkgo-logging-{self.name}").start()
        else:
            self._provider.shutdown()


class _Sender(LoggingHandler):
    def flush(self) -> None:
        # Is OtlpHandler's to do; the base class would start a thread for it, which fails at interpreter exit.
        pass


def _context_of(named: dict[str, str]) -> otel_context.Context:
    """Return a context with the ids that *named* gives up because the protocol has a place for them."""
    trace_id = named.get(fields.TRACE_ID, "")
    if not _TRACE_ID.fullmatch(trace_id):
        return otel_context.Context()
    del named[fields.TRACE_ID]
    span_id = named.get(fields.SPAN_ID, "")
    if _SPAN_ID.fullmatch(span_id):
        del named[fields.SPAN_ID]
    else:
        span_id = "0"
    ids = SpanContext(
        int(trace_id, 16), int(span_id, 16), is_remote=True, trace_flags=TraceFlags(TraceFlags.SAMPLED)
    )
    return set_span_in_context(NonRecordingSpan(ids), otel_context.Context())


def _valid(text: str) -> str:
    # One lone surrogate would cost the whole batch: it cannot be encoded.
    return text if text.isascii() else text.encode("utf-8", "backslashreplace").decode()
