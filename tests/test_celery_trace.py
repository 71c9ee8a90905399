"""Celery: tasks run in their sender's trace, eagerly and in real workers of every kind of pool."""

import os
import signal
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from celery import Celery, chain, signals
from third_parties.program import Output, Project

from ginkgo_logging import context, trace_headers
from ginkgo_logging.integrations import celery as ours

_SIGNALS = (signals.before_task_publish, signals.task_prerun, signals.task_postrun)


@pytest.fixture
def app() -> Iterator[Celery]:
    """An application that runs its tasks at once, in the sender's own thread."""
    app = Celery("eager", broker="memory://", set_as_current=False)
    app.conf.update(task_always_eager=True, task_store_eager_result=False)
    before = [len(signal.receivers) for signal in _SIGNALS]
    ours.instrument()
    ours.instrument()
    yield app
    ours.uninstrument()
    assert before == [len(signal.receivers) for signal in _SIGNALS]


def _seen() -> dict[str, Any]:
    bound = context.current()
    return {"trace_id": bound.trace_id, "log_category": bound.log_category, **bound.fields}


def test_an_eager_task_stays_in_its_callers_trace(app: Celery) -> None:
    """It has the task's fields for its time, and afterwards the caller has what it had, whatever happened."""
    seen: list[dict[str, Any]] = []

    @app.task(name="inner")
    def inner() -> None:
        seen.append(_seen())
        context.bind(left_behind=1)
        raise ValueError("broken")

    @app.task(name="outer")
    def outer() -> None:
        seen.append(_seen())
        inner.apply_async(task_id="2")
        seen.append(_seen())

    ours.instrument(log_category="tasks")
    with context.bound(trace_id="trace-1", log_category="web", order=7):
        before = context.current()
        outer.apply_async(task_id="1")
        assert before == context.current()

    base = {"trace_id": "trace-1", "log_category": "tasks", "order": 7}
    first = {**base, "task_id": "1", "task_name": "outer"}
    assert [first, {**base, "task_id": "2", "task_name": "inner"}, first] == seen


def test_an_eager_task_without_a_trace_has_its_own(app: Celery) -> None:
    """Its id is the trace, or a new one where the id is none of W3C."""
    seen: list[str] = []

    @app.task(name="task")
    def task() -> None:
        seen.append(str(context.get_trace_id()))

    task.apply_async(task_id="4bf92f35-77b3-4da6-a3ce-929d0e0e4736")
    task.apply_async(task_id="job-1")

    assert "4bf92f3577b34da6a3ce929d0e0e4736" == seen[0]
    assert trace_headers.is_w3c_trace_id(seen[1])
    assert None is context.get_trace_id()


def test_chains_stay_in_the_trace(app: Celery) -> None:
    """The tasks of a chain are all in the trace of the one that started it."""
    seen: list[Any] = []

    @app.task(name="task")
    def task() -> None:
        seen.append(context.get_trace_id())

    with context.with_trace_id("trace-1"):
        chain(task.si(), task.si(), app=app)()

    assert ["trace-1", "trace-1"] == seen


class _Task:
    """What signals are given of a task."""

    name = "task"

    def __init__(self, headers: Any) -> None:
        self.request = type("Request", (), {"is_eager": False, "headers": headers})


def _begin(task_id: str, headers: Any) -> None:
    signals.task_prerun.send(sender=None, task_id=task_id, task=_Task(headers))


def _end(task_id: str) -> None:
    signals.task_postrun.send(sender=None, task_id=task_id)


def test_a_task_whose_end_is_not_announced_leaves_nothing_to_the_next(app: Celery) -> None:
    """The next task of the process begins, and ends, with what was bound before the first."""
    with context.bound(worker=1):
        before = context.current()
        _begin("lost", {"X-Trace-ID": "trace-1"})
        context.bind(order=7)
        _begin("next", {"x-trace-id": "trace-2"})
        assert {"trace_id": "trace-2", "log_category": None, "worker": 1} | {
            "task_id": "next",
            "task_name": "task",
        } == _seen()
        _end("unknown")
        _end("next")
        assert before == context.current()


@pytest.mark.parametrize(
    "headers", [None, {}, {"X-Trace-ID": 7, 8: "x"}, {"X-Trace-ID": "bad id", "traceparent": []}]
)
def test_bad_headers_of_a_task_are_overlooked(app: Celery, headers: Any) -> None:
    """A message of another system may hold anything."""
    _begin("1", headers)
    assert trace_headers.is_w3c_trace_id(str(context.get_trace_id()))
    _end("1")


def test_headers_of_the_sender_stay(app: Celery) -> None:
    """What the sender gave as headers is not overwritten, and a message without headers does no harm."""
    headers: dict[str, Any] = {"x-trace-id": "its-own"}
    with context.with_trace_id("trace-1"):
        signals.before_task_publish.send(sender="task", headers=headers)
        signals.before_task_publish.send(sender="task", headers=None)

    assert {"x-trace-id": "its-own"} == headers


# --- real workers -----------------------------------------------------------------------------------------

_TASKS = """
import warnings
from celery import Celery, chain, chord, group, signals
from celery.platforms import SecurityWarning
from ginkgo_logging import GLOG, setup
from ginkgo_logging.integrations import celery

warnings.filterwarnings("ignore", category=SecurityWarning)
app = Celery("tasks", broker={broker!r}, backend="cache+memory://")
app.conf.broker_transport_options = {options}
celery.instrument(log_category="tasks")


@signals.setup_logging.connect
def configure_logging(**_):
    setup()


@app.task
def note(name):
    GLOG.INFO("%s ran", name)
    GLOG.bind_context(left_behind=name)


@app.task(bind=True, max_retries=1)
def again(self):
    GLOG.INFO("attempt %d", self.request.retries)
    if self.request.retries == 0:
        raise self.retry(countdown=0)


@app.task
def parent():
    note.delay("child")
    raise ValueError("password=abc123")


@app.task
def body(results):
    GLOG.INFO("body ran")


@signals.worker_ready.connect
def send(**_):
    with GLOG.with_trace_id("4bf92f3577b34da6a3ce929d0e0e4736"), GLOG.context(sender=1):
        parent.delay()
        again.delay()
        chain(note.si("first"), note.si("second"))()
        if {chords}:
            chord([note.si("header-1"), note.si("header-2")])(body.s())
    with GLOG.with_trace_id("trace-2"):
        note.delay("other")
    note.apply_async(("alone",), task_id="00000000-0000-4000-8000-000000000001")
    note.delay("last")
"""
_POOLS = ["prefork", "threads", "solo"]
_ONE = "4bf92f3577b34da6a3ce929d0e0e4736"


def _work(directory: Path, pool: str) -> Output:
    project = Project(directory)
    # What is in memory lives within one process; for its children there is a directory, without chords.
    is_forked = pool == "prefork"
    options = (
        {"data_folder_in": "queue", "data_folder_out": "queue", "polling_interval": 0.05} if is_forked else {}
    )
    tasks = _TASKS.replace("{options}", repr(options)).replace("{chords}", str(not is_forked))
    project.write(
        "tasks.py", tasks.replace("{broker!r}", repr("filesystem://" if is_forked else "memory://"))
    )
    (directory / "queue").mkdir()
    alone = ["--without-mingle", "--without-gossip", "--without-heartbeat"]
    command = ["celery", "--quiet", "-A", "tasks", "worker", "--pool", pool, "--concurrency", "1", *alone]
    with project.start(sys.executable, "-m", *command) as process:
        awaited = ["^last ran", r"^Task tasks\.again\[.*\] succeeded", "^second ran", "^child ran"]
        for pattern in [*awaited, *([] if is_forked else ["^body ran"])]:
            project.wait_for(pattern)
        # A worker that is asked to stop spends seconds on it; its children stop here, too.
        for pid in sorted({row["pid"] for row in project.output().rows}):
            os.kill(pid, signal.SIGKILL)
        process.wait(20)
    return project.output()


@pytest.fixture(scope="module")
def outputs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Output]:
    """What each worker logs; side by side, as each spends seconds on stopping."""
    directories = [tmp_path_factory.mktemp(f"celery_{pool}") / "project" for pool in _POOLS]
    with ThreadPoolExecutor() as executor:
        return dict(zip(_POOLS, executor.map(_work, directories, _POOLS), strict=True))


@pytest.mark.parametrize("pool", _POOLS)
def test_a_worker_runs_tasks_in_their_senders_trace(outputs: dict[str, Output], pool: str) -> None:
    """Children, retries, chains and chords stay in the trace; another task has its own, or its id."""
    output = outputs[pool]
    expected = {
        "child ran": _ONE,
        "attempt 0": _ONE,
        "attempt 1": _ONE,
        "first ran": _ONE,
        "second ran": _ONE,
    }
    if pool != "prefork":
        expected |= {"header-1 ran": _ONE, "header-2 ran": _ONE, "body ran": _ONE}
    expected |= {"other ran": "trace-2", "alone ran": "00000000000040008000000000000001"}

    rows = {row["message"]: row for row in output.of("ginkgo")}

    last = rows.pop("last ran")
    assert expected == {message: row["trace_id"] for message, row in rows.items()}
    assert last["trace_id"] == last["task_id"].replace("-", "")
    assert not any("left_behind" in row or "sender" in row for row in [*rows.values(), last])
    assert {"tasks"} == {row["log_category"] for row in rows.values()}
    assert {"tasks.note", "tasks.again", "tasks.body"} >= {row["task_name"] for row in rows.values()}


@pytest.mark.parametrize("pool", _POOLS)
def test_celerys_own_lines_about_a_task_have_its_trace(outputs: dict[str, Output], pool: str) -> None:
    """A failure, a retry and a success are logged in the trace; the secret is nowhere."""
    output = outputs[pool]
    for pattern in (r"^Task tasks\.parent\[.*\] raised unexpected", r"^Task tasks\.again\[.*\] retry:"):
        assert (_ONE, "tasks") == (output.one(pattern)["trace_id"], output.one(pattern)["log_category"])
    assert _ONE == output.one(r"^Task tasks\.again\[.*\] succeeded")["trace_id"]
    assert "abc123" not in output.text
