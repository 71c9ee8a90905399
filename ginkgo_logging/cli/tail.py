"""``ginkgo-logging tail``: the last lines, and those that are written from now on."""

import argparse
import dataclasses
import time
from collections import Counter
from collections.abc import Generator, Iterator
from contextlib import closing
from itertools import chain, islice, takewhile

from ginkgo_logging.cli.flags import (
    EXIT_CODES,
    FOUND,
    NOTHING_FOUND,
    add_filters,
    add_look,
    add_store,
    count_of_lines,
    query_of,
    store,
    terminal_of,
)
from ginkgo_logging.cli.lines import line_of
from ginkgo_logging.cli.reversing import last_first
from ginkgo_logging.cli.terminal import complain, json_text
from ginkgo_logging.errors import ServiceUnavailable
from ginkgo_logging.query.model import Backend, Query, Row, order_of


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.epilog = f"{EXIT_CODES} Ctrl-C, which ends --follow, makes it 130."
    parser.add_argument("-f", "--follow", action="store_true", help="then show each line as it is written")
    parser.add_argument(
        "-n",
        "--lines",
        type=count_of_lines,
        default=10,
        metavar="N",
        help="show the last N lines first (default: 10)",
    )
    add_filters(parser, with_time=False)
    add_store(parser)
    add_look(parser)
    parser.set_defaults(execute=execute)


def execute(options: argparse.Namespace) -> int:
    """Print the last lines, then follow if asked to; return the exit code."""
    terminal = terminal_of(options)
    query = query_of(options)
    found = False
    with store(options) as backend:
        rows = (_followed if options.follow else _last)(backend, query, options.lines)
        with closing(rows):
            for row in rows:
                if row is None:
                    terminal.check_reader()
                    continue
                found = True
                if options.json:
                    terminal.say_json(row)
                else:
                    terminal.say(line_of(row, terminal))
                if options.follow:
                    terminal.flush()
    return FOUND if found else NOTHING_FOUND


def _last(backend: Backend, query: Query, number: int) -> Generator[Row | None, None, None]:
    """Yield the newest rows, in the order of time."""
    if number:
        with closing(backend.rows(query, "desc")) as rows:
            yield from last_first(islice(rows, number))


def _newest(backend: Backend, query: Query, number: int) -> tuple[list[Row], Counter[str]]:
    """Return the newest rows in the order of time, and the texts of the older ones of the first one's place."""
    if not number:
        return [], Counter()
    with closing(backend.rows(query, "desc")) as rows:
        newest = list(islice(rows, number))
        older = Counter(
            json_text(row) for row in takewhile(lambda row: _place(row) == _place(newest[-1]), rows)
        )
    return newest[::-1], older


def _followed(backend: Backend, query: Query, number: int) -> Generator[Row | None, None, None]:
    """Yield the newest rows, then those that are written, none of them twice; None while there are none."""
    began = time.time_ns()
    shown, older = _newest(backend, query, number)
    yield from shown
    with closing(backend.tail(query)) as written:
        # From here on the backend misses nothing; what was written since the first question, it did miss.
        first = next(written)
        caught_up = Counter[str]()
        for row in _missed(backend, query, shown, older, began):
            caught_up[json_text(row)] += 1
            yield row
        for one in chain([first], _patiently(written)):
            if one is not None and caught_up and caught_up[json_text(one)]:
                caught_up[json_text(one)] -= 1
            else:
                yield one


def _patiently(written: Generator[Row | None, None, None]) -> Iterator[Row | None]:
    """Yield what is written, also after an outage if the store can go on, which is said once."""
    outage: ServiceUnavailable | None = None
    while True:
        try:
            row = next(written)
        except ServiceUnavailable as error:
            if outage is None:
                complain(f"{error}; trying again")
            outage = error
            row = None
        except StopIteration:
            if outage is not None:  # a store that cannot
                raise outage from None
            return
        if row is not None:
            outage = None
        yield row


def _missed(
    backend: Backend, query: Query, shown: list[Row], older: Counter[str], began: int
) -> Iterator[Row]:
    """Yield the rows that were written since *shown* were the newest, or since *began*."""
    since = _place(shown[0]) if shown else (began, 0)
    known = older + Counter(map(json_text, shown))
    with closing(backend.rows(dataclasses.replace(query, start=since[0]), "asc")) as rows:
        for row in rows:
            text = json_text(row)
            if known[text]:
                known[text] -= 1
            elif _place(row) >= since:
                yield row


def _place(row: Row) -> tuple[int, int]:
    return order_of(row, b"")[:2]
