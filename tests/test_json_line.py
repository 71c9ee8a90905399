"""Whatever a dict holds becomes one line of strict JSON, no longer than allowed."""

import sys
import threading
from typing import Any

import pytest
from examples import examples
from hostile import VALUES, Code, Color, Failing, FailingMapping, MuteError, Order, Shown, nested
from hypothesis import given, settings
from hypothesis import strategies as st
from lines import strict

from ginkgo_logging.json_line import MARKER, TRUNCATED_FIELDS, encode, encode_capped


@pytest.mark.parametrize(("value", "expected"), VALUES.values(), ids=VALUES.keys())
def test_value(value: Any, expected: Any) -> None:
    """
    Each value has one form in JSON, and the fields beside it stay as they are.
    """
    assert {"a": 1, "value": expected, "z": "last"} == strict(encode({"a": 1, "value": value, "z": "last"}))


@pytest.mark.parametrize(("value", "expected"), VALUES.values(), ids=VALUES.keys())
def test_value_beside_what_orjson_refuses(value: Any, expected: Any) -> None:
    """
    The form of a value is the same when another one in the line keeps orjson from encoding it directly.
    """
    row = strict(encode({"odd": {(): "\ud800"}, "value": value}))

    assert expected == row["value"]


def test_generator_is_not_consumed() -> None:
    """
    A generator is named and left as it is.
    """
    generator = iter(number for number in [1, 2])

    text = strict(encode({"value": generator, "odd": 2**70}))["value"]

    assert (True, [1, 2]) == (text.startswith("<generator"), list(generator))


@pytest.mark.parametrize("kind", ["list", "dict"])
@pytest.mark.parametrize("depth", [31, 200, 100_000])
def test_deep_nesting(kind: str, depth: int) -> None:
    """
    However deep a value is nested, the line is valid and the other fields are intact.
    """
    row = strict(encode({"level": "info", "value": nested(depth, kind=kind), "seq": 1}))

    assert ("info", 1) == (row["level"], row["seq"])
    assert ("deep" if depth < 254 else "too deep") in str(row["value"])


def test_many_items_beside_what_orjson_refuses() -> None:
    """
    Of a container with very many items the first are kept and the cut is marked.
    """
    row = strict(
        encode({"odd": 2**70, "list": list(range(50_000)), "dict": dict.fromkeys(map(str, range(9)))})
    )

    assert [MARKER] == row["list"][-1:]
    assert len(row["list"]) < 11_000


def test_no_top_level_field_is_missing() -> None:
    """
    However many fields a line has, none is missing where orjson refuses one of them.
    """
    line = {"odd": 2**70, **{f"f{number}": number for number in range(20_000)}, "seq": 1}

    assert list(line) == list(strict(encode(line)))


def test_text_key_wins_over_a_key_that_becomes_the_same_text() -> None:
    """
    A key that is no text cannot take the place of one that follows it.
    """

    class Seq:
        def __str__(self) -> str:
            return "seq"

    assert {"seq_": "user's", "seq": 1} == strict(encode({Seq(): "user's", "seq": 1}))  # type: ignore[dict-item]


class TestDefault:
    def test_is_asked_first(self) -> None:
        """
        The default function gives the form of what JSON has none for.
        """
        row = strict(encode({"a": Order, "b": 2**70}, lambda value: {"class": value.__name__}))

        assert {"class": "Order"} == row["a"]

    @pytest.mark.parametrize(
        "default",
        [lambda value: value, lambda value: [value], lambda value: 1 / 0],
        ids=["same", "in", "raise"],
    )
    def test_that_does_not_help(self, default: Any) -> None:
        """
        A default function that returns its argument or raises costs the value only.
        """
        row = strict(encode({"a": Failing(), "b": "kept"}, default))

        assert "kept" == row["b"]


def test_object_that_encodes_itself_and_fails() -> None:
    """
    A value that encodes itself while it is printed, and then fails, is asked a bounded number of times.
    """
    calls = 0

    class Recursive:
        def __str__(self) -> str:
            nonlocal calls
            calls += 1
            encode({"self": self})
            raise RuntimeError("no text")

    row = strict(encode({"value": Recursive(), "b": 1}))

    assert {"value": "<unprintable Recursive>", "b": 1} == row
    assert calls < 100_000


def test_near_the_end_of_the_stack() -> None:
    """
    Where there is little stack left, encoding raises nothing but RecursionError and works again afterwards.
    """

    def descend() -> None:
        try:
            descend()
        except RecursionError:
            encode({"a": 2**70})
            raise

    with pytest.raises(RecursionError):
        descend()

    assert {"a": str(2**70)} == strict(encode({"a": 2**70}))


def test_dict_that_changes_meanwhile() -> None:
    """
    A dict that another thread changes while it is encoded gives a valid line.
    """
    shared: dict[str, Any] = {f"k{number}": 2**70 for number in range(50)}
    stop = threading.Event()

    def change() -> None:
        number = 0
        while not stop.is_set():
            number += 1
            shared[f"n{number % 100}"] = number
            shared.pop(f"n{(number + 50) % 100}", None)

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    thread = threading.Thread(target=change)
    thread.start()
    try:
        rows = [strict(encode({"level": "info", "shared": shared})) for _ in range(200)]
    finally:
        stop.set()
        thread.join()
        sys.setswitchinterval(interval)

    assert ["info"] * 200 == [row["level"] for row in rows]


SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(st.characters(exclude_categories=[]))
    | st.binary()
    | st.decimals()
    | st.dates()
    | st.datetimes()
    | st.uuids()
    | st.timedeltas()
    | st.complex_numbers()
    | st.sampled_from([Color.RED, Code.OK, Shown(), MuteError("x"), FailingMapping()])
)
KEYS = (
    st.text(st.characters(exclude_categories=[]), max_size=5)
    | st.integers(-3, 3)
    | st.sampled_from(["1", None, True, 1.5, (1, 2), b"k", "level", "seq"])
)
NESTED = st.recursive(
    SCALARS,
    lambda values: (
        st.lists(values, max_size=4)
        | st.dictionaries(KEYS, values, max_size=4)
        | st.tuples(values, values)
        | st.builds(Order, st.integers(), values)
    ),
    max_leaves=15,
)


class TestProperties:
    @settings(max_examples=examples(300), deadline=None)
    @given(st.dictionaries(KEYS, NESTED, max_size=6))
    def test_always_one_strict_line(self, values: dict[Any, Any]) -> None:
        """
        Any nested value gives one strict line, in which the fields before and after it are intact.
        """
        row = strict(encode({"the first": "value", **values, "the last": {"n": 1}}))

        assert ("value", {"n": 1}) == (row["the first"], row["the last"])
        assert len(values) + 2 == len(row)

    @settings(max_examples=examples(150), deadline=None)
    @given(
        st.dictionaries(st.text(max_size=20), st.text(max_size=3000) | NESTED, max_size=8),
        st.integers(1024, 4096),
    )
    def test_never_longer_than_allowed(self, values: dict[Any, Any], limit: int) -> None:
        """
        Any line fits its limit, and the core fields are in it.
        """
        core = frozenset({"level", "message"})

        others = {f"f_{name}": value for name, value in values.items()}
        data, _ = encode_capped({"level": "info", **others, "message": "m" * 50}, limit, core)

        row = strict(data)
        assert len(data) <= limit
        assert ("info", "m" * 50) == (row["level"], row["message"])


CORE = frozenset({"timestamp", "level", "logger_name", "message", "seq", "error_message", "stack_trace"})


def core_line(**more: Any) -> dict[str, Any]:
    return {"timestamp": "2026-02-26T10:30:00.123456Z", "level": "error", "logger_name": "app"} | more


class TestCap:
    def test_short_line_is_untouched(self) -> None:
        """
        A line that fits is encoded as it is.
        """
        line = core_line(message="x", data=[1, {"a": 2}])

        assert (encode(line), False) == encode_capped(line, len(encode(line)), CORE)

    def test_one_byte_too_long(self) -> None:
        """
        A line that is one byte too long is cut.
        """
        line = core_line(message="x" * 500)

        data, cut = encode_capped(line, len(encode(line)) - 1, CORE)

        assert (True, True) == (cut, len(data) <= len(encode(line)) - 1)

    @pytest.mark.parametrize("limit", [1024, 16_000, 256 * 1024])
    def test_long_message(self, limit: int) -> None:
        """
        A message that is too long is cut with a marker, uses the space there is, and nothing else changes.
        """
        data, cut = encode_capped(core_line(message="x" * 1_000_000, seq=7), limit, CORE)

        row = strict(data)
        assert (True, "x" + MARKER) == (cut, row["message"][-len(MARKER) - 1 :])
        assert limit - 2 <= len(data) <= limit
        assert core_line(seq=7) == {name: value for name, value in row.items() if name != "message"}

    def test_short_fields_stay_whole_beside_a_long_one(self) -> None:
        """
        The longest field is cut first; nested values that are short keep their type.
        """
        line = core_line(message="m", user="ann" * 10, tags=["a", "b"], dump="x" * 50_000, more={"n": 1})

        row = strict(encode_capped(line, 2000, CORE)[0])

        assert [line[name] for name in ("message", "user", "tags", "more")] == [
            row[name] for name in ("message", "user", "tags", "more")
        ]

    def test_long_nested_value(self) -> None:
        """
        A nested value that is too long is cut as the text of its JSON.
        """
        row = strict(encode_capped(core_line(data={"rows": list(range(5000))}), 1500, CORE)[0])

        assert (True, True) == (row["data"].startswith('{"rows":[0,1,2'), row["data"].endswith(MARKER))

    @pytest.mark.parametrize("text", ["组合", "😀", "é", '"\\', "\0", "\ud800"])
    @pytest.mark.parametrize("limit", [1024, 1025, 1026, 1027, 16_000])
    def test_multi_byte_text(self, text: str, limit: int) -> None:
        """
        A text is cut between characters, however many bytes they take.
        """
        data, _ = encode_capped(core_line(message=text * 20_000), limit, CORE)

        assert len(data) <= limit
        kept = strict(data)["message"].removesuffix(MARKER)
        escaped = text.encode("utf-8", "backslashreplace").decode()
        assert (escaped * 20_000).startswith(kept)
        assert len(kept) > limit // 8

    @pytest.mark.parametrize("limit", [1024, 16_000, 256 * 1024])
    def test_thousands_of_fields(self, limit: int) -> None:
        """
        Of too many fields as many as fit are kept, the others counted; the core fields are whole.
        """
        many = {f"field_{number}": f"value {number} " * 20 for number in range(5000)}
        line = core_line(message="m" * 60, **many, seq=7)

        data, _ = encode_capped(line, limit, CORE)

        row = strict(data)
        kept = [name for name in row if name in many]
        assert core_line(message="m" * 60, seq=7) == {n: v for n, v in row.items() if n in CORE}
        assert 5000 == len(kept) + row.get(TRUNCATED_FIELDS, 0)
        assert limit - 200 <= len(data) <= limit

    def test_worst_core_fields(self) -> None:
        """
        With every core field long and full of control characters, time and level are still whole.
        """
        bad = "\0" * 5000
        line = core_line(message=bad, logger_name=bad, error_message=bad, stack_trace=bad, seq=7, more=bad)

        data, _ = encode_capped(line, 1024, CORE)

        row = strict(data)
        assert len(data) <= 1024
        assert ("2026-02-26T10:30:00.123456Z", "error", 7) == (row["timestamp"], row["level"], row["seq"])

    def test_field_names_too_long_for_the_line(self) -> None:
        """
        A field whose name alone fills the line is dropped and counted.
        """
        row = strict(encode_capped(core_line(message="m", **{"n" * 5000: 1}), 1024, CORE)[0])

        assert core_line(message="m", truncated_fields=1) == row

    def test_core_names_too_long_for_the_line(self) -> None:
        """
        Where not even the core fits, as with absurd renames, the line says so.
        """
        name = "n" * 5000

        assert {TRUNCATED_FIELDS: 1} == strict(encode_capped({name: 1}, 1024, frozenset({name}))[0])
