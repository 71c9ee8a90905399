"""``ginkgo-logging query``: the lines that fulfil every condition."""

import argparse
import shlex
from collections.abc import Generator
from contextlib import closing
from itertools import islice

from ginkgo_logging import fields
from ginkgo_logging.cli.flags import (
    EXIT_CODES,
    FOUND,
    NOTHING_FOUND,
    add_filters,
    add_look,
    add_store,
    count_of_lines,
    number_of_lines,
    query_of,
    store,
    terminal_of,
)
from ginkgo_logging.cli.lines import SEVERE, line_of
from ginkgo_logging.cli.reversing import last_first
from ginkgo_logging.cli.terminal import complain
from ginkgo_logging.options import without_userinfo
from ginkgo_logging.query.model import Backend, Query, Row


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.epilog = EXIT_CODES
    add_filters(parser)
    parser.add_argument(
        "--limit",
        type=number_of_lines,
        default=100,
        metavar="N",
        help="show the newest N lines (default: 100), or all",
    )
    parser.add_argument(
        "--offset", type=count_of_lines, default=0, metavar="N", help="skip the first N lines"
    )
    parser.add_argument(
        "--order",
        choices=["asc", "desc"],
        help="asc: oldest line first; desc: newest line first. Without it: the newest lines, the newest of them "
        "last",
    )
    add_store(parser)
    add_look(parser)
    parser.set_defaults(execute=execute)


def execute(options: argparse.Namespace) -> int:
    """Print the lines; return the exit code."""
    terminal = terminal_of(options)
    query = query_of(options)
    last_error: Row | None = None
    found = False
    with store(options) as backend, closing(_rows(backend, query, options)) as rows:
        for row in rows:
            found = True
            if options.json:
                terminal.say_json(row)
                continue
            terminal.say(line_of(row, terminal))
            if row.get(fields.LEVEL) in SEVERE and row.get(fields.TRACE_ID):
                last_error = row
    terminal.flush()
    if terminal.is_terminal:
        _advise(options, last_error, found=found)
    return FOUND if found else NOTHING_FOUND


def _rows(backend: Backend, query: Query, options: argparse.Namespace) -> Generator[Row, None, None]:
    """Yield the rows that are to be shown, lazily where their order allows it."""
    limit, offset = options.limit, options.offset
    if limit == 0:
        return
    newest = options.order != "asc" and not (options.order is None and limit is None and not offset)
    with closing(backend.rows(query, "desc" if newest else "asc")) as rows:
        page = islice(rows, offset, None if limit is None else offset + limit)
        yield from last_first(page) if newest and options.order is None else page


def _advise(options: argparse.Namespace, last_error: Row | None, *, found: bool) -> None:
    """Say on a terminal what a person may want next."""
    trace_id = last_error and last_error[fields.TRACE_ID]
    if not found:
        complain("no line fulfils these conditions")
    elif options.trace_id is None and isinstance(trace_id, str) and trace_id.isprintable():
        where = [f"--file {shlex.quote(str(path))}" for path in options.file or ()]
        if options.loki is not None:
            where = [f"--loki {shlex.quote(without_userinfo(options.loki))}"]
        command = " ".join(["ginkgo-logging trace", shlex.quote(trace_id), *where])
        complain(f"the whole chain of the last error shown: {command}")
