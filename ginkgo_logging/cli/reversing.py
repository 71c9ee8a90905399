"""Rows in the opposite order, in little memory however many there are."""

import marshal
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from itertools import islice
from typing import Final

from ginkgo_logging.query.model import Row

AT_ONCE: Final = 5000
"""Rows that are in memory together; the others wait in a temporary file, which has no name and ends with us."""


def last_first(rows: Iterable[Row]) -> Iterator[Row]:
    """Yield *rows* from the last to the first."""
    remaining = iter(rows)
    held = list(islice(remaining, AT_ONCE))
    offsets: list[int] = []
    with ExitStack() as stack:
        while following := list(islice(remaining, AT_ONCE)):
            if not offsets:
                file = stack.enter_context(tempfile.TemporaryFile())
            offsets.append(file.tell())
            marshal.dump(held, file)
            held = following
        yield from reversed(held)
        for offset in reversed(offsets):
            file.seek(offset)
            # Nobody else can have written to it.
            yield from reversed(marshal.load(file))  # noqa: S302
