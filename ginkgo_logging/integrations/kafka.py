"""Kafka headers as plain lists of pairs: for aiokafka, confluent-kafka and kafka-python."""

import contextlib
from collections.abc import Iterable, Iterator

from ginkgo_logging import propagation, trace_headers

Value = bytes | str | None


def inject(headers: Iterable[tuple[str, Value]] | None = None) -> list[tuple[str, Value]]:
    """Return *headers* of a message to send, and those of the trace that is bound, unless they are among them."""
    given = list(headers or ())
    there = {name.lower() for name, _ in given}
    ours = propagation.inject().items()
    return given + [(name, value.encode("ascii")) for name, value in ours if name.lower() not in there]


@contextlib.contextmanager
def extract(headers: Iterable[tuple[str, Value]] | None, *, log_category: str | None = None) -> Iterator[str]:
    """Bind inside the block the trace that a message's *headers* name, else a new one; yield its trace_id.

    What is wrong with the headers is overlooked. Afterwards all that is bound is exactly as it was before: the
    next message of the loop does not see this one's fields.
    """
    caller = trace_headers.read_pairs(_texts(headers))
    with propagation.bound_to(caller, log_category=log_category) as trace_id:
        yield trace_id


def _texts(headers: Iterable[tuple[str, Value]] | None) -> Iterator[tuple[str, str]]:
    for pair in headers or ():
        # A producer in another language may send any bytes as a name, and clients differ in what they make of it.
        if isinstance(pair, tuple | list) and len(pair) == 2 and isinstance(pair[0], str):
            name, value = pair
            if isinstance(value, bytes | str):
                yield name, value.decode("latin-1") if isinstance(value, bytes) else value
