"""``ginkgo-logging trace``: every line of one trace as a tree, with offsets and gaps."""

import argparse
from collections.abc import Iterator
from typing import Any, Final

from ginkgo_logging import fields
from ginkgo_logging.cli.chains import PARENTS, Entry, Node, chain_of, process_of
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
from ginkgo_logging.cli.lines import (
    SEVERE,
    below,
    business_fields,
    clock,
    short_line_of,
    short_value,
)
from ginkgo_logging.cli.terminal import Terminal, complain
from ginkgo_logging.errors import QueryError
from ginkgo_logging.formatters.plain import escape
from ginkgo_logging.query.model import NANOSECONDS, Row, timestamp_ns

_MILLISECOND: Final = 1_000_000
_SHORTEST_GAP: Final = 100 * _MILLISECOND
_GAP_SHARE: Final = 10  # a gap is at least a tenth of the whole
_DEEPEST: Final = 12  # levels that are shown indented
_OFFSET_WIDTH: Final = 12


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.epilog = EXIT_CODES
    parser.add_argument("trace_id", metavar="ID", help="the trace_id")
    add_filters(parser, with_trace=False)
    add_store(parser)
    add_look(parser)
    parser.set_defaults(execute=execute)


def execute(options: argparse.Namespace) -> int:
    """Print the tree; return the exit code."""
    terminal = terminal_of(options)
    if not options.trace_id:
        raise QueryError("ID: is empty")
    query = query_of(options)
    with store(options) as backend:
        rows = list(backend.rows(query, "asc"))
    if not rows:
        complain(
            f"no line has the trace_id {options.trace_id}; ids are compared whole, and as they are written"
        )
        return NOTHING_FOUND
    if options.json:
        for row in rows:
            terminal.say_json(row)
        return FOUND
    known = _common(rows)
    for text in _heading(rows, known, terminal):
        terminal.say(text)
    for text in _Tree(rows, known, terminal).lines(chain_of(rows)):
        terminal.say(text)
    return FOUND


def _heading(rows: list[Row], known: dict[str, Any], terminal: Terminal) -> Iterator[str]:
    first, last = _moment(rows[0]), _moment(rows[-1])
    errors = sum(row.get(fields.LEVEL) in SEVERE for row in rows)
    counts = [_counted(len(rows), "line"), _counted(len(set(map(process_of, rows))), "process", "es")]
    if errors:
        counts.append(terminal.paint(_counted(errors, "error"), "error"))
    trace_id = terminal.paint(short_value(rows[0].get(fields.TRACE_ID), terminal), "id")
    yield f"trace {trace_id}: {', '.join(counts)}, {duration(last - first)} from {clock(first)}"
    if known:
        yield " ".join(f"{escape(name)}={short_value(value, terminal)}" for name, value in known.items())


class _Tree:
    """Draw a chain: at the left what is wrong and when it was, at the right where it happened and what."""

    def __init__(self, rows: list[Row], known: dict[str, Any], terminal: Terminal) -> None:
        self._terminal = terminal
        self._start = _moment(rows[0])
        self._gap = max(_SHORTEST_GAP, (_moment(rows[-1]) - self._start) // _GAP_SHARE)
        self._left_out = {*known, *PARENTS}
        draw = terminal.draw
        self._tee, self._corner = draw("├─ ", "|- "), draw("└─ ", "`- ")
        self._bar, self._error, self._dots = draw("│  ", "|  "), draw("✗", "!"), draw("⋯", "...")
        self._margin = " " * (_OFFSET_WIDTH + 4)

    def lines(self, processes: list[Node]) -> Iterator[str]:
        """Yield the lines of the drawing."""
        # Not recursive: how deep spans are nested is for the lines to say.
        stack: list[tuple[Entry | Node, str, bool, Node | None]] = [
            (node, "", node is processes[-1], None) for node in reversed(processes)
        ]
        while stack:
            what, indent, is_last, above = stack.pop()
            branch = indent + (self._corner if is_last else self._tee)
            inner = indent + ("   " if is_last else self._bar)
            if isinstance(what, Entry):
                yield from self._entry(what, indent, branch, inner)
                continue
            node, name = self._named(what, above)
            yield self._margin + self._terminal.paint(branch, "dim") + name
            if len(inner) > 3 * _DEEPEST:
                inner = indent
            stack += [
                (entry, inner, position == 0, node)
                for position, (_, entry) in enumerate(reversed(node.entries))
            ]

    def _named(self, node: Node, above: Node | None) -> tuple[Node, str]:
        """Return the node whose entries are to be shown, and what it is called."""
        parts = []
        if above is None or above.process != node.process:
            host, pid = node.process
            parts = [escape(host) or "unknown host"] + ([f"pid {escape(pid)}"] if pid else [])
        if not node.span_id and len(node.entries) == 1 and isinstance(node.entries[0][1], Node):
            only = node.entries[0][1]
            if only.process == node.process:
                node = only
        if node.span_id:
            parts.append(f"span {escape(node.span_id)}")
        return node, self._terminal.paint(", ".join(parts), "bold")

    def _entry(self, entry: Entry, indent: str, branch: str, inner: str) -> Iterator[str]:
        terminal, row = self._terminal, entry.row
        if entry.pause >= self._gap:
            silence = f"{self._dots} {duration(entry.pause)} without a line"
            yield f"{self._margin}{terminal.paint(indent + self._bar, 'dim')}{terminal.paint(silence, 'warning')}"
        is_error = row.get(fields.LEVEL) in SEVERE
        mark = terminal.paint(self._error, "error") if is_error else " "
        offset = terminal.paint(f"+{duration(entry.moment - self._start)}".rjust(_OFFSET_WIDTH), "dim")
        text = short_line_of(row, terminal, self._left_out)
        yield f"{mark} {offset}  {terminal.paint(branch, 'dim')}{text}"
        for more in below(row, terminal):
            yield f"{self._margin}{terminal.paint(inner, 'dim')}    {more}"


def duration(length: int) -> str:
    """Return nanoseconds as a person says them."""
    if length < NANOSECONDS:
        return f"{length / _MILLISECOND:.1f} ms"
    seconds = length / NANOSECONDS
    if seconds < 60:
        return f"{seconds:.3f} s"
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02} m {rest:02} s" if hours else f"{minutes} m {rest:02} s"


def _common(rows: list[Row]) -> dict[str, Any]:
    """Return the business fields that all of several rows have in common."""
    if len(rows) == 1:
        return {}
    common = business_fields(rows[0], {fields.SUPPRESSED_COUNT, *PARENTS})
    for row in rows:
        common = {
            name: value for name, value in common.items() if name in row and _are_equal(row[name], value)
        }
    return common


def _are_equal(one: object, other: object) -> bool:
    try:
        return one == other
    except RecursionError:  # lists in lists, as many as a line may hold
        return False


def _counted(number: int, word: str, plural: str = "s") -> str:
    return f"{number} {word}{'' if number == 1 else plural}"


def _moment(row: Row) -> int:
    return timestamp_ns(row[fields.TIMESTAMP])
