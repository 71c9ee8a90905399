"""FlightRecorderHandler: the details of a trace are written only if it goes wrong."""

import logging
import logging.config

import pytest
from lines import Collector, logger_with

from ginkgo_logging import context
from ginkgo_logging.filters import ContextFilter, MaskingFilter
from ginkgo_logging.formatters import JsonFormatter
from ginkgo_logging.handlers import FlightRecorderHandler


@pytest.fixture
def target() -> Collector:
    """Where the records end up."""
    return Collector(formatter=JsonFormatter())


def _recorder(target: Collector, **options: int) -> FlightRecorderHandler:
    recorder = FlightRecorderHandler(target=target, **options)
    recorder.addFilter(ContextFilter())
    recorder.addFilter(MaskingFilter())
    return recorder


def _messages(target: Collector) -> list[str]:
    return [row["message"] for row in target.rows]


def test_details_come_before_the_error(target: Collector) -> None:
    """
    An error writes what its trace held back, in order, and then itself.
    """
    logger = logger_with(_recorder(target))

    with context.with_trace_id("bad"):
        logger.debug("one")
        logger.info("two")
        logger.error("failed")

    assert ["one", "two", "failed"] == _messages(target)


def test_a_trace_without_error_writes_only_warnings(target: Collector) -> None:
    """
    What nobody asks for is never written.
    """
    recorder = _recorder(target)
    logger = logger_with(recorder)

    with context.with_trace_id("good"):
        logger.info("detail")
        logger.warning("careful")

    assert ["careful"] == _messages(target)
    assert (2, 1, 1) == (recorder.counts.seen, recorder.counts.written, recorder.counts.sampled_out)


def test_an_error_releases_its_own_trace_only(target: Collector) -> None:
    """
    Other traces stay held.
    """
    logger = logger_with(_recorder(target))
    with context.with_trace_id("other"):
        logger.info("other's detail")

    with context.with_trace_id("bad"):
        logger.error("failed")

    assert ["failed"] == _messages(target)


def test_records_without_trace_pass_at_once(target: Collector) -> None:
    """
    A line that belongs to no trace cannot be asked for later, so it is written.
    """
    logger_with(_recorder(target)).debug("no trace")

    assert ["no trace"] == _messages(target)


def test_the_ring_is_bounded(target: Collector) -> None:
    """
    Of one trace the newest lines are held; the law of accounting holds with those lost.
    """
    recorder = _recorder(target, items=3)
    logger = logger_with(recorder)

    with context.with_trace_id("long"):
        for number in range(10):
            logger.info("%d", number)
        logger.error("failed")

    assert ["7", "8", "9", "failed"] == _messages(target)
    assert (11, 4, 7) == (recorder.counts.seen, recorder.counts.written, recorder.counts.sampled_out)


def test_held_text_is_masked_and_fixed_when_logged(target: Collector) -> None:
    """
    A held record says what it said when it was made, without its secrets.
    """
    logger = logger_with(_recorder(target))
    order = {"state": "new"}

    with context.with_trace_id("bad"):
        logger.info("order %s password=hunter2", order)
        order["state"] = "changed"
        logger.error("failed")

    assert "order {'state': 'new'} password=***" == _messages(target)[0]


def test_dictconfig_resolves_the_target(target: Collector) -> None:
    """
    A dictConfig file names the target by its name.
    """
    logging.config.dictConfig(
        {
            "version": 1,
            "disable_existing_loggers": False,
            "handlers": {
                "a-recorder": {"class": "ginkgo_logging.handlers.FlightRecorderHandler", "target": "out"},
                "out": {"class": "logging.NullHandler"},
            },
            "loggers": {"tests.recorded": {"handlers": ["a-recorder"]}},
        }
    )
    (recorder,) = logging.getLogger("tests.recorded").handlers

    assert isinstance(recorder, FlightRecorderHandler)
    assert isinstance(recorder.target, logging.NullHandler)
