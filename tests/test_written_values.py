"""What masking has looked at is all that is written, whichever way a value takes into the line."""

import dataclasses
import enum
import logging
from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import PurePosixPath
from typing import Any

import numpy
import pytest
from lines import Collector, logger_with

from ginkgo_logging import context
from ginkgo_logging.filters import ContextFilter, MaskingFilter
from ginkgo_logging.formatters import JsonFormatter
from ginkgo_logging.json_line import encode
from ginkgo_logging.masking import Masker

SECRET = "hunter2"


@dataclasses.dataclass
class Database:
    host: str
    key: dataclasses.InitVar[str] = SECRET

    def __post_init__(self, key: str) -> None:
        self.password = key

    @cached_property
    def dsn(self) -> str:
        return f"postgres://ann:{SECRET}@{self.host}/db"


@dataclasses.dataclass
class Settings(dict):  # type: ignore[type-arg]
    """A dataclass that is written as the dict that it is."""

    name: str = "db"

    def __hash__(self) -> int:
        return id(self)


class Shy(dict):  # type: ignore[type-arg]
    def items(self) -> Any:
        return [(key, "redacted") for key in self]


class ShyMapping(Mapping):  # type: ignore[type-arg]
    """Shows in one way what it does not show in the other."""

    def __getitem__(self, key: str) -> str:
        return SECRET

    def __iter__(self) -> Iterator[str]:
        return iter(["a"])

    def __len__(self) -> int:
        return 1

    def items(self) -> Any:
        return [("a", "redacted")]


class Empty(list):  # type: ignore[type-arg]
    def __iter__(self) -> Iterator[Any]:
        return iter(())


class Name(str):  # noqa: SLOT000
    def __str__(self) -> str:
        return "a name"


class Kind(enum.Enum):
    LOGIN = {"password": SECRET}  # noqa: RUF012


class Amount(int):
    def __str__(self) -> str:
        return f"password={SECRET}"

    __repr__ = __str__


def database() -> Database:
    made = Database("db")
    assert SECRET in made.dsn
    return made


def setting() -> Settings:
    made = Settings()
    made["password"] = SECRET
    return made


VALUES = {
    "dataclass": database(),
    "dataclass in containers": [{"a": (database(),)}],
    "dataclass and dict": setting(),
    "dict's own items": Shy(password=SECRET),
    "mapping's items": ShyMapping(),
    "list": Empty([{"password": SECRET}]),
    "key": {Name(f"password={SECRET}"): 1},
    "enum": Kind.LOGIN,
    "record array": numpy.array([(SECRET,)], dtype=[("password", "U10")]),
    "record": numpy.array([(SECRET,)], dtype=[("password", "U10")])[0],
    "array of texts": numpy.array([f"password={SECRET}"]),
    "array of objects": numpy.array([{"password": SECRET}], dtype=object),
}


@pytest.mark.parametrize("beside", [1, {(): "\ud800"}], ids=["alone", "beside what orjson refuses"])
@pytest.mark.parametrize("json_default", [None, str])
@pytest.mark.parametrize("value", VALUES.values(), ids=VALUES.keys())
def test_nothing_is_written_that_was_not_looked_at(value: Any, json_default: Any, beside: Any) -> None:
    """
    Attributes that no dataclass declared, and items that a class's own methods hide, do not reach the line.
    """
    formatter = JsonFormatter(json_default=json_default)
    handler = Collector(ContextFilter(), MaskingFilter(), formatter=formatter)

    logger_with(handler).info("x", extra={"value": value, "beside": beside})
    with context.bound(value=value, beside=beside):
        logger_with(handler).info("x")

    assert (2, False) == (len(handler.rows), SECRET in handler.text)


def test_dataclass_is_written_as_its_fields() -> None:
    """
    The fields of a dataclass are written, by the encoder and by the copy for what it refuses.
    """
    for line in (encode({"v": database()}), encode({"v": database(), (): 1}), encode({"v": database()}, str)):  # type: ignore[dict-item]
        assert b'"v":{"host":"db"}' in line


def test_number_that_prints_a_secret() -> None:
    """
    A number of a class of its own is looked at as it prints; one that does not print stays a number.
    """

    class Mute(int):
        def __str__(self) -> str:
            raise RuntimeError

        __repr__ = __str__

    mute = Mute(5)

    assert ("password=***", mute) == (Masker().value(Amount(5)), Masker().value(mute))


HARMLESS = {
    "path": (PurePosixPath("/x"), "/x"),
    "array": (numpy.arange(2000), list(range(2000))),
    "other memory order": (numpy.arange(6).reshape(2, 3).T, None),
    "numbers": (numpy.int64(7), 7),
    "truth": (numpy.bool_(True), True),
    "moment": (numpy.datetime64("2026-02-26"), "2026-02-26T00:00:00"),
    "texts": (numpy.array(["a", "b"]), ["a", "b"]),
    "object": (object, "<class 'object'>"),
    "long array": (numpy.arange(20_000), "[    0     1     2 ... 19997 19998 19999]"),
}


@pytest.mark.parametrize(("value", "expected"), HARMLESS.values(), ids=HARMLESS.keys())
def test_record_without_a_secret_does_not_count_as_masked(value: Any, expected: Any) -> None:
    """
    Arrays of numpy are written as lists, a long one as its own text; none of this counts as masked.
    """
    handler = Collector(ContextFilter(), MaskingFilter(), formatter=JsonFormatter())

    logger_with(handler).info("x", extra={"value": value})

    assert 0 == handler.counts.masked
    assert expected is None or expected == handler.rows[0]["value"]


def test_path_and_array_stay_on_the_record() -> None:
    """
    A formatter of another package finds the objects that the caller logged.
    """
    seen: list[logging.LogRecord] = []
    handler = Collector(ContextFilter(), MaskingFilter())
    handler.addFilter(lambda record: seen.append(record) or True)  # type: ignore[func-returns-value]
    path, array = PurePosixPath("/x"), numpy.arange(3)

    logger_with(handler).info("x", extra={"p": path, "a": array})

    assert seen[0].__dict__["p"] is path
    assert seen[0].__dict__["a"] is array
