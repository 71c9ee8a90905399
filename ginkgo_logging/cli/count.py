"""``ginkgo-logging count``: how many lines fulfil every condition, exactly."""

import argparse

from ginkgo_logging.cli.flags import (
    EXIT_CODES,
    FOUND,
    NOTHING_FOUND,
    add_filters,
    add_look,
    add_store,
    query_of,
    store,
    terminal_of,
)
from ginkgo_logging.errors import QueryError
from ginkgo_logging.formatters.plain import escape
from ginkgo_logging.query import arguments
from ginkgo_logging.query.model import most_first


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.epilog = EXIT_CODES
    parser.add_argument(
        "--by",
        metavar="FIELD",
        help="count for each value of this field, the most frequent first; '-' stands for lines without it",
    )
    add_filters(parser)
    add_store(parser)
    add_look(parser, "print {count} as JSON, or with --by {value, count} for each value")
    parser.set_defaults(execute=execute)


def execute(options: argparse.Namespace) -> int:
    """Print the number, or a table of numbers; return the exit code."""
    terminal = terminal_of(options)
    query = query_of(options)
    if options.by is None:
        with store(options) as backend:
            total = backend.count(query)
        if options.json:
            terminal.say_json({"count": total})
        else:
            terminal.say(str(total))
        return FOUND if total else NOTHING_FOUND
    try:
        field = arguments.parse_field_name(options.by)
    except QueryError as error:
        raise QueryError(f"--by: {error}") from None
    with store(options) as backend:
        counts = most_first(backend.count_by(query, field))
    width = len(str(max(counts.values(), default=0)))
    for value, count in counts.items():
        if options.json:
            terminal.say_json({"value": value or None, "count": count})
        else:
            terminal.say(f"{count:>{width}} {escape(value) or terminal.paint('-', 'dim')}")
    return FOUND if counts else NOTHING_FOUND
