"""Django: requests under runserver, configured by `setup` and by Django itself."""

import sys

import pytest

from third_parties.program import Output, Project, documented, get

_SETUP = documented("Django", "# settings.py\n")
_LOGGING = documented("Django", "# settings.py, with LOGGING\n")
_WIRINGS = {
    "setup-local": ("local", _SETUP),
    "setup-container": ("container", _SETUP),
    "LOGGING-local": ("local", _LOGGING.replace("container", "local")),
    "LOGGING-container": ("container", _LOGGING),
    "LOGGING_CONFIG-container": ("container", documented("Django", "# settings.py, with LOGGING_CONFIG\n")),
}
_SETTINGS = """
SECRET_KEY = "django-insecure"
ALLOWED_HOSTS = ["127.0.0.1"]
ROOT_URLCONF = "urls"
WSGI_APPLICATION = "wsgi.application"
USE_TZ = True
"""
_URLS = """
from django.http import HttpResponse
from django.urls import path
from ginkgo_logging import GLOG

def orders(request):
    GLOG.INFO("handling")
    return HttpResponse("ok")

def broken(request):
    raise RuntimeError("no connection with password=abc123")

urlpatterns = [path("orders", orders), path("broken", broken)]
"""
_MANAGE = """
import os, sys
from django.core.management import execute_from_command_line
os.environ["DJANGO_SETTINGS_MODULE"] = "settings"
execute_from_command_line(sys.argv)
"""


def _serve(project: Project, wiring: str, debug: bool) -> Output:
    project.write("settings.py", wiring, _SETTINGS, f"DEBUG = {debug}")
    project.write("urls.py", _URLS)
    project.write("wsgi.py", documented("Django", "# wsgi.py"))
    project.write("manage.py", _MANAGE)
    with project.start(sys.executable, "manage.py", "runserver", "--noreload", "127.0.0.1:0"):
        address = project.wait_for_stdout(r"server at (http://[\d.:]+)/")
        assert 200 == get(f"{address}/orders?symbol=600519&token=abc123", "trace-1")
        assert 404 == get(f"{address}/missing?token=abc123", "trace-2")
        assert 500 == get(f"{address}/broken", "trace-3")
        project.wait_for('^"GET ', count=3)  # logged after the response is sent
    return project.finished()


@pytest.fixture(scope="module", params=_WIRINGS.values(), ids=_WIRINGS.keys())
def output(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Output:
    """What a development server logs for three requests."""
    mode, wiring = request.param
    return _serve(Project(tmp_path_factory.mktemp("django"), mode), wiring, debug=False)


def test_server_lines_are_written_once_with_the_trace(output: Output) -> None:
    """Each request has one line of django.server, with its level, the trace of the request and a masked URL."""
    lines = sorted(
        (row["trace_id"], row["level"], row["message"].partition("?")[0].partition(" HTTP")[0])
        for row in output.of("django.server")
    )

    assert lines == [
        ("trace-1", "info", '"GET /orders'),
        ("trace-2", "warning", '"GET /missing'),
        ("trace-3", "error", '"GET /broken'),
    ]
    assert "/orders?symbol=600519&token=***" in output.one("GET /orders")["message"]


def test_request_errors_are_written_once_with_the_trace(output: Output) -> None:
    """A missing page is one WARNING and an exception one ERROR of django.request, and no secret is in them."""
    missing, broken = output.of("django.request")

    assert ("warning", "trace-2", "Not Found: /missing", 404) == _brief(missing)
    assert ("error", "trace-3", "Internal Server Error: /broken", 500) == _brief(broken)
    assert "no connection with password=***" == broken["error_message"]
    assert "log.py" == broken["source"].partition(":")[0]
    assert "abc123" not in output.text


def _brief(row: dict[str, object]) -> tuple[object, ...]:
    return row["level"], row["trace_id"], row["message"], row["status_code"]


def test_no_line_goes_past_the_pipe(output: Output) -> None:
    """What else is printed is runserver's own greeting, no line of a request."""
    assert not [line for line in output.stray if "GET" in line or "Error" in line or "Not Found" in line]


@pytest.mark.parametrize("wiring", ["setup-local", "LOGGING-local"])
def test_debug_mode_does_not_double_lines(project: Project, wiring: str) -> None:
    """With DEBUG, when Django's own console handler would speak too, each line is still written once."""
    output = _serve(project, _WIRINGS[wiring][1], debug=True)

    assert 3 == len(output.of("django.server"))
    assert 2 == len(output.of("django.request"))
    assert not [line for line in output.stray if "GET" in line or "Not Found" in line]
    assert "django.server" in {row["logger_name"] for row in output.rows}


def test_djangos_debug_lines_stay_silent(output: Output) -> None:
    """Django's own default level INFO holds, though every level is written."""
    assert {"info", "warning", "error"} >= {row["level"] for row in output.of("django")}
    assert "ginkgo" == output.one("^handling$")["logger_name"]
