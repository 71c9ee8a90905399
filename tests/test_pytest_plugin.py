"""The pytest plugin, in runs of pytest as a user has them."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest_plugins = "pytester"
ROOT = Path(__file__).parent.parent


@pytest.fixture
def run(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    """A directory with tests, run with the plugin in an interpreter of its own."""
    paths = [str(ROOT), os.environ.get("PYTHONPATH", "")]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, paths)))
    pytester.plugins = ["pytest_ginkgo_logging"]
    return pytester


_TESTS = """
import logging, threading
import pytest
import structlog
from ginkgo_logging import GLOG, setup

log = logging.getLogger("app.orders")


def test_rows(ginkgo_logs):
    with GLOG.context(portfolio_id="p-1"):
        GLOG.INFO("order %d", 1)
        log.warning("password=%s", "hunter2")
    assert ["order 1", "password=***"] == [row["message"] for row in ginkgo_logs]
    assert 2 == len(ginkgo_logs.filter(portfolio_id="p-1"))
    assert [] == ginkgo_logs.filter(level="error")


@pytest.mark.parametrize("number", range(3))
def test_context_is_cleared_between_tests(number, ginkgo_logs):
    assert (None, None, {}) == (GLOG.get_trace_id(), GLOG.get_span_id(), GLOG.get_context())
    GLOG.set_trace_id("trace-1")
    GLOG.set_span_id("span-1")
    GLOG.bind_context(task_id=number)
    structlog.contextvars.bind_contextvars(order=number)
    log.info("bound")
    assert [("trace-1", number, number)] == [(r["trace_id"], r["task_id"], r["order"]) for r in ginkgo_logs]


def test_caplog_goes_on_after_setup(caplog, ginkgo_logs):
    setup()
    with GLOG.with_trace_id("trace-1"):
        log.warning("password=%s", "hunter2")
    assert ["password=***"] == caplog.messages
    assert "trace-1" == caplog.records[0].trace_id
    assert [("app.orders", logging.WARNING, "password=***")] == caplog.record_tuples
    assert 1 == len(ginkgo_logs)


def test_caplog_without_setup(caplog, ginkgo_logs):
    with caplog.at_level("DEBUG"):
        log.debug("as ever")
    assert ["as ever"] == caplog.messages == [row["message"] for row in ginkgo_logs]


def test_both_fixtures_end(ginkgo_logs):
    assert [] == ginkgo_logs
"""


def test_fixture_context_and_caplog(run: pytest.Pytester) -> None:
    """Rows are asserted on, nothing bound is left to the next test, and caplog works before and after setup()."""
    run.makepyfile(_TESTS)

    result = run.runpytest_subprocess("-W", "error")

    result.assert_outcomes(passed=7)


def test_it_works_in_parallel(run: pytest.Pytester) -> None:
    """The same tests pass in the workers of pytest-xdist."""
    pytest.importorskip("xdist")
    run.makepyfile(_TESTS)

    result = run.runpytest_subprocess("-n", "2", "-W", "error")

    result.assert_outcomes(passed=7)


def test_a_failing_test_shows_the_lines_once(run: pytest.Pytester) -> None:
    """pytest's report of a failure shows what was logged before and after setup(), once each."""
    run.makepyfile(
        """
        import logging
        from ginkgo_logging import setup

        def test_it():
            logging.getLogger("app").warning("before")
            setup()
            logging.getLogger("app").warning("after")
            assert False
        """
    )

    output = run.runpytest_subprocess("--show-capture=log").stdout.str()

    assert [1, 1] == [
        output.count(f"app:test_a_failing_test_shows_the_lines_once.py:{line} ") for line in (5, 7)
    ]


def test_the_plugin_costs_nothing_unless_used(run: pytest.Pytester) -> None:
    """A run that does not use it imports none of the package, so that coverage of it misses nothing either."""
    run.makepyfile(
        """
        import sys

        def test_it():
            heavy = {"ginkgo_logging", "orjson", "structlog", "rich", "yaml"}
            assert set() == heavy & set(sys.modules)
        """
    )

    # In an interpreter without other plugins, which import what they like.
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "pytest_ginkgo_logging"],
        env=os.environ | {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        capture_output=True,
        text=True,
        check=False,
    )

    assert 0 == done.returncode, done.stdout + done.stderr
