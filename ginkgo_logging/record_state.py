"""What is kept on a record: RecordState, for most records CompactState; and the names of its other attributes."""

import itertools
import logging
import pickle  # to see what a socket or a process queue could carry; nothing is ever unpickled here
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, final
from uuid import UUID

from ginkgo_logging import fields
from ginkgo_logging.record_text import ErrorText, printable

_bare_record = logging.LogRecord("", logging.NOTSET, "", 0, "", (), None)

BARE_NAMES = list(_bare_record.__dict__)
"""The names of the attributes that a record has before anybody added one, in their order."""

BARE_LENGTH = len(BARE_NAMES)
"""How many they are."""

LAST_ATTRIBUTE = BARE_NAMES[-1]
"""The last of them, after which an added one stands."""

ATTRIBUTES = frozenset(_bare_record.__dict__) | {"message", "asctime", "taskName"}
"""Names that belong to the standard library on a record; `extra` may not use them."""

STATE = "_ginkgo"
"""The attribute that holds what this module keeps on a record; spelled out where every record passes."""

UNSET = {fields.TRACE_ID: "", fields.SPAN_ID: "", fields.LOG_CATEGORY: fields.DEFAULT_CATEGORY}
"""What a record's other attributes of ours are where nothing is bound."""

ADDED = [STATE, *UNSET]
"""What our filters put on a record."""

OURS_ONLY = BARE_NAMES + ADDED
"""The names of a record's attributes where only logging and our filters put any."""

TAKEN = ATTRIBUTES | {STATE}
"""Names that a field of the caller's cannot have on a record."""

# uvicorn sends the message a second time, with colour codes, under this name.
NOT_EXTRA = TAKEN | {"color_message"}
"""Names on a record that are no fields of the caller's."""

PLAIN_TYPES = frozenset({str, int, float, bool, type(None)})
"""Types of most values: they cannot change, and printing them runs none of the program's code."""

QUIET_TYPES = frozenset({Decimal, UUID, date, timedelta, type(Path())})
"""More types of which the same is true."""

sequence = itertools.count(1)
"""Numbers the records of this process."""


class RecordState:
    """What our filters found out about one record.

    ``fields`` are the flat business fields (bound context, then `extra`), none of which has a core name.
    ``context`` is the `ginkgo_logging.context.Context` that they are from, if they are from it alone.
    ``message`` and ``error`` are the text to print once known (masked, when a masking filter ran).
    ``source`` is what ``message`` was made of, ``record.msg`` and ``record.args``: another package's filter may
    replace them. ``masked_by`` is the masker that has seen all this, and ``seen`` the record's attributes as it
    left them. ``verdict`` is the reason for which a filter of ours last refused the record (``suppressed``,
    ``sampled_out`` or ``failed``), or None; ``processed_by`` and ``refused_by`` are the filters that must not
    look at it twice. ``suppressed_count`` marks a summary line of the error flow control; ``printed_elsewhere``
    one whose traceback the interpreter prints itself.
    """

    # On the class, not in __init__: most stay as they are, and each assignment costs every record.
    context: Any = None
    message: str | None = None
    source: tuple[object, object] | None = None
    error: ErrorText | None = None
    seen: Mapping[str, object] | None = None
    verdict: str | None = None
    masked_by: object = None
    processed_by: tuple[object, ...] = ()
    refused_by: tuple[object, ...] = ()
    suppressed_count: int | None = None
    printed_elsewhere = False
    masked = False
    truncated = False

    def __init__(self, own_fields: Mapping[str, Any], seq: int | None = None) -> None:
        self.fields = own_fields
        self.seq = next(sequence) if seq is None else seq

    def __copy__(self) -> "RecordState":
        state = RecordState.__new__(RecordState)
        state.__dict__.update(self.__dict__)
        return state

    def __reduce__(self) -> tuple[Any, ...]:
        # Filters and maskers stay in their own process: another one masks what it gets by its own rules. A
        # dict, for the other process may not know this package; `known_state` takes it.
        error = None if self.error is None else tuple(self.error)
        state = _portable(self.fields), self.seq, self.message, error, self.suppressed_count
        return dict, (list(zip(_PORTABLE, state, strict=True)),)


_PORTABLE = ("fields", "seq", "message", "error", "suppressed_count")


def received(state: dict[str, Any]) -> RecordState:
    """Return the state that `RecordState.__reduce__` made a dict of."""
    received = RecordState(state["fields"], state["seq"])
    received.message, received.suppressed_count = state["message"], state["suppressed_count"]
    received.error = None if state["error"] is None else ErrorText(*state["error"])
    return received


def _portable(own_fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return a copy in which text stands for what cannot be pickled: one such value must not cost the line."""
    return {
        name: value if type(value) in PLAIN_TYPES or _is_picklable(value) else printable(value)
        for name, value in own_fields.items()
    }


def is_unchangeable(value: object) -> bool:
    """Return whether what was found out about *value* once holds for ever."""
    kind = type(value)
    try:
        return kind in PLAIN_TYPES or kind in QUIET_TYPES or kind is datetime
    except Exception:  # noqa: BLE001 - a class may refuse to be hashed
        return False


def _is_picklable(value: object) -> bool:
    try:
        pickle.dumps(value, 1)
    except Exception:  # noqa: BLE001 - a __reduce__ may raise anything
        return False
    return True


@final
class CompactState:
    """The state of a record that says nothing but its message, what is bound and plain `extra`.

    Never changed, since copies of a record share it. ``msg`` and ``args`` are what ``message`` was made of;
    ``part`` is what a JSON line has of context and extra; ``line``, if any, is what ``assembled_by`` made of it
    for this ``call``, ``created`` and ``process``.
    """

    # Not a tuple, which costs less: formatters and exporters of other packages write out every attribute of a
    # record that is a sequence, and so the whole line a second time.
    __slots__ = (
        "args",
        "assembled_by",
        "call",
        "context",
        "created",
        "extra",
        "line",
        "masked_by",
        "message",
        "msg",
        "part",
        "process",
        "seq",
    )

    context: Any
    extra: dict[str, Any] | None
    seq: int
    msg: object
    args: object
    message: str
    part: bytes
    masked_by: object
    assembled_by: object
    call: tuple[str, str, str, int]
    created: float
    process: int | None
    line: bytes | None

    def expand(self) -> RecordState:
        """Return the same as a `RecordState`."""
        bound = self.context.fields
        state = RecordState(bound if self.extra is None else {**bound, **self.extra}, self.seq)
        if self.extra is None:
            state.context = self.context
        state.message, state.masked_by = self.message, self.masked_by
        return state

    def has_extra_of(self, attributes: dict[str, Any]) -> bool:
        """Return whether a record with *attributes* has the fields of `extra` as they were, and no others."""
        # All names, and not how many: one may have come for one of logging's that went. 2,000 instructions more.
        names, extra = list(attributes), self.extra
        if extra is None:
            return names == OURS_ONLY
        return names == [*BARE_NAMES, *extra, *ADDED] and all(
            attributes[name] is value for name, value in extra.items()
        )

    def __reduce__(self) -> tuple[Any, ...]:
        return self.expand().__reduce__()
