"""APScheduler: jobs in pool threads, without any wiring."""

import pytest

from third_parties.program import Output, Project, Wiring, documented

_JOB = documented("APScheduler", "def job")
_PROGRAM = """
import datetime
from threading import Event
from apscheduler.events import EVENT_JOB_ERROR
from apscheduler.schedulers.background import BackgroundScheduler

def broken():
    raise ValueError("no connection with password=abc123")

failed = Event()
scheduler = BackgroundScheduler(timezone=datetime.timezone.utc)
scheduler.add_listener(lambda _: failed.set(), EVENT_JOB_ERROR)
scheduler.start()
scheduler.add_job(job)
scheduler.add_job(job)
scheduler.add_job(broken)
assert failed.wait(20)
scheduler.shutdown()
"""


@pytest.fixture(scope="module")
def output(wired_project: Project, wiring: Wiring) -> Output:
    """What a scheduler logs for two good jobs and a broken one."""
    # Imported first: loggers that exist before the configuration must not be disabled by it.
    return wired_project.run("import apscheduler.schedulers.background", wiring.code, _JOB, _PROGRAM)


def test_each_job_is_told_once_by_our_handlers_alone(output: Output) -> None:
    """Start and run of each job are one line each, at APScheduler's level, and nothing goes past the pipe."""
    assert "info" == output.one("^Scheduler started")["level"]
    assert 2 == len([row for row in output.rows if row["message"].startswith('Running job "job')])
    assert [] == output.stray


def test_a_broken_job_is_one_error_with_its_traceback(output: Output) -> None:
    """The exception is one line of the executor's logger, without the secret."""
    row = output.one('^Job "broken')

    assert ("error", "apscheduler.executors.default") == (row["level"], row["logger_name"])
    assert ("ValueError", "no connection with password=***") == (row["error_type"], row["error_message"])
    assert "abc123" not in output.text


def test_each_job_has_a_trace_of_its_own(output: Output) -> None:
    """Jobs do not share a trace, though they share pool threads, and leave none behind."""
    rows = [row for row in output.rows if row["message"] == "rebalancing"]

    assert 2 == len({row["trace_id"] for row in rows})
    assert {None} == {row.get("trace_id") for row in output.of("apscheduler")}
