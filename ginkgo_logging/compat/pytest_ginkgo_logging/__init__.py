"""pytest plugin: the fixture ``ginkgo_logs``, and no context that one test leaves to the next.

Beside the package, not in it: pytest imports its plugins at every start, and this one costs nothing unless used.
"""

import logging
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from ginkgo_logging.testing import LogRows


@pytest.fixture
def ginkgo_logs() -> Iterator["LogRows"]:
    """What every logger logs during the test, from DEBUG up: a list of the JSON lines as dicts.

    ``ginkgo_logs.filter(level="error", portfolio_id="p-1")`` returns those with these fields.
    """
    from ginkgo_logging.testing import capture_logs

    with capture_logs() as rows:
        yield rows


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup() -> None:
    """Let `ginkgo_logging.setup` leave pytest's own handlers on the root logger: caplog listens there."""
    for handler in logging.getLogger().handlers:
        if type(handler).__module__ == "_pytest.logging":
            handler.outlives_setup = True  # type: ignore[attr-defined]


def pytest_runtest_logfinish() -> None:
    """Clear what the test has bound, whether through ginkgo_logging or structlog."""
    context = sys.modules.get("ginkgo_logging.context")
    if context is not None:
        context.clear()
        context.clear_trace_id()
        context.clear_span_id()
    structlog_contextvars = sys.modules.get("structlog.contextvars")
    if structlog_contextvars is not None:
        structlog_contextvars.clear_contextvars()
