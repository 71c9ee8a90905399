"""The Loki backend over real HTTP: pages, limits, faults, credentials, and what it keeps to itself."""

import gzip
import json
import logging
import os
import shutil
import socket
import ssl
import subprocess
import threading
import time
import tracemalloc
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from email.utils import formatdate
from pathlib import Path
from typing import Any

import pytest
from loki_server import JSON, LokiServer, Reply, Request, push, recorded_reply, recording, running
from waiting import until

from ginkgo_logging.errors import ConfigError, QueryError, ServiceUnavailable
from ginkgo_logging.query import LogService, Query, arguments, loki_client
from ginkgo_logging.query.background import in_background
from ginkgo_logging.query.loki import Access, LokiBackend
from ginkgo_logging.query.model import NANOSECONDS, rfc3339
from ginkgo_logging.settings import Settings

NOW = time.time_ns() // NANOSECONDS * NANOSECONDS
DAY = 24 * 3600 * NANOSECONDS
EMPTY = '{"status":"success","data":{"resultType":"streams","result":[]}}'
NO_SAMPLE = '{"status":"success","data":{"resultType":"vector","result":[]}}'


@pytest.fixture
def server() -> Iterator[LokiServer]:
    """A Loki on loopback."""
    with running() as one:
        yield one


@pytest.fixture
def service(server: LokiServer) -> Iterator[LogService]:
    """A service that asks it."""
    with LogService(LokiBackend(Access(server.url), timeout=5)) as one:
        yield one


def line(seq: int, at: int = NOW, level: str = "info", **more: Any) -> str:
    return json.dumps({"timestamp": rfc3339(at), "level": level, "message": f"m{seq}"} | more | {"seq": seq})


def fill(server: LokiServer, *values: list[Any], **labels: str) -> None:
    push(server.url, [{"stream": {"service_name": "app"} | labels, "values": list(values)}])


def seqs(rows: list[dict[str, Any]]) -> list[int]:
    return [row["seq"] for row in rows]


# --- recordings ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "asked", "expected"),
    [
        ("range-portfolio-forward", {"portfolio_id": "portfolio-aaa", "order": "asc"}, [*range(1, 61, 3)]),
        ("range-portfolio-backward", {"portfolio_id": "portfolio-aaa"}, [*range(58, 0, -3)]),
        ("range-portfolio-error", {"portfolio_id": "portfolio-aaa", "level": "error"}, [40, 10]),
        ("range-text", {"contains": "insufficient cash"}, [60, 50, 40, 30, 20, 10]),
        ("range-trace", {"trace_id": "trace-123"}, [73]),
        ("range-categorized", {"trace_id": "trace-123"}, [73]),
        ("range-tricky-value", {"trace_id": 'tricky"} or {x=~".+'}, [74]),
        ("range-same-instant-end-plus-1", {"portfolio_id": "portfolio-same"}, [*range(72, 60, -1)]),
        ("range-empty", {"trace_id": "no-such-trace"}, []),
    ],
)
def test_recorded_answers_are_rows(
    server: LokiServer, service: LogService, name: str, asked: dict[str, Any], expected: list[int]
) -> None:
    """
    What a real Loki answered becomes rows in their order: the lines, without labels.
    """
    server.always = recorded_reply(name)

    rows = service.query_logs(limit=None, **asked)

    assert expected == seqs(rows)
    assert all("service_name" not in row and "detected_level" not in row for row in rows)


@pytest.mark.parametrize(("name", "expected"), [("count-portfolio", 20), ("count-empty", 0)])
def test_recorded_counts(server: LokiServer, service: LogService, name: str, expected: int) -> None:
    """
    A vector of one sample is a count; an empty one is none. Lines that Loki may misunderstand are asked for.
    """
    server.replies = [recorded_reply(name), recorded_reply("range-empty")]

    asked = {"start_time": "2026-11-23T20:37:00Z", "end_time": "2026-11-23T20:38:00Z"}
    assert expected == service.get_log_count(portfolio_id="p", **asked)


@pytest.mark.parametrize(
    "name",
    [
        "error-syntax",
        "error-empty-selector",
        "error-limit-too-high",
        "error-range-too-long",
        "error-end-before-start",
    ],
)
def test_recorded_refusals(server: LokiServer, service: LogService, name: str) -> None:
    """
    A refusal is a `QueryError` with Loki's own words, at once.
    """
    server.always = recorded_reply(name)

    with pytest.raises(QueryError) as caught:
        service.query_logs()

    assert f"Loki: {recording(name)['response']['body'].strip()}" == str(caught.value)
    assert 1 == len(server.requests)


# --- pages --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("order", ["asc", "desc"])
def test_pages_through_thousands_of_equal_times(server: LokiServer, service: LogService, order: str) -> None:
    """
    Seven thousand lines, hundreds of them of one time, in several streams, come once each and in order.
    """
    for level in ("info", "error"):
        some = [i for i in range(7000) if (level == "error") == (i % 7 == 0)]
        fill(
            server, *([str(NOW + i // 900 * 1000), line(i, NOW + i // 900 * 1000)] for i in some), level=level
        )

    found = seqs(service.query_logs(limit=None, order=order))

    assert list(range(7000)) == (found if order == "asc" else found[::-1])


def test_little_is_read_for_little(server: LokiServer, service: LogService) -> None:
    """
    Ten rows of thousands cost one small request, and one connection serves many.
    """
    fill(server, *([str(NOW + i * 1000), line(i)] for i in range(3000)))

    assert 10 == len(service.query_logs(limit=10))
    assert 250 == int(server.requests[-1].parameters["limit"])
    for _ in range(5):
        service.query_logs(limit=1)
    assert 2 == server.connections  # the other one pushed


def test_more_lines_of_one_time_than_loki_gives(server: LokiServer, service: LogService) -> None:
    """
    Where Loki cannot give what follows, that is an error, never a hole.
    """
    server.memory.most_entries = 5000
    fill(server, *([str(NOW), line(i)] for i in range(5200)))

    with pytest.raises(QueryError, match=r"5,000 lines or more have one time"):
        service.query_logs(limit=None)


def test_lines_set_apart_by_a_collector_keep_their_order(server: LokiServer, service: LogService) -> None:
    """
    Nanoseconds that a collector adds do not come before seq.
    """
    fill(
        server,
        [str(NOW + 2), line(1)],
        [str(NOW), line(2)],
        [str(NOW + 1), line(3)],
        [str(NOW + 1000), line(0)],
    )

    assert [1, 2, 3, 0] == seqs(service.query_logs(order="asc"))
    assert [0, 3, 2, 1] == seqs(service.query_logs())


def test_the_same_line_of_two_streams_is_two_rows(server: LokiServer, service: LogService) -> None:
    """
    Rows are known by their stream too, at the edge of a page as elsewhere.
    """
    for pod in ("a", "b"):
        fill(server, *([str(NOW), line(i)] for i in range(300)), pod=pod)

    assert sorted([*range(300)] * 2) == seqs(service.query_logs(limit=None, order="asc"))


@pytest.mark.parametrize("order", ["asc", "desc"])
@pytest.mark.parametrize("length", [900, 100_000])
def test_pages_have_few_bytes(server: LokiServer, service: LogService, order: str, length: int) -> None:
    """
    Long lines come in pages that a Loki's processes can hand each other; too large a page is asked for in parts.
    """
    number = 3000 if length < 1000 else 200
    fill(server, *([str(NOW - i), line(i, NOW, message="x" * length)] for i in range(number)))
    refused = []

    def answer(request: Request) -> Reply:
        reply = LokiServer.answer(server, request)
        if len(reply.body) > 4 << 20:
            refused.append(request.parameters["limit"])
            return Reply("grpc: received message larger than max (4300000 vs. 4194304)", 500)
        return reply

    server.answer = answer  # type: ignore[method-assign]

    found = seqs(service.query_logs(limit=None, order=order))

    assert list(range(number)) == sorted(found)
    assert ([] if length < 1000 else ["250", "125", "62"]) == refused


def test_a_line_that_is_too_large(server: LokiServer, service: LogService) -> None:
    """
    When even one line is too large for Loki, it is said in its words.
    """
    server.always = Reply("received message larger than max (5000000 vs. 4194304)", 500)

    with pytest.raises(ServiceUnavailable, match="500 received message larger than max"):
        service.query_logs()
    assert ["250", "125", "62", "31", "15", "7", "3", "1"] == [
        request.parameters["limit"] for request in server.requests
    ]


def test_a_page_that_takes_too_long(server: LokiServer) -> None:
    """
    A large page that does not come in time is asked for in smaller ones; a first one is not.
    """
    fill(server, *([str(NOW - i), line(i)] for i in range(2000)))

    def answer(request: Request) -> Reply:
        reply = LokiServer.answer(server, request)
        reply.delay = 3 if int(request.parameters["limit"]) > 600 else 0
        return reply

    server.answer = answer  # type: ignore[method-assign]
    with LogService(LokiBackend(Access(server.url), timeout=1.5)) as service:
        assert list(range(2000)) == sorted(seqs(service.query_logs(limit=None)))
        server.answer = lambda _: Reply(EMPTY, content_type=JSON, delay=5)  # type: ignore[method-assign]
        asked = len(server.requests)
        with pytest.raises(ServiceUnavailable, match=r"no answer within 1\.5 seconds"):
            service.query_logs()

    assert asked + 1 == len(server.requests)


def test_long_ranges_are_asked_in_parts(server: LokiServer, service: LogService) -> None:
    """
    A range that Loki would refuse for its length is asked in parts; the rows and counts are those of the whole.
    """
    times = [NOW - days * DAY - 1 for days in (0, 29, 30, 31, 59, 60, 90)]
    fill(server, *([str(at), line(i, at)] for i, at in enumerate(times)))
    asked = {"start_time": rfc3339(NOW - 100 * DAY), "end_time": rfc3339(NOW)}

    assert [6, 5, 4, 3, 2, 1, 0] == seqs(service.query_logs(order="asc", **asked))
    assert [0, 1] == seqs(service.query_logs(limit=2, **asked))
    assert 7 == service.get_log_count(**asked)


@pytest.mark.parametrize("order", ["asc", "desc"])
def test_an_operators_own_limits_are_kept(server: LokiServer, service: LogService, order: str) -> None:
    """
    Where an operator allows fewer entries and shorter ranges than is the default, more requests are made.
    """
    server.memory.most_entries, server.memory.longest_days = 100, 1
    times = [NOW - 3 * DAY + i * (DAY // 200) for i in range(600)]
    fill(server, *([str(at), line(i, at)] for i, at in enumerate(times)))

    found = seqs(service.query_logs(limit=None, order=order))

    assert list(range(600)) == (found if order == "asc" else found[::-1])
    assert 600 == service.get_log_count()


@pytest.mark.parametrize("order", ["asc", "desc"])
def test_more_lines_of_one_time_than_an_operator_allows(
    server: LokiServer, service: LogService, order: str
) -> None:
    """
    Where they are more than this Loki gives at once, that is an error, not an endless question.
    """
    server.memory.most_entries = 100
    fill(server, *([str(NOW), line(i)] for i in range(150)))

    with pytest.raises(QueryError, match="100 lines or more have one time"):
        service.query_logs(limit=None, order=order)


def test_foreign_answers_are_left_out(server: LokiServer, service: LogService) -> None:
    """
    Should Loki give lines that are no rows, they are none.
    """
    values = [[str(NOW), text] for text in ("plain", "[1]", '{"timestamp": "soon"}', line(1))]
    server.always = Reply(
        EMPTY.replace("[]", json.dumps([{"stream": {}, "values": values}])), content_type=JSON
    )

    assert [1] == seqs(service.query_logs())


def test_lookback(server: LokiServer) -> None:
    """
    Without a start, a question goes back as far as the setting says: from now, or from an end in the past.
    """
    for days in (1, 3, 5):
        fill(server, [str(NOW - days * DAY), line(days, NOW - days * DAY)])

    with LogService(LokiBackend(Access(server.url), lookback=2 * 24 * 3600)) as service:
        assert [1] == seqs(service.query_logs())
        assert [3] == seqs(service.query_logs(end_time=rfc3339(NOW - 2 * DAY)))
        assert [5] == seqs(
            service.query_logs(start_time="1950-01-01T00:00:00Z", end_time=rfc3339(NOW - 4 * DAY))
        )
        assert [] == service.query_logs(start_time="1950-01-01T00:00:00Z", end_time="1960-01-01T00:00:00Z")


def test_lines_of_clocks_that_are_ahead_are_found(server: LokiServer, service: LogService) -> None:
    """
    A line that another machine's clock has dated some minutes ahead is found and counted.
    """
    ahead = time.time_ns() + 300 * NANOSECONDS
    fill(server, [str(ahead), line(1, ahead)])

    assert ([1], 1) == (seqs(service.query_logs()), service.get_log_count())


# --- questions ----------------------------------------------------------------------------------------------


def test_what_only_the_collector_knows(server: LokiServer, service: LogService) -> None:
    """
    Service, pod, container and environment are found by the collector's labels where the line does not say them.
    """
    fill(
        server,
        [str(NOW), line(1), {"pod_name": "p-1", "container_id": "c"}],
        service_name="a",
        environment="prod",
    )
    fill(server, [str(NOW), line(2, pod_name="p-2"), {"pod_name": "p-1"}], service_name="b")
    fill(server, [str(NOW), line(3, pod_name="p-1")], service_name="b", level="error")

    for asked, expected in [
        ({"pod_name": "p-1"}, [1, 3]),
        ({"pod_name": "p-2"}, [2]),
        ({"environment": "prod"}, [1]),
        ({"service_name": "b"}, [2, 3]),
        ({"service_name": "b", "pod_name": "p-1"}, [3]),
        ({"container_id": "c"}, [1]),
        ({"detected_level": "error"}, [3]),
    ]:
        assert expected == seqs(service.query_logs(order="asc", **asked)), asked
        assert len(expected) == service.get_log_count(**asked), asked
    assert {"p-1": 2, "p-2": 1} == service.count_by("pod_name")
    assert {"b": 2, "a": 1} == service.count_by("service_name")


def test_metadata_does_not_stand_for_the_line(server: LokiServer, service: LogService) -> None:
    """
    A trace is found whether its id is metadata or only in the line, and metadata that says otherwise loses.
    """
    fill(server, [str(NOW), line(1, trace_id="t"), {"trace_id": "t"}], [str(NOW), line(2, trace_id="t")])
    fill(server, [str(NOW), line(3, trace_id="other"), {"trace_id": "t"}])

    assert [1, 2] == seqs(service.query_by_trace_id("t"))
    assert 2 == service.get_log_count(trace_id="t")


def test_long_questions_are_posted(server: LokiServer, service: LogService) -> None:
    """
    What would make too long an address is sent as a form.
    """
    text = "很长" * 2000
    fill(server, [str(NOW), line(1, error_message=text)])

    assert [1] == seqs(service.query_logs(contains=text))
    assert "POST" == server.requests[-1].method
    with pytest.raises(QueryError, match="input size too long"):
        service.query_logs(contains="x" * 131072)


def test_a_name_that_is_no_field_is_refused(server: LokiServer) -> None:
    """
    A `Query` that nobody has checked cannot bring LogQL in by a field's name.
    """
    with closing(LokiBackend(Access(server.url))) as backend, pytest.raises(QueryError, match="not the name"):
        backend.count(Query(equal=(('a="b" or c', "d"),)))


def test_counts_of_broken_milliseconds(server: LokiServer, service: LogService) -> None:
    """
    Ends between milliseconds, which Loki's ranges do not know, are exact to the nanosecond.
    """
    times = [NOW + i * 100_000 for i in range(50)]
    fill(server, *([str(at), line(i, at)] for i, at in enumerate(times)))

    for start, end in [(0, 50), (3, 4), (3, 9), (7, 33), (10, 20), (1, 49)]:
        asked = arguments.parse_query(
            start_time=rfc3339(times[start]), end_time=rfc3339(times[end - 1] + 1000)
        )
        assert end - start == service.backend.count(asked), (start, end)


def test_histogram_of_many_lines_is_counted_by_loki(
    server: LokiServer, service: LogService, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    Where rows would be many pages, Loki counts step by step.
    """
    monkeypatch.setattr("ginkgo_logging.query.loki.MOST_ENTRIES", 10)
    fill(server, *([str(NOW + i * 10**6), line(i, level="error" if i % 5 else "info")] for i in range(100)))

    ends = {"start_time": rfc3339(NOW), "end_time": rfc3339(NOW + 10**8)}
    found = service.histogram(timedelta(milliseconds=50), **ends)

    expected = {"info": 10, "error": 40}
    assert {NOW: expected, NOW + 5 * 10**7: expected} == found
    listed = [request for request in server.requests[1:] if request.path.endswith("query_range")]
    assert all("NaN" in request.parameters["query"] for request in listed)


# --- tail ---------------------------------------------------------------------------------------------------


def test_tail_takes_late_lines_once(server: LokiServer, service: LogService) -> None:
    """
    A line that comes to Loki after later ones is still seen; none is seen twice, and none from before.
    """
    before = time.time_ns() - NANOSECONDS
    fill(server, [str(before), line(0, before)])
    with closing(service.follow()) as rows:
        assert next(rows) is None
        now = time.time_ns()
        fill(server, [str(now), line(1, now)])
        assert 1 == next(row for row in rows if row)["seq"]
        fill(server, [str(now - 1000), line(2, now - 1000)], [str(before + 1), line(3, before)])
        assert [3, 2] == [next(row for row in rows if row)["seq"] for _ in range(2)]
        assert [None, None] == [next(rows) for _ in range(2)]


def test_tail_misses_nothing_that_is_written_while_it_begins(server: LokiServer) -> None:
    """
    A line of a time from the beginning on is news, even if it is in the first answer.
    """
    began = NOW - NANOSECONDS
    fill(server, *([str(began + i), line(i, began + i * 1000)] for i in (-1, 0)))
    with closing(LokiBackend(Access(server.url), clock=lambda: began)) as backend:
        with closing(backend.tail(Query())) as rows:
            assert 0 == next(row for row in rows if row)["seq"]


def test_tail_misses_nothing_while_its_caller_is_busy(server: LokiServer) -> None:
    """
    Lines that were written since the last question are news, however long ago that was.
    """
    moments = iter([NOW, NOW])
    with closing(
        LokiBackend(Access(server.url), clock=lambda: next(moments, NOW + 60 * NANOSECONDS))
    ) as backend:
        with closing(backend.tail(Query())) as rows:
            assert next(rows) is None
            fill(
                server,
                *([str(at), line(i, at)] for i, at in enumerate((NOW + NANOSECONDS, NOW + 59 * NANOSECONDS))),
            )
            assert [0, 1] == [next(row for row in rows if row)["seq"] for _ in range(2)]


def test_tail_breathes_while_loki_does_not_answer(server: LokiServer, service: LogService) -> None:
    """
    A slow answer does not keep the caller: there is a None meanwhile, and closing does not wait.
    """
    server.always = Reply(EMPTY, content_type=JSON, delay=3)

    with closing(service.follow()) as rows:
        assert next(rows) is None

    assert len(server.requests) <= 1


def test_tail_says_that_loki_is_gone(server: LokiServer, service: LogService) -> None:
    """
    A Loki that fails while it is followed is an error, not silence.
    """
    server.always = Reply("down", 504)

    with pytest.raises(ServiceUnavailable, match="504"):
        list(service.tail())


def test_tail_begins_when_it_is_called(server: LokiServer, service: LogService) -> None:
    """
    What is written between the call and the first look at it is news.
    """
    rows = service.follow()
    now = time.time_ns()
    fill(server, [str(now), line(1, now)])

    with closing(rows):
        assert 1 == next(row for row in rows if row)["seq"]


def test_tail_goes_on_after_an_outage(server: LokiServer, service: LogService) -> None:
    """
    A caller that asks again after an error gets what was written meanwhile, once.
    """
    with closing(service.follow()) as rows:
        assert next(rows) is None
        server.always = Reply("down", 504)
        with pytest.raises(ServiceUnavailable, match="504"):
            list(rows)
        server.always = None
        now = time.time_ns()
        fill(server, [str(now), line(1, now)])

        assert 1 == next(row for row in rows if row)["seq"]
        assert [None, None] == [next(rows) for _ in range(2)]


# --- faults -------------------------------------------------------------------------------------------------

# What inflates to nothing, however long it is.
EMPTY_BLOCKS = gzip.compress(b"")[:10] + b"\0\0\0\xff\xff" * 1000
HTML = Reply("<html><b>Welcome</b></html>", content_type="text/html")
FAULTS = {
    "not ready": (recorded_reply("ready-not-yet"), "503 Ingester not ready"),
    "overloaded": (Reply("too many outstanding requests", 429), "429 too many outstanding requests"),
    "broken": (Reply("rpc error", 500), "500 rpc error"),
    "bad gateway": (Reply("<html>nginx</html>", 502, "text/html"), "502 Bad Gateway"),
    "gives up": (Reply("request timed out, decrease the duration", 504), "504 request timed out"),
    "no tenant": (recorded_reply("error-no-tenant"), "401 no org id"),
    "forbidden": (Reply("<html/>", 403, "text/html"), "403 Forbidden"),
    "not a Loki": (recorded_reply("error-unknown-path"), "404 404 page not found"),
    "moved": (Reply("", 302, headers={"Location": "http://elsewhere/"}), "302 Found"),
    "a proxy refuses": (Reply("<html/>", 400, "text/html"), "400 Bad Request"),
    "a page": (HTML, "not an answer of Loki but text/html"),
    "no JSON": (Reply("ok", content_type=JSON), "not an answer of Loki but application/json"),
    "torn JSON": (Reply(EMPTY[:-9], content_type=JSON), "not an answer of Loki"),
    "other JSON": (Reply("[]", content_type=JSON), "not an answer of Loki"),
    "nothing": (Reply("", content_type=JSON), "not an answer of Loki"),
    "a count": (Reply(NO_SAMPLE, content_type=JSON), "not an answer of Loki"),
    "strange rows": (
        Reply(EMPTY.replace("[]", '[{"stream":{},"values":[["x"]]}]'), content_type=JSON),
        "not an answer",
    ),
    **{
        f"values that are {values}": (
            Reply(EMPTY.replace("[]", f'[{{"stream":{{}},"values":{values}}}]'), content_type=JSON),
            "not an answer",
        )
        for values in (
            "{}",
            '"ab"',
            '[["1", 5]]',
            '[["1", null]]',
            '[["1", ["x"]]]',
            '[[true, "{}"]]',
            '["ab"]',
        )
    },
    "a label that is a number": (
        Reply(EMPTY.replace("[]", '[{"stream":{"a":5},"values":[]}]'), content_type=JSON),
        "not an answer",
    ),
    "an error that says success": (
        Reply(EMPTY.replace("success", "error"), content_type=JSON),
        "not an answer of Loki",
    ),
    "a head drop by drop": (Reply(drip_head=0.05), "no answer within 0.4 seconds"),
    "stream of nothing": (Reply(EMPTY.replace("[]", "[1]"), content_type=JSON), "not an answer"),
    "cut off": (Reply(EMPTY, content_type=JSON, cut=20), "peer closed|incomplete"),
    "hung up": (Reply(hang_up=True), "disconnected|closed|reset"),
    "packed otherwise": (Reply("x", headers={"Content-Encoding": "br"}), "cannot be read"),
    "nothing in a gzip, drop by drop": (
        Reply(EMPTY_BLOCKS, headers={"Content-Encoding": "gzip"}, drip=0.02),
        "no answer within 0.4 seconds",
    ),
    "bad gzip": (Reply("no gzip", headers={"Content-Encoding": "gzip"}), "cannot be read"),
    "too slow": (Reply(EMPTY, content_type=JSON, delay=5), "no answer within 0.4 seconds"),
    "drop by drop": (
        Reply(b"x" * 1000, content_type="text/plain", drip=0.05),
        "no answer within 0.4 seconds",
    ),
}


@pytest.mark.parametrize("name", FAULTS)
def test_faults(server: LokiServer, name: str) -> None:
    """
    Whatever keeps Loki from answering is a `ServiceUnavailable` that says what, and where; never no rows.
    """
    server.always, expected = FAULTS[name]
    # The others have a while, so that a busy machine does not make a fault of its own.
    timeout = 0.4 if "0.4 seconds" in expected else 2
    with LogService(LokiBackend(Access(server.url), timeout=timeout)) as service:
        with pytest.raises(ServiceUnavailable, match=expected) as caught:
            service.query_logs()

    assert str(caught.value).startswith(f"{server.url}: ")


def test_a_head_that_does_not_end_costs_nothing_afterwards(server: LokiServer) -> None:
    """
    When the time of a question is over, so are its thread and its connection, though the server still sends.
    """
    server.always = Reply(drip_head=0.3)  # for longer than `until` waits
    with LogService(LokiBackend(Access(server.url), timeout=0.5)) as service:
        for _ in range(3):
            with pytest.raises(ServiceUnavailable, match="no answer within"):
                service.query_logs()

        until(lambda: not questions(), "the threads of the questions end")
        assert [] == connected_to(server)


def questions() -> list[threading.Thread]:
    """Return the threads that ask."""
    return [one for one in threading.enumerate() if one.name == "ginkgo-logging-query"]


def connected_to(server: LokiServer) -> list[str]:
    """Return the ends of connections to *server* that this process, its clients included, holds open."""
    port = f":{server.server_port:04X}"
    held = {os.stat(f"/proc/self/fd/{name}").st_ino for name in map(int, descriptors())}
    rows = [row.split() for row in Path("/proc/self/net/tcp").read_text().splitlines()[1:]]
    return [row[9] for row in rows if row[2].endswith(port) and int(row[9]) in held]


def descriptors() -> list[str]:
    """Return the open descriptors of this process, the listing's own left out."""
    return [name for name in os.listdir("/proc/self/fd") if os.path.exists(f"/proc/self/fd/{name}")]


def test_a_slow_question_does_not_disturb_another(server: LokiServer) -> None:
    """
    What comes too late for one thread costs others that ask at the same time nothing, not even a second request.
    """
    arrived, is_over = threading.Event(), threading.Event()

    def answer(request: Request) -> Reply:
        if "slow" in request.parameters["query"]:
            return Reply(drip_head=0.05)
        arrived.set()
        is_over.wait(10)
        return Reply(EMPTY, content_type=JSON)

    server.answer = answer  # type: ignore[method-assign]
    client = loki_client.LokiClient(Access(server.url), 5)
    with closing(client):
        other = in_background(lambda: client.entries('{a="quick"}', 0, 1, 1, newest_first=True))
        assert arrived.wait(10)
        client._timeout = 0.3
        with pytest.raises(ServiceUnavailable, match="no answer within"):
            client.entries('{a="slow"}', 0, 1, 1, newest_first=True)
        is_over.set()

        assert [] == other.result(10).entries

    assert 2 == len(server.requests)


@pytest.mark.parametrize("name", ["not ready", "a page", "cut off", "no tenant"])
def test_faults_of_counts(server: LokiServer, name: str) -> None:
    """
    A count that Loki does not give is an error too, not zero.
    """
    server.always, expected = FAULTS[name]
    with LogService(LokiBackend(Access(server.url), timeout=2)) as service:
        for call in (service.get_log_count, lambda: service.count_by("level")):
            with pytest.raises(ServiceUnavailable, match=expected):
                call()


BOMB = gzip.compress(bytes(64 << 20), 1)
SAMPLES = [
    '{"metric":{},"value":[1,"+Inf"]}',
    '{"metric":{},"value":[1,"NaN"]}',
    '{"metric":{},"value":[1,"1e400"]}',
    '{"metric":[],"value":[1,"1"]}',
    '{"metric":{"ginkgo_1":["a"]},"value":[1,"1"]}',
    '{"metric":{"ginkgo_1":5},"value":[1,"1"]}',
]


@pytest.mark.parametrize("sample", SAMPLES)
def test_strange_counts(server: LokiServer, sample: str) -> None:
    """
    What is no number of lines of a text is no answer of Loki.
    """
    server.always = Reply(NO_SAMPLE.replace("[]", f"[{sample}]"), content_type=JSON)
    with LogService(LokiBackend(Access(server.url), timeout=2)) as service:
        with pytest.raises(ServiceUnavailable, match="not an answer of Loki"):
            service.count_by("level", start_time=rfc3339(NOW - DAY), end_time=rfc3339(NOW))


def test_answers_that_fill_memory(
    server: LokiServer, service: LogService, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    A small answer that inflates to a large one is given up before it is inflated whole.
    """
    monkeypatch.setattr(loki_client, "LARGEST_ANSWER", 1 << 20)
    server.always = Reply(BOMB, content_type="application/json", headers={"Content-Encoding": "gzip"})
    tracemalloc.start()
    try:
        with pytest.raises(ServiceUnavailable, match="more than 1 MiB"):
            service.query_logs()
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()

    assert peak < 16 << 20


def test_a_server_that_cannot_be() -> None:
    """
    A name that no server can have is told like one that is not found.
    """
    with LogService(LokiBackend(Access("http://a..b:3100"))) as service:
        with pytest.raises(ServiceUnavailable, match=r"http://a\.\.b:3100: "):
            service.query_logs()


def test_an_address_that_is_none_is_not_shown() -> None:
    """
    It may hold a password.
    """
    with pytest.raises(ConfigError, match=r"loki\.url") as caught:
        LokiBackend(Access("http://user:hunter2@xn--\u4f60/"))

    assert "hunter2" not in str(caught.value)


def test_refused_connections() -> None:
    """
    Where nobody listens, that is said, soon.
    """
    with socket.create_server(("127.0.0.1", 0)) as taken:
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"

    with LogService(LokiBackend(Access(url), timeout=30)) as service:
        with pytest.raises(ServiceUnavailable, match="refused"):
            service.query_logs()


@pytest.mark.parametrize("fault", ["not ready", "overloaded", "broken", "bad gateway", "hung up"])
def test_what_may_pass_is_tried_again(server: LokiServer, service: LogService, fault: str) -> None:
    """
    A fault that passes is not seen by the caller.
    """
    fill(server, [str(NOW), line(1)])
    server.replies = [FAULTS[fault][0]] * 2

    assert [1] == seqs(service.query_logs())


def test_what_does_not_pass_is_tried_until_the_timeout(server: LokiServer) -> None:
    """
    A Loki that is not ready is asked again for as long as the timeout allows, and then it is said.
    """
    server.always = FAULTS["not ready"][0]
    began = time.monotonic()

    with LogService(LokiBackend(Access(server.url), timeout=6)) as service:
        with pytest.raises(ServiceUnavailable, match="503"):
            service.query_logs()

    assert 3 < time.monotonic() - began < 9
    assert 5 < len(server.requests) < 20


@pytest.mark.parametrize("fault", ["gives up", "no tenant", "a page", "a proxy refuses"])
def test_what_will_not_pass_is_not(server: LokiServer, service: LogService, fault: str) -> None:
    """
    A fault that would come again is said at once.
    """
    server.always = FAULTS[fault][0]

    with pytest.raises(ServiceUnavailable):
        service.query_logs()

    assert 1 == len(server.requests)


@pytest.mark.parametrize(
    ("header", "is_waited_for"), [("0", True), ("3600", False), ("date", False), ("soon", True)]
)
def test_retry_after(server: LokiServer, service: LogService, header: str, is_waited_for: bool) -> None:
    """
    When the server says how long to wait, it is waited so long, and not at all beyond the timeout.
    """
    value = formatdate(time.time() + 3600, usegmt=True) if header == "date" else header
    server.replies = [Reply("slow down", 429, headers={"Retry-After": value})]

    if is_waited_for:
        assert [] == service.query_logs()
    else:
        with pytest.raises(ServiceUnavailable, match="429 slow down"):
            service.query_logs()
    assert (2 if is_waited_for else 1) == len(server.requests)


def test_many_threads_share_one_backend(server: LokiServer, service: LogService) -> None:
    """
    Any thread may ask at any time; each gets its own answer.
    """
    fill(server, *([str(NOW + i * 1000), line(i, portfolio_id=f"p{i % 8}")] for i in range(80)))
    found: dict[int, list[int]] = {}

    def ask(number: int) -> None:
        found[number] = seqs(service.query_logs(portfolio_id=f"p{number}", order="asc"))

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert {number: [*range(number, 80, 8)] for number in range(8)} == found


def test_a_forked_child_has_connections_of_its_own(server: LokiServer, service: LogService) -> None:
    """
    After a fork, both sides go on asking.
    """
    fill(server, [str(NOW), line(1)])
    assert [1] == seqs(service.query_logs())
    before = server.connections

    child = os.fork()
    if child == 0:
        os._exit(0 if [1] == seqs(service.query_logs()) else 1)
    assert [1] == seqs(service.query_logs())

    assert 0 == os.waitpid(child, 0)[1]
    assert before + 1 == server.connections


def test_closing_twice_and_going_on(service: LogService) -> None:
    """
    close gives connections back; a later question opens new ones.
    """
    service.query_logs()
    service.close()
    service.close()

    assert 0 == service.get_log_count()


# --- who asks -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, None),
        ({"username": "ann", "password": "pä"}, "Basic YW5uOnDDpA=="),
        ({"username": "ann"}, "Basic YW5uOg=="),
        ({"token": "t0ken", "username": "ann"}, "Bearer t0ken"),
        ({"userinfo": "ann:p%C3%A4"}, "Basic YW5uOnDDpA=="),
    ],
)
def test_credentials(server: LokiServer, given: dict[str, str], expected: str | None) -> None:
    """
    A token, user and password, or those in the URL are sent; so is the tenant.
    """
    userinfo = given.pop("userinfo", "")
    url = server.url.replace("//", f"//{userinfo}@") if userinfo else server.url
    server.tenant = "team-a"

    with LogService(LokiBackend(Access(url, tenant="team-a", **given))) as service:
        assert [] == service.query_logs()

    assert expected == server.requests[0].headers.get("authorization")
    assert "ann" not in server.requests[0].path


def test_a_path_in_front(server: LokiServer) -> None:
    """
    A Loki behind a proxy may have a path of its own.
    """
    with LogService(LokiBackend(Access(f"{server.url}/logs/loki"))) as service:
        service.query_logs()

    assert "/logs/loki/loki/api/v1/query_range" == server.requests[0].path


SECRETS = ["s3cret", "t0ken", "czNjcmV0", "ann"]


def test_secrets_are_in_no_message(server: LokiServer, caplog: pytest.LogCaptureFixture) -> None:
    """
    No error, repr or log record shows a credential, even when the server says it back.
    """
    caplog.set_level(logging.DEBUG)
    server.replies = [Reply("bad credentials s3cret t0ken czNjcmV0", 401), Reply("what is s3cret?", 400)]
    server.always = Reply(hang_up=True)
    shown: list[str] = []
    accesses = [
        Access(server.url, username="user", password="s3cret", token="t0ken"),
        Access(server.url.replace("//", "//ann:s3cret@")),
        Access("http://ann:s3cret@127.0.0.1:1"),
    ]
    for access in accesses:
        with LogService(LokiBackend(access, timeout=0.5)) as service:
            for _ in range(2):
                with pytest.raises((ServiceUnavailable, QueryError)) as caught:
                    service.query_logs()
                shown += [str(caught.value), repr(caught.value), repr(caught.value.__cause__)]
            shown += [repr(access), repr(service.backend), str(service.backend)]

    text = "\n".join([*shown, caplog.text])
    assert [] == [secret for secret in SECRETS[:2] + SECRETS[3:] if secret in text], text


def test_a_secret_at_the_end_of_a_message(server: LokiServer) -> None:
    """
    A long message is cut after its secrets are hidden, so that it ends with no part of one.
    """
    server.always = Reply("x" * 495 + "s3cretToken", 400)

    with LogService(LokiBackend(Access(server.url, token="s3cretToken"))) as service:
        with pytest.raises(QueryError) as caught:
            service.query_logs()

    assert "s3c" not in str(caught.value)


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("ALL_PROXY", "socks5://user:s3cret@127.0.0.1:1"),
        ("HTTP_PROXY", "foo://user:s3cret@bar"),
        ("SSL_CERT_FILE", "/no/such/file"),
    ],
)
def test_an_environment_that_cannot_be_used(
    server: LokiServer, monkeypatch: pytest.MonkeyPatch, variable: str, value: str
) -> None:
    """
    A proxy, or certificates, that httpx does not take are a `ConfigError` that names the variable.
    """
    monkeypatch.setenv(variable, value)

    with pytest.raises(ConfigError, match=rf"^{variable}\b.*: ") as caught:
        LogService(LokiBackend(Access(server.url))).query_logs()

    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize("given", [{"token": "t0ken\nX: y"}, {"token": "tökén"}, {"tenant": "a\r\nb"}])
def test_what_no_header_can_hold(given: dict[str, str]) -> None:
    """
    A token or tenant that would break the request is a `ConfigError` that does not show it.
    """
    with pytest.raises(ConfigError, match=r"^loki\.(token|tenant): \(hidden\)"):
        LokiBackend(Access("http://loki:3100", **given))


def test_requests_are_no_news(
    server: LokiServer, service: LogService, caplog: pytest.LogCaptureFixture
) -> None:
    """
    Asking writes no lines of httpx and httpcore, at any level; those of the program's own requests stay.
    """
    import httpx

    caplog.set_level(logging.DEBUG)

    service.query_logs(contains="private")
    assert [] == caplog.records

    httpx.get(f"{server.url}/ready")
    assert {"httpx", "httpcore.connection", "httpcore.http11"} == {record.name for record in caplog.records}


# --- TLS ----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate of 127.0.0.1 and its key, in one file."""
    if not shutil.which("openssl"):
        pytest.skip("the openssl command, which makes the certificate, is not installed")
    directory = tmp_path_factory.mktemp("tls")
    key, cert, both = (directory / name for name in ("key.pem", "cert.pem", "both.pem"))
    command = (
        "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=test"
    )
    files = ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(key), "-out", str(cert)]
    subprocess.run([*command.split(), *files], check=True, capture_output=True, timeout=30)
    both.write_text(key.read_text() + cert.read_text())
    return both


@pytest.fixture
def tls_server(certificate: Path) -> Iterator[LokiServer]:
    """A Loki behind TLS that asks who asks."""
    with running() as server:
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(certificate)
        tls.load_verify_locations(certificate)
        tls.verify_mode = ssl.CERT_REQUIRED
        server.socket = tls.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        yield server


def test_tls(tls_server: LokiServer, certificate: Path) -> None:
    """
    With ca_file and client_cert, a private authority is trusted and the client shows who it is.
    """
    settings = Settings(
        loki_url=tls_server.url.replace("http:", "https:"),
        loki_ca_file=str(certificate),
        loki_client_cert=str(certificate),
    )

    with LogService(LokiBackend.from_settings(settings)) as service:
        assert [] == service.query_logs()


def test_an_unknown_authority_is_not_trusted(tls_server: LokiServer) -> None:
    """
    Without ca_file, a certificate that nobody known has signed ends the connection.
    """
    with LogService(LokiBackend(Access(tls_server.url.replace("http:", "https:")), timeout=2)) as service:
        with pytest.raises(ServiceUnavailable, match="CERTIFICATE_VERIFY_FAILED"):
            service.query_logs()


@pytest.mark.parametrize("key", ["ca_file", "client_cert"])
def test_tls_files_that_cannot_be_used(key: str, tmp_path: Path) -> None:
    """
    A file that is missing, or no certificate, is a `ConfigError` that names the setting and the file.
    """
    empty = tmp_path / "empty.pem"
    empty.write_text("nothing")
    for path in (tmp_path / "missing.pem", empty):
        with pytest.raises(ConfigError, match=f"loki.{key}: cannot use {path}"):
            LokiBackend(Access("https://loki", **{key: str(path)}))
