"""multiprocessing: every start method writes to the one rotating file, and no line is lost."""

from collections import Counter

import pytest

from third_parties.program import ROOT, Project, documented

_LINES = 1000
_POOL = documented("multiprocessing", "import logging\n")
_OWN_LINES = documented("multiprocessing", "multiprocessing.get_logger")


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_children_log_with_their_own_trace(project: Project, method: str) -> None:
    """Each line of a pool of four is written once, with the trace of its task and its child's pid."""
    output = project.run(_POOL, f'if __name__ == "__main__":\n    main("{method}")')

    rows = output.of("worker")
    expected = {f"working on trace-{number}": f"trace-{number}" for number in range(100)}
    assert expected == {row["message"]: row["trace_id"] for row in rows}
    assert 100 == len(rows)
    assert [] == output.stray


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_a_pool_of_four_loses_no_line_when_the_file_rolls_over(project: Project, method: str) -> None:
    """Four children fill many small files: each of their lines is in exactly one of them, whole."""
    shipped = (ROOT / "logging.d" / "local.yaml").read_text(encoding="utf-8")
    small = shipped.replace("max_bytes: 52428800", "max_bytes: 60000")
    project.write("small.yaml", small.replace("backup_count: 10", "backup_count: 99"))
    (project.directory / "small.yaml").chmod(0o600)
    project.environment = {"LOGGING_CONFIG": "small.yaml"}
    program = f"""
from multiprocessing import get_context
from ginkgo_logging import GLOG, setup

def start(shared_barrier):
    global barrier
    barrier = shared_barrier
    setup()

def work(worker):
    barrier.wait()  # each of the four takes one task, and all write at the same time
    for number in range({_LINES}):
        GLOG.INFO("line %d of %d", number, worker)

if __name__ == "__main__":
    setup()
    context = get_context({method!r})
    with context.Pool(4, initializer=start, initargs=(context.Barrier(4, timeout=20),)) as pool:
        pool.map(work, range(4), chunksize=1)
"""

    rows = project.run(program).of("ginkgo")

    expected = Counter(f"line {number} of {worker}" for worker in range(4) for number in range(_LINES))
    assert expected == Counter(row["message"] for row in rows)
    assert 4 == len({row["pid"] for row in rows})
    assert len(list((project.directory / "home/.ginkgo/logs").glob("ginkgo.log.*"))) > 3


def test_multiprocessings_own_lines_join_the_pipe_on_request(project: Project) -> None:
    """With the two documented lines, multiprocessing's INFO lines are written once and by us alone."""
    program = f"""
import multiprocessing
from ginkgo_logging import GLOG, setup

if __name__ == "__main__":
    setup()
    GLOG.set_trace_id("trace-1")
    {_OWN_LINES.replace(chr(10), chr(10) + "    ")}
    child = multiprocessing.get_context("fork").Process(target=print, name="quiet", args=("",))
    child.start()
    child.join()
"""

    output = project.run(program)

    row = output.one("^child process calling self.run")
    assert ("info", "multiprocessing", "trace-1") == (row["level"], row["logger_name"], row["trace_id"])
    assert row["source"].partition(":")[0] in {"util.py", "process.py"}  # the caller, from Python 3.13 on
    assert [""] == output.stray
