"""The flags of the commands that read: which lines, from which store, shown how; and their exit codes."""

import argparse
import dataclasses
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from ginkgo_logging import options as parsers
from ginkgo_logging import settings
from ginkgo_logging.cli.terminal import Terminal, complain
from ginkgo_logging.errors import ConfigError, QueryError
from ginkgo_logging.query import FilesBackend, arguments
from ginkgo_logging.query.model import NAMED_FIELDS, NANOSECONDS, Backend, Query
from ginkgo_logging.query.service import backend_of_settings

EXIT_CODES: Final = (
    "exit code: 0 when lines were found, 1 when none was, 2 for a wrong command line or setting, 3 when the "
    "store cannot answer."
)

FOUND, NOTHING_FOUND = 0, 1

_OTHER_FLAGS: Final = {"log_category": "--category", "logger_name": "--logger"}
_OF_FIELDS: Final = {name: _OTHER_FLAGS.get(name, f"--{name.replace('_', '-')}") for name in NAMED_FIELDS}
_FLAGS: Final = {**_OF_FIELDS, "level": "--level", "contains": "--contains", "regex": "--regex"}
"""Arguments of `arguments.parse_query`, and the flags that say the same."""

_NO_FILE: Final = (
    ": no program has logged to it yet, or they log to a container's stdout "
    "(LOGGING_MODE=local writes the file there too). Name a log with --file or --loki"
)

_UNITS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 7 * 86400}
_AGO: Final = re.compile(r"(?:\d{1,9}[smhdw])+")
_LOCAL: Final = re.compile(r"\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:\.\d{1,6})?)?)?")
_EARLIEST: Final = -62_135_596_800 * NANOSECONDS  # the year 1, where date-times begin


# --- declaring ----------------------------------------------------------------------------------------------


def add_filters(parser: argparse.ArgumentParser, *, with_trace: bool = True, with_time: bool = True) -> None:
    """Declare the flags of `query_of`; `store` and the command's own follow."""
    group = parser.add_argument_group("which lines", "a line must fulfil every condition")
    for name, flag in _OF_FIELDS.items():
        if with_trace or name != "trace_id":
            group.add_argument(flag, dest=name, metavar="ID" if name.endswith("_id") else "NAME")
    group.add_argument(
        "--level",
        action="append",
        metavar="LEVEL",
        help="debug, info, warning, error or critical; or several, separated by commas",
    )
    group.add_argument(
        "--contains",
        metavar="TEXT",
        help="lines with this text in the message, the error's message or the traceback",
    )
    group.add_argument("--regex", metavar="PATTERN", help="the same for a regular expression (RE2 syntax)")
    group.add_argument(
        "--field",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="lines whose field NAME has this value, e.g. --field symbol=AAPL; may be repeated",
    )
    parser.set_defaults(since=None, until=None)
    if not with_time:
        return
    group.add_argument(
        "--since",
        metavar="TIME",
        help="from this time on: 30m, 1h, 2d, 1h30m (ago); 2026-02-26, '2026-02-26 10:30' (local); or RFC 3339",
    )
    group.add_argument(
        "--until",
        metavar="TIME",
        help="up to this time; same forms as --since. In files, lines that were written more than five minutes "
        "after their time may not be found by --since and --until",
    )


def add_store(parser: argparse.ArgumentParser) -> None:
    """Declare the flags of `store`."""
    group = parser.add_argument_group(
        "where", "without these: Loki if the settings have its URL, else the file"
    )
    one_of = group.add_mutually_exclusive_group()
    one_of.add_argument(
        "--file",
        action="append",
        type=Path,
        metavar="PATH",
        help="a log file with its rotated siblings, or a directory of them; may be repeated",
    )
    one_of.add_argument("--loki", metavar="URL", help="a Loki, such as http://loki:3100")


def add_look(parser: argparse.ArgumentParser, json_help: str = "print each line as one JSON object") -> None:
    """Declare ``--json`` and ``--color``."""
    group = parser.add_argument_group("shown how")
    group.add_argument("--json", action="store_true", help=json_help)
    group.add_argument(
        "--color",
        choices=["auto", "always", "never"],
        default="auto",
        help="auto: on a terminal, unless NO_COLOR is set",
    )


def terminal_of(options: argparse.Namespace) -> Terminal:
    """Return standard output as the flags of `add_look` want it."""
    return Terminal("never" if options.json else options.color)


def number_of_lines(text: str) -> int | None:
    """Read a number of lines; None is ``all``."""
    if text == "all":
        return None
    if not text.isdecimal() or not text.isascii():
        raise argparse.ArgumentTypeError(f"{text!r} is neither a number of lines, 0 or more, nor 'all'")
    return min(int(text), arguments.MOST_ROWS)


def count_of_lines(text: str) -> int:
    """Read a number of lines that is not ``all``."""
    number = None if text == "all" else number_of_lines(text)
    if number is None:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of lines")
    return number


# --- what was asked -----------------------------------------------------------------------------------------


def query_of(options: argparse.Namespace) -> Query:
    """Return the question that the flags ask. Raises `QueryError` naming the flag."""
    now = time.time_ns()
    start, end = _moment("--since", options.since, now), _moment("--until", options.until, now)
    if start is not None and end is not None and end < start:
        raise QueryError(f"--until: {options.until} is before --since {options.since}")
    given: dict[str, Any] = {name: getattr(options, name) for name in _FLAGS}
    if given["level"] is not None:
        given["level"] = [name for text in given["level"] for name in text.replace(",", " ").split()]
    try:
        query = arguments.parse_query(**given)
    except QueryError as error:
        name, colon, problem = str(error).partition(":")
        raise QueryError(f"{_FLAGS.get(name, name)}{colon}{problem}") from None
    equal = (*query.equal, *map(_field, options.field))
    return dataclasses.replace(query, start=start, end=end, equal=equal)


def _field(text: str) -> tuple[str, str]:
    name, sign, value = text.partition("=")
    if not sign:
        raise QueryError(f"--field: {text!r} is not NAME=VALUE")
    try:
        # As the value of a name that is free: a field may well be called `level`, or `contains`.
        ((_, checked),) = arguments.parse_query(value=value).equal
        return arguments.parse_field_name(name), checked
    except QueryError as error:
        raise QueryError(f"--field {text!r}: {str(error).removeprefix('value: ')}") from None


def _moment(flag: str, text: str | None, now: int) -> int | None:
    if text is None:
        return None
    text = text.strip()
    if _AGO.fullmatch(text):
        ago = sum(int(number) * _UNITS[unit] for number, unit in re.findall(r"(\d+)([smhdw])", text))
        return max(now - ago * NANOSECONDS, _EARLIEST)
    try:
        is_local = _LOCAL.fullmatch(text) is not None
        return arguments.parse_moment(flag, datetime.fromisoformat(text) if is_local else text)
    except (ValueError, QueryError):
        forms = "30m, 1h, 2d (ago), 2026-02-26, '2026-02-26 10:30' (local), 2026-02-26T10:30:00Z"
        raise QueryError(f"{flag}: {text!r} is no time; there are {forms}") from None


# --- where it is asked --------------------------------------------------------------------------------------


@contextmanager
def store(options: argparse.Namespace) -> Iterator[Backend]:
    """Open the store that the flags, or else the settings, name, and warn about files with nothing to find."""
    backend = _backend(options)
    try:
        missing = getattr(backend, "missing", ())
        for path in missing:
            complain(f"{path} does not exist" + ("" if options.file else _NO_FILE))
        if not missing and (path := _plain_file(options)) is not None:
            complain(f"{path} is written as plain text (logging.format); only JSON lines can be asked for")
        yield backend
    finally:
        backend.close()


def _backend(options: argparse.Namespace) -> Backend:
    if options.file:
        try:
            return FilesBackend(*options.file)
        except RuntimeError as error:  # ~user, whom nobody knows
            raise QueryError(f"--file: {error}") from None
    return backend_of_settings() if options.loki is None else _loki(options.loki)


def _plain_file(options: argparse.Namespace) -> Path | None:
    """Return the file of the settings if that is what is asked and it is no JSON."""
    if options.file or options.loki is not None:
        return None
    chosen = settings.active()
    return chosen.log_file if chosen.loki_url is None and chosen.format == "plain" else None


def _loki(url: str) -> Backend:
    try:
        asked = parsers.url(url)
    except ValueError as error:
        raise QueryError(f"--loki: {parsers.without_userinfo(repr(url))} is not {error}") from None
    try:
        from ginkgo_logging.query.loki import LokiBackend
    except ImportError as error:
        raise ConfigError(f"--loki: to ask a Loki, install ginkgo-logging[loki]: {error}") from error
    chosen = settings.active()
    if chosen.loki_url is not None and _origin(chosen.loki_url) != _origin(asked):
        # The credentials of one server are nothing to show to another.
        chosen = chosen._replace(loki_username=None, loki_password=None, loki_token=None)
        chosen = chosen._replace(loki_tenant=None, loki_client_cert=None)
    return LokiBackend.from_settings(chosen._replace(loki_url=asked))


def _origin(url: str) -> tuple[str, str | None, int | None]:
    parts = urlsplit(url)
    return parts.scheme, parts.hostname, parts.port
