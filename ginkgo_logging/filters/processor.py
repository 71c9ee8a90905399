"""ProcessorFilter: any structlog processor, applied to every record."""

import logging
import pkgutil
from collections.abc import Callable, Iterable, Mapping, MutableMapping
from typing import Any

from ginkgo_logging.accounting import reporter
from ginkgo_logging.fields import CORE, LEVEL
from ginkgo_logging.record_state import UNSET, RecordState
from ginkgo_logging.record_text import message_of, printable
from ginkgo_logging.records import rename_taken, state_of

Processor = Callable[[Any, str, MutableMapping[str, Any]], Any]


class ProcessorFilter(logging.Filter):
    """Run structlog processors on every record, those of third-party libraries too.

    *processors* are dotted paths (or callables) with structlog's signature ``(logger, method, event_dict)``;
    *factories* are dotted paths of classes and functions that build one, with their keyword arguments. A
    processor sees the message as ``event`` beside the record's fields, ``trace_id``, ``span_id`` and
    ``log_category``; it may add, change or remove fields, may change the event, may give ids where none are
    set, and may drop the record with `structlog.DropEvent`. One that raises anything else is reported and
    skipped. List it after ContextFilter and before MaskingFilter.
    """

    def __init__(
        self,
        *,
        processors: Iterable[str | Processor] = (),
        factories: Mapping[str, Mapping[str, Any] | None] | None = None,
    ) -> None:
        # Only here: importing structlog takes longer than the rest of a program's set-up of logging.
        import structlog

        super().__init__()
        self._dropped = structlog.DropEvent
        if isinstance(processors, str) or not isinstance(processors, Iterable):
            raise ValueError(f"processors must be a list of dotted paths, got {processors!r}")  # noqa: TRY004
        if not isinstance(factories, Mapping | None):
            raise ValueError(f"factories must map dotted paths to keyword arguments, got {factories!r}")  # noqa: TRY004
        self._processors = [_processor(path) for path in processors]
        # Asked item by item, as in _built: dictConfig's dict resolves ext:// only then.
        self._processors += [_built(path, factories[path]) for path in factories or ()]  # type: ignore[index]
        if not self._processors:
            raise ValueError("ProcessorFilter needs at least one of processors, factories")

    def filter(self, record: logging.LogRecord) -> bool:
        """Apply the processors once; asked again for the same record, give the same answer."""
        try:
            state = state_of(record)
            if self not in state.processed_by:
                state.processed_by = (*state.processed_by, self)
                self._process(record, state)
            if self not in state.refused_by:
                return True
            state.verdict = "sampled_out"
        except Exception as exc:  # noqa: BLE001 - what a processor returns may be anything
            reporter.report("processors", exc)
            return True
        return False

    def _process(self, record: logging.LogRecord, state: RecordState) -> None:
        message = message_of(record)
        ids = {name: value for name in UNSET if (value := record.__dict__[name])}
        event_dict: Any = {"event": message, **ids, **state.fields}
        logger, method = logging.getLogger(record.name), record.levelname.lower()
        for processor in self._processors:
            try:
                event_dict = processor(logger, method, event_dict)
            except self._dropped:
                if state.suppressed_count is None:  # a summary stands for many lines
                    state.refused_by = (*state.refused_by, self)
                return
            except Exception as exc:  # noqa: BLE001 - a broken processor must not cost the line
                reporter.report(f"processor {printable(processor)}", exc)
        if not isinstance(event_dict, Mapping):
            raise TypeError(f"the last one must return a dict, not {type(event_dict).__name__}")
        own = dict(event_dict)
        event = own.pop("event", None)
        if event is not None and event != message:
            record.msg, record.args, state.message = printable(event), (), None
        if not CORE.isdisjoint(own):
            _adopt_ids(record, own)
            if own.get(LEVEL) == method:  # what structlog's add_log_level says, the line says anyway
                del own[LEVEL]
            own = rename_taken(own, CORE)
        state.fields = own
        state.masked_by = None  # another handler's masking filter may have been here before


def _adopt_ids(record: logging.LogRecord, own: dict[str, Any]) -> None:
    """Give *record* the ids in *own* where it has none; one that differs from the record's stays in *own*."""
    for name, unset in UNSET.items():
        value = own.pop(name, None)
        text = "" if value is None else printable(value)
        if not text or text == record.__dict__[name]:
            continue
        if record.__dict__[name] == unset:
            record.__dict__[name] = text
        else:
            own[name] = value


def _processor(path: str | Processor) -> Processor:
    found = _resolve(path) if isinstance(path, str) else path
    if isinstance(found, type):
        raise ValueError(f"{path!r} is a class, not a processor; name it under factories")  # noqa: TRY004
    if not callable(found):
        raise ValueError(f"{path!r} is not a processor; it cannot be called")  # noqa: TRY004
    return found


def _built(path: str, arguments: Mapping[str, Any] | None) -> Processor:
    if not isinstance(arguments, Mapping | None):
        raise ValueError(f"factories: {path}: must be keyword arguments, got {arguments!r}")  # noqa: TRY004
    factory = _resolve(path)
    try:
        processor = factory(**{name: arguments[name] for name in arguments or ()})  # type: ignore[index]
    except Exception as exc:
        raise ValueError(f"factories: {path}: cannot be built: {exc}") from exc
    if not callable(processor):
        raise ValueError(f"factories: {path}: built {processor!r}, which is not a processor")  # noqa: TRY004
    return processor  # type: ignore[no-any-return]


def _resolve(path: str) -> Any:
    """Return the object that a dotted path names."""
    try:
        return pkgutil.resolve_name(path.removeprefix("ext://"))
    except (ImportError, AttributeError, ValueError) as exc:
        raise ValueError(f"{path!r} names no processor: {exc}") from exc
