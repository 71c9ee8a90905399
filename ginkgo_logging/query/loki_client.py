"""Speak HTTP with Loki: within a time, again if that may help, and without giving anything away."""

import logging
import random
import re
import threading
import time
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from itertools import count
from typing import Any, Final, NamedTuple
from urllib.parse import urlencode

import httpx
import orjson

from ginkgo_logging.errors import QueryError, ServiceUnavailable
from ginkgo_logging.forking import reset_in_child
from ginkgo_logging.query.loki_access import Access
from ginkgo_logging.query.model import NANOSECONDS

MOST_ENTRIES: Final = 5000
"""Loki's own limit for one answer, unless its operator has set another."""

LARGEST_ANSWER: Final = 256 * 1024 * 1024
"""Bytes; Loki's own processes hand each other 100 MiB at most."""

_MOST_ATTEMPTS: Final = 5
_FIRST_DELAY: Final = 0.1
_LONGEST_IN_URL: Final = 2000
_LONGEST_SHOWN: Final = 500
_TOO_MANY_SERIES: Final = "maximum number of series"
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


class Entry(NamedTuple):
    """One line in Loki; ``labels`` are those of its stream and its structured metadata."""

    time: int
    line: str
    labels: dict[str, str]
    key: tuple[int, str, bytes]
    """What no other entry has: Loki keeps two entries that are the same in this once."""


class Sample(NamedTuple):
    """One value of a metric query."""

    labels: dict[str, str]
    value: int


class LokiClient:
    """Ask the two questions of Loki's query API. Any thread may call any method, a forked child too.

    *timeout* is how many seconds a question may take, with every attempt to ask it.
    """

    def __init__(self, access: Access, timeout: float) -> None:
        self._access = access
        self._timeout = timeout
        self._headers = access.headers() | {
            "Accept-Encoding": "gzip",
            "X-Loki-Response-Encoding-Flags": "categorize-labels",
        }
        self._secrets = access.secrets()
        self._tls = access.tls()
        self._lock = threading.Lock()
        self._client: httpx.Client | None = None
        _keep_out_of_logs()
        reset_in_child(self)

    def __repr__(self) -> str:
        return f"LokiClient({self._access.shown!r})"

    def reset_after_fork(self) -> None:
        """Leave the parent's connections to the parent."""
        self._lock = threading.Lock()
        self._client = None

    def entries(self, lines: str, start: int, end: int, limit: int, *, newest_first: bool) -> list[Entry]:
        """Return entries from *start* (inclusive) to *end* (exclusive), in the order of time."""
        answer = self._ask(
            "query_range",
            "streams",
            query=lines,
            start=str(start),
            end=str(end),
            limit=str(limit),
            direction="backward" if newest_first else "forward",
        )
        with self._understanding():
            found = [entry for stream in answer for entry in _entries_of(stream)]
        return sorted(found, key=lambda entry: entry.time, reverse=newest_first)

    def samples(self, metric: str, at: int) -> list[Sample]:
        """Return what *metric* is at a time, in nanoseconds."""
        answer = self._ask("query", "vector", query=metric, time=str(at))
        with self._understanding():
            return [_sample_of(one) for one in answer]

    def close(self) -> None:
        """Give back the connections; the next question opens new ones."""
        with self._lock:
            client, self._client = self._client, None
        if client is not None:
            client.close()

    # --- one question -------------------------------------------------------------------------------------

    def _ask(self, path: str, result: str, **parameters: str) -> list[Any]:
        deadline = time.monotonic() + self._timeout
        for attempt in count(1):
            try:
                return self._result(self._request(path, parameters, deadline), result)
            except _MayPassError as fault:
                delay = fault.after or _FIRST_DELAY * 2 ** (attempt - 1) * random.uniform(0.5, 1)  # noqa: S311
                if attempt == _MOST_ATTEMPTS or time.monotonic() + delay >= deadline:
                    raise self._unavailable(str(fault)) from fault.__cause__
            time.sleep(delay)
        raise AssertionError

    def _request(self, path: str, parameters: dict[str, str], deadline: float) -> "_Answer":
        url, form = f"{self._access.shown}/loki/api/v1/{path}", urlencode(parameters)
        is_long = len(form) > _LONGEST_IN_URL
        method, url = ("POST", url) if is_long else ("GET", f"{url}?{form}")
        # Each step of a request may take as long as all may take; the sum is looked at when a part has come.
        left = max(deadline - time.monotonic(), 0.001)
        try:
            with (
                _kept_out_of_logs(),
                self._connected().stream(
                    method,
                    url,
                    content=form.encode() if is_long else None,
                    headers=_FORM if is_long else None,
                    timeout=left,
                ) as response,
            ):
                body = _body_of(response, deadline)
                return _Answer(response.status_code, response.reason_phrase, response.headers, body)
        except httpx.TimeoutException as error:
            raise self._unavailable(f"no answer within {self._timeout:g} seconds") from error
        except httpx.TransportError as error:
            raise _MayPassError(str(error) or type(error).__name__) from error
        except UnicodeError as error:
            raise self._unavailable("this is not the name of a server") from error
        except (httpx.RequestError, zlib.error) as error:
            raise self._unavailable(f"an answer that cannot be read: {error}") from error

    def _result(self, answer: "_Answer", kind: str) -> list[Any]:
        text = self._without_secrets(answer.text)
        if answer.status == 200:
            with self._understanding(answer):
                data = orjson.loads(answer.body)["data"]
                if data["resultType"] != kind or not isinstance(data["result"], list):
                    raise ValueError(data["resultType"])
                return list(data["result"])
        if answer.status == 400 and answer.is_plain:
            raise _refusal(f"Loki: {text}")
        if answer.status in _MAY_PASS:
            raise _MayPassError(f"{answer.status} {text}", answer.retry_after)
        raise self._unavailable(f"{answer.status} {text}")

    def _connected(self) -> httpx.Client:
        with self._lock:
            if self._client is None:
                self._client = httpx.Client(headers=self._headers, verify=self._tls)
            return self._client

    @contextmanager
    def _understanding(self, answer: "_Answer | None" = None) -> Iterator[None]:
        try:
            yield
        except (LookupError, TypeError, ValueError, AttributeError, ArithmeticError) as error:
            what = f" but {answer.content_type or 'no content type'}" if answer else ""
            raise self._unavailable(f"not an answer of Loki{what}") from error

    def _unavailable(self, what: str) -> ServiceUnavailable:
        return ServiceUnavailable(f"{self._access.shown}: {what}")

    def _without_secrets(self, text: str) -> str:
        for secret in self._secrets:
            text = text.replace(secret, "(hidden)")
        return text


_FORM: Final = {"Content-Type": "application/x-www-form-urlencoded"}
# Not 504: Loki has tried for as long as it may, and would again.
_MAY_PASS: Final = frozenset({429, 499, 500, 502, 503})


class _MayPassError(Exception):
    """A fault that another attempt may not meet; *after* so many seconds, if the server says so."""

    def __init__(self, what: str, after: float | None = None) -> None:
        super().__init__(what)
        self.after = after


@dataclass(frozen=True, slots=True)
class _Answer:
    status: int
    reason: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def content_type(self) -> str:
        return self.headers.get("Content-Type", "").partition(";")[0].strip().lower()

    @property
    def is_plain(self) -> bool:
        """Whether it may be Loki's own; a proxy's is HTML."""
        return self.content_type in {"text/plain", "application/json"}

    @property
    def text(self) -> str:
        text = self.body.decode(errors="replace").strip() if self.is_plain else ""
        return text[:_LONGEST_SHOWN] or self.reason

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


def _refusal(text: str) -> QueryError:
    if _TOO_MANY_SERIES in text:
        return TooManySeriesError(text)
    if found := _TOO_MANY_ENTRIES.search(text):
        return LimitError(text, entries=int(found[1]))
    if found := _TOO_LONG.search(text):
        days, hours, minutes = (int(number or 0) for number in found.groups())
        return LimitError(text, nanoseconds=((days * 24 + hours) * 60 + minutes) * 60 * NANOSECONDS)
    return QueryError(text)


def _body_of(response: httpx.Response, deadline: float) -> bytes:
    """Read an answer: no more than fits into memory, and no longer than until *deadline*."""
    encoding = response.headers.get("Content-Encoding", "identity").strip().lower()
    if encoding not in {"identity", "gzip"}:
        raise httpx.DecodingError(f"it is encoded as {encoding}")
    inflater = zlib.decompressobj(zlib.MAX_WBITS | 16) if encoding == "gzip" else None
    body = bytearray()
    # Raw, since httpx would inflate without a limit, and not tell of parts that are nothing inflated.
    for part in response.iter_raw():
        body += inflater.decompress(part, LARGEST_ANSWER + 1 - len(body)) if inflater else part
        if len(body) > LARGEST_ANSWER:
            raise httpx.DecodingError(f"it has more than {LARGEST_ANSWER >> 20} MiB")
        if time.monotonic() > deadline:
            raise httpx.ReadTimeout("the answer comes too slowly")
    return bytes(body)


def _sample_of(one: dict[str, Any]) -> Sample:
    labels: dict[str, str] = one["metric"]
    if not all(isinstance(value, str) for value in labels.values()):
        raise TypeError("a label is no text")
    return Sample(labels, int(float(one["value"][1])))


def _entries_of(stream: dict[str, Any]) -> Iterator[Entry]:
    for moment, line, *more in stream["values"]:
        labels = stream["stream"] | (more[0].get("structuredMetadata") or {} if more else {})
        nanoseconds = int(moment)
        yield Entry(
            nanoseconds, line, labels, (nanoseconds, line, orjson.dumps(labels, option=orjson.OPT_SORT_KEYS))
        )


# --- our own requests are no news ---------------------------------------------------------------------------

_own = threading.local()
_LOGGERS: Final = ("httpx", *(f"httpcore.{part}" for part in ("connection", "http11", "proxy", "socks")))


class _NotOurs(logging.Filter):
    """Drop what httpx and httpcore log about our requests: it would be lines about reading lines."""

    def filter(self, _: logging.LogRecord) -> bool:
        return not getattr(_own, "asking", False)


_not_ours = _NotOurs()


def _keep_out_of_logs() -> None:
    for name in _LOGGERS:
        logging.getLogger(name).addFilter(_not_ours)


@contextmanager
def _kept_out_of_logs() -> Iterator[None]:
    _own.asking = True
    try:
        yield
    finally:
        _own.asking = False
