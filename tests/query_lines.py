"""Lines and questions by chance, and the plainest possible answer to hold a store's against."""

import gzip
import json
import re
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import orjson
from hypothesis import strategies as st

from ginkgo_logging.query.model import Order, Query, Row, order_of

BASE = 1_772_101_800_000_000_000
"""2026-02-26T10:30:00Z"""

SECOND = 1_000_000_000
START = b'{"timestamp":"'

TEXTS = [
    "plain words",
    'says "level":"error" to you',
    "中文 und Ümläute",
    "价格",
    "😀",
    "back\\slash",
    "two\nlines\tand \x07",
    "a/b <c> & d='e'+f",
    '{"timestamp":"2026-02-26T10:30:00.000000Z"}',
    "error",
    "\u2028",
    '"',
    "7",
    "True",
]
VALUES: list[Any] = [
    *TEXTS,
    7,
    7.5,
    70,
    -7,
    1e22,
    100.0,
    2**70,
    True,
    False,
    None,
    [7],
    {"portfolio_id": "7"},
]
LEVELS = ["debug", "info", "warning", "error", "critical"]
NUMBERS = ["7", "7.5", "70", "-7", "1e22", "100.0", "0", "1", "1.1805916207174113e21"]
FIELDS = ["portfolio_id", "trace_id", "n"]


def line(moment: int, seq: int = 0, /, **fields: Any) -> bytes:
    """Return a line as our formatter writes it, with its newline; *moment* in microseconds from `BASE`."""
    row = {"timestamp": written(BASE + moment * 1000), "level": "info", "message": "m"} | fields
    return orjson.dumps(row | {"seq": seq}) + b"\n"


def written(ns: int) -> str:
    moment = datetime.fromtimestamp(ns // SECOND, UTC) + timedelta(microseconds=ns % SECOND // 1000)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


@st.composite
def times(draw: st.DrawFn, ns: int) -> str:
    """Write a moment in one of the ways that RFC 3339 has."""
    text = written(ns)
    match draw(st.integers(0, 9)):
        case 0:
            there = datetime.fromisoformat(text).astimezone(timezone(timedelta(hours=8)))
            return there.isoformat(timespec="microseconds")
        case 1:
            return text.replace("T", " ").lower()
        case 2:
            return text[:-1] + "789Z"
    return text


@st.composite
def lines(draw: st.DrawFn, ns: int) -> bytes:
    """A line, its newline included unless its writer was killed: of ours, of others, or of nobody's."""
    kind = draw(st.integers(0, 19))
    if kind == 0:
        return draw(
            st.sampled_from(
                [
                    b"\n",
                    b"Traceback (most recent call last):\n",
                    b'{"level":"error"}\n',
                    b'{"timestamp":"yesterday","level":"error"}\n',
                    b'{"timestamp":"2026-02-30T10:30:00.000000Z"}\n',
                    b"[1]\n",
                    b"\xff\xfe \x00\n",
                    b'"level":"error"\n',
                ]
            )
        )
    row: dict[str, Any] = {"timestamp": draw(times(ns)), "level": draw(st.sampled_from(LEVELS))}
    row |= draw(
        st.fixed_dictionaries(
            {"message": st.sampled_from(TEXTS)},
            optional={
                **{name: st.sampled_from(VALUES) for name in FIELDS},
                "seq": st.integers(0, 3),
                "error_message": st.sampled_from(TEXTS),
                "inner": st.just({"timestamp": "2020-01-01T00:00:00Z", "level": "error"}),
            },
        )
    )
    names = draw(st.permutations(list(row))) if kind > 10 else list(row)
    row = {name: row[name] for name in names}
    separators = draw(st.sampled_from([(",", ":"), (", ", ": "), (" , ", " :\t")]))
    text = json.dumps(row, separators=separators, ensure_ascii=draw(st.booleans()))
    if kind == 1:
        text = text.replace("/", "\\/").replace("<", "\\u003c").replace("中", "\\u4E2D")
    data = text.encode()
    if kind == 2:
        return data[: draw(st.integers(0, len(data) - 1))]
    return data + b"\n"


@st.composite
def log_texts(draw: st.DrawFn, *, disorder: int = 0, most: int = 12) -> bytes:
    """The text of a file; *disorder*: nanoseconds by which a line may be late; 0 is any order at all."""
    moments = draw(st.lists(st.integers(0, 40), max_size=most))
    if disorder:
        moments.sort()
    parts = []
    for moment in moments:
        early = draw(st.integers(0, disorder))
        parts.append(draw(lines(BASE + moment * SECOND // 2 - early)))
    return b"".join(parts)


queries = st.builds(
    Query,
    start=st.none() | st.integers(0, 40).map(lambda n: BASE + n * SECOND // 2),
    end=st.none() | st.integers(0, 40).map(lambda n: BASE + n * SECOND // 2 + 1),
    levels=st.lists(st.sampled_from(LEVELS), max_size=2, unique=True).map(tuple),
    equal=st.lists(
        st.tuples(
            st.sampled_from([*FIELDS, "message", "level", "seq"]),
            st.sampled_from([*TEXTS, *LEVELS, *NUMBERS, "true", "false"]),
        ),
        max_size=1,
    ).map(tuple),
    contains=st.none() | st.sampled_from([*TEXTS, "words", 'level":"e', "slash", "中", "\n", "Ü", "\x07"]),
    pattern=st.none()
    | st.sampled_from(
        [
            r"wor+ds",
            r"^plain",
            r"[a-c]/b <",
            r"(words|error)",
            r"pl?ain words",
            r"\"level\":",
            r"(?i)PLAIN",
            "中+文",
        ]
    ).map(re.compile),
)


def rows_of(data: bytes) -> list[tuple[tuple[int, int, bytes], Row]]:
    """Return the rows of a file's text with their place in the order; read with no haste at all."""
    found = []
    for text in data.split(b"\n"):
        starts = [at for at in range(1, len(text)) if text.startswith(START, at) and text[:1] == b"{"]
        for at in (0, *starts):
            try:
                row = orjson.loads(text[at:])
                if isinstance(row, dict):
                    found.append((order_of(row, text[at:]), row))
                break
            except orjson.JSONDecodeError:
                continue
            except ValueError:
                break
    return found


def answer(texts: Iterable[bytes], query: Query, order: Order) -> list[Row]:
    """Return what matches, by looking at everything."""
    found = [
        (key, row)
        for text in texts
        for key, row in rows_of(text)
        if (query.start is None or query.start <= key[0]) and (query.end is None or key[0] < query.end)
        if query.matches(row)
    ]
    return [row for _, row in sorted(found, key=lambda item: item[0], reverse=order == "desc")]


def store(directory: Path, texts: dict[str, bytes]) -> None:
    """Write files, those whose name ends in ``.gz`` compressed."""
    for path in directory.iterdir():
        path.unlink()
    for name, text in texts.items():
        (directory / name).write_bytes(gzip.compress(text, 1) if name.endswith(".gz") else text)
