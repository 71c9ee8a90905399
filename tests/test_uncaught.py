"""What nobody caught becomes one line with its thread's context, and what Python does then still happens."""

import logging
import os
import re
import subprocess
import sys
import textwrap
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import orjson
import pytest

from ginkgo_logging import setup, shutdown, uncaught
from ginkgo_logging.errors import ConfigError

ROOT = Path(__file__).parent.parent


class Outcome(NamedTuple):
    """What a program did, and what it logged."""

    code: int
    out: str
    error: str
    rows: list[dict[str, Any]]


Run = Callable[[str], Outcome]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Run a program of its own under a console that is silent, and read its log file."""

    def run_it(source: str) -> Outcome:
        log_file = tmp_path / "program.log"
        names = f"log_file = {str(log_file)!r}\nfrom ginkgo_logging import context, setup, shutdown\n"
        program = tmp_path / "program.py"
        program.write_text(names + textwrap.dedent(source))
        done = subprocess.run(
            [sys.executable, str(program)],
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        lines = log_file.read_bytes().splitlines() if log_file.exists() else []
        return Outcome(done.returncode, done.stdout, done.stderr, [orjson.loads(line) for line in lines])

    return run_it


EVERY_KIND = """
    import asyncio, gc, sys, threading

    def work():
        context.bind(trace_id="of-thread", task_id="t-1")
        raise ValueError("in thread")

    class Thing:
        def __del__(self):
            raise ValueError("in del")

    async def fail():
        context.bind(trace_id="of-task")
        raise ValueError("in task")

    async def forget():
        asyncio.create_task(fail())
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        gc.collect()

    context.bind(trace_id="of-main")
    thread = threading.Thread(target=work, name="worker")
    thread.start()
    thread.join()
    Thing()
    asyncio.run(forget())
    gc.collect()
    raise ValueError("in main")
"""


@pytest.mark.parametrize("order", ["setup first", "asyncio first"])
def test_every_kind_is_logged(run: Run, order: str) -> None:
    """
    Main thread, thread, __del__ and task: one line each, with the context of its own.
    """
    setting_up = "setup(file_path=log_file, console_level='CRITICAL')"
    importing = "import asyncio"
    first, second = (setting_up, importing) if order == "setup first" else (importing, setting_up)

    done = run(f"{first}\n{second}\n{textwrap.dedent(EVERY_KIND)}")

    of_task = "of-task" if sys.version_info >= (3, 12) else "of-main"
    assert 1 == done.code
    assert [
        ("critical", "in thread", "of-thread", "uncaught exception in thread worker: ValueError"),
        ("error", "in del", "of-main", "Exception ignored in Thing.__del__: ValueError"),
        ("error", "in task", of_task, "Task exception was never retrieved"),
        ("critical", "in main", "of-main", "uncaught exception: ValueError"),
    ] == [
        (row["level"], row["error_message"], row["trace_id"], row["message"].split("\n")[0])
        for row in done.rows
        if row["level"] != "debug"
    ]


def test_line_points_at_the_place_of_the_fault(run: Run) -> None:
    """
    Source, fields and stack trace are those of the raising thread.
    """
    done = run("setup(file_path=log_file)\n" + textwrap.dedent(EVERY_KIND))

    row = next(row for row in done.rows if row["error_message"] == "in thread")
    assert ("program.py:9", "t-1", "ValueError") == (row["source"], row["task_id"], row["error_type"])
    assert 'in work\n    raise ValueError("in thread")' in row["stack_trace"]


def test_default_behaviour_follows(run: Run) -> None:
    """
    Python prints what it prints without us.
    """
    plain = run(EVERY_KIND)

    done = run("setup(file_path=log_file, console_level='CRITICAL')\n" + textwrap.dedent(EVERY_KIND))

    def shown(error: str) -> list[str]:
        # asyncio prints its tasks through logging: by the last resort there, to our file here. And our
        # console's short lines are more than python prints; we have one line more above the program.
        text = re.sub(r"^\d{4}-.*\n", "", error, flags=re.MULTILINE)
        text = re.sub(r"Task exception(?:.*\n)*?ValueError: in task\n", "", text)
        return re.sub("0x[0-9a-f]+|line \\d+", "", text).splitlines()

    assert shown(plain.error) == shown(done.error)


@pytest.mark.parametrize("name", uncaught.HOOKS)
def test_each_can_be_switched_off(run: Run, name: str) -> None:
    """
    What is switched off is not logged, and everything else is.
    """
    hooks = [hook for hook in uncaught.HOOKS if hook != name]

    done = run(f"setup(file_path=log_file, uncaught_exceptions={hooks})\n" + textwrap.dedent(EVERY_KIND))

    logged = {row["error_message"]: row["trace_id"] for row in done.rows if "error_message" in row}
    of_main = {"main": "in main", "threads": "in thread", "unraisable": "in del"}
    # asyncio itself logs; without us with the context of whoever collects the task.
    expected = {"in main", "in thread", "in del", "in task"} - {of_main.get(name, "")}
    assert expected == set(logged)
    if name == "asyncio":
        assert "of-main" == logged["in task"]


def test_unknown_hook() -> None:
    """
    A name that is no hook is refused, with the names that are.
    """
    with pytest.raises(ConfigError, match=r"'thread' is not allowed.*main, threads, unraisable, asyncio"):
        setup(uncaught_exceptions=["thread"])
    with pytest.raises(ConfigError, match="'no' is not allowed"):
        setup(uncaught_exceptions="no")


def test_asyncio_is_not_imported(run: Run) -> None:
    """
    Setting up does not make a program pay for asyncio, and leaves nothing behind where it is imported.
    """
    done = run(
        """
        import sys
        before = list(sys.meta_path)
        setup(file_path=log_file, structlog=False)
        shutdown()
        print(sys.meta_path == before)
        setup(file_path=log_file, structlog=False)
        def waits(): return "asyncio.base_events" in [getattr(one, "name", None) for one in sys.meta_path]
        print("asyncio" in sys.modules, waits())
        import asyncio
        print(waits())
        shutdown()
        print(asyncio.BaseEventLoop.default_exception_handler.__module__)
        """
    )

    assert "True\nFalse True\nFalse\nasyncio.base_events\n" == done.out


@pytest.mark.parametrize(
    "source",
    [
        "raise KeyboardInterrupt",
        "import threading\nthreading.Thread(target=exec, args=('raise KeyboardInterrupt',)).start()",
    ],
    ids=["main", "thread"],
)
def test_interrupt_is_no_error(run: Run, source: str) -> None:
    """
    A person's Ctrl-C is shown as ever, but it is nothing to log.
    """
    done = run(f"setup(file_path=log_file)\n{source}")

    assert [] == done.rows
    assert 1 == done.error.count("\nKeyboardInterrupt\n")


def test_thread_that_exits(run: Run) -> None:
    """
    SystemExit ends a thread quietly.
    """
    done = run(
        "import sys, threading\nsetup(file_path=log_file)\nthreading.Thread(target=sys.exit, args=(3,)).start()"
    )

    assert (0, "", []) == (done.code, done.error, done.rows)


SECRETS = {
    "main": ("raise ValueError('password=hunter2')", "Traceback (most recent call last):\n"),
    "thread": (
        """if True:
            import threading
            threading.Thread(target=exec, args=("raise ValueError('password=hunter2')",)).start()
        """,
        "Exception in thread Thread-1 (exec):\nTraceback (most recent call last):\n",
    ),
    "unraisable": (
        "class T:\n    def __del__(self): raise ValueError('password=hunter2')\nT()",
        "Exception ignored in: <function T.__del__ at ",
    ),
    "cause": (
        "try:\n    raise OSError('password=hunter2')\nexcept OSError as e:\n    raise ValueError('x') from e",
        "Traceback (most recent call last):\n",
    ),
    "source line": ("password = 'hunter2'; 1 / 0", "Traceback (most recent call last):\n"),
}


@pytest.mark.parametrize("place", SECRETS)
def test_traceback_with_a_secret_is_printed_masked(run: Run, place: str) -> None:
    """
    The traceback on stderr comes out whole, but for the secret.
    """
    source, heading = SECRETS[place]

    done = run(f"setup(file_path=log_file, console_level='CRITICAL')\n{source}")

    assert heading in done.error
    assert "***" in done.error
    assert "hunter2" not in done.error + str(done.rows)


BREAKAGES = {
    "handler": "logging.getLogger().handlers[0].handle = lambda record: 1 / 0",
    "record factory": "logging.setLogRecordFactory(lambda *args, **kwargs: 1 / 0)",
    "no logger": "logging.Logger.isEnabledFor = lambda self, level: 1 / 0",
    "context": "context.current = lambda: 1 / 0",
}


@pytest.mark.parametrize("breakage", BREAKAGES)
def test_broken_logging_hides_no_traceback(run: Run, breakage: str) -> None:
    """
    Whatever fails inside of us, the program's own traceback comes out.
    """
    done = run(
        f"""
        import logging, threading
        setup(file_path=log_file)
        {BREAKAGES[breakage]}
        thread = threading.Thread(target=exec, args=("raise OSError('in thread')",))
        thread.start()
        thread.join()
        raise ValueError("in main")
        """
    )

    assert 1 == done.code
    assert 1 == done.error.count("\nOSError: in thread\n")
    assert done.error.endswith("\nValueError: in main\n")


def test_broken_masking_shows_the_place_only(run: Run) -> None:
    """
    Where masking fails, the traceback's texts are withheld and its places are shown.
    """
    done = run(
        """
        from ginkgo_logging.filters import masking
        setup(file_path=log_file)
        for one in masking._instances:
            one.masker = None
        def load():
            raise ValueError("password=hunter2")
        load()
        """
    )

    assert 1 == done.code
    assert re.search(
        r'  File ".*program\.py", line 9, in load\nValueError: \[withheld: masking failed\]\n$', done.error
    )
    assert "hunter2" not in done.error + str(done.rows)


def test_error_while_the_interpreter_shuts_down(run: Run) -> None:
    """
    What fails at the very end is shown as without us.
    """
    done = run(
        """
        setup(file_path=log_file)
        class Late:
            def __del__(self):
                raise ValueError("late")
        late = Late()
        """
    )

    assert 0 == done.code
    assert 1 == done.error.count("\nValueError: late\n")


def _raise(error: Exception) -> None:
    raise error


def test_previous_hooks_are_called(monkeypatch: pytest.MonkeyPatch, home: Path) -> None:
    """
    Hooks of the program from before setup() get what they got.
    """
    seen: list[object] = []
    monkeypatch.setattr(sys, "excepthook", lambda *args: seen.append(args))
    monkeypatch.setattr(sys, "unraisablehook", seen.append)
    monkeypatch.setattr(threading, "excepthook", seen.append)
    setup(console_level="CRITICAL")
    error = ValueError("password=hunter2")

    sys.excepthook(ValueError, error, None)
    thread = threading.Thread(target=_raise, args=(error,))
    thread.start()
    thread.join()

    assert (ValueError, error, None) == seen[0]
    assert thread is seen[1].thread  # type: ignore[attr-defined]
    assert 2 == len(seen)


def test_shutdown_restores_hooks() -> None:
    """
    After shutdown() every hook is what it was before setup().
    """
    before = sys.excepthook, sys.unraisablehook, threading.excepthook
    setup()
    during = sys.excepthook, sys.unraisablehook, threading.excepthook

    shutdown()

    assert before == (sys.excepthook, sys.unraisablehook, threading.excepthook)
    assert set(before).isdisjoint(during)


def test_hook_of_another_survives_shutdown() -> None:
    """
    A hook that somebody put in after ours stays there.
    """
    setup()
    theirs = lambda *_: None  # noqa: E731 - an object to compare
    sys.excepthook = theirs

    shutdown()

    assert theirs is sys.excepthook


def test_wrapped_hook_logs_once(
    monkeypatch: pytest.MonkeyPatch, home: Path, read_rows: Callable[[Path], list[dict[str, Any]]]
) -> None:
    """
    A monitoring library wraps our hook and setup() runs again: still one line, and none after shutdown().
    """
    monkeypatch.setattr(sys, "excepthook", lambda *_: None)
    setup(console_level="CRITICAL")
    ours = sys.excepthook
    monkeypatch.setattr(sys, "excepthook", lambda *args: ours(*args))
    setup(console_level="CRITICAL")

    sys.excepthook(ValueError, ValueError("once"), None)

    shutdown()
    logging.getLogger().addHandler(logging.FileHandler(home / "after.log"))
    sys.excepthook(ValueError, ValueError("after"), None)
    assert ["once"] == [row["error_message"] for row in read_rows(home / ".ginkgo" / "logs" / "ginkgo.log")]
    assert "" == (home / "after.log").read_text()


def test_many_threads_at_once(run: Run) -> None:
    """
    Thirty threads dying together write thirty lines, each with its own trace.
    """
    done = run(
        """
        import threading
        setup(file_path=log_file, console_level="CRITICAL")
        start = threading.Barrier(30)
        def work(number):
            context.set_trace_id(f"trace-{number}")
            start.wait()
            raise ValueError(f"error {number}")
        threads = [threading.Thread(target=work, args=(number,)) for number in range(30)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        """
    )

    assert {f"error {number}": f"trace-{number}" for number in range(30)} == {
        row["error_message"]: row["trace_id"] for row in done.rows
    }
    assert 30 == len(done.rows)


@pytest.mark.parametrize(
    ("program", "source"),
    [
        ("import runpy; runpy.run_module('broken')", "broken.py:3"),
        ("import broken", "program.py:4"),
        (
            "import sys\ntry:\n    import broken\nexcept SyntaxError as e:\n    sys.excepthook(type(e), e, None)",
            "broken.py:3",
        ),
        ("compile('y = (', 'broken.py', 'exec')", "program.py:4"),
    ],
    ids=["run as a module", "imported", "without a frame", "compiled by the program"],
)
def test_line_of_a_syntax_error_points_at_the_source(
    run: Run, tmp_path: Path, program: str, source: str
) -> None:
    """
    Where there is no frame, or the last one is of the import system, the place is that of the fault.
    """
    (tmp_path / "broken.py").write_text("x = 1\n\ny = (\n")

    done = run(f"setup(file_path=log_file, console_level='CRITICAL')\n{program}")

    assert [source] == [row["source"] for row in done.rows]
