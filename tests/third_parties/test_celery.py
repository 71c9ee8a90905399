"""Celery: a worker with the memory broker, its pool in processes, threads and none."""

import shlex
from concurrent.futures import ThreadPoolExecutor

import pytest

from third_parties.program import Output, Project, documented

_TASKS = documented("Celery", "# tasks.py")
_COMMAND = shlex.split(documented("Celery", "celery", "bash"))
_WORKERS = [("local", "prefork"), ("container", "prefork"), ("local", "threads"), ("container", "solo")]
# The memory broker lives within one process: the worker itself sends the tasks, once it is ready.
_SENDER = """
import warnings
from celery.platforms import SecurityWarning
from celery.utils.log import get_task_logger

warnings.filterwarnings("ignore", category=SecurityWarning)  # of a worker that root runs, as in many a CI

logger = get_task_logger(__name__)


@app.task
def work(symbol):
    GLOG.INFO("working on %s", symbol)
    logger.info("logged by Celery's task logger for %s", symbol)


@app.task
def fail(password):
    print("printed by the task")
    raise ValueError(f"cannot log in with password={password}")


@app.task
def last():
    GLOG.INFO("nothing more to do")


@signals.worker_ready.connect
def send(**_):
    with GLOG.with_trace_id("trace-1"):
        work.delay("600519")
        fail.delay(password="abc123")
    last.delay()
"""


def _work(project: Project, pool: str) -> Output:
    project.write("tasks.py", _TASKS, _SENDER)
    celery, *arguments = _COMMAND
    alone = ["--without-mingle", "--without-gossip", "--without-heartbeat"]  # no waiting for other workers
    with project.start(
        celery, "--quiet", *arguments, "--pool", pool, "--concurrency", "1", *alone
    ) as process:
        project.wait_for(r"^Task tasks\.last\[.* succeeded")
    assert 0 == process.returncode, project.output().text
    return project.finished()


@pytest.fixture(scope="module")
def workers(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Output]:
    """What each worker logs from its start to its end; side by side, as each spends seconds on stopping."""
    projects = [Project(tmp_path_factory.mktemp("celery"), mode) for mode, _ in _WORKERS]
    with ThreadPoolExecutor() as executor:
        outputs = executor.map(_work, projects, (pool for _, pool in _WORKERS))
        return dict(zip(map("-".join, _WORKERS), outputs, strict=True))


@pytest.fixture(params=map("-".join, _WORKERS))
def output(workers: dict[str, Output], request: pytest.FixtureRequest) -> Output:
    """What one of the workers logs."""
    return workers[request.param]


def test_a_tasks_lines_are_written_once_with_the_fields(output: Output) -> None:
    """The task's own line, its task logger's and Celery's carry the sender's trace and the task's id, once."""
    received = output.one(r"^Task tasks\.work\[.*\] received")
    task_id = received["message"].partition("[")[2].partition("]")[0]
    rows = [
        output.one("^working on 600519"),
        output.one("^logged by Celery's task logger for 600519"),
        output.one(r"^Task tasks\.work\[.*\] succeeded"),
    ]

    assert ["ginkgo", "tasks", "celery.app.trace"] == [row["logger_name"] for row in rows]
    assert {("info", "trace-1", task_id, "tasks.work")} == {
        (row["level"], row["trace_id"], row["task_id"], row["task_name"]) for row in rows
    }


def test_a_failed_task_is_one_error_with_its_traceback(output: Output) -> None:
    """The exception is one line of celery.app.trace with the fields; the secret is nowhere."""
    row = output.one(r"^Task tasks\.fail\[.*\] raised unexpected")

    assert ("error", "celery.app.trace", "trace-1") == (row["level"], row["logger_name"], row["trace_id"])
    assert ("ValueError", "cannot log in with password=***") == (row["error_type"], row["error_message"])
    assert "in fail" in row["stack_trace"]
    assert "trace.py" == row["source"].partition(":")[0]
    assert "abc123" not in output.text


def test_a_task_leaves_nothing_bound_behind(output: Output) -> None:
    """A task sent without a trace has its own id as trace, whatever ran before it in the same process."""
    row = output.one("^nothing more to do$")

    assert row["task_id"].replace("-", "") == row["trace_id"]
    assert "tasks.last" == row["task_name"]


def test_nothing_but_what_is_printed_goes_past_the_pipe(output: Output) -> None:
    """The worker neither replaces our handlers nor redirects stdout: what a task prints is printed."""
    assert ["printed by the task", "", "worker: Warm shutdown (MainProcess)"] == output.stray
