"""Speak HTTP with Loki: within a time, again if that may help, and without giving anything away."""

import os
import random
import time
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from itertools import count
from typing import Final
from urllib.parse import urlencode

import httpx

from ginkgo_logging.errors import ConfigError, ServiceUnavailable
from ginkgo_logging.query import quiet_httpx
from ginkgo_logging.query.background import in_background
from ginkgo_logging.query.loki_access import Access
from ginkgo_logging.query.loki_answers import (
    Answer,
    Page,
    Sample,
    TooLargeError,
    TooSlowError,
    entries_of,
    refusal,
    sample_of,
)
from ginkgo_logging.query.loki_connections import Connection, Connections

MOST_ENTRIES: Final = 5000
"""Loki's own limit for one answer, unless its operator has set another."""

LARGEST_ANSWER: Final = 256 * 1024 * 1024
"""Bytes; Loki's own processes hand each other 100 MiB at most."""

_MOST_CONNECTIONS_LOST: Final = 5
_FIRST_DELAY: Final = 0.1
_LONGEST_DELAY: Final = 2.0
_LONGEST_IN_URL: Final = 2000
_LONGEST_SHOWN: Final = 500
_OF_PROXIES: Final = ("ALL_PROXY", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY")
_OF_TLS: Final = ("SSL_CERT_FILE", "SSL_CERT_DIR", "SSLKEYLOGFILE")


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
        self._connections = Connections(self._new_client)
        quiet_httpx.install()

    def __repr__(self) -> str:
        return f"LokiClient({self._access.shown!r})"

    def entries(self, lines: str, start: int, end: int, limit: int, *, newest_first: bool) -> Page:
        """Return entries from *start* (inclusive) to *end* (exclusive), in the order of time."""
        answer = self._ask(
            "query_range",
            query=lines,
            start=str(start),
            end=str(end),
            limit=str(limit),
            direction="backward" if newest_first else "forward",
        )
        with self._understanding(answer):
            found = [entry for stream in answer.result("streams") for entry in entries_of(stream)]
        found.sort(key=lambda entry: entry.time, reverse=newest_first)
        return Page(found, len(answer.body))

    def samples(self, metric: str, at: int) -> list[Sample]:
        """Return what *metric* is at a time, in nanoseconds."""
        answer = self._ask("query", query=metric, time=str(at))
        with self._understanding(answer):
            return [sample_of(one) for one in answer.result("vector")]

    def close(self) -> None:
        """Give back the connections; the next question opens new ones."""
        self._connections.close()

    # --- one question -------------------------------------------------------------------------------------

    def _ask(self, path: str, **parameters: str) -> Answer:
        deadline = time.monotonic() + self._timeout
        for attempt in count(1):
            try:
                return self._accepted(self._request(path, parameters, deadline))
            except _MayPassError as fault:
                longest = min(_FIRST_DELAY * 2 ** min(attempt - 1, 10), _LONGEST_DELAY)
                delay = fault.after or longest * random.uniform(0.5, 1)  # noqa: S311
                is_gone = fault.is_connection and attempt >= _MOST_CONNECTIONS_LOST
                if is_gone or time.monotonic() + delay >= deadline:
                    raise self._unavailable(str(fault)) from fault.__cause__
            time.sleep(delay)
        raise AssertionError

    def _request(self, path: str, parameters: dict[str, str], deadline: float) -> Answer:
        """Return an answer before *deadline*: not even names and heads that come drop by drop hold it up."""
        connection = self._connections.take()
        exchange = in_background(partial(self._exchange, connection, path, parameters, deadline))
        try:
            return exchange.result(max(deadline - time.monotonic(), 0.001))
        except TimeoutError as error:
            raise self._too_slow() from error
        finally:
            self._connections.give_back(connection, exchange)

    def _exchange(
        self, connection: Connection, path: str, parameters: dict[str, str], deadline: float
    ) -> Answer:
        url, form = f"{self._access.shown}/loki/api/v1/{path}", urlencode(parameters)
        is_long = len(form) > _LONGEST_IN_URL
        method, url = ("POST", url) if is_long else ("GET", f"{url}?{form}")
        # Each step of a request may take as long as all may take; the sum is looked at when a part has come.
        left = max(deadline - time.monotonic(), 0.001)
        try:
            with (
                quiet_httpx.kept_out_of_logs(),
                connection.client.stream(
                    method,
                    url,
                    content=form.encode() if is_long else None,
                    headers=_FORM if is_long else None,
                    timeout=left,
                    extensions={"trace": connection.trace},
                ) as response,
            ):
                body = _body_of(response, deadline)
                return Answer(response.status_code, response.reason_phrase, response.headers, body)
        except httpx.TimeoutException as error:
            raise self._too_slow() from error
        except httpx.TransportError as error:
            raise _MayPassError(str(error) or type(error).__name__, is_connection=True) from error
        except UnicodeError as error:
            raise self._unavailable("this is not the name of a server") from error
        except (httpx.RequestError, zlib.error) as error:
            raise self._unavailable(f"an answer that cannot be read: {error}") from error

    def _accepted(self, answer: Answer) -> Answer:
        """Return an answer that may be one to the question."""
        if answer.status == 200:
            return answer
        text = self._without_secrets(answer.text)[:_LONGEST_SHOWN]
        if answer.status == 400 and answer.is_plain:
            raise refusal(f"Loki: {text}")
        if answer.is_too_large:
            raise TooLargeError(self._located(f"{answer.status} {text}"))
        if answer.status in _MAY_PASS:
            raise _MayPassError(f"{answer.status} {text}", answer.retry_after)
        raise self._unavailable(f"{answer.status} {text}")

    def _new_client(self) -> httpx.Client:
        try:
            if (
                self._tls is True
            ):  # one for all clients: it takes longer to make, and more memory, than they do
                self._tls = httpx.create_ssl_context()
            return httpx.Client(headers=self._headers, verify=self._tls)
        except OSError as error:
            raise ConfigError(f"{_set_of(_OF_TLS)}: cannot be used: {error}") from error
        except (ValueError, ImportError, httpx.InvalidURL, UnicodeError) as error:
            # Not in its words, which may show the password of a proxy.
            missing = f": {error}" if isinstance(error, ImportError) else ""
            raise ConfigError(f"{_set_of(_OF_PROXIES)}: no proxy that can be used{missing}") from None

    @contextmanager
    def _understanding(self, answer: Answer) -> Iterator[None]:
        try:
            yield
        except (LookupError, TypeError, ValueError, AttributeError, ArithmeticError) as error:
            what = f"not an answer of Loki but {answer.content_type or 'no content type'}"
            raise self._unavailable(what) from error

    def _located(self, what: str) -> str:
        return f"{self._access.shown}: {what}"

    def _unavailable(self, what: str) -> ServiceUnavailable:
        return ServiceUnavailable(self._located(what))

    def _too_slow(self) -> TooSlowError:
        return TooSlowError(self._located(f"no answer within {self._timeout:g} seconds"))

    def _without_secrets(self, text: str) -> str:
        for secret in self._secrets:
            text = text.replace(secret, "(hidden)")
        return text


_FORM: Final = {"Content-Type": "application/x-www-form-urlencoded"}
# Not 504: Loki has tried for as long as it may, and would again.
_MAY_PASS: Final = frozenset({429, 499, 500, 502, 503})


class _MayPassError(Exception):
    """A fault that another attempt may not meet; *after* so many seconds, if the server says so."""

    def __init__(self, what: str, after: float | None = None, *, is_connection: bool = False) -> None:
        super().__init__(what)
        self.after = after
        self.is_connection = is_connection


def _set_of(variables: tuple[str, ...]) -> str:
    """Return which of these the environment has, httpx's own look at the system's settings included."""
    found = [name for one in variables for name in (one, one.lower()) if os.environ.get(name)]
    return ", ".join(found) or "the system's settings"


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
