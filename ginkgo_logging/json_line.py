"""Turn a dict into one line of strict JSON, whatever it holds; knows nothing of logging."""

import dataclasses
import enum
import math
from collections.abc import Callable, Mapping
from itertools import islice
from typing import Any

import orjson

MARKER = "...[truncated]"
TRUNCATED_FIELDS = "truncated_fields"
"""Key that counts the fields dropped because the line was too long even with every field cut."""

_MAX_DEPTH = 32
_MAX_ITEMS = 10_000
_LARGEST_INT = 2**63 - 1
_NEWLINE = orjson.OPT_APPEND_NEWLINE | orjson.OPT_SERIALIZE_NUMPY


def encode(line: dict[str, Any], default: Callable[[Any], Any] | None = None) -> bytes:
    """Return *line* as strict JSON with a newline, keys in their order, text not ASCII-escaped.

    NaN and infinities become null; integers beyond 64 bits, bytes, and objects that JSON has no form for
    become text; lone surrogates are escaped; keys become text; cycles and excessive depth end in a marker.
    *default*, if given, is asked first for the form of an object that JSON has none for. Never raises.
    """
    try:
        return orjson.dumps(line, default or _plain, _NEWLINE)
    except Exception:  # noqa: BLE001 - orjson refuses the whole line for one odd value; the copy has none
        return orjson.dumps(_Sanitizer(default).copy(line, 0), None, _NEWLINE)


def encode_capped(
    line: dict[str, Any], max_bytes: int, core: frozenset[str], default: Callable[[Any], Any] | None = None
) -> tuple[bytes, bool]:
    """Return `encode`'s line, and whether it had to be cut to be no longer than *max_bytes*.

    The longest fields are cut first, as evenly as the space allows, and end in `MARKER`; if that is not
    enough, fields whose name is not in *core* are dropped and counted in `TRUNCATED_FIELDS`.
    """
    data = encode(line, default)
    if len(data) <= max_bytes:
        return data, False
    flat = {name: _cuttable(value) for name, value in orjson.loads(data).items()}
    short = _cut_to_fit(flat, max_bytes)
    if short is None:
        kept = {name: value for name, value in flat.items() if name in core}
        kept[TRUNCATED_FIELDS] = len(flat) - len(kept)
        short = _cut_to_fit(kept, max_bytes)
    return short or orjson.dumps({TRUNCATED_FIELDS: len(flat)}, None, _NEWLINE), True


def _cuttable(value: Any) -> Any:
    return orjson.dumps(value).decode() if isinstance(value, dict | list) else value


def _cut_to_fit(line: Mapping[str, Any], max_bytes: int) -> bytes | None:
    longest = max((len(value) for value in line.values() if isinstance(value, str)), default=0)
    low, best = -1, None
    high = min(longest, max_bytes)
    while low < high:  # the largest limit whose line still fits
        limit = (low + high + 1) // 2
        data = orjson.dumps({name: _cut(value, limit) for name, value in line.items()}, None, _NEWLINE)
        if len(data) <= max_bytes:
            low, best = limit, data
        else:
            high = limit - 1
    return best


def _cut(value: Any, limit: int) -> Any:
    return value[:limit] + MARKER if isinstance(value, str) and len(value) > limit + len(MARKER) else value


def _plain(value: Any) -> Any:
    """Return a JSON form of an object that orjson has none for."""
    if isinstance(value, bytes | bytearray | memoryview):
        return bytes(value).decode("utf-8", "backslashreplace")
    if isinstance(value, set | frozenset):
        return list(value)
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, BaseException):
        return f"{type(value).__name__}: {value}"
    return str(value)


class _Sanitizer:
    """Copies a value into what orjson accepts; one use only."""

    def __init__(self, default: Callable[[Any], Any] | None) -> None:
        self._default = default or _plain
        self._items = 0
        self._open: set[int] = set()

    def copy(self, value: Any, depth: int) -> Any:
        """Return a copy of *value* of plain JSON types."""
        try:
            return self._copy(value, depth)
        except Exception:  # noqa: BLE001 - any method of any object may raise anything
            return f"<unprintable {type(value).__name__}>"

    def _copy(self, value: Any, depth: int) -> Any:
        if value is None or isinstance(value, bool):
            return value
        if isinstance(value, str):
            return _valid_text(value)
        if isinstance(value, int):
            return int(value) if -_LARGEST_INT <= value <= _LARGEST_INT else _integer_text(value)
        if isinstance(value, float):
            return float(value) if math.isfinite(value) else None
        if isinstance(value, enum.Enum):
            return self.copy(value.value, depth)
        return self._copy_container(value, depth)

    def _copy_container(self, value: Any, depth: int) -> Any:
        if depth >= _MAX_DEPTH or self._items >= _MAX_ITEMS:
            return f"<{type(value).__name__} too deep or too large>"
        if id(value) in self._open:
            return f"<cycle to {type(value).__name__}>"
        self._open.add(id(value))
        try:
            if dataclasses.is_dataclass(value) and not isinstance(value, type):
                value = {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
            if isinstance(value, Mapping):
                return self._copy_mapping(value, depth)
            if isinstance(value, list | tuple | set | frozenset):
                return [self._item(item, depth) for item in islice(value, self._room())]
            return self._copy_other(value, depth)
        finally:
            self._open.discard(id(value))

    def _copy_mapping(self, value: Mapping[Any, Any], depth: int) -> dict[str, Any]:
        result: dict[str, Any] = {}
        for key, item in islice(value.items(), self._room()):
            name = _valid_text(key if isinstance(key, str) else _key_text(key))
            while name in result:  # 1 and "1" are two keys
                name += "_"
            result[name] = self._item(item, depth)
        return result

    def _copy_other(self, value: Any, depth: int) -> Any:
        try:
            return orjson.loads(orjson.dumps(value, None, orjson.OPT_SERIALIZE_NUMPY))
        except TypeError:
            return self.copy(self._default(value), depth + 1)

    def _room(self) -> int:
        return max(0, _MAX_ITEMS - self._items)

    def _item(self, item: Any, depth: int) -> Any:
        self._items += 1
        return self.copy(item, depth + 1)


def _valid_text(text: str) -> str:
    # str() first: a str subclass may have an encode() of its own.
    return str.encode(text, "utf-8", "backslashreplace").decode()


def _key_text(key: object) -> str:
    try:
        return str(key)
    except Exception:  # noqa: BLE001 - see _Sanitizer.copy
        return f"<unprintable {type(key).__name__}>"


def _integer_text(value: int) -> str:
    # str() of an integer of more than 4,300 digits raises (sys.set_int_max_str_digits); hex() does not.
    return str(value) if value.bit_length() < 10_000 else hex(value)
