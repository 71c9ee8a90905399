"""QueueHandler: the caller only enqueues; nothing is lost, and what is dropped is counted."""

import itertools
import logging
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest
from lines import Collector, logger_with, strict

from ginkgo_logging import context, record_factory
from ginkgo_logging.filters import ContextFilter, MaskingFilter
from ginkgo_logging.formatters import JsonFormatter
from ginkgo_logging.handlers import QueueHandler
from ginkgo_logging.record_factory import make_record


class Gate(Collector):
    """A target whose writes wait until the gate is opened."""

    def __init__(self) -> None:
        super().__init__(formatter=JsonFormatter())
        self.open = threading.Event()
        self.entered = threading.Event()

    def write_line(self, line: bytes) -> None:
        self.entered.set()
        assert self.open.wait(20)
        super().write_line(line)


@pytest.fixture(autouse=True)
def _records_of_ours() -> Iterator[None]:
    """Loggers make the records that may wait unfiltered, as after `setup`."""
    record_factory.install()
    yield
    record_factory.uninstall()


def _queue(target: logging.Handler, **options: object) -> QueueHandler:
    handler = QueueHandler(target=target, **options)  # type: ignore[arg-type]
    handler.addFilter(ContextFilter())
    handler.addFilter(MaskingFilter())
    return handler


def plain_record(message: str) -> logging.LogRecord:
    return make_record("app", logging.INFO, "/srv/app/orders.py", 7, message, (), None)


def test_context_and_masking_are_the_callers() -> None:
    """
    A line carries what was bound in the thread that logged, masked, though another thread writes it.
    """
    target = Collector(formatter=JsonFormatter())
    queue = _queue(target)

    with context.with_trace_id("trace-1"):
        logger_with(queue).info("password=%s", "hunter2")
    queue.close()

    (row,) = target.rows
    assert ("trace-1", "password=***") == (row["trace_id"], row["message"])


def test_the_exception_stays_apart_from_the_message() -> None:
    """
    Unlike the standard QueueHandler's, a record keeps its exception fields.
    """
    target = Collector(formatter=JsonFormatter())
    queue = _queue(target)

    try:
        int("x")
    except ValueError:
        logger_with(queue).exception("failed")
    queue.close()

    (row,) = target.rows
    assert ("failed", "ValueError") == (row["message"], row["error_type"])


def test_what_waits_is_not_counted_yet() -> None:
    """
    A record counts when the queue's thread has passed it on.
    """
    target = Gate()
    queue = _queue(target)

    for message in ("held by the gate", "waits"):
        queue.handle(plain_record(message))
    assert target.entered.wait(20)
    before = queue.counts.as_dict()
    target.open.set()
    queue.close()

    assert (0, 2) == (before["seen"], queue.counts.written)


def test_what_cannot_be_masked_in_the_end_counts_as_failed() -> None:
    """
    A filter that has lost its masker while records wait lets none of them pass.
    """
    target = Gate()
    queue = _queue(target)

    for message in ("held by the gate", "waits"):
        queue.handle(plain_record(message))
    assert target.entered.wait(20)
    del queue.filters[-1].masker  # type: ignore[union-attr]
    target.open.set()
    queue.close()

    assert (1, 1) == (queue.counts.written, queue.counts.failed)
    assert ["held by the gate"] == [row["message"] for row in target.rows]


def test_arguments_are_fixed_when_logged() -> None:
    """
    What the caller changes after the call is not on the line.
    """
    target = Gate()
    queue = QueueHandler(target=target)
    order = {"state": "new"}

    logger_with(queue).info("order %s", order)
    order["state"] = "changed"
    target.open.set()
    queue.close()

    assert ["order {'state': 'new'}"] == [row["message"] for row in target.rows]


@pytest.mark.parametrize("argument", [5, Decimal(5), ValueError(5)], ids=repr)
def test_what_the_next_handler_changes_is_not_on_the_line(argument: object) -> None:
    """
    A record waits as a copy: another handler's filters may change theirs meanwhile.
    """
    target = Gate()
    queue = _queue(target)
    other = logging.NullHandler()
    logger = logger_with(queue)
    logger.addHandler(other)

    def change(record: logging.LogRecord) -> bool:
        record.msg, record.args, record.trace_id = "changed %s", (7,), "changed"
        return True

    other.handle = change  # type: ignore[method-assign]

    with context.with_trace_id("trace-1"):
        logger.info("order %s", argument)
    target.open.set()
    queue.close()

    (row,) = target.rows
    assert ("order 5", "trace-1") == (row["message"], row["trace_id"])


def test_a_record_of_a_class_of_its_own_waits_whole() -> None:
    """
    A record factory may make records that have more than attributes.
    """

    class Slotted(logging.LogRecord):
        __slots__ = ("order",)

    record = Slotted("app", logging.INFO, "a.py", 7, "x", (), None)
    record.order = "o-1"
    target = logging.NullHandler()
    found: list[str] = []
    target.handle = lambda record: found.append(record.order)  # type: ignore[attr-defined, method-assign]
    queue = _queue(target)

    queue.handle(record)
    queue.close()

    assert ["o-1"] == found


def test_a_target_that_raises_on_close_does_not_keep_the_rest() -> None:
    """
    What waits when there is no thread any more is written by `close`, each record for itself.
    """
    found: list[str] = []
    target = logging.NullHandler()
    target.handle = lambda record: found.append(record.msg) or 1 / (record.msg != "bad")  # type: ignore[method-assign, assignment]
    queue = _queue(target)
    queue._thread = threading.current_thread()  # nobody reads

    for message in ("bad", "good"):
        queue.handle(plain_record(message))
    queue.close()

    assert ["bad", "good"] == found
    assert (2, 1, 1) == (queue.counts.seen, queue.counts.written, queue.counts.failed)


def test_a_target_that_exits_does_not_end_the_thread() -> None:
    """
    SystemExit in the queue's thread is one lost record; what waits behind it is written by that thread.
    """
    found: list[str] = []

    class Exiting(logging.Handler):
        def handle(self, record: logging.LogRecord) -> bool:
            if record.msg == "bad":
                sys.exit("a target may do so")
            found.append(record.msg)
            return True

    queue = _queue(Exiting())
    for message in ("bad", "good"):
        queue.handle(plain_record(message))
    queue.close()

    assert ["good"] == found
    assert (2, 1, 1) == (queue.counts.seen, queue.counts.written, queue.counts.failed)


def test_numbers_grow_in_the_order_of_the_calls() -> None:
    """
    It does not matter whether a record's filters are asked by its caller or by the queue's thread.
    """
    target = Gate()
    queue = _queue(target)
    logger = logger_with(queue)

    for argument in (1, Path("2"), 3, ValueError("4"), "password=5", 6):
        logger.info("%s", argument)
    target.open.set()
    queue.close()

    assert ["1", "2", "3", "4", "password=***", "6"] == [row["message"] for row in target.rows]
    numbers = [row["seq"] for row in target.rows]
    assert sorted(set(numbers)) == numbers


def test_a_record_that_another_handler_wrote_has_its_number() -> None:
    """
    What a handler before the queue found out holds for the queue's thread.
    """
    before, target = (Collector(formatter=JsonFormatter()) for _ in range(2))
    queue = _queue(target)
    before.filters = [*queue.filters]

    with context.bound(trace_id="trace-1"):
        record = make_record("app", logging.INFO, "a.py", 7, "order %s", (5,), None)
        record.portfolio_id = "p-1"
        before.handle(record)
        queue.handle(record)
    queue.close()

    assert before.rows == target.rows
    assert ("trace-1", "p-1") == (target.rows[0]["trace_id"], target.rows[0]["portfolio_id"])


def test_a_template_that_does_not_fit_is_shown_as_it_would_be_elsewhere() -> None:
    """
    The thread shows as much of a message as a caller would.
    """
    targets = [Collector(formatter=JsonFormatter()) for _ in range(2)]
    queue = _queue(targets[0])
    direct = targets[1]
    direct.filters = [*queue.filters]

    for handler in (queue, direct):
        handler.handle(make_record("app", logging.INFO, "a.py", 7, "%d of %s", ("x",), None))
    queue.close()

    one, other = (target.rows[0] for target in targets)
    assert other["message"] == one["message"]


def test_what_waits_is_for_the_filters_of_its_time() -> None:
    """
    A program may take a masking filter away at any time, or add others; what was logged before stays masked.
    """
    target = Gate()
    queue = _queue(target)

    for message in ("held by the gate", "password=hunter2"):
        queue.handle(plain_record(message))
    assert target.entered.wait(20)
    queue.filters = [lambda _record: False]
    target.open.set()
    queue.close()

    assert ["held by the gate", "password=***"] == [row["message"] for row in target.rows]
    assert (2, 2, 0) == (queue.counts.seen, queue.counts.written, queue.counts.failed)


def test_what_was_changed_before_the_queue_is_as_it_is_elsewhere() -> None:
    """
    Another package may give a record another trace_id after a handler of ours.
    """
    before, direct, target = (Collector(formatter=JsonFormatter()) for _ in range(3))
    queue = _queue(target)
    before.filters = direct.filters = [*queue.filters]
    record = plain_record("x")

    with context.with_trace_id("trace-1"):
        before.handle(record)
        record.trace_id = "trace-2"
        queue.handle(record)
        direct.handle(record)
    queue.close()

    assert direct.rows == target.rows
    assert "trace-2" == target.rows[0]["trace_id"]


def test_the_line_of_a_plain_record_is_that_of_any_other() -> None:
    """
    The line of a record whose filters were asked in one step is the one of a record that went through each.
    """
    target = Collector(formatter=JsonFormatter())
    queue = _queue(target)
    logger = logger_with(queue)

    with context.bound(trace_id="trace-1", portfolio_id="p-1"):
        logger.info("order %s", 5)
        logger.info("order %s", Path("5"))
    queue.close()

    fast, other = target.rows
    assert ("order 5", "trace-1", "p-1") == (
        fast["message"],
        fast["trace_id"],
        fast["portfolio_id"],
    )
    assert fast.keys() == other.keys()
    assert {"timestamp", "source", "seq"} >= {name for name in fast if fast[name] != other[name]}
    assert 2 == queue.counts.as_dict()["written"] == target.counts.as_dict()["written"]


def test_a_subclass_with_an_emit_of_its_own_gets_every_record() -> None:
    """
    A subclass that overrides `emit` decides about plain records, too.
    """
    seen = []

    class Own(QueueHandler):
        def emit(self, record: logging.LogRecord) -> None:
            seen.append(record.getMessage())

    queue = Own(target=Collector())
    queue.addFilter(ContextFilter())
    queue.addFilter(MaskingFilter())

    logger_with(queue).info("plain")

    assert ["plain"] == seen


def test_a_subclass_with_a_prepare_of_its_own_prepares_every_record() -> None:
    """
    A subclass that overrides `prepare`, as for the standard QueueHandler, does so for plain records, too.
    """
    prepared = []

    class Own(QueueHandler):
        def prepare(self, record: logging.LogRecord) -> logging.LogRecord:
            prepared.append(record.getMessage())
            return super().prepare(record)

    queue = Own(target=Collector())
    queue.addFilter(ContextFilter())
    queue.addFilter(MaskingFilter())

    queue.handle(plain_record("plain"))

    assert ["plain"] == prepared


def test_a_target_that_logs_after_the_end_comes_to_an_end() -> None:
    """
    A target that logs twice for each record, as an HTTP client does, is not asked without end at exit.
    """
    counts = itertools.count()

    class Chatty(logging.Handler):
        def emit(self, _record: logging.LogRecord) -> None:
            if next(counts) < 1000:
                queue.handle(plain_record("connecting"))
                queue.handle(plain_record("connected"))

    queue = _queue(Chatty())
    queue.close()

    queue.handle(plain_record("the last line"))

    assert next(counts) < 100


def test_order_and_number_under_threads() -> None:
    """
    Sixteen threads' lines all arrive, each thread's in its order.
    """
    target = Collector(formatter=JsonFormatter())
    queue = _queue(target, capacity=50)
    logger = logger_with(queue)

    def work(name: int) -> None:
        for number in range(200):
            logger.info("%d %d", name, number)

    threads = [threading.Thread(target=work, args=(name,)) for name in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    queue.close()

    got = [tuple(map(int, row["message"].split())) for row in target.rows]
    assert [[number for name, number in got if name == one] for one in range(16)] == [list(range(200))] * 16
    assert 3200 == queue.counts.written == target.counts.written


def test_drop_counts_what_found_no_room() -> None:
    """
    With ``drop`` the caller never waits; the law of accounting holds.
    """
    target = Gate()
    queue = _queue(target, capacity=5, when_full="drop")
    logger = logger_with(queue)

    logger.info("held by the gate")
    assert target.entered.wait(20)
    for number in range(20):
        logger.info("%d", number)
    target.open.set()
    queue.close()

    assert (21, 6, 15) == (queue.counts.seen, queue.counts.written, queue.counts.failed)
    assert 6 == len(target.lines)


def test_block_waits_for_room() -> None:
    """
    With ``block`` the caller of a full queue goes on when there is room, and nothing is lost.
    """
    target = Gate()
    queue = _queue(target, capacity=1)
    logger = logger_with(queue)
    caller = threading.Thread(target=lambda: [logger.info("%d", number) for number in range(10)])

    caller.start()
    assert target.entered.wait(20)
    assert caller.is_alive()
    target.open.set()
    caller.join(20)
    queue.close()

    assert [str(number) for number in range(10)] == [row["message"] for row in target.rows]


def test_a_record_after_close_is_written_by_its_caller() -> None:
    """
    Closing loses nothing, not even what comes after.
    """
    target = Collector(formatter=JsonFormatter())
    queue = _queue(target)
    logger = logger_with(queue)
    queue.close()

    logger.info("late")

    assert ["late"] == [row["message"] for row in target.rows]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"capacity": 0}, "capacity must be a whole number from 1, got 0"),
        ({"when_full": "wait"}, "when_full must be one of block, drop, got 'wait'"),
        ({"target": "file"}, "target must be the name of a handler, got 'file'"),
    ],
)
def test_wrong_options_are_refused(options: dict[str, object], message: str) -> None:
    """
    A wrong option names itself and what is allowed.
    """
    with pytest.raises(ValueError, match=message):
        QueueHandler(**{"target": Collector()} | options)  # type: ignore[arg-type]


PROGRAM = """
import logging, os, sys
from ginkgo_logging import setup
setup("container-queue")
logger = logging.getLogger("app")
for number in range(500):
    logger.info("parent %d", number)
pid = os.fork()
if pid == 0:
    logger.info("child")
    sys.exit(0)
os.waitpid(pid, 0)
logger.info("last")
"""


def test_shipped_queue_is_emptied_at_exit_and_lives_after_fork(home: Path) -> None:
    """
    Under container-queue.yaml every line of parent and child is written once, without any call to flush.
    """
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", PROGRAM],
        capture_output=True,
        timeout=60,
        check=False,
        env=os.environ,
    )

    messages = [strict(line)["message"] for line in done.stdout.splitlines()]
    assert (0, b"") == (done.returncode, done.stderr)
    assert sorted([*(f"parent {number}" for number in range(500)), "child", "last"]) == sorted(messages)


def test_shipped_local_queue_writes_to_the_file(home: Path) -> None:
    """
    Under local-queue.yaml the file gets the lines.
    """
    code = "from ginkgo_logging import setup, GLOG; setup('local-queue'); GLOG.INFO('queued')"
    subprocess.run([sys.executable, "-c", code], timeout=60, check=True, env=os.environ, capture_output=True)

    lines = (home / ".ginkgo" / "logs" / "ginkgo.log").read_bytes().splitlines()
    assert ["queued"] == [strict(line)["message"] for line in lines]


SIGNALS = """
import logging, signal, sys
from ginkgo_logging import setup, stats
setup("container-queue")
logger = logging.getLogger("app")
signal.signal(signal.SIGALRM, lambda *_: logger.info("signal"))
signal.setitimer(signal.ITIMER_REAL, 0.0002, 0.0003)
for number in range(3000):
    logger.info("main")
signal.setitimer(signal.ITIMER_REAL, 0)
logging.shutdown()
for name, n in stats().items():
    if n["seen"] != n["written"] + n["suppressed"] + n["sampled_out"] + n["failed"]:
        sys.exit(f"{name}: {n}")
"""


def test_signal_handler_that_logs_from_the_first_record_on(home: Path) -> None:
    """
    A signal handler that logs while the queue's thread starts neither hangs nor miscounts.
    """
    for _ in range(5):
        done = subprocess.run(
            [sys.executable, "-c", SIGNALS], env=os.environ, capture_output=True, timeout=60, check=False
        )

        assert (0, b"") == (done.returncode, done.stderr)
        assert 3000 == done.stdout.count(b'"message":"main"')
