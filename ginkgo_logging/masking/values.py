"""Walk nested values and copy what holds a secret; what cannot be walked is replaced, never passed on."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import date, time, timedelta, tzinfo
from decimal import Decimal
from enum import Enum
from itertools import islice
from numbers import Number
from pathlib import PurePath
from types import EllipsisType, NoneType, NotImplementedType
from typing import Any
from uuid import UUID

from ginkgo_logging.any_object import field_names, placeholder
from ginkgo_logging.lazy_pattern import lazy_pattern

_MAX_DEPTH = 64
_MAX_ITEMS = 100_000
_LONGEST_ARRAY = 10_000

TOO_DEEP = "<nested too deeply>"
TOO_MANY = "<too many items>"
CYCLE = "<cycle>"

HARMLESS = frozenset({int, float, bool, NoneType, complex, Decimal, UUID, date, time, timedelta}) | {
    EllipsisType,
    NotImplementedType,
}
"""Types whose values are never secret unless their key says so."""

_NAME = lazy_pattern(r"[\w.-]{1,128}")
_NUMPY_NUMBERS = "biufcmM"
_HARMLESS_BASES = (Number, UUID, date, time, timedelta, tzinfo)
_Handler = Callable[["Walk", Any, int], object]


class Walk:
    """One walk through one value: bounded in depth and in items, guarded against cycles.

    ``hid`` is true once something was replaced for a secret, and not only for its text.
    """

    __slots__ = ("_is_sensitive", "_left", "_masker", "_path", "_replacement", "hid")

    def __init__(
        self, masker: Callable[[str], str], is_sensitive: Callable[[object], bool], replacement: str
    ) -> None:
        self._masker = masker
        self.hid = False
        self._is_sensitive = is_sensitive
        self._replacement = replacement
        self._left = _MAX_ITEMS
        self._path: set[int] = set()

    def masked(self, value: object, depth: int = 0) -> object:
        """Return *value* itself if nothing in it is secret, else a masked copy. Never raises."""
        kind = type(value)
        if kind is str:
            return self._text(value)  # type: ignore[arg-type]
        if kind in HARMLESS:
            return value
        if depth > _MAX_DEPTH:
            self.hid = True  # whatever is there, nobody has looked at it
            return TOO_DEEP
        if id(value) in self._path:
            return CYCLE
        self._path.add(id(value))
        try:
            return (_HANDLERS.get(kind) or _handler(value))(self, value, depth)
        except Exception:  # noqa: BLE001 - fails closed: any object may be logged, and raise anything
            return self._hidden()
        finally:
            self._path.discard(id(value))

    def _text(self, text: str) -> str:
        masked = self._masker(text)
        if masked is not text:
            self.hid = True
        return masked

    def _hidden(self) -> str:
        self.hid = True
        return self._replacement

    def _under(self, key: object, value: object, depth: int) -> object:
        return self._redacted(value) if self._is_sensitive(key) else self.masked(value, depth + 1)

    def _redacted(self, value: object) -> object:
        if value is None or (type(value) in (str, bytes) and (not value or value == self._replacement)):
            return value
        # Such as pydantic's SecretStr, which prints stars; asked of the class, for a mock has any attribute.
        if hasattr(type(value), "get_secret_value"):
            try:
                return str(value)
            except Exception:  # noqa: BLE001 - as in masked
                return self._hidden()
        return self._hidden()

    def _limited(self, items: Iterable[Any]) -> Iterator[Any]:
        for item in islice(items, self._left + 1):
            if self._left <= 0:
                raise _TooManyError
            self._left -= 1
            yield item

    def mapping(self, value: Mapping[Any, Any], depth: int = 0) -> Mapping[Any, Any]:
        """Mask by key and by value; return *value* itself if nothing was secret."""
        # A copy first: another thread may add to the dict meanwhile. A dict's own method, as the JSON line's
        # encoder asks: a subclass may show others.
        items = list(dict.items(value)) if isinstance(value, dict) else value.items()
        copy: dict[Any, Any] = {}
        changed = False
        try:
            for key, item in self._limited(items):
                new_key, new_item = self._key(key, depth), self._under(key, item, depth)
                changed = changed or new_key is not key or new_item is not item
                copy[new_key] = new_item
        except _TooManyError:
            self.hid = True
            return {**copy, TOO_MANY: TOO_MANY}
        return copy if changed else value

    def _key(self, key: Any, depth: int) -> object:
        kind = type(key)
        if kind is str:
            return self._text(key)
        if kind in HARMLESS:
            return key
        if kind in (bytes, tuple, frozenset):
            masked = self.masked(key, depth + 1)
            return masked if masked is key else str(masked)
        if isinstance(key, str):
            return self.mask_string(key, depth)
        rendered = str(key)
        masked_text = self._text(rendered)
        return key if masked_text is rendered else masked_text

    def mask_foreign_mapping(self, value: Mapping[Any, Any], depth: int) -> object:
        """Mask a mapping whose own text may tell more than its items."""
        masked = self.mapping(value, depth)
        return self._as_printed(value) if masked is value else masked

    def _items(self, value: Iterable[Any], depth: int) -> tuple[list[Any], bool]:
        """Return the masked items and whether one differs."""
        copy: list[Any] = []
        changed = False
        flag: object = None
        try:
            for item in self._limited(value):
                # `["--password", "hunter2"]`
                masked = self.masked(item, depth + 1) if flag is None else self._under(flag, item, depth)
                flag = item if type(item) is str and item.startswith("--") and "=" not in item else None
                changed = changed or masked is not item
                copy.append(masked)
        except _TooManyError:
            self.hid = True
            return [*copy, TOO_MANY], True
        return copy, changed

    def _pair(self, value: tuple[Any, ...] | list[Any], depth: int) -> tuple[list[Any], bool]:
        """Return the items of a header such as `("Authorization", "Bearer x")`, which is masked by its name."""
        if len(value) == 2 and _is_name(value[0]) and self._is_sensitive(value[0]):
            copy = [self.masked(value[0], depth + 1), self._redacted(value[1])]
            return copy, copy[0] is not value[0] or copy[1] is not value[1]
        return self._items(value, depth)

    def mask_list(self, value: list[Any], depth: int) -> object:
        """Mask a list, a pair or a command line among them."""
        copy, changed = self._pair(value, depth)
        return copy if changed else value

    def mask_tuple(self, value: tuple[Any, ...], depth: int) -> object:
        """Mask a tuple, a pair among them."""
        copy, changed = self._pair(value, depth)
        return tuple(copy) if changed else value

    def mask_named_tuple(self, value: Any, depth: int) -> object:
        """Mask a named tuple by the names of its fields."""
        copy = [self._under(name, item, depth) for name, item in zip(value._fields, value, strict=True)]
        if all(new is old for new, old in zip(copy, value, strict=True)):
            return self._as_printed(value)
        try:
            return type(value)._make(copy)
        except Exception:  # noqa: BLE001 - its class may have a constructor of its own
            return tuple(copy)

    def mask_set(self, value: Any, depth: int) -> object:
        """Mask a set or frozenset."""
        copy, changed = self._items(list(value), depth)
        if not changed:
            return value
        kind = frozenset if isinstance(value, frozenset) else set
        return kind(item if _is_hashable(item) else str(item) for item in copy)

    def mask_deque(self, value: deque[Any], depth: int) -> object:
        """Mask a deque, which keeps its length."""
        copy, changed = self._items(list(value), depth)
        return deque(copy, value.maxlen) if changed else value

    def mask_subclass(self, value: Any, depth: int) -> object:
        """Mask an instance of a user's own list, tuple, set or deque as what it derives from."""
        base: Any = next(base for base in _SEQUENCES if isinstance(value, base))
        if base is list:
            # As the JSON line's encoder reads it, whatever the class's own methods show.
            copy, changed = self._pair(list(list.__iter__(value)), depth)
            masked: object = copy if changed else value
        else:
            masked = _HANDLERS[base](self, value, depth)
        return self._as_printed(value) if masked is value else masked

    def mask_dataclass(self, value: Any, depth: int) -> object:
        """Mask a dataclass by the names of its fields; a masked one is a dict."""
        copy: dict[str, object] = {}
        changed = False
        for name in field_names(value) or ():
            try:
                item = getattr(value, name)
            except Exception:  # noqa: BLE001 - a property may raise anything
                copy[name], changed = self._hidden(), True
                continue
            copy[name] = masked = self._under(name, item, depth)
            changed = changed or masked is not item
        return copy if changed else self._as_printed(value)

    def mask_bytes(self, value: Any, depth: int) -> object:
        """Mask the text in bytes; other bytes in them come back as they were."""
        text = value.decode("utf-8", "surrogateescape")
        masked = self._text(text)
        if masked is text:
            return value
        kind = bytearray if isinstance(value, bytearray) else bytes
        return kind(masked.encode("utf-8", "surrogateescape"))

    def mask_string(self, value: Any, depth: int) -> object:
        """Mask an instance of a user's own `str`, its content as well as what it prints."""
        content = str.__str__(value)
        masked = self._text(content)
        return self._as_printed(value) if masked is content else masked

    def mask_enum(self, value: Any, depth: int) -> object:
        """Mask a member of an enumeration, whichever of name and value will be printed."""
        if self.masked(value.value, depth + 1) is value.value:
            return self._as_printed(value)
        return self._text(str(value.name))

    def mask_exception(self, value: Any, depth: int) -> object:
        """Mask an exception: itself if neither its text nor its arguments tell a secret."""
        printed = self._as_printed(value)
        if printed is value and self._text(representation := repr(value)) is not representation:
            return self._text(str(value))
        return printed

    def printed(self, value: Any, depth: int) -> object:
        """Pass a number, a date or a path of a class of its own unless its text tells a secret."""
        try:
            return self._as_printed(value)
        except Exception:  # noqa: BLE001 - the number itself can be written, and holds no text
            return value if isinstance(value, (int, float)) else self.mask_other(value, depth)

    def mask_array(self, value: Any, depth: int) -> object:
        """Pass numbers of numpy; walk its texts, its objects, and its records by the names of their fields."""
        if value.size > _LONGEST_ARRAY:
            self.hid = self.hid or value.dtype.kind not in _NUMPY_NUMBERS
            return self.mask_other(value, depth)  # numpy's own text, which leaves most of it out
        if value.dtype.names:
            return self.mapping({name: value[name].tolist() for name in value.dtype.names}, depth)
        return value if value.dtype.kind in _NUMPY_NUMBERS else self.masked(value.tolist(), depth + 1)

    def mask_other(self, value: Any, depth: int) -> object:
        """Return the masked text of an object: what will be printed is what was looked at."""
        try:
            return self._text(str.__str__(str(value)))
        except Exception:  # noqa: BLE001 - as in masked
            return placeholder(value)

    def _as_printed(self, value: object) -> object:
        """Return *value* unless its own `__str__` tells a secret that its parts did not."""
        printed = str.__str__(str(value))
        masked = self._text(printed)
        return value if masked is printed else masked


class _TooManyError(Exception):
    """The walk has seen as many items as it may."""


_SEQUENCES = (list, tuple, set, frozenset, deque)

_HANDLERS: dict[type, _Handler] = {
    dict: Walk.mapping,
    list: Walk.mask_list,
    tuple: Walk.mask_tuple,
    set: Walk.mask_set,
    frozenset: Walk.mask_set,
    deque: Walk.mask_deque,
    bytes: Walk.mask_bytes,
    bytearray: Walk.mask_bytes,
}

_BASES: tuple[tuple[Any, _Handler], ...] = (
    (Enum, Walk.mask_enum),
    (str, Walk.mask_string),
    ((bytes, bytearray), Walk.mask_bytes),
    (BaseException, Walk.mask_exception),
    (Mapping, Walk.mask_foreign_mapping),
    (_SEQUENCES, Walk.mask_subclass),
    ((*_HARMLESS_BASES, PurePath), Walk.printed),
)


def _handler(value: object) -> _Handler:
    if isinstance(value, type):
        return Walk.mask_other
    if field_names(value) is not None:
        return Walk.mask_dataclass
    if type(value).__module__ == "numpy" and hasattr(value, "dtype") and not isinstance(value, (str, bytes)):
        return Walk.mask_array
    if isinstance(value, tuple) and hasattr(type(value), "_fields"):
        return Walk.mask_named_tuple
    return next((handler for base, handler in _BASES if isinstance(value, base)), Walk.mask_other)


def _is_name(item: object) -> bool:
    if isinstance(item, bytes):
        item = item.decode("utf-8", "replace")
    return isinstance(item, str) and _NAME.fullmatch(item) is not None


def _is_hashable(item: object) -> bool:
    try:
        hash(item)
    except Exception:  # noqa: BLE001 - any object may be in a set
        return False
    return True
