"""The Loki that our tests ask answers as a real one did: to recorded questions, what was recorded."""

import json
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest
from loki_server import RECORDINGS, LokiServer, push, recording, running

FIRST = 1795466227 * 10**9
NAMES = sorted(path.stem for path in RECORDINGS.glob("*.json"))


@pytest.fixture(scope="module")
def server() -> Iterator[LokiServer]:
    """A server that holds the lines that the recorded one held."""
    with running() as one:
        push(one.url, [*_backtests(), *_others()])
        yield one


def _line(seconds: float, level: str, **fields: Any) -> str:
    stamp = f"2026-11-23T20:37:{7 + seconds:09.6f}Z"
    return json.dumps({"timestamp": stamp, "level": level, **fields}, ensure_ascii=False)


def _backtests() -> list[dict[str, Any]]:
    streams = []
    for i in range(60):
        level = "error" if i % 10 == 9 else "info"
        letter, strategy = "abc"[i % 3], "strategy-2" if i % 3 == 2 else "strategy-1"
        message = (
            f"Order rejected: insufficient cash {i:03}"
            if i % 10 == 9
            else f"Signal generated: BUY {600000 + i}.SH"
        )
        ids = {
            "portfolio_id": f"portfolio-{letter * 3}",
            "strategy_id": strategy,
            "trace_id": f"trace-{i % 3}",
        }
        line = _line(
            i / 10,
            level,
            logger_name="ginkgo.engine",
            message=message,
            log_category="backtest",
            **ids,
            seq=i + 1,
        )
        streams.append(
            _stream(FIRST + i * 10**8, level, "backtest", line, logger_name="ginkgo.engine", **ids)
        )
    return streams


def _others() -> list[dict[str, Any]]:
    """Return the lines that the recordings show whole."""
    streams = []
    for name in ("range-same-instant-end-plus-1", "range-trace", "range-tricky-value"):
        for stream in json.loads(recording(name)["response"]["body"])["data"]["result"]:
            labels = {k: v for k, v in stream["stream"].items() if k != "detected_level"}
            level, category = labels.pop("level"), labels.pop("log_category")
            del labels["service_name"]
            streams += [_stream(int(at), level, category, line, **labels) for at, line in stream["values"]]
    return streams


def _stream(at: int, level: str, category: str, line: str, **metadata: str) -> dict[str, Any]:
    labels = {"service_name": "ginkgo", "level": level, "log_category": category}
    return {"stream": labels, "values": [[str(at), line, metadata]]}


def _ask(url: str, headers: dict[str, str]) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=10) as response:
            return response.status, response.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


def _comparable(result: list[dict[str, Any]]) -> Any:
    """Return a result without the order of streams and of equal times, which Loki promises to nobody."""
    if result and "metric" in result[0]:
        return sorted([sorted(one["metric"].items()), one["value"]] for one in result)
    return sorted(
        [sorted(one["stream"].items()), sorted(one["values"], key=lambda value: (value[0], value[1]))]
        for one in result
    )


@pytest.mark.parametrize("name", [name for name in NAMES if name.startswith(("range-", "count-"))])
def test_answers_are_those_recorded(server: LokiServer, name: str) -> None:
    """
    To a recorded question the server gives the recorded streams, values, labels and numbers.
    """
    exchange = recording(name)
    flags = {"X-Loki-Response-Encoding-Flags": "categorize-labels"} if name == "range-categorized" else {}

    status, body = _ask(server.url + exchange["request"]["path"], flags)

    assert exchange["response"]["status"] == status
    expected, found = json.loads(exchange["response"]["body"])["data"], json.loads(body)["data"]
    if name == "range-same-instant-limit-5":  # which five is Loki's to choose
        assert [5] == [len(stream["values"]) for stream in found["result"]]
        assert {"1795466237000000000"} == {value[0] for value in found["result"][0]["values"]}
    else:
        assert _comparable(expected["result"]) == _comparable(found["result"])
    assert expected["resultType"] == found["resultType"]
    assert expected.get("encodingFlags") == found.get("encodingFlags")


@pytest.mark.parametrize("name", [n for n in NAMES if n.startswith("error-") and n != "error-no-tenant"])
def test_refusals_are_those_recorded(server: LokiServer, name: str) -> None:
    """
    What a real Loki refused is refused with its status and text; only the places in syntax errors differ.
    """
    exchange = recording(name)

    status, body = _ask(server.url + exchange["request"]["path"], {})

    expected = exchange["response"]["body"]
    if name == "error-syntax":
        expected, body = expected.partition(" at line")[0], body.partition(" at line")[0]
    assert (exchange["response"]["status"], expected) == (status, body)


def test_an_entry_is_kept_once(server: LokiServer) -> None:
    """
    The same line of the same time and labels, sent again, is still one entry.
    """
    path = recording("count-portfolio")["request"]["path"]

    push(server.url, _backtests())

    assert "20" == json.loads(_ask(server.url + path, {})[1])["data"]["result"][0]["value"][1]


@pytest.mark.parametrize(
    "text",
    [
        '{service_name="a"} |= "x',
        '{service_name="a",}',
        "{service_name='a'}",
        '{service_name="a"} | a.b="c"',
        '{service_name="a"} | json x="a b"',
        '{service_name="a"} |~ "(?=x)"',
        '{service_name="a"} |~ "("',
        '{service_name="a"} |= "\\q"',
        '{service_name="a"} |= "\\ud83d\\ude00"',
        'sum(count_over_time({service_name="a"} [1.5s]))',
        'sum(count_over_time({service_name="a"} [1us]))',
        'sum(count_over_time({service_name="a"}))',
        'sum by () (count_over_time({service_name="a"} [1s]))',
        'sum(count_over_time({service_name="a"} [1s])) or sum(count_over_time({service_name="b"} [1s]))',
        f'{{service_name="{"a" * 131072}"}}',
    ],
)
def test_what_is_no_logql_is_refused(server: LokiServer, text: str) -> None:
    """
    A malformed query gets 400, so that a mistake of ours cannot pass as an empty answer.
    """
    form = urllib.parse.urlencode({"query": text, "time": "1795466287", "start": "1", "end": "2"}).encode()
    request = urllib.request.Request(f"{server.url}/loki/api/v1/query", form)

    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(request, timeout=10)

    with caught.value as refusal:
        assert (400, "parse error") == (refusal.code, refusal.read().decode()[:11])
