"""Values that other logging libraries lost lines to, each with its form in JSON."""

import collections
import dataclasses
import datetime
import decimal
import enum
import math
import pathlib
import types
import uuid
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import numpy


@dataclasses.dataclass
class Order:
    number: int
    price: object = None


class Pair(NamedTuple):
    a: int
    b: int


class Color(enum.Enum):
    RED = "red"


class Code(enum.IntEnum):
    OK = 200


class Text(str):  # noqa: SLOT000 - as users write it
    """A text with methods that lie."""

    def encode(self, *_: Any) -> bytes:  # type: ignore[override]
        raise RuntimeError("no bytes")

    def __str__(self) -> str:
        raise RuntimeError("no text")


class Failing:
    """Raises in whatever is asked of it."""

    def _fail(self, *_: object) -> Any:
        raise RuntimeError("no")

    __str__ = __repr__ = __bool__ = __eq__ = __len__ = __iter__ = __getattr__ = _fail
    __hash__ = object.__hash__


class Shown(Failing):
    """Fails, but lets hypothesis print it."""

    def _repr_pretty_(self, printer: Any, _: object) -> None:
        printer.text("Shown()")


class FailingClass:
    """Raises when asked for its class."""

    @property
    def __class__(self) -> Any:
        raise RuntimeError("no class")


class LyingMeta(type):
    @property
    def __name__(cls) -> str:  # type: ignore[override]
        raise RuntimeError("no name")


class Nameless(metaclass=LyingMeta):
    def __str__(self) -> str:
        raise RuntimeError("no text")


class FailingDict(dict[str, Any]):
    """A dict that raises when it is walked in Python."""

    def items(self) -> Any:
        raise RuntimeError("no items")

    __iter__ = keys = items  # type: ignore[assignment]


class FailingMapping(Mapping[str, Any]):
    def __getitem__(self, key: str) -> Any:
        raise RuntimeError("no item")

    def __iter__(self) -> Iterator[str]:
        return iter(["a"])

    def __len__(self) -> int:
        return 1


class LyingInt(int):
    """An integer that claims to be small."""

    def __le__(self, _: object) -> bool:
        return True

    __ge__ = __le__

    def __int__(self) -> int:
        return 10**400

    __index__ = __int__


class MuteError(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no text")


def nested(depth: int, *, kind: str = "list") -> Any:
    value: Any = "deep"
    for _ in range(depth):
        value = [value] if kind == "list" else {"k": value}
    return value


def cycle() -> list[Any]:
    value: list[Any] = [1]
    value.append({"back": value})
    return value


VALUES: dict[str, Any] = {
    "none": (None, None),
    "bool": (True, True),
    "text": ("组合 ok", "组合 ok"),
    "surrogate": ("bad \udce4 name", "bad \\udce4 name"),
    "text subclass": (Text("x"), "x"),
    "float": (1.5, 1.5),
    "nan": (math.nan, None),
    "inf": (-math.inf, None),
    "nan beside a surrogate": ([math.nan, "\ud800"], [None, "\\ud800"]),
    "int": (2**64 - 1, 2**64 - 1),
    "negative int": (-(2**63), -(2**63)),
    "int beyond 64 bits": (2**64, str(2**64)),
    "int of 401 digits": (10**400, str(10**400)),
    "int of 5001 digits": (10**5000, hex(10**5000)),
    "lying int": (LyingInt(10**400), str(10**400)),
    "bytes": (b"caf\xe9", "caf\\xe9"),
    "bytearray": (bytearray(b"x"), "x"),
    "memoryview": (memoryview(b"x"), "x"),
    "set": ({1}, [1]),
    "frozenset": (frozenset({"a"}), ["a"]),
    "tuple": ((1, (2,)), [1, [2]]),
    "date": (datetime.date(2026, 2, 26), "2026-02-26"),
    "datetime": (datetime.datetime(2026, 2, 26, 10, 30, tzinfo=datetime.UTC), "2026-02-26T10:30:00+00:00"),
    "time": (datetime.time(10, 30), "10:30:00"),
    "timedelta": (datetime.timedelta(seconds=5), "0:00:05"),
    "decimal": (decimal.Decimal("1.10"), "1.10"),
    "decimal nan": (decimal.Decimal("NaN"), "NaN"),
    "uuid": (uuid.UUID(int=1), "00000000-0000-0000-0000-000000000001"),
    "enum": (Color.RED, "red"),
    "int enum": (Code.OK, 200),
    "dataclass": (Order(1, 2.5), {"number": 1, "price": 2.5}),
    "dataclass with a surrogate": (Order(1, "\ud800"), {"number": 1, "price": "\\ud800"}),
    "float subclass": (type("Price", (float,), {})(1.5), 1.5),
    "named tuple": (Pair(1, 2), [1, 2]),
    "path": (pathlib.PurePosixPath("/a/b"), "/a/b"),
    "complex": (1 + 2j, "(1+2j)"),
    "class": (Order, str(Order)),
    "exception": (ValueError("boom"), "ValueError: boom"),
    "exception that does not print": (MuteError(), "<unprintable MuteError>"),
    "default dict": (collections.defaultdict(list, {"a": [1]}), {"a": [1]}),
    "mapping proxy": (types.MappingProxyType({"a": 1}), {"a": 1}),
    "failing object": (Failing(), "<unprintable Failing>"),
    "failing class": (FailingClass(), "<unprintable FailingClass>"),
    "nameless": (Nameless(), "<unprintable Nameless>"),
    "failing mapping": (FailingMapping(), "<unprintable FailingMapping>"),
    "failing item": ([1, Failing(), 2], [1, "<unprintable Failing>", 2]),
    "failing dict": (FailingDict(a=1), {"a": 1}),
    "cycle": (cycle(), [1, {"back": "<cycle to list>"}]),
    "int keys": ({1: "a"}, {"1": "a"}),
    "tuple keys": ({(1, "x"): "a"}, {"(1, 'x')": "a"}),
    "none key": ({None: "a"}, {"None": "a"}),
    "colliding keys": ({1: "int", "1": "text", 1.5: "f"}, {"1_": "int", "1": "text", "1.5": "f"}),
    "bytes key": ({b"k": 1}, {"b'k'": 1}),
    "surrogate key": ({"\ud800": 1, "\\ud800": 2}, {"\\ud800_": 1, "\\ud800": 2}),
    "failing key": ({Failing(): 1}, {"<unprintable Failing>": 1}),
    "numpy float": (numpy.float64(1.5), 1.5),
    "numpy float nan": (numpy.float32("nan"), None),
    "numpy int": (numpy.int64(7), 7),
    "numpy bool": (numpy.bool_(True), True),
    "numpy datetime": (numpy.datetime64("2026-02-26"), "2026-02-26T00:00:00"),
    "numpy array": (numpy.array([1, 2]), [1, 2]),
    "numpy complex": (numpy.complex64(1), "(1+0j)"),
}
