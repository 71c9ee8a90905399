"""SamplingFilter: a share of the traces, each whole; errors always."""

import logging

import pytest
from lines import Collector, logger_with

from ginkgo_logging import context
from ginkgo_logging.filters import ContextFilter, SamplingFilter
from ginkgo_logging.formatters import JsonFormatter


def test_a_trace_is_kept_or_dropped_whole() -> None:
    """
    All lines of one trace share its fate.
    """
    handler = Collector(ContextFilter(), SamplingFilter(default=0.5), formatter=JsonFormatter())
    logger = logger_with(handler)

    for number in range(200):
        with context.with_trace_id(f"trace-{number}"):
            for step in range(3):
                logger.info("step %d", step)

    kept = [row["trace_id"] for row in handler.rows]
    assert {3} == {kept.count(trace_id) for trace_id in kept}
    assert 40 < len(set(kept)) < 160


def test_errors_always_pass() -> None:
    """
    A rate of zero keeps ERROR and CRITICAL.
    """
    handler = Collector(ContextFilter(), SamplingFilter(default=0.0), formatter=JsonFormatter())
    logger = logger_with(handler)

    for level in (logging.DEBUG, logging.INFO, logging.WARNING, logging.ERROR, logging.CRITICAL):
        logger.log(level, "line")

    assert ["error", "critical"] == [row["level"] for row in handler.rows]


def test_rates_by_logger_and_level() -> None:
    """
    The nearest logger's rate counts before the level's.
    """
    sampling = SamplingFilter(levels={"info": 0.0}, loggers={"tests.loud": 1.0})
    handler = Collector(ContextFilter(), sampling, formatter=JsonFormatter())

    logger_with(handler, name="tests.loud.child").info("kept")
    logger_with(handler, name="tests.other").info("dropped")
    logger_with(handler, name="tests.other").warning("kept")

    assert ["kept", "kept"] == [row["message"] for row in handler.rows]


def test_two_handlers_agree() -> None:
    """
    Handlers that share the filter write the same records, and count the others as sampled out.
    """
    shared = SamplingFilter(default=0.5)
    one, other = (Collector(ContextFilter(), shared, formatter=JsonFormatter()) for _ in range(2))
    logger = logger_with(one, other)

    for number in range(100):
        logger.info("line %d", number)

    assert [row["seq"] for row in one.rows] == [row["seq"] for row in other.rows]
    assert 100 == one.counts.seen == one.counts.written + one.counts.sampled_out
    assert 0 < one.counts.written < 100


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"default": 2}, "default must be a number from 0 to 1"),
        ({"levels": {"LOUD": 1}}, "'LOUD' is no level"),
        ({"loggers": ["a"]}, "loggers must map names to rates"),
    ],
)
def test_wrong_options_are_refused(options: dict[str, object], message: str) -> None:
    """
    A wrong option names itself and what is allowed.
    """
    with pytest.raises(ValueError, match=message):
        SamplingFilter(**options)  # type: ignore[arg-type]
