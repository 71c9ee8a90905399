"""`LogService`: one set of calls, whichever store the lines are in."""

from collections.abc import Collection, Generator, Mapping
from contextlib import closing
from datetime import timedelta
from functools import cache
from itertools import islice
from typing import Any, Final, Self

from ginkgo_logging import settings
from ginkgo_logging.errors import ConfigError, QueryError
from ginkgo_logging.query import arguments
from ginkgo_logging.query.arguments import Time
from ginkgo_logging.query.files import FilesBackend
from ginkgo_logging.query.model import Backend, Row, most_first

ERRORS: Final = ("error", "critical")
"""The levels that `LogService.query_errors` asks for."""


class LogService:
    """Ask for log lines. Any thread may call any method.

    The *filters* of every method: ``portfolio_id``, ``strategy_id``, ``trace_id``, ``log_category``,
    ``logger_name`` or any other field by its name, equal to a text or number; ``where``, a mapping of such
    fields, for those that are named like an argument; ``level``, one name or
    several; ``contains`` and ``regex``, looked for in message, error message and stack trace;
    ``start_time`` (inclusive) and ``end_time`` (exclusive), a datetime (a naive one is local time) or a text of
    RFC 3339. A filter that is None is left out.

    Every method raises `QueryError` for a malformed question, which names the argument, and
    `ServiceUnavailable` when the store cannot answer.
    """

    def __init__(self, backend: Backend | None = None) -> None:
        """*backend*: None is the store that the settings name: Loki if they have its URL, else local files."""
        self.backend = backend_of_settings() if backend is None else backend

    def query_logs(
        self,
        *,
        portfolio_id: str | None = None,
        strategy_id: str | None = None,
        trace_id: str | None = None,
        level: str | Collection[str] | None = None,
        log_category: str | None = None,
        logger_name: str | None = None,
        contains: str | None = None,
        regex: str | None = None,
        start_time: Time | None = None,
        end_time: Time | None = None,
        limit: int | None = 100,
        offset: int = 0,
        order: str = "desc",
        where: Mapping[str, Any] | None = None,
        **fields: Any,
    ) -> list[Row]:
        """Return rows, the newest first unless *order* is ``asc``; a *limit* of None returns them all.

        Give ``end_time`` when you turn pages by *offset*: rows that are written meanwhile move the pages.
        An *offset* costs as much as reading the rows that it leaves out.
        """
        first, end = arguments.parse_window(limit, offset)
        rows = self.iter_logs(
            portfolio_id=portfolio_id,
            strategy_id=strategy_id,
            trace_id=trace_id,
            level=level,
            log_category=log_category,
            logger_name=logger_name,
            contains=contains,
            regex=regex,
            start_time=start_time,
            end_time=end_time,
            order=order,
            where=where,
            **fields,
        )
        with closing(rows):
            return [] if first == end else list(islice(rows, first, end))

    def iter_logs(
        self,
        *,
        portfolio_id: str | None = None,
        strategy_id: str | None = None,
        trace_id: str | None = None,
        level: str | Collection[str] | None = None,
        log_category: str | None = None,
        logger_name: str | None = None,
        contains: str | None = None,
        regex: str | None = None,
        start_time: Time | None = None,
        end_time: Time | None = None,
        order: str = "desc",
        where: Mapping[str, Any] | None = None,
        **fields: Any,
    ) -> Generator[Row, None, None]:
        """Yield every row lazily: in constant memory, however many there are."""
        query = arguments.parse_query(
            portfolio_id=portfolio_id,
            strategy_id=strategy_id,
            trace_id=trace_id,
            level=level,
            log_category=log_category,
            logger_name=logger_name,
            contains=contains,
            regex=regex,
            start_time=start_time,
            end_time=end_time,
            where=where,
            **fields,
        )
        return self.backend.rows(query, arguments.parse_order(order))

    def query_by_portfolio(self, portfolio_id: str, **filters: Any) -> list[Row]:
        """Return the rows of one portfolio; *filters* are those of `query_logs`."""
        return self.query_logs(portfolio_id=_required("portfolio_id", portfolio_id), **filters)

    def query_by_strategy(self, strategy_id: str, **filters: Any) -> list[Row]:
        """Return the rows of one strategy; *filters* are those of `query_logs`."""
        return self.query_logs(strategy_id=_required("strategy_id", strategy_id), **filters)

    def query_by_trace_id(self, trace_id: str, **filters: Any) -> list[Row]:
        """Return the rows of one trace, in the order of time; all of them unless *filters* has a limit."""
        return self.query_logs(trace_id=_required("trace_id", trace_id), **{**_WHOLE, **filters})

    def query_errors(self, **filters: Any) -> list[Row]:
        """Return rows of level error and critical; *filters* are those of `query_logs`, but for the level."""
        return self.query_logs(level=ERRORS, **filters)

    def get_log_count(self, **filters: Any) -> int:
        """Return how many rows there are: exactly, never the length of a page."""
        return self.backend.count(arguments.parse_query(**filters))

    def count_by(self, field: str, **filters: Any) -> dict[str, int]:
        """Return how many rows there are for each value of *field*, the most frequent first.

        Rows without the field are counted under ``""``.
        """
        counts = self.backend.count_by(arguments.parse_query(**filters), arguments.parse_field_name(field))
        return most_first(counts)

    def histogram(self, step: timedelta, **filters: Any) -> dict[int, dict[str, int]]:
        """Return how many rows there are by time and level: {start of the step: {level: count}}.

        Steps are counted from ``start_time``, which must be given as ``end_time`` must; their starts are
        nanoseconds since the epoch. Raises `QueryError` for more than 10,000 steps.
        """
        query = arguments.parse_query(**filters)
        return self.backend.histogram(query, arguments.parse_step(step, query))

    def tail(self, **filters: Any) -> Generator[Row, None, None]:
        """Yield rows as they are written, from now on and for ever."""
        return _without_none(self.follow(**filters))

    def follow(self, **filters: Any) -> Generator[Row | None, None, None]:
        """Yield as `tail` does, and None at least once a second when nothing is written."""
        return self.backend.tail(arguments.parse_query(**filters))

    def close(self) -> None:
        """Give back connections and files; calling it again does nothing."""
        self.backend.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


_WHOLE: Final = {"limit": None, "order": "asc"}


@cache
def log_service() -> LogService:
    """Return the process's `LogService` for the store that the settings name, made at the first call."""
    return LogService()


def backend_of_settings() -> Backend:
    """Return the store that the settings name: Loki if they have its URL, else the local files.

    Raises `ConfigError` when the settings are wrong, or name Loki and the extra ``loki`` is not installed.
    """
    chosen = settings.active()
    if chosen.loki_url is None:
        return FilesBackend(chosen.log_file)
    try:
        from ginkgo_logging.query.loki import LokiBackend
    except ImportError as error:
        raise ConfigError(f"loki.url: to ask a Loki, install ginkgo-logging[loki]: {error}") from error
    return LokiBackend.from_settings(chosen)


def _without_none(rows: Generator[Row | None, None, None]) -> Generator[Row, None, None]:
    with closing(rows):
        yield from (row for row in rows if row is not None)


def _required(name: str, value: object) -> Any:
    if value is None:
        raise QueryError(f"{name}: is missing")
    return value
