"""The filters for context, flow control and processors, on handlers of ours and on foreign ones."""

import io
import logging
import logging.config
import logging.handlers
import os
import pickle
import queue
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import structlog
from lines import Collector, logger_with, make_record
from waiting import until

from ginkgo_logging import context
from ginkgo_logging.filters import ContextFilter, MaskingFilter, ProcessorFilter, ThrottleFilter
from ginkgo_logging.filters.throttle import flush_all
from ginkgo_logging.formatters import JsonFormatter
from ginkgo_logging.handlers import FlightRecorderHandler
from ginkgo_logging.records import state_of
from ginkgo_logging.throttling import OTHERS, Summary

ROOT = str(Path(__file__).parents[1])
ALL_IDS = "%(trace_id)s|%(span_id)s|%(log_category)s|%(message)s"


def foreign(fmt: str, *filters: logging.Filter) -> tuple[logging.Handler, Callable[[], str]]:
    """Return a handler of the standard library and what it wrote."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(logging.Formatter(fmt))
    for one in filters:
        handler.addFilter(one)
    return handler, stream.getvalue


class TestContextFilter:
    def test_plain_format_when_nothing_is_set(self) -> None:
        """
        A format of the standard library may name the ids, also when nothing is set.
        """
        handler, text = foreign(ALL_IDS, ContextFilter())

        logger_with(handler).info("hi")

        assert "||system|hi\n" == text()

    def test_plain_format_when_all_is_set(self) -> None:
        """
        The ids that are bound when the record is made are on it.
        """
        handler, text = foreign(ALL_IDS, ContextFilter())
        context.bind(trace_id="t", span_id="s", log_category="risk")

        logger_with(handler).info("hi")

        assert "t|s|risk|hi\n" == text()

    def test_records_of_child_loggers(self) -> None:
        """
        A handler on a parent logger completes what its children propagate, unlike a filter on that logger.
        """
        handler, text = foreign(ALL_IDS, ContextFilter())
        logger_with(handler)
        context.set_trace_id("t")

        logging.getLogger("tests.pipe.child.of.a.library").warning("hi")

        assert "t||system|hi\n" == text()

    def test_shared_by_two_handlers(self) -> None:
        """
        The second handler finds what the first one's turn put there, whatever is bound by then.
        """
        shared = ContextFilter()
        first, second = make_record(), None
        context.bind(trace_id="t", a=1)
        shared.filter(first)
        state = state_of(first)
        context.bind(trace_id="later", a=2)

        shared.filter(first)
        second = state_of(first)

        assert (True, "t", {"a": 1}) == (state is second, first.trace_id, second.fields)  # type: ignore[attr-defined]

    def test_fields_do_not_collide_with_attributes(self) -> None:
        """
        A bound field with the name of an attribute changes nothing on the record.
        """
        handler, text = foreign("%(name)s %(lineno)d %(message)s", ContextFilter())
        context.bind(name="mine", lineno=-1, args="x", exc_info="y")

        logger_with(handler).info("hi")

        assert ["tests.pipe", "hi"] == text().split()[::2]
        assert "-1" not in text()

    def test_through_a_queue(self) -> None:
        """
        Completed before a standard queue, a record has its context on the other side, in another thread.
        """
        waiting: queue.Queue[Any] = queue.Queue()
        handler = logging.handlers.QueueHandler(waiting)
        handler.addFilter(ContextFilter())
        behind = Collector(ContextFilter(), formatter=JsonFormatter())
        with context.bound(trace_id="t", portfolio_id="p"):
            logger_with(handler).info("hi %s", "ann")

        thread = threading.Thread(target=behind.handle, args=(waiting.get(),))
        thread.start()
        thread.join()

        assert [("hi ann", "t", "p")] == [
            (row["message"], row["trace_id"], row["portfolio_id"]) for row in behind.rows
        ]

    def test_through_a_socket(self) -> None:
        """
        A record pickled as SocketHandler does keeps its context on the other side.
        """
        record = make_record("hi %s", ("ann",))
        with context.bound(trace_id="t", portfolio_id="p"):
            ContextFilter().filter(record)
        sent = logging.handlers.SocketHandler("localhost", 1).makePickle(record)
        behind = Collector(ContextFilter(), formatter=JsonFormatter())

        behind.handle(logging.makeLogRecord(pickle.loads(sent[4:])))

        row = behind.rows[0]
        assert ("hi ann", "t", "p", state_of(record).seq) == (
            row["message"],
            row["trace_id"],
            row["portfolio_id"],
            row["seq"],
        )

    def test_failure_stays_inside(self, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
        """
        Where the context cannot be read, the line is written without it and the caller not hurt.
        """
        handler, text = foreign(ALL_IDS, ContextFilter())
        structlog.contextvars.bind_contextvars(a=1)
        with monkeypatch.context() as patch:
            patch.setattr(structlog.contextvars, "STRUCTLOG_KEY_PREFIX", None)
            logger_with(handler).info("hi")

        assert "||system|hi\n" == text()

    def test_hostile_dict_as_message(self) -> None:
        """
        A dict whose keys raise when compared is written by a foreign handler all the same.
        """

        class Moody:
            hashed = 0

            def __hash__(self) -> int:
                self.hashed += 1
                if self.hashed > 1:
                    raise RuntimeError("no more")
                return 1

            def __repr__(self) -> str:
                return "moody"

        handler, text = foreign(ALL_IDS, ContextFilter())

        logger_with(handler).info({Moody(): 1})

        assert "||system|{moody: 1}\n" == text()


def throttled(**options: Any) -> tuple[Collector, ThrottleFilter]:
    throttle = ThrottleFilter(**options)
    return Collector(ContextFilter(), throttle, MaskingFilter(), formatter=JsonFormatter()), throttle


class TestThrottleFilter:
    def test_limit(self) -> None:
        """
        Of one pattern the first lines pass, the others are counted.
        """
        handler, _ = throttled(limit=3)
        logger = logger_with(handler)

        for number in range(10):
            logger.error("order %d failed", number)

        assert ["order 0 failed", "order 1 failed", "order 2 failed"] == [
            row["message"] for row in handler.rows
        ]
        assert (10, 3, 7) == (handler.counts.seen, handler.counts.written, handler.counts.suppressed)

    @pytest.mark.parametrize("level", [logging.DEBUG, logging.WARNING, logging.CRITICAL])
    def test_other_levels_pass(self, level: int) -> None:
        """
        Flow control concerns errors; CRITICAL always passes.
        """
        handler, _ = throttled(limit=1)
        logger = logger_with(handler)

        for _number in range(5):
            logger.log(level, "same")

        assert 5 == len(handler.rows)

    def test_patterns_are_apart(self) -> None:
        """
        Logger, level and template tell patterns apart; in a ready-made text numbers do not.
        """
        handler, _ = throttled(limit=1)
        logger = logger_with(handler)
        logging.addLevelName(45, "ALERT")

        for number in range(3):
            logger.error("a %d", number)
            logger.error("b %d", number)
            logger.log(45, "a %d", number)
            logging.getLogger("tests.pipe.child").error("a %d", number)
            logger.error(f"ready {number} made 0x{number:x}f {number}.5")

        del logging._levelToName[45], logging._nameToLevel["ALERT"]
        assert 5 == handler.counts.written

    def test_exceptions_are_apart(self) -> None:
        """
        A framework's one template is a pattern for each type of exception and each line that raises one.
        """

        def first() -> None:
            raise ValueError("one")

        def second(number: int) -> None:
            if number % 2:
                raise KeyError(number)
            raise ValueError(number)

        handler, throttle = throttled(limit=1)
        logger = logger_with(handler)

        for number in range(4):
            for call in (first, lambda number=number: second(number)):
                try:
                    call()
                except (KeyError, ValueError):
                    logger.exception("Exception on %s", f"/orders/{number}")
        logger.error("Exception on %s", "/orders", exc_info=ValueError("without a place"))
        logger.error("Exception on %s", "/orders")
        throttle.flush()

        told = [row.get("error_type", row["message"].partition("(")[2]) for row in handler.rows]
        assert ["ValueError", "ValueError", "KeyError", "ValueError", ""] == told[:5]
        summaries = sorted((row["suppressed_count"], row["message"]) for row in handler.rows[5:])
        assert [1, 1, 3] == [count for count, _ in summaries]
        line = first.__code__.co_firstlineno + 1
        assert summaries[2][1].endswith(f": Exception on /orders/0 (ValueError at test_filters.py:{line})")

    @pytest.mark.parametrize("exc_info", [("a", "b"), (None, None, None), (1, 2, 3), (0, ValueError(), 7)])
    def test_what_is_no_exception(self, exc_info: Any) -> None:
        """
        An exc_info that is none is no part of the pattern, and does no harm.
        """
        throttle = ThrottleFilter(limit=1)
        records = [make_record("same", level=logging.ERROR, exc_info=exc_info) for _ in range(2)]

        assert [True, False] == [throttle.filter(record) for record in records]

    def test_disabled(self) -> None:
        """
        When it is off, all lines pass, and occurrences are counted for the statistics.
        """
        handler, throttle = throttled(limit=1, enabled=False)
        logger = logger_with(handler)

        for _number in range(5):
            logger.error("same")
        throttle.flush()

        assert (5, 5) == (len(handler.rows), throttle.throttle.stats().total_count)

    def test_secret_where_the_example_is_cut(self) -> None:
        """
        An example is masked before it is cut, which would make the password of a URL look like something else.
        """
        handler, throttle = throttled(limit=1)
        handler.addFilter(MaskingFilter(patterns=[r"card (\d+) end"]))
        logger = logger_with(handler)

        for secret in (
            "https://ann:hunter2@example.com/",
            "card 4111111 end",
            "[('password', 'hunter2'), 1]",
        ):
            for start in range(455, 500, 4):
                # A word of its own makes a pattern of its own.
                text = f"{secret[:2]}{''.join(chr(97 + int(digit)) for digit in str(start))}".ljust(
                    start, "x"
                )
                for _number in range(2):
                    logger.error(f"{text} {secret}")
        throttle.flush()

        stats = str(throttle.throttle.stats(100))
        assert [] == [part for part in ("hunt", "card 4") if part in handler.text + stats]

    def test_long_templates_are_apart(self) -> None:
        """
        Of a long template little is remembered, and two that differ at their end are two patterns.
        """
        handler, throttle = throttled(limit=1)
        logger = logger_with(handler)

        for end in "aab":
            logger.error("x" * 100_000 + end + "%d", 5)

        patterns = throttle.throttle.stats().top
        assert (2, [2, 1]) == (handler.counts.written, [pattern.seen for pattern in patterns])
        assert max(len(str(pattern.key)) for pattern in patterns) < 1000

    def test_summary_at_flush(self) -> None:
        """
        A flush writes one summary: how many, when, what, and from where.
        """
        handler, throttle = throttled(limit=2)
        logger = logger_with(handler)
        with context.bound(trace_id="of one call", a=1):
            for number in range(5):
                logger.error("order %d failed", number)
                line = sys._getframe().f_lineno - 1

        throttle.flush()

        summary = handler.rows[-1]
        assert {
            "level": "error",
            "logger_name": "tests.pipe",
            "log_category": "system",
            "source": f"test_filters.py:{line}",
            "suppressed_count": 3,
        }.items() <= summary.items()
        assert set() == {"trace_id", "a"} & set(summary)
        clock = time.strftime("%H:%M")
        assert summary["message"].startswith(f"3 more like this from {clock[:2]}")
        assert summary["message"].endswith(": order 0 failed")

    def test_summary_masks_its_example(self) -> None:
        """
        The example in a summary is masked like any message.
        """
        handler, throttle = throttled(limit=1)
        logger = logger_with(handler)
        for _number in range(3):
            logger.error("login failed: password=%s", "hunter2")

        throttle.flush()

        assert (2, False) == (len(handler.lines), b"hunter2" in b"".join(handler.lines))

    def test_summary_with_the_next_passing_record(self) -> None:
        """
        The pattern's first record in a new window is preceded by the summary of the old one.
        """
        now = [1000.0]
        handler, throttle = throttled(limit=1, seconds=60)
        throttle.throttle._clock = lambda: now[0]
        logger = logger_with(handler)
        for _number in range(4):
            logger.error("same")
        now[0] += 61

        logger.error("same")

        assert [None, 3, None] == [row.get("suppressed_count") for row in handler.rows]
        assert handler.rows[1]["seq"] > handler.rows[2]["seq"] - 2

    def test_summary_at_the_end_of_the_window(self) -> None:
        """
        When the window ends, the summary is written though nothing more is logged.
        """
        handler, _ = throttled(limit=1, seconds=0.1)
        logger = logger_with(handler)

        for _number in range(4):
            logger.error("same")

        until(lambda: len(handler.lines) == 2, "the summary")
        assert 3 == handler.rows[-1]["suppressed_count"]

    def test_two_handlers(self) -> None:
        """
        Two handlers count a record once, agree on it, and each writes each summary once.
        """
        throttle = ThrottleFilter(limit=2)
        handlers = [Collector(ContextFilter(), throttle, formatter=JsonFormatter()) for _ in range(2)]
        logger = logger_with(*handlers)

        for _number in range(6):
            logger.error("same")
        throttle.flush()

        assert [[None, None, 4]] * 2 == [
            [row.get("suppressed_count") for row in handler.rows] for handler in handlers
        ]
        assert [4, 4] == [handler.counts.suppressed for handler in handlers]
        assert 6 == throttle.throttle.stats().total_count

    def test_two_throttles(self) -> None:
        """
        Two handlers with a flow control of their own each decide by their own counts.
        """
        strict, lax = ThrottleFilter(limit=1), ThrottleFilter(limit=3)
        shared = [Collector(one, formatter=JsonFormatter()) for one in (strict, lax, strict)]
        logger = logger_with(*shared)

        for _number in range(5):
            logger.error("same")

        assert [(1, 4), (3, 2), (1, 4)] == [(h.counts.written, h.counts.suppressed) for h in shared]
        assert [5, 5] == [one.throttle.stats().total_count for one in (strict, lax)]

    @pytest.mark.parametrize("key", [OTHERS, ("n", 40, "t")])
    def test_summary_of_no_single_call(self, key: object) -> None:
        """
        A summary of several patterns, or one without a call, is written in our own name.
        """
        from ginkgo_logging.filters.throttle import _log_summaries

        handler = Collector(formatter=JsonFormatter())
        logger_with(handler, name="ginkgo_logging")
        try:
            _log_summaries([Summary(key, "other patterns", 7, 0.0, 60.0, None)])
        finally:
            logging.getLogger("ginkgo_logging").handlers.clear()

        (row,) = handler.rows
        assert ("ginkgo_logging", "error", 7) == (row["logger_name"], row["level"], row["suppressed_count"])

    def test_handler_that_logs_an_error(self) -> None:
        """
        A handler that logs an error itself, as broken ones do, ends.
        """
        handler, throttle = throttled(limit=2)
        logger = logger_with(handler)

        class Chatty(logging.Handler):
            def emit(self, record: logging.LogRecord) -> None:
                if not record.getMessage().startswith("trouble"):
                    logger.error("trouble with %s", record.name)

        chatty = Chatty()
        chatty.addFilter(throttle)
        logger.addHandler(chatty)

        for _number in range(20):
            logger.error("same")
        throttle.flush()

        assert 20 > handler.counts.written

    def test_failing_handler_at_a_summary(self, capsys: Any) -> None:
        """
        A foreign handler that raises at a summary does not keep the flow control from its work.
        """
        throttle = ThrottleFilter(limit=1)

        class Broken(logging.Handler):
            def emit(self, record: logging.LogRecord) -> None:
                raise RuntimeError("broken")

        logger = logger_with(Collector(throttle), Broken())
        for _number in range(3):
            with pytest.raises(RuntimeError, match="broken"):
                logger.error("same")

        throttle.flush()

        assert 0 == throttle.throttle.pending

    def test_arguments_of_any_kind(self) -> None:
        """
        Messages that do not print or cannot be told apart pass through the flow control.
        """

        class Unprintable:
            def __str__(self) -> str:
                raise RuntimeError("no text")

        handler, _ = throttled(limit=2)
        logger = logger_with(handler)

        for message in (Unprintable(), None, 5, ValueError("x"), {"a": 1}, ["x"]):
            logger.error(message)

        assert 6 == handler.counts.seen

    def test_child_of_a_fork_starts_from_zero(self) -> None:
        """
        A forked child counts for itself and leaves the parent's summary to the parent.
        """
        handler, throttle = throttled(limit=1)
        logger = logger_with(handler)
        for _number in range(3):
            logger.error("same")
        read, write = os.pipe()

        child = os.fork()
        if child == 0:
            logger.error("same")
            throttle.flush()
            os.write(write, repr([row.get("suppressed_count") for row in handler.rows]).encode())
            os._exit(0)
        os.waitpid(child, 0)
        throttle.flush()

        assert b"[None, None]" == os.read(read, 1000)
        assert [None, 2] == [row.get("suppressed_count") for row in handler.rows]
        os.close(read)
        os.close(write)

    PROGRAM = """
import logging, logging.config, multiprocessing, sys
logging.config.dictConfig({
    "version": 1,
    "filters": {"throttle": {"()": "ginkgo_logging.filters.ThrottleFilter", "limit": 1}},
    "formatters": {"json": {"()": "ginkgo_logging.formatters.JsonFormatter"}},
    "handlers": {"out": {"()": "ginkgo_logging.handlers.JsonStreamHandler", "stream": "ext://sys.stdout",
                         "formatter": "json", "filters": ["throttle"]}},
    "root": {"level": "INFO", "handlers": ["out"]},
})
def work():
    for _ in range(4):
        logging.error("from %s", "work")
if __name__ == "__main__":
    if sys.argv[1] == "main":
        work()
    else:
        process = multiprocessing.get_context(sys.argv[1]).Process(target=work)
        process.start()
        process.join()
"""

    @pytest.mark.parametrize("where", ["main", "fork", "spawn"])
    def test_summary_at_exit(self, where: str, tmp_path: Any) -> None:
        """
        What is held back at exit is told, by a program and by a child of multiprocessing.
        """
        program = tmp_path / "program.py"
        program.write_text(self.PROGRAM)

        result = subprocess.run(
            [sys.executable, str(program), where],
            env={**os.environ, "PYTHONPATH": ROOT},
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        )

        assert ("", 2) == (result.stderr, len(result.stdout.splitlines()))
        assert '"suppressed_count":3' in result.stdout.splitlines()[-1]

    def test_sixteen_threads(self) -> None:
        """
        Under many threads each record is written or counted in a summary, none twice.
        """
        handler, throttle = throttled(limit=5, seconds=0.05)
        logger = logger_with(handler)

        def work(number: int) -> None:
            for _number in range(200):
                logger.error("pattern %s", number % 4)

        threads = [threading.Thread(target=work, args=(number,)) for number in range(16)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        flush_all()

        until(lambda: throttle.throttle.pending == 0, "all that was held back is told")
        told = sum(row.get("suppressed_count", 0) for row in handler.rows)
        passed = sum("suppressed_count" not in row for row in handler.rows)
        assert (3200, told) == (told + passed, handler.counts.suppressed)


PROCESSORS = "filters_processors"


def processed(*paths: str, factories: Any = None, after: tuple[logging.Filter, ...] = ()) -> Collector:
    chain = ProcessorFilter(processors=[f"{PROCESSORS}.{path}" for path in paths], factories=factories)
    return Collector(ContextFilter(), chain, *after, formatter=JsonFormatter())


class TestProcessorFilter:
    def test_adds_to_records_of_others(self) -> None:
        """
        A processor named by its dotted path works on every record, of whatever logger.
        """
        handler = processed("add_region", "remember_call")
        logger_with(handler, name="urllib3.tests")

        logging.getLogger("urllib3.tests.pool").warning("retry %d", 3)

        (row,) = handler.rows
        assert ("retry 3", "cn", "urllib3.tests.pool warning") == (row["message"], row["region"], row["call"])

    def test_sees_fields_and_ids(self) -> None:
        """
        A processor sees the message as event, and the fields, ids and category of the record.
        """
        seen: list[dict[str, Any]] = []
        chain = ProcessorFilter(processors=[lambda _l, _m, event: seen.append(dict(event)) or event])
        context.bind(trace_id="t", portfolio_id="p")

        logger_with(Collector(ContextFilter(), chain)).info("hi %s", "ann", extra={"user": "u"})

        expected = {
            "event": "hi ann",
            "trace_id": "t",
            "log_category": "system",
            "portfolio_id": "p",
            "user": "u",
        }
        assert [expected] == seen

    def test_changes_and_removes(self) -> None:
        """
        A processor may change the event and remove fields, also for formatters of others.
        """
        chain = ProcessorFilter(processors=[f"{PROCESSORS}.shout", f"{PROCESSORS}.forget_user"])
        ours = Collector(ContextFilter(), chain, formatter=JsonFormatter())
        theirs, text = foreign("%(message)s", chain)

        logger_with(ours, theirs).info("hi %s", "ann", extra={"user": "u"})

        assert ("HI ANN", "HI ANN\n", False) == (ours.rows[0]["message"], text(), "user" in ours.rows[0])

    def test_drop(self) -> None:
        """
        What a processor drops is counted as sampled out, once per handler, and asked for once.
        """
        chain = ProcessorFilter(processors=[f"{PROCESSORS}.drop_noise"])
        handlers = [Collector(ContextFilter(), chain, formatter=JsonFormatter()) for _ in range(2)]
        logger = logger_with(*handlers)

        logger.info("noise")
        logger.info("news")

        assert [["news"]] * 2 == [[row["message"] for row in handler.rows] for handler in handlers]
        assert [(2, 1, 1)] * 2 == [(h.counts.seen, h.counts.written, h.counts.sampled_out) for h in handlers]

    def test_summary_is_not_dropped(self) -> None:
        """
        A processor cannot drop the summary of the flow control: it stands for many lines.
        """
        throttle = ThrottleFilter(limit=1)
        chain = ProcessorFilter(processors=[f"{PROCESSORS}.drop_noise"])
        handler = Collector(ContextFilter(), throttle, chain, formatter=JsonFormatter())
        logger = logger_with(handler)
        for _number in range(3):
            logger.error("noise")

        throttle.flush()

        assert [2] == [row["suppressed_count"] for row in handler.rows]

    def test_broken_one_is_skipped(self, capsys: Any) -> None:
        """
        A processor that raises costs neither the line nor the work of the others.
        """
        handler = processed("add_region", "fail", "shout")

        logger_with(handler).info("hi")

        assert ("HI", "cn") == (handler.rows[0]["message"], handler.rows[0]["region"])

    def test_renderer_is_no_processor_here(self) -> None:
        """
        A chain that ends in a text leaves the record as it was.
        """
        handler = processed("add_region", "to_text")

        logger_with(handler).info("hi")

        assert ("hi", False) == (handler.rows[0]["message"], "region" in handler.rows[0])

    def test_ids_of_a_processor(self) -> None:
        """
        A processor gives ids where none are set; where some are, they stay.
        """
        handler = processed("give_ids")
        logger = logger_with(handler)

        logger.info("one")
        context.bind(trace_id="mine")
        logger.info("two")

        assert [("from processor", "5", "risk"), ("mine", "5", "risk")] == [
            (row["trace_id"], row["span_id"], row["log_category"]) for row in handler.rows
        ]
        assert "from processor" == handler.rows[1]["trace_id_"]

    def test_core_names(self) -> None:
        """
        A processor cannot change what only the pipe writes.
        """
        handler = processed("core_names")

        logger_with(handler).info("hi")

        row = handler.rows[0]
        assert ("info", "gold", -1) == (row["level"], row["level_"], row["seq_"])

    def test_processors_of_structlog(self) -> None:
        """
        structlog's own processors work; a level equal to the record's is not repeated.
        """
        chain = ProcessorFilter(
            processors=["structlog.processors.add_log_level"],
            factories={"structlog.processors.TimeStamper": {"fmt": "%Y", "utc": True, "key": "year"}},
        )
        handler = Collector(ContextFilter(), chain, formatter=JsonFormatter())

        logger_with(handler).info("hi")

        row = handler.rows[0]
        assert ("info", False, str(time.gmtime().tm_year)) == (row["level"], "level_" in row, row["year"])

    def test_masked_afterwards(self) -> None:
        """
        What a processor adds is masked by the filter after it.
        """
        handler = processed(
            factories={f"{PROCESSORS}.keeper": {"name": "password", "value": "hunter2"}},
            after=(MaskingFilter(),),
        )

        logger_with(handler).info("hi")

        assert "***" == handler.rows[0]["password"]

    def test_from_a_dictconfig_file(self) -> None:
        """
        A dictConfig file names processors, and factories with their arguments.
        """
        document = {
            "version": 1,
            "disable_existing_loggers": False,
            "filters": {
                "chain": {
                    "()": "ginkgo_logging.filters.ProcessorFilter",
                    "processors": [f"{PROCESSORS}.add_region", f"ext://{PROCESSORS}.shout"],
                    "factories": {
                        f"{PROCESSORS}.keeper": {
                            "name": "limit",
                            "value": "ext://filters_processors.NOT_CALLABLE",
                        }
                    },
                }
            },
            "handlers": {"out": {"()": "lines.Collector", "filters": ["chain"]}},
            "loggers": {"tests.dict": {"level": "INFO", "handlers": ["out"], "propagate": False}},
        }
        logging.config.dictConfig(document)
        handler = logging.getLogger("tests.dict").handlers[0]
        assert isinstance(handler, Collector)
        handler.setFormatter(JsonFormatter())

        logging.getLogger("tests.dict").info("hi")

        row = handler.rows[0]
        assert ("HI", "cn", 5) == (row["message"], row["region"], row["limit"])

    @pytest.mark.parametrize(
        ("options", "named"),
        [
            ({}, "at least one"),
            ({"processors": []}, "at least one"),
            ({"processors": "a.b"}, "must be a list"),
            ({"processors": 5}, "must be a list"),
            ({"processors": ["nowhere.at_all"]}, "nowhere.at_all"),
            ({"processors": ["structlog.processors.nothing"]}, "structlog.processors.nothing"),
            ({"processors": [""]}, "names no processor"),
            ({"processors": [f"{PROCESSORS}.NOT_CALLABLE"]}, "NOT_CALLABLE"),
            ({"processors": ["structlog.processors.TimeStamper"]}, "name it under factories"),
            ({"processors": [5]}, "not a processor"),
            ({"factories": ["a.b"]}, "factories must map"),
            ({"factories": {f"{PROCESSORS}.keeper": "x"}}, "keyword arguments"),
            ({"factories": {f"{PROCESSORS}.keeper": {"nome": 1}}}, "keeper: cannot be built"),
            ({"factories": {f"{PROCESSORS}.to_text": None}}, "to_text: cannot be built"),
            ({"factories": {"builtins.dict": None}}, "not a processor"),
        ],
    )
    def test_wrong_configuration(self, options: dict[str, Any], named: str) -> None:
        """
        A wrong value is refused when the filter is made, with what is wrong.
        """
        with pytest.raises(ValueError, match=named):
            ProcessorFilter(**options)


def test_throttle_refuses_a_wrong_switch() -> None:
    """
    A text is neither true nor false, whatever it says.
    """
    wrong: Any = "no"

    with pytest.raises(ValueError, match="enabled must be true or false, got 'no'"):
        ThrottleFilter(enabled=wrong)


def test_handlers_in_front_of_one_another_are_no_nested_log_calls() -> None:
    """
    A record may pass through more handlers than there may be log calls inside one another.
    """
    last = Collector(ContextFilter(), formatter=JsonFormatter())
    handler: logging.Handler = last
    for _ in range(8):
        handler = FlightRecorderHandler(target=handler)

    logger_with(handler).error("hello")

    assert (1, 0) == (last.counts.written, last.counts.failed)
