"""The watcher: what counts as a change, SIGHUP beside other handlers, forks."""

import os
import pty
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from waiting import PATIENCE

from ginkgo_logging.stamps import Stamp, stamps_of
from ginkgo_logging.watching import Watcher

ROOT = Path(__file__).parent.parent

Calls = queue.SimpleQueue[threading.Thread]
Start = Callable[..., Watcher]


@pytest.fixture(autouse=True)
def hangup() -> Iterator[None]:
    """SIGHUP as it was before."""
    before = signal.getsignal(signal.SIGHUP)
    yield
    signal.signal(signal.SIGHUP, before)


@pytest.fixture
def calls() -> Calls:
    """The threads in which the watcher's function was called."""
    return queue.SimpleQueue()


@pytest.fixture
def start(calls: Calls) -> Iterator[Start]:
    """Start a watcher; it is stopped at the end of the test."""
    started: list[Watcher] = []

    def start_it(*paths: Path, interval: float = 0.01, then: dict[Path, Stamp] | None = None) -> Watcher:
        def changed() -> dict[Path, Stamp] | None:
            calls.put(threading.current_thread())
            return then

        watcher = Watcher(changed, stamps_of(paths), interval=interval)
        started.append(watcher)
        watcher.start()
        return watcher

    yield start_it
    for watcher in started:
        watcher.stop()
        watcher.pause()


def _threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "ginkgo-logging-watch"]


def _replace(path: Path, text: str) -> None:
    new = path.with_suffix(".new")
    new.write_text(text)
    new.replace(path)


def _link_elsewhere(path: Path) -> None:
    """Exchange a link in one step, as Kubernetes does with a ConfigMap."""
    target = path.with_suffix(".target")
    target.write_text("old")
    link = path.with_suffix(".link")
    link.symlink_to(target)
    link.replace(path)


CHANGES: dict[str, Callable[[Path], object]] = {
    "written": lambda path: path.write_text("longer than before"),
    "replaced": lambda path: _replace(path, "old"),
    "deleted": lambda path: path.unlink(),
    "linked": _link_elsewhere,
    "touched": lambda path: os.utime(path, (1, 1)),
    "made safe": lambda path: path.chmod(0o600),
    "made safe by its directory": lambda path: path.parent.chmod(0o711),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES.keys())
def test_a_change_is_noticed_once(
    tmp_path: Path, start: Start, calls: Calls, change: Callable[[Path], object]
) -> None:
    """A file that is written, replaced, deleted or linked elsewhere leads to one call, in a daemon thread."""
    file, other = tmp_path / "file", tmp_path / "other"
    file.write_text("old")
    file.chmod(0o622)
    start(file, other)

    change(file)
    thread = calls.get(timeout=PATIENCE)
    other.write_text("the next change")  # the call before it was the only one of the first
    calls.get(timeout=PATIENCE)

    assert thread.daemon
    assert calls.empty()


def test_a_file_that_appears_is_a_change(tmp_path: Path, start: Start, calls: Calls) -> None:
    """A file that was not there is watched for, too."""
    start(tmp_path / "file")

    (tmp_path / "file").write_text("new")

    assert calls.get(timeout=PATIENCE)


def test_a_file_that_is_being_written_is_looked_at_when_it_is_at_rest(tmp_path: Path) -> None:
    """An editor that writes a file in parts has one call, which finds all of it."""
    file = tmp_path / "file"
    file.touch()
    parts = ["version", "version: 1", "version: 1, all of it"]
    found: queue.SimpleQueue[str] = queue.SimpleQueue()

    class Growing(dict[Path, Stamp]):
        """What is watched; the file grows before each look at it."""

        def __iter__(self) -> Iterator[Path]:
            if parts:
                file.write_text(parts.pop(0))
            return super().__iter__()

    watcher = Watcher(lambda: found.put(file.read_text()), Growing(stamps_of([file])), interval=0.01)
    watcher.start()
    try:
        assert "version: 1, all of it" == found.get(timeout=PATIENCE)
    finally:
        watcher.stop()
        watcher.pause()


def test_the_function_says_what_to_watch_next(tmp_path: Path, start: Start, calls: Calls) -> None:
    """The stamps that the function returns replace those before."""
    first, second = tmp_path / "first", tmp_path / "second"
    start(first, then=stamps_of([second]))
    first.write_text("leads to the second")
    calls.get(timeout=PATIENCE)

    second.write_text("changed")

    assert calls.get(timeout=PATIENCE)


def test_sighup_calls_and_passes_on(start: Start, calls: Calls) -> None:
    """SIGHUP calls the function in the watcher's thread, and the handler that was there before in its own way."""
    received: list[int] = []
    signal.signal(signal.SIGHUP, lambda number, _: received.append(number))
    start(interval=PATIENCE)

    os.kill(os.getpid(), signal.SIGHUP)

    assert threading.main_thread() is not calls.get(timeout=PATIENCE)
    assert [signal.SIGHUP] == received


def test_many_signals_at_once_block_nobody(start: Start, calls: Calls) -> None:
    """Signals that interrupt one another's handlers do no harm."""
    start(interval=PATIENCE)

    for _ in range(200):
        signal.raise_signal(signal.SIGHUP)

    assert [True] * 200 == [bool(calls.get(timeout=PATIENCE)) for _ in range(200)]


def test_stop_hands_sighup_back(start: Start) -> None:
    """After stop SIGHUP has the handler of before, and the thread ends."""
    before = signal.getsignal(signal.SIGHUP)
    watcher = start(interval=PATIENCE)
    taken = signal.getsignal(signal.SIGHUP)
    (thread,) = _threads()

    watcher.stop()
    thread.join(PATIENCE)

    assert before != taken
    assert before == signal.getsignal(signal.SIGHUP)
    assert not thread.is_alive()


def test_stop_leaves_anothers_handler_in_place(start: Start, calls: Calls) -> None:
    """Where somebody has chained to our handler, theirs stays, and ours only passes on from then on."""
    received: list[str] = []
    signal.signal(signal.SIGHUP, lambda *_: received.append("first"))
    watcher = start(interval=PATIENCE)
    ours = signal.getsignal(signal.SIGHUP)
    assert callable(ours)

    def theirs(number: int, frame: object) -> None:
        received.append("theirs")
        ours(number, frame)  # type: ignore[arg-type]

    signal.signal(signal.SIGHUP, theirs)
    watcher.stop()
    signal.raise_signal(signal.SIGHUP)

    assert ["theirs", "first"] == received
    assert signal.getsignal(signal.SIGHUP) is theirs
    assert calls.empty()


def test_outside_the_main_thread_only_files_are_watched(tmp_path: Path, start: Start, calls: Calls) -> None:
    """A watcher started in another thread leaves SIGHUP alone."""
    before = signal.getsignal(signal.SIGHUP)
    thread = threading.Thread(target=start, args=(tmp_path / "file",))
    thread.start()
    thread.join()

    (tmp_path / "file").write_text("new")

    assert calls.get(timeout=PATIENCE)
    assert before == signal.getsignal(signal.SIGHUP)


def test_a_fork_finds_no_thread() -> None:
    """While a process forks, no thread of ours is there to be copied in part; afterwards it is back."""
    program = """if True:
        import os, threading
        # Registered before ours, and so called after it.
        os.register_at_fork(before=lambda: print(threading.active_count(), flush=True))
        from ginkgo_logging.watching import Watcher
        Watcher(lambda: None, {}).start()
        if os.fork():
            os.wait()
            print(threading.active_count())
        """

    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        timeout=PATIENCE,
        check=True,
    )

    assert b"1\n2\n" == done.stdout


def test_after_a_fork_both_go_on(tmp_path: Path, start: Start, calls: Calls) -> None:
    """Parent and child watch on, each in one thread of its own."""
    file = tmp_path / "file"
    start(file)

    child = os.fork()
    if child == 0:  # pragma: no cover - measured in the parent only
        try:
            calls.get(timeout=PATIENCE)
            os._exit(len(_threads()))
        finally:
            os._exit(99)
    file.write_text("for both")
    calls.get(timeout=PATIENCE)
    _, status = os.waitpid(child, 0)

    assert 1 == os.waitstatus_to_exitcode(status)
    assert 1 == len(_threads())


def test_a_signal_during_a_fork_is_not_lost(start: Start, calls: Calls) -> None:
    """SIGHUP that comes while there is no thread, because a fork is under way, counts when there is one."""
    watcher = start(interval=PATIENCE)
    watcher.pause()

    signal.raise_signal(signal.SIGHUP)
    watcher.resume()

    assert calls.get(timeout=PATIENCE)


def test_a_program_still_ends_with_its_terminal() -> None:
    """SIGHUP of a terminal that is gone ends the process, as if nobody watched."""
    program = (
        "import os, time\nfrom ginkgo_logging.watching import Watcher\n"
        "Watcher(lambda: os.write(1, b'called'), {}).start()\nos.write(1, b'ready')\ntime.sleep(60)"
    )
    pid, terminal = pty.fork()
    if pid == 0:  # pragma: no cover - becomes another program
        os.environ["PYTHONPATH"] = str(ROOT)
        os.execv(sys.executable, [sys.executable, "-c", program])
    assert b"ready" == os.read(terminal, 100)
    os.kill(pid, signal.SIGHUP)
    assert b"called" == os.read(terminal, 100)

    os.close(terminal)
    _, status = os.waitpid(pid, 0)

    assert -signal.SIGHUP == os.waitstatus_to_exitcode(status)


def test_a_watcher_does_not_keep_a_program_alive() -> None:
    """A program ends while its files are watched, without a word."""
    program = "from ginkgo_logging.watching import Watcher\nWatcher(lambda: None, {}).start()"

    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program],
        capture_output=True,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        timeout=PATIENCE,
        check=False,
    )

    assert (0, b"", b"") == (done.returncode, done.stdout, done.stderr)
