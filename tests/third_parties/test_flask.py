"""Flask: its development server, whose lines werkzeug would colour and write by itself."""

import re

import pytest

from third_parties.program import Output, Project, documented, get

_APP = documented("Flask", "# app.py, with Flask").replace(
    "app.wsgi_app)", 'app.wsgi_app, log_category="web")'
)
_ROUTES = """
@app.get("/orders")
def orders():
    app.logger.info("handling")
    return "ok"

@app.get("/broken")
def broken():
    raise RuntimeError("no connection with password=abc123")
"""


@pytest.fixture(scope="module", params=["local", "container"])
def output(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Output:
    """What a development server logs for three requests."""
    project = Project(tmp_path_factory.mktemp("flask"), request.param)
    project.write("app.py", _APP, _ROUTES)
    with project.start("flask", "--app", "app", "run", "--port", "0"):
        running = re.search(r"Running on (http://[\d.:]+)", project.wait_for("Running on")["message"])
        assert running is not None
        address = running[1]
        assert 200 == get(f"{address}/orders?symbol=600519&token=abc123", "trace-1")
        assert 404 == get(f"{address}/missing?token=abc123", "trace-2")
        assert 500 == get(f"{address}/broken", "trace-3")
        project.wait_for('"GET /broken')
    return project.finished()


def test_server_lines_are_written_once_with_the_trace(output: Output) -> None:
    """Each request has one line of werkzeug, with the trace of the request, a masked URL and no colour codes."""
    lines = [
        (row["trace_id"], row["message"].rpartition("] ")[2])
        for row in output.of("werkzeug")
        if "HTTP/1.1" in row["message"]
    ]

    assert lines == [
        ("trace-1", '"GET /orders?symbol=600519&token=*** HTTP/1.1" 200 -'),
        ("trace-2", '"GET /missing?token=*** HTTP/1.1" 404 -'),
        ("trace-3", '"GET /broken HTTP/1.1" 500 -'),
    ]
    assert "\\u001b" not in output.text
    assert "\x1b" not in output.text


def test_lines_of_the_app_are_written_once(output: Output) -> None:
    """app.logger has no handler of Flask's; the unexpected exception is one ERROR without the secret."""
    handling, broken = output.of("app")

    assert ("info", "handling", "trace-1") == (handling["level"], handling["message"], handling["trace_id"])
    assert ("error", "RuntimeError", "trace-3") == (broken["level"], broken["error_type"], broken["trace_id"])
    assert "abc123" not in output.text


def test_no_line_goes_past_the_pipe(output: Output) -> None:
    """What else is printed is Flask's own greeting."""
    assert [" * Serving Flask app 'app'", " * Debug mode: off"] == output.stray
