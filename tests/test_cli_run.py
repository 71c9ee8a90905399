"""`ginkgo-logging run` is compared with plain `python`, literally, on the same programs."""

import json
import os
import py_compile
import re
import signal
import subprocess
import sys
import textwrap
import zipfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parent.parent
OURS = ("-m", "ginkgo_logging", "run")
CONSOLE_LINE = re.compile(r"^\d{4}-\d\d-\d\d [\d:.]+ \w+ +[\w.]+ .*\n", re.MULTILINE)
ADDRESS = re.compile("0x[0-9a-f]+")

Rows = Callable[[Path], list[dict[str, Any]]]


def _start(*command: str, python: Sequence[str] = (), **options: Any) -> "subprocess.Popen[str]":
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"}
    if "ginkgo_logging" not in command:  # see conftest.measured: plain python shows nothing of us
        environment.pop("COVERAGE_PROCESS_CONFIG", None)
    return subprocess.Popen(
        [sys.executable, *python, *command],
        env=environment | options.pop("env", {}),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **options,
    )


def _outcome(process: "subprocess.Popen[str]", text: str = "") -> tuple[int, str, str]:
    """Exit code, stdout, and stderr without the lines that the layer adds for the person at the terminal."""
    out, error = process.communicate(text, timeout=60)
    return process.returncode, out, ADDRESS.sub("0x", CONSOLE_LINE.sub("", error))


def command_of(folder: Path) -> str:
    """What pip writes as the command `ginkgo-logging`."""
    path = folder / "ginkgo-logging"
    path.write_text(
        "import sys\nfrom ginkgo_logging.cli import main\nif __name__ == '__main__':\n    sys.exit(main())\n"
    )
    return str(path)


def both(*command: str, text: str = "", **options: Any) -> Iterator[tuple[int, str, str]]:
    """What plain `python` makes of *command*, then what we make of it."""
    processes = [_start(*command, **options), _start(*OURS, *command, **options)]
    return (_outcome(process, text) for process in processes)


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], Path]:
    """Write a program into the working directory of this test."""
    folder = tmp_path / "work"
    folder.mkdir()
    monkeypatch.chdir(folder)

    def write_it(name: str, source: str) -> Path:
        path = folder / name
        path.parent.mkdir(exist_ok=True, parents=True)
        path.write_text(textwrap.dedent(source), encoding="utf-8")
        return path

    return write_it


def run(*command: str, **options: Any) -> "subprocess.CompletedProcess[str]":
    """Run *command* with the layer only."""
    process = _start(*OURS, *command, **options)
    out, error = process.communicate(timeout=60)
    return subprocess.CompletedProcess(command, process.returncode, out, error)


PORTRAIT = """
    '''A program that tells what it sees of itself.'''
    import sys
    colour: str = "blue"
    main = sys.modules["__main__"]
    print(__name__, sys.argv, sys.path[0], main.__dict__ is globals())
    for name in ("file", "package", "cached", "doc", "builtins", "annotations"):
        print(name, repr(globals().get(f"__{name}__")))
    print(type(__loader__), getattr(__loader__, "name", None), getattr(__loader__, "path", None))
    print(__spec__ and (__spec__.name, __spec__.origin))
    print(sorted(set(globals()) - {"name"}))
"""


SCRIPTS = [
    ["portrait.py", "--mode", "x", "-h", "--", "-m"],
    ["./portrait.py", "a b"],
    ["sub/../portrait.py", ""],
    ["sub/link.py"],
    ["folder", "-h"],
    ["./folder/", "2"],
    ["archive.zip", "3"],
    ["portrait.pyc", "4"],
    ["--", "portrait.py", "5"],
]
MODULES = [
    ["-m", "portrait", "--config", "x", "-h"],
    ["-mportrait", "-m", "--"],
    ["-m", "package", "1"],
    ["-m", "package.portrait"],
]


@pytest.mark.parametrize(
    ("python", "command"),
    [([], command) for command in SCRIPTS + MODULES] + [(["-P"], command) for command in SCRIPTS],
    ids=" ".join,
)
def test_program_sees_itself_as_under_python(
    write: Callable[[str, str], Path], command: list[str], python: list[str]
) -> None:
    """
    Arguments, sys.path[0] and everything about `__main__` are as under plain python.
    """
    script = write("portrait.py", PORTRAIT)
    write("package/__init__.py", "import sys; print('package', sys.argv)")
    for name in ("package/__main__.py", "package/portrait.py", "folder/__main__.py"):
        write(name, PORTRAIT)
    write("sub/empty", "")
    (script.parent / "sub" / "link.py").symlink_to(script)
    with zipfile.ZipFile("archive.zip", "w") as archive:
        archive.write(script, "__main__.py")
    py_compile.compile("portrait.py", "portrait.pyc")

    plain, ours = both(*command, python=python)

    assert plain[0] == 0, plain
    assert plain == ours


def test_safe_path_from_environment(write: Callable[[str, str], Path]) -> None:
    """
    PYTHONSAFEPATH keeps the script's directory out of sys.path.
    """
    write("portrait.py", PORTRAIT)

    plain, ours = both("portrait.py", env={"PYTHONSAFEPATH": "1"})

    assert plain == ours


ENDINGS = {
    "returns": "print('done')",
    "exit code": "import sys; sys.exit(3)",
    "exit text": "import sys; sys.exit('not today')",
    "exit none": "import sys; sys.exit(None)",
    "exit object": "import sys; sys.exit([1, 2])",
    "exception": """
        def inner(n):
            return 1 / n
        inner(0)
        """,
    "chained": """
        try:
            {}['key']
        except KeyError as exc:
            raise ValueError('no such') from exc
        """,
    "while handling": """
        try:
            int('x')
        except ValueError:
            int('y')
        """,
    "group": "raise ExceptionGroup('two', [ValueError(1), OSError(2, 'gone')])",
    "notes": """
        exc = ValueError('noted')
        exc.add_note('a note')
        raise exc
        """,
    "unprintable": """
        class Silent(Exception):
            def __str__(self):
                raise RuntimeError
        raise Silent
        """,
    "our own error": "import ginkgo_logging; raise ginkgo_logging.ConfigError('of the program')",
    "broken pipe": "raise BrokenPipeError(32, 'Broken pipe')",
    "generator exit": "raise GeneratorExit",
    "recursion": "exec('def f(): f()'); import sys; sys.tracebacklimit = 1; f()",
    "syntax error": "x = (1,\ny = 2\n",
    "indentation error": "if True:\nx = 1\n",
    "keyboard interrupt": "raise KeyboardInterrupt",
    "interrupted": "import os, signal; os.kill(os.getpid(), signal.SIGINT); print('not reached')",
    "terminated": "import os, signal; os.kill(os.getpid(), signal.SIGTERM)",
    "killed": "import os, signal; os.kill(os.getpid(), signal.SIGKILL)",
    "os._exit": "import os; print('lost'); os._exit(7)",
    "atexit and threads": """
        import atexit, threading
        atexit.register(print, 'atexit')
        main = threading.current_thread()
        def late():
            main.join()
            print('thread', flush=True)
        threading.Thread(target=late).start()
        print('end of main', flush=True)
        raise OSError('after that')
        """,
    "own excepthook": """
        import sys, traceback
        def hook(kind, value, trace):
            frames = [frame.name for frame in traceback.extract_tb(trace)]
            print(kind.__name__, value, frames, value.__traceback__ is trace, sys.exc_info())
        sys.excepthook = hook
        1 / 0
        """,
    "excepthook that exits": """
        import sys
        def hook(*_):
            sys.exit(9)
        sys.excepthook = hook
        1 / 0
        """,
    "last traceback": """
        import atexit, sys, traceback
        def tell():
            print(sys.last_type, sys.last_value, [f.name for f in traceback.extract_tb(sys.last_traceback)])
            print([f.name for f in traceback.extract_tb(sys.last_value.__traceback__)])
        atexit.register(tell)
        1 / 0
        """,
    "thread dies": """
        import threading
        thread = threading.Thread(target=lambda: 1 / 0, name='worker')
        thread.start()
        thread.join()
        print('goes on')
        """,
    "unraisable": """
        class Thing:
            def __repr__(self):
                return 'thing'
            def __del__(self):
                raise ValueError('in del')
        Thing()
        """,
    "stdin": "import sys; print(sys.stdin.read()[::-1], input.__name__)",
    "pickle": """
        import pickle
        class Point:
            def __init__(self, x):
                self.x = x
        print(Point.__module__, pickle.loads(pickle.dumps(Point(3))).x)
        """,
    "logs to stdout itself": """
        import logging.config
        logging.config.dictConfig({
            'version': 1,
            'formatters': {'f': {'format': '%(levelname)s|%(message)s'}},
            'handlers': {'h': {'class': 'logging.StreamHandler', 'stream': 'ext://sys.stdout', 'formatter': 'f'}},
            'root': {'level': 'DEBUG', 'handlers': ['h']},
        })
        logging.getLogger('mine').debug('own configuration')
        """,
}


@pytest.mark.parametrize("ending", ENDINGS)
def test_script_ends_as_under_python(write: Callable[[str, str], Path], ending: str) -> None:
    """
    Exit code, stdout and the text on stderr are what plain python gives.
    """
    write("program.py", ENDINGS[ending])

    plain, ours = both("program.py", text="abc")

    assert plain == ours


@pytest.mark.parametrize("ending", ENDINGS)
def test_script_ends_so_through_the_command_too(
    write: Callable[[str, str], Path], tmp_path: Path, ending: str
) -> None:
    """
    The interpreter goes on using the command's own `__main__` after the program: it must still be there.
    """
    write("program.py", ENDINGS[ending])
    debug = {"PYTHONMALLOC": "debug"}  # what is freed is overwritten

    plain = _outcome(_start("program.py", env=debug), "abc")
    ours = _outcome(_start(command_of(tmp_path), "run", "program.py", env=debug), "abc")

    assert plain == ours


@pytest.mark.parametrize("ending", ["exit code", "exception", "syntax error", "stdin", "pickle", "killed"])
def test_standard_input_as_the_program(write: Callable[[str, str], Path], ending: str) -> None:
    """
    `-` is the program that comes through standard input.
    """
    source = write("program.py", ENDINGS[ending]).read_text(encoding="utf-8")

    plain, ours = both("-", "-x", "1", text=source)

    assert plain == ours


@pytest.mark.parametrize("python", [[], ["-P"]], ids=["", "-P"])
def test_program_on_standard_input_sees_itself(python: list[str]) -> None:
    """
    It finds in `__main__`, in sys.argv and in sys.path what it finds under plain python.
    """
    plain, ours = both("-", "a", text=textwrap.dedent(PORTRAIT), python=python)

    assert plain[0] == 0, plain
    assert plain == ours


@pytest.mark.parametrize(
    "ending",
    ["exit code", "exit text", "exception", "chained", "syntax error", "keyboard interrupt", "terminated"],
)
def test_module_ends_as_under_python(write: Callable[[str, str], Path], ending: str) -> None:
    """
    With -m too, traceback and runpy's frames included.
    """
    write("program.py", ENDINGS[ending])

    plain, ours = both("-m", "program")

    assert plain == ours


@pytest.mark.parametrize(
    "command",
    [
        ["missing.py"],
        ["sub/missing.py"],
        ["-m", "missing"],
        ["-m", "json.missing"],
        ["-m", "json"],
        ["."],
        ["-m", "x.py"],
    ],
    ids=" ".join,
)
def test_missing_program(write: Callable[[str, str], Path], command: list[str]) -> None:
    """
    The words and the exit code are the interpreter's.
    """
    write("x.py", "print('x')")

    plain, ours = both(*command)

    assert plain[0] != 0
    assert plain == ours


def test_interrupt_from_the_keyboard(write: Callable[[str, str], Path]) -> None:
    """
    Ctrl-C prints one traceback and kills by SIGINT, which shells and make look at.
    """
    write("program.py", "import signal; print('ready', flush=True); signal.pause()")
    process = _start(*OURS, "program.py")
    assert process.stdout is not None
    process.stdout.readline()

    process.send_signal(signal.SIGINT)

    code, _, error = _outcome(process)
    assert (-signal.SIGINT, 1) == (code, error.count("KeyboardInterrupt"))


@pytest.mark.parametrize(
    "source",
    [
        b"\xef\xbb\xbfprint('\xe4\xb8\xad')",
        "# -*- coding: latin-1 -*-\nprint('é')".encode("latin-1"),
        "# coding: gbk\nprint('价格')\n1/0".encode("gbk"),
        b"print('a')\r\nprint('b')\r\n",
        b"#!/usr/bin/env python3\n\x0cprint('form feed')",
        b"#!/usr/bin/env python3\n# coding: latin-1\n# \xe9\nprint(1)\n",
        b"# coding: latin-1-unix\nprint('\xe9')\n",
        b"x = '\xc3\xa9'\n# coding: nosuch\nprint(x)\n",
        b"# coding: utf-8\n# \xe9\nprint(1)\n",
        b"\xef\xbb\xbf# \xe9\nprint(1)\n",
    ],
    ids=[
        "bom",
        "latin-1",
        "gbk",
        "crlf",
        "form feed",
        "on line 2",
        "as Emacs says",
        "below code",
        "comment in a file that says UTF-8",
        "comment after a BOM",
    ],
)
def test_source_encodings(write: Callable[[str, str], Path], source: bytes) -> None:
    """
    A program is decoded as its first lines say (PEP 263).
    """
    write("program.py", "").write_bytes(source)

    plain, ours = both("program.py", env={"PYTHONIOENCODING": "utf-8"})

    assert plain == ours


@pytest.mark.parametrize(
    "source",
    [
        b"x = 1\nprint('\xe9')\n",
        b'x = """\n\xe9\n"""\n',
        b"def f(:\n\xe9\n",
        b"# coding: nosuch\nprint(1)\n",
        b"# coding: ascii\nprint('\xe9')\n",
        b"# coding: utf-8\nprint('\xe9')\n",
        b"\n\nprint('\xe9')\n# coding: latin-1\n1/0\n",
        b"\xef\xbb\xbfprint('\xe9')\n",
        b"x = 1  # \xe9\nprint(x)\n",
        b"x = 1\n# coding: latin-1\n# \xe9\nprint(x)\n",
        b"# coding: ascii\n# \xe9\nprint(1)\n",
    ],
    ids=[
        "undeclared",
        "in a string",
        "wrong syntax too",
        "unknown",
        "ascii",
        "utf-8",
        "declared late",
        "after a BOM",
        "in a comment",
        "in a comment, declared below code",
        "in a comment of ascii",
    ],
)
def test_source_that_does_not_decode(write: Callable[[str, str], Path], source: bytes) -> None:
    """
    The words of the SyntaxError are the interpreter's.
    """
    write("program.py", "").write_bytes(source)

    plain, ours = both("program.py", env={"PYTHONIOENCODING": "utf-8"})

    assert plain[0] == 1, plain
    assert plain == ours


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
@pytest.mark.parametrize("command", [["program.py", "a"], ["-m", "program", "a"]], ids=" ".join)
def test_multiprocessing(write: Callable[[str, str], Path], method: str, command: list[str]) -> None:
    """
    Children of every start method work, and none of them runs the program again.
    """
    write(
        "program.py",
        f"""
        import multiprocessing, sys
        def work(queue, thing):
            queue.put((thing.value * 2, sys.argv[1:], __name__))
        class Thing:
            value = 21
        if __name__ == "__main__":
            print("main")
            context = multiprocessing.get_context({method!r})
            queue = context.Queue()
            child = context.Process(target=work, args=(queue, Thing()))
            child.start()
            print(queue.get(timeout=30))
            child.join()
            print(child.exitcode)
        """,
    )

    plain, ours = both(*command)

    assert plain[0] == 0, plain
    assert plain == ours


def test_console_script(write: Callable[[str, str], Path], tmp_path: Path) -> None:
    """
    The installed command is as good as `python -m ginkgo_logging`.
    """
    write(
        "program.py",
        "import sys; print(sys.path[0], sys.argv, '__file__' in globals())\nraise KeyboardInterrupt",
    )

    plain = _outcome(_start("program.py", "x"))
    ours = _outcome(_start(command_of(tmp_path), "run", "program.py", "x"))

    assert plain == ours


def test_terminal_is_the_programs(write: Callable[[str, str], Path]) -> None:
    """
    On a terminal the program has it, and the log lines are for people.
    """
    import pty

    write(
        "program.py",
        """
        import logging, sys
        print("tty", sys.stdin.isatty(), sys.stdout.isatty())
        logging.getLogger("mine").warning("colourful")
        """,
    )
    terminal, slave = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, *OURS, "program.py"],
        env={**os.environ, "PYTHONPATH": str(ROOT), "TERM": "xterm-256color"},
        stdin=slave,
        stdout=slave,
        stderr=slave,
    )
    os.close(slave)

    output = b""
    try:
        while chunk := os.read(terminal, 4096):
            output += chunk
    except OSError:  # Linux reports the closed terminal as EIO
        pass

    os.close(terminal)
    assert 0 == process.wait(timeout=30)
    assert b"tty True True" in output
    assert re.search(rb"\x1b\[[\d;]*mWARNING ", output)


THIRD_PARTY = """
    import http.server, logging, threading
    import urllib3

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), http.server.BaseHTTPRequestHandler)
    server.RequestHandlerClass.log_message = lambda *_: None
    threading.Thread(target=server.serve_forever, daemon=True).start()
    logging.getLogger("program").info("started")
    urllib3.PoolManager().request("GET", f"http://127.0.0.1:{server.server_port}/?token=hunter2-abc")
    server.shutdown()
    print("result")
"""


def _log_file(home: Path) -> Path:
    return home / ".ginkgo" / "logs" / "ginkgo.log"


def test_lines_of_libraries(write: Callable[[str, str], Path], home: Path, read_rows: Rows) -> None:
    """
    A program that knows nothing of us, and its libraries, log with our fields, one trace, secrets masked.
    """
    pytest.importorskip("urllib3")
    write("program.py", THIRD_PARTY)

    done = run("--trace-id", "trace-7", "program.py")

    rows = read_rows(_log_file(home))
    assert (0, "result\n") == (done.returncode, done.stdout)
    assert {"program", "urllib3.connectionpool"} == {row["logger_name"] for row in rows}
    assert {"trace-7"} == {row["trace_id"] for row in rows}
    assert {"system"} == {row["log_category"] for row in rows}
    assert "hunter2" not in _log_file(home).read_text()


def test_each_run_has_a_trace_of_its_own(
    write: Callable[[str, str], Path], home: Path, read_rows: Rows
) -> None:
    """
    Without --trace-id the lines of one run have one new trace_id.
    """
    write("program.py", "import logging; log = logging.getLogger('p'); log.info('a'); log.info('b')")

    for _ in range(2):
        run("program.py")

    ids = [row["trace_id"] for row in read_rows(_log_file(home))]
    assert re.fullmatch("[0-9a-f]{32}", ids[0])
    assert ids[0] == ids[1] != ids[2] == ids[3]


def test_uncaught_exception_in_local_mode(
    write: Callable[[str, str], Path], home: Path, read_rows: Rows
) -> None:
    """
    One JSON line in the file, one short line on the console, then python's usual traceback.
    """
    write("program.py", "def load():\n    raise ValueError('broken')\nload()")

    done = run("program.py")

    (row,) = read_rows(_log_file(home))
    first, *traceback = done.stderr.splitlines()
    assert ("critical", "ValueError", "broken", "program.py:2") == (
        row["level"],
        row["error_type"],
        row["error_message"],
        row["source"],
    )
    assert row["stack_trace"].splitlines() == traceback
    assert re.search(r"CRITICAL .*uncaught exception: ValueError \(program\.py:2\)$", first)


def test_program_without_excepthook(write: Callable[[str, str], Path]) -> None:
    """
    A program that has deleted sys.excepthook still shows its traceback, and no frame of ours.
    """
    write("program.py", "import sys; del sys.excepthook; 1 / 0")

    done = run("program.py")

    assert (1, 1) == (done.returncode, done.stderr.count("  File "))
    assert done.stderr.endswith("ZeroDivisionError: division by zero\n")


def test_uncaught_exception_in_container_mode(write: Callable[[str, str], Path]) -> None:
    """
    The JSON line is on stdout, the traceback on stderr, and the secret is masked in both.
    """
    write("program.py", "raise ValueError('login with password=hunter2 failed')")

    done = run("--mode", "container", "program.py")

    (row,) = [json.loads(line) for line in done.stdout.splitlines()]
    assert 1 == done.returncode
    assert ("ValueError", "login with password=*** failed") == (row["error_type"], row["error_message"])
    assert done.stderr.endswith("ValueError: login with password=*** failed\n")
    assert 1 == done.stderr.count("Traceback")
    assert "hunter2" not in done.stdout + done.stderr


def test_stdout_is_the_programs_in_local_mode(write: Callable[[str, str], Path]) -> None:
    """
    Log lines never mix with a program's output.
    """
    write("program.py", "import logging; logging.getLogger().error('to the log'); print('output')")

    done = run("program.py")

    assert "output\n" == done.stdout
    assert 1 == done.stderr.count("to the log")


@pytest.mark.parametrize(
    "configure",
    [
        "import logging; logging.basicConfig(level='DEBUG', format='OWN %(message)s')",
        "import ginkgo_logging; ginkgo_logging.setup()",
        "from ginkgo_logging import GLOG; GLOG.get_current_levels()",
    ],
    ids=["basicConfig", "setup", "GLOG"],
)
def test_program_that_sets_logging_up_too(
    write: Callable[[str, str], Path], home: Path, read_rows: Rows, configure: str
) -> None:
    """
    A program's basicConfig, setup() or GLOG neither doubles nor loses a line.
    """
    write("program.py", f"{configure}\nimport logging\nlogging.getLogger('p').warning('once')")

    done = run("program.py")

    assert ["once"] == [row["message"] for row in read_rows(_log_file(home))]
    assert 1 == done.stderr.count("once")


def test_spawned_child_logs_through_glog(
    write: Callable[[str, str], Path], home: Path, read_rows: Rows
) -> None:
    """
    A spawned child starts without the layer; GLOG sets it up there.
    """
    write(
        "program.py",
        """
        import multiprocessing
        from ginkgo_logging import GLOG
        def work():
            GLOG.INFO("from the child")
        if __name__ == "__main__":
            child = multiprocessing.get_context("spawn").Process(target=work)
            child.start()
            child.join()
        """,
    )

    run("program.py")

    assert ["from the child"] == [row["message"] for row in read_rows(_log_file(home))]


def test_classes_beside_the_script_serve_the_configuration(write: Callable[[str, str], Path]) -> None:
    """
    A dictConfig file given with --config may name classes of the program's own modules.
    """
    write(
        "mine.py",
        "import logging\nclass Shout(logging.Handler):\n    def emit(self, r): print(r.getMessage().upper())",
    )
    write(
        "own.yaml", "{version: 1, handlers: {h: {class: mine.Shout}}, root: {level: INFO, handlers: [h]}}"
    ).chmod(0o600)
    Path.cwd().chmod(0o700)
    write("program.py", "import logging; logging.info('loud')")

    done = run("--config", "own.yaml", "program.py")

    assert "LOUD\n" == done.stdout, done.stderr


@pytest.mark.parametrize(
    "command",
    [
        [],
        ["--mode", "local"],
        ["-x", "program.py"],
        ["--mode", "moon", "program.py"],
        ["--config"],
        ["-m"],
        ["--mod", "x"],
    ],
    ids=" ".join,
)
def test_wrong_usage(write: Callable[[str, str], Path], command: list[str]) -> None:
    """
    A wrong command line gets the usage and exit code 2, and nothing runs.
    """
    write("program.py", "print('ran')")

    done = run(*command)

    assert (2, "") == (done.returncode, done.stdout)
    assert done.stderr.startswith("usage: ginkgo-logging run ")


def test_help() -> None:
    """
    --help explains, and is ours only before the program.
    """
    done = run("--help")

    assert 0 == done.returncode
    assert "--trace-id ID" in done.stdout


def test_wrong_configuration(write: Callable[[str, str], Path]) -> None:
    """
    A configuration that does not work is one clear line, and the program does not start.
    """
    write("program.py", "print('ran')")

    done = run("--config", "nosuch.yaml", "program.py")

    assert (2, "") == (done.returncode, done.stdout)
    assert re.fullmatch(r"ginkgo-logging: .*nosuch\.yaml: .*\n", done.stderr)


def test_no_command() -> None:
    """
    Without a subcommand the usage is shown, with exit code 2.
    """
    process = _start("-m", "ginkgo_logging")

    code, _, error = _outcome(process)

    assert 2 == code
    assert error.startswith("usage: ginkgo-logging ")


def test_children_that_set_logging_up_do_it_as_run_did(write: Callable[[str, str], Path]) -> None:
    """
    The options of run are in the environment of what the program starts.
    """
    write("program.py", "import os; print(os.environ['LOGGING_MODE'], os.environ.get('LOGGING_CONFIG'))")

    done = run("--mode", "local", "--config", "test", "program.py")

    assert (0, "local test\n") == (done.returncode, done.stdout)
