"""What Loki answers: entries, samples and refusals, each looked at before it is believed."""

import re
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any, Final, NamedTuple

import orjson

from ginkgo_logging.errors import QueryError, ServiceUnavailable
from ginkgo_logging.query.model import NANOSECONDS

_TOO_MANY_SERIES: Final = "maximum number of series"
_TOO_LARGE: Final = "message larger than max"
_TOO_MANY_ENTRIES: Final = re.compile(r"max entries limit.* > (\d+)\)")
_TOO_LONG: Final = re.compile(r"time range exceeds the limit .*limit: (?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?")


class TooManySeriesError(QueryError):
    """A count has more groups than Loki gives."""


class LimitError(QueryError):
    """The operator of this Loki allows less than is the default: so many entries, or so long a range."""

    def __init__(self, text: str, *, entries: int | None = None, nanoseconds: int | None = None) -> None:
        super().__init__(text)
        self.entries = entries
        self.nanoseconds = nanoseconds


class TooLargeError(ServiceUnavailable):
    """An answer has more bytes than Loki's own processes hand each other; fewer entries may have less."""


class TooSlowError(ServiceUnavailable):
    """There was no answer within the timeout; one of fewer entries may be faster."""


class Entry(NamedTuple):
    """One line in Loki; ``labels`` are those of its stream and its structured metadata."""

    time: int
    line: str
    labels: dict[str, str]
    key: tuple[int, str, bytes]
    """What no other entry has: Loki keeps two entries that are the same in this once."""


class Page(NamedTuple):
    """The entries of one answer, which had so many bytes."""

    entries: list[Entry]
    size: int


class Sample(NamedTuple):
    """One value of a metric query."""

    labels: dict[str, str]
    value: int


@dataclass(frozen=True, slots=True)
class Answer:
    """What a server sent, Loki or not."""

    status: int
    reason: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def content_type(self) -> str:
        """The media type without parameters."""
        return self.headers.get("Content-Type", "").partition(";")[0].strip().lower()

    @property
    def is_plain(self) -> bool:
        """Whether it may be Loki's own; a proxy's is HTML."""
        return self.content_type in {"text/plain", "application/json"}

    @property
    def text(self) -> str:
        """What a message may show of it."""
        text = self.body.decode(errors="replace").strip() if self.is_plain else ""
        return text or self.reason

    @property
    def is_too_large(self) -> bool:
        """Whether Loki says that the rows are more bytes than its processes hand each other."""
        return self.status == 500 and _TOO_LARGE in self.text

    @property
    def retry_after(self) -> float | None:
        """The seconds that the server asks to wait."""
        given = self.headers.get("Retry-After", "")
        if given.isdecimal():
            return float(given)
        try:
            return max(0.0, parsedate_to_datetime(given).timestamp() - time.time())
        except (ValueError, OverflowError):
            return None

    def result(self, kind: str) -> list[Any]:
        """Return the data of an answer of this *kind*. Raises what reading a stranger's JSON may raise."""
        document = orjson.loads(self.body)
        data = document["data"]
        if document["status"] != "success" or data["resultType"] != kind:
            raise ValueError(document["status"])
        return _list(data["result"])


def refusal(text: str) -> QueryError:
    """Return the error for a question that Loki refuses with *text*."""
    if _TOO_MANY_SERIES in text:
        return TooManySeriesError(text)
    if found := _TOO_MANY_ENTRIES.search(text):
        return LimitError(text, entries=int(found[1]))
    if found := _TOO_LONG.search(text):
        days, hours, minutes = (int(number or 0) for number in found.groups())
        return LimitError(text, nanoseconds=((days * 24 + hours) * 60 + minutes) * 60 * NANOSECONDS)
    return QueryError(text)


def sample_of(one: dict[str, Any]) -> Sample:
    """Return a sample. Raises what reading a stranger's JSON may raise."""
    return Sample(_labels(one["metric"]), int(float(one["value"][1])))


def entries_of(stream: dict[str, Any]) -> Iterator[Entry]:
    """Yield the entries of a stream. Raises what reading a stranger's JSON may raise."""
    own = _labels(stream["stream"])
    for moment, line, *more in map(_list, _list(stream["values"])):
        if not isinstance(moment, str) or not isinstance(line, str):
            raise TypeError("a time or a line is no text")
        labels = own | _labels(more[0].get("structuredMetadata") or {}) if more else own
        nanoseconds = int(moment)
        yield Entry(
            nanoseconds, line, labels, (nanoseconds, line, orjson.dumps(labels, option=orjson.OPT_SORT_KEYS))
        )


def _labels(value: dict[str, str]) -> dict[str, str]:
    if not all(isinstance(text, str) for text in value.values()):
        raise TypeError("a label is no text")
    return value


def _list(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise TypeError("something that is no list stands for one")
    return value
