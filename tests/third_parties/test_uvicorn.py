"""uvicorn: access and error lines, by its own ``--log-config`` and by `setup` in the app."""

import signal
import sys

import pytest
from waiting import until

from third_parties.program import Output, Project, documented, get

_RUN = documented("uvicorn", "ginkgo-logging", "bash").strip()
_LOG_CONFIG = documented("uvicorn", "uvicorn", "bash").strip()
_PROGRAM = documented("uvicorn", "# A program")
_MIDDLEWARE = documented("uvicorn", "# app.py").replace("(app)", '(respond, log_category="web")')
_APP = """
from ginkgo_logging import GLOG

async def respond(scope, receive, send):
    if scope["type"] == "lifespan":
        await receive()
        GLOG.INFO("starting")
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await send({"type": "lifespan.shutdown.complete"})
        return
    GLOG.INFO("handling")
    if scope["path"] == "/broken":
        raise RuntimeError("no connection with password=abc123")
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
    await send({"type": "http.response.body", "body": b"ok"})
"""
_SETUP = "from ginkgo_logging import setup\nsetup()"


def _use(project: Project, *command: str, processes: int = 1) -> Output:
    """Serve the app by *command*, ask it twice, and return all that was written, the end included."""
    with project.start(*command) as process:
        running = project.wait_for(r"^Uvicorn running on ")
        project.wait_for("^Application startup complete", count=processes)
        address = running["message"].split()[3]
        assert 200 == get(f"{address}/orders?symbol=600519&token=abc123", "trace-1")
        assert 500 == get(f"{address}/broken", "trace-2")
        project.wait_for('"GET /broken')
    assert process.returncode in {0, -signal.SIGTERM}
    return project.finished()


def _command(documented_command: str) -> list[str]:
    """A documented command, on any free port."""
    return ["bash", "-c", f'exec {documented_command} --port 0 "$@"', "bash"]


@pytest.fixture(
    scope="module",
    params=["log-config-local", "log-config-container", "run-local", "setup-local", "program-container"],
)
def output(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Output:
    """What a server logs from its start to its end."""
    how, _, mode = request.param.rpartition("-")
    project = Project(tmp_path_factory.mktemp("uvicorn"), mode)
    project.write("app.py", _APP, _MIDDLEWARE)
    if how == "log-config":
        return _use(project, *_command(_LOG_CONFIG if mode == "local" else _of_container(_LOG_CONFIG)))
    if how == "run":
        return _use(project, *_command(_RUN))
    if how == "setup":
        project.write("app.py", _SETUP, _APP, _MIDDLEWARE)
        return _use(project, "uvicorn", "app:app", "--port", "0")
    project.write("main.py", _PROGRAM.replace('"app:app"', '"app:app", port=0'))
    return _use(project, sys.executable, "main.py")


def _of_container(command: str) -> str:
    return command.replace("--path", "--path container")


def test_access_lines_are_written_once_with_the_trace(output: Output) -> None:
    """Each request has one line of uvicorn.access, with the trace of the request and a masked URL."""
    ok, broken = output.of("uvicorn.access")

    assert "/orders?symbol=600519&token=***" in ok["message"]
    assert ("info", "trace-1", "web") == (ok["level"], ok["trace_id"], ok["log_category"])
    assert '"GET /broken HTTP/1.1" 500' in broken["message"]
    assert "trace-2" == broken["trace_id"]
    assert ok["source"].partition(":")[0] in {"h11_impl.py", "httptools_impl.py"}


def test_an_error_of_the_app_is_written_once_with_trace_and_traceback(output: Output) -> None:
    """The exception is one line of uvicorn.error, with the trace of its request and without the secret."""
    row = output.one("^Exception in ASGI application")

    assert ("error", "uvicorn.error", "trace-2") == (row["level"], row["logger_name"], row["trace_id"])
    assert ("RuntimeError", "no connection with password=***") == (row["error_type"], row["error_message"])
    assert "in respond" in row["stack_trace"]
    assert "abc123" not in output.text


def test_start_and_end_are_written_once_by_our_handlers_alone(output: Output) -> None:
    """uvicorn's own life is told once, by the pipe alone, and without colour codes."""
    for pattern in ("^Started server process", "^Uvicorn running on", "^Finished server process"):
        assert "uvicorn.error" == output.one(pattern)["logger_name"]
    assert [] == output.stray
    assert "color_message" not in output.text
    assert "\x1b" not in output.text


@pytest.mark.parametrize("command", [_LOG_CONFIG, _RUN], ids=["log-config", "run"])
def test_several_workers_write_each_line_once(project: Project, command: str) -> None:
    """With ``--workers 2`` parent and workers share the file, and each line is in it once."""
    project.write("app.py", _APP, _MIDDLEWARE)

    output = _use(project, *_command(command), "--workers", "2", processes=2)

    assert 2 == len(output.of("uvicorn.access"))
    assert 2 == len([row for row in output.rows if row["message"].startswith("Started server process")])
    assert "uvicorn.error" == output.one("^Started parent process")["logger_name"]
    assert [] == output.stray


def test_log_level_of_the_command_line_holds(project: Project) -> None:
    """``--log-level warning`` silences uvicorn's INFO lines also when the app calls `setup`, and only them."""
    project.write("app.py", _SETUP, _APP, _MIDDLEWARE)

    with project.start("uvicorn", "app:app", "--port", "0", "--log-level", "warning"):
        project.wait_for("^starting$")

    output = project.finished()
    assert "ginkgo" == output.one("^starting$")["logger_name"]
    assert [] == [row["message"] for row in output.of("uvicorn")]


def test_a_reloaded_process_is_in_the_pipe_again(project: Project) -> None:
    """With ``--reload`` the watching process and both served processes write each line once."""
    project.write("app.py", _APP, _MIDDLEWARE)

    def reloads() -> bool:
        if "Reloading" in project.output().text:
            return True
        # Again and again: what it finds at its first look is no change to it.
        project.write("app.py", _APP, _MIDDLEWARE, "GLOG.INFO('changed')")
        return False

    with project.start(*_command(_RUN), "--reload", "--reload-delay", "0.05"):
        project.wait_for("^Application startup complete")
        until(reloads, "uvicorn reloads", pause=0.5)
        project.wait_for("^changed$")
        project.wait_for("^Application startup complete", count=2)

    output = project.finished()
    output.one("^Started reloader process")
    output.one("detected changes in 'app.py'. Reloading")
    assert 2 == len([row for row in output.rows if row["message"].startswith("Started server process")])
    assert [] == output.stray


@pytest.mark.parametrize("command", [_RUN, "uvicorn app:app"], ids=["run", "setup"])
def test_access_lines_may_be_switched_off(project: Project, command: str) -> None:
    """``--no-access-log`` holds, and the other lines are there."""
    project.write("app.py", _SETUP, _APP, _MIDDLEWARE)

    with project.start(*_command(command), "--no-access-log"):
        address = project.wait_for(r"^Uvicorn running on ")["message"].split()[3]
        get(f"{address}/orders", "trace-1")
        project.wait_for("^handling$")

    assert [] == project.finished().of("uvicorn.access")
