"""Rows from the last to the first, in little memory."""

import tracemalloc
from typing import Any

import pytest

from ginkgo_logging.cli import reversing
from ginkgo_logging.cli.reversing import last_first


@pytest.mark.parametrize("number", [0, 1, 7, 8, 9, 100])
def test_every_row_comes_once(monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    """
    The rows are the same in the opposite order, whatever is in them, and whether they fit into memory or not.
    """
    monkeypatch.setattr(reversing, "AT_ONCE", 8)
    rows = [
        {"n": n, "big": 2**70, "text": "\ufffd价", "deep": [{"a": [None, 1.5, True]}]} for n in range(number)
    ]

    assert rows[::-1] == list(last_first(iter(rows)))


def test_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    However many rows there are, few are in memory.
    """
    monkeypatch.setattr(reversing, "AT_ONCE", 100)

    def row(n: int) -> dict[str, Any]:
        return {"n": n, "text": f"{n}" * 300}

    tracemalloc.start()
    try:
        assert 20_000 == sum(1 for _ in last_first(map(row, range(20_000))))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()

    assert peak < 2_000_000
