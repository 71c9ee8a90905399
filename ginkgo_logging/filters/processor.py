"""ProcessorFilter: any structlog processor, applied to every record."""

import importlib
import logging
from collections.abc import Callable, Mapping, MutableMapping
from typing import Any

from ginkgo_logging.accounting import reporter
from ginkgo_logging.fields import CORE
from ginkgo_logging.records import message_of, rename_taken, state_of

Processor = Callable[[Any, str, MutableMapping[str, Any]], Any]


class ProcessorFilter(logging.Filter):
    """Run structlog processors on every record, those of third-party libraries too.

    *processors* are dotted paths (or callables) with structlog's signature ``(logger, method, event_dict)``;
    *factories* are dotted paths of functions that build one, with their keyword arguments. A processor sees
    the message as ``event`` beside the record's fields, may add, change or remove fields, may change the
    event, and may drop the record with `structlog.DropEvent`. One that raises anything else is reported and
    skipped. List it after ContextFilter and before MaskingFilter.
    """

    def __init__(
        self,
        *,
        processors: list[str | Processor] | tuple[()] = (),
        factories: Mapping[str, Mapping[str, Any] | None] | None = None,
    ) -> None:
        # Only here: importing structlog takes longer than the rest of a program's set-up of logging.
        import structlog

        super().__init__()
        self._dropped = structlog.DropEvent
        self._processors: list[Processor] = [
            _resolve(path) if isinstance(path, str) else path for path in processors
        ]
        for path, arguments in (factories or {}).items():
            self._processors.append(_resolve(path)(**(arguments or {})))
        if not self._processors:
            raise ValueError("ProcessorFilter needs at least one of processors, factories")
        for processor in self._processors:
            if not callable(processor):
                raise ValueError(f"{processor!r} is not a processor; it cannot be called")  # noqa: TRY004

    def filter(self, record: logging.LogRecord) -> bool:
        """Apply the processors once; asked again for the same record, give the same answer."""
        state = state_of(record)
        if self in state.processed_by:
            return state.verdict != "sampled_out"
        state.processed_by = (*state.processed_by, self)
        event_dict: MutableMapping[str, Any] = {"event": message_of(record), **state.fields}
        for processor in self._processors:
            try:
                event_dict = processor(logging.getLogger(record.name), record.levelname.lower(), event_dict)
            except self._dropped:
                state.verdict = "sampled_out"
                return False
            except Exception as exc:  # noqa: BLE001 - a broken processor must not cost the line
                reporter.report(f"processor {processor!r}", exc)
        if not isinstance(event_dict, Mapping):
            reporter.report("processors", TypeError(f"expected a dict, got {type(event_dict).__name__}"))
            return True
        own = dict(event_dict)
        event = own.pop("event", None)
        if event is not None and str(event) != message_of(record):
            record.msg, record.args, state.message = str(event), (), None
        state.fields = own if CORE.isdisjoint(own) else rename_taken(own, CORE)
        return True


def _resolve(path: str) -> Any:
    """Return the object that a dotted path names."""
    module_name, _, attribute = path.rpartition(".")
    try:
        return getattr(importlib.import_module(module_name), attribute)
    except (ImportError, AttributeError, ValueError) as exc:
        raise ValueError(f"{path!r} names no processor: {exc}") from exc
