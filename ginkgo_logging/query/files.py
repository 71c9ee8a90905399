"""The store that needs no server: JSON lines in local files, their rotated and their gzipped siblings."""

from collections import Counter
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from typing import Final, TypeVar

from ginkgo_logging import fields
from ginkgo_logging.errors import ConfigError, ServiceUnavailable
from ginkgo_logging.query.file_text import FileChanged
from ginkgo_logging.query.following import Follower
from ginkgo_logging.query.line_scan import Buffer, Found, Scan
from ginkgo_logging.query.log_files import families, opened
from ginkgo_logging.query.model import Order, Query, Row, length_ns, text_of
from ginkgo_logging.query.time_order import InOrder, unordered
from ginkgo_logging.query.time_probe import Tolerance
from ginkgo_logging.query.time_span import Span, spans

JITTER: Final = timedelta(seconds=60)
LATE: Final = timedelta(minutes=5)

_TRIES: Final = 100

Answer = TypeVar("Answer")
Key = tuple[int, int, bytes]


class FilesBackend:
    """Log lines in local files. Any thread may call any method; nothing is kept between calls.

    A path is a log file, which stands for itself and its rotated siblings (``NAME.1``, ``NAME.2.gz``,
    ``NAME-20260226``), or a directory, which stands for all ``*.log``, ``*.jsonl`` and ``*.json`` files in it
    and theirs. A question is answered from the files as they are when its first row is asked for; they may be
    rotated, truncated or deleted meanwhile.

    Rows that stand up to *jitter* out of their place in a file come in order. What was written later than that,
    as by a flight recorder, comes when it is read: a question that names times finds what was written up to
    *late* after its time, any other question finds all. All rows of one trace, and of a file of up to 256 KiB,
    come in order wherever they stand. The rows that wait for their turn take 24 MB at most; further apart none
    is put in order. A line of more than 4 MiB is no row.
    """

    def __init__(self, *paths: str | Path, jitter: timedelta = JITTER, late: timedelta = LATE) -> None:
        if min(jitter, late) < timedelta():
            raise ValueError(f"jitter must not be below zero, got {jitter}, nor late, got {late}")
        if any("\0" in str(path) for path in paths):
            raise ConfigError(f"no file has a name with a NUL in it: {', '.join(map(repr, paths))}")
        self.paths = tuple(Path(path).expanduser().absolute() for path in paths)
        self._tolerance = Tolerance(length_ns(jitter), length_ns(max(jitter, late)))

    @property
    def missing(self) -> list[Path]:
        """The paths at which there is neither a directory nor a file, nor what was rotated away from there."""
        return [path for path in self.paths if not any(families(path)) and not path.is_dir()]

    def rows(self, query: Query, order: Order) -> Generator[Row, None, None]:
        """Yield every matching row, in constant memory; nothing is read before the first is asked for."""
        last: Found | None = None
        times = 0  # how many rows equal to the last one were yielded
        for _ in range(_TRIES):
            with suppress(FileChanged), self._opened(query) as (scan, found, buffer):
                items = iter(InOrder(scan, found, buffer, order, self._tolerance))
                for item in items if last is None else _after(items, last[:3], times, order):
                    is_same = last is not None and item[0] == last[0] and item[:3] == last[:3]
                    last, times = item, times + 1 if is_same else 1
                    yield item[4]
                return
        raise _restless()

    def count(self, query: Query) -> int:
        """Return how many rows match, exactly."""
        return self._answer(query, lambda items: sum(1 for _ in items))

    def count_by(self, query: Query, field: str) -> dict[str, int]:
        """Return how many rows match for each value of *field*, as text; rows without it are under ``""``."""
        return self._answer(query, lambda items: dict(Counter(text_of(i[4].get(field)) or "" for i in items)))

    def histogram(self, query: Query, step: int) -> dict[int, dict[str, int]]:
        """Return how many rows match by time and level; a step without rows is left out."""
        first = query.start or 0

        def counted(items: Iterator[Found]) -> dict[int, dict[str, int]]:
            pairs = Counter(
                ((item[0] - first) // step, text_of(item[4].get(fields.LEVEL)) or "") for item in items
            )
            steps: dict[int, dict[str, int]] = {}
            for (index, level), number in sorted(pairs.items()):
                steps.setdefault(first + index * step, {})[level] = number
            return steps

        return self._answer(query, counted)

    def tail(self, query: Query) -> Generator[Row | None, None, None]:
        """Yield matching rows that are written after this call, and None about twice a second without one.

        Rotation, truncation and new files are followed; each file's rows come as they stand in it.
        """
        return Follower(self.paths).rows(Scan(query))

    def close(self) -> None:
        """Do nothing: files are open only while a question is answered."""

    def _answer(self, query: Query, reduce: Callable[[Iterator[Found]], Answer]) -> Answer:
        for _ in range(_TRIES):
            with suppress(FileChanged), self._opened(query) as (scan, found, buffer):
                return reduce(
                    item for span in found for item in unordered(scan, span, buffer, self._tolerance)
                )
        raise _restless()

    @contextmanager
    def _opened(self, query: Query) -> Iterator[tuple[Scan, list[Span], Buffer]]:
        buffer = Buffer()
        with opened(self.paths) as files:
            found = [
                span
                for span in spans(files, buffer, self._tolerance.jitter)
                if span.overlaps(query.start, query.end, self._tolerance.late)
            ]
            yield Scan(query), found, buffer


def _after(items: Iterator[Found], last: Key, times: int, order: Order) -> Iterator[Found]:
    """Yield the rows after *last*, skipping the first *times* that equal it."""
    for item in items:
        key = item[:3]
        if key == last and times:
            times -= 1
        elif key == last or (key < last if order == "desc" else key > last):
            yield item
            break
    yield from items


def _restless() -> ServiceUnavailable:
    return ServiceUnavailable("the log files are truncated faster than they can be read")
