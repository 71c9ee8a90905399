"""ginkgo-logging check: what it prints, its exit code, and what a logger's record meets."""

import logging
import os
import pty
import subprocess
import sys
import textwrap
import zipfile
from pathlib import Path

import pytest

import ginkgo_logging
from ginkgo_logging.cli import main
from ginkgo_logging.config_files import shipped

ENVIRONMENT = {"PYTHONPATH": str(Path(ginkgo_logging.__file__).parents[1])}
GOOD = """\
version: 1
disable_existing_loggers: false
filters:
  context: {(): ginkgo_logging.filters.ContextFilter}
  masking: {(): ginkgo_logging.filters.MaskingFilter}
handlers:
  out: {class: logging.StreamHandler, filters: [context, masking]}
root: {handlers: [out]}
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A dictConfig file without faults."""
    path = tmp_path / "logging.yaml"
    path.write_text(GOOD)
    path.chmod(0o600)
    return path


def run(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str]:
    """Run the command in this process; return its exit code and what it printed."""
    code = main(["check", *map(str, arguments)])
    return code, capsys.readouterr().out


def test_a_good_file_is_ok(capsys: pytest.CaptureFixture[str], file: Path) -> None:
    """One line, exit code 0."""
    assert (0, f"ok: {file}\n") == run(capsys, file)


def test_warnings_alone_are_no_failure(capsys: pytest.CaptureFixture[str], file: Path) -> None:
    """They are printed and counted; the exit code stays 0."""
    file.write_text(GOOD.replace("loggers: false", "loggers: true"))
    expected = (
        f"{file}:2: warning: disable_existing_loggers: true silences every library that was imported before; "
        "set it to false\n1 warning\n"
    )
    assert (0, expected) == run(capsys, file)


def test_errors_and_warnings_of_all_files_are_counted(
    capsys: pytest.CaptureFixture[str], file: Path, tmp_path: Path
) -> None:
    """Exit code 1; every file's findings, and one line that sums up."""
    file.write_text(GOOD.replace("version: 1", "version: 2"))
    other = tmp_path / "config.yaml"
    other.write_text("logging: {mode: x, format: y}\nloging_: 1\nlogin: 2\n")
    code, out = run(capsys, file, other)
    assert (1, 4, "3 errors") == (code, len(out.splitlines()), out.splitlines()[-1])


def test_without_a_file_it_says_what_setup_would_use(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Variables (secrets hidden), mode, files in order."""
    monkeypatch.setenv("LOKI_TOKEN", "s3cret")
    local = shipped("local").name
    expected = (
        "environment: LOGGING_MODE=local LOKI_TOKEN=(hidden)\nmode: local\n"
        f"1. {local} (shipped, dictConfig)\n\nok: {local}\n"
    )
    assert (0, expected) == run(capsys)


def test_the_modules_of_the_program_are_found(
    capsys: pytest.CaptureFixture[str], file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A class that lies in the current directory can be imported, and the path is left as it was."""
    monkeypatch.chdir(file.parent)
    before = sys.path[:]
    (file.parent / "own_handlers.py").write_text("import logging\nclass Own(logging.StreamHandler): ...\n")
    file.write_text(GOOD.replace("logging.StreamHandler", "own_handlers.Own"))
    assert ((0, f"ok: {file}\n"), before) == (run(capsys, file), sys.path)


@pytest.mark.parametrize(
    "arguments",
    [["--logger"], ["--loger", "x"], ["--logger", "x", "a.yaml", "b.yaml"], ["--logger", "x", "config.yaml"]],
)
def test_a_wrong_command_line_is_exit_code_2(
    capsys: pytest.CaptureFixture[str], home: Path, arguments: list[str]
) -> None:
    """As for every command."""
    (home / "config.yaml").write_text("logging: {mode: local}\n")
    with pytest.raises(SystemExit) as caught:
        main(["check", *arguments])
    assert 2 == caught.value.code


def test_a_finding_cannot_drive_the_terminal_or_forge_a_line(
    capsys: pytest.CaptureFixture[str], file: Path
) -> None:
    """Control characters and newlines of the file are shown escaped."""
    file.write_text(GOOD + '"x\\e[2J\\n1: error: forged": 1\n')
    _, out = run(capsys, file)
    expected = (
        f'{file}:9: warning: "x\\x1b[2J\\n1: error: forged": unknown key, which dictConfig ignores; allowed'
    )
    assert expected == out.splitlines()[0][: len(expected)]


def test_output_is_printable_in_any_encoding(file: Path) -> None:
    """An ASCII terminal gets escapes instead of a UnicodeEncodeError."""
    file.write_text(GOOD + "密码: 1\n")
    command = [sys.executable, "-m", "ginkgo_logging", "check", str(file)]
    environment = ENVIRONMENT | {"PYTHONIOENCODING": "ascii"}
    result = subprocess.run(command, env=os.environ | environment, capture_output=True, check=True)
    expected = f"{file}:9: warning: \\u5bc6\\u7801: unknown key".encode()
    assert expected == result.stdout[: len(expected)]


def test_colors_are_for_terminals(file: Path) -> None:
    """On a terminal the severity has a colour; NO_COLOR takes it away."""
    outputs = []
    for more in ({}, {"NO_COLOR": "1"}):
        reader, writer = pty.openpty()
        command = [sys.executable, "-m", "ginkgo_logging", "check", str(file)]
        subprocess.run(
            command, env=os.environ | ENVIRONMENT | {"TERM": "xterm"} | more, stdout=writer, check=True
        )
        os.close(writer)
        outputs.append(os.read(reader, 4000))
        os.close(reader)
    assert [f"\x1b[32mok\x1b[0m: {file}\r\n".encode(), f"ok: {file}\r\n".encode()] == outputs


# --- check --logger -----------------------------------------------------------------------------------------


def test_the_way_of_a_record_is_explained(home: Path) -> None:
    """Level, loggers, handlers with filters, formatter and destination, and a table; no file is created."""
    command = [sys.executable, "-m", "ginkgo_logging", "check", "--logger", "shop.orders"]
    out = subprocess.run(
        command, env=os.environ | ENVIRONMENT, capture_output=True, text=True, check=True
    ).stdout
    log_file = home / ".ginkgo" / "logs" / "ginkgo.log"
    filters = " -> ".join(
        f"ginkgo_logging.filters.{name}Filter" for name in ("Context", "Throttle", "Masking")
    )
    expected = f"""\
        applied: {shipped("local").name}
        logger 'shop.orders': effective level DEBUG, set on root

        shop.orders: level NOTSET, propagates, no handlers
        root: level DEBUG
          handler console: ginkgo_logging.handlers.ConsoleHandler
            level      INFO
            filters    {filters}
            formatter  ginkgo_logging.formatters.PlainFormatter
            writes to  <stderr>
          handler file: ginkgo_logging.handlers.RotatingFileHandler
            level      DEBUG
            filters    {filters}
            formatter  ginkgo_logging.formatters.JsonFormatter
            writes to  {log_file}

        written:
                    console  file
          DEBUG     no       yes*
          INFO      yes*     yes*
        """
    wanted = textwrap.dedent(expected)
    assert (wanted, False) == (out[: len(wanted)], log_file.parent.exists())


FOREIGN = """\
version: 1
disable_existing_loggers: {disable}
filters:
  mine: {{name: shop}}
handlers:
  text: {{class: logging.FileHandler, filename: {folder}/text.log, level: ERROR}}
  memory: {{class: logging.handlers.MemoryHandler, capacity: 10, target: text, filters: [mine]}}
  net: {{class: logging.handlers.SocketHandler, host: localhost, port: 9020}}
loggers:
  shop: {{level: WARNING, handlers: [memory], propagate: false}}
root: {{handlers: [net]}}
"""


def explain(capsys: pytest.CaptureFixture[str], file: Path, name: str, disable: str = "false") -> list[str]:
    """Return the lines about logger *name* under a file that knows nothing of us."""
    file.write_text(FOREIGN.format(folder=file.parent, disable=disable))
    code, out = run(capsys, "--logger", name, file)
    assert 0 == code
    return out.splitlines()[1:]


def test_the_way_ends_where_propagation_ends(capsys: pytest.CaptureFixture[str], file: Path) -> None:
    """A standard file; its handler hands on to another one; its log file is not created."""
    expected = f"""\
        logger 'shop.orders': effective level WARNING, set on 'shop'

        shop.orders: level NOTSET, propagates, no handlers
        shop: level WARNING, does not propagate: the way ends here
          handler memory: logging.handlers.MemoryHandler
            level      NOTSET
            filters    logging.Filter('shop')
            formatter  none: the bare message
            writes to  memory, until it is full or an error comes
            hands on to
              handler text: logging.FileHandler
                level      ERROR
                filters    none
                formatter  none: the bare message
                writes to  {file.parent}/text.log

        written:
                    memory
          DEBUG     no
          INFO      no
          WARNING   yes
          ERROR     yes
          CRITICAL  yes"""
    lines = explain(capsys, file, "shop.orders")
    assert (textwrap.dedent(expected).splitlines(), False) == (lines, (file.parent / "text.log").exists())


def test_a_handler_of_the_root_is_told_with_its_address(
    capsys: pytest.CaptureFixture[str], file: Path
) -> None:
    """A logger that the file does not name reaches root's handler."""
    lines = explain(capsys, file, "other")
    expected = ["    writes to  localhost:9020", "  INFO      no", "  WARNING   yes"]
    assert expected == [line for line in lines if line in expected]


def test_a_disabled_logger_is_told(capsys: pytest.CaptureFixture[str], file: Path) -> None:
    """disable_existing_loggers silences a library that was imported before."""
    lines = explain(capsys, file, "library", disable="true")
    expected = (
        "library: level NOTSET, propagates, disabled: its records go nowhere, no handlers",
        "  CRITICAL  no",
    )
    assert expected == (lines[2], lines[-1])


def test_without_a_handler_pythons_last_resort_is_named(
    capsys: pytest.CaptureFixture[str], file: Path
) -> None:
    """Nobody listens: bare messages from WARNING up on stderr."""
    file.write_text("version: 1\nroot: {level: INFO}\n")
    for handler in logging.root.handlers[:]:
        logging.root.removeHandler(handler)
    _, out = run(capsys, "--logger", "any", file)
    lines = out.splitlines()
    assert "no handler on the way: Python's last resort prints bare messages" in lines


def test_faults_come_before_explanations(capsys: pytest.CaptureFixture[str], file: Path) -> None:
    """With errors there is nothing to explain: they are printed, exit code 1."""
    file.write_text(GOOD.replace("handlers: [out]", "handlers: [oot]"))
    expected = f"{file}:8: error: root.handlers[0]: no handler is named 'oot'; did you mean 'out'? "
    expected += "handlers: out\n1 error\n"
    assert (1, expected) == run(capsys, "--logger", "x", file)


@pytest.mark.parametrize(
    ("handler", "destination"),
    [
        ("logging.handlers.SysLogHandler, address: [localhost, 514]", "localhost:514"),
        (
            "logging.handlers.SMTPHandler, mailhost: mx, fromaddr: a, toaddrs: [b, c], subject: s",
            "mail to b, c by mx",
        ),
        ("logging.handlers.HTTPHandler, host: 'web:80', url: /log", "web:80/log"),
        ("queues.Handler, queue: ext://queues.waiting", "a queue"),
        ("logging.NullHandler", "nowhere"),
        ("logging.Handler", "not known here"),
    ],
)
def test_each_kind_of_handler_tells_where_it_writes(
    capsys: pytest.CaptureFixture[str],
    file: Path,
    monkeypatch: pytest.MonkeyPatch,
    handler: str,
    destination: str,
) -> None:
    """Address, mail, web, queue, nothing."""
    monkeypatch.chdir(file.parent)
    (file.parent / "queues.py").write_text(
        "import queue\nfrom logging.handlers import QueueHandler\n"
        "def Handler(queue): return QueueHandler(queue)\nwaiting = queue.Queue()\n"
    )
    # By (), for what dictConfig makes of the class itself differs from release to release.
    file.write_text(GOOD.replace("class: logging.StreamHandler", f"(): {handler}"))
    _, out = run(capsys, "--logger", "any", file)
    assert f"    writes to  {destination}" in out.splitlines()


def test_what_a_handler_holds_or_its_target_refuses_is_in_the_table(
    capsys: pytest.CaptureFixture[str], file: Path
) -> None:
    """A flight recorder decides by the trace; the level of the handler behind it counts too."""
    file.write_text(
        GOOD.replace("StreamHandler,", "StreamHandler, level: INFO,").replace("root: {handlers: [out]}\n", "")
        + "  rec: {class: ginkgo_logging.handlers.FlightRecorderHandler, target: out}\n"
        "root: {handlers: [rec], level: DEBUG}\n"
    )
    _, out = run(capsys, "--logger", "any", file)
    expected = ["rec", "DEBUG     no", "INFO      yes*", "WARNING   yes", "ERROR     yes", "CRITICAL  yes"]
    dropping = "* unless dropped by ginkgo_logging.handlers.FlightRecorderHandler"
    assert [*expected, dropping] == [line.strip() for line in out.splitlines()[-7:]]


def test_paths_of_shipped_files_are_printed(capsys: pytest.CaptureFixture[str]) -> None:
    """--path prints one line: the file named, or the one that does what setup() does."""
    assert (0, f"{shipped('container').name}\n") == run(capsys, "--path", "container")
    assert (0, f"{Path(ginkgo_logging.__file__).with_name('setup.yaml')}\n") == run(capsys, "--path")


def test_a_path_that_there_is_not_is_an_error(capsys: pytest.CaptureFixture[str]) -> None:
    """An unknown name prints nothing on stdout, where a server's command line would take it for a path."""
    assert (2, "") == run(capsys, "--path", "production")


def test_path_stands_alone(capsys: pytest.CaptureFixture[str], file: Path) -> None:
    """--path with a file to check or a logger to explain is refused."""
    with pytest.raises(SystemExit) as refusal:
        run(capsys, "--logger", "app", "--path")

    assert 2 == refusal.value.code


def test_a_path_in_an_archive_is_none(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the package is imported from a zip archive, no other program could open its files."""
    archive = tmp_path / "source.zip"
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("ginkgo_logging/setup.yaml", "version: 1")
    monkeypatch.setattr(
        "ginkgo_logging.cli.check.resources.files", lambda name: zipfile.Path(archive, f"{name}/")
    )

    assert 2 == main(["check", "--path"])
    assert "lies in an archive" in capsys.readouterr().err
