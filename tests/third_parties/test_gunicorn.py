"""gunicorn: its own workers serving Flask, and uvicorn's serving FastAPI."""

import re

import pytest

from third_parties.program import Output, Project, documented, get

_RUN, _LOGGER_CLASS = (
    documented("gunicorn", start, "bash").strip() for start in ("ginkgo-logging", "gunicorn")
)
_FASTAPI = documented("FastAPI", "# app.py, with FastAPI").replace("())", '(), log_category="web")')
_FASTAPI_APP = """
import logging

@app.get("/orders/{number}")
def order(number: int):
    logging.getLogger("app").info("handling %d", number)
    logging.getLogger("app").debug("silent until asked for")

@app.get("/broken")
def broken():
    raise RuntimeError("no connection with password=abc123")
"""
_FLASK = documented("Flask", "# app.py, with Flask").replace(
    "app.wsgi_app)", 'app.wsgi_app, log_category="web")'
)
_FLASK_APP = """
@app.get("/orders/<number>")
def order(number):
    app.logger.info("handling %s", number)
    return "ok"

@app.get("/broken")
def broken():
    raise RuntimeError("no connection with password=abc123")
"""
_QUIET = "version: 1\nincremental: true\nloggers: {app: {level: INFO}}\n"


def _command(documented_command: str, *options: str) -> list[str]:
    arguments = " ".join(["--bind 127.0.0.1:0", *options])
    return ["bash", "-c", f"exec {documented_command} {arguments}"]


def _address(project: Project) -> str:
    found = re.search(r"http://[\d.:]+", project.wait_for("^Listening at")["message"])
    assert found is not None
    return found[0]


def _ask(project: Project) -> None:
    address = _address(project)
    assert 200 == get(f"{address}/orders/7?token=abc123", "trace-1")
    assert 500 == get(f"{address}/broken", "trace-2")
    project.wait_for("GET /broken")


@pytest.fixture(
    scope="module", params=["FastAPI-local", "Flask-container", "Flask-local", "Flask-local-preload"]
)
def output(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Output:
    """What master and worker log from their start to their end."""
    framework, mode, *options = request.param.split("-")
    project = Project(tmp_path_factory.mktemp("gunicorn"), mode)
    if framework == "FastAPI":
        project.write("app.py", _FASTAPI, _FASTAPI_APP)
        command = _command(_LOGGER_CLASS, "--access-logfile -")
    else:
        project.write("app.py", _FLASK, _FLASK_APP)
        command = _command(_RUN, "--access-logfile -", *(f"--{option}" for option in options))
    with project.start(*command) as process:
        _ask(project)
    assert 0 == process.returncode
    return project.finished()


def test_the_servers_life_is_told_once_by_our_handlers_alone(output: Output) -> None:
    """What gunicorn logs at its start and end is one line of the pipe each, at its level, and nothing else is."""
    for pattern in ("^Starting gunicorn", "^Listening at", "^Booting worker", "^Handling signal: term"):
        row = output.one(pattern)
        assert ("info", "gunicorn.error") == (row["level"], row["logger_name"])
    assert [] == output.stray


def test_access_lines_are_written_once_with_the_trace(output: Output) -> None:
    """Each request has one access line, with its trace and a masked URL."""
    ok, broken = (output.one("GET /orders"), output.one("GET /broken"))

    assert ok["logger_name"] in {"gunicorn.access", "uvicorn.access"}
    assert ("info", "trace-1", "web") == (ok["level"], ok["trace_id"], ok["log_category"])
    assert "/orders/7?token=*** HTTP" in ok["message"]
    assert "trace-2" == broken["trace_id"]


def test_lines_of_the_app_are_written_once(output: Output) -> None:
    """A handler's own line is in the pipe once, with the trace of the request."""
    row = output.one("^handling 7$")

    assert ("info", "trace-1") == (row["level"], row["trace_id"])
    assert row["logger_name"] in {"app"}


def test_an_error_of_the_app_is_written_once_with_trace_and_traceback(output: Output) -> None:
    """The unexpected exception is one ERROR, with the trace of its request and without the secret."""
    (row,) = [row for row in output.rows if row["level"] == "error"]

    assert ("trace-2", "RuntimeError") == (row["trace_id"], row["error_type"])
    assert "no connection with password=***" == row["error_message"]
    assert "abc123" not in output.text


@pytest.mark.parametrize("option", [[], ["--preload"]], ids=["loaded by each", "preload"])
def test_one_edit_reaches_master_and_workers(project: Project, option: list[str]) -> None:
    """A drop-in that is changed while gunicorn serves changes the levels of every process; none is restarted."""
    project.write("app.py", _FASTAPI, _FASTAPI_APP)
    drop_in = project.directory / "logging.d" / "local.yaml"
    drop_in.parent.mkdir(mode=0o700)
    drop_in.write_text(_QUIET)
    drop_in.chmod(0o600)
    project.environment = {"LOGGING_WATCH": "true"}

    with project.start(*_command(_LOGGER_CLASS, "--workers 2", *option)):
        address = _address(project)
        project.wait_for("^Application startup complete", count=2)
        get(f"{address}/orders/1", "before")
        drop_in.write_text(_QUIET.replace("INFO", "DEBUG"))
        project.wait_for("^logging is configured anew", count=3)
        get(f"{address}/orders/2", "after")
        project.wait_for("^silent until asked for")

    output = project.finished()
    assert 3 == len({row["pid"] for row in output.rows if "configured anew" in row["message"]})
    assert "after" == output.one("^silent until asked for")["trace_id"]
    assert [] == output.of("uvicorn.access") + output.of("gunicorn.access")


def test_gunicorns_own_wishes_hold(project: Project) -> None:
    """``--log-level`` silences gunicorn's lines, and a file that is named gets the access lines as well."""
    project.write("app.py", _FLASK, _FLASK_APP)
    project.write(
        "gunicorn.conf.py", "bind = '127.0.0.1:0'", "def when_ready(server): print(server.LISTENERS[0])"
    )
    options = "--log-level warning --access-logfile access.log"

    with project.start("bash", "-c", f"exec {_RUN} {options}"):
        address = project.wait_for_stdout(r"(http://[\d.:]+)")
        get(f"{address}/orders/7", "trace-1")
        project.wait_for("GET /orders")

    output = project.finished()
    # A socket of gunicorn's own is below the home, whose path may be too long for one; that is an error.
    assert [] == [row for row in output.of("gunicorn.error") if row["level"] != "error"]
    assert "GET /orders/7" in (project.directory / "access.log").read_text()


def test_a_configuration_of_gunicorns_own_counts(project: Project) -> None:
    """Where gunicorn.conf.py configures logging, that is what holds for gunicorn's lines."""
    project.write("app.py", "def app(environ, start_response): ...")
    project.write(
        "gunicorn.conf.py",
        "bind = '127.0.0.1:0'",
        "logconfig_dict = {'root': {'handlers': []}, 'loggers': {'gunicorn.error': {'handlers': ['console']}},"
        " 'formatters': {'generic': {'format': 'own: %(message)s'}}}",
    )

    with project.start("bash", "-c", f"exec {_RUN}"):
        project.wait_for_stdout("(own: Booting worker)")

    assert "own: Starting gunicorn" in project.output().text
