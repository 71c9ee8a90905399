"""uvicorn: access and error lines, by its own ``--log-config`` and by `setup` in the app."""

import signal
import sys

import pytest

from third_parties.program import Output, Project, documented, get

_COMMAND = documented("uvicorn", "FILE=", "bash")
_MIDDLEWARE = documented("uvicorn", "# app.py")
_APP = """
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

app = TraceMiddleware(respond)
"""


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


def _command(mode: str) -> list[str]:
    """The documented command, for the file of *mode*, on any free port."""
    find, serve = _COMMAND.replace("container", mode).strip().splitlines()
    return ["bash", "-c", f'{find}\nexec {serve} --port 0 "$@"', "bash"]


@pytest.fixture(
    scope="module", params=["log-config-local", "log-config-container", "setup-local", "run-container"]
)
def output(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Output:
    """What a server logs from its start to its end."""
    how, _, mode = request.param.rpartition("-")
    project = Project(tmp_path_factory.mktemp("uvicorn"), mode)
    if how == "log-config":
        project.write("app.py", _MIDDLEWARE, _APP)
        return _use(project, *_command(mode))
    if how == "setup":
        project.write("app.py", "from ginkgo_logging import setup\nsetup()", _MIDDLEWARE, _APP)
        return _use(project, "uvicorn", "app:app", "--port", "0")
    start = (
        "import uvicorn\nfrom ginkgo_logging import setup\nsetup()\nuvicorn.run(app, log_config=None, port=0)"
    )
    project.write("app.py", _MIDDLEWARE, _APP, start)
    return _use(project, sys.executable, "app.py")


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


def test_several_workers_write_each_line_once(project: Project) -> None:
    """With ``--workers 2`` parent and workers share the file, and each line is in it once."""
    project.write("app.py", _MIDDLEWARE, _APP)

    output = _use(project, *_command("local"), "--workers", "2", processes=2)

    assert 2 == len(output.of("uvicorn.access"))
    assert 2 == len([row for row in output.rows if row["message"].startswith("Started server process")])
    assert "uvicorn.error" == output.one("^Started parent process")["logger_name"]
    assert [] == output.stray


def test_log_level_of_the_command_line_holds(project: Project) -> None:
    """``--log-level warning`` silences uvicorn's INFO lines also when the app calls `setup`, and only them."""
    project.write("app.py", "from ginkgo_logging import setup\nsetup()", _MIDDLEWARE, _APP)

    with project.start("uvicorn", "app:app", "--port", "0", "--log-level", "warning"):
        project.wait_for("^starting$")

    output = project.finished()
    assert "ginkgo" == output.one("^starting$")["logger_name"]
    assert [] == [row["message"] for row in output.of("uvicorn")]
