"""concurrent.futures: exceptions in callbacks, and context in reused pool threads and processes."""

import pytest

from third_parties.program import Output, Project, Wiring, documented

_TASK = documented("concurrent.futures", "def process_task")
_PROGRAM = """
from concurrent.futures import Future, ThreadPoolExecutor

GLOG.set_trace_id("trace-1")
GLOG.set_log_category("backtest")

def broken_callback(future):
    raise ValueError("cannot log in with password=abc123")

with ThreadPoolExecutor(max_workers=4) as executor:
    list(executor.map(process_task, (f"task-{number}" for number in range(100))))
    list(executor.map(lambda _: GLOG.INFO("afterwards"), range(20)))

future = Future()
future.add_done_callback(broken_callback)
future.set_result(None)
"""


@pytest.fixture(scope="module")
def output(wired_project: Project, wiring: Wiring) -> Output:
    """What a pool of threads and a broken callback log."""
    return wired_project.run(wiring.code, _TASK, _PROGRAM)


def test_an_exception_in_a_callback_is_one_line_with_the_fields(output: Output) -> None:
    """The library's ERROR line has trace, category, traceback and the library's file, and is written once."""
    row = output.one("^exception calling callback")

    assert {
        "level": "error",
        "logger_name": "concurrent.futures",
        "trace_id": "trace-1",
        "log_category": "backtest",
        "error_type": "ValueError",
        "error_message": "cannot log in with password=***",
    }.items() <= row.items()
    assert row["source"].startswith("_base.py:")
    assert "broken_callback" in row["stack_trace"]
    assert [] == output.stray
    assert "abc123" not in output.text


def test_tasks_in_reused_threads_do_not_mix_up(output: Output) -> None:
    """Each task's line has its own task_id, and none is left for the task after it."""
    tasks = [(row["message"], row.get("task_id")) for row in output.rows if "Processing" in row["message"]]
    afterwards = [row.get("task_id") for row in output.rows if row["message"] == "afterwards"]

    assert [(f"Processing task task-{number}", f"task-{number}") for number in range(100)] == sorted(
        tasks, key=lambda task: int(task[1].rpartition("-")[2])
    )
    assert [None] * 20 == afterwards


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_a_process_pool_writes_to_the_one_file(project: Project, method: str) -> None:
    """With `setup` as initializer each line of a ProcessPoolExecutor's children is written, once."""
    program = f"""
import logging
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

from ginkgo_logging import setup

def work(number):
    logging.getLogger("worker").info("working on %d", number)

if __name__ == "__main__":
    setup()
    with ProcessPoolExecutor(2, mp_context=get_context({method!r}), initializer=setup) as executor:
        list(executor.map(work, range(20)))
"""

    output = project.run(program)

    assert {f"working on {number}" for number in range(20)} == {row["message"] for row in output.of("worker")}
    assert 20 == len(output.of("worker"))
    assert [] == output.stray
