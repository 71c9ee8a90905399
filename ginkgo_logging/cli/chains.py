"""From the rows of one trace to a tree: processes, in them spans, below a span those that it is the parent of."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from ginkgo_logging import fields
from ginkgo_logging.cli.terminal import json_text
from ginkgo_logging.query.model import Row, timestamp_ns

PARENTS: Final = ("parent_span_id", "parent_id")
"""The fields that may name a span's parent; `ginkgo_logging.propagation` binds the first."""


class Process(NamedTuple):
    """Where a row comes from, as far as it says so."""

    host: str
    pid: str


@dataclass(slots=True, eq=False)
class Node:
    """A process (without ``span_id``) or a span of the trace; ``entries`` are in the order of time."""

    process: Process
    span_id: str
    first: int
    entries: "list[tuple[int, Entry | Node]]" = field(default_factory=list)


class Entry(NamedTuple):
    """A row, and in nanoseconds: when it was written, and how long after the trace's row before it."""

    row: Row
    moment: int
    pause: int


def chain_of(rows: Iterable[Row]) -> list[Node]:
    """Return the processes of a trace whose *rows* are in the order of time."""
    nodes: dict[tuple[Process, str], Node] = {}
    parent_ids: dict[Node, str] = {}
    before = None
    for number, row in enumerate(rows):
        moment = timestamp_ns(row[fields.TIMESTAMP])
        process, span_id = process_of(row), _id(row, fields.SPAN_ID)
        node = nodes.setdefault((process, span_id), Node(process, span_id, number))
        node.entries.append((number, Entry(row, moment, 0 if before is None else max(0, moment - before))))
        before = moment
        if span_id and node not in parent_ids and (parent_id := next(filter(None, _parents(row)), "")):
            parent_ids[node] = parent_id
    parents = _parents_of(nodes.values(), parent_ids)
    return _hung_up(nodes, parents)


def _parents_of(nodes: Iterable[Node], parent_ids: dict[Node, str]) -> dict[Node, Node]:
    """Return the parent of each span that has one among *nodes*, without circles."""
    spans: dict[str, Node] = {}
    for node in nodes:
        spans.setdefault(node.span_id, node)
    parents = {node: spans[name] for node, name in parent_ids.items() if name in spans}
    done: set[Node] = set()
    for start in list(parents):
        way: set[Node] = set()
        here: Node | None = start
        while here is not None and here not in done:
            if here in way:  # lines may say anything
                del parents[here]
                break
            way.add(here)
            here = parents.get(here)
        done |= way
    return parents


def _hung_up(nodes: dict[tuple[Process, str], Node], parents: dict[Node, Node]) -> list[Node]:
    """Put each span into its parent or its process; return the processes."""
    processes = {node.process: node for node in nodes.values() if not node.span_id}
    for node in nodes.values():
        if not node.span_id:
            continue
        above = parents.get(node)
        if above is None:
            above = processes.setdefault(node.process, Node(node.process, "", node.first))
            above.first = min(above.first, node.first)
        above.entries.append((node.first, node))
    for node in [*nodes.values(), *processes.values()]:
        node.entries.sort(key=lambda entry: entry[0])
    return sorted(processes.values(), key=lambda node: node.first)


def process_of(row: Row) -> Process:
    """Return where *row* was written."""
    return Process(_id(row, fields.POD_NAME) or _id(row, fields.HOSTNAME), _id(row, fields.PID))


def _parents(row: Row) -> Iterable[str]:
    return (_id(row, name) for name in PARENTS)


def _id(row: Row, name: str) -> str:
    value = row.get(name)
    if isinstance(value, str):
        return value
    return "" if value is None else json_text(value)
