"""Turn a dict into one line of strict JSON, whatever it holds; knows nothing of logging."""

import enum
import math
import threading
from collections.abc import Callable, Iterable, Mapping
from itertools import islice
from typing import Any

import orjson

from ginkgo_logging.any_object import class_name, field_names, placeholder

MARKER = "...[truncated]"
TRUNCATED_FIELDS = "truncated_fields"
"""Key that counts the fields dropped because the line was too long even with every field cut."""

_MAX_DEPTH = 32
_MAX_ITEMS = 10_000
_SHORTEST = 64  # characters that a cut field keeps before whole fields are dropped
_NEWLINE = orjson.OPT_APPEND_NEWLINE | orjson.OPT_SERIALIZE_NUMPY
# orjson would write all that is in a dataclass instance's __dict__: what nobody declared, and masking never saw.
_OPTIONS = _NEWLINE | orjson.OPT_PASSTHROUGH_DATACLASS


def encode(line: dict[str, Any], default: Callable[[Any], Any] | None = None) -> bytes:
    """Return *line* as strict JSON with a newline, keys in their order, text not ASCII-escaped.

    NaN and infinities become null; integers beyond 64 bits, bytes, and objects that JSON has no form for
    become text; lone surrogates are escaped; keys become text; cycles and excessive depth end in a marker.
    *default*, if given, is asked first for the form of an object that JSON has none for. Of a dataclass instance
    its fields are written, but for those whose name begins with an underscore. Never raises.
    """
    try:
        return orjson.dumps(line, _plain if default is None else _after_dataclasses(default), _OPTIONS)
    except Exception:  # noqa: BLE001 - orjson refuses the whole line for one odd value; the copy has none
        return orjson.dumps(_Sanitizer(default).line(line), None, _NEWLINE)


def encode_capped(
    line: dict[str, Any], max_bytes: int, core: frozenset[str], default: Callable[[Any], Any] | None = None
) -> tuple[bytes, bool]:
    """Return `encode`'s line, and whether it had to be cut to be no longer than *max_bytes*.

    The longest fields are cut first, as evenly as the space allows, and end in `MARKER`; if that is not
    enough, of the fields whose name is not in *core* only as many as fit are kept; `TRUNCATED_FIELDS` counts
    the others.
    """
    data = encode(line, default)
    if len(data) <= max_bytes:
        return data, False
    flat = [_Field(name, value) for name, value in orjson.loads(data).items()]
    short = _cut_to_fit(flat, max_bytes, _SHORTEST) or _drop_to_fit(flat, max_bytes, core)
    return short or orjson.dumps({TRUNCATED_FIELDS: len(flat)}, None, _NEWLINE), True


class _Field:
    """A field of a line that is too long; a nested value is cut as the text of its JSON."""

    __slots__ = ("name", "text", "value")

    def __init__(self, name: str, value: Any) -> None:
        self.name = name
        self.value = value
        self.text: str | None = None
        if isinstance(value, str):
            self.text = value
        elif isinstance(value, dict | list):
            self.text = orjson.dumps(value).decode()

    def cut(self, limit: int) -> Any:
        """Return the value with at most *limit* characters before the marker, itself if it is that short."""
        text = self.text
        return self.value if text is None or len(text) <= limit + len(MARKER) else text[:limit] + MARKER


def _cut_to_fit(line: list[_Field], max_bytes: int, shortest: int) -> bytes | None:
    """Return the line with its fields as long as possible, or None if even at *shortest* it is too long."""
    best = _cut_at(line, shortest)
    if len(best) > max_bytes:
        return None
    longest = max((len(field.text) for field in line if field.text is not None), default=0)
    low, high = shortest, min(longest, max_bytes)
    while low < high:
        limit = (low + high + 1) // 2
        data = _cut_at(line, limit)
        if len(data) <= max_bytes:
            low, best = limit, data
        else:
            high = limit - 1
    return best


def _cut_at(line: list[_Field], limit: int) -> bytes:
    return orjson.dumps({field.name: field.cut(limit) for field in line}, None, _NEWLINE)


def _drop_to_fit(line: list[_Field], max_bytes: int, core: frozenset[str]) -> bytes | None:
    dropped = _Field(TRUNCATED_FIELDS, sum(field.name not in core for field in line))
    room = max_bytes - len(_cut_at([*(field for field in line if field.name in core), dropped], _SHORTEST))
    chosen = []
    for field in line:
        if field.name in core:
            chosen.append(field)
        elif (size := _size(field)) <= room:
            chosen.append(field)
            dropped.value -= 1
            room -= size
    return _cut_to_fit([*chosen, dropped], max_bytes, _SHORTEST if room >= 0 else 0)


def _size(field: _Field) -> int:
    """Return the bytes that *field* takes in a line at least, its comma included."""
    return len(orjson.dumps({field.name: field.cut(_SHORTEST)})) - 1


def _after_dataclasses(default: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def form(value: Any) -> Any:
        own = _dataclass_items(value)
        return default(value) if own is None else own

    return form


def _dataclass_items(value: Any) -> dict[str, Any] | None:
    names = field_names(value)
    if names is None:
        return None
    return {name: getattr(value, name) for name in names if name[0] != "_" and hasattr(value, name)}


def _plain(value: Any) -> Any:
    """Return a JSON form of an object that orjson has none for."""
    own = _dataclass_items(value)
    if own is not None:
        return own
    if isinstance(value, bytes | bytearray | memoryview):
        return bytes(value).decode("utf-8", "backslashreplace")
    if isinstance(value, set | frozenset | tuple):  # a subclass of tuple: orjson takes tuples themselves
        return list(value)
    if isinstance(value, float):  # likewise
        return float.__pos__(value)
    if isinstance(value, Mapping):
        return dict(value.items())
    if isinstance(value, BaseException):
        return f"{type(value).__name__}: {value}"
    return str(value)


_sanitizing = threading.local()


class _Sanitizer:
    """Copies a line into what orjson accepts; one use only."""

    def __init__(self, default: Callable[[Any], Any] | None) -> None:
        self._default = default or _plain
        self._items = 0
        self._open: set[int] = set()

    def line(self, line: dict[str, Any]) -> dict[str, Any]:
        """Return a copy of *line* of plain JSON types, no field missing."""
        if getattr(_sanitizing, "is_running", False):
            # Something in a line logs while it is printed, and fails: asking it twice on every level of that
            # recursion would be exponential.
            self._default = placeholder
            return self._copy_items(line.items(), line, 0)
        _sanitizing.is_running = True
        try:
            return self._copy_items(line.items(), line, 0)
        finally:
            _sanitizing.is_running = False

    def _copy(self, value: Any, depth: int) -> Any:
        try:
            return self._copy_scalar(value, depth)
        except Exception:  # noqa: BLE001 - any method of any object may raise anything
            return placeholder(value)

    def _copy_scalar(self, value: Any, depth: int) -> Any:
        if value is None or isinstance(value, bool):
            return value
        if isinstance(value, str):
            return _valid_text(value)
        if isinstance(value, int):
            return _integer(int.__pos__(value))
        if isinstance(value, float):
            number = float.__pos__(value)
            return number if math.isfinite(number) else None
        if isinstance(value, enum.Enum):
            return self._copy(value.value, depth)
        return self._copy_container(value, depth)

    def _copy_container(self, value: Any, depth: int) -> Any:
        if depth >= _MAX_DEPTH or self._items >= _MAX_ITEMS:
            return f"<{class_name(type(value))} too deep or too large>"
        if id(value) in self._open:
            return f"<cycle to {class_name(type(value))}>"
        self._open.add(id(value))
        try:
            own = _dataclass_items(value)
            if own is not None:
                value = own
            if isinstance(value, Mapping):
                return self._copy_mapping(value, depth)
            if isinstance(value, list | tuple | set | frozenset):
                room = self._room()
                # As orjson reads a list of a class of its own.
                every = list.__iter__(value) if isinstance(value, list) else value
                items = [self._item(item, depth) for item in islice(every, room)]
                return [*items, MARKER] if len(value) > room else items
            return self._copy_other(value, depth)
        finally:
            self._open.discard(id(value))

    def _copy_mapping(self, value: Mapping[Any, Any], depth: int) -> dict[str, Any]:
        room = self._room()
        # A dict's own methods, as orjson does: a subclass may have others that raise.
        items, keys = (
            (dict.items(value), dict.keys(value)) if isinstance(value, dict) else (value.items(), value)
        )
        result = self._copy_items(islice(items, room), keys, depth)
        if len(value) > room:
            result[MARKER] = len(value) - room
        return result

    def _copy_items(
        self, items: Iterable[tuple[Any, Any]], keys: Iterable[Any], depth: int
    ) -> dict[str, Any]:
        # A key that only becomes text here must not take the place of one that is that very text: 1 and "1".
        taken = {key for key in keys if type(key) is str}
        result: dict[str, Any] = {}
        for key, item in items:
            name = _key_text(key)
            if name is not key:
                while name in taken or name in result:
                    name += "_"
            result[name] = self._item(item, depth)
        return result

    def _copy_other(self, value: Any, depth: int) -> Any:
        try:
            return orjson.loads(orjson.dumps(value, None, orjson.OPT_SERIALIZE_NUMPY))
        except TypeError:
            return self._copy(self._default(value), depth + 1)

    def _room(self) -> int:
        return max(0, _MAX_ITEMS - self._items)

    def _item(self, item: Any, depth: int) -> Any:
        self._items += 1
        return self._copy(item, depth + 1)


def _valid_text(text: str) -> str:
    """Return *text*, itself if it is plain and valid; lone surrogates are escaped."""
    # str's own method: a subclass may have an encode() that does something else.
    valid = str.encode(text, "utf-8", "backslashreplace").decode()
    return text if type(text) is str and len(valid) == len(text) else valid


def _key_text(key: object) -> str:
    if isinstance(key, str):
        return _valid_text(key)
    try:
        return _valid_text(str(key))
    except Exception:  # noqa: BLE001 - see _Sanitizer._copy
        return placeholder(key)


def _integer(value: int) -> int | str:
    if -(2**63) <= value < 2**64:  # what orjson takes
        return value
    # str() of an integer of more than 4,300 digits raises (sys.set_int_max_str_digits); hex() does not.
    return str(value) if value.bit_length() < 10_000 else hex(value)
