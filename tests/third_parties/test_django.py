"""Django: requests under runserver and an ASGI server, configured by `setup` and by Django itself."""

import sys
from concurrent.futures import ThreadPoolExecutor

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


_ROUTE = documented("Django", "# settings.py, after MIDDLEWARE")
_SERVERS = {
    "wsgi": ("# wsgi.py", [sys.executable, "manage.py", "runserver", "--noreload", "127.0.0.1:0"]),
    "asgi": ("# asgi.py", ["uvicorn", "asgi:application", "--port", "0"]),
}
_ROUTES = """
import asyncio
from django.http import HttpResponse
from django.urls import include, path, re_path
from ginkgo_logging import GLOG

everybody = asyncio.Barrier(2)

def sync(request, number):
    GLOG.INFO("handling %d", number)
    return HttpResponse("ok")

async def parallel(request, number):
    GLOG.bind_context(number=number)
    await everybody.wait()
    GLOG.INFO("handling %d", number)
    await everybody.wait()
    return HttpResponse("ok")

async def broken(request, name):
    raise RuntimeError("no connection with password=abc123")

shop = [path("orders/<int:number>", sync), re_path("^items/([a-z]+)$", broken)]
urlpatterns = [path("shop/", include(shop)), path("async/<int:number>", parallel)]
"""


def _start(project: Project, server: str) -> list[str]:
    """Write a project whose requests have lines, and return the command that serves it."""
    document, command = _SERVERS[server]
    middleware = "MIDDLEWARE = ['django.middleware.common.CommonMiddleware']"
    project.write("settings.py", _SETUP, _SETTINGS, middleware, _ROUTE)
    project.write("urls.py", _ROUTES)
    logged = documented("Django", document).replace("_application())", "_application(), log_requests=True)")
    project.write(f"{server}.py", "import os; os.environ['DJANGO_SETTINGS_MODULE'] = 'settings'", logged)
    project.write("manage.py", _MANAGE)
    return command


def _address(project: Project, server: str) -> str:
    if server == "wsgi":
        return project.wait_for_stdout(r"server at (http://[\d.:]+)/")
    return str(project.wait_for("^Uvicorn running on")["message"]).split()[3]


@pytest.mark.parametrize("server", ["wsgi", "asgi"])
def test_request_lines_have_the_route(project: Project, server: str) -> None:
    """The line of a request has the route of urls.py, whole; where none was found, its path."""
    command = _start(project, server)
    expected = {
        "trace-1": (200, "/shop/orders/7?token=abc123", "/shop/orders/<int:number>"),
        "trace-2": (500, "/shop/items/tea", "/shop/items/([a-z]+)$"),
        "trace-3": (404, "/shop/missing?token=abc123", "/shop/missing"),
    }

    with project.start(*command):
        address = _address(project, server)
        for trace_id, (status, path, _) in expected.items():
            assert status == get(f"{address}{path}", trace_id)
        project.wait_for("^GET ", count=3)

    output = project.finished()
    lines = {row["trace_id"]: (row["status"], row["path"]) for row in output.of("ginkgo_logging.requests")}
    assert {trace_id: (status, route) for trace_id, (status, _, route) in expected.items()} == lines
    assert "trace-1" == output.one("^handling 7$")["trace_id"]
    assert ("trace-2", "RuntimeError") == _error(output.one("^Internal Server Error"))
    assert "abc123" not in output.text


def _error(row: dict[str, object]) -> tuple[object, object]:
    return row["trace_id"], row["error_type"]


def test_async_views_that_run_at_once_keep_their_traces(project: Project) -> None:
    """Two requests that wait for each other in async views have each their own trace and fields."""
    command = _start(project, "asgi")

    with project.start(*command), ThreadPoolExecutor(2) as threads:
        address = _address(project, "asgi")
        asked = [threads.submit(get, f"{address}/async/{number}", f"trace-{number}") for number in (1, 2)]
        assert [200, 200] == [one.result() for one in asked]
        project.wait_for("^GET /async", count=2)

    output = project.finished()
    for number in (1, 2):
        row = output.one(f"^handling {number}$")
        assert (f"trace-{number}", number) == (row["trace_id"], row["number"])
    traces = [row["trace_id"] for row in output.of("uvicorn.access")]
    assert ["trace-1", "trace-2"] == sorted(traces)
    assert "number" not in output.one("^Finished server process")
