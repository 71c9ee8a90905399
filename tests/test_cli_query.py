"""`ginkgo-logging query`: which lines, from where, in which order, shown how."""

import http.server
import json
import logging
import socket
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from cli_store import TRACE, Command, command, row, write

from ginkgo_logging import GLOG, settings, setup, shutdown
from ginkgo_logging.cli import flags

pytestmark = pytest.mark.usefixtures("shanghai")


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Command:
    """Run a command in this process."""
    return command(capsys)


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """Five lines, one of them an error."""
    return write(
        tmp_path / "app.log",
        [
            row(0, portfolio_id="p-1", trace_id="t-1"),
            row(1, portfolio_id="p-2", level="warning", message="low 余额 on account"),
            row(2, portfolio_id="p-1", level="error", trace_id="t-1", message="no data", symbol="AAPL"),
            row(3, strategy_id="s-1", log_category="backtest", logger_name="app.engine", order=4711),
            row(4, portfolio_id="p-1", level="debug"),
        ],
    )


def seconds(rows: list[dict[str, Any]]) -> list[int]:
    return [int(one["timestamp"][17:19]) for one in rows]


# --- which lines --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        ([], [0, 1, 2, 3, 4]),
        (["--portfolio-id", "p-1"], [0, 2, 4]),
        (["--strategy-id", "s-1"], [3]),
        (["--trace-id", "t-1"], [0, 2]),
        (["--level", "ERROR"], [2]),
        (["--level", "warn,error"], [1, 2]),
        (["--level", "warning", "--level", "error, debug"], [1, 2, 4]),
        (["--category", "backtest"], [3]),
        (["--logger", "app.engine"], [3]),
        (["--contains", "余额"], [1]),
        (["--regex", "^(no|low) "], [1, 2]),
        (["--field", "symbol=AAPL"], [2]),
        (["--field", "order=4711"], [3]),
        (["--field", "level=debug"], [4]),
        (["--field", "symbol=AAPL", "--field", "portfolio_id=p-2"], []),
        (["--portfolio-id", "p-1", "--level", "debug"], [4]),
        (["--since", "2026-02-26T10:30:03Z"], [3, 4]),
        (["--until", "2026-02-26T10:30:01Z"], [0]),
        (["--since", "2026-02-26 18:30:02", "--until", "2026-02-26T18:30:04"], [2, 3]),
        (["--since", "2026-02-26T18:30:01.5+08:00"], [2, 3, 4]),
        (["--since", "2026-02-26", "--until", "2026-02-27"], [0, 1, 2, 3, 4]),
        (["--since", "2026-02-27"], []),
        (["--since", "9999w"], [0, 1, 2, 3, 4]),
        (["--since", "1h30m"], []),
    ],
)
def test_flags_select_lines(run: Command, log: Path, flags: list[str], expected: list[int]) -> None:
    """
    Each flag is one condition, a line fulfils them all, and local times are those of the clock on the wall.
    """
    done = run("query", "--json", "--file", log, *flags)

    assert (0 if expected else 1, expected, "") == (done.code, seconds(done.rows), done.err)


def test_relative_times_end_now(run: Command, tmp_path: Path) -> None:
    """
    ``--since 1m`` has what was written a moment ago, and ``--until 1m`` has not.
    """
    now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    log = write(tmp_path / "app.log", [row(0, timestamp=now)])

    codes = [run("query", "--file", log, flag, "1m").code for flag in ("--since", "--until")]

    assert [0, 1] == codes


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        (["--limit", "2"], [3, 4]),
        (["--limit", "2", "--offset", "1"], [2, 3]),
        (["--limit", "2", "--order", "desc"], [4, 3]),
        (["--limit", "2", "--order", "asc"], [0, 1]),
        (["--limit", "2", "--order", "asc", "--offset", "2"], [2, 3]),
        (["--limit", "all"], [0, 1, 2, 3, 4]),
        (["--limit", "all", "--offset", "1"], [0, 1, 2, 3]),
        (["--limit", "all", "--order", "desc", "--offset", "3"], [1, 0]),
        (["--limit", "0"], []),
    ],
)
def test_order_and_pages(run: Command, log: Path, flags: list[str], expected: list[int]) -> None:
    """
    Without an order the newest lines are chosen and the newest stands last, by the prompt.
    """
    assert expected == seconds(run("query", "--json", "--file", log, *flags).rows)


def test_hundred_lines_by_default(run: Command, tmp_path: Path) -> None:
    """
    Nobody wants a million lines by mistake.
    """
    log = write(tmp_path / "app.log", (row(i / 10) for i in range(150)))

    lines = run("query", "--file", log).plain

    assert (100, True) == (len(lines), "line 14.9" in lines[-1])


@pytest.mark.parametrize(
    ("flags", "named"),
    [
        (["--level", "loud"], "--level: 'loud' is unknown"),
        (["--level", ","], "--level: "),
        (["--regex", "("], "--regex: '(' does not compile"),
        (["--trace-id", ""], "--trace-id: is empty"),
        (["--category", ""], "--category: is empty"),
        (["--field", "symbol"], "--field: 'symbol' is not NAME=VALUE"),
        (["--field", "sym bol=1"], "--field 'sym bol=1': 'sym bol' is not the name of a field"),
        (["--field", "symbol="], "--field 'symbol=': is empty"),
        (["--since", "soon"], "--since: 'soon' is no time"),
        (["--since", "2026-02-30"], "--since: '2026-02-30' is no time"),
        (["--until", "2026-02-26T10:00:00"], "--until: 2026-02-26T10:00:00 is before --since 1h"),
        (["--file", "~nobody-of-this-name/app.log"], "--file: "),
        (["--loki", "http://xn--\u4f60/"], "is not an address"),
        (["--limit", "-1"], "argument --limit: '-1' is neither"),
        (["--offset", "all"], "argument --offset: 'all' is not"),
        (["--loki", "loki:3100"], "--loki: 'loki:3100' is not an address"),
        (["--loki", "http://x", "--file", "y"], "not allowed with argument"),
        (["--colour"], "unrecognized arguments: --colour"),
    ],
)
def test_wrong_flags(run: Command, flags: list[str], named: str) -> None:
    """
    Exit code 2, and a message that names the flag as it is written.
    """
    since = [] if "--since" in flags else ["--since", "1h"]

    done = run("query", *since, *flags)

    assert (2, "", True) == (done.code, done.out, named in done.err), done.err


@pytest.mark.parametrize(
    "command_and_flag", [("query", "--limit"), ("query", "--offset"), ("tail", "-n")], ids=str
)
def test_more_lines_than_can_be_counted(run: Command, log: Path, command_and_flag: tuple[str, str]) -> None:
    """
    A number beyond what a machine counts with is as good as all of them.
    """
    name, flag = command_and_flag

    done = run(name, flag, "9" * 30, "--json", "--file", log)

    assert ((1, 0) if flag == "--offset" else (0, 5)) == (done.code, len(done.lines))


def test_a_bad_address_does_not_show_its_password(run: Command) -> None:
    """
    What stands before the @ of an address that is refused is not printed.
    """
    done = run("query", "--loki", "ftp://user:s3cret@loki")

    assert (2, False) == (done.code, "s3cret" in done.err)


# --- shown how ----------------------------------------------------------------------------------------------


def test_one_line_a_record(run: Command, log: Path) -> None:
    """
    Local time, level, logger, category, message, fields, trace and source; nothing else.
    """
    write(
        log, [row(5, log_category="backtest", engine_id="e 1", trace_id="t-1", source="a.py", seq=1, pid=2)]
    )

    done = run("query", "--file", log, "--limit", 2)

    assert [
        "2026-02-26 18:30:04.000 DEBUG    app.orders       line 4 portfolio_id=p-1",
        '2026-02-26 18:30:05.000 INFO     app.orders       [backtest] line 5 engine_id="e 1" trace_id=t-1 (a.py)',
    ] == done.lines


def test_a_traceback_stands_below(run: Command, tmp_path: Path) -> None:
    """
    Traceback and stack are indented, so that what begins at the edge is a record.
    """
    trace = "Traceback (most recent call last):\n\tboom()\r\nValueError: x\n"
    log = write(
        tmp_path / "app.log",
        [
            row(0, error_type="ValueError", error_message="x", stack_trace=trace, stack_info="Stack:\n  f()"),
            row(1, error_type="KeyError", error_message="'k'"),
            row(2, stack_trace=["Traceback", "  g()"]),
        ],
    )

    lines = run("query", "--file", log).lines

    assert [
        "2026-02-26 18:30:00.000 INFO     app.orders       line 0",
        "    Traceback (most recent call last):",
        "        boom()",
        "    ValueError: x",
        "    Stack:",
        "      f()",
        "2026-02-26 18:30:01.000 INFO     app.orders       line 1",
        "    KeyError: 'k'",
        "2026-02-26 18:30:02.000 INFO     app.orders       line 2",
        "    Traceback",
        "      g()",
    ] == lines


HOSTILE = "\x1b[2J\x1b]8;;http://evil\x07x\x1b\\\r\n2026 INFO forged\x9b31m\x7f\u202e\u2028[red]x[/red]\x00"


def test_hostile_text_is_escaped(run: Command, tmp_path: Path) -> None:
    """
    No field of a line can drive the terminal, forge a second line or be taken for Rich's markup.
    """
    names = ["level", "logger_name", "message", "log_category", "trace_id", "source", "x", "a\x1bb"]
    names += ["error_type", "error_message", "stack_trace", "stack_info", "hostname", "span_id"]
    one = row(0) | dict.fromkeys(names, HOSTILE)
    log = write(tmp_path / "app.log", [one, one | {"nested": {"k": [HOSTILE]}}, one | {"stack_trace": None}])

    outputs = [
        run("query", "--file", log).out,
        run("query", "--file", log, "--json").out,
        run("tail", "--file", log).out,
        run("count", "--file", log, "--by", "message").out,
        run("count", "--file", log, "--by", "message", "--json").out,
        run("stats", "--file", log).out,
        run("stats", "--file", log, "--json").out,
        run("trace", HOSTILE, "--file", log).out,
    ]

    assert all("[red]x[/red]" in out for out in outputs)
    assert [""] * len(outputs) == [
        "".join(c for c in out if not c.isprintable() and c != "\n") for out in outputs
    ]


def test_hostile_flags_are_escaped(run: Command, log: Path) -> None:
    """
    What is given on the command line is printed escaped, too.
    """
    errors = [
        run("query", "--file", log, "--level", HOSTILE).err,
        run("query", "--file", "/nowhere/\x1b[2J").err,
        run("trace", "\x1b[2J", "--file", log).err,
    ]

    assert [False] * 3 == ["\x1b" in error for error in errors]
    assert all(errors)


def test_json_is_what_is_in_the_file(run: Command, tmp_path: Path) -> None:
    """
    One line a row with the same values, key by key, in their order.
    """
    rows = [
        row(
            0,
            message='say "hi"\\ 价格 \x1b\x9b\u2028',
            big=2**63,
            rate=1e-9,
            nothing=None,
            nested={"a": [1, {}]},
        ),
        row(1, **{"": 1, "b": True}),
    ]
    log = write(tmp_path / "app.log", rows)

    done = run("query", "--json", "--file", log)

    assert [list(one.items()) for one in rows] == [list(one.items()) for one in done.rows]


@pytest.mark.parametrize(
    "value", [2**70, "\ud800", float("1e300")], ids=["big integer", "surrogate", "big float"]
)
def test_json_of_odd_values(value: object, capsys: pytest.CaptureFixture[str]) -> None:
    """
    What orjson refuses to write is written all the same.
    """
    terminal = flags.Terminal("never")

    terminal.say_json({"value": value})

    assert {"value": value} == json.loads(capsys.readouterr().out)


def test_json_of_bottomless_values(capsys: pytest.CaptureFixture[str]) -> None:
    """
    Nesting beyond any bound costs depth, not the line.
    """
    deep: list[object] = []
    for _ in range(100_000):
        deep = [deep]

    flags.Terminal("never").say_json({"value": deep})

    assert isinstance(json.loads(capsys.readouterr().out), dict)


def test_colours_on_request(run: Command, log: Path) -> None:
    """
    ``--color always`` paints even into a pipe, and the text stays the same.
    """
    plain, painted = run("query", "--file", log), run("query", "--file", log, "--color", "always")

    assert plain.lines == painted.plain
    assert "\x1b[1;31mERROR" in painted.out
    assert "\x1b" not in plain.out


def test_json_is_never_painted(run: Command, log: Path) -> None:
    """
    jq would not read colours.
    """
    assert "\x1b" not in run("query", "--file", log, "--json", "--color", "always").out


def test_values_of_odd_types(run: Command, tmp_path: Path) -> None:
    """
    Any JSON value in any field is shown as JSON; long ones are cut.
    """
    log = write(
        tmp_path / "app.log",
        [row(0, level=5, logger_name=None, message={"a": 1}, trace_id=[1], x=True, y=None, z="中" * 50)],
    )

    (line,) = run("query", "--file", log).lines

    assert f'5                         {{"a":1}} x=true y= z={"中" * 29}… trace_id=[1]' in line


# --- from where ---------------------------------------------------------------------------------------------


def test_several_files_and_directories(run: Command, tmp_path: Path) -> None:
    """
    --file may be repeated and name directories; the lines of all are in one order.
    """
    first = write(tmp_path / "a" / "one.log", [row(0), row(3)])
    write(tmp_path / "b" / "two.log", [row(1)])
    write(tmp_path / "b" / "two.log.1", [row(2)])

    done = run("query", "--json", "--file", first, "--file", tmp_path / "b")

    assert [0, 1, 2, 3] == seconds(done.rows)


def test_the_settings_store(run: Command, home: Path) -> None:
    """
    Without --file the log file of the settings is read.
    """
    write(home / ".ginkgo" / "logs" / "ginkgo.log", [row(7)])

    assert [7] == seconds(run("query", "--json").rows)


def test_what_a_program_logged_is_found(run: Command) -> None:
    """
    The lines of this very process, through the shipped file: from the call to the answer.
    """
    setup()
    with GLOG.with_trace_id(TRACE), GLOG.context(portfolio_id="p-9"):
        GLOG.ERROR("no data for AAPL")
    shutdown()
    settings.activate(None)

    done = run("query", "--portfolio-id", "p-9")

    assert (0, 1) == (done.code, len(done.lines))
    assert "no data for AAPL" in done.out
    assert f"trace_id={TRACE}" in done.out


def test_nothing_is_configured_or_written(run: Command, home: Path) -> None:
    """
    A command that reads logs neither sets logging up nor touches the file that it reads.
    """
    log = write(home / ".ginkgo" / "logs" / "ginkgo.log", [row(0, level="error")])
    before = log.read_bytes(), logging.getLogger().handlers[:]

    for arguments in (["query"], ["trace", "t"], ["tail"], ["count"], ["stats"], ["query", "--level", "x"]):
        run(*arguments)

    assert before == (log.read_bytes(), logging.getLogger().handlers)
    assert ["ginkgo.log"] == [path.name for path in log.parent.iterdir()]


def test_a_missing_directory_is_a_hint(run: Command, home: Path) -> None:
    """
    Where nothing has logged yet there is no crash but an empty answer, and a hint on stderr.
    """
    done = run("query")

    assert (1, "") == (done.code, done.out)
    assert f"{home}/.ginkgo/logs/ginkgo.log does not exist" in done.err
    assert "--file" in done.err


def test_a_plain_file_is_a_hint(run: Command, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Where the settings have the file written as plain text, an empty answer says why; --file is the user's affair.
    """
    monkeypatch.setenv("LOGGING_MODE", "local")
    monkeypatch.setenv("LOGGING_FORMAT", "plain")
    setup()
    logging.getLogger("app").warning("no bars")
    shutdown()
    settings.activate(None)
    path = home / ".ginkgo" / "logs" / "ginkgo.log"

    done, named = run("query"), run("query", "--file", path)

    hint = f"ginkgo-logging: {path} is written as plain text (logging.format); only JSON lines can be asked for\n"
    assert (1, "", True, False) == (done.code, done.out, hint in done.err, hint in named.err)


def test_a_missing_file_beside_others(run: Command, log: Path) -> None:
    """
    The lines that are there are shown; what is not there is said.
    """
    done = run("count", "--file", log, "--file", "/nowhere/app.log")

    assert (0, "5\n", "ginkgo-logging: /nowhere/app.log does not exist\n") == done


def test_wrong_settings(run: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    A setting that is not allowed is exit code 2, and --file does without settings.
    """
    monkeypatch.setenv("LOGGING_MODE", "sideways")

    assert (2, True) == ((done := run("query")).code, "LOGGING_MODE" in done.err)
    assert 1 == run("query", "--file", "/nowhere/app.log").code


def test_a_store_that_does_not_answer(run: Command) -> None:
    """
    A store that cannot answer is exit code 3 and names the store; never an empty answer.
    """
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"http://127.0.0.1:{server.getsockname()[1]}"

    done = run("count", "--loki", url)

    assert (3, "", True) == (done.code, done.out, url in done.err), done.err


def test_without_the_extra(run: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Where httpx is not installed, the message says what to install.
    """
    for name in [name for name in sys.modules if name.startswith("ginkgo_logging.query.loki")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "httpx", None)

    done = run("query", "--loki", "http://loki:3100")

    assert (2, "", True) == (done.code, done.out, "install ginkgo-logging[loki]" in done.err)


class Loki(http.server.BaseHTTPRequestHandler):
    """A Loki without lines; keeps the headers of each request in the list `seen` of its server."""

    def do_GET(self) -> None:
        self.server.seen.append(self.headers)
        body = b'{"status":"success","data":{"resultType":"streams","result":[]}}'
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_POST = do_GET  # noqa: N815

    def log_message(self, *_: object) -> None: ...


@pytest.mark.parametrize(
    ("configured", "expected"),
    [(None, True), ("http://127.0.0.1:{port}/other", True), ("http://127.0.0.1:9", False)],
    ids=["nowhere", "the same server", "another server"],
)
def test_credentials_are_for_their_server(
    run: Command, monkeypatch: pytest.MonkeyPatch, configured: str | None, expected: bool
) -> None:
    """
    ``--loki`` takes token and tenant of the settings along, unless they are another server's.
    """
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Loki) as server:
        server.seen = []
        threading.Thread(target=server.serve_forever, daemon=True).start()
        if configured:
            monkeypatch.setenv("LOKI_URL", configured.format(port=server.server_port))
        monkeypatch.setenv("LOKI_TOKEN", "s3cret")
        monkeypatch.setenv("LOKI_TENANT", "team-a")

        try:
            done = run("query", "--loki", f"http://127.0.0.1:{server.server_port}", "--trace-id", "t-1")
        finally:
            server.shutdown()
    assert (1, "", "") == done
    given = {(headers["Authorization"], headers["X-Scope-OrgID"]) for headers in server.seen}
    assert {("Bearer s3cret", "team-a") if expected else (None, None)} == given
