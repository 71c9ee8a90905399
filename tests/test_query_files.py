"""Local files answer exactly, in order and in little memory, whatever is in them and whatever befalls them."""

import gzip
import json
import logging
import os
import random
import shutil
import subprocess
import sys
import textwrap
import time
from collections import Counter
from collections.abc import Callable, Generator, Iterator
from contextlib import closing, contextmanager
from datetime import timedelta
from itertools import islice
from operator import itemgetter
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from examples import examples
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from query_lines import BASE, SECOND, answer, line, lines, log_texts, queries, rows_of, store

from ginkgo_logging.errors import ConfigError, ServiceUnavailable
from ginkgo_logging.filters import ContextFilter
from ginkgo_logging.formatters import JsonFormatter
from ginkgo_logging.handlers import FlightRecorderHandler
from ginkgo_logging.query import FilesBackend, Query, Row, line_scan, time_order, time_probe, time_span
from ginkgo_logging.query.line_scan import Scan
from ginkgo_logging.query.model import Order, text_of, timestamp_ns

NAMES = ["a.log", "a.log.1.gz", "a.log.2.gz", "b.jsonl", "c.json-20260226.gz"]
LARGE = ["a.log", "b.log", "c.log.gz", "d.log", "e.log.gz"]
ALL = Query()
TIME = b'"timestamp":"2026-02-26T10:30:00.000000Z"'
NO_ROWS = [
    b"",
    b"1,2",
    b"null",
    b'"timestamp"',
    b"{%b},{%b}" % (TIME, TIME),
    b"[{%b}]" % TIME,
    b'{%b,"n":NaN}' % TIME,
    b'{%b,"timestamp":7}' % TIME,
    b'{%b,"timestamp":"2026-02-30T10:30:00.000000Z"}' % TIME,
]
"""Lines in which a row may seem to be."""

by_chance = settings(
    max_examples=examples(40), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@pytest.fixture
def tiny(monkeypatch: pytest.MonkeyPatch) -> None:
    """Blocks and probes of a few lines, so that little files are read as large ones are."""
    for module, name, value in [
        (line_scan, "BLOCK", 700),
        (line_scan, "SMALLEST_BLOCK", 300),
        (line_scan, "FIRST_BLOCK", 300),
        (line_scan, "AT_ONCE", 3),
        (time_probe, "PROBE", 500),
        (time_probe, "STRETCH", 1500),
        (time_probe, "GRID", 2000),
        (time_span, "PROBE", 500),
        (time_span, "SMALL", 0),
        (time_order, "EDGE", 200),
    ]:
        monkeypatch.setattr(module, name, value)


def seqs(rows: Any) -> list[int]:
    return [row["seq"] for row in rows]


def _by_a_flight_recorder(path: Path) -> list[tuple[float, int]]:
    """Log for 20 minutes; ten traces that were held for five fail together. Return seconds and seqs."""
    target = logging.FileHandler(path, encoding="utf-8")
    target.setFormatter(JsonFormatter())
    recorder = FlightRecorderHandler(target=target)
    recorder.addFilter(ContextFilter())
    live = [(seconds, logging.INFO, None) for seconds in range(1200)]
    held = [(420 + n * 7.4 + k / 100, logging.DEBUG, f"t-{k}") for n in range(40) for k in range(10)]
    failed = [(720 + k / 100, logging.ERROR, f"t-{k}") for k in range(10)]
    for seconds, level, trace_id in sorted([*live, *held, *failed], key=itemgetter(0)):
        record = logging.LogRecord("app", level, "app.py", 1, "at work", (), None)
        record.created = BASE / SECOND + seconds
        if trace_id:
            record.trace_id = trace_id
        recorder.handle(record)
    target.close()
    rows = map(json.loads, path.read_bytes().splitlines())
    return [((timestamp_ns(row["timestamp"]) - BASE) / SECOND, row["seq"]) for row in rows]


class TestAnswers:
    @given(st.lists(log_texts(), min_size=1, max_size=5), queries, st.sampled_from(["asc", "desc"]))
    @by_chance
    def test_rows(self, texts: list[bytes], query: Query, order: Order) -> None:
        """
        Rows are those that reading everything would find, in the same order, however the lines are written.
        """
        with TemporaryDirectory() as name:
            store(Path(name), dict(zip(NAMES, texts, strict=False)))

            found = list(FilesBackend(name).rows(query, order))

        assert answer(texts, query, order) == found

    @given(
        st.lists(log_texts(disorder=2 * SECOND, most=40), min_size=1, max_size=5),
        queries,
        st.sampled_from(["asc", "desc"]),
    )
    @by_chance
    def test_rows_of_large_files(self, tiny: None, texts: list[bytes], query: Query, order: Order) -> None:
        """
        In files that are read in part, lines that stand less than the jitter out of their place are found.
        """
        with TemporaryDirectory() as name:
            store(Path(name), dict(zip(LARGE, texts, strict=False)))

            found = list(FilesBackend(name, jitter=timedelta(seconds=2), late=timedelta()).rows(query, order))

        assert answer(texts, query, order) == found

    @pytest.mark.parametrize("order", ["asc", "desc"])
    def test_windows_of_large_files(self, home: Path, tiny: None, order: Order) -> None:
        """
        Each window of a few seconds has its rows, although lines are late by up to the jitter.
        """
        chance = random.Random(order)
        moments = [n * 250_000 - chance.randrange(2_000_001) for n in range(400)]
        texts = [b"".join(line(moments[n], n) for n in range(k, 400, 2)) for k in (0, 1)]
        store(home, dict(zip(["a.log", "b.log"], texts, strict=True)))
        backend = FilesBackend(home, jitter=timedelta(seconds=2), late=timedelta())
        starts = range(BASE - 3 * SECOND, BASE + 102 * SECOND, SECOND)
        windows = [ALL, *(Query(start, start + 3 * SECOND) for start in starts)]

        found = [list(backend.rows(window, order)) for window in windows]

        assert [answer(texts, window, order) for window in windows] == found

    @given(st.lists(log_texts(disorder=2 * SECOND, most=40), min_size=1, max_size=5), queries)
    @by_chance
    def test_counts(self, tiny: None, texts: list[bytes], query: Query) -> None:
        """
        The counts are those of the rows: in all, by a field's values, and by time and level.
        """
        expected = answer(texts, query, "asc")
        step = 3 * SECOND
        timed = Query(
            BASE - SECOND, BASE + 60 * SECOND, query.levels, query.equal, query.contains, query.pattern
        )
        steps = Counter(
            ((key[0] - BASE + SECOND) // step * step + BASE - SECOND, row["level"])
            for text in texts
            for key, row in rows_of(text)
            if row in answer([text], timed, "asc")
        )
        with TemporaryDirectory() as name:
            store(Path(name), dict(zip(LARGE, texts, strict=False)))
            backend = FilesBackend(name, jitter=timedelta(seconds=2), late=timedelta())

            counts = (backend.count(query), backend.count_by(query, "n"), backend.histogram(timed, step))

        by_n = Counter(text_of(row.get("n")) or "" for row in expected)
        assert (len(expected), by_n) == counts[:2]
        assert steps == {
            (start, level): n for start, levels in counts[2].items() for level, n in levels.items()
        }

    def test_several_paths(self, home: Path) -> None:
        """
        Files that two paths lead to are read once.
        """
        (home / "a.log").write_bytes(line(0, 1) + line(2, 3))
        (home / "b.log").write_bytes(line(1, 2))
        (home / "link.log").symlink_to(home / "a.log")

        found = FilesBackend("a.log", home, "link.log").rows(ALL, "asc")

        assert [1, 2, 3] == seqs(found)

    def test_family(self, home: Path) -> None:
        """
        A file stands for its rotated siblings, plain and gzipped, and for nothing else of a similar name.
        """
        names = ["a.log", "a.log.1", "a.log.10.gz", "a.log-20260226", "a.log-20260225-1772000000.gz"]
        names += ["a.log.2026-02-24"]
        others = ["a.log.old", "a.logs", "xa.log", "a.log.1.bak", "a.jsonl"]
        store(home, {name: line(n, n) for n, name in enumerate([*names, *others])})
        (home / "a.log.7").mkdir()

        found = FilesBackend(home / "a.log").rows(ALL, "asc")

        assert list(range(len(names))) == seqs(found)

    def test_backups_of_a_link(self, home: Path) -> None:
        """
        The siblings are looked for beside the file that a symbolic link leads to.
        """
        (home / "real").mkdir()
        store(home / "real", {"x.log": line(2, 2), "x.log.1": line(1, 1)})
        (home / "a.log").symlink_to(home / "real" / "x.log")

        assert [1, 2] == seqs(FilesBackend("a.log").rows(ALL, "asc"))

    def test_file_that_is_just_compressed(self, home: Path) -> None:
        """
        A backup of which there is already a compressed copy, perhaps half of one, is read once.
        """
        store(home, {"a.log": line(2, 2), "a.log.1": line(1, 1)})
        (home / "a.log.1.gz").write_bytes(gzip.compress(line(1, 1))[:20])

        assert [1, 2] == seqs(FilesBackend("a.log").rows(ALL, "asc"))

    def test_file_that_is_just_copied(self, home: Path) -> None:
        """
        A backup that is the beginning of the live file is a copy that is being made, and is read once.
        """
        text = b"".join(line(n, n) for n in range(5000))
        store(home, {"a.log": text, "a.log.1": text[:300_000]})

        assert 5000 == FilesBackend("a.log").count(ALL)

    def test_missing(self, home: Path) -> None:
        """
        What is not there gives no rows, and is named for a hint; a rotated sibling is something.
        """
        store(home, {"a.log.1": line(1, 1), "file": b""})
        backend = FilesBackend("a.log", "none.log", home, "no/such/directory", "file/x.log")

        assert [home / "none.log", home / "no/such/directory", home / "file/x.log"] == backend.missing
        assert [1] == seqs(backend.rows(ALL, "desc"))
        assert 0 == FilesBackend("none.log").count(ALL)

    def test_lines_of_a_trace_that_come_late(self, home: Path, tiny: None) -> None:
        """
        The lines of a trace are in order, even if a flight recorder wrote some of them an hour late.
        """
        hour = 3_600_000_000
        parts = [line(n * 1_000_000, n, trace_id="t" if n % 1000 == 7 else "u") for n in range(7200)]
        parts.append(line(hour // 2 + 5, 9000, trace_id="t"))
        (home / "a.log").write_bytes(b"".join(parts))

        found = FilesBackend("a.log").rows(Query(equal=(("trace_id", "t"),)), "asc")

        assert [7, 1007, 9000, 2007, 3007, 4007, 5007, 6007, 7007] == seqs(found)

    @pytest.mark.parametrize("order", ["asc", "desc"])
    def test_lines_of_a_flight_recorder_in_a_window(self, home: Path, tiny: None, order: Order) -> None:
        """
        A question with times finds what a flight recorder held back, and every line beside it.
        """
        written = _by_a_flight_recorder(home / "a.log")
        backend = FilesBackend("a.log")
        windows = [(minute, minute + 1) for minute in range(20)] + [(0, 7), (11, 20)]

        found = [
            sorted(seqs(backend.rows(Query(BASE + a * 60 * SECOND, BASE + b * 60 * SECOND), order)))
            for a, b in windows
        ]

        assert [
            sorted(seq for second, seq in written if 60 * a <= second < 60 * b) for a, b in windows
        ] == found

    def test_late_lines_without_end(self, home: Path, tiny: None) -> None:
        """
        However many late lines stand together, the ones that are in time beside them are found.
        """
        minute = 60_000_000
        on_time = [line(n * minute // 10, n) for n in range(600)]
        late = [line(n * minute // 10, 1000 + n) for n in range(100)]
        (home / "a.log").write_bytes(b"".join([*on_time[:301], *late, *on_time[301:]]))
        backend = FilesBackend("a.log", jitter=timedelta(seconds=5), late=timedelta(minutes=1))

        found = [
            [seq for seq in seqs(backend.rows(Query(BASE + n * 60 * SECOND), "asc")) if seq < 1000]
            for n in range(60)
        ]

        assert [list(range(10 * n, 600)) for n in range(60)] == found

    def test_two_logs_in_one_file(self, home: Path, tiny: None) -> None:
        """
        Of a file that begins anew in the middle, as two that were put together do, both parts are found.
        """
        part = b"".join(line(n * 60_000_000, n) for n in range(600))
        (home / "a.log").write_bytes(part + part)
        hour = 3600 * SECOND

        found = seqs(FilesBackend("a.log").rows(Query(BASE + hour, BASE + 2 * hour), "asc"))

        assert [n for n in range(60, 120) for _ in range(2)] == sorted(found)

    @pytest.mark.parametrize("suffix", ["", ".gz"])
    def test_late_lines_on_both_sides_of_a_rotation(self, home: Path, tiny: None, suffix: str) -> None:
        """
        Files that end or begin with late lines are looked at by questions about what was before.
        """
        minute = 60_000_000
        late = [line(n * minute, 100 + n) for n in range(14, 19)]
        before = [line(n * minute, n) for n in range(20)] + late[:2]
        after = late[2:] + [line(n * minute, n) for n in range(20, 50)]
        store(home, {f"a.log.1{suffix}": b"".join(before), "a.log": b"".join(after)})

        found = [
            FilesBackend("a.log").count(Query(BASE + n * 60 * SECOND, BASE + (n + 1) * 60 * SECOND))
            for n in range(21)
        ]

        assert [1] * 14 + [2] * 5 + [1] * 2 == found

    def test_last_lines_of_another_program(self, home: Path, tiny: None) -> None:
        """
        A file goes on for as long as its last rows say, even if they are not written as ours are.
        """
        hour = 3_600_000_000
        other = [
            b'{"level": "info", "seq": %d, "timestamp": "2026-02-26T11:3%d:00Z"}\n' % (n, n) for n in range(5)
        ]
        (home / "a.log").write_bytes(b"".join([*(line(n, 9) for n in range(50)), *other]))
        query = Query(start=BASE + hour * 1000 + 60 * SECOND)

        found = [seqs(FilesBackend("a.log").rows(query, order)) for order in ("asc", "desc")]

        assert [[1, 2, 3, 4], [4, 3, 2, 1]] == found

    def test_torn_line_of_another_time(self, home: Path) -> None:
        """
        A line that follows a torn one is found by its own time, not by that of the torn one.
        """
        (home / "a.log").write_bytes(line(0, 1)[:60] + line(9_000_000, 2, inner={"timestamp": "x"}))

        assert [2] == seqs(FilesBackend("a.log").rows(Query(start=BASE + SECOND), "desc"))

    def test_many_files(self, home: Path, tiny: None) -> None:
        """
        Files that were written side by side, one by each process, become one sequence.
        """
        store(home, {f"{k}.log": b"".join(line(n, n) for n in range(k, 900, 30)) for k in range(30)})
        backend = FilesBackend(home, jitter=timedelta(microseconds=100))

        found = [seqs(backend.rows(ALL, order)) for order in ("asc", "desc")]

        assert [list(range(900)), list(range(899, -1, -1))] == found

    @given(st.lists(st.tuples(st.integers(0, 26), st.sampled_from("0123456789-:.TZ W+,٣t_")), max_size=2))
    @by_chance
    def test_times(self, changes: list[tuple[int, str]]) -> None:
        """
        Times as our lines write them are read as all others are, and refused as they are.
        """
        letters = list("2026-02-26T10:30:00.123456Z")
        for place, letter in changes:
            letters[place] = letter
        text = "".join(letters)

        def read(how: Callable[[str], int]) -> int | None:
            try:
                return how(text)
            except ValueError:
                return None

        assert read(timestamp_ns) == read(line_scan.moment_of)

    @given(st.lists(lines(BASE) | st.sampled_from(NO_ROWS), max_size=8), queries)
    @by_chance
    def test_lines_that_are_read_together(self, texts: list[bytes], query: Query) -> None:
        """
        Lines that are read together give the rows that each of them gives alone, whatever stands between them.
        """
        some = [text.removesuffix(b"\n") for text in texts]

        together = [(*item[:3], item[4]) for item in Scan(query).found(some)]

        assert [(*item[:3], item[4]) for one in some for item in Scan(query).found([one])] == together

    def test_backups_are_left_alone(self, home: Path) -> None:
        """
        The newest rows are found without decompressing backups that end before them.
        """
        store(home, {"a.log": line(10**9, 2) + line(2 * 10**9, 3)})
        text = b"".join(line(n, n, message=os.urandom(50).hex()) for n in range(5000))
        whole = gzip.compress(text)
        (home / "a.log.1.gz").write_bytes(whole[: len(whole) // 2])

        with closing(FilesBackend("a.log").rows(ALL, "desc")) as rows:
            assert 3 == next(rows)["seq"]

    def test_a_name_with_a_nul(self) -> None:
        """
        A path that no file can have is refused.
        """
        with pytest.raises(ConfigError, match="NUL"):
            FilesBackend("a\0b")

    def test_negative_jitter(self) -> None:
        """
        A jitter below zero is refused, and lines that come late before their time.
        """
        with pytest.raises(ValueError, match="jitter must not be below zero"):
            FilesBackend(jitter=timedelta(seconds=-1))
        with pytest.raises(ValueError, match="nor late"):
            FilesBackend(late=timedelta(seconds=-1))


class TestLongLines:
    @pytest.mark.parametrize("order", ["asc", "desc"])
    def test_longer_than_any_block(self, home: Path, order: Order) -> None:
        """
        A line of a few megabytes is a row; one that is longer still is none, and hides no other one.
        """
        lengths = [10, 3_000_000, 10, 5_000_000, 10, 13_000_000]
        parts = [line(n, n, message="x" * length) for n, length in enumerate(lengths)]
        (home / "a.log").write_bytes(b"".join([*parts, line(6, 6), b"y" * 9_000_000, b"\n", line(7, 7)]))

        found = seqs(FilesBackend("a.log").rows(ALL, order))

        assert [0, 1, 2, 4, 6, 7] == sorted(found)

    def test_ends_in_one(self, home: Path) -> None:
        """
        A file that ends within an endless line has the rows before it.
        """
        (home / "a.log").write_bytes(line(1, 1) + b"x" * 9_000_000)

        backend = FilesBackend("a.log")

        assert [[1], [1]] == [seqs(backend.rows(ALL, order)) for order in ("asc", "desc")]


class TestCompressed:
    @pytest.mark.usefixtures("tiny")
    def test_backups_that_begin_together(self, home: Path) -> None:
        """
        A compressed file does not end where another one begins that begins with it, or is smaller and before it.
        """
        second = 1_000_000
        (home / "a.log.2").write_bytes(line(second))
        (home / "a.log.1.gz").write_bytes(gzip.compress(b"".join(line(n * second, n) for n in range(600))))
        (home / "a.log").write_bytes(line(600 * second, 600))

        found = FilesBackend("a.log").count(Query(start=BASE + 300 * SECOND))

        assert 301 == found

    def test_large(self, home: Path) -> None:
        """
        A large compressed file is read in both directions, also if it has several parts and padding.
        """
        parts = [b"".join(line(n, n, message="x" * 900) for n in range(k, k + 7000)) for k in (0, 7000)]
        (home / "a.log.1.gz").write_bytes(b"".join(gzip.compress(part, 1) for part in parts) + bytes(512))
        backend = FilesBackend("a.log")
        late = Query(start=BASE + 13_990_000, end=BASE + 13_995_000)

        found = [seqs(backend.rows(query, order)) for query in (ALL, late) for order in ("asc", "desc")]

        assert [list(range(14_000)), list(range(13_999, -1, -1))] == found[:2]
        assert [list(range(13_990, 13_995)), list(range(13_994, 13_989, -1))] == found[2:]

    @pytest.mark.parametrize(
        ("damage", "message"), [(slice(0, -9), "it ends within the compressed data"), (slice(0, 40), "")]
    )
    def test_damaged(self, home: Path, damage: slice, message: str) -> None:
        """
        A compressed file that is damaged is named: its lines would be missing in silence.
        """
        whole = gzip.compress(b"".join(line(n, n) for n in range(100)))
        (home / "a.log.1.gz").write_bytes(whole[damage] + (b"" if message else b"\xff" * 60))

        with pytest.raises(ServiceUnavailable, match=rf"cannot read .*a\.log\.1\.gz: .*{message}"):
            FilesBackend("a.log").count(ALL)


class TestUnreadable:
    @pytest.fixture(autouse=True)
    def as_nobody(self, home: Path) -> Iterator[None]:
        """Be somebody who is not root while something is read."""
        user = os.geteuid()
        for directory in (home, *home.parents[:4]):
            if os.stat(directory).st_uid == user and str(directory).startswith("/tmp/"):
                directory.chmod(0o755)
        store(home, {"a.log": line(2, 2), "a.log.1": line(1, 1)})
        (home / "secret").mkdir(mode=0o000)
        (home / "secret").chmod(0)
        (home / "a.log.1").chmod(0)
        if user == 0:
            os.seteuid(65534)
        yield
        os.seteuid(user)
        (home / "secret").chmod(0o700)

    @pytest.mark.parametrize(
        ("path", "named"), [("a.log", r"a\.log\.1"), ("secret", "secret"), ("secret/a.log", "secret")]
    )
    def test_is_named(self, home: Path, path: str, named: str) -> None:
        """
        A file or directory that may not be read is named, and an answer without it is not given.
        """
        with pytest.raises(ServiceUnavailable, match=rf"cannot read .*{named}.*: Permission denied"):
            list(FilesBackend(home / path).rows(ALL, "asc"))


WRITER = """
import sys, time
from ginkgo_logging.handlers import RotatingFileHandler
handler = RotatingFileHandler(filename="a.log", max_bytes=int(sys.argv[1]), backup_count=1000)
number = 0
for _ in sys.stdin:
    for _ in range(int(sys.argv[2])):
        number += 1
        now = time.time_ns()
        stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(now // 10**9))
        handler.write_line(
            b'{"timestamp":"%b.%06dZ","level":"info","message":"m","seq":%d}\\n'
            % (stamp.encode(), now % 10**9 // 1000, number)
        )
    print(number, flush=True)
"""


@contextmanager
def writer(max_bytes: int, lines: int) -> Generator[Callable[[], int]]:
    """A process that writes on demand; yields what makes it write, and says how many lines there are then."""
    command = [sys.executable, "-c", WRITER, str(max_bytes), str(lines)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin
        assert process.stdout

        def write() -> int:
            process.stdin.write(b"\n")
            process.stdin.flush()
            return int(process.stdout.readline())

        yield write
        process.stdin.close()


def until(rows: Iterator[Row | None], number: int) -> list[int]:
    """Return the numbers of the rows up to that one."""
    found: list[int] = []
    deadline = time.monotonic() + 30
    while not found or found[-1] != number:
        assert time.monotonic() < deadline, found
        if (row := next(rows)) is not None:
            found.append(row["seq"])
    return found


class TestMeanwhile:
    def test_rotation(self, home: Path) -> None:
        """
        While another process writes and rotates without rest, no answer lacks a row or has one twice.
        """
        backend = FilesBackend("a.log")
        command = [sys.executable, "-c", WRITER, "20000", "100"]
        feed = b"\n" * 300
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL) as process:
            assert process.stdin
            process.stdin.write(feed)
            process.stdin.close()
            last = 0
            while process.poll() is None:
                found = seqs(backend.rows(ALL, "asc"))
                assert list(range(1, len(found) + 1)) == found
                assert last <= len(found)
                last = len(found)

        assert 30_000 == backend.count(ALL)

    @pytest.mark.parametrize("order", ["asc", "desc"])
    def test_rotation_and_deletion_within_an_answer(self, home: Path, tiny: None, order: Order) -> None:
        """
        An answer that has begun goes on with the files that there were, whatever becomes of their names.
        """
        store(home, {"a.log": b"".join(line(n, n) for n in range(500, 1000))})
        store_more = b"".join(line(n, n) for n in range(500))
        (home / "a.log.1").write_bytes(store_more)
        rows = FilesBackend("a.log", jitter=timedelta()).rows(ALL, order)
        found = seqs(islice(rows, 300))

        (home / "a.log.1").unlink()
        (home / "a.log").rename(home / "a.log.1")
        (home / "a.log").write_bytes(line(1000, 1000))
        found += seqs(rows)

        assert list(range(1000)) == (found if order == "asc" else found[::-1])

    @pytest.mark.parametrize("order", ["asc", "desc"])
    def test_copy_and_truncation_within_an_answer(self, home: Path, tiny: None, order: Order) -> None:
        """
        A file that is copied and truncated within an answer costs no row, and none comes twice.
        """
        store(home, {"a.log": b"".join(line(n // 2, n // 4) for n in range(1000))})
        rows = FilesBackend("a.log", jitter=timedelta()).rows(ALL, order)
        found = seqs(islice(rows, 301))

        shutil.copy("a.log", "a.log.1")
        os.truncate("a.log", 0)
        found += seqs(rows)

        assert [n // 4 for n in range(1000)] == (found if order == "asc" else found[::-1])

    @pytest.mark.parametrize("order", ["asc", "desc"])
    def test_truncation_and_growth_within_an_answer(self, home: Path, tiny: None, order: Order) -> None:
        """
        The same if the file has meanwhile become longer than it was.
        """
        store(home, {"a.log": b"".join(line(n, n) for n in range(1000))})
        rows = FilesBackend("a.log", jitter=timedelta()).rows(ALL, order)
        found = seqs(islice(rows, 301))

        shutil.copy("a.log", "a.log.1")
        os.truncate("a.log", 0)
        with (home / "a.log").open("ab") as file:
            file.writelines(line(n, n) for n in range(1000, 3000))
        found += seqs(rows)

        assert list(range(1000)) == (found[:1000] if order == "asc" else found[::-1])
        assert sorted(set(found)) == sorted(found)

    def test_truncation_within_a_count(self, home: Path, tiny: None) -> None:
        """
        A file that is truncated for good ends the answer with what is left, and never kills the process.
        """
        store(home, {"a.log": b"".join(line(n, n) for n in range(500))})
        rows = FilesBackend("a.log", jitter=timedelta()).rows(ALL, "asc")
        found = seqs(islice(rows, 100))

        os.truncate("a.log", 100)
        found += seqs(rows)

        assert list(range(len(found))) == found
        assert 100 <= len(found) < 500

    def test_memory(self, home: Path) -> None:
        """
        A question about a large file is answered in a part of the memory that the file would take.
        """
        parts = [line(n * 1000, n, message="x" * 4000) for n in range(1000)]
        with (home / "a.log").open("wb") as file, gzip.open(home / "b.log.gz", "wb", 1) as zipped:
            for _ in range(15):
                file.writelines(parts)
                zipped.writelines(parts)
        code = """
            import resource
            from ginkgo_logging.query import FilesBackend, Query
            before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
            backend = FilesBackend(".")
            for order in ("asc", "desc"):
                for row in backend.rows(Query(contains="x"), order):
                    pass
            print(backend.count(Query(contains="yy")))
            print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
        """
        command = [sys.executable, "-c", textwrap.dedent(code)]

        printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout

        count, kilobytes = map(int, printed.split())
        assert 0 == count
        assert kilobytes < 45 * 1024


class TestTail:
    def test_rows_from_now_on(self, home: Path) -> None:
        """
        What is written after the call comes, also the end of a line whose beginning was there before.
        """
        (home / "a.log").write_bytes(line(1, 1) + line(2, 2)[:30])
        rows = FilesBackend("a.log").tail(Query(levels=("info",)))

        with (home / "a.log").open("ab") as file:
            file.write(line(2, 2)[30:] + line(3, 3, level="error") + line(4, 4))

        assert [2, 4] == until(rows, 4)
        rows.close()

    def test_idle(self, home: Path) -> None:
        """
        None comes when nothing is written, also while there is no file and while no line matches.
        """
        rows = FilesBackend("a.log").tail(Query(levels=("error",)))
        first = next(rows)
        (home / "a.log").write_bytes(line(1, 1))

        assert [None, None] == [first, next(rows)]
        rows.close()

    def test_new_files(self, home: Path) -> None:
        """
        A file that appears is read from its beginning, in a directory any file of logs.
        """
        rows = FilesBackend(home).tail(ALL)
        next(rows)
        (home / "a.log").write_bytes(line(1, 1))
        found = until(rows, 1)
        (home / "b.jsonl").write_bytes(line(2, 2))
        (home / "other.txt").write_bytes(line(3, 3))

        assert [1, 2] == found + until(rows, 2)
        rows.close()

    def test_rotation_by_another_process(self, home: Path) -> None:
        """
        Each row comes once and in order although the file is rotated many times between two looks.
        """
        with writer(3000, 200) as write:
            write()
            with closing(FilesBackend("a.log").tail(ALL)) as rows:
                write()
                found = until(rows, 400)
                write()
                found += until(rows, 600)

        assert list(range(201, 601)) == found

    def test_line_in_a_backup(self, home: Path) -> None:
        """
        A line that a process writes to a file that has just become a backup comes too.
        """
        (home / "a.log").write_bytes(line(1, 1))
        with closing(FilesBackend("a.log").tail(ALL)) as rows, (home / "a.log").open("ab", 0) as file:
            file.write(line(2, 2))
            found = until(rows, 2)
            (home / "a.log").rename(home / "a.log.1")
            (home / "a.log").write_bytes(line(3, 3))
            found += until(rows, 3)
            file.write(line(4, 4))
            found += until(rows, 4)

        assert [2, 3, 4] == found

    def test_truncation(self, home: Path) -> None:
        """
        After a truncation the file is read from its beginning, even if it is longer than before already.
        """
        (home / "a.log").write_bytes(line(1, 1))
        with closing(FilesBackend("a.log").tail(ALL)) as rows:
            next(rows)
            (home / "a.log").write_bytes(line(2, 2) + line(3, 3))
            found = until(rows, 3)
            os.truncate("a.log", 0)
            next(rows)
            with (home / "a.log").open("ab") as file:
                file.write(line(4, 4))
            found += until(rows, 4)

        assert [2, 3, 4] == found

    def test_copy_and_truncation(self, home: Path) -> None:
        """
        What was written just before a file was copied and truncated is read from the copy, and only that.
        """
        (home / "a.log").write_bytes(line(1, 1) + line(2, 2))
        with closing(FilesBackend("a.log").tail(ALL)) as rows:
            next(rows)
            with (home / "a.log").open("ab") as file:
                file.write(line(3, 3))
            shutil.copy("a.log", "a.log.1")
            os.truncate("a.log", 0)
            found = until(rows, 3)
            with (home / "a.log").open("ab") as file:
                file.write(line(4, 4))
            found += until(rows, 4)

        assert [3, 4] == found

    def test_copy_that_takes_long(self, home: Path) -> None:
        """
        While a copy is there and the file is not yet truncated, nothing comes twice.
        """
        (home / "a.log").write_bytes(line(1, 1) + line(2, 2))
        with closing(FilesBackend("a.log").tail(ALL)) as rows:
            next(rows)
            shutil.copy("a.log", "a.log.1")
            next(rows)
            next(rows)
            with (home / "a.log").open("ab") as file:
                file.write(line(3, 3))
            found = until(rows, 3)
            os.truncate("a.log", 0)
            with (home / "a.log").open("ab") as file:
                file.write(line(4, 4))
            found += until(rows, 4)

        assert [3, 4] == found

    def test_long_and_endless_lines(self, home: Path) -> None:
        """
        A line of a megabyte comes when it is whole; what has no end is passed over.
        """
        with closing(FilesBackend("a.log").tail(ALL)) as rows:
            next(rows)
            with (home / "a.log").open("ab") as file:
                file.write(line(1, 1, message="x" * 1_000_000) + b"y" * 9_000_000 + b"\n" + line(2, 2))

            assert [1, 2] == until(rows, 2)
