"""The routes for log lines, asked over real HTTP: what they answer, what they refuse, what they never tell."""

import json
import logging
import re
import threading
import time
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import jsonschema
import pytest
from fastapi import Depends, FastAPI, HTTPException
from waiting import until
from web_server import line, served, write

from ginkgo_logging.errors import QueryError, ServiceUnavailable
from ginkgo_logging.query import AsyncLogService, FilesBackend, LogService, Query, Row, log_service
from ginkgo_logging.query.model import Order, timestamp_ns
from ginkgo_logging.web import create_log_router
from ginkgo_logging.web.app import create_app
from ginkgo_logging.web.router import log_routes
from ginkgo_logging.web.stream import MOST_MISSED, Streams

ROWS = [
    line(1, "engine started", seq=1, trace_id="t/1", portfolio_id="p1", strategy_id="s1"),
    line(2, "order 7 rejected", seq=2, trace_id="t/1", level="error", error_message="no funds", task_id=7),
    line(70, "价格 <b>1</b>", seq=3, log_category="market", price=1.0),
    line(130, "bye", seq=4, level="critical", portfolio_id="p1", logger_name="app.engine"),
]
SECRET = "http://reader:hunter2@loki.internal:3100"


class BrokenStore:
    """A store that answers nothing; *after*: a tail takes so many steps first, a search is empty."""

    def __init__(self, error: Exception, after: int = 0) -> None:
        self.error, self.after = error, after

    def rows(self, query: Query, order: Order) -> Generator[Row, None, None]:
        if not self.after:
            raise self.error
        yield from ()

    def count(self, query: Query) -> int:
        raise self.error

    def count_by(self, query: Query, field: str) -> dict[str, int]:
        raise self.error

    def histogram(self, query: Query, step: int) -> dict[int, dict[str, int]]:
        raise self.error

    def tail(self, query: Query) -> Generator[Row | None, None, None]:
        yield from [None] * self.after
        raise self.error

    def close(self) -> None: ...


def application(*args: Any, **kwargs: Any) -> FastAPI:
    app = FastAPI()
    app.include_router(create_log_router(*args, **kwargs), prefix="/api")
    return app


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """A client of the routes over four lines."""
    path = tmp_path_factory.mktemp("web") / "app.log"
    write(path, *ROWS)
    with served(application(LogService(FilesBackend(path)))) as address:
        with httpx.Client(base_url=f"{address}/api") as client:
            yield client


@pytest.fixture(scope="module", params=["unavailable", "refused"])
def broken(request: pytest.FixtureRequest) -> Iterator[tuple[str, httpx.Client]]:
    """A client of the routes over a store that does not answer, or does not like the question."""
    error: Exception = ServiceUnavailable(f"{SECRET}: connection refused")
    if request.param == "refused":
        error = QueryError(f"Loki: parse error at {SECRET}")
    with served(application(LogService(BrokenStore(error)))) as address:
        with httpx.Client(base_url=f"{address}/api") as client:
            yield request.param, client


def seqs(answer: httpx.Response) -> list[int]:
    assert 200 == answer.status_code, answer.text
    return [row["seq"] for row in answer.json()["rows"]]


# --- lines ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        ("", [4, 3, 2, 1]),
        ("order=asc", [1, 2, 3, 4]),
        ("limit=1&offset=1", [3]),
        ("portfolio_id=p1", [4, 1]),
        ("strategy_id=s1", [1]),
        ("trace_id=t/1", [2, 1]),
        ("level=error", [2]),
        ("level=error&level=CRITICAL", [4, 2]),
        ("log_category=market", [3]),
        ("logger_name=app.engine", [4]),
        ("contains=no funds", [2]),
        ("contains=价格 <b>", [3]),
        ("field=task_id:7", [2]),
        ("field=price:1.0", [3]),
        ("field=task_id:7&field=trace_id:t/1", [2]),
        ("field=task_id:8", []),
        ("start_time=2026-02-26T10:00:02Z&end_time=2026-02-26T10:02:10Z", [3, 2]),
        ("start_time=2026-02-26T18:00:02%2B08:00", [4, 3, 2]),
    ],
)
def test_filters(client: httpx.Client, question: str, expected: list[int]) -> None:
    """
    Each parameter leaves exactly the lines that it names.
    """
    assert expected == seqs(client.get(f"/logs?{question}"))


def test_rows_are_what_was_logged(client: httpx.Client) -> None:
    """
    A row comes back as the line that was written, with every field.
    """
    assert ROWS[2] == client.get("/logs?field=price:1.0").json()["rows"][0]


def test_pages_neither_lose_nor_repeat(tmp_path: Path) -> None:
    """
    With the end of the first answer, pages hold together while new lines are written.
    """
    path = tmp_path / "app.log"
    write(path, *(line(second, seq=second) for second in range(10)))
    found: list[int] = []
    with served(application(LogService(FilesBackend(path)))) as address:
        question: dict[str, Any] = {"limit": 3}
        answer = {"more": True}
        while answer["more"]:
            answer = httpx.get(f"{address}/api/logs", params={**question, "offset": len(found)}).json()
            found += [row["seq"] for row in answer["rows"]]
            question["end_time"] = answer["end_time"]
            now = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(time.time() + 1))
            write(path, line(0, timestamp=f"{now}Z", seq=99))

    assert list(range(9, -1, -1)) == found


def test_count_is_exact_and_by_level(client: httpx.Client) -> None:
    """
    A count is of all lines that match, and by level.
    """
    answer = client.get("/logs/count?trace_id=t/1").json()

    assert (2, {"info": 1, "error": 1}) == (answer["count"], answer["levels"])


def test_histogram_of_a_range(client: httpx.Client) -> None:
    """
    A histogram of a range starts where the range does.
    """
    question = "start_time=2026-02-26T10:00:00Z&end_time=2026-02-26T10:03:00Z&steps=3"
    answer = client.get(f"/logs/histogram?{question}").json()

    assert {
        "start_time": "2026-02-26T10:00:00Z",
        "end_time": "2026-02-26T10:03:00Z",
        "step_seconds": 60.0,
        "count": 4,
        "levels": {"info": 2, "error": 1, "critical": 1},
        "bars": [
            {"start_time": "2026-02-26T10:00:00.000000Z", "levels": {"info": 1, "error": 1}},
            {"start_time": "2026-02-26T10:01:00.000000Z", "levels": {"info": 1}},
            {"start_time": "2026-02-26T10:02:00.000000Z", "levels": {"critical": 1}},
        ],
    } == answer


def test_histogram_without_a_range(client: httpx.Client) -> None:
    """
    A histogram without a start reaches from the first line to the last, in steps of a round length.
    """
    answer = client.get("/logs/histogram?steps=10").json()

    assert ("2026-02-26T10:00:00.000000Z", "2026-02-26T10:02:10.000001Z", 15.0, 4) == (
        answer["start_time"],
        answer["end_time"],
        answer["step_seconds"],
        answer["count"],
    )


@pytest.mark.parametrize(
    ("question", "step", "count"),
    [
        ("trace_id=none", 0.01, 0),
        (
            "start_time=0001-01-01T00:00:00%2B14:00&end_time=9999-12-31T23:59:59-12:00&steps=1",
            3652061 * 86400.0,
            4,
        ),
        ("start_time=2026-02-26T10:00:01Z&end_time=2026-02-26T10:00:01Z", 0.01, 0),
        ("start_time=2006-01-01T00:00:00Z&end_time=2026-02-27T00:00:00Z&steps=2", 3681 * 86400.0, 4),
    ],
)
def test_histogram_of_extremes(client: httpx.Client, question: str, step: float, count: int) -> None:
    """
    Nothing to count, no time at all, and decades have a histogram too.
    """
    answer = client.get(f"/logs/histogram?{question}").json()

    assert (step, count) == (answer["step_seconds"], answer["count"])


def test_histogram_of_times_beyond_the_calendar(tmp_path: Path) -> None:
    """
    A line whose offset leads out of the years that date-times have is no failure of the server.
    """
    log = tmp_path / "app.log"
    write(log, {**line(0), "timestamp": "0001-01-01T00:00:00+14:00"}, line(1))
    app = FastAPI()
    app.include_router(create_log_router(LogService(FilesBackend(log))))
    with served(app) as address:
        status = httpx.get(f"{address}/logs/histogram").status_code

    assert 200 == status


def test_trace_is_in_the_order_of_time(client: httpx.Client) -> None:
    """
    A trace comes whole and oldest first; its id may hold what an address would understand otherwise.
    """
    answer = client.get("/traces/t%2F1").json()

    assert ("t/1", [1, 2], False) == (
        answer["trace_id"],
        [row["seq"] for row in answer["rows"]],
        answer["truncated"],
    )


def test_trace_that_is_cut_says_so(client: httpx.Client) -> None:
    """
    A trace of more lines than were asked for is marked.
    """
    answer = client.get("/traces/t%2F1?limit=1").json()

    assert (1, True) == (len(answer["rows"]), answer["truncated"])


def test_async_service(tmp_path: Path) -> None:
    """
    An AsyncLogService is asked as a LogService is.
    """
    write(tmp_path / "app.log", *ROWS)
    service = AsyncLogService(FilesBackend(tmp_path / "app.log"))
    with served(application(service, page=False)) as address:
        assert [4, 3, 2, 1] == seqs(httpx.get(f"{address}/api/logs"))
        assert 404 == httpx.get(f"{address}/api/logs/ui/").status_code


# --- what is refused ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("question", "parameter"),
    [
        ("logs?level=loud", "level"),
        ("logs?trace_id=", "trace_id"),
        ("logs?start_time=yesterday", "start_time"),
        ("logs?start_time=2026-02-26T10:00:00Z&end_time=2026-02-25T10:00:00Z", "end_time"),
        ("logs/histogram?end_time=2026-02-26", "end_time"),
        ("logs?portfolio=p1", "portfolio"),
        ("logs?regex=.*", "regex"),
        ("logs?query={app=%22x%22}", "query"),
        ("logs?trace_id=a&trace_id=b", "trace_id"),
        ("logs?field=level", "field"),
        ("logs?field=a b:c", "field"),
        ("logs?field=regex:.*", "field"),
        ("logs?field=self:1", "field"),
        ("logs?field=where:1", "field"),
        ("logs?field=trace_id:a&trace_id=b", "field"),
        ("logs/count?limit=1", "limit"),
        ("logs/stream?start_time=2026-02-26T10:00:00Z", "start_time"),
        ("logs/stream?level=loud", "level"),
        ("traces/x?level=error", "level"),
    ],
)
def test_wrong_questions_name_the_parameter(client: httpx.Client, question: str, parameter: str) -> None:
    """
    A wrong, unknown or doubled parameter is a 400 that names it, never an answer to another question.
    """
    answer = client.get(f"/{question}")

    assert (400, "bad_request", parameter) == (
        answer.status_code,
        answer.json()["error"],
        answer.json()["parameter"],
    )


@pytest.mark.parametrize(
    "question",
    [
        "logs?limit=0",
        "logs?limit=1001",
        "logs?limit=many",
        "logs?offset=-1",
        "logs?offset=10001",
        "logs?order=random",
        f"logs?contains={'x' * 501}",
        f"logs?trace_id={'x' * 501}",
        f"logs?{'&'.join(['level=info'] * 9)}",
        f"logs?{'&'.join(f'field=f{i}:1' for i in range(9))}",
        "logs/histogram?steps=241",
        "traces/x?limit=5001",
    ],
)
def test_bounds(client: httpx.Client, question: str) -> None:
    """
    What is too long, too many or too far is a 422 that says where.
    """
    answer = client.get(f"/{question}")

    assert 422 == answer.status_code
    assert re.search(r"[?&](\w+)=", question)[1] in answer.json()["detail"][0]["loc"]


@pytest.mark.parametrize("path", ["logs", "logs/count", "logs/histogram", "traces/x", "logs/stream"])
def test_failing_store(broken: tuple[str, httpx.Client], path: str, caplog: pytest.LogCaptureFixture) -> None:
    """
    A store that fails is a 503, one that refuses a 400; its words go to the log and never to the client.
    """
    kind, client = broken
    with caplog.at_level(logging.WARNING, "ginkgo_logging.web"):
        answer = client.get(f"/{path}")

    expected = {"unavailable": (503, "unavailable"), "refused": (400, "bad_request")}[kind]
    assert expected == (answer.status_code, answer.json()["error"])
    assert not re.search("loki|hunter2|3100", answer.text, re.IGNORECASE)
    assert "loki.internal" in caplog.text


class Unsteady(FilesBackend):
    """A store whose tail begins before it has answered, and whose *error* comes and goes."""

    error: Exception | None = None

    def rows(self, query: Query, order: Order) -> Generator[Row, None, None]:
        if self.error:
            raise self.error
        yield from super().rows(query, order)

    def tail(self, query: Query) -> Generator[Row | None, None, None]:
        while True:
            yield None


@pytest.mark.parametrize("path", ["logs", "logs/stream"])
def test_an_outage_is_logged_once(path: str, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """
    Each question to a store that is down is a 503, a stream's too; the log tells when that begins and ends.
    """
    store, streams = Unsteady(tmp_path / "app.log"), Streams(1)
    app = FastAPI()
    app.include_router(log_routes(LogService(store), streams))
    statuses = []
    with served(app, streams) as address, caplog.at_level(logging.INFO, "ginkgo_logging.web"):
        for store.error in [ServiceUnavailable(SECRET)] * 3 + [None, None, ServiceUnavailable(SECRET)]:
            with httpx.stream("GET", f"{address}/{path}") as answer:
                statuses.append(answer.status_code)

    assert [503, 503, 503, 200, 200, 503] == statuses
    assert ["WARNING", "INFO", "WARNING"] == [record.levelname for record in caplog.records]


# --- OpenAPI ------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def description(client: httpx.Client) -> dict[str, Any]:
    """What the application says of itself."""
    found: dict[str, Any] = httpx.get(str(client.base_url).replace("/api/", "/openapi.json")).json()
    return found


def documented(description: dict[str, Any], path: str, answer: httpx.Response) -> dict[str, Any]:
    """Return the schema that the description has for an answer."""
    responses = description["paths"][f"/api{path}"]["get"]["responses"]
    schema = responses[str(answer.status_code)]["content"]["application/json"]["schema"]
    return {**schema, "components": description["components"]}


@pytest.mark.parametrize(
    ("path", "question"),
    [
        ("/logs", "/logs"),
        ("/logs", "/logs?level=loud"),
        ("/logs", "/logs?limit=0"),
        ("/logs/count", "/logs/count"),
        ("/logs/count", "/logs/count?x=1"),
        ("/logs/histogram", "/logs/histogram"),
        ("/traces/{trace_id}", "/traces/t%2F1"),
        ("/logs/stream", "/logs/stream?level=loud"),
    ],
)
def test_answers_are_as_documented(
    client: httpx.Client, description: dict[str, Any], path: str, question: str
) -> None:
    """
    Each answer fits the schema that /openapi.json has for its route and status.
    """
    answer = client.get(question)

    jsonschema.validate(answer.json(), documented(description, path, answer))


def test_failures_are_as_documented(broken: tuple[str, httpx.Client], description: dict[str, Any]) -> None:
    """
    So does the answer of a store that fails.
    """
    answer = broken[1].get("/logs")

    jsonschema.validate(answer.json(), documented(description, "/logs", answer))


@pytest.mark.parametrize(
    ("name", "good", "bad"),
    [
        ("trace_id", ["t/1"], ["", "x" * 501]),
        ("contains", ["no funds"], ["", "x" * 501]),
        ("level", [["error", "critical"]], [["loud"], [""], ["info"] * 9]),
        (
            "field",
            [["task_id:7", "t:line\nbreak"]],
            [["level"], ["a b:c"], ["regex:.*"], ["x:"], ["x:" + "y" * 501]],
        ),
        ("start_time", ["2026-02-26T10:00:00Z"], ["yesterday", "2026-02-26", ""]),
        ("limit", [1], [0, 1001]),
    ],
)
def test_parameters_are_as_documented(
    client: httpx.Client, description: dict[str, Any], name: str, good: list[Any], bad: list[Any]
) -> None:
    """
    OpenAPI admits of a parameter what the routes admit, and not what they refuse.
    """
    parameters = description["paths"]["/api/logs"]["get"]["parameters"]
    (schema,) = [one["schema"] for one in parameters if one["name"] == name]
    validator = jsonschema.Draft202012Validator(schema, format_checker=_DATE_TIMES)
    answers = [client.get("/logs", params={name: value}).status_code for value in [*good, *bad]]

    assert [200] * len(good) == answers[: len(good)]
    assert {400, 422} >= set(answers[len(good) :])
    assert [*[True] * len(good), *[False] * len(bad)] == [
        validator.is_valid(value) for value in [*good, *bad]
    ]
    assert "null" not in json.dumps(schema)


_DATE_TIMES = jsonschema.FormatChecker(formats=())


@_DATE_TIMES.checks("date-time")
def _is_date_time(value: object) -> bool:
    try:
        return timestamp_ns(str(value)) > 0
    except ValueError:
        return False


def test_stream_is_documented_as_events(description: dict[str, Any]) -> None:
    """
    The stream is described as what it is, and the page is no part of the interface.
    """
    stream = description["paths"]["/api/logs/stream"]["get"]["responses"]["200"]

    assert ["text/event-stream"] == list(stream["content"])
    assert ["logs", "logs/count", "logs/histogram", "logs/stream", "traces/{trace_id}"] == sorted(
        path.removeprefix("/api/") for path in description["paths"]
    )


# --- an application's own routes ----------------------------------------------------------------------------

# Section 5 of the quickstart, as it stands there.
_QUICKSTART = """
from fastapi import APIRouter
from ginkgo import services

router = APIRouter()
log_service = services.logging.log_service()

@router.get("/api/backtests/{portfolio_id}/logs")
async def get_backtest_logs(
    portfolio_id: str,
    level: str = None,
    limit: int = 100,
    offset: int = 0
):
    \"\"\"获取回测日志API\"\"\"
    try:
        logs = log_service.query_logs(
            portfolio_id=portfolio_id,
            level=level,
            limit=limit,
            offset=offset
        )
        return {"success": True, "data": logs}
    except Exception as e:
        return {"success": False, "error": str(e)}
"""


def test_example_of_the_quickstart(home: Path) -> None:
    """
    The quickstart's own route answers from the local files, and says what is wrong.
    """
    logs = home / ".ginkgo" / "logs"
    logs.mkdir(parents=True)
    write(logs / "ginkgo.log", *ROWS)
    log_service.cache_clear()
    names: dict[str, Any] = {}
    exec(_QUICKSTART, names)
    app = FastAPI()
    app.include_router(names["router"])
    with served(app) as address:
        address = f"{address}/api/backtests/p1/logs"
        answers = [httpx.get(f"{address}{question}").json() for question in ("?level=critical", "?limit=-1")]
    log_service.cache_clear()

    assert {"success": True, "data": [ROWS[3]]} == answers[0]
    assert (False, True) == (answers[1]["success"], answers[1]["error"].startswith("limit: "))


# --- who may ask --------------------------------------------------------------------------------------------


def _only_with_a_key(key: str = "") -> None:
    if key != "open sesame":
        raise HTTPException(401)


PATHS = ["logs", "logs/count", "logs/histogram", "traces/x", "logs/stream", "logs/ui/", "logs/ui/main.js"]


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Routes with a dependency that reads a parameter."""
    path = tmp_path_factory.mktemp("web") / "app.log"
    streams = Streams(1)
    app = FastAPI()
    app.include_router(
        log_routes(
            LogService(FilesBackend(path)),
            streams,
            [Depends(_only_with_a_key)],
            other_parameters=["key"],
        )
    )
    with served(app, streams) as address:
        yield address


@pytest.mark.parametrize("path", PATHS)
def test_dependencies_guard_every_route(guarded: str, path: str) -> None:
    """
    No route answers whom a dependency refuses.
    """
    assert 401 == httpx.get(f"{guarded}/{path}").status_code


@pytest.mark.parametrize("path", PATHS)
def test_dependencies_have_parameters(guarded: str, path: str) -> None:
    """
    A parameter that a dependency reads is known to every route.
    """
    with httpx.stream("GET", f"{guarded}/{path}?key=open sesame") as answer:
        assert 200 == answer.status_code


def test_hosts(tmp_path: Path) -> None:
    """
    The command's application answers to this machine's names only, whatever leads here.
    """
    app = create_app(LogService(FilesBackend(tmp_path / "app.log")), Streams(1))
    hosts = ["evil.example", "localhost:80", "127.0.0.1", "[::1]:8765", "127.0.0.1.evil.example", ""]
    with served(app) as address:
        answers = [httpx.get(f"{address}/logs", headers={"Host": host}).status_code for host in hosts]

    assert [400, 200, 200, 200, 400, 400] == answers


@pytest.mark.parametrize(
    ("site", "destination", "path", "status"),
    [
        ("cross-site", "empty", "logs", 403),
        ("same-site", "empty", "logs", 403),
        ("cross-site", "iframe", "logs", 403),
        ("cross-site", "iframe", "logs/ui/", 403),
        ("cross-site", "document", "logs", 403),
        ("cross-site", "document", "traces/x", 403),
        ("cross-site", "document", "", 200),
        ("cross-site", "document", "logs/ui", 200),
        ("cross-site", "document", "logs/ui/?contains=x", 200),
        ("same-origin", "empty", "logs", 200),
        ("none", "document", "logs", 200),
    ],
)
def test_pages_of_other_sites(site: str, destination: str, path: str, status: int, tmp_path: Path) -> None:
    """
    What a browser asks for on behalf of another site's page is refused; a link to the page is none of that.
    """
    app = create_app(LogService(FilesBackend(tmp_path / "app.log")), Streams(1))
    headers = {"Sec-Fetch-Site": site, "Sec-Fetch-Dest": destination}
    with served(app) as address:
        answer = httpx.get(f"{address}/{path}", headers=headers, follow_redirects=True)

    assert status == answer.status_code


# --- the page's files -----------------------------------------------------------------------------------------


def test_page_may_load_nothing_else(client: httpx.Client) -> None:
    """
    Every file of the page forbids what is not of this server, inline scripts included.
    """
    for name in ["", "main.js", "style.css", "icon.svg"]:
        headers = client.get(f"/logs/ui/{name}").headers
        assert (
            "default-src 'none'; script-src 'self'; style-src 'self';" in headers["content-security-policy"]
        )
        assert ("nosniff", "no-referrer") == (headers["x-content-type-options"], headers["referrer-policy"])


def test_page_names_no_other_server(client: httpx.Client) -> None:
    """
    The page's files hold no address of another server but the name of SVG.
    """
    page = client.get("/logs/ui/").text
    files = ["", *re.findall(r'(?:href|src)="([^"#]+)"', page)]
    files += re.findall(r'from "\./([^"]+)"', client.get("/logs/ui/main.js").text)
    texts = [client.get(f"/logs/ui/{name}").raise_for_status().text for name in files]

    assert len(files) > 9
    assert {"http://www.w3.org/2000/svg"} == set(re.findall(r"\w+://[^\"' ]+", "".join(texts)))


def test_page_is_found_without_its_slash(client: httpx.Client) -> None:
    """
    The page's address works without the slash at its end, wherever the router is mounted.
    """
    answer = client.get("/logs/ui", follow_redirects=True)

    assert (200, "/api/logs/ui/") == (answer.status_code, answer.url.path)


@pytest.mark.parametrize("name", ["nothing.js", "__init__.py", "..%2Frouter.py", "%2e%2e/router.py"])
def test_only_the_pages_files(client: httpx.Client, name: str) -> None:
    """
    No other file can be had by the page's route.
    """
    assert 404 == client.get(f"/logs/ui/{name}").status_code


# --- streams ----------------------------------------------------------------------------------------------


Event = dict[str, str]


def events(answer: httpx.Response) -> Iterator[Event]:
    """Yield events as a browser understands them; a comment is the event `comment`."""
    event: Event = {}
    for text in answer.iter_lines():
        name, _, value = text.partition(":")
        if text:
            event[name or "comment"] = value.removeprefix(" ")
        elif event:
            yield event
            event = {}


class Tailed:
    """A log file, routes over it, and streams from them."""

    def __init__(self, address: str, path: Path, streams: Streams) -> None:
        self.address, self.path, self.streams = address, path, streams

    @contextmanager
    def stream(self, question: str = "", **headers: str) -> Iterator[Iterator[Event]]:
        with httpx.stream("GET", f"{self.address}/logs/stream?{question}", headers=headers) as answer:
            assert 200 == answer.status_code, answer.read()
            found = events(answer)
            assert {"retry": "1000"} == next(found)
            yield found


@pytest.fixture
def tailed(tmp_path: Path) -> Iterator[Tailed]:
    streams = Streams(2)
    path = tmp_path / "app.log"
    write(path, *ROWS)
    app = FastAPI()
    app.include_router(log_routes(LogService(FilesBackend(path)), streams, heartbeat=0.1, page=False))
    with served(app, streams) as address:
        yield Tailed(address, path, streams)


def message(found: Iterator[Event]) -> Any:
    """Return the next row, past comments."""
    return json.loads(next(event for event in found if "data" in event)["data"])["seq"]


def test_stream_sends_what_is_written(tailed: Tailed) -> None:
    """
    Lines that match come as they are written; those before do not, and a silent stream says that it lives.
    """
    with tailed.stream("level=error") as found:
        assert {"comment": ""} == next(found)
        write(tailed.path, line(200, seq=5), line(201, seq=6, level="error"))
        assert 6 == message(found)


def test_stream_resumes(tailed: Tailed) -> None:
    """
    Who comes back with the id of an event gets what was written meanwhile, once, and then what follows.
    """
    with tailed.stream() as found:
        write(tailed.path, line(200, seq=5))
        last = next(event for event in found if "id" in event)["id"]
    write(tailed.path, line(200, seq=6), line(201, seq=7))
    with tailed.stream(**{"Last-Event-ID": last}) as found:
        write(tailed.path, line(202, seq=8))
        assert [6, 7, 8] == [message(found) for _ in range(3)]


class Overlapping(FilesBackend):
    """A store whose tail begins with a line that a search finds too."""

    def tail(self, query: Query) -> Generator[Row | None, None, None]:
        yield ROWS[3]
        yield line(200, seq=5)
        while True:
            yield None


def test_stream_repeats_nothing_when_it_resumes(tmp_path: Path) -> None:
    """
    A line that was missed and that the tail sends too comes once.
    """
    write(tmp_path / "app.log", *ROWS)
    streams = Streams(1)
    app = FastAPI()
    app.include_router(log_routes(LogService(Overlapping(tmp_path / "app.log")), streams))
    with served(app, streams) as address:
        tailed = Tailed(address, tmp_path / "app.log", streams)
        with tailed.stream(**{"Last-Event-ID": "2026-02-26T10:01:10Z/0"}) as found:
            assert [3, 4, 5] == [message(found) for _ in range(3)]


def test_stream_says_that_lines_are_left_out(tailed: Tailed) -> None:
    """
    Who missed too much is told so, and gets the newest of it.
    """
    write(tailed.path, *(line(300 + n / 10, seq=n) for n in range(MOST_MISSED + 5)))
    with tailed.stream(**{"Last-Event-ID": "2026-02-26T10:00:01Z/0"}) as found:
        assert {"event": "gap", "data": "{}"} == next(found)
        assert 5 == message(found)


@pytest.mark.parametrize("last", ["nonsense", "2026-02-26T10:00:00Z", "/"])
def test_stream_bears_any_last_event_id(tailed: Tailed, last: str) -> None:
    """
    An id that is not ours does no harm.
    """
    with tailed.stream(**{"Last-Event-ID": last}) as found:
        assert next(found)


def threads_of_rows() -> list[threading.Thread]:
    """Return the threads that wait for the rows of a stream."""
    return [thread for thread in threading.enumerate() if thread.name.startswith("ginkgo-logging-rows")]


def test_streams_are_bounded_and_leave_nothing_behind(tailed: Tailed) -> None:
    """
    Beyond the bound is a 503; when clients leave, their places and threads are given back.
    """
    with tailed.stream(), tailed.stream():
        answer = httpx.get(f"{tailed.address}/logs/stream")
        assert (503, "too_many_streams") == (answer.status_code, answer.json()["error"])
        assert 2 == tailed.streams.open
        assert threads_of_rows()
    until(lambda: not tailed.streams.open, "the places are given back")
    until(lambda: not threads_of_rows(), "the threads are given back")
    with tailed.stream():
        assert 1 == tailed.streams.open


def test_store_that_fails_later_ends_the_stream() -> None:
    """
    When the store fails under a stream, the client is told, without the store's words, and the stream ends.
    """
    service = LogService(BrokenStore(ServiceUnavailable(f"{SECRET}: timed out"), after=1))
    with served(application(service, page=False)) as address:
        with httpx.stream("GET", f"{address}/api/logs/stream") as answer:
            found = list(events(answer))

    assert ["1000", "unavailable"] == [event.get("retry", event.get("event")) for event in found]
    assert "loki" not in str(found)
