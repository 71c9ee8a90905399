"""The whole pipe under faults and chance: threads, forks, kills, and values nobody foresaw."""

import logging
import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from examples import examples
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lines import Collector, strict

from ginkgo_logging import context
from ginkgo_logging.filters import ContextFilter, MaskingFilter, ThrottleFilter
from ginkgo_logging.formatters import JsonFormatter, PlainFormatter

SECRET = "hunter2-Zq9"
MAX_BYTES = 16_000

_scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=20)
    | st.binary(max_size=20)
    | st.dates()
    | st.decimals()
    | st.uuids()
)
_keys = st.text(max_size=10) | st.integers() | st.tuples(st.integers(), st.text(max_size=3))
_nested = st.recursive(
    _scalars,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.tuples(inner, inner)
        | st.dictionaries(_keys, inner, max_size=4)
        | st.frozensets(st.text(max_size=5), max_size=3)
    ),
    max_leaves=12,
)


def _with_secret(value: object) -> object:
    """Return *value* beside a secret, one level down."""
    return {"value": value, "login": {"db_password": SECRET, "note": f"token={SECRET} for {value!r:.20}"}}


WAYS_IN: dict[str, Callable[[logging.Logger, Any], None]] = {
    "message": lambda logger, value: logger.info(value),
    "argument": lambda logger, value: logger.info("value %s", value),
    "extra": lambda logger, value: logger.info("value", extra={"value": value}),
    "exception": lambda logger, value: logger.info("value", exc_info=ValueError(value)),
}


@pytest.mark.parametrize("way_in", WAYS_IN)
@settings(
    max_examples=examples(60), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(value=_nested)
def test_any_value_gives_one_strict_line_without_its_secret(way_in: str, value: object) -> None:
    """
    Whatever is logged, in whatever way: one line of strict JSON within the cap, and no planted secret in it.
    """
    filters = ContextFilter(), ThrottleFilter(), MaskingFilter()
    lines = Collector(*filters, formatter=JsonFormatter(max_bytes=MAX_BYTES))
    plain = Collector(*filters, formatter=PlainFormatter())
    logger = logging.Logger("tests.faults")
    logger.handlers = [lines, plain]

    with context.bound(bound=value):
        WAYS_IN[way_in](logger, _with_secret(value))

    (line,) = lines.lines
    assert len(line) <= MAX_BYTES
    assert "info" == strict(line)["level"]
    assert SECRET not in line.decode()
    assert SECRET not in plain.text


THREADS = """
import logging, os, sys, threading
from ginkgo_logging import setup, stats
setup("local", file_path=sys.argv[1], console_level="CRITICAL")
logger = logging.getLogger("app")

def work(name):
    for number in range(100):
        logger.info("line", extra={"worker": f"{os.getpid()}-{name}", "number": number})

def run(count):
    threads = [threading.Thread(target=work, args=(name,)) for name in range(count)]
    for thread in threads:
        thread.start()
    return threads

threads = run(64)
children = []
for _ in range(3):
    pid = os.fork()
    if pid == 0:
        for thread in run(4):
            thread.join()
        logging.shutdown()
        os._exit(0)
    children.append(pid)
for pid in children:
    assert os.waitpid(pid, 0)[1] == 0
for thread in threads:
    thread.join()
numbers = stats()["file"]
assert numbers["seen"] == numbers["written"] + numbers["failed"] == 6400, numbers
"""


def test_sixty_four_threads_and_forks_in_the_middle(tmp_path: Path, home: Path) -> None:
    """
    Under local.yaml every line of 64 threads, and of children forked while they log, is in the file once.
    """
    log_file = tmp_path / "app.log"

    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", THREADS, str(log_file)],
        env=os.environ,
        capture_output=True,
        timeout=120,
        check=False,
    )

    assert (0, b"") == (done.returncode, done.stderr)
    rows = [strict(line) for line in log_file.read_bytes().splitlines()]
    counted = Counter((row["worker"], row["number"]) for row in rows)
    assert {1} == set(counted.values())
    assert (64 + 3 * 4) * 100 == len(counted)


ENDLESS = """
import logging, sys
from ginkgo_logging import setup
setup("local", file_path=sys.argv[1], console_level="CRITICAL")
logger = logging.getLogger("app")
logger.info("ready")
print("ready", flush=True)
while True:
    logger.info("x" * 2000)
"""


def test_kill_in_the_middle_of_writing(tmp_path: Path, home: Path) -> None:
    """
    After SIGKILL at most the last line is torn, and the next process's lines are whole.
    """
    log_file = tmp_path / "app.log"
    command = [sys.executable, "-c", ENDLESS, str(log_file)]
    for _ in range(3):
        with subprocess.Popen(command, env=os.environ, stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            assert b"ready\n" == process.stdout.readline()
            process.send_signal(signal.SIGKILL)

    lines = log_file.read_bytes().split(b"\n")
    torn = [line for line in lines if line and not line.endswith(b"}")]
    whole = [strict(line) for line in lines if line.endswith(b"}")]
    assert len(torn) <= 3
    assert 3 == [row["message"] for row in whole].count("ready")
