"""structlog's events go through the same handlers as every other line."""

import _thread
import asyncio
import contextvars
import copy
import inspect
import logging
import pickle
import subprocess
import sys
import threading
import time
from collections import UserDict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import pytest
import structlog
from waiting import until

from ginkgo_logging import GLOG, context, setup, stats
from ginkgo_logging.integrations.structlog import StandardLogger, StandardLoggerFactory

ROOT = Path(__file__).parent.parent
Row = dict[str, Any]
Rows = Callable[[], list[Row]]


@pytest.fixture
def rows(tmp_path: Path) -> Rows:
    """Set up logging into a file, and read what was logged since."""
    log_file = tmp_path / "structlog.log"
    setup(file_path=log_file, console_level="CRITICAL", uncaught_exceptions=False)

    def read() -> list[Row]:
        lines = log_file.read_bytes().splitlines() if log_file.exists() else []
        return [row for line in lines if (row := orjson.loads(line))["logger_name"] != "asyncio"]

    return read


def _line_above() -> int:
    """The number of the line above the one that asks."""
    frame = inspect.currentframe()
    assert frame is not None
    assert frame.f_back is not None
    return frame.f_back.f_lineno - 1


def test_the_outermost_frame_is_structlogs_own(rows: Rows) -> None:
    """
    C code may call a logger where no Python frame is.
    """
    _thread.start_new_thread(structlog.get_logger("orders").bind().info, ("placed",))

    (row,) = until(rows, "a line from C code")
    assert ("placed", "_native.py") == (row["message"], row["source"].split(":")[0])


def test_event_with_fields(rows: Rows) -> None:
    """
    The event is the message, its keywords are fields, the module's name is the logger.
    """
    structlog.get_logger().info("event", key="value", n=1)

    (row,) = rows()
    assert ("info", "event", "value", 1, __name__) == (
        row["level"],
        row["message"],
        row["key"],
        row["n"],
        row["logger_name"],
    )


@pytest.mark.parametrize(
    "name", ["debug", "info", "warning", "warn", "error", "critical", "fatal", "msg", "exception"]
)
def test_every_method(rows: Rows, name: str) -> None:
    """
    Each method of structlog's default logger logs at its level.
    """
    getattr(structlog.get_logger(), name)("event")

    (row,) = rows()
    expected = {"warn": "warning", "fatal": "critical", "msg": "info", "exception": "error"}.get(name, name)
    assert ("event", expected) == (row["message"], row["level"])


def test_log_with_a_level(rows: Rows) -> None:
    """
    log() takes the level as a number.
    """
    structlog.get_logger("mine").log(logging.WARNING, "event %d", 2)

    (row,) = rows()
    assert ("warning", "event 2", "mine") == (row["level"], row["message"], row["logger_name"])


RESERVED = [
    *("name", "args", "msg", "message", "levelname", "levelno", "lineno", "pathname", "filename", "module"),
    *("funcName", "created", "thread", "threadName", "process", "asctime", "taskName", "_ginkgo"),
    *("timestamp", "level", "logger_name", "source", "seq", "hostname", "pid", "error_type", "stack_trace"),
]


@pytest.mark.parametrize("name", RESERVED)
def test_reserved_name_as_field(rows: Rows, name: str) -> None:
    """
    A field whose name is taken is kept under another name, and never raises.
    """
    structlog.get_logger().info("event", **{name: "mine"})

    (row,) = rows()
    assert "event" == row["message"]
    assert "mine" == row[f"{name}_"]


@pytest.mark.parametrize(
    "value", ["text", 1, object, ValueError("given"), ("a", "b"), (None, None, None), 0, [], None]
)
@pytest.mark.parametrize("name", ["exc_info", "stack_info", "stacklevel", "extra"])
def test_keyword_of_logging_with_any_value(rows: Rows, name: str, value: object) -> None:
    """
    What means something to logging, given as nonsense, costs neither line nor program.
    """
    structlog.get_logger().info("event", **{name: value})

    assert [True] == [row["message"].startswith("event") for row in rows()]
    assert all(counts["failed"] == 0 for counts in stats().values())


@pytest.mark.parametrize("value", ["text", 1, ["a"], None])
def test_field_that_looks_like_arguments(rows: Rows, value: object) -> None:
    """
    A field with the name under which structlog hands on arguments is just a field.
    """
    structlog.get_logger().info("event", positional_args=value)

    (row,) = rows()
    assert ("event", value) == (row["message"], row["positional_args"])


@pytest.mark.parametrize("way", ["exc_info", "instance", "exception", "tuple"])
def test_exception(rows: Rows, way: str) -> None:
    """
    The exception being handled is on the line, in each way of giving it.
    """
    log = structlog.get_logger()
    try:
        int("x")
    except ValueError as exc:
        match way:
            case "exc_info":
                log.error("failed", exc_info=True)
            case "instance":
                log.error("failed", exc_info=exc)  # noqa: TRY400
            case "exception":
                log.exception("failed")
            case _:
                log.error("failed", exc_info=(ValueError, exc, exc.__traceback__))  # noqa: TRY400

    (row,) = rows()
    assert ("failed", "error", "ValueError") == (row["message"], row["level"], row["error_type"])
    assert "in test_exception" in row["stack_trace"]


def test_stack_info(rows: Rows) -> None:
    """
    The stack ends at the caller, not inside of structlog or us.
    """
    structlog.get_logger().info("where", stack_info=True)

    (row,) = rows()
    assert row["stack_info"].startswith("Stack (most recent call last):\n")
    assert row["stack_info"].endswith('structlog.get_logger().info("where", stack_info=True)')


def test_positional_arguments(rows: Rows) -> None:
    """
    Arguments go into the event; a lone per cent sign is just text.
    """
    log = structlog.get_logger()

    log.info("x %s", 1)
    log.info("%(a)s", {"a": 2})
    log.info("100% sure")

    assert ["x 1", "2", "100% sure"] == [row["message"] for row in rows()]


def test_bind_unbind_new(rows: Rows) -> None:
    """
    What a logger has bound is on its lines.
    """
    log = structlog.get_logger().bind(a=1, b=2)

    log.info("bound")
    log.unbind("a").info("unbound")
    log.new(c=3).info("new")

    assert [{"a": 1, "b": 2}, {"b": 2}, {"c": 3}] == [
        {name: row[name] for name in "abc" if name in row} for row in rows()
    ]


# --- the source --------------------------------------------------------------------------------------------

CHAINS: dict[str, dict[str, Any]] = {
    "ours": {},
    "own processors": {
        "processors": [
            structlog.contextvars.merge_contextvars,
            structlog.processors.CallsiteParameterAdder(),
            structlog.stdlib.render_to_log_kwargs,
        ]
    },
    "stdlib wrapper": {
        "processors": [
            structlog.stdlib.filter_by_level,
            structlog.stdlib.add_logger_name,
            structlog.stdlib.add_log_level,
            structlog.stdlib.PositionalArgumentsFormatter(),
            structlog.processors.TimeStamper(fmt="iso"),
            structlog.stdlib.render_to_log_kwargs,
        ],
        "wrapper_class": structlog.stdlib.BoundLogger,
    },
    "args and kwargs": {
        "processors": [structlog.stdlib.filter_by_level, structlog.stdlib.render_to_log_args_and_kwargs],
        "wrapper_class": structlog.stdlib.BoundLogger,
    },
    "stdlib wrapper, no formatter": {
        "processors": [structlog.stdlib.render_to_log_kwargs],
        "wrapper_class": structlog.stdlib.BoundLogger,
    },
    "no renderer": {"processors": [structlog.processors.add_log_level]},
    "generic wrapper": {"processors": [], "wrapper_class": structlog.BoundLogger},
    "all standard": {
        "processors": [
            structlog.stdlib.PositionalArgumentsFormatter(),
            structlog.stdlib.render_to_log_kwargs,
        ],
        "wrapper_class": structlog.stdlib.BoundLogger,
        "logger_factory": structlog.stdlib.LoggerFactory,
    },
}


def configure(chain: str) -> None:
    options = dict(CHAINS[chain])
    if "logger_factory" in options:  # made here, since that changes the logger class
        options["logger_factory"] = options["logger_factory"]()
    structlog.configure(**options)


@pytest.mark.parametrize("chain", CHAINS)
def test_source_is_the_callers(rows: Rows, chain: str) -> None:
    """
    File and line are the caller's, whatever chain and wrapper the program has configured.
    """
    configure(chain)
    # A name of its own: structlog's own factory finds callers only for loggers that are made after it.
    log = structlog.get_logger(f"tests.structlog.{chain}")

    log.info("event")
    first = _line_above()
    log.bind(a=1).warning("bound")
    second = _line_above()
    log.error("failed", exc_info=ValueError("x"))
    third = _line_above()

    here = Path(__file__).name
    assert [("event", first), ("bound", second), ("failed", third)] == [
        (row["message"], int(row["source"].removeprefix(f"{here}:"))) for row in rows()
    ]


@pytest.mark.parametrize("chain", [name for name in CHAINS if name != "generic wrapper"])
def test_arguments_in_every_chain(rows: Rows, chain: str) -> None:
    """
    Positional arguments are in the message, whatever formats them.
    """
    configure(chain)

    structlog.get_logger().info("x %s of %d", "y", 3, key="value")

    (row,) = rows()
    assert ("x y of 3", "value") == (row["message"], row["key"])
    assert "positional_args" not in row


def test_call_site_processor_sees_the_caller(rows: Rows) -> None:
    """
    structlog's own call-site fields name the program, not us.
    """
    structlog.configure(**CHAINS["own processors"])

    structlog.get_logger().info("event")
    line = _line_above()

    (row,) = rows()
    assert ("test_call_site_processor_sees_the_caller", Path(__file__).name) == (
        row["func_name"],
        row["filename_"],
    )
    assert line == row["lineno_"]


def _helper(log: Any) -> None:
    log.info("from a helper", stacklevel=2)


def test_stacklevel(rows: Rows) -> None:
    """
    stacklevel counts the program's frames.
    """
    log = structlog.get_logger()

    _helper(log)
    line = _line_above()

    (row,) = rows()
    assert f"{Path(__file__).name}:{line}" == row["source"]


@pytest.mark.parametrize("chain", ["ours", "stdlib wrapper", "no renderer"])
def test_async_methods(rows: Rows, chain: str) -> None:
    """
    Awaited methods log with the awaiting line, its context and its exception.
    """
    configure(chain)
    log = structlog.get_logger()
    lines: list[int] = []

    async def work() -> None:
        context.set_trace_id("trace-async")
        await log.ainfo("event %s", 1, key="value")
        lines.append(_line_above())
        try:
            int("x")
        except ValueError:
            await log.aexception("failed")
            lines.append(_line_above())

    asyncio.run(work())

    first, second = rows()
    assert ("event 1", "value", "trace-async") == (first["message"], first["key"], first["trace_id"])
    assert "ValueError" == second["error_type"]
    assert [f"{Path(__file__).name}:{line}" for line in lines] == [first["source"], second["source"]]


def test_async_method_as_a_task(rows: Rows) -> None:
    """
    Where the caller cannot be known, no wrong one is named.
    """
    log = structlog.get_logger()

    async def work() -> None:
        await asyncio.create_task(log.ainfo("event", stack_info=True))

    asyncio.run(work())

    (row,) = rows()
    assert ("event", "(unknown file):0") == (row["message"], row["source"])


def test_name_is_the_first_users(rows: Rows) -> None:
    """
    A logger without a name gets the module's that logs first, as with structlog's own factory.
    """
    names = {"__name__": "shop.orders", "structlog": structlog}

    exec("structlog.get_logger().info('event')", names)

    assert ["shop.orders"] == [row["logger_name"] for row in rows()]


# --- context -------------------------------------------------------------------------------------------------


def test_what_glog_binds(rows: Rows) -> None:
    """
    Trace, category and fields bound through GLOG are on structlog's lines.
    """
    with GLOG.with_trace_id("trace-1"), GLOG.context(portfolio_id="p-1"):
        GLOG.set_log_category("backtest")
        structlog.get_logger().info("event")

    (row,) = rows()
    assert ("trace-1", "backtest", "p-1") == (row["trace_id"], row["log_category"], row["portfolio_id"])


def test_what_structlog_binds(rows: Rows) -> None:
    """
    Fields and ids bound through structlog.contextvars are on standard records, as attributes too.
    """
    seen: list[logging.LogRecord] = []
    logging.getLogger().handlers[-1].addFilter(lambda record: seen.append(record) or True)
    with structlog.contextvars.bound_contextvars(user="ann", trace_id="trace-2", span_id="span-2"):
        logging.getLogger("plain").info("standard")

    (row,) = rows()
    assert ("ann", "trace-2", "span-2") == (row["user"], row["trace_id"], row["span_id"])
    assert ("trace-2", "span-2") == (seen[0].trace_id, seen[0].span_id)  # type: ignore[attr-defined]


def test_id_given_with_the_event(rows: Rows) -> None:
    """
    A trace_id among an event's keywords is the line's trace_id.
    """
    structlog.get_logger().info("event", trace_id="trace-3", span_id="span-3")

    (row,) = rows()
    assert ("trace-3", "span-3") == (row["trace_id"], row["span_id"])
    assert {"trace_id_", "span_id_"}.isdisjoint(row)


def test_merge_contextvars_doubles_nothing(rows: Rows) -> None:
    """
    A chain that merges context variables itself gives the same line.
    """
    structlog.configure(**CHAINS["own processors"])
    structlog.contextvars.bind_contextvars(user="ann", trace_id="trace-4")

    structlog.get_logger().info("event")

    (row,) = rows()
    assert ("ann", "trace-4") == (row["user"], row["trace_id"])
    assert {"user_", "trace_id_"}.isdisjoint(row)


def test_bindings_of_threads(rows: Rows) -> None:
    """
    What a thread binds through structlog is on its own lines only, also when both log at once.
    """
    barrier = threading.Barrier(8)

    def work(number: int) -> None:
        structlog.contextvars.bind_contextvars(worker=number)
        barrier.wait()
        logging.getLogger("standard").info("%d", number)
        structlog.get_logger("bound").info(str(number))

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    logging.getLogger("standard").info("main")

    assert 17 == len(rows())
    assert all(row.get("worker", "main") == int(row["message"]) for row in rows() if row["message"] != "main")
    assert ["worker" in row for row in rows() if row["message"] == "main"] == [False]


# --- the program's own configuration -------------------------------------------------------------------------


def test_configured_program_is_left_alone(tmp_path: Path) -> None:
    """
    A program that has configured structlog keeps what it has.
    """
    structlog.configure(processors=[structlog.processors.JSONRenderer()])
    before = structlog.get_config()

    setup(file_path=tmp_path / "x.log")

    assert before == structlog.get_config()


def test_configuration_is_quickly_ours_again(tmp_path: Path) -> None:
    """
    Calling setup() twice changes nothing for structlog.
    """
    setup(file_path=tmp_path / "x.log")
    before = structlog.get_config()

    setup(file_path=tmp_path / "x.log")

    assert before == structlog.get_config()
    assert StandardLoggerFactory is type(before["logger_factory"])


def _to_bytes(event_dict: Any, **_: object) -> bytes:
    return orjson.dumps(event_dict)


@pytest.mark.parametrize(
    ("renderer", "expected"),
    [
        (structlog.processors.JSONRenderer(sort_keys=True), '{"event": "event", "key": "\\u4ef7"}'),
        (structlog.processors.JSONRenderer(serializer=_to_bytes), '{"key":"价","event":"event"}'),
        (structlog.processors.KeyValueRenderer(key_order=["event"]), "event='event' key='价'"),
        (structlog.processors.LogfmtRenderer(key_order=["event"]), "event=event key=价"),
        (structlog.dev.ConsoleRenderer(colors=False, pad_event_to=0), "event key=价"),
    ],
    ids=["json", "bytes", "key-value", "logfmt", "console"],
)
def test_chain_that_ends_in_a_text(rows: Rows, renderer: Any, expected: str) -> None:
    """
    A chain with a renderer of its own gives the message.
    """
    structlog.configure(processors=[renderer])

    structlog.get_logger().info("event", key="价")

    (row,) = rows()
    assert expected == row["message"].rstrip()


def custom_processor(_logger: object, _log_method: str, event_dict: Any) -> Any:
    """The quickstart's processor."""
    event_dict["app_name"] = "Ginkgo"
    return event_dict


@pytest.mark.parametrize(
    "chain",
    [
        [..., custom_processor, ...],
        [custom_processor, ...],
        [..., custom_processor],
        [..., custom_processor, structlog.stdlib.render_to_log_kwargs],
    ],
    ids=["quickstart", "end", "start", "rendered"],
)
@pytest.mark.parametrize("order", ["setup first", "configured first"])
def test_ellipsis_stands_for_what_was_there(tmp_path: Path, chain: list[Any], order: str) -> None:
    """
    The quickstart's `[..., custom_processor, ...]` works literally, before setup() as after it.
    """
    log_file = tmp_path / "x.log"
    if order == "configured first":
        structlog.configure(processors=chain)
    setup(file_path=log_file, console_level="CRITICAL")
    if order == "setup first":
        structlog.configure(processors=chain)

    structlog.get_logger().info("event", key=1)
    structlog.get_logger().bind(key=2).info("bound")

    rows = [orjson.loads(line) for line in log_file.read_bytes().splitlines()]
    assert [("event", "Ginkgo", 1), ("bound", "Ginkgo", 2)] == [
        (row["message"], row["app_name"], row["key"]) for row in rows
    ]


def test_drop_event(rows: Rows) -> None:
    """
    A sampling processor drops with DropEvent; other levels pass.
    """

    def sampling_processor(_logger: object, log_method: str, event_dict: Any) -> Any:
        if log_method == "info":
            raise structlog.DropEvent
        return event_dict

    structlog.configure(processors=[..., sampling_processor, ...])
    log = structlog.get_logger()

    log.info("dropped")
    log.warning("kept")

    assert ["kept"] == [row["message"] for row in rows()]


def test_disabled_level_runs_no_processor(rows: Rows) -> None:
    """
    What is not logged meets the level filter first.
    """
    seen: list[object] = []
    structlog.configure(processors=[..., lambda _l, _m, event_dict: seen.append(event_dict) or event_dict])
    logging.getLogger("quiet").setLevel(logging.ERROR)
    log = structlog.get_logger("quiet")

    log.info("not logged")
    log.error("logged")

    assert ["logged"] == [row["message"] for row in rows()]
    assert 1 == len(seen)


def test_level_of_a_chain_without_filter(rows: Rows) -> None:
    """
    The standard logger's level counts in any chain.
    """
    structlog.configure(processors=[structlog.processors.KeyValueRenderer()])
    logging.getLogger("quiet").setLevel(logging.ERROR)

    structlog.get_logger("quiet").info("not logged")

    assert [] == rows()


def test_asking_for_the_level(rows: Rows) -> None:
    """
    is_enabled_for and get_effective_level answer for the standard logger.
    """
    logging.getLogger("quiet").setLevel(logging.ERROR)
    log = structlog.get_logger("quiet")

    answers = log.is_enabled_for(logging.INFO), log.is_enabled_for(logging.ERROR), log.get_effective_level()

    assert (False, True, logging.ERROR) == answers


def test_secrets_are_masked(rows: Rows) -> None:
    """
    Fields and text of an event are masked like any other.
    """
    structlog.get_logger().info("login password=hunter2", token="hunter2", user="ann")

    (row,) = rows()
    assert ("login password=***", "***", "ann") == (row["message"], row["token"], row["user"])


def test_callers_fields_stay_as_they_are(rows: Rows) -> None:
    """
    Logging changes nothing that the caller passed in.
    """
    payload = {"name": "x", "password": "hunter2"}
    log = structlog.get_logger().bind(payload=payload)

    log.info("event", **payload)

    assert {"name": "x", "password": "hunter2"} == payload
    assert {"payload": payload} == structlog.get_context(log)


def test_logger_can_be_pickled_and_copied(rows: Rows) -> None:
    """
    A bound logger survives the way to a worker process, and a deep copy.
    """
    log = structlog.get_logger("mine").bind(a=1)

    for other in (pickle.loads(pickle.dumps(log)), copy.deepcopy(log)):
        other.info("event")

    assert [("event", "mine", 1)] * 2 == [(row["message"], row["logger_name"], row["a"]) for row in rows()]


class Hostile:
    def fail(self, *_: object) -> Any:
        raise RuntimeError("no")

    __bool__ = __str__ = __repr__ = __eq__ = __hash__ = __len__ = __iter__ = fail
    __class__ = property(fail)  # type: ignore[assignment]


@pytest.mark.parametrize(
    "name", ["exc_info", "stack_info", "stacklevel", "extra", "positional_args", "value", "args"]
)
@pytest.mark.parametrize("chain", [[structlog.stdlib.render_to_log_kwargs], [structlog.stdlib.add_log_level]])
def test_hostile_value(rows: Rows, chain: list[Any], name: str) -> None:
    """
    Whatever a field or a keyword of logging holds, the call does not raise and the line is there.
    """
    structlog.configure(processors=chain)

    structlog.get_logger("orders").info("placed", **{name: Hostile(), "order": 5})

    assert ("placed", 5) == (rows()[0]["message"], int(rows()[0]["order"]))


def test_stacklevel_beyond_the_first_frame(rows: Rows) -> None:
    """
    The search for the caller ends with the first frame, whatever is asked for.
    """
    structlog.configure(processors=[structlog.stdlib.render_to_log_kwargs])
    started = time.process_time()

    structlog.get_logger("orders").info("placed", stacklevel=10**9)

    assert time.process_time() - started < 5
    assert "placed" == rows()[0]["message"]


@pytest.mark.parametrize("way", ["info", "bound", "structlog's class"])
def test_a_standard_logger_that_is_wrapped(rows: Rows, way: str) -> None:
    """
    A logger that a program wraps gets what such a logger takes, not an event dict, and can be captured.
    """
    others = {"wrapper_class": structlog.stdlib.BoundLogger} if way == "structlog's class" else {}
    log = structlog.wrap_logger(logging.getLogger("wrapped"), **others)
    log = log.bind(n=1) if way == "bound" else log

    log.info("event", key="value")
    with structlog.testing.capture_logs() as captured:
        log.info("captured")

    (row,) = rows()
    assert ("event", "value", "wrapped") == (row["message"], row["key"], row["logger_name"])
    assert ["captured"] == [one["event"] for one in captured]


def test_a_context_that_is_no_dict(rows: Rows) -> None:
    """
    structlog takes any mapping as class of its contexts.
    """
    log = structlog.wrap_logger(StandardLogger(logging.getLogger("mapping")), context_class=UserDict)

    log.bind(n=1).info("event", name="x")

    (row,) = rows()
    assert ("event", 1, "x") == (row["message"], row["n"], row["name_"])


def test_target_answers_like_a_standard_logger() -> None:
    """
    Processors that ask the wrapped logger for standard attributes get them.
    """
    target = StandardLogger(logging.getLogger("mine"))

    assert ("mine", True, False) == (target.name, target.propagate, target.disabled)


def test_fields_survive_a_broken_context(rows: Rows) -> None:
    """
    An empty context of another task sees nothing of ours.
    """
    context.bind(own=1)

    contextvars.Context().run(structlog.get_logger().info, "elsewhere")

    (row,) = rows()
    assert "own" not in row


def test_structlog_without_setup_is_as_ever() -> None:
    """
    Importing us changes nothing about structlog.
    """
    done = subprocess.run(
        [sys.executable, "-c", "import ginkgo_logging, structlog; structlog.get_logger().info('plain', a=1)"],
        env={"PYTHONPATH": str(ROOT), "NO_COLOR": "1"},
        capture_output=True,
        text=True,
        check=True,
    )

    assert "plain" in done.stdout
    assert "a=1" in done.stdout


def test_a_chain_for_standard_loggers_that_was_configured_first(tmp_path: Path) -> None:
    """
    A chain that ends in keyword arguments for logging works though it was set before setup().
    """
    structlog.configure(processors=[structlog.stdlib.render_to_log_kwargs])
    setup(file_path=tmp_path / "first.log", console_level="CRITICAL")

    structlog.get_logger("tests.first").info("event", key=1)

    (row,) = map(orjson.loads, (tmp_path / "first.log").read_bytes().splitlines())
    assert ("event", 1) == (row["message"], row["key"])
